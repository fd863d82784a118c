/**
 * What every book of addresses must do, and that all of them do the same.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Random } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { TestClock } from "effect/testing"
import { join } from "node:path"
import { longestBackoffSeconds } from "../../src/core/Backoff.ts"
import { format, type PeerAddress, tcpAddress } from "../../src/core/PeerAddress.ts"
import type { PeerBookOptions } from "../../src/core/PeerBook.ts"
import * as Prng from "../../src/core/Prng.ts"
import * as MemoryPeerStore from "../../src/layers/memory/MemoryPeerStore.ts"
import * as SqliteClient from "../../src/layers/node/SqliteClient.ts"
import * as SqlitePeerStore from "../../src/layers/node/SqlitePeerStore.ts"
import * as SimulatedStores from "../../src/layers/simulation/SimulatedStores.ts"
import * as VirtualDisk from "../../src/layers/simulation/VirtualDisk.ts"
import { type Observed, type PeerKind, type PeerRecord, PeerStore } from "../../src/services/PeerStore.ts"
import { temporaryFolder } from "../layers/temporaryFolder.ts"

const sqlite = (filename: string, options?: PeerBookOptions) =>
  SqlitePeerStore.layer(options).pipe(Layer.provideMerge(SqliteClient.layer({ filename })))

/** A disk without latency asks nothing of its world. */
const virtualDisk = () =>
  VirtualDisk.make({ nowMicros: () => 0, after: () => assert.fail("it is not slow") }, Prng.stream(1, "disk"))

const ways: ReadonlyArray<readonly [string, (options?: PeerBookOptions) => Layer.Layer<PeerStore, unknown>]> = [
  ["memory", MemoryPeerStore.layer],
  [
    "a virtual disk",
    (options) => SimulatedStores.layer(virtualDisk(), options === undefined ? {} : { peers: options })
  ],
  ["SQLite in memory", (options) => sqlite(":memory:", options)],
  [
    "a SQLite file",
    (options) => Layer.unwrap(Effect.map(temporaryFolder, (folder) => sqlite(join(folder, "peers.db"), options)))
  ]
]

const address = (number: number): PeerAddress => tcpAddress(`10.0.${number >> 8}.${number & 255}`, 11_625)
const addresses = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => address(from + at))
const outbound: Observed = { kind: "outbound", preferredIsKnown: true }
const start = Date.UTC(2026, 0, 31, 23, 59, 58)

const failing = (store: PeerStore["Service"], at: PeerAddress, times: number) =>
  Effect.repeat(store.attempt(at), { times: times - 1 })

