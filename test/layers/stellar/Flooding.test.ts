/**
 * Floods through whole networks of nodes: all is said to everybody, pulled or pushed, and nobody is asked for it twice.
 *
 * The networks are those of stellar-core's tests: a core of which each is joined to each, and outer nodes that are joined to one of the
 * core.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { LEDGERS_TO_REMEMBER } from "../../../src/core/stellar/limits.ts"
import type { StellarMessage } from "../../../src/core/stellar/messages.ts"
import { connect, counterOf, drive, networks, pass } from "./nodeNetworks.ts"
import { caller } from "./peerByHand.ts"
import {
  hashBytes,
  makeNode,
  type NodeOptions,
  NOW_SECONDS,
  statementMessage,
  type TestNode,
  transactionMessage,
  transactionOf
} from "./peerNode.ts"

/** Who calls whom. */
type Calls = ReadonlyArray<readonly [caller: number, called: number]>

/** The first so many nodes, each joined to each. */
const core = (nodes: number): Calls =>
  Array.from(
    { length: nodes },
    (_, caller) => Array.from({ length: nodes - 1 - caller }, (_, i) => [caller, caller + 1 + i] as const)
  ).flat()

/** A core, and outer nodes of which each calls one of it, one after the other. */
const outerNodes = (inner: number, outer: number): Calls => [
  ...core(inner),
  ...Array.from({ length: outer }, (_, i) => [inner + i, i % inner] as const)
]

const [memory, , tcp] = networks
const [, makeMemory] = memory!
const [, makeTcp] = tcp!

/** So many nodes, joined. */
const join = Effect.fnUntraced(function*(
  make: typeof makeMemory,
  count: number,
  calls: Calls,
  options: NodeOptions = {}
) {
  yield* TestClock.setTime(NOW_SECONDS * 1000)
  const network = yield* make
  const nodes = yield* Effect.forEach(Array.from({ length: count }), () => network.node(options))
  for (const [caller, called] of calls) yield* connect(nodes[caller]!, nodes[called]!)
  return nodes
})

/** How many of core's transactions and statements, which are said by all in turn. */
const MESSAGES = 100

/** Says the messages, each at the next node, and completes when every node has those of all others. */
const flood = Effect.fnUntraced(function*(nodes: ReadonlyArray<TestNode>, message: (number: number) => StellarMessage) {
  const lacks = nodes.map(() => MESSAGES)
  for (let number = 1; number <= MESSAGES; number++) {
    const speaker = number % nodes.length
    lacks[speaker]! -= 1
    yield* nodes[speaker]!.overlay.broadcast(message(number))
  }
  yield* drive("everybody has all", () => nodes.every((node, i) => counterOf(node, "floodNew") === lacks[i]))
  return lacks
})

const sum = (nodes: ReadonlyArray<TestNode>, counter: string): number =>
  nodes.reduce((total, node) => total + counterOf(node, counter), 0)

const floods = [
  {
    where: "a core of four over links in memory",
    make: makeMemory,
    count: 4,
    calls: core(4),
    transactionsTag: "[core: transaction flooding / loopback / core]",
    statementsTag: "[core: scp messages flooding / loopback / core]"
  },
  {
    where: "a core of five and ten outer nodes over links in memory",
    make: makeMemory,
    count: 15,
    calls: outerNodes(5, 10),
    transactionsTag: "[core: transaction flooding / loopback / outer nodes]",
    statementsTag: "[core: scp messages flooding / loopback / outer nodes]"
  },
  {
    where: "a core of four over TCP",
    make: makeTcp,
    count: 4,
    calls: core(4),
    transactionsTag: "[core: transaction flooding / tcp / core]",
    statementsTag: "[core: scp messages flooding / tcp / core]"
  },
  {
    where: "a core of five and ten outer nodes over TCP",
    make: makeTcp,
    count: 15,
    calls: outerNodes(5, 10),
    transactionsTag: "[core: transaction flooding / tcp / outer nodes]",
    statementsTag: "[core: scp messages flooding / tcp / outer nodes]"
  }
]

