/**
 * Distributions by integer tables, against the formulas that they stand for.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Distribution from "../../src/core/Distribution.ts"
import { stream } from "../../src/core/Prng.ts"

const CASES = 100_000

const sorted = (distribution: Distribution.Distribution): Float64Array => {
  const prng = stream(1, "cases")
  return Float64Array.from({ length: CASES }, () => Distribution.sample(distribution, prng)).sort()
}

const quantile = (cases: Float64Array, share: number): number => cases[Math.floor(share * CASES)] ?? 0

const assertNear = (actual: number, expected: number, tolerance: number, what: string): void =>
  assert.isBelow(Math.abs(actual / expected - 1), tolerance, `${what}: ${actual} instead of ${expected}`)

/** Standard normal quantiles, from any table. */
const NORMAL = [[0.1, -1.28155], [0.25, -0.67449], [0.5, 0], [0.75, 0.67449], [0.9, 1.28155], [0.99, 2.32635]] as const

describe("A distribution", () => {
  it("that is constant gives its value, and draws nothing", () => {
    const prng = stream(2, "constant")
    assert.strictEqual(Distribution.sample(Distribution.constant(70_000), prng), 70_000)
    assert.strictEqual(prng.nextU32(), stream(2, "constant").nextU32())
  })

  it("that is uniform gives both of its ends and nothing beyond, each as often", () => {
    const cases = sorted(Distribution.uniform(5, 14))
    assert.deepStrictEqual([...new Set(cases)], [5, 6, 7, 8, 9, 10, 11, 12, 13, 14])
    for (const value of new Set(cases)) {
      assertNear(cases.filter((drawn) => drawn === value).length, CASES / 10, 0.05, `${value}`)
    }
  })

  it("that is log-normal has the quantiles of its formula, for each sigma", () => {
    for (const sigma of [0.25, 0.5, 1] as const) {
      const cases = sorted(Distribution.logNormal(50_000, sigma))
      for (const [share, z] of NORMAL) {
        assertNear(quantile(cases, share), 50_000 * Math.exp(sigma * z), 0.05 * sigma + 0.005, `${sigma}, ${share}`)
      }
    }
  })

  it("that is exponential has the quantiles and the mean of its formula", () => {
    const cases = sorted(Distribution.exponential(1_000_000))
    for (const [share] of NORMAL) assertNear(quantile(cases, share), -1e6 * Math.log(1 - share), 0.03, `${share}`)
    assertNear(cases.reduce((sum, drawn) => sum + drawn, 0) / CASES, 1e6, 0.015, "mean")
  })

  it("gives whole numbers, at the largest scale too, and far more of them than the table has entries", () => {
    for (const distribution of [Distribution.logNormal(2 ** 31, 1), Distribution.exponential(2 ** 31)]) {
      const cases = sorted(distribution)
      assert.isTrue(cases.every((drawn) => Number.isSafeInteger(drawn) && drawn >= 0))
      assert.isAbove(new Set(cases).size, CASES / 2)
    }
  })

  it("gives the same numbers for the same stream: these never change", () => {
    const prng = stream(42, "latency")
    const drawn = [
      Distribution.uniform(10, 20),
      Distribution.logNormal(50_000, 0.25),
      Distribution.logNormal(50_000, 0.5),
      Distribution.logNormal(50_000, 1),
      Distribution.exponential(50_000)
    ].map((distribution) => Distribution.sample(distribution, prng))
    assert.deepStrictEqual(drawn, [11, 50_791, 39_469, 89_939, 98_394])
  })
})
