/**
 * The book of addresses in a SQLite table, `peers`, and its tables to dial from in `address_places`.
 *
 * What belongs together is one transaction. The rules stand in core; here they become rows. A column that was filled by hand with
 * something odd is read leniently: one bad row must not hide the others.
 */
import { Clock, Effect, Layer, Random, Result } from "effect"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Hex from "effect/encoding/Hex"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import type { Fragment } from "effect/sql/Statement"
import * as Tables from "../../core/AddressTables.ts"
import { HASH_KEY_BYTES } from "../../core/HalfSipHash.ts"
import { ANCHOR_PEERS } from "../../core/limits.ts"
import { format, type PeerAddress, tcpAddress } from "../../core/PeerAddress.ts"
import * as Book from "../../core/PeerBook.ts"
import type { PeerKind } from "../../core/PeerKind.ts"
import { PeerStore, PeerStoreError } from "../../services/PeerStore.ts"
import { migrate, SqliteMigrationError } from "./SqliteMigrations.ts"

/**
 * Keeps the book in the database; makes its tables ready first. Of a book that had no tables to dial from yet, its best addresses take their
 * places in them.
 */
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

  const kept = yield* opening(Effect.map(sql`SELECT secret FROM address_key`.values, (rows) => keyOf(rows[0]?.[0])))
  const random = yield* Effect.provide(SecureRandom.SecureRandom, SecureRandom.layerWebCrypto)
  const key = kept ?? (yield* random.randomBytes(HASH_KEY_BYTES))
  const tables = new Tables.AddressTables(key)
  const configured = new Tables.ConfiguredAddresses()

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

  const remove = Effect.fnUntraced(function*(addresses: ReadonlyArray<PeerAddress>) {
    const among = sql`(ip, port) IN (SELECT value ->> 0, value ->> 1 FROM json_each(${json(addresses)}))`
    yield* sql`DELETE FROM peers WHERE ${among}`
    yield* sql`DELETE FROM address_places WHERE ${among}`
  })

  /** Which rows may be displaced, as `isVictim` has it. */
  const mayGoFor: Readonly<Record<Book.Origin, Fragment>> = {
    told: sql`type = 0 AND numfailures > 0`,
    placed: sql`type < 2 AND (ip, port) NOT IN (SELECT ip, port FROM address_places)`,
    own: sql`type < 2`
  }

  /** Makes room for as many as it can of the wanted, at the cost of nobody in `kept`; tells for how many there is room. */
  const makeRoom = Effect.fnUntraced(function*(wanted: number, origin: Book.Origin, kept: ReadonlySet<string>) {
    const free = Math.max(0, limits.entries - (yield* size))
    if (wanted <= free) {
      return wanted
    }
    const mayGo = mayGoFor[origin]
    const rows = yield* sql`SELECT ${columns} FROM peers WHERE ${mayGo}
      ORDER BY type, numfailures DESC, ip, port LIMIT ${wanted - free + kept.size}`.values
    const victims = rows.map((row) => recordOf(row).address).filter((address) => !kept.has(format(address)))
      .slice(0, wanted - free)
    yield* remove(victims)
    return free + victims.length
  })

  /** Who is known, as the rules want it; rows of `columns`, tab, place, one for each place of the one address. */
  const holderOf = (rows: ReadonlyArray<ReadonlyArray<unknown>>): Tables.Holder | undefined => {
    const [row] = rows
    if (row === undefined) return undefined
    const { address, failures } = recordOf(row)
    const places = rows.flatMap(([, , , , , tab, at]) => isTable(tab) ? [{ table: tab, at: asNumber(at) }] : [])
    return { address, failures, places }
  }

  const answer = (question: Tables.Question) => {
    if (question._tag === "Of") {
      const { ip, port } = question.address
      return Effect.map(
        sql`SELECT ${columns}, tab, place FROM peers LEFT JOIN address_places USING (ip, port)
          WHERE ip = ${ip} AND port = ${port} ORDER BY tab, place`.values,
        holderOf
      )
    }
    const { at, table } = question.place
    return Effect.map(
      sql`SELECT ${columns}, others.tab, others.place FROM address_places AS resident
        JOIN peers USING (ip, port) JOIN address_places AS others USING (ip, port)
        WHERE resident.tab = ${table} AND resident.place = ${at} ORDER BY others.tab, others.place`.values,
      holderOf
    )
  }

  const decided = Effect.fnUntraced(function*(decision: Tables.Decision) {
    let step = decision.next()
    while (step.done !== true) step = decision.next(yield* answer(step.value))
    return step.value
  })

  const apply = Effect.fnUntraced(function*(changes: ReadonlyArray<Tables.Change>) {
    for (const change of changes) {
      switch (change._tag) {
        case "Put": {
          const { address: { ip, port }, place: { at, table } } = change
          yield* sql`INSERT OR REPLACE INTO address_places (tab, place, ip, port) VALUES (${table}, ${at}, ${ip}, ${port})`
          break
        }
        case "Clear":
          yield* sql`DELETE FROM address_places WHERE tab = ${change.place.table} AND place = ${change.place.at}`
          break
        case "Forget": {
          const record = yield* find(change.address)
          if (record !== undefined && configured.mayForget(record)) yield* remove([record.address])
        }
      }
    }
  })

  const told = Effect.fnUntraced(function*(address: PeerAddress, source: PeerAddress, { nowMillis }: Book.Moment) {
    const changes = yield* decided(tables.told(address, source.ip))
    if (changes.length === 0) return
    if ((yield* find(address)) === undefined) {
      if ((yield* makeRoom(1, "placed", new Set())) === 0) return
      yield* write(address, Book.newEntry(nowMillis))
    }
    yield* apply(changes)
  })

  const answered = (address: PeerAddress) => Effect.flatMap(decided(tables.answered(address)), apply)

  /** Does something about an address that can stand in the book, in one transaction. */
  const about = (
    operation: string,
    address: PeerAddress,
    body: (moment: Book.Moment) => Effect.Effect<void, SqlError>
  ) =>
    Book.canBeEntered(address)
      ? transaction(operation, Effect.flatMap(now, body))
      : Effect.fail(
        new PeerStoreError({
          operation,
          message: `${format(address)} is not an IPv4 address with a port from 1 to 65535`,
          cause: undefined
        })
      )

  /** Changes a row, and then what follows from that if the address has a row now. */
  const update = (
    operation: string,
    address: PeerAddress,
    origin: Book.Origin,
    change: (entry: Book.PeerEntry, moment: Book.Moment) => Book.PeerEntry,
    then: (moment: Book.Moment) => Effect.Effect<void, SqlError> = () => Effect.void
  ) =>
    about(
      operation,
      address,
      Effect.fnUntraced(function*(moment) {
        const known = yield* find(address)
        if (known !== undefined || (yield* makeRoom(1, origin, new Set())) > 0) {
          yield* write(address, change(known ?? Book.newEntry(moment.nowMillis), moment))
          yield* then(moment)
        }
      })
    )

  const succeed = (operation: string, address: PeerAddress) =>
    update(operation, address, "own", Book.succeeded, () => answered(address))

  const silent = (address: PeerAddress) =>
    about(
      "tested",
      address,
      Effect.fnUntraced(function*(moment) {
        const known = yield* find(address)
        if (known === undefined) return
        yield* write(address, Book.attempted(known, moment))
        yield* apply(yield* decided(tables.silent(address)))
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

  const learn = Effect.fnUntraced(function*(addresses: ReadonlyArray<PeerAddress>, source: PeerAddress) {
    const moment = yield* now
    const given = new Map(addresses.filter(Book.canBeEntered).map((address) => [format(address), address]))
    yield* Effect.forEach(given.values(), (address) => told(address, source, moment), { discard: true })
    const rows = yield* sql`SELECT count(*) FROM json_each(${json(given.values())}) AS given WHERE EXISTS
      (SELECT 1 FROM address_places WHERE ip = given.value ->> 0 AND port = given.value ->> 1)`.values
    return asNumber(rows[0]?.[0])
  })

  /** The residents of both tables that may be dialled now. */
  const due = Effect.fnUntraced(function*({ nowMillis }: Book.Moment) {
    const rows = yield* sql`SELECT ip, port, tab, place FROM address_places JOIN peers USING (ip, port)
      WHERE tab <> 'waiting' AND nextattempt <= ${timestamp(nowMillis)} AND numfailures <= ${limits.maxFailures}
      ORDER BY tab, place`.values
    const tried: Array<PeerAddress> = []
    const told: Array<Tables.Told> = []
    for (const row of rows) {
      if (row[2] === "tried") tried.push(addressOf(row))
      else told.push([asNumber(row[3]), addressOf(row)])
    }
    return { tried, told }
  })

  const toDial = Effect.fnUntraced(function*(limit: number) {
    const moment = yield* now
    const { told, tried } = yield* due(moment)
    const records = yield* Effect.forEach(Tables.drawDials(tried, told, limit, moment.draw), find)
    return records.filter((record) => record !== undefined)
  })

  const feeler = Effect.gen(function*() {
    const moment = yield* now
    const { told } = yield* due(moment)
    const tests = yield* sql`SELECT tried.ip, tried.port FROM address_places AS waiting
      JOIN address_places AS tried ON tried.tab = 'tried' AND tried.place = waiting.place
      JOIN peers ON peers.ip = tried.ip AND peers.port = tried.port WHERE waiting.tab = 'waiting' ORDER BY waiting.place`
      .values
    return Tables.drawFeeler(tests.map(addressOf), told, moment.draw)
  })

  const readAnchors = Effect.map(
    sql`SELECT ip, port FROM address_anchors ORDER BY rank`.values,
    (rows) => rows.map(addressOf)
  )

  const setAnchors = Effect.fnUntraced(function*(addresses: ReadonlyArray<PeerAddress>) {
    const wanted = json(addresses.filter(Book.canBeEntered).slice(0, ANCHOR_PEERS))
    // They are named far more often than they change.
    if (wanted === json(yield* readAnchors)) return
    yield* sql`DELETE FROM address_anchors`
    yield* sql`INSERT INTO address_anchors (rank, ip, port)
      SELECT key, value ->> 0, value ->> 1 FROM json_each(${wanted})`
  })

  const residents = (table: Tables.TableName) =>
    Effect.map(
      sql`SELECT ip, port FROM address_places WHERE tab = ${table} ORDER BY place`.values,
      (rows) => rows.map(addressOf)
    )

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
      ? sql`SELECT ip, port FROM peers WHERE ${dead}`.values
      : sql`SELECT ip, port FROM peers WHERE ip = ${ip} AND ${dead}`.values
    if (rows.length > 0) yield* remove(rows.map(addressOf))
    return rows.length
  })

  if (kept === undefined) {
    // What the book of an earlier version, or of stellar-core, knows. The best first: places are few.
    const takeOver = Effect.gen(function*() {
      const moment = yield* now
      yield* sql`INSERT OR REPLACE INTO address_key (one, secret) VALUES (1, ${Hex.encode(key)})`
      // Of another key, if any: nobody would find them.
      yield* sql`DELETE FROM address_places`
      const rows = yield* sql`SELECT ${columns} FROM peers
        ORDER BY type DESC, numfailures, ip, port LIMIT ${Tables.tableSizes.new}`.values
      for (const { address, failures, kind } of rows.map(recordOf)) {
        if (!Book.canBeEntered(address)) continue
        yield* kind !== "inbound" && failures === 0 ? answered(address) : told(address, address, moment)
      }
    })
    yield* opening(sql.withTransaction(takeOver))
  }

  return {
    ensure: (addresses) => transaction("ensure", ensure(addresses)),
    learn: (addresses, source) => transaction("learn", learn(addresses, source)),
    observe: (address, observation) =>
      observation.kind === "inbound"
        ? update(
          "observe",
          address,
          "told",
          (entry) => Book.observed(entry, observation),
          (moment) => told(address, address, moment)
        )
        : update("observe", address, "own", (entry) => Book.observed(entry, observation)),
    attempt: (address) => update("attempt", address, "own", Book.attempted),
    withdraw: (address) =>
      about("withdraw", address, () =>
        Effect.flatMap(
          find(address),
          (known) => known === undefined ? Effect.void : Effect.asVoid(write(address, Book.withdrawn(known)))
        )),
    succeed: (address) => succeed("succeed", address),
    reset: (address) => update("reset", address, "own", Book.reset, () => Effect.sync(() => configured.add(address))),
    get: (address) => stored("get", find(address)),
    candidates: (kind, limit) => transaction("candidates", candidates(kind, limit)),
    toDial: (limit) => transaction("toDial", toDial(limit)),
    feeler: transaction("feeler", feeler),
    tested: (address, answered) => answered ? succeed("tested", address) : silent(address),
    anchors: stored("anchors", readAnchors),
    setAnchors: (addresses) => transaction("setAnchors", setAnchors(addresses)),
    residents: (table) => stored("residents", residents(table)),
    toShare: (limit) => transaction("toShare", toShare(limit)),
    purge: (ip) => transaction("purge", purge(ip)),
    size: stored("size", size)
  }
})

