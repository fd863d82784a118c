/**
 * SQLite compiled to WebAssembly on a `TearingDisk`, as a client for the product's SQL: the same journal and the same syncs as
 * `layers/node/SqliteClient`, on files that exist in no file system.
 */
import initialize from "@sqlite.org/sqlite-wasm"
import { Effect, Layer, Semaphore, Stream } from "effect"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as Client from "effect/sql/SqlClient"
import type { Connection } from "effect/sql/SqlConnection"
import { classifySqliteError, SqlError } from "effect/sql/SqlError"
import { makeCompilerSqlite } from "effect/sql/Statement"
import { SECTOR_BYTES, type TearingDisk } from "./TearingDisk.ts"

const sqlite = await initialize()
const { capi, oo1, vfs, wasm } = sqlite
// It would print every statement that fails, and here they fail for a living.
sqlite.config.warn = () => {}

/** How a database is opened. */
export interface WasmSqliteConfig {
  readonly synchronous: "NORMAL" | "FULL"
  /** Pages of the log after which they are copied into the file: a few, so that this too is cut short. */
  readonly checkpointPages: number
}

/** Opens the database on this disk. What fails while it is opened is a `SqlError`. */
export const layer = (disk: TearingDisk, config: WasmSqliteConfig): Layer.Layer<Client.SqlClient, SqlError> =>
  Layer.effect(Client.SqlClient, make(disk, config)).pipe(Layer.provide(Reactivity.layer))

