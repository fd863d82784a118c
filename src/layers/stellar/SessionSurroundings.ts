/**
 * What the sessions of one Stellar node share.
 */
import { Clock, Effect } from "effect"
import type { SchedulerDispatcher } from "effect/Scheduler"
import type { CryptoShape } from "../../core/Crypto.ts"
import { NO_SENDER, type OutboxLimits } from "../../core/Outbox.ts"
import type { PeerAddress } from "../../core/PeerAddress.ts"
import { outboxLimits } from "../../core/stellar/FloodLimits.ts"
import { StatementQueue } from "../../core/stellar/StatementQueue.ts"
import { ConnectionManager } from "../../services/ConnectionManager.ts"
import { Crypto } from "../../services/Crypto.ts"
import { FloodGate } from "../../services/FloodGate.ts"
import { ItemFetcher } from "../../services/ItemFetcher.ts"
import type { Received } from "../../services/Overlay.ts"
import { PullFlood } from "../../services/PullFlood.ts"
import { Application } from "../../services/stellar/Application.ts"
import type { Stellar } from "../../services/stellar/Overlay.ts"
import type { StellarConfig } from "../../services/stellar/StellarConfig.ts"
import { Survey } from "../../services/stellar/Survey.ts"
import { type SealBuffer, SharedSealBuffer } from "../runtime/SealBuffer.ts"
import * as Tap from "../runtime/Tap.ts"
import { nodeDispatcher } from "../runtime/Wake.ts"
import { FloodIntake } from "./FloodIntake.ts"
import * as ScpStateAnswers from "./ScpStateAnswers.ts"
import { makeCounters, makeMessageTallies, type MessageTallies, type StellarCounters } from "./StellarCounters.ts"
import { StellarFetching } from "./StellarFetching.ts"

/** What the sessions of one node share. */
export interface SessionSurroundings {
  readonly config: StellarConfig
  readonly clock: Clock.Clock
  readonly crypto: CryptoShape
  readonly dispatcher: SchedulerDispatcher
  readonly sealBuffer: SealBuffer
  readonly counters: StellarCounters
  readonly tallies: MessageTallies
  readonly application: Application["Service"]
  readonly floodGate: FloodGate["Service"]
  readonly pullFlood: PullFlood["Service"]
  readonly survey: Survey["Service"]
  readonly fetching: StellarFetching
  readonly scpStateAnswers: ScpStateAnswers.ScpStateAnswers
  readonly tap: Tap.MessageTap<Received<Stellar>>
  /** Takes the addresses that a peer told. */
  readonly learn: (addresses: ReadonlyArray<PeerAddress>, from: PeerAddress) => void
  readonly outboxLimits: () => OutboxLimits
  /** Which statements that wait are needless. */
  readonly statementQueue: StatementQueue
  /** Runs a fiber that takes up what has to wait, and gives what ends it. */
  readonly fork: (effect: Effect.Effect<void>) => () => void
}

/** What an outbox may hold: one object for all sessions, until the application changes what a ledger takes. */
const limitsOfOutboxes = (
  application: Application["Service"],
  { outboundTransactionBytes }: StellarConfig
): () => OutboxLimits => {
  let operationsKnown = application.limits().maxTxSetOperations
  let known = outboxLimits(application.limits(), outboundTransactionBytes)
  return () => {
    const capacity = application.limits()
    if (capacity.maxTxSetOperations !== operationsKnown) {
      operationsKnown = capacity.maxTxSetOperations
      known = outboxLimits(capacity, outboundTransactionBytes)
    }
    return known
  }
}

/** Makes what the sessions of one node share. Closing the Scope ends what is judged for nobody. */
export const make = Effect.fnUntraced(function*(config: StellarConfig) {
  const application = yield* Application
  const crypto = yield* Crypto
  const runFork = Effect.runForkWith(yield* Effect.context<never>())
  const counters = makeCounters()
  const around: SessionSurroundings = {
    config,
    clock: yield* Clock.Clock,
    crypto,
    dispatcher: yield* nodeDispatcher,
    sealBuffer: yield* SharedSealBuffer,
    counters,
    tallies: makeMessageTallies(),
    application,
    floodGate: yield* FloodGate,
    pullFlood: yield* PullFlood,
    survey: yield* Survey,
    fetching: new StellarFetching({
      fetcher: yield* ItemFetcher,
      application,
      crypto,
      counters,
      judgeAgain: (items) => {
        for (const item of items) judgedAgain.add(item)
        judgedAgain.judge()
      }
    }),
    scpStateAnswers: yield* ScpStateAnswers.make(application),
    tap: Tap.makeMessageTap<Received<Stellar>>(),
    learn: (yield* ConnectionManager).learn,
    outboxLimits: limitsOfOutboxes(application, config),
    statementQueue: new StatementQueue(),
    fork: (effect) => {
      const fiber = runFork(effect)
      return () => fiber.interruptUnsafe()
    }
  }
  /** Has statements judged that waited for items. They are nobody's any more: their credit went back when they began to wait. */
  const judgedAgain: FloodIntake = new FloodIntake(around, {
    slot: NO_SENDER,
    drop: (reason) => {
      runFork(Effect.logError("statements that had waited for items were not accepted", reason))
    },
    consumed: () => {}
  })
  yield* Effect.addFinalizer(() => Effect.sync(() => judgedAgain.leave()))
  return around
})
