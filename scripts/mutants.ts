/**
 * Changes one line of one rule of the protocol after the other in a copy of the source, and runs the tests that hold the rule.
 *
 * `node scripts/mutants.ts [--only NAME] [--json] [--write] [--help]`. First the source as it is must pass all of these tests. Exits 1 if that
 * fails, if a mutant survives, or if a patch does not fit or breaks more than a rule; 2 for wrong usage, 130 when interrupted.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { chosenPatches, forEachAtOnce, readPatches, renewal, ROOT, startNode, withCopy } from "./patchedCopy.ts"
import {
  type FileReport,
  filesWith,
  type Mutant,
  MUTANTS,
  readMutants,
  readTests,
  titlePattern,
  type Verdict,
  verdictOf
} from "./ruleMutants.ts"

const HELP = `npm run mutants -- [--only NAME] [--json] [--write]

Plants each patch of test/mutants/rules in a copy of the source, and runs the tests whose titles have its tag.

  --only NAME  only this patch
  --write      puts the table into docs/mutants.md, if every mutant is killed
  --json       one document: { isGood, seconds, mutants: [{ name, section, rule, breaks, outcome, by, why }] }

Exit codes: 0 every mutant is killed, 1 one is not (or a patch does not fit, or the tests fail without any), 2 wrong usage.`

/** What tests read beside themselves: golden data lies beside the tests. */
const COPIED = [
  "src",
  "test",
  "scripts",
  "docs",
  "examples",
  "package.json",
  "tsconfig.json",
  "vitest.config.ts",
  "README.md"
]
const REPORT = "report.json"
const PAGE = join(ROOT, "docs/mutants.md")
/** Stands above the table in the page. */
const TABLE_BEGINS = "<!-- written by npm run mutants -- --write -->"
/** A tag's tests take seconds. What runs so long is in a loop that no time-out of a test can end. */
const PATIENCE_MILLIS = 180_000

/** What stands in the table and in the document. */
interface Row {
  readonly name: string
  readonly section: string
  readonly rule: string
  readonly breaks: string
  readonly outcome: Verdict["_tag"]
  /** The test that noticed. */
  readonly by: string | null
  /** Why it does not count as killed, and is no survivor. */
  readonly why: string | null
}

const usage = (problem: string): never => {
  console.error(`${problem}\n\n${HELP}`)
  process.exit(2)
}

const flags = () => {
  try {
    return parseArgs({
      options: {
        only: { type: "string" },
        json: { type: "boolean", default: false },
        write: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false }
      }
    }).values
  } catch (error) {
    return usage(error instanceof Error ? error.message : String(error))
  }
}
const { help, json, only, write } = flags()
if (write && only !== undefined) usage("--write is for all mutants, and not for one.")
if (help) {
  console.log(HELP)
  process.exit(0)
}

const tests = readTests()

/** Runs the tests with these tags in a copy, and gives what the reporter tells of each file. */
const runTests = (
  folder: string,
  tags: ReadonlySet<string>,
  workers: number
): Promise<ReadonlyArray<FileReport> | string> =>
  new Promise((done, fail) => {
    const files = new Set(Array.from(tags).flatMap((tag) => filesWith(tag, tests)))
    const { child, end } = startNode(
      [
        join(ROOT, "node_modules/vitest/vitest.mjs"),
        "run",
        ...files,
        "--testNamePattern",
        titlePattern(tags),
        "--reporter=json",
        `--outputFile=${REPORT}`,
        `--maxWorkers=${workers}`,
        // Both would fill the caches of this project with what is gone at once.
        "--no-cache",
        "--no-fsModuleCache"
      ],
      { cwd: folder, stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, NO_COLOR: "1" } }
    )
    let errors = ""
    let isLate = false
    const patience = setTimeout(() => {
      isLate = true
      end()
    }, PATIENCE_MILLIS)
    child.stderr?.on("data", (chunk: Buffer) => errors += chunk.toString())
    child.on("error", fail)
    child.on("close", () => {
      clearTimeout(patience)
      if (isLate) return done(`nothing came of it in ${PATIENCE_MILLIS / 1000} s`)
      const report = join(folder, REPORT)
      done(
        existsSync(report) ? JSON.parse(readFileSync(report, "utf8")).testResults : `vitest failed: ${errors.trim()}`
      )
    })
  })

