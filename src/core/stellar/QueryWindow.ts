/**
 * How many queries of one kind a peer may ask in a time, beyond which they are dropped in silence.
 */

/** A counter that starts anew at the first query after its window has passed (protocol, query windows). */
export class QueryWindow {
  private readonly windowMillis: number
  private readonly maxQueries: number
  private startedAtMillis = Number.NEGATIVE_INFINITY
  private asked = 0

  constructor(windowMillis: number, maxQueries: number) {
    this.windowMillis = windowMillis
    this.maxQueries = maxQueries
  }

  /** Counts a query; `false` if it is one too many. */
  allows(nowMillis: number): boolean {
    if (nowMillis - this.startedAtMillis >= this.windowMillis) {
      this.startedAtMillis = nowMillis
      this.asked = 0
    }
    this.asked += 1
    return this.asked <= this.maxQueries
  }
}
