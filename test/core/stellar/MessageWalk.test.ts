/**
 * The walks against the schemas: the same verdict on whole, damaged and random messages, and offsets that point at what
 * the schemas decode.
 */
import { assert, describe, it } from "@effect/vitest"
import type { AnySchema, XdrType } from "@stellar/js-xdr"
import { Result } from "effect"
import { readFileSync } from "node:fs"
import {
  decodeMessage,
  encodeMessage,
  type MessageName,
  MessageType,
  StellarMessage
} from "../../../src/core/stellar/messages.ts"
import { SCPEnvelope, SCPPledges, SCPStatement, SCPStatementType } from "../../../src/core/stellar/messages/scp.ts"
import {
  forEachScpValue,
  grantedBytes,
  grantedMessages,
  hashCount,
  HASHES_AT,
  scpOffsets,
  slotIndex,
  type TransactionJudge,
  walkHashes,
  walkMessage,
  walkScpMessage,
  walkSendMoreExtended
} from "../../../src/core/stellar/MessageWalk.ts"
import { encodeXdr } from "../../../src/core/stellar/XdrCodec.ts"
import { mutate, Random, randomArm } from "./randomXdr.ts"

const SEED = 0x3a1c
const MUTATIONS = 10_000

const HOT: ReadonlyArray<MessageName> = ["SCP_MESSAGE", "SEND_MORE_EXTENDED", "FLOOD_ADVERT", "FLOOD_DEMAND"]

const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

const vectors: {
  readonly accept: ReadonlyArray<
    { readonly id: string; readonly type: string; readonly xdr: string; readonly name?: string }
  >
  readonly reject: ReadonlyArray<{ readonly id: string; readonly type: string; readonly xdr: string }>
} = JSON.parse(readFileSync(new URL("../../fixtures/stellar-vectors/messages.json", import.meta.url), "utf8"))

const bytesOf = (xdr: string): Uint8Array => Uint8Array.from(Buffer.from(xdr, "hex"))

/** The message in the middle of other bytes, as it lies in a chunk from the network. */
const embedded = (bytes: Uint8Array): { readonly chunk: Uint8Array; readonly start: number; readonly end: number } => {
  const start = 17
  const chunk = new Uint8Array(start + bytes.length + 11).fill(0xa5)
  chunk.set(bytes, start)
  return { chunk, start, end: start + bytes.length }
}

// As the schema, which leaves the content to others but wants whole words.
const wholeWords: TransactionJudge = (_type, _bytes, start, end) => (end - start) % 4 === 0

/** Asserts that walk and schema agree on the bytes, and tells what they said. */
const assertAgree = (bytes: Uint8Array, label: string): boolean => {
  const decoded = Result.isSuccess(decodeMessage(bytes))
  const { chunk, start, end } = embedded(bytes)
  assert.strictEqual(walkMessage(chunk, start, end, wholeWords), decoded, `${label}: ${toHex(bytes.subarray(0, 400))}`)
  return decoded
}

/** A random message of one kind. */
const randomMessage = (name: MessageName, random: Random): StellarMessage => {
  const union = StellarMessage as XdrType<unknown> as AnySchema
  if (union.kind !== "union") throw new Error("StellarMessage is a union")
  const kind = union.cases.find(({ discriminant }) => discriminant === name)
  if (kind === undefined) throw new Error(`${name} is a kind of message`)
  const value = randomArm(union, kind, random)
  if (!StellarMessage.validate(value)) throw new Error(`the random ${name} is not one`)
  return value
}

