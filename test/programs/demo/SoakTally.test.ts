/** What of a soak counts as due, as delivered, as lost. */
import { assert, describe, it } from "@effect/vitest"
import * as ItemHash from "../../../src/core/ItemHash.ts"
import * as NodeCrypto from "../../../src/layers/node/NodeCrypto.ts"
import { BOUND_MILLIS, SoakTally } from "../../../src/programs/demo/SoakTally.ts"

const crypto = NodeCrypto.make()
const hash = (name: string): ItemHash.ItemHash => crypto.sha256(new TextEncoder().encode(name))

/** Nodes in a row, each joined to the next from the beginning. */
const row = (nodes: number, stalledMillis = 0): SoakTally => {
  const tally = new SoakTally(nodes, () => stalledMillis)
  for (let node = 1; node < nodes; node++) {
    tally.sessions.joined(node - 1, node, 0)
    tally.sessions.joined(node, node - 1, 0)
  }
  return tally
}

describe("SoakTally", () => {
  it("expects a message at every node that stayed joined to its originator, and misses it where it did not come", () => {
    const tally = row(4)
    tally.originated("scp", 0, hash("one"), 1000)
    tally.delivered(1, hash("one"), 1002)
    tally.delivered(3, hash("one"), 1000 + BOUND_MILLIS)
    tally.settle(1000 + BOUND_MILLIS - 1)
    assert.deepStrictEqual(tally.count("scp"), { originated: 1, expected: 0, delivered: 0, lost: 0 }, "it is too early")
    tally.settle(1000 + BOUND_MILLIS)
    assert.deepStrictEqual(tally.count("scp"), { originated: 1, expected: 3, delivered: 2, lost: 1 })
    assert.deepStrictEqual(tally.losses(), [{ kind: "scp", node: 2, count: 1 }])
    assert.deepStrictEqual(tally.ofNode(0), { originated: 1, delivered: 0 })
    assert.deepStrictEqual(tally.ofNode(3), { originated: 0, delivered: 1 })
    assert.deepStrictEqual(tally.namedLosses, [
      {
        kind: "scp",
        hash: ItemHash.toHex(hash("one")),
        origin: 0,
        node: 2,
        saidAtMillis: 1000,
        cameAtMillis: null,
        stalledMillis: 0
      }
    ])
  })

  it("does not expect it at nodes that went down, came up or were cut off within the bound", () => {
    const tally = row(5)
    tally.originated("tx", 0, hash("one"), 1000)
    tally.sessions.ended(2, 1000 + BOUND_MILLIS - 1)
    tally.sessions.joined(0, 4, 1001)
    tally.sessions.joined(4, 0, 1001)
    tally.settle(1000 + BOUND_MILLIS)
    assert.deepStrictEqual(
      tally.count("tx"),
      { originated: 1, expected: 1, delivered: 0, lost: 1 },
      "only node 1 stayed"
    )
  })

  it("expects nothing of an originator that went down within the bound", () => {
    const tally = row(3)
    tally.originated("scp", 1, hash("one"), 1000)
    tally.sessions.ended(1, 2000)
    tally.settle(10_000)
    assert.deepStrictEqual(tally.count("scp"), { originated: 1, expected: 0, delivered: 0, lost: 0 })
  })

  it("takes one that came behind the bound for lost, however late it is judged, and tells that it came", () => {
    const tally = row(3)
    tally.originated("scp", 0, hash("one"), 0)
    tally.delivered(1, hash("one"), BOUND_MILLIS + 1)
    tally.settle(BOUND_MILLIS + 200)
    assert.deepStrictEqual(tally.count("scp"), { originated: 1, expected: 2, delivered: 0, lost: 2 })
    assert.strictEqual(tally.late, 1)
    tally.delivered(2, hash("one"), BOUND_MILLIS + 300)
    tally.delivered(2, hash("one"), BOUND_MILLIS + 400)
    assert.strictEqual(tally.late, 2)
    assert.deepStrictEqual(
      tally.namedLosses.map(({ cameAtMillis, node }) => [node, cameAtMillis]),
      [[1, BOUND_MILLIS + 1], [2, BOUND_MILLIS + 300]]
    )
    assert.strictEqual(tally.count("scp").lost, 2, "late is lost")
  })

  it("tells whether the process stood still meanwhile, and forgives nothing for it", () => {
    for (const [stalledMillis, whileStalled] of [[2000, 0], [3000, 1]] as const) {
      const tally = row(2, stalledMillis)
      tally.originated("scp", 0, hash("one"), 0)
      tally.settle(BOUND_MILLIS)
      assert.strictEqual(tally.count("scp").lost, 1)
      assert.strictEqual(tally.whileStalled, whileStalled)
      assert.strictEqual(tally.namedLosses[0]?.stalledMillis, stalledMillis)
    }
  })

  it("counts by the wider rule those that were joined over changing ways", () => {
    const tally = row(3)
    tally.originated("tx", 0, hash("one"), 1000)
    tally.sessions.joined(0, 2, 2000)
    tally.sessions.joined(2, 0, 2000)
    tally.sessions.left(1, 2, 3000)
    tally.delivered(1, hash("one"), 1100)
    tally.settle(1000 + BOUND_MILLIS)
    assert.deepStrictEqual(tally.count("tx"), { originated: 1, expected: 1, delivered: 1, lost: 0 })
    assert.deepStrictEqual(tally.throughout, { expected: 2, delivered: 1, lost: 1 })
  })

  it("measures latencies of what was expected, once a node", () => {
    const tally = row(2)
    tally.originated("scp", 0, hash("one"), 1000)
    tally.delivered(1, hash("one"), 1100)
    tally.delivered(1, hash("one"), 1200)
    tally.settle(9000)
    assert.approximately(tally.latencyMillis("scp").p50 ?? 0, 100, 1)
    assert.isNull(tally.latencyMillis("tx").p50)
  })
})
