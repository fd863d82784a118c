/**
 * A token bucket.
 */
import { assert, describe, it } from "@effect/vitest"
import { TokenBucket } from "../../src/core/TokenBucket.ts"

const taken = (bucket: TokenBucket, tries: number, at: number): number =>
  Array.from({ length: tries }, () => bucket.take(at)).filter(Boolean).length

describe("A token bucket", () => {
  it("begins with its burst, whatever the clock says", () => {
    for (const at of [0, 1e12]) assert.strictEqual(taken(new TokenBucket({ perSecond: 10, burst: 3 }), 5, at), 3)
  })

  it("lets as many through in a second as its rate says", () => {
    const bucket = new TokenBucket({ perSecond: 200, burst: 200 })
    taken(bucket, 1000, 0)
    let count = 0
    for (let at = 1; at <= 10_000; at++) count += taken(bucket, 3, at)
    assert.strictEqual(count, 2000)
  })

  it("saves up no more than its burst", () => {
    const bucket = new TokenBucket({ perSecond: 200, burst: 5 })
    taken(bucket, 5, 0)
    assert.strictEqual(taken(bucket, 1000, 3_600_000), 5)
  })

  it("gives nothing for time that goes back, nor twice for the same time", () => {
    const bucket = new TokenBucket({ perSecond: 1000, burst: 1 })
    assert.strictEqual(taken(bucket, 2, 1000), 1)
    assert.strictEqual(taken(bucket, 2, 0), 0)
    assert.strictEqual(taken(bucket, 2, 1000), 0)
    assert.strictEqual(taken(bucket, 2, 1001), 1)
  })

  it("with a rate of 0 stays empty", () => {
    const bucket = new TokenBucket({ perSecond: 0, burst: 0 })
    assert.strictEqual(taken(bucket, 3, 0) + taken(bucket, 3, 1e9), 0)
  })
})
