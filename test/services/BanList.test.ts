/**
 * What every list of bans must do.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { TestClock } from "effect/testing"
import { join } from "node:path"
import { BAN_NOTE_CHARACTERS } from "../../src/core/limits.ts"
import { PeerId } from "../../src/core/PeerId.ts"
import * as Prng from "../../src/core/Prng.ts"
import * as MemoryBanList from "../../src/layers/memory/MemoryBanList.ts"
import * as SqliteBanList from "../../src/layers/node/SqliteBanList.ts"
import * as SqliteClient from "../../src/layers/node/SqliteClient.ts"
import * as SqlitePeerStore from "../../src/layers/node/SqlitePeerStore.ts"
import * as SimulatedStores from "../../src/layers/simulation/SimulatedStores.ts"
import * as VirtualDisk from "../../src/layers/simulation/VirtualDisk.ts"
import { BanList } from "../../src/services/BanList.ts"
import { PeerStore } from "../../src/services/PeerStore.ts"
import { temporaryFolder } from "../layers/temporaryFolder.ts"

const sqlite = (filename: string, options?: { readonly entries?: number }) =>
  SqliteBanList.layer(options).pipe(Layer.provideMerge(SqliteClient.layer({ filename })))

/** A disk without latency asks nothing of its world. */
const virtualDisk = () =>
  VirtualDisk.make({ nowMicros: () => 0, after: () => assert.fail("it is not slow") }, Prng.stream(1, "disk"))

const ways: ReadonlyArray<
  readonly [string, (options?: { readonly entries?: number }) => Layer.Layer<BanList, unknown>]
> = [
  ["memory", MemoryBanList.layer],
  ["a virtual disk", (options) => SimulatedStores.layer(virtualDisk(), options === undefined ? {} : { bans: options })],
  ["SQLite", (options) => sqlite(":memory:", options)]
]

const idsOf = (list: BanList["Service"]) => Effect.map(list.all, (bans) => bans.map(({ id }) => id))

const [ann, bob, cyd] = [PeerId("GANN"), PeerId("GBOB"), PeerId("GCYD")]

