/**
 * From two X25519 keys and two nonces to the two MAC keys of a connection.
 *
 * q = X25519(own secret, their public); K = HMAC(32 zero bytes, q || caller's public || acceptor's public);
 * key of a direction = HMAC(K, direction || sender's nonce || receiver's nonce || 1), direction 0 from caller to acceptor
 * and 1 back. That is HKDF with SHA-256 (RFC 5869): K is the extract, a key is the first block of the expand.
 * Source: Stellar overlay protocol.
 */
import type { CryptoShape } from "../Crypto.ts"
import { MAC_BYTES } from "../Crypto.ts"
import * as ItemHash from "../ItemHash.ts"
import type { Role } from "../Role.ts"
import { SHARED_KEY_CACHE_ENTRIES } from "./limits.ts"

/** The two MAC keys of a connection, as one side sees them: 32 bytes each. */
export interface SessionKeys {
  readonly send: Uint8Array
  readonly receive: Uint8Array
}

/** How many bytes keys and nonces have. */
const KEY_BYTES = 32
/** The extract has no salt, which HKDF spells as this many zero bytes. */
const NO_SALT = new Uint8Array(KEY_BYTES)
/** The counter of the one block that is expanded (RFC 5869). */
const FIRST_BLOCK = 1
/** What stands in front of the nonces, by who sends. */
const DIRECTION = { caller: 0, acceptor: 1 } as const

/**
 * The key K (32 bytes) that two nodes share while both run, or `undefined` if theirs is of small order or not 32 bytes.
 *
 * The remote key is hashed as it was received, though the agreement ignores its top bit.
 */
export const sharedKey = (
  crypto: CryptoShape,
  ownSecret: Uint8Array,
  ownPublic: Uint8Array,
  remotePublic: Uint8Array,
  role: Role
): Uint8Array | undefined => {
  const agreed = crypto.agree(ownSecret, remotePublic)
  return agreed === undefined ? undefined : extract(crypto, agreed, ownPublic, remotePublic, role)
}

/** K from what was agreed on (q). */
const extract = (
  crypto: CryptoShape,
  agreed: Uint8Array,
  ownPublic: Uint8Array,
  remotePublic: Uint8Array,
  role: Role
): Uint8Array => {
  const input = new Uint8Array(3 * KEY_BYTES)
  input.set(agreed, 0)
  input.set(role === "caller" ? ownPublic : remotePublic, KEY_BYTES)
  input.set(role === "caller" ? remotePublic : ownPublic, 2 * KEY_BYTES)
  return mac(crypto, NO_SALT, input)
}

/** The MAC keys of one connection from the shared key K and the nonces (32 bytes each) of both HELLOs. */
export const sessionKeys = (
  crypto: CryptoShape,
  shared: Uint8Array,
  role: Role,
  localNonce: Uint8Array,
  remoteNonce: Uint8Array
): SessionKeys => ({
  send: directionKey(crypto, shared, role, localNonce, remoteNonce),
  receive: directionKey(crypto, shared, role === "caller" ? "acceptor" : "caller", remoteNonce, localNonce)
})

const directionKey = (
  crypto: CryptoShape,
  shared: Uint8Array,
  sender: Role,
  senderNonce: Uint8Array,
  receiverNonce: Uint8Array
): Uint8Array => {
  const info = new Uint8Array(1 + 2 * KEY_BYTES + 1)
  info[0] = DIRECTION[sender]
  info.set(senderNonce, 1)
  info.set(receiverNonce, 1 + KEY_BYTES)
  info[1 + 2 * KEY_BYTES] = FIRST_BLOCK
  return mac(crypto, shared, info)
}

const mac = (crypto: CryptoShape, key: Uint8Array, bytes: Uint8Array): Uint8Array => {
  const tag = new Uint8Array(MAC_BYTES)
  crypto.macKey(key).sign(bytes, 0, bytes.length, tag, 0)
  return tag
}

/** Shared keys of one agreement key pair. What was agreed with a peer is remembered: one that comes back, or is called, costs no new agreement. */
export interface SharedKeyCache {
  /** As `sharedKey`. A refusal is not remembered. */
  readonly get: (remotePublic: Uint8Array, role: Role) => Uint8Array | undefined
  /** With how many remote keys an agreement is remembered. */
  readonly size: () => number
}

/** Makes a cache of shared keys; when it is full, the oldest agreement is forgotten. */
export const sharedKeyCache = (
  crypto: CryptoShape,
  ownSecret: Uint8Array,
  ownPublic: Uint8Array,
  maxEntries = SHARED_KEY_CACHE_ENTRIES
): SharedKeyCache => {
  const known = new Map<string, Uint8Array>()
  const agreedWith = (remotePublic: Uint8Array): Uint8Array | undefined => {
    const name = ItemHash.fromBytes(remotePublic)
    const remembered = known.get(name)
    if (remembered !== undefined) return remembered
    const agreed = crypto.agree(ownSecret, remotePublic)
    if (agreed === undefined) return undefined
    const [oldest] = known.keys()
    if (known.size >= maxEntries && oldest !== undefined) known.delete(oldest)
    known.set(name, agreed)
    return agreed
  }
  return {
    get: (remotePublic, role) => {
      // A name is made of 32 bytes: a key of another length must not pass as one that is known.
      if (remotePublic.length !== KEY_BYTES) return undefined
      const agreed = agreedWith(remotePublic)
      // The role is the smallest part of the cost, and both are asked for where nodes call each other.
      return agreed === undefined ? undefined : extract(crypto, agreed, ownPublic, remotePublic, role)
    },
    size: () => known.size
  }
}
