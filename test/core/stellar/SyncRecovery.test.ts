/**
 * The clock of a node that has lost the network.
 */
import { assert, describe, it } from "@effect/vitest"
import { SyncRecovery } from "../../../src/core/stellar/SyncRecovery.ts"

describe("A recovery", () => {
  it("is due each ten seconds from when the node was found lost, once each, and begins anew when it is lost again [ref 10.1 recovery every 10 s]", () => {
    const recovery = new SyncRecovery()
    const due = (isSynced: boolean, ...seconds: ReadonlyArray<number>) =>
      seconds.filter((second) => recovery.isDue(isSynced, second * 1000))
    assert.deepStrictEqual(due(true, 0, 5), [])
    assert.deepStrictEqual(due(false, 10, 15, 19, 20, 21, 29, 30, 45), [20, 30, 45])
    assert.deepStrictEqual(due(false, 54, 55), [55])
    assert.deepStrictEqual(due(true, 60, 65), [])
    assert.deepStrictEqual(due(false, 70, 75, 80), [80])
  })
})
