/**
 * The certificate in HELLO: a node's X25519 key for agreements, signed by the node's Ed25519 key for a limited time.
 *
 * What is signed is the SHA-256 of 76 bytes: network id (32), envelope type AUTH = 3 (4), expiration (8), X25519 key (32),
 * numbers most significant byte first. So a certificate of another network does not verify.
 */
import type { CryptoShape, Signer } from "../Crypto.ts"
import * as ItemHash from "../ItemHash.ts"
import { CERTIFICATE_LIFETIME_SECONDS, CERTIFICATE_LONGEST_SECONDS, CERTIFICATE_RENEWAL_SECONDS } from "./limits.ts"
import type { AuthCert } from "./messages/handshake.ts"

export type { AuthCert } from "./messages/handshake.ts"

/** What became of a received certificate. */
export type CertificateVerdict = "valid" | "expired" | "bad-signature"

/** How many bytes a network id and a public key have. */
const KEY_BYTES = 32
/** XDR's `ENVELOPE_TYPE_AUTH`: keeps a signature made here from meaning anything elsewhere. */
const ENVELOPE_TYPE_AUTH = 3

/** Where the fields stand in what is hashed. */
const ENVELOPE_TYPE_OFFSET = KEY_BYTES
const EXPIRATION_OFFSET = ENVELOPE_TYPE_OFFSET + 4
const PUBLIC_KEY_OFFSET = EXPIRATION_OFFSET + 8
const PREIMAGE_BYTES = PUBLIC_KEY_OFFSET + KEY_BYTES

/** The 32 bytes that the node signs: a hash of network, purpose, expiration and X25519 key. */
export const certificateHash = (
  crypto: CryptoShape,
  networkId: Uint8Array,
  expiration: bigint,
  agreementPublicKey: Uint8Array
): Uint8Array => {
  const bytes = new Uint8Array(PREIMAGE_BYTES)
  const view = new DataView(bytes.buffer)
  bytes.set(networkId, 0)
  view.setUint32(ENVELOPE_TYPE_OFFSET, ENVELOPE_TYPE_AUTH)
  view.setBigUint64(EXPIRATION_OFFSET, expiration)
  bytes.set(agreementPublicKey, PUBLIC_KEY_OFFSET)
  return ItemHash.toBytes(crypto.sha256(bytes))
}

/** Signs a certificate for the agreement key (32 bytes), valid up to and in the second `expirationSeconds` (Unix). */
export const signCertificate = (
  crypto: CryptoShape,
  signer: Signer,
  networkId: Uint8Array,
  agreementPublicKey: Uint8Array,
  expirationSeconds: bigint
): AuthCert => ({
  pubkey: agreementPublicKey,
  expiration: expirationSeconds,
  sig: signer.sign(certificateHash(crypto, networkId, expirationSeconds, agreementPublicKey))
})

/**
 * Judges a received certificate of the node with this public key (32 bytes), at `nowSeconds` (Unix, whole seconds).
 *
 * In its last second it is still valid, and there is no upper bound on how long it may live (stellar-core: first check on a
 * HELLO; a refusal closes the connection without a word).
 */
export const verifyCertificate = (
  crypto: CryptoShape,
  networkId: Uint8Array,
  nodePublicKey: Uint8Array,
  certificate: AuthCert,
  nowSeconds: number
): CertificateVerdict => {
  // A comparison of bigint and number is exact.
  if (certificate.expiration < nowSeconds) return "expired"
  if (certificate.pubkey.length !== KEY_BYTES) return "bad-signature"
  const hash = certificateHash(crypto, networkId, certificate.expiration, certificate.pubkey)
  return crypto.verify(nodePublicKey, hash, certificate.sig) ? "valid" : "bad-signature"
}

/** Whether a certificate is valid for longer than any software makes them: it is good all the same. */
export const isLongLived = ({ expiration }: Pick<AuthCert, "expiration">, nowSeconds: number): boolean =>
  expiration > nowSeconds + CERTIFICATE_LONGEST_SECONDS

/** A node's own certificate, for one agreement key as long as the node runs. */
export interface OwnCertificate {
  /** The certificate to send at `nowSeconds` (Unix, whole seconds): valid for 30 to 60 more minutes. */
  readonly at: (nowSeconds: number) => AuthCert
}

/**
 * Makes the holder of a node's own certificate: it signs when first asked and again when the last one has less than half
 * of its life left, since a receiver's clock may be off by as much.
 */
export const ownCertificate = (
  crypto: CryptoShape,
  signer: Signer,
  networkId: Uint8Array,
  agreementPublicKey: Uint8Array
): OwnCertificate => {
  let current: AuthCert | undefined
  return {
    at: (nowSeconds) => {
      if (current === undefined || current.expiration < nowSeconds + CERTIFICATE_RENEWAL_SECONDS) {
        const expiration = BigInt(nowSeconds + CERTIFICATE_LIFETIME_SECONDS)
        current = signCertificate(crypto, signer, networkId, agreementPublicKey, expiration)
      }
      return current
    }
  }
}
