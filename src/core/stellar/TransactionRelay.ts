/**
 * Which transactions are passed on, and which are held for those who ask.
 */
import { type Aged, AgedMap } from "../AgedMap.ts"
import { ItemCache } from "../ItemCache.ts"
import type { ItemHash } from "../ItemHash.ts"
import { TokenBucket } from "../TokenBucket.ts"
import {
  FLOOD_TTL_MILLIS,
  HELD_TRANSACTION_BYTES,
  HELD_TRANSACTION_MILLIS,
  HELD_TRANSACTIONS,
  SEEN_TRANSACTIONS
} from "./limits.ts"

/** What a relay of transactions goes by. */
export interface TransactionRelayOptions {
  /** Whether transactions of others are passed on at all. */
  readonly relays: boolean
  /** How many of them are passed on in a second, in the long run. */
  readonly perSecond: number
  /** How many of them are passed on at once after a silence. */
  readonly burst: number
}

/**
 * Judges well-formed TRANSACTION messages, by number and length alone. Times are in milliseconds and do not go back.
 *
 * None is rejected, for nothing is known of what it is worth. One is `accepted`, and so offered and held, once: what came a short
 * while ago is a `duplicate`, whatever the flood gate had to forget. What is too long for the outboxes of peers, or one too
 * many in a second, is `kept`. Source: Stellar overlay protocol, pull mode.
 */
export class TransactionRelay {
  readonly #options: TransactionRelayOptions
  readonly #bucket: TokenBucket
  readonly #held = new ItemCache({
    entries: HELD_TRANSACTIONS,
    bytes: HELD_TRANSACTION_BYTES,
    millis: HELD_TRANSACTION_MILLIS
  })
  /** When each came is all that is remembered. */
  readonly #seen = new AgedMap<undefined>()
  readonly #counters = { relayed: 0, overRate: 0, tooLong: 0 }

  constructor(options: TransactionRelayOptions) {
    this.#options = options
    this.#bucket = new TokenBucket(options)
  }

  /** What has been counted since the start. */
  get counters(): { readonly relayed: number; readonly overRate: number; readonly tooLong: number } {
    return { ...this.#counters }
  }

  /** What is there: transactions held, their bytes, and transactions remembered to have come. */
  get size(): { readonly held: number; readonly bytes: number; readonly seen: number } {
    return { held: this.#held.entries, bytes: this.#held.bytes, seen: this.#seen.size }
  }

  /**
   * What becomes of a whole TRANSACTION message of somebody else, which is not written again; `maxBytes` is what the
   * network's longest one has.
   */
  judge(hash: ItemHash, message: Uint8Array, maxBytes: number, nowMillis: number): "accepted" | "duplicate" | "kept" {
    const seen = this.#seen.get(hash)
    if (seen !== undefined && this.#isRecent(seen, nowMillis)) return "duplicate"
    this.#see(hash, seen, nowMillis)
    if (!this.#options.relays) return "kept"
    if (message.length > maxBytes) return this.#keep("tooLong")
    if (!this.#bucket.take(nowMillis)) return this.#keep("overRate")
    this.#held.put(hash, message, nowMillis)
    this.#counters.relayed++
    return "accepted"
  }

  /** Takes note of a TRANSACTION that the program itself broadcasts: it is held in any case, so it is not written again. */
  originate(hash: ItemHash, message: Uint8Array, nowMillis: number): void {
    this.#see(hash, this.#seen.get(hash), nowMillis)
    this.#held.put(hash, message, nowMillis)
  }

  /** Whether it needs no demand: it is held, or it came a short while ago. */
  has(hash: ItemHash, nowMillis: number): boolean {
    const seen = this.#seen.get(hash)
    return (seen !== undefined && this.#isRecent(seen, nowMillis)) || this.get(hash, nowMillis) !== undefined
  }

  /** The whole TRANSACTION message with this hash, if it is held. */
  get(hash: ItemHash, nowMillis: number): Uint8Array | undefined {
    return this.#held.get(hash, nowMillis)
  }

  /** Remembers that it came now; `before` is what was remembered of it. */
  #see(hash: ItemHash, before: Aged<undefined> | undefined, nowMillis: number): void {
    if (before !== undefined) this.#seen.remove(before)
    this.#seen.add(hash, undefined, nowMillis)
    for (let oldest = this.#seen.oldest; oldest !== undefined; oldest = this.#seen.oldest) {
      if (this.#seen.size <= SEEN_TRANSACTIONS && this.#isRecent(oldest, nowMillis)) return
      this.#seen.remove(oldest)
    }
  }

  #isRecent({ since }: Aged<undefined>, nowMillis: number): boolean {
    return nowMillis - since < FLOOD_TTL_MILLIS
  }

  #keep(reason: "overRate" | "tooLong"): "kept" {
    this.#counters[reason]++
    return "kept"
  }
}
