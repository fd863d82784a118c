/**
 * A driver of `node:sqlite` for Effect's `SqlClient`.
 *
 * It has the exports and options of `@effect/sql-sqlite-node`, which has no release for this version of Effect yet: when there is
 * one, the imports of this file change and nothing else. One connection, used by one fiber at a time; every call blocks the process
 * while SQLite works (some ten microseconds).
 */
import type { Scope } from "effect"
import { Config, Context, Duration, Effect, Layer, Predicate, Schema, Semaphore, Stream } from "effect"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as Client from "effect/sql/SqlClient"
import type { Connection } from "effect/sql/SqlConnection"
import { classifySqliteError, SqlError } from "effect/sql/SqlError"
import { makeCompilerSqlite } from "effect/sql/Statement"
import { accessSync, constants, type Stats, statSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite"
import { DATABASE_BUSY_MILLIS, PREPARED_STATEMENTS } from "../../core/limits.ts"

/** What a database is opened with. */
export interface SqliteClientConfig {
  /** A path, or `:memory:`. The file is made when it is not there; its folder is not. */
  readonly filename: string
  /** Opens an existing database that cannot be written. */
  readonly readonly?: boolean | undefined
  /** Compiled statements that are kept. */
  readonly prepareCacheSize?: number | undefined
  /** Leaves the journal as the file has it, for a file system without shared memory. */
  readonly disableWAL?: boolean | undefined
  readonly spanAttributes?: Record<string, unknown> | undefined
  /**
   * When SQLite waits for the disk (not in the public package).
   *
   * `NORMAL`, the default: what was written survives the death of the process at any instant; a power failure can undo the last
   * writes, but not damage the file. `FULL`: survives that too, and each write waits for the disk (milliseconds, in which the whole
   * process stands still). What a node keeps here it can learn again, so it does not pay for `FULL`.
   */
  readonly synchronous?: "NORMAL" | "FULL" | undefined
  /** How long a write waits, blocking, while another process writes to the file (not in the public package). */
  readonly busyTimeout?: Duration.Input | undefined
}

/** Effect's SQL client, on SQLite (which has no `updateValues`). */
export interface SqliteClient extends Client.SqlClient {
  readonly config: SqliteClientConfig
}

/** The client of this driver; who only needs SQL asks for `SqlClient`, which the layers provide beside it. */
export const SqliteClient = Context.Service<SqliteClient>("effect-overlay/layers/node/SqliteClient")

/** Says why a database could not be opened; `message` names the file and what to do about it. */
export class SqliteOpenError extends Schema.TaggedError<SqliteOpenError>()("SqliteOpenError", {
  filename: Schema.String,
  reason: Schema.Literals(["notFound", "notAFile", "notPermitted", "notADatabase", "busy", "failed"]),
  message: Schema.String,
  cause: Schema.Defect()
}) {}

/** Opens a database for the life of the scope. */
export const make = Effect.fnUntraced(function*(
  config: SqliteClientConfig
): Effect.fn.Return<SqliteClient, SqliteOpenError, Scope.Scope | Reactivity.Reactivity> {
  const database = yield* Effect.acquireRelease(
    Effect.try({ try: () => open(config), catch: (cause) => openError(config, cause) }),
    (database) => Effect.sync(() => database.close())
  )
  const { acquirer, borrower, isTransaction, onCommitFailure, transactionAcquirer } = Client.makeSqliteAcquirers({
    connection: Effect.succeed(makeConnection(database, config.prepareCacheSize ?? PREPARED_STATEMENTS)),
    semaphore: yield* Semaphore.make(1),
    isTransaction: () => database.isTransaction
  })
  const client = yield* Client.make({
    acquirer,
    borrower,
    transactionAcquirer,
    onCommitFailure,
    isTransaction,
    compiler: makeCompilerSqlite(),
    driver: "sqlite-node",
    // Takes the write lock at once, where the busy timeout counts; a transaction that reads first and then finds the file changed
    // by another process would fail in its middle, without waiting.
    beginTransaction: config.readonly === true ? "BEGIN" : "BEGIN IMMEDIATE",
    prepareTransactionControls: true,
    releaseSavepoint: (name) => `RELEASE SAVEPOINT ${name}`,
    spanAttributes: [...Object.entries(config.spanAttributes ?? {}), ["db.system.name", "sqlite"]]
  })
  return Object.assign(client, { config })
})

/** Provides a database: `SqliteClient`, and the same as `SqlClient`. */
export const layer = (config: SqliteClientConfig): Layer.Layer<SqliteClient | Client.SqlClient, SqliteOpenError> =>
  Layer.effectContext(Effect.map(make(config), services)).pipe(Layer.provide(Reactivity.layer))

/** `layer`, with the options read from the configuration. */
export const layerConfig = (
  config: Config.Wrap<SqliteClientConfig>
): Layer.Layer<SqliteClient | Client.SqlClient, Config.ConfigError | SqliteOpenError> =>
  Layer.effectContext(Effect.map(Effect.flatMap(Config.unwrap(config), make), services)).pipe(
    Layer.provide(Reactivity.layer)
  )

const services = (client: SqliteClient): Context.Context<SqliteClient | Client.SqlClient> =>
  Context.make(SqliteClient, client).pipe(Context.add(Client.SqlClient, client))

const open = (config: SqliteClientConfig): DatabaseSync => {
  const database = new DatabaseSync(config.filename, {
    readOnly: config.readonly ?? false,
    enableForeignKeyConstraints: true,
    timeout: Duration.toMillis(config.busyTimeout ?? DATABASE_BUSY_MILLIS)
  })
  try {
    if (config.readonly === true) {
      // Reads the header: that it is a database shows only then.
      database.exec("SELECT count(*) FROM sqlite_schema")
    } else {
      if (config.disableWAL !== true) {
        database.exec("PRAGMA journal_mode = WAL")
      }
      database.exec(`PRAGMA synchronous = ${config.synchronous ?? "NORMAL"}`)
      // SQLite opens a file that it may only read without a word; this says so now, and not at the first write.
      database.exec("BEGIN IMMEDIATE; ROLLBACK")
    }
    return database
  } catch (cause) {
    database.close()
    throw cause
  }
}

const openError = (config: SqliteClientConfig, cause: unknown): SqliteOpenError => {
  const file = resolve(config.filename)
  const [reason, why] = whyNotOpened(file, config.readonly ?? false, cause)
  return new SqliteOpenError({
    filename: config.filename,
    reason,
    message: `cannot open the database ${file}: ${why}`,
    cause
  })
}

/** SQLite says little ("unable to open database file"), so the file system is asked what is wrong. */
const whyNotOpened = (
  file: string,
  readOnly: boolean,
  cause: unknown
): readonly [SqliteOpenError["reason"], string] => {
  switch (resultCode(cause)) {
    case SQLITE_BUSY:
      return ["busy", "another process is writing to it. Stop that process, or name another file."]
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return [
        "notADatabase",
        "it is damaged, or not an SQLite database. Move it away (a new one is made), or name another file."
      ]
  }
  const folder = dirname(file)
  const inFolder = statOf(folder)
  const found = statOf(file)
  if (found === "hidden" || inFolder === "hidden") {
    return ["notPermitted", `this user may not look into ${folder}. Change its permissions, or name another file.`]
  }
  if (inFolder?.isDirectory() !== true) {
    return ["notFound", `there is no folder ${folder}. Create it, or name another file.`]
  }
  if (found === undefined && readOnly) {
    return ["notFound", "there is no such file. Name an existing database."]
  }
  if (found?.isDirectory() === true) {
    return ["notAFile", "it is a folder. Name a file in it."]
  }
  const needed = readOnly ? constants.R_OK : constants.R_OK | constants.W_OK
  // The folder too: the journal is a file beside the database.
  const denied = (found === undefined ? [folder] : [file, folder]).find((path) => !mayAccess(path, needed))
  if (denied !== undefined) {
    const verb = readOnly ? "read" : "write"
    return ["notPermitted", `this user may not ${verb} ${denied}. Change its permissions, or name another file.`]
  }
  return ["failed", messageOf(cause)]
}

const statOf = (path: string): Stats | "hidden" | undefined => {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch {
    return "hidden"
  }
}

const mayAccess = (path: string, mode: number): boolean => {
  try {
    accessSync(path, mode)
    return true
  } catch {
    return false
  }
}

// Result codes (https://sqlite.org/rescode.html). The low byte of an extended code is its primary code.
const SQLITE_BUSY = 5
const SQLITE_CORRUPT = 11
const SQLITE_NOTADB = 26

const resultCode = (cause: unknown): number | undefined =>
  Predicate.hasProperty(cause, "errcode") && typeof cause.errcode === "number" ? cause.errcode & 0xff : undefined

const messageOf = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause)

