/**
 * The stores' SQL on a disk that tears writes and loses syncs: what is there when the power comes back.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Random } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { PeerId } from "../../src/core/PeerId.ts"
import * as Prng from "../../src/core/Prng.ts"
import * as SqliteBanList from "../../src/layers/node/SqliteBanList.ts"
import * as SqlitePeerStore from "../../src/layers/node/SqlitePeerStore.ts"
import { BanList } from "../../src/services/BanList.ts"
import { PeerStore } from "../../src/services/PeerStore.ts"
import { fixedSecrets } from "../support/fixedSecrets.ts"
import { type Image, TearingDisk } from "../support/TearingDisk.ts"
import * as WasmSqlite from "../support/wasmSqlite.ts"
import { addressesOf, bannedOf } from "./crashRows.ts"

const stores = (disk: TearingDisk, config: WasmSqlite.WasmSqliteConfig) =>
  Layer.mergeAll(SqlitePeerStore.layer(), SqliteBanList.layer()).pipe(
    Layer.provideMerge(WasmSqlite.layer(disk, config)),
    Layer.provide(fixedSecrets)
  )

/** Writes number after number until the power is gone; tells how many were acknowledged in full. */
const writing = (disk: TearingDisk, config: WasmSqlite.WasmSqliteConfig, first: number) => {
  let acknowledged = first
  return Effect.gen(function*() {
    const store = yield* PeerStore
    const bans = yield* BanList
    for (let number = first; number < first + 1000; number++) {
      const [dialled, ...told] = addressesOf(number)
      yield* store.ensure(told)
      yield* store.attempt(dialled)
      yield* bans.ban(PeerId(bannedOf(number)))
      acknowledged = number + 1
    }
  }).pipe(
    Effect.provide(Layer.fresh(stores(disk, config))),
    Effect.exit,
    Effect.map((exit) => {
      assert.strictEqual(exit._tag, "Failure", "the power did not go")
      return acknowledged
    })
  )
}

/** What is in the database: whole numbers from 0 on, of which the last may be half written, by whole operations. */
const reading = (image: Image, config: WasmSqlite.WasmSqliteConfig) =>
  Effect.gen(function*() {
    const sql = yield* SqlClient
    assert.deepStrictEqual(yield* sql`PRAGMA integrity_check`.values, [["ok"]])
    const store = yield* PeerStore
    const bans = yield* BanList
    const banned = new Set((yield* bans.all).map(({ id }) => id))
    let operations = 0
    let isOver = false
    for (let number = 0; number < 1000; number++) {
      const [dialled, ...told] = yield* Effect.forEach(addressesOf(number), store.get)
      const found = told.filter((record) => record !== undefined).length
      assert.isTrue(found === 0 || found === 3, "three addresses are one operation")
      for (const done of [found === 3, dialled !== undefined, banned.has(PeerId(bannedOf(number)))]) {
        assert.isFalse(isOver && done, `operation ${operations} is missing, and a later one is there`)
        if (done) operations++
        else isOver = true
      }
      if (isOver) break
    }
    assert.strictEqual(yield* store.size, operations - Math.floor(operations / 3) + 2 * Math.ceil(operations / 3))
    return operations
  }).pipe(Effect.provide(Layer.fresh(stores(new TearingDisk(Prng.stream(0, "reader"), image), config))))

const seeds = (count: number) => Array.from({ length: count }, (_, seed) => seed)

/** A disk whose power goes while the first numbers are written: in some runs in the middle of a checkpoint. */
const diskOf = (prng: Prng.Prng, image: Image = new Map()) => new TearingDisk(prng, image, 80 + prng.below(400))

