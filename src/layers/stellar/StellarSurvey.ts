/**
 * The survey of one node: what core's state machines decide is counted, answered, sealed and passed on here.
 *
 * Plain and synchronous. Its messages spend no credit; each is flooded once, over the flood gate.
 */
import { Clock, Effect, Layer, Result } from "effect"
import * as SecureRandom from "effect/crypto/SecureRandom"
import type { PeerId } from "../../core/PeerId.ts"
import { MessageType } from "../../core/stellar/messages.ts"
import { SurveyResponseBody } from "../../core/stellar/messages/survey.ts"
import { peerIdFromPublicKey, publicKeyFromPeerId } from "../../core/stellar/StrKey.ts"
import { seal } from "../../core/stellar/survey/SealedBox.ts"
import {
  type Indices,
  type NotQueued,
  SurveyBacklog,
  type SurveyQuestion
} from "../../core/stellar/survey/SurveyBacklog.ts"
import { SurveyIntake, type SurveyVerdict } from "../../core/stellar/survey/SurveyIntake.ts"
import { surveyLedger } from "../../core/stellar/survey/SurveyLedger.ts"
import {
  collectingMessage,
  requestMessage,
  responseMessage,
  type SurveyKind,
  type SurveyMessage
} from "../../core/stellar/survey/SurveyMessages.ts"
import { openBody, SurveyResults } from "../../core/stellar/survey/SurveyResults.ts"
import { responseBody, type SurveyReport, SurveySlice } from "../../core/stellar/survey/SurveySlice.ts"
import { encodeXdr, type UnencodableXdr } from "../../core/stellar/XdrCodec.ts"
import { WORD_BYTES, writeUint32 } from "../../core/Xdr.ts"
import { Crypto } from "../../services/Crypto.ts"
import { FloodGate } from "../../services/FloodGate.ts"
import { NodeIdentity } from "../../services/NodeIdentity.ts"
import { Application } from "../../services/stellar/Application.ts"
import type { StellarConfig } from "../../services/stellar/StellarConfig.ts"
import { Survey, type SurveyPeer, SurveyRefused } from "../../services/stellar/Survey.ts"

/** How many bytes a secret of X25519 has. */
const SECRET_BYTES = 32
/** A key of HMAC-SHA256 as long as its block. */
const EPHEMERAL_KEY_BYTES = 64
const FIRST: Indices = { inbound: 0, outbound: 0 }

/** A run of requests, with the secret that its answers are sealed for. */
interface Run {
  readonly secret: Uint8Array
  readonly publicKey: Uint8Array
  readonly nonce: number
}

/** A message of ours. That it breaks a bound of its kind is a defect. */
const ours = (encoded: Result.Result<Uint8Array, UnencodableXdr>): Uint8Array =>
  Result.getOrThrowWith(encoded, ({ reason }) => new Error(`a survey's message: ${reason}`))

const refused = (reason: SurveyRefused["reason"], message: string) =>
  Effect.fail(new SurveyRefused({ reason, message }))

const whyNotQueued: Record<NotQueued, string> = {
  self: "this node knows itself: its own data are among the results.",
  queued: "this node waits to be asked already.",
  full: "too many nodes wait to be asked."
}