describe("walkMessage", () => {
  it("says of every golden message what its schema says", () => {
    for (const { id, type, xdr } of [...vectors.accept, ...vectors.reject]) {
      if (type !== "StellarMessage") continue
      assertAgree(bytesOf(xdr), id)
    }
  })

  it("says what the schema says of every hot golden message that is cut anywhere or has any bit flipped", () => {
    for (const { id, name, xdr } of vectors.accept) {
      const bytes = bytesOf(xdr)
      if (bytes.length > 700 || !HOT.some((hot) => hot === name)) continue
      for (let length = 0; length < bytes.length; length++) {
        assertAgree(bytes.subarray(0, length), `${id}, first ${length}`)
      }
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        bytes[bit >> 3]! ^= 1 << (bit & 7)
        assertAgree(bytes, `${id}, bit ${bit}`)
        bytes[bit >> 3]! ^= 1 << (bit & 7)
      }
    }
  })

  it("says what the schema says of randomly damaged random messages", () => {
    const random = new Random(SEED)
    let whole = 0
    for (let i = 0; i < MUTATIONS; i++) {
      // Most of what can be wrong is in SCP messages.
      const name = i % 2 === 0 ? "SCP_MESSAGE" : random.pick(HOT)
      const bytes = Result.getOrThrow(encodeMessage(randomMessage(name, random)))
      if (assertAgree(mutate(bytes, random), `seed ${SEED}, mutation ${i}`)) whole++
    }
    // Both verdicts must be common, or the comparison shows little.
    assert.isAbove(whole, MUTATIONS / 10)
    assert.isBelow(whole, MUTATIONS * 0.9)
  })

  it("hands the content of transactions and of sets of them to the judge, without their kind", () => {
    for (const type of [MessageType.TX_SET, MessageType.TRANSACTION, MessageType.GENERALIZED_TX_SET]) {
      const { chunk, start, end } = embedded(Uint8Array.of(0, 0, 0, type, 1, 2, 3, 4))
      for (const verdict of [true, false]) {
        const calls: Array<ReadonlyArray<unknown>> = []
        const judge: TransactionJudge = (...call) => {
          calls.push(call)
          return verdict
        }
        assert.strictEqual(walkMessage(chunk, start, end, judge), verdict)
        assert.deepStrictEqual(calls, [[type, chunk, start + 4, end]])
      }
    }
  })

  it("never asks the judge about other kinds", () => {
    const judge: TransactionJudge = () => assert.fail("asked")
    for (const { name, type, xdr } of vectors.accept) {
      if (type !== "StellarMessage" || name === undefined || /^(TX_SET|TRANSACTION|GENERALIZED_TX_SET)$/.test(name)) {
        continue
      }
      const bytes = bytesOf(xdr)
      assert.isTrue(walkMessage(bytes, 0, bytes.length, judge))
    }
  })
})

