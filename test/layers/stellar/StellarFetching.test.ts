/**
 * Statements that wait for items, against a whole node over real sockets under the clock of the test.
 *
 * The application wants the sets that the test says, for every statement, and passes it on once it has them.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as ItemHash from "../../../src/core/ItemHash.ts"
import { MessageType, type StellarMessage } from "../../../src/core/stellar/messages.ts"
import type { SCPQuorumSet } from "../../../src/core/stellar/messages/scp.ts"
import {
  type Fetched,
  fetching,
  type FloodedStatement,
  type StatementVerdict
} from "../../../src/services/stellar/Application.ts"
import { signerOf } from "../../support/statements.ts"
import { bytesOf, encode } from "./handshakePeer.ts"
import { type ByHand, caller } from "./peerByHand.ts"
import { crypto, hashBytes, makeNode, NOW_SECONDS, statementOf, type TestNode, until } from "./peerNode.ts"

// What is asked for

interface Item {
  readonly message: StellarMessage
  readonly bytes: Uint8Array
  readonly hash: Uint8Array
  readonly id: ItemHash.ItemHash
}

const quorumSet = (qSet: SCPQuorumSet): Item => {
  const message: StellarMessage = { _tag: "SCP_QUORUMSET", qSet }
  const hash = hashBytes(encode(message))
  return { message, bytes: encode(message), hash, id: ItemHash.fromBytes(hash) }
}

const sane = quorumSet({ threshold: 1, validators: [signerOf(1).publicKey], innerSets: [] })

/** A TransactionSet without transactions: its hash is that of the previous ledger's hash alone. */
const oldSet = (label: string): Item => {
  const previous = bytesOf(crypto, label)
  const message: StellarMessage = { _tag: "TX_SET", txSet: Uint8Array.of(...previous, 0, 0, 0, 0) }
  const id = crypto.sha256(previous)
  return { message, bytes: encode(message), hash: ItemHash.toBytes(id), id }
}

/** A GeneralizedTransactionSet with no phases: version (4), hash of the previous ledger (32), no phases (4). */
const newSet = (label: string): Item => {
  const message: StellarMessage = {
    _tag: "GENERALIZED_TX_SET",
    generalizedTxSet: Uint8Array.of(0, 0, 0, 1, ...bytesOf(crypto, label), 0, 0, 0, 0)
  }
  const hash = hashBytes(encode(message))
  return { message, bytes: encode(message), hash, id: ItemHash.fromBytes(hash) }
}

// Who asks

interface Wishes {
  readonly transactionSets?: ReadonlyArray<Item>
  readonly quorumSets?: ReadonlyArray<Item>
  /** Whether the application answers later. */
  readonly later?: boolean
  readonly ledger?: () => number
  /** The slot that the statements are about, if it is not 50. */
  readonly slot?: number
}

const wishing = Effect.fnUntraced(
  function*({ later, ledger, quorumSets = [], slot = 50, transactionSets = [] }: Wishes) {
    yield* TestClock.setTime(NOW_SECONDS * 1000)
    const fetched: Array<Fetched> = []
    const judged: Array<ItemHash.ItemHash> = []
    const lacking = (items: ReadonlyArray<Item>) =>
      items.map(({ id }) => id).filter((id) => !fetched.some(({ hash }) => hash === id))
    const verdictOn = ({ hash }: FloodedStatement): StatementVerdict => {
      judged.push(hash)
      const wanted = { transactionSets: lacking(transactionSets), quorumSets: lacking(quorumSets) }
      return wanted.transactionSets.length + wanted.quorumSets.length === 0 ? "ready" : fetching(slot, wanted)
    }
    const it = yield* makeNode({
      application: (memory) => ({
        ...memory,
        ...ledger === undefined ? {} : { position: () => ({ ledger: ledger(), synced: true }) },
        judge: later === true
          ? {
            answers: "later",
            statements: (batch) => Effect.sync(() => batch.map(verdictOn)),
            transactions: (batch) => Effect.succeed(batch.map(() => "accepted"))
          }
          : {
            answers: "at once",
            statements: (batch) => batch.map(verdictOn),
            transactions: (batch) => batch.map(() => "accepted")
          },
        fetched: (item) => {
          fetched.push(item)
          memory.fetched?.(item)
        }
      })
    })
    return { it, fetched, judged }
  }
)

const counter = (it: TestNode, name: string) => Effect.map(it.overlay.counters, (counters) => counters[name])

/** Says a statement and hears that it was taken in. */
const state = (peer: ByHand, slot = 50) => {
  peer.sayBytes(statementOf(slot))
  return peer.ask
}

