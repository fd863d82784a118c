/** Sealed boxes: byte for byte those of libsodium, and opened by nobody else. */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { stream } from "../../../../src/core/Prng.ts"
import { open, seal, SEAL_BYTES } from "../../../../src/core/stellar/survey/SealedBox.ts"
import * as NobleCrypto from "../../../../src/layers/noble/NobleCrypto.ts"
import * as NodeCrypto from "../../../../src/layers/node/NodeCrypto.ts"
import * as StubCrypto from "../../../../src/layers/simulation/StubCrypto.ts"

interface Seal {
  readonly id: string
  readonly ephemeralSecret: string
  readonly recipientSecret: string
  readonly recipientPublic: string
  readonly plaintext: string
  readonly sealed: string
}

/** Golden bytes of an own implementation in Python, opened by libsodium; see `source` in the file. */
const vectors: {
  readonly surveyor: { readonly encryptionSecret: string; readonly encryptionPublic: string }
  readonly responseBody: { readonly plaintextXdr: string; readonly ephemeralSecret: string; readonly sealed: string }
  readonly seals: ReadonlyArray<Seal>
  readonly sealsRefused: ReadonlyArray<Pick<Seal, "id" | "recipientSecret" | "sealed">>
} = JSON.parse(readFileSync(new URL("../../../fixtures/stellar-vectors/survey.json", import.meta.url), "utf8"))

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"))
const hex = (value: Uint8Array | undefined): string | undefined => value && Buffer.from(value).toString("hex")

const { encryptionPublic, encryptionSecret } = vectors.surveyor
const seals: ReadonlyArray<Seal> = [...vectors.seals, {
  ...vectors.responseBody,
  id: "the body of an answer",
  plaintext: vectors.responseBody.plaintextXdr,
  recipientPublic: encryptionPublic,
  recipientSecret: encryptionSecret
}]

/** Some of the points of small order of Curve25519, by their u. */
const smallOrder = [
  "00".repeat(32),
  `01${"00".repeat(31)}`,
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"
]

for (const [name, crypto] of [["native", NodeCrypto.make()], ["portable", NobleCrypto.make()]] as const) {
  describe(`a sealed box, by ${name} cryptography`, () => {
    for (const { ephemeralSecret, id, plaintext, recipientPublic, recipientSecret, sealed } of seals) {
      it(`is that of libsodium: ${id}`, () => {
        const made = seal(crypto, bytes(recipientPublic), bytes(plaintext), bytes(ephemeralSecret))
        assert.strictEqual(hex(made), sealed)
        assert.strictEqual(hex(open(crypto, bytes(recipientSecret), bytes(sealed))), plaintext)
      })
    }

    for (const { id, recipientSecret, sealed } of vectors.sealsRefused) {
      it(`is not opened: ${id}`, () => {
        assert.isUndefined(open(crypto, bytes(recipientSecret), bytes(sealed)))
      })
    }

    it("is neither sealed to nor opened from a key of small order, or of another length", () => {
      const plaintext = new Uint8Array(8)
      const secret = bytes(encryptionSecret)
      for (const key of [...smallOrder, "", "01", "09".repeat(33)]) {
        assert.isUndefined(seal(crypto, bytes(key), plaintext, secret), key)
      }
      for (const key of smallOrder) {
        assert.isUndefined(open(crypto, secret, bytes(key + "00".repeat(SEAL_BYTES - 32))), key)
      }
    })
  })
}

describe("a sealed box", () => {
  for (const crypto of [NodeCrypto.make(), StubCrypto.make()]) {
    it("opens to what was sealed, and to nothing when any one bit of it is changed", () => {
      const prng = stream(7, "sealed boxes")
      for (let round = 0; round < 20; round++) {
        const secret = prng.bytes(32)
        const plaintext = prng.bytes(prng.below(200))
        const sealed = seal(crypto, crypto.agreementPublicKey(secret), plaintext, prng.bytes(32))
        assert(sealed !== undefined)
        assert.strictEqual(sealed.length, SEAL_BYTES + plaintext.length)
        assert.deepStrictEqual(open(crypto, secret, sealed), plaintext)
        // The highest bit of a key of X25519 is not read, but is in the nonce.
        const bit = prng.below(sealed.length * 8)
        sealed[bit >> 3]! ^= 1 << (bit & 7)
        assert.isUndefined(open(crypto, secret, sealed), `bit ${bit}`)
      }
    })
  }
})