describe("walkScpMessage", () => {
  it("points at what the schema decodes, in random messages of each kind of statement", () => {
    const random = new Random(SEED + 1)
    const kinds = new Set<number>()
    const into = scpOffsets()
    for (let i = 0; i < 2000; i++) {
      const label = `seed ${SEED + 1}, message ${i}`
      const message = randomMessage("SCP_MESSAGE", random)
      if (message._tag !== "SCP_MESSAGE") throw new Error(label)
      const { statement, signature } = message.envelope
      const { pledges } = statement
      const { chunk, start, end } = embedded(Result.getOrThrow(encodeMessage(message)))
      assert.isTrue(walkScpMessage(chunk, start, end, into), label)
      kinds.add(into.kind)

      const at = (from: number, length: number) => chunk.slice(from, from + length)
      assert.strictEqual(into.kind, SCPStatementType[pledges._tag], label)
      assert.deepStrictEqual(
        chunk.slice(into.statementStart, into.statementEnd),
        Result.getOrThrow(encodeXdr(SCPStatement, statement)),
        label
      )
      assert.deepStrictEqual(at(into.nodeID, 32), statement.nodeID, label)
      assert.deepStrictEqual(
        chunk.slice(into.pledges - 4, into.statementEnd),
        Result.getOrThrow(encodeXdr(SCPPledges, pledges)),
        label
      )
      assert.strictEqual((BigInt(into.slotHigh) << 32n) | BigInt(into.slotLow), statement.slotIndex, label)
      assert.deepStrictEqual(at(into.signature, into.signatureBytes), signature, label)

      const values: Array<Uint8Array> = []
      forEachScpValue(chunk, into, (from, length) => values.push(at(from, length)))
      const quorumSetHash = at(into.quorumSetHash, 32)
      switch (pledges._tag) {
        case "SCP_ST_PREPARE": {
          const { ballot, prepared, preparedPrime } = pledges.prepare
          assert.deepStrictEqual(quorumSetHash, pledges.prepare.quorumSetHash, label)
          assert.deepStrictEqual(
            values,
            [ballot, prepared, preparedPrime].filter((some) => some !== null).map(({ value }) => value),
            label
          )
          break
        }
        case "SCP_ST_CONFIRM":
          assert.deepStrictEqual(quorumSetHash, pledges.confirm.quorumSetHash, label)
          assert.deepStrictEqual(values, [pledges.confirm.ballot.value], label)
          break
        case "SCP_ST_EXTERNALIZE":
          assert.deepStrictEqual(quorumSetHash, pledges.externalize.commitQuorumSetHash, label)
          assert.deepStrictEqual(values, [pledges.externalize.commit.value], label)
          break
        case "SCP_ST_NOMINATE":
          assert.deepStrictEqual(quorumSetHash, pledges.nominate.quorumSetHash, label)
          assert.deepStrictEqual(values, [...pledges.nominate.votes, ...pledges.nominate.accepted], label)
      }
    }
    assert.strictEqual(kinds.size, 4)
  })

  it("gives the slot as a number as long as a number holds it", () => {
    const at = (slotHigh: number, slotLow: number) => slotIndex({ ...scpOffsets(), slotHigh, slotLow })
    assert.strictEqual(at(0, 0), 0)
    assert.strictEqual(at(0, 0xffffffff), 2 ** 32 - 1)
    assert.strictEqual(at(1, 7), 2 ** 32 + 7)
    assert.strictEqual(at(0x1fffff, 0xffffffff), Number.MAX_SAFE_INTEGER)
    assert.isUndefined(at(0x200000, 0))
    assert.isUndefined(at(0xffffffff, 0xffffffff))
  })

  it("refuses bytes of another kind", () => {
    const envelope = vectors.accept.find(({ id }) => id === "scp-prepare")!
    const bytes = bytesOf(envelope.xdr)
    bytes[3] = MessageType.SCP_QUORUMSET
    assert.isFalse(walkScpMessage(bytes, 0, bytes.length, scpOffsets()))
    assert.isFalse(walkHashes(bytes, 0, bytes.length))
    assert.isFalse(walkSendMoreExtended(bytes, 0, bytes.length))
  })

  it("is not led astray by counts and lengths that promise 4 GiB", () => {
    const nominate = SCPEnvelope.encode({
      statement: {
        nodeID: new Uint8Array(32),
        slotIndex: 1n,
        pledges: {
          _tag: "SCP_ST_NOMINATE",
          nominate: { quorumSetHash: new Uint8Array(32), votes: [Uint8Array.of(1)], accepted: [] }
        }
      },
      signature: new Uint8Array(64)
    })
    const message = Uint8Array.of(0, 0, 0, 11, ...nominate)
    assert.isTrue(walkScpMessage(message, 0, message.length, scpOffsets()))
    // Count of votes, length of the first, count of accepted, length of the signature.
    for (const at of [84, 88, 96, 100]) {
      const huge = message.slice()
      huge.fill(0xff, at, at + 4)
      assert.isFalse(walkScpMessage(huge, 0, huge.length, scpOffsets()), String(at))
    }
  })
})

describe("grants, adverts and demands", () => {
  it("read a grant where it lies", () => {
    const { chunk, start, end } = embedded(
      Result.getOrThrow(
        encodeMessage({
          _tag: "SEND_MORE_EXTENDED",
          sendMoreExtended: { numMessages: 4_000_000_000, numBytes: 300_000 }
        })
      )
    )
    assert.isTrue(walkSendMoreExtended(chunk, start, end))
    assert.strictEqual(grantedMessages(chunk, start), 4_000_000_000)
    assert.strictEqual(grantedBytes(chunk, start), 300_000)
  })

  it("find the hashes of adverts and demands where they lie", () => {
    const random = new Random(SEED + 2)
    const txHashes = Array.from({ length: 1000 }, () => random.bytes(32))
    const both: ReadonlyArray<StellarMessage> = [
      { _tag: "FLOOD_ADVERT", floodAdvert: { txHashes } },
      { _tag: "FLOOD_DEMAND", floodDemand: { txHashes } }
    ]
    for (const message of both) {
      const { chunk, start, end } = embedded(Result.getOrThrow(encodeMessage(message)))
      assert.isTrue(walkHashes(chunk, start, end))
      assert.strictEqual(hashCount(chunk, start), 1000)
      for (let i = 0; i < 1000; i++) {
        const at = start + HASHES_AT + i * 32
        assert.deepStrictEqual(chunk.slice(at, at + 32), txHashes[i])
      }
    }
  })
})
