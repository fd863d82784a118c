/**
 * Cryptography by `node:crypto`: the live layer, ten times faster on curves than portable code.
 *
 * What is slow in it is avoided: keys are imported once (29 us for a public key, 14 us for a raw HMAC key), and digests of
 * small inputs are asked for as text, which costs a third of a Buffer.
 */
import { Layer } from "effect"
import type { KeyObject } from "node:crypto"
import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  diffieHellman,
  hash,
  sign,
  verify as verifyEquation
} from "node:crypto"
import { type CryptoShape, MAC_BYTES, type MacKey, type Signer } from "../../core/Crypto.ts"
import { isStrict } from "../../core/Ed25519Strictness.ts"
import * as ItemHash from "../../core/ItemHash.ts"
import { MAC_SCRATCH_BYTES, PUBLIC_KEY_CACHE_ENTRIES } from "../../core/limits.ts"
import { Crypto } from "../../services/Crypto.ts"

/** How many bytes SHA-256 takes at a time, and so how long a padded HMAC key is (RFC 2104). */
const BLOCK_BYTES = 64
const BLOCK_WORDS = BLOCK_BYTES / Int32Array.BYTES_PER_ELEMENT
/** What the key is combined with for the inner and for the outer digest (RFC 2104): one byte, four times in a word. */
const INNER_PAD = 0x36363636
const OUTER_PAD = 0x5c5c5c5c
/** How many bytes a key of Ed25519 or X25519 has, secret or public. */
const KEY_BYTES = 32

/** What stands before the 32 bytes of a key in DER (RFC 8410): the algorithm's identifier and lengths. */
const DER_HEAD = {
  ed25519: { secret: derHead("302e020100300506032b657004220420"), public: derHead("302a300506032b6570032100") },
  x25519: { secret: derHead("302e020100300506032b656e04220420"), public: derHead("302a300506032b656e032100") }
} as const

function derHead(digits: string): Buffer {
  return Buffer.from(digits, "hex")
}

const importSecret = (curve: keyof typeof DER_HEAD, secret: Uint8Array): KeyObject => {
  if (secret.length !== KEY_BYTES) {
    throw new RangeError(`A secret of ${curve} has ${KEY_BYTES} bytes, this one has ${secret.length}`)
  }
  return createPrivateKey({ key: Buffer.concat([DER_HEAD[curve].secret, secret]), format: "der", type: "pkcs8" })
}

const importPublic = (curve: keyof typeof DER_HEAD, publicKey: Uint8Array): KeyObject =>
  createPublicKey({ key: Buffer.concat([DER_HEAD[curve].public, publicKey]), format: "der", type: "spki" })

/** The 32 bytes of a secret's public key. */
const exportPublic = (secret: KeyObject): Uint8Array =>
  new Uint8Array(createPublicKey(secret).export({ format: "der", type: "spki" }).subarray(-KEY_BYTES))

const sha256 = (bytes: Uint8Array, start = 0, end = bytes.length): ItemHash.ItemHash =>
  hash("sha256", end - start === bytes.length ? bytes : bytes.subarray(start, end), "binary") as ItemHash.ItemHash

/** Makes keys that share one scratch. */
const macKeys = (): (key: Uint8Array) => MacKey => {
  const scratch = new MacScratch()
  return (key) => new NodeMacKey(scratch, key)
}

/** Where all keys make their tags, two digests each of one piece of memory: nothing else runs between its filling and its digest. */
class MacScratch {
  /** The padded key, and behind it the message. */
  readonly inner = new Uint8Array(BLOCK_BYTES + MAC_SCRATCH_BYTES)
  /** The padded key, and behind it the inner digest. */
  readonly outer = new Uint8Array(BLOCK_BYTES + MAC_BYTES)
  readonly innerKey = new Int32Array(this.inner.buffer, 0, BLOCK_WORDS)
  readonly outerKey = new Int32Array(this.outer.buffer, 0, BLOCK_WORDS)
}

/**
 * A key of HMAC-SHA256. It keeps one block, and combines it with both pads for each tag: a process with thousands of sessions
 * fetches each key from memory that has gone cold, and what is made costs less than what is fetched.
 */
class NodeMacKey implements MacKey {
  private readonly scratch: MacScratch
  private readonly block: Int32Array
  private imported: KeyObject | undefined

