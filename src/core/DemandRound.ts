/**
 * One round of demands: which peer is asked for which of the hashes that peers offer.
 */
import type { AdvertQueue } from "./AdvertQueue.ts"
import type { DemandBook } from "./DemandBook.ts"
import type { ItemHash } from "./ItemHash.ts"
import type { PeerId } from "./PeerId.ts"

/** A peer that offers hashes. */
export interface Offering {
  readonly id: PeerId
  readonly adverts: AdvertQueue
}

/** What stands around a round. */
export interface DemandRoundOptions {
  readonly book: DemandBook
  readonly now: number
  /** Whether a hash needs no demand. */
  readonly has: (hash: ItemHash) => boolean
  /** Hashes asked of one peer at most. */
  readonly demandLimit: number
  /** Hashes that a peer's queue may hold. */
  readonly queueLimit: number
  /** A random whole number from 0 to below `bound`. */
  readonly below: (bound: number) => number
}

/** What a round decided. */
export interface DemandRound<Peer extends Offering> {
  /** The peers to ask, each with its hashes. */
  readonly demands: ReadonlyArray<{ readonly peer: Peer; readonly hashes: ReadonlyArray<ItemHash> }>
  /** Hashes that had been demanded of another peer. */
  readonly repeated: number
  /** Hashes given up to make room in the book. */
  readonly abandoned: number
  /** Hashes that found no room in the queue that they were put back into. */
  readonly shed: number
}

/**
 * Shares the offered hashes out. The peers get one hash each in turn, in a random order, until nobody has one left that
 * should be asked for, or all have their fill; so equal offers are split evenly, and no peer is asked first for ever
 * (Stellar overlay, pull mode). Hashes whose time has not come go back into their queue.
 */
export const demandRound = <Peer extends Offering>(
  peers: Iterable<Peer>,
  options: DemandRoundOptions
): DemandRound<Peer> => {
  const turns: Array<{ readonly peer: Peer; readonly hashes: Array<ItemHash>; readonly later: Array<ItemHash> }> = []
  for (const peer of peers) {
    if (peer.adverts.length > 0) turns.push({ peer, hashes: [], later: [] })
  }
  shuffle(turns, options.below)

  let repeated = 0
  let abandoned = 0
  for (let added = true; added;) {
    added = false
    for (const turn of turns) {
      if (turn.hashes.length >= options.demandLimit) continue
      const hash = next(turn.peer, turn.later, options)
      if (hash === undefined) continue
      const recorded = options.book.record(hash, turn.peer.id, options.now)
      if (recorded.repeated) repeated++
      if (recorded.abandoned) abandoned++
      turn.hashes.push(hash)
      added = true
    }
  }

  let shed = 0
  for (const turn of turns) shed += turn.peer.adverts.retry(turn.later, options.queueLimit)
  return { demands: turns.filter((turn) => turn.hashes.length > 0), repeated, abandoned, shed }
}

/** The next hash that this peer should be asked for; those to look at later are put aside on the way. */
const next = (peer: Offering, later: Array<ItemHash>, options: DemandRoundOptions): ItemHash | undefined => {
  for (;;) {
    const hash = peer.adverts.pop()
    if (hash === undefined) return undefined
    if (options.has(hash)) continue
    const advice = options.book.advise(hash, peer.id, options.now)
    if (advice === "demand") return hash
    if (advice === "later") later.push(hash)
  }
}

/** Fisher and Yates: every order is equally likely. */
const shuffle = <A>(items: Array<A>, below: (bound: number) => number): void => {
  for (let last = items.length - 1; last > 0; last--) {
    const other = below(last + 1)
    const item = items[last]!
    items[last] = items[other]!
    items[other] = item
  }
}
