/**
 * The book of addresses in a SQLite table, `peers`.
 *
 * What belongs together is one transaction. The rules stand in core; here they become rows. A column that was filled by hand with
 * something odd is read leniently: one bad row must not hide the others.
 */
import { Clock, Effect, Layer, Random } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import type { Fragment } from "effect/sql/Statement"
import { format, type PeerAddress, tcpAddress } from "../../core/PeerAddress.ts"
import * as Book from "../../core/PeerBook.ts"
import type { PeerKind } from "../../core/PeerKind.ts"
import { PeerStore, PeerStoreError } from "../../services/PeerStore.ts"
import { migrate, type SqliteMigrationError } from "./SqliteMigrations.ts"

/** Keeps the book in the database; makes its tables ready first. */
export const layer = (options?: Book.PeerBookOptions): Layer.Layer<PeerStore, SqliteMigrationError, SqlClient> =>
  Layer.effect(PeerStore, make(options))

/** Makes the store; see `layer`. */
export const make = Effect.fnUntraced(function*(
  options?: Book.PeerBookOptions
): Effect.fn.Return<PeerStore["Service"], SqliteMigrationError, SqlClient> {
  yield* migrate
  const sql = yield* SqlClient
  const limits = Book.peerBookLimits(options)

  const columns = sql.literal("ip, port, nextattempt, numfailures, type")

  const now = Effect.gen(function*() {
    const random = yield* Random.Random
    return { nowMillis: yield* Clock.currentTimeMillis, draw: () => random.nextDoubleUnsafe(), limits }
  })

  const transaction = <A>(operation: string, effect: Effect.Effect<A, SqlError>) =>
    stored(operation, sql.withTransaction(effect))

  const count = Effect.fnUntraced(function*(where: Fragment) {
    const rows = yield* sql`SELECT count(*) FROM peers WHERE ${where}`.values
    return asNumber(rows[0]?.[0])
  })
  const size = count(sql`true`)

  const find = Effect.fnUntraced(function*({ ip, port }: PeerAddress) {
    const rows = yield* sql`SELECT ${columns} FROM peers WHERE ip = ${ip} AND port = ${port}`.values
    return rows[0] === undefined ? undefined : recordOf(rows[0])
  })

  const write = ({ ip, port }: PeerAddress, { failures, kind, nextAttemptMillis }: Book.PeerEntry) =>
    sql`INSERT INTO peers (ip, port, nextattempt, numfailures, type)
      VALUES (${ip}, ${port}, ${timestamp(nextAttemptMillis)}, ${failures}, ${typeOf[kind]})
      ON CONFLICT (ip, port) DO UPDATE
      SET nextattempt = excluded.nextattempt, numfailures = excluded.numfailures, type = excluded.type`

  /** Makes room for as many as it can of the wanted, at the cost of nobody in `kept`; tells for how many there is room. */
  const makeRoom = Effect.fnUntraced(function*(wanted: number, origin: Book.Origin, kept: ReadonlySet<string>) {
    const free = Math.max(0, limits.entries - (yield* size))
    if (wanted <= free) {
      return wanted
    }
    const mayGo = origin === "told" ? sql`type = 0 AND numfailures > 0` : sql`type < 2`
    const rows = yield* sql`SELECT ${columns} FROM peers WHERE ${mayGo}
      ORDER BY type, numfailures DESC, ip, port LIMIT ${wanted - free + kept.size}`.values
    const victims = rows.map((row) => recordOf(row).address).filter((address) => !kept.has(format(address)))
      .slice(0, wanted - free)
    yield* sql`DELETE FROM peers WHERE (ip, port) IN (SELECT value ->> 0, value ->> 1 FROM json_each(${json(victims)}))`
    return free + victims.length
  })

  const update = (
    operation: string,
    address: PeerAddress,
    origin: Book.Origin,
    change: (entry: Book.PeerEntry, moment: Book.Moment) => Book.PeerEntry
  ) =>
    Book.canBeEntered(address)
      ? transaction(
        operation,
        Effect.gen(function*() {
          const moment = yield* now
          const known = yield* find(address)
          if (known !== undefined || (yield* makeRoom(1, origin, new Set())) > 0) {
            yield* write(address, change(known ?? Book.newEntry(moment.nowMillis), moment))
          }
        })
      )
      : Effect.fail(
        new PeerStoreError({
          operation,
          message: `${format(address)} is not an IPv4 address with a port from 1 to 65535`,
          cause: undefined
        })
      )

  const draw = Effect.fnUntraced(function*(where: Fragment, limit: number, { draw }: Book.Moment) {
    const matching = yield* count(where)
    const { length, offset, picks } = Book.drawRows(matching, limits.sampleRows, limit, draw)
    const read = (from: number, length: number) =>
      sql`SELECT ${columns} FROM peers WHERE ${where} ORDER BY ip, port LIMIT ${length} OFFSET ${from}`.values
    const beyondEnd = Math.max(0, offset + length - matching)
    const rows = [
      ...(yield* read(offset, length - beyondEnd)),
      ...(beyondEnd === 0 ? [] : yield* read(0, beyondEnd))
    ]
    return picks.flatMap((place) => rows[place] === undefined ? [] : [recordOf(rows[place])])
  })

  const ensure = Effect.fnUntraced(function*(addresses: ReadonlyArray<PeerAddress>) {
    const given = new Map(addresses.filter(Book.canBeEntered).map((address) => [format(address), address]))
    const known = yield* sql`SELECT p.ip, p.port FROM json_each(${json(given.values())}) AS given
      CROSS JOIN peers AS p ON p.ip = given.value ->> 0 AND p.port = given.value ->> 1`.values
    const kept = new Set(known.map(([ip, port]) => `${ip}:${port}`))
    const missing = [...given].flatMap(([key, address]) => kept.has(key) ? [] : [address])
    if (missing.length === 0) {
      return kept.size
    }
    const entered = missing.slice(0, yield* makeRoom(missing.length, "told", kept))
    const { nowMillis } = yield* now
    const { failures, kind, nextAttemptMillis } = Book.newEntry(nowMillis)
    yield* sql`INSERT INTO peers (ip, port, nextattempt, numfailures, type)
      SELECT value ->> 0, value ->> 1, ${timestamp(nextAttemptMillis)}, ${failures}, ${typeOf[kind]}
      FROM json_each(${json(entered)})`
    return kept.size + entered.length
  })

  const candidates = Effect.fnUntraced(function*(kind: PeerKind, limit: number) {
    const moment = yield* now
    const due = sql`type = ${typeOf[kind]} AND nextattempt <= ${timestamp(moment.nowMillis)}
      AND numfailures <= ${limits.maxFailures}`
    return yield* draw(due, limit, moment)
  })

  const toShare = Effect.fnUntraced(function*(limit: number) {
    const moment = yield* now
    const called = yield* draw(sql`type > 0 AND numfailures <= ${limits.maxFailuresToShare}`, limit, moment)
    const missing = limit - called.length
    return missing <= 0
      ? called
      : [...called, ...(yield* draw(sql`type = 0 AND numfailures <= ${limits.maxFailuresToShare}`, missing, moment))]
  })

  const purge = Effect.fnUntraced(function*(ip?: string) {
    const dead = sql`numfailures >= ${limits.maxFailures}`
    const rows = yield* ip === undefined
      ? sql`DELETE FROM peers WHERE ${dead} RETURNING ip`.values
      : sql`DELETE FROM peers WHERE ip = ${ip} AND ${dead} RETURNING ip`.values
    return rows.length
  })

  return {
    ensure: (addresses) => transaction("ensure", ensure(addresses)),
    observe: (address, observation) =>
      update(
        "observe",
        address,
        observation.kind === "inbound" ? "told" : "own",
        (entry) => Book.observed(entry, observation)
      ),
    attempt: (address) => update("attempt", address, "own", Book.attempted),
    succeed: (address) => update("succeed", address, "own", Book.succeeded),
    reset: (address) => update("reset", address, "own", Book.reset),
    get: (address) => stored("get", find(address)),
    candidates: (kind, limit) => transaction("candidates", candidates(kind, limit)),
    toShare: (limit) => transaction("toShare", toShare(limit)),
    purge: (ip) => stored("purge", purge(ip)),
    size: stored("size", size)
  }
})

