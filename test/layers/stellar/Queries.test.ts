/**
 * What peers ask each other, in a whole node over real sockets: what is asked and from where on, what is answered and in which
 * order, and how much of it in a time.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import { TestClock } from "effect/testing"
import * as ItemHash from "../../../src/core/ItemHash.ts"
import { MessageType, type StellarMessage } from "../../../src/core/stellar/messages.ts"
import type { Position } from "../../../src/services/stellar/Application.ts"
import { externalize, nominate, prepare, signedStatement, signerOf } from "../../support/statements.ts"
import { bytesOf, encode } from "./handshakePeer.ts"
import { type ByHand, caller } from "./peerByHand.ts"
import { counterNow, crypto, networkId, node, statementMessage, statementOf, until } from "./peerNode.ts"
import { slotsHeard } from "./sessionChecks.ts"

const question = (ledgerSeq: number): StellarMessage => ({ _tag: "GET_SCP_STATE", ledgerSeq })

/** Lets so many seconds pass in which these peers stay: they are heard of at every beat, and grant now and then. */
const pass = Effect.fnUntraced(function*(seconds: number, peers: ReadonlyArray<ByHand>) {
  for (let left = seconds; left > 0; left -= 5) {
    yield* TestClock.adjust(`${Math.min(5, left)} seconds`)
    for (const peer of peers) {
      peer.grant(1, 1)
      yield* peer.ask
    }
  }
})

// Sets

describe("questions for sets", () => {
  const quorumSet = encode({
    _tag: "SCP_QUORUMSET",
    qSet: { threshold: 1, validators: [signerOf(1).publicKey], innerSets: [] }
  })

  it.effect("are answered with the item, or with DONT_HAVE for its kind [ref 7 kind of the DONT_HAVE]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const set = Uint8Array.of(0, 0, 0, MessageType.GENERALIZED_TX_SET, 0, 0, 0, 1)
      const [held, missing] = [bytesOf(crypto, "held"), bytesOf(crypto, "missing")]
      it.memory.addTransactionSet(ItemHash.fromBytes(held), set)
      const qSetHash = ItemHash.toBytes(it.memory.addQuorumSet(quorumSet))
      const peer = yield* caller(it)
      const start = peer.heard.length
      peer.say({ _tag: "GET_TX_SET", txSetHash: held })
      peer.say({ _tag: "GET_TX_SET", txSetHash: missing })
      peer.say({ _tag: "GET_SCP_QUORUMSET", qSetHash })
      peer.say({ _tag: "GET_SCP_QUORUMSET", qSetHash: missing })
      yield* peer.settle
      assert.deepStrictEqual(peer.heard.slice(start, start + 4).map((message) => encode(message as StellarMessage)), [
        set,
        encode({ _tag: "DONT_HAVE", dontHave: { type: 17, reqHash: missing } }),
        quorumSet,
        encode({ _tag: "DONT_HAVE", dontHave: { type: 10, reqHash: missing } })
      ])
    }))

  it.effect("for sets are answered 300 times in a minute each, and then in silence [ref 10.2 300 questions for sets] [ref 10.2 silence over the limit]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it)
      const qSetHash = bytesOf(crypto, "missing")
      for (let i = 0; i < 301; i++) peer.say({ _tag: "GET_SCP_QUORUMSET", qSetHash })
      yield* peer.settle
      const answers = (type: number) =>
        peer.heardOf("DONT_HAVE").filter(({ dontHave }) => dontHave.type === type).length
      assert.strictEqual(answers(10), 300)
      const asked = answers(17)
      for (let i = asked; i < 301; i++) peer.say({ _tag: "GET_TX_SET", txSetHash: qSetHash })
      yield* until("all were read", () => counterNow(it, "queriesOverLimit") === 2)
      yield* it.overlay.broadcast(statementMessage(1))
      yield* peer.hear("SCP_MESSAGE")
      assert.strictEqual(answers(17), 300)
    }))

  it.effect("are counted for twelve ledgers, whatever a ledger takes [ref 10.2 window of twelve ledgers]", () =>
    Effect.gen(function*() {
      const it = yield* node({ memory: { limits: { ledgerCloseMillis: 1050 } } })
      const peer = yield* caller(it)
      const answered = () => peer.heardOf("DONT_HAVE").filter(({ dontHave }) => dontHave.type === 10).length
      const ask = Effect.fnUntraced(function*(count: number) {
        for (let i = 0; i < count; i++) peer.say({ _tag: "GET_SCP_QUORUMSET", qSetHash: bytesOf(crypto, "missing") })
        yield* peer.ask
      })
      // 12 x 1.05 s are 12 whole seconds.
      yield* ask(61)
      assert.strictEqual(answered(), 60)
      yield* TestClock.adjust("11999 millis")
      yield* ask(1)
      assert.strictEqual(answered(), 60)
      yield* TestClock.adjust("1 millis")
      yield* ask(1)
      assert.strictEqual(answered(), 61)
      it.memory.setLimits({ ledgerCloseMillis: 500 })
      yield* TestClock.adjust("6 seconds")
      yield* ask(31)
      assert.strictEqual(answered(), 61 + 30)
      assert.deepStrictEqual(it.leaves(peer.id), [])
    }))
})

