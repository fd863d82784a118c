/**
 * What a node does when the network allows longer transactions, or only shorter ones again, over real sockets.
 *
 * A name ends in the case of stellar-core's own tests that asks for the same.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as limits from "../../../src/core/stellar/limits.ts"
import type { StellarMessage } from "../../../src/core/stellar/messages.ts"
import { maxTransactionBytes } from "../../../src/core/stellar/TransactionLimits.ts"
import { type ByHand, caller, demand, numbersHeard } from "./peerByHand.ts"
import { counterNow, firstNow, node, transactionMessage, transactionOf, until } from "./peerNode.ts"

const beat = TestClock.adjust("5 seconds")

/**
 * The TRANSACTION that offers a higher fee for this one: kind (4), ENVELOPE_TYPE_TX_FEE_BUMP (4), who pays (36), fee (8), the
 * inner envelope, no extension, no signatures (8).
 */
const feeBumpOf = (inner: Uint8Array): Uint8Array => {
  const message = new Uint8Array(60 + inner.length - 4)
  const view = new DataView(message.buffer)
  view.setUint32(0, 8)
  view.setUint32(4, 5)
  view.setBigInt64(44, 1000n)
  message.set(inner.subarray(4), 52)
  return message
}

const messageOf = (transaction: Uint8Array): StellarMessage => ({
  _tag: "TRANSACTION",
  transaction: transaction.subarray(4)
})

