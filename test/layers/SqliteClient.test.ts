/**
 * The SQL client over `node:sqlite`: its answers, its errors, its transactions, and what it says when it cannot open.
 */
import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Context, Deferred, Effect, Fiber, Layer, Stream } from "effect"
import { SafeIntegers, SqlClient } from "effect/sql/SqlClient"
import { spawnSync } from "node:child_process"
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import * as SqliteClient from "../../src/layers/node/SqliteClient.ts"
import { migrate } from "../../src/layers/node/SqliteMigrations.ts"
import { temporaryFolder } from "./temporaryFolder.ts"

const inMemory = SqliteClient.layer({ filename: ":memory:" })

const numbers = Effect.gen(function*() {
  const sql = yield* SqlClient
  yield* sql`CREATE TABLE numbers (id INTEGER PRIMARY KEY, name TEXT UNIQUE, size INT CHECK (size > 0))`
  yield* sql`INSERT INTO numbers VALUES (1, 'one', 10), (2, 'two', 20)`
  return sql
})

/** Opens databases in a process of a user for whom permissions count: root may do all. */
const openingAsOrdinaryUser = (...configs: ReadonlyArray<SqliteClient.SqliteClientConfig>) =>
  Effect.sync(() => {
    const script = fileURLToPath(new URL("openDatabases.ts", import.meta.url))
    const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
    const args = [script, ...configs.map((config) => JSON.stringify(config))]
    const { stderr, stdout } = spawnSync(process.execPath, args, { encoding: "utf8", ...user })
    assert.strictEqual(stderr, "")
    return stdout.trim().split("\n").map((line): { reason?: string; message?: string; tables?: Array<string> } =>
      JSON.parse(line)
    )
  })

const opening = (config: SqliteClient.SqliteClientConfig) =>
  Effect.scoped(Effect.flip(Layer.build(Layer.fresh(SqliteClient.layer(config)))))

