/** A plan of faults: when it does what, its text and its name, and what is wrong with it. */
import { assert, describe, it } from "@effect/vitest"
import { createHash } from "node:crypto"
import { fromBytes } from "../../../src/core/ItemHash.ts"
import { PLAN_FAULTS } from "../../../src/core/limits.ts"
import {
  calmFromMillis,
  changesOf,
  type Crash,
  type Fault,
  type FaultPlan,
  hostileNodes,
  noFaults
} from "../../../src/core/simulation/FaultPlan.ts"
import { problemsOf } from "../../../src/core/simulation/FaultPlanCheck.ts"
import { canonicalText, planHash } from "../../../src/core/simulation/FaultPlanText.ts"
import { ONE_OF_EACH, planOf } from "./plans.ts"

const crash = (node: number, fromMillis: number, toMillis: number): Crash => ({
  kind: "crash",
  node,
  fromMillis,
  toMillis
})

const sha256 = (bytes: Uint8Array) => fromBytes(createHash("sha256").update(bytes).digest())

describe("The changes of a plan", () => {
  it("come in the order of time: a fault begins and ends, or happens once", () => {
    const reset: Fault = { kind: "reset", source: 0, target: 1, atMillis: 1500 }
    const plan = planOf(crash(1, 1000, 3000), reset, crash(2, 0, 2000))
    assert.deepStrictEqual(changesOf(plan).map(({ atMillis, phase, fault }) => [atMillis, phase, fault.kind]), [
      [0, "begin", "crash"],
      [1000, "begin", "crash"],
      [1500, "once", "reset"],
      [2000, "end", "crash"],
      [3000, "end", "crash"]
    ])
  })

  it("let a node come back before it goes down again in the same millisecond", () => {
    const plan = planOf(crash(1, 2000, 3000), crash(1, 1000, 2000))
    assert.deepStrictEqual(changesOf(plan).map(({ atMillis, phase }) => `${atMillis} ${phase}`), [
      "1000 begin",
      "2000 end",
      "2000 begin",
      "3000 end"
    ])
  })

  it("keep the order of the plan for what begins together", () => {
    const plan = planOf(crash(3, 0, 1), crash(1, 0, 1), crash(2, 0, 1))
    const nodes = changesOf(plan).map(({ fault }) => fault.kind === "crash" ? fault.node : -1)
    assert.deepStrictEqual(nodes, [3, 1, 2, 3, 1, 2])
  })
})

describe("A plan", () => {
  it("names its hostile nodes once each, in order", () => {
    const hostile = (node: number, fromMillis: number): Fault => ({
      kind: "hostile",
      node,
      actor: "mute",
      options: {},
      fromMillis,
      toMillis: fromMillis + 10
    })
    const plan = planOf(hostile(7, 0), hostile(3, 0), hostile(7, 500), crash(1, 0, 1))
    assert.deepStrictEqual(hostileNodes(plan), [3, 7])
  })

  it("has its calm in the last third", () => {
    assert.deepStrictEqual([0, 1, 2, 3, 30_000].map(calmFromMillis), [0, 0, 1, 2, 20_000])
  })
})

describe("The text of a plan", () => {
  it("is JSON that says the same, with a line for each fault", () => {
    const plan = planOf(...ONE_OF_EACH)
    assert.deepStrictEqual(JSON.parse(canonicalText(plan)), plan)
    assert.strictEqual(
      canonicalText(plan).split("\n").filter((line) => line.includes("kind")).length,
      ONE_OF_EACH.length
    )
  })

  it("is this for a small plan, letter by letter", () => {
    const plan = planOf(crash(3, 1000, 4000), {
      kind: "clog",
      where: { target: 2, source: 1 },
      latencyMillis: 5,
      fromMillis: 0,
      toMillis: 9
    })
    assert.strictEqual(
      canonicalText(plan),
      `{
  "version": 1,
  "nodes": 10,
  "durationMillis": 30000,
  "faults": [
    {"kind": "crash", "fromMillis": 1000, "toMillis": 4000, "node": 3},
    {"kind": "clog", "fromMillis": 0, "toMillis": 9, "latencyMillis": 5, "where": {"source": 1, "target": 2}}
  ]
}
`
    )
    assert.include(canonicalText(noFaults(1, 2)), `"faults": []`)
  })

  it("and its hash do not depend on the order in which the keys were set", () => {
    const turned = (value: unknown): unknown =>
      Array.isArray(value)
        ? value.map(turned)
        : typeof value === "object" && value !== null
        ? Object.fromEntries(Object.entries(value).reverse().map(([key, inner]) => [key, turned(inner)]))
        : value
    for (const fault of ONE_OF_EACH) {
      const plan = planOf(fault)
      const other = turned(plan) as FaultPlan
      assert.notStrictEqual(JSON.stringify(other), JSON.stringify(plan))
      assert.strictEqual(canonicalText(other), canonicalText(plan))
      assert.strictEqual(planHash(other, sha256), planHash(plan, sha256))
    }
  })

  it("has a hash that any change of a fault, or of their order, changes", () => {
    const hashes = new Set([
      planHash(planOf(...ONE_OF_EACH), sha256),
      planHash(planOf(...ONE_OF_EACH.toReversed()), sha256)
    ])
    ONE_OF_EACH.forEach((_, index) => hashes.add(planHash(planOf(...ONE_OF_EACH.toSpliced(index, 1)), sha256)))
    hashes.add(planHash({ ...planOf(...ONE_OF_EACH), durationMillis: 30_001 }, sha256))
    assert.strictEqual(hashes.size, ONE_OF_EACH.length + 3)
  })
})

