/** Failing plans made small, with failures that are known. */
import { assert, describe, it } from "@effect/vitest"
import { type Prng, stream } from "../../../src/core/Prng.ts"
import {
  type Clog,
  type Crash,
  type Fault,
  type FaultPlan,
  isLasting,
  noFaults
} from "../../../src/core/simulation/FaultPlan.ts"
import { problemsOf } from "../../../src/core/simulation/FaultPlanCheck.ts"
import { draw } from "../../../src/core/simulation/FaultPlanDraw.ts"
import { shrink, Shrinking } from "../../../src/core/simulation/FaultPlanShrink.ts"
import { topologyOf } from "../../../src/core/simulation/Topology.ts"
import { ONE_OF_EACH, planOf } from "./plans.ts"

const ENOUGH = 100_000

const heavyPlan = (seed: number): FaultPlan =>
  draw(stream(seed, "plan"), {
    topology: topologyOf("random", 30, stream(seed, "topology")),
    durationMillis: 120_000,
    faults: "heavy",
    hostilePercent: 20,
    actors: ["mute"]
  })

/** A fault is known again by what shrinking does not change of it: the kind, and what it is about. */
const target = (fault: Fault): string => {
  const { kind, ...about } = fault
  const named = Object.entries(about).filter(([key]) => ["node", "host", "source", "target", "where"].includes(key))
  return `${kind} ${JSON.stringify(named)}`
}

const distinct = (prng: Prng, faults: ReadonlyArray<Fault>, count: number): ReadonlyArray<Fault> => {
  const byTarget = [...new Map(faults.map((fault) => [target(fault), fault])).values()]
  prng.shuffle(byTarget)
  return byTarget.slice(0, count)
}

describe("A plan that fails because of some of its faults", () => {
  it("is shrunk to exactly these, whichever they are", () => {
    for (let seed = 0; seed < 200; seed++) {
      const plan = heavyPlan(seed)
      const prng = stream(seed, "needed")
      const needed = new Set(distinct(prng, plan.faults, 1 + prng.below(4)).map(target))
      const fails = (tried: FaultPlan) => {
        const there = new Set(tried.faults.map(target))
        return [...needed].every((name) => there.has(name))
      }
      const found = shrink(plan, fails, ENOUGH)
      assert.strictEqual(found.end, "minimal", `seed ${seed}`)
      assert.deepStrictEqual(new Set(found.plan.faults.map(target)), needed, `seed ${seed}`)
      assert.strictEqual(found.plan.faults.length, needed.size, `seed ${seed}`)
    }
  })

  it("takes far fewer runs to drop the rest than there are faults, where few are needed", () => {
    const faults = Array.from({ length: 1024 }, (_, index): Fault => ({
      kind: "reset",
      source: index % 10,
      target: (index + 1) % 10,
      atMillis: index * 1000
    }))
    const isNeeded = (fault: Fault) => !isLasting(fault) && [123_000, 877_000].includes(fault.atMillis)
    const found = shrink(planOf(...faults), (tried) => tried.faults.filter(isNeeded).length === 2, ENOUGH)
    assert.deepStrictEqual(found.plan.faults, faults.filter(isNeeded))
    assert.isBelow(found.runs, 80)
  })

  it("loses nothing that is needed only together with another, nor keeps what is needed only instead of it", () => {
    const [a, b, c, d] = ONE_OF_EACH
    const has = (plan: FaultPlan, fault: Fault | undefined) => plan.faults.some(({ kind }) => kind === fault?.kind)
    const fails = (plan: FaultPlan) => (has(plan, a) && has(plan, b)) || (has(plan, c) && has(plan, d))
    const { plan } = shrink(planOf(...ONE_OF_EACH), fails, ENOUGH)
    const kinds = plan.faults.map(({ kind }) => kind).join(" ")
    assert.include(["crash stop", "hostile cut"], kinds)
  })

  it("loses also a fault that is needless only once a later one is gone", () => {
    const [a, b, c, d] = [1000, 2000, 3000, 4000].map((atMillis): Fault => ({
      kind: "reset",
      source: 0,
      target: 1,
      atMillis
    }))
    const fails = ({ faults }: FaultPlan) => {
      const has = (fault: Fault | undefined) => fault !== undefined && faults.includes(fault)
      return has(b) && has(d) && (has(a) || !has(c))
    }
    assert.deepStrictEqual(shrink(planOf(a!, b!, c!, d!), fails, ENOUGH).plan, planOf(b!, d!))
  })

  it("fails without any fault at all: then two runs tell so", () => {
    const found = shrink(heavyPlan(1), () => true, ENOUGH)
    assert.deepStrictEqual(found, { plan: noFaults(30, 120_000), runs: 2, end: "minimal" })
  })

  it("passes in the first place: then it comes back as it was", () => {
    const plan = heavyPlan(1)
    assert.deepStrictEqual(shrink(plan, () => false, ENOUGH), { plan, runs: 1, end: "passes" })
  })
})

