/** What counts as delivered, and what as lost. */
import { assert, describe, it } from "@effect/vitest"
import type { ItemHash } from "../../../src/core/ItemHash.ts"
import * as NodeCrypto from "../../../src/layers/node/NodeCrypto.ts"
import { FloodTally } from "../../../src/programs/demo/FloodTally.ts"
import { LatencyHistogram } from "../../../src/testing/LatencyHistogram.ts"

const crypto = NodeCrypto.make()
const hash = (name: string): ItemHash => crypto.sha256(new TextEncoder().encode(name))

describe("FloodTally", () => {
  it("expects each message at every node but its own, and counts it there once", () => {
    const tally = new FloodTally(3)
    tally.originated("scp", 0, hash("one"), 1000)
    tally.delivered(0, hash("one"), 1001)
    tally.delivered(1, hash("one"), 1001)
    tally.delivered(1, hash("one"), 1002)
    assert.deepStrictEqual(tally.count("scp"), { originated: 1, expected: 2, delivered: 1, lost: 1 })
    assert.isFalse(tally.isComplete())
    tally.delivered(2, hash("one"), 1003)
    assert.deepStrictEqual(tally.count("scp"), { originated: 1, expected: 2, delivered: 2, lost: 0 })
    assert.isTrue(tally.isComplete())
    assert.deepStrictEqual(tally.losses(), [])
  })

  it("does not count what nobody of the network has said", () => {
    const tally = new FloodTally(2)
    tally.delivered(1, hash("forged"), 1)
    assert.deepStrictEqual(tally.count("tx"), { originated: 0, expected: 0, delivered: 0, lost: 0 })
  })

  it("names who missed what, by kind", () => {
    const tally = new FloodTally(3)
    tally.originated("tx", 2, hash("one"), 0)
    tally.originated("tx", 2, hash("two"), 0)
    tally.originated("scp", 1, hash("three"), 0)
    tally.delivered(0, hash("one"), 1)
    tally.delivered(0, hash("three"), 1)
    assert.deepStrictEqual(tally.losses(), [
      { kind: "scp", node: 2, count: 1 },
      { kind: "tx", node: 0, count: 1 },
      { kind: "tx", node: 1, count: 2 }
    ])
    assert.deepStrictEqual(tally.ofNode(2), { originated: 2, delivered: 0 })
  })
})

describe("LatencyHistogram", () => {
  it("tells quantiles to one percent", () => {
    const latencies = new LatencyHistogram()
    for (let millis = 1; millis <= 1000; millis++) latencies.add(millis)
    assert.approximately(latencies.quantile(0.5) ?? 0, 500, 5)
    assert.approximately(latencies.quantile(0.99) ?? 0, 990, 10)
    assert.approximately(latencies.quantile(1) ?? 0, 1000, 10)
  })

  it("has none before there is a latency", () => {
    assert.isNull(new LatencyHistogram().quantile(0.5))
  })
})
