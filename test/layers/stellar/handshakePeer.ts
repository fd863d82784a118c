/**
 * A Stellar peer that is driven by hand: it says on a link exactly what the test tells it to, right or wrong.
 *
 * It is made of core's functions only, so that what is under test (the layer) judges bytes that the layer did not make.
 */
import { Effect, Result } from "effect"
import type { CryptoShape, Signer } from "../../../src/core/Crypto.ts"
import type { FrameDecoder } from "../../../src/core/FrameDecoder.ts"
import * as ItemHash from "../../../src/core/ItemHash.ts"
import type { PeerId } from "../../../src/core/PeerId.ts"
import type { Role } from "../../../src/core/Role.ts"
import { signCertificate } from "../../../src/core/stellar/AuthCert.ts"
import { FrameChannel, RECORD_OVERHEAD_BYTES, sealUnauthenticated } from "../../../src/core/stellar/FrameChannel.ts"
import {
  AUTH_FLAGS_FLOW_CONTROL_BYTES,
  ENVELOPE_HEAD_BYTES,
  MAX_MESSAGE_BYTES
} from "../../../src/core/stellar/limits.ts"
import { decodeMessage, encodeMessage, type StellarMessage } from "../../../src/core/stellar/messages.ts"
import type { Hello } from "../../../src/core/stellar/messages/handshake.ts"
import { makeRecordDecoder } from "../../../src/core/stellar/RecordMark.ts"
import { sessionKeys, sharedKey } from "../../../src/core/stellar/SessionKeys.ts"
import { peerIdFromPublicKey } from "../../../src/core/stellar/StrKey.ts"
import type { Link } from "../../../src/services/Transport.ts"

/** 32 bytes that follow from a label: seeds, secrets and nonces of tests. */
export const bytesOf = (crypto: CryptoShape, label: string): Uint8Array =>
  ItemHash.toBytes(crypto.sha256(new TextEncoder().encode(label)))

/** The network id of a passphrase. */
export const networkIdOf = bytesOf

/** Encodes a message that the test knows to be encodable. */
export const encode = (message: StellarMessage): Uint8Array => Result.getOrThrow(encodeMessage(message))

/** The record of a message that is not sealed: sequence 0, MAC of zeros. */
export const unsealed = (message: Uint8Array): Uint8Array => {
  const record = new Uint8Array(message.length + RECORD_OVERHEAD_BYTES)
  sealUnauthenticated(message, record, 0)
  return record
}

/** The record of a message as the next frame of the channel. */
export const sealed = (channel: FrameChannel, message: Uint8Array): Uint8Array => {
  const record = new Uint8Array(message.length + channel.overheadBytes)
  channel.seal(message, record, 0)
  return record
}

/** What can be wrong with a HELLO. */
export interface Doctored {
  /** Fields that replace the true ones. */
  readonly hello?: Partial<Hello>
  /** What the certificate is made of instead of the truth. */
  readonly certificate?: {
    readonly networkId?: Uint8Array
    readonly expiration?: bigint
    readonly agreementPublicKey?: Uint8Array
  }
  /** Signs the certificate and gives the name, instead of the peer's own key. */
  readonly signer?: Signer
}

/** What a peer is made of. */
export interface PeerOptions {
  readonly passphrase: string
  /** Everything secret about it follows from this. */
  readonly label: string
  /** The time of its certificate, Unix seconds. */
  readonly nowSeconds: number
}

/** What the peer read: a message and its name, or how the link ended. */
export type Heard = StellarMessage | { readonly _tag: "LINK_ENDED"; readonly reason: string }

/** A peer on its link. */
export interface HandshakePeer {
  readonly id: PeerId
  readonly signer: Signer
  readonly link: Link
  /** The HELLO that it would send, as a message. */
  readonly hello: (doctored?: Doctored) => Uint8Array
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
  /** Bytes of the last frame's body, as received. */
  readonly lastBody: () => Uint8Array
  /** The channel, once the other side's HELLO was read. */
  readonly channel: () => FrameChannel
  /** The decoder, which holds what came behind the last frame that was read. */
  readonly decoder: FrameDecoder
}

