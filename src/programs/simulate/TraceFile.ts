/**
 * A file with a line for each event of a run, written while it runs.
 */
import { Effect, type Scope } from "effect"
import { closeSync, openSync, writeSync } from "node:fs"
import type { TraceLine } from "../../testing/stellar/Simulation.ts"
import { type CommandFailed, failed } from "../CommandFailed.ts"
import { traceText } from "./report.ts"

/** Characters that are kept back and then written at once: few enough to hold, many enough to be worth a system call. */
const WRITE_CHARACTERS = 65_536

/** What takes the lines of a run. Inside the World nothing may wait for the machine, so it writes synchronously. */
export interface TraceFile {
  /** Takes a line. It never throws: the run is not to end otherwise because a disk is full. */
  readonly line: (line: TraceLine) => void
  /** Writes what is left, and fails if not all could be written. */
  readonly complete: Effect.Effect<void, CommandFailed>
}

/** Opens the file, which replaces what was there. At the end of the scope, also of an interrupted run, its last lines are in it. */
export const open = Effect.fnUntraced(
  function*(path: string): Effect.fn.Return<TraceFile, CommandFailed, Scope.Scope> {
    const failedBy = (cause: unknown): CommandFailed =>
      failed(`The trace cannot be written to ${path} (${String(cause)}). Name another file with --trace.`)
    let waiting: Array<string> = []
    let characters = 0
    let problem: CommandFailed | undefined

    const write = (file: number): void => {
      try {
        if (problem === undefined) writeSync(file, waiting.join(""))
      } catch (cause) {
        problem = failedBy(cause)
      }
      waiting = []
      characters = 0
    }

    const file = yield* Effect.acquireRelease(
      Effect.try({ try: () => openSync(path, "w"), catch: failedBy }),
      (file) =>
        Effect.sync(() => {
          write(file)
          closeSync(file)
        })
    )
    return {
      line: (line) => {
        const text = `${traceText(line)}\n`
        waiting.push(text)
        characters += text.length
        if (characters >= WRITE_CHARACTERS) write(file)
      },
      complete: Effect.suspend(() => {
        write(file)
        return problem === undefined ? Effect.void : Effect.fail(problem)
      })
    }
  }
)
