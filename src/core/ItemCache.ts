/**
 * Items by their hash, for those who ask: bounded by count, bytes and age.
 */
import type { ItemHash } from "./ItemHash.ts"

/** The bounds of a cache. Whichever is passed first lets the oldest item go. */
export interface ItemCacheOptions {
  readonly entries: number
  readonly bytes: number
  /** How long an item is kept; absent: as long as there is room. */
  readonly millis?: number
}

interface Item {
  readonly bytes: Uint8Array
  readonly since: number
}

/** Times are in milliseconds and do not go back. */
export class ItemCache {
  readonly #options: ItemCacheOptions
  /** Oldest first. */
  readonly #items = new Map<ItemHash, Item>()
  #bytes = 0

  constructor(options: ItemCacheOptions) {
    this.#options = options
  }

  /** How many items there are. */
  get entries(): number {
    return this.#items.size
  }

  /** How many bytes the items have together. */
  get bytes(): number {
    return this.#bytes
  }

  /**
   * Keeps a copy of `bytes`, which may be a view into a buffer of somebody else. An item that is here already becomes the
   * youngest; one that is longer than all of the cache is not kept.
   */
  put(hash: ItemHash, bytes: Uint8Array, nowMillis: number): void {
    this.#remove(hash)
    if (bytes.length <= this.#options.bytes) {
      this.#items.set(hash, { bytes: bytes.slice(), since: nowMillis })
      this.#bytes += bytes.length
    }
    this.#evict(nowMillis)
  }

  /** The item with this hash, if it is kept. It belongs to the cache: read it, do not write it. */
  get(hash: ItemHash, nowMillis: number): Uint8Array | undefined {
    const item = this.#items.get(hash)
    return item === undefined || this.#isExpired(item, nowMillis) ? undefined : item.bytes
  }

  #evict(nowMillis: number): void {
    for (const [hash, item] of this.#items) {
      const isOver = this.#items.size > this.#options.entries || this.#bytes > this.#options.bytes
      if (!isOver && !this.#isExpired(item, nowMillis)) return
      this.#remove(hash)
    }
  }

  #isExpired(item: Item, nowMillis: number): boolean {
    const { millis } = this.#options
    return millis !== undefined && nowMillis - item.since >= millis
  }

  #remove(hash: ItemHash): void {
    const item = this.#items.get(hash)
    if (item === undefined) return
    this.#bytes -= item.bytes.length
    this.#items.delete(hash)
  }
}
