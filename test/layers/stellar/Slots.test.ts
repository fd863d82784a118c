/**
 * Who becomes a peer of a whole node when slots are few, and who has to go: nodes over links in memory, under the clock of the test.
 *
 * A name ends in the case of stellar-core's own tests that asks for the same.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { TestClock } from "effect/testing"
import type { PeerAddress } from "../../../src/core/PeerAddress.ts"
import { format, tcpAddress } from "../../../src/core/PeerAddress.ts"
import type { PeerId } from "../../../src/core/PeerId.ts"
import * as limits from "../../../src/core/stellar/limits.ts"
import * as MemoryTransport from "../../../src/layers/memory/MemoryTransport.ts"
import type { Direction } from "../../../src/services/Peers.ts"
import type { Overrides } from "../../../src/services/stellar/StellarConfig.ts"
import type { Link } from "../../../src/services/Transport.ts"
import { seconds } from "../../support/links.ts"
import { makeHandshakePeer } from "./handshakePeer.ts"
import { crypto, makeNode, NOW_SECONDS, PASSPHRASE, type TestNode, turn, until } from "./peerNode.ts"

const PORT = 11_625
const directions: ReadonlyArray<Direction> = ["inbound", "outbound"]

/** A network of its own for one test, and machines in it. */
const makeWorld = Effect.gen(function*() {
  yield* TestClock.setTime(NOW_SECONDS * 1000)
  const network = MemoryTransport.makeNetwork()
  let machines = 0
  // Each in a /24 of its own, so that none has another one's share.
  const addMachine = () => `20.0.${++machines}.1`
  return {
    network,
    /** A node that calls nobody by itself. */
    start: (config: Overrides = {}) =>
      Effect.suspend(() => {
        const ip = addMachine()
        return makeNode({
          transport: MemoryTransport.layer(network, { ip }),
          config: { listen: { host: ip, port: PORT }, ...config }
        })
      }),
    /** A link to a node, from an address of one's choice or from a new one; nothing is said on it. */
    linkTo: Effect.fnUntraced(function*(node: TestNode, ip = addMachine()) {
      const transport = yield* MemoryTransport.make(network, { ip })
      return yield* transport.dial(node.address, { timeout: seconds(60) })
    })
  }
})

/** Connects the node with another one, so that this is the direction which the node sees; completes when both know the outcome. */
const connect = Effect.fnUntraced(function*(node: TestNode, direction: Direction, other: TestNode) {
  const [from, to] = direction === "inbound" ? [other, node] : [node, other]
  const failuresBefore = node.failures().length
  yield* Effect.exit(from.overlay.connect(to.address))
  yield* until("the node decides", () => has(node, other.id) || node.failures().length > failuresBefore)
  yield* until("the other side sees it", () => has(other, node.id) === has(node, other.id))
})

const has = ({ overlay }: TestNode, id: PeerId): boolean => Effect.runSync(overlay.peers).some((peer) => peer.id === id)

/** Asserts that, once events have come, connections failed for these reasons. */
const assertFailures = Effect.fnUntraced(function*(node: TestNode, expected: ReadonlyArray<string>) {
  yield* until(`failures: ${expected.join()}`, () => node.failures().length >= expected.length)
  assert.deepStrictEqual(node.failures().map(({ _tag }) => _tag), expected)
})

/** Asserts that, once events have come, a session with the other one ended once, with these last words of the other one. */
const assertTold = Effect.fnUntraced(function*(node: TestNode, by: TestNode, words: string) {
  yield* until(`told: ${words}`, () => node.leaves(by.id).length > 0)
  assert.deepStrictEqual(node.leaves(by.id).map(({ _tag, text }) => _tag === "RemoteError" ? text : _tag), [words])
})

const counter = ({ overlay }: TestNode, name: string): number => Effect.runSync(overlay.counters)[name] ?? 0

const kindInBook = (node: TestNode, address: PeerAddress) => Effect.map(node.peerStore.get(address), (row) => row?.kind)

/** Slots for one peer in each direction. */
const ONE_SLOT: Overrides = { maxInbound: 1, maxOutbound: 1 }
/** Preferred peers are not called either. */
const CALLS_NOBODY: Overrides = { maxOutbound: 0 }
const REJECTED = "ERR_LOAD (peer rejected)"
const EVICTED = "ERR_LOAD (preferred peer selected instead)"

