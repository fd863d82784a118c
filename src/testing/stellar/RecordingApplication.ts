/**
 * An application whose comings and goings are told: any one, with a record of all that is said and heard.
 */
import { Context, Effect, Layer } from "effect"
import * as MemoryApplication from "../../layers/stellar/MemoryApplication.ts"
import type { Crypto } from "../../services/Crypto.ts"
import {
  Application,
  type Fetching,
  type Flooded,
  type Judge,
  type StatementVerdict,
  type TransactionVerdict
} from "../../services/stellar/Application.ts"

/** Who is told. */
export interface Recorder {
  /** The node says something itself. */
  readonly originated: (message: Flooded) => void
  /** Something came that the node had not seen, and has been judged; `isAccepted` is the verdict. */
  readonly received: (message: Flooded, isAccepted: boolean) => void
  /** Something came that cannot be judged before what it names is here. It is judged again then, and may be told so again. */
  readonly waits?: (message: Flooded, verdict: Fetching) => void
}

/** An application in memory whose comings and goings are told; see `around`. */
export const layer = (
  options: MemoryApplication.MemoryApplicationOptions,
  makeRecorder: () => Recorder
): Layer.Layer<Application, never, Crypto> => around(MemoryApplication.layer(options), makeRecorder)

/** Tells what comes to `application` and goes; each life of its node, each build of the layer, has a recorder of its own. */
export const around = (
  application: Layer.Layer<Application, never, Crypto>,
  makeRecorder: () => Recorder
): Layer.Layer<Application, never, Crypto> =>
  Layer.effect(
    Application,
    Effect.gen(function*() {
      const told = Context.get(yield* Layer.build(application), Application)
      const recorder = makeRecorder()
      return {
        // Not copied: what an application has as a class, it keeps.
        position: () => told.position(),
        limits: () => told.limits(),
        hasTransaction: (hash) => told.hasTransaction(hash),
        transaction: (hash) => told.transaction(hash),
        transactionSet: (hash) => told.transactionSet(hash),
        quorumSet: (hash) => told.quorumSet(hash),
        fetched: (item) => told.fetched?.(item),
        scpState: told.scpState,
        judge: recorded(told.judge, recorder),
        originate: (message) => {
          recorder.originated(message)
          told.originate(message)
        }
      }
    })
  )

const isAccepted = (verdict: StatementVerdict | TransactionVerdict | undefined): boolean =>
  verdict === "ready" || verdict === "accepted" || verdict === "kept"

const recorded = (judge: Judge, recorder: Recorder): Judge => {
  const tell = <Verdict extends StatementVerdict | TransactionVerdict>(
    batch: ReadonlyArray<Flooded>,
    verdicts: ReadonlyArray<Verdict>
  ): ReadonlyArray<Verdict> => {
    for (const [i, message] of batch.entries()) {
      const verdict = verdicts[i]
      // What waits for an item is judged again when that is here.
      if (typeof verdict === "object") recorder.waits?.(message, verdict)
      else recorder.received(message, isAccepted(verdict))
    }
    return verdicts
  }
  return judge.answers === "at once"
    ? {
      answers: "at once",
      statements: (batch) => tell(batch, judge.statements(batch)),
      transactions: (batch) => tell(batch, judge.transactions(batch))
    }
    : {
      answers: "later",
      statements: (batch) => Effect.map(judge.statements(batch), (verdicts) => tell(batch, verdicts)),
      transactions: (batch) => Effect.map(judge.transactions(batch), (verdicts) => tell(batch, verdicts))
    }
}
