/**
 * Seen once, told once: which messages came by, and which peers know them.
 *
 * Plain and synchronous, because every flooded message passes here. Bounded by count, bytes, age and epoch; when it is full
 * the oldest are forgotten, which may cost a repetition and never a loss.
 */
import { Context } from "effect"
import type { ItemHash } from "../core/ItemHash.ts"
import type { Peer } from "./Peers.ts"

/** What is known of the gate's size. */
export interface FloodGateSize {
  readonly entries: number
  readonly bytes: number
  /** How many were forgotten because the gate was full. */
  readonly evicted: number
}

/** Who knows what. A message is named by its kind (the network's number) and its hash. */
export class FloodGate extends Context.Service<FloodGate, {
  /** Notes that `from` has the message. `true` if nobody had told us before. */
  readonly receive: (kind: number, hash: ItemHash, from: Peer) => boolean
  /** Whether the message is on record. */
  readonly has: (kind: number, hash: ItemHash) => boolean
  /** Whether the peer is known to have the message. */
  readonly knows: (kind: number, hash: ItemHash, peer: Peer) => boolean
  /** The slot of the peer that brought the message first, as outboxes count senders; below 0 if none did, or it has left. */
  readonly bringer: (kind: number, hash: ItemHash) => number
  /**
   * Asks `tell` for each authenticated peer that does not know the message yet; those for which it answers `true` know it
   * from then on. Makes the record if there is none. The number of peers told.
   */
  readonly broadcast: (kind: number, hash: ItemHash, tell: (peer: Peer) => boolean) => number
  /** Forgets a message, so that a later copy counts as new. */
  readonly forget: (kind: number, hash: ItemHash) => void
  /** The epoch that new records carry from now on, and below which records are dropped. */
  readonly advance: (epoch: number, oldestKept: number) => void
  /** Forgets who this peer was, before its slot is used again. */
  readonly release: (slot: number) => void
  readonly size: () => FloodGateSize
}>()("effect-overlay/services/FloodGate") {}
