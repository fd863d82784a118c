/** What stellar-core shows of a peer over real sockets: when there is none, what still leaves, and what is not read any more. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import type { StellarDropReason } from "../../../src/core/stellar/DropReason.ts"
import { MAX_MESSAGE_BYTES } from "../../../src/core/stellar/limits.ts"
import type { StellarMessage } from "../../../src/core/stellar/messages.ts"
import type { Overrides } from "../../../src/services/stellar/StellarConfig.ts"
import { recordOf } from "./alteredTransport.ts"
import { bytesOf, encode, sealed, unsealed } from "./handshakePeer.ts"
import { connect, counterOf, peersOf } from "./nodeNetworks.ts"
import { type ByHand, caller } from "./peerByHand.ts"
import { crypto, makeNode, NOW_SECONDS, patiently, type TestNode, transactionOf, until } from "./peerNode.ts"

const node = (config: Overrides = {}) => Effect.andThen(TestClock.setTime(NOW_SECONDS * 1000), makeNode({ config }))

const question: StellarMessage = { _tag: "GET_TX_SET", txSetHash: bytesOf(crypto, "a set that nobody has") }

/** How many connections a node began, and how many came to it. */
const attempts = (of: TestNode) => [counterOf(of, "outboundAttempted"), counterOf(of, "inboundAttempted")]

describe("a connection over TCP", () => {
  it.effect("that cannot be accepted is one attempt at each end, and nothing is left of it [core: TCPPeer lifetime / cannot accept]", () =>
    Effect.gen(function*() {
      const [from, to] = [yield* node(), yield* node({ maxPendingInbound: 0 })]
      const reason = yield* patiently("the call fails", Effect.flip(from.overlay.connect(to.address)))
      assert.strictEqual(reason._tag, "LinkLost")
      yield* until("the other end has told", () => to.failures().length === 1)
      assert.deepStrictEqual(to.failures().map(({ _tag }) => _tag), ["PendingFull"])
      assert.deepStrictEqual([attempts(from), attempts(to)], [[1, 0], [0, 1]])
      assert.deepStrictEqual([peersOf(from), peersOf(to)], [[], []])
    }))

  it.effect("that cannot be begun is no attempt, and the other end does not hear of it [core: TCPPeer lifetime / cannot initiate]", () =>
    Effect.gen(function*() {
      const [from, to] = [yield* node({ maxPendingOutbound: 0 }), yield* node()]
      const reason = yield* patiently("the call fails", Effect.flip(from.overlay.connect(to.address)))
      assert.strictEqual(reason._tag, "OutboundFull")
      // Whoever calls behind it is heard: so it would have been, too.
      yield* connect(yield* node(), to)
      assert.deepStrictEqual([attempts(from), attempts(to)], [[0, 0], [0, 1]])
      assert.deepStrictEqual([from.events, peersOf(from)], [[], []])
    }))

  it.effect("that ends still carries what was said before, and the last words [core: TCPPeer can communicate]", () =>
    Effect.gen(function*() {
      const [from, to] = [yield* node(), yield* node()]
      yield* connect(from, to)
      yield* until(
        "each has answered the other's first question",
        () => counterOf(from, "queriesAnswered") === 1 && counterOf(to, "queriesAnswered") === 1
      )
      assert.isTrue(yield* from.overlay.send(to.id, question))
      assert.isTrue(yield* from.overlay.disconnect(to.id))
      yield* until("the other end has heard", () => to.leaves(from.id).length === 1)
      assert.strictEqual(to.leaves(from.id)[0]!.text, "ERR_MISC (dropped by user)")
      assert.strictEqual(counterOf(to, "queriesAnswered"), 2)
    }))
})

/** What is wrong with a record, as which it ends, and what the peer is told. */
interface Malformed {
  readonly name: string
  readonly tag: string
  readonly record: (peer: ByHand) => Uint8Array
  readonly reason: StellarDropReason["_tag"]
  readonly words: string | undefined
}

const malformed: ReadonlyArray<Malformed> = [
  {
    name: "longer than any message may be",
    tag: "[core: TCPPeer read malformed messages / over limit]",
    record: (peer) => {
      const set = new Uint8Array(2 * MAX_MESSAGE_BYTES)
      set[3] = 7
      return sealed(peer.channel(), set)
    },
    reason: "BadRecordLength",
    words: undefined
  },
  {
    name: "without a sequence",
    tag: "[core: TCPPeer read malformed messages / bad auth sequence]",
    record: () => unsealed(encode(question)),
    reason: "UnexpectedSequence",
    words: "3 unexpected auth sequence"
  },
  {
    name: "that is no XDR",
    tag: "[core: TCPPeer read malformed messages / corrupt xdr]",
    record: () => recordOf(new Uint8Array(0xff).fill(0xa5)),
    reason: "CorruptXdr",
    words: "1 received corrupt XDR"
  }
]

describe("of a peer over TCP", () => {
  for (const { name, reason, record, tag, words } of malformed) {
    it.effect(`a record ${name} is the last that is read, though a good one stands behind it ${tag}`, () =>
      Effect.gen(function*() {
        const it = yield* node()
        const peer = yield* caller(it)
        const answered = counterOf(it, "queriesAnswered")
        const bad = record(peer)
        peer.send(new Uint8Array(Buffer.concat([bad, sealed(peer.channel(), encode(question))])))
        assert.strictEqual(yield* peer.ending, words)
        yield* until("it has left", () => it.leaves(peer.id).length > 0)
        assert.deepStrictEqual(it.leaves(peer.id).map(({ _tag }) => _tag), [reason])
        assert.strictEqual(counterOf(it, "queriesAnswered"), answered)
      }))
  }

  it.effect("the first flooded message beyond its credit is the last [core: TCPPeer drop at capacity]", () =>
    Effect.gen(function*() {
      const it = yield* node({ credit: { messages: 1, batchMessages: 1 } })
      const peer = yield* caller(it)
      const [first, second] = [1, 2].map((number) => sealed(peer.channel(), transactionOf(number)))
      peer.send(new Uint8Array(Buffer.concat([first!, second!])))
      assert.isUndefined(yield* peer.ending)
      yield* until("it has left", () => it.leaves(peer.id).length > 0)
      assert.deepStrictEqual(it.leaves(peer.id).map(({ _tag }) => _tag), ["OverCapacity"])
      assert.strictEqual(counterOf(it, "floodNew"), 1)
    }))
})
