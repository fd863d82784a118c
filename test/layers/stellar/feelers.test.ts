/** Feelers of a whole node, on real sockets: what the other side sees of them, and what the book learns. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import type { TableName } from "../../../src/core/AddressTables.ts"
import { FEELER_INTERVAL_MILLIS } from "../../../src/core/limits.ts"
import { format, type PeerAddress, tcpAddress } from "../../../src/core/PeerAddress.ts"
import { RECORD_OVERHEAD_BYTES, sealUnauthenticated } from "../../../src/core/stellar/FrameChannel.ts"
import { SHUTDOWN_CLOSE_TIMEOUT_MILLIS } from "../../../src/core/stellar/limits.ts"
import { ErrorCode } from "../../../src/core/stellar/messages/handshake.ts"
import * as TcpTransport from "../../../src/layers/node/TcpTransport.ts"
import type { Link } from "../../../src/services/Transport.ts"
import { encode, type HandshakePeer, makeHandshakePeer } from "./handshakePeer.ts"
import { acceptor } from "./peerByHand.ts"
import { crypto, makeNode, NOW_SECONDS, PASSPHRASE, patiently, type TestNode, until } from "./peerNode.ts"

const tcp = TcpTransport.make()
/** Somebody who told. */
const teller = tcpAddress("9.9.9.9", 11_625)

/** A node with one outbound peer, at the moment before its first feeler. */
const aboutToFeel = Effect.gen(function*() {
  yield* TestClock.setTime(NOW_SECONDS * 1000)
  const node = yield* makeNode()
  yield* TestClock.adjust(FEELER_INTERVAL_MILLIS - 1)
  yield* acceptor(node, { label: "the peer" })
  return node
})

/** Who listens, does what it is told when it is called, and is told of to the node, which sends its feeler then. */
const feltBy = Effect.fnUntraced(function*(node: TestNode, passphrase = PASSPHRASE) {
  const arrived = yield* Deferred.make<Link>()
  const { address } = yield* tcp.listen(
    tcpAddress("127.0.0.1", 0),
    (link) => Effect.andThen(Deferred.succeed(arrived, link), Effect.never)
  )
  yield* node.peerStore.learn([address], teller)
  yield* TestClock.adjust(1)
  const link = yield* patiently("the node dials", Deferred.await(arrived))
  const peer = makeHandshakePeer(crypto, link, "acceptor", { passphrase, label: "felt", nowSeconds: NOW_SECONDS })
  assert.strictEqual((yield* peer.next)._tag, "HELLO")
  return { address, peer }
})

const isIn = ({ peerStore }: TestNode, table: TableName, address: PeerAddress): boolean =>
  Effect.runSync(peerStore.residents(table)).some((resident) => format(resident) === format(address))

/** Whether the book says that it answered: it is tried, or waits, since its place may be that of the peer. */
const hasAnswered = (node: TestNode, address: PeerAddress): boolean =>
  isIn(node, "tried", address) || isIn(node, "waiting", address)

/** Completes when the book says more of the address than that it is new. */
const judged = (node: TestNode, address: PeerAddress) =>
  until("the address is judged", () => hasAnswered(node, address) || !isIn(node, "new", address))

/** Nothing but the end of the link is heard. */
const assertEnd = Effect.fnUntraced(function*({ next }: HandshakePeer) {
  assert.deepStrictEqual(yield* patiently("the end of the link", next), { _tag: "LINK_ENDED", reason: "ended" })
})

describe("A feeler", () => {
  it.effect("says HELLO, hears HELLO, half-closes without another word, and the book knows that it was answered", () =>
    Effect.gen(function*() {
      const node = yield* aboutToFeel
      const events = node.events.length
      const { address, peer } = yield* feltBy(node)
      peer.sendHello({ hello: { listeningPort: address.port } })
      yield* assertEnd(peer)
      yield* judged(node, address)
      assert.isTrue(hasAnswered(node, address))
      assert.strictEqual((yield* node.overlay.peers).length, 1)
      assert.deepStrictEqual(node.events.slice(events), [])
    }))

  it.effect("is answered by a HELLO though the peer has no room for us", () =>
    Effect.gen(function*() {
      const node = yield* aboutToFeel
      const { address, peer } = yield* feltBy(node)
      peer.sendHello({ hello: { listeningPort: address.port } })
      const msg = new TextEncoder().encode("peer rejected")
      const words = encode({ _tag: "ERROR_MSG", error: { code: ErrorCode.ERR_LOAD, msg } })
      const record = new Uint8Array(words.length + RECORD_OVERHEAD_BYTES)
      sealUnauthenticated(words, record, 0)
      peer.send(record)
      yield* judged(node, address)
      assert.isTrue(hasAnswered(node, address))
    }))

  it.effect("is not answered by a node of another network", () =>
    Effect.gen(function*() {
      const node = yield* aboutToFeel
      const { address, peer } = yield* feltBy(node, "another network")
      peer.sendHello({ hello: { listeningPort: address.port } })
      yield* assertEnd(peer)
      yield* judged(node, address)
      assert.isFalse(hasAnswered(node, address))
    }))

  it.effect("is not answered by who hangs up, nor where nobody listens", () =>
    Effect.gen(function*() {
      const node = yield* aboutToFeel
      const { address, peer } = yield* feltBy(node)
      yield* peer.link.end
      yield* judged(node, address)
      const nobody = tcpAddress("127.0.0.1", 1)
      yield* node.peerStore.learn([nobody], teller)
      // The peer by hand says nothing meanwhile, and is taken for gone: another one.
      yield* TestClock.adjust(FEELER_INTERVAL_MILLIS - 1)
      yield* acceptor(node, { label: "another peer" })
      // Should it wait for the place of the first one, a coin would decide whom the feeler asks.
      for (const one of yield* node.peerStore.residents("tried")) yield* node.peerStore.tested(one, true)
      yield* TestClock.adjust(1)
      yield* judged(node, nobody)
      assert.isFalse(hasAnswered(node, address))
      assert.isFalse(hasAnswered(node, nobody))
      // What a feeler held is free: the address can be dialled.
      assert.strictEqual((yield* Effect.flip(node.overlay.connect(nobody)))._tag, "ConnectFailed")
    }))

  it.effect("that a shutdown ends says nothing of the address", () =>
    Effect.gen(function*() {
      const node = yield* aboutToFeel
      const { address, peer } = yield* feltBy(node)
      const closing = yield* Effect.forkChild(node.close)
      assert.strictEqual((yield* patiently("the end of the link", peer.next))._tag, "LINK_ENDED")
      // What the other peer leaves unanswered.
      yield* TestClock.adjust(SHUTDOWN_CLOSE_TIMEOUT_MILLIS)
      yield* patiently("the end of the node", Fiber.join(closing))
      assert.isTrue(isIn(node, "new", address))
      assert.isFalse(hasAnswered(node, address))
      assert.strictEqual((yield* node.peerStore.get(address))?.failures, 0)
    }))
})
