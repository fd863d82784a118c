/**
 * Plants one bug after the other in a copy of the source, and counts the seeds until the simulation notices.
 *
 * `node scripts/planted-bugs.ts [--only NAME] [--seeds 1000] [--nodes 20] [--seconds 60] [--json]`. Exits 1 if a bug is not
 * found, or if the source without any bug is not clean on the seeds that were needed.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process"
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join, resolve } from "node:path"
import { createInterface } from "node:readline"
import { parseArgs } from "node:util"
import type { Finding, SeedReport } from "./plantedBugRun.ts"

const ROOT = resolve(import.meta.dirname, "..")
const PATCHES = join(ROOT, "test/mutants/simulation")
const RUNNER = "scripts/plantedBugRun.ts"
/** A run makes mostly young garbage: with more room for it, half as much time goes to collecting it. */
const NODE_OPTIONS = ["--max-semi-space-size=64"]
/** How many bugs are looked for at a time. */
const AT_ONCE = 2
/** A seed takes a second or two. One that says nothing for so long is in a loop that not even the World can see. */
const SILENCE_MILLIS = 300_000
/** The row of the source as it is. */
const CONTROL = "(none)"

interface Bug {
  readonly name: string
  /** What it breaks, and which property should notice: the first line of its patch. */
  readonly breaks: string
  /** Of the source as it is there is none. */
  readonly patch: string | undefined
}

interface Outcome {
  readonly bug: string
  readonly breaks: string
  /** How many seeds were run, the one that found it among them. */
  readonly seeds: number
  readonly seedFound: number | null
  readonly property: string | null
  readonly atSeconds: number | null
  readonly detail: string | null
}

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    seeds: { type: "string", default: "1000" },
    nodes: { type: "string", default: "20" },
    seconds: { type: "string", default: "60" },
    json: { type: "boolean", default: false }
  }
})

/** A whole number of at least 1, or a message and exit code 2. */
const wholeNumber = (flag: string, text: string): number => {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text)
  console.error(`Expected --${flag} to be a whole number of 1 or more, found ${JSON.stringify(text)}.`)
  process.exit(2)
}
const seeds = wholeNumber("seeds", values.seeds)
const nodes = wholeNumber("nodes", values.nodes)
const seconds = wholeNumber("seconds", values.seconds)

const bugOf = (file: string): Bug => {
  const patch = join(PATCHES, file)
  const [firstLine = ""] = readFileSync(patch, "utf8").split("\n", 1)
  return { name: basename(file, ".patch"), breaks: firstLine.replace(/^# */, ""), patch }
}

const all = readdirSync(PATCHES).filter((file) => file.endsWith(".patch")).sort().map(bugOf)
const chosen = values.only === undefined ? all : all.filter(({ name }) => name === values.only)
if (chosen.length === 0) {
  console.error(`There is no bug ${JSON.stringify(values.only)}. There are: ${all.map(({ name }) => name).join(", ")}.`)
  process.exit(2)
}

/** Whether the patch fits the source as it is; if not, the bug has to be planted anew. */
const fits = ({ name, patch }: Bug): boolean => {
  if (patch === undefined) return true
  const { status, stderr } = spawnSync("git", ["apply", "--check", patch], { cwd: ROOT, encoding: "utf8" })
  if (status !== 0) console.error(`The patch of ${name} no longer applies.\n${stderr}`)
  return status === 0
}

/** Copies what a run needs, and plants the bug. */
const plant = (folder: string, { patch }: Bug): void => {
  for (const path of ["src", "package.json", RUNNER]) cpSync(join(ROOT, path), join(folder, path), { recursive: true })
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"))
  if (patch !== undefined) execFileSync("git", ["apply", patch], { cwd: folder })
}

/** Runs seeds 1, 2, ... in a process of its own until something is found. */
const run = (folder: string, count: number): Promise<{ readonly seeds: number; readonly finding: Finding | null }> =>
  new Promise((done, fail) => {
    const flags = ["--seeds", `${count}`, "--nodes", `${nodes}`, "--seconds", `${seconds}`]
    const child = spawn(process.execPath, [...NODE_OPTIONS, RUNNER, ...flags], {
      cwd: folder,
      stdio: ["ignore", "pipe", "inherit"]
    })
    let last: SeedReport = { seed: 0, finding: null }
    let isSilent = false
    const silence = setTimeout(() => {
      isSilent = true
      child.kill("SIGKILL")
    }, SILENCE_MILLIS)
    const lines = createInterface({ input: child.stdout })
    lines.on("line", (line) => {
      last = JSON.parse(line)
      silence.refresh()
    })
    child.on("error", fail)
    child.on("close", (code) => {
      clearTimeout(silence)
      if (code === 0) return done({ seeds: last.seed, finding: last.finding })
      // Not found by a property: most likely the copy cannot even be loaded.
      if (!isSilent) return fail(new Error(`the runner ended with ${code ?? "a signal"} behind seed ${last.seed}`))
      const detail = `nothing was heard for ${SILENCE_MILLIS / 1000} s`
      done({
        seeds: last.seed + 1,
        finding: { property: "the simulation comes to an end", atSeconds: 0, detail }
      })
    })
  })

const lookFor = async (bug: Bug, count: number): Promise<Outcome> => {
  const folder = mkdtempSync(join(tmpdir(), "planted-bug-"))
  try {
    plant(folder, bug)
    const { finding, seeds } = await run(folder, count)
    const seedFound = finding === null ? null : seeds
    console.error(
      `${bug.name}: ${finding === null ? `not found in ${seeds} seeds` : `seed ${seeds}, ${finding.property}`}`
    )
    return {
      bug: bug.name,
      breaks: bug.breaks,
      seeds,
      seedFound,
      property: finding?.property ?? null,
      atSeconds: finding?.atSeconds ?? null,
      detail: finding?.detail ?? null
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

if (chosen.filter((bug) => !fits(bug)).length > 0) process.exit(1)

const waiting = [...chosen]
const outcomes = new Map<string, Outcome>()
const worker = async (): Promise<void> => {
  for (let bug = waiting.shift(); bug !== undefined; bug = waiting.shift()) {
    outcomes.set(bug.name, await lookFor(bug, seeds))
  }
}
await Promise.all(Array.from({ length: AT_ONCE }, worker))

const rows = chosen.flatMap(({ name }) => outcomes.get(name) ?? [])
const needed = Math.max(...rows.map((row) => row.seeds))
const control = await lookFor({ name: CONTROL, breaks: "Nothing: the source as it is.", patch: undefined }, needed)
const isGood = rows.every(({ seedFound }) => seedFound !== null) && control.seedFound === null

if (values.json) {
  console.log(JSON.stringify({ nodes, seconds, isGood, bugs: rows, control }))
} else {
  console.log("| bug | found by seed | at (s) | the property that noticed |\n|---|---|---|---|")
  for (const { atSeconds, bug, property, seedFound, seeds } of [...rows, control]) {
    const found = seedFound === null ? `none of ${seeds}` : `${seedFound}`
    console.log(`| \`${bug}\` | ${found} | ${atSeconds?.toFixed(1) ?? ""} | ${property ?? ""} |`)
  }
}
process.exitCode = isGood ? 0 : 1
