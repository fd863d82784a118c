/**
 * Keys for tables of hashes: 128 bits that only this node can predict.
 *
 * Who sends us hashes can choose among their bits by trying. A table that took its places from those bits could be filled
 * into one corner, where every look-up is slow; with a secret in the key nobody outside can tell which names share a place.
 */
import type { ItemHash } from "./ItemHash.ts"

/** 32-bit words of a key. */
export const KEY_WORDS = 4

/** The pairs of bytes that a key is made of: the first half of the hash, 128 bits, which nobody can make equal by trying. */
const PAIRS = 8

/** For each word of the key a constant, a factor for the kind, and a factor for each pair of bytes. */
const SALT_WORDS = KEY_WORDS * (2 + PAIRS)

/** How many random bytes a `HashKeys` is made of. */
export const SALT_BYTES = SALT_WORDS * 4

/**
 * Makes keys of a kind and a hash. One for all tables of a node.
 *
 * Each word is a constant, plus the kind and every pair of bytes times a secret factor, modulo 2^32 (multilinear hashing:
 * Lemire and Kaser, "Strongly universal string hashing is fast"). Two different names, however they were chosen, have an
 * equal word with a probability of at most 2^-17, and all four words with 2^-68 (2^-128 if nobody chose them). The upper 17
 * bits of a word are evenly spread, so tables take their places from those.
 */
export class HashKeys {
  /** The key that was made last. The next one overwrites it, and nobody else. */
  readonly key = new Int32Array(KEY_WORDS)
  readonly #salt = new Int32Array(SALT_WORDS)
  /** Of the key that was made last. A message asks several tables, one after the other, for the same one. */
  #kind: number | undefined
  #hash: ItemHash | undefined

  /** Takes `SALT_BYTES` random bytes; missing ones count as zero. */
  constructor(salt: Uint8Array) {
    for (let i = 0; i < SALT_BYTES; i++) this.#salt[i >> 2]! |= (salt[i] ?? 0) << (8 * (i & 3))
  }

  /** Makes the key of a hash in a kind (0 to 65,535), and leaves it in `key`. */
  make(kind: number, hash: ItemHash): void {
    if (kind === this.#kind && hash === this.#hash) return
    this.#kind = kind
    this.#hash = hash
    const salt = this.#salt
    let a = salt[0]! + Math.imul(kind, salt[4]!)
    let b = salt[1]! + Math.imul(kind, salt[5]!)
    let c = salt[2]! + Math.imul(kind, salt[6]!)
    let d = salt[3]! + Math.imul(kind, salt[7]!)
    for (let pair = 0, at = 2 * KEY_WORDS; pair < PAIRS; pair++, at += KEY_WORDS) {
      const bits = hash.charCodeAt(2 * pair) | (hash.charCodeAt(2 * pair + 1) << 8)
      a = (a + Math.imul(bits, salt[at]!)) | 0
      b = (b + Math.imul(bits, salt[at + 1]!)) | 0
      c = (c + Math.imul(bits, salt[at + 2]!)) | 0
      d = (d + Math.imul(bits, salt[at + 3]!)) | 0
    }
    const key = this.key
    key[0] = a
    key[1] = b
    key[2] = c
    key[3] = d
  }
}
