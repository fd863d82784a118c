/**
 * Which of two statements is the later one.
 */
import { assert, describe, it } from "@effect/vitest"
import { isNewerStatement } from "../../../src/core/stellar/StatementOrder.ts"
import { ballot, confirm, externalize, nominate, prepare, statement } from "../../support/statements.ts"

const node = new Uint8Array(32).fill(1)

/** Each says more than the one before. */
const ballots = {
  "a ballot to prepare": prepare(1),
  "with a higher nH": prepare(1, { nH: 1 }),
  "with something prepared": prepare(1, { prepared: ballot(1) }),
  "with a higher ballot prepared": prepare(1, { prepared: ballot(2) }),
  "with something else prepared too": prepare(1, { prepared: ballot(2), preparedPrime: ballot(1) }),
  "for a greater value": prepare(1, { value: "valuf" }),
  "for a longer value": prepare(1, { value: "valuff" }),
  "for a higher counter": prepare(2, { value: "a" }),
  "for a counter above 2^31": prepare(0xffffffff),
  "confirmed": confirm(1),
  "confirmed with a higher nH": confirm(1, { nH: 2 }),
  "confirmed with more prepared": confirm(1, { nPrepared: 2 }),
  "confirmed with a higher counter": confirm(2),
  "externalized": externalize()
}

const nominations = {
  "a vote": nominate(["a"]),
  "a vote that is accepted": nominate(["a"], ["a"]),
  "two votes, one accepted": nominate(["a", "b"], ["a"])
}

describe.each([["ballots", ballots], ["nominations", nominations]] as const)("Of two %s", (_, ladder) => {
  const said = Object.entries(ladder).map(([name, pledges]) => ({ name, message: statement(node, 5, pledges) }))

  it("the one that says more is newer, and never the other way round", () => {
    for (const [i, one] of said.entries()) {
      for (const [j, other] of said.entries()) {
        assert.strictEqual(isNewerStatement(one.message, other.message), i > j, `${one.name} against ${other.name}`)
      }
    }
  })
})

describe("What is no statement", () => {
  it("is not newer, nor is anything newer than it", () => {
    const message = statement(node, 5, externalize())
    assert.isFalse(isNewerStatement(message.subarray(1), message))
    assert.isFalse(isNewerStatement(message, message.subarray(1)))
  })
})
