/** The page about the configuration says what the options say of themselves. */
import { assert, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { settingsPage } from "../../../src/programs/config/shownSettings.ts"

it("docs/configuration.md has the options as they are", () => {
  const page = readFileSync(join(import.meta.dirname, "../../../docs/configuration.md"), "utf8")
  assert.include(page, settingsPage(), "node scripts/configuration-page.ts renews it")
})