const make = Effect.fnUntraced(function*(disk: TearingDisk, { checkpointPages, synchronous }: WasmSqliteConfig) {
  const database = yield* Effect.acquireRelease(
    attempt("open", () => {
      mounted = disk
      // SQLite seeds its own generator from the default file system, which is ours, when it needs numbers next.
      drawn = 0
      capi.sqlite3_randomness(0, 0)
      const database = new oo1.DB({ filename: "/node.db", flags: "c", vfs: VFS_NAME })
      try {
        // Without shared memory the log is to be had by one connection alone.
        database.exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA page_size = 4096; PRAGMA journal_mode = WAL;
          PRAGMA synchronous = ${synchronous}; PRAGMA wal_autocheckpoint = ${checkpointPages}; BEGIN IMMEDIATE; ROLLBACK`)
        return database
      } catch (cause) {
        database.close()
        throw cause
      }
    }),
    (database) => Effect.sync(() => database.close())
  )
  const rows = (sql: string, params: ReadonlyArray<unknown>) =>
    attempt(
      "execute",
      () => database.exec({ sql, bind: params.map(bound), rowMode: "object", returnValue: "resultRows" })
    )
  const values = (sql: string, params: ReadonlyArray<unknown>) =>
    attempt(
      "executeValues",
      () => database.exec({ sql, bind: params.map(bound), rowMode: "array", returnValue: "resultRows" })
    )
  const transformed: Connection["execute"] = (sql, params, transform) =>
    transform === undefined ? rows(sql, params) : Effect.map(rows(sql, params), transform)
  const connection: Connection = {
    execute: transformed,
    executeUnprepared: transformed,
    executeValues: values,
    executeValuesUnprepared: values,
    executeRaw: rows,
    executeStream: (sql, params, transform) => Stream.fromIterableEffect(transformed(sql, params, transform))
  }
  const acquirers = Client.makeSqliteAcquirers({
    connection: Effect.succeed(connection),
    semaphore: yield* Semaphore.make(1),
    isTransaction: () => capi.sqlite3_get_autocommit(database) === 0
  })
  return yield* Client.make({
    ...acquirers,
    compiler: makeCompilerSqlite(),
    driver: "sqlite-wasm",
    beginTransaction: "BEGIN IMMEDIATE",
    releaseSavepoint: (name) => `RELEASE SAVEPOINT ${name}`,
    spanAttributes: []
  })
})

const attempt = <A>(operation: string, f: () => A): Effect.Effect<A, SqlError> =>
  Effect.try({
    try: f,
    catch: (cause) => {
      const message = cause instanceof Error ? cause.message : String(cause)
      const errno = cause instanceof sqlite.SQLite3Error ? cause.resultCode : undefined
      return new SqlError({ reason: classifySqliteError({ errno, message, cause }, { operation, message }) })
    }
  })

const bound = (value: unknown): string | number | null => {
  if (value === null || typeof value === "string" || typeof value === "number") return value
  throw new TypeError("the stores bind texts and numbers")
}

// The virtual file system: every call goes to the disk that was mounted last, and what that throws is an input/output error. SQLite
// knows files and places in its memory by number.

const VFS_NAME = "tearing"
/** The longest name of a file, with room for the endings of the log. */
const NAME_BYTES = 64
/** A fixed time, in the unit of SQLite (milliseconds since noon in Greenwich on November 24, 4714 B.C.): the year 1970. */
const NOW = 210_866_760_000_000n

let mounted: TearingDisk
/** Of the bytes that SQLite takes for random ones, such as the salt of a log: a run is decided by its seed alone. */
let drawn = 0
/** The files that are open: the disk each was opened on, and its name there. */
const openFiles = new Map<number, { readonly disk: TearingDisk; readonly name: string }>()

const guarded = (body: () => number | void): number => {
  try {
    return body() ?? capi.SQLITE_OK
  } catch {
    return capi.SQLITE_IOERR
  }
}

const onFile = (file: number, body: (disk: TearingDisk, name: string) => number | void): number =>
  guarded(() => {
    const open = openFiles.get(file)
    return open === undefined ? capi.SQLITE_IOERR : body(open.disk, open.name)
  })

const nameAt = (place: number): string => wasm.cstrToJs(place) ?? ""

const io = new capi.sqlite3_io_methods()
io.installMethods({
  xClose: (file: number) => {
    openFiles.delete(file)
    return capi.SQLITE_OK
  },
  xRead: (file: number, into: number, length: number, at: bigint) =>
    onFile(file, (disk, name) => {
      const bytes = disk.read(name, Number(at), length)
      const target = wasm.heap8u().subarray(into, into + length)
      target.set(bytes)
      target.fill(0, bytes.length)
      return bytes.length < length ? capi.SQLITE_IOERR_SHORT_READ : capi.SQLITE_OK
    }),
  xWrite: (file: number, from: number, length: number, at: bigint) =>
    onFile(file, (disk, name) => disk.write(name, Number(at), wasm.heap8u().slice(from, from + length))),
  xTruncate: (file: number, size: bigint) => onFile(file, (disk, name) => disk.truncate(name, Number(size))),
  xSync: (file: number, _flags: number) => onFile(file, (disk, name) => disk.sync(name)),
  xFileSize: (file: number, into: number) =>
    onFile(file, (disk, name) => {
      wasm.poke64(into, BigInt(disk.size(name)))
    }),
  xLock: (_file: number, _level: number) => capi.SQLITE_OK,
  xUnlock: (_file: number, _level: number) => capi.SQLITE_OK,
  xCheckReservedLock: (_file: number, into: number) => {
    wasm.poke32(into, 0)
    return capi.SQLITE_OK
  },
  xFileControl: (_file: number, _operation: number, _argument: number) => capi.SQLITE_NOTFOUND,
  xSectorSize: (_file: number) => SECTOR_BYTES,
  // As SQLite believes of every disk on Unix: a write does not harm the bytes beside it.
  xDeviceCharacteristics: (_file: number) => capi.SQLITE_IOCAP_POWERSAFE_OVERWRITE
})

const tearing = new capi.sqlite3_vfs()
tearing.installMethods({
  xOpen: (_vfs: number, name: number, file: number, flags: number, outFlags: number) =>
    guarded(() => {
      const path = nameAt(name)
      mounted.open(path)
      openFiles.set(file, { disk: mounted, name: path })
      const struct = new capi.sqlite3_file(file)
      struct.$pMethods = io.pointer
      struct.dispose()
      wasm.poke32(outFlags, flags)
    }),
  xDelete: (_vfs: number, name: number, _syncFolder: number) => guarded(() => mounted.remove(nameAt(name))),
  xAccess: (_vfs: number, name: number, _flags: number, into: number) =>
    guarded(() => {
      wasm.poke32(into, mounted.has(nameAt(name)) ? 1 : 0)
    }),
  xFullPathname: (_vfs: number, name: number, length: number, into: number) =>
    wasm.cstrncpy(into, name, length) < length ? capi.SQLITE_OK : capi.SQLITE_CANTOPEN,
  xRandomness: (_vfs: number, length: number, into: number) => {
    for (let at = into; at < into + length; at++) wasm.poke8(at, drawn++ & 255)
    return length
  },
  xSleep: (_vfs: number, _micros: number) => capi.SQLITE_OK,
  xCurrentTimeInt64: (_vfs: number, into: number) => {
    wasm.poke64(into, NOW)
    return capi.SQLITE_OK
  },
  xGetLastError: (_vfs: number, _length: number, _into: number) => capi.SQLITE_OK
})

// The package's types know `$iVersion` of one of the two only.
const { structInfo } = new capi.sqlite3_file()
Object.assign(io, { $iVersion: 1 })
Object.assign(tearing, { $iVersion: 2, $mxPathname: NAME_BYTES, $szOsFile: structInfo.sizeof })
vfs.installVfs({ vfs: { struct: tearing, name: VFS_NAME, asDefault: true, methods: {} } })
