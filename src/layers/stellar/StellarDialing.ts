/**
 * The two ways in which a Stellar node calls: to have a peer (`dial`), and to see whether a node is there (`feel`).
 */
import { Deferred, type Duration, Effect, Exit, Fiber, FiberSet } from "effect"
import type { DropReason } from "../../core/DropReason.ts"
import type { PeerAddress } from "../../core/PeerAddress.ts"
import type { PeerId } from "../../core/PeerId.ts"
import { asStellarDrop, Drop, isAborted, type StellarDropReason } from "../../core/stellar/DropReason.ts"
import type { Handshake } from "../../services/Handshake.ts"
import type { OverlayEvent } from "../../services/Overlay.ts"
import type { Peers, Pending } from "../../services/Peers.ts"
import type { Stellar } from "../../services/stellar/Overlay.ts"
import type { PeerSupervisor } from "../../services/stellar/PeerSupervisor.ts"
import type { Link, Transport } from "../../services/Transport.ts"
import { noLink, reasonOf } from "../runtime/Supervision.ts"
import type * as Tap from "../runtime/Tap.ts"
import type { StellarCounters } from "./StellarCounters.ts"

/** What is particular to a connection that somebody here waits for. */
export interface Attempt {
  readonly onAuthenticated: (id: PeerId) => void
  /** Why it ends, if it is interrupted before there is a session. */
  readonly interruptedFor: () => DropReason
  /** Told why it ended. */
  readonly onEnded: (reason: DropReason) => void
}

/** What a call needs of the node around it. */
export interface DialingSurroundings {
  readonly connectTimeout: Duration.Duration
  readonly transport: Transport["Service"]
  readonly handshake: Handshake["Service"]
  readonly peers: Peers["Service"]
  readonly counters: StellarCounters
  readonly events: Tap.Tap<OverlayEvent<Stellar>>
  /** Where calls run: a shutdown ends them all at once. */
  readonly fibers: FiberSet.FiberSet<void>
  /** The life of a connection that we opened; gives the reason for which it ended. */
  readonly runSession: (link: Link, pending: Pending, attempt: Attempt) => Effect.Effect<DropReason>
  readonly isShuttingDown: () => boolean
  /** Whether the configuration names this IP. */
  readonly isConfigured: (ip: string) => boolean
  readonly announcedPort: () => number
  readonly isBanned: (id: PeerId) => Effect.Effect<boolean, DropReason>
  /** Told of the end of a call, also of one that never had a link: takes it out of the lists. */
  readonly failed: (pending: Pending, reason: StellarDropReason) => void
  /** Puts in order what the book holds of this IP, behind a call that gave no link. */
  readonly tidyUp: (ip: string) => Effect.Effect<void>
  /** Completes when the close has taken as long as it may. */
  readonly closeDeadline: Effect.Effect<void>
}

