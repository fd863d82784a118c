/**
 * The messages that are written word by word are those that the schema writes.
 */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as ItemHash from "../../../src/core/ItemHash.ts"
import {
  dontHaveMessage,
  grantMessage,
  hashesMessage,
  itemQuery,
  missingQuorumSetHashAt,
  quorumSetQuery,
  quorumSetQueryHashAt
} from "../../../src/core/stellar/HotMessages.ts"
import { encodeMessage, MessageType } from "../../../src/core/stellar/messages.ts"

const hashes = [0, 1, 255].map((byte) => new Uint8Array(32).fill(byte))

describe("a message that is written word by word", () => {
  it("is the grant that the schema writes", () => {
    for (const [messages, bytes] of [[0, 1], [200, 300_000], [0xffffffff, 0xffffffff]] as const) {
      assert.deepStrictEqual(
        grantMessage({ messages, bytes }),
        Result.getOrThrow(
          encodeMessage({ _tag: "SEND_MORE_EXTENDED", sendMoreExtended: { numMessages: messages, numBytes: bytes } })
        )
      )
    }
  })

  it("is the advert, or the demand, that the schema writes", () => {
    for (const txHashes of [[], hashes.slice(0, 1), hashes]) {
      const named = txHashes.map((bytes) => ItemHash.fromBytes(bytes))
      assert.deepStrictEqual(
        hashesMessage("FLOOD_ADVERT", named),
        Result.getOrThrow(encodeMessage({ _tag: "FLOOD_ADVERT", floodAdvert: { txHashes } }))
      )
      assert.deepStrictEqual(
        hashesMessage("FLOOD_DEMAND", named),
        Result.getOrThrow(encodeMessage({ _tag: "FLOOD_DEMAND", floodDemand: { txHashes } }))
      )
    }
  })

  it("is the question for an item that the schema writes", () => {
    for (const hash of hashes) {
      assert.deepStrictEqual(
        itemQuery("GET_TX_SET", ItemHash.fromBytes(hash)),
        Result.getOrThrow(encodeMessage({ _tag: "GET_TX_SET", txSetHash: hash }))
      )
      assert.deepStrictEqual(
        itemQuery("GET_SCP_QUORUMSET", ItemHash.fromBytes(hash)),
        Result.getOrThrow(encodeMessage({ _tag: "GET_SCP_QUORUMSET", qSetHash: hash }))
      )
    }
  })

  it("is the ping, or the answer to one, that the schema writes", () => {
    for (const hash of hashes) {
      const ping = quorumSetQuery(hash)
      assert.deepStrictEqual(ping, Result.getOrThrow(encodeMessage({ _tag: "GET_SCP_QUORUMSET", qSetHash: hash })))
      const answer = dontHaveMessage(MessageType.SCP_QUORUMSET, hash)
      assert.deepStrictEqual(
        answer,
        Result.getOrThrow(
          encodeMessage({ _tag: "DONT_HAVE", dontHave: { type: MessageType.SCP_QUORUMSET, reqHash: hash } })
        )
      )
    }
  })

  it("is known by its kind and its length, wherever it stands", () => {
    const within = (message: Uint8Array): Uint8Array => Uint8Array.of(7, ...message, 7)
    const ping = quorumSetQuery(hashes[1]!)
    const answer = dontHaveMessage(MessageType.SCP_QUORUMSET, hashes[1]!)
    assert.strictEqual(quorumSetQueryHashAt(within(ping), 1, 1 + ping.length), 5)
    assert.strictEqual(missingQuorumSetHashAt(within(answer), 1, 1 + answer.length), 9)
    // Too short, too long, of another kind, about something else: the schema's to judge.
    assert.strictEqual(quorumSetQueryHashAt(within(ping), 1, ping.length), -1)
    assert.strictEqual(quorumSetQueryHashAt(within(ping), 1, 2 + ping.length), -1)
    assert.strictEqual(quorumSetQueryHashAt(answer, 0, answer.length), -1)
    assert.strictEqual(missingQuorumSetHashAt(within(answer), 1, answer.length), -1)
    assert.strictEqual(missingQuorumSetHashAt(ping, 0, ping.length), -1)
    const other = dontHaveMessage(MessageType.GENERALIZED_TX_SET, hashes[1]!)
    assert.strictEqual(missingQuorumSetHashAt(other, 0, other.length), -1)
  })
})
