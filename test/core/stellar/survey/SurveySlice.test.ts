/** What a node counts in a slice, and how it tells it. */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { stream } from "../../../../src/core/Prng.ts"
import { MAX_SURVEY_PEERS, SURVEY_ROUND_TRIPS } from "../../../../src/core/stellar/limits.ts"
import { SurveyResponseBody } from "../../../../src/core/stellar/messages/survey.ts"
import { peerIdFromPublicKey } from "../../../../src/core/stellar/StrKey.ts"
import { seal, SEAL_BYTES } from "../../../../src/core/stellar/survey/SealedBox.ts"
import { responseBody, SurveySlice } from "../../../../src/core/stellar/survey/SurveySlice.ts"
import { decodeXdr, encodeXdr } from "../../../../src/core/stellar/XdrCodec.ts"
import { countedPeer, crypto, vectors } from "./surveys.ts"

const facts = {
  isValidator: true,
  maxInbound: 64,
  maxOutbound: 8,
  scpFirstToSelfMillis: 120.7,
  scpSelfToOtherMillis: 340
}

const idsOf = (peers: ReadonlyArray<{ readonly peerStats: { readonly id: Uint8Array } }>) =>
  peers.map(({ peerStats }) => peerIdFromPublicKey(peerStats.id))

describe("a slice", () => {
  it("counts what came between its start and its end, and the whole time of a connection [ref 11 counters since the start]", () => {
    const { counted, peer } = countedPeer(1, "inbound", 1000)
    for (const [i, key] of Object.keys(counted).entries()) Object.assign(counted, { [key]: 1000 * i })
    const slice = new SurveySlice([peer], true)
    for (const [i, key] of Object.keys(counted).entries()) Object.assign(counted, { [key]: 1000 * i + i + 1 })
    const { inbound, outbound } = slice.report(facts, 63_999)
    assert.deepStrictEqual(outbound, [])
    assert.deepStrictEqual(inbound, [{
      peerStats: {
        id: peer.publicKey,
        versionStr: peer.versionBytes,
        messagesRead: 1n,
        messagesWritten: 2n,
        bytesRead: 3n,
        bytesWritten: 4n,
        secondsConnected: 62n,
        uniqueFloodBytesRecv: 5n,
        duplicateFloodBytesRecv: 6n,
        uniqueFetchBytesRecv: 7n,
        duplicateFetchBytesRecv: 8n,
        uniqueFloodMessageRecv: 9n,
        duplicateFloodMessageRecv: 10n,
        uniqueFetchMessageRecv: 11n,
        duplicateFetchMessageRecv: 12n
      },
      averageLatencyMs: 0
    }])
  })

  it("lists who was there all the time, and counts who came and who went [ref 11 who left is not listed]", () => {
    const peers = [1, 2, 3, 4].map((number) => countedPeer(number, number % 2 === 0 ? "outbound" : "inbound").peer)
    const [one, two, three, four] = peers
    assert(one !== undefined && two !== undefined && three !== undefined && four !== undefined)
    const slice = new SurveySlice(peers, true)
    slice.leave(two.id)
    slice.join()
    slice.leave(one.id)
    // The same node again.
    slice.join()
    const { inbound, node, outbound } = slice.report(facts, 0)
    assert.deepStrictEqual([idsOf(inbound), idsOf(outbound)], [[three.id], [four.id]])
    assert.deepStrictEqual(node, {
      addedAuthenticatedPeers: 2,
      droppedAuthenticatedPeers: 2,
      totalInboundPeerCount: 1,
      totalOutboundPeerCount: 1,
      p75SCPFirstToSelfLatencyMs: 120,
      p75SCPSelfToOtherLatencyMs: 340,
      lostSyncCount: 0,
      isValidator: true,
      maxInboundPeerCount: 64,
      maxOutboundPeerCount: 8
    })
  })

  it("tells the median of the round trips, of a bounded number of them", () => {
    const peers = [1, 2, 3].map((number) => countedPeer(number, "inbound").peer)
    const slice = new SurveySlice(peers, true)
    for (const millis of [30, 10, 1000]) slice.roundTrip(peers[0]!.id, millis)
    for (const millis of [10, 25, 40, 3]) slice.roundTrip(peers[1]!.id, millis)
    for (let i = 0; i < SURVEY_ROUND_TRIPS; i++) slice.roundTrip(peers[2]!.id, 7)
    for (let i = 0; i < 2 * SURVEY_ROUND_TRIPS; i++) slice.roundTrip(peers[2]!.id, 9)
    slice.roundTrip(countedPeer(9, "inbound").peer.id, 1)
    assert.deepStrictEqual(slice.report(facts, 0).inbound.map(({ averageLatencyMs }) => averageLatencyMs), [30, 17, 7])
  })

  it("tells how often the network was lost, and that it was lost at the start [ref 11 lost at the start]", () => {
    const slice = new SurveySlice([], false)
    slice.lostSync()
    slice.lostSync()
    assert.strictEqual(slice.report(facts, 0).node.lostSyncCount, 3)
  })

  it("never tells less than nothing: clocks and counters may step back", () => {
    const { counted, peer } = countedPeer(1, "inbound", 5000)
    counted.bytesRead = 10
    const slice = new SurveySlice([peer], true)
    counted.bytesRead = 5
    const [told] = slice.report(facts, 1000).inbound
    assert.strictEqual(told?.peerStats.bytesRead, 0n)
    assert.strictEqual(told?.peerStats.secondsConnected, 0n)
  })
})

