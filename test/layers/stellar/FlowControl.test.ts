/**
 * Flow control of whole nodes over real sockets: what a message costs and when that comes back, whatever was chosen, and how it
 * ends for peers that do not keep to it.
 *
 * Names end in the case of stellar-core's own tests that asks for the same.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Latch } from "effect"
import { TestClock } from "effect/testing"
import { vi } from "vitest"
import { SendLedger } from "../../../src/core/CreditLedger.ts"
import * as limits from "../../../src/core/stellar/limits.ts"
import type { StellarMessage } from "../../../src/core/stellar/messages.ts"
import { type Overrides, privateNetwork } from "../../../src/services/stellar/StellarConfig.ts"
import { type Doctored, encode } from "./handshakePeer.ts"
import { type ByHand, caller } from "./peerByHand.ts"
import {
  counterNow,
  firstNow,
  hashBytes,
  node,
  type NodeOptions,
  PASSPHRASE,
  statementOf,
  type TestNode,
  transactionMessage,
  transactionOf,
  turn,
  until
} from "./peerNode.ts"
import { grantsTo, infoOf } from "./sessionChecks.ts"

/** What the node knows of the peer, which must be here. */
const presentInfoOf = (of: TestNode, peer: ByHand) =>
  Effect.map(infoOf(of, peer), (info) => info ?? assert.fail("it is not here"))

/** An application that judges when it is let. */
const judging = (latch: Latch.Latch): NonNullable<NodeOptions["application"]> => (memory) => ({
  ...memory,
  judge: {
    answers: "later",
    statements: (batch) => Effect.as(latch.await, batch.map(() => "kept")),
    transactions: (batch) => Effect.as(latch.await, batch.map(() => "kept"))
  }
})

const assertEndedFor = Effect.fnUntraced(function*(it: TestNode, peer: ByHand, text: string) {
  assert.isUndefined(yield* peer.ending)
  yield* until(`it has left`, () => it.leaves(peer.id).length > 0)
  assert.deepStrictEqual(it.leaves(peer.id).map((reason) => reason.text), [text])
})

// What a message costs

interface Accounting {
  readonly config?: Overrides
  readonly limits?: { readonly maxTxBytes: number }
  readonly doctored?: Doctored
  /** What is granted at first. */
  readonly messages?: number
  readonly bytes?: number
  /** Transactions of these lengths come, and each is judged before the next one. */
  readonly lengths: ReadonlyArray<number>
  /** What is granted after each of them, if anything is. */
  readonly grants: ReadonlyArray<readonly [messages: number, bytes: number] | undefined>
}

describe("a transaction", () => {
  /** Both directions: what a peer sends is taken off the credit that it has, and comes back; what it is sent, off what it granted. */
  const accounted = Effect.fnUntraced(function*(given: Accounting) {
    const { bytes = limits.CREDIT_BYTES, doctored, grants, lengths, messages = limits.CREDIT_MESSAGES } = given
    const latch = Latch.makeUnsafe(false)
    const it = yield* node({
      application: judging(latch),
      ...given.config === undefined ? {} : { config: given.config },
      ...given.limits === undefined ? {} : { memory: { limits: given.limits } }
    })
    const peer = yield* caller(it, {
      grant: { messages: 100, bytes: 1_000_000 },
      ...doctored === undefined ? {} : { doctored }
    })
    assert.deepStrictEqual(grantsTo(peer), [[messages, bytes]])
    for (const [i, length] of lengths.entries()) {
      yield* latch.close
      const before = grantsTo(peer).length
      peer.sayBytes(transactionOf(i, length))
      yield* peer.ask
      assert.deepStrictEqual((yield* presentInfoOf(it, peer)).receiveCredit, {
        messages: messages - 1,
        bytes: bytes - length
      })
      assert.strictEqual(grantsTo(peer).length, before, "nothing comes back while it is judged")
      yield* latch.open
      yield* until("it is judged", () => firstNow(it)?.receiveCredit.messages === messages)
      yield* peer.settle
      assert.deepStrictEqual((yield* presentInfoOf(it, peer)).receiveCredit, { messages, bytes })
      assert.deepStrictEqual(grantsTo(peer).slice(before), grants[i] === undefined ? [] : [grants[i]])
    }

    const own = transactionOf(1000, 2000)
    yield* it.overlay.broadcast(transactionMessage(1000, 2000))
    yield* TestClock.adjust("100 millis")
    yield* peer.settle
    const advert = peer.heardOf("FLOOD_ADVERT").map((message) => encode(message).length)
    peer.say({ _tag: "FLOOD_DEMAND", floodDemand: { txHashes: [hashBytes(own)] } })
    yield* peer.settle
    assert.strictEqual(peer.heardOf("TRANSACTION").length, 1)
    assert.deepStrictEqual((yield* presentInfoOf(it, peer)).sendCredit, {
      messages: 100 - advert.length - 1,
      bytes: 1_000_000 - advert[0]! - own.length
    })
    assert.deepStrictEqual(it.leaves(peer.id), [])
  })

  it.effect("costs its length while it is judged, and that comes back with the batch [core: flow control byte capacity / basic accounting]", () =>
    accounted({ lengths: [1000, 2000], grants: [undefined, undefined] }))

  it.effect("that completes a batch brings the credit of all of it back [core: flow control byte capacity / send more flow]", () =>
    accounted({ lengths: [60_000, 30_000, 20_000, 4000], grants: [undefined, undefined, [3, 110_000], undefined] }))

  it.effect("longer than a batch of bytes brings its credit back at once [core: flow control byte capacity / batch < message]", () =>
    accounted({
      config: { credit: { batchBytes: 500 } },
      lengths: [1000, 2000],
      grants: [[1, 1000], [1, 2000]]
    }))

  it.effect("brings credit back by number, where the batch of messages is full first [core: flow control byte capacity / message count kicks in first]", () =>
    accounted({
      config: { credit: { batchMessages: 2 } },
      lengths: [1000, 2000, 3000, 4000],
      grants: [undefined, [2, 3000], undefined, [2, 7000]]
    }))

  it.effect("may be as long as the network allows, for which the credit is made [core: flow control byte capacity / automatic byte configs]", () =>
    accounted({
      limits: { maxTxBytes: 250_000 },
      bytes: 350_000,
      lengths: [250_000, 80_000, 20_000],
      grants: [[1, 250_000], undefined, [2, 100_000]]
    }))

  it.effect("costs the same for a peer of an older version [core: flow control byte capacity / mixed versions]", () =>
    accounted({
      doctored: {
        hello: { overlayVersion: limits.OVERLAY_MIN_VERSION, overlayMinVersion: limits.OVERLAY_MIN_VERSION }
      },
      lengths: [60_000, 50_000],
      grants: [undefined, [2, 110_000]]
    }))

  it.effect("costs the same between two of an older version [core: flow control byte capacity / older versions]", () =>
    accounted({
      config: { versions: { overlay: limits.OVERLAY_MIN_VERSION, overlayMin: limits.OVERLAY_MIN_VERSION } },
      doctored: {
        hello: { overlayVersion: limits.OVERLAY_MIN_VERSION, overlayMinVersion: limits.OVERLAY_MIN_VERSION }
      },
      lengths: [60_000, 50_000],
      grants: [undefined, [2, 110_000]]
    }))
})