/** Makes the survey of one node. Its state is gone with it; a run's secret is wiped when the run ends. */
export const make = Effect.fnUntraced(function*(config: StellarConfig) {
  const clock = yield* Clock.Clock
  const crypto = yield* Crypto
  const random = yield* SecureRandom.SecureRandom
  const identity = yield* NodeIdentity
  const floodGate = yield* FloodGate
  const application = yield* Application
  // Answers are made where nothing may wait, so their ephemeral secrets all follow from one drawing: MACs of a count.
  const ephemeralKey = crypto.macKey(yield* random.randomBytes(EPHEMERAL_KEY_BYTES))
  const own = identity.peerId

  const intake = new SurveyIntake({ own, surveyors: new Set(config.surveyorKeys), verify: crypto.verify })
  const { phase } = intake
  const backlog = new SurveyBacklog(own)
  const present = new Set<SurveyPeer>()
  const counters = { surveyRelayed: 0, surveyAnswered: 0, surveyDuplicate: 0, surveyIgnored: 0, surveyForged: 0 }
  /** While collecting. */
  let slice: SurveySlice | undefined
  /** While reporting. */
  let report: SurveyReport | undefined
  let run: Run | undefined
  let results = new SurveyResults()
  let sealed = 0
  let wasSynced = application.position().synced

  const now = (): number => clock.currentTimeMillisUnsafe()
  const ledgerAt = (nowMillis: number): number => surveyLedger(application.position().ledger, nowMillis)

  const ephemeralSecret = (): Uint8Array => {
    const count = new Uint8Array(WORD_BYTES)
    writeUint32(count, 0, sealed++)
    const secret = new Uint8Array(SECRET_BYTES)
    ephemeralKey.sign(count, 0, WORD_BYTES, secret, 0)
    return secret
  }

  /** Floods a whole message to all who do not know it. */
  const flood = (kind: SurveyKind, message: Uint8Array): void => {
    floodGate.broadcast(
      MessageType[kind],
      crypto.sha256(message.subarray(WORD_BYTES)),
      (peer) => peer.offerControl(message)
    )
  }

  const began = (): void => {
    slice = new SurveySlice(present, application.position().synced)
    report = undefined
  }

  const stopped = (nowMillis: number): void => {
    report = slice?.report({
      isValidator: config.isValidator,
      maxInbound: config.maxInbound,
      maxOutbound: config.targetOutbound,
      // Only a node that takes part in consensus could tell.
      scpFirstToSelfMillis: 0,
      scpSelfToOtherMillis: 0
    }, nowMillis)
    slice = undefined
  }

  // As surveyed node and as relay

  const receive = (
    from: SurveyPeer,
    message: SurveyMessage,
    bytes: Uint8Array
  ): SurveyVerdict | "duplicate" => {
    const kind = MessageType[message._tag]
    const hash = crypto.sha256(bytes.subarray(WORD_BYTES))
    if (floodGate.has(kind, hash)) {
      floodGate.receive(kind, hash, from)
      counters.surveyDuplicate += 1
      return "duplicate"
    }
    const nowMillis = now()
    const verdict = intake.receive(message, bytes, ledgerAt(nowMillis), nowMillis)
    switch (verdict) {
      case "ignore":
        counters.surveyIgnored += 1
        return verdict
      case "forged":
        counters.surveyForged += 1
        return verdict
      case "relay":
        if (message._tag === "TIME_SLICED_SURVEY_START_COLLECTING") began()
        if (message._tag === "TIME_SLICED_SURVEY_STOP_COLLECTING") stopped(nowMillis)
        floodGate.receive(kind, hash, from)
        counters.surveyRelayed += 1
        // The peers' outboxes hold it longer than the chunk that it came in.
        flood(message._tag, bytes.slice())
        return verdict
      case "answer":
        floodGate.receive(kind, hash, from)
        if (message._tag === "TIME_SLICED_SURVEY_REQUEST") answer(message)
        return verdict
      case "store":
        floodGate.receive(kind, hash, from)
        if (message._tag === "TIME_SLICED_SURVEY_RESPONSE") store(message)
        return verdict
    }
  }

  /** A key of small order keeps nothing secret: whoever sent it gets no answer. */
  const answer = (
    { surveyRequest: { request: { inboundPeersIndex, nonce, outboundPeersIndex, request } } }: Extract<
      SurveyMessage,
      { _tag: "TIME_SLICED_SURVEY_REQUEST" }
    >
  ): void => {
    if (report === undefined) return
    const body = responseBody(report, { inbound: inboundPeersIndex, outbound: outboundPeersIndex })
    const encryptedBody = seal(
      crypto,
      request.encryptionKey,
      ours(encodeXdr(SurveyResponseBody, body)),
      ephemeralSecret()
    )
    if (encryptedBody === undefined) return
    const ledger = request.ledgerNum
    intake.limiter.answered({ ledger, surveyor: peerIdFromPublicKey(request.surveyorPeerID), surveyed: own })
    counters.surveyAnswered += 1
    flood(
      "TIME_SLICED_SURVEY_RESPONSE",
      ours(responseMessage(identity.signer, { surveyor: request.surveyorPeerID, nonce, ledger, encryptedBody }))
    )
  }

  // As surveyor

  const store = (
    { surveyResponse: { response: { nonce, response } } }: Extract<
      SurveyMessage,
      { _tag: "TIME_SLICED_SURVEY_RESPONSE" }
    >
  ): void => {
    if (run === undefined || run.nonce !== nonce) return
    const node = peerIdFromPublicKey(response.surveyedPeerID)
    const body = openBody(crypto, run.secret, response.encryptedBody)
    if (body === undefined) results.failed(node)
    else results.answered(node, body)
  }

  const start = (nonce: number) =>
    Effect.suspend(() => {
      const nowMillis = now()
      if (!phase.canStart()) return refused("active", "another survey is active on the network.")
      // Made first: a number that is none shall change nothing.
      const message = ours(collectingMessage("TIME_SLICED_SURVEY_START_COLLECTING", identity.signer, {
        nonce,
        ledger: ledgerAt(nowMillis)
      }))
      phase.start({ surveyor: own, nonce }, nowMillis)
      began()
      flood("TIME_SLICED_SURVEY_START_COLLECTING", message)
      return Effect.void
    })

  const stop = Effect.suspend(() => {
    const nowMillis = now()
    const { survey } = phase
    if (survey === undefined || survey.surveyor !== own || !phase.stop(survey, nowMillis)) {
      return refused("not-collecting", "no survey of this node is active on the network.")
    }
    stopped(nowMillis)
    const dated = { nonce: survey.nonce, ledger: ledgerAt(nowMillis) }
    flood(
      "TIME_SLICED_SURVEY_STOP_COLLECTING",
      ours(collectingMessage("TIME_SLICED_SURVEY_STOP_COLLECTING", identity.signer, dated))
    )
    return Effect.void
  })

  /** Whether this node makes the survey that is reported. */
  const ownReport = (): number | undefined => {
    const { survey } = phase
    return survey !== undefined && survey.surveyor === own && phase.isReporting(survey.nonce) ? survey.nonce : undefined
  }

  const endRun = (): void => {
    run?.secret.fill(0)
    run = undefined
    backlog.clear()
  }

  const beginRun = (secret: Uint8Array, nonce: number): void => {
    run = { secret, publicKey: crypto.agreementPublicKey(secret), nonce }
    results = new SurveyResults()
    if (report !== undefined) results.own(own, report)
  }

  const request = Effect.fnUntraced(function*(node: PeerId, from: Indices = FIRST) {
    if (Result.isFailure(publicKeyFromPeerId(node))) {
      return yield* refused("not-a-node", "this is no node's public key.")
    }
    const secret = yield* random.randomBytes(SECRET_BYTES)
    const nonce = ownReport()
    if (nonce === undefined) {
      return yield* refused("not-reporting", "no survey of this node has been started and stopped on the network.")
    }
    if (run === undefined) beginRun(secret, nonce)
    const notQueued = backlog.add({ node, from })
    // Whoever is named until the next beat is asked with it: a request alone would take the turn of ten.
    if (notQueued !== undefined) return yield* refused(notQueued, whyNotQueued[notQueued])
  })

  /** Sends the next lot of requests. Who was asked in this very ledger waits for the next: others pass on one of each. */
  const topUp = (nowMillis: number): void => {
    if (run === undefined) return
    const ledger = ledgerAt(nowMillis)
    intake.limiter.advance(ledger)
    const may = ({ node }: SurveyQuestion) =>
      intake.limiter.admits({ ledger, surveyor: own, surveyed: node }) && results.asked(node)
    for (const question of backlog.take(nowMillis, may)) ask(run, question, ledger)
  }

  const ask = ({ nonce, publicKey }: Run, { from, node }: SurveyQuestion, ledger: number): void => {
    intake.limiter.enter({ ledger, surveyor: own, surveyed: node })
    const surveyed = Result.getOrThrow(publicKeyFromPeerId(node))
    flood(
      "TIME_SLICED_SURVEY_REQUEST",
      ours(requestMessage(identity.signer, { surveyed, encryptionKey: publicKey, from, nonce, ledger }))
    )
  }

  // Time

  const beat = (nowMillis: number): void => {
    const { synced } = application.position()
    if (wasSynced && !synced) slice?.lostSync()
    wasSynced = synced
    switch (phase.expire(nowMillis)) {
      case "Reporting":
        stopped(nowMillis)
        break
      case "Inactive":
        report = undefined
        break
    }
    if (run !== undefined && !phase.isReporting(run.nonce)) endRun()
    intake.limiter.advance(ledgerAt(nowMillis))
    topUp(nowMillis)
  }

  yield* Effect.addFinalizer(() => Effect.sync(endRun))

  return Survey.of({
    surveyor: {
      start,
      stop,
      request,
      stopRequests: Effect.sync(endRun),
      results: Effect.sync(() => ({
        isRunning: run !== undefined,
        backlog: backlog.nodes(),
        badResponseNodes: results.badNodes(),
        // A copy: what is told later shall not change what was given.
        nodes: new Map(results.all())
      })),
      status: Effect.sync(() => ({
        phase: phase.current,
        isOwn: phase.survey?.surveyor === own,
        ledger: ledgerAt(now())
      }))
    },
    join: (peer) => {
      present.add(peer)
      slice?.join()
    },
    leave: (peer) => {
      if (present.delete(peer)) slice?.leave(peer.id)
    },
    roundTrip: (peer, millis) => slice?.roundTrip(peer.id, millis),
    receive,
    beat,
    counters: () => ({ ...counters })
  })
})

/** The survey of one node: see `make`. */
export const layer = (config: StellarConfig) => Layer.effect(Survey, make(config))
