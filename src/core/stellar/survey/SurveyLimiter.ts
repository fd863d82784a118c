/**
 * How much of a survey a node passes on: so many surveyors a ledger, so many nodes a surveyor, each request and each answer once.
 *
 * Source: Stellar overlay protocol, time-sliced survey, message limiter.
 */
import type { PeerId } from "../../PeerId.ts"
import { SURVEYED_PER_SURVEYOR, SURVEYORS_PER_LEDGER } from "../limits.ts"
import { isTimely } from "./SurveyLedger.ts"

/** Which request, or which answer to it. */
export interface SurveyedAt {
  readonly ledger: number
  readonly surveyor: PeerId
  readonly surveyed: PeerId
}

/** Whether each node that a surveyor asked has answered. */
type Asked = Map<PeerId, boolean>

/** The limits of one node. It holds what is timely: the ledgers of the bracket around its own. */
export class SurveyLimiter {
  private readonly own: PeerId
  private readonly ledgers = new Map<number, Map<PeerId, Asked>>()

  /** `own` is this node: what it asks itself is not limited. */
  constructor(own: PeerId) {
    this.own = own
  }

  /** Whether this request is new and within the limits. */
  admits({ ledger, surveyed, surveyor }: SurveyedAt): boolean {
    const surveyors = this.ledgers.get(ledger)
    if (surveyors === undefined) return true
    const isOwn = surveyor === this.own
    const asked = surveyors.get(surveyor)
    if (asked === undefined) return isOwn || this.others(surveyors) < SURVEYORS_PER_LEDGER
    return !asked.has(surveyed) && (isOwn || asked.size < SURVEYED_PER_SURVEYOR)
  }

  /** Enters a request. `false`, and nothing changes, if it is not admitted. */
  enter(request: SurveyedAt): boolean {
    if (!this.admits(request)) return false
    const surveyors = this.ledgers.get(request.ledger) ?? new Map<PeerId, Asked>()
    this.ledgers.set(request.ledger, surveyors)
    const asked = surveyors.get(request.surveyor) ?? new Map<PeerId, boolean>()
    surveyors.set(request.surveyor, asked)
    asked.set(request.surveyed, false)
    return true
  }

  /** Whether this request was entered and is not answered yet. */
  awaits({ ledger, surveyed, surveyor }: SurveyedAt): boolean {
    return this.ledgers.get(ledger)?.get(surveyor)?.get(surveyed) === false
  }

  /** Notes the answer. `false`, and nothing changes, if none is awaited. */
  answered(answer: SurveyedAt): boolean {
    if (!this.awaits(answer)) return false
    this.ledgers.get(answer.ledger)?.get(answer.surveyor)?.set(answer.surveyed, true)
    return true
  }

  /** Forgets what is not timely any more at this ledger; after a step back also what would be of the future. */
  advance(ownLedger: number): void {
    for (const ledger of this.ledgers.keys()) if (!isTimely(ledger, ownLedger)) this.ledgers.delete(ledger)
  }

  /** Requests on record. */
  get size(): number {
    let size = 0
    for (const surveyors of this.ledgers.values()) for (const asked of surveyors.values()) size += asked.size
    return size
  }

  private others(surveyors: ReadonlyMap<PeerId, Asked>): number {
    return surveyors.size - (surveyors.has(this.own) ? 1 : 0)
  }
}
