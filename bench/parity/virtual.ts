/**
 * A plan in virtual time: the simulation, with real cryptography.
 */
import { Effect } from "effect"
import { constant } from "../../src/core/Distribution.ts"
import { calm } from "../../src/core/LinkWeather.ts"
import { LOADS } from "../../src/core/simulation/Load.ts"
import * as NodeCrypto from "../../src/layers/node/NodeCrypto.ts"
import type { FloodLedger } from "../../src/testing/stellar/FloodLedger.ts"
import * as Simulation from "../../src/testing/stellar/Simulation.ts"
import { RunFailed } from "../processes.ts"
import { messagesOf, type Plan } from "./plan.ts"

const MILLIS_PER_SECOND = 1000
const MICROS_PER_MILLI = 1000

/** Runs the plan, in no time; gives the books. */
export const runVirtual = Effect.fnUntraced(function*(plan: Plan): Effect.fn.Return<FloodLedger, RunFailed> {
  const crypto = NodeCrypto.make()
  const simulation = Simulation.make({
    seed: plan.seed,
    topology: plan.topology,
    seconds: plan.endMillis / MILLIS_PER_SECOND,
    load: LOADS.none,
    properties: "cheap",
    crypto,
    startMillis: (node) => plan.startMillis[node] ?? 0
  })
  const { ledger, network, nodes, world } = simulation
  for (const { called, caller, latencyMillis } of plan.links) {
    const weather = { ...calm, latency: constant(latencyMillis * MICROS_PER_MILLI) }
    network.setWeather(Simulation.ipOf(caller), Simulation.ipOf(called), weather)
    network.setWeather(Simulation.ipOf(called), Simulation.ipOf(caller), weather)
  }
  messagesOf(plan, crypto).forEach((message, i) => {
    const { atMillis, node } = plan.sayings[i]!
    world.after(atMillis * MICROS_PER_MILLI, () => {
      const overlay = nodes[node]?.overlay()
      if (overlay !== undefined) world.fork(Effect.ignore(overlay.broadcast(message)))
    })
  })
  const [violation] = simulation.finish().violations
  if (violation !== undefined) {
    return yield* new RunFailed({ message: `In virtual time: ${violation.property} (${violation.detail})` })
  }
  return ledger
})
