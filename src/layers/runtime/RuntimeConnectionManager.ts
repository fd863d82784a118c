/**
 * A round of dialling every few seconds: one fiber draws from the book and dials, one looks up names.
 *
 * What the rounds do not do: end a peer so that a preferred one finds room, and exchange peers at random while the node
 * does not follow its network.
 */
import type { Scope } from "effect"
import { Deferred, Duration, Effect, FiberSet, Layer } from "effect"
import type { AddressResolver } from "effect/net/AddressResolver"
import type { DropReason } from "../../core/DropReason.ts"
import type { PeerAddress } from "../../core/PeerAddress.ts"
import { format } from "../../core/PeerAddress.ts"
import { isDialable, isOwn, isPrivate, isRoutable } from "../../core/RoutableAddress.ts"
import type { ConfiguredKind } from "../../services/ConnectionManager.ts"
import { ConnectionManager } from "../../services/ConnectionManager.ts"
import { Peers } from "../../services/Peers.ts"
import type { PeerKind, PeerStoreError } from "../../services/PeerStore.ts"
import { PeerStore } from "../../services/PeerStore.ts"
import { resolvePeerAddress } from "./resolvePeerAddress.ts"

/** Whom to connect to, how many, and how fast. */
export interface ConnectionManagerOptions {
  /** Addresses to dial, `host` or `host:port`. */
  readonly knownPeers: ReadonlyArray<string>
  /** Addresses to dial first and to keep, `host` or `host:port`. */
  readonly preferredPeers: ReadonlyArray<string>
  /** The port of a configured text that names none. */
  readonly defaultPort: number
  /** The port that we announce to peers. */
  readonly ownPort: () => number
  /** Where this node listens, if it does: it does not dial itself. */
  readonly listening: () => PeerAddress | undefined
  /** Outbound peers that are aimed at. */
  readonly targetOutbound: number
  /** The same while nobody has called us: perhaps nobody can, and we take less of what there is. */
  readonly targetOutboundWithoutInbound: number
  /** Outbound peers at most: preferred ones are dialled beyond the target, up to this. */
  readonly maxOutbound: number
  /** Outbound connections that are not authenticated yet. */
  readonly maxPendingOutbound: number
  /** Dials in one round. */
  readonly dialsPerTick: number
  /** Time from the end of a round to the next. */
  readonly tick: Duration.Input
  /** Time until the first round. */
  readonly firstTickDelay: Duration.Input
  /** Configured names are resolved anew after this long. */
  readonly resolveInterval: Duration.Input
  /** Until all names were found once, the n-th further try comes after n times this, at most `resolveInterval`. */
  readonly resolveRetry: Duration.Input
  /** Whether addresses of local networks are believed when peers tell them, dialled, and told to others. */
  readonly allowLocalAddresses: boolean
  /** Learned addresses that may wait for the next round; when they are full, further ones are dropped. */
  readonly learnedAddresses: number
  /** Addresses that one peer is told. */
  readonly sharedAddresses: number
  /**
   * Opens a connection; completes when it is authenticated, or later, and fails with why it is not. Until it completes, this
   * address is not dialled again. It tells of failures itself, and enters successes in the book.
   */
  readonly dial: (address: PeerAddress) => Effect.Effect<unknown, DropReason>
}

/** A text of the configuration and what has become of it. */
interface Configured {
  readonly text: string
  readonly kind: ConfiguredKind
  /** What it resolved to last. Stays when a later look-up fails. */
  address: PeerAddress | undefined
  /** Why the last look-up failed. */
  problem: string | undefined
  /** Whether the book is to be told of the address again. */
  isDue: boolean
  /** Whether the address is new, and its failures of earlier times are forgotten. */
  isNew: boolean
}

/** How a round goes through the book after the preferred addresses. */
const ORDINARY_KINDS: ReadonlyArray<PeerKind> = ["outbound", "inbound"]

/** Known before preferred: an address that is both is entered as known first, and ends as preferred. */
const configurationOf = ({ knownPeers, preferredPeers }: ConnectionManagerOptions): ReadonlyArray<Configured> => {
  const of = (kind: ConfiguredKind, texts: ReadonlyArray<string>): ReadonlyArray<Configured> =>
    [...new Set(texts)].map((text) => ({
      text,
      kind,
      address: undefined,
      problem: undefined,
      isDue: false,
      isNew: false
    }))
  return [...of("known", knownPeers), ...of("preferred", preferredPeers)]
}

