/**
 * A bounded memory of hashes, each with a number of when: an epoch, or a time.
 */
import type { HashKeys } from "./HashKeys.ts"
import { HashQueue, NONE, widened } from "./HashQueue.ts"
import type { ItemHash } from "./ItemHash.ts"

/** All histories keep one kind of thing. */
const KIND = 0

/** 64 bits: a wrong "seen" in a full history of 50,000 has a probability below 2^-34, and costs one advert. */
const WORDS = 2

/**
 * The hashes noted last. When it is full the one that was not noted for longest is forgotten.
 *
 * About 30 bytes a hash: 1.5 MB at 50,000. It takes nothing before its first, then room for 64, and doubles.
 */
export class HashHistory {
  readonly #keys: HashKeys
  readonly #queue: HashQueue
  #stamps: Float64Array

  constructor(keys: HashKeys, entries: number) {
    this.#keys = keys
    this.#queue = new HashQueue(entries, WORDS)
    this.#stamps = new Float64Array(this.#queue.capacity)
  }

  /** How many hashes are remembered. */
  get entries(): number {
    return this.#queue.length
  }

  /** The bytes that its arrays take. */
  get bytes(): number {
    return this.#queue.bytes + this.#stamps.byteLength
  }

  /** Whether the hash is remembered. */
  has(hash: ItemHash): boolean {
    this.#keys.make(KIND, hash)
    return this.#queue.find(this.#keys.key) !== NONE
  }

  /** Remembers the hash with this stamp, which does not go back from one call to the next. `true` if it is new. */
  note(hash: ItemHash, stamp: number): boolean {
    this.#keys.make(KIND, hash)
    const known = this.#queue.find(this.#keys.key)
    if (known !== NONE) {
      this.#stamps[known] = stamp
      this.#queue.refresh(known)
      return false
    }
    if (this.#queue.isFull) this.#queue.dropOldest(1)
    const row = this.#queue.push(this.#keys.key)
    if (row >= this.#stamps.length) this.#stamps = widened(this.#stamps, new Float64Array(this.#queue.capacity))
    this.#stamps[row] = stamp
    return true
  }

  /** Forgets the hashes with a stamp below this one. */
  dropBelow(stamp: number): void {
    let count = 0
    for (let row = this.#queue.oldest; row !== NONE && this.#stamps[row]! < stamp; row = this.#queue.younger(row)) {
      count++
    }
    this.#queue.dropOldest(count)
  }
}
