/**
 * What a simulated run is but for its seed, as plain data that can go to another process; and one run of it.
 */
import { Effect } from "effect"
import type { LinkWeather } from "../../core/LinkWeather.ts"
import { stream } from "../../core/Prng.ts"
import type { FaultPlan } from "../../core/simulation/FaultPlan.ts"
import { draw, type FaultLevel } from "../../core/simulation/FaultPlanDraw.ts"
import type { Load } from "../../core/simulation/Load.ts"
import { type Shape, type Topology, topologyOf } from "../../core/simulation/Topology.ts"
import * as NodeCrypto from "../../layers/node/NodeCrypto.ts"
import * as SharedVerification from "../../layers/simulation/SharedVerification.ts"
import { hostilePeers } from "../../testing/stellar/hostile/hostilePeers.ts"
import * as Simulation from "../../testing/stellar/Simulation.ts"

/** What is to be run. What is given by name is drawn from the seed of each run. */
export interface Experiment {
  readonly nodes: number
  readonly seconds: number
  readonly topology: Shape | Topology
  readonly weather: LinkWeather
  readonly load: Load
  readonly faults: FaultLevel | FaultPlan
  readonly hostilePercent: number
  readonly realCrypto: boolean
}

/** The options of a run, with its plan. */
export type RunOptions = Simulation.SimulationOptions & { readonly plan: FaultPlan }

const MILLIS_PER_SECOND = 1000
const MICROS_PER_SECOND = 1_000_000
/** So much virtual time between two looks at signals and progress: some milliseconds of a small network. */
const SLICES_PER_SECOND = 10

/** The run of this seed, with its topology and plan drawn. */
export const optionsOf = (experiment: Experiment, seed: number): RunOptions => {
  const { faults, hostilePercent, load, nodes, realCrypto, seconds, topology: shape, weather } = experiment
  const topology = typeof shape === "string" ? topologyOf(shape, nodes, stream(seed, "topology")) : shape
  const plan = typeof faults === "string"
    ? draw(stream(seed, "plan"), {
      topology,
      durationMillis: seconds * MILLIS_PER_SECOND,
      faults,
      hostilePercent,
      actors: Object.keys(hostilePeers)
    })
    : faults
  return {
    seed,
    seconds,
    topology,
    plan,
    load,
    weather,
    ...(realCrypto ? { crypto: SharedVerification.make(NodeCrypto.make()) } : {})
  }
}

/** It came to its end, with violations or without. */
export interface Finished {
  readonly _tag: "Finished"
  readonly result: Simulation.SimulationResult
  readonly cpuSeconds: number
}

/** Something threw in the middle of it: a defect that the seed has found. */
export interface Broken {
  readonly _tag: "Broken"
  readonly seed: number
  /** How far it had come. */
  readonly seconds: number
  /** What was thrown, with its stack where it has one. */
  readonly error: string
}

/** What became of a run. */
export type Outcome = Finished | Broken

/** What must not be and is: the property that was first violated; of a broken run, that nothing throws. */
export const failureOf = (outcome: Outcome): string | undefined =>
  outcome._tag === "Broken" ? "nothing throws" : outcome.result.violations[0]?.property

/**
 * Runs it in slices, so that signals and messages get through and it can be interrupted between any two. `onSlice` is told how
 * it stands.
 */
export const runOnce = Effect.fnUntraced(function*(
  options: Simulation.SimulationOptions,
  onSlice: (simulation: Simulation.Simulation) => void = () => {}
): Effect.fn.Return<Outcome> {
  const before = process.cpuUsage()
  let simulation: Simulation.Simulation | undefined
  const brokenBy = (cause: unknown): Broken => ({
    _tag: "Broken",
    seed: options.seed,
    seconds: (simulation?.world.nowMicros() ?? 0) / MICROS_PER_SECOND,
    error: cause instanceof Error ? cause.stack ?? cause.message : String(cause)
  })

  const live = Effect.gen(function*() {
    const made = simulation = yield* Effect.try({ try: () => Simulation.make(options), catch: brokenBy })
    for (let slice = 1; slice <= options.seconds * SLICES_PER_SECOND; slice++) {
      yield* Effect.try({ try: () => made.advanceTo(slice / SLICES_PER_SECOND), catch: brokenBy })
      onSlice(made)
      yield* Effect.yieldNow
    }
    const result = yield* Effect.try({ try: () => made.finish(), catch: brokenBy })
    const { system, user } = process.cpuUsage(before)
    return { _tag: "Finished" as const, result, cpuSeconds: (system + user) / MICROS_PER_SECOND }
  })
  return yield* Effect.catch(live, Effect.succeed)
})
