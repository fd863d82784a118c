/** Which nodes go down when: decided by the seed, and over before each muster. */
import { assert, describe, it } from "@effect/vitest"
import { stream } from "../../../src/core/Prng.ts"
import { drawPlan, type Outage, ROUND_MILLIS } from "../../../src/programs/demo/soakPlan.ts"

const MINUTE_MILLIS = 60_000
const plan = (seed: number, nodes = 10, millis = 30 * MINUTE_MILLIS) => drawPlan(stream(seed, "plan"), nodes, millis)
const outages = (seed: number, nodes?: number, millis?: number): ReadonlyArray<Outage> =>
  plan(seed, nodes, millis).flatMap((round) => round.outages)

describe("the plan of a soak", () => {
  it("is decided by the seed", () => {
    assert.deepStrictEqual(plan(1), plan(1))
    assert.notDeepEqual(outages(1), outages(2))
  })

  it("has every node back a while before nothing is said, and that before the muster", () => {
    for (let seed = 0; seed < 50; seed++) {
      for (const { endMillis, musterMillis, outages, quietMillis } of plan(seed, 10, 5 * MINUTE_MILLIS)) {
        for (const { atMillis, downMillis } of outages) assert.isAtMost(atMillis + downMillis, quietMillis - 5000)
        assert.isBelow(quietMillis, musterMillis)
        assert.isBelow(musterMillis, endMillis)
      }
    }
  })

  it("leaves most nodes up, and takes none down that is down", () => {
    for (let seed = 0; seed < 50; seed++) {
      const all = outages(seed, 10, 5 * MINUTE_MILLIS)
      for (const one of all) {
        const meanwhile = all.filter(({ atMillis, downMillis }) =>
          atMillis <= one.atMillis && atMillis + downMillis > one.atMillis
        )
        assert.isAtMost(meanwhile.length, 3)
        assert.strictEqual(new Set(meanwhile.map(({ node }) => node)).size, meanwhile.length)
      }
    }
  })

  it("stops and kills all nodes about as often, and has something in every round", () => {
    const counts = Array.from({ length: 10 }, () => 0)
    for (const { node } of outages(1)) counts[node]! += 1
    assert.isAtMost(Math.max(...counts) - Math.min(...counts), 3)
    const ways = outages(1).map(({ way }) => way)
    assert.isAbove(ways.filter((way) => way === "kill").length, ways.filter((way) => way === "stop").length)
    assert.isAbove(ways.filter((way) => way === "stop").length, 30)
    for (const round of plan(1)) assert.isNotEmpty(round.outages)
  })

  it("fits the shortest soak of the smallest network", () => {
    for (let seed = 0; seed < 50; seed++) {
      const [round, ...more] = plan(seed, 2, 12_000)
      assert.isEmpty(more)
      assert.strictEqual(round?.endMillis, 12_000)
      assert.isNotEmpty(round?.outages)
    }
    assert.strictEqual(plan(1).length, 30 * MINUTE_MILLIS / ROUND_MILLIS)
  })
})
