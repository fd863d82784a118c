/**
 * Makes the plan of a failing run as small as it goes: the smaller one must fail by the same property.
 */
import { Effect } from "effect"
import type { FaultPlan } from "../../core/simulation/FaultPlan.ts"
import type { Shrunk } from "../../core/simulation/FaultPlanShrink.ts"
import { shrinkFaultPlan } from "../../testing/shrinkFaultPlan.ts"
import { failureOf, type Outcome } from "./Experiment.ts"

/** Runs that a search may take. Ours: a plan of 40 faults takes about 100, and most of a run's time is a second or two. */
export const SHRINK_RUNS = 200

/** Looks for the smallest plan that fails as `failed` did; `run` runs one. `told` hears of each run before it begins. */
export const shrinkRun = (
  plan: FaultPlan,
  failed: Outcome,
  run: (plan: FaultPlan) => Effect.Effect<Outcome>,
  told: (runs: number, plan: FaultPlan) => void = () => {}
): Effect.Effect<Shrunk> => {
  const failure = failureOf(failed)
  let runs = 0
  return shrinkFaultPlan(
    plan,
    (tried) => {
      told(runs++, tried)
      return Effect.map(run(tried), (outcome) => failure !== undefined && violates(outcome, failure))
    },
    SHRINK_RUNS
  )
}

/** A smaller plan may violate something else before. */
const violates = (outcome: Outcome, property: string): boolean =>
  outcome._tag === "Broken"
    ? failureOf(outcome) === property
    : outcome.result.violations.some((violation) => violation.property === property)
