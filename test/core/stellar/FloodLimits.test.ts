/**
 * How much adverts, demands and queues may hold.
 */
import { assert, describe, it } from "@effect/vitest"
import { hashesPerAdvert, hashesPerDemand, outboxLimits, queueLength } from "../../../src/core/stellar/FloodLimits.ts"

const publicNetwork = { maxTxSetOperations: 1000, maxSorobanTransactions: 100, ledgerCloseMillis: 5000 }

describe("On a network of 1,000 operations and 100 Soroban transactions every 5 s", () => {
  it("an advert every 100 ms holds a fiftieth of a ledger [ref 6.3 hashes of an advert]", () => {
    assert.strictEqual(hashesPerAdvert(publicNetwork, 100), 22)
  })

  it("a demand every 200 ms asks for a twenty-fifth of two ledgers [ref 6.3 hashes of a demand]", () => {
    assert.strictEqual(hashesPerDemand(publicNetwork, 200), 88)
  })

  it("a queue holds the operations of one ledger [ref 5.6 queue of a ledger] [ref 5.6 queue of 3 MiB]", () => {
    assert.strictEqual(queueLength(publicNetwork), 1000)
    const [scp, transactions, demands, adverts] = outboxLimits(publicNetwork).rings
    assert.deepStrictEqual([transactions.units, demands.units, adverts.units], [1000, 1000, 1000])
    assert.strictEqual(transactions.bytes, 3 * 1024 * 1024)
    assert.isAbove(scp.units, 4800)
  })
})

describe("The hashes of a message", () => {
  it("are a fraction rounded up [ref 6.3 hashes of an advert]", () => {
    assert.strictEqual(
      hashesPerAdvert({ maxTxSetOperations: 101, maxSorobanTransactions: 0, ledgerCloseMillis: 10_000 }, 100),
      2
    )
  })

  it("are at least one, even if ledgers hold nothing", () => {
    const nothing = { maxTxSetOperations: 0, maxSorobanTransactions: 0, ledgerCloseMillis: 5000 }
    assert.deepStrictEqual(
      [hashesPerAdvert(nothing, 100), hashesPerDemand(nothing, 200), queueLength(nothing)],
      [1, 1, 1]
    )
  })

  it("are at most 1,000, even if ledgers close at once", () => {
    const fast = { maxTxSetOperations: 1000, maxSorobanTransactions: 100, ledgerCloseMillis: 0 }
    assert.deepStrictEqual([hashesPerAdvert(fast, 100), hashesPerDemand(fast, 200)], [1000, 1000])
  })

  it("are one if ledgers hold nothing and close at once", () => {
    assert.strictEqual(
      hashesPerAdvert({ maxTxSetOperations: 0, maxSorobanTransactions: 0, ledgerCloseMillis: 0 }, 100),
      1
    )
  })
})