describe("SqliteClient", () => {
  it.effect("answers with plain rows, with values, with what was changed, and as a stream", () =>
    Effect.gen(function*() {
      const sql = yield* numbers
      assert.deepStrictEqual(yield* sql`SELECT id, name FROM numbers ORDER BY id`, [
        { id: 1, name: "one" },
        { id: 2, name: "two" }
      ])
      const same = sql`SELECT name FROM numbers WHERE id = 1`
      assert.deepStrictEqual([yield* same.values, yield* same], [[["one"]], [{ name: "one" }]])
      // Two columns of one name are two values.
      assert.deepStrictEqual(yield* sql`SELECT id, id + 1 AS id FROM numbers ORDER BY id`.values, [[1, 2], [2, 3]])
      assert.deepStrictEqual(yield* sql`SELECT id FROM numbers WHERE id = ${2}`, [{ id: 2 }])
      assert.deepStrictEqual(yield* sql`SELECT ${true} AS a, ${null} AS b, ${new Uint8Array([7])} AS c, ${2n} AS d`, [
        { a: 1, b: null, c: new Uint8Array([7]), d: 2 }
      ])
      assert.deepStrictEqual(yield* sql`UPDATE numbers SET size = 30`, [])
      assert.include(yield* sql`UPDATE numbers SET size = 40`.raw, { changes: 2 })
      assert.deepStrictEqual(yield* sql`SELECT size FROM numbers`.unprepared, [{ size: 40 }, { size: 40 }])
      assert.deepStrictEqual(yield* Stream.runCollect(sql`SELECT id FROM numbers ORDER BY id`.stream), [
        { id: 1 },
        { id: 2 }
      ])
      const large = sql`SELECT 9007199254740993 AS n`
      assert.deepStrictEqual(yield* Effect.provideService(large, SafeIntegers, true), [{ n: 9_007_199_254_740_993n }])
    }).pipe(Effect.provide(inMemory)))

  it.effect("says which kind of error it was", () =>
    Effect.gen(function*() {
      const sql = yield* numbers
      const reason = (
        statement: Effect.Effect<
          unknown,
          { readonly reason: { readonly _tag: string; readonly message?: string | undefined } }
        >
      ) => Effect.map(Effect.flip(statement), ({ reason }) => [reason._tag, reason.message])
      assert.deepStrictEqual(yield* reason(sql`INSERT INTO numbers VALUES (3, 'two', 1)`), [
        "UniqueViolation",
        "UNIQUE constraint failed: numbers.name"
      ])
      assert.deepStrictEqual(yield* reason(sql`INSERT INTO numbers VALUES (2, 'three', 1)`), [
        "ConstraintError",
        "UNIQUE constraint failed: numbers.id"
      ])
      assert.deepStrictEqual(yield* reason(sql`INSERT INTO numbers VALUES (3, 'three', 0)`), [
        "ConstraintError",
        "CHECK constraint failed: size > 0"
      ])
      assert.deepStrictEqual(yield* reason(sql`SELEC 1`), ["UnknownError", "near \"SELEC\": syntax error"])
      // Left to the driver, an object would become NULL.
      assert.deepStrictEqual(yield* reason(sql`SELECT ${new Map()}`), [
        "UnknownError",
        "only texts, numbers, booleans, bytes and null can be stored"
      ])
      // None of them has left anything behind.
      assert.deepStrictEqual(yield* sql`SELECT count(*) FROM numbers`.values, [[2]])
    }).pipe(Effect.provide(inMemory)))

  it.effect("undoes a transaction that fails or is interrupted, and only the inner one of two", () =>
    Effect.gen(function*() {
      const sql = yield* numbers
      const count = Effect.map(sql`SELECT count(*) FROM numbers`.values, (rows) => rows[0]?.[0])
      const insert = (id: number) => sql`INSERT INTO numbers VALUES (${id}, ${String(id)}, 1)`
      yield* Effect.flip(sql.withTransaction(Effect.andThen(insert(3), Effect.fail("no"))))
      assert.strictEqual(yield* count, 2)
      yield* sql.withTransaction(Effect.gen(function*() {
        yield* insert(3)
        yield* Effect.flip(sql.withTransaction(Effect.andThen(insert(4), Effect.fail("no"))))
      }))
      assert.strictEqual(yield* count, 3)
      const inside = yield* Deferred.make<void>()
      const fiber = yield* insert(5).pipe(
        Effect.andThen(Deferred.succeed(inside, undefined)),
        Effect.andThen(Effect.never),
        sql.withTransaction,
        Effect.forkChild
      )
      yield* Deferred.await(inside)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(yield* count, 3)
    }).pipe(Effect.provide(inMemory)))

  it.effect("lets one fiber at a time into a transaction", () =>
    Effect.gen(function*() {
      const sql = yield* numbers
      const increase = sql.withTransaction(Effect.gen(function*() {
        const rows = yield* sql<{ size: number }>`SELECT size FROM numbers WHERE id = 1`
        yield* Effect.yieldNow
        yield* sql`UPDATE numbers SET size = ${(rows[0]?.size ?? 0) + 1} WHERE id = 1`
      }))
      yield* Effect.replicateEffect(increase, 50, { concurrency: "unbounded", discard: true })
      assert.deepStrictEqual(yield* sql`SELECT size FROM numbers WHERE id = 1`, [{ size: 60 }])
    }).pipe(Effect.provide(inMemory)))

  it.effect("keeps no more prepared statements than it is told, and still answers", () =>
    Effect.gen(function*() {
      const sql = yield* numbers
      for (let round = 0; round < 3; round++) {
        for (const id of [1, 2, 3]) {
          assert.deepStrictEqual(yield* sql.unsafe(`SELECT ${id} AS id`), [{ id }])
        }
      }
    }).pipe(Effect.provide(SqliteClient.layer({ filename: ":memory:", prepareCacheSize: 1 }))))

  it.effect("journals ahead, checks foreign keys, and waits for the disk only if asked", () =>
    Effect.gen(function*() {
      const filename = join(yield* temporaryFolder, "a.db")
      const pragmas = (config: SqliteClient.SqliteClientConfig) =>
        Effect.gen(function*() {
          const sql = yield* SqlClient
          const values = ["journal_mode", "synchronous", "foreign_keys", "busy_timeout"].map((name) =>
            Effect.map(sql.unsafe(`PRAGMA ${name}`).values, (rows) => rows[0]?.[0])
          )
          return yield* Effect.all(values)
        }).pipe(Effect.provide(Layer.fresh(SqliteClient.layer(config))))
      assert.deepStrictEqual(yield* pragmas({ filename, disableWAL: true }), ["delete", 1, 1, 1000])
      assert.deepStrictEqual(yield* pragmas({ filename }), ["wal", 1, 1, 1000])
      assert.deepStrictEqual(
        yield* pragmas({ filename, synchronous: "FULL", busyTimeout: "2 seconds" }),
        ["wal", 2, 1, 2000]
      )
    }))

  it.effect("closes the file with its scope", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const filename = join(folder, "a.db")
      const sql = yield* Effect.scoped(Effect.gen(function*() {
        const context = yield* Layer.build(Layer.fresh(SqliteClient.layer({ filename })))
        const sql = Context.get(context, SqlClient)
        yield* sql`CREATE TABLE t (a)`
        return sql
      }))
      assert.include((yield* Effect.flip(sql`SELECT 1`)).message, "not open")
      // The last connection folds the journal into the file.
      assert.throws(() => readFileSync(`${filename}-wal`), /ENOENT/)
    }))

  it.effect("takes its options from the configuration", () =>
    Effect.gen(function*() {
      const filename = join(yield* temporaryFolder, "a.db")
      const client = yield* SqliteClient.SqliteClient.pipe(
        Effect.provide(
          SqliteClient.layerConfig({ filename: Config.String("DATABASE") }).pipe(
            Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ DATABASE: filename })))
          )
        )
      )
      assert.strictEqual(client.config.filename, filename)
    }))
})