describe.each(ways)("A book of addresses in %s", (_, layer) => {
  const test = (name: string, body: Effect.Effect<void, unknown, PeerStore>, options?: PeerBookOptions) =>
    it.effect(name, () =>
      TestClock.setTime(start).pipe(
        Effect.andThen(body),
        Effect.provide(Layer.fresh(layer(options))),
        Random.withSeed(name)
      ))

  test(
    "enters new addresses as inbound, to be tried now, and leaves known ones as they are",
    Effect.gen(function*() {
      const store = yield* PeerStore
      yield* store.observe(address(1), outbound)
      yield* store.attempt(address(1))
      const before = yield* store.get(address(1))
      yield* TestClock.adjust("1500 millis")
      assert.strictEqual(yield* store.ensure([address(1), address(2), address(2), address(3)]), 3)
      assert.deepStrictEqual(yield* store.get(address(1)), before)
      assert.deepStrictEqual(yield* store.get(address(2)), {
        address: address(2),
        kind: "inbound",
        failures: 0,
        nextAttemptMillis: start + 1000
      })
      assert.strictEqual(yield* store.size, 3)
      assert.strictEqual(yield* store.ensure([]), 0)
      assert.isUndefined(yield* store.get(address(4)))
    })
  )

  test(
    "passes over what cannot be dialled, and fails when such an address is to be updated",
    Effect.gen(function*() {
      const store = yield* PeerStore
      const wrong = [
        tcpAddress("10.0.0.1", 0),
        tcpAddress("10.0.0.1", 65_536),
        tcpAddress("10.0.0.1", 1.5),
        tcpAddress("10.0.0.256", 1),
        tcpAddress("10.0.0", 1),
        tcpAddress("10.0.0.1.", 1),
        tcpAddress("10.0.0.01", 1),
        tcpAddress("::1", 1),
        tcpAddress("", 1),
        tcpAddress("host.example", 1)
      ]
      assert.strictEqual(yield* store.ensure([...wrong, tcpAddress("255.255.255.255", 65_535)]), 1)
      for (const one of wrong) {
        const updates = [store.observe(one, outbound), store.attempt(one), store.succeed(one), store.reset(one)]
        for (const update of updates) {
          assert.strictEqual((yield* Effect.flip(update))._tag, "PeerStoreError")
        }
        assert.isUndefined(yield* store.get(one))
      }
      assert.strictEqual(yield* store.size, 1)
    })
  )

  test(
    "changes the kind of an address by what was observed",
    Effect.gen(function*() {
      const store = yield* PeerStore
      const known: Record<PeerKind, Observed> = {
        inbound: { kind: "inbound" },
        outbound,
        preferred: { kind: "preferred" }
      }
      const unknown: Observed = { kind: "outbound", preferredIsKnown: false }
      const table: ReadonlyArray<readonly [PeerKind, Observed, PeerKind]> = [
        ["inbound", known.inbound, "inbound"],
        ["inbound", known.outbound, "outbound"],
        ["inbound", unknown, "outbound"],
        ["inbound", known.preferred, "preferred"],
        ["outbound", known.inbound, "outbound"],
        ["outbound", known.outbound, "outbound"],
        ["outbound", unknown, "outbound"],
        ["outbound", known.preferred, "preferred"],
        ["preferred", known.inbound, "outbound"],
        ["preferred", known.outbound, "outbound"],
        ["preferred", unknown, "preferred"],
        ["preferred", known.preferred, "preferred"]
      ]
      for (const [number, [before, observed, after]] of table.entries()) {
        const at = address(number)
        yield* store.observe(at, known[before])
        yield* store.attempt(at)
        const tried = yield* store.get(at)
        assert.strictEqual(tried?.kind, before)
        yield* store.observe(at, observed)
        assert.deepStrictEqual(yield* store.get(at), { ...tried, kind: after })
      }
    })
  )

  test(
    "backs off longer with each failure, from 1 second to at most 10,240",
    Effect.gen(function*() {
      const store = yield* PeerStore
      assert.deepStrictEqual([0, 1, 2, 9, 10, 11, 119].map((n) => longestBackoffSeconds(n)), [
        10,
        20,
        40,
        5120,
        10_240,
        10_240,
        10_240
      ])
      const longest = Array.from({ length: 12 }, () => 0)
      for (let number = 0; number < 60; number++) {
        for (let failures = 0; failures < 12; failures++) {
          yield* store.attempt(address(number))
          const record = yield* store.get(address(number))
          assert.strictEqual(record?.failures, failures + 1)
          const seconds = ((record?.nextAttemptMillis ?? 0) - start) / 1000
          assert.isTrue(Number.isInteger(seconds) && seconds >= 1 && seconds <= longestBackoffSeconds(failures))
          longest[failures] = Math.max(longest[failures] ?? 0, seconds)
        }
      }
      // Of sixty draws one is in the upper quarter.
      longest.forEach((seconds, failures) => assert.isAbove(seconds, longestBackoffSeconds(failures) * 0.75))
    })
  )

  test(
    "forgets failures after a success, with the back-off of none, and after a reset with no back-off",
    Effect.gen(function*() {
      const store = yield* PeerStore
      yield* store.observe(address(1), { kind: "preferred" })
      yield* failing(store, address(1), 119)
      assert.strictEqual((yield* store.get(address(1)))?.failures, 119)
      yield* store.succeed(address(1))
      const succeeded = yield* store.get(address(1))
      assert.strictEqual(succeeded?.failures, 0)
      assert.isAtLeast(succeeded?.nextAttemptMillis ?? 0, start + 1000)
      assert.isAtMost(succeeded?.nextAttemptMillis ?? 0, start + 10_000)
      yield* failing(store, address(1), 3)
      yield* store.reset(address(1))
      const expected = { address: address(1), kind: "preferred", failures: 0, nextAttemptMillis: start }
      assert.deepStrictEqual(yield* store.get(address(1)), expected)
      // An address that nobody knows comes in with any update.
      yield* store.reset(address(2))
      yield* store.succeed(address(3))
      assert.strictEqual((yield* store.get(address(2)))?.kind, "inbound")
      assert.strictEqual((yield* store.get(address(3)))?.kind, "inbound")
    })
  )

  test(
    "offers for dialling only what is of the kind, is due and has not failed too often",
    Effect.gen(function*() {
      const store = yield* PeerStore
      yield* store.ensure(addresses(0, 5))
      yield* store.observe(address(10), outbound)
      yield* store.observe(address(11), { kind: "preferred" })
      yield* store.attempt(address(0))
      yield* failing(store, address(1), 120)
      yield* failing(store, address(2), 121)
      const names = (kind: PeerKind) =>
        Effect.map(store.candidates(kind, 50), (records) => records.map((record) => format(record.address)).sort())
      assert.deepStrictEqual(yield* names("inbound"), [address(3), address(4)].map(format))
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* names("inbound"), [address(0), address(3), address(4)].map(format))
      yield* TestClock.adjust("3 hours")
      assert.deepStrictEqual(yield* names("inbound"), [address(0), address(1), address(3), address(4)].map(format))
      assert.deepStrictEqual(yield* names("outbound"), [format(address(10))])
      assert.deepStrictEqual(yield* names("preferred"), [format(address(11))])
    })
  )

  test(
    "offers an address at the second of its next attempt, and not before",
    Effect.gen(function*() {
      const store = yield* PeerStore
      yield* store.attempt(address(1))
      const at = (yield* store.get(address(1)))?.nextAttemptMillis ?? 0
      yield* TestClock.setTime(at - 1)
      assert.deepStrictEqual(yield* store.candidates("inbound", 1), [])
      yield* TestClock.setTime(at)
      assert.strictEqual((yield* store.candidates("inbound", 1)).length, 1)
    })
  )

  test(
    "draws at random: every address comes up, none twice in one drawing",
    Effect.gen(function*() {
      const store = yield* PeerStore
      yield* store.ensure(addresses(0, 200))
      const counts = new Map<string, number>()
      for (let round = 0; round < 100; round++) {
        const drawn = (yield* store.candidates("inbound", 20)).map((record) => format(record.address))
        assert.strictEqual(new Set(drawn).size, 20)
        drawn.forEach((name) => counts.set(name, (counts.get(name) ?? 0) + 1))
      }
      // Ten times each on average; with this seed and 50 rows in a window of 200, never absent.
      assert.strictEqual(counts.size, 200)
    }),
    { sampleRows: 50 }
  )

  test(
    "shares outbound and preferred addresses first, then inbound ones, with few failures only, due or not",
    Effect.gen(function*() {
      const store = yield* PeerStore
      yield* store.ensure(addresses(0, 10))
      yield* store.observe(address(20), outbound)
      yield* store.observe(address(21), { kind: "preferred" })
      yield* store.observe(address(22), outbound)
      yield* failing(store, address(20), 10)
      yield* failing(store, address(22), 11)
      yield* failing(store, address(0), 11)
      const shared = yield* store.toShare(50)
      assert.strictEqual(shared.length, 11)
      assert.deepStrictEqual(
        shared.slice(0, 2).map((record) => record.address.ip).sort(),
        [address(20).ip, address(21).ip]
      )
      assert.isTrue(shared.slice(2).every((record) => record.kind === "inbound" && record.failures <= 10))
      assert.notStrictEqual((yield* store.toShare(1))[0]?.kind, "inbound")
      assert.strictEqual((yield* store.toShare(5)).length, 5)
      assert.deepStrictEqual(yield* store.toShare(0), [])
    })
  )

  test(
    "purges what failed 120 times, everywhere or for one IP",
    Effect.gen(function*() {
      const store = yield* PeerStore
      const second = tcpAddress(address(2).ip, 11_626)
      yield* failing(store, address(1), 119)
      yield* failing(store, address(2), 120)
      yield* failing(store, second, 121)
      yield* failing(store, address(3), 120)
      assert.strictEqual(yield* store.purge(address(1).ip), 0)
      assert.strictEqual(yield* store.purge(address(2).ip), 2)
      assert.isDefined(yield* store.get(address(3)))
      assert.strictEqual(yield* store.purge(), 1)
      assert.strictEqual(yield* store.size, 1)
      yield* store.attempt(address(1))
      assert.strictEqual(yield* store.purge(), 1)
    })
  )

  test(
    "when full, gives the place of the inbound address that failed most to one that it is told of, or to none",
    Effect.gen(function*() {
      const store = yield* PeerStore
      yield* store.ensure(addresses(0, 4))
      yield* store.observe(address(4), outbound)
      yield* failing(store, address(4), 9)
      yield* failing(store, address(1), 2)
      yield* failing(store, address(2), 3)
      // Address 2 has failed most, but is among the told; 1 goes; for the second new one there is no place.
      assert.strictEqual(yield* store.ensure([address(2), address(10), address(11)]), 2)
      assert.isUndefined(yield* store.get(address(1)))
      assert.isDefined(yield* store.get(address(2)))
      assert.isDefined(yield* store.get(address(10)))
      yield* store.observe(address(12), { kind: "inbound" })
      assert.isUndefined(yield* store.get(address(2)))
      assert.isDefined(yield* store.get(address(12)))
      yield* store.observe(address(13), { kind: "inbound" })
      assert.isUndefined(yield* store.get(address(13)))
      assert.strictEqual(yield* store.ensure(addresses(20, 30)), 0)
      assert.isDefined(yield* store.get(address(4)))
      assert.strictEqual(yield* store.size, 5)
    }),
    { entries: 5 }
  )

  test(
    "when full, enters what the node chose itself in place of the worst that is not preferred",
    Effect.gen(function*() {
      const store = yield* PeerStore
      yield* store.observe(address(0), { kind: "inbound" })
      yield* store.observe(address(1), outbound)
      yield* store.attempt(address(1))
      yield* store.observe(address(2), outbound)
      yield* store.observe(address(10), { kind: "preferred" })
      assert.isUndefined(yield* store.get(address(0)))
      yield* store.observe(address(11), { kind: "preferred" })
      assert.isUndefined(yield* store.get(address(1)))
      yield* store.observe(address(12), { kind: "preferred" })
      assert.isUndefined(yield* store.get(address(2)))
      yield* store.attempt(address(13))
      assert.isUndefined(yield* store.get(address(13)))
      assert.strictEqual(yield* store.size, 3)
    }),
    { entries: 3 }
  )
})

