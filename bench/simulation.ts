/**
 * `bench simulation`: a whole network in virtual time, and how fast it goes against the clock on the wall.
 */
import { Effect } from "effect"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { answer, machine, progress, shown, table } from "./printing.ts"
import { RunFailed } from "./processes.ts"
import { profileArgs, profileFlag } from "./profile.ts"
import { figureOf } from "./statistics.ts"

/** What the child is to run. */
export interface SimulationOrder {
  readonly nodes: number
  readonly crypto: "stub" | "real"
  /** What is checked while it runs: watching has its price, and is not part of the network. */
  readonly properties: "none" | "cheap" | "all"
  /** Simulated seconds, behind the warm-up. */
  readonly seconds: number
  readonly seed: number
}

/** What the child needed for it. */
export interface SimulationMeasured {
  readonly wallSeconds: number
  /** User and system, of all threads: the collector's helpers are in it. */
  readonly cpuSeconds: number
  readonly tasks: number
  readonly frames: number
  /** The most that the process ever took. */
  readonly rssMiB: number
}

/** Simulated seconds that are not measured: dials, handshakes, and the compiler of the machine. */
export const WARM_UP_SECONDS = 10
/** Peers of a node. */
export const DEGREE = 8
/** What the collector's young generation may take: frames in flight then die young. */
const SEMI_SPACE_MEBIBYTES = 64
/** No run takes this long, unless it hangs. */
const PATIENCE_MILLIS = 600_000

const runOnce = (
  order: SimulationOrder,
  execArgv: ReadonlyArray<string>
): Effect.Effect<SimulationMeasured, RunFailed> =>
  Effect.callback((resume) => {
    const child = execFile(
      process.execPath,
      [
        `--max-semi-space-size=${SEMI_SPACE_MEBIBYTES}`,
        ...execArgv,
        fileURLToPath(new URL("./simulationWorker.ts", import.meta.url)),
        JSON.stringify(order)
      ],
      { timeout: PATIENCE_MILLIS },
      (error, stdout) =>
        resume(
          error === null ? Effect.succeed(JSON.parse(stdout)) : Effect.fail(new RunFailed({ message: error.message }))
        )
    )
    return Effect.sync(() => child.kill())
  })

/** The command. */
export const simulation = Command.make(
  "simulation",
  {
    nodes: Flag.Int("nodes").pipe(Flag.withDescription(`Nodes, with ${DEGREE} peers each`), Flag.withDefault(100)),
    crypto: Flag.Literals("crypto", ["stub", "real"]).pipe(
      Flag.withDescription(
        "`stub`: cheap keyed stubs; `real`: all of it, but what one node has computed of the same bytes (tag, digest, " +
          "verification) is not computed again by another"
      ),
      Flag.withDefault("stub")
    ),
    seconds: Flag.Int("seconds").pipe(
      Flag.withDescription(`Simulated seconds, behind the first ${WARM_UP_SECONDS}`),
      Flag.withDefault(60)
    ),
    properties: Flag.Literals("properties", ["none", "cheap", "all"]).pipe(
      Flag.withDescription("The properties that are checked while it runs; `cheap`: those that read no frames"),
      Flag.withDefault("none")
    ),
    seed: Flag.Int("seed").pipe(Flag.withDescription("What all randomness comes from"), Flag.withDefault(1)),
    runs: Flag.Int("runs").pipe(Flag.withDescription("How often the same is run"), Flag.withDefault(5)),
    profile: profileFlag,
    json: Flag.Boolean("json").pipe(Flag.withDescription("Print one JSON document"), Flag.withDefault(false))
  },
  Effect.fnUntraced(function*({ crypto, json, nodes, profile, properties, runs, seconds, seed }) {
    const results: Array<SimulationMeasured> = []
    for (let run = 1; run <= runs; run++) {
      const measured = yield* runOnce(
        { nodes, crypto, properties, seconds, seed },
        profileArgs(profile, `${nodes}-${crypto}`).execArgv
      )
      results.push(measured)
      yield* progress(
        `run ${run}/${runs}: ${seconds} s in ${measured.wallSeconds.toFixed(2)} s of wall, ${
          measured.cpuSeconds.toFixed(2)
        } s of CPU, ${Math.round(measured.rssMiB)} MiB`
      )
    }
    const figures = {
      wallSeconds: figureOf(results.map(({ wallSeconds }) => wallSeconds)),
      cpuSeconds: figureOf(results.map(({ cpuSeconds }) => cpuSeconds)),
      timesRealTime: figureOf(results.map(({ wallSeconds }) => seconds / wallSeconds)),
      cpuSecondsPerSimulatedSecond: figureOf(results.map(({ cpuSeconds }) => cpuSeconds / seconds)),
      rssMiB: figureOf(results.map(({ rssMiB }) => rssMiB)),
      tasksPerSimulatedSecond: figureOf(results.map(({ tasks }) => tasks / seconds)),
      framesPerSimulatedSecond: figureOf(results.map(({ frames }) => frames / seconds))
    }
    if (!json) {
      return yield* answer(table([
        [`${nodes} nodes, ${crypto} crypto`, "median (spread)"],
        ...Object.entries(figures).map(([name, figure]) => [name, shown(figure)])
      ]))
    }
    const each = (part: "median" | "spread") =>
      Object.fromEntries(Object.entries(figures).map(([name, figure]) => [name, figure[part]]))
    return yield* answer(JSON.stringify({
      bench: "simulation",
      machine: machine(),
      nodes,
      crypto,
      properties,
      degree: DEGREE,
      load: "light",
      seed,
      runs,
      simulatedSeconds: seconds,
      ...each("median"),
      // Interquartile ranges.
      spread: each("spread")
    }))
  })
).pipe(
  Command.withDescription(
    "Run a network of whole nodes (framing, handshake, credit, flood, fetch) in virtual time, with light load and good weather, "
      + `and measure the process behind the first ${WARM_UP_SECONDS} simulated seconds: seconds of wall and of CPU, and how many `
      + "times faster than real time that is."
  ),
  Command.withShortDescription("Measure the simulation")
)