type Requirements = PeerStore | Peers | AddressResolver

/** Makes the keeper of one node. Its Scope ends its fibers, and the dials that are under way. */
export const make = Effect.fnUntraced(
  function*(
    options: ConnectionManagerOptions
  ): Effect.fn.Return<ConnectionManager["Service"], never, Requirements | Scope.Scope> {
    const store = yield* PeerStore
    const peers = yield* Peers
    const configuration = configurationOf(options)
    const learned = new Map<string, PeerAddress>()
    const dialing = new Map<string, PeerAddress>()
    const dials = yield* FiberSet.make()
    const counters = { dials: 0, failedDials: 0, learnedRefused: 0, learnedShed: 0 }
    let isPurged = false

    const target = (): number =>
      peers.counts().inbound > 0 ? options.targetOutbound : options.targetOutboundWithoutInbound

    /** Outbound connections that are not authenticated: those that are here, and dials that are not even that yet. */
    const pending = (): number => {
      let count = peers.counts().pendingOutbound
      for (const address of dialing.values()) {
        if (!peers.isConnected(address)) count++
      }
      return count
    }

    const configured = (address: PeerAddress): ConfiguredKind | undefined => {
      const key = format(address)
      return configuration.findLast((one) => one.address !== undefined && format(one.address) === key)?.kind
    }

    const isBelieved = (address: PeerAddress): boolean =>
      isDialable(address, { allowLocal: options.allowLocalAddresses })

    // What the operator wrote needs no belief.
    const mayBeDialed = (address: PeerAddress): boolean =>
      !isOwn(address, options.listening()) && (configured(address) !== undefined || isBelieved(address))

    // Loopback is told where it is in the book: so does stellar-core, and whom it does not serve does not believe it.
    const isTold = ({ ip }: PeerAddress): boolean =>
      isRoutable(ip, { allowLocal: true }) && (options.allowLocalAddresses || !isPrivate(ip))

    const enterConfigured = Effect.fnUntraced(function*(one: Configured) {
      const { address } = one
      if (address === undefined || !one.isDue) return
      yield* store.observe(
        address,
        one.kind === "preferred" ? { kind: "preferred" } : { kind: "outbound", preferredIsKnown: false }
      )
      if (one.isNew) yield* store.reset(address)
      // A look-up may have ended meanwhile, with another address.
      if (one.address === address) {
        one.isDue = false
        one.isNew = false
      }
    })

    const enterLearned = Effect.gen(function*() {
      if (learned.size === 0) return
      const batch = [...learned.values()]
      yield* store.ensure(batch)
      // Only now: what the book failed to take stays for the next round.
      for (const address of batch) learned.delete(format(address))
    })

    const startDial = (address: PeerAddress): Effect.Effect<unknown> => {
      const key = format(address)
      dialing.set(key, address)
      counters.dials++
      return FiberSet.run(
        dials,
        Effect.suspend(() => options.dial(address)).pipe(
          Effect.tapError((reason) => {
            counters.failedDials++
            return Effect.logDebug(`no connection to ${key}: ${reason.text}`)
          }),
          Effect.ignore,
          Effect.catchDefect((defect) => Effect.logError(`the dial of ${key} died`, defect)),
          Effect.ensuring(Effect.sync(() => dialing.delete(key)))
        )
      )
    }

    /** Dials up to `wanted` addresses of a kind that are not here yet; gives how many. */
    const dialSome = Effect.fnUntraced(function*(
      kind: PeerKind,
      wanted: number
    ): Effect.fn.Return<number, PeerStoreError> {
      if (wanted <= 0) return 0
      const { inbound, outbound, pendingOutbound } = peers.counts()
      // Those that are here may be drawn as well.
      const drawn = yield* store.candidates(kind, wanted + inbound + outbound + pendingOutbound + dialing.size)
      let started = 0
      for (const { address } of drawn) {
        if (started === wanted) break
        if (peers.isConnected(address) || dialing.has(format(address))) continue
        // Before the dial, so that what cannot be written is not dialled: without a back-off there is no end to it.
        yield* store.attempt(address)
        // The book may hold what we would not believe: left over from another configuration, or who called us from there.
        // Having failed without a dial, it comes up less and less, and is purged in the end.
        if (!mayBeDialed(address)) continue
        yield* startDial(address)
        started++
      }
      return started
    })

    const round = Effect.gen(function*() {
      if (!isPurged) {
        yield* store.purge()
        isPurged = true
      }
      yield* Effect.forEach(configuration, enterConfigured, { discard: true })
      yield* enterLearned

      const waiting = pending()
      const outbound = peers.counts().outbound + waiting
      const most = Math.min(options.dialsPerTick, options.maxPendingOutbound - waiting, options.maxOutbound - outbound)
      let started = yield* dialSome("preferred", most)
      for (const kind of ORDINARY_KINDS) {
        started += yield* dialSome(kind, Math.min(most, target() - outbound) - started)
      }
    }).pipe(
      Effect.catchCause((cause) => Effect.logError("a round of dialling failed; the next one tries again", cause))
    )

    const resolveOne = Effect.fnUntraced(function*(one: Configured) {
      const problem = yield* resolvePeerAddress(one.text, options.defaultPort).pipe(
        Effect.map((address) => {
          one.isNew ||= one.address === undefined || format(one.address) !== format(address)
          one.isDue = true
          one.address = address
          return undefined
        }),
        Effect.catch((error) => Effect.succeed(error))
      )
      if (one.problem !== problem?.message) {
        yield* problem === undefined
          ? Effect.logInfo(`configured peer ${one.text}: found`)
          : Effect.logWarning(`configured peer ${one.text}: ${problem.message}`)
      }
      one.problem = problem?.message
      return problem?._tag === "UnknownHost"
    })

    // At once, so that no name waits for another; there are as many as the operator wrote.
    const resolveAll = Effect.forEach(configuration, resolveOne, { concurrency: "unbounded" }).pipe(
      Effect.map((failed) => !failed.includes(true)),
      Effect.catchCause((cause) => Effect.as(Effect.logError("looking up configured peers failed", cause), false))
    )

    const firstResolution = yield* Deferred.make<void>()

    const keepResolving = Effect.gen(function*() {
      const interval = Duration.toMillis(options.resolveInterval)
      const retry = Duration.toMillis(options.resolveRetry)
      let wasComplete = false
      for (let tries = 1;; tries++) {
        wasComplete = (yield* resolveAll) || wasComplete
        yield* Deferred.succeed(firstResolution, undefined)
        yield* Effect.sleep(wasComplete ? interval : Math.min(interval, retry * tries))
      }
    })

    const keepDialing = Effect.gen(function*() {
      yield* Effect.sleep(options.firstTickDelay)
      // Numeric addresses are there at once; for names that nobody answers the first round does not wait longer than for the next.
      yield* Effect.timeoutOption(Deferred.await(firstResolution), options.tick)
      return yield* Effect.forever(Effect.andThen(round, Effect.sleep(options.tick)))
    })

    yield* Effect.forkScoped(keepResolving)
    yield* Effect.forkScoped(keepDialing)

    return ConnectionManager.of({
      learn: (addresses, from) => {
        let taken = 0
        for (const address of addresses) {
          const key = format(address)
          // An address of the teller's machine with our port is most likely ours, as that peer sees it.
          const isOursAsSeen = address.ip === from.ip && address.port === options.ownPort()
          if (isOursAsSeen || isOwn(address, options.listening()) || !isBelieved(address)) counters.learnedRefused++
          else if (learned.has(key)) continue
          else if (learned.size >= options.learnedAddresses) counters.learnedShed++
          else {
            learned.set(key, address)
            taken++
          }
        }
        return taken
      },
      addressesFor: (receiver) =>
        // One more than is told, for the receiver's own may be among them.
        Effect.map(store.toShare(options.sharedAddresses + 1), (records) =>
          records
            .map(({ address }) => address)
            .filter((address) => format(address) !== format(receiver) && isTold(address))
            .slice(0, options.sharedAddresses)),
      configured,
      status: () => ({
        ...counters,
        target: target(),
        dialing: dialing.size,
        learnedWaiting: learned.size,
        unresolved: configuration.filter((one) => one.address === undefined).map((one) => one.text)
      })
    })
  }
)

/** Keeps the connections of one node, from when it is built. */
export const layer = (
  options: ConnectionManagerOptions
): Layer.Layer<ConnectionManager, never, Requirements> => Layer.effect(ConnectionManager, make(options))