describe("an answer", () => {
  const reportOf = (inbound: number, outbound: number) =>
    new SurveySlice([
      ...Array.from({ length: inbound }, (_, i) => countedPeer(1 + i, "inbound").peer),
      ...Array.from({ length: outbound }, (_, i) => countedPeer(1000 + i, "outbound").peer)
    ], true).report(facts, 0)

  it("holds up to 25 peers of each direction, from the index on [ref 11 slices of 25]", () => {
    const report = reportOf(60, 3)
    const { inboundPeers, nodeData, outboundPeers } =
      responseBody(report, { inbound: 25, outbound: 1 }).topologyResponseBodyV2
    assert.deepStrictEqual(inboundPeers, report.inbound.slice(25, 50))
    assert.deepStrictEqual(outboundPeers, report.outbound.slice(1))
    assert.strictEqual(nodeData.totalInboundPeerCount, 60)
    const beyond = responseBody(report, { inbound: 60, outbound: 0xffffffff }).topologyResponseBodyV2
    assert.deepStrictEqual([beyond.inboundPeers, beyond.outboundPeers], [[], []])
  })

  it("told slice by slice is the whole, however long the lists are", () => {
    const prng = stream(14, "pages")
    for (let round = 0; round < 10; round++) {
      const report = reportOf(prng.below(90), prng.below(90))
      const told: { inbound: Array<unknown>; outbound: Array<unknown> } = { inbound: [], outbound: [] }
      for (let index = 0; index < 100; index += MAX_SURVEY_PEERS) {
        const body = responseBody(report, { inbound: index, outbound: index })
        const decoded = Result.getOrThrow(
          decodeXdr(SurveyResponseBody, Result.getOrThrow(encodeXdr(SurveyResponseBody, body)))
        )
        told.inbound.push(...decoded.topologyResponseBodyV2.inboundPeers)
        told.outbound.push(...decoded.topologyResponseBodyV2.outboundPeers)
      }
      assert.deepStrictEqual(told, { inbound: [...report.inbound], outbound: [...report.outbound] })
    }
  })

  it("fits its message by far when it is as long as it can be [core: encrypted response memory check]", () => {
    const longest = Array.from({ length: 50 }, (_, i) => ({
      ...countedPeer(1 + i, i < 25 ? "inbound" : "outbound").peer,
      versionBytes: new Uint8Array(100)
    }))
    const report = new SurveySlice(longest, true).report(facts, 0)
    const plaintext = Result.getOrThrow(
      encodeXdr(SurveyResponseBody, responseBody(report, { inbound: 0, outbound: 0 }))
    )
    assert.strictEqual(plaintext.length, vectors.largestBody.plaintextBytes)
    const recipient = crypto.agreementPublicKey(new Uint8Array(32).fill(1))
    const sealed = seal(crypto, recipient, plaintext, new Uint8Array(32).fill(2))
    assert.strictEqual(sealed?.length, plaintext.length + SEAL_BYTES)
    assert.strictEqual(sealed?.length, vectors.largestBody.sealedBytes)
  })
})
