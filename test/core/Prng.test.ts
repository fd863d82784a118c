/**
 * Random numbers from a seed.
 */
import { assert, describe, it } from "@effect/vitest"
import { Prng, stream } from "../../src/core/Prng.ts"

const draws = (prng: Prng, count: number): ReadonlyArray<number> => Array.from({ length: count }, () => prng.nextU32())

/** The chi-squared statistic of counts that should be equal. */
const unevenness = (counts: ReadonlyArray<number>): number => {
  const expected = counts.reduce((sum, count) => sum + count, 0) / counts.length
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
}

const counted = (kinds: number, cases: number, draw: () => number): ReadonlyArray<number> => {
  const counts = Array.from({ length: kinds }, () => 0)
  for (let i = 0; i < cases; i++) counts[draw()]!++
  return counts
}

describe("A stream of random numbers", () => {
  it("is sfc32: ten published numbers of its state 0, 12345, 0, 1, behind the twelve that others skip", () => {
    // From the tests of github.com/maloquacious/prng, a Go implementation, after "Upgrading PRNG" of simblob.blogspot.com.
    assert.deepStrictEqual(draws(new Prng([0, 12345, 0, 1]), 22).slice(12), [
      235160590,
      2967261163,
      116171463,
      2882324903,
      362604721,
      4227106926,
      1933307004,
      1608300071,
      2256615412,
      2701957640
    ])
  })

  it("is decided by its seed and its name: these numbers never change", () => {
    assert.deepStrictEqual(draws(stream(42, "node 7"), 4), [1079593246, 3372491612, 95794366, 199051143])
  })

  it("differs with the seed, in each half of it, and with the name, in each letter of it", () => {
    const firsts = [0, 1, -1, 2 ** 32, 2 ** 32 + 1, 2 ** 53 - 1].flatMap((seed) =>
      ["", "a", "b", "aa", "ab", "ba", "\u0001a", "node 1", "node 10", "\u{1f30d}"].map((name) =>
        draws(stream(seed, name), 2).join()
      )
    )
    assert.strictEqual(new Set(firsts).size, 60)
  })

  it("of neighbouring seeds and names has nothing in common: each bit of the first number is set half of the time", () => {
    for (let bit = 0; bit < 32; bit++) {
      let set = 0
      for (let i = 0; i < 2000; i++) set += (stream(i, `node ${i % 10}`).nextU32() >>> bit) & 1
      // Five standard deviations of 2,000 coins.
      assert.isBelow(Math.abs(set - 1000), 112, `bit ${bit}`)
    }
  })

  it("forks into streams that depend on its name and theirs, not on what was drawn from it", () => {
    const fresh = stream(1, "node")
    const used = stream(1, "node")
    draws(used, 100)
    const expected = draws(fresh.fork("latency"), 3)
    assert.deepStrictEqual(draws(used.fork("latency"), 3), expected)
    for (
      const other of [
        fresh.fork("loss"),
        stream(1, "nodelatency"),
        stream(1, "latency"),
        stream(2, "node").fork("latency")
      ]
    ) {
      assert.notDeepEqual(draws(other, 3), expected)
    }
    assert.deepStrictEqual(draws(fresh, 3), draws(stream(1, "node"), 3))
  })
})

describe("A number below n", () => {
  it("comes out equally often, for an n that does not divide 2^32", () => {
    const prng = stream(3, "below")
    // 99.99 % of fair counts stay below 23.5 (2 degrees of freedom: 18.4; 6: 27.9; 999: 1,173).
    for (const [n, limit] of [[3, 18.4], [7, 27.9], [1000, 1173]] as const) {
      assert.isBelow(unevenness(counted(n, 100_000, () => prng.below(n))), limit, `below ${n}`)
    }
  })

  it("is exact where a remainder would not be: of 3 x 2^30 each third gets a third", () => {
    // The remainder of a division would give the first third half of the numbers.
    const prng = stream(4, "thirds")
    const counts = counted(3, 30_000, () => Math.floor(prng.below(3 * 2 ** 30) / 2 ** 30))
    assert.isBelow(unevenness(counts), 18.4)
  })

  it("reaches both ends of the widest range, and is 0 for an n of 1 or less without a draw", () => {
    const prng = stream(5, "ends")
    const wide = Array.from({ length: 1000 }, () => prng.below(2 ** 32))
    assert.isTrue(Math.min(...wide) < 2 ** 26 && Math.max(...wide) > 2 ** 32 - 2 ** 26)
    const idle = stream(5, "idle")
    assert.deepStrictEqual([idle.below(1), idle.below(0), idle.below(-3)], [0, 0, 0])
    assert.deepStrictEqual(draws(idle, 2), draws(stream(5, "idle"), 2))
  })
})

describe("What is made of numbers", () => {
  it("a chance comes as often as it says, never at 0, and always at 1", () => {
    const prng = stream(6, "chance")
    const often = (numerator: number, denominator: number): number =>
      counted(2, 30_000, () => prng.chance(numerator, denominator) ? 1 : 0)[1] ?? 0
    assert.isBelow(Math.abs(often(1, 3) - 10_000), 409)
    assert.deepStrictEqual([often(0, 7), often(7, 7)], [0, 30_000])
  })

  it("bytes are the numbers of the stream, low byte first, and a rest of the last is left out", () => {
    const prng = stream(7, "bytes")
    const [first = 0, second = 0] = draws(stream(7, "bytes"), 2)
    const expected = [first, first >>> 8, first >>> 16, first >>> 24, second, second >>> 8].map((byte) => byte & 0xff)
    assert.deepStrictEqual([...prng.bytes(6)], expected)
    assert.strictEqual(prng.nextU32(), draws(stream(7, "bytes"), 3)[2])
    assert.strictEqual(prng.bytes(0).length, 0)
  })

  it("a shuffle keeps what is in the list, and all 24 orders of four come out equally often", () => {
    const prng = stream(8, "shuffle")
    const orders = new Map<string, number>()
    for (let i = 0; i < 24_000; i++) {
      const list = [0, 1, 2, 3]
      prng.shuffle(list)
      orders.set(list.join(), (orders.get(list.join()) ?? 0) + 1)
    }
    assert.strictEqual(orders.size, 24)
    // 99.99 % of fair counts, 23 degrees of freedom.
    assert.isBelow(unevenness([...orders.values()]), 55)
  })
})