// The state of consensus

describe("a question for the SCP state", () => {
  it.effect.each(
    [
      [{ ledger: undefined, synced: false }, 1],
      [{ ledger: 1, synced: true }, 1],
      [{ ledger: 3, synced: true }, 1],
      [{ ledger: 4, synced: true }, 2],
      [{ ledger: 1000, synced: true }, 998],
      [{ ledger: 1000, closed: 995, synced: true }, 993],
      [{ ledger: 1000, closed: 600, synced: false }, 989],
      [{ ledger: undefined, closed: 600, synced: false }, 598]
    ] satisfies ReadonlyArray<readonly [Position, number]>
  )("is put to a new peer by a node at %o from ledger %i on", ([position, asked]) =>
    Effect.gen(function*() {
      const it = yield* node({ application: (memory) => ({ ...memory, position: () => position }) })
      const peer = yield* caller(it)
      assert.deepStrictEqual(peer.heardOf("GET_SCP_STATE").map(({ ledgerSeq }) => ledgerSeq), [asked])
    }))

  it.effect("is answered from that ledger on, ten times in a minute, and then in silence [core: GET_SCP_STATE rate limiting] [ref 10.2 ten questions for the SCP state]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const bringer = yield* caller(it, { label: "bringer" })
      for (let slot = 1; slot <= 3; slot++) bringer.sayBytes(statementOf(slot))
      yield* bringer.ask
      // What it is told because it is new is not what it asks for: it comes later.
      const peer = yield* caller(it)
      const answered = counterNow(it, "queriesAnswered")
      for (let i = 0; i < 11; i++) peer.say(question(2))
      yield* peer.settle
      assert.deepStrictEqual(slotsHeard(peer), Array.from({ length: 10 }, () => [2, 3]).flat())
      assert.strictEqual(counterNow(it, "queriesOverLimit"), 1)
      assert.strictEqual(counterNow(it, "queriesAnswered") - answered, 10 + 2)
      yield* pass(59, [peer, bringer])
      peer.say(question(3))
      yield* peer.settle
      assert.strictEqual(counterNow(it, "queriesOverLimit"), 2)
      yield* pass(1, [peer, bringer])
      peer.say(question(3))
      yield* peer.settle
      assert.strictEqual(slotsHeard(peer).length, 21)
      assert.deepStrictEqual(it.leaves(peer.id), [])
    }))

  it.effect("is answered slot by slot, in each the nominations first, past what the flood gate knows", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it)
      const said = [
        signedStatement(networkId, signerOf(1), 8, externalize()),
        signedStatement(networkId, signerOf(1), 7, prepare(1)),
        signedStatement(networkId, signerOf(1), 7, nominate(["a"])),
        signedStatement(networkId, signerOf(2), 7, nominate(["a"]))
      ]
      for (const bytes of said) peer.sayBytes(bytes)
      yield* peer.ask
      peer.say(question(7))
      yield* peer.settle
      assert.deepStrictEqual(
        peer.heardOf("SCP_MESSAGE").map(({ envelope: { statement: { pledges, slotIndex } } }) => [
          Number(slotIndex),
          pledges._tag
        ]),
        [[7, "SCP_ST_NOMINATE"], [7, "SCP_ST_NOMINATE"], [7, "SCP_ST_PREPARE"], [8, "SCP_ST_EXTERNALIZE"]]
      )
    }))

  /** A node at this ledger that holds a statement about each of these slots. */
  const holding = Effect.fnUntraced(function*(ledger: number, slots: ReadonlyArray<number>) {
    const it = yield* node({
      application: (memory) => ({
        ...memory,
        position: () => ({ ledger, synced: true }),
        scpState: {
          slots: (from) => slots.filter((slot) => slot >= from),
          about: (slot) => slots.includes(slot) ? [statementOf(slot)] : []
        }
      })
    })
    return { it, peer: yield* caller(it) }
  })

  it.effect("is answered about the first ledger of the checkpoint two seconds later, if that is long ago [ref 10.1 checkpoint 2 s later]", () =>
    Effect.gen(function*() {
      const { it, peer } = yield* holding(100, [64, 89, 90, 100])
      peer.say(question(1))
      peer.say(question(1))
      yield* peer.settle
      assert.deepStrictEqual(slotsHeard(peer), [89, 90, 100, 89, 90, 100])
      yield* TestClock.adjust("1999 millis")
      yield* peer.settle
      assert.strictEqual(slotsHeard(peer).length, 6)
      yield* TestClock.adjust("1 millis")
      yield* peer.settle
      assert.deepStrictEqual(slotsHeard(peer).slice(6), [64])
      // Who does not ask for it does not get it.
      peer.say(question(65))
      yield* pass(5, [peer])
      yield* peer.settle
      assert.deepStrictEqual(slotsHeard(peer).slice(7), [89, 90, 100])
      assert.deepStrictEqual(it.leaves(peer.id), [])
    }))

  it.effect("is answered about the first ledger of the checkpoint in its place, if that is among the last twelve", () =>
    Effect.gen(function*() {
      const { peer } = yield* holding(76, [64, 65, 76])
      peer.say(question(1))
      yield* peer.settle
      assert.deepStrictEqual(slotsHeard(peer), [64, 65, 76])
    }))

  it.effect("is answered later to nobody who has left meanwhile", () =>
    Effect.gen(function*() {
      const { it, peer } = yield* holding(100, [64, 100])
      const other = yield* caller(it, { label: "other" })
      for (const one of [peer, other]) {
        one.say(question(1))
        yield* one.ask
      }
      yield* it.overlay.disconnect(peer.id)
      yield* until("it has left", () => it.leaves(peer.id).length > 0)
      yield* TestClock.adjust("2 seconds")
      yield* other.settle
      assert.deepStrictEqual(slotsHeard(other), [100, 64])
      assert.strictEqual(counterNow(it, "outboxShedScp"), 0)
    }))
})

