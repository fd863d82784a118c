/** Whom a survey asks: everybody who is named, for all of their peers, a bounded number of times. */
import { assert, describe, it } from "@effect/vitest"
import type { PeerId } from "../../../src/core/PeerId.ts"
import { stream } from "../../../src/core/Prng.ts"
import { neighboursOf, random } from "../../../src/core/simulation/Topology.ts"
import type { SurveyQuestion } from "../../../src/core/stellar/survey/SurveyBacklog.ts"
import type { SurveyFindings } from "../../../src/core/stellar/survey/SurveyDocument.ts"
import { SurveyResults } from "../../../src/core/stellar/survey/SurveyResults.ts"
import { responseBody, type SurveyReport, SurveySlice } from "../../../src/core/stellar/survey/SurveySlice.ts"
import { SurveyWalk, type WalkOptions } from "../../../src/programs/survey/SurveyWalk.ts"
import { countedPeer, node } from "../../core/stellar/survey/surveys.ts"

const facts = { isValidator: false, maxInbound: 9, maxOutbound: 8, scpFirstToSelfMillis: 0, scpSelfToOtherMillis: 0 }
const idOf = (number: number): PeerId => node(number).id
const OWN = 0

/** What a node reports whose peers these are. */
const reportOf = (inbound: ReadonlyArray<number>, outbound: ReadonlyArray<number> = []): SurveyReport =>
  new SurveySlice([
    ...inbound.map((number) => countedPeer(number, "inbound").peer),
    ...outbound.map((number) => countedPeer(number, "outbound").peer)
  ], true).report(facts, 0)

const options: WalkOptions = { own: idOf(OWN), maxNodes: 100, attempts: 2, patienceMillis: 60_000 }

const walking = (own: SurveyReport, more: Partial<WalkOptions> = {}) => {
  const walk = new SurveyWalk({ ...options, ...more })
  const results = new SurveyResults()
  results.own(idOf(OWN), own)
  const findings = (backlog: ReadonlyArray<PeerId> = []): SurveyFindings => ({
    isRunning: true,
    backlog,
    badResponseNodes: [],
    nodes: results.all()
  })
  return { walk, results, findings }
}

describe("a walk", () => {
  it("asks its own peers, then theirs, and nobody twice", () => {
    const { findings, results, walk } = walking(reportOf([1], [2]))
    assert.deepStrictEqual(walk.next(findings(), 0).map(({ node }) => node), [idOf(1), idOf(2)])
    assert.deepStrictEqual(walk.next(findings(), 0), [])
    results.answered(idOf(1), responseBody(reportOf([OWN], [2, 3]), { inbound: 0, outbound: 0 }))
    assert.deepStrictEqual(walk.next(findings(), 0).map(({ node }) => node), [idOf(3)])
    assert.deepStrictEqual(walk.progress(findings()), { asked: 3, answered: 1, waiting: 2 })
    for (const number of [2, 3]) {
      results.answered(idOf(number), responseBody(reportOf([]), { inbound: 0, outbound: 0 }))
    }
    assert.deepStrictEqual(walk.next(findings(), 0), [])
    assert.isTrue(walk.isDone())
  })

  it("asks on where a node has more peers than fit an answer", () => {
    const report = reportOf(Array.from({ length: 60 }, (_, i) => 100 + i), [OWN])
    const { findings, results, walk } = walking(reportOf([1]), { maxNodes: 1 })
    const indices: Array<number> = []
    for (let round = 0; round < 10; round++) {
      for (const { from, node } of walk.next(findings(), 0)) {
        assert.strictEqual(node, idOf(1))
        indices.push(from.inbound)
        results.answered(node, responseBody(report, from))
      }
    }
    assert.deepStrictEqual(indices, [0, 25, 50])
    assert.isTrue(walk.isDone())
    assert.strictEqual(results.all().get(idOf(1))?.inbound.size, 60)
  })

  it("asks again who does not answer, and gives up in the end; the time in the backlog does not count", () => {
    const { findings, walk } = walking(reportOf([1]))
    assert.lengthOf(walk.next(findings(), 0), 1)
    assert.deepStrictEqual(walk.next(findings([idOf(1)]), 500_000), [])
    assert.deepStrictEqual(walk.next(findings(), 500_000), [])
    assert.deepStrictEqual(walk.next(findings(), 559_999), [])
    assert.lengthOf(walk.next(findings(), 560_000), 1)
    assert.deepStrictEqual(walk.next(findings(), 560_001), [])
    assert.isFalse(walk.isDone())
    assert.deepStrictEqual(walk.next(findings(), 620_001), [])
    assert.isTrue(walk.isDone())
  })

  it("does not follow a node that claims peers without end", () => {
    const { findings, results, walk } = walking(reportOf([1]), { maxNodes: 3 })
    let asked = 0
    let now = 0
    while (!walk.isDone() || asked === 0) {
      for (const { from, node } of walk.next(findings(), now)) {
        asked += 1
        const claimed = reportOf(Array.from({ length: 30 }, (_, i) => 1000 + asked * 30 + i))
        const body = responseBody(claimed, { inbound: 0, outbound: 0 }).topologyResponseBodyV2
        results.answered(node, {
          _tag: "SURVEY_TOPOLOGY_RESPONSE_V2",
          topologyResponseBodyV2: { ...body, nodeData: { ...body.nodeData, totalInboundPeerCount: 0xffffffff } }
        })
        assert.isAtMost(from.inbound, 1000)
      }
      now += 10_000
    }
    assert.strictEqual(walk.progress(findings()).asked, 3)
    // 40 answers of 25 peers fill what is held of one node; then it tells nothing new, and is asked that once more.
    assert.isAtMost(asked, 3 * 42)
  })

  it("comes to every node of any network that answers, and ends", () => {
    const prng = stream(16, "walks")
    for (let round = 0; round < 10; round++) {
      const topology = random(2 + prng.below(40), 4, prng)
      const neighbours = neighboursOf(topology)
      const numbers = new Map(neighbours.map((_, number) => [idOf(number), number]))
      const { findings, results, walk } = walking(reportOf(neighbours[OWN]!))
      const backlog: Array<SurveyQuestion> = []
      const asked = new Set<PeerId>()
      for (let now = 0; now === 0 || !walk.isDone(); now += 1000) {
        backlog.push(...walk.next(findings(backlog.map(({ node }) => node)), now))
        // Some answer late, some at once.
        for (const { from, node: id } of backlog.splice(0, prng.below(4))) {
          asked.add(id)
          results.answered(id, responseBody(reportOf(neighbours[numbers.get(id)!]!), from))
        }
        assert.isBelow(now, 1_000_000)
      }
      assert.strictEqual(asked.size, topology.nodes - 1)
    }
  })
})
