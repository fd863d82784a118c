/**
 * What ends a session with time, and the pings that do not.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { MessageType, type StellarMessage } from "../../../src/core/stellar/messages.ts"
import { signerOf } from "../../support/statements.ts"
import { bytesOf, encode } from "./handshakePeer.ts"
import { type ByHand, caller } from "./peerByHand.ts"
import { counterNow, crypto, hashBytes, node, statementMessage, until } from "./peerNode.ts"
import { askMuch, assertLeft, assertUnaffected, infoOf } from "./sessionChecks.ts"

describe("with time", () => {
  it.effect("a peer leaves when nothing was read and nothing written for 30 seconds [ref 9 idle after 30 s] [ref 9 idle both ways]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it)
      // The last thing that is written is the ping of the first beat: it is not answered.
      yield* TestClock.adjust("34 seconds")
      assert.deepStrictEqual(it.leaves(peer.id), [])
      yield* TestClock.adjust("1 second")
      assert.isUndefined(yield* peer.ending)
      yield* assertLeft(it, peer, "IdleTimeout")
      assert.strictEqual(peer.heardOf("GET_SCP_QUORUMSET").length, 1)
    }))

  const answerPing = Effect.fnUntraced(function*(peer: ByHand) {
    const { qSetHash } = yield* peer.hear("GET_SCP_QUORUMSET")
    peer.say({ _tag: "DONT_HAVE", dontHave: { type: MessageType.SCP_QUORUMSET, reqHash: qSetHash } })
    yield* peer.ask
  })

  it.effect("a peer that never grants leaves after 60 seconds, however busy it is [ref 9 no credit for 60 s] [ref 5.5 no grant from the start]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it, { grant: "none" })
      for (let beat = 1; beat < 12; beat++) {
        yield* TestClock.adjust("5 seconds")
        yield* answerPing(peer)
      }
      assert.deepStrictEqual(it.leaves(peer.id), [])
      yield* TestClock.adjust("5 seconds")
      assert.isUndefined(yield* peer.ending)
      yield* assertLeft(it, peer, "NoCredit")
    }))

  it.effect("a peer that grants nothing more leaves 60 seconds after something began to wait for it [ref 5.5 grant clears the timer]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it, { grant: { messages: 1, bytes: 10_000 } })
      for (let beat = 1; beat <= 14; beat++) {
        // What waits began to wait after two beats; more of it does not begin the time anew.
        if (beat >= 2) yield* it.overlay.broadcast(statementMessage(beat))
        if (beat === 3) yield* it.overlay.broadcast(statementMessage(100))
        assert.deepStrictEqual(it.leaves(peer.id), [], `beat ${beat}`)
        yield* TestClock.adjust("5 seconds")
        if (beat < 14) yield* answerPing(peer)
      }
      assert.isUndefined(yield* peer.ending)
      yield* assertLeft(it, peer, "NoCredit")
    }))

  it.effect("a peer that never reads leaves as a straggler after 120 seconds, and its socket 5 seconds later [ref 9 straggler after 120 s]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const bystander = yield* caller(it, { label: "bystander" })
      const sockets = () => process.getActiveResourcesInfo().filter((name) => name.startsWith("TCP")).length
      const before = sockets()
      const peer = yield* caller(it)
      askMuch(it, peer, 24)
      yield* until("all is asked", () => counterNow(it, "queriesAnswered") >= 24)
      for (let beat = 1; beat <= 23; beat++) {
        yield* TestClock.adjust("5 seconds")
        peer.grant(1, 1)
        yield* answerPing(bystander)
      }
      assert.deepStrictEqual(it.leaves(peer.id), [])
      yield* TestClock.adjust("5 seconds")
      yield* assertLeft(it, peer, "Straggling")
      // At two minutes a feeler calls who called us, where nobody listens.
      yield* until("only the sockets of the two are open", () => sockets() === before + 2)
      yield* TestClock.adjust("5 seconds")
      yield* until("the node's socket is closed", () => sockets() === before + 1)
      yield* assertUnaffected(it, bystander)
    }))

  it.effect("a peer that reads, but slower than it is sent to, leaves as a straggler as well", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it)
      askMuch(it, peer, 28)
      yield* until("all is asked", () => counterNow(it, "queriesAnswered") >= 28)
      for (let beat = 1; beat <= 23; beat++) {
        yield* TestClock.adjust("5 seconds")
        if (beat % 4 === 0) {
          for (let i = 0; i < 3; i++) yield* peer.hear("GENERALIZED_TX_SET")
        }
        peer.grant(1, 1)
      }
      assert.deepStrictEqual(it.leaves(peer.id), [])
      yield* TestClock.adjust("5 seconds")
      yield* assertLeft(it, peer, "Straggling")
    }))

  it.effect("a peer that asks more than its outbox holds, and never reads, leaves at once", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const bystander = yield* caller(it, { label: "bystander" })
      const peer = yield* caller(it)
      askMuch(it, peer, 60)
      yield* until("it has left", () => it.leaves(peer.id).length > 0)
      yield* assertLeft(it, peer, "OutboxFull")
      yield* assertUnaffected(it, bystander)
    }))
})

describe("a ping", () => {
  it.effect("goes out each five seconds, and DONT_HAVE with its hash gives the latency [ref 9 beat of 5 s] [ref 9 answer to a ping]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it)
      assert.isUndefined((yield* infoOf(it, peer))?.latencyMillis)
      yield* TestClock.adjust("5 seconds")
      const first = yield* peer.hear("GET_SCP_QUORUMSET")
      yield* TestClock.adjust("250 millis")
      // An answer to something else is none.
      peer.say({ _tag: "DONT_HAVE", dontHave: { type: 10, reqHash: bytesOf(crypto, "another hash") } })
      yield* peer.ask
      assert.isUndefined((yield* infoOf(it, peer))?.latencyMillis)
      peer.say({ _tag: "DONT_HAVE", dontHave: { type: 10, reqHash: first.qSetHash } })
      yield* peer.ask
      assert.strictEqual((yield* infoOf(it, peer))?.latencyMillis, 250)
      yield* TestClock.adjust("4750 millis")
      const second = yield* peer.hear("GET_SCP_QUORUMSET")
      assert.notDeepEqual(second.qSetHash, first.qSetHash)
    }))

  it.effect("is answered by a quorum set with that hash as well [ref 9 answer to a ping]", () =>
    Effect.gen(function*() {
      const quorumSet: StellarMessage = {
        _tag: "SCP_QUORUMSET",
        qSet: { threshold: 1, validators: [signerOf(1).publicKey], innerSets: [] }
      }
      const hash = hashBytes(encode(quorumSet))
      // The ping is what was drawn, and one.
      const seed = hash.slice()
      new DataView(seed.buffer).setUint32(28, (new DataView(hash.buffer).getUint32(28) - 1) >>> 0)
      const it = yield* node({
        draws: [...["seed", "agreement", "nonce"].map((label) => bytesOf(crypto, label)), seed]
      })
      const peer = yield* caller(it)
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual((yield* peer.hear("GET_SCP_QUORUMSET")).qSetHash, hash)
      yield* TestClock.adjust("70 millis")
      peer.say(quorumSet)
      yield* peer.ask
      assert.strictEqual((yield* infoOf(it, peer))?.latencyMillis, 70)
    }))

  it.effect("that is not answered blocks further ones [ref 9 one ping at a time]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it)
      yield* TestClock.adjust("25 seconds")
      yield* peer.settle
      assert.strictEqual(peer.heardOf("GET_SCP_QUORUMSET").length, 1)
    }))
})
