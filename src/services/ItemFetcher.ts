/**
 * Getting the thing with this hash from somebody: messages wait for items, and peers are asked for them one after the other.
 *
 * An item is named by its kind (the network's number) and its hash. Plain and synchronous on the message's way; one fiber a node
 * asks again. Bounded: when it is full, the message that waits longest is let go.
 */
import { Context } from "effect"
import type { ItemHash } from "../core/ItemHash.ts"
import type { EpochRange, Waiting } from "../core/ItemTracker.ts"
import type { Peer } from "./Peers.ts"

/** An item that can be asked for. */
export interface ItemName {
  readonly kind: number
  readonly hash: ItemHash
}

/** A peer as fetches use it. */
export interface FetchPeer extends Peer {
  /** How long the way to it and back is, in milliseconds; `undefined` until that was measured. */
  readonly latencyMillis: () => number | undefined
}

/** What an item was wanted for. */
export interface Awaited {
  /** The highest epoch of all messages that have waited for it. */
  readonly epoch: number
  /** The messages that waited, the last one first. They may wait for other items still. */
  readonly messages: ReadonlyArray<Waiting>
}

/** What has been counted since the start, and what is there just now. */
export interface FetchCounters {
  /** Questions to peers. */
  readonly fetchAsked: number
  /** Questions that were asked of a further peer, because the one before had no answer. */
  readonly fetchNextPeer: number
  /** Times that all peers had been asked for an item. */
  readonly fetchRounds: number
  /** Items that came. */
  readonly fetchReceived: number
  /** Messages let go because too much waited, and messages that were too large to wait. */
  readonly fetchShed: number
  /** Items that are looked for now. */
  readonly fetching: number
  /** Messages that wait now. */
  readonly fetchWaiting: number
}

/** Who wants what, and who was asked for it. */
export class ItemFetcher extends Context.Service<ItemFetcher, {
  /** Begins with a peer that is authenticated now. */
  readonly join: (peer: FetchPeer) => void
  /** Forgets a peer. What it was asked for last, another is asked for at once. */
  readonly leave: (peer: FetchPeer) => void
  /**
   * Has the message wait for these items, and for no others from now on. An item that nobody waited for is asked of a peer at
   * once. `false` if it does not wait: there is nothing to wait for, or it is larger than all that may wait.
   */
  readonly fetch: (message: Waiting, items: ReadonlyArray<ItemName>) => boolean
  /** Has the message with this hash wait no longer. An item that nobody waits for is not asked for again. */
  readonly stop: (message: ItemHash) => void
  /** Whether any item of this kind is looked for. */
  readonly isFetching: (kind: number) => boolean
  /**
   * Notes that a peer does not have an item: if it was the one asked last, the next is asked at once. Whether somebody waits for
   * the item.
   */
  readonly lacks: (peer: FetchPeer, kind: number, hash: ItemHash) => boolean
  /**
   * Notes that an item is here, and ends the search for it; nothing if nobody waits for it. The messages count as waiting until
   * they are given to `fetch` or `stop` again.
   */
  readonly received: (kind: number, hash: ItemHash) => Awaited | undefined
  /** Gives up the messages outside of the range. */
  readonly forgetOutside: (range: EpochRange) => void
  readonly counters: () => FetchCounters
}>()("effect-overlay/services/ItemFetcher") {}
