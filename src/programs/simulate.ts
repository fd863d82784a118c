/**
 * `overlay simulate`: whole networks in virtual time, under faults and attack, the same again for the same seed.
 */
import { Effect, FileSystem, Option, Result } from "effect"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { SIMULATED_NODES } from "../core/limits.ts"
import type { FaultPlan } from "../core/simulation/FaultPlan.ts"
import type { FaultLevel } from "../core/simulation/FaultPlanDraw.ts"
import { canonicalText } from "../core/simulation/FaultPlanText.ts"
import { LATENCY_FORMS, parseLatency } from "../core/simulation/Latency.ts"
import { LOADS, parseLoad } from "../core/simulation/Load.ts"
import { type Shape, SHAPES, type Topology } from "../core/simulation/Topology.ts"
import { parseFaultPlan } from "../testing/FaultPlanFile.ts"
import { hostilePeers } from "../testing/stellar/hostile/hostilePeers.ts"
import type { TraceLine } from "../testing/stellar/Simulation.ts"
import { parseTopology } from "../testing/TopologyFile.ts"
import { failed, wrongUsage } from "./CommandFailed.ts"
import { print, printJson, tell } from "./printing.ts"
import { drawnLoad, type Experiment, optionsOf, type Outcome, runOnce, type RunOptions } from "./simulate/Experiment.ts"
import { pageOf } from "./simulate/page.ts"
import * as ProgressBar from "./simulate/ProgressBar.ts"
import { bar, documentOf, runBar, summaryLines, violationDocument, violationText } from "./simulate/report.ts"
import { SHRINK_RUNS, shrinkRun } from "./simulate/shrinking.ts"
import { layer as layerSwarm, runSwarm } from "./simulate/swarm.ts"
import type { News } from "./simulate/swarmWorker.ts"
import * as TraceFile from "./simulate/TraceFile.ts"
import { TraceWindow } from "./simulate/TraceWindow.ts"

const DEFAULT_NODES = 20
const DEFAULT_SECONDS = 60
const DEFAULT_SEED = 1
/** A run of a day. */
const MOST_SECONDS = 86_400
const MOST_SEEDS = 1_000_000
const MOST_WORKERS = 64
const DEFAULT_WORKERS = 2
/** A plan in which more are hostile may leave no two honest nodes that can reach each other. */
const MOST_HOSTILE_PERCENT = 90
/** Failing seeds that the document of a swarm names; it counts all. */
const NAMED_FAILING = 1000
const MILLIS_PER_SECOND = 1000
const LEVELS = ["none", "light", "heavy"] as const satisfies ReadonlyArray<FaultLevel>

const number = (name: string, minimum: number, maximum: number, description: string) =>
  Flag.Int(name).pipe(
    Flag.withMetavar("N"),
    Flag.withDescription(description),
    Flag.filter((value) => value >= minimum && value <= maximum, () => `a number from ${minimum} to ${maximum}`),
    Flag.optional
  )

const seed = (name: string, description: string) => number(name, 0, Number.MAX_SAFE_INTEGER - MOST_SEEDS, description)

/** A text that is read as something; what was written stays beside it, for the command that replays a run. */
const written = <A>(
  name: string,
  metavar: string,
  description: string,
  read: (text: string) => Result.Result<A, string>
) =>
  Flag.String(name).pipe(
    Flag.withMetavar(metavar),
    Flag.withDescription(description),
    Flag.filterMap(
      (text) => Option.map(Result.getSuccess(read(text)), (value) => ({ text, value })),
      (text) => Result.merge(Result.map(read(text), () => ""))
    ),
    Flag.optional
  )

const path = (name: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar("FILE"), Flag.withDescription(description), Flag.optional)

const isSet = (name: string, description: string) =>
  Flag.Boolean(name).pipe(Flag.withDescription(description), Flag.withDefault(false))

const parsePercent = (text: string): Result.Result<number, string> => {
  const [, digits] = /^(\d{1,2})%?$/.exec(text) ?? []
  return digits !== undefined && Number(digits) <= MOST_HOSTILE_PERCENT
    ? Result.succeed(Number(digits))
    : Result.fail(`a share from 0% to ${MOST_HOSTILE_PERCENT}%`)
}