describe("Books of addresses", () => {
  it.effect("in memory are not shared by two who build the layer", () =>
    Effect.gen(function*() {
      const layer = MemoryPeerStore.layer()
      const build = Effect.map(Layer.build(Layer.fresh(layer)), (context) => Context.get(context, PeerStore))
      const [one, other] = [yield* build, yield* build]
      yield* one.ensure([address(1)])
      assert.strictEqual(yield* other.size, 0)
    }))

  it.effect("give the same answers to 2,000 random operations, whatever they are kept on", () =>
    Effect.gen(function*() {
      const options: PeerBookOptions = { entries: 40, sampleRows: 7, maxFailures: 5, maxFailuresToShare: 2 }
      const stores = yield* Effect.forEach(
        ways,
        ([, layer]) =>
          Effect.map(Layer.build(Layer.fresh(layer(options))), (context) => Context.get(context, PeerStore))
      )
      yield* TestClock.setTime(start)
      const below = (end: number) => Random.nextIntBetween(0, end, { halfOpen: true })
      const pool = Array.from(
        { length: 60 },
        (_, at) => tcpAddress(`${9 + (at % 4)}.0.0.${at % 15}`, at % 13 === 0 ? 0 : 8 + (at % 5))
      )
      const someAddress = Effect.map(below(pool.length), (at) => pool[at] ?? address(0))
      const someLimit = below(12)
      const someKind = Effect.map(
        below(3),
        (at): PeerKind => (["inbound", "outbound", "preferred"] as const)[at] ?? "inbound"
      )
      const answers = new Map<string, number>()
      for (let operation = 0; operation < 2000; operation++) {
        yield* TestClock.adjust(yield* below(4000))
        const which = yield* below(16)
        const at = yield* someAddress
        const limit = yield* someLimit
        const kind = yield* someKind
        const preferredIsKnown = yield* Random.nextBoolean
        const several = yield* Effect.replicateEffect(someAddress, limit)
        const run = (store: PeerStore["Service"]): Effect.Effect<unknown, unknown> => {
          switch (which) {
            case 0:
            case 1:
              return store.ensure(several)
            case 2:
            case 3:
              return store.observe(at, kind === "outbound" ? { kind, preferredIsKnown } : { kind })
            case 4:
            case 5:
            case 6:
            case 7:
              return store.attempt(at)
            case 8:
              return store.succeed(at)
            case 9:
              return store.reset(at)
            case 10:
            case 11:
              return store.candidates(kind, limit)
            case 12:
              return store.toShare(limit)
            case 13:
              return limit === 0 ? store.purge() : store.purge(at.ip)
            case 14:
              return store.size
            default:
              return Effect.forEach(pool, (one) => store.get(one))
          }
        }
        const results = yield* Effect.forEach(stores, (store) =>
          run(store).pipe(
            Effect.match({ onFailure: (error) => String(error), onSuccess: (value) => value }),
            Random.withSeed(operation)
          ))
        results.forEach((result) =>
          assert.deepStrictEqual(result, results[0], `operation ${operation} of kind ${which}`)
        )
        if (results[0] !== undefined && JSON.stringify(results[0]) !== "[]") {
          answers.set(String(which), (answers.get(String(which)) ?? 0) + 1)
        }
      }
      // Each operation that answers has answered something, many times.
      for (const which of ["0", "10", "12", "13", "14", "15"]) {
        assert.isAbove(answers.get(which) ?? 0, 50)
      }
      const contents = yield* Effect.forEach(stores, (store) => Effect.forEach(pool, (one) => store.get(one)))
      contents.forEach((content) => assert.deepStrictEqual(content, contents[0]))
    }).pipe(Random.withSeed("books of addresses")))
})

