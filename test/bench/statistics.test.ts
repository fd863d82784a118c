/**
 * What is told of repeated runs. Quantiles of Student's t: NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2, the column of
 * 0.975, which is two-sided 0.95.
 */
import { assert, describe, it } from "@effect/vitest"
import { CONFIDENCE, figureOf, intervalOf, studentT } from "../../bench/statistics.ts"
import { stream } from "../../src/core/Prng.ts"

describe("Student's t", () => {
  it("has the quantiles that are printed in tables", () => {
    const printed = [[1, 12.706], [2, 4.303], [3, 3.182], [4, 2.776], [9, 2.262], [10, 2.228], [29, 2.045], [
      100,
      1.984
    ]]
    for (const [degrees, t] of printed) assert.strictEqual(Number(studentT(0.95, degrees!).toFixed(3)), t)
  })

  it("has them for other probabilities as well", () => {
    assert.strictEqual(studentT(0.99, 9).toFixed(3), "3.250")
    assert.strictEqual(studentT(0.9, 9).toFixed(3), "1.833")
    assert.strictEqual(studentT(0.5, 1).toFixed(6), "1.000000")
  })

  it("comes to the normal distribution with many runs", () => {
    assert.closeTo(studentT(0.95, 100_000), 1.959964, 0.0001)
  })
})

describe("the interval of a mean", () => {
  it("is t standard errors to each side, with one degree of freedom less than runs", () => {
    // The squares of the distances from 5 come to 8 + 2: the variance is 10 / 4, the standard error the root of 10 / 20.
    const { halfWidth, mean } = intervalOf([3, 7, 4, 6, 5])
    assert.strictEqual(mean, 5)
    assert.closeTo(halfWidth ?? Number.NaN, studentT(CONFIDENCE, 4) * Math.sqrt(0.5), 1e-12)
  })

  it("has no width where all runs agree, and is not known of one run", () => {
    assert.deepStrictEqual(intervalOf([2, 2, 2]), { mean: 2, halfWidth: 0 })
    assert.deepStrictEqual(intervalOf([2]), { mean: 2, halfWidth: undefined })
  })

  it("holds the true mean in 95 of 100 cases", () => {
    const prng = stream(1, "runs")
    // A sum of twelve uniform numbers is as good as normal.
    const run = () => Array.from({ length: 12 }, () => prng.below(1000)).reduce((sum, one) => sum + one, 0)
    const cases = 4000
    let holding = 0
    for (let i = 0; i < cases; i++) {
      const { halfWidth, mean } = intervalOf([run(), run(), run(), run(), run()])
      if (Math.abs(mean - 12 * 499.5) <= (halfWidth ?? Number.NaN)) holding += 1
    }
    assert.closeTo(holding / cases, CONFIDENCE, 0.01)
  })
})

describe("the figure of runs", () => {
  it("is their median and the distance between the quartiles", () => {
    assert.deepStrictEqual(figureOf([4, 1, 3, 2, 5]), { median: 3, spread: 2 })
  })
})
