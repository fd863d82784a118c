/**
 * Transactions as values: against golden transactions, and whatever else comes.
 */
import { assert, describe, it } from "@effect/vitest"
import { Account, Asset, Keypair, MuxedAccount, Operation, TransactionBuilder } from "@stellar/stellar-sdk"
import { StellarMessage } from "@stellar/stellar-sdk/xdr"
import { Effect, Result } from "effect"
import { readFileSync } from "node:fs"
import * as ItemHash from "../../../src/core/ItemHash.ts"
import * as NodeCrypto from "../../../src/layers/node/NodeCrypto.ts"
import * as SdkTransactions from "../../../src/layers/stellar/SdkTransactions.ts"
import { networks } from "../../../src/services/stellar/networks.ts"

interface Vector {
  readonly id: string
  readonly networkPassphrase: string
  readonly messageXdr: string
  readonly envelopeXdr: string
  readonly transactionId: string
}

const { transactions } = JSON.parse(
  readFileSync(new URL("../../fixtures/stellar-vectors/hashes.json", import.meta.url), "utf8")
) as { readonly transactions: { readonly vectors: ReadonlyArray<Vector> } }

const crypto = NodeCrypto.make()
const passphrase = networks.testnet.passphrase

const parsing = Effect.provide(SdkTransactions.make(passphrase), NodeCrypto.layer)

const read = Effect.fnUntraced(function*(bytes: Uint8Array, network = passphrase) {
  const parse = yield* Effect.provide(SdkTransactions.make(network), NodeCrypto.layer)
  return Result.getOrThrow(parse({ bytes }))
})

const [alice, bob] = ["alice", "bob"].map((name) =>
  Keypair.fromRawEd25519Seed(ItemHash.toBytes(crypto.sha256(Buffer.from(name))))
)

const paying = (count = 1, source: Account | MuxedAccount = new Account(alice!.publicKey(), "41")) => {
  const builder = new TransactionBuilder(source, { fee: "150", networkPassphrase: passphrase })
  for (let i = 0; i < count; i++) {
    builder.addOperation(Operation.payment({ destination: bob!.publicKey(), asset: Asset.native(), amount: "1" }))
  }
  return builder.setTimeout(0).build()
}

