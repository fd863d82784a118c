/**
 * Which flooded messages came by, and which peers know them: the state of the flood gate.
 *
 * A record is exact: it stays until its age reaches the time to live, until its epoch is too old, until it is forgotten, or
 * until it is the oldest of a full table. Peers are slots, small numbers that no two live peers share.
 */
import type { HashKeys } from "./HashKeys.ts"
import { HashQueue, NONE, widened } from "./HashQueue.ts"
import type { ItemHash } from "./ItemHash.ts"

/** The slot of nobody. */
const NOBODY = -1

/** The bounds of a table. */
export interface FloodTableOptions {
  readonly keys: HashKeys
  /** Records at most; beyond it the oldest is evicted. */
  readonly entries: number
  /** How long a record stays. Reached means gone. */
  readonly ttlMillis: number
  /** Slots are below this. A peer with a higher one never counts as told, which costs repetitions and no loss. */
  readonly slots: number
}

/**
 * The table. A record takes 52 bytes, and 4 more for each 32 slots in use: 16.8 MB for 262,144 records and 96 slots. It
 * takes nothing before its first record, then room for 64, and doubles.
 *
 * `now` is a time in milliseconds that never goes back. A row number that a method returned is good until the next call
 * that is given a `now`, or `forget`, or `advance`.
 */
export class FloodTable {
  readonly #keys: HashKeys
  readonly #queue: HashQueue
  readonly #ttlMillis: number
  readonly #slots: number
  #epochs: Float64Array
  /** The slot of who brought each message first, or `NOBODY`. */
  #bringers: Int32Array
  #born: Float64Array
  /** A column for each 32 slots, made when one of them is first told something. */
  readonly #told: Array<Int32Array> = []
  #epoch = 0
  #evicted = 0

  constructor(options: FloodTableOptions) {
    this.#keys = options.keys
    this.#queue = new HashQueue(options.entries)
    this.#ttlMillis = options.ttlMillis
    this.#slots = options.slots
    this.#epochs = new Float64Array(this.#queue.capacity)
    this.#bringers = new Int32Array(this.#queue.capacity)
    this.#born = new Float64Array(this.#queue.capacity)
  }

  /** How many records there are; those whose time is over leave with the next call that is given a `now`. */
  get entries(): number {
    return this.#queue.length
  }

  /** The bytes that its arrays take. */
  get bytes(): number {
    const columns = this.#told.length * this.#queue.capacity * Int32Array.BYTES_PER_ELEMENT
    return this.#queue.bytes + this.#epochs.byteLength + this.#bringers.byteLength + this.#born.byteLength + columns
  }

  /** How many records were evicted because the table was full. */
  get evicted(): number {
    return this.#evicted
  }

  /** Notes that the peer in this slot has the message. `true` if there was no record of it. */
  receive(kind: number, hash: ItemHash, slot: number, now: number): boolean {
    const known = this.find(kind, hash, now)
    const row = known === NONE ? this.#add(now, slot) : known
    this.tell(row, slot)
    return known === NONE
  }

  /** The row of the message's record, which is made if there is none. */
  enter(kind: number, hash: ItemHash, now: number): number {
    const known = this.find(kind, hash, now)
    return known === NONE ? this.#add(now, NOBODY) : known
  }

  /** The row of the message's record, or `NONE`. */
  find(kind: number, hash: ItemHash, now: number): number {
    this.#expire(now)
    this.#keys.make(kind, hash)
    return this.#queue.find(this.#keys.key)
  }

  /** The slot of who brought the message of this row first; `NOBODY` if it was made here, or who did has left. */
  bringer(row: number): number {
    return this.#bringers[row]!
  }

  /** Whether the peer in this slot is known to have the message of this row. */
  isTold(row: number, slot: number): boolean {
    const column = this.#told[slot >>> 5]
    return column !== undefined && (column[row]! & (1 << (slot & 31))) !== 0
  }

  /** Marks the peer in this slot as having the message of this row. */
  tell(row: number, slot: number): void {
    if (slot >= this.#slots) return
    const at = slot >>> 5
    while (this.#told.length <= at) this.#told.push(new Int32Array(this.#queue.capacity))
    this.#told[at]![row]! |= 1 << (slot & 31)
  }

  /** Drops the record of the message. `false` if there was none. */
  forget(kind: number, hash: ItemHash): boolean {
    this.#keys.make(kind, hash)
    const row = this.#queue.find(this.#keys.key)
    if (row === NONE) return false
    this.#queue.remove(row)
    return true
  }

  /**
   * Sets the epoch of new records, and drops records of an epoch below `oldestKept`. Epochs do not go back: of a lower one
   * than before only the dropping is done.
   */
  advance(epoch: number, oldestKept: number): void {
    this.#epoch = Math.max(this.#epoch, epoch)
    // Epochs and times grow with the row's youth, so what must go is always the old end of the queue.
    let count = 0
    for (
      let row = this.#queue.oldest;
      row !== NONE && this.#epochs[row]! < oldestKept;
      row = this.#queue.younger(row)
    ) {
      count++
    }
    this.#queue.dropOldest(count)
  }

  /**
   * Forgets what the peer in this slot was told and what it brought, before the slot has a new owner. Walks two columns: some 2
   * ms at 262,144 records.
   */
  release(slot: number): void {
    const bringers = this.#bringers
    for (let row = 0; row < bringers.length; row++) if (bringers[row] === slot) bringers[row] = NOBODY
    const column = this.#told[slot >>> 5]
    if (column === undefined) return
    const others = ~(1 << (slot & 31))
    for (let row = 0; row < column.length; row++) column[row]! &= others
  }

  #expire(now: number): void {
    const gone = now - this.#ttlMillis
    let row = this.#queue.oldest
    if (row === NONE || this.#born[row]! > gone) return
    let count = 0
    for (; row !== NONE && this.#born[row]! <= gone; row = this.#queue.younger(row)) count++
    this.#queue.dropOldest(count)
  }

  /** Adds a record for the key that `find` just made and did not find. */
  #add(now: number, bringer: number): number {
    if (this.#queue.isFull) {
      this.#queue.dropOldest(1)
      this.#evicted++
    }
    const row = this.#queue.push(this.#keys.key)
    if (row >= this.#born.length) this.#widen()
    this.#epochs[row] = this.#epoch
    this.#bringers[row] = bringer
    this.#born[row] = now
    for (let at = 0; at < this.#told.length; at++) this.#told[at]![row] = 0
    return row
  }

  #widen(): void {
    const capacity = this.#queue.capacity
    this.#epochs = widened(this.#epochs, new Float64Array(capacity))
    this.#bringers = widened(this.#bringers, new Int32Array(capacity))
    this.#born = widened(this.#born, new Float64Array(capacity))
    for (let at = 0; at < this.#told.length; at++) this.#told[at] = widened(this.#told[at]!, new Int32Array(capacity))
  }
}
