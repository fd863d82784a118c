/**
 * What an authenticated peer has how much time for: to finish a frame, to grant, to read. And what becomes of that time while the
 * node itself stood still.
 *
 * A name ends in the case of stellar-core's own tests that asks for the same.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Latch } from "effect"
import { TestClock } from "effect/testing"
import * as ItemHash from "../../../src/core/ItemHash.ts"
import * as limits from "../../../src/core/stellar/limits.ts"
import { MessageType } from "../../../src/core/stellar/messages.ts"
import { writeRecordMark } from "../../../src/core/stellar/RecordMark.ts"
import { bytesOf, sealed } from "./handshakePeer.ts"
import { type ByHand, caller } from "./peerByHand.ts"
import {
  counterNow,
  crypto,
  makeNode,
  node,
  type NodeOptions,
  NOW_SECONDS,
  statementMessage,
  type TestNode,
  transactionOf,
  until
} from "./peerNode.ts"

const beat = TestClock.adjust("5 seconds")

const reasons = (of: TestNode, { id }: ByHand): ReadonlyArray<string> => of.leaves(id).map(({ _tag }) => _tag)

/** Sends these bytes as they are, and waits until the node has read them. */
const sendPart = Effect.fnUntraced(function*(of: TestNode, peer: ByHand, bytes: Uint8Array) {
  const goal = counterNow(of, "bytesRead") + bytes.length
  peer.send(bytes)
  yield* until("the part was read", () => counterNow(of, "bytesRead") >= goal)
})

const answerPing = Effect.fnUntraced(function*(peer: ByHand) {
  const { qSetHash } = yield* peer.hear("GET_SCP_QUORUMSET")
  peer.say({ _tag: "DONT_HAVE", dontHave: { type: MessageType.SCP_QUORUMSET, reqHash: qSetHash } })
  yield* peer.ask
})

/** Writes something to the peer, so that the silence of this node is none. */
const keepAwake = ({ overlay }: TestNode, { id }: ByHand) =>
  Effect.orDie(overlay.send(id, { _tag: "GET_SCP_STATE", ledgerSeq: 1 }))

/** The beats that a peer lives through while this is done before each; and why it then leaves. */
const beatsUntilLeft = Effect.fnUntraced(
  function*(of: TestNode, peer: ByHand, most: number, before: (beat: number) => Effect.Effect<unknown>) {
    for (let count = 1; count <= most; count++) {
      yield* before(count)
      assert.deepStrictEqual(reasons(of, peer), [], `before beat ${count}`)
      yield* beat
      if (of.leaves(peer.id).length > 0) return [count, ...reasons(of, peer)]
    }
    return [most]
  }
)