describe("A transaction", () => {
  it("has golden vectors of every form", () => {
    assert.includeMembers(transactions.vectors.map(({ id }) => id), ["v0-payment", "v1-payment", "fee-bump"])
  })

  for (const { envelopeXdr, id, messageXdr, networkPassphrase, transactionId } of transactions.vectors) {
    it.effect(`has the hash that is signed for its network: ${id}`, () =>
      Effect.gen(function*() {
        const { envelope, hash } = yield* read(Uint8Array.from(Buffer.from(messageXdr, "hex")), networkPassphrase)
        assert.strictEqual(ItemHash.toHex(hash), transactionId)
        assert.strictEqual(envelope.toXdr("hex"), envelopeXdr)
      }))
  }

  it.effect("says who pays, how much, in which turn, and for how many operations", () =>
    Effect.gen(function*() {
      const transaction = paying(3)
      transaction.sign(alice!)
      const parsed = yield* read(StellarMessage.transaction(transaction.toEnvelope()).toXdr())
      assert.deepInclude(parsed, {
        form: "current",
        fee: 450n,
        sequence: 42n,
        operations: 3,
        inner: undefined,
        source: { publicKey: alice!.rawPublicKey(), address: alice!.publicKey(), muxedId: undefined }
      })
      assert.deepStrictEqual(ItemHash.toBytes(parsed.hash), new Uint8Array(transaction.hash()))
      assert.deepStrictEqual(
        parsed.signatures,
        transaction.signatures.map(({ hint, signature }) => ({ hint: hint.toBytes(), signature: signature.toBytes() }))
      )
    }))

  it.effect("tells which of those is meant that share an account", () =>
    Effect.gen(function*() {
      const shared = new MuxedAccount(new Account(alice!.publicKey(), "41"), "7")
      const { source } = yield* read(StellarMessage.transaction(paying(1, shared).toEnvelope()).toXdr())
      assert.deepInclude(source, { address: alice!.publicKey(), muxedId: 7n })
    }))

  it.effect("with a higher fee around it says who pays that, and keeps its own word", () =>
    Effect.gen(function*() {
      const inner = paying(2)
      inner.sign(alice!)
      const bump = TransactionBuilder.buildFeeBumpTransaction(bob!, "1000", inner, passphrase)
      bump.sign(bob!)
      const parsed = yield* read(StellarMessage.transaction(bump.toEnvelope()).toXdr())
      assert.deepInclude(parsed, { form: "fee-bump", fee: 3000n, sequence: 42n, operations: 2 })
      assert.strictEqual(parsed.source.address, bob!.publicKey())
      assert.strictEqual(parsed.inner?.source.address, alice!.publicKey())
      assert.deepStrictEqual(ItemHash.toBytes(parsed.hash), new Uint8Array(bump.hash()))
      assert.deepStrictEqual(ItemHash.toBytes(parsed.inner!.hash), new Uint8Array(inner.hash()))
      assert.isTrue(SdkTransactions.isSignedBy(crypto, parsed, bob!.rawPublicKey()))
      assert.isFalse(SdkTransactions.isSignedBy(crypto, parsed, alice!.rawPublicKey()))
      assert.isTrue(SdkTransactions.isSignedBy(crypto, parsed.inner!, alice!.rawPublicKey()))
    }))

  it.effect("is signed by whose key made one of its signatures, whatever their hints say", () =>
    Effect.gen(function*() {
      const transaction = paying()
      transaction.sign(bob!, alice!)
      const parsed = yield* read(StellarMessage.transaction(transaction.toEnvelope()).toXdr())
      assert.isTrue(SdkTransactions.isSignedBy(crypto, parsed, alice!.rawPublicKey()))
      const [ofBob] = parsed.signatures
      const claiming = {
        ...parsed,
        signatures: [{ hint: alice!.rawPublicKey().slice(-4), signature: ofBob!.signature }]
      }
      assert.isFalse(SdkTransactions.isSignedBy(crypto, claiming, alice!.rawPublicKey()))
      const bytes = StellarMessage.transaction(transaction.toEnvelope()).toXdr()
      const otherNetwork = yield* read(bytes, "Another network")
      assert.isFalse(SdkTransactions.isSignedBy(crypto, otherNetwork, alice!.rawPublicKey()))
    }))
})

describe("What is no transaction", () => {
  const good = StellarMessage.transaction(paying().toEnvelope()).toXdr()
  const kinds: ReadonlyArray<readonly [string, Uint8Array]> = [
    ["nothing", new Uint8Array(0)],
    ["a kind alone", good.slice(0, 4)],
    ["one cut short", good.slice(0, -4)],
    ["one with something behind it", Uint8Array.of(...good, 0, 0, 0, 0)],
    ["one of an unknown form", Uint8Array.of(0, 0, 0, 8, 0, 0, 0, 99, ...good.slice(8))],
    ["one of an unknown operation", good.with(good.length - 4 - 4 - 8 - 4 - 36 - 1, 99)],
    ["random bytes", good.map((byte, i) => i < 8 ? byte : (i * 7919) & 0xff)]
  ]

  it.effect.each(kinds)("is a value that says why: %s", ([, bytes]) =>
    Effect.gen(function*() {
      const parsed = (yield* parsing)({ bytes })
      if (Result.isSuccess(parsed)) return assert.fail("it was read")
      assert.strictEqual(parsed.failure._tag, "MalformedTransaction")
      assert.isAbove(parsed.failure.reason.length, 0)
    }))

  it.effect("is never thrown, whichever byte of a good one is another", () =>
    Effect.gen(function*() {
      const parse = yield* parsing
      let refused = 0
      for (let at = 0; at < good.length; at++) {
        for (const byte of [0, 1, 0x7f, 0xff]) if (Result.isFailure(parse({ bytes: good.with(at, byte) }))) refused++
      }
      assert.isAbove(refused, 0)
    }))
})
