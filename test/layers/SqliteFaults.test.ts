/**
 * The stores on real files that were cut off, changed, full or locked: what was acknowledged, or a typed error that says what is wrong.
 *
 * Killed writers are tested beside this, and files that may not be written with the client.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Random } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { spawnSync } from "node:child_process"
import { copyFileSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import { PeerId } from "../../src/core/PeerId.ts"
import * as SqliteBanList from "../../src/layers/node/SqliteBanList.ts"
import * as SqliteClient from "../../src/layers/node/SqliteClient.ts"
import * as SqlitePeerStore from "../../src/layers/node/SqlitePeerStore.ts"
import { BanList } from "../../src/services/BanList.ts"
import { PeerStore } from "../../src/services/PeerStore.ts"
import { addressesOf, bannedOf } from "./crashRows.ts"
import { temporaryFolder } from "./temporaryFolder.ts"

const stores = (filename: string) =>
  Layer.fresh(
    Layer.mergeAll(SqlitePeerStore.layer(), SqliteBanList.layer()).pipe(
      Layer.provideMerge(SqliteClient.layer({ filename, busyTimeout: 10 }))
    )
  )

const NUMBERS = 40

/** The length of a page in the log: a head, and the page. */
const FRAME_BYTES = 24 + 4096
const LOG_HEAD_BYTES = 32

/** What a file was, and how long it was after each write. */
interface Written {
  readonly database: Uint8Array
  readonly log: Uint8Array
  /** The length of the log when the tables were there, and after each number. */
  readonly lengths: ReadonlyArray<number>
}

/** Writes numbers, one write each, and takes copies of both files as a killed process would leave them. */
const write = (filename: string) =>
  Effect.gen(function*() {
    const store = yield* PeerStore
    const log = `${filename}-wal`
    const lengths = [statSync(log).size]
    for (let number = 0; number < NUMBERS; number++) {
      yield* store.ensure(addressesOf(number))
      lengths.push(statSync(log).size)
    }
    const written: Written = { database: readFileSync(filename), log: readFileSync(log), lengths }
    return written
  }).pipe(Effect.provide(stores(filename)))

/** The numbers that are there, after a look at the whole database. */
const numbersIn = (filename: string) =>
  Effect.gen(function*() {
    const sql = yield* SqlClient
    assert.deepStrictEqual(yield* sql`PRAGMA integrity_check`.values, [["ok"]])
    const store = yield* PeerStore
    const numbers: Array<number> = []
    for (let number = 0; number < NUMBERS; number++) {
      const found = (yield* Effect.forEach(addressesOf(number), store.get)).filter((record) => record !== undefined)
      assert.include([0, 4], found.length, "four addresses are one write")
      if (found.length > 0) numbers.push(number)
    }
    return numbers
  }).pipe(Effect.provide(stores(filename)))

/** All numbers up to the last whose write lies before this place in the log. */
const before = ({ lengths }: Written, place: number): Array<number> =>
  Array.from({ length: NUMBERS }, (_, number) => number).filter((number) => (lengths[number + 1] ?? 0) <= place)

describe("A log", () => {
  it.effect("that was cut off has every write that lies before the cut, and nothing of those behind it", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const written = yield* write(join(folder, "whole.db"))
      assert.isAbove(written.log.length, NUMBERS * FRAME_BYTES)
      const cuts = yield* Effect.replicateEffect(Random.nextIntBetween(0, written.log.length), 40)
      for (const cut of [0, ...cuts, ...written.lengths.slice(-3)]) {
        const filename = join(folder, `cut at ${cut}.db`)
        writeFileSync(filename, written.database)
        writeFileSync(`${filename}-wal`, written.log.subarray(0, cut))
        assert.deepStrictEqual(yield* numbersIn(filename), before(written, cut), `cut at ${cut}`)
      }
    }).pipe(Random.withSeed("cuts")))

  it.effect("with a bit that has changed has every write that lies before it, and never a wrong row", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const written = yield* write(join(folder, "whole.db"))
      const places = yield* Effect.replicateEffect(Random.nextIntBetween(0, written.log.length, { halfOpen: true }), 40)
      for (const place of places) {
        const log = Uint8Array.from(written.log)
        log[place] = (log[place] ?? 0) ^ (1 << (place % 8))
        const filename = join(folder, `changed at ${place}.db`)
        writeFileSync(filename, written.database)
        writeFileSync(`${filename}-wal`, log)
        // The write whose page has changed goes, and all behind it.
        const whole = place < LOG_HEAD_BYTES ? 0 : place - ((place - LOG_HEAD_BYTES) % FRAME_BYTES)
        assert.deepStrictEqual(yield* numbersIn(filename), before(written, whole), `changed at ${place}`)
      }
    }).pipe(Random.withSeed("bits")))
})

