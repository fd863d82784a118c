/**
 * A whole network in a virtual world: it delivers, it is the same for the same seed, and it notices when it is not.
 */
import { assert, describe, it } from "@effect/vitest"
import { constant } from "../../src/core/Distribution.ts"
import { fair } from "../../src/core/LinkWeather.ts"
import { stream } from "../../src/core/Prng.ts"
import { draw } from "../../src/core/simulation/FaultPlanDraw.ts"
import { random } from "../../src/core/simulation/Topology.ts"
import * as AsyncGuard from "../../src/layers/node/AsyncGuard.ts"
import * as NodeCrypto from "../../src/layers/node/NodeCrypto.ts"
import { hostilePeers } from "../../src/testing/stellar/hostile/hostilePeers.ts"
import { ipOf, make, run, type SimulationOptions } from "../../src/testing/stellar/Simulation.ts"

const optionsOf = (seed: number, seconds = 30): SimulationOptions => ({
  seed,
  seconds,
  topology: random(10, 4, stream(seed, "topology"))
})

describe("a simulated network", () => {
  it("delivers all that is said in good weather, and leaves nothing behind", () => {
    const result = run(optionsOf(1))
    assert.deepStrictEqual(result.violations, [])
    assert.isAbove(result.originated, 50)
    assert.isAbove(result.deliveries, 500)
  })

  it("is the same for the same seed, and another for another one", () => {
    assert.strictEqual(run(optionsOf(2)).traceHash, run(optionsOf(2)).traceHash)
    assert.notStrictEqual(run(optionsOf(2)).traceHash, run(optionsOf(3)).traceHash)
  })

  it("is not the same when one link draws its latency from the machine", () => {
    const withChance = (): string => {
      const simulation = make(optionsOf(2))
      // eslint-disable-next-line no-restricted-properties -- the negative control
      const latency = constant(5000 + Math.floor(Math.random() * 90_000))
      simulation.network.setWeather(ipOf(0), "0.0.0.0/0", { ...fair, latency })
      return simulation.finish().traceHash
    }
    assert.notStrictEqual(withChance(), withChance())
  })

  it("makes no promise and no timer of the machine", () => {
    assert.deepStrictEqual(run({ ...optionsOf(4, 12), guard: AsyncGuard.make() }).violations, [])
  })

  it("runs on real cryptography just the same", () => {
    const result = run({ ...optionsOf(5, 20), crypto: NodeCrypto.make() })
    assert.deepStrictEqual(result.violations, [])
    assert.isAbove(result.deliveries, 200)
  })

  it("heals from heavy faults and hostile peers", () => {
    const options = optionsOf(6, 60)
    const plan = draw(stream(6, "plan"), {
      topology: options.topology,
      durationMillis: 60_000,
      faults: "heavy",
      hostilePercent: 20,
      actors: Object.keys(hostilePeers)
    })
    assert.deepStrictEqual(run({ ...options, plan }).violations, [])
  })
})