const flags = {
  nodes: number("nodes", 2, SIMULATED_NODES, `How many nodes. Default: ${DEFAULT_NODES}, or what a file says`),
  seconds: number(
    "seconds",
    1,
    MOST_SECONDS,
    `For how long, in virtual time. Default: ${DEFAULT_SECONDS}, or what a file says`
  ),
  seed: seed("seed", `What all randomness comes from; of a swarm, the first one. Default: ${DEFAULT_SEED}`),
  topology: Flag.String("topology").pipe(
    Flag.withMetavar(`${SHAPES.join("|")}|FILE`),
    Flag.withDescription(`Who calls whom: a shape, or a file {"nodes": 3, "dials": [[0, 1], [1, 2]]}. Default: random`),
    Flag.withDefault("random")
  ),
  latency: written(
    "latency",
    "LATENCY",
    `How far apart nodes are: ${LATENCY_FORMS}. Default: fair (5-100ms)`,
    parseLatency
  ),
  load: written(
    "load",
    "none|light|heavy|NAME=NUMBER,...",
    "What nodes say of their own accord: a name, or speakers=10,statements=3,transactions=2,epochMillis=5000. " +
      "Default: light; under heavy faults one seed in eight has heavy",
    parseLoad
  ),
  faults: Flag.String("faults").pipe(
    Flag.withMetavar(`${LEVELS.join("|")}|FILE`),
    Flag.withDescription("What goes wrong: how much is drawn from the seed, or a plan in a file. Default: none"),
    Flag.withDefault("none")
  ),
  hostile: written("hostile", "PERCENT", "How many nodes are hostile, as 20%. Default: 0%", parsePercent),
  realCrypto: isSet("real-crypto", "Real signatures and MACs, instead of a cheap stub that proves nothing about them"),
  swarm: number("swarm", 1, MOST_SEEDS, "Run so many seeds, and print the command that replays each failing one"),
  workers: number("workers", 1, MOST_WORKERS, `Over so many processes. Default: ${DEFAULT_WORKERS}`),
  replay: seed("replay", "Run this seed of a swarm, alone"),
  shrink: isSet("shrink", "Make the plan of a failing seed as small as it goes, and save it"),
  save: path("save", "Save the plan here: that of the run, or with --shrink the small one"),
  trace: path("trace", "Write what happens here, a line an event"),
  html: path("html", "Write a page here: diagram, topology, faults, violations"),
  json: isSet("json", "Print one JSON document at the end, and nothing before")
}

type Flags = Command.Command.Config.Infer<typeof flags>

const readText = Effect.fnUntraced(function*(flag: string, file: string, names: ReadonlyArray<string>) {
  const fs = yield* FileSystem.FileSystem
  return yield* Effect.mapError(
    fs.readFileString(file),
    ({ message }) => wrongUsage(`--${flag} is ${names.join(", ")}, or a file, and ${file} cannot be read (${message}).`)
  )
})

const readTopology = Effect.fnUntraced(function*(text: string) {
  const shape = SHAPES.find((known) => known === text)
  if (shape !== undefined) return shape
  const read = parseTopology(yield* readText("topology", text, SHAPES))
  return Result.isSuccess(read) ? read.success : yield* wrongUsage(`The topology ${text}: ${read.failure}`)
})

const readFaults = Effect.fnUntraced(function*(text: string) {
  const level = LEVELS.find((known) => known === text)
  if (level !== undefined) return level
  const read = parseFaultPlan(yield* readText("faults", text, LEVELS))
  if (Result.isFailure(read)) return yield* wrongUsage(`The plan ${text}:\n${read.failure}`)
  for (const fault of read.success.faults) {
    if (fault.kind === "hostile" && !Object.hasOwn(hostilePeers, fault.actor)) {
      const known = Object.keys(hostilePeers).join(", ")
      return yield* wrongUsage(`The plan ${text}: no hostile peer is called ${fault.actor}; there are ${known}.`)
    }
  }
  return read.success
})

