/**
 * How two Stellar nodes come to know each other.
 *
 * A dials and speaks first. "Here is my key, a certificate of this hour, and a number that I never used." B looks whether the
 * certificate is good, and answers with its own HELLO, even to one whom it will refuse: A shall be able to read the refusal.
 * Both now hold each other's session keys and both numbers, and make from them one key a direction. A says AUTH, sealed with
 * the first key. B can open it, so A is who it said; B says AUTH, sealed with the other. From here on each frame is counted
 * and sealed.
 *
 * `open` below reads in that order. What is refused, and with which words, stands in `acceptCertificate`, `acceptHello`,
 * `helloIn` and `authIn`, check by check as the protocol orders them.
 */
import { Clock, type Duration, Effect, Layer, Result } from "effect"
import * as SecureRandom from "effect/crypto/SecureRandom"
import { MAC_BYTES } from "../../core/Crypto.ts"
import { type DropReason, handshakeTimeout } from "../../core/DropReason.ts"
import * as ItemHash from "../../core/ItemHash.ts"
import { tcpAddress } from "../../core/PeerAddress.ts"
import { isLongLived, ownCertificate, verifyCertificate } from "../../core/stellar/AuthCert.ts"
import { alreadyConnected, beforeHandshake, Drop, remoteError } from "../../core/stellar/DropReason.ts"
import {
  FrameChannel,
  isFrameShaped,
  RECORD_OVERHEAD_BYTES,
  sealUnauthenticated
} from "../../core/stellar/FrameChannel.ts"
import { frameRefusal, holdsMessage } from "../../core/stellar/FrameRefusal.ts"
import { checkHello, portOf } from "../../core/stellar/HelloCheck.ts"
import { AUTH_FLAGS_FLOW_CONTROL_BYTES, ENVELOPE_HEAD_BYTES, MAX_TEXT_BYTES } from "../../core/stellar/limits.ts"
import { decodeMessage, type StellarMessage } from "../../core/stellar/messages.ts"
import type { Auth, Hello } from "../../core/stellar/messages/handshake.ts"
import { sessionKeys, sharedKeyCache } from "../../core/stellar/SessionKeys.ts"
import { peerIdFromPublicKey, shortPeerId } from "../../core/stellar/StrKey.ts"
import { Crypto } from "../../services/Crypto.ts"
import { Framing } from "../../services/Framing.ts"
import { type Admission, type Claim, type Established, Handshake, type Role } from "../../services/Handshake.ts"
import { NodeIdentity } from "../../services/NodeIdentity.ts"
import type { StellarConfig } from "../../services/stellar/StellarConfig.ts"
import type { Link } from "../../services/Transport.ts"
import { lostLink } from "../runtime/Supervision.ts"
import { encoded } from "./encoded.ts"

/** What the handshake takes from the configuration. */
export interface HandshakeOptions extends
  Pick<
    StellarConfig,
    "passphrase" | "versions" | "handshakeTimeout" | "handshakeSilenceTimeout" | "strictCertificates"
  >
{
  /** What HELLO says of the software; what is above 100 bytes is cut off. */
  readonly versionText: string
}

const SECRET_BYTES = 32
const NONCE_BYTES = 32
const EMPTY = new Uint8Array(0)
const textEncoder = new TextEncoder()

/** A text of the wire, a character a byte. (A `TextDecoder` for latin1 is one for windows-1252, which moves 0x80 to 0x9f.) */
const textOf = (bytes: Uint8Array): string => String.fromCharCode(...bytes)

/** Reads the last words in a message of kind ERROR_MSG: a typed reason, or that it is corrupt. */
export const readLastWords = (message: Uint8Array): DropReason => {
  const decoded = decodeMessage(message)
  return Result.isSuccess(decoded) && decoded.success._tag === "ERROR_MSG"
    ? remoteError(decoded.success.error.code, textOf(decoded.success.error.msg))
    : Drop.CorruptXdr
}

/** The record in which ERROR_MSG travels: sequence 0 and a MAC of zeros, at any time of a session. */
const lastWordsRecord = (reason: DropReason): Uint8Array | undefined => {
  if (reason.lastWords === undefined) return undefined
  const message = encoded({
    _tag: "ERROR_MSG",
    error: { code: reason.lastWords.code, msg: textEncoder.encode(reason.lastWords.text) }
  })
  const record = new Uint8Array(message.length + RECORD_OVERHEAD_BYTES)
  sealUnauthenticated(message, record, 0)
  return record
}

