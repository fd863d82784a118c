/**
 * Bans in a SQLite table, `ban`.
 */
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { BAN_LIST_ENTRIES } from "../../core/limits.ts"
import { PeerId } from "../../core/PeerId.ts"
import { BanList, BanListError } from "../../services/BanList.ts"
import { migrate, type SqliteMigrationError } from "./SqliteMigrations.ts"

/** Keeps the bans in the database, `entries` at most; makes its tables ready first. */
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

  const isBanned = (id: PeerId) =>
    Effect.map(sql`SELECT 1 FROM ban WHERE nodeid = ${id}`.values, (rows) => rows.length > 0)

  const ban = Effect.fnUntraced(function*(id: PeerId) {
    const known = yield* isBanned(id)
    const rows = yield* sql`SELECT count(*) FROM ban`.values
    if (!known && Number(rows[0]?.[0]) >= entries) {
      return yield* new BanListError({
        operation: "ban",
        message: `the list is full (${entries} bans): lift some`,
        cause: undefined
      })
    }
    yield* sql`INSERT INTO ban (nodeid) VALUES (${id}) ON CONFLICT DO NOTHING`
  })

  return {
    ban: (id) => stored("ban", sql.withTransaction(ban(id))),
    unban: (id) =>
      stored(
        "unban",
        Effect.map(sql`DELETE FROM ban WHERE nodeid = ${id} RETURNING nodeid`.values, (rows) => rows.length > 0)
      ),
    isBanned: (id) => stored("isBanned", isBanned(id)),
    all: stored(
      "all",
      Effect.map(
        sql`SELECT nodeid FROM ban WHERE nodeid IS NOT NULL ORDER BY nodeid`.values,
        (rows) => rows.map(([id]) => PeerId(String(id)))
      )
    )
  }
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
