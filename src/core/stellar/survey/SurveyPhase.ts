/**
 * Where a node stands in the one survey that a network has at a time: nothing, counting, or answering for what was counted.
 *
 * Source: Stellar overlay protocol, time-sliced survey, phases.
 */
import type { PeerId } from "../../PeerId.ts"
import { SURVEY_COLLECTING_MILLIS, SURVEY_REPORTING_MILLIS } from "../limits.ts"

/** A survey, by who makes it and the number (uint32) that it has in the network. */
export interface SurveyId {
  readonly surveyor: PeerId
  readonly nonce: number
}

/** The three phases. `sinceMillis` is when the phase began. */
export type Phase =
  | { readonly _tag: "Inactive" }
  | { readonly _tag: "Collecting"; readonly survey: SurveyId; readonly sinceMillis: number }
  | { readonly _tag: "Reporting"; readonly survey: SurveyId; readonly sinceMillis: number }

const INACTIVE: Phase = { _tag: "Inactive" }

const isSame = (one: SurveyId, other: SurveyId): boolean => one.nonce === other.nonce && one.surveyor === other.surveyor

/** The phase of one node. */
export class SurveyPhase {
  private phase: Phase = INACTIVE

  /** The phase as it is. */
  get current(): Phase {
    return this.phase
  }

  /** The survey that is going on, in whichever phase. */
  get survey(): SurveyId | undefined {
    return this.phase._tag === "Inactive" ? undefined : this.phase.survey
  }

  /** Whether a survey may begin: none is going on. */
  canStart(): boolean {
    return this.phase._tag === "Inactive"
  }

  /** Begins to collect. `false`, and nothing changes, while a survey is going on. */
  start(survey: SurveyId, nowMillis: number): boolean {
    if (!this.canStart()) return false
    this.phase = { _tag: "Collecting", survey, sinceMillis: nowMillis }
    return true
  }

  /** Whether this survey is the one that is collected for. */
  canStop(survey: SurveyId): boolean {
    return this.phase._tag === "Collecting" && isSame(this.phase.survey, survey)
  }

  /** Ends collecting and begins to report. `false`, and nothing changes, unless this very survey is collected for. */
  stop(survey: SurveyId, nowMillis: number): boolean {
    if (!this.canStop(survey)) return false
    this.phase = { _tag: "Reporting", survey, sinceMillis: nowMillis }
    return true
  }

  /** Whether what was collected under this number is reported. */
  isReporting(nonce: number): boolean {
    return this.phase._tag === "Reporting" && this.phase.survey.nonce === nonce
  }

  /** Whether this very survey, of this surveyor, is reported. */
  isReportingTo(survey: SurveyId): boolean {
    return this.phase._tag === "Reporting" && isSame(this.phase.survey, survey)
  }

  /** Ends what has lasted too long: collecting goes over to reporting, reporting to nothing. What it went over to, if it did. */
  expire(nowMillis: number): "Reporting" | "Inactive" | undefined {
    const { phase } = this
    if (phase._tag === "Collecting" && nowMillis - phase.sinceMillis >= SURVEY_COLLECTING_MILLIS) {
      this.phase = { _tag: "Reporting", survey: phase.survey, sinceMillis: nowMillis }
      return "Reporting"
    }
    if (phase._tag === "Reporting" && nowMillis - phase.sinceMillis >= SURVEY_REPORTING_MILLIS) {
      this.phase = INACTIVE
      return "Inactive"
    }
    return undefined
  }
}
