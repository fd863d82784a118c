/**
 * How whole nodes find each other, keep each other, and find others when they have to.
 *
 * A name ends in the case of stellar-core's own tests that asks for the same.
 */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { TestClock } from "effect/testing"
import { MAX_FAILURES } from "../../../src/core/limits.ts"
import { format, type PeerAddress, tcpAddress } from "../../../src/core/PeerAddress.ts"
import * as MemoryTransport from "../../../src/layers/memory/MemoryTransport.ts"
import type { Position } from "../../../src/services/stellar/Application.ts"
import type { Overrides } from "../../../src/services/stellar/StellarConfig.ts"
import { makeNode, type NodeOptions, NOW_SECONDS, type TestNode, turn } from "./peerNode.ts"

const PORT = 11_625
const clockSet = TestClock.setTime(NOW_SECONDS * 1000)

/** Whom a node is connected with, by the numbers of the nodes. */
const neighboursOf = (nodes: ReadonlyArray<TestNode>, { overlay }: TestNode): ReadonlyArray<number> =>
  Effect.runSync(overlay.peers).map(({ id }) => nodes.findIndex((node) => node.id === id))

/** How many nodes can be reached from the first of them. */
const reached = (nodes: ReadonlyArray<TestNode>): number => {
  const seen = new Set([0])
  for (const at of seen) {
    const node = nodes[at]
    if (node !== undefined) { for (const next of neighboursOf(nodes, node)) if (next >= 0) seen.add(next) }
  }
  return seen.size
}

const kindsOf = (node: TestNode, others: ReadonlyArray<TestNode>) =>
  Effect.forEach(others, ({ address }) => Effect.map(node.peerStore.get(address), (row) => row?.kind))

/** Turns of the event loop in a second of the clock: more than the exchange of a handshake takes on loopback. */
const TURNS_PER_SECOND = 60

const second = Effect.andThen(
  TestClock.adjust("1 second"),
  Effect.replicateEffect(turn, TURNS_PER_SECOND, { discard: true })
)

/** Lets time pass until it is so; gives how many seconds it took, or the most that it may take if it never was. */
const secondsUntil = Effect.fnUntraced(function*<E>(most: number, isSo: Effect.Effect<boolean, E>) {
  for (let passed = 0; passed < most; passed++) {
    if (yield* isSo) return passed
    yield* second
  }
  return most
})

const within = Effect.fnUntraced(function*<E>(most: number, what: string, isSo: Effect.Effect<boolean, E>) {
  assert.isBelow(yield* secondsUntil(most, isSo), most, `${what}, within ${most} s`)
})

describe("nodes over TCP", () => {
  const start = (config: Overrides) => makeNode({ config: { allowLocalAddresses: true, ...config } })

  it.effect(
    "that find the one they know full are told of others and connect to those, and heal when it goes [core: connecting to saturated nodes]",
    () =>
      Effect.gen(function*() {
        yield* clockSet
        const hub = yield* start({ targetOutbound: 0, targetOutboundWithoutInbound: 0, maxInbound: 2 })
        const nodes: Array<TestNode> = []
        for (let i = 0; i < 4; i++) {
          nodes.push(
            yield* start({
              knownPeers: [format(hub.address)],
              maxInbound: 3,
              maxOutbound: 1,
              targetOutbound: 1,
              targetOutboundWithoutInbound: 1
            })
          )
        }
        const all = [hub, ...nodes]
        const everybodyHasPeers = Effect.sync(() => all.every((node) => neighboursOf(all, node).length > 0))
        yield* within(120, "all have peers", everybodyHasPeers)
        assert.strictEqual(neighboursOf(all, hub).length, 2)
        const rejections = Effect.sync(() => hub.failures().filter(({ _tag }) => _tag === "PeerRejected").length > 0)
        yield* within(10, "the hub has turned somebody away", rejections)

        yield* hub.close
        const areTogether = Effect.sync(() => reached(nodes) === nodes.length)
        yield* within(600, "those who are left are connected", areTogether)
      })
  )

  it.effect(
    "are outbound addresses to all of them in the end, though they were inbound first [core: inbounds nodes can be promoted to ouboundvalid]",
    () =>
      Effect.gen(function*() {
        yield* clockSet
        const called = yield* start({
          targetOutbound: 0,
          targetOutboundWithoutInbound: 0,
          maxInbound: 3,
          connectionTick: Duration.seconds(10)
        })
        const callers = [
          yield* start({ knownPeers: [format(called.address)], targetOutbound: 2, targetOutboundWithoutInbound: 2 }),
          yield* start({ knownPeers: [format(called.address)], targetOutbound: 2, targetOutboundWithoutInbound: 2 })
        ]
        yield* within(9, "both have called", Effect.sync(() => neighboursOf(callers, called).length === 2))
        assert.deepStrictEqual(yield* kindsOf(called, callers), ["inbound", "inbound"])
        const nodes = [called, ...callers]
        const knowEachOther = Effect.map(
          Effect.forEach(nodes, (node) => kindsOf(node, nodes.filter((other) => other !== node))),
          (kinds) => kinds.flat().every((kind) => kind === "outbound")
        )
        yield* within(300, "all know each other as outbound", knowEachOther)
      })
  )
})