/** Makes the handshake of one node. Its agreement key pair is made here and lives as long as the node. */
export const make = Effect.fnUntraced(function*(options: HandshakeOptions) {
  const crypto = yield* Crypto
  const random = yield* SecureRandom.SecureRandom
  const identity = yield* NodeIdentity
  const framing = yield* Framing
  const { signer } = identity

  const networkId = ItemHash.toBytes(crypto.sha256(textEncoder.encode(options.passphrase)))
  const own = {
    networkId,
    publicKey: signer.publicKey,
    overlayVersion: options.versions.overlay,
    overlayMinVersion: options.versions.overlayMin
  }
  const agreementSecret = yield* random.randomBytes(SECRET_BYTES)
  const agreementPublicKey = crypto.agreementPublicKey(agreementSecret)
  const certificate = ownCertificate(crypto, signer, networkId, agreementPublicKey)
  const sharedKeys = sharedKeyCache(crypto, agreementSecret, agreementPublicKey)
  const authMessage = encoded({ _tag: "AUTH", auth: { flags: AUTH_FLAGS_FLOW_CONTROL_BYTES } })
  // Cut in bytes, which HELLO counts, where the configuration counts characters.
  const versionStr = textEncoder.encode(options.versionText).subarray(0, MAX_TEXT_BYTES)
  const nowSeconds = Effect.map(Clock.currentTimeMillis, (millis) => Math.floor(millis / 1000))

  const sendHello = (link: Link, listeningPort: number, nonce: Uint8Array) =>
    Effect.map(nowSeconds, (now) => {
      const message = encoded({
        _tag: "HELLO",
        hello: {
          ledgerVersion: options.versions.ledger,
          overlayVersion: own.overlayVersion,
          overlayMinVersion: own.overlayMinVersion,
          networkID: networkId,
          versionStr,
          listeningPort,
          peerID: signer.publicKey,
          cert: certificate.at(now),
          nonce
        }
      })
      const record = new Uint8Array(message.length + RECORD_OVERHEAD_BYTES)
      sealUnauthenticated(message, record, 0)
      link.send(record)
    })

  const open = Effect.fnUntraced(function*(link: Link, role: Role, admission: Admission) {
    const frames = frameReader(
      link,
      framing.decoder(),
      role === "acceptor" ? options.handshakeSilenceTimeout : undefined
    )
    const nonce = yield* random.randomBytes(NONCE_BYTES)
    if (role === "caller") {
      yield* sendHello(link, admission.listeningPort, nonce)
      admission.onStep?.("hello-sent", undefined)
    }

    const hello = yield* Effect.flatMap(frames.next, (frame) => fromResult(helloIn(frame)))
    const keys = yield* acceptCertificate(hello, role, nonce, admission)
    const claim = claimOf(hello, link, yield* nowSeconds)
    admission.onStep?.("hello-received", claim)
    if (role === "acceptor") {
      yield* sendHello(link, admission.listeningPort, nonce)
      admission.onStep?.("hello-sent", claim)
    }
    yield* acceptHello(hello, claim, admission)

    const channel = new FrameChannel(keys)
    const say = (messages: ReadonlyArray<Uint8Array>) => Effect.sync(() => link.send(sealAll(channel, messages)))
    if (role === "caller") {
      yield* say([authMessage])
      admission.onStep?.("auth-sent", claim)
    }
    const auth = yield* Effect.flatMap(frames.next, (frame) => fromResult(authIn(channel, frame)))
    admission.onStep?.("auth-received", claim)
    if (admission.proven !== undefined) yield* admission.proven(claim)
    frames.decoder.setLimit(framing.maxBodyBytes)
    if (role === "acceptor") {
      yield* say([authMessage, ...(yield* admission.greetings(claim))])
      admission.onStep?.("auth-sent", claim)
    }
    // Checked behind our own AUTH, as in core: the peer can read the refusal.
    if (auth.flags !== AUTH_FLAGS_FLOW_CONTROL_BYTES) return yield* Effect.fail<DropReason>(Drop.FlowControlDisabled)
    return { claim, role, channel, decoder: frames.decoder } satisfies Established
  })

  /** Checks 1 to 3: the certificate, the ban, the keys. All of them refuse in silence. */
  const acceptCertificate = Effect.fnUntraced(
    function*(hello: Hello, role: Role, nonce: Uint8Array, admission: Admission) {
      const now = yield* nowSeconds
      if (options.strictCertificates && isLongLived(hello.cert, now)) {
        return yield* Effect.fail<DropReason>(Drop.LongCertificate)
      }
      if (verifyCertificate(crypto, networkId, hello.peerID, hello.cert, now) !== "valid") {
        return yield* Effect.fail<DropReason>(Drop.BadCertificate)
      }
      if (yield* admission.isBanned(peerIdFromPublicKey(hello.peerID))) {
        return yield* Effect.fail<DropReason>(Drop.Banned)
      }
      const shared = sharedKeys.get(hello.cert.pubkey, role)
      if (shared === undefined) return yield* Effect.fail<DropReason>(Drop.BadCryptoRequest)
      const keys = sessionKeys(crypto, shared, role, nonce, hello.nonce)
      return {
        send: crypto.macKey(keys.send),
        receive: crypto.macKey(keys.receive),
        receiveIsZero: keys.receive.every((byte) => byte === 0)
      }
    }
  )

  /** Checks 4 to 9: versions, self, network, port, and whether the peer is here already. All of them refuse in words. */
  const acceptHello = Effect.fnUntraced(function*(hello: Hello, claim: Claim, admission: Admission) {
    const refusal = checkHello(hello, own)
    if (refusal !== undefined) return yield* Effect.fail<DropReason>(refusal)
    if (!(yield* admission.admit(claim))) return yield* Effect.fail<DropReason>(alreadyConnected(shortPeerId(claim.id)))
  })

  return Handshake.of({
    open: (link, role, admission) =>
      Effect.timeoutOrElse(open(link, role, admission), {
        duration: options.handshakeTimeout,
        orElse: () => Effect.fail<DropReason>(handshakeTimeout)
      }),
    lastWords: lastWordsRecord
  })
})

