/**
 * Makes a failing plan small where a run is an Effect: a world of its own, or a process.
 */
import { Effect } from "effect"
import type { FaultPlan } from "../core/simulation/FaultPlan.ts"
import { Shrinking, type Shrunk } from "../core/simulation/FaultPlanShrink.ts"

/**
 * Shrinks a plan, with at most `budget` runs, one after the other; `fails` runs a plan and tells whether it fails.
 *
 * What `fails` itself fails with ends the search.
 */
export const shrinkFaultPlan = Effect.fnUntraced(function*<E, R>(
  plan: FaultPlan,
  fails: (plan: FaultPlan) => Effect.Effect<boolean, E, R>,
  budget: number
): Effect.fn.Return<Shrunk, E, R> {
  const shrinking = new Shrinking(plan, budget)
  for (let tried = shrinking.next; tried !== undefined; tried = shrinking.next) shrinking.tell(yield* fails(tried))
  return shrinking.result
})
