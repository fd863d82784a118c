import { assert, describe, it } from "@effect/vitest"
import { BufferPool } from "../../src/core/BufferPool.ts"

describe("A pool of buffers", () => {
  it("gives buffers that are long enough", () => {
    const pool = new BufferPool(1_000_000)
    for (const length of [1, 63, 64, 65, 300, 1024, 1025, 65_536, 65_537, 1_000_000]) {
      const buffer = pool.take(length)
      assert.isAtLeast(buffer.length, length)
      assert.isBelow(buffer.length, Math.max(65, 2 * length))
    }
  })

  it("gives a buffer again that came back, to who needs no longer one, and only once", () => {
    const pool = new BufferPool(1_000_000)
    const buffer = pool.take(300)
    pool.give(buffer)
    assert.notStrictEqual(pool.take(513), buffer)
    assert.strictEqual(pool.take(512), buffer)
    assert.notStrictEqual(pool.take(512), buffer)
  })

  it("keeps no more than it may", () => {
    const pool = new BufferPool(1024)
    const buffers = [pool.take(512), pool.take(512), pool.take(512)]
    for (const buffer of buffers) pool.give(buffer)
    const again = [pool.take(512), pool.take(512), pool.take(512)]
    assert.strictEqual(again.filter((buffer) => buffers.includes(buffer)).length, 2)
  })

  it("keeps nothing that is too long", () => {
    const pool = new BufferPool(1_000_000)
    const buffer = pool.take(100_000)
    pool.give(buffer)
    assert.notStrictEqual(pool.take(100_000), buffer)
    assert.notStrictEqual(pool.take(65_536), buffer)
  })
})
