/**
 * Runs networks in processes of their own, so that none finds the memory that another one has left.
 */
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { RunFailed } from "../processes.ts"
import type { FigureName } from "./all.ts"
import type { Measured, Trial } from "./Figure.ts"

/** What a child is to run. */
export interface Order extends Trial {
  readonly figure: FigureName
  /** The place among the variants of the figure. */
  readonly variant: number
}

/** What the collector's young generation may take: frames in flight then die young. */
const SEMI_SPACE_MEBIBYTES = 64
/** No run takes this long, unless it hangs: thousands of nodes for minutes. */
const PATIENCE_MILLIS = 7_200_000

/** Runs one network with one seed. Fails with what the child said if it did not come to its end. */
export const runChild = (order: Order): Effect.Effect<Measured<string>, RunFailed> =>
  Effect.callback((resume) => {
    const child = execFile(
      process.execPath,
      [
        `--max-semi-space-size=${SEMI_SPACE_MEBIBYTES}`,
        fileURLToPath(new URL("./worker.ts", import.meta.url)),
        JSON.stringify(order)
      ],
      { timeout: PATIENCE_MILLIS },
      (error, stdout) =>
        resume(
          error === null ? Effect.succeed(JSON.parse(stdout)) : Effect.fail(new RunFailed({ message: error.message }))
        )
    )
    return Effect.sync(() => child.kill())
  })
