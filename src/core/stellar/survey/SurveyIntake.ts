/**
 * What a node makes of the survey messages of others, in the order of the protocol's checks: the cheap ones first, the signature
 * last.
 *
 * It owns the phase and the limits. What is to be counted, answered and passed on is its caller's to do.
 * Source: Stellar overlay protocol, time-sliced survey.
 */
import type { CryptoShape } from "../../Crypto.ts"
import type { PeerId } from "../../PeerId.ts"
import {
  type SignedTimeSlicedSurveyRequestMessage,
  type SignedTimeSlicedSurveyResponseMessage,
  TIME_SLICED_SURVEY_TOPOLOGY,
  type TimeSlicedSurveyStartCollectingMessage
} from "../messages/survey.ts"
import { peerIdFromPublicKey } from "../StrKey.ts"
import { isTimely } from "./SurveyLedger.ts"
import { type SurveyedAt, SurveyLimiter } from "./SurveyLimiter.ts"
import { isSigned, type SurveyMessage } from "./SurveyMessages.ts"
import { type SurveyId, SurveyPhase } from "./SurveyPhase.ts"

/**
 * What becomes of a message.
 *
 * - `relay`: it holds, and goes on to whoever does not know it.
 * - `answer`: a request to this node, whose survey is being reported to this surveyor.
 * - `store`: an answer to this node.
 * - `ignore`: not for us, not now, or once too often. Nobody is to blame.
 * - `forged`: its signature is wrong, and who sent it should have seen that.
 */
export type SurveyVerdict = "relay" | "answer" | "store" | "ignore" | "forged"

/** Who a node is, and who may make surveys with it. */
export interface IntakeParts {
  readonly own: PeerId
  /** Who may survey this node (core: SURVEYOR_KEYS). This node itself always may; of nobody named, nobody else may. */
  readonly surveyors: ReadonlySet<string>
  readonly verify: CryptoShape["verify"]
}

/** The intake of one node. */
export class SurveyIntake {
  readonly phase = new SurveyPhase()
  readonly limiter: SurveyLimiter
  private readonly parts: IntakeParts

  constructor(parts: IntakeParts) {
    this.parts = parts
    this.limiter = new SurveyLimiter(parts.own)
  }

  /** Whether this node takes part in surveys of that one. */
  permits(surveyor: PeerId): boolean {
    return surveyor === this.parts.own || this.parts.surveyors.has(surveyor)
  }

  /**
   * Judges a message that came from a peer, and takes note of it. `bytes` is all of it, `ledger` the node's own.
   */
  receive(message: SurveyMessage, bytes: Uint8Array, ledger: number, nowMillis: number): SurveyVerdict {
    this.limiter.advance(ledger)
    const holds = (): boolean => isSigned(this.parts.verify, message, bytes)
    switch (message._tag) {
      case "TIME_SLICED_SURVEY_START_COLLECTING":
        return this.onStart(message.startCollecting.startCollecting, ledger, nowMillis, holds)
      case "TIME_SLICED_SURVEY_STOP_COLLECTING":
        return this.onStop(message.stopCollecting.stopCollecting, ledger, nowMillis, holds)
      case "TIME_SLICED_SURVEY_REQUEST":
        return this.onRequest(message.surveyRequest.request, ledger, holds)
      case "TIME_SLICED_SURVEY_RESPONSE":
        return this.onResponse(message.surveyResponse.response, ledger, holds)
    }
  }

  private onStart(
    { ledgerNum, nonce, surveyorID }: TimeSlicedSurveyStartCollectingMessage,
    ledger: number,
    nowMillis: number,
    holds: () => boolean
  ): SurveyVerdict {
    const survey: SurveyId = { surveyor: peerIdFromPublicKey(surveyorID), nonce }
    if (!this.permits(survey.surveyor) || !isTimely(ledgerNum, ledger) || !this.phase.canStart()) return "ignore"
    if (!holds()) return "forged"
    this.phase.start(survey, nowMillis)
    return "relay"
  }

  /** The signature is looked at before the phase, as in core: who passes on a forged STOP is told so whatever we think of it. */
  private onStop(
    { ledgerNum, nonce, surveyorID }: TimeSlicedSurveyStartCollectingMessage,
    ledger: number,
    nowMillis: number,
    holds: () => boolean
  ): SurveyVerdict {
    const survey: SurveyId = { surveyor: peerIdFromPublicKey(surveyorID), nonce }
    if (!this.permits(survey.surveyor) || !isTimely(ledgerNum, ledger)) return "ignore"
    if (!holds()) return "forged"
    return this.phase.stop(survey, nowMillis) ? "relay" : "ignore"
  }

  private onRequest(
    { nonce, request }: SignedTimeSlicedSurveyRequestMessage["request"],
    ledger: number,
    holds: () => boolean
  ): SurveyVerdict {
    const asked: SurveyedAt = {
      ledger: request.ledgerNum,
      surveyor: peerIdFromPublicKey(request.surveyorPeerID),
      surveyed: peerIdFromPublicKey(request.surveyedPeerID)
    }
    if (!this.permits(asked.surveyor) || request.commandType !== TIME_SLICED_SURVEY_TOPOLOGY) return "ignore"
    if (!isTimely(asked.ledger, ledger) || !this.limiter.admits(asked) || !this.phase.isReporting(nonce)) {
      return "ignore"
    }
    if (!holds()) return "forged"
    this.limiter.enter(asked)
    if (asked.surveyed !== this.parts.own) return "relay"
    return this.phase.isReportingTo({ surveyor: asked.surveyor, nonce }) ? "answer" : "ignore"
  }

  /** Nobody's permission is asked: that the request came by says enough. */
  private onResponse(
    { nonce, response }: SignedTimeSlicedSurveyResponseMessage["response"],
    ledger: number,
    holds: () => boolean
  ): SurveyVerdict {
    const answered: SurveyedAt = {
      ledger: response.ledgerNum,
      surveyor: peerIdFromPublicKey(response.surveyorPeerID),
      surveyed: peerIdFromPublicKey(response.surveyedPeerID)
    }
    if (!isTimely(answered.ledger, ledger) || !this.limiter.awaits(answered)) return "ignore"
    if (!this.phase.isReporting(nonce)) return "ignore"
    if (!holds()) return "forged"
    this.limiter.answered(answered)
    return answered.surveyor === this.parts.own ? "store" : "relay"
  }
}