const stored = <A>(operation: string, effect: Effect.Effect<A, SqlError>): Effect.Effect<A, PeerStoreError> =>
  effect.pipe(
    Effect.mapError((error) => new PeerStoreError({ operation, message: error.message, cause: error })),
    Effect.withSpan(`PeerStore.${operation}`)
  )

/** What fails while the book is opened. */
const opening = <A>(effect: Effect.Effect<A, SqlError>): Effect.Effect<A, SqliteMigrationError> =>
  Effect.mapError(effect, (cause) =>
    new SqliteMigrationError({
      reason: "failed",
      message: `the tables to dial from cannot be made ready: ${cause.message}`,
      cause
    }))

const typeOf: Readonly<Record<PeerKind, number>> = { inbound: 0, outbound: 1, preferred: 2 }

const kindOf = (type: unknown): PeerKind => type === 1 ? "outbound" : type === 2 ? "preferred" : "inbound"

/** Reads a row of `columns`. */
const recordOf = ([ip, port, nextAttempt, failures, type]: ReadonlyArray<unknown>): Book.PeerRecord => ({
  address: tcpAddress(String(ip), asNumber(port)),
  kind: kindOf(type),
  failures: asNumber(failures),
  nextAttemptMillis: millisOf(nextAttempt)
})

const addressOf = ([ip, port]: ReadonlyArray<unknown>): PeerAddress => tcpAddress(String(ip), asNumber(port))

/** Reads a key; `undefined` for what is none. */
const keyOf = (secret: unknown): Uint8Array | undefined => {
  const bytes = Result.getOrUndefined(Hex.decode(String(secret ?? "")))
  return bytes?.length === HASH_KEY_BYTES ? bytes : undefined
}

const isTable = (tab: unknown): tab is Tables.TableName => tab === "new" || tab === "tried" || tab === "waiting"

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
