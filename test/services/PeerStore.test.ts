/**
 * What every book of addresses must do, and that all of them do the same.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Random } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { TestClock } from "effect/testing"
import { join } from "node:path"
import { groupOf } from "../../src/core/AddressTables.ts"
import { longestBackoffSeconds } from "../../src/core/Backoff.ts"
import { HASH_KEY_BYTES } from "../../src/core/HalfSipHash.ts"
import {
  NEW_BUCKET_PLACES,
  NEW_BUCKETS_PER_SOURCE,
  NEW_PLACES_PER_GROUP,
  TRIED_PLACES_PER_GROUP
} from "../../src/core/limits.ts"
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
import { fixedSecrets } from "../support/fixedSecrets.ts"

const sqlite = (filename: string, options?: PeerBookOptions) =>
  SqlitePeerStore.layer(options).pipe(Layer.provideMerge(SqliteClient.layer({ filename })))

/** A disk without latency asks nothing of its world. */
const virtualDisk = () =>
  VirtualDisk.make({ nowMicros: () => 0, after: () => assert.fail("it is not slow") }, Prng.stream(1, "disk"))

/** The bytes of `fixedSecrets`. */
const key = new Uint8Array(HASH_KEY_BYTES).fill(7)

const ways: ReadonlyArray<readonly [string, (options?: PeerBookOptions) => Layer.Layer<PeerStore, unknown>]> = [
  ["memory", MemoryPeerStore.layer],
  [
    "a virtual disk",
    (options) => SimulatedStores.layer(virtualDisk(), { key, ...(options === undefined ? {} : { peers: options }) })
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
        Effect.provide(Layer.fresh(Layer.provide(layer(options), fixedSecrets))),
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
    "passes over what cannot be dialled, and fails when such an address is to be updated [core: create peer record]",
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
        const updates = [
          store.observe(one, outbound),
          store.attempt(one),
          store.withdraw(one),
          store.succeed(one),
          store.reset(one)
        ]
        for (const update of updates) {
          assert.strictEqual((yield* Effect.flip(update))._tag, "PeerStoreError")
        }
        assert.isUndefined(yield* store.get(one))
      }
      assert.strictEqual(yield* store.size, 1)
    })
  )

  test(
    "takes back the failure of an attempt that was ended from here, and nothing else of it",
    Effect.gen(function*() {
      const store = yield* PeerStore
      yield* store.withdraw(address(1))
      assert.strictEqual(yield* store.size, 0)
      yield* failing(store, address(1), 3)
      const before = yield* store.get(address(1))
      assert.strictEqual(before?.failures, 3)
      yield* store.withdraw(address(1))
      assert.deepStrictEqual(yield* store.get(address(1)), { ...before, failures: 2 })
      yield* Effect.repeat(store.withdraw(address(1)), { times: 3 })
      assert.strictEqual((yield* store.get(address(1)))?.failures, 0)
    })
  )

  test(
    "changes the kind of an address by what was observed [ref 8.3 kinds by what is observed]",
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
    "backs off longer with each failure, from 1 second to at most 10,240 [ref 8.2 back-off] [ref 8.2 INCREASE]",
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
    "forgets failures after a success, with the back-off of none, and after a reset with no back-off [ref 8.2 RESET]",
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
    "offers for dialling only what is of the kind, is due and has not failed too often [core: loadRandomPeers] [core: nextAttemptCutoff limits failures] [ref 8.4 120 failures to be dialled]",
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
    "shares outbound and preferred addresses first, then inbound ones, with few failures only, due or not [core: getPeersToSend] [core: loadRandomPeers] [ref 8.4 10 failures to be told]",
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
    "purges what failed 120 times, everywhere or for one IP [core: purge peer table] [ref 8.2 purge at 120 failures]",
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

  /** Addresses of the open internet, each in a /16 of its own. */
  const scattered = (from: number, to: number) =>
    Array.from(
      { length: to - from },
      (_, at) => tcpAddress(`${20 + ((from + at) >> 8)}.${(from + at) & 255}.1.1`, 11_625)
    )
  /** So many addresses of one /16: more than it has places among the tried, so that two of them want the same. */
  const neighbours = (count: number) => Array.from({ length: count }, (_, at) => tcpAddress(`8.8.0.${at}`, 11_625))
  const sourceOf = (group: number) => tcpAddress(`9.${group}.1.1`, 11_625)
  const names = (addresses: ReadonlyArray<PeerAddress>) => addresses.map(format).sort()

  test(
    "gives told addresses places as far as their source has any, and enters nobody else",
    Effect.gen(function*() {
      const store = yield* PeerStore
      yield* store.observe(scattered(0, 1)[0] ?? address(0), outbound)
      const known = yield* store.learn([...scattered(0, 600), ...scattered(0, 600), tcpAddress("::1", 1)], sourceOf(1))
      const residents = yield* store.residents("new")
      assert.strictEqual(residents.length, known)
      assert.isAtMost(known, NEW_BUCKETS_PER_SOURCE * NEW_BUCKET_PLACES)
      assert.isAbove(known, NEW_BUCKET_PLACES)
      assert.strictEqual((yield* store.get(scattered(0, 1)[0] ?? address(0)))?.kind, "outbound")
      const withoutPlace = names(residents).includes(format(scattered(0, 1)[0] ?? address(0))) ? 0 : 1
      assert.strictEqual(yield* store.size, known + withoutPlace)
      // Told again, nothing changes; another source has places of its own.
      assert.strictEqual(yield* store.learn(scattered(0, 600), sourceOf(1)), known)
      assert.deepStrictEqual(yield* store.residents("new"), residents)
      assert.isAbove(yield* store.learn(scattered(0, 600), sourceOf(2)), known)
      const first = residents[0] ?? address(0)
      assert.deepInclude(yield* store.get(first), { kind: "inbound", failures: 0, nextAttemptMillis: start })
    })
  )

  test(
    "gives the places of those that failed to others that are told, and forgets who has none left",
    Effect.gen(function*() {
      const store = yield* PeerStore
      yield* store.learn(scattered(0, 600), sourceOf(1))
      const before = yield* store.residents("new")
      const kept = before[0] ?? address(0)
      yield* store.observe(kept, { kind: "preferred" })
      yield* Effect.forEach(before, store.attempt)
      yield* store.learn(scattered(600, 1800), sourceOf(1))
      const after = new Set(names(yield* store.residents("new")))
      const gone = before.filter((one) => !after.has(format(one)))
      assert.isAbove(gone.length, before.length / 2)
      for (const one of gone) {
        assert.strictEqual((yield* store.get(one)) === undefined, format(one) !== format(kept))
      }
      assert.isDefined(yield* store.get(kept))
    })
  )

  test(
    "takes who called us for its own source",
    Effect.gen(function*() {
      const store = yield* PeerStore
      yield* Effect.forEach(neighbours(30), (one) => store.observe(one, { kind: "inbound" }))
      assert.strictEqual(yield* store.size, 30)
      const residents = yield* store.residents("new")
      assert.isTrue(residents.length > 0 && residents.length <= NEW_PLACES_PER_GROUP)
      yield* store.observe(address(1), outbound)
      yield* store.observe(address(2), { kind: "preferred" })
      assert.strictEqual((yield* store.residents("new")).length, residents.length)
    })
  )

  test(
    "moves what answered to the tried, and lets others wait until the resident was tested",
    Effect.gen(function*() {
      const store = yield* PeerStore
      const told = scattered(0, 1)
      yield* store.learn(told, sourceOf(1))
      yield* Effect.forEach(told, store.succeed)
      assert.deepStrictEqual(yield* store.residents("new"), [])
      assert.deepStrictEqual(yield* store.residents("tried"), told)
      // More neighbours than places: some wait, whatever the key.
      yield* Effect.forEach(
        neighbours(30),
        (one) => store.observe(one, outbound).pipe(Effect.andThen(store.succeed(one)))
      )
      const tried = yield* store.residents("tried")
      assert.isAtMost(tried.length, TRIED_PLACES_PER_GROUP + 1)
      const waiting = yield* store.residents("waiting")
      assert.isTrue(waiting.length > 0 && waiting.length < tried.length + 1)
      // It is the resident that is tested, whether due or not. It answers: who waited waits no more.
      const tested = (yield* store.feeler) ?? address(0)
      assert.include(names(tried), format(tested))
      yield* store.tested(tested, true)
      assert.deepStrictEqual(yield* store.residents("tried"), tried)
      assert.strictEqual((yield* store.residents("waiting")).length, waiting.length - 1)
      // It does not: its place and its row are gone.
      yield* Effect.forEach(neighbours(30), store.succeed)
      const silent = (yield* store.feeler) ?? address(0)
      yield* store.tested(silent, false)
      const after = yield* store.residents("tried")
      assert.strictEqual(after.length, tried.length)
      assert.notInclude(names(after), format(silent))
      assert.isUndefined(yield* store.get(silent))
      assert.strictEqual(names(after).filter((name) => !names(tried).includes(name)).length, 1)
    })
  )

  test(
    "keeps the row of a configured and of a preferred address that lost its place",
    Effect.gen(function*() {
      const store = yield* PeerStore
      const [configured, preferred, other] = scattered(0, 3)
      if (configured === undefined || preferred === undefined || other === undefined) return assert.fail()
      yield* store.learn([other], sourceOf(1))
      yield* store.learn([configured], sourceOf(2))
      yield* store.learn([preferred], sourceOf(3))
      yield* store.reset(configured)
      yield* store.observe(preferred, { kind: "preferred" })
      yield* Effect.forEach([configured, preferred, other], (one) => store.tested(one, false))
      assert.deepStrictEqual(yield* store.residents("new"), [])
      assert.deepInclude(yield* store.get(configured), { failures: 1 })
      assert.deepInclude(yield* store.get(preferred), { failures: 1 })
      assert.isUndefined(yield* store.get(other))
    })
  )

  test(
    "counts a feeler as an attempt or a success, and enters nobody who did not answer",
    Effect.gen(function*() {
      const store = yield* PeerStore
      const [known, unknown] = scattered(0, 2)
      if (known === undefined || unknown === undefined) return assert.fail()
      yield* store.tested(unknown, false)
      assert.strictEqual(yield* store.size, 0)
      yield* failing(store, known, 3)
      yield* store.tested(known, false)
      assert.deepInclude(yield* store.get(known), { failures: 4 })
      yield* store.tested(known, true)
      assert.deepInclude(yield* store.get(known), { failures: 0 })
      assert.deepStrictEqual(yield* store.residents("tried"), [known])
      // Nobody waits for its place.
      yield* store.tested(known, false)
      assert.deepStrictEqual(yield* store.residents("tried"), [known])
      for (const answered of [true, false]) {
        assert.strictEqual((yield* Effect.flip(store.tested(tcpAddress("::1", 1), answered))).operation, "tested")
      }
    })
  )

  test(
    "draws for dialling from both tables what is due and has not failed too often, one of a group",
    Effect.gen(function*() {
      const store = yield* PeerStore
      assert.deepStrictEqual(yield* store.toDial(5), [])
      assert.isUndefined(yield* store.feeler)
      const [one, two, three, ...others] = scattered(0, 40)
      if (one === undefined || two === undefined || three === undefined) return assert.fail()
      const drawn = Effect.map(store.toDial(100), (records) => names(records.map(({ address }) => address)))
      yield* Effect.forEach([one, two, three], (one, at) => store.learn([one], sourceOf(at)))
      yield* store.observe(address(9), outbound)
      assert.deepStrictEqual(yield* drawn, names([one, two, three]))
      yield* store.succeed(one)
      yield* failing(store, two, 121)
      assert.deepStrictEqual(yield* drawn, names([three]))
      assert.deepStrictEqual(yield* store.feeler, three)
      yield* store.attempt(three)
      assert.isUndefined(yield* store.feeler)
      yield* TestClock.adjust("3 hours")
      assert.deepStrictEqual(yield* drawn, names([one, three]))
      assert.deepStrictEqual(yield* store.feeler, three)
      assert.strictEqual((yield* store.toDial(1)).length, 1)
      yield* Effect.forEach(neighbours(30), (one) => store.observe(one, { kind: "inbound" }))
      yield* Effect.forEach(others, store.succeed)
      yield* TestClock.adjust("3 hours")
      const groups = (yield* store.toDial(100)).map(({ address }) => groupOf(address.ip))
      assert.strictEqual(new Set(groups).size, groups.length)
      assert.isAbove(groups.length, 35)
    })
  )

  test(
    "keeps the first two anchors that were named last",
    Effect.gen(function*() {
      const store = yield* PeerStore
      assert.deepStrictEqual(yield* store.anchors, [])
      yield* store.setAnchors(addresses(0, 1))
      assert.deepStrictEqual(yield* store.anchors, addresses(0, 1))
      yield* store.setAnchors([tcpAddress("::1", 1), address(5), address(2), address(7)])
      assert.deepStrictEqual(yield* store.anchors, [address(5), address(2)])
      yield* store.setAnchors([address(2), address(5)])
      assert.deepStrictEqual(yield* store.anchors, [address(2), address(5)])
      yield* store.setAnchors([])
      assert.deepStrictEqual(yield* store.anchors, [])
      assert.strictEqual(yield* store.size, 0)
    })
  )

  test(
    "when full, makes room for what has a place at the cost of what has none, and purges places with rows",
    Effect.gen(function*() {
      const store = yield* PeerStore
      yield* store.ensure(addresses(0, 5))
      const told = scattered(0, 4)
      yield* Effect.forEach(told, (one, at) => store.learn([one], sourceOf(at)))
      assert.strictEqual(yield* store.size, 5)
      assert.deepStrictEqual(names(yield* store.residents("new")), names(told))
      assert.strictEqual((yield* Effect.forEach(told, store.get)).filter((record) => record !== undefined).length, 4)
      yield* store.observe(address(3), { kind: "preferred" })
      // Nobody may go: the last one is preferred, and the others have places.
      assert.strictEqual(yield* store.learn(scattered(10, 11), sourceOf(10)), 0)
      assert.strictEqual((yield* store.residents("new")).length, 4)
      yield* failing(store, told[0] ?? address(0), 120)
      assert.strictEqual(yield* store.purge(), 1)
      assert.deepStrictEqual(names(yield* store.residents("new")), names(told.slice(1)))
      yield* store.observe(address(10), outbound)
      yield* store.observe(address(11), outbound)
      assert.strictEqual((yield* store.residents("new")).length, 2)
    }),
    { entries: 5 }
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
          Effect.map(
            Layer.build(Layer.fresh(Layer.provide(layer(options), fixedSecrets))),
            (context) => Context.get(context, PeerStore)
          )
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
        const which = yield* below(25)
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
            case 15:
            case 16:
            case 17:
              return store.learn(several, at)
            case 18:
              return store.toDial(limit)
            case 19:
              return store.feeler
            case 20:
              return store.tested(at, preferredIsKnown)
            case 21:
              return Effect.andThen(store.setAnchors(several), store.anchors)
            case 22:
              return Effect.forEach(["new", "tried", "waiting"] as const, store.residents)
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
      for (const which of ["0", "10", "12", "13", "14", "15", "18", "19", "21", "22", "24"]) {
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
      const everything = (store: PeerStore["Service"]) =>
        Effect.all({
          rows: Effect.forEach(addresses(0, 300), (at) => store.get(at)),
          new: store.residents("new"),
          tried: store.residents("tried"),
          anchors: store.anchors
        })
      const before = yield* withStore(filename, (store) =>
        Effect.gen(function*() {
          yield* store.ensure(addresses(0, 250))
          yield* store.observe(address(7), { kind: "preferred" })
          yield* store.observe(address(8), outbound)
          yield* failing(store, address(9), 20)
          yield* store.learn(addresses(240, 260), address(300))
          yield* store.succeed(address(8))
          yield* store.setAnchors([address(8)])
          return yield* everything(store)
        }))
      assert.isAtLeast(before.rows.filter((record) => record !== undefined).length, 255)
      assert.deepStrictEqual([before.tried, before.anchors], [[address(8)], [address(8)]])
      assert.isAbove(before.new.length, 10)
      assert.deepStrictEqual(yield* withStore(filename, everything), before)
      // Under the same key each is found at its place again.
      yield* withStore(filename, (store) => store.learn(addresses(240, 260), address(300)))
      assert.deepStrictEqual(yield* withStore(filename, everything), before)
    }))

  it.effect("that had no tables yet gives its addresses places, once", () =>
    Effect.gen(function*() {
      const filename = join(yield* temporaryFolder, "peers.db")
      yield* withStore(filename, (store) =>
        Effect.gen(function*() {
          yield* store.ensure(addresses(0, 20))
          yield* store.observe(address(30), outbound)
          yield* store.observe(address(31), outbound)
          yield* store.attempt(address(31))
        }))
      yield* Effect.scoped(
        Effect.gen(function*() {
          const sql = yield* SqlClient
          yield* sql`DELETE FROM address_key`
          yield* sql`INSERT INTO address_places VALUES ('tried', 1, '1.2.3.4', 5)`
        }).pipe(Effect.provide(SqliteClient.layer({ filename })))
      )
      const tables = (store: PeerStore["Service"]) => Effect.all([store.residents("tried"), store.residents("new")])
      const [tried, told] = yield* withStore(filename, tables)
      assert.deepStrictEqual(tried, [address(30)])
      assert.isAbove(told.length, 15)
      assert.deepStrictEqual(yield* withStore(filename, tables), [tried, told])
    }))

  it.effect("takes a place for free whose address has no row any more", () =>
    Effect.gen(function*() {
      const store = yield* PeerStore
      const sql = yield* SqlClient
      yield* store.succeed(address(1))
      yield* store.learn([address(2)], address(3))
      yield* sql`DELETE FROM peers`
      assert.deepStrictEqual(yield* store.toDial(5), [])
      assert.isUndefined(yield* store.feeler)
      assert.strictEqual(yield* store.learn([address(2)], address(3)), 1)
      assert.isDefined(yield* store.get(address(2)))
      yield* store.succeed(address(1))
      assert.deepStrictEqual(yield* store.residents("waiting"), [])
    }).pipe(Effect.provide(sqlite(":memory:"))))

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