for (const { calls, count, make, statementsTag, transactionsTag, where } of floods) {
  describe(`in ${where}`, () => {
    it.effect(`a hundred transactions reach everybody, each pulled once by each ${transactionsTag}`, () =>
      Effect.gen(function*() {
        const nodes = yield* join(make, count, calls)
        const lacked = yield* flood(nodes, (number) => transactionMessage(number))
        yield* pass(1000)
        for (const [i, node] of nodes.entries()) {
          assert.deepStrictEqual([counterOf(node, "demanded"), counterOf(node, "pulled")], [lacked[i], lacked[i]])
        }
        assert.strictEqual(sum(nodes, "fulfilled"), MESSAGES * (count - 1))
        assert.strictEqual(sum(nodes, "unfulfilled") + sum(nodes, "floodDuplicate"), 0)
      }))

    it.effect(`a hundred statements reach everybody, over each link about once ${statementsTag}`, () =>
      Effect.gen(function*() {
        const nodes = yield* join(make, count, calls)
        yield* flood(nodes, statementMessage)
        yield* pass(100)
        // A statement crosses a link once, or twice if both ends say it before they hear it.
        const copies = sum(nodes, "floodNew") + sum(nodes, "floodDuplicate")
        assert.isAtMost(copies, 2 * MESSAGES * calls.length)
        assert.strictEqual(sum(nodes, "floodPushed"), copies)
      }))
  })
}

describe("pulling", () => {
  /** How many hashes each node offered, asked for, gave, and could not give. */
  const pulls = (nodes: ReadonlyArray<TestNode>) =>
    nodes.map((node) =>
      ["advertised", "demanded", "fulfilled", "unfulfilled"].map((counter) => counterOf(node, counter))
    )

  it.effect("between two nodes offers each transaction to the other one alone, who asks for it once [core: pull mode with 2 nodes]", () =>
    Effect.gen(function*() {
      const nodes = yield* join(makeMemory, 2, [[0, 1]])
      yield* flood(nodes, (number) => transactionMessage(number))
      yield* pass(1000)
      const half = MESSAGES / 2
      assert.deepStrictEqual(pulls(nodes), [[half, half, half, 0], [half, half, half, 0]])
    }))

  it.effect("offers a transaction again once its ledger is forgotten, and not before [core: pull mode with 2 nodes / advertise again]", () =>
    Effect.gen(function*() {
      let ledger = 100
      const followsLedgers: NodeOptions = {
        application: (memory) => ({ ...memory, position: () => ({ ledger, synced: true }) })
      }
      const [node, other] = yield* join(makeMemory, 2, [[0, 1]], followsLedgers)
      const offer = Effect.gen(function*() {
        const told = yield* node!.overlay.broadcast(transactionMessage(1))
        yield* pass(1000)
        return told
      })
      yield* pass(5000)
      assert.deepStrictEqual([yield* offer, yield* offer], [1, 0])
      ledger += LEDGERS_TO_REMEMBER - 1
      yield* pass(5000)
      assert.strictEqual(yield* offer, 0)
      ledger += 1
      yield* pass(5000)
      assert.strictEqual(yield* offer, 1)
      assert.deepStrictEqual(pulls([node!, other!]), [[2, 0, 1, 0], [0, 1, 0, 0]])
    }))

  it.effect("in a ring of four offers over no link both ways, but where two come at once, and asks once for each [core: pull mode with 4 nodes]", () =>
    Effect.gen(function*() {
      const nodes = yield* join(makeMemory, 4, [[0, 1], [1, 2], [2, 3], [3, 0]])
      yield* flood(nodes, (number) => transactionMessage(number))
      yield* pass(1000)
      for (const [advertised, demanded, , unfulfilled] of pulls(nodes)) {
        assert.deepStrictEqual([demanded, unfulfilled], [MESSAGES * 3 / 4, 0])
        assert.isAtMost(advertised!, 2 * MESSAGES)
      }
      assert.strictEqual(sum(nodes, "fulfilled"), 3 * MESSAGES)
      // Each crosses three of the four links in one direction; the two that meet opposite may both be offered further.
      assert.isAtLeast(sum(nodes, "advertised"), 3 * MESSAGES)
      assert.isAtMost(sum(nodes, "advertised"), 5 * MESSAGES)
    }))

  it.effect("under a steady load offers each once, and gives all that is asked for [core: overlay pull mode loadgen]", () =>
    Effect.gen(function*() {
      const nodes = yield* join(makeMemory, 2, [[0, 1]])
      const [loaded, other] = nodes
      const perBeat = 10
      const beats = 20
      for (let beat = 0; beat < beats; beat++) {
        for (let i = 0; i < perBeat; i++) yield* loaded!.overlay.broadcast(transactionMessage(1 + beat * perBeat + i))
        yield* pass(250)
      }
      const all = perBeat * beats
      yield* drive("the other one has all", () => counterOf(other!, "floodNew") === all)
      yield* pass(1000)
      assert.deepStrictEqual(pulls(nodes), [[all, 0, all, 0], [0, all, 0, 0]])
      assert.strictEqual(counterOf(other!, "abandoned") + counterOf(other!, "demandTimeouts"), 0)
    }))
})

