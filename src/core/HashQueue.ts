/**
 * A bounded queue of keys by age, in which each key is also found by what it is.
 *
 * It gives out row numbers; what is to be known about a key stands in columns of its owner at that row. All of it lies in
 * typed arrays that begin small and double, so that memory follows use and the collector has nothing to walk.
 */
import { KEY_WORDS } from "./HashKeys.ts"

/** No row. */
export const NONE = -1

const FIRST_CAPACITY = 64
const NO_WORDS = new Int32Array(0)

/**
 * Keys in the order in which they came.
 *
 * Open addressing with linear probing; the index has at least 5/4 as many places as there are rows. An entry of the index
 * is 32 bits: the row plus one in as many bits as the bound needs (0 is an empty place), above it bits of the key's second
 * word, so that a foreign row is hardly ever looked at. A removed entry leaves no mark: those behind it move up.
 *
 * Costs: `find`, `push` and `remove` are constant. Doubling copies the rows and builds the index anew: from 131,072
 * to 262,144 keys about 3 ms, once.
 */
export class HashQueue {
  readonly #limit: number
  readonly #words: number
  readonly #rowMask: number
  readonly #tagMask: number
  #keys: Int32Array
  /** The row that came after; of a free row the next free one. */
  #younger: Int32Array
  #older: Int32Array
  #index = NO_WORDS
  #indexMask = 0
  #indexShift = 0
  #oldest = NONE
  #youngest = NONE
  #free = NONE
  /** Rows from here on were never used. */
  #fresh = 0
  #length = 0

  /** Holds at most `limit` keys (below 2^24), and of each key its first `words` words: 2 (64 bits) to 4 (128 bits). */
  constructor(limit: number, words: 2 | 3 | 4 = KEY_WORDS) {
    this.#limit = limit
    this.#words = words
    this.#rowMask = (1 << (32 - Math.clz32(limit))) - 1
    this.#tagMask = ~this.#rowMask
    // Nothing is made before the first key: a node has two queues a peer, and many stay empty.
    this.#keys = NO_WORDS
    this.#younger = NO_WORDS
    this.#older = NO_WORDS
  }

  /** How many keys there are. */
  get length(): number {
    return this.#length
  }

  /** Whether a further key needs an older one to go. */
  get isFull(): boolean {
    return this.#length === this.#limit
  }

  /** How many rows columns must have: grows with `push`. */
  get capacity(): number {
    return this.#younger.length
  }

  /** The bytes that its arrays take. */
  get bytes(): number {
    return this.#keys.byteLength + this.#younger.byteLength + this.#older.byteLength + this.#index.byteLength
  }

  /** The row of the oldest key, or `NONE`. */
  get oldest(): number {
    return this.#oldest
  }

  /** The row that came after this one, or `NONE`. */
  younger(row: number): number {
    return this.#younger[row]!
  }