const writtenNodes = (from: Shape | FaultLevel | Topology | FaultPlan): number | undefined =>
  typeof from === "string" ? undefined : from.nodes

/** What the flags and the files say together; they must agree on the number of nodes. */
const experimentOf = Effect.fnUntraced(function*(flags: Flags) {
  const topology = yield* readTopology(flags.topology)
  const faults = yield* readFaults(flags.faults)
  const said = new Set([Option.getOrUndefined(flags.nodes), writtenNodes(topology), writtenNodes(faults)])
  said.delete(undefined)
  if (said.size > 1) {
    return yield* wrongUsage(
      `The number of nodes is not the same in --nodes, --topology and --faults: ${[...said].join(", ")}.`
    )
  }
  if (typeof faults !== "string" && Option.isSome(flags.hostile)) {
    return yield* wrongUsage("A plan in a file says itself who is hostile: leave --hostile out.")
  }
  const plannedSeconds = typeof faults === "string"
    ? DEFAULT_SECONDS
    : Math.ceil(faults.durationMillis / MILLIS_PER_SECOND)
  const experiment: Experiment = {
    nodes: [...said][0] ?? DEFAULT_NODES,
    seconds: Option.getOrElse(flags.seconds, () => Math.max(1, plannedSeconds)),
    topology,
    weather: valueOf(flags.latency, "fair", parseLatency),
    load: Option.match(flags.load, {
      onSome: ({ value }) => value,
      onNone: () => faults === "heavy" ? "drawn" : LOADS.light
    }),
    faults,
    hostilePercent: valueOf(flags.hostile, "0%", parsePercent),
    realCrypto: flags.realCrypto
  }
  return experiment
})

const valueOf = <A>(
  flag: Option.Option<{ readonly value: A }>,
  fallback: string,
  read: (text: string) => Result.Result<A, string>
): A => Option.match(flag, { onSome: ({ value }) => value, onNone: () => Result.getOrThrow(read(fallback)) })

