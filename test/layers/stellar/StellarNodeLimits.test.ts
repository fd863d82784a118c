/**
 * How much a node takes in, and that it gives everything back: many peers at once against one whole node, over TCP, and over
 * links in memory where the callers have to come from many addresses.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, Effect, Exit, Layer, Metric, Scope, Stream } from "effect"
import * as SecureRandom from "effect/crypto/SecureRandom"
import { readdirSync } from "node:fs"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import type { PeerAddress } from "../../../src/core/PeerAddress.ts"
import { tcpAddress } from "../../../src/core/PeerAddress.ts"
import { RECORD_MARK_BYTES } from "../../../src/core/stellar/limits.ts"
import * as limits from "../../../src/core/stellar/limits.ts"
import { writeRecordMark } from "../../../src/core/stellar/RecordMark.ts"
import * as MemoryBanList from "../../../src/layers/memory/MemoryBanList.ts"
import * as MemoryPeerStore from "../../../src/layers/memory/MemoryPeerStore.ts"
import * as MemoryTransport from "../../../src/layers/memory/MemoryTransport.ts"
import * as NodeAddressResolver from "../../../src/layers/node/NodeAddressResolver.ts"
import * as NodeCrypto from "../../../src/layers/node/NodeCrypto.ts"
import * as TcpTransport from "../../../src/layers/node/TcpTransport.ts"
import * as MemoryApplication from "../../../src/layers/stellar/MemoryApplication.ts"
import * as StellarNode from "../../../src/layers/stellar/StellarNode.ts"
import type { OverlayEvent } from "../../../src/services/Overlay.ts"
import { PeerStore } from "../../../src/services/PeerStore.ts"
import { Overlay, type Stellar } from "../../../src/services/stellar/Overlay.ts"
import { type Overrides, privateNetwork } from "../../../src/services/stellar/StellarConfig.ts"
import type { Link, Transport } from "../../../src/services/Transport.ts"
import { seconds } from "../../support/links.ts"
import { type Heard, makeHandshakePeer } from "./handshakePeer.ts"

const PASSPHRASE = "Crowded Network ; November 2026"
const MEBIBYTE = 1024 * 1024
const crypto = NodeCrypto.make()

const machine = Layer.mergeAll(
  MemoryApplication.layer({ passphrase: PASSPHRASE }).pipe(Layer.provide(NodeCrypto.layer)),
  MemoryBanList.layer(),
  NodeCrypto.layer,
  SecureRandom.layerWebCrypto,
  NodeAddressResolver.layer
)

/** A node that dials nobody by itself. It ends with the Scope. */
const startNode = Effect.fnUntraced(function*(transport: Layer.Layer<Transport>, overrides: Overrides) {
  const config = privateNetwork(PASSPHRASE, { targetOutbound: 0, targetOutboundWithoutInbound: 0, ...overrides })
  const context = yield* Layer.build(Layer.fresh(
    StellarNode.layer(config).pipe(
      Layer.provideMerge(MemoryPeerStore.layer()),
      Layer.provide([machine, transport])
    )
  ))
  const overlay = Context.get(context, Overlay)
  const events: Array<OverlayEvent<Stellar>> = []
  yield* Effect.forkScoped(
    Stream.runForEach(overlay.events, (event) => Effect.sync(() => events.push(event))),
    { startImmediately: true }
  )
  return { overlay, events, store: Context.get(context, PeerStore), address: overlay.listening ?? tcpAddress("", 0) }
})

const startTcpNode = (overrides: Overrides = {}) =>
  startNode(TcpTransport.layer({ backlog: limits.LISTEN_BACKLOG }), {
    listen: { host: "127.0.0.1", port: 0 },
    ...overrides
  })

