/**
 * A Stellar peer that is driven by hand: it says on a link exactly what it is told to, right or wrong, and hears what comes.
 *
 * It is made of core's functions only, so that what is under test judges bytes that it did not make. It keeps no timer, answers
 * nothing by itself and checks nothing that it sends: what a peer should do is for who drives it.
 */
import { Clock, Effect, Result } from "effect"
import * as SecureRandom from "effect/crypto/SecureRandom"
import { type CryptoShape, MAC_BYTES, type Signer } from "../../core/Crypto.ts"
import type { FrameDecoder } from "../../core/FrameDecoder.ts"
import * as ItemHash from "../../core/ItemHash.ts"
import type { PeerId } from "../../core/PeerId.ts"
import type { Role } from "../../core/Role.ts"
import { signCertificate } from "../../core/stellar/AuthCert.ts"
import {
  FrameChannel,
  isFrameShaped,
  kindAt,
  RECORD_OVERHEAD_BYTES,
  sealUnauthenticated
} from "../../core/stellar/FrameChannel.ts"
import {
  AUTH_FLAGS_FLOW_CONTROL_BYTES,
  CERTIFICATE_LIFETIME_SECONDS,
  DEFAULT_PORT,
  ENVELOPE_HEAD_BYTES,
  LEDGER_VERSION,
  MAX_MESSAGE_BYTES,
  OVERLAY_MIN_VERSION_OF_CORE,
  OVERLAY_VERSION
} from "../../core/stellar/limits.ts"
import { decodeMessage, encodeMessage, type StellarMessage } from "../../core/stellar/messages.ts"
import type { Hello } from "../../core/stellar/messages/handshake.ts"
import { makeRecordDecoder } from "../../core/stellar/RecordMark.ts"
import { sessionKeys, sharedKey } from "../../core/stellar/SessionKeys.ts"
import { peerIdFromPublicKey } from "../../core/stellar/StrKey.ts"
import { Crypto } from "../../services/Crypto.ts"
import type { Link, LinkError } from "../../services/Transport.ts"

/** The keys of a peer: what it signs with, and its half of each agreement (32 bytes each). */
export interface PeerKeys {
  readonly signer: Signer
  readonly agreementSecret: Uint8Array
  readonly agreementPublicKey: Uint8Array
}