/** A word as a shell takes it. */
const quoted = (word: string): string => /^[\w./:=,%@+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`

/** The command that makes the run of this seed again. */
const replayOf = (
  flags: Flags,
  { load, nodes, seconds }: Experiment,
  seed: number,
  faults: string = flags.faults
): string => {
  const text = (flag: Option.Option<{ readonly text: string }>): string | undefined => Option.getOrUndefined(flag)?.text
  const values: ReadonlyArray<readonly [string, string | undefined]> = [
    ["nodes", String(nodes)],
    ["seconds", String(seconds)],
    ["topology", flags.topology === "random" ? undefined : flags.topology],
    ["latency", text(flags.latency)],
    // With faults from a file none is drawn.
    ["load", load === "drawn" && faults !== flags.faults ? drawnLoad(seed) : text(flags.load)],
    ["faults", faults === "none" ? undefined : faults],
    ["hostile", faults === flags.faults ? text(flags.hostile) : undefined]
  ]
  return [
    "overlay simulate",
    ...values.flatMap(([name, value]) => value === undefined ? [] : [`--${name} ${quoted(value)}`]),
    ...(flags.realCrypto ? ["--real-crypto"] : []),
    `--replay ${seed}`
  ].join(" ")
}

/** Writes a file that was asked for. */
const write = Effect.fnUntraced(function*(flag: string, file: string, text: string) {
  const fs = yield* FileSystem.FileSystem
  yield* Effect.mapError(
    fs.writeFileString(file, text),
    ({ message }) => failed(`${file} cannot be written (${message}). Name another file with --${flag}.`)
  )
})

/** One run, with all that is wanted of it. */
const single = Effect.fnUntraced(function*(flags: Flags, experiment: Experiment, seed: number) {
  const { nodes, seconds } = experiment
  const options = optionsOf(experiment, seed)
  const replay = replayOf(flags, experiment, seed)
  const trace = Option.isSome(flags.trace) ? yield* TraceFile.open(flags.trace.value) : undefined
  const window = Option.isSome(flags.html) ? new TraceWindow() : undefined
  const onTrace = (line: TraceLine): void => {
    trace?.line(line)
    window?.add(line)
  }
  const hasListener = trace !== undefined || window !== undefined
  const outcome = yield* Effect.scoped(Effect.gen(function*() {
    const { show } = yield* ProgressBar.make
    return yield* runOnce({ ...options, ...(hasListener ? { onTrace } : {}) }, (simulation) => {
      show(() => runBar(simulation, seconds))
    })
  }))

  const shrunk = flags.shrink ? yield* shrinkAndSave(flags, experiment, options, outcome) : undefined
  if (Option.isSome(flags.save) && shrunk === undefined) {
    yield* write("save", flags.save.value, canonicalText(options.plan))
  }
  if (outcome._tag === "Broken") {
    return yield* failed(
      `The run of seed ${seed} broke at ${outcome.seconds} s. It can be seen again with\n${replay}\n${outcome.error}`
    )
  }
  if (flags.json) yield* printJson({ ...documentOf(outcome, nodes), ...(shrunk === undefined ? {} : { shrunk }) })
  else yield* Effect.forEach(summaryLines(outcome, nodes, options.plan.faults.length), print, { discard: true })
  // The answer comes first: a file that cannot be written shall not take it along.
  if (window !== undefined && Option.isSome(flags.html)) {
    yield* write("html", flags.html.value, pageOf({ command: replay, options, outcome, lines: window.lines() }))
  }
  if (trace !== undefined) yield* trace.complete
  const { violations: [first, ...others] } = outcome.result
  if (first !== undefined) {
    return yield* failed(
      `Seed ${seed} violates what must hold${others.length === 0 ? "" : `, ${others.length + 1} times`}. ` +
        `First: ${violationText(violationDocument(first))}\nSee it again: ${replay}`
    )
  }
})

/** Shrinks the plan of a failing run, saves it, and says how it is run. Of a run that is well nothing is saved. */
const shrinkAndSave = Effect.fnUntraced(
  function*(flags: Flags, experiment: Experiment, options: RunOptions, outcome: Outcome) {
    const { seed } = options
    if (outcome._tag === "Finished" && outcome.result.violations.length === 0) {
      return yield* Effect.as(tell(`Seed ${seed} violates nothing: there is nothing to shrink.`), undefined)
    }
    const { plan, runs, end } = yield* Effect.scoped(Effect.gen(function*() {
      const { show } = yield* ProgressBar.make
      return yield* shrinkRun(options.plan, outcome, (plan) => runOnce({ ...options, plan }), (runs, plan) => {
        show(() =>
          bar(runs, SHRINK_RUNS, `${runs} of at most ${SHRINK_RUNS} runs, now with ${plan.faults.length} faults`)
        )
      })
    }))
    if (end === "passes") {
      return yield* failed(
        `Seed ${seed} failed once and not again: the simulation is not deterministic. This is a defect: please report it.`
      )
    }
    const file = Option.getOrElse(flags.save, () => `overlay-plan-${seed}.json`)
    yield* write("save", file, canonicalText(plan))
    const how = end === "budget" ? `the smallest that ${runs} runs found` : "minimal"
    yield* tell(
      `Of ${options.plan.faults.length} faults ${plan.faults.length} are left, ${how}. The plan is in ${file}:\n` +
        replayOf(flags, experiment, seed, file)
    )
    return { file, faults: plan.faults.length, runs, end }
  }
)

interface Failing {
  readonly seed: number
  readonly failure: string
  readonly replay: string
}

/** Many runs; a line for each that fails, as it comes. */
const swarm = Effect.fnUntraced(function*(flags: Flags, experiment: Experiment, firstSeed: number, count: number) {
  const started = performance.now()
  const workers = Option.getOrElse(flags.workers, () => DEFAULT_WORKERS)
  const failing: Array<Failing> = []
  let seeds = 0
  let failures = 0
  let deliveries = 0
  let cpuSeconds = 0
  const { clear, show } = yield* ProgressBar.make

  const told = (news: News) =>
    Effect.gen(function*() {
      seeds++
      deliveries += news.deliveries
      cpuSeconds += news.cpuSeconds
      if (news.failure !== undefined) {
        failures++
        const replay = replayOf(flags, experiment, news.seed)
        if (failing.length < NAMED_FAILING) failing.push({ seed: news.seed, failure: news.failure, replay })
        yield* clear
        if (!flags.json) yield* print(`seed ${news.seed}: ${news.failure}\n  ${replay}`)
      }
      show(() =>
        bar(seeds, count, `${seeds} of ${count} seeds, ${failures} failing, ${cpuSeconds.toFixed(1)} s of CPU`)
      )
    })
  yield* runSwarm({ experiment, firstSeed, count, workers }, told)
  yield* clear

  const wallSeconds = (performance.now() - started) / MILLIS_PER_SECOND
  if (flags.json) {
    yield* printJson({
      seeds,
      failing: failures,
      deliveries,
      simulatedSeconds: seeds * experiment.seconds,
      wallSeconds,
      cpuSeconds,
      // In the order of the seeds: in which order workers are done is chance.
      failures: failing.sort((one, other) => one.seed - other.seed)
    })
  } else {
    yield* print(
      `${seeds} seeds from ${firstSeed} on, ${failures} failing; ${deliveries} deliveries, ` +
        `${seeds * experiment.seconds} s simulated in ${wallSeconds.toFixed(1)} s, ${cpuSeconds.toFixed(1)} s of CPU`
    )
  }
  if (failures > 0) return yield* failed(`${failures} of ${seeds} seeds failed.`)
})

/** Flags that say something about one run, and those that say it about many. */
const checkTogether = Effect.fnUntraced(function*({ html, replay, save, seed, shrink, swarm, trace, workers }: Flags) {
  if (Option.isSome(replay) && (Option.isSome(seed) || Option.isSome(swarm))) {
    return yield* wrongUsage("--replay names the one seed to run: leave --seed and --swarm out.")
  }
  const isAboutOne = shrink || [html, save, trace].some(Option.isSome)
  if (Option.isSome(swarm) && isAboutOne) {
    return yield* wrongUsage(
      "--shrink, --save, --trace and --html are for one run: leave --swarm out, and name a seed with --replay."
    )
  }
  if (Option.isNone(swarm) && Option.isSome(workers)) {
    return yield* wrongUsage("--workers is for a swarm: say with --swarm how many seeds.")
  }
})

/** Runs a simulated network, or many, and tells what came of it; fails if something was violated. */
export const simulate = Command.make(
  "simulate",
  flags,
  Effect.fnUntraced(
    function*(flags) {
      yield* checkTogether(flags)
      const experiment = yield* experimentOf(flags)
      const seed = Option.getOrElse(Option.orElse(flags.replay, () => flags.seed), () => DEFAULT_SEED)
      yield* Option.isSome(flags.swarm)
        ? swarm(flags, experiment, seed, flags.swarm.value)
        : single(flags, experiment, seed)
    },
    Effect.scoped,
    Effect.provide(layerSwarm)
  )
).pipe(
  Command.withDescription(
    "Run a network of whole nodes in virtual time: the product's code on a simulated network, clock and disk. The same seed " +
      "gives the same run and the same traceHash; topology, faults and hostile peers are drawn from it. Properties of the " +
      "protocol are checked meanwhile, and the exit code is 1 if any is violated."
  ),
  Command.withShortDescription("Simulate a whole network from a seed"),
  Command.withExamples([
    { command: "overlay simulate", description: "Twenty nodes for a minute, in good weather" },
    {
      command: "overlay simulate --faults heavy --hostile 20% --seed 7 --html seed-7.html",
      description: "A bad minute, and a page to look at it"
    },
    {
      command: "overlay simulate --faults heavy --hostile 20% --swarm 100 --workers 2",
      description: "Look for a seed that fails"
    },
    {
      command: "overlay simulate --faults heavy --hostile 20% --replay 42 --shrink",
      description: "See it fail again, and find the faults that it takes"
    }
  ])
)