const told = (plan: FaultPlan): ReadonlyArray<string> =>
  problemsOf(plan).map(({ message, path }) => `${path.join(".")}: ${message}`)

describe("The check of a plan", () => {
  it("finds nothing wrong with one of each", () => {
    assert.deepStrictEqual(problemsOf(planOf(...ONE_OF_EACH)), [])
    assert.deepStrictEqual(problemsOf(noFaults(1, 0)), [])
  })

  it("tells each number that is out of its range, and where it stands", () => {
    const wrong: Readonly<Record<string, ReadonlyArray<number>>> = {
      fromMillis: [-1, 0.5, 2 ** 53],
      atMillis: [-1, 0.5, 2 ** 53],
      node: [-1, 10, 1.5],
      host: [-1, 10, 1.5],
      source: [-1, 10, 1.5],
      target: [-1, 10, 1.5],
      latencyMillis: [0, -5, 0.5],
      delayMillis: [0, -5, 0.5],
      downMillis: [0, -5, 0.5],
      upMillis: [0, -5, 0.5],
      bytesPerSecond: [0, -5, 0.5],
      lostPerMille: [0, 1001, 0.5],
      failedPerMille: [0, 1001, 0.5]
    }
    let tried = 0
    for (const fault of ONE_OF_EACH) {
      for (const key of Object.keys(fault)) {
        for (const value of wrong[key] ?? []) {
          tried++
          assert.include(told(planOf({ ...fault, [key]: value })).join("\n"), `faults.0.${key}: Expected`, fault.kind)
        }
      }
      if ("where" in fault) {
        const where = { host: 10 }
        assert.match(told(planOf({ ...fault, where }))[0]!, /^faults\.0\.where\.host: Expected an index below 10/)
      }
    }
    assert.isAbove(tried, 80)
  })

  it("tells of a run of no nodes or of too many, and of a time that is none", () => {
    for (const nodes of [0, -1, 1.5, 1e9]) assert.match(told(noFaults(nodes, 1))[0]!, /^nodes: Expected/)
    for (const millis of [-1, 0.5, Infinity]) assert.match(told(noFaults(1, millis))[0]!, /^durationMillis: Expected/)
  })

  it("tells of a fault that ends before it begins, and of a way from a host to itself", () => {
    for (const toMillis of [1000, 999]) assert.match(told(planOf(crash(0, 1000, toMillis)))[0]!, /^faults\.0\.toMillis/)
    assert.lengthOf(told(planOf({ kind: "reset", source: 1, target: 1, atMillis: 0 })), 1)
    const where = { source: 2, target: 2 }
    assert.lengthOf(told(planOf({ kind: "loss", where, lostPerMille: 1, fromMillis: 0, toMillis: 1 })), 1)
  })

  it("tells of a partition without groups, of an empty group, and of a host in two", () => {
    for (const groups of [[], [[]], [[1], []], [[1, 1]], [[1], [2, 1]], [[10]]]) {
      assert.lengthOf(
        told(planOf({ kind: "partition", groups, fromMillis: 0, toMillis: 1 })),
        1,
        JSON.stringify(groups)
      )
    }
  })

  it("tells of a node in two states at a time, also behind a shorter one between them", () => {
    const stop: Fault = { kind: "stop", node: 1, fromMillis: 1999, toMillis: 5000 }
    assert.deepStrictEqual(told(planOf(crash(1, 1000, 2000), stop)), [
      "faults.1: Node 1 is still in the state of faults[0] (crash) then"
    ])
    assert.lengthOf(told(planOf(crash(1, 0, 100), crash(1, 10, 20), crash(1, 50, 60))), 2)
    assert.deepStrictEqual(told(planOf(crash(1, 0, 100), crash(1, 100, 200), crash(2, 50, 150))), [])
  })

  it("refuses a list that is far too long, and looks no further", () => {
    const faults = new Array<Fault>(PLAN_FAULTS + 1).fill(crash(99, 0, 1))
    assert.lengthOf(told(planOf(...faults)), 1)
  })
})