describe("a configuration", () => {
  const chosen = (bytes: number, batchBytes: number) => () =>
    privateNetwork(PASSPHRASE, { credit: { bytes, batchBytes } })

  it("whose batch of bytes leaves no room for the longest transaction is refused [core: flow control byte capacity / batch > message]", () => {
    const longest = limits.MAX_CLASSIC_TRANSACTION_BYTES
    assert.doesNotThrow(chosen(limits.CREDIT_BYTES, limits.CREDIT_BATCH_BYTES))
    assert.doesNotThrow(chosen(longest + 1000, 1000))
    assert.throws(chosen(longest + 999, 1000))
    assert.throws(chosen(1000, 1001))
  })
})

// Who begins

describe("flow control", () => {
  it.effect("begins with what each side was configured to grant [core: loopback peer flow control activation / basic]", () =>
    Effect.gen(function*() {
      const small = { messages: 50, batchMessages: 10, bytes: 200_000, batchBytes: 50_000, readingMessages: 60 }
      const [a, b] = [yield* node(), yield* node({ config: { credit: small } })]
      const id = yield* a.overlay.connect(b.address)
      assert.strictEqual(id, b.id)
      const infos = () => [a, b].map(firstNow)
      yield* until("both have granted", () => infos().every((info) => (info?.sendCredit.messages ?? 0) > 0))
      const ofA = { messages: limits.CREDIT_MESSAGES, bytes: limits.CREDIT_BYTES }
      const ofB = { messages: small.messages, bytes: small.bytes }
      assert.deepStrictEqual(infos().map((info) => [info?.receiveCredit, info?.sendCredit]), [[ofA, ofB], [ofB, ofA]])
    }))

  it.effect("ends for who grants nothing [core: loopback peer flow control activation / bad peer / invalid value] [ref 5.5 grant of no bytes]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it, { grant: "none" })
      peer.grant(0, 0)
      yield* assertEndedFor(it, peer, "invalid message SEND_MORE_EXTENDED")
    }))

  it.effect("ends for who grants in the old way [core: loopback peer flow control activation / bad peer / invalid type]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it, { grant: "none" })
      peer.say({ _tag: "SEND_MORE", sendMore: { numMessages: 200 } })
      yield* assertEndedFor(it, peer, "unexpected message type SEND_MORE")
    }))
})

// Who does not keep to it