/** The next turn of the event loop. */
const turn: Effect.Effect<void> = Effect.callback((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** How long a test waits for what never comes; then what is asserted next says what was missing. */
const PATIENCE_MILLIS = 5000

/** Completes when it is so, or not in all that time. It holds no timer and no fiber: those are counted here. */
const until = (isSo: Effect.Effect<boolean>): Effect.Effect<void> =>
  Effect.suspend(() => {
    const end = performance.now() + PATIENCE_MILLIS
    return Effect.repeat(Effect.andThen(turn, isSo), { until: (so) => so || performance.now() > end })
  })

/** Dials, and does the handshake as far as its own AUTH. The link ends with the Scope. */
const call = Effect.fnUntraced(function*(address: PeerAddress, label: string) {
  const link = yield* TcpTransport.make().dial(address, { timeout: seconds(20) })
  const nowSeconds = Math.floor((yield* Clock.currentTimeMillis) / 1000)
  const peer = makeHandshakePeer(crypto, link, "caller", { passphrase: PASSPHRASE, label, nowSeconds })
  peer.sendHello()
  assert.strictEqual((yield* peer.next)._tag, "HELLO")
  peer.sendAuth()
  assert.strictEqual((yield* peer.next)._tag, "AUTH")
  return peer
})

const everybody = <A, E, R>(count: number, one: (label: string) => Effect.Effect<A, E, R>) =>
  Effect.all(Array.from({ length: count }, (_, i) => one(`caller ${i}`)), { concurrency: "unbounded" })

/** What a peer is told behind AUTH: whether it may stay. */
const fateOf = (heard: ReadonlyArray<Heard>): string =>
  heard.map((one) =>
    one._tag === "ERROR_MSG"
      ? `ERROR_MSG ${one.error.code} ${new TextDecoder().decode(one.error.msg)}`
      : one._tag
  ).join(", ")

const STAYS = "PEERS, SEND_MORE_EXTENDED"
const REJECTED = "PEERS, ERROR_MSG 4 peer rejected"

/** Calls, and listens to what decides its fate: the second message behind AUTH. Hangs up when the node does. */
const callAndHear = (address: PeerAddress) =>
  Effect.fnUntraced(function*(label: string) {
    const peer = yield* call(address, label)
    const fate = fateOf([yield* peer.next, yield* peer.next])
    yield* Effect.forkScoped(Effect.andThen(peer.rest, peer.link.end))
    return fate
  })

/** Something to tell in PEERS; it is public, and nobody dials it here. */
const enterPublicAddress = (store: PeerStore["Service"]) => store.ensure([tcpAddress("8.8.8.8", 11_625)])

const tally = (fates: ReadonlyArray<string>): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const fate of fates) counts[fate] = (counts[fate] ?? 0) + 1
  return counts
}

/** Bytes in use behind a full collection: objects, and the buffers that hang on them. */
const bytesInUse = (): number => {
  setFlagsFromString("--expose-gc")
  const collect: () => void = runInNewContext("gc")
  collect()
  collect()
  const { external, heapUsed } = process.memoryUsage()
  return heapUsed + external
}

describe("72 authenticated peers", () => {
  it.live(
    "that announce 16 MiB each and send one byte make memory grow by less than 8 MiB",
    () =>
      Effect.gen(function*() {
        const { address, overlay } = yield* startTcpNode({ maxInbound: 72 })
        const peers = yield* everybody(72, (label) => call(address, label))
        yield* until(Effect.map(overlay.peers, (present) => present.length === 72))
        const bytesRead = Effect.map(overlay.counters, (counters) => counters["bytesRead"] ?? 0)
        const readBefore = yield* bytesRead
        const before = bytesInUse()

        const announced = new Uint8Array(RECORD_MARK_BYTES + 1)
        writeRecordMark(announced, 0, limits.MAX_MESSAGE_BYTES)
        for (const peer of peers) peer.send(announced)
        yield* until(Effect.map(bytesRead, (read) => read === readBefore + 72 * announced.length))

        const grown = bytesInUse() - before
        assert.isBelow(grown, 8 * MEBIBYTE)
        assert.strictEqual((yield* overlay.peers).length, 72, "all are still here: the announcement is allowed")
      }),
    20_000
  )
})

describe("100 callers at once", () => {
  it.live(
    "are 64 that stay and 36 that are told PEERS and \"peer rejected\", under the default limits",
    () =>
      Effect.gen(function*() {
        const { address, events, overlay, store } = yield* startTcpNode()
        yield* enterPublicAddress(store)
        const fates = yield* everybody(100, callAndHear(address))

        assert.deepStrictEqual(tally(fates), { [STAYS]: 64, [REJECTED]: 36 })
        assert.strictEqual((yield* overlay.peers).length, 64)
        const refused = events.filter((event) => event._tag === "ConnectionFailed")
        assert.deepStrictEqual(tally(refused.map(({ reason }) => reason._tag)), { PeerRejected: 36 })
      }),
    20_000
  )

  it.live("all stay where the limit is raised", () =>
    Effect.gen(function*() {
      const { address, overlay, store } = yield* startTcpNode({ maxInbound: 100 })
      yield* enterPublicAddress(store)
      const fates = yield* everybody(100, callAndHear(address))

      assert.deepStrictEqual(tally(fates), { [STAYS]: 100 })
      assert.strictEqual((yield* overlay.peers).length, 100)
    }), 20_000)

  it.live("leave nothing behind when the node is closed: no socket, timer, handle or fiber", () => {
    let fibers = 0
    const metrics: Metric.FiberRuntimeMetricsService = {
      recordFiberStart: () => {
        fibers += 1
      },
      recordFiberEnd: () => {
        fibers -= 1
      }
    }
    const held = () => {
      const resources = process.getActiveResourcesInfo()
      const of = (name: string) => resources.filter((resource) => resource.includes(name)).length
      return {
        sockets: of("TCP"),
        timers: of("Timeout"),
        handles: resources.filter((name) => name !== "Immediate").length,
        descriptors: process.platform === "linux" ? readdirSync("/proc/self/fd").length : 0,
        fibers
      }
    }
    return Effect.gen(function*() {
      // What a process opens once and keeps is open before the count.
      yield* Effect.scoped(Effect.flatMap(startTcpNode(), ({ address }) => callAndHear(address)("the first")))
      // The runner of the tests has timers of its own, which come and go: both counts are taken while it has none.
      yield* until(Effect.sync(() => held().sockets + held().timers === 0))
      const before = held()

      const scope = yield* Scope.make()
      const started = yield* Effect.provideService(startTcpNode({ maxInbound: 100 }), Scope.Scope, scope)
      const callers = yield* Scope.make()
      yield* enterPublicAddress(started.store)
      yield* Effect.provideService(everybody(100, callAndHear(started.address)), Scope.Scope, callers)
      const during = held()
      assert.isAtLeast(during.sockets, before.sockets + 201, "a listener, and both ends of 100 connections")
      assert.isAtLeast(during.fibers, before.fibers + 100)

      yield* Scope.close(scope, Exit.void)
      yield* Scope.close(callers, Exit.void)
      yield* until(Effect.sync(() => JSON.stringify(held()) === JSON.stringify(before)))
      assert.deepStrictEqual(held(), before)
    }).pipe(Effect.provideService(Metric.FiberRuntimeMetrics, metrics))
  }, 20_000)
})