/** The handshake of one node: see `make`. */
export const layer = (
  options: HandshakeOptions
): Layer.Layer<Handshake, never, Crypto | SecureRandom.SecureRandom | NodeIdentity | Framing> =>
  Layer.effect(Handshake, make(options))

const fromResult = <A>(result: Result.Result<A, DropReason>): Effect.Effect<A, DropReason> => Effect.fromResult(result)

const claimOf = (hello: Hello, link: Link, nowSeconds: number): Claim => ({
  id: peerIdFromPublicKey(hello.peerID),
  address: tcpAddress(link.remoteAddress.ip, portOf(hello)),
  versionText: textOf(hello.versionStr),
  versions: { ledger: hello.ledgerVersion, overlay: hello.overlayVersion, overlayMin: hello.overlayMinVersion },
  certificateExpiresAtSeconds: hello.cert.expiration,
  isCertificateLong: isLongLived(hello.cert, nowSeconds)
})

const sealAll = (channel: FrameChannel, messages: ReadonlyArray<Uint8Array>): Uint8Array => {
  const size = messages.reduce((sum, message) => sum + message.length + channel.overheadBytes, 0)
  const records = new Uint8Array(size)
  messages.reduce((at, message) => channel.seal(message, records, at), 0)
  return records
}

/** What may be said before HELLO: HELLO, or last words (protocol, what is accepted in which state). */
const helloIn = (frame: Uint8Array): Result.Result<Hello, DropReason> => {
  if (!isFrameShaped(frame, 0, frame.length)) return Result.fail(Drop.CorruptXdr)
  return Result.flatMap(messageIn(frame), (message): Result.Result<Hello, DropReason> => {
    switch (message._tag) {
      case "HELLO":
        return Result.succeed(message.hello)
      case "AUTH":
        return Result.fail(Drop.OutOfOrderAuth)
      default:
        return Result.fail(beforeHandshake(message._tag))
    }
  })
}

/** What may be said between HELLO and AUTH: AUTH, proven by its MAC, or last words. */
const authIn = (channel: FrameChannel, frame: Uint8Array): Result.Result<Auth, DropReason> => {
  const opened = channel.open(frame, 0, frame.length)
  if (opened !== "message" && opened !== "last-words") {
    return Result.fail(frameRefusal(opened, frame, 0, frame.length))
  }
  return Result.flatMap(messageIn(frame), (message): Result.Result<Auth, DropReason> => {
    switch (message._tag) {
      case "AUTH":
        return Result.succeed(message.auth)
      case "HELLO":
        return Result.fail(Drop.UnexpectedHello)
      default:
        return Result.fail(beforeHandshake(message._tag))
    }
  })
}

/** The message of a frame that is frame-shaped and not the other side's last words. */
const messageIn = (frame: Uint8Array): Result.Result<Exclude<StellarMessage, { _tag: "ERROR_MSG" }>, DropReason> => {
  const bytes = frame.subarray(ENVELOPE_HEAD_BYTES, frame.length - MAC_BYTES)
  const decoded = decodeMessage(bytes)
  if (Result.isFailure(decoded) || !holdsMessage(frame, 0, frame.length)) return Result.fail(Drop.CorruptXdr)
  const message = decoded.success
  return message._tag === "ERROR_MSG" ? Result.fail(readLastWords(bytes)) : Result.succeed(message)
}

/** Frames one by one, each a copy. `silence` bounds the time in which nothing at all comes. */
const frameReader = (
  link: Link,
  decoder: ReturnType<Framing["Service"]["decoder"]>,
  silence: Duration.Duration | undefined
) => {
  let frame: Uint8Array | undefined
  const take = (bytes: Uint8Array, start: number, end: number): boolean => {
    frame = bytes.slice(start, end)
    return false
  }
  const push = (chunk: Uint8Array): DropReason | undefined =>
    decoder.push(chunk, take) === undefined ? undefined : Drop.BadRecordLength

  let refusal: DropReason | undefined
  const oneChunk = Effect.mapError(
    link.read((chunk) => {
      refusal = push(chunk)
      return false
    }),
    lostLink
  )
  const someBytes = silence === undefined
    ? oneChunk
    : Effect.timeoutOrElse(oneChunk, {
      duration: silence,
      orElse: () => Effect.fail<DropReason>(handshakeTimeout)
    })

  const next: Effect.Effect<Uint8Array, DropReason> = Effect.gen(function*() {
    frame = undefined
    refusal = push(EMPTY)
    while (true) {
      if (frame !== undefined) return frame
      if (refusal !== undefined) return yield* Effect.fail(refusal)
      yield* someBytes
    }
  })
  return { next, decoder }
}
