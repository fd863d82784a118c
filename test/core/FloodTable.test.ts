import { assert, describe, it } from "@effect/vitest"
import { FloodTable } from "../../src/core/FloodTable.ts"
import { HashKeys, SALT_BYTES } from "../../src/core/HashKeys.ts"
import { NONE } from "../../src/core/HashQueue.ts"
import type { ItemHash } from "../../src/core/ItemHash.ts"
import { bytesOf, hashOf, numbers } from "../support/floods.ts"

const KIND = 11
const keys = new HashKeys(bytesOf(7, SALT_BYTES))
const table = (options: { entries?: number; ttlMillis?: number; slots?: number } = {}) =>
  new FloodTable({ keys, entries: 1000, ttlMillis: 300_000, slots: 96, ...options })

/** The same promises, kept in the simplest way: a Map in the order of arrival. */
class NaiveTable {
  readonly records = new Map<string, { readonly epoch: number; readonly born: number; readonly told: Set<number> }>()
  epoch = 0
  evicted = 0
  readonly entries: number
  readonly ttlMillis: number
  readonly slots: number

  constructor(entries: number, ttlMillis: number, slots: number) {
    this.entries = entries
    this.ttlMillis = ttlMillis
    this.slots = slots
  }

  expire(now: number): void {
    for (const [name, record] of this.records) {
      if (now - record.born < this.ttlMillis) break
      this.records.delete(name)
    }
  }

  receive(kind: number, hash: ItemHash, slot: number, now: number): boolean {
    this.expire(now)
    const name = `${kind}:${hash}`
    const known = this.records.get(name)
    const record = known ?? { epoch: this.epoch, born: now, told: new Set<number>() }
    if (known === undefined) {
      if (this.records.size === this.entries) {
        for (const oldest of this.records.keys()) {
          this.records.delete(oldest)
          break
        }
        this.evicted++
      }
      this.records.set(name, record)
    }
    if (slot < this.slots) record.told.add(slot)
    return known === undefined
  }

  forget(kind: number, hash: ItemHash): boolean {
    return this.records.delete(`${kind}:${hash}`)
  }

  advance(epoch: number, oldestKept: number): void {
    this.epoch = epoch
    for (const [name, record] of this.records) if (record.epoch < oldestKept) this.records.delete(name)
  }

  release(slot: number): void {
    for (const record of this.records.values()) record.told.delete(slot)
  }
}

/** Runs the same random calls on both, and compares each answer. */
const agree = (options: {
  readonly seed: number
  readonly operations: number
  readonly entries: number
  readonly ttlMillis: number
  readonly hashes: number
}) => {
  const slots = 64
  const below = numbers(options.seed)
  const table = new FloodTable({ keys, entries: options.entries, ttlMillis: options.ttlMillis, slots })
  const naive = new NaiveTable(options.entries, options.ttlMillis, slots)
  let now = 0
  let epoch = 0
  const reached = { repeated: 0, forgotten: 0 }
  for (let operation = 0; operation < options.operations; operation++) {
    if (below(4) === 0) now += below(20)
    if (below(20_000) === 0) now += options.ttlMillis
    const kind = below(3)
    const hash = hashOf(below(options.hashes))
    // Some slots are beyond the table's bound.
    const slot = below(slots + 6)
    const at = `operation ${operation}`
    switch (below(20)) {
      case 0:
      case 1:
      case 2: {
        const forgotten = naive.forget(kind, hash)
        if (forgotten) reached.forgotten++
        assert.strictEqual(table.forget(kind, hash), forgotten, at)
        break
      }
      case 3: {
        if (below(50) > 0) break
        epoch += below(3)
        const oldestKept = epoch - below(4)
        table.advance(epoch, oldestKept)
        naive.advance(epoch, oldestKept)
        break
      }
      case 4: {
        if (below(10) > 0) break
        table.release(slot)
        naive.release(slot)
        break
      }
      case 5:
      case 6:
      case 7:
      case 8: {
        naive.expire(now)
        const record = naive.records.get(`${kind}:${hash}`)
        const row = table.find(kind, hash, now)
        assert.strictEqual(row !== NONE, record !== undefined, at)
        if (row !== NONE) assert.strictEqual(table.isTold(row, slot), record?.told.has(slot), at)
        break
      }
      default: {
        const isNew = naive.receive(kind, hash, slot, now)
        if (!isNew) reached.repeated++
        assert.strictEqual(table.receive(kind, hash, slot, now), isNew, at)
        assert.strictEqual(table.entries, naive.records.size, at)
      }
    }
  }
  assert.strictEqual(table.evicted, naive.evicted)
  naive.expire(now)
  for (const [name, record] of naive.records) {
    const row = table.find(Number(name[0]), name.slice(2) as ItemHash, now)
    for (let slot = 0; slot < slots; slot++) assert.strictEqual(table.isTold(row, slot), record.told.has(slot))
  }
  return { ...reached, evicted: naive.evicted }
}