  /** The row of this key, or `NONE`. */
  find(key: Int32Array): number {
    if (this.#length === 0) return NONE
    const index = this.#index
    const tag = key[1]! & this.#tagMask
    let at = key[0]! >>> this.#indexShift
    for (;;) {
      const entry = index[at]!
      if (entry === 0) return NONE
      if ((entry & this.#tagMask) === tag) {
        const row = (entry & this.#rowMask) - 1
        if (this.#isKeyOf(row, key)) return row
      }
      at = (at + 1) & this.#indexMask
    }
  }

  /** Adds a key that is not in the queue as the youngest. The caller has made room: `isFull` is false. The row it got. */
  push(key: Int32Array): number {
    const row = this.#takeRow()
    for (let word = 0, at = row * this.#words; word < this.#words; word++, at++) this.#keys[at] = key[word]!
    this.#enter(row)
    this.#linkYoungest(row)
    this.#length++
    return row
  }

  /** Makes the key of this row the youngest. */
  refresh(row: number): void {
    if (row === this.#youngest) return
    this.#unlink(row)
    this.#linkYoungest(row)
  }

  /** Removes the key of this row, and frees the row. */
  remove(row: number): void {
    this.#leave(row)
    this.#unlink(row)
    this.#release(row)
  }

  /**
   * Removes the `count` oldest keys. When they are many the index is built anew for the others: so even a full table is
   * thinned out in a few milliseconds.
   */
  dropOldest(count: number): void {
    // Measured: to enter a key costs a quarter of removing one, to clear its share of the index a sixteenth of that.
    if (count * 4 <= this.#length - count + this.capacity / 16) {
      for (let i = 0; i < count; i++) this.remove(this.#oldest)
      return
    }
    // Oldest first they already are a chain: it becomes the head of the free rows.
    const first = this.#oldest
    let last = first
    for (let i = 1; i < count; i++) last = this.#younger[last]!
    this.#oldest = this.#younger[last]!
    if (this.#oldest === NONE) this.#youngest = NONE
    else this.#older[this.#oldest] = NONE
    this.#younger[last] = this.#free
    this.#free = first
    this.#length -= count
    this.#reindex()
  }

  #isKeyOf(row: number, key: Int32Array): boolean {
    for (let word = 0, at = row * this.#words; word < this.#words; word++, at++) {
      if (this.#keys[at] !== key[word]) return false
    }
    return true
  }

  #takeRow(): number {
    const free = this.#free
    if (free !== NONE) {
      this.#free = this.#younger[free]!
      return free
    }
    if (this.#fresh === this.capacity) this.#grow()
    return this.#fresh++
  }

  #release(row: number): void {
    this.#younger[row] = this.#free
    this.#free = row
    this.#length--
  }

  #linkYoungest(row: number): void {
    this.#younger[row] = NONE
    this.#older[row] = this.#youngest
    if (this.#youngest === NONE) this.#oldest = row
    else this.#younger[this.#youngest] = row
    this.#youngest = row
  }

  #unlink(row: number): void {
    const younger = this.#younger[row]!
    const older = this.#older[row]!
    if (younger === NONE) this.#youngest = older
    else this.#older[younger] = older
    if (older === NONE) this.#oldest = younger
    else this.#younger[older] = younger
  }

  /** The place in the index where the search for this row's key begins. */
  #home(row: number): number {
    return this.#keys[row * this.#words]! >>> this.#indexShift
  }

  #enter(row: number): void {
    const index = this.#index
    let at = this.#home(row)
    while (index[at] !== 0) at = (at + 1) & this.#indexMask
    index[at] = (this.#keys[row * this.#words + 1]! & this.#tagMask) | (row + 1)
  }

  #leave(row: number): void {
    const index = this.#index
    const mask = this.#indexMask
    let hole = this.#home(row)
    while ((index[hole]! & this.#rowMask) !== row + 1) hole = (hole + 1) & mask
    for (let at = (hole + 1) & mask;; at = (at + 1) & mask) {
      const entry = index[at]!
      if (entry === 0) break
      // An entry may move up unless the hole lies before its home, where no search for it would begin.
      const home = this.#home((entry & this.#rowMask) - 1)
      if (((at - home) & mask) >= ((at - hole) & mask)) {
        index[hole] = entry
        hole = at
      }
    }
    index[hole] = 0
  }

  #grow(): void {
    const capacity = Math.min(Math.max(FIRST_CAPACITY, this.capacity * 2), this.#limit)
    this.#keys = widened(this.#keys, new Int32Array(capacity * this.#words))
    this.#younger = widened(this.#younger, new Int32Array(capacity))
    this.#older = widened(this.#older, new Int32Array(capacity))
    this.#reindex()
  }

  #reindex(): void {
    const bits = 32 - Math.clz32(Math.max(1, Math.ceil(this.capacity * 1.25) - 1))
    if (this.#index.length === 1 << bits) this.#index.fill(0)
    else this.#index = new Int32Array(1 << bits)
    this.#indexMask = (1 << bits) - 1
    this.#indexShift = 32 - bits
    for (let row = this.#oldest; row !== NONE; row = this.#younger[row]!) this.#enter(row)
  }
}

/** Copies a column into a longer one. */
export const widened = <Column extends Uint8Array | Int32Array | Uint32Array | Float64Array>(
  from: Column,
  into: Column
): Column => {
  into.set(from)
  return into
}
