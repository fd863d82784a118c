/**
 * What every list of bans must do.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { join } from "node:path"
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
      assert.deepStrictEqual(yield* list.all, [ann, bob, cyd])
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
      assert.deepStrictEqual(yield* list.all, [ann, cyd])
    }).pipe(Effect.provide(Layer.fresh(layer({ entries: 2 })))))
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
      assert.deepStrictEqual(yield* build(filename, (list) => list.all), [ann, bob])
    }))

  it.effect("reads bans that others wrote", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      const list = yield* BanList
      yield* sql`INSERT INTO ban (nodeid) VALUES (${ann})`
      assert.isTrue(yield* list.isBanned(ann))
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
