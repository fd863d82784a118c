/**
 * What a simulated run is but for its seed, as plain data that can go to another process; and one run of it.
 */
import { Effect } from "effect"
import type { LinkWeather } from "../../core/LinkWeather.ts"
import { stream } from "../../core/Prng.ts"
import type { FaultPlan } from "../../core/simulation/FaultPlan.ts"
import { draw, type FaultLevel } from "../../core/simulation/FaultPlanDraw.ts"
import { type Load, LOADS } from "../../core/simulation/Load.ts"
import { drawPreferences } from "../../core/simulation/Preference.ts"
import { type Shape, type Topology, topologyOf } from "../../core/simulation/Topology.ts"
import * as NodeCrypto from "../../layers/node/NodeCrypto.ts"
import * as SharedCrypto from "../../layers/simulation/SharedCrypto.ts"
import { hostilePeers } from "../../testing/stellar/hostile/hostilePeers.ts"
import * as Simulation from "../../testing/stellar/Simulation.ts"

/** What is to be run. What is given by name is drawn from the seed of each run. */
export interface Experiment {
  readonly nodes: number
  readonly seconds: number
  readonly topology: Shape | Topology
  readonly weather: LinkWeather
  /** `drawn`: see `drawnLoad`. */
  readonly load: Load | "drawn"
  readonly faults: FaultLevel | FaultPlan
  readonly hostilePercent: number
  readonly realCrypto: boolean
}

/** The options of a run, with its plan. */
export type RunOptions = Simulation.SimulationOptions & { readonly plan: FaultPlan }

/** In one run of so many there are no shares of IPs: a crowd from one machine shall meet the limit of slots as well. */
const SEEDS_A_CROWD = 5
const MILLIS_PER_SECOND = 1000
const MICROS_PER_SECOND = 1_000_000
/** Of so many seeds whose load is drawn, one has the heavy one: it takes three times as long. */
const SEEDS_PER_HEAVY_LOAD = 8
/** In a run of so long sets may be named about each slot of the light load. */
const SECONDS_OF_SETS = 60
/** So many times as many slots of the heavy load as of the light one. */
const HEAVY_PER_LIGHT = 5
/** Sets are named about every slot of a node, or one in at most so many. */
const MOST_SLOTS_PER_SETS = 3
/** The calm is at least so long: what has to come right in it has ten seconds. */
const CALM_MILLIS = 14_000
/** But in a run that is too short for that it has no more than this part. */
const MOST_CALM = 1 / 2
/** So much virtual time between two looks at signals and progress: some milliseconds of a small network. */
const SLICES_PER_SECOND = 10

/**
 * The load of this seed where it is drawn, as whole kinds of faults are: mostly a light one, under which faults are seen alone, and
 * now and then a heavy one, under which credit runs out where a link is clogged.
 */
export const drawnLoad = (seed: number): "light" | "heavy" =>
  stream(seed, "load").chance(1, SEEDS_PER_HEAVY_LOAD) ? "heavy" : "light"

/**
 * In every other seed whose load is drawn statements name sets, about one slot in so many. Under the heavy load there are five times as
 * many slots, and in a longer run more: were sets named about each of them, a node would ask more of a peer than that answers in a
 * window. Who comes up again is told all that was ever said, for no program here has a position, and looks for all the sets of that.
 */
const drawnSets = (seed: number, seconds: number): number => {
  const prng = stream(seed, "sets")
  const manyTimes = (drawnLoad(seed) === "heavy" ? HEAVY_PER_LIGHT : 1) * Math.ceil(seconds / SECONDS_OF_SETS)
  return prng.chance(1, 2) ? (1 + prng.below(MOST_SLOTS_PER_SETS)) * manyTimes : 0
}

/** The time that a plan is drawn for. Its faults end at two thirds of that (see `calmFromMillis`), to leave the calm. */
const drawnMillis = (durationMillis: number): number => {
  const faultsMillis = durationMillis - Math.min(CALM_MILLIS, durationMillis * MOST_CALM)
  return Math.min(durationMillis, Math.ceil((faultsMillis * 3) / 2))
}

/** The run of this seed, with its topology, plan and load drawn. */
export const optionsOf = (experiment: Experiment, seed: number): RunOptions => {
  const { faults, hostilePercent, load, nodes, realCrypto, seconds, topology: shape, weather } = experiment
  const topology = typeof shape === "string" ? topologyOf(shape, nodes, stream(seed, "topology")) : shape
  const durationMillis = seconds * MILLIS_PER_SECOND
  const plan = typeof faults === "string"
    ? {
      ...draw(stream(seed, "plan"), {
        topology,
        durationMillis: drawnMillis(durationMillis),
        faults,
        hostilePercent,
        actors: Object.keys(hostilePeers)
      }),
      durationMillis
    }
    : faults
  return {
    seed,
    seconds,
    topology,
    plan,
    load: load === "drawn" ? { ...LOADS[drawnLoad(seed)], slotsPerSets: drawnSets(seed, seconds) } : load,
    preferences: faults === "heavy" ? drawPreferences(stream(seed, "preferences"), topology) : [],
    weather,
    ...(seed % SEEDS_A_CROWD === 0 ? { config: { ipShare: 1, subnetShare: 1 } } : {}),
    ...(realCrypto ? { crypto: SharedCrypto.make(NodeCrypto.make()) } : {})
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
    const ending = made.finishing()
    for (;;) {
      const { done, value: result } = yield* Effect.try({ try: () => ending.next(), catch: brokenBy })
      if (done !== true) {
        yield* Effect.yieldNow
        continue
      }
      const { system, user } = process.cpuUsage(before)
      return { _tag: "Finished" as const, result, cpuSeconds: (system + user) / MICROS_PER_SECOND }
    }
  })
  return yield* Effect.catch(live, Effect.succeed)
})
