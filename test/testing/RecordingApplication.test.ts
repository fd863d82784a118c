/**
 * Whatever application a node has, what it says and hears is told, and nothing else about it changes.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Latch, Layer } from "effect"
import * as ItemHash from "../../src/core/ItemHash.ts"
import { peerIdFromPublicKey } from "../../src/core/stellar/StrKey.ts"
import * as NodeCrypto from "../../src/layers/node/NodeCrypto.ts"
import * as MemoryApplication from "../../src/layers/stellar/MemoryApplication.ts"
import {
  Application,
  type FloodedTransaction,
  type TransactionVerdict
} from "../../src/services/stellar/Application.ts"
import * as RecordingApplication from "../../src/testing/stellar/RecordingApplication.ts"

const messageOf = (number: number): FloodedTransaction => ({
  from: peerIdFromPublicKey(new Uint8Array(32)),
  kind: "TRANSACTION",
  hash: ItemHash.fromBytes(new Uint8Array(32).fill(number)),
  bytes: new Uint8Array(8).fill(number)
})

const verdicts: ReadonlyArray<TransactionVerdict> = ["accepted", "kept", "duplicate", "rejected", "malformed"]
const batch = verdicts.map((_, i) => messageOf(i))

/** An application with this judge around which a recorder stands that writes down what it is told. */
const recorded = Effect.fnUntraced(function*(change: Partial<Application["Service"]>) {
  const told: Array<readonly [hash: string, what: "said" | boolean]> = []
  const inner = Layer.effect(
    Application,
    Effect.map(MemoryApplication.make({ passphrase: "A network" }), (memory) => ({ ...memory, ...change }))
  )
  const layer = RecordingApplication.around(inner, () => ({
    originated: ({ hash }) => told.push([hash, "said"]),
    received: ({ hash }, isAccepted) => told.push([hash, isAccepted])
  }))
  const application = yield* Effect.provide(Application, Layer.provide(layer, NodeCrypto.layer))
  return { application, told }
})

const heard = batch.map(({ hash }, i) => [hash, i < 2] as const)

describe("A recorded application", () => {
  it.effect("that judges at once is told of with its verdicts", () =>
    Effect.gen(function*() {
      const { application, told } = yield* recorded({
        judge: { answers: "at once", statements: () => [], transactions: () => verdicts }
      })
      assert.strictEqual(application.judge.answers, "at once")
      assert.deepStrictEqual(application.judge.transactions(batch), verdicts)
      assert.deepStrictEqual(told, heard)
    }))

  it.effect("that judges later is told of when it has judged", () =>
    Effect.gen(function*() {
      const latch = Latch.makeUnsafe(false)
      const { application, told } = yield* recorded({
        judge: {
          answers: "later",
          statements: () => Effect.never,
          transactions: () => Effect.as(latch.await, verdicts)
        }
      })
      const { judge } = application
      if (judge.answers !== "later") return assert.fail("it answers at once")
      const fiber = yield* Effect.forkChild(judge.transactions(batch), { startImmediately: true })
      assert.deepStrictEqual(told, [])
      yield* latch.open
      yield* Effect.yieldNow
      assert.deepStrictEqual(fiber.pollUnsafe()?._tag, "Success")
      assert.deepStrictEqual(told, heard)
    }))

  it.effect("takes note of what its node says itself, and answers for it", () =>
    Effect.gen(function*() {
      const { application, told } = yield* recorded({})
      const message = messageOf(7)
      application.originate(message)
      assert.deepStrictEqual(told, [[message.hash, "said"]])
      assert.isTrue(application.hasTransaction(message.hash))
      assert.deepStrictEqual(application.transaction(message.hash), message.bytes)
    }))
})