describe("A fault that is needed", () => {
  const clog: Clog = { kind: "clog", where: { host: 1 }, latencyMillis: 900, fromMillis: 5100, toMillis: 12_345 }
  const only = (fault: Fault, fails: (fault: Fault) => boolean) =>
    shrink(planOf(fault), ({ faults }) => faults.length === 1 && fails(faults[0]!), ENOUGH).plan.faults[0]

  it("is made as short and as mild as it may be, and put on a whole second", () => {
    assert.deepStrictEqual(only(clog, () => true), { ...clog, latencyMillis: 1, fromMillis: 5000, toMillis: 5001 })
  })

  it("is shortened no more than to within half of what is needed, and keeps the time that is needed", () => {
    const found = only(clog, (fault) => fault.kind === "clog" && fault.fromMillis <= 9000 && fault.toMillis >= 9500)
    if (found?.kind !== "clog") return assert.fail("another kind")
    assert.isAtMost(found.fromMillis, 9000)
    assert.isAtLeast(found.toMillis, 9500)
    assert.isBelow(found.toMillis - found.fromMillis, clog.toMillis - clog.fromMillis)
    assert.strictEqual(found.latencyMillis, 1)
  })

  it("keeps the strength that is needed, up to a factor of two", () => {
    const needed: ReadonlyArray<readonly [Fault, (fault: Fault) => number, "least" | "most"]> = [
      [clog, (fault) => fault.kind === "clog" ? fault.latencyMillis : 0, "least"],
      [
        { kind: "loss", where: { host: 1 }, lostPerMille: 900, fromMillis: 0, toMillis: 1 },
        (fault) => fault.kind === "loss" ? fault.lostPerMille : 0,
        "least"
      ],
      [
        { kind: "flap", source: 1, target: 2, downMillis: 900, upMillis: 20, fromMillis: 0, toMillis: 1 },
        (fault) => fault.kind === "flap" ? fault.downMillis : 0,
        "least"
      ],
      [
        { kind: "slowDisk", node: 1, delayMillis: 900, fromMillis: 0, toMillis: 1 },
        (fault) => fault.kind === "slowDisk" ? fault.delayMillis : 0,
        "least"
      ],
      [
        { kind: "failingDisk", node: 1, failedPerMille: 900, fromMillis: 0, toMillis: 1 },
        (fault) => fault.kind === "failingDisk" ? fault.failedPerMille : 0,
        "least"
      ],
      [
        { kind: "squeeze", where: { host: 1 }, bytesPerSecond: 50, fromMillis: 0, toMillis: 1 },
        (fault) => fault.kind === "squeeze" ? fault.bytesPerSecond : Infinity,
        "most"
      ]
    ]
    for (const [fault, strength, bound] of needed) {
      const found = only(fault, (tried) => bound === "least" ? strength(tried) >= 100 : strength(tried) <= 300)
      const kept = found === undefined ? 0 : strength(found)
      assert.isTrue(bound === "least" ? kept >= 100 && kept < 200 : kept <= 300 && kept > 150, `${fault.kind}: ${kept}`)
    }
  })

  it("loses the hosts of a partition and the options of an attacker that are not needed", () => {
    const partition = only(
      { kind: "partition", groups: [[1, 2, 3], [4, 5]], fromMillis: 0, toMillis: 1 },
      (fault) => fault.kind === "partition" && fault.groups.flat().includes(5)
    )
    assert.deepStrictEqual(partition, { kind: "partition", groups: [[5]], fromMillis: 0, toMillis: 1 })
    const hostile: Fault = {
      kind: "hostile",
      node: 1,
      actor: "flooder",
      options: { a: 1, b: true, c: "x" },
      fromMillis: 0,
      toMillis: 1
    }
    const found = only(hostile, (fault) => fault.kind === "hostile" && "b" in fault.options)
    assert.deepStrictEqual(found, { ...hostile, options: { b: true } })
  })

  it("may make another needless once it is simpler: then that goes, too", () => {
    const crash: Crash = { kind: "crash", node: 1, fromMillis: 0, toMillis: 8000 }
    // A long clog fails only with a crash; a short one alone.
    const fails = ({ faults }: FaultPlan) => {
      const clogs = faults.filter((fault) => fault.kind === "clog")
      return clogs.some((fault) => fault.toMillis - fault.fromMillis < 5000 || faults.length > 1)
    }
    const { plan } = shrink(planOf(crash, clog), fails, ENOUGH)
    assert.deepStrictEqual(plan.faults.map(({ kind }) => kind), ["clog"])
  })
})

