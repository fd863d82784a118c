/**
 * A whole network in a virtual world: it delivers, it is the same for the same seed, and it notices when it is not.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { constant } from "../../src/core/Distribution.ts"
import { fair } from "../../src/core/LinkWeather.ts"
import { stream } from "../../src/core/Prng.ts"
import { type FaultPlan, noFaults } from "../../src/core/simulation/FaultPlan.ts"
import { draw } from "../../src/core/simulation/FaultPlanDraw.ts"
import { random } from "../../src/core/simulation/Topology.ts"
import * as AsyncGuard from "../../src/layers/node/AsyncGuard.ts"
import * as NodeCrypto from "../../src/layers/node/NodeCrypto.ts"
import * as MemoryApplication from "../../src/layers/stellar/MemoryApplication.ts"
import { hostilePeers } from "../../src/testing/stellar/hostile/hostilePeers.ts"
import type { Hooks, Property } from "../../src/testing/stellar/properties/Property.ts"
import {
  ipOf,
  make,
  PASSPHRASE,
  run,
  type SimulationOptions,
  type TraceLine
} from "../../src/testing/stellar/Simulation.ts"

const optionsOf = (seed: number, seconds = 30): SimulationOptions => ({
  seed,
  seconds,
  topology: random(10, 4, stream(seed, "topology"))
})

/** Runs it to the end, and gives what is thrown. */
const thrownBy = (options: SimulationOptions): unknown => {
  try {
    run(options)
  } catch (thrown) {
    return thrown
  }
  return undefined
}

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

  it("ends in slices as it ends in one piece", () => {
    const whole = make(optionsOf(7, 10)).finish()
    const ending = make(optionsOf(7, 10)).finishing()
    let slices = 0
    let step = ending.next()
    for (; step.done !== true; step = ending.next()) slices += 1
    assert.deepStrictEqual(step.value, whole)
    // A tenth of a second each, of the run and of the end of its nodes.
    assert.isAtLeast(slices, 10 * (10 + 30))
  })

  it("names a plan by its text, whatever the cryptography of the run", () => {
    const { planHash } = run(optionsOf(8, 1))
    assert.strictEqual(run({ ...optionsOf(8, 1), crypto: NodeCrypto.make() }).planHash, planHash)
  })

  it("ends with what a listener throws in the midst of a node", () => {
    const planted = new Error("planted")
    const { caller: source, called: target } = optionsOf(9).topology.dials[0]!
    const plan: FaultPlan = { ...noFaults(10, 8000), faults: [{ kind: "reset", source, target, atMillis: 6000 }] }
    for (const what of ["joined", "says", "hears", "left"]) {
      const onTrace = (line: TraceLine): void => {
        if (line.what === what) throw planted
      }
      assert.strictEqual(thrownBy({ ...optionsOf(9, 8), plan, onTrace }), planted, what)
    }
  })

  it("ends with what a property throws, wherever it is called", () => {
    const planted = new Error("planted")
    const broken = (): never => {
      throw planted
    }
    const hooks: ReadonlyArray<Hooks> = [
      { event: broken },
      { said: broken },
      { processed: broken },
      { sent: broken },
      { arrived: broken },
      { network: broken },
      { second: broken },
      { calm: broken },
      { end: broken },
      { over: broken },
      { ended: broken }
    ]
    for (const watched of hooks) {
      const properties = [{ name: "it is broken", doc: "A property that throws.", watch: () => watched }]
      assert.strictEqual(thrownBy({ ...optionsOf(10, 8), properties }), planted, Object.keys(watched)[0])
    }
    const forked: Property = {
      name: "it dies",
      doc: "A property whose Effect dies.",
      watch: ({ fork }) => ({ second: () => fork(Effect.die(planted)) })
    }
    assert.strictEqual(thrownBy({ ...optionsOf(10, 8), properties: [forked] }), planted)
  })

  it("tells that its load cannot be said", () => {
    const limits = { maxTxBytes: 10 }
    const { originated, violations } = run({
      ...optionsOf(11, 8),
      application: () => MemoryApplication.layer({ passphrase: PASSPHRASE, limits })
    })
    assert.isAbove(originated, 0, "statements")
    assert.isAbove(violations.length, 0)
    for (const { detail, property } of violations) {
      assert.strictEqual(property, "what the load says is not refused")
      assert.include(detail, "10")
    }
  })

  it("ends a node in time whose disk takes its time", () => {
    const plan: FaultPlan = {
      ...noFaults(10, 20_000),
      faults: [
        { kind: "slowDisk", node: 1, fromMillis: 9000, toMillis: 20_000, delayMillis: 20_000 },
        { kind: "stop", node: 1, fromMillis: 10_000, toMillis: 10_001 }
      ]
    }
    const { violations } = run({ ...optionsOf(5, 20), plan })
    assert.deepStrictEqual(violations, [])
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
