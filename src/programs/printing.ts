/**
 * What goes to whom: the answer to stdout, everything else to stderr.
 */
import { Effect } from "effect"

/** Writes a line of the answer. */
export const print = (line: string): Effect.Effect<void> =>
  Effect.sync(() => {
    process.stdout.write(`${line}\n`)
  })

/** Writes one JSON document as one line of the answer. */
export const printJson = (document: unknown): Effect.Effect<void> =>
  Effect.suspend(() => print(JSON.stringify(document)))

/** Tells the person at the terminal something that is not the answer. */
export const tell = (line: string): Effect.Effect<void> =>
  Effect.sync(() => {
    process.stderr.write(`${line}\n`)
  })