describe("a node that keeps none but preferred peers", () => {
  it.effect.each(directions)(
    "turns another one away that is %s [core: reject non preferred peer / inbound] [core: reject non preferred peer / outbound]",
    (direction) =>
      Effect.gen(function*() {
        const world = yield* makeWorld
        const node = yield* world.start({ preferredPeersOnly: true })
        const other = yield* world.start()
        yield* connect(node, direction, other)
        assert.isFalse(has(node, other.id))
        yield* assertFailures(node, ["PeerRejected"])
        yield* assertTold(other, node, REJECTED)
      })
  )

  it.effect.each(directions)(
    "takes one whose key is preferred, %s [core: accept preferred peer even when strict / inbound] [core: accept preferred peer even when strict / outbound]",
    (direction) =>
      Effect.gen(function*() {
        const world = yield* makeWorld
        const other = yield* world.start()
        const node = yield* world.start({ preferredPeersOnly: true, preferredPeerKeys: [other.id] })
        yield* connect(node, direction, other)
        assert.isTrue(has(node, other.id))
      })
  )

  it.effect.each(directions)(
    "takes one that listens at a preferred address, %s",
    (direction) =>
      Effect.gen(function*() {
        const world = yield* makeWorld
        const other = yield* world.start()
        const node = yield* world.start({
          preferredPeersOnly: true,
          preferredPeers: [format(other.address)],
          ...(direction === "inbound" ? CALLS_NOBODY : {})
        })
        yield* connect(node, direction, other)
        assert.isTrue(has(node, other.id))
        assert.strictEqual(yield* kindInBook(node, other.address), "preferred")
      })
  )

  it.effect("does not take one of a preferred IP that listens at another port", () =>
    Effect.gen(function*() {
      const world = yield* makeWorld
      const other = yield* world.start()
      const node = yield* world.start({
        preferredPeersOnly: true,
        preferredPeers: [format(tcpAddress(other.address.ip, PORT + 1))],
        ...CALLS_NOBODY
      })
      yield* connect(node, "inbound", other)
      yield* assertFailures(node, ["PeerRejected"])
    }))
})

