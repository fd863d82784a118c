/**
 * A survey through a network of whole nodes over links in memory, that of stellar-core's tests: D calls A, A calls B, B calls C and E.
 *
 * There A and C are the quorum, which may survey where nobody is named. Here they are named: who is in the quorum a node does not know.
 */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { TestClock } from "effect/testing"
import type { PeerId } from "../../../src/core/PeerId.ts"
import { encodeSeed, peerIdFromPublicKey } from "../../../src/core/stellar/StrKey.ts"
import { bytesOf } from "./handshakePeer.ts"
import { connect, drive, networks, pass } from "./nodeNetworks.ts"
import { crypto, NOW_SECONDS, type TestNode, until } from "./peerNode.ts"

type Name = "A" | "B" | "C" | "D" | "E" | "F"

const seedOf = (name: Name) => bytesOf(crypto, `surveyed ${name}`)
const idOf = (name: Name): PeerId => peerIdFromPublicKey(crypto.signer(seedOf(name)).publicKey)

const MAX_INBOUND = 30
const NONCE = 0xdead_beef

/** B takes part only in surveys of A and E, F's in those of B's friends, the others' in those of the quorum. */
const surveyorsOf = (name: Name): ReadonlyArray<Name> => name === "B" || name === "F" ? ["A", "E"] : ["A", "C"]

/** The five nodes, joined, and how to make one more. */
const makeNetwork = Effect.gen(function*() {
  yield* TestClock.setTime(NOW_SECONDS * 1000)
  const network = yield* networks[0]![1]
  const make = (name: Name) =>
    network.node({
      seed: encodeSeed(seedOf(name)),
      config: {
        surveyorKeys: surveyorsOf(name).map(idOf),
        maxInbound: MAX_INBOUND,
        isValidator: name === "A"
      }
    })
  const [a, b, c, d, e] = [yield* make("A"), yield* make("B"), yield* make("C"), yield* make("D"), yield* make("E")]
  for (const [from, to] of [[d, a], [a, b], [b, c], [b, e]] as const) yield* connect(from, to)
  return { a, b, c, d, e, make }
})

const statusOf = ({ overlay }: TestNode) => Effect.runSync(overlay.survey.status)

const phaseOf = (node: TestNode) => statusOf(node).phase._tag

const phasesAre = (phase: ReturnType<typeof phaseOf>, ...nodes: ReadonlyArray<TestNode>) =>
  until(`all are ${phase}`, () => nodes.every((node) => phaseOf(node) === phase))

const findingsOf = ({ overlay }: TestNode) => Effect.runSync(overlay.survey.results)

/** What a surveyor has found: the nodes it asked, with whom each has called and who has called it. */
const found = (surveyor: TestNode) =>
  Array.from(findingsOf(surveyor).nodes, ([id, told]) => [
    nameOf(id),
    told === undefined ? undefined : {
      inbound: Array.from(told.inbound.keys(), nameOf).sort().join(""),
      outbound: Array.from(told.outbound.keys(), nameOf).sort().join("")
    }
  ])

const nameOf = (id: PeerId): string => (["A", "B", "C", "D", "E", "F"] as const).find((name) => idOf(name) === id) ?? id

/** Asks these nodes, and completes when they have answered. */
const survey = Effect.fnUntraced(function*(surveyor: TestNode, ...asked: ReadonlyArray<TestNode>) {
  for (const { id } of asked) yield* surveyor.overlay.survey.request(id)
  yield* drive("they have answered", () => {
    const { nodes } = findingsOf(surveyor)
    return asked.every(({ id }) => nodes.get(id) !== undefined)
  })
})

