/**
 * Items by their hash, for those who ask: bounded by count, bytes and age.
 */
import { type Aged, AgedMap } from "./AgedMap.ts"
import type { ItemHash } from "./ItemHash.ts"
import * as KeptBytes from "./KeptBytes.ts"

/** The bounds of a cache. Whichever is passed first lets the oldest item go. */
export interface ItemCacheOptions {
  readonly entries: number
  /** What the items take in memory: at most twice their own bytes, see `KeptBytes`. */
  readonly bytes: number
  /** How long an item is kept; absent: as long as there is room. */
  readonly millis?: number
}

/** Times are in milliseconds and do not go back. */
export class ItemCache {
  readonly #options: ItemCacheOptions
  readonly #items = new AgedMap<Uint8Array>()
  #bytes = 0

  constructor(options: ItemCacheOptions) {
    this.#options = options
  }

  /** How many items there are. */
  get entries(): number {
    return this.#items.size
  }

  /** How many bytes the items take together. */
  get bytes(): number {
    return this.#bytes
  }

  /**
   * Keeps `bytes`, which are not written again: as they are, or a copy if they are a small part of a larger buffer. An item
   * that is here already becomes the youngest; one that takes more than all of the cache is not kept.
   */
  put(hash: ItemHash, bytes: Uint8Array, nowMillis: number): void {
    const known = this.#items.get(hash)
    if (known !== undefined) this.#remove(known)
    const size = KeptBytes.size(bytes)
    if (size <= this.#options.bytes) {
      this.#items.add(hash, KeptBytes.keep(bytes), nowMillis)
      this.#bytes += size
    }
    this.#evict(nowMillis)
  }

  /** The item with this hash, if it is kept. It belongs to the cache: read it, do not write it. */
  get(hash: ItemHash, nowMillis: number): Uint8Array | undefined {
    const item = this.#items.get(hash)
    return item === undefined || this.#isExpired(item, nowMillis) ? undefined : item.value
  }

  #evict(nowMillis: number): void {
    for (let oldest = this.#items.oldest; oldest !== undefined; oldest = this.#items.oldest) {
      const isOver = this.#items.size > this.#options.entries || this.#bytes > this.#options.bytes
      if (!isOver && !this.#isExpired(oldest, nowMillis)) return
      this.#remove(oldest)
    }
  }

  #isExpired({ since }: Aged<Uint8Array>, nowMillis: number): boolean {
    const { millis } = this.#options
    return millis !== undefined && nowMillis - since >= millis
  }

  #remove(item: Aged<Uint8Array>): void {
    this.#bytes -= KeptBytes.size(item.value)
    this.#items.remove(item)
  }
}
