/**
 * Cryptography that nodes share: asked once, and the answer is always that of the cryptography.
 */
import { assert, describe, it } from "@effect/vitest"
import { type CryptoShape, MAC_BYTES } from "../../../src/core/Crypto.ts"
import { SHARED_DIGEST_BYTES, SHARED_FRAME_BYTES, SHARED_VERIFICATIONS } from "../../../src/core/limits.ts"
import * as NodeCrypto from "../../../src/layers/node/NodeCrypto.ts"
import * as SharedCrypto from "../../../src/layers/simulation/SharedCrypto.ts"

const real = NodeCrypto.make()

/** Shared cryptography, and how often the real one was asked. */
const counted = (answers: Partial<CryptoShape> = {}) => {
  const asked = { digests: 0, seals: 0, checks: 0, verifications: 0 }
  const counting: CryptoShape = { ...real, ...answers }
  const crypto = SharedCrypto.make({
    ...counting,
    sha256: (bytes, start, end) => {
      asked.digests++
      return counting.sha256(bytes, start, end)
    },
    macKey: (bytes) => {
      const key = counting.macKey(bytes)
      return {
        sign: (...parameters) => {
          asked.seals++
          key.sign(...parameters)
        },
        verify: (...parameters) => {
          asked.checks++
          return key.verify(...parameters)
        }
      }
    },
    verify: (publicKey, message, signature) => {
      asked.verifications++
      return counting.verify(publicKey, message, signature)
    }
  })
  return { crypto, asked }
}

const key = new Uint8Array(32).fill(7)
const HEAD = 12
const MESSAGE = 200

/** A frame as it is sealed: something before it, the message, and the tag right behind it. */
const frameOf = (content: number): Uint8Array => new Uint8Array(HEAD + MESSAGE + MAC_BYTES).fill(content)
const TAG = HEAD + MESSAGE

