/**
 * So many a second from each /24, and not more: a token bucket for each.
 *
 * The table of buckets is bounded. A bucket that nobody has asked for long enough is full again, and forgetting it changes nothing. If
 * none is while the table is full, so many networks are at it at once that what comes from others has one bucket together.
 */
import { subnetOf } from "./Shares.ts"
import { TokenBucket, type TokenBucketOptions } from "./TokenBucket.ts"

/** The numbers of the buckets, and of the table. */
export interface SubnetRatesOptions extends TokenBucketOptions {
  /** Buckets that are kept. */
  readonly entries: number
}

interface Entry {
  readonly bucket: TokenBucket
  askedAt: number
}

const SECOND_MILLIS = 1000

/** The buckets of all networks. */
export class SubnetRates {
  private readonly options: SubnetRatesOptions
  /** In the order in which they were asked last, the longest ago first. */
  private readonly entries = new Map<string, Entry>()
  private readonly others: TokenBucket
  private readonly fullAfterMillis: number

  constructor(options: SubnetRatesOptions) {
    this.options = options
    this.others = new TokenBucket(options)
    this.fullAfterMillis = options.perSecond === 0 ? Infinity : options.burst * SECOND_MILLIS / options.perSecond
  }

  /** Takes a token of the /24 of this IP at this time in milliseconds, which does not go back; `false` if it has none. */
  take(ip: string, nowMillis: number): boolean {
    const key = subnetOf(ip)
    const known = this.entries.get(key)
    if (known !== undefined) {
      this.entries.delete(key)
      this.entries.set(key, known)
      known.askedAt = nowMillis
      return known.bucket.take(nowMillis)
    }
    if (this.entries.size >= this.options.entries && !this.forgetOne(nowMillis)) return this.others.take(nowMillis)
    const entry: Entry = { bucket: new TokenBucket(this.options), askedAt: nowMillis }
    this.entries.set(key, entry)
    return entry.bucket.take(nowMillis)
  }

  /** How many buckets there are. */
  get size(): number {
    return this.entries.size
  }

  private forgetOne(nowMillis: number): boolean {
    for (const [key, { askedAt }] of this.entries) {
      if (nowMillis - askedAt < this.fullAfterMillis) return false
      this.entries.delete(key)
      return true
    }
    return false
  }
}
