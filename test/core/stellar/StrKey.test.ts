/**
 * The text form of keys, against vectors that two other libraries agree on.
 */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { readFileSync } from "node:fs"
import * as StrKey from "../../../src/core/stellar/StrKey.ts"

interface Vectors {
  readonly valid: ReadonlyArray<
    { readonly id: string; readonly seedHex: string; readonly seed: string } & PublicKeyVector
  >
  readonly encodeOnly: ReadonlyArray<{ readonly id: string } & PublicKeyVector>
  readonly invalid: ReadonlyArray<InvalidVector>
}

interface InvalidVector {
  readonly id: string
  /** What was expected where the text was given: a public key, a seed, or an account of a kind that we do not read. */
  readonly kind: "G" | "S" | "M"
  readonly input: string
  readonly why: string
}

interface PublicKeyVector {
  readonly publicKeyHex: string
  readonly publicKey: string
}

const vectors: Vectors = JSON.parse(
  readFileSync(new URL("../../fixtures/stellar-vectors/strkey.json", import.meta.url), "utf8")
)
const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"))
const reasonOf = (result: Result.Result<unknown, StrKey.StrKeyRefusal>): string =>
  Result.match(result, { onSuccess: () => "accepted", onFailure: (refusal) => refusal.reason })

/** What must be said of an invalid text, by the vector's own words for what is wrong with it. */
const expectedReason = ({ why }: InvalidVector): string => {
  if (/lower case|outside A-Z|U\+|hex instead/.test(why)) return "characters"
  if (/payload of|\d\d characters|zero bytes more|^empty|^one character/.test(why)) return "length"
  if (why.startsWith("a seed where")) return "seed-not-public-key"
  if (why.startsWith("a public key where")) return "public-key-not-seed"
  if (why.startsWith("version byte")) return "other-kind"
  return "checksum"
}

const publicKey = vectors.valid[0]!.publicKey
const seed = vectors.valid[0]!.seed

describe("StrKey", () => {
  it("writes and reads the public keys and seeds of all vectors", () => {
    assert.strictEqual(vectors.valid.length, 14)
    for (const vector of vectors.valid) {
      assert.strictEqual(StrKey.encodePublicKey(hex(vector.publicKeyHex)), vector.publicKey)
      assert.strictEqual(StrKey.encodeSeed(hex(vector.seedHex)), vector.seed)
      assert.deepStrictEqual(StrKey.decodePublicKey(vector.publicKey), Result.succeed(hex(vector.publicKeyHex)))
      assert.deepStrictEqual(StrKey.decodeSeed(vector.seed), Result.succeed(hex(vector.seedHex)))
    }
  })

  it("writes and reads bytes that are no usable key: that is not its business", () => {
    assert.strictEqual(vectors.encodeOnly.length, 3)
    for (const vector of vectors.encodeOnly) {
      assert.strictEqual(StrKey.encodePublicKey(hex(vector.publicKeyHex)), vector.publicKey)
      assert.deepStrictEqual(StrKey.decodePublicKey(vector.publicKey), Result.succeed(hex(vector.publicKeyHex)))
    }
  })

  it("refuses all invalid texts of the vectors", () => {
    assert.strictEqual(vectors.invalid.length, 56)
    for (const { id, input, kind } of vectors.invalid) {
      // The one vector of a third kind must be refused as either.
      if (kind !== "S") assert.notStrictEqual(reasonOf(StrKey.decodePublicKey(input)), "accepted", id)
      if (kind !== "G") assert.notStrictEqual(reasonOf(StrKey.decodeSeed(input)), "accepted", id)
    }
  })

  it("says what is wrong with a text", () => {
    for (const vector of vectors.invalid) {
      const result = vector.kind === "S" ? StrKey.decodeSeed(vector.input) : StrKey.decodePublicKey(vector.input)
      assert.strictEqual(reasonOf(result), expectedReason(vector), vector.id)
    }
    assert.strictEqual(reasonOf(StrKey.decodePublicKey(seed)), "seed-not-public-key")
    assert.strictEqual(reasonOf(StrKey.decodeSeed(publicKey)), "public-key-not-seed")
    assert.strictEqual(reasonOf(StrKey.decodePublicKey("")), "length")
    assert.strictEqual(reasonOf(StrKey.decodePublicKey(publicKey.slice(1))), "length")
    assert.strictEqual(reasonOf(StrKey.decodePublicKey(`${publicKey}\n`)), "characters")
    assert.strictEqual(reasonOf(StrKey.decodePublicKey(publicKey.toLowerCase())), "characters")
  })

  it("notices every change of one character", () => {
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    for (let at = 0; at < StrKey.STR_KEY_LENGTH; at++) {
      for (const character of alphabet) {
        if (character === publicKey[at]) continue
        const changed = publicKey.slice(0, at) + character + publicKey.slice(at + 1)
        assert.notStrictEqual(reasonOf(StrKey.decodePublicKey(changed)), "accepted", changed)
      }
    }
  })

  it("never repeats in a refusal what it was given, which may be a secret", () => {
    for (const text of [seed, seed.slice(0, 40), `${seed} `, seed.toLowerCase()]) {
      const refusal = JSON.stringify(StrKey.decodePublicKey(text)).toUpperCase()
      assert.include(refusal, "PUBLIC KEY")
      for (let at = 0; at + 6 <= 40; at++) assert.notInclude(refusal, seed.slice(at, at + 6))
    }
  })

  it("names peers by their public key, and shows five characters in a log", () => {
    const id = StrKey.peerIdFromPublicKey(hex(vectors.valid[0]!.publicKeyHex))
    assert.strictEqual(id, publicKey)
    assert.deepStrictEqual(StrKey.publicKeyFromPeerId(id), Result.succeed(hex(vectors.valid[0]!.publicKeyHex)))
    assert.deepStrictEqual(StrKey.parsePeerId(publicKey), Result.succeed(id))
    assert.strictEqual(reasonOf(StrKey.parsePeerId(seed)), "seed-not-public-key")
    assert.strictEqual(StrKey.shortPeerId(id), "GC6F5")
  })
})
