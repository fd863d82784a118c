/**
 * The face of an overlay network: the shape that every network's `Overlay` has, typed by its peers, messages and reasons.
 *
 * Each network makes one plain tag class over it (`services/stellar/Overlay`), so that code that is generic in the network
 * takes the tag and infers the rest.
 */
import type { Effect, Stream } from "effect"
import { Schema } from "effect"
import type { Ban, BanOptions } from "../core/Ban.ts"
import type { Grant } from "../core/CreditLedger.ts"
import type { DropReason } from "../core/DropReason.ts"
import type { ItemHash } from "../core/ItemHash.ts"
import type { PeerAddress } from "../core/PeerAddress.ts"
import type { BanListError } from "./BanList.ts"
import type { Direction } from "./Peers.ts"

/** Says why a message of this program is not sent: peers drop whoever sends them what they cannot read. */
export class MessageRefused extends Schema.TaggedError<MessageRefused>()("MessageRefused", {
  reason: Schema.Literals(["malformed", "unknown", "too-long", "not-allowed"]),
  message: Schema.String
}) {}

/** The types of one network; never a value. */
export interface Network {
  readonly PeerId: string
  /** A message as a value, to be sent or as decoded. */
  readonly Message: unknown
  /** The names of the kinds of message that are flooded. */
  readonly FloodKind: string
  readonly DropReason: DropReason
}

/** Messages that came from a peer, and their bytes: what was new to us, and what was not. */
export interface Reception {
  readonly newMessages: number
  readonly newBytes: number
  readonly duplicateMessages: number
  readonly duplicateBytes: number
}

/** A live peer, for people to look at. */
export interface PeerInfo<N extends Network> {
  readonly id: N["PeerId"]
  readonly address: PeerAddress
  readonly direction: Direction
  /** Unix milliseconds at which it was authenticated. */
  readonly sinceMillis: number
  /** What it says of its software: a stranger's bytes, to be shown escaped. */
  readonly versionText: string
  readonly versions: Readonly<Record<string, number>>
  /** Whether the certificate that it came with is valid for longer than any node's software makes them: somebody may come again with it. */
  readonly isCertificateLong: boolean
  /** Of the last ping; `undefined` until one was answered. */
  readonly latencyMillis: number | undefined
  /** What the peer may still send us. */
  readonly receiveCredit: Grant
  /** What we may still send the peer. */
  readonly sendCredit: Grant
  readonly messagesRead: number
  readonly messagesWritten: number
  readonly bytesRead: number
  readonly bytesWritten: number
  /** Chunks that the link gave. */
  readonly chunksRead: number
  /** Writes that the link was given. */
  readonly writes: number
  /** What it flooded to us: for the first time, or what somebody had told us before. */
  readonly flooded: Reception
  /** Items that it gave: those that somebody waited for are new. */
  readonly fetched: Reception
  /** Messages shed from its outbox because it was full. */
  readonly shed: number
}

/** A flooded message that came in, was new, and was accepted by the application. */
export interface Received<N extends Network> {
  readonly _tag: "Received"
  readonly from: N["PeerId"]
  readonly kind: N["FloodKind"]
  readonly hash: ItemHash
  /** The whole message. A view into a larger buffer: copy what is kept for long. */
  readonly bytes: Uint8Array
  /** The message as a value, decoded when asked for; where a kind is not decoded, its bytes. */
  readonly value: () => N["Message"]
}

/** Says that this subscriber was too slow, and how many messages it missed. */
export interface Missed {
  readonly _tag: "Missed"
  readonly count: number
}

/** What a subscriber of `messages` wants. */
export interface MessagesOptions {
  /** Messages that are kept for the subscriber while it is busy. */
  readonly capacity: number
  /** When they are full: `drop` what comes (told in the stream as `Missed`), or `wait`, which holds the peers' credit back. */
  readonly whenFull: "drop" | "wait"
}

/** What happens in the overlay, for logs and for people. */
export type OverlayEvent<N extends Network> =
  | { readonly _tag: "Listening"; readonly address: PeerAddress }
  | { readonly _tag: "Dialing"; readonly address: PeerAddress }
  | { readonly _tag: "PeerJoined"; readonly peer: PeerInfo<N> }
  /** An authenticated peer left. */
  | {
    readonly _tag: "PeerLeft"
    readonly id: N["PeerId"]
    readonly address: PeerAddress
    readonly direction: Direction
    readonly reason: N["DropReason"]
  }
  /** A connection ended before it was authenticated. */
  | {
    readonly _tag: "ConnectionFailed"
    readonly address: PeerAddress
    readonly direction: Direction
    readonly reason: N["DropReason"]
  }
  | { readonly _tag: "Banned"; readonly id: N["PeerId"] }
  | { readonly _tag: "Unbanned"; readonly id: N["PeerId"] }

/** The face of an overlay network. */
export interface OverlayShape<N extends Network> {
  /** Who this node is. */
  readonly self: N["PeerId"]
  /** Where it listens, if it does. */
  readonly listening: PeerAddress | undefined
  /**
   * Dials, and completes when the peer is authenticated, on this connection or on one that it opened to us meanwhile; fails with why
   * not. A peer that is here already is `AlreadyConnected`, an address `AlreadyConnectedAddress`.
   */
  readonly connect: (address: PeerAddress) => Effect.Effect<N["PeerId"], N["DropReason"]>
  /** Ends the session with this peer; tells whether there was one. Does not wait for the close. */
  readonly disconnect: (id: N["PeerId"]) => Effect.Effect<boolean>
  /** Bans the node, now and after a restart, and ends its session, also one that is still being opened. */
  readonly ban: (id: N["PeerId"], options?: BanOptions) => Effect.Effect<void, BanListError>
  /** Lifts a ban; tells whether there was one. */
  readonly unban: (id: N["PeerId"]) => Effect.Effect<boolean, BanListError>
  /** Who is banned. */
  readonly banned: Effect.Effect<ReadonlyArray<N["PeerId"]>, BanListError>
  /** The same with note, beginning and expiry. */
  readonly bans: Effect.Effect<ReadonlyArray<Ban<N["PeerId"]>>, BanListError>
  /** Floods a message of this node to all who do not know it; gives how many were told. Never waits. */
  readonly broadcast: (message: N["Message"]) => Effect.Effect<number, MessageRefused>
  /** Says something to one peer; `false` if it is not here. Never waits: what spends credit goes into the peer's outbox. */
  readonly send: (id: N["PeerId"], message: N["Message"]) => Effect.Effect<boolean, MessageRefused>
  readonly peers: Effect.Effect<ReadonlyArray<PeerInfo<N>>>
  /** New flooded messages from now on. Each subscriber has a buffer of its own; without subscribers nothing is kept. */
  readonly messages: (options?: Partial<MessagesOptions>) => Stream.Stream<Received<N> | Missed>
  /** What happens from now on. A subscriber that is slow loses the oldest. */
  readonly events: Stream.Stream<OverlayEvent<N>>
  /** Counters since the start, by name. */
  readonly counters: Effect.Effect<Readonly<Record<string, number>>>
}
