/**
 * Whom a survey asks next: from node to node, over the peers that each names, and for all of their peers.
 *
 * Pure: what is known comes in, and who is to be asked comes out. Every node is a stranger that may name any number of others, claim
 * any number of peers, and not answer.
 */
import type { PeerId } from "../../core/PeerId.ts"
import type { Indices, SurveyQuestion } from "../../core/stellar/survey/SurveyBacklog.ts"
import type { SurveyFindings } from "../../core/stellar/survey/SurveyDocument.ts"
import type { SurveyedNode } from "../../core/stellar/survey/SurveyResults.ts"

/** How far a survey goes. */
export interface WalkOptions {
  /** The surveyor, which is not asked. */
  readonly own: PeerId
  /** Nodes that are asked at most. */
  readonly maxNodes: number
  /** How often a node is asked the same. */
  readonly attempts: number
  /** How long an answer may take. */
  readonly patienceMillis: number
}

/** What a node was asked last. */
interface Asked {
  readonly from: Indices
  /** What it had told by then. */
  readonly known: Indices
  readonly attempt: number
  /** Since when it may answer; `undefined` while it waits to be asked. */
  sentAtMillis: number | undefined
}

/** How far the survey is. */
export interface Progress {
  readonly asked: number
  readonly answered: number
  /** Nodes that wait to be asked, or may still answer. */
  readonly waiting: number
}

const toldBy = (node: SurveyedNode | undefined): Indices => ({
  inbound: node?.inbound.size ?? 0,
  outbound: node?.outbound.size ?? 0
})

const START: Indices = { inbound: 0, outbound: 0 }

/** One survey, from its first question to its last. */
export class SurveyWalk {
  private readonly options: WalkOptions
  private readonly asked = new Map<PeerId, Asked>()
  private readonly waiting = new Set<PeerId>()

  constructor(options: WalkOptions) {
    this.options = options
  }

  /** Who is to be asked now. The caller asks each of them, before it comes again. */
  next(findings: SurveyFindings, nowMillis: number): ReadonlyArray<SurveyQuestion> {
    const questions: Array<SurveyQuestion> = []
    const backlog = new Set(findings.backlog)
    for (const node of this.waiting) {
      const question = this.lookAt(node, findings.nodes.get(node), backlog.has(node), nowMillis)
      if (question !== undefined) questions.push(question)
    }
    for (const node of this.named(findings)) {
      if (this.asked.size >= this.options.maxNodes) break
      if (node === this.options.own || this.asked.has(node)) continue
      questions.push(this.ask(node, START, START, 1))
    }
    return questions
  }

  /** Whether nobody is to be asked or waited for any more. */
  isDone(): boolean {
    return this.waiting.size === 0
  }

  progress(findings: SurveyFindings): Progress {
    let answered = 0
    for (const [node, told] of findings.nodes) if (node !== this.options.own && told !== undefined) answered += 1
    return { asked: this.asked.size, answered, waiting: this.waiting.size }
  }

  /** What to ask a node further that was asked before; it is waited for no more when there is nothing. */
  private lookAt(
    node: PeerId,
    answer: SurveyedNode | undefined,
    isQueued: boolean,
    nowMillis: number
  ): SurveyQuestion | undefined {
    const asked = this.asked.get(node)
    if (asked === undefined || isQueued) return undefined
    asked.sentAtMillis ??= nowMillis
    const told = toldBy(answer)
    const hasMore = answer !== undefined &&
      (told.inbound < answer.data.totalInboundPeerCount || told.outbound < answer.data.totalOutboundPeerCount)
    const hasToldNew = told.inbound > asked.known.inbound || told.outbound > asked.known.outbound
    if (answer !== undefined && !hasMore) return this.finish(node)
    if (hasToldNew) return this.ask(node, told, told, 1)
    if (nowMillis - asked.sentAtMillis < this.options.patienceMillis) return undefined
    return asked.attempt < this.options.attempts
      ? this.ask(node, asked.from, asked.known, asked.attempt + 1)
      : this.finish(node)
  }

  private ask(node: PeerId, from: Indices, known: Indices, attempt: number): SurveyQuestion {
    this.asked.set(node, { from, known, attempt, sentAtMillis: undefined })
    this.waiting.add(node)
    return { node, from }
  }

  private finish(node: PeerId): undefined {
    this.waiting.delete(node)
  }

  private *named({ nodes }: SurveyFindings): Iterable<PeerId> {
    for (const told of nodes.values()) {
      if (told === undefined) continue
      yield* told.inbound.keys()
      yield* told.outbound.keys()
    }
  }
}
