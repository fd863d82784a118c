/**
 * The heap of what is due.
 */
import { assert, describe, it } from "@effect/vitest"
import { EventHeap, type Scheduled } from "../../src/core/EventHeap.ts"
import { stream } from "../../src/core/Prng.ts"

interface Item {
  readonly label: string
}

const item = (label: string): Item => ({ label })

const emptied = (heap: EventHeap<Item>): ReadonlyArray<string> => {
  const labels: Array<string> = []
  for (let next = heap.pop(); next !== undefined; next = heap.pop()) labels.push(next.label)
  return labels
}

/** The same promise, kept by looking at everything. */
class NaiveHeap {
  private readonly items: Array<{ readonly time: number; readonly item: Item }> = []

  get length(): number {
    return this.items.length
  }

  push(time: number, item: Item): void {
    // Behind all that are due before it or with it.
    const at = this.items.findLastIndex((other) => other.time <= time) + 1
    this.items.splice(at, 0, { time, item })
  }

  cancel(item: Item): void {
    const at = this.items.findIndex((other) => other.item === item)
    if (at !== -1) this.items.splice(at, 1)
  }

  nextTime(): number {
    return this.items[0]?.time ?? Infinity
  }

  pop(): Item | undefined {
    return this.items.shift()?.item
  }
}

describe("The heap of what is due", () => {
  it("gives out what is due first, and at equal times what was put in first", () => {
    const heap = new EventHeap<Item>(100)
    for (const [time, label] of [[5, "e"], [1, "a"], [5, "f"], [3, "c"], [1, "b"], [5, "g"], [3, "d"]] as const) {
      heap.push(time, item(label))
    }
    assert.strictEqual(emptied(heap).join(""), "abcdefg")
    assert.deepStrictEqual([heap.length, heap.nextTime(), heap.pop()], [0, Infinity, undefined])
  })

  it("keeps times apart up to 2^53 - 1", () => {
    const heap = new EventHeap<Item>(100)
    const latest = Number.MAX_SAFE_INTEGER
    heap.push(latest, item("c"))
    heap.push(latest - 1, item("b"))
    heap.push(2 ** 32, item("a"))
    assert.strictEqual(heap.nextTime(), 2 ** 32)
    assert.strictEqual(emptied(heap).join(""), "abc")
  })

  it("never gives out what was called off, also not first or last, and calling off again changes nothing", () => {
    const heap = new EventHeap<Item>(100)
    const entries = ["a", "b", "c", "d"].map((label, time) => heap.push(time, item(label)))
    entries[0]?.cancel()
    entries[0]?.cancel()
    entries[3]?.cancel()
    assert.deepStrictEqual([heap.length, heap.nextTime()], [2, 1])
    assert.strictEqual(emptied(heap).join(""), "bc")
    entries[1]?.cancel()
    assert.deepStrictEqual([heap.length, heap.nextTime()], [0, Infinity])
  })

  it("refuses at its limit, and takes again when something was taken out or called off", () => {
    const heap = new EventHeap<Item>(3)
    const entries = ["a", "b", "c"].map((label) => heap.push(1, item(label)))
    assert.isUndefined(heap.push(0, item("x")))
    entries[1]?.cancel()
    assert.isDefined(heap.push(1, item("d")))
    assert.isUndefined(heap.push(0, item("x")))
    assert.strictEqual(heap.pop()?.label, "a")
    assert.isDefined(heap.push(1, item("e")))
    assert.strictEqual(emptied(heap).join(""), "cde")
  })

  it("keeps its order when it is full of what was called off, in any mixture", () => {
    const prng = stream(2, "sweeps")
    for (let round = 0; round < 100; round++) {
      const heap = new EventHeap<Item>(64)
      const times = Array.from({ length: 64 }, () => prng.below(1000))
      const entries = times.map((time) => heap.push(time, item(`${time}`)))
      const isGone = times.map(() => prng.chance(2, 3))
      entries.forEach((entry, i) => isGone[i] && entry?.cancel())
      const late = times.filter((_, i) => isGone[i]).map(() => prng.below(1000))
      for (const time of late) assert.isDefined(heap.push(time, item(`${time}`)))
      assert.isUndefined(heap.push(0, item("0")))
      const left = [...times.filter((_, i) => !isGone[i]), ...late].sort((a, b) => a - b)
      assert.deepStrictEqual(emptied(heap), left.map(String))
    }
  })

  it("does what a naive list does, through 100,000 random operations", () => {
    const prng = stream(1, "operations")
    const heap = new EventHeap<Item>(20_000)
    const model = new NaiveHeap()
    const entries: Array<readonly [Scheduled, Item]> = []
    let now = 0
    let largest = 0
    let cancelled = 0
    for (let i = 0; i < 100_000; i++) {
      // Waves: it fills up beyond what it began with, and empties again, several times.
      const isFilling = Math.floor(i / 6000) % 2 === 0
      const dice = prng.below(10)
      if (dice < (isFilling ? 6 : 2)) {
        const next = item(`${i}`)
        // Few distinct times, so that many are equal.
        const time = now + prng.below(50)
        const entry = heap.push(time, next)
        if (entry === undefined) return assert.fail(`operation ${i}: refused`)
        entries.push([entry, next])
        model.push(time, next)
      } else if (dice < (isFilling ? 8 : 4) && entries.length > 0) {
        // Also what was taken out or called off long ago.
        const [entry, old] = entries[prng.below(entries.length)]!
        const before = heap.length
        entry.cancel()
        model.cancel(old)
        cancelled += before - heap.length
      } else {
        const time = heap.nextTime()
        if (time !== model.nextTime() || heap.pop() !== model.pop()) assert.fail(`operation ${i}: another is due`)
        if (time !== Infinity) now = time
      }
      if (heap.length !== model.length) assert.fail(`operation ${i}: ${heap.length} instead of ${model.length}`)
      largest = Math.max(largest, heap.length)
    }
    assert.isTrue(largest > 2048 && cancelled > 1000, `largest ${largest}, called off ${cancelled}`)
    while (model.length > 0) assert.strictEqual(heap.pop(), model.pop())
    assert.isUndefined(heap.pop())
  })
})
