/**
 * What the overlay asks of cryptography, as plain synchronous functions.
 *
 * The shape stands in core so that pure code can take it as an argument; `services/Crypto` makes a service of it and
 * `layers/node` and `layers/noble` keep the promise.
 */
import type { ItemHash } from "./ItemHash.ts"

/** How many bytes an HMAC-SHA256 tag has. */
export const MAC_BYTES = 32

/** A key of HMAC-SHA256 that has been prepared once, for many messages. */
export interface MacKey {
  /** Writes the tag (32 bytes) of `bytes[start, end)` into `into` at `at`. `into` may be `bytes` itself. */
  readonly sign: (bytes: Uint8Array, start: number, end: number, into: Uint8Array, at: number) => void
  /** Tells, in time that does not depend on where they differ, whether the 32 bytes of `tag` at `at` are the tag. */
  readonly verify: (bytes: Uint8Array, start: number, end: number, tag: Uint8Array, at: number) => boolean
}

/** An Ed25519 key pair that signs. */
export interface Signer {
  /** 32 bytes, as on the wire. */
  readonly publicKey: Uint8Array
  /** The 64-byte signature of `message`. */
  readonly sign: (message: Uint8Array) => Uint8Array
}

/** Synchronous cryptography. No function throws on input that came from outside: a refusal is a value. */
export interface CryptoShape {
  /** SHA-256 of `bytes[start, end)`, of all of them if nothing else is said, as an `ItemHash`. */
  readonly sha256: (bytes: Uint8Array, start?: number, end?: number) => ItemHash
  /** Prepares a key of HMAC-SHA256 (RFC 2104). A key longer than 64 bytes is hashed first, as the RFC says. */
  readonly macKey: (key: Uint8Array) => MacKey
  /** The signer of a 32-byte Ed25519 seed (RFC 8032). */
  readonly signer: (seed: Uint8Array) => Signer
  /**
   * Verifies an Ed25519 signature as libsodium does, and so as stellar-core does: public keys and R that are of small
   * order or not canonical are refused, and so is S not below the group order. Wrong lengths are `false`.
   */
  readonly verify: (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean
  /** The X25519 public key (32 bytes) of a 32-byte secret (RFC 7748). */
  readonly agreementPublicKey: (secret: Uint8Array) => Uint8Array
  /** The X25519 shared secret, or `undefined` if the other side's key is of small order (the result would be zero). */
  readonly agree: (secret: Uint8Array, publicKey: Uint8Array) => Uint8Array | undefined
}