describe.each(ways)("A list of bans in %s", (_, layer) => {
  it.effect("knows who is banned until the ban is lifted", () =>
    Effect.gen(function*() {
      const list = yield* BanList
      assert.isFalse(yield* list.isBanned(ann))
      yield* list.ban(ann)
      yield* list.ban(ann)
      assert.isTrue(yield* list.isBanned(ann))
      assert.isFalse(yield* list.isBanned(bob))
      assert.isTrue(yield* list.unban(ann))
      assert.isFalse(yield* list.unban(ann))
      assert.isFalse(yield* list.isBanned(ann))
    }).pipe(Effect.provide(Layer.fresh(layer()))))

  it.effect("lists all bans in the order of their text, each once", () =>
    Effect.gen(function*() {
      const list = yield* BanList
      for (const id of [cyd, ann, bob, ann]) {
        yield* list.ban(id)
      }
      assert.deepStrictEqual(yield* idsOf(list), [ann, bob, cyd])
    }).pipe(Effect.provide(Layer.fresh(layer()))))

  it.effect("refuses a new ban when it is full, and says so", () =>
    Effect.gen(function*() {
      const list = yield* BanList
      yield* list.ban(ann)
      yield* list.ban(bob)
      yield* list.ban(ann)
      const error = yield* Effect.flip(list.ban(cyd))
      assert.deepStrictEqual([error._tag, error.operation], ["BanListError", "ban"])
      assert.include(error.message, "2 bans")
      yield* list.unban(bob)
      yield* list.ban(cyd)
      assert.deepStrictEqual(yield* idsOf(list), [ann, cyd])
    }).pipe(Effect.provide(Layer.fresh(layer({ entries: 2 })))))

  it.effect("shows note, beginning and expiry of each ban, as they were given last", () =>
    Effect.gen(function*() {
      const list = yield* BanList
      yield* TestClock.setTime(1_700_000_000_123)
      yield* list.ban(bob)
      yield* list.ban(ann, { note: "sends \u0000 and ü", expiresAtMillis: 1_700_000_009_999 })
      const permanent = { note: undefined, sinceMillis: 1_700_000_000_123, expiresAtMillis: undefined }
      assert.deepStrictEqual(yield* list.all, [
        { id: ann, note: "sends \u0000 and ü", sinceMillis: 1_700_000_000_123, expiresAtMillis: 1_700_000_009_999 },
        { id: bob, ...permanent }
      ])
      yield* TestClock.adjust(1000)
      yield* list.ban(ann)
      yield* list.ban(bob, { note: "again" })
      assert.deepStrictEqual(yield* list.all, [{ id: ann, ...permanent }, { id: bob, ...permanent, note: "again" }])
    }).pipe(Effect.provide(Layer.fresh(layer()))))

  it.effect("counts a ban as none from the millisecond of its expiry on", () =>
    Effect.gen(function*() {
      const list = yield* BanList
      yield* list.ban(ann, { expiresAtMillis: 1000 })
      yield* list.ban(bob)
      yield* TestClock.setTime(999)
      assert.isTrue(yield* list.isBanned(ann))
      assert.deepStrictEqual(yield* idsOf(list), [ann, bob])
      yield* TestClock.setTime(1000)
      assert.isFalse(yield* list.isBanned(ann))
      assert.deepStrictEqual(yield* idsOf(list), [bob])
      assert.isFalse(yield* list.unban(ann))
      yield* list.ban(ann)
      assert.isTrue(yield* list.isBanned(ann))
      assert.strictEqual((yield* list.all)[0]?.sinceMillis, 1000, "another ban than the one that has expired")
    }).pipe(Effect.provide(Layer.fresh(layer()))))

  it.effect("has room where bans have expired, and a new expiry for one who is banned while it is full", () =>
    Effect.gen(function*() {
      const list = yield* BanList
      yield* list.ban(ann, { expiresAtMillis: 1000 })
      yield* list.ban(bob, { expiresAtMillis: 1000 })
      yield* list.ban(bob, { expiresAtMillis: 2000 })
      assert.include((yield* Effect.flip(list.ban(cyd))).message, "full")
      yield* TestClock.setTime(1000)
      yield* list.ban(cyd)
      assert.deepStrictEqual(yield* idsOf(list), [bob, cyd])
    }).pipe(Effect.provide(Layer.fresh(layer({ entries: 2 })))))

  it.effect("refuses a note that is too long, and an expiry that is no time to come, and leaves what there is", () =>
    Effect.gen(function*() {
      const list = yield* BanList
      yield* TestClock.setTime(1000)
      yield* list.ban(ann, { note: "n".repeat(BAN_NOTE_CHARACTERS), expiresAtMillis: 1001 })
      const before = yield* list.all
      const long = yield* Effect.flip(list.ban(ann, { note: "n".repeat(BAN_NOTE_CHARACTERS + 1) }))
      assert.deepStrictEqual([long._tag, long.operation], ["BanListError", "ban"])
      assert.include(long.message, `${BAN_NOTE_CHARACTERS}`)
      for (const expiresAtMillis of [-1, 0, 999, 1000, 1000.5, NaN, Infinity]) {
        const past = yield* Effect.flip(list.ban(ann, { expiresAtMillis }))
        assert.include(past.message, "over already", `${expiresAtMillis}`)
      }
      assert.deepStrictEqual(yield* list.all, before)
    }).pipe(Effect.provide(Layer.fresh(layer()))))
})

