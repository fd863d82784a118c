/** Plans drawn from seeds. */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { PLAN_FAULTS } from "../../../src/core/limits.ts"
import { type Prng, stream } from "../../../src/core/Prng.ts"
import {
  calmFromMillis,
  type Fault,
  type FaultPlan,
  hostileNodes,
  isLasting,
  startMillis
} from "../../../src/core/simulation/FaultPlan.ts"
import { problemsOf } from "../../../src/core/simulation/FaultPlanCheck.ts"
import {
  draw,
  type DrawOptions,
  type FaultLevel,
  hostileCount,
  parsePercent
} from "../../../src/core/simulation/FaultPlanDraw.ts"
import { canonicalText } from "../../../src/core/simulation/FaultPlanText.ts"
import { neighboursOf, reachedFrom, SHAPES, topologyOf } from "../../../src/core/simulation/Topology.ts"
import { firstGap } from "./plans.ts"

const SEEDS = 1000
const ACTORS = ["mute", "flooder", "liar"]

interface Drawn {
  readonly plan: FaultPlan
  readonly options: DrawOptions
  readonly calmMillis: number
  readonly name: string
}

const oneOf = <A>(prng: Prng, list: ReadonlyArray<A>): A => list[prng.below(list.length)]!

const planOfSeed = (seed: number, faults: FaultLevel): Drawn => {
  const prng = stream(seed, "test")
  const nodes = 1 + prng.below(oneOf(prng, [4, 12, 60]))
  const options: DrawOptions = {
    topology: topologyOf(oneOf(prng, SHAPES), nodes, prng.fork("topology")),
    durationMillis: oneOf(prng, [1, 2, 700, 10_000, 60_000, 600_000, 7_200_001]),
    faults,
    hostilePercent: oneOf(prng, [0, 20, 35, 99]),
    actors: ACTORS
  }
  return {
    plan: draw(stream(seed, "plan"), options),
    options,
    calmMillis: calmFromMillis(options.durationMillis),
    name: `seed ${seed}, ${nodes} nodes, ${options.durationMillis} ms, ${options.hostilePercent} % hostile`
  }
}

const forEachSeed = (faults: FaultLevel, check: (drawn: Drawn) => void): void => {
  for (let seed = 0; seed < SEEDS; seed++) check(planOfSeed(seed, faults))
}

const LEVELS: ReadonlyArray<FaultLevel> = ["none", "light", "heavy"]

const isAway = (fault: Fault) => fault.kind === "crash" || fault.kind === "stop" || fault.kind === "vanish"
const isHostile = (fault: Fault) => fault.kind === "hostile"

/** Over how much of the time before the calm at least one of these faults holds. */
const coveredMillis = (faults: ReadonlyArray<Fault>): number => {
  let [covered, until] = [0, 0]
  for (const { fromMillis, toMillis } of faults.filter(isLasting)) {
    covered += Math.max(0, toMillis - Math.max(fromMillis, until))
    until = Math.max(until, toMillis)
  }
  return covered
}

