/**
 * A writer is killed with SIGKILL at 50 random instants: the database stays whole, and what was acknowledged is there.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Random } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { spawn } from "node:child_process"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { PeerId } from "../../src/core/PeerId.ts"
import * as SqliteBanList from "../../src/layers/node/SqliteBanList.ts"
import * as SqliteClient from "../../src/layers/node/SqliteClient.ts"
import * as SqlitePeerStore from "../../src/layers/node/SqlitePeerStore.ts"
import { BanList } from "../../src/services/BanList.ts"
import { PeerStore } from "../../src/services/PeerStore.ts"
import { addressesOf, bannedOf } from "./crashRows.ts"
import { temporaryFolder } from "./temporaryFolder.ts"

const script = fileURLToPath(new URL("crashWriter.ts", import.meta.url))

/** Starts a writer at a number and kills it when it has acknowledged so many; tells the last number that came out, even after that. */
const killedAfter = (acknowledgements: number, filename: string, first: number) =>
  Effect.callback<number>((resume) => {
    const child = spawn(process.execPath, [script, filename, String(first)], {
      stdio: ["ignore", "pipe", "pipe"],
      // The same modules fifty times: compile them once.
      env: { ...process.env, NODE_COMPILE_CACHE: join(dirname(filename), "compiled") }
    })
    let errors = ""
    let text = ""
    let lines = 0
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => errors += chunk)
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk
      lines += chunk.split("\n").length - 1
      if (lines >= acknowledgements) {
        child.kill("SIGKILL")
      }
    })
    child.on("close", (_, signal) =>
      resume(
        signal === "SIGKILL" && errors === ""
          ? Effect.succeed(first + lines - 1)
          : Effect.die(new Error(`the writer ended by itself: ${errors}${text}`))
      ))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const check = (acknowledged: ReadonlyArray<number>) =>
  Effect.gen(function*() {
    const sql = yield* SqlClient
    const store = yield* PeerStore
    const bans = yield* BanList
    assert.deepStrictEqual(yield* sql`PRAGMA integrity_check`.values, [["ok"]])
    const banned = new Set((yield* bans.all).map(({ id }) => id))
    for (const number of acknowledged) {
      const [dialled, ...told] = yield* Effect.forEach(addressesOf(number), store.get)
      assert.deepInclude(dialled, { kind: "outbound", failures: 1 }, `${number}`)
      told.forEach((record) => assert.deepInclude(record, { kind: "inbound", failures: 0 }, `${number}`))
      assert.isTrue(banned.has(PeerId(bannedOf(number))), `${number}`)
    }
    // Three addresses are one write: all or none, also of the numbers that were never acknowledged.
    assert.deepStrictEqual(
      yield* sql`SELECT ip FROM peers WHERE port > 1 GROUP BY ip HAVING count(*) <> 3`,
      []
    )
  })

const killOften = Effect.fnUntraced(function*(kills: number, filename: string) {
  const layer = Layer.mergeAll(SqlitePeerStore.layer(), SqliteBanList.layer()).pipe(
    Layer.provideMerge(SqliteClient.layer({ filename }))
  )
  const acknowledged: Array<number> = []
  let first = 0
  for (let kill = 0; kill < kills; kill++) {
    const acknowledgements = yield* Random.nextIntBetween(1, 40)
    const last = yield* killedAfter(acknowledgements, filename, first)
    const numbers = Array.from({ length: last - first + 1 }, (_, at) => first + at)
    acknowledged.push(...numbers)
    // All of them after the last kill.
    yield* check(kill === kills - 1 ? acknowledged : numbers).pipe(Effect.provide(Layer.fresh(layer)))
    // The number after the last may be written in part; the next writer leaves it as it is.
    first = last + 2
  }
  return acknowledged.length
})

describe("A SQLite database", () => {
  it.live(
    "is whole and has all that was acknowledged after each of 50 kills of its writer",
    () =>
      Effect.gen(function*() {
        const folder = yield* temporaryFolder
        const written = yield* Effect.forEach(
          ["one.db", "other.db"],
          (name) => killOften(25, join(folder, name)).pipe(Random.withSeed(name)),
          { concurrency: 2 }
        )
        written.forEach((numbers) => assert.isAtLeast(numbers, 25))
      }),
    60_000
  )
})