describe("tags that nodes share", () => {
  it("are not computed again for what was sealed with the same key, and only for that", () => {
    const { asked, crypto } = counted()
    const sender = crypto.macKey(key)
    const receiver = crypto.macKey(key.slice())
    const frames = [frameOf(1), frameOf(2), frameOf(3)]
    for (const frame of frames) sender.sign(frame, HEAD, TAG, frame, TAG)
    for (const frame of frames) assert.isTrue(receiver.verify(frame.slice(), HEAD, TAG, frame, TAG))
    // The tag stood in other memory: that is no frame as it was sealed.
    assert.deepStrictEqual(asked, { digests: 0, seals: 3, checks: 3, verifications: 0 })
    for (const frame of frames) {
      const received = frame.slice()
      assert.isTrue(receiver.verify(received, HEAD, TAG, received, TAG))
    }
    assert.deepStrictEqual(asked, { digests: 0, seals: 3, checks: 3, verifications: 0 })
  })

  it("are the tags of the cryptography", () => {
    const { crypto } = counted()
    const frame = frameOf(1)
    const expected = frameOf(1)
    crypto.macKey(key).sign(frame, HEAD, TAG, frame, TAG)
    real.macKey(key).sign(expected, HEAD, TAG, expected, TAG)
    assert.deepStrictEqual(frame, expected)
  })

  it("are refused with any bit of the frame or of its tag wrong, by the cryptography itself", () => {
    const { asked, crypto } = counted()
    const frame = frameOf(1)
    crypto.macKey(key).sign(frame, HEAD, TAG, frame, TAG)
    const receiver = crypto.macKey(key)
    for (let bit = 8 * HEAD; bit < 8 * frame.length; bit++) {
      const forged = frame.slice()
      forged[bit >> 3]! ^= 1 << (bit & 7)
      assert.isFalse(receiver.verify(forged, HEAD, TAG, forged, TAG), `bit ${bit}`)
    }
    assert.strictEqual(asked.checks, 8 * (MESSAGE + MAC_BYTES))
    assert.isTrue(receiver.verify(frame, HEAD, TAG, frame, TAG))
  })

  it("are refused to another key, whatever its length, and also after the right one has taken them", () => {
    const { crypto } = counted()
    const frame = frameOf(1)
    crypto.macKey(key).sign(frame, HEAD, TAG, frame, TAG)
    const receiver = crypto.macKey(key)
    const strangers = [
      new Uint8Array(32).fill(8),
      key.with(31, 8),
      key.with(0, 8),
      key.subarray(1),
      new Uint8Array(33).fill(7),
      new Uint8Array(0)
    ].map(crypto.macKey)
    for (let round = 0; round < 2; round++) {
      for (const stranger of strangers) assert.isFalse(stranger.verify(frame, HEAD, TAG, frame, TAG))
      assert.isTrue(receiver.verify(frame, HEAD, TAG, frame, TAG))
    }
    // And what a stranger has sealed is refused to a key that has found its other side.
    for (const stranger of strangers) {
      const theirs = frameOf(2)
      stranger.sign(theirs, HEAD, TAG, theirs, TAG)
      assert.isFalse(receiver.verify(theirs, HEAD, TAG, theirs, TAG))
    }
  })

  it("are refused for a part of the frame, for more than the frame, and out of range", () => {
    const { crypto } = counted()
    const sealed = frameOf(1)
    crypto.macKey(key).sign(sealed, HEAD, TAG, sealed, TAG)
    const frame = new Uint8Array(sealed.length + 10)
    frame.set(sealed)
    const receiver = crypto.macKey(key)
    assert.isTrue(receiver.verify(frame, HEAD, TAG, frame, TAG))
    assert.isFalse(receiver.verify(frame, HEAD + 1, TAG, frame, TAG))
    assert.isFalse(receiver.verify(frame, HEAD - 1, TAG, frame, TAG))
    assert.isFalse(receiver.verify(frame, HEAD, TAG + 1, frame, TAG + 1))
    assert.isFalse(receiver.verify(frame, HEAD, TAG - 1, frame, TAG - 1))
    assert.isFalse(
      receiver.verify(sealed.subarray(0, sealed.length - 1), HEAD, TAG, sealed.subarray(0, sealed.length - 1), TAG)
    )
    assert.isFalse(receiver.verify(frame, -1, TAG, frame, TAG))
    assert.isFalse(receiver.verify(frame, TAG + 1, TAG, frame, TAG))
    assert.throws(() => receiver.sign(sealed, HEAD, TAG + 1, sealed, TAG + 1), RangeError)
  })

  it("are computed again for what was sealed too long ago", () => {
    const { asked, crypto } = counted()
    const sender = crypto.macKey(key)
    const first = frameOf(1)
    sender.sign(first, HEAD, TAG, first, TAG)
    const long = new Uint8Array(16_384)
    const tag = long.length - MAC_BYTES
    for (let bytes = 0; bytes < SHARED_FRAME_BYTES; bytes += long.length) {
      long[0] = bytes / long.length
      sender.sign(long, 0, tag, long, tag)
    }
    const receiver = crypto.macKey(key)
    assert.isTrue(receiver.verify(long, 0, tag, long, tag))
    assert.strictEqual(asked.checks, 0)
    assert.isTrue(receiver.verify(first, HEAD, TAG, first, TAG))
    assert.strictEqual(asked.checks, 1)
  })
})

