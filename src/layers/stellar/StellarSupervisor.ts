/**
 * The sessions of one Stellar node, from a link to the reason for which it ends: who is let in, what is said on the way, what
 * is cleared away.
 *
 * Read `runSession` first. It is the life of one connection; `accept` and `dial` are the two ways into it, and one clockwork
 * fiber walks over all sessions that are up.
 */
import { Clock, Deferred, Duration, Effect, Exit, Fiber, FiberSet, Layer } from "effect"
import * as SecureRandom from "effect/crypto/SecureRandom"
import type { DropReason } from "../../core/DropReason.ts"
import type { PeerAddress } from "../../core/PeerAddress.ts"
import type { PeerId } from "../../core/PeerId.ts"
import { asStellarDrop, Drop, type StellarDropReason } from "../../core/stellar/DropReason.ts"
import { outboxLimits } from "../../core/stellar/FloodLimits.ts"
import { FloodPriority, priorityOf } from "../../core/stellar/FloodPriority.ts"
import * as limits from "../../core/stellar/limits.ts"
import { MessageType } from "../../core/stellar/messages.ts"
import { WORD_BYTES } from "../../core/Xdr.ts"
import { BanList } from "../../services/BanList.ts"
import { ConnectionManager } from "../../services/ConnectionManager.ts"
import { Crypto } from "../../services/Crypto.ts"
import { FloodGate } from "../../services/FloodGate.ts"
import { FlowControl } from "../../services/FlowControl.ts"
import { type Admission, type Established, Handshake, type Role } from "../../services/Handshake.ts"
import { NodeIdentity } from "../../services/NodeIdentity.ts"
import type { OverlayEvent, Received } from "../../services/Overlay.ts"
import { OwnAddress } from "../../services/OwnAddress.ts"
import { type Direction, type Peer, Peers, type Pending } from "../../services/Peers.ts"
import { type Observed, PeerStore } from "../../services/PeerStore.ts"
import { PullFlood } from "../../services/PullFlood.ts"
import { Application } from "../../services/stellar/Application.ts"
import type { Stellar } from "../../services/stellar/Overlay.ts"
import { PeerSupervisor } from "../../services/stellar/PeerSupervisor.ts"
import type { StellarConfig } from "../../services/stellar/StellarConfig.ts"
import { Survey } from "../../services/stellar/Survey.ts"
import { type Link, Transport } from "../../services/Transport.ts"
import { SharedSealBuffer } from "../runtime/SealBuffer.ts"
import { bugOf, noLink, reasonOf, supervise } from "../runtime/Supervision.ts"
import * as Tap from "../runtime/Tap.ts"
import { nodeDispatcher } from "../runtime/Wake.ts"
import { encoded } from "./encoded.ts"
import { makeCounters, type StellarCounters } from "./StellarCounters.ts"
import { type SessionSurroundings, StellarSession } from "./StellarSession.ts"

/** What is particular to a connection that somebody here waits for. */
interface Attempt {
  readonly onAuthenticated: (id: PeerId) => void
  /** Why it ends, if it is interrupted before there is a session. */
  readonly interruptedFor: () => DropReason
}

const accepted: Attempt = { onAuthenticated: () => {}, interruptedFor: () => Drop.Shutdown }

const isSession = (peer: Peer): peer is StellarSession => peer instanceof StellarSession

/** Adds what a session shed from its outbox, which it counts itself as long as it is here. */
const addShed = (counters: StellarCounters, session: StellarSession): StellarCounters => {
  counters.outboxShedScp += session.shedUnits(FloodPriority.SCP_MESSAGE)
  counters.outboxShedTransactions += session.shedUnits(FloodPriority.TRANSACTION)
  counters.outboxShedDemands += session.shedUnits(FloodPriority.FLOOD_DEMAND)
  counters.outboxShedAdverts += session.shedUnits(FloodPriority.FLOOD_ADVERT)
  return counters
}

