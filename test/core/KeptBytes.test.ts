/**
 * What is kept of bytes in a larger buffer.
 */
import { assert, describe, it } from "@effect/vitest"
import * as KeptBytes from "../../src/core/KeptBytes.ts"

const BUFFER_BYTES = 200
const view = (length: number): Uint8Array =>
  Uint8Array.from({ length: BUFFER_BYTES }, (_, i) => i).subarray(20, 20 + length)

describe("Bytes to be kept", () => {
  it("that are half of their buffer or more are kept as they are, and count as all of it", () => {
    for (const length of [100, 180]) {
      const bytes = view(length)
      assert.strictEqual(KeptBytes.keep(bytes), bytes)
      assert.strictEqual(KeptBytes.size(bytes), BUFFER_BYTES)
    }
  })

  it("that are less than half of their buffer are copied, and count as they are", () => {
    for (const length of [0, 1, 99]) {
      const bytes = view(length)
      const kept = KeptBytes.keep(bytes)
      assert.deepStrictEqual(kept, bytes)
      assert.notStrictEqual(kept.buffer, bytes.buffer)
      assert.strictEqual(kept.buffer.byteLength, length)
      assert.strictEqual(KeptBytes.size(bytes), length)
    }
  })

  it("count the same before and after, and as much as they keep alive", () => {
    for (let length = 0; length <= 180; length++) {
      const kept = KeptBytes.keep(view(length))
      assert.strictEqual(KeptBytes.size(view(length)), kept.buffer.byteLength)
      assert.strictEqual(KeptBytes.size(kept), kept.buffer.byteLength)
    }
  })
})
