/** A keeper of connections in surroundings of its own, under the clock of the test. */
import { Cause, Clock, Context, Effect, Layer, Logger, Metric, type Scope } from "effect"
import * as AddressResolver from "effect/net/AddressResolver"
import * as Dns from "effect/net/Dns"
import * as NetAddress from "effect/net/NetAddress"
import { TestClock } from "effect/testing"
import { connectFailed, idleTimeout, linkLost } from "../../src/core/DropReason.ts"
import { HASH_KEY_BYTES } from "../../src/core/HalfSipHash.ts"
import { format, type PeerAddress, tcpAddress } from "../../src/core/PeerAddress.ts"
import { PeerId } from "../../src/core/PeerId.ts"
import * as MemoryPeerStore from "../../src/layers/memory/MemoryPeerStore.ts"
import * as Runtime from "../../src/layers/runtime/RuntimeConnectionManager.ts"
import * as RuntimePeers from "../../src/layers/runtime/RuntimePeers.ts"
import { ConnectionManager } from "../../src/services/ConnectionManager.ts"
import { type Direction, Peers, type Pending } from "../../src/services/Peers.ts"
import { PeerStore, PeerStoreError } from "../../src/services/PeerStore.ts"

/** What the one who is called does. `silent` does not even become a connection. */
export type Answer = "joins" | "refuses" | "hangs" | "silent" | "dies"

/** The surroundings of one keeper, and what it did to them. */
export interface World {
  readonly store: PeerStore["Service"]
  readonly peers: Peers["Service"]
  readonly manager: ConnectionManager["Service"]
  /** Each dial: seconds since the start, and the address. */
  readonly dials: Array<readonly [number, string]>
  /** Each feeler: seconds since the start, and the address. */
  readonly feelers: Array<readonly [number, string]>
  /** Each look-up of a name: seconds since the start, and the name. */
  readonly lookups: Array<readonly [number, string]>
  /** Warnings and worse. */
  readonly logged: Array<string>
  readonly interrupted: Array<string>
  /** Peers that were told to go, and why; they do. */
  readonly dropped: Array<readonly [string, string]>
  /** What names stand for: an IP, or `hangs` (no answer ever), or `dies` (a defect). */
  readonly names: Map<string, string>
  /** Fibers that have begun and not ended. */
  readonly fibers: () => number
  /** Somebody comes in, or is called by others than the keeper. */
  readonly join: (direction: Direction, address: PeerAddress) => Pending
  readonly lose: (key: string) => void
  answer: (key: string) => Answer
  /** What a feeler finds. */
  feel: (key: string) => boolean | undefined | "hangs"
  isStoreBroken: boolean
}

export type Settings = Partial<Omit<Runtime.ConnectionManagerOptions, "dial" | "feel">> & {
  readonly names?: ReadonlyArray<readonly [string, string]>
  readonly answer?: World["answer"]
  readonly feel?: World["feel"]
  /** What the book is kept on, to make it again; otherwise an empty one. */
  readonly table?: MemoryPeerStore.PeerTable
  /** Fills the book before the keeper is there. */
  readonly before?: (store: PeerStore["Service"]) => Effect.Effect<unknown, PeerStoreError>
}

export const OWN_PORT = 11_625
export const defaults: Omit<Runtime.ConnectionManagerOptions, "dial" | "feel"> = {
  knownPeers: [],
  preferredPeers: [],
  preferredIds: new Set(),
  defaultPort: 11_625,
  ownPort: () => OWN_PORT,
  listening: () => undefined,
  isAborted: () => false,
  preferredOnly: false,
  isFollowing: () => true,
  exchanged: idleTimeout,
  targetOutbound: 8,
  targetOutboundWithoutInbound: 3,
  maxOutbound: 8,
  maxPendingOutbound: 56,
  dialsPerTick: 10,
  tick: "3 seconds",
  firstTickDelay: 0,
  resolveInterval: "600 seconds",
  resolveRetry: "10 seconds",
  allowLocalAddresses: false,
  learnedAddresses: 1000,
  sharedAddresses: 50,
  feelerInterval: "120 seconds"
}

