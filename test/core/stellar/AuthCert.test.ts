/**
 * Certificates: made and judged as the vectors say, on both crypto layers, and renewed in the second half of their life.
 */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import type { Signer } from "../../../src/core/Crypto.ts"
import * as AuthCert from "../../../src/core/stellar/AuthCert.ts"
import { CERTIFICATE_LIFETIME_SECONDS, CERTIFICATE_RENEWAL_SECONDS } from "../../../src/core/stellar/limits.ts"
import * as NobleCrypto from "../../../src/layers/noble/NobleCrypto.ts"
import * as NodeCrypto from "../../../src/layers/node/NodeCrypto.ts"

interface Vector {
  readonly id: string
  readonly networkId: string
  readonly nodePublicKeyHex: string
  readonly x25519Public: string
  readonly expiration: string
  readonly signature: string
  readonly now: string | number
}

interface Vectors {
  readonly valid: ReadonlyArray<Vector & { readonly nodeSeedHex: string; readonly hashSigned: string }>
  readonly invalid: ReadonlyArray<Vector>
}

const vectors: Vectors = JSON.parse(
  readFileSync(new URL("../../fixtures/stellar-vectors/auth-cert.json", import.meta.url), "utf8")
)
const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"))
const certificateOf = (vector: Vector): AuthCert.AuthCert => ({
  pubkey: hex(vector.x25519Public),
  expiration: BigInt(vector.expiration),
  sig: hex(vector.signature)
})

const implementations = [
  { name: "node:crypto", crypto: NodeCrypto.make() },
  { name: "noble", crypto: NobleCrypto.make() }
]

describe.for(implementations)("AuthCert with $name", ({ crypto }) => {
  const judge = (vector: Vector): AuthCert.CertificateVerdict =>
    AuthCert.verifyCertificate(
      crypto,
      hex(vector.networkId),
      hex(vector.nodePublicKeyHex),
      certificateOf(vector),
      Number(vector.now)
    )

  it("signs the certificates of all vectors byte for byte [ref 3.5 what is signed]", () => {
    assert.strictEqual(vectors.valid.length, 12)
    for (const vector of vectors.valid) {
      const { networkId, x25519Public } = vector
      const expiration = BigInt(vector.expiration)
      const hash = AuthCert.certificateHash(crypto, hex(networkId), expiration, hex(x25519Public))
      assert.deepStrictEqual(hash, hex(vector.hashSigned), vector.id)
      const signer = crypto.signer(hex(vector.nodeSeedHex))
      const made = AuthCert.signCertificate(crypto, signer, hex(networkId), hex(x25519Public), expiration)
      assert.deepStrictEqual(made, certificateOf(vector), vector.id)
    }
  })

  it("accepts the valid certificates, up to the last second and with any 64-bit expiration [ref 3.5 last second]", () => {
    for (const vector of vectors.valid) assert.strictEqual(judge(vector), "valid", vector.id)
  })

  it("refuses the invalid certificates, and says which are only too old", () => {
    assert.strictEqual(vectors.invalid.length, 27)
    for (const vector of vectors.invalid) {
      const expected = /^expired|^expiration-seconds/.test(vector.id) ? "expired" : "bad-signature"
      assert.strictEqual(judge(vector), expected, vector.id)
    }
  })

  it("refuses an agreement key that has not 32 bytes", () => {
    const certificate = certificateOf(vectors.valid[0]!)
    for (const length of [0, 31, 33, 1000]) {
      const { networkId, nodePublicKeyHex } = vectors.valid[0]!
      const pubkey = new Uint8Array(length)
      const verdict = AuthCert.verifyCertificate(crypto, hex(networkId), hex(nodePublicKeyHex), {
        ...certificate,
        pubkey
      }, 0)
      assert.strictEqual(verdict, "bad-signature")
    }
  })
})

describe("A node's own certificate", () => {
  const crypto = NodeCrypto.make()
  const { networkId, nodePublicKeyHex, nodeSeedHex, x25519Public } = vectors.valid[0]!
  const start = 1_795_164_000

  /** A certificate holder, and how often it has signed. */
  const holder = () => {
    const signer = crypto.signer(hex(nodeSeedHex))
    let signatures = 0
    const counting: Signer = {
      publicKey: signer.publicKey,
      sign: (message) => {
        signatures++
        return signer.sign(message)
      }
    }
    return {
      own: AuthCert.ownCertificate(crypto, counting, hex(networkId), hex(x25519Public)),
      signatures: () => signatures
    }
  }

  it("is signed when it is first asked for, for an hour [ref 3.5 certificate of an hour]", () => {
    const { own, signatures } = holder()
    assert.strictEqual(signatures(), 0)
    const certificate = own.at(start)
    assert.strictEqual(certificate.expiration, BigInt(start + 3600))
    assert.deepStrictEqual(certificate.pubkey, hex(x25519Public))
    assert.strictEqual(signatures(), 1)
  })

  it("stays the same through the first half of its life, and is signed anew in the second [ref 3.5 renewal after half an hour]", () => {
    const { own, signatures } = holder()
    const first = own.at(start)
    const half = start + 1800
    assert.strictEqual(own.at(start + 1), first)
    assert.strictEqual(own.at(half), first)
    assert.strictEqual(signatures(), 1)
    const second = own.at(half + 1)
    assert.strictEqual(second.expiration, BigInt(half + 1 + CERTIFICATE_LIFETIME_SECONDS))
    assert.strictEqual(own.at(half + 2), second)
    assert.strictEqual(signatures(), 2)
  })

  it("is always valid for the one who gets it, for another half hour at least", () => {
    const { own } = holder()
    for (let now = start; now < start + 4 * CERTIFICATE_LIFETIME_SECONDS; now += 599) {
      for (const clock of [now, now + CERTIFICATE_RENEWAL_SECONDS]) {
        const verdict = AuthCert.verifyCertificate(crypto, hex(networkId), hex(nodePublicKeyHex), own.at(now), clock)
        assert.strictEqual(verdict, "valid")
      }
    }
  })
})
