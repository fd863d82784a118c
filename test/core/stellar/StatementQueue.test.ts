/**
 * Which statements that wait for a peer are needless.
 */
import { assert, describe, it } from "@effect/vitest"
import * as limits from "../../../src/core/stellar/limits.ts"
import { StatementQueue } from "../../../src/core/stellar/StatementQueue.ts"
import { confirm, externalize, nominate, prepare, statement } from "../../support/statements.ts"

const one = new Uint8Array(32).fill(1)
const other = new Uint8Array(32).fill(1)
other[31] = 2

describe("a later statement", () => {
  const queue = new StatementQueue()
  const replaces = (later: Uint8Array, earlier: Uint8Array): boolean =>
    queue.subject(later) === queue.subject(earlier) && queue.replaces(later, earlier)

  it("replaces the earlier one of the same node, slot and conversation", () => {
    assert.isTrue(replaces(statement(one, 5, prepare(2)), statement(one, 5, prepare(1))))
    assert.isTrue(replaces(statement(one, 5, externalize()), statement(one, 5, prepare(9))))
    assert.isTrue(replaces(statement(one, 5, externalize()), statement(one, 5, confirm(9))))
    assert.isTrue(replaces(statement(one, 5, nominate(["a", "b"])), statement(one, 5, nominate(["a"]))))
  })

  it("leaves the other conversation, other slots and other nodes alone [ref 5.6 nominations and ballots apart]", () => {
    const latest = statement(one, 5, externalize())
    assert.isFalse(queue.replaces(latest, statement(one, 5, nominate(["a"]))))
    assert.isFalse(queue.replaces(statement(one, 5, nominate(["a"])), statement(one, 5, prepare(1))))
    assert.isFalse(queue.replaces(latest, statement(one, 4, prepare(1))))
    assert.isFalse(queue.replaces(latest, statement(one, 5n + (1n << 32n), prepare(1))))
    assert.isFalse(queue.replaces(latest, statement(other, 5, prepare(1))))
  })

  it("is not one that says as much, or less [ref 5.6 a newer one replaces]", () => {
    assert.isFalse(queue.replaces(statement(one, 5, prepare(1)), statement(one, 5, prepare(1))))
    assert.isFalse(queue.replaces(statement(one, 5, prepare(1)), statement(one, 5, externalize())))
  })

  it("is not bytes that are no statement", () => {
    assert.isFalse(queue.replaces(new Uint8Array(3), new Uint8Array(3)))
    assert.isFalse(queue.replaces(new Uint8Array(200), new Uint8Array(200)))
  })

  it("is looked for among those of its subject, of which there are about as many as nodes, slots and conversations", () => {
    const subjects = new Set<number>()
    for (let node = 0; node < 30; node++) {
      for (let slot = 100; slot < 130; slot++) {
        const key = new Uint8Array(32).fill(node * 8)
        for (const pledges of [nominate(["a"]), externalize()]) {
          const subject = queue.subject(statement(key, slot, pledges))
          assert.isTrue(Number.isInteger(subject) && subject > 0 && subject < 2 ** 30)
          subjects.add(subject)
        }
      }
    }
    assert.isAbove(subjects.size, 1750)
  })
})

describe("a statement that waits", () => {
  const outdatedAt = (ledger: number | undefined) => {
    const queue = new StatementQueue()
    if (ledger !== undefined) queue.follow(ledger)
    return (slot: number | bigint): boolean => queue.isOutdated(statement(one, slot, externalize()))
  }

  it("is of use as long as the node does not know where the network is", () => {
    assert.deepStrictEqual([1, 2 ** 40].map(outdatedAt(undefined)), [false, false])
  })

  it("is of use for the last 12 ledgers, and whatever comes behind them [ref 5.6 12 ledgers are kept]", () => {
    const isOutdated = outdatedAt(1000)
    assert.strictEqual(limits.LEDGERS_TO_REMEMBER, 12)
    assert.deepStrictEqual([988, 989, 1000, 1100, 2 ** 40].map(isOutdated), [true, false, false, false, false])
  })

  it("is of use if it is about the first ledger of the most recent checkpoint, and of no earlier one [ref 5.6 checkpoint is kept]", () => {
    const isOutdated = outdatedAt(1023)
    assert.deepStrictEqual([896, 959, 960, 961].map(isOutdated), [true, true, false, true])
    assert.deepStrictEqual([960, 1024].map(outdatedAt(1024 + 40)), [true, false])
  })

  it("finds the first checkpoint to begin with ledger 1", () => {
    assert.deepStrictEqual([1, 2].map(outdatedAt(60)), [false, true])
  })
})
