/**
 * The nodes that a surveyor still has to ask: first come, first asked, none twice, a few at a time.
 *
 * Source: Stellar overlay protocol, time-sliced survey, surveyor's backlog.
 */
import type { PeerId } from "../../PeerId.ts"
import { SURVEY_NODES, SURVEY_REQUEST_PERIOD_MILLIS, SURVEY_REQUESTS_AT_ONCE } from "../limits.ts"

/** From which of its peers on a node shall report. */
export interface Indices {
  readonly inbound: number
  readonly outbound: number
}

/** Whom to ask, and for what. */
export interface SurveyQuestion {
  readonly node: PeerId
  readonly from: Indices
}

/** Why a node is not taken in. */
export type NotQueued = "self" | "queued" | "full"

/** The backlog of one surveyor. */
export class SurveyBacklog {
  private readonly own: PeerId
  private readonly waiting = new Map<PeerId, Indices>()
  private lastMillis: number | undefined

  /** `own` is this node: it knows itself, and is not asked. */
  constructor(own: PeerId) {
    this.own = own
  }

  /** Puts a node behind the others, or says why not. */
  add({ from, node }: SurveyQuestion): NotQueued | undefined {
    if (node === this.own) return "self"
    if (this.waiting.has(node)) return "queued"
    if (this.waiting.size >= SURVEY_NODES) return "full"
    this.waiting.set(node, from)
    return undefined
  }

  /** Whether it is time for the next lot. */
  isDue(nowMillis: number): boolean {
    return this.lastMillis === undefined || nowMillis - this.lastMillis >= SURVEY_REQUEST_PERIOD_MILLIS
  }

  /**
   * Takes the next lot, if it is time for one and somebody waits: those for whom `may` holds, in order. The others keep their
   * places.
   */
  take(nowMillis: number, may: (question: SurveyQuestion) => boolean): ReadonlyArray<SurveyQuestion> {
    if (!this.isDue(nowMillis)) return []
    const lot: Array<SurveyQuestion> = []
    for (const [node, from] of this.waiting) {
      if (lot.length >= SURVEY_REQUESTS_AT_ONCE) break
      const question = { node, from }
      if (may(question)) lot.push(question)
    }
    for (const { node } of lot) this.waiting.delete(node)
    if (lot.length > 0) this.lastMillis = nowMillis
    return lot
  }

  /** Who waits, in order. */
  nodes(): ReadonlyArray<PeerId> {
    return Array.from(this.waiting.keys())
  }

  /** Forgets whoever waits; when the last lot was taken stays. */
  clear(): void {
    this.waiting.clear()
  }
}
