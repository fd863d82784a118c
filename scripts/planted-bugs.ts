/**
 * Plants one bug after the other in a copy of the source, and counts the seeds until the simulation notices.
 *
 * `node scripts/planted-bugs.ts [--only NAME] [--seeds 1000] [--nodes 20] [--seconds 60] [--json]`. Exits 1 if a bug is not
 * found, or if the source without any bug is not clean on the seeds that were needed.
 */
import { join } from "node:path"
import { createInterface } from "node:readline"
import { parseArgs } from "node:util"
import {
  chosenPatches,
  forEachAtOnce,
  misfit,
  type Patch,
  readPatches,
  renewal,
  ROOT,
  startNode,
  withCopy
} from "./patchedCopy.ts"
import type { Finding, SeedReport } from "./plantedBugRun.ts"

const PATCHES = join(ROOT, "test/mutants/simulation")
const RUNNER = "scripts/plantedBugRun.ts"
/** A run makes mostly young garbage: with more room for it, half as much time goes to collecting it. */
const NODE_OPTIONS = ["--max-semi-space-size=64"]
/** A seed takes a second or two. One that says nothing for so long is in a loop that not even the World can see. */
const SILENCE_MILLIS = 300_000
/** The row of the source as it is. */
const CONTROL = "(none)"

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

const chosen = chosenPatches(readPatches(PATCHES), values.only)
/** What a run needs. */
const COPIED = ["src", "package.json", RUNNER]

/** Runs seeds 1, 2, ... in a process of its own until something is found. */
const run = (folder: string, count: number): Promise<{ readonly seeds: number; readonly finding: Finding | null }> =>
  new Promise((done, fail) => {
    const flags = ["--seeds", `${count}`, "--nodes", `${nodes}`, "--seconds", `${seconds}`]
    const { child, end } = startNode([...NODE_OPTIONS, RUNNER, ...flags], {
      cwd: folder,
      stdio: ["ignore", "pipe", "inherit"]
    })
    let last: SeedReport = { seed: 0, finding: null }
    let isSilent = false
    const silence = setTimeout(() => {
      isSilent = true
      end()
    }, SILENCE_MILLIS)
    const lines = createInterface({ input: child.stdout! })
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

/** Without a patch it is the source as it is that is looked at. */
const lookFor = (patch: Patch | undefined, count: number): Promise<Outcome> =>
  withCopy(COPIED, patch, async (folder) => {
    const bug = patch?.name ?? CONTROL
    const { finding, seeds } = await run(folder, count)
    const seedFound = finding === null ? null : seeds
    console.error(`${bug}: ${finding === null ? `not found in ${seeds} seeds` : `seed ${seeds}, ${finding.property}`}`)
    return {
      bug,
      breaks: patch?.heading ?? "Nothing: the source as it is.",
      seeds,
      seedFound,
      property: finding?.property ?? null,
      atSeconds: finding?.atSeconds ?? null,
      detail: finding?.detail ?? null
    }
  })

for (const patch of chosen) {
  const problem = misfit(patch)
  if (problem === undefined) continue
  console.error(`The patch ${patch.name} no longer applies: ${problem}\n${renewal(patch)}`)
  process.exitCode = 1
}
if (process.exitCode === 1) process.exit()

const rows = await forEachAtOnce(chosen, (patch) => lookFor(patch, seeds))
const needed = Math.max(...rows.map((row) => row.seeds))
const control = await lookFor(undefined, needed)
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
