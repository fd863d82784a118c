/**
 * Windows of queries.
 */
import { assert, describe, it } from "@effect/vitest"
import { QueryWindow, queryWindowSeconds, setQueriesPerWindow } from "../../../src/core/stellar/QueryWindow.ts"

describe("A window of queries", () => {
  it("is twelve ledgers long, in whole seconds, and one second at least", () => {
    assert.deepStrictEqual([5000, 1050, 1000, 500, 83, 1].map(queryWindowSeconds), [60, 12, 12, 6, 1, 1])
    assert.strictEqual(setQueriesPerWindow(60), 300)
  })

  it("lets so many through, and begins anew with the first query behind its end [ref 10.2 window begins with a question]", () => {
    const window = new QueryWindow()
    const allowed = (...seconds: ReadonlyArray<number>) =>
      seconds.filter((second) => window.allows(second * 1000, 60, 2))
    assert.deepStrictEqual(allowed(100, 101, 102, 159), [100, 101])
    assert.deepStrictEqual(allowed(170, 171, 229), [170, 171])
    assert.deepStrictEqual(allowed(230), [230])
  })
})
