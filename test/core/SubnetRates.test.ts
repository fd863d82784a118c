/** A rate for each /24, in a table that does not grow. */
import { assert, describe, it } from "@effect/vitest"
import { SubnetRates } from "../../src/core/SubnetRates.ts"

/** How many of so many are let through at this time. */
const through = (rates: SubnetRates, ip: string, times: number, nowMillis: number): number =>
  Array.from({ length: times }, () => rates.take(ip, nowMillis)).filter(Boolean).length

describe("The rate of a /24", () => {
  it("is one for all its addresses, and another one for each other /24", () => {
    const rates = new SubnetRates({ perSecond: 5, burst: 5, entries: 10 })
    assert.deepStrictEqual([through(rates, "20.0.0.1", 4, 0), through(rates, "20.0.0.2", 4, 0)], [4, 1])
    assert.strictEqual(through(rates, "20.0.1.1", 9, 0), 5)
    assert.strictEqual(through(rates, "20.0.0.3", 9, 400), 2)
    assert.strictEqual(through(rates, "20.0.0.3", 99, 10_000), 5)
  })

  it("is forgotten when it is full again, and not before, as long as the table is full", () => {
    const rates = new SubnetRates({ perSecond: 5, burst: 5, entries: 2 })
    assert.strictEqual(through(rates, "20.0.0.1", 9, 0), 5)
    assert.strictEqual(through(rates, "20.0.1.1", 9, 500), 5)
    assert.strictEqual(through(rates, "20.0.2.1", 9, 1000), 5)
    assert.strictEqual(rates.size, 2)
    // The second one is not forgotten: it has what came in since.
    assert.strictEqual(through(rates, "20.0.1.1", 9, 1000), 2)
  })

  it("is one for all newcomers together while the table is full of others", () => {
    const rates = new SubnetRates({ perSecond: 5, burst: 5, entries: 2 })
    for (const ip of ["20.0.0.1", "20.0.1.1"]) rates.take(ip, 0)
    const newcomers = Array.from({ length: 50 }, (_, i) => `30.0.${i}.1`)
    assert.strictEqual(newcomers.filter((ip) => rates.take(ip, 0)).length, 5)
    assert.strictEqual(rates.size, 2)
    assert.strictEqual(through(rates, "20.0.0.1", 9, 0), 4)
    // Who has been there before is not forgotten for having been asked often.
    assert.strictEqual(newcomers.filter((ip) => rates.take(ip, 999)).length, 4)
    assert.strictEqual(rates.size, 2)
  })

  it("lets nothing through once its burst is used up, if it is none", () => {
    const rates = new SubnetRates({ perSecond: 0, burst: 1, entries: 1 })
    assert.deepStrictEqual([rates.take("20.0.0.1", 0), rates.take("20.0.0.1", 1e12)], [true, false])
  })
})
