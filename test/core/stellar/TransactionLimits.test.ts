/**
 * How long a transaction may be, and the credit that lets the longest one through.
 */
import { assert, describe, it } from "@effect/vitest"
import { CREDIT_BATCH_BYTES } from "../../../src/core/stellar/limits.ts"
import { creditBytesFor, maxTransactionBytes } from "../../../src/core/stellar/TransactionLimits.ts"

describe("the longest transaction", () => {
  it("is 100 KiB without Soroban", () => {
    assert.strictEqual(maxTransactionBytes(undefined), 102_400)
  })

  it("is the Soroban limit and 2,000 bytes, but never below 100 KiB [ref 5.2 longest transaction]", () => {
    assert.strictEqual(maxTransactionBytes(0), 102_400)
    assert.strictEqual(maxTransactionBytes(100_400), 102_400)
    assert.strictEqual(maxTransactionBytes(100_401), 102_401)
    assert.strictEqual(maxTransactionBytes(132_096), 134_096)
  })
})

describe("the credit in bytes", () => {
  it("is 300,000 as long as transactions have at most 200,000", () => {
    assert.strictEqual(creditBytesFor(102_400), 300_000)
    assert.strictEqual(creditBytesFor(200_000), 300_000)
  })

  it("is 100,000 above a longer transaction [ref 5.2 credit for long transactions]", () => {
    assert.strictEqual(creditBytesFor(200_001), 300_001)
    assert.strictEqual(creditBytesFor(500_000), 600_000)
  })

  it("holds the longest transaction even while a batch is not given back yet", () => {
    for (const longest of [102_400, 134_096, 200_000, 200_001, 1_000_000]) {
      assert.isAtLeast(creditBytesFor(longest) - CREDIT_BATCH_BYTES, longest)
    }
  })
})
