/**
 * One suite for every layer of `Crypto`, and the proof that the layers cannot be told apart.
 */
import { assert, describe, layer } from "@effect/vitest"
import { ed25519, ED25519_TORSION_SUBGROUP } from "@noble/curves/ed25519.js"
import { bytesToNumberLE, numberToBytesLE } from "@noble/curves/utils.js"
import { Effect, Layer, Result } from "effect"
import { createHash, createHmac } from "node:crypto"
import { readFileSync } from "node:fs"
import { it } from "vitest"
import { MAC_BYTES } from "../../src/core/Crypto.ts"
import * as ItemHash from "../../src/core/ItemHash.ts"
import { MAC_SCRATCH_BYTES, PUBLIC_KEY_CACHE_ENTRIES } from "../../src/core/limits.ts"
import { decodePublicKey } from "../../src/core/stellar/StrKey.ts"
import * as NobleCrypto from "../../src/layers/noble/NobleCrypto.ts"
import * as NodeCrypto from "../../src/layers/node/NodeCrypto.ts"
import * as SharedCrypto from "../../src/layers/simulation/SharedCrypto.ts"
import { Crypto } from "../../src/services/Crypto.ts"

interface Signed {
  readonly id: string
  readonly publicKey: Uint8Array
  readonly message: Uint8Array
  readonly signature: Uint8Array
}

interface SignedBySeed extends Signed {
  readonly seed: Uint8Array
}

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"))
const text = (characters: string): Uint8Array => new TextEncoder().encode(characters)
const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`../fixtures/stellar-vectors/${name}.json`, import.meta.url), "utf8"))
const publicKeyOf = (strKey: string): Uint8Array => Result.getOrThrow(decodePublicKey(strKey))

/** The same bytes in every run: SHA-256 of a label and a counter, as many as are asked for. */
const bytesOf = (label: string, length: number): Uint8Array => {
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length; at += 32) {
    bytes.set(createHash("sha256").update(`${label}/${at}`).digest().subarray(0, length - at), at)
  }
  return bytes
}

const flipBit = (bytes: Uint8Array, bit: number): Uint8Array => {
  const flipped = bytes.slice()
  flipped[bit >> 3]! ^= 1 << (bit & 7)
  return flipped
}

const concat = (...parts: ReadonlyArray<Uint8Array>): Uint8Array => new Uint8Array(Buffer.concat(parts))

// Vectors. In a certificate the message that is signed is the hash of its preimage.

const certificateHash = (vector: { networkId: string; expiration: string; x25519Public: string }): Uint8Array => {
  const expiration = Buffer.alloc(8)
  expiration.writeBigUInt64BE(BigInt(vector.expiration))
  const preimage = [hex(vector.networkId), hex("00000003"), expiration, hex(vector.x25519Public)]
  return new Uint8Array(createHash("sha256").update(Buffer.concat(preimage)).digest())
}

/** A survey's message is type, length of the signature, signature, and then what is signed; the key stands in there. */
const surveySigned = (vector: { id: string; messageXdr: string }): Signed => {
  const xdr = hex(vector.messageXdr)
  const message = xdr.slice(72)
  const isResponse = xdr[3] === 0x16
  const publicKey = isResponse ? message.slice(40, 72) : message.slice(4, 36)
  return { id: vector.id, publicKey, message, signature: xdr.slice(8, 72) }
}

const certificates = read("auth-cert")
const envelopes = read("scp")
const survey = read("survey")
const sessions = read("session-keys")

const valid: ReadonlyArray<SignedBySeed> = [
  ...certificates.valid.map((vector: Record<string, string>) => ({
    id: `certificate ${vector.id}`,
    seed: hex(vector.nodeSeedHex!),
    publicKey: hex(vector.nodePublicKeyHex!),
    message: hex(vector.hashSigned!),
    signature: hex(vector.signature!)
  })),
  ...envelopes.valid.map((vector: Record<string, string>) => ({
    id: `envelope ${vector.id}`,
    seed: hex(vector.nodeSeedHex!),
    publicKey: publicKeyOf(vector.nodePublicKey!),
    message: hex(vector.bytesSigned!),
    signature: hex(vector.signature!)
  })),
  ...survey.steps.map((vector: Record<string, string>) => ({
    id: `survey ${vector.id}`,
    seed: hex(vector.signerSeedHex!),
    publicKey: publicKeyOf(vector.signer!),
    message: hex(vector.bytesSigned!),
    signature: hex(vector.signature!)
  })),
  // RFC 8032, 7.1: test 1 (nothing is signed) and test 3.
  {
    id: "RFC 8032 test 1",
    seed: hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"),
    publicKey: hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"),
    message: hex(""),
    signature: hex(
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155" +
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    )
  },
  {
    id: "RFC 8032 test 3",
    seed: hex("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7"),
    publicKey: hex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"),
    message: hex("af82"),
    signature: hex(
      "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac" +
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
    )
  }
]