describe("A drawn plan", () => {
  it.each(LEVELS)("can be run, and all its faults are over at two thirds of the run: %s", (level) => {
    forEachSeed(level, ({ calmMillis, name, plan }) => {
      assert.deepStrictEqual(problemsOf(plan), [], name)
      for (const fault of plan.faults) {
        assert.isAtMost(isLasting(fault) ? fault.toMillis : fault.atMillis, calmMillis, name)
      }
    })
  })

  it.each(LEVELS)("stands in the order of time: %s", (level) => {
    forEachSeed(level, ({ name, plan }) => {
      const starts = plan.faults.map(startMillis)
      assert.deepStrictEqual(starts, starts.toSorted((one, other) => one - other), name)
    })
  })

  it("is the same for the same seed, and another for another", () => {
    const texts = new Set<string>()
    for (let seed = 0; seed < 200; seed++) {
      const options: DrawOptions = { ...planOfSeed(9, "heavy").options, durationMillis: 60_000 }
      const text = canonicalText(draw(stream(seed, "plan"), options))
      assert.strictEqual(canonicalText(draw(stream(seed, "plan"), options)), text)
      texts.add(text)
    }
    assert.strictEqual(texts.size, 200)
  })

  it("has hostile nodes exactly as many as asked for, and the honest ones are one network without them", () => {
    forEachSeed("light", ({ name, options: { hostilePercent, topology }, plan, calmMillis }) => {
      const hostile = new Set(hostileNodes(plan))
      if (calmMillis === 0) return
      assert.strictEqual(hostile.size, Math.floor(topology.nodes * hostilePercent / 100), name)
      assert.strictEqual(plan.faults.filter(isHostile).length, hostile.size, name)
      const honest = Array.from({ length: topology.nodes }, (_, node) => node).filter((node) => !hostile.has(node))
      const reached = reachedFrom(honest[0]!, neighboursOf(topology), (node) => !hostile.has(node))
      assert.deepStrictEqual(honest.filter((node) => reached[node] !== true), [], name)
    })
  })

  it("has hostile nodes that begin early, act until the calm, and are of the sorts that there are", () => {
    const seen = new Set<string>()
    forEachSeed("none", ({ calmMillis, name, plan }) => {
      for (const fault of plan.faults) {
        if (fault.kind !== "hostile") return assert.fail(`${name}: ${fault.kind}`)
        seen.add(fault.actor)
        assert.isAtMost(fault.fromMillis, calmMillis / 4, name)
        assert.strictEqual(fault.toMillis, calmMillis, name)
      }
    })
    assert.deepStrictEqual([...seen].sort(), ACTORS.toSorted())
  })

  it("picks attackers everywhere: in the core of a network as often as at its edge", () => {
    const topology = topologyOf("core-tier", 100, stream(1, "topology"))
    const options: DrawOptions = { topology, durationMillis: 9000, faults: "none", hostilePercent: 20, actors: ACTORS }
    const seeds = 1000
    let inCore = 0
    for (let seed = 0; seed < seeds; seed++) {
      inCore += hostileNodes(draw(stream(seed, "plan"), options)).filter((node) => node < 21).length
    }
    // A fifth of 21; the standard deviation of the mean is 0.05.
    assert.closeTo(inCore / seeds, 4.2, 0.25)
  })

  it("keeps its other faults when the sorts of attackers change", () => {
    const { options } = planOfSeed(1, "heavy")
    const others = (actors: ReadonlyArray<string>) =>
      draw(stream(5, "plan"), { ...options, durationMillis: 60_000, hostilePercent: 20, actors }).faults.filter((
        fault
      ) => !isHostile(fault))
    assert.isNotEmpty(others(ACTORS))
    assert.deepStrictEqual(others(["other"]), others(ACTORS))
  })

  it("has at most a third of the honest nodes off the network at a time, but may have one", () => {
    let most = 0
    forEachSeed("heavy", ({ name, options: { topology }, plan }) => {
      const honest = topology.nodes - hostileNodes(plan).length
      const away = plan.faults.filter(isAway).filter(isLasting)
      const hostile = new Set(hostileNodes(plan))
      for (const { fromMillis } of away) {
        const down = away.filter((fault) => fault.fromMillis <= fromMillis && fromMillis < fault.toMillis)
        assert.isAtMost(down.length, Math.max(1, Math.floor(honest / 3)), name)
        most = Math.max(most, down.length)
        for (const fault of down) assert.isFalse(hostile.has("node" in fault ? fault.node : -1), name)
      }
    })
    assert.isAbove(most, 3)
  })

  it("leaves whole kinds out: each kind is in about half of the plans that are long enough", () => {
    const plans = Array.from({ length: 500 }, (_, seed) =>
      draw(stream(seed, "plan"), {
        topology: topologyOf("random", 30, stream(seed, "topology")),
        durationMillis: 600_000,
        faults: "heavy",
        hostilePercent: 0,
        actors: []
      }))
    const counts = new Map<string, number>()
    for (const plan of plans) {
      for (const kind of new Set(plan.faults.map((fault) => fault.kind))) counts.set(kind, (counts.get(kind) ?? 0) + 1)
    }
    assert.strictEqual(counts.size, 17)
    // Five standard deviations of 500 coins.
    for (const [kind, count] of counts) assert.closeTo(count, 250, 56, kind)
  })
})

