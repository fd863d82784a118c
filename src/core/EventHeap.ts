/**
 * What is due when: items by time, and at equal times in the order in which they were put in.
 */

const FIRST_CAPACITY = 1024
/** Children of a place in the heap: with four, a heap of a million is ten levels deep, and siblings share cache lines. */
const ARITY_BITS = 2

/** Something in the heap, as whoever put it there holds it. To be called as a method: it carries no closure. */
export interface Scheduled {
  /** Calls it off. Nothing happens if it was taken out or called off before. */
  cancel(): void
}

class Entry<A extends object> implements Scheduled {
  /** Undefined once it was taken or called off. */
  item: A | undefined
  private readonly cancellations: { count: number }

  constructor(item: A, cancellations: { count: number }) {
    this.item = item
    this.cancellations = cancellations
  }

  cancel(): void {
    if (this.item === undefined) return
    this.item = undefined
    this.cancellations.count++
  }
}

/**
 * A heap by (time, sequence).
 *
 * What orders it lies in typed arrays, so that moving a place up or down touches no object. Calling off is constant: the
 * place stays until its time, or until the heap is full and then swept, so that it never has more than twice the places
 * that are in use.
 */
export class EventHeap<A extends object> {
  private readonly limit: number
  private times: Float64Array
  private sequences: Float64Array
  /** Which row of `entries` stands at a place of the heap. */
  private rows: Int32Array
  private readonly entries: Array<Entry<A> | undefined> = []
  /** Rows that can be used again, as a stack. */
  private freeRows: Int32Array
  private freeCount = 0
  private size = 0
  private sequence = 0
  private readonly cancellations = { count: 0 }

  /** Holds at most `limit` items. */
  constructor(limit: number) {
    this.limit = limit
    const capacity = Math.min(FIRST_CAPACITY, limit)
    this.times = new Float64Array(capacity)
    this.sequences = new Float64Array(capacity)
    this.rows = new Int32Array(capacity)
    this.freeRows = new Int32Array(capacity)
  }

  /** How many items are due some time. */
  get length(): number {
    return this.size - this.cancellations.count
  }

  /** Puts in an item that is due at a time (a whole number up to 2^53 - 1), or returns undefined if the heap is full. */
  push(time: number, item: A): Scheduled | undefined {
    if (this.size === this.times.length && !this.makeRoom()) return undefined
    const entry = new Entry(item, this.cancellations)
    const row = this.freeCount > 0 ? this.freeRows[--this.freeCount]! : this.entries.length
    this.entries[row] = entry
    this.rise(this.size++, time, this.sequence++, row)
    return entry
  }

  /** When the next item is due; Infinity if there is none. */
  nextTime(): number {
    while (this.size > 0) {
      if (this.entries[this.rows[0]!]!.item !== undefined) return this.times[0]!
      this.cancellations.count--
      this.removeFirst()
    }
    return Infinity
  }

  /** Takes out the item that is due first. */
  pop(): A | undefined {
    while (this.size > 0) {
      const entry = this.entries[this.rows[0]!]!
      this.removeFirst()
      const item = entry.item
      if (item !== undefined) {
        entry.item = undefined
        return item
      }
      this.cancellations.count--
    }
    return undefined
  }

  private removeFirst(): void {
    const row = this.rows[0]!
    this.entries[row] = undefined
    this.freeRows[this.freeCount++] = row
    const last = --this.size
    if (last > 0) this.sink(0, this.times[last]!, this.sequences[last]!, this.rows[last]!)
  }

  /** Fills the hole at a place with an entry, or with a parent that is due later, and so on upwards. */
  private rise(hole: number, time: number, sequence: number, row: number): void {
    const times = this.times
    const sequences = this.sequences
    const rows = this.rows
    let at = hole
    while (at > 0) {
      const parent = (at - 1) >> ARITY_BITS
      // What is new has the highest sequence: at equal times it stays behind.
      if (times[parent]! <= time) break
      times[at] = times[parent]!
      sequences[at] = sequences[parent]!
      rows[at] = rows[parent]!
      at = parent
    }
    times[at] = time
    sequences[at] = sequence
    rows[at] = row
  }

  /** Fills the hole at a place with an entry, or with the first of the children that is due before it, and so on downwards. */
  private sink(hole: number, time: number, sequence: number, row: number): void {
    const times = this.times
    const sequences = this.sequences
    const rows = this.rows
    const size = this.size
    let at = hole
    for (;;) {
      const first = (at << ARITY_BITS) + 1
      if (first >= size) break
      const end = Math.min(first + (1 << ARITY_BITS), size)
      let least = first
      let leastTime = times[first]!
      for (let child = first + 1; child < end; child++) {
        const childTime = times[child]!
        if (childTime < leastTime || (childTime === leastTime && sequences[child]! < sequences[least]!)) {
          least = child
          leastTime = childTime
        }
      }
      if (time < leastTime || (time === leastTime && sequence < sequences[least]!)) break
      times[at] = leastTime
      sequences[at] = sequences[least]!
      rows[at] = rows[least]!
      at = least
    }
    times[at] = time
    sequences[at] = sequence
    rows[at] = row
  }

  private makeRoom(): boolean {
    const isFull = this.size === this.limit
    if (this.cancellations.count > (isFull ? 0 : this.size / 2)) this.sweep()
    else if (isFull) return false
    else this.grow(Math.min(this.size * 2, this.limit))
    return true
  }

  private grow(capacity: number): void {
    const grown = <Column extends Float64Array | Int32Array>(from: Column, into: Column): Column => {
      into.set(from)
      return into
    }
    this.times = grown(this.times, new Float64Array(capacity))
    this.sequences = grown(this.sequences, new Float64Array(capacity))
    this.rows = grown(this.rows, new Int32Array(capacity))
    this.freeRows = grown(this.freeRows, new Int32Array(capacity))
  }

  /** Removes what was called off, and orders the rest anew: the order of (time, sequence) is total, so nothing changes places. */
  private sweep(): void {
    let kept = 0
    for (let at = 0; at < this.size; at++) {
      const row = this.rows[at]!
      if (this.entries[row]!.item === undefined) {
        this.entries[row] = undefined
        this.freeRows[this.freeCount++] = row
        continue
      }
      this.times[kept] = this.times[at]!
      this.sequences[kept] = this.sequences[at]!
      this.rows[kept] = row
      kept++
    }
    this.size = kept
    this.cancellations.count = 0
    for (let at = (kept - 2) >> ARITY_BITS; at >= 0; at--) {
      this.sink(at, this.times[at]!, this.sequences[at]!, this.rows[at]!)
    }
  }
}
