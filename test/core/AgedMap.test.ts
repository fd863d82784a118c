/**
 * Things by hash and by age.
 */
import { assert, describe, it } from "@effect/vitest"
import { AgedMap } from "../../src/core/AgedMap.ts"
import { hashOf, numbers } from "../support/floods.ts"

describe("A map that knows ages", () => {
  it("agrees with a naive model over 20,000 random calls", () => {
    const below = numbers(3)
    const map = new AgedMap<number>()
    const naive = new Map<string, Array<number>>()
    for (let call = 0; call < 20_000; call++) {
      const hash = hashOf(below(40))
      const known = map.get(hash)
      assert.deepStrictEqual(known && [known.value, known.since], naive.get(hash))
      const gone = below(3) === 0 ? map.oldest : known
      if (gone !== undefined) {
        map.remove(gone)
        naive.delete(gone.hash)
      } else if (known === undefined) {
        map.add(hash, call, call * 2)
        naive.set(hash, [call, call * 2])
      }
      assert.strictEqual(map.size, naive.size)
      assert.strictEqual(map.oldest?.hash, naive.keys().next().value)
    }
    const order: Array<string> = []
    for (let oldest = map.oldest; oldest !== undefined; oldest = map.oldest) {
      order.push(oldest.hash)
      map.remove(oldest)
    }
    assert.deepStrictEqual(order, [...naive.keys()])
    assert.isAbove(order.length, 5)
  })
})
