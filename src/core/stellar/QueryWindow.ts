/**
 * How many queries of one kind a peer may ask in a time, beyond which they are dropped in silence.
 *
 * Source: Stellar overlay protocol, query windows.
 */
import { LEDGERS_TO_REMEMBER, QUERIES_PER_SECOND } from "./limits.ts"

/**
 * The window in which queries are counted, in whole seconds: as long as the remembered ledgers take where one takes so many
 * milliseconds. At least a second, or nothing could ever be asked.
 */
export const queryWindowSeconds = (ledgerCloseMillis: number): number =>
  Math.max(1, Math.floor(ledgerCloseMillis * LEDGERS_TO_REMEMBER / 1000))

/** How many sets of transactions, or quorum sets, may be asked for in a window of so many seconds. */
export const setQueriesPerWindow = (windowSeconds: number): number => QUERIES_PER_SECOND * windowSeconds

/** A counter that starts anew at the first query after its window has passed. */
export class QueryWindow {
  private startedAtMillis = Number.NEGATIVE_INFINITY
  private asked = 0

  /** Counts a query; `false` if it is one too many for a window of this length. */
  allows(nowMillis: number, windowSeconds: number, maxQueries: number): boolean {
    if (nowMillis - this.startedAtMillis >= windowSeconds * 1000) {
      this.startedAtMillis = nowMillis
      this.asked = 0
    }
    this.asked += 1
    return this.asked <= maxQueries
  }
}
