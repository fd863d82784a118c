/**
 * A folder of its own for a test, gone when the test is over.
 */
import { Effect } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

export const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-overlay-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)
