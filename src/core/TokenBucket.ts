/**
 * So many a second, and not more: a token bucket.
 */

/** The numbers of a bucket. */
export interface TokenBucketOptions {
  /** How many are let through in a second, in the long run. 0 lets nothing through once the burst is used up. */
  readonly perSecond: number
  /** How many are let through at once after a silence. */
  readonly burst: number
}

/** A second, in which the rate is counted. */
const SECOND_MILLIS = 1000

/** A bucket that begins full. It keeps two numbers, whatever comes. */
export class TokenBucket {
  readonly #options: TokenBucketOptions
  #tokens: number
  #filledAt: number | undefined

  constructor(options: TokenBucketOptions) {
    this.#options = options
    this.#tokens = options.burst
  }

  /** Takes a token at this time in milliseconds, if there is one. A time before the last one counts as the last one. */
  take(nowMillis: number): boolean {
    const { burst, perSecond } = this.#options
    const filledAt = this.#filledAt ?? nowMillis
    if (nowMillis > filledAt) {
      this.#tokens = Math.min(burst, this.#tokens + (nowMillis - filledAt) * perSecond / SECOND_MILLIS)
    }
    this.#filledAt = Math.max(filledAt, nowMillis)
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }
}
