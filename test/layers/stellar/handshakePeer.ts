/**
 * A Stellar peer that is driven by hand, for tests: all that is secret about it follows from a label, and a frame or message that
 * it cannot read is a defect.
 */
import { Effect } from "effect"
import type { CryptoShape } from "../../../src/core/Crypto.ts"
import * as ItemHash from "../../../src/core/ItemHash.ts"
import type { Role } from "../../../src/core/Role.ts"
import type { StellarMessage } from "../../../src/core/stellar/messages.ts"
import type { Link } from "../../../src/services/Transport.ts"
import {
  type Doctored,
  type HandDrivenPeer,
  keysOf,
  type LinkEnded,
  make,
  networkIdOf
} from "../../../src/testing/stellar/HandDrivenPeer.ts"

export { type Doctored, encode, networkIdOf, sealed, unsealed } from "../../../src/testing/stellar/HandDrivenPeer.ts"

/** 32 bytes that follow from a label: seeds, secrets and nonces of tests. */
export const bytesOf = (crypto: CryptoShape, label: string): Uint8Array =>
  ItemHash.toBytes(crypto.sha256(new TextEncoder().encode(label)))

/** What a peer is made of. */
export interface PeerOptions {
  readonly passphrase: string
  /** Everything secret about it follows from this. */
  readonly label: string
  /** The time of its certificate, Unix seconds. */
  readonly nowSeconds: number
}

/** What the peer read: a message and its name, or how the link ended. */
export type Heard = StellarMessage | LinkEnded

/** A peer on its link. */
export interface HandshakePeer
  extends Pick<HandDrivenPeer, "id" | "signer" | "link" | "hello" | "lastBody" | "channel" | "decoder">
{
  /** Sends bytes as they are. */
  readonly send: (bytes: Uint8Array) => void
  /** Sends HELLO. */
  readonly sendHello: (doctored?: Doctored) => void
  /** Sends AUTH, sealed as the next frame. */
  readonly sendAuth: (flags?: number) => void
  /** The next message that comes; the first HELLO opens the channel. Frames of an open channel are checked. */
  readonly next: Effect.Effect<Heard>
  /** The messages that come until the link ends. */
  readonly rest: Effect.Effect<ReadonlyArray<Heard>>
}

/** Sets a peer on a link. */
export const makeHandshakePeer = (
  crypto: CryptoShape,
  link: Link,
  role: Role,
  { label, nowSeconds, passphrase }: PeerOptions
): HandshakePeer => {
  const { channel, decoder, hello, id, lastBody, send, sendAuth, sendHello, signer, ...peer } = make({
    crypto,
    link,
    role,
    networkId: networkIdOf(crypto, passphrase),
    keys: keysOf(crypto, bytesOf(crypto, `${label} seed`), bytesOf(crypto, `${label} agreement`)),
    nonce: bytesOf(crypto, `${label} nonce`),
    nowSeconds: () => nowSeconds
  })
  const next: Effect.Effect<Heard> = Effect.map(peer.next, (heard) => {
    if (heard._tag === "UNREADABLE") throw new Error(`the peer was sent what is unreadable: ${heard.reason}`)
    return heard
  })
  return {
    id,
    signer,
    link,
    hello,
    send,
    sendHello,
    sendAuth,
    next,
    rest: Effect.gen(function*() {
      const heard: Array<Heard> = []
      while (true) {
        const one = yield* next
        if (one._tag === "LINK_ENDED") return heard
        heard.push(one)
      }
    }),
    lastBody,
    channel,
    decoder
  }
}