const assertQuestions = (peer: ByHand, tag: "GET_TX_SET" | "GET_SCP_QUORUMSET", items: ReadonlyArray<Item>) =>
  assert.deepStrictEqual(
    peer.heard.flatMap((one) =>
      one._tag === "GET_TX_SET" && tag === one._tag
        ? [one.txSetHash]
        : one._tag === "GET_SCP_QUORUMSET" && tag === one._tag
        ? [one.qSetHash]
        : []
    ),
    items.map(({ hash }) => hash)
  )

const assertHasHeard = Effect.fnUntraced(function*(peer: ByHand, slots: ReadonlyArray<number>) {
  yield* peer.settle
  assert.deepStrictEqual(
    peer.heardOf("SCP_MESSAGE").map(({ envelope }) => Number(envelope.statement.slotIndex)),
    slots
  )
})

const lack = (peer: ByHand, type: number, { hash }: Item) => {
  peer.say({ _tag: "DONT_HAVE", dontHave: { type, reqHash: hash } })
  return peer.ask
}

const [older, newer] = [oldSet("the old form"), newSet("the new form")]

describe("a statement that waits", () => {
  for (const later of [false, true]) {
    const how = later ? "later" : "at once"
    it.effect(`is passed on when all items are here, to an application that answers ${how} [elsewhere: SCP dropped as seen before its quorum set came]`, () =>
      Effect.gen(function*() {
        const { fetched, it, judged } = yield* wishing({ transactionSets: [older, newer], quorumSets: [sane], later })
        const [bystander, peer] = [yield* caller(it, { label: "bystander" }), yield* caller(it)]
        yield* state(peer)
        yield* peer.settle
        assertQuestions(peer, "GET_TX_SET", [older, newer])
        assertQuestions(peer, "GET_SCP_QUORUMSET", [sane])
        for (const { message } of [older, sane]) {
          peer.say(message)
          yield* peer.settle
        }
        yield* assertHasHeard(bystander, [])
        peer.say(newer.message)
        yield* peer.settle
        yield* assertHasHeard(bystander, [50])
        assert.deepStrictEqual(
          fetched,
          [
            { kind: "TX_SET", hash: older.id, ledger: 50, bytes: older.bytes },
            { kind: "SCP_QUORUMSET", hash: sane.id, ledger: 50, bytes: sane.bytes },
            { kind: "GENERALIZED_TX_SET", hash: newer.id, ledger: 50, bytes: newer.bytes }
          ]
        )
        assert.strictEqual(judged.length, 4)
        // Each item was asked for once, of who knew the statement, and nothing is left over.
        assertQuestions(peer, "GET_TX_SET", [older, newer])
        assertQuestions(bystander, "GET_TX_SET", [])
        assert.deepInclude(yield* it.overlay.counters, { fetching: 0, fetchWaiting: 0, fetchReceived: 3 })
      }))
  }

  it.effect("has its items served to others once they came", () =>
    Effect.gen(function*() {
      const { it } = yield* wishing({ transactionSets: [older], quorumSets: [sane] })
      const peer = yield* caller(it)
      yield* state(peer)
      for (const { message } of [older, sane]) peer.say(message)
      peer.say({ _tag: "GET_TX_SET", txSetHash: older.hash })
      peer.say({ _tag: "GET_SCP_QUORUMSET", qSetHash: sane.hash })
      yield* peer.settle
      assert.strictEqual(peer.heardOf("TX_SET").length, 1)
      assert.strictEqual(peer.heardOf("SCP_QUORUMSET").length, 1)
    }))

  it.effect("is a duplicate when it comes again, and whoever brings it is asked next", () =>
    Effect.gen(function*() {
      const { it, judged } = yield* wishing({ transactionSets: [older] })
      const peers = [yield* caller(it, { label: "a" }), yield* caller(it, { label: "b" }), yield* caller(it)] as const
      yield* state(peers[0])
      yield* state(peers[2])
      assert.strictEqual(judged.length, 1)
      yield* lack(peers[0], MessageType.TX_SET, older)
      yield* peers[2].settle
      assertQuestions(peers[2], "GET_TX_SET", [older])
      assertQuestions(peers[1], "GET_TX_SET", [])
    }))

  it.effect("is given up when the network has gone on, and nobody is asked any more [ref 7 range of slots]", () =>
    Effect.gen(function*() {
      let ledger = 50
      const { it } = yield* wishing({ transactionSets: [older], ledger: () => ledger })
      const peer = yield* caller(it)
      yield* state(peer)
      ledger = 61
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* counter(it, "fetchWaiting"), 1)
      ledger = 62
      yield* TestClock.adjust("5 seconds")
      assert.deepInclude(yield* it.overlay.counters, { fetching: 0, fetchWaiting: 0 })
      peer.say(older.message)
      yield* peer.ask
      assert.strictEqual(yield* counter(it, "ignoredWithoutOwner"), 1)
    }))

  it.effect("about the first ledger of the checkpoint waits as long as that is the current one [ref 7 checkpoint is kept]", () =>
    Effect.gen(function*() {
      let ledger = 64
      const { it } = yield* wishing({ transactionSets: [older], ledger: () => ledger, slot: 64 })
      const peer = yield* caller(it)
      yield* state(peer, 64)
      ledger = 127
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* counter(it, "fetchWaiting"), 1)
      ledger = 128
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* counter(it, "fetchWaiting"), 0)
    }))

  it.effect("for nothing that can be asked for is forgotten [ref 4.3 empty set is not fetched]", () =>
    Effect.gen(function*() {
      const empty: Item = { ...older, id: ItemHash.fromBytes(new Uint8Array(32)) }
      const { it, judged } = yield* wishing({ transactionSets: [empty] })
      const peer = yield* caller(it)
      yield* state(peer)
      yield* state(peer)
      assert.strictEqual(judged.length, 2)
      assert.strictEqual(yield* counter(it, "floodForgotten"), 2)
      assertQuestions(peer, "GET_TX_SET", [])
    }))
})

