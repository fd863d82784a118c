/**
 * Items by their hash, bounded three ways.
 */
import { assert, describe, it } from "@effect/vitest"
import { ItemCache } from "../../src/core/ItemCache.ts"
import { hashOf } from "../support/floods.ts"

const item = (length: number, fill = 1): Uint8Array => new Uint8Array(length).fill(fill)

describe("A cache of items", () => {
  it("keeps a copy of what is a small part of its buffer, and all else as it is, and counts what that takes", () => {
    const cache = new ItemCache({ entries: 2, bytes: 100 })
    const small = item(50).subarray(10, 14)
    const large = item(50).subarray(10)
    cache.put(hashOf(1), small, 0)
    cache.put(hashOf(2), large, 0)
    const kept = cache.get(hashOf(1), 0)
    assert.deepStrictEqual(kept, item(4))
    assert.strictEqual(kept?.buffer.byteLength, 4)
    assert.strictEqual(cache.get(hashOf(2), 0), large)
    assert.strictEqual(cache.bytes, 4 + 50)
    cache.put(hashOf(2), small, 0)
    assert.strictEqual(cache.bytes, 4 + 4)
  })

  it("lets items go for the buffers that views keep alive", () => {
    const cache = new ItemCache({ entries: 10, bytes: 100 })
    for (const number of [1, 2, 3]) cache.put(hashOf(number), item(50).subarray(0, 30), 0)
    assert.deepStrictEqual([cache.entries, cache.bytes], [2, 100])
    cache.put(hashOf(4), item(101).subarray(0, 60), 0)
    assert.deepStrictEqual([cache.entries, cache.bytes], [2, 100])
  })

  it("lets the oldest go for one item more", () => {
    const cache = new ItemCache({ entries: 2, bytes: 100 })
    for (const number of [1, 2, 3]) cache.put(hashOf(number), item(1), 0)
    assert.deepStrictEqual([1, 2, 3].map((number) => cache.get(hashOf(number), 0) !== undefined), [false, true, true])
  })

  it("lets as many of the oldest go as the bytes of a new one need", () => {
    const cache = new ItemCache({ entries: 10, bytes: 10 })
    for (const number of [1, 2, 3]) cache.put(hashOf(number), item(3), 0)
    cache.put(hashOf(4), item(6), 0)
    assert.deepStrictEqual([1, 2, 3, 4].map((number) => cache.get(hashOf(number), 0)?.length), [
      undefined,
      undefined,
      3,
      6
    ])
    assert.deepStrictEqual([cache.entries, cache.bytes], [2, 9])
  })

  it("does not keep what is longer than all of it, and loses nothing for it", () => {
    const cache = new ItemCache({ entries: 10, bytes: 10 })
    cache.put(hashOf(1), item(5), 0)
    cache.put(hashOf(2), item(11), 0)
    assert.isDefined(cache.get(hashOf(1), 0))
    assert.isUndefined(cache.get(hashOf(2), 0))
  })

  it("gives out nothing that is too old, and frees it with the next item", () => {
    const cache = new ItemCache({ entries: 10, bytes: 10, millis: 1000 })
    cache.put(hashOf(1), item(5), 0)
    assert.isDefined(cache.get(hashOf(1), 999))
    assert.isUndefined(cache.get(hashOf(1), 1000))
    cache.put(hashOf(2), item(1), 1000)
    assert.deepStrictEqual([cache.entries, cache.bytes], [1, 1])
  })

  it("makes an item that comes again the youngest, and counts it once", () => {
    const cache = new ItemCache({ entries: 2, bytes: 100, millis: 1000 })
    cache.put(hashOf(1), item(5), 0)
    cache.put(hashOf(2), item(5), 0)
    cache.put(hashOf(1), item(7), 500)
    assert.strictEqual(cache.bytes, 12)
    cache.put(hashOf(3), item(1), 600)
    assert.isUndefined(cache.get(hashOf(2), 600))
    assert.isDefined(cache.get(hashOf(1), 1400))
  })
})