describe("a node whose slots are taken", () => {
  it.effect.each(directions)(
    "turns a further %s peer away, and keeps its address [core: reject peers beyond max / inbound] [core: reject peers beyond max / outbound]",
    (direction) =>
      Effect.gen(function*() {
        const world = yield* makeWorld
        const [node, first, second] = [yield* world.start(ONE_SLOT), yield* world.start(), yield* world.start()]
        yield* connect(node, direction, first)
        yield* connect(node, direction, second)
        assert.deepStrictEqual([has(node, first.id), has(node, second.id)], [true, false])
        yield* assertFailures(node, ["PeerRejected"])
        yield* assertTold(second, node, REJECTED)
        assert.strictEqual(yield* kindInBook(node, second.address), direction)
      })
  )

  it.effect.each(directions)(
    "by a preferred peer turns another %s one away [core: reject peers beyond max - preferred peer wins / preferred first / inbound] [core: reject peers beyond max - preferred peer wins / preferred first / outbound]",
    (direction) =>
      Effect.gen(function*() {
        const world = yield* makeWorld
        const [preferred, other] = [yield* world.start(), yield* world.start()]
        const node = yield* world.start({ ...ONE_SLOT, preferredPeerKeys: [preferred.id] })
        yield* connect(node, direction, preferred)
        yield* connect(node, direction, other)
        assert.deepStrictEqual([has(node, preferred.id), has(node, other.id)], [true, false])
        yield* assertTold(other, node, REJECTED)
      })
  )

  it.effect.each(directions)(
    "lets another peer go for a preferred %s one [core: reject peers beyond max - preferred peer wins / preferred second / inbound] [core: reject peers beyond max - preferred peer wins / preferred second / outbound]",
    (direction) =>
      Effect.gen(function*() {
        const world = yield* makeWorld
        const [preferred, other] = [yield* world.start(), yield* world.start()]
        const node = yield* world.start({ ...ONE_SLOT, preferredPeerKeys: [preferred.id] })
        yield* connect(node, direction, other)
        yield* connect(node, direction, preferred)
        assert.deepStrictEqual([has(node, preferred.id), has(node, other.id)], [true, false])
        yield* until("the event has come", () => node.leaves(other.id).length > 0)
        assert.deepStrictEqual(node.leaves(other.id).map(({ _tag }) => _tag), ["PreferredPeerSelected"])
        yield* assertTold(other, node, EVICTED)
      })
  )

  it.effect("lets nobody go of the other direction, and no other preferred peer", () =>
    Effect.gen(function*() {
      const world = yield* makeWorld
      const [called, one, two] = [yield* world.start(), yield* world.start(), yield* world.start()]
      const node = yield* world.start({ ...ONE_SLOT, preferredPeerKeys: [one.id, two.id] })
      yield* connect(node, "outbound", called)
      yield* connect(node, "inbound", one)
      yield* connect(node, "inbound", two)
      assert.deepStrictEqual([called, one, two].map(({ id }) => has(node, id)), [true, true, false])
      yield* assertTold(two, node, REJECTED)
    }))

  it.effect("lets as many go as preferred peers come at once", () =>
    Effect.gen(function*() {
      const world = yield* makeWorld
      const others = yield* Effect.replicateEffect(world.start(), 3)
      const preferred = yield* Effect.replicateEffect(world.start(), 2)
      const node = yield* world.start({ maxInbound: 3, preferredPeerKeys: preferred.map(({ id }) => id) })
      for (const other of others) yield* connect(node, "inbound", other)
      yield* Effect.forEach(preferred, (one) => connect(node, "inbound", one), { concurrency: "unbounded" })
      assert.deepStrictEqual(preferred.map(({ id }) => has(node, id)), [true, true])
      assert.deepStrictEqual(others.map(({ id }) => has(node, id)), [false, false, true])
    }))

  it.effect("calls a preferred peer again that was not there, and lets another one go once it is", () =>
    Effect.gen(function*() {
      const world = yield* makeWorld
      const [preferred, other] = [yield* world.start(), yield* world.start()]
      world.network.silent.add(format(preferred.address))
      const node = yield* world.start({
        maxOutbound: 1,
        targetOutbound: 1,
        targetOutboundWithoutInbound: 1,
        preferredPeers: [format(preferred.address)],
        knownPeers: [format(other.address)]
      })
      const passUntil = Effect.fnUntraced(function*(isSo: () => boolean) {
        for (let passed = 0; passed < 120 && !isSo(); passed++) {
          yield* Effect.andThen(TestClock.adjust("1 second"), settled)
        }
        assert.isTrue(isSo())
      })
      yield* passUntil(() => has(node, other.id))
      world.network.silent.delete(format(preferred.address))
      yield* passUntil(() => has(node, preferred.id))
      yield* assertTold(other, node, EVICTED)
    }))

  it.effect(
    "lets nobody go before the preferred one has authenticated [elsewhere: a preferred peer evicting before its own dial succeeds]",
    () =>
      Effect.gen(function*() {
        const world = yield* makeWorld
        const ip = "198.51.100.9"
        const [called, caller] = [yield* world.start(), yield* world.start()]
        const node = yield* world.start({ ...ONE_SLOT, preferredPeers: [format(tcpAddress(ip, PORT))] })
        yield* connect(node, "inbound", caller)
        yield* connect(node, "outbound", called)
        const bothAreHere = () => has(node, caller.id) && has(node, called.id)

        // Of one that is called there is a link, and nothing more.
        const transport = yield* MemoryTransport.make(world.network, { ip })
        let links = 0
        yield* transport.listen(tcpAddress(ip, PORT), () => {
          links += 1
          return Effect.never
        })
        const dial = yield* Effect.forkChild(Effect.flip(node.overlay.connect(tcpAddress(ip, PORT))))
        yield* until("the link stands", () => links === 1)
        assert.isTrue(bothAreHere())

        // One that calls says all but its AUTH.
        const link = yield* world.linkTo(node, ip)
        const peer = makeHandshakePeer(crypto, link, "caller", {
          passphrase: PASSPHRASE,
          label: "preferred",
          nowSeconds: NOW_SECONDS
        })
        peer.sendHello({ hello: { listeningPort: PORT } })
        assert.strictEqual((yield* peer.next)._tag, "HELLO")
        yield* settled
        assert.isTrue(bothAreHere())

        peer.sendAuth()
        yield* until("it has come in", () => has(node, peer.id))
        assert.isFalse(has(node, caller.id))
        assert.isTrue(has(node, called.id))
        dial.interruptUnsafe()
      })
  )
})

/** Long enough for all that is on its way in memory: turns, not time. */
const settled = Effect.gen(function*() {
  for (let turns = 0; turns < 20; turns++) yield* turn
})

/** Whether the node has hung up; what it said before is kept. */
const watch = Effect.fnUntraced(function*(link: Link) {
  let bytes = 0
  let hasEnded = false
  yield* Effect.forkScoped(
    Effect.exit(link.read((chunk) => {
      bytes += chunk.length
      return true
    })).pipe(Effect.tap((exit) => Effect.sync(() => hasEnded = Exit.isFailure(exit)))),
    { startImmediately: true }
  )
  return { bytes: () => bytes, hasEnded: () => hasEnded }
})