describe("A database", () => {
  // A page has no checksum: a row that was changed on disk may be read as it stands there. What must not happen is anything else.
  it.effect("with changed bytes in a page answers, or fails with a typed error that says that it is damaged", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const original = join(folder, "whole.db")
      yield* write(original)
      // Closed: all of it is in the one file.
      assert.isFalse(existsSync(`${original}-wal`))
      const length = statSync(original).size
      const outcomes = { answered: 0, refused: 0 }
      for (let run = 0; run < 80; run++) {
        const filename = join(folder, `${run}.db`)
        copyFileSync(original, filename)
        const bytes = readFileSync(filename)
        const place = yield* Random.nextIntBetween(0, length - 16)
        // Half of the damage is where it hurts: heads of pages.
        const from = run % 2 === 0 ? place : place - (place % 4096)
        for (let at = from; at < from + 16; at++) bytes[at] = yield* Random.nextIntBetween(0, 256, { halfOpen: true })
        writeFileSync(filename, bytes)
        const outcome = yield* Effect.gen(function*() {
          const store = yield* PeerStore
          const bans = yield* BanList
          for (let number = 0; number < NUMBERS; number++) yield* Effect.forEach(addressesOf(number), store.get)
          yield* store.candidates("inbound", 50)
          yield* store.toShare(50)
          yield* store.ensure(addressesOf(NUMBERS))
          yield* bans.ban(PeerId(bannedOf(0)))
          yield* bans.all
          return "answered" as const
        }).pipe(
          Effect.provide(stores(filename)),
          // There are no other errors, and a defect would fail the test.
          Effect.catchTags({
            SqliteOpenError: ({ message }) => refused(message),
            SqliteMigrationError: ({ message }) => refused(message),
            PeerStoreError: ({ message }) => refused(message),
            BanListError: ({ message }) => refused(message)
          })
        )
        outcomes[outcome]++
      }
      assert.isAbove(outcomes.answered, 0)
      assert.isAbove(outcomes.refused, 0)
    }).pipe(Random.withSeed("pages")))

  it.effect("that another process holds refuses the write after its patience, and takes it when it is free", () =>
    Effect.gen(function*() {
      const filename = join(yield* temporaryFolder, "a.db")
      yield* Effect.gen(function*() {
        const store = yield* PeerStore
        const bans = yield* BanList
        yield* store.ensure(addressesOf(0))
        const other = new DatabaseSync(filename)
        other.exec("BEGIN IMMEDIATE")
        const error = yield* Effect.flip(store.ensure(addressesOf(1)))
        assert.deepStrictEqual([error._tag, error.operation], ["PeerStoreError", "ensure"])
        assert.include(error.message, "database is locked")
        assert.include((yield* Effect.flip(bans.ban(PeerId(bannedOf(1))))).message, "database is locked")
        // Who only reads does not wait for writers.
        assert.strictEqual(yield* store.size, 4)
        other.close()
        assert.strictEqual(yield* store.ensure(addressesOf(1)), 4)
        yield* bans.ban(PeerId(bannedOf(1)))
      }).pipe(Effect.provide(stores(filename)))
    }))

  it.live(
    "for which there is no more room refuses the write, and has all that was acknowledged",
    () =>
      Effect.gen(function*() {
        const filename = join(yield* temporaryFolder, "a.db")
        const script = fileURLToPath(new URL("crashWriter.ts", import.meta.url))
        // Files of at most 600 KiB: a disk that is full can only be had by an administrator.
        const { signal, status, stderr, stdout } = spawnSync(
          "bash",
          ["-c", "ulimit -f 600; exec \"$@\"", "bash", process.execPath, script, filename, "0"],
          { encoding: "utf8" }
        )
        assert.deepStrictEqual([signal, status], [null, 1])
        assert.match(stderr, /(PeerStore|BanList)Error: .*(disk I\/O error|database or disk is full)/)
        const acknowledged = stdout.trim().split("\n").length
        assert.isAbove(acknowledged, 10)
        yield* Effect.gen(function*() {
          const store = yield* PeerStore
          const bans = yield* BanList
          for (let number = 0; number < acknowledged; number++) {
            const records = yield* Effect.forEach(addressesOf(number), store.get)
            records.forEach((record) => assert.isDefined(record))
            assert.isTrue(yield* bans.isBanned(PeerId(bannedOf(number))))
          }
          // With room again it goes on.
          yield* bans.ban(PeerId(bannedOf(acknowledged + 1)))
        }).pipe(Effect.provide(stores(filename)))
      }),
    30_000
  )
})

const refused = (message: string) =>
  Effect.sync(() => {
    assert.match(message, /damaged|malformed|not a database|no such table|already exists|constraint failed|disk I\/O/)
    return "refused" as const
  })
