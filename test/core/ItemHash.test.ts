/**
 * An `ItemHash` is the 32 bytes of a digest as text, and loses none of them.
 */
import { assert, describe, it } from "@effect/vitest"
import * as ItemHash from "../../src/core/ItemHash.ts"

describe("ItemHash", () => {
  const everyByte = Uint8Array.from({ length: 256 }, (_, i) => i)

  it("keeps every byte value on its way to text and back", () => {
    for (let offset = 0; offset < 256; offset += 32) {
      const hash = ItemHash.fromBytes(everyByte, offset)
      assert.strictEqual(hash.length, ItemHash.ITEM_HASH_BYTES)
      assert.deepStrictEqual(ItemHash.toBytes(hash), everyByte.slice(offset, offset + 32))
    }
  })

  it("is written where it is asked for, and nowhere else", () => {
    const into = new Uint8Array(40).fill(0xaa)
    ItemHash.writeTo(ItemHash.fromBytes(everyByte, 200), into, 5)
    assert.deepStrictEqual(into.slice(5, 37), everyByte.slice(200, 232))
    assert.deepStrictEqual([...into.slice(0, 5), ...into.slice(37)], new Array(8).fill(0xaa))
  })

  it("is shown as 64 lower-case digits", () => {
    assert.strictEqual(
      ItemHash.toHex(ItemHash.fromBytes(everyByte, 0)),
      "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
    )
    assert.strictEqual(
      ItemHash.toHex(ItemHash.fromBytes(everyByte, 224)),
      "e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"
    )
  })

  it("is the same key in a map whenever the bytes are the same", () => {
    const seen = new Map([[ItemHash.fromBytes(everyByte, 128), "here"]])
    assert.strictEqual(seen.get(ItemHash.fromBytes(everyByte.slice(128), 0)), "here")
    assert.isUndefined(seen.get(ItemHash.fromBytes(everyByte, 127)))
  })
})
