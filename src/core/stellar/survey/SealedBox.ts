/**
 * Sealed boxes: bytes that only one reader can open, from a sender that stays unnamed.
 *
 * A box is the sender's ephemeral key (32), a tag (16) and the ciphertext. The secret that X25519 agrees on goes through
 * HSalsa20, the nonce is the BLAKE2b-192 of both public keys, and XSalsa20-Poly1305 does the rest. Source: libsodium,
 * `crypto_box_seal`; NaCl, `crypto_box`.
 */
import { hsalsa, xsalsa20poly1305 } from "@noble/ciphers/salsa.js"
import { blake2b } from "@noble/hashes/blake2.js"
import type { CryptoShape } from "../../Crypto.ts"

/** What a box is longer than what is in it: the ephemeral key and the tag. */
export const SEAL_BYTES = 48

/** How many bytes a key has, and a secret. */
const KEY_BYTES = 32
/** How many bytes a nonce of XSalsa20 has. */
const NONCE_BYTES = 24
/** The constant of Salsa20 for keys of 32 bytes. */
const SIGMA = new Uint32Array(Uint8Array.from("expand 32-byte k", (letter) => letter.charCodeAt(0)).buffer)
/** What `crypto_box` puts through HSalsa20 with the agreed secret. */
const ZERO_INPUT = new Uint32Array(4)

/** What a box asks of cryptography. */
type Agreement = Pick<CryptoShape, "agree" | "agreementPublicKey">

/**
 * Seals `plaintext` for the owner of `recipient`, an X25519 public key.
 *
 * `ephemeralSecret` is 32 bytes that nobody can guess, and for this box alone. `undefined` if the recipient's key is of small
 * order, or not 32 bytes long: nothing could be kept secret with it.
 */
export const seal = (
  crypto: Agreement,
  recipient: Uint8Array,
  plaintext: Uint8Array,
  ephemeralSecret: Uint8Array
): Uint8Array | undefined => {
  const shared = crypto.agree(ephemeralSecret, recipient)
  if (shared === undefined) return undefined
  const sender = crypto.agreementPublicKey(ephemeralSecret)
  const sealed = new Uint8Array(SEAL_BYTES + plaintext.length)
  sealed.set(sender)
  sealed.set(cipherOf(shared, sender, recipient).encrypt(plaintext), KEY_BYTES)
  return sealed
}

/**
 * Opens a box with the X25519 secret of the reader. `undefined` if it was not sealed for this reader, was changed on its way, is
 * too short, or its ephemeral key is of small order.
 */
export const open = (crypto: Agreement, secret: Uint8Array, sealed: Uint8Array): Uint8Array | undefined => {
  if (sealed.length < SEAL_BYTES) return undefined
  const sender = sealed.subarray(0, KEY_BYTES)
  const shared = crypto.agree(secret, sender)
  if (shared === undefined) return undefined
  const cipher = cipherOf(shared, sender, crypto.agreementPublicKey(secret))
  try {
    return cipher.decrypt(sealed.subarray(KEY_BYTES))
  } catch {
    // The library has no other way to say that the tag is wrong.
    return undefined
  }
}

const cipherOf = (shared: Uint8Array, sender: Uint8Array, recipient: Uint8Array) =>
  xsalsa20poly1305(
    boxKey(shared),
    blake2b.create({ dkLen: NONCE_BYTES }).update(sender).update(recipient).digest()
  )

/** The key of the box: HSalsa20 of the agreed secret. Its words are views of bytes in the machine's order, as the library wants. */
const boxKey = (shared: Uint8Array): Uint8Array => {
  const words = new Uint32Array(KEY_BYTES / Uint32Array.BYTES_PER_ELEMENT)
  hsalsa(SIGMA, new Uint32Array(Uint8Array.from(shared).buffer), ZERO_INPUT, words)
  return new Uint8Array(words.buffer)
}
