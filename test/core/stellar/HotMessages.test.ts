/**
 * The messages that are written word by word are those that the schema writes.
 */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as ItemHash from "../../../src/core/ItemHash.ts"
import { grantMessage, hashesMessage } from "../../../src/core/stellar/HotMessages.ts"
import { encodeMessage } from "../../../src/core/stellar/messages.ts"

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
})