describe("a frame that was begun", () => {
  const mark = (bytes: number): Uint8Array => {
    const made = new Uint8Array(limits.RECORD_MARK_BYTES)
    writeRecordMark(made, 0, bytes)
    return made
  }
  const BYTE = Uint8Array.of(0)

  it.effect("and of which a byte comes now and then ends its peer half a minute after the beat that found it", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it)
      yield* sendPart(it, peer, mark(limits.MAX_MESSAGE_BYTES))
      assert.deepStrictEqual(yield* beatsUntilLeft(it, peer, 20, () => sendPart(it, peer, BYTE)), [7, "FrameTimeout"])
      assert.isUndefined(yield* peer.ending)
      assert.strictEqual(counterNow(it, "endedFrameTimeout"), 1)
    }))

  it.effect("counts from its first byte, though its length is not there yet", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it)
      yield* sendPart(it, peer, mark(100).slice(0, 1))
      const live = () => keepAwake(it, peer)
      assert.deepStrictEqual(yield* beatsUntilLeft(it, peer, 20, live), [7, "FrameTimeout"])
    }))

  it.effect("has as much time as what came of it is worth, at a kibibyte a second", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it)
      const held = 60 * limits.FRAME_BYTES_PER_SECOND
      yield* sendPart(it, peer, mark(limits.MAX_MESSAGE_BYTES))
      yield* sendPart(it, peer, new Uint8Array(held))
      // Found by the first beat; and worth a little more than the minute after it.
      assert.deepStrictEqual(yield* beatsUntilLeft(it, peer, 20, () => sendPart(it, peer, BYTE)), [14, "FrameTimeout"])
    }))

  it.effect("is taken when it is done, however slow its line, if that carries a kibibyte a second", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it)
      const record = sealed(peer.channel(), transactionOf(1, 100_000))
      const PART = 6 * limits.FRAME_BYTES_PER_SECOND
      for (let at = 0; at < record.length; at += PART) {
        yield* sendPart(it, peer, record.slice(at, at + PART))
        yield* beat
      }
      yield* peer.ask
      assert.strictEqual(counterNow(it, "floodNew"), 1)
      assert.deepStrictEqual(reasons(it, peer), [])
    }))

  it.effect("begins its time anew with each frame: a peer may be in the middle of one at every beat", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it)
      let rest: Uint8Array = new Uint8Array(0)
      for (let i = 0; i < 12; i++) {
        const record = sealed(peer.channel(), transactionOf(i))
        const part = new Uint8Array(rest.length + 30)
        part.set(rest)
        part.set(record.subarray(0, 30), rest.length)
        yield* sendPart(it, peer, part)
        rest = record.slice(30)
        yield* beat
      }
      yield* sendPart(it, peer, rest)
      yield* peer.ask
      assert.strictEqual(counterNow(it, "floodNew"), 12)
      assert.deepStrictEqual(reasons(it, peer), [])
    }))

  it.effect("has all the time that it stands behind what this node has not judged yet", () =>
    Effect.gen(function*() {
      const latch = Latch.makeUnsafe(false)
      const it = yield* node({
        config: { credit: { readingBytes: 1000 } },
        application: (inMemory) => ({
          ...inMemory,
          judge: {
            answers: "later",
            statements: (batch) => Effect.as(latch.await, batch.map(() => "ready")),
            transactions: (batch) => Effect.as(latch.await, batch.map(() => "accepted"))
          }
        })
      })
      const peer = yield* caller(it)
      const whole = sealed(peer.channel(), transactionOf(1, 2000))
      const record = sealed(peer.channel(), transactionOf(2, 2000))
      const both = new Uint8Array(whole.length + 30)
      both.set(whole)
      both.set(record.subarray(0, 30), whole.length)
      yield* sendPart(it, peer, both)
      yield* until("reading has stopped", () => counterNow(it, "readingPaused") === 1)
      const live = () => keepAwake(it, peer)
      assert.deepStrictEqual(yield* beatsUntilLeft(it, peer, 11, live), [11])
      yield* latch.open
      yield* sendPart(it, peer, record.slice(30))
      yield* peer.ask
      assert.strictEqual(counterNow(it, "floodNew"), 2)
      assert.deepStrictEqual(reasons(it, peer), [])
    }))
})

describe("a peer that grants nothing", () => {
  it.effect("leaves after a minute, though it answers [core: drop idle flow-controlled peers]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it, { grant: "none" })
      const live = (count: number) => count === 1 ? Effect.void : answerPing(peer)
      assert.deepStrictEqual(yield* beatsUntilLeft(it, peer, 20, live), [12, "NoCredit"])
      assert.strictEqual(it.leaves(peer.id)[0]?.text, "idle timeout (no new flood requests)")
    }))

  it.effect("though the network allows longer transactions, and one of those waits for it, leaves [core: transaction size upgrades / never]", () =>
    Effect.gen(function*() {
      const it = yield* node({ memory: { limits: { maxTxBytes: 400_000 } } })
      const peer = yield* caller(it, { grant: { messages: 200, bytes: limits.CREDIT_BYTES } })
      const long = transactionOf(1, 350_000)
      yield* it.overlay.broadcast({ _tag: "TRANSACTION", transaction: long.subarray(4) })
      const hash = ItemHash.toBytes(crypto.sha256(long.subarray(4)))
      peer.say({ _tag: "FLOOD_DEMAND", floodDemand: { txHashes: [hash] } })
      yield* peer.ask
      const live = (count: number) => count === 1 ? Effect.void : answerPing(peer)
      assert.deepStrictEqual(yield* beatsUntilLeft(it, peer, 20, live), [12, "NoCredit"])
    }))
})

describe("a peer that does not read", () => {
  /** Asks for more than sockets hold, and reads none of it. */
  const neverReads = Effect.fnUntraced(function*(of: TestNode) {
    const peer = yield* caller(of)
    const message = new Uint8Array(limits.READING_BYTES)
    message[3] = MessageType.GENERALIZED_TX_SET
    const txSetHash = bytesOf(crypto, "a long set")
    of.memory.addTransactionSet(ItemHash.fromBytes(txSetHash), message)
    for (let i = 0; i < 24; i++) peer.say({ _tag: "GET_TX_SET", txSetHash })
    yield* until("all is asked", () => counterNow(of, "queriesAnswered") >= 24)
    return peer
  })

  const stragglers = [
    { seconds: 60, tag: "[core: drop peers who straggle / 60 seconds]" },
    { seconds: 120, tag: "[core: drop peers who straggle / 120 seconds]" },
    { seconds: 150, tag: "[core: drop peers who straggle / 150 seconds]" }
  ]
  for (const { seconds, tag } of stragglers) {
    it.effect(`leaves after the ${seconds} seconds that it has, as a straggler and not as idle ${tag}`, () =>
      Effect.gen(function*() {
        const it = yield* node({ config: { stragglerTimeout: Duration.seconds(seconds) } })
        const peer = yield* neverReads(it)
        const live = () => Effect.sync(() => peer.grant(1, 1))
        assert.deepStrictEqual(yield* beatsUntilLeft(it, peer, 40, live), [seconds / 5, "Straggling"])
        assert.strictEqual(counterNow(it, "endedIdleTimeout"), 0)
        assert.strictEqual(counterNow(it, "endedStraggling"), 1)
      }))
  }
})

