/**
 * Renews the tables of options in docs/configuration.md from the options themselves, so that the page cannot say anything else.
 *
 * Without a flag it rewrites the page; `--check` exits 1 if it is stale.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { settingsPage } from "../src/programs/config/shownSettings.ts"

const PAGE = "docs/configuration.md"
const BEGIN = "<!-- options: written by scripts/configuration-page.ts -->"
const END = "<!-- end of options -->"

const page = readFileSync(PAGE, "utf8")
const [before, rest = ""] = page.split(BEGIN)
const [, after] = rest.split(END)
if (before === undefined || after === undefined) {
  console.error(`${PAGE} has lost the marks around its tables: ${BEGIN} and ${END}`)
  process.exit(1)
}
const renewed = `${before}${BEGIN}\n\n${settingsPage()}\n\n${END}${after}`

if (process.argv.includes("--check")) {
  if (renewed !== page) {
    console.error(`${PAGE} is stale: run node scripts/configuration-page.ts`)
    process.exit(1)
  }
} else writeFileSync(PAGE, renewed)
