/**
 * Credit between two peers: makes the ledgers of one session. What counts as flood, and how a grant travels, is the
 * network's.
 */
import { Context } from "effect"
import type { Grant, ReceiveLedger, SendLedger } from "../core/CreditLedger.ts"

/** Both sides of one session's credit. */
export interface CreditLedgers {
  readonly receive: ReceiveLedger
  readonly send: SendLedger
  /** The first grant, which the peer waits for before it sends any flood. */
  readonly initial: Grant
}

/** Flow control of one network. */
export class FlowControl extends Context.Service<FlowControl, {
  readonly ledgers: () => CreditLedgers
}>()("effect-overlay/services/FlowControl") {}