describe("nodes in memory", () => {
  /** A network, and nodes in it by number, each in a /16 of its own. */
  const makeWorld = Effect.gen(function*() {
    yield* clockSet
    const network = MemoryTransport.makeNetwork()
    return {
      addressOf: (number: number): PeerAddress => tcpAddress(`20.${number}.0.1`, PORT),
      start: (number: number, { config, ...options }: NodeOptions = {}) => {
        const ip = `20.${number}.0.1`
        return makeNode({
          transport: MemoryTransport.layer(network, { ip }),
          config: { listen: { host: ip, port: PORT }, ...config },
          ...options
        })
      }
    }
  })

  const oneTarget: Overrides = { targetOutbound: 1, targetOutboundWithoutInbound: 1, maxOutbound: 1 }

  /** Enters an address that somebody told, with so many failures, and waits until it is due. */
  const knowsOf = Effect.fnUntraced(function*({ peerStore }: TestNode, address: PeerAddress, failures: number) {
    yield* peerStore.learn([address], tcpAddress("9.9.9.9", PORT))
    yield* Effect.replicateEffect(peerStore.attempt(address), failures, { discard: true })
    const row = yield* peerStore.get(address)
    yield* TestClock.setTime(row?.nextAttemptMillis ?? 0)
  })

  const failuresOf = ({ peerStore }: TestNode, address: PeerAddress) =>
    Effect.map(peerStore.get(address), (row) => row?.failures)

  it.effect(
    "forget an address with 120 failures when they start, and none with fewer [core: database is purged at overlay start]",
    () =>
      Effect.gen(function*() {
        const world = yield* makeWorld
        const addresses = [118, 119, 120, 121].map(world.addressOf)
        const node = yield* world.start(1, {
          before: (store) =>
            Effect.forEach([118, 119, 120, 121], (failures) =>
              Effect.replicateEffect(store.attempt(world.addressOf(failures)), failures, { discard: true }))
        })
        yield* second
        assert.deepStrictEqual(
          yield* Effect.forEach(addresses, (address) =>
            failuresOf(node, address)),
          [118, 119, undefined, undefined]
        )
      })
  )

  it.effect("forgive all failures for a good connection [core: peer numfailures resets after good connection]", () =>
    Effect.gen(function*() {
      const world = yield* makeWorld
      const [node, other] = [yield* world.start(1, { config: oneTarget }), yield* world.start(2)]
      yield* knowsOf(node, other.address, MAX_FAILURES - 1)
      yield* within(30, "they are connected", Effect.sync(() => neighboursOf([other], node).length === 1))
      assert.strictEqual(yield* failuresOf(node, other.address), 0)
    }))

  it.effect(
    "forget an address with its last failure [core: peer is purged from database after few failures]",
    () =>
      Effect.gen(function*() {
        const world = yield* makeWorld
        const node = yield* world.start(1, { config: oneTarget })
        const nobody = world.addressOf(2)
        yield* knowsOf(node, nobody, MAX_FAILURES - 1)
        yield* within(30, "it is forgotten", Effect.map(failuresOf(node, nobody), (failures) => failures === undefined))
        assert.deepStrictEqual(node.failures().map(({ _tag }) => _tag), ["ConnectFailed"])
      })
  )

  /** Two rings of nodes that have lost their network: each has the one outbound peer that it wants, and knows of all others. */
  const rings = Effect.fnUntraced(function*(
    configOf: (next: PeerAddress) => Overrides,
    position: Position = { ledger: undefined, synced: false }
  ) {
    const world = yield* makeWorld
    const numbers = [1, 2, 3, 4, 5, 6]
    const next = [2, 3, 1, 5, 6, 4]
    const nodes = yield* Effect.forEach(numbers, (number, index) =>
      world.start(number, {
        config: { ...oneTarget, ...configOf(world.addressOf(next[index] ?? 0)) },
        application: (inMemory) => ({ ...inMemory, position: () => position })
      }))
    const areRings = Effect.sync(() => nodes.every((node) => neighboursOf(nodes, node).length === 2))
    yield* within(60, "the rings are closed", areRings)
    for (const { peerStore } of nodes) {
      yield* peerStore.learn(numbers.map(world.addressOf), tcpAddress("9.9.9.9", PORT))
    }
    assert.strictEqual(reached(nodes), 3)
    return nodes
  })

  const exchanges = (nodes: ReadonlyArray<TestNode>): number =>
    nodes.flatMap(({ events }) => events).filter((event) =>
      event._tag === "PeerLeft" && event.reason._tag === "OutOfSync"
    ).length

  it.effect(
    "that have lost the network leave each other and find the others [core: disconnected topology recovery / regular peers]",
    () =>
      Effect.gen(function*() {
        const nodes = yield* rings((next) => ({ knownPeers: [format(next)] }))
        yield* within(1200, "all are connected", Effect.sync(() => reached(nodes) === nodes.length))
        assert.isAbove(exchanges(nodes), 0)
      })
  )

  it.effect(
    "that have lost the network leave no preferred peer [core: disconnected topology recovery / preferred peers]",
    () =>
      Effect.gen(function*() {
        const nodes = yield* rings((next) => ({ preferredPeers: [format(next)] }))
        assert.strictEqual(
          yield* secondsUntil(300, Effect.sync(() => reached(nodes) === nodes.length || exchanges(nodes) > 0)),
          300
        )
      })
  )

  it.effect("that only watch leave nobody, though they do not follow a network", () =>
    Effect.gen(function*() {
      const watching: Position = { ledger: undefined, synced: false, watches: true }
      const nodes = yield* rings((next) => ({ knownPeers: [format(next)] }), watching)
      assert.strictEqual(yield* secondsUntil(300, Effect.sync(() => exchanges(nodes) > 0)), 300)
    }))
})