/** What a peer is made of. */
export interface PeerParts {
  readonly crypto: CryptoShape
  readonly link: Link
  readonly role: Role
  /** The SHA-256 of the network's passphrase: 32 bytes. */
  readonly networkId: Uint8Array
  readonly keys: PeerKeys
  /** What it brings to this connection: 32 bytes that were never used before, unless that is the attack. */
  readonly nonce: Uint8Array
  /** The time that its certificates are made by, Unix seconds. */
  readonly nowSeconds: () => number
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

/** The link ended. */
export interface LinkEnded {
  readonly _tag: "LINK_ENDED"
  readonly reason: LinkError["reason"]
}

/** What came is no frame of this channel, or no message; nothing behind it is read. */
export interface Unreadable {
  readonly _tag: "UNREADABLE"
  readonly reason: string
}

/** What a peer reads: a message, or that there are no more. */
export type Heard = StellarMessage | LinkEnded | Unreadable

/** A peer on its link. All of `send...` and `say...` give what `Link.send` gives: after a `false` wait for `writable`. */
export interface HandDrivenPeer {
  readonly id: PeerId
  readonly role: Role
  readonly signer: Signer
  readonly link: Link
  /** The HELLO that it would send, as a message. Throws on a field that XDR cannot carry. */
  readonly hello: (doctored?: Doctored) => Uint8Array
  /** Sends bytes as they are. */
  readonly send: (bytes: Uint8Array) => boolean
  /** Sends HELLO, which is not sealed. */
  readonly sendHello: (doctored?: Doctored) => boolean
  /** Sends AUTH, sealed as the next frame. */
  readonly sendAuth: (flags?: number) => boolean
  /** Sends a message, sealed as the next frame. */
  readonly say: (message: StellarMessage) => boolean
  /** The same for a message in bytes, right or wrong. */
  readonly sayBytes: (message: Uint8Array) => boolean
  /** Completes when the link can take bytes. */
  readonly writable: Effect.Effect<void>
  /**
   * Hands each message to `each` until it says `false` (then gives `undefined`), or until there are no more. What stands
   * behind the last one waits for the next reader. The first HELLO opens the channel; its frames are checked from then on.
   */
  readonly read: (each: (message: StellarMessage) => boolean) => Effect.Effect<LinkEnded | Unreadable | undefined>
  /** The next message. */
  readonly next: Effect.Effect<Heard>
  /** Reads on until a message of this kind comes; `undefined` if none does. */
  readonly hear: <Tag extends StellarMessage["_tag"]>(
    tag: Tag
  ) => Effect.Effect<Extract<StellarMessage, { readonly _tag: Tag }> | undefined>
  /**
   * Does its part of the handshake, and waits for the first grant of credit: by that the other side says that it has let it in.
   * `false` if the link ends before.
   */
  readonly authenticate: (doctored?: Doctored) => Effect.Effect<boolean>
  /** Bytes of the last frame's body, as received. */
  readonly lastBody: () => Uint8Array
  /** Sets (or, with `undefined`, clears) who is told of each message that is read, before the reader gets it. */
  readonly onHeard: (tell: ((message: StellarMessage) => void) | undefined) => void
  /**
   * Sets kinds, each with a name, of which it is only counted how many come behind the handshake: the message is opened as any
   * other, and its name `told`, but it is neither kept nor decoded, and no reader gets it.
   */
  readonly passOver: (kinds: ReadonlyMap<number, string>, told: (name: string) => void) => void
  /** The channel. Throws before the other side's HELLO was read. */
  readonly channel: () => FrameChannel
  /** The decoder, which holds what came behind the last frame that was read. */
  readonly decoder: FrameDecoder
}

/** Encodes a message of which it is known that XDR can carry it; throws if it cannot. */
export const encode = (message: StellarMessage): Uint8Array =>
  Result.getOrThrowWith(encodeMessage(message), (refusal) => new Error(`${message._tag}: ${refusal.reason}`))

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

/** The network id (32 bytes) of a passphrase. */
export const networkIdOf = (crypto: CryptoShape, passphrase: string): Uint8Array =>
  ItemHash.toBytes(crypto.sha256(new TextEncoder().encode(passphrase)))

/** The keys that follow from an Ed25519 seed and an X25519 secret (32 bytes each). */
export const keysOf = (crypto: CryptoShape, seed: Uint8Array, agreementSecret: Uint8Array): PeerKeys => ({
  signer: crypto.signer(seed),
  agreementSecret,
  agreementPublicKey: crypto.agreementPublicKey(agreementSecret)
})

const SECRET_BYTES = 32
const EMPTY = new Uint8Array(0)
const VERSION_TEXT = new TextEncoder().encode("driven by hand")

/** New keys, from `SecureRandom`; `seed` (32 bytes) makes it somebody in particular. */
export const makeKeys = Effect.fnUntraced(function*(seed?: Uint8Array) {
  const crypto = yield* Crypto
  const random = yield* SecureRandom.SecureRandom
  return keysOf(crypto, seed ?? (yield* random.randomBytes(SECRET_BYTES)), yield* random.randomBytes(SECRET_BYTES))
})

/** What can be chosen about a peer on a link. */
export interface OpenOptions {
  readonly passphrase: string
  readonly role: Role
  readonly keys: PeerKeys
}

/** Sets a peer on a link, with a new nonce and the time of the Clock. It has said nothing yet. */
export const open = Effect.fnUntraced(function*(link: Link, { passphrase, ...options }: OpenOptions) {
  const crypto = yield* Crypto
  const random = yield* SecureRandom.SecureRandom
  const clock = yield* Clock.Clock
  return make({
    ...options,
    crypto,
    link,
    networkId: networkIdOf(crypto, passphrase),
    nonce: yield* random.randomBytes(SECRET_BYTES),
    nowSeconds: () => Math.floor(clock.currentTimeMillisUnsafe() / 1000)
  })
})

/** Sets a peer on a link, of given parts. It has said nothing yet. */
export const make = (parts: PeerParts): HandDrivenPeer => {
  const { crypto, keys, link, networkId, nonce, role } = parts
  const decoder = makeRecordDecoder()
  decoder.setLimit(MAX_MESSAGE_BYTES)
  let opened: FrameChannel | undefined
  let body: Uint8Array = EMPTY
  let refused: Unreadable | undefined
  let tell: ((message: StellarMessage) => void) | undefined
  let passed: ReadonlyMap<number, string> = new Map()
  let tellPassed: (name: string) => void = () => {}

  const hello = (doctored: Doctored = {}): Uint8Array => {
    const named = doctored.signer ?? keys.signer
    return encode({
      _tag: "HELLO",
      hello: {
        ledgerVersion: LEDGER_VERSION,
        overlayVersion: OVERLAY_VERSION,
        overlayMinVersion: OVERLAY_MIN_VERSION_OF_CORE,
        networkID: networkId,
        versionStr: VERSION_TEXT,
        listeningPort: DEFAULT_PORT,
        peerID: named.publicKey,
        cert: signCertificate(
          crypto,
          named,
          doctored.certificate?.networkId ?? networkId,
          doctored.certificate?.agreementPublicKey ?? keys.agreementPublicKey,
          doctored.certificate?.expiration ?? BigInt(parts.nowSeconds() + CERTIFICATE_LIFETIME_SECONDS)
        ),
        nonce,
        ...doctored.hello
      }
    })
  }

  const unreadable = (reason: string): Unreadable => ({ _tag: "UNREADABLE", reason })

  /** Opens the channel with the other side's HELLO; tells why that cannot be done. */
  const openChannel = (theirs: Hello): Unreadable | undefined => {
    const shared = sharedKey(crypto, keys.agreementSecret, keys.agreementPublicKey, theirs.cert.pubkey, role)
    if (shared === undefined) return unreadable("their session key gives no secret")
    const { receive, send } = sessionKeys(crypto, shared, role, nonce, theirs.nonce)
    opened = new FrameChannel({
      send: crypto.macKey(send),
      receive: crypto.macKey(receive),
      receiveIsZero: receive.every((byte) => byte === 0)
    })
    return undefined
  }

  const messageIn = (frame: Uint8Array): StellarMessage | Unreadable => {
    const verdict = opened?.open(frame, 0, frame.length) ?? "message"
    if (verdict !== "message" && verdict !== "last-words") return unreadable(verdict)
    const decoded = decodeMessage(frame.subarray(ENVELOPE_HEAD_BYTES, frame.length - MAC_BYTES))
    if (Result.isFailure(decoded)) return unreadable(decoded.failure.reason)
    const message = decoded.success
    if (message._tag !== "HELLO" || opened !== undefined) return message
    return openChannel(message.hello) ?? message
  }

  const read: HandDrivenPeer["read"] = (each) =>
    Effect.suspend(() => {
      if (refused !== undefined) return Effect.succeed(refused)
      let wants = true
      const onFrame = (bytes: Uint8Array, start: number, end: number): boolean => {
        const name = isFrameShaped(bytes, start, end) ? passed.get(kindAt(bytes, start)) : undefined
        if (opened !== undefined && name !== undefined) {
          const verdict = opened.open(bytes, start, end)
          if (verdict === "message") {
            tellPassed(name)
            return true
          }
          refused = unreadable(verdict)
          wants = false
          return false
        }
        body = bytes.slice(start, end)
        const message = messageIn(body)
        if (message._tag === "UNREADABLE") {
          refused = message
          wants = false
        } else {
          tell?.(message)
          wants = each(message)
        }
        return wants
      }
      const take = (chunk: Uint8Array): boolean => {
        const refusal = decoder.push(chunk, onFrame)
        if (refusal === undefined) return wants
        refused = unreadable(`a record of ${refusal.announcedBytes} bytes`)
        return false
      }
      if (!take(EMPTY)) return Effect.succeed(refused)
      return Effect.match(link.read(take), {
        onSuccess: () => refused,
        onFailure: (error): LinkEnded => ({ _tag: "LINK_ENDED", reason: error.reason })
      })
    })

  const next: Effect.Effect<Heard> = Effect.suspend(() => {
    let heard: StellarMessage | undefined
    return Effect.map(
      read((message) => {
        heard = message
        return false
      }),
      (end) => heard ?? end ?? unreadable("nothing")
    )
  })

  const hear: HandDrivenPeer["hear"] = <Tag extends StellarMessage["_tag"]>(tag: Tag) =>
    Effect.suspend(() => {
      let heard: Extract<StellarMessage, { readonly _tag: Tag }> | undefined
      return Effect.map(
        read((message) => {
          if (isOf(message, tag)) heard = message
          return heard === undefined
        }),
        () => heard
      )
    })

  const channel = (): FrameChannel => {
    if (opened === undefined) throw new Error("the other side has not said HELLO")
    return opened
  }
  const send = (bytes: Uint8Array): boolean => link.send(bytes)
  const sayBytes = (message: Uint8Array): boolean => send(sealed(channel(), message))
  const say = (message: StellarMessage): boolean => sayBytes(encode(message))
  const sendHello = (doctored?: Doctored): boolean => send(unsealed(hello(doctored)))
  const sendAuth = (flags = AUTH_FLAGS_FLOW_CONTROL_BYTES): boolean => say({ _tag: "AUTH", auth: { flags } })

  return {
    id: peerIdFromPublicKey(keys.signer.publicKey),
    role,
    signer: keys.signer,
    link,
    hello,
    send,
    sendHello,
    sendAuth,
    say,
    sayBytes,
    writable: Effect.callback((resume) => {
      if (link.isWritable()) return resume(Effect.void)
      link.onWritable(() => {
        link.onWritable(undefined)
        resume(Effect.void)
      })
      return Effect.sync(() => link.onWritable(undefined))
    }),
    read,
    next,
    hear,
    authenticate: Effect.fnUntraced(function*(doctored) {
      if (role === "caller") sendHello(doctored)
      if ((yield* hear("HELLO")) === undefined) return false
      if (role === "caller") sendAuth()
      else sendHello(doctored)
      if ((yield* hear("AUTH")) === undefined) return false
      if (role === "acceptor") sendAuth()
      return (yield* hear("SEND_MORE_EXTENDED")) !== undefined
    }),
    lastBody: () => body,
    onHeard: (next) => {
      tell = next
    },
    passOver: (kinds, told) => {
      passed = kinds
      tellPassed = told
    },
    channel,
    decoder
  }
}

const isOf = <Tag extends StellarMessage["_tag"]>(
  message: StellarMessage,
  tag: Tag
): message is Extract<StellarMessage, { readonly _tag: Tag }> => message._tag === tag
