import { assert, describe, it } from "@effect/vitest"
import { MALFORMED, paddingLength, readUint32, skipVarOpaque } from "../../src/core/Xdr.ts"

const UNBOUNDED = 0xffffffff

describe("primitives of a walk", () => {
  it("read words as unsigned and big-endian", () => {
    const bytes = Uint8Array.of(9, 0x80, 0, 0, 1, 0xff, 0xff, 0xff, 0xff)
    assert.strictEqual(readUint32(bytes, 1), 0x80000001)
    assert.strictEqual(readUint32(bytes, 5), 0xffffffff)
  })

  it("pad to whole words", () => {
    assert.deepStrictEqual([0, 1, 2, 3, 4, 5].map(paddingLength), [0, 3, 2, 1, 0, 3])
  })

  it("step over an opaque and its padding", () => {
    const bytes = Uint8Array.of(0xa5, 0, 0, 0, 5, 1, 2, 3, 4, 5, 0, 0, 0, 0xa5)
    assert.strictEqual(skipVarOpaque(bytes, 1, 13, UNBOUNDED), 13)
    assert.strictEqual(skipVarOpaque(bytes, 1, 14, 5), 13)
    assert.strictEqual(skipVarOpaque(Uint8Array.of(0, 0, 0, 0), 0, 4, 0), 4)
  })

  it("refuse a length above its bound, above 2^31, or past the end", () => {
    const bytes = Uint8Array.of(0, 0, 0, 5, 1, 2, 3, 4, 5, 0, 0, 0)
    assert.strictEqual(skipVarOpaque(bytes, 0, 12, 4), MALFORMED)
    for (const end of [0, 3, 4, 8, 9, 11]) assert.strictEqual(skipVarOpaque(bytes, 0, end, UNBOUNDED), MALFORMED)
    for (const length of [0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff]) {
      new DataView(bytes.buffer).setUint32(0, length)
      assert.strictEqual(skipVarOpaque(bytes, 0, 12, UNBOUNDED), MALFORMED)
    }
  })

  it("refuse padding that is not zero", () => {
    for (const at of [9, 10, 11]) {
      const bytes = Uint8Array.of(0, 0, 0, 5, 1, 2, 3, 4, 5, 0, 0, 0)
      bytes[at] = 1
      assert.strictEqual(skipVarOpaque(bytes, 0, 12, UNBOUNDED), MALFORMED)
    }
  })
})
