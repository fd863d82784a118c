/**
 * Writes docs/limits.md from the constants and their comments, so that the page cannot say anything else than the code.
 *
 * Without a flag it rewrites the page; `--check` exits 1 if it is stale.
 */
import { readFileSync, writeFileSync } from "node:fs"

const PAGE = "docs/limits.md"
const SOURCES = [
  { file: "src/core/limits.ts", title: "Every network" },
  { file: "src/core/stellar/limits.ts", title: "Stellar" }
]

/** A doc comment of one or more lines, and the constant behind it; or a section's line. */
const ROW = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*export const (\w+) = ([^\n]+)|^\/\/ (.+)$/gm

const oneLine = (comment: string): string => comment.replace(/\n\s*\* ?/g, " ").trim().replaceAll("|", "\\|")

const section = (file: string, title: string): string => {
  const body = [...readFileSync(file, "utf8").matchAll(ROW)].map(([, comment, name, value, heading]) =>
    heading === undefined
      ? `| \`${name}\` | ${value} | ${oneLine(comment ?? "")} |`
      : `\n### ${heading}\n\n| constant | value | why |\n|---|---|---|`
  )
  return `## ${title}\n${body.join("\n")}\n`
}

const page = `# Limits

Every size, count and time, with its unit and its reason. Written by \`node scripts/limits-page.ts\` from the sources.

${SOURCES.map(({ file, title }) => section(file, title)).join("\n")}`

if (process.argv.includes("--check")) {
  if (readFileSync(PAGE, "utf8") !== page) {
    console.error(`${PAGE} is stale: run node scripts/limits-page.ts`)
    process.exit(1)
  }
} else writeFileSync(PAGE, page)