/** An empty book, the same in each test. */
export const emptyTable = (): MemoryPeerStore.PeerTable => ({ rows: [], key: new Uint8Array(HASH_KEY_BYTES).fill(7) })

export const reason = linkLost("ended", "")
export const seconds = Effect.map(Clock.currentTimeMillis, (millis) => millis / 1000)
/** An address of the open internet. */
export const ip = (host: number): string => `8.8.${host >> 8}.${host & 255}`
export const at = (host: number): PeerAddress => tcpAddress(ip(host), 11_625)
/** An address of the open internet in a /16 of its own. */
export const far = (group: number, host = 1): PeerAddress =>
  tcpAddress(`${20 + (group >> 8)}.${group & 255}.1.${host}`, 11_625)
/** Somebody in a /16 of its own who tells, and is not told of. */
export const source = (group: number): PeerAddress => tcpAddress(`9.${group}.1.1`, 11_625)
export const range = (from: number, to: number): ReadonlyArray<number> =>
  Array.from({ length: to - from }, (_, i) => from + i)
export const ips = (from: number, to: number): ReadonlyArray<string> => range(from, to).map(ip)

/** A keeper in a world of its own, after its first round. */
export const build = Effect.fnUntraced(function*(settings: Settings = {}): Effect.fn.Return<World, never, Scope.Scope> {
  const { answer = () => "joins", before, feel = () => true, names = [], table = emptyTable(), ...options } = settings
  const dials: Array<readonly [number, string]> = []
  const feelers: Array<readonly [number, string]> = []
  const lookups: Array<readonly [number, string]> = []
  const logged: Array<string> = []
  const interrupted: Array<string> = []
  const dropped: Array<readonly [string, string]> = []
  const sessions = new Map<string, Pending>()
  let fibers = 0

  const kept = yield* MemoryPeerStore.make(undefined, table)
  const guard = <A>(effect: Effect.Effect<A, PeerStoreError>): Effect.Effect<A, PeerStoreError> =>
    Effect.suspend(() =>
      world.isStoreBroken
        ? Effect.fail(new PeerStoreError({ operation: "any", message: "the disk is full", cause: undefined }))
        : effect
    )
  const store = PeerStore.of({
    ...kept,
    learn: (addresses, from) => guard(kept.learn(addresses, from)),
    observe: (address, observed) => guard(kept.observe(address, observed)),
    attempt: (address) => guard(kept.attempt(address)),
    withdraw: (address) => guard(kept.withdraw(address)),
    reset: (address) => guard(kept.reset(address)),
    get: (address) => guard(kept.get(address)),
    candidates: (kind, limit) => guard(kept.candidates(kind, limit)),
    toDial: (limit) => guard(kept.toDial(limit)),
    feeler: guard(kept.feeler),
    tested: (address, answered) => guard(kept.tested(address, answered)),
    anchors: guard(kept.anchors),
    setAnchors: (addresses) => guard(kept.setAnchors(addresses)),
    purge: (one) => guard(kept.purge(one))
  })
  const peers = Context.get(
    yield* Layer.build(RuntimePeers.layer({
      maxInbound: 64,
      maxOutbound: 100,
      maxPendingInbound: 64,
      pendingInboundExtra: 0,
      maxPendingOutbound: 100,
      maxPendingPerIp: 100,
      maxPendingPerSubnet: 100,
      maxInboundPerIp: 100,
      maxInboundPerSubnet: 100,
      isExempt: () => true,
      changesBuffer: 1
    })),
    Peers
  )

  const promote = (pending: Pending): void => {
    const key = format(pending.address)
    peers.claim(pending, PeerId(key), false, () => {})
    peers.promote(pending, {
      id: PeerId(key),
      address: pending.address,
      direction: pending.direction,
      slot: peers.takeSlotNumber(),
      offer: () => true,
      offerControl: () => true,
      advertise: () => true,
      demand: () => true,
      drop: (why) => {
        dropped.push([key, why._tag])
        peers.leave(pending, why)
      }
    })
    sessions.set(key, pending)
  }

  const enter = (direction: Direction, address: PeerAddress): Pending => {
    const pending = peers.enter(direction, address)
    if (typeof pending === "string") throw new Error(pending)
    return pending
  }

  const dial = Effect.fnUntraced(function*(address: PeerAddress) {
    const key = format(address)
    dials.push([yield* seconds, key])
    const answered = world.answer(key)
    if (answered === "dies") return yield* Effect.die("a defect in the dial")
    if (answered === "silent") return yield* Effect.never
    const pending = enter("outbound", address)
    if (answered === "hangs") {
      return yield* Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted.push(key)))
    }
    if (answered === "refuses") {
      peers.leave(pending, reason)
      return yield* Effect.fail(connectFailed("refused", "nobody is there"))
    }
    promote(pending)
    yield* Effect.orDie(kept.succeed(address))
  })

  const feelAt = Effect.fnUntraced(function*(address: PeerAddress) {
    const key = format(address)
    feelers.push([yield* seconds, key])
    const found = world.feel(key)
    if (found !== "hangs") return found
    const pending = enter("outbound", address)
    return yield* Effect.onInterrupt(Effect.never, () =>
      Effect.sync(() => {
        peers.leave(pending, reason)
        interrupted.push(key)
      }))
  })

  const resolver = AddressResolver.layer().pipe(Layer.provide(Layer.succeed(
    Dns.Dns,
    Dns.make({
      lookup: (host) =>
        Effect.flatMap(seconds, (now) => {
          lookups.push([now, host])
          const found = world.names.get(host)
          if (found === "hangs") return Effect.never
          if (found === "dies") return Effect.die("a defect in the resolver")
          return found === undefined
            ? Effect.fail(new Dns.DnsError({ reason: "NotFound", method: "lookup", hostname: host }))
            : Effect.succeed([NetAddress.ipFromStringUnsafe(found)])
        })
    })
  )))

  if (before !== undefined) yield* Effect.orDie(before(kept))
  const surroundings = Layer.mergeAll(Layer.succeed(PeerStore, store), Layer.succeed(Peers, peers), resolver)
  const world: World = {
    store: kept,
    peers,
    get manager() {
      return manager
    },
    dials,
    feelers,
    lookups,
    logged,
    interrupted,
    dropped,
    names: new Map(names),
    fibers: () => fibers,
    join: (direction, address) => {
      const pending = enter(direction, address)
      promote(pending)
      return pending
    },
    lose: (key) => {
      const pending = sessions.get(key)
      if (pending === undefined) throw new Error(`${key} is not here`)
      peers.leave(pending, reason)
    },
    answer,
    feel,
    isStoreBroken: false
  }
  const logger = Logger.make(({ cause, logLevel, message }) => {
    if (logLevel !== "Info" && logLevel !== "Debug") {
      logged.push(`${logLevel} ${String(message)} ${Cause.pretty(cause)}`)
    }
  })
  const manager = Context.get(
    yield* Layer.build(Runtime.layer({ ...defaults, ...options, dial, feel: feelAt }).pipe(Layer.provide(surroundings)))
      .pipe(
        Effect.provide(Logger.layer([logger])),
        Effect.provideService(Metric.FiberRuntimeMetrics, {
          recordFiberStart: () => fibers++,
          recordFiberEnd: () => fibers--
        })
      ),
    ConnectionManager
  )
  yield* TestClock.adjust(0)
  return world
})

export const wait = (time: number) => TestClock.adjust(time * 1000)
export const dialed = (world: World): ReadonlyArray<string> => world.dials.map(([_, key]) => key)
export const times = (entries: ReadonlyArray<readonly [number, string]>): ReadonlyArray<number> =>
  entries.map(([time]) => time)
