/** Plans and topologies in files, and plans shrunk by runs that are Effects. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { type FaultPlan, noFaults } from "../../src/core/simulation/FaultPlan.ts"
import { shrink } from "../../src/core/simulation/FaultPlanShrink.ts"
import { canonicalText } from "../../src/core/simulation/FaultPlanText.ts"
import { parseFaultPlan } from "../../src/testing/FaultPlanFile.ts"
import { shrinkFaultPlan } from "../../src/testing/shrinkFaultPlan.ts"
import { parseTopology } from "../../src/testing/TopologyFile.ts"
import { ONE_OF_EACH, planOf } from "../core/simulation/plans.ts"

const refusal = (result: Result.Result<unknown, string>): string => Result.isFailure(result) ? result.failure : "taken"

const refusalOf = (fault: unknown, more: object = {}): string =>
  refusal(parseFaultPlan(JSON.stringify({ ...noFaults(3, 1000), faults: [fault], ...more })))

const span = { fromMillis: 0, toMillis: 1 }

describe("The file of a plan", () => {
  it("gives the plan that was written to it, with each kind of fault", () => {
    const plan = planOf(...ONE_OF_EACH)
    assert.deepStrictEqual(parseFaultPlan(canonicalText(plan)), Result.succeed(plan))
    assert.deepStrictEqual(parseFaultPlan(canonicalText(noFaults(5, 0))), Result.succeed(noFaults(5, 0)))
  })

  it("needs every field of every fault, and no other", () => {
    for (const fault of ONE_OF_EACH) {
      for (const key of Object.keys(fault)) {
        const { [key]: _gone, ...rest } = { ...fault } as Record<string, unknown>
        const place = key === "kind" ? "faults[0]:" : `faults[0].${key}: Missing key`
        assert.include(refusal(parseFaultPlan(JSON.stringify({ ...planOf(), faults: [rest] }))), place, fault.kind)
      }
      const text = JSON.stringify({ ...planOf(), faults: [{ ...fault, more: 1 }] })
      assert.strictEqual(refusal(parseFaultPlan(text)), "faults[0].more: This key does not belong here")
    }
  })

  it("is refused with what is wrong and where", () => {
    assert.match(
      refusalOf({ kind: "crush", node: 1, ...span }),
      /^faults\[0\]: Expected a fault whose kind is one of crash, stop/
    )
    assert.strictEqual(refusalOf({ kind: "crash", node: "1", ...span }), "faults[0].node: Expected number")
    assert.strictEqual(
      refusalOf({ kind: "crash", node: 7, fromMillis: 5, toMillis: 1 }),
      "faults[0].node: Expected an index below 3, the number of nodes, found 7\n" +
        "faults[0].toMillis: Expected a time after fromMillis (5), found 1"
    )
    assert.match(refusalOf({ kind: "vanish", host: 1, ...span }, { version: 2 }), /^version: Expected 1/)
    assert.match(
      refusalOf({ kind: "clog", where: 1, latencyMillis: 1, ...span }),
      /^faults\[0\]\.where: Expected a host/
    )
  })

  it("is refused if it is no JSON or no object", () => {
    for (const text of ["", "{", "[]", "null", "1"]) assert.include(refusal(parseFaultPlan(text)), "Expected", text)
  })

  it("is told of the first ten things that are wrong, and how many more there are", () => {
    const faults = Array.from({ length: 15 }, () => ({ kind: "vanish", host: 9, ...span }))
    const lines = refusalOf(undefined, { faults }).split("\n")
    assert.deepStrictEqual([lines.length, lines.at(-1)], [11, "and 5 more"])
  })
})

describe("The file of a topology", () => {
  it("names the nodes and who calls whom", () => {
    assert.deepStrictEqual(
      parseTopology(`{ "nodes": 3, "dials": [[2, 0], [0, 1]] }`),
      Result.succeed({ nodes: 3, dials: [{ caller: 2, called: 0 }, { caller: 0, called: 1 }] })
    )
  })

  it("is refused if its shape is another, or its network is none", () => {
    assert.strictEqual(refusal(parseTopology(`{ "nodes": 3 }`)), "dials: Missing key")
    assert.include(refusal(parseTopology(`{ "nodes": 3, "dials": [[0]] }`)), "dials[0][1]")
    assert.include(refusal(parseTopology(`{ "nodes": 2, "dials": [[0, 1, 1]] }`)), "dials[0]")
    assert.include(refusal(parseTopology(`{ "nodes": 2, "dials": [[0, 0]] }`)), "joins a node to itself")
  })
})

describe("A plan shrunk by runs that are Effects", () => {
  const fails = ({ faults }: FaultPlan) => ["cut", "reset"].every((kind) => faults.some((fault) => fault.kind === kind))

  it.effect("is the plan that plain runs give, after as many runs", () =>
    Effect.gen(function*() {
      const plan = planOf(...ONE_OF_EACH)
      const found = yield* shrinkFaultPlan(plan, (tried) => Effect.as(Effect.yieldNow, fails(tried)), 1000)
      assert.deepStrictEqual(found, shrink(plan, fails, 1000))
      assert.deepStrictEqual(found.plan.faults.map(({ kind }) => kind), ["cut", "reset"])
    }))

  it.effect("is not looked for any more once a run cannot be made", () =>
    Effect.gen(function*() {
      let runs = 0
      const fails = () => ++runs < 2 ? Effect.succeed(true) : Effect.fail("broken")
      assert.strictEqual(yield* Effect.flip(shrinkFaultPlan(planOf(...ONE_OF_EACH), fails, 9)), "broken")
      assert.strictEqual(runs, 2)
    }))
})
