/**
 * HELLOs of somebody else, recorded and said again: they carry a good certificate, and prove nothing. What they must not do is end, or
 * keep out, the one whose they are.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { tcpAddress } from "../../../src/core/PeerAddress.ts"
import { encodeSeed, peerIdFromPublicKey } from "../../../src/core/stellar/StrKey.ts"
import * as TcpTransport from "../../../src/layers/node/TcpTransport.ts"
import type { Link } from "../../../src/services/Transport.ts"
import { bytesOf, type HandshakePeer, makeHandshakePeer, unsealed } from "./handshakePeer.ts"
import { caller, stranger } from "./peerByHand.ts"
import { crypto, makeNode, NOW_SECONDS, PASSPHRASE, patiently, type TestNode, turn, until } from "./peerNode.ts"

const tcp = TcpTransport.make()
const LABEL = "the one whose HELLO it is"
const peerId = peerIdFromPublicKey(crypto.signer(bytesOf(crypto, `${LABEL} seed`)).publicKey)

/** The first seed of a row whose node decides, or does not decide, between two connections with that peer. */
const seedOf = (weDecide: boolean): string => {
  for (let number = 0;; number++) {
    const seed = bytesOf(crypto, `seed ${number}`)
    if (peerIdFromPublicKey(crypto.signer(seed).publicKey) > peerId === weDecide) return encodeSeed(seed)
  }
}

const begin = Effect.fnUntraced(function*(weDecide: boolean) {
  yield* TestClock.setTime(NOW_SECONDS * 1000)
  return yield* makeNode({ seed: seedOf(weDecide) })
})

/** Has the node call somebody who answers by hand, and has said nothing yet. */
const callFrom = Effect.fnUntraced(function*({ overlay }: TestNode, label: string) {
  const arrived = yield* Deferred.make<Link>()
  const { address } = yield* tcp.listen(
    tcpAddress("127.0.0.1", 0),
    (link) => Effect.andThen(Deferred.succeed(arrived, link), Effect.never)
  )
  const calling = yield* Effect.forkChild(Effect.exit(overlay.connect(address)))
  const link = yield* patiently("the node dials", Deferred.await(arrived))
  const peer = makeHandshakePeer(crypto, link, "acceptor", { passphrase: PASSPHRASE, label, nowSeconds: NOW_SECONDS })
  assert.strictEqual((yield* peer.next)._tag, "HELLO")
  return { peer, calling }
})

/** The record of a HELLO of that peer, as whoever heard it once can say it. */
const recordedFrom = (peer: Pick<HandshakePeer, "hello">): Uint8Array => unsealed(peer.hello())

const joined = ({ events }: TestNode): number => events.filter(({ _tag }) => _tag === "PeerJoined").length

describe("a HELLO that is said again by somebody else", () => {
  it.effect("does not end the session of the one whose it is", () =>
    Effect.gen(function*() {
      for (const weDecide of [true, false]) {
        const node = yield* begin(weDecide)
        const peer = yield* caller(node, { label: LABEL })
        const replayer = yield* stranger(node, "replayer")
        replayer.send(recordedFrom(peer))
        assert.match((yield* replayer.ending) ?? "", /^2 already-connected peer/)
        yield* peer.ask
        assert.deepStrictEqual((yield* node.overlay.peers).map(({ id }) => id), [peer.id])
      }
    }))

  it.effect("does not end a call to the one whose it is, which is answered", () =>
    Effect.gen(function*() {
      for (const weDecide of [true, false]) {
        const node = yield* begin(weDecide)
        const { calling, peer } = yield* callFrom(node, LABEL)
        const replayer = yield* stranger(node, "replayer")
        replayer.send(recordedFrom(peer))
        yield* replayer.hear("HELLO")
        peer.sendHello()
        assert.strictEqual((yield* patiently("AUTH", peer.next))._tag, "AUTH")
        peer.sendAuth()
        yield* patiently("the call is answered", Fiber.join(calling))
        assert.deepStrictEqual((yield* node.overlay.peers).map(({ id, direction }) => [id, direction]), [
          [peer.id, "outbound"]
        ])
        assert.match((yield* replayer.ending) ?? "", /^2 already-connected peer/)
      }
    }))

  it.effect("by one whom we call makes the one whose it is wait, for as long as a handshake may take and no longer", () =>
    Effect.gen(function*() {
      const node = yield* begin(true)
      const { peer: replayer } = yield* callFrom(node, LABEL)
      replayer.sendHello()
      assert.strictEqual((yield* patiently("AUTH", replayer.next))._tag, "AUTH")
      yield* TestClock.adjust("4 seconds")
      const peer = yield* stranger(node, LABEL)
      peer.sendHello()
      yield* peer.hear("HELLO")
      peer.sendAuth()
      for (let turns = 0; turns < 50; turns++) yield* turn
      assert.strictEqual(joined(node), 0)
      yield* TestClock.adjust("1 seconds")
      yield* peer.hear("AUTH")
      yield* until("it has joined", () => joined(node) === 1)
      assert.deepStrictEqual((yield* node.overlay.peers).map(({ id, direction }) => [id, direction]), [
        [peer.id, "inbound"]
      ])
    }))

  it.effect("keeps nobody waiting where the other side decides", () =>
    Effect.gen(function*() {
      const node = yield* begin(false)
      const { peer: replayer } = yield* callFrom(node, LABEL)
      replayer.sendHello()
      assert.strictEqual((yield* patiently("AUTH", replayer.next))._tag, "AUTH")
      const peer = yield* caller(node, { label: LABEL })
      assert.deepStrictEqual((yield* node.overlay.peers).map(({ id, direction }) => [id, direction]), [
        [peer.id, "inbound"]
      ])
    }))
})
