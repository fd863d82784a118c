/**
 * Where the network is, by what trusted nodes say.
 */
import { assert, describe, it } from "@effect/vitest"
import { QuorumPosition } from "../../../src/core/stellar/QuorumPosition.ts"

describe("The position", () => {
  it("is known once more than half of the trusted nodes have externalized", () => {
    const position = new QuorumPosition(new Set(["a", "b", "c", "d"]))
    assert.isFalse(position.note("a", 10, 0))
    assert.isFalse(position.note("b", 10, 0))
    assert.isUndefined(position.slot)
    assert.isTrue(position.note("c", 10, 0))
    assert.strictEqual(position.slot, 10)
  })

  it("counts a later slot for all before it", () => {
    const position = new QuorumPosition(new Set(["a", "b", "c"]))
    position.note("a", 12, 0)
    assert.isTrue(position.note("b", 10, 0))
    assert.strictEqual(position.slot, 10)
    assert.isTrue(position.note("c", 11, 0))
    assert.strictEqual(position.slot, 11)
  })

  it("is not moved by a minority, however high its slots, nor by strangers", () => {
    const position = new QuorumPosition(new Set(["a", "b", "c"]))
    for (const node of ["a", "b", "c"]) position.note(node, 10, 0)
    assert.isFalse(position.note("a", Number.MAX_SAFE_INTEGER, 0))
    for (const node of ["x", "y", "z"]) assert.isFalse(position.note(node, 11, 0))
    assert.strictEqual(position.slot, 10)
  })

  it("does not go back, and is not moved by what is no ledger", () => {
    const position = new QuorumPosition(new Set(["a"]))
    assert.isTrue(position.note("a", 10, 0))
    assert.isFalse(position.note("a", 9, 0))
    assert.isFalse(position.note("a", 2 ** 53, 0))
    assert.strictEqual(position.slot, 10)
  })

  it("is out of sync 35 s after it moved last [ref 9 out of sync after 35 s]", () => {
    const position = new QuorumPosition(new Set(["a", "b", "c"]))
    assert.isFalse(position.isSynced(0))
    position.note("a", 10, 1000)
    position.note("b", 10, 2000)
    assert.isTrue(position.isSynced(36_999))
    assert.isFalse(position.isSynced(37_000))
    position.note("c", 10, 40_000)
    assert.isFalse(position.isSynced(40_000))
    position.note("a", 11, 50_000)
    position.note("c", 11, 50_000)
    assert.isTrue(position.isSynced(50_000))
  })

  it("is unknown for ever without trusted nodes", () => {
    const position = new QuorumPosition(new Set())
    assert.isFalse(position.note("a", 1, 0))
    assert.isUndefined(position.slot)
  })
})
