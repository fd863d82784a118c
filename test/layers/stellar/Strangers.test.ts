/**
 * Those who would be peers, and what ends them before they are, against a whole node over real sockets.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import type { StellarDropReason } from "../../../src/core/stellar/DropReason.ts"
import { writeRecordMark } from "../../../src/core/stellar/RecordMark.ts"
import { bytesOf, unsealed } from "./handshakePeer.ts"
import { type ByHand, caller, stranger } from "./peerByHand.ts"
import { crypto, node, NOW_SECONDS, type TestNode } from "./peerNode.ts"
import { assertUnaffected, counter, lastWords } from "./sessionChecks.ts"

describe("a stranger", () => {
  const refused = Effect.fnUntraced(
    function*(of: TestNode, peer: ByHand, tag: StellarDropReason["_tag"], words?: string) {
      assert.strictEqual(yield* peer.ending, words)
      assert.deepStrictEqual(of.failures().map(({ _tag }) => _tag), [tag])
      assert.deepStrictEqual(of.leaves(peer.id), [])
      assert.strictEqual(yield* counter(of, `ended${tag}`), 1)
    }
  )

  it.effect("whose certificate has expired is refused in silence", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const bystander = yield* caller(it)
      const peer = yield* stranger(it)
      peer.sendHello({ certificate: { expiration: BigInt(NOW_SECONDS - 1) } })
      yield* refused(it, peer, "BadCertificate")
      yield* assertUnaffected(it, bystander)
    }))

  it.effect("whose certificate is for another network is refused in silence", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* stranger(it)
      peer.sendHello({ certificate: { networkId: bytesOf(crypto, "another network") } })
      yield* refused(it, peer, "BadCertificate")
    }))

  it.effect("who says ERROR_MSG is heard, before HELLO and after it, and is not answered", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const early = yield* stranger(it, "early")
      early.send(lastWords(4, "peer rejected"))
      yield* refused(it, early, "RemoteError")
      const late = yield* stranger(it, "late")
      late.sendHello()
      yield* late.hear("HELLO")
      late.send(lastWords(2, "bad address"))
      assert.isUndefined(yield* late.ending)
      assert.deepStrictEqual(it.failures().map(({ text }) => text), [
        "ERR_LOAD (peer rejected)",
        "ERR_CONF (bad address)"
      ])
    }))

  it.effect("who sends a byte at a time has five seconds in all", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const bystander = yield* caller(it)
      const peer = yield* stranger(it)
      const hello = unsealed(peer.hello())
      for (let second = 0; second < 5; second++) {
        assert.deepStrictEqual(it.failures(), [])
        peer.send(hello.slice(second, second + 1))
        // The node has read the byte before its clock goes on: it answers others that came behind it.
        yield* bystander.settle
        yield* TestClock.adjust("1 second")
      }
      yield* refused(it, peer, "HandshakeTimeout")
      yield* assertUnaffected(it, bystander)
    }))

  it.effect("who says nothing has two seconds, and who asks for a page of memory gets none", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const silent = yield* stranger(it, "silent")
      const greedy = yield* stranger(it, "greedy")
      const mark = new Uint8Array(4)
      writeRecordMark(mark, 0, 4097)
      greedy.send(mark)
      yield* refused(it, greedy, "BadRecordLength")
      yield* TestClock.adjust("2 seconds")
      assert.isUndefined(yield* silent.ending)
      assert.deepStrictEqual(it.failures().map(({ _tag }) => _tag), ["BadRecordLength", "HandshakeTimeout"])
    }))
})
