/**
 * Flooding by pull: say what you have, ask for what you lack, answer what you are asked.
 *
 * Plain and synchronous on the message's way; one fiber a node sends what was collected.
 */
import { Context } from "effect"
import type { ItemHash } from "../core/ItemHash.ts"
import type { Peer } from "./Peers.ts"

/** What the pull flood must know of the program around it. */
export interface PullQuestions {
  /** Whether this hash needs no demand: the item is here, or it is not wanted. */
  readonly has: (hash: ItemHash) => boolean
  /** The whole message that answers a demand for this hash, if we have it and may serve it. */
  readonly answer: (hash: ItemHash) => Uint8Array | undefined
  /** From whom we have the item: the slot of a peer, or below 0. Where too much waits for a peer, who sent most gives way first. */
  readonly bringer: (hash: ItemHash) => number
  /** Hashes that one advert, one demand round per peer, and one peer's queue of adverts may hold just now. */
  readonly limits: () => { readonly advert: number; readonly demand: number; readonly queue: number }
  /** The current epoch. */
  readonly epoch: () => number
}

/** What has been counted since the start. */
export interface PullCounters {
  readonly advertised: number
  readonly demanded: number
  /** Demands repeated at another peer. */
  readonly demandTimeouts: number
  /** Hashes demanded and never received, for as long as they were remembered. */
  readonly abandoned: number
  readonly fulfilled: number
  readonly unfulfilled: number
  /** Demands for a hash that this peer was given a short while ago. */
  readonly repeated: number
  /** Advertised hashes shed because a peer's queue was full. */
  readonly shed: number
}

/** Adverts out, demands out, answers. */
export class PullFlood extends Context.Service<PullFlood, {
  /** Begins with a peer that is authenticated now. */
  readonly join: (peer: Peer) => void
  /** Forgets a peer. Hashes asked of it are asked of others in their time. */
  readonly leave: (peer: Peer) => void
  /** Puts the hash on offer to this peer, unless the peer itself offered it. `true` if it will be told. */
  readonly advertise: (peer: Peer, hash: ItemHash) => boolean
  /** Takes an advert: `count` hashes of 32 bytes at `offset`. */
  readonly onAdvert: (peer: Peer, bytes: Uint8Array, offset: number, count: number) => void
  /** Takes a demand and answers what it can: `count` hashes of 32 bytes at `offset`. */
  readonly onDemand: (peer: Peer, bytes: Uint8Array, offset: number, count: number) => void
  /** Notes that an item came. The milliseconds since it was first demanded, if it was; nothing when it comes again. */
  readonly received: (hash: ItemHash) => number | undefined
  /** Drops the history of adverts below this epoch. */
  readonly forgetBelow: (epoch: number) => void
  readonly counters: () => PullCounters
}>()("effect-overlay/services/PullFlood") {}