describe("FloodTable", () => {
  it("agrees with a naive model over 100,000 random calls that overfill it", () => {
    const reached = agree({ seed: 1, operations: 100_000, entries: 50, ttlMillis: 5000, hashes: 100 })
    for (const count of Object.values(reached)) assert.isAbove(count, 1000)
  })

  it("agrees with a naive model over 100,000 random calls while records expire", () => {
    const reached = agree({ seed: 2, operations: 100_000, entries: 1000, ttlMillis: 400, hashes: 150 })
    assert.isAbove(reached.repeated, 1000)
  })

  it("agrees with a naive model while it grows to thousands of records", () => {
    const reached = agree({ seed: 3, operations: 20_000, entries: 5000, ttlMillis: 100_000, hashes: 4000 })
    assert.isAbove(reached.forgotten, 300)
  })

  it("keeps a record until its age reaches the time to live, and no longer", () => {
    const flood = table({ ttlMillis: 1000 })
    flood.receive(KIND, hashOf(1), 0, 50)
    // A repetition does not make it younger.
    assert.isFalse(flood.receive(KIND, hashOf(1), 1, 900))
    assert.notStrictEqual(flood.find(KIND, hashOf(1), 1049), NONE)
    assert.strictEqual(flood.find(KIND, hashOf(1), 1050), NONE)
    assert.strictEqual(flood.entries, 0)
    assert.strictEqual(flood.evicted, 0)
  })

  it("evicts the oldest record when it is full, and counts it", () => {
    const flood = table({ entries: 3 })
    for (let i = 1; i <= 4; i++) flood.receive(KIND, hashOf(i), 0, i)
    assert.deepStrictEqual([1, 2, 3, 4].map((i) => flood.find(KIND, hashOf(i), 5) !== NONE), [false, true, true, true])
    assert.strictEqual(flood.evicted, 1)
  })

  it("does not let a message that was forgotten take the room of another", () => {
    const flood = table({ entries: 3 })
    flood.receive(KIND, hashOf(1), 0, 0)
    for (let i = 2; i < 1000; i++) {
      flood.receive(KIND, hashOf(i), 0, i)
      flood.forget(KIND, hashOf(i))
    }
    assert.notStrictEqual(flood.find(KIND, hashOf(1), 1000), NONE)
    assert.strictEqual(flood.evicted, 0)
  })

  it("drops the records of epochs below the oldest kept [ref 6.1 clearBelow]", () => {
    const flood = table()
    for (let epoch = 1; epoch <= 20; epoch++) {
      flood.advance(epoch, 0)
      flood.receive(KIND, hashOf(epoch), 0, 0)
    }
    flood.advance(21, 9)
    const left = Array.from({ length: 20 }, (_, i) => i + 1).filter((i) => flood.find(KIND, hashOf(i), 0) !== NONE)
    assert.deepStrictEqual(left, [9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20])
  })

  it("clears a slot in every record, so that its next owner was told nothing", () => {
    const flood = table({ entries: 5000 })
    for (let i = 0; i < 2000; i++) for (const slot of [4, 5, 40]) flood.receive(KIND, hashOf(i), slot, 0)
    flood.release(5)
    for (let i = 0; i < 2000; i++) {
      const row = flood.find(KIND, hashOf(i), 0)
      assert.deepStrictEqual([4, 5, 40].map((slot) => flood.isTold(row, slot)), [true, false, true])
    }
  })

  it("gives a new record no marks of the one whose place it took", () => {
    const flood = table({ entries: 1 })
    for (const slot of [0, 31, 32, 95]) flood.receive(KIND, hashOf(1), slot, 0)
    const row = flood.enter(KIND, hashOf(2), 0)
    assert.deepStrictEqual([0, 31, 32, 95].map((slot) => flood.isTold(row, slot)), [false, false, false, false])
  })

  it("knows who brought a message first, until that one has left", () => {
    const flood = table({ entries: 2 })
    for (const slot of [7, 3]) flood.receive(KIND, hashOf(1), slot, 0)
    assert.strictEqual(flood.bringer(flood.find(KIND, hashOf(1), 0)), 7)
    assert.strictEqual(flood.bringer(flood.enter(KIND, hashOf(2), 0)), -1)
    flood.receive(KIND, hashOf(2), 3, 0)
    assert.strictEqual(flood.bringer(flood.find(KIND, hashOf(2), 0)), -1)
    flood.release(7)
    assert.strictEqual(flood.bringer(flood.find(KIND, hashOf(1), 0)), -1)
    flood.receive(KIND, hashOf(3), 3, 0)
    assert.strictEqual(flood.bringer(flood.find(KIND, hashOf(3), 0)), 3)
  })

  it("keeps who brought a message when it grows", () => {
    const flood = table({ entries: 1000 })
    for (let i = 0; i < 200; i++) flood.receive(KIND, hashOf(i), i % 10, 0)
    assert.deepStrictEqual([0, 63, 64, 199].map((i) => flood.bringer(flood.find(KIND, hashOf(i), 0))), [0, 3, 4, 9])
  })

  it("begins with a few kilobytes and stays beneath 17 MB at its bound", () => {
    const flood = table({ entries: 262_144 })
    flood.receive(KIND, hashOf(0), 95, 0)
    assert.isBelow(flood.bytes, 8192)
    for (let i = 0; i < 300_000; i++) flood.receive(KIND, hashOf(i), i % 96, 0)
    assert.strictEqual(flood.entries, 262_144)
    assert.strictEqual(flood.evicted, 300_000 - 262_144)
    assert.isBelow(flood.bytes, 17_000_000)
  })
})
