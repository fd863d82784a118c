/**
 * The ledgers of a session, as the configuration sizes them.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as StellarFlowControl from "../../../src/layers/stellar/StellarFlowControl.ts"
import { FlowControl } from "../../../src/services/FlowControl.ts"
import { privateNetwork } from "../../../src/services/stellar/StellarConfig.ts"

const defaults = privateNetwork("a network").credit

describe("the credit of a session", () => {
  it.effect("is that of stellar-core unless something else was chosen [ref 5.2 201 messages in process]", () =>
    Effect.gen(function*() {
      const { initial, receive, send } = (yield* FlowControl).ledgers()
      assert.deepStrictEqual(initial, { messages: 200, bytes: 300_000 })
      assert.isTrue(receive.take(300_000, true))
      assert.isFalse(receive.take(1, true))
      assert.isFalse(send.covers(0))
      for (let inProcess = 1; inProcess < 201; inProcess++) assert.isTrue(receive.take(1, false))
      assert.isFalse(receive.take(1, false))
    }).pipe(Effect.provide(StellarFlowControl.layer(defaults))))

  it.effect("always has room for one longest record beside a full megabyte in process", () =>
    Effect.gen(function*() {
      const { receive } = (yield* FlowControl).ledgers()
      assert.isTrue(receive.take(1_048_575, false))
      assert.isTrue(receive.canRead())
      assert.isTrue(receive.take(16_777_216, false))
      assert.isFalse(receive.canRead())
    }).pipe(Effect.provide(StellarFlowControl.layer(defaults))))

  it.effect("is each session's own", () =>
    Effect.gen(function*() {
      const flowControl = yield* FlowControl
      const [one, two] = [flowControl.ledgers(), flowControl.ledgers()]
      assert.isTrue(one.receive.take(300_000, true))
      assert.isTrue(two.receive.take(300_000, true))
      assert.isTrue(one.send.grant(1, 1))
      assert.isFalse(two.send.covers(1))
    }).pipe(Effect.provide(StellarFlowControl.layer(defaults))))

  it.effect("grows with the longest transaction, from the next session on", () => {
    let longest = 134_096
    return Effect.gen(function*() {
      const flowControl = yield* FlowControl
      assert.strictEqual(flowControl.ledgers().initial.bytes, 300_000)
      longest = 250_000
      const { initial, receive } = flowControl.ledgers()
      assert.strictEqual(initial.bytes, 350_000)
      assert.isTrue(receive.take(350_000, true))
    }).pipe(Effect.provide(StellarFlowControl.layer(defaults, () => longest)))
  })

  it.effect("stays as it was chosen by hand, whatever the longest transaction", () => {
    const chosen = { ...defaults, messages: 20, batchMessages: 10, bytes: 5000, batchBytes: 1000 }
    return Effect.gen(function*() {
      const { initial, receive } = (yield* FlowControl).ledgers()
      assert.deepStrictEqual(initial, { messages: 20, bytes: 5000 })
      assert.isTrue(receive.take(1000, true))
      assert.deepStrictEqual(receive.consume(1000, true), { messages: 1, bytes: 1000 })
    }).pipe(Effect.provide(StellarFlowControl.layer(chosen, () => 250_000)))
  })
})
