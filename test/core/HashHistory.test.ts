import { assert, describe, it } from "@effect/vitest"
import { HashHistory } from "../../src/core/HashHistory.ts"
import { HashKeys, SALT_BYTES } from "../../src/core/HashKeys.ts"
import { bytesOf, hashOf, numbers } from "../support/floods.ts"

const keys = new HashKeys(bytesOf(7, SALT_BYTES))

describe("HashKeys", () => {
  /** How many of the names fall into the fullest of 4,096 places. */
  const fullest = (keys: HashKeys, names: number, name: (i: number) => number) => {
    const places = new Map<number, number>()
    for (let i = 0; i < names; i++) {
      keys.make(0, hashOf(name(i)))
      const place = keys.key[0]! >>> 20
      places.set(place, (places.get(place) ?? 0) + 1)
    }
    return Math.max(...places.values())
  }

  it("spreads names that differ only in few bits, whatever the salt", () => {
    // 4,096 names in 4,096 places: chance alone puts 7 or 8 into the fullest.
    for (let seed = 0; seed < 20; seed++) {
      const keys = new HashKeys(bytesOf(seed, SALT_BYTES))
      assert.isBelow(fullest(keys, 4096, (i) => numbers(i)(2 ** 32)), 16)
      assert.isBelow(fullest(keys, 4096, (i) => i << 20), 512)
    }
  })

  it("gives the same hash another key under another kind and under another salt", () => {
    const key = (salt: number, kind: number) => {
      const keys = new HashKeys(bytesOf(salt, SALT_BYTES))
      keys.make(kind, hashOf(1))
      return keys.key.join()
    }
    assert.strictEqual(key(1, 1), key(1, 1))
    assert.strictEqual(new Set([key(1, 1), key(1, 2), key(2, 1), key(2, 2)]).size, 4)
  })

  it("leaves the key that was asked for last, whatever was asked before", () => {
    const below = numbers(11)
    const used = new HashKeys(bytesOf(3, SALT_BYTES))
    for (let i = 0; i < 1000; i++) {
      const [kind, name] = [below(2), below(3)]
      const fresh = new HashKeys(bytesOf(3, SALT_BYTES))
      used.make(kind, hashOf(name))
      fresh.make(kind, hashOf(name))
      assert.deepStrictEqual(used.key, fresh.key)
    }
  })
})

describe("HashHistory", () => {
  it("agrees with a naive model over 100,000 random calls", () => {
    const below = numbers(5)
    const history = new HashHistory(keys, 200)
    const naive = new Map<number, number>()
    for (let stamp = 0; stamp < 100_000; stamp++) {
      const number = below(400)
      if (below(3) === 0) {
        assert.strictEqual(history.has(hashOf(number)), naive.has(number))
      } else if (below(500) === 0) {
        const oldestKept = stamp - below(300)
        history.dropBelow(oldestKept)
        for (const [name, noted] of naive) if (noted < oldestKept) naive.delete(name)
      } else {
        const isNew = !naive.delete(number)
        assert.strictEqual(history.note(hashOf(number), stamp), isNew)
        naive.set(number, stamp)
        if (naive.size > 200) naive.delete(naive.keys().next().value!)
      }
      assert.strictEqual(history.entries, naive.size)
    }
  })

  it("forgets the hash that was not noted for longest when it is full", () => {
    const history = new HashHistory(keys, 3)
    for (const number of [1, 2, 3, 1, 4]) history.note(hashOf(number), 0)
    assert.deepStrictEqual([1, 2, 3, 4].map((number) => history.has(hashOf(number))), [true, false, true, true])
  })

  it("takes at most 1.5 MB for 50,000 hashes", () => {
    const history = new HashHistory(keys, 50_000)
    assert.isBelow(history.bytes, 4096)
    for (let number = 0; number < 60_000; number++) history.note(hashOf(number), 0)
    assert.strictEqual(history.entries, 50_000)
    assert.isBelow(history.bytes, 1_500_000)
  })
})