describe("A list of bans on a virtual disk", () => {
  it.effect("forgets at the next start what has expired, and keeps the rest with all that was said of it", () =>
    Effect.gen(function*() {
      const disk = virtualDisk()
      const build = <A, E>(use: (list: BanList["Service"]) => Effect.Effect<A, E>) =>
        Effect.scoped(
          Effect.flatMap(
            Layer.build(Layer.fresh(SimulatedStores.layer(disk))),
            (context) => use(Context.get(context, BanList))
          )
        )
      yield* build((list) =>
        Effect.andThen(list.ban(ann, { expiresAtMillis: 1000 }), list.ban(bob, { note: "why", expiresAtMillis: 1001 }))
      )
      yield* TestClock.setTime(1000)
      assert.deepStrictEqual(yield* build((list) => list.all), [
        { id: bob, note: "why", sinceMillis: 0, expiresAtMillis: 1001 }
      ])
      assert.deepStrictEqual([...disk.committed.bans.keys()], [bob])
    }))
})

describe("A list of bans in a SQLite file", () => {
  const build = <A, E>(filename: string, use: (list: BanList["Service"]) => Effect.Effect<A, E>) =>
    Effect.scoped(
      Effect.flatMap(Layer.build(Layer.fresh(sqlite(filename))), (context) => use(Context.get(context, BanList)))
    )

  it.effect("is as it was after a restart", () =>
    Effect.gen(function*() {
      const filename = join(yield* temporaryFolder, "bans.db")
      yield* build(filename, (list) => Effect.andThen(list.ban(bob), list.ban(ann)))
      assert.deepStrictEqual(yield* build(filename, idsOf), [ann, bob])
    }))

  it.effect("reads bans that others wrote", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      const list = yield* BanList
      yield* sql`INSERT INTO ban (nodeid) VALUES (${ann})`
      assert.isTrue(yield* list.isBanned(ann))
      assert.deepStrictEqual(yield* list.all, [
        { id: ann, note: undefined, sinceMillis: undefined, expiresAtMillis: undefined }
      ])
    }).pipe(Effect.provide(sqlite(":memory:"))))

  it.effect("writes bans where others read them, and takes them away there when they expire", () =>
    Effect.gen(function*() {
      const filename = join(yield* temporaryFolder, "bans.db")
      yield* build(
        filename,
        (list) =>
          Effect.andThen(
            list.ban(ann, { expiresAtMillis: 1000 }),
            list.ban(bob, { note: "why", expiresAtMillis: 1001 })
          )
      )
      const ofOthers = Effect.provide(
        Effect.flatMap(SqlClient, (sql) => sql`SELECT nodeid FROM ban ORDER BY nodeid`.values),
        Layer.fresh(SqliteClient.layer({ filename }))
      )
      assert.deepStrictEqual(yield* ofOthers, [[ann], [bob]])
      yield* TestClock.setTime(1000)
      assert.deepStrictEqual(yield* build(filename, (list) => list.all), [
        { id: bob, note: "why", sinceMillis: 0, expiresAtMillis: 1001 }
      ])
      assert.deepStrictEqual(yield* ofOthers, [[bob]])
    }))

  it.effect("does not end a ban of others by the expiry of an earlier one that others have lifted", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      const list = yield* BanList
      yield* list.ban(ann, { note: "for a while", expiresAtMillis: 1000 })
      yield* sql`DELETE FROM ban WHERE nodeid = ${ann}`
      yield* sql`INSERT INTO ban (nodeid) VALUES (${ann})`
      yield* TestClock.setTime(2000)
      assert.isTrue(yield* list.isBanned(ann))
      assert.strictEqual((yield* list.all)[0]?.note, undefined)
    }).pipe(Effect.provide(sqlite(":memory:"))))

  it.effect("stands beside the book of addresses in one database", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const both = Layer.mergeAll(SqliteBanList.layer(), SqlitePeerStore.layer()).pipe(
        Layer.provide(SqliteClient.layer({ filename: join(folder, "node.db") }))
      )
      yield* Effect.gen(function*() {
        const list = yield* BanList
        const store = yield* PeerStore
        yield* Effect.all([list.ban(ann), store.ensure([{ _tag: "TcpAddress", ip: "1.2.3.4", port: 5 }])], {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual([yield* list.isBanned(ann), yield* store.size], [true, 1])
      }).pipe(Effect.provide(both))
    }))
})