describe("credit for one message at a time", () => {
  it.effect("lets a load through over TCP, and nobody is asked a second time [core: overlay flow control / no batching]", () =>
    Effect.gen(function*() {
      const nodes = yield* join(makeTcp, 4, core(4), {
        config: { credit: { messages: 1, batchMessages: 1, readingMessages: 2 } }
      })
      const each = 10
      for (let beat = 0; beat < each; beat++) {
        for (const [i, node] of nodes.entries()) yield* node.overlay.broadcast(transactionMessage(1 + 4 * beat + i))
        yield* pass(250)
      }
      yield* drive("everybody has all", () => nodes.every((node) => counterOf(node, "floodNew") === 3 * each))
      yield* pass(500)
      assert.deepStrictEqual(nodes.map((node) => counterOf(node, "demandTimeouts")), [0, 0, 0, 0])
      assert.strictEqual(sum(nodes, "fulfilled"), 3 * 4 * each)
      // They did wait for each other's leave.
      assert.isAbove(sum(nodes, "creditWaits"), 4 * each)
    }))
})

describe("a broadcast", () => {
  it.effect("is offered to all but who has sent it, once [core: broadcast() broadcasts]", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(NOW_SECONDS * 1000)
      // It keeps what comes, and says by itself what it wants said, as core does in its own time.
      const node = yield* makeNode({
        application: (memory) => ({
          ...memory,
          judge: {
            answers: "at once",
            statements: (batch) => batch.map(() => "kept"),
            transactions: (batch) => batch.map(() => "kept")
          }
        })
      })
      const peers = yield* Effect.forEach(["one", "two", "three"], (label) => caller(node, { label }))
      peers[1]!.sayBytes(transactionOf(1))
      yield* peers[1]!.ask
      const offered = Effect.gen(function*() {
        yield* TestClock.adjust("1 second")
        yield* Effect.forEach(peers, (peer) => peer.settle)
        return peers.map((peer) => peer.heardOf("FLOOD_ADVERT").flatMap(({ floodAdvert }) => floodAdvert.txHashes))
      })
      const [first, second] = [hashBytes(transactionOf(1)), hashBytes(transactionOf(2))]
      assert.strictEqual(yield* node.overlay.broadcast(transactionMessage(1)), 2)
      assert.deepStrictEqual(yield* offered, [[first], [], [first]])
      assert.strictEqual(yield* node.overlay.broadcast(transactionMessage(1)), 0)
      assert.strictEqual(yield* node.overlay.broadcast(transactionMessage(2)), 3)
      assert.deepStrictEqual(yield* offered, [[first, second], [second], [first, second]])
    }))
})
