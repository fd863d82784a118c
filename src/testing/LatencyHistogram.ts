/**
 * Latencies, counted in buckets that grow by one percent: any number of them in little memory, each known to one percent.
 */

/** What falls into the first bucket, in milliseconds. */
const FINEST_MILLIS = 0.01
const GROWTH = Math.log(1.01)

/** Counts latencies and tells below which one a share of them lies. */
export class LatencyHistogram {
  readonly #counts: Array<number> = []
  #total = 0

  /** Counts one latency, in milliseconds. */
  add(millis: number): void {
    const bucket = millis <= FINEST_MILLIS ? 0 : Math.ceil(Math.log(millis / FINEST_MILLIS) / GROWTH)
    while (this.#counts.length <= bucket) this.#counts.push(0)
    this.#counts[bucket]! += 1
    this.#total += 1
  }

  /** The latency, in milliseconds, that this share (0 to 1) of them does not exceed; `null` if there are none. */
  quantile(share: number): number | null {
    if (this.#total === 0) return null
    const wanted = Math.max(1, Math.ceil(share * this.#total))
    let seen = 0
    const bucket = this.#counts.findIndex((count) => (seen += count) >= wanted)
    return Math.round(FINEST_MILLIS * Math.exp(bucket * GROWTH) * 100) / 100
  }
}
