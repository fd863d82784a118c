/**
 * The property of answers: questions have a limit.
 */
import * as ItemHash from "../../../core/ItemHash.ts"
import { LEDGER_CLOSE_MILLIS, SCP_STATE_QUERIES_PER_WINDOW } from "../../../core/stellar/limits.ts"
import { MessageType } from "../../../core/stellar/messages.ts"
import { queryWindowSeconds, setQueriesPerWindow } from "../../../core/stellar/QueryWindow.ts"
import { byWay, isHonest, type Property } from "./Property.ts"

const WINDOW_SECONDS = queryWindowSeconds(LEDGER_CLOSE_MILLIS)
const WINDOW_MICROS = WINDOW_SECONDS * 1_000_000
const SETS_PER_WINDOW = setQueriesPerWindow(WINDOW_SECONDS)
/** A node's clock counts whole milliseconds: to it a window may seem over so much too early. */
const TICK_MICROS = 1000

/** Questions of one kind over a way, and what was answered. */
interface Asked {
  questions: number
  firstMicros: number
  answers: number
}

/** What the receiver of a way was asked over it. */
interface Questioning {
  readonly transactionSets: Asked
  readonly quorumSets: Asked
  readonly states: Asked
  /** Copies of statements since the second question for them: who is honest asks once. */
  readonly copies: Map<ItemHash.ItemHash, number>
}

const asked = (): Asked => ({ questions: 0, firstMicros: Infinity, answers: 0 })

const questioning = (): Questioning => ({
  transactionSets: asked(),
  quorumSets: asked(),
  states: asked(),
  copies: new Map()
})

const isOfTransactionSet = (kind: number | undefined): boolean =>
  kind === MessageType.TX_SET || kind === MessageType.GENERALIZED_TX_SET

/** Who asks too much is not answered. */
export const answersHaveALimit: Property = {
  name: "no more is answered than a query window allows",
  doc:
    "To one peer an honest node gives, in each window of 60 s that a question has begun, at most 10 answers with its statements, and 300 about sets of each kind.",
  watch: (run, violated) => {
    const questionsOver = byWay(questioning)
    const limitOf = (perWindow: number, { firstMicros }: Asked): number =>
      perWindow * (1 + Math.floor((run.nowMicros() - firstMicros + TICK_MICROS) / WINDOW_MICROS))
    const ask = (about: Asked): void => {
      if (about.questions++ === 0) about.firstMicros = run.nowMicros()
    }
    const answer = (node: number, about: Asked, what: string): void => {
      about.answers += 1
      const limit = about.questions === 0 ? 0 : limitOf(SETS_PER_WINDOW, about)
      if (about.answers > limit) violated(node, `${about.answers} answers about ${what}, at most ${limit}`)
    }
    return {
      arrived: ({ kind, way }) => {
        if (!isHonest(run, way.toNode)) return
        switch (kind) {
          case MessageType.GET_TX_SET:
            return ask(questionsOver(way).transactionSets)
          case MessageType.GET_SCP_QUORUMSET:
            return ask(questionsOver(way).quorumSets)
          case MessageType.GET_SCP_STATE:
            return ask(questionsOver(way).states)
        }
      },
      sent: ({ hash, kind, missing, way }) => {
        const { fromNode } = way
        if (!isHonest(run, fromNode)) return
        if (kind === MessageType.SCP_MESSAGE && hash !== undefined) {
          const { copies, states } = questionsOver(way.back)
          if (states.questions < 2) return
          const count = (copies.get(hash) ?? 0) + 1
          copies.set(hash, count)
          // One more, for it is flooded as well.
          const limit = 1 + limitOf(SCP_STATE_QUERIES_PER_WINDOW, states)
          if (count > limit) violated(fromNode, `${count} copies of ${ItemHash.toHex(hash)}, at most ${limit}`)
        } else if (isOfTransactionSet(kind) || isOfTransactionSet(missing)) {
          answer(fromNode, questionsOver(way.back).transactionSets, "sets of transactions")
        } else if (kind === MessageType.SCP_QUORUMSET || missing === MessageType.SCP_QUORUMSET) {
          answer(fromNode, questionsOver(way.back).quorumSets, "quorum sets")
        }
      }
    }
  }
}
