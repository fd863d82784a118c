/**
 * A process of a swarm: it is sent seeds, runs them one after the other, and tells what became of each.
 *
 * Starts when it is run; nothing but its types is imported.
 */
import * as NodeWorkerRunner from "@effect/platform-node/NodeWorkerRunner"
import { Effect } from "effect"
import * as WorkerRunner from "effect/workers/WorkerRunner"
import { type Experiment, failureOf, optionsOf, type Outcome, runOnce } from "./Experiment.ts"
import { violationDocument, violationText } from "./report.ts"

/** A seed to be run. */
export interface Order {
  readonly experiment: Experiment
  readonly seed: number
}

/** What became of a seed. */
export interface News {
  readonly seed: number
  /** What must not be and was, in one line; nothing if all went well. */
  readonly failure: string | undefined
  /** `undefined` if it broke. */
  readonly traceHash: string | undefined
  readonly deliveries: number
  readonly cpuSeconds: number
}

const newsOf = (seed: number, outcome: Outcome): News => {
  if (outcome._tag === "Broken") {
    const [sentence = ""] = outcome.error.split("\n")
    const failure = `${outcome.seconds} s: ${failureOf(outcome)} (${sentence})`
    return { seed, failure, traceHash: undefined, deliveries: 0, cpuSeconds: 0 }
  }
  const { deliveries, traceHash, violations: [first] } = outcome.result
  const failure = first === undefined ? undefined : violationText(violationDocument(first))
  return { seed, failure, traceHash, deliveries, cpuSeconds: outcome.cpuSeconds }
}

const serve = Effect.gen(function*() {
  const platform = yield* WorkerRunner.WorkerRunnerPlatform
  const runner = yield* platform.start<News, Order>()
  yield* runner.run((port, { experiment, seed }) =>
    Effect.suspend(() => runOnce(optionsOf(experiment, seed))).pipe(
      Effect.flatMap((outcome) => runner.send(port, newsOf(seed, outcome)))
    )
  )
})

// Ctrl-C goes to all processes of the terminal: it is the swarm that ends its workers then.
process.on("SIGINT", () => {})
// Without the swarm nobody wants to know.
process.on("disconnect", () => process.exit())

Effect.runFork(Effect.provide(serve, NodeWorkerRunner.layer))
