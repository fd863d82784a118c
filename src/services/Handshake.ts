/**
 * A link becomes an authenticated channel to a known peer, or a typed refusal.
 */
import type { Effect } from "effect"
import { Context } from "effect"
import type { Channel } from "../core/Channel.ts"
import type { DropReason } from "../core/DropReason.ts"
import type { FrameDecoder } from "../core/FrameDecoder.ts"
import type { PeerAddress } from "../core/PeerAddress.ts"
import type { PeerId } from "../core/PeerId.ts"
import type { Role } from "../core/Role.ts"
import type { Link } from "./Transport.ts"

export type { Role } from "../core/Role.ts"

/** What the other side says of itself, with the proof that it holds the key of `id`. */
export interface Claim {
  readonly id: PeerId
  /** Where it listens: the link's address with the port that it announces. */
  readonly address: PeerAddress
  /** Its software, as it says: bytes of a stranger, to be shown escaped. */
  readonly versionText: string
  /** Numbers of protocol versions by the network's names for them. */
  readonly versions: Readonly<Record<string, number>>
  /** Unix seconds at which its certificate ends, where there is one. */
  readonly certificateExpiresAtSeconds: bigint | undefined
  /** Whether that is later than any node's software makes it. */
  readonly isCertificateLong: boolean
}

/** Steps of a handshake, in the order in which they can happen. */
export type HandshakeStep = "hello-sent" | "hello-received" | "auth-sent" | "auth-received"

/**
 * What the handshake asks of who called it: the checks that need to know who is here and who is banned, asked at their
 * place in the order of checks. A failure ends the handshake with that reason.
 */
export interface Admission {
  /** The port that we announce. */
  readonly listeningPort: number
  readonly isBanned: (id: PeerId) => Effect.Effect<boolean, DropReason>
  /** Asked when all that can be checked without it is good: `false` means that this peer is here already. */
  readonly admit: (claim: Claim) => Effect.Effect<boolean, DropReason>
  /** Asked when the peer's AUTH has proven who it is, as acceptor before we say ours. May wait: a rival may be ahead of it. */
  readonly proven?: (claim: Claim) => Effect.Effect<void, DropReason>
  /** As acceptor: messages that go out right behind our side of the authentication. */
  readonly greetings: (claim: Claim) => Effect.Effect<ReadonlyArray<Uint8Array>, DropReason>
  /** Told of each step, for those who want to show or to time them. */
  readonly onStep?: (step: HandshakeStep, claim: Claim | undefined) => void
}

/** An authenticated peer on its channel. Bytes that came behind the handshake wait in the decoder. */
export interface Established {
  readonly claim: Claim
  readonly role: Role
  readonly channel: Channel
  readonly decoder: FrameDecoder
}

/** The handshake of one network. */
export class Handshake extends Context.Service<Handshake, {
  /**
   * Authenticates both sides over the link. Fails with the reason for which the session ends; its last words, if it has
   * any, are still to be said. What was sent and received remains on the link.
   */
  readonly open: (link: Link, role: Role, admission: Admission) => Effect.Effect<Established, DropReason>
  /** The record in which last words travel at any time. */
  readonly lastWords: (reason: DropReason) => Uint8Array | undefined
}>()("effect-overlay/services/Handshake") {}
