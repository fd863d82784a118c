/**
 * Who is here: the only list of live sessions, pending and authenticated, by identity and by address.
 *
 * Its questions are answered at once and its marks are set at once: two handshakes that end in the same turn cannot both
 * take the last slot, or both be the same peer.
 */
import type { Stream } from "effect"
import { Context } from "effect"
import type { Direction } from "../core/Direction.ts"
import type { DropReason } from "../core/DropReason.ts"
import type { ItemHash } from "../core/ItemHash.ts"
import type { PeerAddress } from "../core/PeerAddress.ts"
import type { PeerId } from "../core/PeerId.ts"
import type { Priority } from "../core/Priority.ts"

export type { Direction } from "../core/Direction.ts"

/** An authenticated peer as the rest of the node sees it: a name and a way to say something without waiting. */
export interface Peer {
  readonly id: PeerId
  /** Where it listens: the address of its socket with the port that it announced. */
  readonly address: PeerAddress
  readonly direction: Direction
  /** A small number that no other live peer has: its place in bit sets. */
  readonly slot: number
  /**
   * Puts a message that spends credit into the peer's outbox. `false`: not taken (too long for this peer, or the peer is
   * leaving). What was shed to make room is counted by the outbox. `from` is the slot of the peer from whom we had the message:
   * where there is too much, those who sent most of it lose first.
   */
  readonly offer: (priority: Priority, message: Uint8Array, from?: number) => boolean
  /** Puts a message that spends no credit into the outbox. `false`: the peer is leaving. */
  readonly offerControl: (message: Uint8Array) => boolean
  /** Tells the peer, in the network's own message, that these items can be had here. */
  readonly advertise: (hashes: ReadonlyArray<ItemHash>) => boolean
  /** Asks the peer, in the network's own message, for these items. */
  readonly demand: (hashes: ReadonlyArray<ItemHash>) => boolean
  /** Ends the session for this reason. Returns at once; the first reason wins. */
  readonly drop: (reason: DropReason) => void
}

/** A connection that is not authenticated yet. */
export interface Pending {
  readonly direction: Direction
  /** The socket's address (its port is the listening one only when we dialled). */
  readonly address: PeerAddress
}

/** What came or went. */
export type PeerChange =
  | { readonly _tag: "PeerJoined"; readonly peer: Peer }
  | { readonly _tag: "PeerLeft"; readonly peer: Peer; readonly reason: DropReason }

/** Why a connection is not taken in. */
export type Refused = "pending-full" | "pending-of-ip-full" | "pending-of-subnet-full"

/** What the configuration says of where a connection comes from, or goes to. */
export interface Standing {
  /** Whether a preferred peer is of this IP. */
  readonly mayBePreferred?: boolean
  /** Whether the configuration names this IP, so that nobody's share is looked at. */
  readonly isConfigured?: boolean
}

/**
 * What becomes of a claim.
 *
 * - `goes-on`: it is marked.
 * - `here`: that peer is here already, or waits at the door already.
 * - `tied`: that peer is here by another connection, which was under way at the same time as this one.
 * - `undecided`: another connection of that peer is to become a session, or to fail, before this one may go on.
 */
export type Claimed = "goes-on" | "here" | "tied" | "undecided"

/** The live sessions. */
export class Peers extends Context.Service<Peers, {
  /**
   * Enters a connection as pending, or says which limit refuses it. One that came in and may be of a preferred peer is given the
   * places that are kept for those.
   */
  readonly enter: (direction: Direction, address: PeerAddress, standing?: Standing) => Pending | Refused
  /**
   * At HELLO: marks whose connection it claims to be, or says why it may not go on; see `core/Rivals`. `weDecide` says that our own id
   * is the greater one. If it has to wait, `again` is called when it is time to ask again.
   */
  readonly claim: (pending: Pending, id: PeerId, weDecide: boolean, again: () => void) => Claimed
  /** At AUTH, likewise: marks that the connection is proven to be whose it claimed to be. */
  readonly prove: (pending: Pending, again: () => void) => Claimed
  /** Whether this peer is here, or is not and does not come by any connection of now. */
  readonly outcome: (id: PeerId, again: () => void) => "here" | "gone" | "undecided"
  /** Other connections that claim to be the same peer and are not authenticated. */
  readonly rivals: (pending: Pending) => ReadonlyArray<Pending>
  /** Whether a further peer of this direction can be taken in. */
  readonly hasSlot: (direction: Direction) => boolean
  /**
   * Whether a further inbound peer from where this one comes is within the shares of its IP and its /24. Who is let in beyond it, as a
   * peer that is preferred by its key, counts all the same.
   */
  readonly hasShare: (pending: Pending) => boolean
  /** Takes a slot number for a peer that is about to be authenticated. */
  readonly takeSlotNumber: () => number
  /** Turns a pending connection into a peer. `hasSlot` has been asked in the same turn. */
  readonly promote: (pending: Pending, peer: Peer) => void
  /** Removes the connection, whatever it had become, and frees what it held. */
  readonly leave: (pending: Pending, reason: DropReason) => void
  /** The authenticated peers, in the order in which they came. */
  readonly all: () => ReadonlyArray<Peer>
  readonly byId: (id: PeerId) => Peer | undefined
  /** Whether a connection to this listening address is live, pending or authenticated. */
  readonly isConnected: (address: PeerAddress) => boolean
  readonly counts: () => {
    readonly inbound: number
    readonly outbound: number
    readonly pendingInbound: number
    readonly pendingOutbound: number
  }
  /** What comes and goes from now on. Each subscriber has a buffer of its own; the oldest is dropped when it is full. */
  readonly changes: Stream.Stream<PeerChange>
}>()("effect-overlay/services/Peers") {}