/** Makes the calls of one node: see `PeerSupervisorShape`. */
export const make = (around: DialingSurroundings): Pick<PeerSupervisor["Service"], "dial" | "feel"> => {
  const { closeDeadline, connectTimeout, counters, events, fibers, handshake, isShuttingDown, peers } = around

  const enter = (address: PeerAddress) =>
    peers.enter("outbound", address, { isConfigured: around.isConfigured(address.ip) })

  const call = (address: PeerAddress) => around.transport.dial(address, { timeout: connectTimeout })

  const dial = (address: PeerAddress): Effect.Effect<PeerId, StellarDropReason> =>
    Effect.suspend(() => {
      if (isShuttingDown()) return Effect.fail(Drop.Shutdown)
      if (peers.isConnected(address)) return Effect.fail(Drop.AlreadyConnectedAddress)
      const pending = enter(address)
      if (typeof pending === "string") {
        counters.outboundCancelled += 1
        return Effect.fail(Drop.OutboundFull)
      }
      counters.outboundAttempted += 1
      const answer = Deferred.makeUnsafe<PeerId, StellarDropReason>()
      let isUnwanted = false
      let endedFor: DropReason | undefined
      const interruptedFor = () => isUnwanted ? Drop.DroppedByUser : Drop.Shutdown
      events.publish({ _tag: "Dialing", address })
      const attempt = Effect.gen(function*() {
        const link = yield* Effect.mapError(call(address), noLink).pipe(
          Effect.tapError((reason) => isAborted(reason) ? Effect.void : around.tidyUp(address.ip))
        )
        const reason = yield* around.runSession(link, pending, {
          onAuthenticated: (id) => Deferred.doneUnsafe(answer, Exit.succeed(id)),
          interruptedFor,
          onEnded: (reason) => {
            endedFor = reason
          }
        })
        return yield* Effect.fail(reason)
      }).pipe(
        Effect.scoped,
        Effect.onExit((exit) => Effect.sync(() => conclude(exit))),
        Effect.ignoreCause
      )
      const conclude = (exit: Exit.Exit<never, DropReason>): void => {
        // A session that was interrupted has its own reason, which its fiber does not live to give.
        const reason = asStellarDrop(endedFor ?? reasonOf(exit, interruptedFor))
        around.failed(pending, reason)
        Deferred.doneUnsafe(answer, Exit.fail(reason))
      }
      return Effect.flatMap(FiberSet.run(fibers, attempt), (fiber) =>
        Effect.onInterrupt(Deferred.await(answer), () =>
          Effect.sync(() => {
            isUnwanted = true
            fiber.interruptUnsafe()
          })))
    })

  /** Calls, says HELLO, and hears one: behind that the handshake goes no further. */
  const greet = Effect.fnUntraced(function*(address: PeerAddress) {
    const link = yield* call(address)
    const greeted = yield* Deferred.make<boolean>()
    const heard = handshake.open(link, "caller", {
      listeningPort: around.announcedPort(),
      isBanned: around.isBanned,
      // All that can be checked of a HELLO is good; whether we are connected already does not matter, for we do not stay.
      admit: () => Effect.andThen(Deferred.succeed(greeted, true), Effect.never),
      greetings: () => Effect.succeed([])
    }).pipe(
      Effect.as(true),
      Effect.catch((reason) => Effect.succeed(reason._tag === Drop.StoreFailed._tag ? undefined : false))
    )
    const isThere = yield* Effect.raceFirst(Deferred.await(greeted), heard)
    yield* Effect.raceFirst(link.end, closeDeadline)
    return isThere
  }, Effect.scoped)

  /** Whether a peer that listens there has called us: that it can be called, that does not say. */
  const hasCalledUs = ({ ip, port }: PeerAddress): boolean =>
    peers.all().some(({ address, direction }) => direction === "inbound" && address.ip === ip && address.port === port)

  const feel = (address: PeerAddress): Effect.Effect<boolean | undefined> =>
    Effect.suspend(() => {
      if (isShuttingDown() || (peers.isConnected(address) && !hasCalledUs(address))) return Effect.undefined
      const pending = enter(address)
      if (typeof pending === "string") return Effect.undefined
      let isThere: boolean | undefined
      const felt = greet(address).pipe(
        // What this machine cannot do says nothing of the other one.
        Effect.catch(({ reason }) => Effect.succeed(reason === "failed" ? undefined : false)),
        Effect.map((answer) => {
          isThere = answer
        }),
        Effect.ensuring(Effect.sync(() => peers.leave(pending, Drop.DroppedByUser))),
        Effect.catchCause((cause) => Effect.logError("a feeler died", cause))
      )
      return Effect.flatMap(FiberSet.run(fibers, felt), (fiber) =>
        Effect.onInterrupt(Fiber.await(fiber), () => Fiber.interrupt(fiber)).pipe(Effect.map(() => isThere)))
    })

  return { dial, feel }
}
