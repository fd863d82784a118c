/**
 * The answer to stdout, progress to stderr.
 */
import { Effect } from "effect"
import { availableParallelism, cpus } from "node:os"
import type { Figure } from "./statistics.ts"

/** On what the figures were taken. */
export const machine = () => ({
  cpu: cpus()[0]?.model ?? "unknown",
  cores: availableParallelism(),
  node: process.version,
  platform: `${process.platform} ${process.arch}`
})

/** Writes the answer. */
export const answer = (text: string): Effect.Effect<void> =>
  Effect.sync(() => {
    process.stdout.write(`${text}\n`)
  })

/** Says how far it is. */
export const progress = (text: string): Effect.Effect<void> =>
  Effect.sync(() => {
    process.stderr.write(`${text}\n`)
  })

/** A figure for people: the median, and behind it the interquartile range. */
export const shown = ({ median, spread }: Figure): string => `${median} (${spread})`

/** Columns, the first to the left and the others to the right. */
export const table = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row.map((cell, column) => column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))
      .join("  ").trimEnd()
  ).join("\n")
}
