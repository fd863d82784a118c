/**
 * Writes docs/parity.md from the tags in the titles of our tests.
 *
 * Without a flag it rewrites the page; `--check` exits 1 if it is stale. Either exits 1 if a tag names no case, or a case has no test
 * and is not left out.
 */
import { globSync, readFileSync, writeFileSync } from "node:fs"
import { parityPage } from "./parity/page.ts"

const PAGE = "docs/parity.md"

const files = globSync("test/**/*.test.ts").toSorted()
const { faults, missing, text } = parityPage(new Map(files.map((file) => [file, readFileSync(file, "utf8")])))

if (process.argv.includes("--check")) {
  if (readFileSync(PAGE, "utf8") !== text) {
    console.error(`${PAGE} is stale: run node scripts/parity-page.ts`)
    process.exitCode = 1
  }
} else writeFileSync(PAGE, text)

for (const fault of faults) console.error(fault)
for (const name of missing) {
  console.error(`no test holds ${name}: write one, or leave it out in scripts/parity/coreCases.ts`)
}
if (faults.length + missing.length > 0) process.exitCode = 1
