/**
 * The structure that the stub of a simulation keeps. That it is not cryptography is said where it stands, and not tested.
 */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { MAC_BYTES } from "../../../src/core/Crypto.ts"
import * as ItemHash from "../../../src/core/ItemHash.ts"
import * as StubCrypto from "../../../src/layers/simulation/StubCrypto.ts"
import { Crypto } from "../../../src/services/Crypto.ts"

/** The same bytes in every run: a quadratic sequence that goes its own way for each label. */
const bytesOf = (label: number, length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, at) => (at * at * 7 + at * (2 * label + 1) + (label >> 3)) >> 2)

const flipBit = (bytes: Uint8Array, bit: number): Uint8Array => {
  const flipped = bytes.slice()
  flipped[bit >> 3]! ^= 1 << (bit & 7)
  return flipped
}

const flips = (bytes: Uint8Array): Array<Uint8Array> =>
  Array.from({ length: 8 * bytes.length }, (_, bit) => flipBit(bytes, bit))

const concat = (...parts: ReadonlyArray<Uint8Array>): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]))

/** Around a word, a block, and the length from which on words are read through a view. */
const sizes = [0, 1, 3, 4, 5, 15, 16, 17, 31, 32, 48, 63, 64, 65, 79, 80, 81, 300, 1024, 102_400]

