/**
 * Who a node is: by the seed that it was given, or by one of its own.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Inspectable, Layer, Redacted } from "effect"
import * as SecureRandom from "effect/crypto/SecureRandom"
import { readFileSync } from "node:fs"
import { encodePublicKey, encodeSeed } from "../../../src/core/stellar/StrKey.ts"
import * as NodeCrypto from "../../../src/layers/node/NodeCrypto.ts"
import * as StellarIdentity from "../../../src/layers/stellar/StellarIdentity.ts"
import { NodeIdentity } from "../../../src/services/NodeIdentity.ts"

const crypto = NodeCrypto.make()

const identityOf = (seed?: string) =>
  Layer.build(Layer.fresh(StellarIdentity.layer(seed === undefined ? undefined : Redacted.make(seed)))).pipe(
    Effect.map(Context.get(NodeIdentity)),
    Effect.provide([NodeCrypto.layer, SecureRandom.layerWebCrypto])
  )

interface Side {
  readonly seed: string
  readonly seedHex: string
  readonly publicKey: string
}

const { sessions }: { readonly sessions: ReadonlyArray<{ readonly A: Side; readonly B: Side }> } = JSON.parse(
  readFileSync(new URL("../../fixtures/stellar-vectors/frames.json", import.meta.url), "utf8")
)

describe("an identity", () => {
  it.effect("is the key pair of the seed", () =>
    Effect.gen(function*() {
      for (const { publicKey, seed, seedHex } of sessions.flatMap(({ A, B }) => [A, B])) {
        const identity = yield* identityOf(seed)
        assert.strictEqual(identity.peerId, publicKey)
        assert.strictEqual(encodePublicKey(identity.publicKey), publicKey)
        assert.strictEqual(Buffer.from(Redacted.value(identity.seed)).toString("hex"), seedHex)
        const message = new Uint8Array(32)
        assert.isTrue(crypto.verify(identity.publicKey, message, identity.signer.sign(message)))
      }
    }))

  it.effect("is a new one each time without a seed", () =>
    Effect.gen(function*() {
      const [one, two] = [yield* identityOf(), yield* identityOf()]
      assert.notStrictEqual(one.peerId, two.peerId)
      const again = yield* identityOf(encodeSeed(Redacted.value(one.seed)))
      assert.strictEqual(again.peerId, one.peerId)
    }))

  it.effect("does not show its seed", () =>
    Effect.gen(function*() {
      const { seed, seedHex } = sessions[0]!.A
      const identity = yield* identityOf(seed)
      for (const shown of [JSON.stringify(identity), Inspectable.toStringUnknown(identity), String(identity.seed)]) {
        assert.notInclude(shown, seed)
        assert.notInclude(shown, seedHex)
        assert.notInclude(shown, [...Buffer.from(seedHex, "hex")].join(","))
      }
    }))
})

describe("a seed that is none", () => {
  const { publicKey, seed } = sessions[0]!.A
  const swapped = seed.slice(0, 10) + seed[11]! + seed[10]! + seed.slice(12)
  const wrong: ReadonlyArray<readonly [name: string, text: string, message: RegExp]> = [
    ["a public key", publicKey, /public key/],
    ["a seed with two characters swapped", swapped, /checksum/],
    ["a seed that was cut", seed.slice(0, -1), /55 characters/],
    ["a seed in small letters", seed.toLowerCase(), /capital/],
    ["nothing", "", /0 characters/]
  ]

  for (const [name, text, message] of wrong) {
    it.effect(`is refused if it is ${name}, with a message that holds none of it`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(identityOf(text))
        assert.strictEqual(error._tag, "InvalidSeed")
        assert.match(error.message, message)
        if (text === "") return
        for (
          const shown of [error.message, JSON.stringify(error), Inspectable.toStringUnknown(error), error.stack ?? ""]
        ) {
          assert.notInclude(shown, text)
          assert.notInclude(shown, text.slice(0, 12))
        }
      }))
  }
})
