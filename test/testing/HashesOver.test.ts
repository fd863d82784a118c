import { assert, describe, it } from "@effect/vitest"
import * as ItemHash from "../../src/core/ItemHash.ts"
import { stream } from "../../src/core/Prng.ts"
import { HashesOver, makeKeys, Mark } from "../../src/testing/stellar/properties/HashesOver.ts"

describe("The hashes of a way", () => {
  const drawn = stream(1, "hashes of the test")
  const hashes = Array.from({ length: 3000 }, () => ItemHash.fromBytes(drawn.bytes(ItemHash.ITEM_HASH_BYTES)))

  it("keep when each was first heard of, however many there are", () => {
    const way = new HashesOver(makeKeys())
    for (const [i, hash] of hashes.entries()) if (i % 2 === 0) way.hear(hash, i)
    for (const hash of hashes.slice(0, 100)) way.hear(hash, 5000)
    for (const [i, hash] of hashes.entries()) {
      const expected = i % 2 === 0 ? i : i < 100 ? 5000 : undefined
      assert.strictEqual(way.heardMicros(hash), expected)
    }
  })

  it("keep marks apart from one another, and from what was heard", () => {
    const way = new HashesOver(makeKeys())
    const [one, other] = [hashes[0]!, hashes[1]!]
    assert.isTrue(way.mark(one, Mark.Sent))
    assert.isFalse(way.mark(one, Mark.Sent))
    assert.isTrue(way.mark(one, Mark.Demanded))
    assert.isTrue(way.has(one, Mark.Sent))
    assert.isFalse(way.has(one, Mark.Advertised))
    assert.isFalse(way.has(other, Mark.Sent))
    assert.isUndefined(way.heardMicros(one))
    way.hear(one, 0)
    assert.strictEqual(way.heardMicros(one), 0)
    assert.isTrue(way.has(one, Mark.Demanded))
  })

  it("of one way are not those of another, though they share their keys", () => {
    const keys = makeKeys()
    const [here, there] = [new HashesOver(keys), new HashesOver(keys)]
    here.hear(hashes[0]!, 1)
    assert.isUndefined(there.heardMicros(hashes[0]!))
  })
})
