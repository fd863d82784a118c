/**
 * The seeds that `npm test` runs, and what each of them must come to: twenty nodes, four of them hostile, under heavy faults, and
 * every property holds.
 *
 * Fifty are always the same. Twenty are drawn from the commit, so that each commit looks somewhere else, and the same commit always
 * in the same place. They are spread over files, which run side by side.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import { join } from "node:path"
import { fair } from "../../src/core/LinkWeather.ts"
import { stream } from "../../src/core/Prng.ts"
import { drawnLoad, type Experiment, optionsOf, runOnce } from "../../src/programs/simulate/Experiment.ts"
import { violationDocument, violationText } from "../../src/programs/simulate/report.ts"
import type { Property } from "../../src/testing/stellar/properties/Property.ts"

/** What all of them run: the calm is long enough for what is said in it to arrive, and the whole for two cores to run 70 in 45 s. */
export const experiment: Experiment = {
  nodes: 20,
  seconds: 25,
  topology: "random",
  weather: fair,
  load: "drawn",
  faults: "heavy",
  hostilePercent: 20,
  realCrypto: false
}

/** The flags of `overlay simulate` that run this seed by itself. */
export const replayFlags = (seed: number): ReadonlyArray<string> =>
  `--nodes ${experiment.nodes} --seconds ${experiment.seconds} --faults heavy --hostile 20% --replay ${seed}`.split(" ")

/** What must not be and is in the run of this seed, with the command that shows it again; nothing if all is well. */
export const failureOf = (seed: number, properties?: ReadonlyArray<Property>): Effect.Effect<string | undefined> =>
  Effect.map(
    runOnce({ ...optionsOf(experiment, seed), ...(properties === undefined ? {} : { properties }) }),
    (outcome) => {
      const what = outcome._tag === "Broken"
        ? [`broken at ${outcome.seconds} s: ${outcome.error}`]
        : outcome.result.violations.map((violation) => violationText(violationDocument(violation)))
      return what.length === 0
        ? undefined
        : [...what, "See it again:", `overlay simulate ${replayFlags(seed).join(" ")}`].join("\n")
    }
  )

/** The hash of the commit that is checked out here, if this is a checkout of the project and not of something around it. */
const commit = (): string | undefined => {
  try {
    const [prefix, hash] = execFileSync("git", ["rev-parse", "--show-prefix", "HEAD"], {
      cwd: join(import.meta.dirname, "../.."),
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"]
    }).split("\n")
    return prefix === "" ? hash : undefined
  } catch {
    return undefined
  }
}

/** How many seeds are drawn. */
const DRAWN = 20
/** Digits of a hash that make a seed; more would make no whole number. */
const SEED_DIGITS = 12
/** What the others are drawn from where there is no commit: a package, or a copy of the tree. */
const NO_COMMIT = "000000000000"
/** A drawn seed is below this: short enough to be read out. */
const SEEDS_END = 1_000_000_000

/** Seeds that come of a commit, and what it is called. */
export const drawnSeeds = (hash: string | undefined = commit()) => {
  const prng = stream(Number.parseInt((hash ?? NO_COMMIT).slice(0, SEED_DIGITS), 16), "the seeds of a commit")
  return {
    of: hash === undefined ? "no commit, for this is no checkout" : `commit ${hash.slice(0, SEED_DIGITS)}`,
    seeds: Array.from({ length: DRAWN }, () => prng.below(SEEDS_END))
  }
}

/** A seed takes a second or two, and one with a heavy load four. A machine that is busy with other things may take ten times as long. */
const PATIENCE_MILLIS = 120_000

/** How many seeds are always the same. */
const FIXED = 50

/** Those: the first whose load is light. One with a heavy load takes four times as long; of the drawn ones some have it. */
const fixedSeeds: ReadonlyArray<number> = (() => {
  const seeds: Array<number> = []
  for (let seed = 1; seeds.length < FIXED; seed++) if (drawnLoad(seed) === "light") seeds.push(seed)
  return seeds
})()

/** One of `parts` parts of them, counted from 0. */
export const fixedPart = (part: number, parts: number): ReadonlyArray<number> =>
  fixedSeeds.filter((_, i) => i % parts === part)

/** One test for each seed. */
export const runSeeds = (name: string, seeds: ReadonlyArray<number>): void => {
  describe(`a simulated network under heavy faults, with ${name}`, () => {
    for (const seed of seeds) {
      it.live(`keeps every property with seed ${seed}`, () =>
        Effect.map(failureOf(seed), (failure) => {
          assert.isUndefined(failure, failure)
        }), PATIENCE_MILLIS)
    }
  })
}