const stored = <A>(operation: string, effect: Effect.Effect<A, SqlError>): Effect.Effect<A, PeerStoreError> =>
  effect.pipe(
    Effect.mapError((error) => new PeerStoreError({ operation, message: error.message, cause: error })),
    Effect.withSpan(`PeerStore.${operation}`)
  )

const typeOf: Readonly<Record<PeerKind, number>> = { inbound: 0, outbound: 1, preferred: 2 }

const kindOf = (type: unknown): PeerKind => type === 1 ? "outbound" : type === 2 ? "preferred" : "inbound"

/** Reads a row of `columns`. */
const recordOf = ([ip, port, nextAttempt, failures, type]: ReadonlyArray<unknown>): Book.PeerRecord => ({
  address: tcpAddress(String(ip), asNumber(port)),
  kind: kindOf(type),
  failures: asNumber(failures),
  nextAttemptMillis: millisOf(nextAttempt)
})

const asNumber = (value: unknown): number => typeof value === "number" ? value : 0

/** `2026-01-31 23:59:59`, in UTC: what stellar-core writes, and what sorts as text like the time it means. */
const timestamp = (millis: number): string => new Date(millis).toISOString().slice(0, 19).replace("T", " ")

/** Reads a timestamp, without a fraction of a second; what is none is long past. */
const millisOf = (timestamp: unknown): number => {
  const [date, time] = String(timestamp).slice(0, 19).split(/[ T]/)
  return Date.parse(`${date}T${time}Z`) || 0
}

const json = (addresses: Iterable<PeerAddress>): string =>
  JSON.stringify(Array.from(addresses, ({ ip, port }) => [ip, port]))
