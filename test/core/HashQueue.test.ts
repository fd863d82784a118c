import { assert, describe, it } from "@effect/vitest"
import { HashQueue, NONE } from "../../src/core/HashQueue.ts"

/** A key that begins like all others, so that all share one place of the index and one tag. */
const keyOf = (number: number) => Int32Array.of(-1, -1, number, 0)

const numbersIn = (queue: HashQueue, rows: ReadonlyMap<number, number>) => {
  const numbers: Array<number | undefined> = []
  for (let row = queue.oldest; row !== NONE; row = queue.younger(row)) numbers.push(rows.get(row))
  return numbers
}

describe("HashQueue", () => {
  it("tells keys apart that the index cannot", () => {
    const queue = new HashQueue(300)
    const rows = new Map<number, number>()
    for (let i = 0; i < 300; i++) rows.set(queue.push(keyOf(i)), i)
    for (let i = 0; i < 300; i += 3) queue.remove(queue.find(keyOf(i)))
    for (let i = 0; i < 300; i++) {
      const row = queue.find(keyOf(i))
      if (i % 3 === 0) assert.strictEqual(row, NONE)
      else assert.strictEqual(rows.get(row), i)
    }
    assert.strictEqual(queue.length, 200)
  })

  it("keeps the order of arrival through removals, refreshes and growth", () => {
    const queue = new HashQueue(1000)
    const rows = new Map<number, number>()
    for (let i = 0; i < 10; i++) rows.set(queue.push(keyOf(i)), i)
    queue.remove(queue.find(keyOf(4)))
    queue.refresh(queue.find(keyOf(0)))
    queue.refresh(queue.find(keyOf(7)))
    assert.deepStrictEqual(numbersIn(queue, rows), [1, 2, 3, 5, 6, 8, 9, 0, 7])
    for (let i = 10; i < 500; i++) rows.set(queue.push(keyOf(i)), i)
    // Nearly all at once, and then two by two.
    queue.dropOldest(490)
    queue.dropOldest(2)
    assert.deepStrictEqual(numbersIn(queue, rows), [493, 494, 495, 496, 497, 498, 499])
    queue.dropOldest(7)
    assert.strictEqual(queue.oldest, NONE)
    assert.strictEqual(queue.length, 0)
  })
})