/** What is wrong with the tests on the source as it is: one that fails, or a tag that no test has. */
const control = (mutants: ReadonlyArray<Mutant>): Promise<ReadonlyArray<string>> =>
  withCopy(COPIED, undefined, async (folder) => {
    const tags = new Set(mutants.map(({ tag }) => tag))
    const files = await runTests(folder, tags, 2)
    if (typeof files === "string") return [files]
    const all = files.flatMap(({ assertionResults }) => assertionResults)
    const passed = all.filter(({ status }) => status === "passed")
    const unheld = Array.from(tags).filter((tag) => !passed.some(({ fullName }) => fullName.includes(tag)))
    return [
      ...files.filter(({ status }) => status === "failed").map(({ message, name }) => `${name} fails: ${message}`),
      ...all.filter(({ status }) => status === "failed").map(({ fullName }) => `fails: ${fullName}`),
      ...unheld.map((tag) => `passes with no test: ${tag}`)
    ]
  })

const judge = (mutant: Mutant): Promise<Row> =>
  withCopy(COPIED, mutant.patch, async (folder) => {
    const files = await runTests(folder, new Set([mutant.tag]), 1)
    const verdict: Verdict = typeof files === "string" ? { _tag: "broken", why: files } : verdictOf(files)
    const { breaks, patch: { name }, rule, section } = mutant
    console.error(`${name}: ${verdict._tag}${verdict._tag === "broken" ? `, ${verdict.why}` : ""}`)
    return {
      name,
      section,
      rule,
      breaks,
      outcome: verdict._tag,
      by: verdict._tag === "killed" ? verdict.by : null,
      why: verdict._tag === "broken" ? verdict.why : null
    }
  })

const startedMillis = Date.now()
const { mutants, problems } = readMutants(chosenPatches(readPatches(MUTANTS), only))
for (const { patch, problem } of problems) {
  console.error(`The patch ${patch.name} is no mutant: ${problem}\n${renewal(patch)}`)
}
if (problems.length > 0) process.exit(1)

const faults = await control(mutants)
for (const fault of faults) console.error(`Without any patch: ${fault}`)
if (faults.length > 0) process.exit(1)
console.error(`The source as it is passes all tests with these tags; now ${mutants.length} mutants.`)

const bySection = (one: Row, other: Row): number =>
  one.section.localeCompare(other.section, "en", { numeric: true }) || one.name.localeCompare(other.name, "en")
const rows = (await forEachAtOnce(mutants, judge)).sort(bySection)
const isGood = rows.every(({ outcome }) => outcome === "killed")
const seconds = Math.round((Date.now() - startedMillis) / 1000)

/** The name of the test without its tags; why there is none. */
const killerOf = ({ by, outcome, why }: Row): string =>
  (by ?? why ?? `NOBODY: it ${outcome}`).replaceAll(/ ?\[(?:ref|core|elsewhere)[^\]]*\]/g, "").replaceAll("|", "\\|")
    .replaceAll("<", "&lt;")
const table = [
  "| section | rule | mutant | what it breaks | the test that notices |",
  "|---|---|---|---|---|",
  ...rows.map((row) => `| ${row.section} | ${row.rule} | \`${row.name}\` | ${row.breaks} | ${killerOf(row)} |`)
].join("\n")

console.log(json ? JSON.stringify({ isGood, seconds, mutants: rows }) : table)
console.error(`${rows.filter(({ outcome }) => outcome === "killed").length} of ${rows.length} killed, in ${seconds} s.`)
if (write && isGood) {
  const head = readFileSync(PAGE, "utf8").split(TABLE_BEGINS, 1)[0]
  writeFileSync(PAGE, `${head}${TABLE_BEGINS}\n\n${table}\n`)
}
process.exitCode = isGood ? 0 : 1
