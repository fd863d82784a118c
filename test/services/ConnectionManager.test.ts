/**
 * The keeper of connections: whom it dials, when, and what it believes and tells.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Context, Effect, Exit, Layer, Logger, Metric, Scope } from "effect"
import * as AddressResolver from "effect/net/AddressResolver"
import * as Dns from "effect/net/Dns"
import * as NetAddress from "effect/net/NetAddress"
import { TestClock } from "effect/testing"
import { connectFailed, linkLost } from "../../src/core/DropReason.ts"
import { format, type PeerAddress, tcpAddress } from "../../src/core/PeerAddress.ts"
import { PeerId } from "../../src/core/PeerId.ts"
import * as MemoryPeerStore from "../../src/layers/memory/MemoryPeerStore.ts"
import * as Runtime from "../../src/layers/runtime/RuntimeConnectionManager.ts"
import * as RuntimePeers from "../../src/layers/runtime/RuntimePeers.ts"
import { ConnectionManager } from "../../src/services/ConnectionManager.ts"
import { type Direction, Peers, type Pending } from "../../src/services/Peers.ts"
import { PeerStore, PeerStoreError } from "../../src/services/PeerStore.ts"

/** What the one who is called does. `silent` does not even become a connection. */
type Answer = "joins" | "refuses" | "hangs" | "silent" | "dies"

/** The surroundings of one keeper, and what it did to them. */
interface World {
  readonly store: PeerStore["Service"]
  readonly peers: Peers["Service"]
  readonly manager: ConnectionManager["Service"]
  /** Each dial: seconds since the start, and the address. */
  readonly dials: Array<readonly [number, string]>
  /** Each look-up of a name: seconds since the start, and the name. */
  readonly lookups: Array<readonly [number, string]>
  /** Warnings and worse. */
  readonly logged: Array<string>
  readonly interrupted: Array<string>
  /** What names stand for: an IP, or `hangs` (no answer ever), or `dies` (a defect). */
  readonly names: Map<string, string>
  /** Fibers that have begun and not ended. */
  readonly fibers: () => number
  /** Somebody comes in, or is called by others than the keeper. */
  readonly join: (direction: Direction, address: PeerAddress) => Pending
  readonly lose: (key: string) => void
  answer: (key: string) => Answer
  isStoreBroken: boolean
}

type Settings = Partial<Runtime.ConnectionManagerOptions> & {
  readonly names?: ReadonlyArray<readonly [string, string]>
  readonly answer?: World["answer"]
  /** Fills the book before the keeper is there. */
  readonly before?: (store: PeerStore["Service"]) => Effect.Effect<unknown, PeerStoreError>
}

const OWN_PORT = 11_625
const defaults: Omit<Runtime.ConnectionManagerOptions, "dial"> = {
  knownPeers: [],
  preferredPeers: [],
  defaultPort: 11_625,
  ownPort: () => OWN_PORT,
  listening: () => undefined,
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
  sharedAddresses: 50
}

const reason = linkLost("ended", "")
const seconds = Effect.map(Clock.currentTimeMillis, (millis) => millis / 1000)
/** An address of the open internet. */
const ip = (host: number): string => `8.8.${host >> 8}.${host & 255}`
const at = (host: number): PeerAddress => tcpAddress(ip(host), 11_625)
const range = (from: number, to: number): ReadonlyArray<number> => Array.from({ length: to - from }, (_, i) => from + i)
const ips = (from: number, to: number): ReadonlyArray<string> => range(from, to).map(ip)