describe("A heavy plan", () => {
  it("has at any time before the calm a fault that holds, hostile nodes not counted", () => {
    forEachSeed("heavy", ({ calmMillis, name, plan }) => {
      assert.isUndefined(firstGap(plan.faults.filter((fault) => !isHostile(fault)), calmMillis), name)
    })
  })

  it("has one also where the coins leave nothing but resets, or nothing at all", () => {
    // A single node has nine kinds of lasting faults: one seed in 512 leaves all of them out.
    const topology = topologyOf("ring", 1, stream(0, "topology"))
    for (let seed = 0; seed < 5000; seed++) {
      const plan = draw(stream(seed, "plan"), {
        topology,
        durationMillis: 900,
        faults: "heavy",
        hostilePercent: 0,
        actors: []
      })
      assert.isUndefined(firstGap(plan.faults, 600), `seed ${seed}`)
    }
  })

  it("is never longer than a plan may be, and has several faults at once in a large network", () => {
    const topology = topologyOf("random", 1000, stream(1, "topology"))
    for (let seed = 0; seed < 20; seed++) {
      const plan = draw(stream(seed, "plan"), {
        topology,
        durationMillis: 86_400_000,
        faults: "heavy",
        hostilePercent: 20,
        actors: ACTORS
      })
      assert.isBelow(plan.faults.length, PLAN_FAULTS / 8)
      const middle = plan.faults.filter(isLasting).filter((fault) =>
        fault.fromMillis <= 30_000_000 && 30_000_000 < fault.toMillis && fault.kind !== "hostile"
      )
      assert.isAbove(middle.length, 5)
    }
  })
})

describe("A light plan", () => {
  it("has one fault at a time, and none for most of the time before the calm, all seeds together", () => {
    let [covered, all] = [0, 0]
    forEachSeed("light", ({ calmMillis, name, plan }) => {
      const faults = plan.faults.filter((fault) => !isHostile(fault))
      let until = 0
      for (const fault of faults) {
        assert.isAtLeast(startMillis(fault), until, name)
        until = isLasting(fault) ? fault.toMillis : fault.atMillis
      }
      if (calmMillis < 10_000) return
      covered += coveredMillis(faults) / calmMillis
      all++
    })
    assert.isBelow(covered / all, 0.4)
    assert.isAbove(covered / all, 0.1)
  })

  it("has at least one fault, however short the run is", () => {
    forEachSeed("light", ({ calmMillis, name, plan }) => {
      if (calmMillis === 0) return
      assert.isNotEmpty(plan.faults.filter((fault) => !isHostile(fault)), name)
    })
  })
})

describe("The hostile share", () => {
  it("is rounded down, whatever the numbers", () => {
    assert.deepStrictEqual([hostileCount(10, 20), hostileCount(9, 20), hostileCount(4, 20), hostileCount(100, 29)], [
      2,
      1,
      0,
      29
    ])
  })

  it("is read with the sign or without it, and refused if it is no share that leaves somebody honest", () => {
    assert.deepStrictEqual(["0", "20%", "7", "99%"].map(parsePercent), [0, 20, 7, 99].map((n) => Result.succeed(n)))
    for (const text of ["", "%", "100%", "-1", "1.5%", "20 %", "a"]) {
      assert.isTrue(Result.isFailure(parsePercent(text)), text)
    }
  })
})