describe("The stores on a disk whose power goes at any instant", () => {
  for (const synchronous of ["FULL", "NORMAL"] as const) {
    const config = { synchronous, checkpointPages: 12 }

    it.effect(
      `have ${synchronous === "FULL" ? "all" : "a beginning"} of what was acknowledged (${synchronous})`,
      () =>
        Effect.gen(function*() {
          let lost = 0
          for (const seed of seeds(60)) {
            const disk = diskOf(Prng.stream(seed, "power"))
            const acknowledged = yield* writing(disk, config, 0)
            const operations = yield* reading(disk.afterPowerCut(), config)
            // What was under way may have been done without its acknowledgement.
            assert.isAtMost(operations, 3 * acknowledged + 3, `seed ${seed}`)
            lost += Math.max(0, 3 * acknowledged - operations)
            // When only the process dies, nothing is lost in either mode.
            assert.isAtLeast(yield* reading(disk.afterKill(), config), 3 * acknowledged, `seed ${seed}`)
          }
          if (synchronous === "FULL") assert.strictEqual(lost, 0)
          else assert.isAbove(lost, 0)
        }),
      60_000
    )
  }

  it.effect("go on from where they were, cut after cut", () =>
    Effect.gen(function*() {
      const config = { synchronous: "FULL" as const, checkpointPages: 12 }
      let image: Image = new Map()
      let first = 0
      for (const seed of seeds(30)) {
        const disk = diskOf(Prng.stream(seed, "cuts"), image)
        const acknowledged = yield* writing(disk, config, first)
        image = disk.afterPowerCut()
        const operations = yield* reading(image, config)
        assert.isAtLeast(operations, 3 * acknowledged)
        first = Math.floor(operations / 3)
      }
      assert.isAbove(first, 100)
    }), 60_000)

  it.effect(
    "answer or fail with a typed error, never more, when the disk only says that it has synced",
    () =>
      Effect.gen(function*() {
        const config = { synchronous: "FULL" as const, checkpointPages: 12 }
        const outcomes = { whole: 0, lost: 0, damaged: 0 }
        for (const seed of seeds(60)) {
          const disk = diskOf(Prng.stream(seed, "lies"))
          disk.lostSyncsPercent = 50
          const acknowledged = yield* writing(disk, config, 0)
          const layer = stores(new TearingDisk(Prng.stream(seed, "reader"), disk.afterPowerCut()), config)
          const outcome = yield* Effect.gen(function*() {
            const store = yield* PeerStore
            const bans = yield* BanList
            const banned = yield* bans.all
            const records = yield* Effect.forEach(seeds(acknowledged + 2).flatMap(addressesOf), store.get)
            const dialled = records.filter((record, at) => at % 4 === 0 && record !== undefined)
            const drawings = [yield* store.candidates("inbound", 10), yield* store.toShare(10)].flat()
            drawings.forEach(({ address }) => assert.match(address.ip, /^10\./))
            // It can be written to as well, or says that it cannot.
            yield* store.ensure(addressesOf(5000))
            yield* bans.ban(PeerId(bannedOf(5000)))
            return banned.length >= acknowledged && dialled.length >= acknowledged ? "whole" as const : "lost" as const
          }).pipe(
            Effect.provide(Layer.fresh(layer)),
            // Every error is one of these; a defect would fail the test.
            Effect.catchTags({
              SqlError: ({ message }) => damaged(message),
              SqliteMigrationError: ({ message }) => damaged(message),
              PeerStoreError: ({ message }) => damaged(message),
              BanListError: ({ message }) => damaged(message)
            })
          )
          outcomes[outcome]++
        }
        // The disk does lie: without syncs the promise of the test before this one cannot be kept.
        assert.isAbove(outcomes.whole, 0)
        assert.isAbove(outcomes.lost, 0)
        assert.isAbove(outcomes.damaged, 0)
      }),
    60_000
  )
})

describe("A disk that tears writes", () => {
  it.effect("does to the same program the same again, for the same seed", () =>
    Effect.gen(function*() {
      const config = { synchronous: "NORMAL" as const, checkpointPages: 12 }
      const images = yield* Effect.forEach([1, 1, 2], (seed) => {
        const disk = diskOf(Prng.stream(seed, "again"))
        return Effect.map(Random.withSeed(writing(disk, config, 0), seed), () => disk.afterPowerCut())
      })
      assert.deepStrictEqual(images[0], images[1])
      assert.notDeepEqual(images[0], images[2])
    }))
})

const damaged = (message: string) =>
  Effect.sync(() => {
    assert.match(message, /malformed|not a database|no such table|UNIQUE constraint failed|disk I\/O error/)
    return "damaged" as const
  })