describe("when the network allows longer transactions", () => {
  const LONG = 150_000
  const grants = (peer: ByHand) =>
    peer.heardOf("SEND_MORE_EXTENDED").map(({ sendMoreExtended: { numBytes, numMessages } }) => [numMessages, numBytes])

  it.effect("every peer is granted as many bytes more, and may send them [core: transaction size upgrades / both upgrade]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const one = yield* caller(it, { label: "one" })
      const two = yield* caller(it, { label: "two" })
      it.memory.setLimits({ maxTxBytes: LONG })
      yield* beat
      for (const peer of [one, two]) {
        yield* peer.ask
        assert.deepStrictEqual(grants(peer), [
          [limits.CREDIT_MESSAGES, limits.CREDIT_BYTES],
          [0, LONG - limits.MAX_CLASSIC_TRANSACTION_BYTES]
        ])
      }
      const credit = limits.CREDIT_BYTES + LONG - limits.MAX_CLASSIC_TRANSACTION_BYTES
      assert.deepStrictEqual((yield* it.overlay.peers).map(({ receiveCredit }) => receiveCredit.bytes), [
        credit,
        credit
      ])
      const long = transactionOf(1, LONG)
      one.sayBytes(long)
      yield* one.ask
      demand(two, [long])
      yield* two.settle
      assert.deepStrictEqual(numbersHeard(two, [long]), [0])
    }))

  it.effect("is told once, and not at all when they become shorter, which then do not leave [core: transaction size upgrades / limit decreased] [ref 5.6 longest transaction]", () =>
    Effect.gen(function*() {
      const it = yield* node({ memory: { limits: { maxTxBytes: LONG } } })
      const peer = yield* caller(it)
      const before = grants(peer).length
      yield* it.overlay.broadcast(transactionMessage(1, LONG))
      yield* it.overlay.broadcast(transactionMessage(2, limits.MAX_CLASSIC_TRANSACTION_BYTES))
      it.memory.setLimits({ maxTxBytes: limits.MAX_CLASSIC_TRANSACTION_BYTES })
      yield* beat
      it.memory.setLimits({ maxTxBytes: LONG })
      yield* beat
      it.memory.setLimits({ maxTxBytes: limits.MAX_CLASSIC_TRANSACTION_BYTES })
      const both = [transactionOf(1, LONG), transactionOf(2, limits.MAX_CLASSIC_TRANSACTION_BYTES)]
      demand(peer, both)
      yield* peer.settle
      assert.strictEqual(grants(peer).length, before)
      assert.deepStrictEqual(numbersHeard(peer, both), [1])
      assert.strictEqual(counterNow(it, "transactionsTooLong"), 1)
      assert.deepStrictEqual(it.leaves(peer.id), [])
    }))

  it.effect("nothing changes for who has not heard of it: what is too long stays here [core: transaction size upgrades / no upgrade]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it)
      const ahead = yield* caller(it, { label: "ahead" })
      const refusal = yield* Effect.flip(it.overlay.broadcast(transactionMessage(1, LONG)))
      assert.strictEqual(refusal.reason, "too-long")
      ahead.sayBytes(transactionOf(2, LONG))
      yield* ahead.ask
      yield* TestClock.adjust("100 millis")
      demand(peer, [1, 2].map((number) => transactionOf(number, LONG)))
      yield* peer.settle
      assert.deepStrictEqual(peer.heardOf("TRANSACTION"), [])
      assert.deepStrictEqual(peer.heardOf("FLOOD_ADVERT"), [])
      assert.deepStrictEqual([peer, ahead].flatMap(({ id }) => it.leaves(id)), [])
    }))

  it.effect("one that is too long for a peer's credit waits, and goes with a grant of bytes alone [core: transaction size upgrades / upgrade delayed] [ref 5.5 grant of no messages]", () =>
    Effect.gen(function*() {
      const it = yield* node({ memory: { limits: { maxTxBytes: 400_000 } } })
      const peer = yield* caller(it, { grant: { messages: 200, bytes: limits.CREDIT_BYTES } })
      const long = transactionOf(1, 350_000)
      yield* it.overlay.broadcast(transactionMessage(1, 350_000))
      demand(peer, [long])
      for (let i = 0; i < 4; i++) yield* beat
      yield* peer.settle
      assert.deepStrictEqual(numbersHeard(peer, [long]), [])
      peer.grant(0, 100_000)
      yield* until("it was written", () => counterNow(it, "bytesWritten") > 350_000)
      yield* peer.settle
      assert.deepStrictEqual(numbersHeard(peer, [long]), [0])
      assert.deepStrictEqual(it.leaves(peer.id), [])
    }))

  it.effect("one goes at once where the credit of the peer has room for it, which need not have heard of it [core: transaction size upgrades / buffer big enough]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it, { grant: { messages: 200, bytes: limits.CREDIT_BYTES } })
      it.memory.setLimits({ maxTxBytes: LONG })
      const long = transactionOf(1, LONG)
      yield* it.overlay.broadcast(transactionMessage(1, LONG))
      demand(peer, [long])
      yield* peer.settle
      assert.deepStrictEqual(numbersHeard(peer, [long]), [0])
      assert.isAtLeast((yield* it.overlay.peers)[0]!.sendCredit.bytes, limits.CREDIT_BYTES - LONG - 100)
    }))

  it.effect("the longest with a higher fee around it goes as well, and no longer one [core: transaction size upgrades / fee bump]", () =>
    Effect.gen(function*() {
      const it = yield* node({ memory: { limits: { maxTxBytes: maxTransactionBytes(LONG) } } })
      const peer = yield* caller(it)
      const [bump, tooLong] = [feeBumpOf(transactionOf(1, LONG)), feeBumpOf(transactionOf(2, LONG + 1948))]
      assert.strictEqual(tooLong.length, maxTransactionBytes(LONG) + 4)
      yield* it.overlay.broadcast(messageOf(bump))
      assert.strictEqual((yield* Effect.flip(it.overlay.broadcast(messageOf(tooLong)))).reason, "too-long")
      demand(peer, [bump, tooLong])
      yield* peer.settle
      assert.deepStrictEqual(numbersHeard(peer, [bump, tooLong]), [0])
    }))

  it.effect("one with a higher fee around it goes where it was too long before [core: transaction size upgrades / fee bump after upgrade]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const [peer, other] = [yield* caller(it), yield* caller(it, { label: "other" })]
      const bump = feeBumpOf(transactionOf(1, LONG))
      assert.strictEqual((yield* Effect.flip(it.overlay.broadcast(messageOf(bump)))).reason, "too-long")
      it.memory.setLimits({ maxTxBytes: maxTransactionBytes(LONG) })
      yield* beat
      other.sayBytes(bump)
      yield* other.ask
      demand(peer, [bump])
      yield* peer.settle
      assert.deepStrictEqual(numbersHeard(peer, [bump]), [0])
      assert.deepStrictEqual(grants(other)[1], [0, LONG + 2000 - limits.MAX_CLASSIC_TRANSACTION_BYTES])
    }))

  it.effect("one waits for a node that hears of it later, and goes then [core: transaction size upgrades / acceptor upgrades later]", () =>
    Effect.gen(function*() {
      const [initiator, acceptor] = [yield* node(), yield* node()]
      yield* initiator.overlay.connect(acceptor.address)
      yield* until(
        "both may send",
        () => [initiator, acceptor].every((it) => (firstNow(it)?.sendCredit.messages ?? 0) > 0)
      )
      initiator.memory.setLimits({ maxTxBytes: 400_000 })
      yield* initiator.overlay.broadcast(transactionMessage(1, 350_000))
      yield* TestClock.adjust("100 millis")
      yield* until("it is on offer", () => counterNow(acceptor, "framesRead") > 2)
      yield* TestClock.adjust("200 millis")
      yield* until("it is demanded", () => counterNow(initiator, "fulfilled") === 1)
      for (let i = 0; i < 3; i++) yield* beat
      assert.strictEqual(counterNow(acceptor, "pulled"), 0)
      acceptor.memory.setLimits({ maxTxBytes: 400_000 })
      yield* beat
      yield* until("it came", () => counterNow(acceptor, "pulled") === 1)
      assert.isTrue(acceptor.memory.counters().transactionsRelayed === 1)
      assert.deepStrictEqual([...initiator.leaves(acceptor.id), ...acceptor.leaves(initiator.id)], [])
    }))
})