describe("A book of addresses in a SQLite file", () => {
  it.effect("is as it was after a restart", () =>
    Effect.gen(function*() {
      const filename = join(yield* temporaryFolder, "peers.db")
      const everything = (store: PeerStore["Service"]) => Effect.forEach(addresses(0, 300), (at) => store.get(at))
      const before = yield* withStore(filename, (store) =>
        Effect.gen(function*() {
          yield* store.ensure(addresses(0, 250))
          yield* store.observe(address(7), { kind: "preferred" })
          yield* store.observe(address(8), outbound)
          yield* failing(store, address(9), 20)
          return yield* everything(store)
        }))
      assert.strictEqual(before.filter((record) => record !== undefined).length, 250)
      assert.deepStrictEqual(yield* withStore(filename, everything), before)
    }))

  it.effect("reads rows that others wrote, with stellar-core's statements or by hand", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(start)
      const sql = yield* SqlClient
      const store = yield* PeerStore
      yield* sql`INSERT INTO peers (nextattempt, numfailures, type, ip, port)
        VALUES ('2026-01-31 23:59:58', 3, 1, '1.2.3.4', 11625)`
      yield* sql`INSERT INTO peers (nextattempt, numfailures, type, ip, port)
        VALUES ('2026-02-01 00:00:00', 0, 2, '1.2.3.5', 65535)`
      yield* sql`INSERT INTO peers (ip, port, nextattempt, type) VALUES ('1.2.3.6', 1, 'some day', 9)`
      const core: PeerRecord = {
        address: tcpAddress("1.2.3.4", 11_625),
        kind: "outbound",
        failures: 3,
        nextAttemptMillis: Date.UTC(2026, 0, 31, 23, 59, 58)
      }
      assert.deepStrictEqual(yield* store.get(core.address), core)
      assert.deepStrictEqual(yield* store.candidates("outbound", 5), [core])
      assert.deepStrictEqual(yield* store.candidates("preferred", 5), [])
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* store.candidates("preferred", 5))[0]?.nextAttemptMillis, start + 2000)
      const odd = yield* store.get(tcpAddress("1.2.3.6", 1))
      assert.deepStrictEqual([odd?.kind, odd?.failures, odd?.nextAttemptMillis], ["inbound", 0, 0])
    }).pipe(Effect.provide(sqlite(":memory:"))))

  it.effect("writes times as SQLite and stellar-core write them", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(start + 999)
      const store = yield* PeerStore
      const sql = yield* SqlClient
      yield* store.observe(address(1), { kind: "preferred" })
      const rows = yield* sql`SELECT *, unixepoch(nextattempt) AS seconds FROM peers`
      assert.deepStrictEqual(rows, [{
        ip: "10.0.0.1",
        port: 11_625,
        nextattempt: "2026-01-31 23:59:58",
        numfailures: 0,
        type: 2,
        seconds: start / 1000
      }])
    }).pipe(Effect.provide(sqlite(":memory:"))))

  it.effect("changes nothing when a part of an operation fails", () =>
    Effect.gen(function*() {
      const store = yield* PeerStore
      const sql = yield* SqlClient
      yield* store.ensure(addresses(0, 5))
      yield* failing(store, address(0), 3)
      yield* sql`CREATE TRIGGER refuse BEFORE INSERT ON peers WHEN NEW.ip = '10.0.0.11'
        BEGIN SELECT RAISE(ABORT, 'no such luck'); END`
      const error = yield* Effect.flip(store.ensure([address(10), address(11)]))
      assert.deepStrictEqual([error._tag, error.operation, error.message], ["PeerStoreError", "ensure", "no such luck"])
      assert.isDefined(yield* store.get(address(0)))
      assert.isUndefined(yield* store.get(address(10)))
      yield* sql`DROP TABLE peers`
      const size = yield* Effect.flip(store.size)
      assert.include(size.message, "no such table: peers")
    }).pipe(Effect.provide(sqlite(":memory:", { entries: 6 }))))
})

const withStore = <A, E>(filename: string, use: (store: PeerStore["Service"]) => Effect.Effect<A, E>) =>
  Effect.scoped(
    Effect.flatMap(Layer.build(Layer.fresh(sqlite(filename))), (context) => use(Context.get(context, PeerStore)))
  )