/** A keeper in a world of its own, after its first round. */
const build = Effect.fnUntraced(function*(settings: Settings = {}): Effect.fn.Return<World, never, Scope.Scope> {
  const { answer = () => "joins", before, names = [], ...options } = settings
  const dials: Array<readonly [number, string]> = []
  const lookups: Array<readonly [number, string]> = []
  const logged: Array<string> = []
  const interrupted: Array<string> = []
  const sessions = new Map<string, Pending>()
  let fibers = 0

  const kept = yield* MemoryPeerStore.make()
  const guard = <A>(effect: Effect.Effect<A, PeerStoreError>): Effect.Effect<A, PeerStoreError> =>
    Effect.suspend(() =>
      world.isStoreBroken
        ? Effect.fail(new PeerStoreError({ operation: "any", message: "the disk is full", cause: undefined }))
        : effect
    )
  const store = PeerStore.of({
    ...kept,
    ensure: (addresses) => guard(kept.ensure(addresses)),
    observe: (address, observed) => guard(kept.observe(address, observed)),
    attempt: (address) => guard(kept.attempt(address)),
    reset: (address) => guard(kept.reset(address)),
    candidates: (kind, limit) => guard(kept.candidates(kind, limit)),
    purge: (one) => guard(kept.purge(one))
  })
  const peers = Context.get(
    yield* Layer.build(RuntimePeers.layer({
      maxInbound: 64,
      maxOutbound: 100,
      maxPendingInbound: 64,
      maxPendingOutbound: 100,
      maxPendingPerIp: 100,
      isExempt: () => true,
      changesBuffer: 1
    })),
    Peers
  )

  const promote = (pending: Pending): void => {
    const key = format(pending.address)
    peers.claim(pending, PeerId(key))
    peers.promote(pending, {
      id: PeerId(key),
      address: pending.address,
      direction: pending.direction,
      slot: peers.takeSlotNumber(),
      offer: () => true,
      offerControl: () => true,
      advertise: () => true,
      demand: () => true,
      drop: () => {}
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
    lookups,
    logged,
    interrupted,
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
    isStoreBroken: false
  }
  const logger = Logger.make(({ cause, logLevel, message }) => {
    if (logLevel !== "Info" && logLevel !== "Debug") {
      logged.push(`${logLevel} ${String(message)} ${Cause.pretty(cause)}`)
    }
  })
  const manager = Context.get(
    yield* Layer.build(Runtime.layer({ ...defaults, ...options, dial }).pipe(Layer.provide(surroundings))).pipe(
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

const wait = (time: number) => TestClock.adjust(time * 1000)
const dialed = (world: World): ReadonlyArray<string> => world.dials.map(([_, key]) => key)
const times = (entries: ReadonlyArray<readonly [number, string]>): ReadonlyArray<number> =>
  entries.map(([time]) => time)

describe("The number of dials", () => {
  it.effect("is three in the first round, at once, while nobody has called us; and none when those are peers", () =>
    Effect.gen(function*() {
      const world = yield* build({ knownPeers: ips(0, 20) })
      assert.deepStrictEqual(times(world.dials), [0, 0, 0])
      yield* wait(60)
      assert.strictEqual(world.dials.length, 3)
      assert.strictEqual(world.peers.counts().outbound, 3)
      assert.strictEqual(world.manager.status().target, 3)
    }))

  it.effect("rises to eight with the first inbound peer, and falls to three with the last", () =>
    Effect.gen(function*() {
      const world = yield* build({ knownPeers: ips(0, 20) })
      world.join("inbound", at(100))
      yield* wait(2.999)
      assert.strictEqual(world.dials.length, 3)
      yield* wait(0.001)
      assert.deepStrictEqual(times(world.dials).slice(3), [3, 3, 3, 3, 3])
      assert.strictEqual(world.manager.status().target, 8)
      world.lose(format(at(100)))
      for (const key of new Set(dialed(world))) world.lose(key)
      yield* wait(3)
      assert.strictEqual(world.dials.length, 8 + 3)
    }))

  it.effect("is bounded for each round, and for connections that are not authenticated", () =>
    Effect.gen(function*() {
      const world = yield* build({
        knownPeers: ips(0, 20),
        targetOutboundWithoutInbound: 20,
        maxOutbound: 20,
        dialsPerTick: 4,
        maxPendingOutbound: 10,
        answer: () => "hangs"
      })
      yield* wait(60)
      assert.deepStrictEqual(times(world.dials), [0, 0, 0, 0, 3, 3, 3, 3, 6, 6])
    }))

  it.effect("counts connections that others have opened, and calls that have not become one yet", () =>
    Effect.gen(function*() {
      const world = yield* build({ knownPeers: ips(0, 20), firstTickDelay: "2 seconds", answer: () => "silent" })
      world.join("outbound", at(100))
      yield* wait(2)
      assert.deepStrictEqual(times(world.dials), [2, 2])
      yield* wait(60)
      assert.strictEqual(world.dials.length, 2)
      assert.strictEqual(world.manager.status().dialing, 2)
    }))

  it.effect("goes on until the target is met when peers refuse", () =>
    Effect.gen(function*() {
      const good = new Set([1, 5, 9].map((host) => format(at(host))))
      const world = yield* build({ knownPeers: ips(0, 12), answer: (key) => good.has(key) ? "joins" : "refuses" })
      yield* wait(120)
      assert.strictEqual(world.peers.counts().outbound, 3)
      const { dials, failedDials } = world.manager.status()
      assert.strictEqual(dials, world.dials.length)
      assert.strictEqual(failedDials, dials - 3)
      assert.deepStrictEqual(world.logged, [])
    }))
})

describe("The choice of whom to dial", () => {
  it.effect("is preferred peers first, then known ones, then those we were told of", () =>
    Effect.gen(function*() {
      const world = yield* build({
        preferredPeers: [ip(1)],
        knownPeers: [ip(2)],
        before: (store) => store.ensure([at(3), at(4)])
      })
      assert.deepStrictEqual(dialed(world).slice(0, 2), [format(at(1)), format(at(2))])
      assert.include([format(at(3)), format(at(4))], dialed(world)[2])
      assert.strictEqual(world.dials.length, 3)
    }))

  it.effect("goes beyond the target for preferred peers, up to the most that there may be", () =>
    Effect.gen(function*() {
      const world = yield* build({ preferredPeers: ips(0, 7), knownPeers: ips(10, 20), maxOutbound: 5 })
      yield* wait(60)
      assert.strictEqual(world.dials.length, 5)
      for (const key of dialed(world)) assert.include(ips(0, 7).map((one) => `${one}:11625`), key)
    }))

  it.effect("does not fall on who is here, in whatever direction", () =>
    Effect.gen(function*() {
      const world = yield* build({ knownPeers: ips(0, 3), firstTickDelay: "1 second" })
      world.join("inbound", at(0))
      world.join("outbound", at(1))
      yield* wait(60)
      assert.deepStrictEqual(dialed(world), [format(at(2))])
    }))

  it.effect("does not fall on an address that is being dialled", () =>
    Effect.gen(function*() {
      const world = yield* build({ knownPeers: [ip(1)], answer: () => "silent" })
      yield* wait(3600)
      assert.strictEqual(world.dials.length, 1)
    }))

  it.effect("does not fall on addresses that nobody should be sent to, and puts them off", () =>
    Effect.gen(function*() {
      const bad = ["10.0.0.1", "127.0.0.1", "192.168.1.1", "169.254.0.1", "0.0.0.1", "224.0.0.1"]
      const world = yield* build({
        before: (store) => store.ensure(bad.map((one) => tcpAddress(one, 11_625))),
        listening: () => tcpAddress("0.0.0.0", OWN_PORT)
      })
      yield* wait(600)
      assert.deepStrictEqual(world.dials, [])
      for (const one of bad) {
        const record = yield* world.store.get(tcpAddress(one, 11_625))
        assert.isAbove(record?.failures ?? 0, 3, one)
      }
    }))

  it.effect("falls on local addresses where they are allowed, but not on those that are nobody's or our own", () =>
    Effect.gen(function*() {
      const [local, own, all] = [tcpAddress("10.0.0.1", 9), tcpAddress("127.0.0.1", OWN_PORT), tcpAddress("0.0.0.1", 9)]
      const world = yield* build({
        allowLocalAddresses: true,
        before: (store) => store.ensure([local, own, all]),
        listening: () => tcpAddress("0.0.0.0", OWN_PORT)
      })
      yield* wait(600)
      assert.deepStrictEqual([...new Set(dialed(world))], [format(local)])
    }))

  it.effect("follows the operator to local addresses, though not to ourselves", () =>
    Effect.gen(function*() {
      const world = yield* build({
        knownPeers: ["127.0.0.1", "10.0.0.1:7"],
        preferredPeers: ["127.0.0.1:11626"],
        listening: () => tcpAddress("127.0.0.1", OWN_PORT)
      })
      yield* wait(60)
      assert.deepStrictEqual([...dialed(world)].sort(), ["10.0.0.1:7", "127.0.0.1:11626"])
    }))

  it.effect("takes a node on this machine for another one when we do not listen", () =>
    Effect.gen(function*() {
      const world = yield* build({ knownPeers: ["127.0.0.1"] })
      assert.deepStrictEqual(dialed(world), ["127.0.0.1:11625"])
    }))

  it.effect("falls no more, after the one purge at the start, on what has failed too often", () =>
    Effect.gen(function*() {
      const world = yield* build({
        before: (store) => Effect.replicateEffect(store.attempt(at(1)), 120).pipe(Effect.andThen(store.ensure([at(2)])))
      })
      assert.strictEqual(yield* world.store.size, 1)
      assert.deepStrictEqual(dialed(world), [format(at(2))])
      yield* Effect.replicateEffect(world.store.attempt(at(3)), 120)
      yield* wait(60)
      assert.strictEqual(yield* world.store.size, 2)
    }))
})

describe("An address that failed", () => {
  it.effect("is left alone until its back-off is over, and fails once more with each dial", () =>
    Effect.gen(function*() {
      const world = yield* build({ knownPeers: [ip(1)], answer: () => "refuses" })
      const key = format(at(1))
      for (let round = 0; round < 400; round++) {
        const before = world.dials.length
        const record = yield* world.store.get(at(1))
        yield* wait(3)
        const now = yield* Clock.currentTimeMillis
        const isDue = record !== undefined && record.nextAttemptMillis <= now
        assert.deepStrictEqual(world.dials.slice(before), isDue ? [[now / 1000, key]] : [])
      }
      assert.isAbove(world.dials.length, 4)
      assert.strictEqual((yield* world.store.get(at(1)))?.failures, world.dials.length)
    }))

  it.effect("is dialled again after a start, though its back-off was not over, if it is configured", () =>
    Effect.gen(function*() {
      const failing = (store: PeerStore["Service"]) =>
        Effect.forEach([at(1), at(2), at(3)], (one) => Effect.replicateEffect(store.attempt(one), 12))
      const world = yield* build({ knownPeers: [ip(1)], preferredPeers: [ip(2)], before: failing })
      assert.deepStrictEqual(dialed(world), [format(at(2)), format(at(1))])
    }))

  it.effect("keeps its failures when its name is looked up again", () =>
    Effect.gen(function*() {
      const world = yield* build({
        knownPeers: ["a.example.org"],
        names: [["a.example.org", ip(1)]],
        answer: () => "refuses"
      })
      yield* wait(599)
      const before = (yield* world.store.get(at(1)))?.failures ?? 0
      assert.isAbove(before, 1)
      yield* wait(4)
      assert.strictEqual(world.lookups.length, 2)
      assert.isAtLeast((yield* world.store.get(at(1)))?.failures ?? 0, before)
    }))
})

describe("A peer that is lost", () => {
  it.effect("is dialled again once its back-off is over", () =>
    Effect.gen(function*() {
      const world = yield* build({ knownPeers: [ip(1)] })
      world.lose(format(at(1)))
      // The back-off of no failures is ten seconds at most, a round comes every three.
      yield* wait(13)
      assert.deepStrictEqual(dialed(world), [format(at(1)), format(at(1))])
      assert.strictEqual(world.peers.counts().outbound, 1)
    }))
})

describe("A configured name", () => {
  const known = { knownPeers: ["a.example.org", ip(9)] }

  it.effect("is looked up at the start and then every ten minutes", () =>
    Effect.gen(function*() {
      const world = yield* build({ ...known, names: [["a.example.org", ip(1)]] })
      yield* wait(1900)
      assert.deepStrictEqual(times(world.lookups), [0, 600, 1200, 1800])
      assert.deepStrictEqual([...dialed(world)].sort(), [format(at(1)), format(at(9))])
    }))

  it.effect("is looked up after ten seconds more each time, until all names were found once", () =>
    Effect.gen(function*() {
      const world = yield* build({ ...known, knownPeers: ["a.example.org", "b.example.org"] })
      world.names.set("b.example.org", ip(2))
      yield* wait(59)
      assert.deepStrictEqual(times(world.lookups), [0, 0, 10, 10, 30, 30])
      assert.deepStrictEqual(world.manager.status().unresolved, ["a.example.org"])
      world.names.set("a.example.org", ip(1))
      yield* wait(1)
      assert.deepStrictEqual(world.manager.status().unresolved, [])
      world.names.delete("b.example.org")
      yield* wait(1200)
      assert.deepStrictEqual(times(world.lookups).slice(6), [60, 60, 660, 660, 1260, 1260])
    }))

  it.effect("is looked up every ten minutes at last, though it is never found", () =>
    Effect.gen(function*() {
      const world = yield* build(known)
      yield* wait(20_000)
      const looked = times(world.lookups)
      const gaps = looked.slice(1).map((time, i) => time - (looked[i] ?? 0))
      assert.deepStrictEqual(gaps, range(1, gaps.length + 1).map((n) => Math.min(10 * n, 600)))
      assert.isAbove(gaps.length, 61)
    }))

  it.effect("is told of in the log when it is not found and when it is found, once each", () =>
    Effect.gen(function*() {
      const world = yield* build(known)
      yield* wait(2000)
      assert.strictEqual(world.logged.length, 1)
      assert.match(world.logged[0] ?? "", /^Warn .*a\.example\.org/)
      world.names.set("a.example.org", ip(1))
      yield* wait(600)
      world.names.delete("a.example.org")
      yield* wait(1800)
      assert.strictEqual(world.logged.length, 2)
    }))

  it.effect("does not keep the others waiting when it is not found, or cannot be one", () =>
    Effect.gen(function*() {
      const world = yield* build({ knownPeers: ["a.example.org", "not an address", ip(9)] })
      assert.deepStrictEqual(world.dials, [[0, format(at(9))]])
      assert.strictEqual(world.logged.length, 2)
    }))

  it.effect("that can never be one does not hasten the look-ups of the others", () =>
    Effect.gen(function*() {
      const world = yield* build({ knownPeers: ["1.2.3", "a.example.org"], names: [["a.example.org", ip(1)]] })
      yield* wait(700)
      assert.deepStrictEqual(times(world.lookups), [0, 600])
      assert.strictEqual(world.logged.length, 1)
    }))

  it.effect("keeps the first round waiting no longer than for a second one when no answer comes", () =>
    Effect.gen(function*() {
      const world = yield* build({ ...known, names: [["a.example.org", "hangs"]] })
      yield* wait(2.999)
      assert.deepStrictEqual(world.dials, [])
      yield* wait(0.001)
      assert.deepStrictEqual(world.dials, [[3, format(at(9))]])
    }))

  it.effect("whose look-up dies is told of in the log, and looked up again", () =>
    Effect.gen(function*() {
      const world = yield* build({ ...known, names: [["a.example.org", "dies"]] })
      assert.match(world.logged[0] ?? "", /^Error .*a defect in the resolver/)
      world.names.set("a.example.org", ip(1))
      yield* wait(12)
      assert.deepStrictEqual([...dialed(world)].sort(), [format(at(1)), format(at(9))])
    }))

  it.effect("may move: the new address is dialled", () =>
    Effect.gen(function*() {
      const world = yield* build({ preferredPeers: ["a.example.org"], names: [["a.example.org", ip(1)]] })
      assert.strictEqual(world.manager.configured(at(1)), "preferred")
      world.names.set("a.example.org", ip(2))
      yield* wait(603)
      assert.deepStrictEqual(dialed(world), [format(at(1)), format(at(2))])
      assert.isUndefined(world.manager.configured(at(1)))
      assert.strictEqual((yield* world.store.get(at(2)))?.kind, "preferred")
    }))

  it.effect("that is known and preferred is preferred", () =>
    Effect.gen(function*() {
      const world = yield* build({ knownPeers: [ip(1), ip(2)], preferredPeers: [`${ip(1)}:11625`] })
      assert.strictEqual((yield* world.store.get(at(1)))?.kind, "preferred")
      assert.strictEqual((yield* world.store.get(at(2)))?.kind, "outbound")
      assert.deepStrictEqual([1, 2, 3].map((host) => world.manager.configured(at(host))), [
        "preferred",
        "known",
        undefined
      ])
    }))
})

describe("What a peer tells", () => {
  const teller = at(200)

  it.effect.each(
    [
      ["of the open internet", "8.8.4.4", 1, true, true],
      ["with the highest port", "8.8.4.4", 65_535, true, true],
      ["without a port", "8.8.4.4", 0, false, false],
      ["with a port above the highest", "8.8.4.4", 65_536, false, false],
      ["with a negative port", "8.8.4.4", -1, false, false],
      ["of the teller with our own port", teller.ip, OWN_PORT, false, false],
      ["of the teller with another port", teller.ip, OWN_PORT + 1, true, true],
      ["where we listen", "8.8.9.9", 12_000, false, false],
      ["of a private network", "10.1.2.3", 9, false, true],
      ["of another private network", "172.16.0.1", 9, false, true],
      ["of loopback", "127.0.0.1", 9, false, true],
      ["of one cable", "169.254.1.1", 9, false, true],
      ["behind a provider's translation", "100.64.0.1", 9, false, true],
      ["that is nobody's", "0.1.2.3", 9, false, false],
      ["of multicast", "224.0.0.1", 9, false, false],
      ["that is none", "8.8.8", 9, false, false]
    ] as const
  )("is judged: an address %s", ([_, host, port, isTaken, isTakenLocally]) =>
    Effect.gen(function*() {
      for (const allowLocalAddresses of [false, true]) {
        const { manager, store } = yield* build({ allowLocalAddresses, listening: () => tcpAddress("8.8.9.9", 12_000) })
        const expected = (allowLocalAddresses ? isTakenLocally : isTaken) ? 1 : 0
        assert.strictEqual(manager.learn([tcpAddress(host, port)], teller), expected)
        const { learnedRefused, learnedShed, learnedWaiting } = manager.status()
        assert.deepStrictEqual([learnedWaiting, learnedRefused, learnedShed], [expected, 1 - expected, 0])
        yield* wait(3)
        assert.strictEqual(yield* store.size, expected)
      }
    }))

  it.effect("is in the book, and dialled, with the next round", () =>
    Effect.gen(function*() {
      const world = yield* build()
      assert.strictEqual(world.manager.learn(range(0, 100).map(at), teller), 100)
      yield* wait(3)
      assert.strictEqual(yield* world.store.size, 100)
      assert.strictEqual(world.dials.length, 3)
      assert.strictEqual(world.manager.status().learnedWaiting, 0)
    }))

  it.effect("waits in a queue with a bound: what was there stays, what comes is dropped and counted", () =>
    Effect.gen(function*() {
      const world = yield* build({ learnedAddresses: 5 })
      assert.strictEqual(world.manager.learn(range(0, 4).map(at), teller), 4)
      assert.strictEqual(world.manager.learn(range(2, 8).map(at), teller), 1)
      const { learnedShed, learnedWaiting } = world.manager.status()
      assert.deepStrictEqual([learnedWaiting, learnedShed], [5, 3])
      yield* wait(3)
      for (const host of range(0, 8)) {
        const record = yield* world.store.get(at(host))
        assert.strictEqual(record !== undefined, host < 5, `${host}`)
      }
      assert.strictEqual(world.manager.learn([at(7)], teller), 1)
    }))
})

describe("What a peer is told", () => {
  const told = (settings: Settings, receiver: PeerAddress) =>
    Effect.flatMap(
      build({ answer: () => "silent", ...settings }),
      (world) => Effect.map(world.manager.addressesFor(receiver), (addresses) => addresses.map(format))
    )

  it.effect("is of the book, without its own address", () =>
    Effect.gen(function*() {
      const before = (store: PeerStore["Service"]) => store.ensure([at(1), at(2), at(3)])
      assert.deepStrictEqual([...yield* told({ before }, at(2))].sort(), [format(at(1)), format(at(3))])
      const samePlace = tcpAddress(ip(2), 1)
      assert.strictEqual((yield* told({ before }, samePlace)).length, 3)
    }))

  it.effect("is as many addresses as it should get, also when its own is among those drawn", () =>
    Effect.gen(function*() {
      const before = (store: PeerStore["Service"]) => store.ensure(range(0, 51).map(at))
      const addresses = yield* told({ before }, at(0))
      assert.strictEqual(new Set(addresses).size, 50)
      const many = (store: PeerStore["Service"]) => store.ensure(range(0, 300).map(at))
      assert.strictEqual((yield* told({ before: many }, at(999))).length, 50)
    }))

  it.effect("leaves out private addresses unless local ones are allowed, and always those that are nobody's", () =>
    Effect.gen(function*() {
      const addresses = ["10.0.0.1", "172.16.0.1", "192.168.0.1", "0.0.0.1", "224.0.0.1", "8.8.4.4"]
      const before = (store: PeerStore["Service"]) => store.ensure(addresses.map((one) => tcpAddress(one, 9)))
      assert.deepStrictEqual(yield* told({ before }, at(2)), ["8.8.4.4:9"])
      assert.deepStrictEqual(
        [...yield* told({ before, allowLocalAddresses: true }, at(2))].sort(),
        ["10.0.0.1:9", "172.16.0.1:9", "192.168.0.1:9", "8.8.4.4:9"]
      )
    }))
})

describe("When something goes wrong", () => {
  it.effect("a round that the book fails is told of in the log, dials nobody, and the next one does its work", () =>
    Effect.gen(function*() {
      const world = yield* build({ knownPeers: [ip(1)], firstTickDelay: "1 second" })
      world.isStoreBroken = true
      world.manager.learn([at(2)], at(200))
      yield* wait(7)
      assert.deepStrictEqual(world.dials, [])
      assert.strictEqual(world.logged.length, 3)
      for (const line of world.logged) assert.match(line, /^Error .*disk is full/s)
      world.isStoreBroken = false
      yield* wait(3)
      assert.deepStrictEqual(dialed(world), [format(at(1)), format(at(2))])
      assert.strictEqual(world.logged.length, 3)
    }))

  it.effect("a dial that dies is told of in the log, and its address is dialled again when its time has come", () =>
    Effect.gen(function*() {
      const world = yield* build({ knownPeers: [ip(1)], answer: () => "dies" })
      assert.match(world.logged[0] ?? "", /^Error .*8\.8\.0\.1/)
      assert.strictEqual(world.manager.status().dialing, 0)
      world.answer = () => "joins"
      yield* wait(13)
      assert.deepStrictEqual(dialed(world), [format(at(1)), format(at(1))])
    }))
})

describe("When its Scope is closed", () => {
  it.effect("the keeper interrupts the dials under way, waits for them, and leaves no fiber", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const world = yield* build({
        knownPeers: [...ips(0, 2), "a.example.org"],
        names: [["a.example.org", "hangs"]],
        answer: () => "hangs"
      }).pipe(Scope.provide(scope))
      yield* wait(3)
      assert.strictEqual(world.dials.length, 2)
      assert.isAbove(world.fibers(), 3)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(world.fibers(), 0)
      assert.deepStrictEqual([...world.interrupted].sort(), ips(0, 2).map((one) => `${one}:11625`))
      yield* wait(3600)
      assert.strictEqual(world.dials.length, 2)
      assert.strictEqual(world.lookups.length, 1)
      assert.deepStrictEqual(world.logged, [])
    }))
})
