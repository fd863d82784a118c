/**
 * How a session ends that this node ends, and what is left when the node does.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Metric, Stream } from "effect"
import { TestClock } from "effect/testing"
import { tcpAddress } from "../../../src/core/PeerAddress.ts"
import { acceptor, caller, stranger } from "./peerByHand.ts"
import {
  node,
  NOW_SECONDS,
  patiently,
  statementMessage,
  statementOf,
  transactionMessage,
  turn,
  until
} from "./peerNode.ts"
import { answersLater, assertLeft, fibers, question } from "./sessionChecks.ts"

describe("a session that ends from here", () => {
  it.effect("says `dropped by user`, by disconnect and by ban, and a banned node does not come in again [ref 8.7 bans]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const bystander = yield* caller(it, { label: "bystander" })
      const [one, two] = [yield* caller(it, { label: "one" }), yield* acceptor(it, { label: "two" })]
      assert.isTrue(yield* it.overlay.disconnect(one.id))
      assert.isFalse(yield* it.overlay.disconnect(one.id))
      assert.strictEqual(yield* one.ending, "0 dropped by user")
      yield* assertLeft(it, one, "DroppedByUser")
      yield* it.overlay.ban(two.id)
      assert.strictEqual(yield* two.ending, "0 dropped by user")
      yield* until("it has left", () => it.leaves(two.id).length === 1)
      yield* caller(it, { label: "one" })
      const again = yield* stranger(it, "two")
      again.sendHello()
      assert.isUndefined(yield* again.ending)
      assert.deepStrictEqual(it.failures().map(({ _tag }) => _tag), ["Banned"])
      yield* bystander.ask
    }))

  it.effect("is over in silence for who is banned between its HELLO and its AUTH", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const bystander = yield* stranger(it, "bystander")
      const [first, second] = [yield* stranger(it, "one"), yield* stranger(it, "two")]
      for (const peer of [bystander, first, second]) {
        peer.sendHello()
        yield* peer.hear("HELLO")
      }
      yield* it.overlay.disconnect(first.id)
      yield* it.overlay.ban(first.id, { note: "too late" })
      assert.isUndefined(yield* first.ending)
      yield* it.overlay.ban(second.id, { expiresAtMillis: (NOW_SECONDS + 60) * 1000 })
      second.sendAuth()
      assert.isUndefined(yield* second.ending)
      yield* until("both are told of", () => it.failures().length === 2)
      assert.deepStrictEqual(it.failures().map(({ _tag }) => _tag), ["Banned", "Banned"])
      bystander.sendAuth()
      yield* bystander.hear("GET_SCP_STATE")
    }))

  it.effect("lets in again whose ban has expired, and tells of bans what was said of them", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it, { label: "one" })
      const expiresAtMillis = NOW_SECONDS * 1000 + 1000
      yield* it.overlay.ban(peer.id, { note: "noisy", expiresAtMillis })
      assert.deepStrictEqual(yield* it.overlay.bans, [
        { id: peer.id, note: "noisy", sinceMillis: NOW_SECONDS * 1000, expiresAtMillis }
      ])
      assert.strictEqual(yield* peer.ending, "0 dropped by user")
      const early = yield* stranger(it, "one")
      early.sendHello()
      assert.isUndefined(yield* early.ending)
      yield* TestClock.adjust(1000)
      assert.deepStrictEqual(yield* it.overlay.bans, [])
      yield* caller(it, { label: "one" })
    }))

  it.effect("has one reason, the first, whatever comes after it", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it)
      // The peer's own fault arrives while the first reason is being said.
      peer.send(Uint8Array.of(0x80, 0, 0, 0))
      yield* it.overlay.disconnect(peer.id)
      yield* it.overlay.ban(peer.id)
      const closing = yield* Effect.forkChild(it.close)
      assert.strictEqual(yield* peer.ending, "0 dropped by user")
      yield* patiently("the node is gone", Fiber.join(closing))
      assert.deepStrictEqual(it.leaves(peer.id).map(({ _tag }) => _tag), ["DroppedByUser"])
    }))

  it.effect("says nothing more to the peer, and takes nothing for it", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it)
      yield* it.overlay.disconnect(peer.id)
      assert.strictEqual(yield* it.overlay.broadcast(statementMessage(1)), 0)
      assert.isFalse(yield* it.overlay.send(peer.id, question(1)))
      yield* peer.ending
      assert.deepStrictEqual(peer.heardOf("SCP_MESSAGE"), [])
      assert.deepStrictEqual(peer.heard.at(-2)?._tag, "ERROR_MSG")
    }))

  it.effect("gives a peer that does not close five seconds [ref 9 closed after 5 s]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it)
      yield* it.overlay.disconnect(peer.id)
      yield* peer.hear("ERROR_MSG")
      const sockets = () => process.getActiveResourcesInfo().filter((name) => name.startsWith("TCPSocket")).length
      const before = sockets()
      yield* TestClock.adjust("4999 millis")
      yield* turn
      assert.strictEqual(sockets(), before)
      yield* TestClock.adjust("1 milli")
      yield* until("the node's socket is closed", () => sockets() === before - 1)
    }))
})

describe("a node that stops", () => {
  it.effect("says `shutdown` to peers and to strangers, and is gone at once when they close", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peers = [yield* caller(it, { label: "one" }), yield* acceptor(it, { label: "two" })]
      const early = yield* stranger(it)
      early.sendHello()
      yield* early.hear("HELLO")
      const closing = yield* Effect.forkChild(it.close)
      for (const peer of [...peers, early]) assert.strictEqual(yield* peer.ending, "0 shutdown")
      // The clock of the test stands.
      yield* patiently("the node is gone", Fiber.join(closing))
      for (const peer of peers) assert.deepStrictEqual(it.leaves(peer.id).map(({ _tag }) => _tag), ["Shutdown"])
    }))

  it.effect("waits two seconds for peers that do not close, and not longer [elsewhere: shutdown that hangs]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it)
      const closing = yield* Effect.forkChild(it.close)
      yield* peer.hear("ERROR_MSG")
      yield* TestClock.adjust("1999 millis")
      yield* turn
      assert.isUndefined(closing.pollUnsafe())
      assert.strictEqual((yield* Effect.flip(it.overlay.connect(tcpAddress("127.0.0.1", 4))))._tag, "Shutdown")
      yield* TestClock.adjust("1 milli")
      yield* patiently("the node is gone", Fiber.join(closing))
    }))

  it.effect("leaves nothing behind: no fiber, no socket, no timer", () =>
    Effect.gen(function*() {
      const { latch, options } = answersLater()
      // Who has a timer, sleeps under the clock of the test: it is a fiber. Other timers are the test runner's.
      const resources = () =>
        process.getActiveResourcesInfo().filter((name) => name !== "Immediate" && name !== "Timeout").sort()
      const before = resources()
      const fibersBefore = yield* fibers
      yield* Effect.scoped(Effect.gen(function*() {
        const it = yield* node(options)
        const peers = [
          yield* caller(it, { label: "one" }),
          yield* acceptor(it, { label: "two" }),
          yield* caller(it, { label: "three" }),
          yield* caller(it, { label: "four" })
        ] as const
        yield* stranger(it)
        yield* Effect.forkScoped(Stream.runDrain(it.overlay.messages({ capacity: 1, whenFull: "wait" })), {
          startImmediately: true
        })
        for (const peer of peers) peer.sayBytes(statementOf(Number(peer.id.charCodeAt(5))))
        yield* it.overlay.broadcast(transactionMessage(1))
        yield* it.overlay.disconnect(peers[2].id)
        peers[3].grant(1, 0)
        yield* peers[3].ending
        yield* latch.open
        yield* peers[0].settle
        assert.isAbove(resources().length, before.length)
        assert.isAbove(yield* fibers, fibersBefore + 10)
      }))
      yield* until("the sockets are closed", () => resources().length === before.length)
      assert.deepStrictEqual(resources(), before)
      assert.strictEqual(yield* fibers, fibersBefore)
    }).pipe(Effect.provide(Metric.enableRuntimeMetricsLayer)))
})
