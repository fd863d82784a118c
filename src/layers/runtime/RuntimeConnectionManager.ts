/**
 * A round of dialling every few seconds: one fiber draws from the book and dials, one looks up names, one sends feelers.
 *
 * What the rounds do not do: end a peer so that a preferred one finds room, and exchange peers at random while the node
 * does not follow its network.
 */
import type { Scope } from "effect"
import { Clock, Deferred, Duration, Effect, FiberSet, Layer, Random } from "effect"
import type { AddressResolver } from "effect/net/AddressResolver"
import { groupOf } from "../../core/AddressTables.ts"
import type { DropReason } from "../../core/DropReason.ts"
import { ANCHOR_PEERS, MAX_FAILURES } from "../../core/limits.ts"
import type { PeerAddress } from "../../core/PeerAddress.ts"
import { format } from "../../core/PeerAddress.ts"
import { isDialable, isOwn, isPrivate, isRoutable } from "../../core/RoutableAddress.ts"
import type { ConfiguredKind } from "../../services/ConnectionManager.ts"
import { ConnectionManager } from "../../services/ConnectionManager.ts"
import { Peers } from "../../services/Peers.ts"
import type { PeerStoreError } from "../../services/PeerStore.ts"
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
  /** Time from one feeler to the next: see `FEELER_INTERVAL_MILLIS`. */
  readonly feelerInterval: Duration.Input
  /**
   * Opens a connection only to see whether a node of this network is there, and closes it; tells whether one was. `undefined`: nobody
   * knows, since it was ended from here. It takes the place of a connection that is not authenticated yet, and never that of a peer.
   */
  readonly feel: (address: PeerAddress) => Effect.Effect<boolean | undefined>
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