describe("DONT_HAVE", () => {
  it.effect.each(
    [
      ["TX_SET", MessageType.TX_SET],
      ["GENERALIZED_TX_SET", MessageType.GENERALIZED_TX_SET]
    ] as const
  )(
    "for %s has the next peer asked for a set of transactions at once [ref 7 both kinds of DONT_HAVE]",
    ([_, type]) =>
      Effect.gen(function*() {
        const { it } = yield* wishing({ transactionSets: [older] })
        const [other, peer] = [yield* caller(it, { label: "other" }), yield* caller(it)]
        yield* state(peer)
        yield* lack(peer, type, older)
        yield* other.settle
        assertQuestions(peer, "GET_TX_SET", [older])
        assertQuestions(other, "GET_TX_SET", [older])
        assert.strictEqual(yield* counter(it, "ignoredWithoutOwner"), 0)
      })
  )

  it.effect("for SCP_QUORUMSET has the next peer asked for a quorum set at once", () =>
    Effect.gen(function*() {
      const { it } = yield* wishing({ quorumSets: [sane] })
      const [other, peer] = [yield* caller(it, { label: "other" }), yield* caller(it)]
      yield* state(peer)
      yield* lack(peer, MessageType.SCP_QUORUMSET, sane)
      yield* other.settle
      assertQuestions(other, "GET_SCP_QUORUMSET", [sane])
    }))

  it.effect("for another kind, or of a peer that was not asked, changes nothing and ends nobody", () =>
    Effect.gen(function*() {
      const { it } = yield* wishing({ transactionSets: [older] })
      const [other, peer] = [yield* caller(it, { label: "other" }), yield* caller(it)]
      yield* state(peer)
      yield* lack(peer, MessageType.SCP_QUORUMSET, older)
      yield* lack(peer, MessageType.TRANSACTION, older)
      yield* lack(other, MessageType.TX_SET, older)
      yield* other.settle
      assertQuestions(other, "GET_TX_SET", [])
      assert.strictEqual(yield* counter(it, "ignoredWithoutOwner"), 2)
      assert.strictEqual((yield* it.overlay.peers).length, 2)
    }))
})

describe("a peer that was asked and", () => {
  it.effect("leaves is followed by another at once", () =>
    Effect.gen(function*() {
      const { it } = yield* wishing({ transactionSets: [older] })
      const [other, peer] = [yield* caller(it, { label: "other" }), yield* caller(it)]
      yield* state(peer)
      yield* it.overlay.disconnect(peer.id)
      yield* peer.ending
      yield* until("it has left", () => it.leaves(peer.id).length > 0)
      yield* other.settle
      assertQuestions(other, "GET_TX_SET", [older])
    }))

  it.effect("does not answer is followed by another after 1.5 seconds, and may answer still", () =>
    Effect.gen(function*() {
      const { fetched, it } = yield* wishing({ transactionSets: [older] })
      const [other, peer] = [yield* caller(it, { label: "other" }), yield* caller(it)]
      yield* state(peer)
      yield* TestClock.adjust(1500)
      yield* other.settle
      assertQuestions(other, "GET_TX_SET", [older])
      peer.say(older.message)
      yield* peer.ask
      assert.strictEqual(fetched.length, 1)
      yield* assertHasHeard(other, [50])
    }))

  it.effect("gives another set is not believed", () =>
    Effect.gen(function*() {
      const { fetched, it } = yield* wishing({ transactionSets: [older] })
      const peer = yield* caller(it)
      yield* state(peer)
      peer.say(oldSet("another").message)
      peer.say(newer.message)
      yield* peer.ask
      assert.deepStrictEqual(fetched, [])
      assert.deepInclude(yield* it.overlay.counters, { ignoredWithoutOwner: 2, fetching: 1 })
      peer.say(older.message)
      yield* peer.ask
      assert.strictEqual(fetched.length, 1)
    }))
})