describe("a node that does not follow the network", () => {
  /** A node with three peers, and how often all of them together were asked since. */
  const lost = Effect.fnUntraced(function*(position: { ledger: number; synced: boolean }) {
    const it = yield* node({ application: (memory) => ({ ...memory, position: () => position }) })
    const peers = [
      yield* caller(it, { label: "a" }),
      yield* caller(it, { label: "b" }),
      yield* caller(it, { label: "c" })
    ]
    const questions = Effect.gen(function*() {
      for (const peer of peers) yield* peer.ask
      return peers.map((peer) => peer.heardOf("GET_SCP_STATE").slice(1).map(({ ledgerSeq }) => ledgerSeq))
    })
    return { it, peers, questions }
  })

  it.effect("asks two of its peers each ten seconds, drawn anew, until it does [ref 10.1 two peers]", () =>
    Effect.gen(function*() {
      const position = { ledger: 100, synced: false }
      const { it, peers, questions } = yield* lost(position)
      yield* pass(10, peers)
      assert.deepStrictEqual((yield* questions).flat(), [])
      yield* pass(5, peers)
      assert.deepStrictEqual((yield* questions).toSorted((one, other) => one.length - other.length), [[], [98], [98]])
      yield* pass(100, peers)
      const asked = yield* questions
      assert.strictEqual(asked.flat().length, 2 * 11)
      for (const ofOne of asked) assert.isTrue(ofOne.length > 0 && ofOne.length < 11, `asked ${ofOne.length} times`)
      position.synced = true
      yield* pass(30, peers)
      assert.strictEqual((yield* questions).flat().length, 2 * 11)
      assert.deepStrictEqual(peers.flatMap(({ id }) => it.leaves(id)), [])
    }).pipe(Random.withSeed("which two of three")))
})
