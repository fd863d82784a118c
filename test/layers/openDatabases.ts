/**
 * A process that opens each database that its arguments describe (a `SqliteClientConfig` as JSON) and prints what it found, a line of
 * JSON each: the names of the tables, or the error.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { layer, type SqliteClientConfig } from "../../src/layers/node/SqliteClient.ts"

const tables = Effect.gen(function*() {
  const sql = yield* SqlClient
  const rows = yield* sql`SELECT name FROM sqlite_schema`.values
  return { tables: rows.flat() }
})

for (const argument of process.argv.slice(2)) {
  const config: SqliteClientConfig = JSON.parse(argument)
  const outcome = await Effect.runPromise(
    tables.pipe(
      Effect.provide(layer(config)),
      Effect.catchTag("SqliteOpenError", ({ message, reason }) => Effect.succeed({ reason, message }))
    )
  )
  console.log(JSON.stringify(outcome))
}
