/**
 * What was last said of which bytes: a bounded memory that is asked with the bytes themselves.
 *
 * Where to look is told by the last four bytes of a piece and its length; whether it is the same piece, by all of them. So whoever
 * makes pieces that are alike at their ends makes it forget, and never gets an answer that belongs to other bytes.
 */

/** How many bytes are compared at a time. */
const WORD_BYTES = 4

/** Pieces of bytes, with what is known of each. What a new piece needs room for is forgotten, mostly the oldest. */
export class RecentBytes<Known> {
  private readonly longestBytes: number
  /** Copies of the pieces, each behind its length: written round and round, so that the oldest are overwritten. */
  private readonly ring: Uint8Array
  private readonly words: DataView
  /** All bytes that the ring ever went on by: where the next piece begins. */
  private written = 0
  /** Where the piece of each slot begins, counted as `written` is. */
  private readonly places: Float64Array
  private readonly known: Array<Known | undefined>

  /** Holds so many bytes in all, a piece of at most a sixteenth of them, and so many pieces: powers of two, both of them. */
  constructor(bytes: number, pieces: number) {
    this.longestBytes = bytes >> 4
    this.ring = new Uint8Array(bytes)
    this.words = new DataView(this.ring.buffer)
    this.places = new Float64Array(pieces).fill(-Infinity)
    this.known = new Array<Known | undefined>(pieces).fill(undefined)
  }

  /** Remembers this of `bytes[start, end)`, which are copied; but not of less than four bytes, or of too many. */
  put(bytes: Uint8Array, start: number, end: number, known: Known): void {
    const length = end - start
    if (length < WORD_BYTES || length > this.longestBytes) return
    const size = WORD_BYTES + length
    const left = this.ring.length - this.inRing(this.written)
    // A piece lies in one part.
    if (size > left) this.written += left
    const at = this.inRing(this.written)
    this.words.setInt32(at, length, true)
    this.ring.set(bytes.subarray(start, end), at + WORD_BYTES)
    const slot = this.slotOf(bytes, end, length)
    this.places[slot] = this.written
    this.known[slot] = known
    this.written += size
  }

  /** What is remembered of `bytes[start, end)`. */
  find(bytes: Uint8Array, start: number, end: number): Known | undefined {
    const length = end - start
    if (length < WORD_BYTES || length > this.longestBytes) return undefined
    const slot = this.slotOf(bytes, end, length)
    const place = this.places[slot]!
    // What lies there now has been written over it.
    if (this.written - place > this.ring.length) return undefined
    const at = this.inRing(place)
    if (this.words.getInt32(at, true) !== length) return undefined
    return this.isAt(at + WORD_BYTES, bytes, start, end) ? this.known[slot] : undefined
  }

  /** Tells whether the ring has the same bytes at `at`. */
  private isAt(at: number, bytes: Uint8Array, start: number, end: number): boolean {
    const { ring, words } = this
    const offset = at - start
    let difference = 0
    let from = start
    for (; from <= end - WORD_BYTES; from += WORD_BYTES) {
      difference |= wordAt(bytes, from) ^ words.getInt32(offset + from, true)
    }
    for (; from < end; from++) difference |= bytes[from]! ^ ring[offset + from]!
    return difference === 0
  }

  private inRing(place: number): number {
    return place & (this.ring.length - 1)
  }

  private slotOf(bytes: Uint8Array, end: number, length: number): number {
    return (wordAt(bytes, end - WORD_BYTES) ^ length) & (this.places.length - 1)
  }
}

const wordAt = (bytes: Uint8Array, at: number): number =>
  bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
