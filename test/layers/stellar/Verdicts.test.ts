/**
 * What a session makes of the verdicts of its application, those that are late or missing as well.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Latch, Metric, Stream } from "effect"
import { TestClock } from "effect/testing"
import type {
  Flooded,
  FloodedStatement,
  StatementVerdict,
  TransactionVerdict
} from "../../../src/services/stellar/Application.ts"
import type { Overrides } from "../../../src/services/stellar/StellarConfig.ts"
import { sealed } from "./handshakePeer.ts"
import { caller } from "./peerByHand.ts"
import {
  counterNow,
  hashBytes,
  node,
  type NodeOptions,
  patiently,
  statementMessage,
  statementOf,
  transactionOf,
  turn,
  until
} from "./peerNode.ts"
import {
  answersLater,
  assertLeft,
  assertUnaffected,
  counter,
  fibers,
  grantsTo,
  infoOf,
  slotsHeard
} from "./sessionChecks.ts"

describe("an application that answers later", () => {
  it.effect("keeps credit, but neither grants nor questions, waiting", () =>
    Effect.gen(function*() {
      const { asked, latch, options } = answersLater()
      const it = yield* node(options)
      const bystander = yield* caller(it, { label: "bystander" })
      const peer = yield* caller(it, { grant: "none" })
      for (let i = 1; i <= 200; i++) peer.sayBytes(statementOf(i))
      yield* it.overlay.broadcast(statementMessage(500))
      peer.grant(10, 10_000)
      yield* peer.settle
      assert.deepStrictEqual(slotsHeard(peer), [500])
      assert.strictEqual(grantsTo(peer).length, 1)
      yield* bystander.settle
      assert.deepStrictEqual(slotsHeard(bystander), [500])
      yield* latch.open
      yield* until("all are judged", () => asked() === 200)
      yield* peer.settle
      assert.deepStrictEqual(grantsTo(peer).slice(1).map(([messages]) => messages), [40, 40, 40, 40, 40])
      yield* bystander.settle
      assert.deepStrictEqual(slotsHeard(bystander), [500, ...Array.from({ length: 200 }, (_, i) => i + 1)])
    }))

  it.effect("stops the reading at a mebibyte in process, and has it go on where it stopped", () =>
    Effect.gen(function*() {
      const { asked, latch, options } = answersLater()
      const credit: Overrides["credit"] = { bytes: 4_000_000 }
      const it = yield* node({ ...options, config: { credit } })
      const bystander = yield* caller(it, { label: "bystander" })
      const peer = yield* caller(it)
      const size = 100_000
      const messages = Array.from({ length: 20 }, (_, i) => transactionOf(i, size))
      for (const message of messages) peer.sayBytes(message)
      const answer = yield* Effect.forkChild(peer.ask)
      yield* until("reading has stopped", () => counterNow(it, "readingPaused") === 1)
      yield* bystander.settle
      const inProcess = 4_000_000 - (yield* infoOf(it, peer))!.receiveCredit.bytes
      assert.strictEqual(inProcess, 11 * size)
      assert.isBelow((yield* infoOf(it, peer))!.bytesRead, 13 * size)
      assert.isUndefined(answer.pollUnsafe())
      yield* latch.open
      yield* patiently("the question behind them is answered", Fiber.join(answer))
      yield* until("all are judged", () => asked() === 20)
      yield* TestClock.adjust("100 millis")
      yield* bystander.settle
      assert.deepStrictEqual(
        bystander.heardOf("FLOOD_ADVERT").flatMap(({ floodAdvert }) => floodAdvert.txHashes.map((hash) => [...hash])),
        messages.map((message) => [...hashBytes(message)])
      )
    }))

  it.effect("is not asked about what waited when its peer left: the next peer's copy is new", () =>
    Effect.gen(function*() {
      const { asked, latch, options } = answersLater()
      const it = yield* node(options)
      const first = yield* caller(it, { label: "first" })
      for (let i = 1; i <= 3; i++) first.sayBytes(statementOf(i))
      yield* first.ask
      yield* first.link.end
      yield* first.ending
      yield* assertLeft(it, first, "LinkLost")
      assert.strictEqual(yield* counter(it, "floodUnjudged"), 3)
      const before = asked()
      yield* latch.open
      const second = yield* caller(it, { label: "second" })
      for (let i = 1; i <= 3; i++) second.sayBytes(statementOf(i))
      yield* second.settle
      assert.strictEqual(asked() - before, 3)
      assert.strictEqual(yield* counter(it, "floodDuplicate"), 0)
    }))

  it.effect("that dies of a message ends the peer that brought it, and no other", () =>
    Effect.gen(function*() {
      const it = yield* node({
        application: (memory) => ({
          ...memory,
          judge: {
            answers: "later",
            statements: () => Effect.die(new Error("an application's own")),
            transactions: () => Effect.never
          }
        })
      })
      const [bystander, peer] = [yield* caller(it, { label: "bystander" }), yield* caller(it)]
      peer.sayBytes(statementOf(1))
      assert.isUndefined(yield* peer.ending)
      yield* assertLeft(it, peer, "Bug")
      assert.match(it.leaves(peer.id)[0]!.text, /an application's own/)
      bystander.sayBytes(statementOf(1))
      yield* assertUnaffected(it, bystander)
    }))
})

describe("a session that is malformed and waited for at once", () => {
  it.effect("leaves no fiber behind that waits for the subscriber", () =>
    Effect.gen(function*() {
      const it = yield* node({
        application: (memory) => ({
          ...memory,
          judge: {
            answers: "at once",
            statements: (batch) => batch.map((_, i) => i < batch.length - 1 ? "kept" : "malformed"),
            transactions: (batch) => batch.map(() => "kept")
          }
        })
      })
      const blocked = Latch.makeUnsafe(false)
      yield* Effect.forkScoped(
        Stream.runForEach(it.overlay.messages({ capacity: 1, whenFull: "wait" }), () => blocked.await),
        { startImmediately: true }
      )
      const before = yield* fibers
      const peer = yield* caller(it)
      peer.send(new Uint8Array(Buffer.concat([1, 2, 3, 4, 5].map((i) => sealed(peer.channel(), statementOf(i))))))
      assert.strictEqual(yield* peer.ending, "1 received corrupt XDR")
      yield* assertLeft(it, peer, "MalformedByApplication")
      let left = yield* fibers
      for (let turns = 0; left !== before && turns < 100; turns++) {
        yield* turn
        left = yield* fibers
      }
      assert.strictEqual(left, before)
    }).pipe(Effect.provide(Metric.enableRuntimeMetricsLayer)))
})

describe("a verdict on a statement", () => {
  const judging = (verdict: (item: FloodedStatement) => StatementVerdict): NodeOptions => ({
    application: (memory) => ({
      ...memory,
      judge: {
        answers: "at once",
        statements: (batch) => batch.map(verdict),
        transactions: (batch) => batch.map(() => "kept")
      }
    })
  })

  it.effect("`malformed` ends the peer with ERR_DATA", () =>
    Effect.gen(function*() {
      const it = yield* node(judging(() => "malformed"))
      const [bystander, peer] = [yield* caller(it, { label: "bystander" }), yield* caller(it)]
      peer.sayBytes(statementOf(1))
      assert.strictEqual(yield* peer.ending, "1 received corrupt XDR")
      yield* assertLeft(it, peer, "MalformedByApplication")
      yield* assertUnaffected(it, bystander)
      assert.notInclude(slotsHeard(bystander), 1)
    }))

  it.effect("`discarded` lets a later copy through [ref 6.2 discarded is forgotten]", () =>
    Effect.gen(function*() {
      let asked = 0
      const it = yield* node(judging(() => ++asked === 1 ? "discarded" : "ready"))
      const [bystander, peer] = [yield* caller(it, { label: "bystander" }), yield* caller(it)]
      for (let i = 0; i < 3; i++) {
        peer.sayBytes(statementOf(1))
        yield* peer.ask
      }
      assert.strictEqual(asked, 2)
      assert.strictEqual(yield* counter(it, "floodForgotten"), 1)
      yield* bystander.settle
      assert.deepStrictEqual(slotsHeard(bystander), [1])
    }))

  it.effect("`kept` goes no further [ref 6.2 only what is ready is passed on]", () =>
    Effect.gen(function*() {
      const it = yield* node(judging(() => "kept"))
      const [bystander, peer] = [yield* caller(it, { label: "bystander" }), yield* caller(it)]
      peer.sayBytes(statementOf(1))
      yield* peer.ask
      yield* bystander.settle
      assert.deepStrictEqual(slotsHeard(bystander), [])
    }))

  it.effect("that is missing is a defect of the application, and so is what it throws", () =>
    Effect.gen(function*() {
      const throws = (): ReadonlyArray<StatementVerdict> => {
        throw new Error("an application's own")
      }
      for (const statements of [(): ReadonlyArray<StatementVerdict> => [], throws]) {
        const it = yield* node({
          application: (memory) => ({
            ...memory,
            judge: { answers: "at once", statements, transactions: () => [] }
          })
        })
        const [bystander, peer] = [yield* caller(it, { label: "bystander" }), yield* caller(it)]
        peer.sayBytes(statementOf(1))
        assert.isUndefined(yield* peer.ending)
        yield* assertLeft(it, peer, "Bug")
        assert.strictEqual(yield* counter(it, "floodUnjudged"), 1)
        // The message that it fails on shall not cost us one peer after the other.
        bystander.sayBytes(statementOf(1))
        yield* assertUnaffected(it, bystander)
      }
    }))
})

describe("a verdict on a transaction", () => {
  /** Two who bring the same transaction, one after the other, to a node that gives these verdicts; what a third is offered. */
  const brought = Effect.fnUntraced(function*(...verdicts: ReadonlyArray<TransactionVerdict>) {
    let asked = 0
    const it = yield* node({
      application: (memory) => ({
        ...memory,
        judge: {
          answers: "at once",
          statements: (batch) => batch.map(() => "kept"),
          transactions: (batch) => batch.map(() => verdicts[Math.min(asked++, verdicts.length - 1)]!)
        }
      })
    })
    const heard: Array<string> = []
    yield* Effect.forkScoped(
      Stream.runForEach(it.overlay.messages({ capacity: 9, whenFull: "wait" }), (heardOne) =>
        Effect.sync(() => {
          heard.push(heardOne._tag === "Received" ? heardOne.kind : heardOne._tag)
        })),
      { startImmediately: true }
    )
    const third = yield* caller(it, { label: "third" })
    const peers = [yield* caller(it, { label: "first" }), yield* caller(it, { label: "second" })]
    for (const peer of peers) {
      peer.sayBytes(transactionOf(1))
      if (!verdicts.includes("malformed")) yield* peer.ask
    }
    yield* TestClock.adjust("100 millis")
    yield* third.settle
    const offered = third.heardOf("FLOOD_ADVERT").flatMap(({ floodAdvert }) => floodAdvert.txHashes).length
    return { it, peers, asked, offered, heard, forgotten: yield* counter(it, "floodForgotten") }
  })

  it.effect("`accepted` offers it to the others, and its copies are known", () =>
    Effect.gen(function*() {
      const { asked, forgotten, heard, offered } = yield* brought("accepted")
      assert.deepStrictEqual({ asked, offered, heard, forgotten }, {
        asked: 1,
        offered: 1,
        heard: ["TRANSACTION"],
        forgotten: 0
      })
    }))

  it.effect("`kept` offers it to nobody, and subscribers get it", () =>
    Effect.gen(function*() {
      const { asked, forgotten, heard, offered } = yield* brought("kept")
      assert.deepStrictEqual({ asked, offered, heard, forgotten }, {
        asked: 1,
        offered: 0,
        heard: ["TRANSACTION"],
        forgotten: 0
      })
    }))

  it.effect("`duplicate` keeps it known, offers it to nobody, and tells subscribers nothing", () =>
    Effect.gen(function*() {
      const { asked, forgotten, heard, offered } = yield* brought("duplicate")
      assert.deepStrictEqual({ asked, offered, heard, forgotten }, { asked: 1, offered: 0, heard: [], forgotten: 0 })
    }))

  it.effect("`rejected` forgets it, so that a later copy is judged again, and blames nobody", () =>
    Effect.gen(function*() {
      const { asked, forgotten, heard, it, offered, peers } = yield* brought("rejected", "accepted")
      assert.deepStrictEqual({ asked, offered, heard, forgotten }, {
        asked: 2,
        offered: 1,
        heard: ["TRANSACTION"],
        forgotten: 1
      })
      assert.deepStrictEqual(peers.flatMap(({ id }) => it.leaves(id)), [])
    }))

  it.effect("`malformed` ends with ERR_DATA whoever brings it", () =>
    Effect.gen(function*() {
      const { asked, heard, it, offered, peers } = yield* brought("malformed")
      for (const peer of peers) {
        assert.strictEqual(yield* peer.ending, "1 received corrupt XDR")
        yield* until("it is gone", () => it.leaves(peer.id).length > 0)
        assert.deepStrictEqual(it.leaves(peer.id).map(({ _tag }) => _tag), ["MalformedByApplication"])
      }
      assert.deepStrictEqual({ asked: asked > 0, offered, heard }, { asked: true, offered: 0, heard: [] })
    }))
})

