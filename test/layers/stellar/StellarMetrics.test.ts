/**
 * What operators see of a node among the metrics of Effect, under stellar-core's names.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Metric, Result } from "effect"
import { TestClock } from "effect/testing"
import { encodeMessage, type StellarMessage } from "../../../src/core/stellar/messages.ts"
import * as MemoryTransport from "../../../src/layers/memory/MemoryTransport.ts"
import { type MetricSource, stellarMetrics } from "../../../src/layers/stellar/StellarMetrics.ts"
import { fetching } from "../../../src/services/stellar/Application.ts"
import {
  crypto,
  makeNode,
  type NodeOptions,
  NOW_SECONDS,
  patiently,
  statementMessage,
  statementOf,
  type TestNode,
  transactionMessage,
  transactionOf,
  turn,
  until
} from "./peerNode.ts"

/** Names with a common beginning, each once. */
const under = (prefix: string, ends: string): ReadonlyArray<string> => ends.split(" ").map((end) => `${prefix}.${end}`)

const BOTH_WAYS = "error hello auth dont-have peers get-txset txset get-scp-qset scp-qset scp-message get-scp-state " +
  "send-more survey-request survey-response start-survey-collecting stop-survey-collecting flood-advert flood-demand"

/** The names of core's metrics, as its own list of metrics has them. */
const names: ReadonlyArray<string> = [
  ...under("overlay.message", "read write drop broadcast"),
  ...under("overlay.async", "read write"),
  ...under("overlay.byte", "read write"),
  ...under("overlay.error", "read write"),
  ...under("overlay.timeout", "idle straggler"),
  ...under("overlay.item-fetcher", "next-peer"),
  ...under("overlay.flood", "advertised demanded fulfilled unfulfilled-banned unfulfilled-unknown relevant-txs"),
  ...under("overlay.flood", "irrelevant-txs abandoned-demands broadcast unique-recv duplicate-recv tx-batch-size"),
  ...under("overlay.flood", "tx-pull-latency peer-tx-pull-latency"),
  ...under("overlay.fetch", "unique-recv duplicate-recv txset qset"),
  ...under("overlay.demand", "timeout"),
  ...under("overlay.outbound-queue", "drop-scp drop-tx drop-advert drop-demand scp tx advert demand"),
  ...under("overlay.inbound", "attempt establish drop reject live"),
  ...under("overlay.outbound", "attempt establish drop cancel"),
  ...under("overlay.send", `${BOTH_WAYS} transaction`),
  ...under("overlay.recv", `${BOTH_WAYS} scp-prepare scp-confirm scp-nominate scp-externalize tx-batch`),
  ...under("overlay.connection", "latency read-throttle flood-throttle pending authenticated"),
  ...under("overlay.delay", "write-queue async-write"),
  ...under("overlay.memory", "flood-known"),
  ...under("overlay.recv-transaction", "sum count max"),
  ...under("scp.envelope", "receive emit sign validsig invalidsig"),
  ...under("scp.pending", "processed discarded fetching ready"),
  ...under("scp.fetch", "envelope"),
  ...under("scp.sync", "lost"),
  ...under("scp.timing", "first-to-self-externalize-lag self-to-others-externalize-lag"),
  ...under("herder.pending-txs", "*"),
  ...under("app", "post-on-main-thread.delay post-on-overlay-thread.delay post-on-background-thread.delay")
]

const sources = Object.entries<MetricSource>(stellarMetrics)
const shown = sources.flatMap(([name, { type }]) => type === "none" ? [] : [name])

describe("The table of metrics", () => {
  it("has each of core's names once, and no other", () => {
    assert.deepStrictEqual(Object.keys(stellarMetrics).toSorted(), names.toSorted())
  })

  it("says of each what it is, or why it is not there, in a sentence", () => {
    for (const [name, source] of sources) {
      assert.match(source.type === "none" ? source.reason : source.about, /^[A-Z].*\.$/, name)
    }
  })
})

/** Nodes in a row over links in memory, each connected with the next, and what is in the registry about each. */
const row = Effect.fnUntraced(function*(...options: ReadonlyArray<NodeOptions>) {
  yield* TestClock.setTime(NOW_SECONDS * 1000)
  const network = MemoryTransport.makeNetwork()
  const nodes: Array<TestNode> = []
  for (const [i, one] of options.entries()) {
    const host = `10.0.0.${i + 1}`
    const node = yield* makeNode({ ...one, host, transport: MemoryTransport.layer(network, { ip: host }) })
    const before = nodes.at(-1)
    nodes.push(node)
    if (before === undefined) continue
    yield* patiently("they connect", before.overlay.connect(node.address))
  }
  const context = yield* Effect.context<never>()
  const metricsOf = ({ id }: Pick<TestNode, "id">): Readonly<Record<string, unknown>> =>
    Object.fromEntries(
      Metric.snapshotUnsafe(context).flatMap((metric) => {
        if (metric.attributes?.["node"] !== id) return []
        const value = metric.type === "Counter" ? metric.state.count : metric.type === "Gauge" && metric.state.value
        return [[metric.id, Number(value)]]
      })
    )
  return { nodes, metricsOf }
})

