/** A node in a survey, among peers that are driven by hand: it passes on, counts, answers, surveys itself, and is not fooled. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Layer, Result } from "effect"
import * as SecureRandom from "effect/crypto/SecureRandom"
import { TestClock } from "effect/testing"
import { tcpAddress } from "../../../src/core/PeerAddress.ts"
import type { PeerId } from "../../../src/core/PeerId.ts"
import { MAX_SURVEY_BODY_BYTES } from "../../../src/core/stellar/limits.ts"
import { peerIdFromPublicKey, publicKeyFromPeerId } from "../../../src/core/stellar/StrKey.ts"
import { seal } from "../../../src/core/stellar/survey/SealedBox.ts"
import { surveyLedger } from "../../../src/core/stellar/survey/SurveyLedger.ts"
import type { SurveyKind } from "../../../src/core/stellar/survey/SurveyMessages.ts"
import { openBody } from "../../../src/core/stellar/survey/SurveyResults.ts"
import { writeUint32 } from "../../../src/core/Xdr.ts"
import * as NodeCrypto from "../../../src/layers/node/NodeCrypto.ts"
import * as MemoryApplication from "../../../src/layers/stellar/MemoryApplication.ts"
import * as StellarIdentity from "../../../src/layers/stellar/StellarIdentity.ts"
import * as StellarSurvey from "../../../src/layers/stellar/StellarSurvey.ts"
import { FloodGate } from "../../../src/services/FloodGate.ts"
import { privateNetwork } from "../../../src/services/stellar/StellarConfig.ts"
import type { SurveyPeer } from "../../../src/services/stellar/Survey.ts"
import {
  bytes,
  countedPeer,
  damaged,
  encryptionSecret,
  type Node,
  type NodeKey,
  request,
  response,
  start,
  stop,
  surveyMessage,
  vectors
} from "../../core/stellar/survey/surveys.ts"
import { bytesOf, encode, sealed } from "./handshakePeer.ts"
import { type ByHand, caller } from "./peerByHand.ts"
import { crypto, makeNode, NOW_SECONDS, type TestNode, until } from "./peerNode.ts"

const ledger = surveyLedger(undefined, NOW_SECONDS * 1000)
const dated = { nonce: 77, ledger }

/** Who a peer of this label is. */
const nodeOf = (label: string): Node => {
  const signer = crypto.signer(bytesOf(crypto, `${label} seed`))
  return { signer, id: peerIdFromPublicKey(signer.publicKey) }
}
const surveyor = nodeOf("surveyor")
const other = nodeOf("other")
const keyOf = (id: PeerId): NodeKey => ({ signer: { publicKey: Result.getOrThrow(publicKeyFromPeerId(id)) } })

/** The messages of this kind that a peer has heard, in bytes. */
const heard = (peer: ByHand, kind: SurveyKind): ReadonlyArray<Uint8Array> =>
  peer.heardOf(kind).map((message) => encode(message))

const KINDS = [
  "TIME_SLICED_SURVEY_START_COLLECTING",
  "TIME_SLICED_SURVEY_STOP_COLLECTING",
  "TIME_SLICED_SURVEY_REQUEST",
  "TIME_SLICED_SURVEY_RESPONSE"
] as const
const allHeard = (peer: ByHand): ReadonlyArray<Uint8Array> => KINDS.flatMap((kind) => heard(peer, kind))

const surveyCounters = ({ overlay }: TestNode) =>
  Effect.map(
    overlay.counters,
    (counters) =>
      ["surveyRelayed", "surveyAnswered", "surveyDuplicate", "surveyIgnored", "surveyForged"].map((name) =>
        counters[name]
      )
  )

/** All that was said before has been taken in, and what it caused has been read. */
const settle = (...peers: ReadonlyArray<ByHand>) =>
  Effect.forEach([...peers, ...peers], (peer) => peer.settle, { discard: true })