/** The classifier reads `errno`, and `node:sqlite` says `errcode`: a UNIQUE index gives `UniqueViolation`, a primary key `ConstraintError`. */
const sqlError = (operation: string, cause: unknown): SqlError => {
  const known = Predicate.hasProperty(cause, "errcode") ? Object.assign(cause, { errno: cause.errcode }) : cause
  return new SqlError({ reason: classifySqliteError(known, { operation, message: messageOf(cause) }) })
}

interface Prepared {
  readonly statement: StatementSync
  readonly returnsRows: boolean
}

const makeConnection = (database: DatabaseSync, capacity: number): Connection => {
  const prepare = (sql: string): Prepared => {
    const statement = database.prepare(sql)
    return { statement, returnsRows: statement.columns().length > 0 }
  }
  // In the order of last use, oldest first.
  const cache = new Map<string, Prepared>()
  const prepareCached = (sql: string): Prepared => {
    const prepared = cache.get(sql) ?? prepare(sql)
    cache.delete(sql)
    for (const oldest of cache.keys()) {
      if (cache.size < capacity) {
        break
      }
      cache.delete(oldest)
    }
    cache.set(sql, prepared)
    return prepared
  }
  const attempt = <A>(operation: string, f: (safeIntegers: boolean) => A): Effect.Effect<A, SqlError> =>
    Effect.withFiber((fiber) => {
      try {
        return Effect.succeed(f(fiber.getRef(Client.SafeIntegers)))
      } catch (cause) {
        return Effect.fail(sqlError(operation, cause))
      }
    })
  const execute = (lookUp: (sql: string) => Prepared, sql: string, params: ReadonlyArray<unknown>) =>
    attempt("execute", (safeIntegers): ReadonlyArray<object> => {
      const { statement, returnsRows } = lookUp(sql)
      const bound = boundValues(params)
      statement.setReadBigInts(safeIntegers)
      if (returnsRows) {
        // The driver's rows have no prototype; ours are plain objects, as from every other client.
        return statement.all(...bound).map((row) => ({ ...row }))
      }
      statement.run(...bound)
      return []
    })
  const executeValues = (lookUp: (sql: string) => Prepared, sql: string, params: ReadonlyArray<unknown>) =>
    attempt("executeValues", (safeIntegers): ReadonlyArray<ReadonlyArray<unknown>> => {
      const { statement } = lookUp(sql)
      statement.setReadBigInts(safeIntegers)
      statement.setReturnArrays(true)
      try {
        return statement.all(...boundValues(params)).map((row) => Array.isArray(row) ? row : Object.values(row))
      } finally {
        statement.setReturnArrays(false)
      }
    })
  const transformed = (
    rows: Effect.Effect<ReadonlyArray<object>, SqlError>,
    transform: (<A extends object>(rows: ReadonlyArray<A>) => ReadonlyArray<A>) | undefined
  ) => transform === undefined ? rows : Effect.map(rows, transform)
  return {
    execute: (sql, params, transform) => transformed(execute(prepareCached, sql, params), transform),
    executeUnprepared: (sql, params, transform) => transformed(execute(prepare, sql, params), transform),
    executeValues: (sql, params) => executeValues(prepareCached, sql, params),
    executeValuesUnprepared: (sql, params) => executeValues(prepare, sql, params),
    executeRaw: (sql, params) =>
      attempt("executeRaw", (safeIntegers): unknown => {
        const { statement, returnsRows } = prepareCached(sql)
        statement.setReadBigInts(safeIntegers)
        return returnsRows ? statement.all(...boundValues(params)) : statement.run(...boundValues(params))
      }),
    // All rows at once: a cursor would hold the one connection for as long as its reader likes.
    executeStream: (sql, params, transform) =>
      Stream.fromIterableEffect(transformed(execute(prepareCached, sql, params), transform))
  }
}

const boundValues = (params: ReadonlyArray<unknown>): Array<SQLInputValue> =>
  params.map((value) => {
    switch (typeof value) {
      case "string":
      case "number":
      case "bigint":
        return value
      case "boolean":
        return value ? 1 : 0
    }
    if (value === null || value instanceof Uint8Array) {
      return value
    }
    // The driver would take an object (a Date, say) for a list of named parameters, and store NULL.
    throw new TypeError("only texts, numbers, booleans, bytes and null can be stored")
  })
