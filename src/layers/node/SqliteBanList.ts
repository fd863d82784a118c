/**
 * Bans in SQLite: who is banned in the table `ban`, which stellar-core reads too; note, beginning and expiry beside it.
 *
 * A node of stellar-core on the same database sees a ban with an expiry as one without, until it is purged here.
 */
import { Clock, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { type Ban, type BanOptions, banRefusal } from "../../core/Ban.ts"
import { BAN_LIST_ENTRIES } from "../../core/limits.ts"
import { PeerId } from "../../core/PeerId.ts"
import { BanList, BanListError, banRefused } from "../../services/BanList.ts"
import { migrate, type SqliteMigrationError } from "./SqliteMigrations.ts"

/** Keeps the bans in the database, `entries` at most; makes its tables ready first, and removes the bans that have expired. */
export const layer = (
  options?: { readonly entries?: number }
): Layer.Layer<BanList, SqliteMigrationError, SqlClient> => Layer.effect(BanList, make(options))

/** Makes the list; see `layer`. */
export const make = Effect.fnUntraced(function*(
  options?: { readonly entries?: number }
): Effect.fn.Return<BanList["Service"], SqliteMigrationError, SqlClient> {
  yield* migrate
  const sql = yield* SqlClient
  const entries = options?.entries ?? BAN_LIST_ENTRIES

  // What is deleted from `ban` takes its details along: a trigger does that, whichever program deletes.
  const purge = (nowMillis: number) =>
    sql`DELETE FROM ban WHERE nodeid IN (SELECT nodeid FROM ban_details WHERE expires_at_millis <= ${nowMillis})`

  /** The bans that hold, with their details. */
  const holding = (nowMillis: number) =>
    sql`FROM ban LEFT JOIN ban_details USING (nodeid)
      WHERE nodeid IS NOT NULL AND coalesce(expires_at_millis > ${nowMillis}, 1)`

  const ban = Effect.fnUntraced(function*(id: PeerId, options: BanOptions) {
    const nowMillis = yield* Clock.currentTimeMillis
    yield* purge(nowMillis)
    const rows = yield* sql`SELECT count(*) FROM ban WHERE nodeid <> ${id}`.values
    const refusal = banRefusal(options, { nowMillis, others: Number(rows[0]?.[0]), entries })
    if (refusal !== undefined) return yield* banRefused(refusal)
    yield* sql`INSERT INTO ban (nodeid) VALUES (${id}) ON CONFLICT DO NOTHING`
    yield* sql`INSERT INTO ban_details (nodeid, note, since_millis, expires_at_millis)
      VALUES (${id}, ${options.note ?? null}, ${nowMillis}, ${options.expiresAtMillis ?? null})
      ON CONFLICT (nodeid) DO UPDATE SET note = excluded.note, expires_at_millis = excluded.expires_at_millis`
  })

  const unban = Effect.fnUntraced(function*(id: PeerId) {
    yield* purge(yield* Clock.currentTimeMillis)
    const rows = yield* sql`DELETE FROM ban WHERE nodeid = ${id} RETURNING nodeid`.values
    return rows.length > 0
  })

  // What has expired counts as none, removed or not: a database that is locked just now shall not keep a node from its start.
  yield* Effect.flatMap(Clock.currentTimeMillis, purge).pipe(
    Effect.catch((error) => Effect.logWarning("expired bans are not removed yet", error))
  )

  return {
    ban: (id, options = {}) => stored("ban", sql.withTransaction(ban(id, options))),
    unban: (id) => stored("unban", sql.withTransaction(unban(id))),
    isBanned: (id) =>
      stored(
        "isBanned",
        Effect.flatMap(Clock.currentTimeMillis, (nowMillis) =>
          Effect.map(sql`SELECT 1 ${holding(nowMillis)} AND nodeid = ${id}`.values, (rows) =>
            rows.length > 0))
      ),
    all: stored(
      "all",
      Effect.flatMap(Clock.currentTimeMillis, (nowMillis) =>
        Effect.map(
          sql`SELECT nodeid, note, since_millis, expires_at_millis ${holding(nowMillis)} ORDER BY nodeid`.values,
          (rows) => rows.map(banOf)
        ))
    )
  }
})

const banOf = ([id, note, since, expires]: ReadonlyArray<unknown>): Ban => ({
  id: PeerId(String(id)),
  note: note === null ? undefined : String(note),
  sinceMillis: since === null ? undefined : Number(since),
  expiresAtMillis: expires === null ? undefined : Number(expires)
})

const stored = <A>(
  operation: string,
  effect: Effect.Effect<A, BanListError | SqlError>
): Effect.Effect<A, BanListError> =>
  effect.pipe(
    Effect.catchTag(
      "SqlError",
      (error) => Effect.fail(new BanListError({ operation, message: error.message, cause: error }))
    ),
    Effect.withSpan(`BanList.${operation}`)
  )