/** A node, a surveyor that is its peer, and another peer. */
const among = Effect.fnUntraced(function*(surveyorKeys: ReadonlyArray<string> = [surveyor.id]) {
  yield* TestClock.setTime(NOW_SECONDS * 1000)
  const node = yield* makeNode({ config: { surveyorKeys, maxInbound: 30, targetOutbound: 0 } })
  const one = yield* caller(node, { label: "surveyor" })
  const two = yield* caller(node, { label: "other" })
  return { node, one, two, itself: keyOf(node.id) }
})

/** The node looks at the time. */
const beat = TestClock.adjust(Duration.seconds(5))

const phaseOf = ({ overlay }: TestNode) => Effect.map(overlay.survey.status, ({ phase }) => phase._tag)

describe("a node in the survey of another", () => {
  it.effect("passes each message on to whoever does not know it, byte for byte and once", () =>
    Effect.gen(function*() {
      const { node, one, two } = yield* among()
      const said = [start(surveyor, dated), stop(surveyor, dated), request(surveyor, other, dated)]
      for (const message of said) {
        one.sayBytes(message)
        yield* settle(one, two)
      }
      assert.deepStrictEqual(allHeard(two), said)
      two.sayBytes(response(other, surveyor, dated))
      for (const message of said) two.sayBytes(message)
      yield* settle(two, one)
      assert.deepStrictEqual(allHeard(one), [response(other, surveyor, dated)])
      assert.deepStrictEqual(allHeard(two), said, "nothing comes back")
      assert.deepStrictEqual(yield* surveyCounters(node), [4, 0, 3, 0, 0])
    }))

  it.effect("answers once it reports, with what it counted in the slice, sealed for the surveyor", () =>
    Effect.gen(function*() {
      const { itself, node, one, two } = yield* among()
      const ask = request(surveyor, itself, dated)
      one.sayBytes(ask)
      one.sayBytes(start(surveyor, dated))
      yield* settle(one, two)
      assert.strictEqual(yield* phaseOf(node), "Collecting")
      two.sayBytes(start(surveyor, dated))
      const three = yield* caller(node, { label: "who came later" })
      yield* TestClock.adjust(Duration.seconds(4))
      yield* settle(one, two, three)
      one.sayBytes(stop(surveyor, dated))
      yield* settle(one)
      one.sayBytes(ask)
      const { surveyResponse } = yield* one.hear("TIME_SLICED_SURVEY_RESPONSE")
      yield* settle(two)

      const [answered] = heard(two, "TIME_SLICED_SURVEY_RESPONSE")
      assert.deepStrictEqual(answered, encode({ _tag: "TIME_SLICED_SURVEY_RESPONSE", surveyResponse }))
      const { response: told } = surveyResponse
      assert.strictEqual(told.nonce, 77)
      assert.strictEqual(told.response.ledgerNum, ledger)
      assert.deepStrictEqual(told.response.surveyorPeerID, surveyor.signer.publicKey)
      assert.deepStrictEqual(told.response.surveyedPeerID, itself.signer.publicKey)
      assert.isUndefined(openBody(crypto, new Uint8Array(32).fill(6), told.response.encryptedBody))
      const body = openBody(crypto, encryptionSecret, told.response.encryptedBody)
      assert(body !== undefined)
      const { inboundPeers, nodeData, outboundPeers } = body.topologyResponseBodyV2
      assert.deepStrictEqual(outboundPeers, [])
      assert.deepStrictEqual(
        inboundPeers.map(({ peerStats }) => peerIdFromPublicKey(peerStats.id)),
        [surveyor.id, other.id]
      )
      const [, ofTwo] = inboundPeers
      // A second START, which it knew; and what the settling asked, between two others' words.
      assert.deepInclude(ofTwo?.peerStats, {
        secondsConnected: 4n,
        duplicateFloodMessageRecv: 1n,
        duplicateFloodBytesRecv: BigInt(start(surveyor, dated).length),
        uniqueFloodMessageRecv: 0n
      })
      assert.isAtLeast(Number(ofTwo?.peerStats.messagesRead), 3)
      assert.isAtLeast(Number(ofTwo?.peerStats.bytesRead), start(surveyor, dated).length)
      assert.deepInclude(nodeData, {
        addedAuthenticatedPeers: 1,
        droppedAuthenticatedPeers: 0,
        totalInboundPeerCount: 2,
        totalOutboundPeerCount: 0,
        lostSyncCount: 0,
        isValidator: false,
        maxInboundPeerCount: 30,
        maxOutboundPeerCount: 0
      })
      assert.deepStrictEqual(node.leaves(one.id), [])
    }))

  it.effect("lists no peer that was away in between, and tells of its coming and going [core: time sliced dynamic survey / leave]", () =>
    Effect.gen(function*() {
      const { itself, node, one, two } = yield* among()
      one.sayBytes(start(surveyor, dated))
      yield* settle(one, two)
      yield* node.overlay.disconnect(two.id)
      yield* two.ending
      yield* until("the peer is gone", () => node.leaves(two.id).length > 0)
      yield* settle(one)
      yield* caller(node, { label: "other" })
      one.sayBytes(stop(surveyor, dated))
      one.sayBytes(request(surveyor, itself, dated))
      const { surveyResponse } = yield* one.hear("TIME_SLICED_SURVEY_RESPONSE")
      const body = openBody(crypto, encryptionSecret, surveyResponse.response.response.encryptedBody)
      assert(body !== undefined)
      const { inboundPeers, nodeData } = body.topologyResponseBodyV2
      assert.deepStrictEqual(inboundPeers.map(({ peerStats }) => peerIdFromPublicKey(peerStats.id)), [surveyor.id])
      assert.deepInclude(nodeData, {
        addedAuthenticatedPeers: 1,
        droppedAuthenticatedPeers: 1,
        totalInboundPeerCount: 1
      })
    }))

  it.effect("seals each answer with a key of its own", () =>
    Effect.gen(function*() {
      const { itself, one } = yield* among()
      one.sayBytes(start(surveyor, dated))
      one.sayBytes(stop(surveyor, dated))
      const boxes: Array<string> = []
      for (const from of [0, 25, 50]) {
        one.sayBytes(
          request(surveyor, itself, { nonce: 77, ledger: ledger + from / 25 }, { inbound: from, outbound: 0 })
        )
        const { surveyResponse } = yield* one.hear("TIME_SLICED_SURVEY_RESPONSE")
        boxes.push(Buffer.from(surveyResponse.response.response.encryptedBody.subarray(0, 32)).toString("hex"))
      }
      assert.strictEqual(new Set(boxes).size, 3)
    }))

  it.effect("gives no answer to a key that keeps nothing secret, and goes on", () =>
    Effect.gen(function*() {
      const { itself, node, one } = yield* among()
      one.sayBytes(start(surveyor, dated))
      one.sayBytes(stop(surveyor, dated))
      one.sayBytes(request(surveyor, itself, dated, { inbound: 0, outbound: 0 }, new Uint8Array(32)))
      yield* settle(one)
      assert.deepStrictEqual(heard(one, "TIME_SLICED_SURVEY_RESPONSE"), [])
      one.sayBytes(request(surveyor, itself, { nonce: 77, ledger: ledger + 1 }))
      yield* one.hear("TIME_SLICED_SURVEY_RESPONSE")
      assert.deepStrictEqual(node.leaves(one.id), [])
    }))

  it.effect("ignores whom it was not told to trust, and says so to nobody", () =>
    Effect.gen(function*() {
      const { node, one, two } = yield* among([other.id])
      one.sayBytes(start(surveyor, dated))
      one.sayBytes(damaged(start(surveyor, dated)))
      yield* settle(one, two)
      assert.deepStrictEqual(allHeard(two), [])
      assert.strictEqual(yield* phaseOf(node), "Inactive")
      assert.deepStrictEqual(node.leaves(one.id), [])
      assert.deepStrictEqual(yield* surveyCounters(node), [0, 0, 0, 2, 0])
    }))

  it.effect("passes on of one surveyor ten requests a ledger, each once", () =>
    Effect.gen(function*() {
      const { node, one, two } = yield* among()
      one.sayBytes(start(surveyor, dated))
      one.sayBytes(stop(surveyor, dated))
      const asked = Array.from({ length: 14 }, (_, i) => nodeOf(`asked ${i}`))
      for (const each of asked) one.sayBytes(request(surveyor, each, dated))
      for (const each of asked.slice(0, 3)) {
        one.sayBytes(request(surveyor, each, dated, { inbound: 25, outbound: 25 }))
      }
      yield* settle(one, two)
      assert.deepStrictEqual(
        heard(two, "TIME_SLICED_SURVEY_REQUEST"),
        asked.slice(0, 10).map((each) => request(surveyor, each, dated))
      )
      assert.deepStrictEqual(yield* surveyCounters(node), [12, 0, 0, 7, 0])
    }))

  it.effect("lets nobody replay an old survey", () =>
    Effect.gen(function*() {
      const { node, one, two } = yield* among()
      const old = { nonce: 77, ledger: ledger - 7 }
      for (const message of [start(surveyor, old), stop(surveyor, old), request(surveyor, other, old)]) {
        one.sayBytes(message)
      }
      one.sayBytes(start(surveyor, { nonce: 77, ledger: ledger + 7 }))
      yield* settle(one, two)
      assert.deepStrictEqual(allHeard(two), [])
      assert.strictEqual(yield* phaseOf(node), "Inactive")
    }))

  it.effect("counts for 30 minutes at most, and answers for three hours at most [core: time sliced static survey / time-outs]", () =>
    Effect.gen(function*() {
      const { node, one } = yield* among()
      one.sayBytes(start(surveyor, dated))
      yield* settle(one)
      yield* TestClock.adjust(Duration.minutes(29))
      assert.strictEqual(yield* phaseOf(node), "Collecting")
      yield* TestClock.adjust(Duration.minutes(1))
      assert.strictEqual(yield* phaseOf(node), "Reporting")
      yield* TestClock.adjust(Duration.minutes(179))
      assert.strictEqual(yield* phaseOf(node), "Reporting")
      yield* TestClock.adjust(Duration.minutes(1.5))
      assert.strictEqual(yield* phaseOf(node), "Inactive")
    }))

  const forgeries: ReadonlyArray<readonly [kind: string, message: () => Uint8Array]> = [
    ["START", () => start(surveyor, { nonce: 78, ledger })],
    ["STOP", () => stop(surveyor, dated)],
    ["request", () => request(surveyor, nodeOf("third"), dated)],
    ["answer", () => response(other, surveyor, dated)]
  ]
  for (const [at, [kind, message]] of forgeries.entries()) {
    it.effect(`drops the peer that passes on a forged ${kind}, and tells it why`, () =>
      Effect.gen(function*() {
        const { node, one, two } = yield* among()
        const before = [start(surveyor, dated), stop(surveyor, dated), request(surveyor, other, dated)]
        // Of a START the survey before must not have begun.
        for (const said of before.slice(0, at)) one.sayBytes(said)
        yield* settle(one, two)
        const known = allHeard(two).length
        one.sayBytes(damaged(message()))
        assert.strictEqual(yield* one.ending, "0 Survey has invalid signature")
        yield* until("the node says so", () => node.leaves(one.id).length > 0)
        assert.deepStrictEqual(node.leaves(one.id).map(({ _tag }) => _tag), ["SurveySignature"])
        yield* settle(two)
        assert.strictEqual(allHeard(two).length, known)
        assert.deepStrictEqual(node.leaves(two.id), [])
      }))
  }

  it.effect("drops a peer for an answer longer than any can be, and for one with bytes behind it", () =>
    Effect.gen(function*() {
      const { node, one, two } = yield* among()
      const longest = response(other, surveyor, dated, new Uint8Array(MAX_SURVEY_BODY_BYTES))
      // From the end: the number (4), the body, its length (4).
      const lengthAt = longest.length - 4 - MAX_SURVEY_BODY_BYTES - 4
      const tooLong = new Uint8Array(longest.length + 4)
      tooLong.set(longest)
      writeUint32(tooLong, lengthAt, MAX_SURVEY_BODY_BYTES + 4)
      one.sayBytes(longest)
      yield* settle(one)
      assert.deepStrictEqual(node.leaves(one.id), [], "the longest is only unasked for")
      one.sayBytes(tooLong)
      two.sayBytes(Buffer.concat([start(surveyor, dated), new Uint8Array(4)]))
      for (const peer of [one, two]) {
        assert.strictEqual(yield* peer.ending, "1 received corrupt XDR")
        assert.deepStrictEqual(node.leaves(peer.id).map(({ _tag }) => _tag), ["CorruptXdr"])
      }
    }))

  it.effect("keeps what it passes on, whatever becomes of the buffer that it came in", () =>
    Effect.gen(function*() {
      const passedOn: Array<Uint8Array> = []
      const peer: SurveyPeer = {
        ...countedPeer(3, "inbound").peer,
        address: tcpAddress("127.0.0.1", 1),
        slot: 0,
        offer: () => false,
        offerControl: (message) => passedOn.push(message) > 0,
        advertise: () => false,
        demand: () => false,
        drop: () => {}
      }
      const survey = yield* StellarSurvey.make(privateNetwork("a survey", { surveyorKeys: [surveyor.id] })).pipe(
        Effect.provide([
          StellarIdentity.layer(),
          MemoryApplication.layer({ passphrase: "a survey" }),
          Layer.succeed(FloodGate, {
            has: () => false,
            receive: () => true,
            broadcast: (_kind, _hash, tell) => Number(tell(peer)),
            bringer: () => -1,
            knows: () => false,
            forget: () => {},
            advance: () => {},
            release: () => {},
            size: () => ({ entries: 0, bytes: 0, evicted: 0 })
          })
        ]),
        Effect.provide([NodeCrypto.layer, SecureRandom.layerWebCrypto])
      )
      const said = start(surveyor, { nonce: 77, ledger: surveyLedger(undefined, 0) })
      const buffer = said.slice()
      assert.strictEqual(survey.receive(peer, surveyMessage(said), buffer), "relay")
      buffer.fill(0)
      assert.deepStrictEqual(passedOn, [said])
    }))

  it.effect("takes a whole survey in one chunk", () =>
    Effect.gen(function*() {
      const { itself, one, two } = yield* among()
      const said = [start(surveyor, dated), stop(surveyor, dated), request(surveyor, itself, dated)]
      one.send(Buffer.concat(said.map((message) => sealed(one.channel(), message))))
      yield* one.hear("TIME_SLICED_SURVEY_RESPONSE")
      yield* settle(two)
      assert.deepStrictEqual(allHeard(two).slice(0, 2), said.slice(0, 2))
      assert.deepStrictEqual(heard(two, "TIME_SLICED_SURVEY_REQUEST"), [], "what was for the node goes no further")
    }))
})