describe("Connections that say nothing", () => {
  const HERE = tcpAddress("192.0.2.1", 11_625)
  const network = MemoryTransport.makeNetwork()

  const startMemoryNode = (overrides: Overrides = {}) =>
    startNode(MemoryTransport.layer(network, { ip: HERE.ip }), {
      listen: { host: HERE.ip, port: HERE.port },
      ...overrides
    })

  /** Dials from an address of one's choice, and says nothing. */
  const callFrom = Effect.fnUntraced(function*(ip: string) {
    const transport = yield* MemoryTransport.make(network, { ip })
    return yield* transport.dial(HERE, { timeout: seconds(20) })
  })

  /** Whether the node has hung up. */
  const hungUp = (link: Link) =>
    Effect.map(
      Effect.raceFirst(Effect.exit(link.read(() => true)), Effect.as(settled, undefined)),
      (exit) => exit !== undefined && Exit.isFailure(exit)
    )

  /** Long enough for all that is on its way in memory: turns, not time. */
  const settled = Effect.gen(function*() {
    for (let turns = 0; turns < 20; turns++) yield* turn
  })

  const refusals = (events: ReadonlyArray<OverlayEvent<Stellar>>) =>
    tally(events.flatMap((event) => event._tag === "ConnectionFailed" ? [event.reason._tag] : []))

  it.effect("may be 5 of one address; the sixth is hung up on", () =>
    Effect.gen(function*() {
      const { events } = yield* startMemoryNode()
      const links = yield* Effect.forEach(Array.from({ length: 6 }, () => "198.51.100.7"), callFrom)
      const elsewhere = yield* callFrom("198.51.100.8")
      yield* settled

      const gone = yield* Effect.forEach([...links, elsewhere], hungUp, { concurrency: "unbounded" })
      assert.deepStrictEqual(gone, [false, false, false, false, false, true, false])
      assert.deepStrictEqual(refusals(events), { PendingOfAddressFull: 1 })
    }))

  it.effect("may be 444 of all addresses together; the next one is hung up on", () =>
    Effect.gen(function*() {
      const { events } = yield* startMemoryNode()
      const ips = Array.from({ length: 445 }, (_, i) => `198.${i >> 8}.${i & 255}.1`)
      const links = yield* Effect.forEach(ips, callFrom)
      yield* settled

      const gone = yield* Effect.forEach(links, hungUp, { concurrency: "unbounded" })
      assert.deepStrictEqual(tally(gone.map(String)), { false: 444, true: 1 })
      assert.isTrue(gone[444])
      assert.deepStrictEqual(refusals(events), { PendingFull: 1 })
    }))

  it.effect("may be 56 that we dial; the next dial is refused at once, without a connection", () =>
    Effect.gen(function*() {
      const { overlay } = yield* startMemoryNode()
      const silent = Array.from({ length: 57 }, (_, i) => tcpAddress(`203.0.113.${i}`, 11_625))
      for (const { ip, port } of silent) network.silent.add(`${ip}:${port}`)
      yield* Effect.forEach(silent.slice(0, 56), (address) => Effect.forkScoped(overlay.connect(address)), {
        discard: true
      })
      yield* settled

      const refusal = yield* Effect.flip(overlay.connect(silent[56] ?? HERE))
      assert.strictEqual(refusal._tag, "OutboundFull")
    }))
})