describe("a survey through five nodes", () => {
  it.effect("goes through its phases everywhere, and finds who has called whom [core: topology survey / 5 nodes] [core: time sliced static survey / phases]", () =>
    Effect.gen(function*() {
      const { a, b, c, d, e } = yield* makeNetwork
      const all = [a, b, c, d, e]
      yield* a.overlay.survey.start(NONCE)
      yield* phasesAre("Collecting", ...all)
      yield* TestClock.adjust(Duration.seconds(20))
      assert.deepStrictEqual(all.map(phaseOf), all.map(() => "Collecting"))
      yield* a.overlay.survey.stop
      yield* phasesAre("Reporting", ...all)

      yield* survey(a, b)
      assert.deepStrictEqual(found(a), [["A", { inbound: "D", outbound: "B" }], ["B", {
        inbound: "A",
        outbound: "CE"
      }]])
      const { nodes } = yield* a.overlay.survey.results
      assert.deepInclude(nodes.get(a.id)!.data, {
        totalInboundPeerCount: 1,
        totalOutboundPeerCount: 1,
        isValidator: true
      })
      assert.deepInclude(nodes.get(b.id)!.data, {
        addedAuthenticatedPeers: 0,
        droppedAuthenticatedPeers: 0,
        totalInboundPeerCount: 1,
        totalOutboundPeerCount: 2,
        maxInboundPeerCount: MAX_INBOUND,
        maxOutboundPeerCount: 0,
        isValidator: false
      })

      yield* survey(a, c, e)
      assert.deepStrictEqual(found(a).slice(2), [
        ["C", { inbound: "B", outbound: "" }],
        ["E", { inbound: "B", outbound: "" }]
      ])
    }))

  /** A survey in which the first of these does not trust the surveyor: nobody behind it hears of it either. */
  const assertNobodyAnswers = Effect.fnUntraced(function*(
    surveyor: TestNode,
    asked: ReadonlyArray<TestNode>,
    all: ReadonlyArray<TestNode>
  ) {
    yield* surveyor.overlay.survey.start(NONCE)
    yield* pass(1000)
    yield* surveyor.overlay.survey.stop
    yield* pass(1000)
    for (const { id } of asked) yield* surveyor.overlay.survey.request(id)
    yield* pass(20_000)
    assert.deepStrictEqual(
      found(surveyor).map(([name, told]) => [name, told !== undefined]),
      [[nameOf(surveyor.id), true], ...asked.map(({ id }) => [nameOf(id), false])]
    )
    const others = all.filter((node) => node !== surveyor)
    assert.deepStrictEqual(others.map(phaseOf), others.map(() => "Inactive"))
  })

  it.effect("of one outside the quorum is neither answered nor passed on [core: topology survey / surveyor outside quorum ignored]", () =>
    Effect.gen(function*() {
      const { a, b, c, d, e } = yield* makeNetwork
      yield* assertNobodyAnswers(d, [a, b], [a, b, c, d, e])
    }))

  it.effect("of one whose key is not named is neither answered nor passed on [core: topology survey / not in SURVEYOR_KEYS ignored]", () =>
    Effect.gen(function*() {
      const { a, b, c, d, e } = yield* makeNetwork
      yield* assertNobodyAnswers(c, [b, a], [a, b, c, d, e])
    }))

  it.effect("tells of a node's peers from the index on, and of one question to a node at a time [core: time sliced static survey / indices]", () =>
    Effect.gen(function*() {
      const { a, b } = yield* makeNetwork
      yield* a.overlay.survey.start(NONCE)
      yield* phasesAre("Collecting", a, b)
      yield* a.overlay.survey.stop
      yield* phasesAre("Reporting", a, b)
      yield* a.overlay.survey.request(b.id, { inbound: 1, outbound: 1 })
      assert.strictEqual((yield* Effect.flip(a.overlay.survey.request(b.id))).reason, "queued")
      const told = () => findingsOf(a).nodes.get(b.id)
      yield* drive("it has answered", () => told() !== undefined)
      // It has one that called it and two that it called: of the first nothing is left, of the second one.
      assert.deepStrictEqual([told()?.inbound.size, told()?.outbound.size], [0, 1])
      yield* a.overlay.survey.request(b.id)
      yield* drive("it has told of all", () => told()?.inbound.size === 1 && told()?.outbound.size === 2)
    }))

  it.effect("keeps out another one, and is reported everywhere when its time is over, though nobody says stop [core: time sliced static survey / conflict] [core: time sliced static survey / time-outs]", () =>
    Effect.gen(function*() {
      const { a, b, c, d, e } = yield* makeNetwork
      const all = [a, b, c, d, e]
      yield* a.overlay.survey.start(NONCE)
      yield* phasesAre("Collecting", ...all)
      for (const node of [b, c]) {
        assert.strictEqual((yield* Effect.flip(node.overlay.survey.start(0xcafe))).reason, "active")
      }
      const noncesOf = () =>
        all.map((node) => {
          const { phase } = statusOf(node)
          return phase._tag === "Inactive" ? undefined : phase.survey.nonce
        })
      assert.deepStrictEqual(noncesOf(), all.map(() => NONCE))
      yield* TestClock.adjust(Duration.minutes(30))
      yield* phasesAre("Reporting", ...all)
      assert.deepStrictEqual(noncesOf(), all.map(() => NONCE))
    }))

  it.effect("counts who comes and who goes meanwhile, lists neither, and who was away does not hear of its end [core: time sliced dynamic survey / join] [core: time sliced dynamic survey / leave]", () =>
    Effect.gen(function*() {
      const { a, b, c, d, e, make } = yield* makeNetwork
      yield* a.overlay.survey.start(NONCE)
      yield* phasesAre("Collecting", a, b, c, d, e)
      const f = yield* make("F")
      yield* connect(f, b)
      yield* b.overlay.disconnect(e.id)
      yield* until("both know", () => e.leaves(b.id).length === 1)
      assert.deepStrictEqual([e, f].map(phaseOf), ["Collecting", "Inactive"])
      yield* a.overlay.survey.stop
      yield* phasesAre("Reporting", a, b, c, d)
      assert.deepStrictEqual([e, f].map(phaseOf), ["Collecting", "Inactive"])

      yield* survey(a, b, c)
      assert.deepStrictEqual(found(a).slice(1), [
        ["B", { inbound: "A", outbound: "C" }],
        ["C", { inbound: "B", outbound: "" }]
      ])
      assert.deepInclude(findingsOf(a).nodes.get(b.id)!.data, {
        addedAuthenticatedPeers: 1,
        droppedAuthenticatedPeers: 1,
        totalInboundPeerCount: 1,
        totalOutboundPeerCount: 1
      })
      // It takes no part in what it has not heard the beginning of.
      yield* a.overlay.survey.request(f.id)
      yield* pass(20_000)
      assert.deepStrictEqual(found(a).at(-1), ["F", undefined])
    }))
})