  constructor(scratch: MacScratch, key: Uint8Array) {
    const { inner, innerKey } = scratch
    inner.fill(0, 0, BLOCK_BYTES)
    if (key.length > BLOCK_BYTES) ItemHash.writeTo(sha256(key), inner, 0)
    else inner.set(key)
    this.scratch = scratch
    this.block = innerKey.slice()
  }

  sign(bytes: Uint8Array, start: number, end: number, into: Uint8Array, at: number): void {
    if (!isRange(bytes, start, end) || !isRange(into, at, at + MAC_BYTES)) {
      throw new RangeError(`No tag of ${start} to ${end} of ${bytes.length} bytes at ${at} of ${into.length}`)
    }
    const tag = this.tagOf(bytes, start, end)
    for (let i = 0; i < MAC_BYTES; i++) into[at + i] = tag.charCodeAt(i)
  }

  verify(bytes: Uint8Array, start: number, end: number, tag: Uint8Array, at: number): boolean {
    if (!isRange(bytes, start, end) || !isRange(tag, at, at + MAC_BYTES)) return false
    const expected = this.tagOf(bytes, start, end)
    let difference = 0
    for (let i = 0; i < MAC_BYTES; i++) difference |= tag[at + i]! ^ expected.charCodeAt(i)
    return difference === 0
  }

  /** The tag, one character a byte. */
  private tagOf(bytes: Uint8Array, start: number, end: number): string {
    const { block } = this
    const length = end - start
    const message = bytes.subarray(start, end)
    if (length > MAC_SCRATCH_BYTES) {
      this.imported ??= createSecretKey(new Uint8Array(block.buffer))
      return createHmac("sha256", this.imported).update(message).digest("binary")
    }
    const { inner, innerKey, outer, outerKey } = this.scratch
    for (let i = 0; i < BLOCK_WORDS; i++) {
      const word = block[i]!
      innerKey[i] = word ^ INNER_PAD
      outerKey[i] = word ^ OUTER_PAD
    }
    inner.set(message, BLOCK_BYTES)
    ItemHash.writeTo(sha256(inner.subarray(0, BLOCK_BYTES + length)), outer, BLOCK_BYTES)
    return hash("sha256", outer, "binary")
  }
}

/** Tells whether `[start, end)` lies in `bytes`: a view that came out shorter would be a tag of something else. */
const isRange = (bytes: Uint8Array, start: number, end: number): boolean =>
  start >= 0 && start <= end && end <= bytes.length

const signer = (seed: Uint8Array): Signer => {
  const key = importSecret("ed25519", seed)
  return {
    publicKey: exportPublic(key),
    sign: (message) => new Uint8Array(sign(null, message, key))
  }
}

/** Makes the verification of Ed25519 signatures, with a memory of imported keys. */
const verification = (): CryptoShape["verify"] => {
  // Oldest first. Only keys that have signed something get in: made-up ones cannot push out those in use.
  const known = new Map<string, KeyObject>()

  return (publicKey, message, signature) => {
    // OpenSSL 3.5 refuses small-order points by itself, OpenSSL 3.0 accepts them: Node may be built on either.
    if (!isStrict(publicKey, signature)) return false
    const name = ItemHash.fromBytes(publicKey)
    const cached = known.get(name)
    try {
      const key = cached ?? importPublic("ed25519", publicKey)
      const isValid = verifyEquation(null, message, key, signature)
      if (isValid && cached === undefined) {
        if (known.size >= PUBLIC_KEY_CACHE_ENTRIES) known.delete(known.keys().next().value!)
        known.set(name, key)
      }
      return isValid
    } catch {
      return false
    }
  }
}

const agree = (secret: Uint8Array, publicKey: Uint8Array): Uint8Array | undefined => {
  const privateKey = importSecret("x25519", secret)
  if (publicKey.length !== KEY_BYTES) return undefined
  try {
    return new Uint8Array(diffieHellman({ privateKey, publicKey: importPublic("x25519", publicKey) }))
  } catch {
    // OpenSSL refuses a result of zero, which is what every key of small order gives.
    return undefined
  }
}

/** Makes the cryptography; it owns a scratch buffer and a bounded memory of imported keys, and may be shared. */
export const make = (): CryptoShape => ({
  sha256,
  macKey: macKeys(),
  signer,
  verify: verification(),
  agreementPublicKey: (secret) => exportPublic(importSecret("x25519", secret)),
  agree
})

/** Provides `Crypto` by `node:crypto`. */
export const layer: Layer.Layer<Crypto> = Layer.sync(Crypto, make)
