/**
 * What a session leaves behind for others, and what a defect or a dial that is given up does: authenticated peers that are driven by
 * hand, against a whole node over real sockets under the clock of the test.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { tcpAddress } from "../../../src/core/PeerAddress.ts"
import type { StellarMessage } from "../../../src/core/stellar/messages.ts"
import * as TcpTransport from "../../../src/layers/node/TcpTransport.ts"
import { type Link, Transport } from "../../../src/services/Transport.ts"
import { handOver, receiveAll } from "../../support/links.ts"
import { acceptor, caller } from "./peerByHand.ts"
import {
  counterNow,
  hashBytes,
  node,
  patiently,
  statementMessage,
  transactionMessage,
  transactionOf,
  until
} from "./peerNode.ts"
import { assertLeft, counter, infoOf, slotsHeard } from "./sessionChecks.ts"

const tcp = TcpTransport.make()

describe("what a node sheds", () => {
  it.effect("is counted while the peer is here, and when it has left", () =>
    Effect.gen(function*() {
      const it = yield* node({ memory: { limits: { maxTxSetOperations: 5 } } })
      const peer = yield* caller(it, { grant: "none" })
      for (let i = 0; i < 12; i++) {
        yield* it.overlay.broadcast(transactionMessage(i))
        yield* TestClock.adjust("100 millis")
      }
      assert.strictEqual((yield* infoOf(it, peer))?.shed, 7)
      assert.strictEqual(counterNow(it, "outboxShedAdverts"), 7)
      yield* it.overlay.disconnect(peer.id)
      yield* peer.ending
      assert.strictEqual(counterNow(it, "outboxShedAdverts"), 7)
    }))
})

describe("a peer's place", () => {
  it.effect("is free of what the last one in it was told", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const first = yield* caller(it, { label: "first" })
      assert.strictEqual(yield* it.overlay.broadcast(statementMessage(1)), 1)
      yield* it.overlay.disconnect(first.id)
      yield* first.ending
      const second = yield* caller(it, { label: "second" })
      assert.strictEqual(yield* it.overlay.broadcast(statementMessage(1)), 1)
      yield* second.settle
      assert.deepStrictEqual(slotsHeard(second), [1])
    }))
})

describe("what a peer offered", () => {
  it.effect("is not asked of it when it has left, but of the next who offers it", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const txHashes = Array.from({ length: 30 }, (_, i) => hashBytes(transactionOf(i)))
      const first = yield* caller(it, { label: "first" })
      first.say({ _tag: "FLOOD_ADVERT", floodAdvert: { txHashes } })
      yield* first.ask
      yield* it.overlay.disconnect(first.id)
      yield* first.ending
      const second = yield* caller(it, { label: "second" })
      second.say({ _tag: "FLOOD_ADVERT", floodAdvert: { txHashes } })
      yield* second.ask
      yield* TestClock.adjust("200 millis")
      yield* second.settle
      assert.strictEqual(second.heardOf("FLOOD_DEMAND").flatMap(({ floodDemand }) => floodDemand.txHashes).length, 30)
    }))
})

describe("a defect", () => {
  it.effect("at the beat ends peers, and not the beat", () =>
    Effect.gen(function*() {
      let isBroken = false
      const it = yield* node({
        application: (memory) => ({
          ...memory,
          limits: () => {
            if (isBroken) throw new Error("an application's own")
            return memory.limits()
          }
        })
      })
      const first = yield* caller(it, { label: "first" })
      isBroken = true
      yield* TestClock.adjust("5 seconds")
      assert.isUndefined(yield* first.ending)
      yield* assertLeft(it, first, "Bug")
      isBroken = false
      const second = yield* caller(it, { label: "second" })
      yield* TestClock.adjust("5 seconds")
      yield* second.hear("GET_SCP_QUORUMSET")
    }))

  it.effect("of the transport fails the dial, and is told as the end of it", () =>
    Effect.gen(function*() {
      const broken = Layer.succeed(Transport, { ...tcp, dial: () => Effect.die(new Error("a transport's own")) })
      const it = yield* node({ transport: broken })
      const reason = yield* patiently("it fails", Effect.flip(it.overlay.connect(tcpAddress("127.0.0.1", 4))))
      assert.strictEqual(reason._tag, "Bug")
      yield* until("it was told", () => it.events.length === 2)
      assert.deepStrictEqual(it.failures(), [reason])
    }))
})

describe("a dial that is given up", () => {
  it.effect("is told as ended, and leaves room for the next", () =>
    Effect.gen(function*() {
      const silent = Layer.succeed(Transport, { ...tcp, dial: () => Effect.never })
      const it = yield* node({ transport: silent, config: { maxPendingOutbound: 1 } })
      const address = tcpAddress("127.0.0.1", 4)
      for (let i = 1; i <= 2; i++) {
        const dialing = yield* Effect.forkChild(it.overlay.connect(address), { startImmediately: true })
        assert.strictEqual(
          (yield* Effect.flip(it.overlay.connect(tcpAddress("127.0.0.1", 5))))._tag,
          "OutboundFull"
        )
        yield* Fiber.interrupt(dialing)
        yield* until("it was told", () => it.failures().length === i)
      }
      assert.deepStrictEqual(it.failures().map(({ _tag }) => _tag), ["DroppedByUser", "DroppedByUser"])
    }))

  it.effect("in the middle of the handshake says so to the other side", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const arrived = yield* Deferred.make<Link>()
      const { address } = yield* tcp.listen(tcpAddress("127.0.0.1", 0), handOver(arrived))
      const dialing = yield* Effect.forkChild(it.overlay.connect(address), { startImmediately: true })
      const link = yield* patiently("the node dials", Deferred.await(arrived))
      yield* Fiber.interrupt(dialing)
      const { bytes } = yield* patiently("the link ends", receiveAll(link))
      assert.include(Buffer.from(bytes).toString("latin1"), "dropped by user")
      yield* until("it was told", () => it.failures().length === 1)
      assert.deepStrictEqual(it.failures().map(({ _tag }) => _tag), ["DroppedByUser"])
    }))
})

describe("addresses", () => {
  const peersMessage = (...addresses: ReadonlyArray<readonly [ip: string, port: number]>): StellarMessage => ({
    _tag: "PEERS",
    peers: addresses.map(([ip, port]) => ({
      ip: { _tag: "IPv4", ipv4: Uint8Array.from(ip.split("."), Number) },
      port,
      numFailures: 0
    }))
  })

  it.effect("that a peer tells which we called are entered if they can be reached, once [core: peers during auth / outbound] [ref 10.4 PEERS once]", () =>
    Effect.gen(function*() {
      const it = yield* node({ config: { allowLocalAddresses: false } })
      const peer = yield* acceptor(it)
      peer.say(peersMessage(["9.9.9.9", 11_625], ["10.0.0.1", 11_625], ["127.0.0.1", 4], ["9.9.9.8", 0]))
      yield* peer.ask
      yield* TestClock.adjust("3 seconds")
      const book = (yield* it.peerStore.toShare(50)).map(({ address }) => `${address.ip}:${address.port}`)
      assert.include(book, "9.9.9.9:11625")
      for (const no of ["10.0.0.1:11625", "127.0.0.1:4", "9.9.9.8:0"]) assert.notInclude(book, no)
      assert.strictEqual(yield* counter(it, "addressesRefused"), 3)
      peer.say(peersMessage())
      assert.isUndefined(yield* peer.ending)
      yield* assertLeft(it, peer, "TooManyPeers")
    }))

  it.effect("in the form of IPv6 are passed over, also where an IPv4 address is mapped into one", () =>
    Effect.gen(function*() {
      const it = yield* node({ config: { allowLocalAddresses: false } })
      const peer = yield* acceptor(it)
      const mapped = (ip: string) => ({
        ip: {
          _tag: "IPv6" as const,
          ipv6: Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, ...ip.split(".").map(Number)])
        },
        port: 11_625,
        numFailures: 0
      })
      peer.say({ _tag: "PEERS", peers: [mapped("10.0.0.1"), mapped("9.9.9.9")] })
      yield* peer.ask
      yield* TestClock.adjust("3 seconds")
      const told = (yield* it.peerStore.toShare(50)).map(({ address }) => address.ip)
      assert.deepStrictEqual(told.filter((ip) => ip !== "127.0.0.1"), [])
      assert.strictEqual((yield* it.overlay.peers).length, 1)
    }))

  it.effect("are not for a peer to tell that called us [core: peers during auth / inbound]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it)
      peer.say(peersMessage(["9.9.9.9", 11_625]))
      assert.isUndefined(yield* peer.ending)
      yield* assertLeft(it, peer, "UnexpectedPeers")
      yield* TestClock.adjust("3 seconds")
      const book = (yield* it.peerStore.toShare(50)).map(({ address }) => address.ip)
      assert.notInclude(book, "9.9.9.9")
    }))
})