const PING_BYTES = 32
/** One PEERS with these addresses, or nothing if there are none. */
const peersMessages = (addresses: ReadonlyArray<PeerAddress>): ReadonlyArray<Uint8Array> =>
  addresses.length === 0 ? [] : [encoded({
    _tag: "PEERS",
    peers: addresses.slice(0, limits.PEERS_TO_SEND).map(({ ip, port }) => ({
      ip: { _tag: "IPv4", ipv4: Uint8Array.from(ip.split("."), Number) },
      port,
      numFailures: 0
    }))
  })]

/** Makes the supervisor of one node; closing the Scope ends all sessions with "shutdown". */
export const make = Effect.fnUntraced(function*(config: StellarConfig) {
  const transport = yield* Transport
  const handshake = yield* Handshake
  const flowControl = yield* FlowControl
  const peers = yield* Peers
  const peerStore = yield* PeerStore
  const banList = yield* BanList
  const connections = yield* ConnectionManager
  const floodGate = yield* FloodGate
  const pullFlood = yield* PullFlood
  const survey = yield* Survey
  const application = yield* Application
  const identity = yield* NodeIdentity
  const ownAddress = yield* OwnAddress
  const crypto = yield* Crypto
  const random = yield* SecureRandom.SecureRandom
  const runFork = Effect.runForkWith(yield* Effect.context<never>())

  const counters = makeCounters()
  /** Connections whose end is an event already. */
  const told = new WeakSet<Pending>()
  /** How many connections ended for each reason, by its tag: those are a closed set. */
  const ended: Record<`ended${string}`, number> = {}
  const events = Tap.make<OverlayEvent<Stellar>>(limits.EVENTS_PER_SUBSCRIBER)
  const messages = Tap.makeMessageTap<Received<Stellar>>()
  // One object for all sessions, which is looked at for each message, until the application changes what a ledger takes.
  let operationsKnown = application.limits().maxTxSetOperations
  let limitsOfOutboxes = outboxLimits(application.limits())
  const around: SessionSurroundings = {
    config,
    clock: yield* Clock.Clock,
    crypto,
    dispatcher: yield* nodeDispatcher,
    sealBuffer: yield* SharedSealBuffer,
    counters,
    application,
    floodGate,
    pullFlood,
    survey,
    tap: messages,
    learn: connections.learn,
    outboxLimits: () => {
      const capacity = application.limits()
      if (capacity.maxTxSetOperations !== operationsKnown) {
        operationsKnown = capacity.maxTxSetOperations
        limitsOfOutboxes = outboxLimits(capacity)
      }
      return limitsOfOutboxes
    }
  }
  const fibers = yield* FiberSet.make<void>()
  const shuttingDown = yield* Deferred.make<void>()
  let isShuttingDown = false

  const closeDeadline = Effect.raceFirst(
    Effect.sleep(Duration.millis(limits.CLOSE_TIMEOUT_MILLIS)),
    Effect.andThen(Deferred.await(shuttingDown), Effect.sleep(Duration.millis(limits.SHUTDOWN_CLOSE_TIMEOUT_MILLIS)))
  )

  const ofStore = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, DropReason> =>
    Effect.tapError(effect, (error) => Effect.logError("the store failed", error)).pipe(
      Effect.mapError((): DropReason => Drop.StoreFailed)
    )

  const admissionOf = (pending: Pending): Admission => ({
    listeningPort: ownAddress.announcedPort(),
    isBanned: (id) => ofStore(banList.isBanned(id)),
    // Marked in the turn in which it is asked, behind the book: two who come at once cannot both be told yes.
    admit: (claim) =>
      Effect.map(
        ofStore(peerStore.observe(claim.address, observedOf(claim.address, pending.direction))),
        () => peers.claim(pending, claim.id)
      ),
    greetings: (claim) => Effect.map(ofStore(connections.addressesFor(claim.address)), peersMessages)
  })

  const observedOf = (address: PeerAddress, direction: Direction): Observed => {
    if (connections.configured(address) === "preferred") return { kind: "preferred" }
    return direction === "outbound" ? { kind: "outbound", preferredIsKnown: true } : { kind: "inbound" }
  }

  /**
   * The life of one connection: the handshake, the slot, the session, and one reason at the end.
   */
  const runSession = Effect.fnUntraced(
    function*(link: Link, role: Role, pending: Pending, { interruptedFor, onAuthenticated }: Attempt = accepted) {
      let session: StellarSession | undefined
      const body = Effect.gen(function*() {
        const established = yield* handshake.open(link, role, admissionOf(pending))
        if (role === "caller") yield* ofStore(peerStore.succeed(established.claim.address))
        const pingSeed = yield* random.randomBytes(PING_BYTES)
        if (!peers.hasSlot(pending.direction)) return yield* Effect.fail<DropReason>(Drop.PeerRejected)
        session = welcome(established, link, pending, pingSeed)
        onAuthenticated(session.id)
        return yield* interruptible(session)
      })
      return yield* supervise({
        link,
        body,
        interruptedFor: () => session?.failure ?? interruptedFor(),
        ended: (reason) => farewell(session, pending, link.remoteAddress, asStellarDrop(reason)),
        tidyUp: Effect.ignore(ofStore(peerStore.purge(link.remoteAddress.ip))),
        lastWords: handshake.lastWords,
        closeDeadline
      })
    }
  )

  const welcome = (established: Established, link: Link, pending: Pending, pingSeed: Uint8Array): StellarSession => {
    const session: StellarSession = new StellarSession(around, {
      established,
      link,
      slot: peers.takeSlotNumber(),
      ledgers: flowControl.ledgers(),
      pingSeed,
      fork: (effect) => {
        const fiber = runFork(effect)
        return () => fiber.interruptUnsafe()
      }
    })
    peers.promote(pending, session)
    pullFlood.join(session)
    survey.join(session)
    events.publish({ _tag: "PeerJoined", peer: session.info() })
    return session
  }

  const interruptible = (session: StellarSession): Effect.Effect<never, DropReason> =>
    Effect.withFiber((fiber) => {
      session.interrupt = () => fiber.interruptUnsafe()
      return session.run
    })

  const farewell = (
    session: StellarSession | undefined,
    pending: Pending,
    address: PeerAddress,
    reason: StellarDropReason
  ): void => {
    peers.leave(pending, reason)
    told.add(pending)
    const { direction } = pending
    if (session === undefined) return refuse(address, direction, reason)
    session.failure ??= reason
    pullFlood.leave(session)
    survey.leave(session)
    floodGate.release(session.slot)
    addShed(counters, session)
    countEnd(reason)
    events.publish({ _tag: "PeerLeft", id: session.id, address: session.address, direction, reason })
  }

  const countEnd = ({ _tag }: StellarDropReason): void => {
    ended[`ended${_tag}`] = (ended[`ended${_tag}`] ?? 0) + 1
  }

  const refuse = (address: PeerAddress, direction: Direction, reason: StellarDropReason): void => {
    countEnd(reason)
    events.publish({ _tag: "ConnectionFailed", address, direction, reason })
  }

  const accept = (link: Link): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (isShuttingDown) return Effect.void
      const pending = peers.enter("inbound", link.remoteAddress)
      if (typeof pending === "string") {
        refuse(link.remoteAddress, "inbound", pending === "pending-full" ? Drop.PendingFull : Drop.PendingOfAddressFull)
        return Effect.void
      }
      // In a fiber of ours and not of the listener's: a shutdown ends all sessions at once, wherever they came from.
      return Effect.flatMap(
        FiberSet.run(fibers, Effect.asVoid(runSession(link, "acceptor", pending))),
        Fiber.await
      )
    })

  const dial = (address: PeerAddress): Effect.Effect<PeerId, StellarDropReason> =>
    Effect.suspend(() => {
      if (isShuttingDown) return Effect.fail(Drop.Shutdown)
      if (peers.isConnected(address)) return Effect.fail(Drop.AlreadyConnectedAddress)
      const pending = peers.enter("outbound", address)
      if (typeof pending === "string") return Effect.fail(Drop.OutboundFull)
      const answer = Deferred.makeUnsafe<PeerId, StellarDropReason>()
      let isUnwanted = false
      const interruptedFor = () => isUnwanted ? Drop.DroppedByUser : Drop.Shutdown
      events.publish({ _tag: "Dialing", address })
      const attempt = Effect.gen(function*() {
        const link = yield* Effect.mapError(transport.dial(address, { timeout: config.connectTimeout }), noLink)
        const reason = yield* runSession(link, "caller", pending, {
          onAuthenticated: (id) => Deferred.doneUnsafe(answer, Exit.succeed(id)),
          interruptedFor
        })
        return yield* Effect.fail(reason)
      }).pipe(
        Effect.scoped,
        Effect.onExit((exit) => Effect.sync(() => conclude(exit))),
        Effect.ignoreCause
      )
      const conclude = (exit: Exit.Exit<never, DropReason>): void => {
        const reason = asStellarDrop(reasonOf(exit, interruptedFor))
        peers.leave(pending, reason)
        // Of a connection that never had a link nobody has heard yet.
        if (!told.has(pending)) refuse(address, "outbound", reason)
        Deferred.doneUnsafe(answer, Exit.fail(reason))
      }
      return Effect.flatMap(FiberSet.run(fibers, attempt), (fiber) =>
        Effect.onInterrupt(Deferred.await(answer), () =>
          Effect.sync(() => {
            isUnwanted = true
            fiber.interruptUnsafe()
          })))
    })

  const drop = (id: PeerId, reason: StellarDropReason): boolean => {
    const peer = peers.byId(id)
    peer?.drop(reason)
    return peer !== undefined
  }

  const sessions = (): ReadonlyArray<StellarSession> => peers.all().filter(isSession)

  const shutdown = Effect.suspend(() => {
    isShuttingDown = true
    Deferred.doneUnsafe(shuttingDown, Exit.void)
    return FiberSet.clear(fibers)
  })
  yield* Effect.addFinalizer(() => shutdown)

  const beatOf = (session: StellarSession, now: number): void => {
    try {
      session.beat(now)
    } catch (defect) {
      session.drop(asStellarDrop(bugOf(defect)))
    }
  }

  const beat = Effect.flatMap(Clock.currentTimeMillis, (now) =>
    Effect.sync(() => {
      for (const session of sessions()) beatOf(session, now)
      const { ledger } = application.position()
      if (ledger !== undefined) {
        const oldest = Math.max(0, ledger - limits.LEDGERS_TO_REMEMBER + 1)
        floodGate.advance(ledger, oldest)
        pullFlood.forgetBelow(oldest)
      }
      survey.beat(now)
    })).pipe(Effect.catchDefect((defect) => Effect.logError("the beat of the sessions failed", defect)))
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(config.peerBeat), beat)))

  return PeerSupervisor.of({
    accept,
    dial,
    drop,
    infos: () => sessions().map((session) => session.info()),
    shutdown,
    send: (id, kind, message) => {
      const peer = peers.byId(id)
      if (peer === undefined) return false
      const priority = priorityOf(kind)
      return priority === undefined ? peer.offerControl(message) : peer.offer(priority, message)
    },
    requestScpState: (ledger) => sessions().filter((session) => session.requestScpState(ledger)).length,
    broadcast: (name, message) => {
      const kind = MessageType[name]
      const hash = crypto.sha256(message.subarray(WORD_BYTES))
      application.originate({ from: identity.peerId, kind: name, hash, bytes: message })
      return floodGate.broadcast(
        kind,
        hash,
        name === "TRANSACTION"
          ? (peer) => pullFlood.advertise(peer, hash)
          : (peer) => peer.offer(FloodPriority.SCP_MESSAGE, message)
      )
    },
    publish: events.publish,
    events: events.stream,
    messages: messages.stream,
    counters: () => {
      const { learnedRefused, learnedShed } = connections.status()
      return {
        ...sessions().reduce(addShed, { ...counters }),
        ...ended,
        ...floodGate.size(),
        ...pullFlood.counters(),
        ...survey.counters(),
        addressesRefused: learnedRefused,
        addressesShed: learnedShed,
        messagesMissed: messages.missed()
      }
    }
  })
})

/** The supervisor of one node: see `make`. */
export const layer = (config: StellarConfig) => Layer.effect(PeerSupervisor, make(config))
