/**
 * `bench figures`: what simulated networks do, over many seeds: means, and how sure they are.
 */
import { Clock, Effect, Option } from "effect"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { availableParallelism } from "node:os"
import { FIGURES, figures } from "./figures/all.ts"
import { runChild } from "./figures/children.ts"
import type { Figure, Measure, Measured } from "./figures/Figure.ts"
import { answer, progress, table } from "./printing.ts"
import { CONFIDENCE, intervalOf } from "./statistics.ts"

/** Fewer say little: of ten, the interval is 2.3 standard errors to each side. */
const SEEDS = 10
const MILLIS_PER_SECOND = 1000

/** What one measure came to over the seeds. */
interface Result {
  /** Of the seeds in which it has a value; `null` if there is none. */
  readonly mean: number | null
  /** Half of the 95 % confidence interval about the mean; `null` of fewer than two seeds. */
  readonly halfWidth: number | null
  /** In the order of the seeds; `null` where it did not happen. */
  readonly values: ReadonlyArray<number | null>
}

const resultOf = (values: ReadonlyArray<number | null>, { digits }: Measure): Result => {
  const rounded = (value: number | undefined): number | null =>
    value === undefined ? null : Number(value.toFixed(digits))
  const known = values.filter((value) => value !== null)
  const { halfWidth, mean } = known.length === 0 ? { halfWidth: undefined, mean: undefined } : intervalOf(known)
  return {
    mean: rounded(mean),
    halfWidth: rounded(halfWidth),
    values: values.map((value) => rounded(value ?? undefined))
  }
}

/** `12.3 ± 0.4`; behind it, in how many of the seeds it happened at all, if not in all. */
const shown = ({ halfWidth, mean, values }: Result, { digits }: Measure): string => {
  if (mean === null) return "never"
  const happened = values.filter((value) => value !== null).length
  const interval = halfWidth === null ? "" : ` ± ${halfWidth.toFixed(digits)}`
  const part = happened === values.length ? "" : ` (${happened} of ${values.length})`
  return mean.toFixed(digits) + interval + part
}

/** Variants below each other; where there are only few, measures below each other. */
const rowsOf = ({ measures, variants }: Figure, results: ReadonlyArray<Readonly<Record<string, Result>>>) => {
  const all = Object.entries(measures)
  const cell = (variant: number, name: string, measure: Measure): string => {
    const result = results[variant]?.[name]
    return result === undefined ? "" : shown(result, measure)
  }
  return variants.length < all.length
    ? [
      ["", ...variants.map(({ name }) => name)],
      ...all.map(([name, measure]) => [measure.title, ...variants.map((_, i) => cell(i, name, measure))])
    ]
    : [
      ["", ...all.map(([, { title }]) => title)],
      ...variants.map((variant, i) => [variant.name, ...all.map(([name, measure]) => cell(i, name, measure))])
    ]
}

const whole = (name: string, least: number) =>
  Flag.Int(name).pipe(Flag.filter((value) => value >= least, () => `a whole number from ${least} on`))

/** The command. */
export const figuresCommand = Command.make(
  "figures",
  {
    name: Argument.Literals("FIGURE", FIGURES).pipe(
      Argument.withDescription(
        FIGURES.map((name) => `${name}: ${figures[name].about} (${figures[name].nodes} nodes)`).join("; ")
      )
    ),
    nodes: whole("nodes", 2).pipe(Flag.withDescription("Nodes, if not as many as the figure has"), Flag.optional),
    seconds: whole("seconds", 1).pipe(
      Flag.withDescription("Simulated seconds in which the nodes speak, or are watched, if not those of the figure"),
      Flag.optional
    ),
    seeds: whole("seeds", 1).pipe(Flag.withDescription(`Runs of each network (${SEEDS})`), Flag.withDefault(SEEDS)),
    seed: Flag.Int("seed").pipe(Flag.withDescription("The first seed; the others follow"), Flag.withDefault(1)),
    jobs: whole("jobs", 1).pipe(
      Flag.withDescription("Processes at a time; one of 1,000 nodes takes about a GiB"),
      Flag.withDefault(availableParallelism())
    ),
    json: Flag.Boolean("json").pipe(Flag.withDescription("Print one JSON document"), Flag.withDefault(false))
  },
  Effect.fnUntraced(function*(options) {
    const { jobs, json, name, seed: firstSeed } = options
    const figure = figures[name]
    const nodes = Option.getOrElse(options.nodes, () => figure.nodes)
    const seconds = Option.getOrElse(options.seconds, () => figure.seconds)
    const seeds = Array.from({ length: options.seeds }, (_, i) => firstSeed + i)
    const runs = figure.variants.flatMap((variant, i) => seeds.map((seed) => ({ variant, i, seed })))
    let done = 0
    const measured = yield* Effect.forEach(
      runs,
      Effect.fnUntraced(function*({ i, seed, variant }) {
        const began = yield* Clock.currentTimeMillis
        const one: Measured<string> = yield* runChild({ figure: name, variant: i, seed, nodes, seconds })
        const took = (yield* Clock.currentTimeMillis) - began
        done += 1
        yield* progress(
          `${done}/${runs.length}: ${variant.name}, seed ${seed}, in ${(took / MILLIS_PER_SECOND).toFixed(1)} s of wall`
        )
        return one
      }),
      { concurrency: jobs }
    )
    const results = figure.variants.map((_, i) =>
      Object.fromEntries(
        Object.entries(figure.measures).map(([key, measure]) => [
          key,
          resultOf(measured.slice(i * seeds.length, (i + 1) * seeds.length).map((one) => one[key] ?? null), measure)
        ])
      )
    )
    if (!json) return yield* answer(table(rowsOf(figure, results)))
    return yield* answer(JSON.stringify({
      bench: "figures",
      figure: name,
      nodes,
      seconds,
      seeds,
      confidence: CONFIDENCE,
      rows: figure.variants.map(({ parameters }, i) => ({ ...parameters, measures: results[i] }))
    }))
  })
).pipe(
  Command.withDescription(
    "Run simulated networks with many seeds, each in a process of its own, and print each measure as the mean over the seeds "
      + "with its 95 % confidence interval (Student's t). What a seed gives, it gives again."
  ),
  Command.withShortDescription("Measure simulated networks over many seeds")
)