describe("connections that are not authenticated", () => {
  it.effect(
    "may come in up to a limit; a further one is closed without a word, and the others run out of time [core: allow inbound pending peers up to max]",
    () =>
      Effect.gen(function*() {
        const world = yield* makeWorld
        const node = yield* world.start({ maxPendingInbound: 3 })
        const waiting = yield* Effect.forEach([1, 2, 3], () => Effect.flatMap(world.linkTo(node), watch))
        yield* settled
        const tooMany = yield* Effect.flatMap(world.linkTo(node), watch)
        yield* until("the fourth is hung up on", tooMany.hasEnded)
        assert.strictEqual(tooMany.bytes(), 0)
        assert.deepStrictEqual(waiting.map(({ hasEnded }) => hasEnded()), [false, false, false])
        yield* assertFailures(node, ["PendingFull"])
        assert.deepStrictEqual([counter(node, "inboundAttempted"), counter(node, "inboundRejected")], [4, 1])

        yield* TestClock.adjust(limits.HANDSHAKE_TIMEOUT_MILLIS)
        yield* until("the others are hung up on", () => waiting.every(({ hasEnded }) => hasEnded()))
        yield* assertFailures(node, ["PendingFull", "HandshakeTimeout", "HandshakeTimeout", "HandshakeTimeout"])
        assert.strictEqual(counter(node, "inboundRejected"), 1)
        assert.strictEqual(counter(node, "inboundEstablished"), 0)

        const other = yield* world.start()
        yield* connect(node, "inbound", other)
        assert.isTrue(has(node, other.id))
      })
  )

  it.effect("are as many as links are open: who is turned away and does not hang up holds a place for five seconds", () =>
    Effect.gen(function*() {
      const world = yield* makeWorld
      const node = yield* world.start({ maxPendingInbound: 3 })
      for (const label of ["a", "b", "c"]) {
        const link = yield* world.linkTo(node)
        const peer = makeHandshakePeer(crypto, link, "caller", {
          passphrase: PASSPHRASE,
          label,
          nowSeconds: NOW_SECONDS
        })
        peer.sendHello({ hello: { listeningPort: 0 } })
      }
      yield* assertFailures(node, ["BadAddress", "BadAddress", "BadAddress"])
      const other = yield* world.start()
      yield* connect(node, "inbound", other)
      yield* assertFailures(node, ["BadAddress", "BadAddress", "BadAddress", "PendingFull"])
      yield* TestClock.adjust(limits.CLOSE_TIMEOUT_MILLIS)
      yield* settled
      yield* connect(node, "inbound", other)
      assert.isTrue(has(node, other.id))
    }))

  it.effect(
    "may be two more from the IP of a preferred peer [core: allow inbound pending peers over max if possibly preferred]",
    () =>
      Effect.gen(function*() {
        const world = yield* makeWorld
        const ip = "198.51.100.9"
        const node = yield* world.start({
          maxPendingInbound: 3,
          preferredPeers: [format(tcpAddress(ip, PORT))],
          ...CALLS_NOBODY
        })
        const waiting = yield* Effect.forEach([1, 2, 3], () => Effect.flatMap(world.linkTo(node), watch))
        yield* settled
        const [stranger, ...preferred] = yield* Effect.forEach(
          [undefined, ip, ip, ip],
          (from) => Effect.tap(Effect.flatMap(world.linkTo(node, from), watch), settled)
        )
        yield* settled
        assert.isTrue(stranger?.hasEnded())
        assert.deepStrictEqual(preferred.map(({ hasEnded }) => hasEnded()), [false, false, true])
        assert.deepStrictEqual(waiting.map(({ hasEnded }) => hasEnded()), [false, false, false])
        yield* assertFailures(node, ["PendingFull", "PendingFull"])
      })
  )

  it.effect(
    "may go out up to a limit; a further call is none [core: allow outbound pending peers up to max]",
    () =>
      Effect.gen(function*() {
        const world = yield* makeWorld
        const node = yield* world.start({ maxPendingOutbound: 3 })
        const silent = [1, 2, 3, 4].map((host) => tcpAddress(`203.0.113.${host}`, PORT))
        for (const address of silent) world.network.silent.add(format(address))
        yield* Effect.forEach(silent.slice(0, 3), (address) =>
          Effect.forkChild(Effect.exit(node.overlay.connect(address))))
        yield* settled
        const refusal = yield* Effect.flip(node.overlay.connect(silent[3]!))
        assert.strictEqual(refusal._tag, "OutboundFull")
        assert.deepStrictEqual([counter(node, "outboundAttempted"), counter(node, "outboundCancelled")], [3, 1])

        yield* TestClock.adjust(limits.CONNECT_TIMEOUT_MILLIS)
        yield* until("the three have failed", () =>
          node.failures().length === 3)
        yield* assertFailures(node, ["ConnectFailed", "ConnectFailed", "ConnectFailed"])
        const other = yield* world.start()
        yield* connect(node, "outbound", other)
        assert.isTrue(has(node, other.id))
      })
  )
})
