/**
 * A memory of bytes: what it says was said of those very bytes, and there is never more of it than was agreed.
 */
import { assert, describe, it } from "@effect/vitest"
import { stream } from "../../../src/core/Prng.ts"
import { RecentBytes } from "../../../src/core/simulation/RecentBytes.ts"

const BYTES = 1024
const PIECES = 16
/** The longest piece that is kept. */
const LONGEST = BYTES / 16

const bytesOf = (length: number, seed: number): Uint8Array => {
  const draw = stream(seed, "bytes")
  return Uint8Array.from({ length }, () => draw.below(256))
}

describe("a memory of bytes", () => {
  it("finds what it was told of the same bytes, wherever they lie", () => {
    for (let length = 4; length <= LONGEST; length++) {
      const memory = new RecentBytes<string>(BYTES, PIECES)
      const piece = bytesOf(length, length)
      const sent = new Uint8Array(length + 3)
      sent.set(piece, 3)
      memory.put(sent, 3, 3 + length, `${length} bytes`)
      const received = new Uint8Array(length + 12)
      for (let at = 0; at < 8; at++) {
        received.set(piece, at)
        // A view of a part of a buffer, as a chunk of a pool is.
        assert.strictEqual(memory.find(received.subarray(at), 0, length), `${length} bytes`)
        assert.strictEqual(memory.find(received, at, at + length), `${length} bytes`)
      }
    }
  })

  it("keeps a copy: what its owner does with the bytes changes nothing", () => {
    const memory = new RecentBytes<string>(BYTES, PIECES)
    const piece = bytesOf(40, 1)
    const same = piece.slice()
    memory.put(piece, 0, 40, "known")
    piece.fill(0, 0, 36)
    assert.isUndefined(memory.find(piece, 0, 40))
    assert.strictEqual(memory.find(same, 0, 40), "known")
  })

  it("knows nothing of bytes that differ in any bit, or in their number", () => {
    for (const length of [4, 7, 39, LONGEST]) {
      const memory = new RecentBytes<string>(BYTES, PIECES)
      const piece = bytesOf(length, 1)
      memory.put(piece, 0, length, "known")
      for (let bit = 0; bit < 8 * length; bit++) {
        const other = piece.slice()
        other[bit >> 3]! ^= 1 << (bit & 7)
        assert.isUndefined(memory.find(other, 0, length), `bit ${bit}`)
      }
      const longer = new Uint8Array(length + 2)
      longer.set(piece, 1)
      assert.isUndefined(memory.find(longer, 0, length + 1))
      assert.isUndefined(memory.find(longer, 1, length + 2))
      assert.isUndefined(memory.find(piece, 1, length))
    }
  })

  it("forgets the one of two that are alike at their ends, and does not mistake it for the other", () => {
    const memory = new RecentBytes<string>(BYTES, PIECES)
    const one = bytesOf(40, 1)
    const two = one.slice()
    two[0]! ^= 1
    memory.put(one, 0, 40, "one")
    memory.put(two, 0, 40, "two")
    assert.isUndefined(memory.find(one, 0, 40))
    assert.strictEqual(memory.find(two, 0, 40), "two")
  })

  it("knows what was said last of the same bytes", () => {
    const memory = new RecentBytes<string>(BYTES, PIECES)
    const piece = bytesOf(40, 1)
    memory.put(piece, 0, 40, "once")
    memory.put(piece, 0, 40, "again")
    assert.strictEqual(memory.find(piece, 0, 40), "again")
  })

  it("keeps nothing that is shorter than four bytes or longer than a sixteenth of it", () => {
    const memory = new RecentBytes<string>(BYTES, PIECES)
    const piece = bytesOf(LONGEST + 1, 1)
    for (const length of [0, 1, 2, 3, LONGEST + 1]) {
      memory.put(piece, 0, length, "known")
      assert.isUndefined(memory.find(piece, 0, length), `${length} bytes`)
    }
    assert.isUndefined(memory.find(new Uint8Array(LONGEST + 1), 0, LONGEST))
  })

  it("never answers wrongly, however often it is written over, and knows the last piece always", () => {
    const memory = new RecentBytes<string>(BYTES, PIECES)
    const draw = stream(1, "pieces")
    const told: Array<{ piece: Uint8Array; name: string }> = []
    let found = 0
    for (let i = 0; i < 3000; i++) {
      const piece = bytesOf(4 + draw.below(LONGEST - 3), i)
      told.push({ piece, name: String(i) })
      memory.put(piece, 0, piece.length, String(i))
      assert.strictEqual(memory.find(piece, 0, piece.length), String(i))
      const earlier = told[Math.max(0, i - draw.below(40))]!
      const answer = memory.find(earlier.piece, 0, earlier.piece.length)
      if (answer !== undefined) {
        assert.strictEqual(answer, earlier.name)
        found++
      }
    }
    // Some 16 places for a distance of up to 40: less than half, and far from none.
    assert.isAbove(found, 300)
    assert.isBelow(found, 1500)
  })

  it("does not know a piece that a later one only repeats where it lay", () => {
    const memory = new RecentBytes<string>(BYTES, PIECES)
    const piece = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
    memory.put(new Uint8Array(4), 0, 4, "first")
    memory.put(piece, 0, 12, "known")
    // Pieces of 60 bytes and their lengths fill the rest of the ring. The one behind them begins where the ring does.
    const filler = new Uint8Array(60)
    for (let i = 0; i < 15; i++) memory.put(filler, 0, 60, "filler")
    assert.strictEqual(memory.find(piece, 0, 12), "known")
    // Eight bytes were in front of the piece: a length of 4 bytes, and four bytes. Then its length, and it.
    const forged = new Uint8Array(60)
    forged[4] = 12
    forged.set(piece, 8)
    memory.put(forged, 0, 60, "forged")
    assert.isUndefined(memory.find(piece, 0, 12))
  })
})
