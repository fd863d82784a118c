/**
 * Writes docs/parity.md from the tags in the titles of our tests.
 *
 * Without a flag it rewrites the page; `--check` exits 1 if it is stale. Either exits 1 if a tag names no case.
 */
import { globSync, readFileSync, writeFileSync } from "node:fs"
import { parityPage } from "./parity/page.ts"

const PAGE = "docs/parity.md"
/** Whether a case without a test fails the check, or is only counted. */
const MISSING_FAILS = false

const files = globSync("test/**/*.test.ts").toSorted()
const { faults, missing, text } = parityPage(new Map(files.map((file) => [file, readFileSync(file, "utf8")])))

for (const fault of faults) console.error(fault)
if (process.argv.includes("--check")) {
  if (readFileSync(PAGE, "utf8") !== text) {
    console.error(`${PAGE} is stale: run node scripts/parity-page.ts`)
    process.exitCode = 1
  }
} else {
  writeFileSync(PAGE, text)
  for (const name of missing) console.log(`missing: ${name}`)
}
if (missing.length > 0) console.error(`${missing.length} cases have no test`)
if (faults.length > 0 || MISSING_FAILS && missing.length > 0) process.exitCode = 1