layer(StubCrypto.layer)("The stub of cryptography", (it) => {
  it.effect("gives the digests that it always gave, for a seed is to tell the same story in every version", () =>
    Effect.gen(function*() {
      const crypto = yield* Crypto
      // From this code itself, when it was written.
      const known: ReadonlyArray<readonly [number, string]> = [
        [0, "c9fcd7c84f13e4771a4e68fce305a73998c7bc4bc4d1633c27ea9add12deb09d"],
        [5, "f001b47e3425a40f1f29288204d57fc9f9632a3c65f9900234e119cd85b46d43"],
        [300, "13f7a319a8d0f0258ff274ffe472988511cb948f763b0e2c8fbf4e448da083f1"]
      ]
      for (const [length, digest] of known) {
        assert.strictEqual(ItemHash.toHex(crypto.sha256(bytesOf(1, length))), digest)
      }
    }))

  it.effect("gives the same digest wherever the bytes lie", () =>
    Effect.gen(function*() {
      const crypto = yield* Crypto
      for (const size of sizes) {
        const bytes = bytesOf(size, size)
        const digest = crypto.sha256(bytes)
        assert.strictEqual(digest.length, ItemHash.ITEM_HASH_BYTES)
        for (let before = 1; before <= 16; before++) {
          const around = concat(bytesOf(1, before), bytes, bytesOf(2, 20))
          assert.strictEqual(crypto.sha256(around.subarray(before, before + size)), digest, `${size} at ${before}`)
        }
      }
    }))

  it.effect("gives another digest for every bit that changes, and for every length", () =>
    Effect.gen(function*() {
      const crypto = yield* Crypto
      const message = bytesOf(1, 300)
      const variants = [
        ...flips(message),
        ...flips(message.subarray(0, 63)),
        ...Array.from({ length: 300 }, (_, length) => message.subarray(0, length)),
        // A tail of zeros is not the same as none, and no length makes up for a byte.
        ...Array.from({ length: 300 }, (_, length) => concat(message.subarray(100, 120), new Uint8Array(length))),
        // From 1 on, for a single zero is the beginning of the message.
        ...[1, 2, 3, 4, 5, 8].flatMap((length) =>
          Array.from({ length: 255 }, (_, byte) => new Uint8Array(length).fill(byte + 1))
        )
      ]
      assert.strictEqual(new Set(variants.map((bytes) => crypto.sha256(bytes))).size, variants.length)
    }))

  it.effect("spreads what differs in one place over the whole digest, for tables go by a part of it", () =>
    Effect.gen(function*() {
      const crypto = yield* Crypto
      for (const place of [0, 150, 299]) {
        const counts = new Array<number>(256).fill(0)
        for (let byte = 0; byte < 256; byte++) {
          const message = bytesOf(1, 300)
          message[place] = byte
          ItemHash.toBytes(crypto.sha256(message)).forEach((byte, at) => {
            for (let bit = 0; bit < 8; bit++) counts[8 * at + bit]! += (byte >> bit) & 1
          })
        }
        // Half of 256, with a standard deviation of 8: six of them either way.
        counts.forEach((count, bit) => assert.isTrue(Math.abs(count - 128) < 48, `bit ${bit}: ${count}`))
      }
    }))

  it.effect("makes the MAC of a part of a buffer, in place, and leaves the rest alone", () =>
    Effect.gen(function*() {
      const crypto = yield* Crypto
      const macKey = crypto.macKey(bytesOf(1, 32))
      for (const size of sizes) {
        const before = bytesOf(2, 8 + size + MAC_BYTES + 4)
        const frame = before.slice()
        const at = 8 + size
        macKey.sign(frame, 8, at, frame, at)
        const alone = new Uint8Array(MAC_BYTES)
        macKey.sign(before.slice(8, at), 0, size, alone, 0)
        assert.deepStrictEqual(frame, concat(before.subarray(0, at), alone, before.subarray(at + MAC_BYTES)))
        assert.isTrue(macKey.verify(frame, 8, at, frame, at), `${size} bytes`)
      }
    }))

  it.effect("keeps the keys of several connections apart, in whatever order they are used", () =>
    Effect.gen(function*() {
      const crypto = yield* Crypto
      const message = bytesOf(1, 300)
      const key = bytesOf(2, 32)
      const keys = [key, ...flips(key), key.subarray(0, 31), new Uint8Array(0), new Uint8Array(1), bytesOf(3, 200)]
      const macKeys = keys.map(crypto.macKey)
      const tags = macKeys.map((macKey) => {
        const tag = new Uint8Array(MAC_BYTES)
        macKey.sign(message, 0, 300, tag, 0)
        return tag
      })
      assert.strictEqual(new Set(tags.map((tag) => ItemHash.fromBytes(tag))).size, keys.length)
      tags.forEach((tag, own) =>
        macKeys.forEach((macKey, other) =>
          assert.strictEqual(macKey.verify(message, 0, 300, tag, 0), own === other, `key ${own}, verified by ${other}`)
        )
      )
    }))

  it.effect("does not follow a key that its owner changes later", () =>
    Effect.gen(function*() {
      const crypto = yield* Crypto
      const message = bytesOf(1, 300)
      const [key, seed] = [bytesOf(2, 32), bytesOf(3, 32)]
      const [macKey, signer] = [crypto.macKey(key), crypto.signer(seed)]
      const tag = new Uint8Array(MAC_BYTES)
      macKey.sign(message, 0, 300, tag, 0)
      const signature = signer.sign(message)
      key.fill(0)
      seed.fill(0)
      assert.isTrue(macKey.verify(message, 0, 300, tag, 0))
      assert.deepStrictEqual(signer.sign(message), signature)
      signer.publicKey.fill(0)
      assert.deepStrictEqual(signer.sign(message), signature)
    }))

  it.effect("refuses a MAC with any bit wrong, of the tag or of the message", () =>
    Effect.gen(function*() {
      const crypto = yield* Crypto
      const macKey = crypto.macKey(bytesOf(1, 32))
      const message = bytesOf(2, 300)
      const tag = new Uint8Array(MAC_BYTES)
      macKey.sign(message, 0, 300, tag, 0)
      flips(tag).forEach((other, bit) => assert.isFalse(macKey.verify(message, 0, 300, other, 0), `bit ${bit}`))
      flips(message).forEach((other, bit) => assert.isFalse(macKey.verify(other, 0, 300, tag, 0), `bit ${bit}`))
      assert.isFalse(macKey.verify(message, 0, 299, tag, 0))
      assert.isFalse(macKey.verify(message, 1, 300, tag, 0))
    }))

  it.effect("refuses a MAC that is not all there, and a message that is not", () =>
    Effect.gen(function*() {
      const crypto = yield* Crypto
      const macKey = crypto.macKey(bytesOf(1, 32))
      const message = bytesOf(2, 300)
      const tag = new Uint8Array(MAC_BYTES)
      macKey.sign(message, 0, 300, tag, 0)
      assert.isFalse(macKey.verify(message.slice(0, 299), 0, 300, tag, 0))
      assert.isFalse(macKey.verify(message, 0, 300, tag.slice(0, 31), 0))
      assert.isFalse(macKey.verify(message, 0, 300, tag, 1))
      assert.isFalse(macKey.verify(message, 0, 300, tag, -1))
      assert.isFalse(macKey.verify(message, -1, 300, tag, 0))
      assert.isFalse(macKey.verify(message, 300, 0, tag, 0))
      assert.throws(() => macKey.sign(message.slice(0, 299), 0, 300, tag, 0), RangeError)
      assert.throws(() => macKey.sign(message, 0, 300, tag, 1), RangeError)
    }))

  it.effect("verifies by the public key alone what its owner has signed, and refuses what was changed", () =>
    Effect.gen(function*() {
      const crypto = yield* Crypto
      const seed = bytesOf(1, 32)
      const { publicKey, sign } = crypto.signer(seed)
      assert.deepStrictEqual(crypto.signer(seed).publicKey, publicKey)
      for (const size of [0, 1, 32, 300]) {
        const message = bytesOf(size, size)
        const signature = sign(message)
        assert.strictEqual(signature.length, 64)
        assert.isTrue(crypto.verify(publicKey, message, signature))
        flips(signature).forEach((other) => assert.isFalse(crypto.verify(publicKey, message, other)))
        flips(message).forEach((other) => assert.isFalse(crypto.verify(publicKey, other, signature)))
        flips(publicKey).forEach((other) => assert.isFalse(crypto.verify(other, message, signature)))
        assert.isFalse(crypto.verify(publicKey, concat(message, new Uint8Array(1)), signature))
        assert.isFalse(crypto.verify(publicKey, message, crypto.signer(bytesOf(2, 32)).sign(message)))
      }
    }))

  it.effect("answers false to keys and signatures of any wrong length", () =>
    Effect.gen(function*() {
      const crypto = yield* Crypto
      const { publicKey, sign } = crypto.signer(bytesOf(1, 32))
      const message = bytesOf(2, 300)
      const signature = sign(message)
      for (const length of [0, 1, 31, 33, 64, 1000]) {
        assert.isFalse(crypto.verify(concat(publicKey, new Uint8Array(1000)).slice(0, length), message, signature))
      }
      for (const length of [0, 1, 32, 63, 65, 1000]) {
        assert.isFalse(crypto.verify(publicKey, message, concat(signature, new Uint8Array(1000)).slice(0, length)))
      }
    }))

  it.effect("agrees in both directions, and with each key on something else", () =>
    Effect.gen(function*() {
      const crypto = yield* Crypto
      const secrets = Array.from({ length: 30 }, (_, label) => bytesOf(label, 32))
      const publicKeys = secrets.map(crypto.agreementPublicKey)
      const agreed = new Set<string>()
      for (const [one, secret] of secrets.entries()) {
        for (const [other, publicKey] of publicKeys.entries()) {
          const shared = crypto.agree(secret, publicKey)
          assert.strictEqual(shared?.length, 32)
          assert.deepStrictEqual(shared, crypto.agree(secrets[other]!, publicKeys[one]!))
          agreed.add(String(shared))
        }
      }
      assert.strictEqual(agreed.size, 30 * 31 / 2)
    }))

  it.effect("refuses an agreement key of zeros or of a wrong length", () =>
    Effect.gen(function*() {
      const crypto = yield* Crypto
      for (const length of [0, 31, 33, 64]) assert.isUndefined(crypto.agree(bytesOf(1, 32), bytesOf(2, length)))
      assert.isUndefined(crypto.agree(bytesOf(1, 32), new Uint8Array(32)))
    }))

  it.effect("uses a secret differently for each purpose", () =>
    Effect.gen(function*() {
      const crypto = yield* Crypto
      const secret = bytesOf(1, 32)
      const derived = [
        crypto.signer(secret).publicKey,
        crypto.agreementPublicKey(secret),
        ItemHash.toBytes(crypto.sha256(secret)),
        secret
      ]
      assert.strictEqual(new Set(derived.map((bytes) => ItemHash.fromBytes(bytes))).size, derived.length)
    }))

  it.effect("says that an own secret of the wrong length is a bug", () =>
    Effect.gen(function*() {
      const crypto = yield* Crypto
      for (const length of [0, 31, 33, 64]) {
        const secret = bytesOf(1, length)
        assert.throws(() => crypto.signer(secret), RangeError)
        assert.throws(() => crypto.agreementPublicKey(secret), RangeError)
        assert.throws(() => crypto.agree(secret, bytesOf(2, 32)), RangeError)
      }
    }))
})
