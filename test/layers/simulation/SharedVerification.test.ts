/**
 * Verifications that nodes share: asked once, and the answer is always that of the cryptography.
 */
import { assert, describe, it } from "@effect/vitest"
import { SHARED_VERIFICATIONS } from "../../../src/core/limits.ts"
import * as NodeCrypto from "../../../src/layers/node/NodeCrypto.ts"
import * as SharedVerification from "../../../src/layers/simulation/SharedVerification.ts"

const real = NodeCrypto.make()

const counted = () => {
  let asked = 0
  const crypto = SharedVerification.make({
    ...real,
    verify: (publicKey, message, signature) => {
      asked++
      return real.verify(publicKey, message, signature)
    }
  })
  return { crypto, asked: () => asked }
}

const signer = real.signer(new Uint8Array(32).fill(1))
const message = Uint8Array.of(1, 2, 3)
const signature = signer.sign(message)

describe("verifications that nodes share", () => {
  it("are made once for the same key, message and signature, whoever asks", () => {
    const { asked, crypto } = counted()
    for (let node = 0; node < 5; node++) {
      assert.isTrue(crypto.verify(signer.publicKey.slice(), message.slice(), signature.slice()))
    }
    assert.strictEqual(asked(), 1)
  })

  it("remember a refusal as a refusal", () => {
    const { asked, crypto } = counted()
    const wrong = signature.slice()
    wrong[63]! ^= 1
    for (let node = 0; node < 5; node++) assert.isFalse(crypto.verify(signer.publicKey, message, wrong))
    assert.isTrue(crypto.verify(signer.publicKey, message, signature))
    assert.strictEqual(asked(), 2)
  })

  it("tell apart what differs only in where one part ends", () => {
    const { crypto } = counted()
    assert.isTrue(crypto.verify(signer.publicKey, message, signature))
    const moved = Uint8Array.of(...signature, message[0]!)
    assert.isFalse(crypto.verify(signer.publicKey, message.subarray(1), moved))
    assert.isFalse(crypto.verify(signer.publicKey, message, new Uint8Array(300)))
    const stranger = real.signer(new Uint8Array(32).fill(2))
    assert.isFalse(crypto.verify(stranger.publicKey, message, signature))
  })

  it("are forgotten from the oldest on, beyond their bound", () => {
    let asked = 0
    const crypto = SharedVerification.make({ ...real, verify: () => (asked++, true) })
    const ask = (number: number) => crypto.verify(signer.publicKey, Uint8Array.of(number, number >>> 8), signature)
    for (let number = 0; number <= SHARED_VERIFICATIONS; number++) ask(number)
    assert.strictEqual(asked, SHARED_VERIFICATIONS + 1)
    ask(SHARED_VERIFICATIONS)
    assert.strictEqual(asked, SHARED_VERIFICATIONS + 1)
    ask(0)
    assert.strictEqual(asked, SHARED_VERIFICATIONS + 2)
  })
})