/** An address that a peer told, and where that peer is. */
interface Learned {
  readonly address: PeerAddress
  readonly from: PeerAddress
}

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
    const learned = new Map<string, Learned>()
    const dialing = new Map<string, PeerAddress>()
    /** Whether a feeler is under way; its address is among `dialing` then. */
    let isFeeling = false
    const dials = yield* FiberSet.make()
    const counters = { dials: 0, failedDials: 0, learnedRefused: 0, learnedShed: 0 }
    let isPurged = false
    let areAnchorsCalled = false
    /** What the book was told last. */
    let anchorsKept: string | undefined

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

    // A source at a time, for it decides the places of what it told.
    const enterLearned = Effect.gen(function*() {
      for (const batch of Map.groupBy(learned, ([, { from }]) => from.ip).values()) {
        const [first] = batch
        if (first === undefined) continue
        yield* store.learn(batch.map(([, { address }]) => address), first[1].from)
        // Only now: what the book failed to take stays for the next round.
        for (const [key] of batch) learned.delete(key)
      }
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

    const isHereOrCalled = (address: PeerAddress): boolean => peers.isConnected(address) || dialing.has(format(address))

    /** Connections of any sort: as many of what is drawn may be of no use, and so many more are drawn. */
    const connections = (): number => {
      const { inbound, outbound, pendingOutbound } = peers.counts()
      return inbound + outbound + pendingOutbound + dialing.size
    }

    /** Dials up to `wanted` of these, in this order, that are not here yet; gives how many. */
    const dialThose = Effect.fnUntraced(function*(
      addresses: ReadonlyArray<PeerAddress>,
      wanted: number
    ): Effect.fn.Return<number, PeerStoreError> {
      let started = 0
      for (const address of addresses) {
        if (started >= wanted) break
        if (isHereOrCalled(address)) continue
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

    const dialPreferred = Effect.fnUntraced(function*(wanted: number): Effect.fn.Return<number, PeerStoreError> {
      if (wanted <= 0) return 0
      const drawn = yield* store.candidates("preferred", wanted + connections())
      return yield* dialThose(drawn.map(({ address }) => address), wanted)
    })

    /** Dials what the configuration names as known and is due, whatever places it has in the tables. */
    const dialKnown = Effect.fnUntraced(function*(wanted: number): Effect.fn.Return<number, PeerStoreError> {
      if (wanted <= 0) return 0
      const now = yield* Clock.currentTimeMillis
      const due = new Map<string, PeerAddress>()
      for (const { address } of configuration) {
        if (address === undefined || configured(address) !== "known" || isHereOrCalled(address)) continue
        const record = yield* store.get(address)
        const isDue = record !== undefined && record.nextAttemptMillis <= now && record.failures <= MAX_FAILURES
        if (isDue) due.set(format(address), address)
      }
      // So that not all the nodes with the same list call the same ones.
      return yield* dialThose(yield* Random.shuffle(due.values()), wanted)
    })

    /** The groups of outbound peers, and of dials under way. */
    const groupsInUse = (): Set<number> => {
      const groups = new Set<number>()
      for (const { address, direction } of peers.all()) {
        if (direction === "outbound") groups.add(groupOf(address.ip))
      }
      for (const { ip } of dialing.values()) groups.add(groupOf(ip))
      return groups
    }

    // Whom the operator names is wanted, and of a local network no /16 tells whose its addresses are.
    const isOfAnyGroup = (address: PeerAddress): boolean =>
      configured(address) !== undefined || !isRoutable(address.ip, { allowLocal: false })

    /** Those of the addresses whose group is not in use, nor that of one before; and all for whom the group does not matter. */
    const apart = (addresses: ReadonlyArray<PeerAddress>): ReadonlyArray<PeerAddress> => {
      const groups = groupsInUse()
      return addresses.filter((address) => {
        if (isOfAnyGroup(address)) return true
        const group = groupOf(address.ip)
        const isNew = !groups.has(group)
        groups.add(group)
        return isNew
      })
    }

    /** Calls again, due or not, who was an outbound peer when the node ended. */
    const dialAnchors = Effect.fnUntraced(function*(wanted: number): Effect.fn.Return<number, PeerStoreError> {
      if (areAnchorsCalled) return 0
      const anchors = yield* store.anchors
      const started = yield* dialThose(apart(anchors.filter(mayBeDialed)), wanted)
      areAnchorsCalled = true
      return started
    })

    /** Dials what the tables give, each of a group of its own as long as there are others. */
    const dialDrawn = Effect.fnUntraced(function*(wanted: number): Effect.fn.Return<number, PeerStoreError> {
      if (wanted <= 0) return 0
      const limit = wanted + connections()
      const drawn = (yield* store.toDial(limit)).map(({ address }) => address)
      const first = apart(drawn)
      const started = yield* dialThose(first, wanted)
      // A full drawing, which has no two of one group, says that there are others: what it lacks the next round finds.
      if (drawn.length === limit) return started
      return started + (yield* dialThose(drawn.filter((address) => !first.includes(address)), wanted - started))
    })

    /** Writes down who is to be called first after the next start. Having lost all peers is no reason to forget them. */
    const keepAnchors = Effect.gen(function*() {
      const outbound = peers.all().filter(({ direction }) => direction === "outbound")
      const anchors = outbound.slice(0, ANCHOR_PEERS).map(({ address }) => address)
      const text = anchors.map(format).join()
      if (anchors.length === 0 || text === anchorsKept) return
      yield* store.setAnchors(anchors)
      anchorsKept = text
    })

    const round = Effect.gen(function*() {
      if (!isPurged) {
        yield* store.purge()
        isPurged = true
      }
      yield* Effect.forEach(configuration, enterConfigured, { discard: true })
      yield* enterLearned

      const waiting = pending()
      const outbound = peers.counts().outbound + waiting - (isFeeling ? 1 : 0)
      const most = Math.min(options.dialsPerTick, options.maxPendingOutbound - waiting, options.maxOutbound - outbound)
      let started = yield* dialPreferred(most)
      for (const dialMore of [dialAnchors, dialKnown, dialDrawn]) {
        started += yield* dialMore(Math.min(most, target() - outbound) - started)
      }
      yield* keepAnchors
    }).pipe(
      Effect.catchCause((cause) => Effect.logError("a round of dialling failed; the next one tries again", cause))
    )

    const feelAt = Effect.fnUntraced(function*(address: PeerAddress) {
      const key = format(address)
      dialing.set(key, address)
      isFeeling = true
      const answered = yield* Effect.ensuring(
        Effect.suspend(() => options.feel(address)),
        Effect.sync(() => {
          dialing.delete(key)
          isFeeling = false
        })
      )
      yield* Effect.logDebug(`feeler to ${key}: ${answered === undefined ? "ended from here" : answered}`)
      if (answered !== undefined) yield* store.tested(address, answered)
    })

    const sendFeeler = Effect.gen(function*() {
      // Without a peer it may be our own line that is silent.
      if (peers.counts().outbound === 0 || pending() >= options.maxPendingOutbound) return
      const address = yield* store.feeler
      if (address === undefined) return
      const key = format(address)
      const isPeer = peers.all().some((one) => one.direction === "outbound" && format(one.address) === key)
      if (isPeer) return yield* store.tested(address, true)
      // That it called us does not say that it can be called; and what is under way says so itself.
      if (isHereOrCalled(address)) return
      if (!mayBeDialed(address)) return yield* store.tested(address, false)
      yield* feelAt(address)
    }).pipe(Effect.catchCause((cause) => Effect.logError("a feeler failed; the next one comes in its time", cause)))

    const keepFeeling = Effect.forever(Effect.andThen(Effect.sleep(options.feelerInterval), sendFeeler))

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
    yield* Effect.forkScoped(keepFeeling)

    return ConnectionManager.of({
      learn: (addresses, from) => {
        let taken = 0
        for (const address of addresses) {
          // What two peers tell waits twice: each of them gives it a place.
          const key = `${from.ip} ${format(address)}`
          // An address of the teller's machine with our port is most likely ours, as that peer sees it.
          const isOursAsSeen = address.ip === from.ip && address.port === options.ownPort()
          if (isOursAsSeen || isOwn(address, options.listening()) || !isBelieved(address)) counters.learnedRefused++
          else if (learned.has(key)) continue
          else if (learned.size >= options.learnedAddresses) counters.learnedShed++
          else {
            learned.set(key, { address, from })
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