describe("digests that nodes share", () => {
  it("are made once for the same bytes, whoever asks", () => {
    const { asked, crypto } = counted()
    const bytes = frameOf(1)
    for (let node = 0; node < 5; node++) assert.strictEqual(crypto.sha256(bytes.slice()), real.sha256(bytes))
    assert.strictEqual(asked.digests, 1)
  })

  it("are made for whatever differs", () => {
    const { asked, crypto } = counted()
    const bytes = frameOf(1)
    crypto.sha256(bytes)
    for (let at = 0; at < bytes.length; at++) {
      const other = bytes.with(at, 2)
      assert.strictEqual(crypto.sha256(other), real.sha256(other))
    }
    for (const length of [0, 1, 3, 4, 5, bytes.length - 1]) {
      assert.strictEqual(crypto.sha256(bytes.subarray(0, length)), real.sha256(bytes.subarray(0, length)))
    }
    assert.strictEqual(asked.digests, 1 + bytes.length + 6)
  })

  it("are made again for what was asked too long ago", () => {
    const { asked, crypto } = counted()
    const first = frameOf(1)
    crypto.sha256(first)
    const long = new Uint8Array(65_536)
    for (let bytes = 0; bytes < SHARED_DIGEST_BYTES; bytes += long.length) {
      long[0] = bytes / long.length
      crypto.sha256(long)
    }
    const { digests } = asked
    assert.strictEqual(crypto.sha256(first), real.sha256(first))
    assert.strictEqual(asked.digests, digests + 1)
  })
})

const signer = real.signer(new Uint8Array(32).fill(1))
const message = Uint8Array.of(1, 2, 3)
const signature = signer.sign(message)

describe("verifications that nodes share", () => {
  it("are made once for the same key, message and signature, whoever asks", () => {
    const { asked, crypto } = counted()
    for (let node = 0; node < 5; node++) {
      assert.isTrue(crypto.verify(signer.publicKey.slice(), message.slice(), signature.slice()))
    }
    assert.strictEqual(asked.verifications, 1)
  })

  it("remember a refusal as a refusal", () => {
    const { asked, crypto } = counted()
    const wrong = signature.slice()
    wrong[63]! ^= 1
    for (let node = 0; node < 5; node++) assert.isFalse(crypto.verify(signer.publicKey, message, wrong))
    assert.isTrue(crypto.verify(signer.publicKey, message, signature))
    assert.strictEqual(asked.verifications, 2)
  })

  it("tell apart what differs only in where one part ends", () => {
    const { crypto } = counted()
    assert.isTrue(crypto.verify(signer.publicKey, message, signature))
    // The same bytes one after the other: the message's last byte is the signature's first.
    const joined = Uint8Array.of(message[2]!, ...signature)
    assert.isFalse(crypto.verify(signer.publicKey, message.subarray(0, 2), joined))
    const keyAndFirst = Uint8Array.of(...signer.publicKey, message[0]!)
    assert.isFalse(crypto.verify(keyAndFirst, message.subarray(1), signature))
    assert.isFalse(crypto.verify(signer.publicKey, message, new Uint8Array(300)))
    const stranger = real.signer(new Uint8Array(32).fill(2))
    assert.isFalse(crypto.verify(stranger.publicKey, message, signature))
  })

  it("are made of messages of any length", () => {
    const { asked, crypto } = counted()
    for (const length of [0, 900, 1000, 5000]) {
      const text = new Uint8Array(length)
      const signed = signer.sign(text)
      for (let node = 0; node < 3; node++) {
        assert.isTrue(crypto.verify(signer.publicKey, text, signed), `${length} bytes`)
      }
      if (length > 0) assert.isFalse(crypto.verify(signer.publicKey, text.with(0, 1), signed))
    }
    assert.strictEqual(asked.verifications, 7)
  })

  it("are forgotten from the oldest on, beyond their bound", () => {
    const { asked, crypto } = counted({ verify: () => true })
    const ask = (number: number) => crypto.verify(signer.publicKey, Uint8Array.of(number, number >>> 8), signature)
    for (let number = 0; number <= SHARED_VERIFICATIONS; number++) ask(number)
    assert.strictEqual(asked.verifications, SHARED_VERIFICATIONS + 1)
    ask(SHARED_VERIFICATIONS)
    assert.strictEqual(asked.verifications, SHARED_VERIFICATIONS + 1)
    ask(0)
    assert.strictEqual(asked.verifications, SHARED_VERIFICATIONS + 2)
  })
})