describe("Opening a database", () => {
  const check = (error: SqliteClient.SqliteOpenError, reason: string, ...texts: ReadonlyArray<string>) => {
    assert.strictEqual(error._tag, "SqliteOpenError")
    assert.strictEqual(error.reason, reason, error.message)
    texts.forEach((text) => assert.include(error.message, text))
  }

  it.effect("says that its folder is missing", () =>
    Effect.gen(function*() {
      const folder = join(yield* temporaryFolder, "none")
      const error = yield* opening({ filename: join(folder, "a.db") })
      check(error, "notFound", join(folder, "a.db"), `no folder ${folder}`)
    }))

  it.effect("says that there is no file to be read", () =>
    Effect.gen(function*() {
      const filename = join(yield* temporaryFolder, "a.db")
      check(yield* opening({ filename, readonly: true }), "notFound", filename, "no such file")
    }))

  it.effect("says that it is a folder", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFolder
      check(yield* opening({ filename }), "notAFile", filename)
    }))

  it.effect("says that it is no database", () =>
    Effect.gen(function*() {
      const filename = join(yield* temporaryFolder, "a.db")
      writeFileSync(filename, "Dear diary, ".repeat(1000))
      check(yield* opening({ filename }), "notADatabase", filename, "Move it away")
      check(yield* opening({ filename, readonly: true }), "notADatabase", filename)
      // Nothing has been written into it.
      assert.strictEqual(readFileSync(filename, "utf8"), "Dear diary, ".repeat(1000))
    }))

  it.effect("says that a folder or a file may not be written", () =>
    Effect.gen(function*() {
      const root = yield* temporaryFolder
      chmodSync(root, 0o755)
      const [sealed, hidden] = [join(root, "sealed"), join(root, "hidden")]
      for (const folder of [sealed, hidden]) {
        mkdirSync(folder)
        const database = new DatabaseSync(join(folder, "old.db"))
        database.exec("CREATE TABLE t (a)")
        database.close()
      }
      chmodSync(join(sealed, "old.db"), 0o444)
      chmodSync(sealed, 0o555)
      chmodSync(hidden, 0o000)
      const outcomes = yield* openingAsOrdinaryUser(
        { filename: join(sealed, "new.db") },
        { filename: join(sealed, "old.db") },
        { filename: join(sealed, "old.db"), readonly: true },
        { filename: join(hidden, "old.db") }
      )
      chmodSync(sealed, 0o755)
      chmodSync(hidden, 0o755)
      const wrong = (filename: string, why: string) => ({
        reason: "notPermitted",
        message:
          `cannot open the database ${filename}: this user may not ${why}. Change its permissions, or name another file.`
      })
      assert.deepStrictEqual(outcomes, [
        wrong(join(sealed, "new.db"), `write ${sealed}`),
        wrong(join(sealed, "old.db"), `write ${join(sealed, "old.db")}`),
        { tables: ["t"] },
        wrong(join(hidden, "old.db"), `look into ${hidden}`)
      ])
    }))

  it.effect("says that another process is writing to it", () =>
    Effect.gen(function*() {
      const filename = join(yield* temporaryFolder, "a.db")
      const other = new DatabaseSync(filename)
      other.exec("PRAGMA journal_mode = WAL; BEGIN IMMEDIATE")
      check(yield* opening({ filename, busyTimeout: 10 }), "busy", filename, "another process")
      other.close()
    }))
})

describe("The tables of a database", () => {
  it.effect("are made once, and may be asked for again", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      yield* Effect.all([migrate, migrate], { concurrency: "unbounded" })
      yield* migrate
      const names = yield* sql`SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name`.values
      assert.deepStrictEqual(names.flat(), [
        "address_anchors",
        "address_key",
        "address_places",
        "ban",
        "ban_details",
        "effect_overlay_migrations",
        "peers"
      ])
    }).pipe(Effect.provide(inMemory)))

  it.effect("are left alone when a newer program has written them", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      yield* migrate
      yield* sql`INSERT INTO effect_overlay_migrations (migration_id, name) VALUES (99, 'of_the_future')`
      const error = yield* Effect.flip(migrate)
      assert.deepStrictEqual([error._tag, error.reason], ["SqliteMigrationError", "newer"])
      assert.include(error.message, "version 99")
    }).pipe(Effect.provide(inMemory)))

  it.effect("are not made over tables of somebody else, and nothing is half done", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      yield* sql`CREATE TABLE peers (name TEXT)`
      const error = yield* Effect.flip(migrate)
      assert.deepStrictEqual([error._tag, error.reason], ["SqliteMigrationError", "failed"])
      const names = yield* sql`SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name`.values
      assert.deepStrictEqual(names.flat(), ["effect_overlay_migrations", "peers"])
      assert.deepStrictEqual(yield* sql`SELECT count(*) FROM effect_overlay_migrations`.values, [[0]])
    }).pipe(Effect.provide(inMemory)))
})
