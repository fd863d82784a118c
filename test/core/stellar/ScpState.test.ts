/**
 * The state of consensus as it is asked for and told.
 */
import { assert, describe, it } from "@effect/vitest"
import { LEDGER_VALIDITY_BRACKET } from "../../../src/core/stellar/limits.ts"
import { firstLedgerToAsk, type HeldStatements, sendScpState } from "../../../src/core/stellar/ScpState.ts"
import { externalize, nominate, prepare, statement } from "../../support/statements.ts"

const key = (number: number): Uint8Array => new Uint8Array(32).fill(number)

/** Holds one statement about each of these slots. */
const holding = (...slots: ReadonlyArray<number>): HeldStatements => ({
  slots: () => slots,
  about: (slot) => [statement(key(1), slot, externalize())]
})

const slotAt = (message: Uint8Array): number => new DataView(message.buffer, message.byteOffset).getUint32(44)

const told = (held: HeldStatements, from: number, network: number | undefined) => {
  const slots: Array<number> = []
  const later = sendScpState(held, from, network, (message) => slots.push(slotAt(message)))
  return { slots, later }
}

describe("The ledger that is asked from", () => {
  it("is three behind the next one, the first at least, and none that the network does not remember [ref 10.1 three ledgers back]", () => {
    const asked = [
      [undefined, undefined],
      [undefined, 2],
      [undefined, 500],
      [490, 500],
      [491, 500],
      [7, 500],
      [7, undefined]
    ] as const
    assert.deepStrictEqual(asked.map(([closed, network]) => firstLedgerToAsk(closed, network)), [
      1,
      1,
      498,
      489,
      489,
      489,
      5
    ])
  })
})

describe("The statements that are told", () => {
  it("are of slots ascending from the one asked for, however they are held [ref 10.1 ascending]", () => {
    assert.deepStrictEqual(told(holding(9, 3, 7, 5), 5, undefined), { slots: [5, 7, 9], later: undefined })
  })

  it("are of 100 slots that have any [ref 10.1 100 slots]", () => {
    const slots = Array.from({ length: 300 }, (_, i) => i + 1)
    const everyOther: HeldStatements = {
      slots: () => slots,
      about: (slot) => slot % 2 === 0 ? [statement(key(1), slot, externalize())] : []
    }
    const { slots: sent } = told(everyOther, 1, undefined)
    assert.strictEqual(sent.length, LEDGER_VALIDITY_BRACKET)
    assert.strictEqual(sent.at(-1), 2 * LEDGER_VALIDITY_BRACKET)
  })

  it("are of one slot the nominations first [ref 10.1 nominations first]", () => {
    const said = [prepare(1), nominate(["a"]), externalize(), nominate(["b"])].map((pledges, i) =>
      statement(key(i), 5, pledges)
    )
    const sent: Array<Uint8Array> = []
    sendScpState({ slots: () => [5], about: () => said }, 0, undefined, (message) => sent.push(message))
    assert.deepStrictEqual(sent, [said[1], said[3], said[0], said[2]])
  })

  it("leave out the first ledger of the checkpoint, to be told later, if it is more than twelve behind [ref 10.1 checkpoint later]", () => {
    const held = holding(64, 65, 76, 77)
    assert.deepStrictEqual(told(held, 1, 76), { slots: [64, 65, 76, 77], later: undefined })
    assert.deepStrictEqual(told(held, 1, 77), { slots: [65, 76, 77], later: 64 })
    assert.deepStrictEqual(told(held, 64, 77), { slots: [65, 76, 77], later: 64 })
    assert.deepStrictEqual(told(held, 65, 77), { slots: [65, 76, 77], later: undefined })
    assert.deepStrictEqual(told(holding(1, 2, 40), 1, 40), { slots: [2, 40], later: 1 })
  })
})