const invalid: ReadonlyArray<Signed> = [
  // Expired certificates are signed well; their date is judged elsewhere.
  ...certificates.invalid.filter((vector: { id: string }) => !/^(expired|expiration-seconds)/.test(vector.id)).map((
    vector: Record<string, string> & { networkId: string; expiration: string; x25519Public: string }
  ) => ({
    id: `certificate ${vector.id}`,
    publicKey: hex(vector.nodePublicKeyHex!),
    message: certificateHash(vector),
    signature: hex(vector.signature!)
  })),
  ...envelopes.invalid.map((vector: Record<string, string>) => ({
    id: `envelope ${vector.id}`,
    publicKey: publicKeyOf(vector.nodePublicKey!),
    message: hex(vector.bytesSigned!),
    signature: hex(vector.signature!)
  })),
  ...survey.invalidSignatures.map(surveySigned)
]

const macs: ReadonlyArray<{ id: string; key: Uint8Array; data: Uint8Array; mac: Uint8Array }> = [
  ...sessions.hmac.map((vector: Record<string, string>) => ({
    id: vector.id,
    key: hex(vector.key!),
    data: hex(vector.data!),
    mac: hex(vector.mac!)
  })),
  {
    id: "RFC 4231 test 2, a short key",
    key: text("Jefe"),
    data: text("what do ya want for nothing?"),
    mac: hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
  },
  {
    id: "RFC 4231 test 6, a key that is hashed first",
    key: new Uint8Array(131).fill(0xaa),
    data: text("Test Using Larger Than Block-Size Key - Hash Key First"),
    mac: hex("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
  }
]

/** Around the padding and the block of SHA-256, around the longest message that is copied, and the largest transaction. */
const aroundScratch = [MAC_SCRATCH_BYTES - 1, MAC_SCRATCH_BYTES, MAC_SCRATCH_BYTES + 1]
const sizes = [0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 300, 1024, 4096, ...aroundScratch, 102_400]

/** Every spelling of a point whose order divides 8: y below and above the prime, with and without the sign of x. */
const smallOrderSpellings: ReadonlyArray<Uint8Array> = [
  ...new Set([
    ...ED25519_TORSION_SUBGROUP,
    "0100000000000000000000000000000000000000000000000000000000000080",
    ...["ec", "ed", "ee"].flatMap((first) => ["7f", "ff"].map((last) => `${first}${"ff".repeat(30)}${last}`))
  ])
].map(hex)

const ORDER = ed25519.Point.Fn.ORDER
const challenge = (r: Uint8Array, publicKey: Uint8Array, message: Uint8Array): bigint =>
  bytesToNumberLE(createHash("sha512").update(r).update(publicKey).update(message).digest()) % ORDER

/** The bare equation, S*B - k*A = R, with every spelling of a point allowed: what a lenient library checks. */
const holds = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean => {
  const r = signature.subarray(0, 32)
  const k = challenge(r, publicKey, message)
  const left = ed25519.Point.BASE.multiplyUnsafe(bytesToNumberLE(signature.subarray(32)))
  const right = ed25519.Point.fromBytes(publicKey, true).multiplyUnsafe(k)
  return left.subtract(right).equals(ed25519.Point.fromBytes(r, true))
}

const layers = [
  { name: "node:crypto", layer: NodeCrypto.layer },
  { name: "noble", layer: NobleCrypto.layer },
  { name: "node:crypto, shared", layer: Layer.sync(Crypto, () => SharedCrypto.make(NodeCrypto.make())) }
]

for (const { layer: cryptoLayer, name } of layers) {
  layer(cryptoLayer)(`Crypto by ${name}`, (it) => {
    it.effect("digests known texts", () =>
      Effect.gen(function*() {
        const crypto = yield* Crypto
        assert.strictEqual(
          ItemHash.toHex(crypto.sha256(text("abc"))),
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        )
        for (const { networkId, passphrase } of read("hashes").networkIds) {
          assert.strictEqual(ItemHash.toHex(crypto.sha256(text(passphrase))), networkId)
        }
      }))

    it.effect("digests a part of some bytes as it does a copy of that part", () =>
      Effect.gen(function*() {
        const crypto = yield* Crypto
        const bytes = text("no message stands alone in its chunk")
        for (const [start, end] of [[0, 36], [0, 5], [3, 10], [4, 36], [7, 7]] as const) {
          assert.strictEqual(crypto.sha256(bytes, start, end), crypto.sha256(bytes.slice(start, end)))
        }
      }))

    it.effect("makes and verifies the MACs of all vectors", () =>
      Effect.gen(function*() {
        const crypto = yield* Crypto
        assert.strictEqual(macs.length, 5)
        for (const { data, id, key, mac } of macs) {
          const macKey = crypto.macKey(key)
          const tag = new Uint8Array(MAC_BYTES)
          macKey.sign(data, 0, data.length, tag, 0)
          assert.deepStrictEqual(tag, mac, id)
          assert.isTrue(macKey.verify(data, 0, data.length, mac, 0), id)
        }
      }))

    it.effect("makes the MAC of a part of a buffer, in place, and leaves the rest alone", () =>
      Effect.gen(function*() {
        const crypto = yield* Crypto
        const key = bytesOf("key", 32)
        const macKey = crypto.macKey(key)
        for (const size of sizes) {
          const before = bytesOf(`frame ${size}`, 8 + size + MAC_BYTES + 4)
          const frame = before.slice()
          const at = 8 + size
          macKey.sign(frame, 8, at, frame, at)
          const expected = createHmac("sha256", key).update(before.subarray(8, at)).digest()
          assert.deepStrictEqual(frame, concat(before.subarray(0, at), expected, before.subarray(at + MAC_BYTES)))
          assert.isTrue(macKey.verify(frame, 8, at, frame, at), `${size} bytes`)
        }
      }))

    it.effect("keeps the keys of several connections apart", () =>
      Effect.gen(function*() {
        const crypto = yield* Crypto
        const message = bytesOf("message", 300)
        const keys = [bytesOf("one", 32), bytesOf("two", 32)]
        const [one, two] = keys.map(crypto.macKey)
        const tags = new Uint8Array(3 * MAC_BYTES)
        one!.sign(message, 0, 300, tags, 0)
        two!.sign(message, 0, 200, tags, MAC_BYTES)
        one!.sign(message, 0, 300, tags, 2 * MAC_BYTES)
        const expected = [[0, 300], [1, 200], [0, 300]].map(([key, length]) =>
          createHmac("sha256", keys[key!]!).update(message.subarray(0, length)).digest()
        )
        assert.deepStrictEqual(tags, concat(...expected))
        assert.isFalse(two!.verify(message, 0, 300, tags, 0))
      }))

    it.effect("does not follow a key that its owner changes later", () =>
      Effect.gen(function*() {
        const crypto = yield* Crypto
        const key = bytesOf("key", 32)
        const message = bytesOf("message", MAC_SCRATCH_BYTES + 1)
        const expected = createHmac("sha256", key).update(message).digest()
        const macKey = crypto.macKey(key)
        key.fill(0)
        assert.isTrue(macKey.verify(message, 0, message.length, expected, 0))
      }))

    it.effect("refuses a MAC with any bit wrong", () =>
      Effect.gen(function*() {
        const crypto = yield* Crypto
        const macKey = crypto.macKey(bytesOf("key", 32))
        const message = bytesOf("message", 300)
        const tag = new Uint8Array(MAC_BYTES)
        macKey.sign(message, 0, 300, tag, 0)
        for (let bit = 0; bit < 8 * MAC_BYTES; bit++) {
          assert.isFalse(macKey.verify(message, 0, 300, flipBit(tag, bit), 0), `bit ${bit}`)
        }
        assert.isFalse(macKey.verify(message, 0, 299, tag, 0))
        assert.isFalse(macKey.verify(message, 1, 300, tag, 0))
        assert.isFalse(macKey.verify(flipBit(message, 2399), 0, 300, tag, 0))
      }))

    it.effect("refuses a MAC that is not all there, and a message that is not", () =>
      Effect.gen(function*() {
        const crypto = yield* Crypto
        const macKey = crypto.macKey(bytesOf("key", 32))
        const message = bytesOf("message", 300)
        const tag = new Uint8Array(MAC_BYTES)
        macKey.sign(message, 0, 300, tag, 0)
        // A scratch that is used again must not lend the bytes that are missing here.
        assert.isFalse(macKey.verify(message.slice(0, 299), 0, 300, tag, 0))
        assert.isFalse(macKey.verify(message, 0, 300, tag.slice(0, 31), 0))
        assert.isFalse(macKey.verify(message, 0, 300, tag, 1))
        assert.isFalse(macKey.verify(message, 0, 300, tag, -1))
        assert.isFalse(macKey.verify(message, -1, 300, tag, 0))
        assert.isFalse(macKey.verify(message, 300, 0, tag, 0))
        // The tag of what there is, when more was announced.
        const shorter = new Uint8Array(MAC_BYTES)
        macKey.sign(message, 0, 299, shorter, 0)
        assert.isFalse(macKey.verify(message.slice(0, 299), 0, 300, shorter, 0))
        // A tag that ends in zero, without its end: one in 256 does.
        const long = bytesOf("long message", 4096)
        const ending = new Uint8Array(MAC_BYTES).fill(1)
        let length = 0
        while (ending[31] !== 0) macKey.sign(long, 0, ++length, ending, 0)
        assert.isTrue(macKey.verify(long, 0, length, ending, 0))
        assert.isFalse(macKey.verify(long, 0, length, ending.slice(0, 31), 0))
        assert.throws(() => macKey.sign(message.slice(0, 299), 0, 300, tag, 0), RangeError)
        assert.throws(() => macKey.sign(message, 0, 300, tag, 1), RangeError)
      }))

    it.effect("signs as the vectors do, byte for byte", () =>
      Effect.gen(function*() {
        const crypto = yield* Crypto
        assert.strictEqual(valid.length, 26)
        for (const { id, message, publicKey, seed, signature } of valid) {
          const signer = crypto.signer(seed)
          assert.deepStrictEqual(signer.publicKey, publicKey, id)
          assert.deepStrictEqual(signer.sign(message), signature, id)
        }
      }))

    it.effect("accepts the signatures of all vectors", () =>
      Effect.gen(function*() {
        const crypto = yield* Crypto
        for (const { id, message, publicKey, signature } of valid) {
          assert.isTrue(crypto.verify(publicKey, message, signature), id)
        }
      }))

    it.effect("refuses the bad signatures of all vectors", () =>
      Effect.gen(function*() {
        const crypto = yield* Crypto
        assert.strictEqual(invalid.length, 24 + 15 + 8)
        for (const { id, message, publicKey, signature } of invalid) {
          assert.isFalse(crypto.verify(publicKey, message, signature), id)
        }
      }))

    it.effect("refuses every spelling of a small-order public key, though a signature of zeros fits it", () =>
      Effect.gen(function*() {
        const crypto = yield* Crypto
        assert.strictEqual(smallOrderSpellings.length, 14)
        const signature = concat(hex(`01${"00".repeat(31)}`), new Uint8Array(32))
        for (const publicKey of smallOrderSpellings) {
          const messages = Array.from({ length: 64 }, (_, i) => text(`message ${i}`))
          assert.isTrue(messages.some((message) => holds(publicKey, message, signature)), "the equation never holds")
          for (const message of messages) assert.isFalse(crypto.verify(publicKey, message, signature))
        }
      }))

    it.effect("refuses every spelling of a small-order R", () =>
      Effect.gen(function*() {
        const crypto = yield* Crypto
        const { scalar } = ed25519.utils.getExtendedPublicKey(bytesOf("seed", 32))
        const { publicKey } = crypto.signer(bytesOf("seed", 32))
        for (const r of smallOrderSpellings) {
          const point = ed25519.Point.fromBytes(r, true)
          // S = k*a fits R alone if R is neutral; the equation with the cofactor it fits always.
          for (let i = 0; i < 8; i++) {
            const message = text(`message ${i}`)
            const s = challenge(r, publicKey, message) * scalar % ORDER
            const signature = concat(r, numberToBytesLE(s, 32))
            assert.strictEqual(holds(publicKey, message, signature), point.is0())
            assert.isFalse(crypto.verify(publicKey, message, signature))
          }
        }
      }))

    it.effect("refuses a second spelling of S", () =>
      Effect.gen(function*() {
        const crypto = yield* Crypto
        for (const { id, message, publicKey, signature } of valid) {
          const s = bytesToNumberLE(signature.subarray(32))
          for (let times = 1n; (s + times * ORDER) >> 256n === 0n; times++) {
            const other = concat(signature.subarray(0, 32), numberToBytesLE(s + times * ORDER, 32))
            assert.isFalse(crypto.verify(publicKey, message, other), `${id}, S + ${times} L`)
          }
        }
      }))

    it.effect("looks at the part of small order that a public key may have: the equation is without the cofactor", () =>
      Effect.gen(function*() {
        const crypto = yield* Crypto
        const { point, scalar } = ed25519.utils.getExtendedPublicKey(bytesOf("seed", 32))
        const torsion = ed25519.Point.fromHex(ED25519_TORSION_SUBGROUP[1]!)
        const publicKey = point.add(torsion).toBytes()
        let accepted = 0
        for (let i = 0; i < 32; i++) {
          const nonce = bytesToNumberLE(bytesOf(`nonce ${i}`, 32)) % ORDER
          const r = ed25519.Point.BASE.multiply(nonce).toBytes()
          const message = text(`message ${i}`)
          const k = challenge(r, publicKey, message)
          const signature = concat(r, numberToBytesLE((nonce + k * scalar) % ORDER, 32))
          // k times a point of order 8 vanishes if 8 divides k. With the cofactor it would always.
          assert.strictEqual(crypto.verify(publicKey, message, signature), k % 8n === 0n)
          if (k % 8n === 0n) accepted++
        }
        assert.isAbove(accepted, 0)
      }))

    it.effect("answers false to keys and signatures of any wrong length, and to a key that is no point", () =>
      Effect.gen(function*() {
        const crypto = yield* Crypto
        const { message, publicKey, signature } = valid[0]!
        for (const length of [0, 1, 31, 33, 64, 1000]) {
          assert.isFalse(crypto.verify(concat(publicKey, new Uint8Array(1000)).slice(0, length), message, signature))
        }
        for (const length of [0, 1, 32, 63, 65, 1000]) {
          assert.isFalse(crypto.verify(publicKey, message, concat(signature, new Uint8Array(1000)).slice(0, length)))
        }
        assert.isFalse(crypto.verify(hex(`02${"00".repeat(31)}`), message, signature))
      }))

    it.effect("agrees as the vectors do, in both directions", () =>
      Effect.gen(function*() {
        const crypto = yield* Crypto
        for (const { acceptor, caller, id, q } of sessions.sessions) {
          assert.deepStrictEqual(crypto.agree(hex(caller.secret), hex(acceptor.public)), hex(q), id)
          assert.deepStrictEqual(crypto.agree(hex(acceptor.secret), hex(caller.public)), hex(q), id)
          assert.deepStrictEqual(crypto.agreementPublicKey(hex(caller.secret)), hex(caller.public), id)
        }
      }))

    it.effect("takes a second spelling of an agreement key for the same key", () =>
      Effect.gen(function*() {
        const crypto = yield* Crypto
        assert.strictEqual(sessions.nonCanonicalPublic.vectors.length, 4)
        for (const vector of sessions.nonCanonicalPublic.vectors) {
          const secret = hex(vector.secret)
          assert.deepStrictEqual(crypto.agree(secret, hex(vector.public)), hex(vector.q), vector.id)
          assert.deepStrictEqual(crypto.agree(secret, flipBit(hex(vector.public), 255)), hex(vector.q), vector.id)
        }
      }))

    it.effect("refuses agreement keys of small order or of a wrong length", () =>
      Effect.gen(function*() {
        const crypto = yield* Crypto
        const secret = bytesOf("secret", 32)
        assert.strictEqual(sessions.smallOrder.vectors.length, 14)
        for (const vector of sessions.smallOrder.vectors) {
          assert.isUndefined(crypto.agree(secret, hex(vector.public)), vector.id)
        }
        for (const length of [0, 31, 33, 64]) assert.isUndefined(crypto.agree(secret, bytesOf("public", length)))
      }))

    it.effect("says that an own secret of the wrong length is a bug", () =>
      Effect.gen(function*() {
        const crypto = yield* Crypto
        for (const length of [0, 31, 33, 64]) {
          const secret = bytesOf("secret", length)
          assert.throws(() => crypto.signer(secret), RangeError)
          assert.throws(() => crypto.agreementPublicKey(secret), RangeError)
          assert.throws(() => crypto.agree(secret, bytesOf("public", 32)), RangeError)
        }
      }))
  })
}

describe("Crypto by node:crypto and by noble", () => {
  const node = NodeCrypto.make()
  const noble = NobleCrypto.make()

  it("agree on digests and MACs of every size, with keys of every length", () => {
    for (const size of sizes) {
      const message = bytesOf(`message ${size}`, size)
      assert.strictEqual(node.sha256(message), noble.sha256(message))
      for (const keyLength of [0, 1, 32, 63, 64, 65, 200]) {
        const key = bytesOf(`key ${keyLength}`, keyLength)
        const tags = [node, noble].map((crypto) => {
          const tag = new Uint8Array(MAC_BYTES)
          crypto.macKey(key).sign(message, 0, size, tag, 0)
          return tag
        })
        assert.deepStrictEqual(tags[0], tags[1], `${size} bytes, key of ${keyLength}`)
      }
    }
  })

  it("agree on 300 signatures, of which most were tampered with", () => {
    let accepted = 0
    for (let i = 0; i < 300; i++) {
      const random = bytesOf(`case ${i}`, 8)
      const signer = (i % 2 === 0 ? node : noble).signer(bytesOf(`seed ${i % 20}`, 32))
      const message = bytesOf(`message ${i}`, 1 + random[0]!)
      const signature = signer.sign(message)
      const bit = random[1]! | random[2]! << 8
      const [publicKey, messageRead, signatureRead] = [
        [signer.publicKey, message, signature],
        [flipBit(signer.publicKey, bit % 256), message, signature],
        [signer.publicKey, flipBit(message, bit % (8 * message.length)), signature],
        [signer.publicKey, message, flipBit(signature, bit % 512)],
        [signer.publicKey, message, concat(bytesOf(`r ${i}`, 32), signature.subarray(32))],
        [bytesOf(`public ${i}`, 32), message, signature]
      ][i % 6]!
      const verdict = noble.verify(publicKey!, messageRead!, signatureRead!)
      assert.strictEqual(node.verify(publicKey!, messageRead!, signatureRead!), verdict, `case ${i}`)
      assert.strictEqual(verdict, i % 6 === 0, `case ${i}`)
      if (verdict) accepted++
    }
    assert.strictEqual(accepted, 50)
  })

  it("agree on keys and on what two keys agree on, whatever bytes the other side sends", () => {
    for (let i = 0; i < 60; i++) {
      const secret = bytesOf(`secret ${i}`, 32)
      assert.deepStrictEqual(node.agreementPublicKey(secret), noble.agreementPublicKey(secret))
      assert.deepStrictEqual(node.signer(secret).publicKey, noble.signer(secret).publicKey)
      const other = bytesOf(`public ${i}`, 32)
      const agreed = node.agree(secret, other)
      assert.isDefined(agreed)
      assert.deepStrictEqual(agreed, noble.agree(secret, other))
    }
    // The prime is 2^255 - 19: these are all the second spellings, with bit 255 and without.
    for (let low = 0xed; low <= 0xff; low++) {
      for (const high of [0x7f, 0xff]) {
        const other = new Uint8Array(32).fill(0xff)
        other[0] = low
        other[31] = high
        const secret = bytesOf("secret", 32)
        const agreed = node.agree(secret, other)
        assert.strictEqual(agreed === undefined, low <= 0xee)
        assert.deepStrictEqual(agreed, noble.agree(secret, other))
      }
    }
  })

  it("still tell good from bad when more keys have signed than are remembered", () => {
    const message = text("message")
    const signed = Array.from({ length: PUBLIC_KEY_CACHE_ENTRIES + 10 }, (_, i) => {
      const signer = node.signer(bytesOf(`seed ${i}`, 32))
      return { publicKey: signer.publicKey, signature: signer.sign(message) }
    })
    for (let round = 0; round < 2; round++) {
      for (const [i, { publicKey, signature }] of signed.entries()) {
        assert.isTrue(node.verify(publicKey, message, signature))
        assert.isFalse(node.verify(publicKey, message, signed[(i + 1) % signed.length]!.signature))
      }
    }
  })
})