describe("a node that surveys", () => {
  const refusal = <A>(effect: Effect.Effect<A, { readonly reason: string }>) =>
    Effect.map(Effect.flip(effect), ({ reason }) => reason)

  it.effect("starts, stops, asks, and tells what was answered beside what it counted itself", () =>
    Effect.gen(function*() {
      const { itself, node, one, two } = yield* among([])
      const { survey } = node.overlay
      yield* survey.start(5)
      assert.deepStrictEqual((yield* one.hear("TIME_SLICED_SURVEY_START_COLLECTING")).startCollecting.startCollecting, {
        surveyorID: itself.signer.publicKey,
        nonce: 5,
        ledgerNum: ledger
      })
      yield* survey.stop
      yield* one.hear("TIME_SLICED_SURVEY_STOP_COLLECTING")
      yield* survey.request(other.id)
      yield* beat
      const { surveyRequest: { request: asked } } = yield* two.hear("TIME_SLICED_SURVEY_REQUEST")
      const encryptedBody = seal(
        crypto,
        asked.request.encryptionKey,
        bytes(vectors.responseBody.plaintextXdr),
        bytesOf(crypto, "ephemeral")
      )
      assert.deepStrictEqual(
        [(yield* survey.results).isRunning, (yield* survey.results).nodes.get(other.id)],
        [true, undefined]
      )
      two.sayBytes(response(other, itself, { nonce: 5, ledger: ledger + 1 }, encryptedBody))
      yield* settle(two, one)
      assert.deepStrictEqual(heard(one, "TIME_SLICED_SURVEY_RESPONSE"), [], "it was for the surveyor")
      const { backlog, badResponseNodes, nodes } = yield* survey.results
      assert.deepStrictEqual([backlog, badResponseNodes], [[], []])
      assert.deepStrictEqual(Array.from(nodes.keys()), [node.id, other.id])
      assert.deepStrictEqual(Array.from(nodes.get(node.id)?.inbound.keys() ?? []), [surveyor.id, other.id])
      assert.deepStrictEqual(
        [nodes.get(other.id)?.inbound.size, nodes.get(other.id)?.data.lostSyncCount],
        [2, 0]
      )
    }))

  it.effect("asks ten nodes, and the others 15 seconds later, in the order in which they were named [core: survey request process order]", () =>
    Effect.gen(function*() {
      const { node, one } = yield* among([])
      const { survey } = node.overlay
      yield* survey.start(5)
      yield* survey.stop
      const named = Array.from({ length: 13 }, (_, i) => nodeOf(`named ${i}`))
      const asked = () =>
        one.heardOf("TIME_SLICED_SURVEY_REQUEST").map(({ surveyRequest: { request: { request } } }) =>
          peerIdFromPublicKey(request.surveyedPeerID)
        )
      for (const { id } of named) yield* survey.request(id)
      assert.deepStrictEqual((yield* survey.results).backlog, named.map(({ id }) => id))
      assert.strictEqual(yield* refusal(survey.request(named[4]!.id)), "queued")
      yield* beat
      yield* settle(one)
      assert.deepStrictEqual(asked(), named.slice(0, 10).map(({ id }) => id))
      yield* TestClock.adjust(Duration.seconds(14))
      yield* settle(one)
      assert.deepStrictEqual((yield* survey.results).backlog, named.slice(10).map(({ id }) => id))
      yield* TestClock.adjust(Duration.seconds(1))
      yield* settle(one)
      assert.deepStrictEqual(asked(), named.map(({ id }) => id))
    }))

  it.effect("names the nodes whose answers it cannot open, and takes none that it did not ask for", () =>
    Effect.gen(function*() {
      const { itself, node, two } = yield* among([])
      const { survey } = node.overlay
      yield* survey.start(5)
      yield* survey.stop
      two.sayBytes(response(other, itself, { nonce: 5, ledger }, new Uint8Array(60)))
      yield* settle(two)
      yield* survey.request(other.id)
      yield* beat
      two.sayBytes(response(other, itself, { nonce: 5, ledger: ledger + 1 }, new Uint8Array(64)))
      yield* settle(two)
      const { badResponseNodes, nodes } = yield* survey.results
      assert.deepStrictEqual(badResponseNodes, [other.id])
      assert.isUndefined(nodes.get(other.id))
      assert.deepStrictEqual(node.leaves(two.id), [])
    }))

  it.effect("takes no answer of a node that it did not ask, however well made [core: topology survey / unknown responses filtered]", () =>
    Effect.gen(function*() {
      const { itself, node, two } = yield* among([])
      const { survey } = node.overlay
      yield* survey.start(5)
      yield* survey.stop
      yield* survey.request(other.id)
      yield* beat
      const { surveyRequest: { request: asked } } = yield* two.hear("TIME_SLICED_SURVEY_REQUEST")
      const plaintext = bytes(vectors.responseBody.plaintextXdr)
      const box = seal(crypto, asked.request.encryptionKey, plaintext, bytesOf(crypto, "ephemeral"))
      const at = { nonce: 5, ledger: asked.request.ledgerNum }
      two.sayBytes(response(nodeOf("not asked"), itself, at, box))
      two.sayBytes(response(other, itself, at, box))
      yield* settle(two)
      const { badResponseNodes, nodes } = yield* survey.results
      assert.deepStrictEqual([Array.from(nodes.keys()), badResponseNodes], [[node.id, other.id], []])
      assert.isDefined(nodes.get(other.id))
    }))

  it.effect("does one thing at a time, in order, and says why not", () =>
    Effect.gen(function*() {
      const { node, one } = yield* among()
      const { survey } = node.overlay
      assert.strictEqual(yield* refusal(survey.stop), "not-collecting")
      assert.strictEqual(yield* refusal(survey.request(other.id)), "not-reporting")
      yield* survey.start(5)
      assert.strictEqual(yield* refusal(survey.start(6)), "active")
      one.sayBytes(start(surveyor, dated))
      yield* settle(one)
      assert.strictEqual(yield* refusal(survey.request(other.id)), "not-reporting")
      yield* survey.stop
      assert.strictEqual(yield* refusal(survey.stop), "not-collecting")
      assert.strictEqual(yield* refusal(survey.request(node.id)), "self")
      yield* survey.stopRequests
      assert.isFalse((yield* survey.results).isRunning)
      assert.deepStrictEqual(Array.from((yield* survey.results).nodes.keys()), [node.id], "the results stay")
      yield* TestClock.adjust(Duration.minutes(181))
      assert.strictEqual(yield* refusal(survey.request(other.id)), "not-reporting")
      yield* survey.start(7)
      assert.strictEqual(yield* phaseOf(node), "Collecting")
    }))

  it.effect("changes nothing when its number is none", () =>
    Effect.gen(function*() {
      const { node } = yield* among([])
      for (const nonce of [-1, 2 ** 32, 1.5]) {
        assert.isTrue(Exit.hasDies(yield* Effect.exit(node.overlay.survey.start(nonce))))
      }
      assert.strictEqual(yield* phaseOf(node), "Inactive")
    }))

  it.effect("cannot while another node does [core: time sliced static survey / conflict]", () =>
    Effect.gen(function*() {
      const { node, one } = yield* among()
      const { survey } = node.overlay
      one.sayBytes(start(surveyor, dated))
      yield* settle(one)
      assert.strictEqual(yield* refusal(survey.start(5)), "active")
      assert.strictEqual(yield* refusal(survey.stop), "not-collecting")
      one.sayBytes(stop(surveyor, dated))
      yield* settle(one)
      assert.strictEqual(yield* refusal(survey.request(other.id)), "not-reporting")
      assert.deepInclude(yield* survey.status, { isOwn: false, ledger })
    }))

  it.effect("ends its run when the survey is over, and what comes then is not read", () =>
    Effect.gen(function*() {
      const { node } = yield* among([])
      const { survey } = node.overlay
      yield* survey.start(5)
      yield* survey.stop
      yield* survey.request(other.id)
      yield* TestClock.adjust(Duration.minutes(181))
      assert.isFalse((yield* survey.results).isRunning)
    }))
})