describe("the messages of one chunk", () => {
  it.effect("are judged by kind: statements first, whatever came first", () =>
    Effect.gen(function*() {
      const batches: Array<ReadonlyArray<Flooded["kind"]>> = []
      const note = (batch: ReadonlyArray<Flooded>): void => {
        batches.push(batch.map(({ kind }) => kind))
      }
      const it = yield* node({
        application: (memory) => ({
          ...memory,
          judge: {
            answers: "at once",
            statements: (batch) => {
              note(batch)
              return batch.map(() => "ready")
            },
            transactions: (batch) => {
              note(batch)
              return batch.map(() => "accepted")
            }
          }
        })
      })
      const peer = yield* caller(it)
      const frames = [transactionOf(1), statementOf(1), transactionOf(2), statementOf(2)]
      peer.send(new Uint8Array(Buffer.concat(frames.map((bytes) => sealed(peer.channel(), bytes)))))
      yield* peer.ask
      assert.deepStrictEqual(batches, [["SCP_MESSAGE", "SCP_MESSAGE"], ["TRANSACTION", "TRANSACTION"]])
    }))
})

describe("a node whose reading is bounded tightly", () => {
  it.effect("goes through what came in one piece, though it is too much at once", () =>
    Effect.gen(function*() {
      const it = yield* node({ config: { credit: { readingBytes: 1000 } } })
      const peer = yield* caller(it)
      const records = Array.from({ length: 50 }, (_, i) => sealed(peer.channel(), statementOf(i)))
      peer.send(new Uint8Array(Buffer.concat(records)))
      yield* until("all are judged", () => counterNow(it, "floodRelayed") === 50)
      yield* peer.settle
    }))
})

describe("a flooded message", () => {
  it.effect("is known for 12 ledgers, and then new again [ref 6.1 12 ledgers]", () =>
    Effect.gen(function*() {
      let ledger = 50
      const it = yield* node({
        application: (memory) => ({ ...memory, position: () => ({ ledger, synced: true }) })
      })
      const peer = yield* caller(it)
      const newAt = Effect.fnUntraced(function*(closed: number) {
        ledger = closed
        yield* TestClock.adjust("5 seconds")
        peer.sayBytes(statementOf(1))
        yield* peer.ask
        return yield* counter(it, "floodNew")
      })
      assert.deepStrictEqual([yield* newAt(50), yield* newAt(61), yield* newAt(62)], [1, 1, 2])
    }))
})
