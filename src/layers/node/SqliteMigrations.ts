/**
 * The tables of the stores in a SQLite database, and how an older database becomes a newer one.
 *
 * What stellar-core has too has its tables and columns, so that its operators' queries work on ours.
 */
import { Effect, Schema } from "effect"
import * as Migrator from "effect/sql/Migrator"
import { SqlClient } from "effect/sql/SqlClient"

/** Says that the tables could not be made ready; nothing was changed. */
export class SqliteMigrationError extends Schema.TaggedError<SqliteMigrationError>()("SqliteMigrationError", {
  /** `newer`: a later version of this program has written the database. */
  reason: Schema.Literals(["newer", "failed"]),
  message: Schema.String,
  cause: Schema.Defect()
}) {}

/** Where the database keeps what has been done to it. */
const table = "effect_overlay_migrations"

const migrations = {
  // `IF NOT EXISTS`: a database that stellar-core has filled is taken as it is.
  "1_peers_and_bans": Effect.gen(function*() {
    const sql = yield* SqlClient
    // type: 0 inbound, 1 outbound, 2 preferred. nextattempt: UTC as `2026-01-31 23:59:59`, what SQLite's own functions read and write.
    yield* sql`CREATE TABLE IF NOT EXISTS peers (
      ip VARCHAR(15) NOT NULL,
      port INT DEFAULT 0 CHECK (port > 0 AND port <= 65535),
      nextattempt TIMESTAMP NOT NULL,
      numfailures INT DEFAULT 0 CHECK (numfailures >= 0),
      type INT NOT NULL,
      PRIMARY KEY (ip, port)
    )`
    // Holds whole rows of one type in the order of the book, so a drawing neither sorts nor looks into the table.
    yield* sql`CREATE INDEX IF NOT EXISTS peers_of_type ON peers (type, ip, port, nextattempt, numfailures)`
    yield* sql`CREATE TABLE IF NOT EXISTS ban (nodeid CHARACTER(56) PRIMARY KEY)`
  }),
  // Ours: stellar-core has no such tables, and does not look at them.
  "2_address_tables": Effect.gen(function*() {
    const sql = yield* SqlClient
    // Who stands where. tab: new, tried or waiting. A place whose address has no row in peers, because somebody else deleted it, is free.
    yield* sql`CREATE TABLE address_places (
      tab TEXT NOT NULL CHECK (tab IN ('new', 'tried', 'waiting')),
      place INT NOT NULL,
      ip VARCHAR(15) NOT NULL,
      port INT NOT NULL,
      PRIMARY KEY (tab, place)
    ) WITHOUT ROWID`
    yield* sql`CREATE INDEX places_of_address ON address_places (ip, port)`
    // The outbound peers that are called first after a start, in this order.
    yield* sql`CREATE TABLE address_anchors (rank INT PRIMARY KEY, ip VARCHAR(15) NOT NULL, port INT NOT NULL)`
    // One row: the secret that the places depend on, in hexadecimal digits.
    yield* sql`CREATE TABLE address_key (one INT PRIMARY KEY CHECK (one = 1), secret TEXT NOT NULL)`
  }),
  // Ours, beside core's table of bans, which stays as it is.
  "3_ban_details": Effect.gen(function*() {
    const sql = yield* SqlClient
    // Times in Unix milliseconds. A ban without a row here was made by core: it has no note, and no end.
    yield* sql`CREATE TABLE ban_details (
      nodeid CHARACTER(56) PRIMARY KEY NOT NULL,
      note TEXT,
      since_millis INT NOT NULL,
      expires_at_millis INT
    ) WITHOUT ROWID`
    // Also when core lifts the ban: an expiry left behind would end a later ban of the same node.
    yield* sql`CREATE TRIGGER ban_lifted AFTER DELETE ON ban BEGIN
      DELETE FROM ban_details WHERE nodeid = OLD.nodeid;
    END`
  })
}

const newestKnown = Math.max(...Object.keys(migrations).map((name) => Number.parseInt(name)))

/** Makes the tables ready: creates or upgrades them; refuses a database of a newer version. Doing it again does nothing. */
export const migrate: Effect.Effect<void, SqliteMigrationError, SqlClient> = Effect.gen(function*() {
  const sql = yield* SqlClient
  yield* Migrator.make({})({ loader: Migrator.fromRecord(migrations), table })
  const rows = yield* sql<{ newest: number }>`SELECT max(migration_id) AS newest FROM ${sql(table)}`
  const newest = rows[0]?.newest ?? 0
  if (newest > newestKnown) {
    return yield* new SqliteMigrationError({
      reason: "newer",
      message: `the database is of version ${newest}, and this program knows version ${newestKnown} at most. ` +
        "Run the newer program, or name another database.",
      cause: undefined
    })
  }
}).pipe(
  Effect.catchTags({
    MigrationError: (error) => Effect.fail(failed(error.message, error.cause)),
    SqlError: (error) => Effect.fail(failed(error.message, error))
  }),
  Effect.withSpan("SqliteMigrations.migrate")
)

const failed = (message: string, cause: unknown): SqliteMigrationError =>
  new SqliteMigrationError({ reason: "failed", message: `the tables cannot be made ready: ${message}`, cause })