describe("The search for a smaller plan", () => {
  it("tries only plans that can be run, each smaller than or as long as the one before it that failed", () => {
    for (let seed = 0; seed < 50; seed++) {
      const prng = stream(seed, "answers")
      let smallest = heavyPlan(seed).faults.length
      let tries = 0
      shrink(heavyPlan(seed), (tried) => {
        assert.deepStrictEqual(problemsOf(tried), [])
        assert.isAtMost(tried.faults.length, smallest)
        // Whatever is answered, there is an end.
        const hasFailed = tries++ === 0 || (tried.faults.length > 0 && prng.chance(1, 3))
        if (hasFailed) smallest = tried.faults.length
        return hasFailed
      }, ENOUGH)
      assert.isBelow(tries, 20_000)
    }
  })

  it("never puts a node into two states at a time, though faults move to whole seconds", () => {
    const first: Crash = { kind: "crash", node: 1, fromMillis: 1100, toMillis: 2500 }
    const second: Crash = { kind: "crash", node: 1, fromMillis: 2500, toMillis: 4000 }
    const { plan } = shrink(
      planOf(first, second),
      ({ faults }) =>
        faults.length === 2 && faults.every((fault) => isLasting(fault) && fault.toMillis - fault.fromMillis >= 1400),
      ENOUGH
    )
    assert.deepStrictEqual(problemsOf(plan), [])
    assert.deepStrictEqual(plan.faults, [{ ...first, fromMillis: 1000, toMillis: 2400 }, second])
  })

  it("stops at its budget with the smallest plan that failed until then", () => {
    const plan = planOf(...ONE_OF_EACH)
    const fails = (tried: FaultPlan) => tried.faults.some(({ kind }) => kind === "crash")
    const full = shrink(plan, fails, ENOUGH)
    for (let budget = 0; budget < full.runs; budget++) {
      let runs = 0
      const found = shrink(plan, (tried) => {
        runs++
        return fails(tried)
      }, budget)
      assert.deepStrictEqual([found.end, found.runs, runs], ["budget", budget, budget])
      assert.isTrue(fails(found.plan))
    }
    assert.deepStrictEqual(shrink(plan, fails, full.runs), full)
  })

  it("asks for one plan until it is told how that went, and for none at the end", () => {
    const search = new Shrinking(planOf(), 10)
    assert.strictEqual(search.next, search.next)
    search.tell(true)
    assert.isUndefined(search.next)
    search.tell(true)
    assert.deepStrictEqual(search.result, { plan: planOf(), runs: 1, end: "minimal" })
  })
})