/** Sets a peer on a link. */
export const makeHandshakePeer = (
  crypto: CryptoShape,
  link: Link,
  role: Role,
  { label, nowSeconds, passphrase }: PeerOptions
): HandshakePeer => {
  const signer = crypto.signer(bytesOf(crypto, `${label} seed`))
  const secret = bytesOf(crypto, `${label} agreement`)
  const agreementPublicKey = crypto.agreementPublicKey(secret)
  const nonce = bytesOf(crypto, `${label} nonce`)
  const networkId = networkIdOf(crypto, passphrase)

  const hello = (doctored: Doctored = {}): Uint8Array => {
    const named = doctored.signer ?? signer
    const certificate = signCertificate(
      crypto,
      named,
      doctored.certificate?.networkId ?? networkId,
      doctored.certificate?.agreementPublicKey ?? agreementPublicKey,
      doctored.certificate?.expiration ?? BigInt(nowSeconds + 3600)
    )
    return encode({
      _tag: "HELLO",
      hello: {
        ledgerVersion: 28,
        overlayVersion: 42,
        overlayMinVersion: 41,
        networkID: networkId,
        versionStr: new TextEncoder().encode("driven by hand"),
        listeningPort: 11_625,
        peerID: named.publicKey,
        cert: certificate,
        nonce,
        ...doctored.hello
      }
    })
  }

  const decoder = makeRecordDecoder()
  decoder.setLimit(MAX_MESSAGE_BYTES)
  let opened: FrameChannel | undefined
  let body = new Uint8Array(0)

  const openChannel = (theirs: Hello): void => {
    const shared = sharedKey(crypto, secret, agreementPublicKey, theirs.cert.pubkey, role)
    if (shared === undefined) throw new Error("no secret with this session key")
    const keys = sessionKeys(crypto, shared, role, nonce, theirs.nonce)
    opened = new FrameChannel({
      send: crypto.macKey(keys.send),
      receive: crypto.macKey(keys.receive),
      receiveIsZero: false
    })
  }

  const read = (): Heard => {
    if (opened !== undefined) {
      const verdict = opened.open(body, 0, body.length)
      if (verdict !== "message" && verdict !== "last-words") {
        throw new Error(`the peer was sent a frame that is ${verdict}`)
      }
    }
    const message = Result.getOrThrow(decodeMessage(body.subarray(ENVELOPE_HEAD_BYTES, body.length - 32)))
    if (opened === undefined && message._tag === "HELLO") openChannel(message.hello)
    return message
  }

  const next: Effect.Effect<Heard> = Effect.gen(function*() {
    const state = { came: false }
    const take = (chunk: Uint8Array): void => {
      decoder.push(chunk, (bytes, start, end) => {
        body = bytes.slice(start, end)
        state.came = true
        return false
      })
    }
    take(new Uint8Array(0))
    while (!state.came) {
      const ended = yield* link.read((chunk) => {
        take(chunk)
        return false
      }).pipe(
        Effect.as(undefined),
        Effect.catch((error) => Effect.succeed<Heard>({ _tag: "LINK_ENDED", reason: error.reason }))
      )
      if (ended !== undefined) return ended
    }
    return read()
  })

  const channel = (): FrameChannel => {
    if (opened === undefined) throw new Error("the other side has not said HELLO")
    return opened
  }
  const send = (bytes: Uint8Array): void => {
    link.send(bytes)
  }

  return {
    id: peerIdFromPublicKey(signer.publicKey),
    signer,
    link,
    hello,
    send,
    sendHello: (doctored) => send(unsealed(hello(doctored))),
    sendAuth: (flags = AUTH_FLAGS_FLOW_CONTROL_BYTES) =>
      send(sealed(channel(), encode({ _tag: "AUTH", auth: { flags } }))),
    next,
    rest: Effect.gen(function*() {
      const heard: Array<Heard> = []
      while (true) {
        const one = yield* next
        if (one._tag === "LINK_ENDED") return heard
        heard.push(one)
      }
    }),
    lastBody: () => body,
    channel,
    decoder
  }
}
