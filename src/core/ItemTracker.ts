/**
 * The search for one item: which messages wait for it, who was asked for it, and who is to be asked next.
 *
 * The rules are those of stellar-core's item fetcher; nothing in them is particular to its network.
 */
import type { ItemHash } from "./ItemHash.ts"
import {
  FETCH_LATENCY_BUCKET_MILLIS,
  FETCH_REBUILDS_COUNTED,
  FETCH_REPLY_MILLIS,
  FETCH_UNKNOWN_LATENCY_MILLIS
} from "./limits.ts"
import type { PeerId } from "./PeerId.ts"

/** A message that cannot be judged before an item has come. */
export interface Waiting {
  /** Who brought it. */
  readonly from: PeerId
  readonly hash: ItemHash
  /** What it is about: old ones are given up. */
  readonly epoch: number
  /** All of it, as it came. */
  readonly bytes: Uint8Array
}

/** Which messages go on waiting: those about these epochs, both included, and about one more. */
export interface EpochRange {
  readonly min: number
  readonly max: number
  readonly keep: number | undefined
}

/** Whether what is about this epoch goes on waiting. */
export const isWithin = ({ keep, max, min }: EpochRange, epoch: number): boolean =>
  (epoch >= min && epoch <= max) || epoch === keep

/** Who can be asked, and what is known of them. */
export interface Company<Peer> {
  /** The authenticated peers. */
  readonly peers: Iterable<Peer>
  /** Whether the peer is known to have this message: then it should have what the message is about. */
  readonly knows: (message: ItemHash, peer: Peer) => boolean
  /** How long the way to the peer and back is; `undefined` until that was measured. */
  readonly latencyMillis: (peer: Peer) => number | undefined
  /** A random whole number from 0 to below `bound`. */
  readonly below: (bound: number) => number
}

/** What to do now, and after how many milliseconds to ask for the next step. */
export interface Step<Peer> {
  /** The peer to ask; `undefined` if all were asked, and the round begins anew with the next step. */
  readonly ask: Peer | undefined
  readonly waitMillis: number
}

/** The search for one item. It holds a mark for each peer asked; its owner bounds the messages that wait. */
export class ItemTracker<Peer> {
  readonly #waiting = new Map<ItemHash, Waiting>()
  /** Who was asked in this round, and whether it was known then to have a message that waits. */
  readonly #asked = new Map<Peer, boolean>()
  #lastAsked: Peer | undefined
  #lastSeenEpoch = 0
  #rebuilds = 0

  /** How many messages wait. */
  get size(): number {
    return this.#waiting.size
  }

  /** The highest epoch of all messages that have waited; 0 if there was none. */
  get lastSeenEpoch(): number {
    return this.#lastSeenEpoch
  }

  /** Who was asked last and has not answered. */
  get lastAsked(): Peer | undefined {
    return this.#lastAsked
  }

  /** Has a message wait, unless it does already; tells whether it is new here. */
  listen(message: Waiting): boolean {
    if (this.#waiting.has(message.hash)) return false
    this.#waiting.set(message.hash, message)
    this.#lastSeenEpoch = Math.max(this.#lastSeenEpoch, message.epoch)
    return true
  }

  /** Has a message wait no longer. */
  discard(message: ItemHash): void {
    this.#waiting.delete(message)
  }

  /** Has those wait no longer that are outside of the range, and gives them. */
  keepWithin(range: EpochRange): ReadonlyArray<Waiting> {
    const outside = [...this.#waiting.values()].filter(({ epoch }) => !isWithin(range, epoch))
    for (const { hash } of outside) this.#waiting.delete(hash)
    return outside
  }

  /** Ends the waiting of all, and gives them: the one that came last first. */
  takeAll(): ReadonlyArray<Waiting> {
    const all = [...this.#waiting.values()].reverse()
    this.#waiting.clear()
    return all
  }

  /** Forgets a peer that is gone; tells whether its answer was being waited for. */
  leave(peer: Peer): boolean {
    this.#asked.delete(peer)
    if (this.#lastAsked !== peer) return false
    this.#lastAsked = undefined
    return true
  }

  /**
   * Decides whom to ask next.
   *
   * First come peers that know a message which waits, even if they were asked before that was known; then all others that were
   * not asked yet. Of those only the nearest count, by latency in steps of half a second, and chance decides among them. When
   * nobody is left, all are forgotten to have been asked, and the wait before the next round grows with the number of rounds.
   */
  next(company: Company<Peer>): Step<Peer> {
    this.#lastAsked = undefined
    const peers = [...company.peers]
    const knowing = this.#knowing(peers, company).filter((peer) => this.#asked.get(peer) !== true)
    const candidates = knowing.length > 0 ? knowing : peers.filter((peer) => !this.#asked.has(peer))
    const nearest = nearestOf(candidates, company)
    const peer = nearest[company.below(nearest.length)]
    if (peer === undefined) {
      this.#rebuilds += 1
      this.#asked.clear()
      return { ask: undefined, waitMillis: FETCH_REPLY_MILLIS * Math.min(FETCH_REBUILDS_COUNTED, this.#rebuilds) }
    }
    this.#asked.set(peer, knowing.length > 0)
    this.#lastAsked = peer
    return { ask: peer, waitMillis: FETCH_REPLY_MILLIS }
  }

  #knowing(peers: ReadonlyArray<Peer>, { knows }: Company<Peer>): ReadonlyArray<Peer> {
    const knowing = new Set<Peer>()
    // Message by message: the same one is looked up for all peers at the cost of little more than one.
    for (const hash of this.#waiting.keys()) {
      if (knowing.size === peers.length) break
      for (const peer of peers) if (!knowing.has(peer) && knows(hash, peer)) knowing.add(peer)
    }
    return peers.filter((peer) => knowing.has(peer))
  }
}

const nearestOf = <Peer>(
  peers: ReadonlyArray<Peer>,
  { latencyMillis }: Company<Peer>
): ReadonlyArray<Peer> => {
  const bucketOf = (peer: Peer): number =>
    Math.floor((latencyMillis(peer) ?? FETCH_UNKNOWN_LATENCY_MILLIS) / FETCH_LATENCY_BUCKET_MILLIS)
  const buckets = peers.map(bucketOf)
  const nearest = buckets.reduce((least, bucket) => Math.min(least, bucket), Infinity)
  return peers.filter((_, i) => buckets[i] === nearest)
}
