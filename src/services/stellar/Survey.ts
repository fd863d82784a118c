/**
 * The time-sliced survey of a Stellar network: counting, answering and passing on when others survey, and surveying ourselves.
 *
 * A network has one survey at a time. It is started and stopped by a message that reaches every node; in between all count at the
 * same time, and afterwards each is asked by name and seals its answer for the surveyor.
 */
import { Context, type Effect, Schema } from "effect"
import type { PeerId } from "../../core/PeerId.ts"
import type { Indices } from "../../core/stellar/survey/SurveyBacklog.ts"
import type { SurveyFindings } from "../../core/stellar/survey/SurveyDocument.ts"
import type { SurveyVerdict } from "../../core/stellar/survey/SurveyIntake.ts"
import type { SurveyMessage } from "../../core/stellar/survey/SurveyMessages.ts"
import type { Phase } from "../../core/stellar/survey/SurveyPhase.ts"
import type { SurveyedPeer } from "../../core/stellar/survey/SurveySlice.ts"
import type { Peer } from "../Peers.ts"

/** Says why this node cannot do that in a survey now. */
export class SurveyRefused extends Schema.TaggedError<SurveyRefused>()("SurveyRefused", {
  reason: Schema.Literals(["active", "not-collecting", "not-reporting", "self", "queued", "full", "not-a-node"]),
  message: Schema.String
}) {}

/** Where this node stands in a survey. */
export interface SurveyStatus {
  readonly phase: Phase
  /** Whether this node makes the survey. */
  readonly isOwn: boolean
  /** The ledger that its messages are dated with. */
  readonly ledger: number
}

/** What the operator of a node can do with surveys. */
export interface Surveyor {
  /**
   * Has all nodes that permit it start to count, for at most 30 minutes. `nonce` is a uint32 that no other survey has.
   *
   * Fails with `active` while any survey is going on. Dies if `nonce` is no uint32.
   */
  readonly start: (nonce: number) => Effect.Effect<void, SurveyRefused>
  /** Has all nodes stop counting; from now on they answer, for at most three hours. Fails with `not-collecting`. */
  readonly stop: Effect.Effect<void, SurveyRefused>
  /**
   * Has a node asked for what it counted, from these of its peers on, in its turn: ten nodes every 15 s, at a beat of the node.
   * The first request after a stop begins a new run, with new results and a key of its own.
   *
   * Fails with `not-reporting` (before the stop, or when another node makes the survey), `self`, `queued` or `full`, and with
   * `not-a-node` if the id is no public key.
   */
  readonly request: (node: PeerId, from?: Indices) => Effect.Effect<void, SurveyRefused>
  /** Ends the run: nobody further is asked, what still comes is not read, its key is gone. Its results stay. */
  readonly stopRequests: Effect.Effect<void>
  /** What the last run has brought to light. */
  readonly results: Effect.Effect<SurveyFindings>
  readonly status: Effect.Effect<SurveyStatus>
}

/** What has been counted since the start. */
export interface SurveyCounters {
  /** Messages of others that were passed on. */
  readonly surveyRelayed: number
  readonly surveyAnswered: number
  /** Messages that had come before, byte for byte. */
  readonly surveyDuplicate: number
  /** Messages that were not for us, not permitted, not timely, or beyond a limit. */
  readonly surveyIgnored: number
  readonly surveyForged: number
}

/** A session as surveys use it: to say something, to be told apart, and to be counted. */
export interface SurveyPeer extends Peer, SurveyedPeer {}

/** The survey of one node. */
export class Survey extends Context.Service<Survey, {
  /** What the operator can do. */
  readonly surveyor: Surveyor
  /** A peer is authenticated now. */
  readonly join: (peer: SurveyPeer) => void
  /** A peer is gone. */
  readonly leave: (peer: SurveyPeer) => void
  /** A peer has answered a ping after so many milliseconds. */
  readonly roundTrip: (peer: SurveyPeer, millis: number) => void
  /**
   * Takes a message of a survey, and has passed it on or answered it when it returns. `duplicate`: it had come before.
   * `bytes` is all of it, and may be written again afterwards.
   */
  readonly receive: (from: SurveyPeer, message: SurveyMessage, bytes: Uint8Array) => SurveyVerdict | "duplicate"
  /** Looks at the time: phases expire, the next lot of requests is sent. Called every few seconds. */
  readonly beat: (nowMillis: number) => void
  readonly counters: () => SurveyCounters
}>()("effect-overlay/services/stellar/Survey") {}
