/**
 * The book of statements, and its bounds.
 */
import { assert, describe, it } from "@effect/vitest"
import { SCPStatementType } from "../../../src/core/stellar/messages/scp.ts"
import { StatementBook } from "../../../src/core/stellar/StatementBook.ts"
import { externalize, nominate, prepare, statement } from "../../support/statements.ts"

const { SCP_ST_NOMINATE, SCP_ST_PREPARE, SCP_ST_EXTERNALIZE } = SCPStatementType
const wide = { slots: 10, nodesPerSlot: 10, nodes: 100, bytes: 1_000_000 }
const node = (number: number): Uint8Array => new Uint8Array(32).fill(number)
/** What is held of the slots from this one on. */
const held = (book: StatementBook, from = 0): ReadonlyArray<Uint8Array> =>
  book.slots(from).flatMap((slot) => book.about(slot))

describe("A book of statements", () => {
  it("tells of a slot the last nomination and the last ballot of each node", () => {
    const book = new StatementBook(wide)
    const said = {
      laterSlot: statement(node(1), 8, externalize()),
      ballotOfOne: statement(node(1), 7, prepare(2)),
      nominationOfTwo: statement(node(2), 7, nominate(["a"])),
      nominationOfOne: statement(node(1), 7, nominate(["a"]))
    }
    book.hold(8, "1", SCP_ST_EXTERNALIZE, said.laterSlot)
    book.hold(7, "1", SCP_ST_PREPARE, statement(node(1), 7, prepare(1)))
    book.hold(7, "1", SCP_ST_PREPARE, said.ballotOfOne)
    book.hold(7, "1", SCP_ST_PREPARE, statement(node(1), 7, prepare(1)))
    book.hold(7, "2", SCP_ST_NOMINATE, said.nominationOfTwo)
    book.hold(7, "1", SCP_ST_NOMINATE, said.nominationOfOne)
    assert.deepStrictEqual(book.slots(0), [8, 7])
    assert.deepStrictEqual(book.about(7), [said.nominationOfOne, said.ballotOfOne, said.nominationOfTwo])
    assert.deepStrictEqual(held(book, 8), [said.laterSlot])
    assert.deepStrictEqual([book.slots(9), book.about(9)], [[], []])
  })

  it("holds a copy of what is a small part of its buffer, and all else as it is, and counts what that takes", () => {
    const book = new StatementBook(wide)
    const first = statement(node(1), 7, prepare(1))
    const later = statement(node(1), 7, prepare(2))
    const inBuffer = (message: Uint8Array, bytes: number): Uint8Array => {
      const buffer = new Uint8Array(bytes)
      buffer.set(message, 8)
      return buffer.subarray(8, 8 + message.length)
    }
    book.hold(7, "1", SCP_ST_PREPARE, inBuffer(first, 1000))
    assert.deepStrictEqual(held(book), [first])
    assert.strictEqual(held(book)[0]?.buffer.byteLength, first.length)
    assert.strictEqual(book.size.bytes, first.length)

    const large = inBuffer(later, 2 * later.length)
    book.hold(7, "1", SCP_ST_PREPARE, large)
    assert.strictEqual(held(book)[0], large)
    assert.strictEqual(book.size.bytes, 2 * later.length)
    book.retain(0, 10, 8, 1)
    assert.strictEqual(book.size.bytes, 0)
  })

  it("does not hold a view whose buffer has no room", () => {
    const message = statement(node(1), 7, externalize())
    const buffer = new Uint8Array(2 * message.length)
    buffer.set(message)
    for (const [bytes, count] of [[buffer.length - 1, 0], [buffer.length, 1]] as const) {
      const book = new StatementBook({ ...wide, bytes })
      book.hold(7, "1", SCP_ST_EXTERNALIZE, buffer.subarray(0, message.length))
      assert.strictEqual(held(book).length, count)
    }
  })

  it("counts by node and slot, and a node too many not at all", () => {
    const book = new StatementBook({ ...wide, nodesPerSlot: 2 })
    assert.deepStrictEqual([book.count(1, "a"), book.count(1, "a"), book.count(1, "b"), book.count(2, "a")], [
      1,
      2,
      1,
      1
    ])
    assert.isUndefined(book.count(1, "c"))
    assert.strictEqual(book.count(1, "b"), 2)
  })

  it("drops the slot that was begun first for one more", () => {
    const book = new StatementBook({ ...wide, slots: 2 })
    for (const slot of [9, 3, 5]) book.hold(slot, "a", SCP_ST_EXTERNALIZE, statement(node(1), slot, externalize()))
    assert.strictEqual(held(book).length, 2)
    assert.strictEqual(book.count(3, "a"), 1)
    assert.strictEqual(book.size.slots, 2)
    assert.strictEqual(book.count(9, "a"), 1)
  })

  it("drops the slot that was begun first when there are too many nodes in all", () => {
    const book = new StatementBook({ ...wide, nodes: 3 })
    for (const [slot, name] of [[1, "a"], [1, "b"], [2, "a"], [2, "b"]] as const) book.count(slot, name)
    assert.deepStrictEqual(book.size, { slots: 1, nodes: 2, bytes: 0 })
  })

  it("lets go of other slots' statements when there are too many bytes, and not of what it counted", () => {
    const message = statement(node(1), 7, externalize())
    const book = new StatementBook({ ...wide, bytes: 2 * message.length })
    for (const slot of [1, 2, 3]) {
      book.count(slot, "a")
      book.hold(slot, "a", SCP_ST_EXTERNALIZE, message)
    }
    assert.strictEqual(held(book).length, 2)
    assert.strictEqual(held(book, 2).length, 2)
    assert.strictEqual(book.count(1, "a"), 2)
    for (const name of ["b", "c"]) book.hold(3, name, SCP_ST_EXTERNALIZE, message)
    assert.strictEqual(held(book, 3).length, 2)
    assert.strictEqual(book.size.bytes, 2 * message.length)
  })

  it("forgets the slots outside a range, and lets go of the statements of old ones", () => {
    const book = new StatementBook(wide)
    for (const slot of [1, 2, 3, 4]) {
      book.count(slot, "a")
      book.hold(slot, "a", SCP_ST_EXTERNALIZE, statement(node(1), slot, externalize()))
    }
    book.retain(2, 3, 3, 0)
    assert.deepStrictEqual(book.slots(0), [3])
    assert.deepStrictEqual([1, 2, 3, 4].map((slot) => book.count(slot, "a")), [1, 2, 2, 1])
  })

  it("keeps the statements of one old slot that is of use for longer", () => {
    const book = new StatementBook(wide)
    for (const slot of [1, 2, 3, 4]) book.hold(slot, "a", SCP_ST_EXTERNALIZE, statement(node(1), slot, externalize()))
    book.retain(1, 4, 4, 2)
    assert.deepStrictEqual(book.slots(0), [2, 4])
  })
})
