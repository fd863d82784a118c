/** What a surveyor learns, and how it is told: with the keys of core's `getsurveyresult`. */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { SURVEY_PEERS_HELD } from "../../../../src/core/stellar/limits.ts"
import { SurveyResponseBody } from "../../../../src/core/stellar/messages/survey.ts"
import { seal } from "../../../../src/core/stellar/survey/SealedBox.ts"
import { surveyDocument } from "../../../../src/core/stellar/survey/SurveyDocument.ts"
import { openBody, SurveyResults } from "../../../../src/core/stellar/survey/SurveyResults.ts"
import { responseBody, SurveySlice } from "../../../../src/core/stellar/survey/SurveySlice.ts"
import { decodeXdr } from "../../../../src/core/stellar/XdrCodec.ts"
import { bytes, countedPeer, crypto, node, vectors } from "./surveys.ts"

const one = node(1).id
const two = node(2).id
const facts = { isValidator: false, maxInbound: 9, maxOutbound: 8, scpFirstToSelfMillis: 0, scpSelfToOtherMillis: 0 }
const reportOf = (first: number, count: number) =>
  new SurveySlice(Array.from({ length: count }, (_, i) => countedPeer(first + i, "inbound").peer), true).report(
    facts,
    0
  )

const goldenBody = Result.getOrThrow(decodeXdr(SurveyResponseBody, bytes(vectors.responseBody.plaintextXdr)))

describe("the results of a survey", () => {
  it("hold each node that was asked, and what it answered, from several answers", () => {
    const results = new SurveyResults()
    results.asked(one)
    results.asked(two)
    assert.deepStrictEqual(Array.from(results.all()), [[one, undefined], [two, undefined]])
    const report = reportOf(10, 60)
    for (const inbound of [0, 50, 25, 25]) results.answered(one, responseBody(report, { inbound, outbound: 0 }))
    const told = results.all().get(one)
    assert.deepStrictEqual(
      new Set(told?.inbound.keys()),
      new Set(Array.from({ length: 60 }, (_, i) => node(10 + i).id))
    )
    assert.strictEqual(told?.data.totalInboundPeerCount, 60)
    assert.isUndefined(results.all().get(two))
  })

  it("hold a bounded number of peers of a node that claims any number", () => {
    const results = new SurveyResults()
    const report = reportOf(1, SURVEY_PEERS_HELD + 30)
    for (let inbound = 0; inbound < SURVEY_PEERS_HELD + 30; inbound += 25) {
      results.answered(one, responseBody(report, { inbound, outbound: 0 }))
    }
    assert.strictEqual(results.all().get(one)?.inbound.size, SURVEY_PEERS_HELD)
  })

  it("name the nodes whose answers could not be read, until they can", () => {
    const results = new SurveyResults()
    results.failed(two)
    assert.deepStrictEqual(results.badNodes(), [], "who was not asked")
    results.asked(one)
    results.failed(one)
    assert.deepStrictEqual(results.badNodes(), [one])
    results.answered(one, goldenBody)
    assert.deepStrictEqual(results.badNodes(), [])
  })

  it("are told with core's keys, in core's order", () => {
    const results = new SurveyResults()
    results.answered(one, goldenBody)
    results.asked(two)
    const document = surveyDocument({ isRunning: true, backlog: [], badResponseNodes: [two], nodes: results.all() })
    assert.deepStrictEqual(Object.keys(document), ["surveyInProgress", "backlog", "badResponseNodes", "topology"])
    assert.deepInclude(document, { surveyInProgress: true, backlog: null, badResponseNodes: [two] })
    assert.isNull(document.topology[two])
    const told = document.topology[one]
    assert.deepStrictEqual({ ...told, inboundPeers: told?.inboundPeers?.length, outboundPeers: told?.outboundPeers }, {
      addedAuthenticatedPeers: 2,
      droppedAuthenticatedPeers: 1,
      numTotalInboundPeers: 3,
      numTotalOutboundPeers: 2,
      p75SCPFirstToSelfLatencyMs: 120,
      p75SCPSelfToOtherLatencyMs: 340,
      lostSyncCount: 0,
      isValidator: true,
      maxInboundPeerCount: 64,
      maxOutboundPeerCount: 8,
      inboundPeers: 2,
      outboundPeers: [{
        nodeId: "GB3JIDWMKATCN57RA4OZM7EDVJ5UMJNGW5TYXSQKNSC2IJLJZNMFBU6O",
        version: "v3.0.0 (test)",
        messagesRead: 3000,
        messagesWritten: 3001,
        bytesRead: 3002,
        bytesWritten: 3003,
        secondsConnected: 3004,
        uniqueFloodBytesRecv: 3005,
        duplicateFloodBytesRecv: 3006,
        uniqueFetchBytesRecv: 3007,
        duplicateFetchBytesRecv: 3008,
        uniqueFloodMessageRecv: 3009,
        duplicateFloodMessageRecv: 3010,
        uniqueFetchMessageRecv: 3011,
        duplicateFetchMessageRecv: 3012,
        averageLatencyMs: 13
      }]
    })
  })
})

describe("the body of an answer", () => {
  const secret = bytes(vectors.surveyor.encryptionSecret)

  it("is opened and read by whom it was sealed for", () => {
    assert.deepStrictEqual(openBody(crypto, secret, bytes(vectors.responseBody.sealed)), goldenBody)
    assert.isUndefined(openBody(crypto, new Uint8Array(32).fill(1), bytes(vectors.responseBody.sealed)))
  })

  it("is none when what was sealed is no answer", () => {
    const recipient = crypto.agreementPublicKey(secret)
    for (const plaintext of ["", "00000001", `${vectors.responseBody.plaintextXdr}00000000`]) {
      const sealed = seal(crypto, recipient, bytes(plaintext), new Uint8Array(32).fill(3))
      assert(sealed !== undefined)
      assert.isUndefined(openBody(crypto, secret, sealed))
    }
  })
})
