import { assert, describe, it } from "@effect/vitest"
import { ParcelPool } from "../../../src/layers/simulation/ParcelPool.ts"

const bytesOf = (length: number, first = 1): Uint8Array => Uint8Array.from({ length }, (_, i) => (first + i) & 0xff)

describe("A pool of parcels", () => {
  it("gives parcels that carry the bytes, with not much more room", () => {
    const pool = new ParcelPool(10_000_000)
    for (const length of [1, 63, 64, 65, 300, 1024, 1025, 65_536, 65_537, 1_000_000]) {
      const parcel = pool.take(bytesOf(length))
      assert.deepStrictEqual(parcel.bytes, bytesOf(length))
      assert.isBelow(parcel.capacity, Math.max(65, 2 * length))
    }
  })

  it("gives a parcel again that came back, to who needs no more room, and only once", () => {
    const pool = new ParcelPool(1_000_000)
    const parcel = pool.take(bytesOf(300))
    pool.give(parcel)
    assert.notStrictEqual(pool.take(bytesOf(513)), parcel)
    assert.strictEqual(pool.take(bytesOf(512, 7)), parcel)
    assert.deepStrictEqual(parcel.bytes, bytesOf(512, 7))
    assert.notStrictEqual(pool.take(bytesOf(512)), parcel)
  })

  it("lets no parcel write where another one lies", () => {
    const pool = new ParcelPool(1_000_000)
    const parcels = Array.from({ length: 1000 }, (_, i) => pool.take(bytesOf(200 + (i % 100), i)))
    parcels.forEach(({ bytes }, i) => assert.deepStrictEqual(bytes, bytesOf(200 + (i % 100), i)))
  })

  it("keeps no more than it may", () => {
    const pool = new ParcelPool(1024)
    const three = () => [pool.take(bytesOf(512)), pool.take(bytesOf(512)), pool.take(bytesOf(512))]
    const parcels = three()
    for (const parcel of parcels) pool.give(parcel)
    assert.strictEqual(three().filter((parcel) => parcels.includes(parcel)).length, 2)
  })

  it("keeps nothing that is too long", () => {
    const pool = new ParcelPool(1_000_000)
    const parcel = pool.take(bytesOf(100_000))
    pool.give(parcel)
    assert.notStrictEqual(pool.take(bytesOf(100_000)), parcel)
    assert.notStrictEqual(pool.take(bytesOf(65_536)), parcel)
  })
})
