/** Payments, read and verified by the SDK that others use. */
import { assert, describe, it } from "@effect/vitest"
import { Keypair, Transaction, TransactionBuilder } from "@stellar/stellar-sdk"
import * as ItemHash from "../../src/core/ItemHash.ts"
import { encodePublicKey } from "../../src/core/stellar/StrKey.ts"
import { walkEnvelope } from "../../src/core/stellar/TransactionWalk.ts"
import * as NodeCrypto from "../../src/layers/node/NodeCrypto.ts"
import { isSignedPayment, signedPayment } from "../../src/testing/stellar/SignedPayment.ts"

const passphrase = "a test of payments"
const crypto = NodeCrypto.make()
const networkIdOf = (text: string) => ItemHash.toBytes(crypto.sha256(new TextEncoder().encode(text)))
const networkId = networkIdOf(passphrase)
const source = crypto.signer(new Uint8Array(32).fill(1))
const destination = crypto.signer(new Uint8Array(32).fill(2)).publicKey
const envelope = signedPayment(crypto, networkId, source, { destination, sequence: 7n, amount: 12_345n })
const message = Uint8Array.of(0, 0, 0, 8, ...envelope)

describe("a payment", () => {
  it("is one to the SDK, and its signature verifies there", () => {
    const read = TransactionBuilder.fromXDR(Buffer.from(envelope).toString("base64"), passphrase)
    assert(read instanceof Transaction)
    assert.strictEqual(read.source, encodePublicKey(source.publicKey))
    assert.strictEqual(read.sequence, "7")
    assert.deepInclude(read.operations[0], {
      type: "payment",
      destination: encodePublicKey(destination),
      amount: "0.0012345"
    })
    const [signature] = read.signatures
    assert(signature !== undefined)
    const keypair = Keypair.fromPublicKey(encodePublicKey(source.publicKey))
    assert.isTrue(keypair.verify(read.hash(), message.subarray(-64)))
  })

  it("passes the walk that peers judge it by", () => {
    assert.strictEqual(walkEnvelope(message, 4, message.length), "well-formed")
  })

  it("is known by its signature, for its network and unchanged", () => {
    assert.isTrue(isSignedPayment(crypto, networkId, message))
    assert.isFalse(isSignedPayment(crypto, networkIdOf("another"), message))
    for (const at of [50, 90, 120, message.length - 1]) {
      const changed = Uint8Array.from(message)
      changed[at]! ^= 1
      assert.isFalse(isSignedPayment(crypto, networkId, changed), `byte ${at}`)
    }
  })
})
