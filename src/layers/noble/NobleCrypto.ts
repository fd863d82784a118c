/**
 * Cryptography in plain TypeScript, by the noble libraries: runs everywhere, and is what the native layer is tested against.
 *
 * It keeps the same promise bit for bit, at ten times the cost on curves and three times on tags.
 */
import { ed25519, x25519 } from "@noble/curves/ed25519.js"
import { bytesToNumberLE } from "@noble/curves/utils.js"
import { hmac } from "@noble/hashes/hmac.js"
import { sha256 as nobleSha256, sha512 } from "@noble/hashes/sha2.js"
import { Layer } from "effect"
import { type CryptoShape, MAC_BYTES, type MacKey, type Signer } from "../../core/Crypto.ts"
import { isStrict } from "../../core/Ed25519Strictness.ts"
import * as ItemHash from "../../core/ItemHash.ts"
import { Crypto } from "../../services/Crypto.ts"

/** How many bytes a key of Ed25519 or X25519 has, and each half of a signature. */
const KEY_BYTES = 32

const sha256 = (bytes: Uint8Array, start = 0, end = bytes.length): ItemHash.ItemHash =>
  ItemHash.fromBytes(nobleSha256(bytes.subarray(start, end)))

const macKey = (key: Uint8Array): MacKey => {
  // Both padded blocks are digested once here; each message starts from a copy of that state, always in the same place,
  // which saves a third of the time that a new copy takes.
  const keyed = hmac.create(nobleSha256, key)
  const copy = keyed.clone()
  const expected = new Uint8Array(MAC_BYTES)
  const tagInto = (bytes: Uint8Array, start: number, end: number, into: Uint8Array): void => {
    keyed._cloneInto(copy)
    copy.update(bytes.subarray(start, end)).digestInto(into)
  }

  return {
    sign: (bytes, start, end, into, at) => {
      if (!isRange(bytes, start, end) || !isRange(into, at, at + MAC_BYTES)) {
        throw new RangeError(`No tag of ${start} to ${end} of ${bytes.length} bytes at ${at} of ${into.length}`)
      }
      tagInto(bytes, start, end, into.subarray(at, at + MAC_BYTES))
    },
    verify: (bytes, start, end, tag, at) => {
      if (!isRange(bytes, start, end) || !isRange(tag, at, at + MAC_BYTES)) return false
      tagInto(bytes, start, end, expected)
      let difference = 0
      for (let i = 0; i < MAC_BYTES; i++) difference |= tag[at + i]! ^ expected[i]!
      return difference === 0
    }
  }
}

/** Tells whether `[start, end)` lies in `bytes`: a view that came out shorter would be a tag of something else. */
const isRange = (bytes: Uint8Array, start: number, end: number): boolean =>
  start >= 0 && start <= end && end <= bytes.length

/** Refuses an own secret of the wrong length, which is a bug of ours. */
const requireSecret = (curve: string, secret: Uint8Array): void => {
  if (secret.length !== KEY_BYTES) {
    throw new RangeError(`A secret of ${curve} has ${KEY_BYTES} bytes, this one has ${secret.length}`)
  }
}

const signer = (seed: Uint8Array): Signer => {
  requireSecret("ed25519", seed)
  const secret = seed.slice()
  return {
    publicKey: ed25519.getPublicKey(secret),
    sign: (message) => ed25519.sign(message, secret)
  }
}

/**
 * The library's own `verify` multiplies both sides by the cofactor, and so accepts signatures under keys with a part of
 * small order that libsodium and OpenSSL refuse. Here the equation is theirs: R must be the very bytes of S*B - k*A.
 */
const verify = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean => {
  if (!isStrict(publicKey, signature)) return false
  const encodedR = signature.subarray(0, KEY_BYTES)
  const s = bytesToNumberLE(signature.subarray(KEY_BYTES))
  const digest = sha512.create().update(encodedR).update(publicKey).update(message).digest()
  const k = ed25519.Point.Fn.create(bytesToNumberLE(digest))
  try {
    const a = ed25519.Point.fromBytes(publicKey)
    const expected = ed25519.Point.BASE.multiplyUnsafe(s).subtract(a.multiplyUnsafe(k)).toBytes()
    return expected.every((byte, i) => byte === encodedR[i])
  } catch {
    // The public key is not a point of the curve.
    return false
  }
}

const agreementPublicKey = (secret: Uint8Array): Uint8Array => {
  requireSecret("x25519", secret)
  return x25519.getPublicKey(secret)
}

const agree = (secret: Uint8Array, publicKey: Uint8Array): Uint8Array | undefined => {
  requireSecret("x25519", secret)
  if (publicKey.length !== KEY_BYTES) return undefined
  try {
    return x25519.getSharedSecret(secret, publicKey)
  } catch {
    // The library refuses keys of small order before it uses the secret.
    return undefined
  }
}

/** Makes the cryptography; it owns nothing. */
export const make = (): CryptoShape => ({ sha256, macKey, signer, verify, agreementPublicKey, agree })

/** Provides `Crypto` by the noble libraries. */
export const layer: Layer.Layer<Crypto> = Layer.sync(Crypto, make)
