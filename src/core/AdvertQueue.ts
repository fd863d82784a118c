/**
 * What one peer offered and was not asked for yet.
 */
import type { ItemHash } from "./ItemHash.ts"

/**
 * Advertised hashes in the order in which they are looked at: first those that must be tried again, then the others as
 * they came. Beyond the bound that each call gives, the first in that order are shed (Stellar overlay: incoming adverts).
 */
export class AdvertQueue {
  readonly #retried = new Fifo()
  readonly #incoming = new Fifo()
  #length = 0

  get length(): number {
    return this.#length
  }

  /** Appends a hash that the peer advertised. How many were shed. */
  push(hash: ItemHash, limit: number): number {
    this.#incoming.push(hash)
    this.#length++
    return this.#trim(limit)
  }

  /** Puts hashes back to be tried again, before all that came. How many were shed. */
  retry(hashes: ReadonlyArray<ItemHash>, limit: number): number {
    for (const hash of hashes) this.#retried.push(hash)
    this.#length += hashes.length
    return this.#trim(limit)
  }

  /** Takes the next hash. */
  pop(): ItemHash | undefined {
    if (this.#length === 0) return undefined
    this.#length--
    return this.#retried.length > 0 ? this.#retried.shift() : this.#incoming.shift()
  }

  #trim(limit: number): number {
    let shed = 0
    for (; this.#length > limit; shed++) this.pop()
    return shed
  }
}

/** An array from which the first is taken without moving the others: they move when half of the array is taken. */
class Fifo {
  #items: Array<ItemHash> = []
  #taken = 0

  get length(): number {
    return this.#items.length - this.#taken
  }

  push(hash: ItemHash): void {
    this.#items.push(hash)
  }

  shift(): ItemHash | undefined {
    const hash = this.#items[this.#taken]
    if (hash === undefined) return undefined
    this.#taken++
    if (this.#taken * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#taken)
      this.#taken = 0
    }
    return hash
  }
}