const pass = Effect.fnUntraced(function*(millis: number) {
  for (let i = 0; i < millis; i += 10) {
    yield* TestClock.adjust("10 millis")
    yield* turn
    yield* turn
  }
})

/** How many peers have given this node leave to send. */
const reachableFrom = ({ overlay }: TestNode): number =>
  Effect.runSync(overlay.peers).filter(({ sendCredit }) => sendCredit.messages > 0).length

/** With a registry of its own: the one of the process is shared by all tests. */
const isolated = <A, E, R>(test: Effect.Effect<A, E, R>) =>
  Effect.provideService(test, Metric.MetricRegistry, new Map())

describe("The metrics of a node", () => {
  it.effect("show all that the table has, of each node under its own identity, until it stops", () =>
    isolated(Effect.gen(function*() {
      const { metricsOf, nodes: [a, b] } = yield* row({}, {})
      for (const node of [a!, b!]) assert.deepStrictEqual(Object.keys(metricsOf(node)).toSorted(), shown.toSorted())
      assert.deepInclude(metricsOf(a!), { "overlay.outbound.establish": 1, "overlay.inbound.establish": 0 })
      assert.deepInclude(metricsOf(b!), { "overlay.outbound.establish": 0, "overlay.inbound.establish": 1 })
      yield* patiently("it stops", b!.close)
      assert.deepStrictEqual(metricsOf(b!), {})
      assert.strictEqual(Object.keys(metricsOf(a!)).length, shown.length)
    })))

  it.effect("are not there when the configuration says so", () =>
    isolated(Effect.gen(function*() {
      const { metricsOf, nodes: [a, b] } = yield* row({ config: { metrics: false } }, {})
      assert.deepStrictEqual(metricsOf(a!), {})
      assert.notDeepEqual(metricsOf(b!), {})
    })))

  it.effect("tell what passed through a node between two peers", () =>
    isolated(Effect.gen(function*() {
      const { metricsOf, nodes: [a, b, c] } = yield* row({}, {}, {})
      yield* until("each may send", () => reachableFrom(b!) === 2)
      yield* a!.overlay.broadcast(statementMessage(1))
      yield* a!.overlay.broadcast(statementMessage(2))
      yield* a!.overlay.broadcast(transactionMessage(1))
      yield* until("the statements have come", () => metricsOf(c!)["overlay.recv.scp-message"] === 2)
      yield* pass(2000)
      const bytes = statementOf(1).length + statementOf(2).length + transactionOf(1).length
      const { overlay } = b!
      const metrics = metricsOf(b!)
      const peers = yield* overlay.peers
      assert.deepInclude(metrics, {
        "overlay.inbound.attempt": 1,
        "overlay.inbound.establish": 1,
        "overlay.inbound.live": 1,
        "overlay.inbound.drop": 0,
        "overlay.outbound.attempt": 1,
        "overlay.outbound.establish": 1,
        "overlay.connection.pending": 0,
        "overlay.connection.authenticated": 2,
        "overlay.send.hello": 2,
        "overlay.recv.hello": 2,
        "overlay.send.auth": 2,
        "overlay.recv.auth": 2,
        "overlay.send.get-scp-state": 2,
        "overlay.recv.get-scp-state": 2,
        "overlay.recv.scp-message": 2,
        "overlay.recv.scp-externalize": 2,
        "overlay.recv.scp-nominate": 0,
        "overlay.send.scp-message": 2,
        "overlay.recv.flood-advert": 1,
        "overlay.send.flood-demand": 1,
        "overlay.flood.demanded": 1,
        "overlay.recv-transaction.count": 1,
        "overlay.flood.relevant-txs": 1,
        "overlay.send.flood-advert": 1,
        "overlay.flood.advertised": 1,
        "overlay.recv.flood-demand": 1,
        "overlay.flood.fulfilled": 1,
        "overlay.send.transaction": 1,
        "overlay.message.broadcast": 3,
        "overlay.flood.broadcast": 2,
        "overlay.flood.unique-recv": bytes,
        "overlay.flood.duplicate-recv": 0,
        "overlay.memory.flood-known": 3,
        "overlay.message.drop": 0,
        "overlay.error.read": 0
      })
      const ofPeers = (of: (peer: (typeof peers)[number]) => number) => peers.reduce((sum, peer) => sum + of(peer), 0)
      // HELLO and AUTH are a node's and not yet a peer's.
      assert.strictEqual(metrics["overlay.message.read"], ofPeers(({ messagesRead }) => messagesRead) + 4)
      assert.strictEqual(
        metrics["overlay.message.write"],
        ofPeers(({ messagesWritten }) => messagesWritten) + 4 + Number(metrics["overlay.send.peers"])
      )
      assert.strictEqual(metrics["overlay.byte.read"], ofPeers(({ bytesRead }) => bytesRead))
      assert.strictEqual(metrics["overlay.byte.write"], ofPeers(({ bytesWritten }) => bytesWritten))
      assert.strictEqual(metrics["overlay.async.read"], ofPeers(({ chunksRead }) => chunksRead))
      assert.strictEqual(metrics["overlay.async.write"], ofPeers(({ writes }) => writes))
      assert.isAbove(ofPeers(({ writes }) => writes), 4)
      assert.deepStrictEqual(peers.find(({ id }) => id === a!.id)?.flooded, {
        newMessages: 3,
        newBytes: bytes,
        duplicateMessages: 0,
        duplicateBytes: 0
      })
      assert.strictEqual(peers.find(({ id }) => id === c!.id)?.flooded.newMessages, 0)
    })))

  it.effect("tell of peers that left, of last words both ways, and of what is known already", () =>
    isolated(Effect.gen(function*() {
      const { metricsOf, nodes: [a, b] } = yield* row({}, {})
      yield* until("they may send", () => reachableFrom(a!) === 1)
      yield* until("they may send", () => reachableFrom(b!) === 1)
      yield* a!.overlay.send(b!.id, statementMessage(1))
      yield* a!.overlay.send(b!.id, statementMessage(1))
      yield* until("both have come", () => metricsOf(b!)["overlay.recv.scp-message"] === 2)
      assert.deepInclude(metricsOf(b!), {
        "overlay.flood.unique-recv": statementOf(1).length,
        "overlay.flood.duplicate-recv": statementOf(1).length,
        // There is nobody else to be told.
        "overlay.message.broadcast": 0,
        "overlay.flood.broadcast": 0
      })
      yield* a!.overlay.disconnect(b!.id)
      yield* until("both have heard", () => a!.leaves(b!.id).length === 1 && b!.leaves(a!.id).length === 1)
      assert.deepInclude(metricsOf(a!), {
        "overlay.outbound.drop": 1,
        "overlay.send.error": 1,
        "overlay.recv.error": 0,
        "overlay.connection.authenticated": 0
      })
      assert.deepInclude(metricsOf(b!), {
        "overlay.inbound.drop": 1,
        "overlay.inbound.live": 0,
        "overlay.send.error": 0,
        "overlay.recv.error": 1
      })
    })))

  it.effect("tell of items that somebody waited for, and of those that nobody did", () =>
    isolated(Effect.gen(function*() {
      const quorumSet = (threshold: number): StellarMessage => ({
        _tag: "SCP_QUORUMSET",
        qSet: { threshold, validators: [new Uint8Array(32).fill(7)], innerSets: [] }
      })
      const bytes = Result.getOrThrow(encodeMessage(quorumSet(1)))
      const wanted = crypto.sha256(bytes.subarray(4))
      let isMissing = true
      const lacking: NodeOptions = {
        application: (inMemory) => ({
          ...inMemory,
          judge: {
            answers: "at once",
            statements: (batch) => batch.map(() => isMissing ? fetching(1, { quorumSets: [wanted] }) : "kept"),
            transactions: (batch) => batch.map(() => "kept")
          }
        })
      }
      const { metricsOf, nodes: [a, b] } = yield* row({}, lacking)
      yield* until("they may send", () => reachableFrom(a!) === 1)
      yield* a!.overlay.send(b!.id, statementMessage(1))
      yield* until("it asks", () => metricsOf(a!)["overlay.recv.get-scp-qset"] === 1)
      assert.strictEqual(metricsOf(b!)["scp.pending.fetching"], 1)
      isMissing = false
      for (const threshold of [2, 1, 1]) yield* a!.overlay.send(b!.id, quorumSet(threshold))
      yield* until("they have come", () => metricsOf(b!)["overlay.recv.scp-qset"] === 3)
      const reception = {
        newMessages: 1,
        newBytes: bytes.length,
        duplicateMessages: 2,
        duplicateBytes: 2 * bytes.length
      }
      assert.deepInclude(metricsOf(b!), {
        "overlay.send.get-scp-qset": 1,
        "scp.pending.fetching": 0,
        "overlay.fetch.unique-recv": reception.newBytes,
        "overlay.fetch.duplicate-recv": reception.duplicateBytes
      })
      assert.deepStrictEqual((yield* b!.overlay.peers)[0]?.fetched, reception)
    })))

  it.effect("tell of connections that found no room", () =>
    isolated(Effect.gen(function*() {
      const { metricsOf, nodes: [a, b] } = yield* row({}, { config: { maxPendingInbound: 1, maxPendingOutbound: 0 } })
      yield* Effect.flip(b!.overlay.connect({ ...a!.address, port: 1 }))
      assert.deepInclude(metricsOf(b!), {
        "overlay.outbound.attempt": 0,
        "overlay.outbound.cancel": 1,
        "overlay.outbound.drop": 0
      })
      yield* Effect.flip(a!.overlay.connect({ ...a!.address, port: 1 }))
      assert.deepInclude(metricsOf(a!), {
        "overlay.outbound.attempt": 2,
        "overlay.outbound.establish": 1,
        "overlay.outbound.cancel": 0,
        "overlay.outbound.drop": 1
      })
    })))
})