describe("items that nobody asked for", () => {
  it.effect("are ignored without penalty, and not kept [elsewhere: unsolicited sets cached] [ref 7 unsolicited items]", () =>
    Effect.gen(function*() {
      const { fetched, it } = yield* wishing({})
      const peer = yield* caller(it)
      for (const { message } of [older, newer, sane]) peer.say(message)
      for (const { hash } of [older, newer]) peer.say({ _tag: "GET_TX_SET", txSetHash: hash })
      peer.say({ _tag: "GET_SCP_QUORUMSET", qSetHash: sane.hash })
      yield* peer.settle
      assert.deepStrictEqual(fetched, [])
      assert.strictEqual(yield* counter(it, "ignoredWithoutOwner"), 3)
      const missing = peer.heardOf("DONT_HAVE").map(({ dontHave }) => Buffer.from(dontHave.reqHash).toString("hex"))
      for (const { hash } of [older, newer, sane]) assert.include(missing, Buffer.from(hash).toString("hex"))
      assert.deepStrictEqual(it.leaves(peer.id), [])
    }))
})

describe("a quorum set", () => {
  const nested = (depth: number): SCPQuorumSet =>
    depth === 0
      ? { threshold: 1, validators: [signerOf(1).publicKey], innerSets: [] }
      : { threshold: 1, validators: [], innerSets: [nested(depth - 1)] }

  it.effect("that makes no sense has what waits for it given up for good, and nobody is blamed [ref 7 insane quorum set]", () =>
    Effect.gen(function*() {
      const insane = quorumSet(nested(5))
      const { fetched, it, judged } = yield* wishing({ quorumSets: [insane] })
      const [bystander, peer] = [yield* caller(it, { label: "bystander" }), yield* caller(it)]
      yield* state(peer)
      peer.say(insane.message)
      yield* peer.ask
      yield* state(peer)
      assert.deepInclude(yield* it.overlay.counters, { waitingForInsane: 1, fetching: 0, fetchWaiting: 0 })
      assert.deepStrictEqual(fetched, [])
      assert.strictEqual(judged.length, 1)
      yield* assertHasHeard(bystander, [])
      assert.deepStrictEqual(it.leaves(peer.id), [])
    }))

  it.effect("that is nested deeper than XDR may be ends the peer, whether it was asked for or not", () =>
    Effect.gen(function*() {
      const { fetched, it } = yield* wishing({ quorumSets: [sane] })
      const peer = yield* caller(it)
      yield* state(peer)
      const depth = 1000
      const message = new Uint8Array(4 + 12 * (depth + 1))
      const view = new DataView(message.buffer)
      view.setUint32(0, MessageType.SCP_QUORUMSET)
      // threshold (4), no validators (4), one inner set (4), again and again; the last one has none.
      for (let level = 0; level <= depth; level++) {
        view.setUint32(4 + 12 * level, 1)
        view.setUint32(12 + 12 * level, level < depth ? 1 : 0)
      }
      peer.sayBytes(message)
      assert.strictEqual(yield* peer.ending, "1 received corrupt XDR")
      assert.deepStrictEqual(fetched, [])
      yield* until("it has left", () => it.leaves(peer.id).length > 0)
      assert.deepStrictEqual(it.leaves(peer.id).map(({ _tag }) => _tag), ["CorruptXdr"])
    }))
})

describe("an application that fails", () => {
  it.effect("on what had waited loses that, and no peer", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(NOW_SECONDS * 1000)
      let asked = 0
      const it = yield* makeNode({
        application: (memory) => ({
          ...memory,
          judge: {
            answers: "at once",
            transactions: (batch) => batch.map(() => "accepted"),
            statements: (batch) => {
              asked += 1
              if (asked > 1) throw new Error("an application's own")
              return batch.map(() => fetching(50, { transactionSets: [older.id] }))
            }
          }
        })
      })
      const peer = yield* caller(it)
      yield* state(peer)
      peer.say(older.message)
      yield* peer.ask
      assert.strictEqual(asked, 2)
      assert.deepInclude(yield* it.overlay.counters, { fetching: 0, fetchWaiting: 0, floodUnjudged: 1 })
      assert.deepStrictEqual(it.leaves(peer.id), [])
    }))
})
