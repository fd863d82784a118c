import { assert, describe, it } from "@effect/vitest"
import { halfSipHash, HASH_KEY_BYTES } from "../../src/core/HalfSipHash.ts"

const key = Uint8Array.from({ length: HASH_KEY_BYTES }, (_, at) => at)

describe("HalfSipHash-2-4", () => {
  it("gives the authors' vectors for messages of whole words", () => {
    // Bytes 0, 1, 2 and so on under the key 0 to 7; from vectors_hsip32 of the reference implementation, at lengths 0, 4 to 16.
    const hash = halfSipHash(key)
    assert.strictEqual(hash(), 0x5b9f35a9)
    assert.strictEqual(hash(0x03020100), 0x89466e2a)
    assert.strictEqual(hash(0x03020100, 0x07060504), 0x8f84b8d0)
    assert.strictEqual(hash(0x03020100, 0x07060504, 0x0b0a0908), 0x2f87f057)
    assert.strictEqual(hash(0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c), 0x84acb5d9)
  })

  it("gives another number under another key", () => {
    assert.notStrictEqual(halfSipHash(key)(1, 2), halfSipHash(key.with(7, 8))(1, 2))
  })
})