describe("a peer that sends more than it may", () => {
  it.effect("in bytes is dropped in silence [core: drop peers that dont respect capacity / bytes]", () =>
    Effect.gen(function*() {
      const latch = Latch.makeUnsafe(false)
      const it = yield* node({ application: judging(latch) })
      const peer = yield* caller(it)
      for (const number of [1, 2, 3]) peer.sayBytes(transactionOf(number, 100_000))
      yield* peer.ask
      assert.deepStrictEqual((yield* presentInfoOf(it, peer)).receiveCredit, { messages: 197, bytes: 0 })
      peer.sayBytes(transactionOf(4))
      yield* assertEndedFor(it, peer, "unexpected flood message, peer at capacity")
    }))

  it.effect("in messages is dropped in silence [core: drop peers that dont respect capacity / messages]", () =>
    Effect.gen(function*() {
      const latch = Latch.makeUnsafe(false)
      const it = yield* node({
        application: judging(latch),
        config: { credit: { messages: 3, batchMessages: 1, readingMessages: 10 } }
      })
      const peer = yield* caller(it)
      for (const number of [1, 2, 3]) peer.sayBytes(transactionOf(number))
      yield* peer.ask
      assert.strictEqual((yield* presentInfoOf(it, peer)).receiveCredit.messages, 0)
      peer.sayBytes(statementOf(1))
      yield* assertEndedFor(it, peer, "unexpected flood message, peer at capacity")
    }))
})

describe("a peer that grants more than can be counted", () => {
  /** A node and a peer whose grants so far add up to two to the 64, less 1 and what is missing of it. */
  const nearlyFull = Effect.fnUntraced(
    function*(add: (ledger: SendLedger, amount: number) => boolean, missing: number) {
      const ledgers = new Set<SendLedger>()
      const { grant } = SendLedger.prototype
      const spy = vi.spyOn(SendLedger.prototype, "grant").mockImplementation(
        function(this: SendLedger, messages: number, bytes: number): boolean {
          ledgers.add(this)
          return grant.call(this, messages, bytes)
        }
      )
      yield* Effect.addFinalizer(() => Effect.sync(() => spy.mockRestore()))
      const it = yield* node()
      const peer = yield* caller(it, { grant: "none" })
      peer.grant(1, 1)
      yield* peer.ask
      const [ledger] = ledgers
      // What 2^32 grants of 2^32 come to, which is more than a test can say.
      for (let i = 0; i < 4095; i++) assert.isTrue(add(ledger!, 2 ** 52))
      assert.isTrue(add(ledger!, 2 ** 52 - 1 - 1 - missing))
      return { it, peer }
    }
  )

  it.effect("in messages is dropped in silence [core: drop peers that overflow capacity / message]", () =>
    Effect.gen(function*() {
      const { it, peer } = yield* nearlyFull((ledger, amount) => ledger.grant(amount, 0), 5)
      peer.grant(5, 1)
      yield* peer.ask
      peer.grant(1, 1)
      yield* assertEndedFor(it, peer, "Peer capacity overflow")
    }))

  it.effect("in bytes is dropped in silence [core: drop peers that overflow capacity / byte]", () =>
    Effect.gen(function*() {
      const { it, peer } = yield* nearlyFull((ledger, amount) => ledger.grant(0, amount), 5)
      peer.grant(1, 5)
      yield* peer.ask
      peer.grant(1, 1)
      yield* assertEndedFor(it, peer, "Peer capacity overflow")
    }))
})

// What needs no credit

describe("what needs no credit", () => {
  it.effect("stops being read while too many bytes are in process, and is read when they are not, at no cost in credit [core: flow control total byte capacity throttles non-flood traffic]", () =>
    Effect.gen(function*() {
      const latch = Latch.makeUnsafe(false)
      const it = yield* node({ application: judging(latch), config: { credit: { readingBytes: 50_000 } } })
      const peer = yield* caller(it)
      const long: StellarMessage = {
        _tag: "SCP_QUORUMSET",
        qSet: {
          threshold: 1,
          validators: Array.from({ length: 900 }, (_, i) => new Uint8Array(32).fill(i)),
          innerSets: []
        }
      }
      peer.say(long)
      yield* peer.ask
      const credit = { messages: limits.CREDIT_MESSAGES - 1, bytes: limits.CREDIT_BYTES - 60_000 }
      peer.sayBytes(transactionOf(1, 60_000))
      yield* until("reading has stopped", () => counterNow(it, "readingPaused") === 1)
      for (let i = 0; i < 20; i++) peer.say(long)
      const { messagesRead } = yield* presentInfoOf(it, peer)
      for (let turns = 0; turns < 50; turns++) yield* turn
      const info = yield* presentInfoOf(it, peer)
      assert.deepStrictEqual(info.receiveCredit, credit)
      assert.strictEqual(info.messagesRead, messagesRead)
      yield* latch.open
      yield* peer.ask
      assert.deepStrictEqual((yield* presentInfoOf(it, peer)).receiveCredit, {
        messages: limits.CREDIT_MESSAGES,
        bytes: limits.CREDIT_BYTES
      })
      assert.strictEqual((yield* presentInfoOf(it, peer)).fetched.duplicateMessages, 21)
      assert.deepStrictEqual(it.leaves(peer.id), [])
    }))
})