describe("a node that stood still", () => {
  /** A node whose clock can jump, as that of a suspended machine does: nothing runs meanwhile, and all that is due is late. */
  const stalling = Effect.fnUntraced(function*(options?: NodeOptions) {
    yield* TestClock.setTime(NOW_SECONDS * 1000)
    const clock = yield* Clock.Clock
    let lostMillis = 0
    const jumping: Clock.Clock = {
      currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() + lostMillis,
      currentTimeMillis: Effect.sync(() => clock.currentTimeMillisUnsafe() + lostMillis),
      currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe() + BigInt(lostMillis) * 1_000_000n,
      monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe() + BigInt(lostMillis) * 1_000_000n,
      monotonicTimeNanos: Effect.sync(() => clock.monotonicTimeNanosUnsafe() + BigInt(lostMillis) * 1_000_000n),
      currentTimeNanos: Effect.sync(() => clock.currentTimeNanosUnsafe() + BigInt(lostMillis) * 1_000_000n),
      sleep: (duration) => clock.sleep(duration)
    }
    const it = yield* Effect.provideService(makeNode(options), Clock.Clock, jumping)
    const stall = (millis: number): void => {
      lostMillis += millis
    }
    return { it, stall }
  })

  const TEN_MINUTES = 600_000

  it.effect("takes none of that time from a peer's silence", () =>
    Effect.gen(function*() {
      const { it, stall } = yield* stalling()
      const peer = yield* caller(it)
      const live = (count: number) => Effect.sync(() => count === 3 ? stall(TEN_MINUTES) : undefined)
      // As without it: the ping of the first beat is the last that was written.
      assert.deepStrictEqual(yield* beatsUntilLeft(it, peer, 20, live), [7, "IdleTimeout"])
    }))

  it.effect("takes none of it from the time for a grant", () =>
    Effect.gen(function*() {
      const { it, stall } = yield* stalling()
      const peer = yield* caller(it, { grant: "none" })
      const live = (count: number) =>
        Effect.andThen(
          Effect.sync(() => count === 4 ? stall(TEN_MINUTES) : undefined),
          count === 1 ? Effect.void : answerPing(peer)
        )
      assert.deepStrictEqual(yield* beatsUntilLeft(it, peer, 20, live), [12, "NoCredit"])
    }))

  it.effect("takes none of it from the time for a frame", () =>
    Effect.gen(function*() {
      const { it, stall } = yield* stalling()
      const peer = yield* caller(it)
      yield* sendPart(it, peer, Uint8Array.of(0x80, 0, 1, 0))
      const live = (count: number) =>
        Effect.andThen(
          Effect.sync(() => count === 3 ? stall(TEN_MINUTES) : undefined),
          sendPart(it, peer, Uint8Array.of(0))
        )
      assert.deepStrictEqual(yield* beatsUntilLeft(it, peer, 20, live), [7, "FrameTimeout"])
    }))

  it.effect("does not take what waited meanwhile for the sign of a straggler", () =>
    Effect.gen(function*() {
      const { it, stall } = yield* stalling()
      const peer = yield* caller(it, { grant: "none" })
      yield* it.overlay.broadcast(statementMessage(1))
      stall(TEN_MINUTES)
      yield* beat
      yield* answerPing(peer)
      // The last that is written before the next beat: nothing younger stands for it.
      peer.grant(100, 100_000)
      yield* peer.hear("SCP_MESSAGE")
      const live = (count: number) => count === 1 ? Effect.void : answerPing(peer)
      assert.deepStrictEqual(yield* beatsUntilLeft(it, peer, 3, live), [3])
    }))

  it.effect("makes up for none of it where a beat is late by a second or less: that is load, and no stall", () =>
    Effect.gen(function*() {
      const { it, stall } = yield* stalling()
      const peer = yield* caller(it)
      const live = () => Effect.sync(() => stall(limits.STALL_MILLIS))
      // Six seconds a beat from the first on, which is the last that wrote anything.
      assert.deepStrictEqual(yield* beatsUntilLeft(it, peer, 20, live), [6, "IdleTimeout"])
    }))
})
