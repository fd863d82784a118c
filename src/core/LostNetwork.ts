/**
 * How long a node has not followed its network, and when it is time to look for it elsewhere (protocol §8.6, random drop).
 */

/** What matters of a moment. */
export interface Following {
  readonly nowMillis: number
  /** Whether the node follows its network. */
  readonly isFollowing: boolean
  /** Whether another peer can only be found at the cost of one that is here. */
  readonly isFull: boolean
}

/** Asked once a round. */
export class LostNetwork {
  private readonly patienceMillis: number
  private sinceMillis: number | undefined

  /** `patienceMillis`: how long it waits before each peer that is left. */
  constructor(patienceMillis: number) {
    this.patienceMillis = patienceMillis
  }

  /** Whether a peer should be left now for another one. If so, the next one is not left before the same time has passed again. */
  shouldExchange({ isFollowing, isFull, nowMillis }: Following): boolean {
    if (isFollowing) {
      this.sinceMillis = undefined
      return false
    }
    if (this.sinceMillis === undefined) {
      this.sinceMillis = nowMillis
      return false
    }
    if (!isFull || nowMillis - this.sinceMillis <= this.patienceMillis) return false
    this.sinceMillis = nowMillis
    return true
  }
}
