/**
 * Stellar's flow control: the ledgers of one session, with the sizes of the configuration.
 */
import { Layer } from "effect"
import { ReceiveLedger, SendLedger } from "../../core/CreditLedger.ts"
import {
  CREDIT_BATCH_BYTES,
  CREDIT_BYTES,
  MAX_CLASSIC_TRANSACTION_BYTES,
  MAX_MESSAGE_BYTES,
  RECORD_MARK_BYTES
} from "../../core/stellar/limits.ts"
import { creditBytesFor } from "../../core/stellar/TransactionLimits.ts"
import { FlowControl } from "../../services/FlowControl.ts"
import type { StellarConfig } from "../../services/stellar/StellarConfig.ts"

/** What must always fit beside what is in process: the longest record, as stellar-core counts it. */
const LONGEST_RECORD_BYTES = MAX_MESSAGE_BYTES + RECORD_MARK_BYTES

/**
 * Flow control with this credit.
 *
 * `maxTransactionBytes` is asked for each session, because the network may allow longer transactions while the node runs.
 * Where credit and batch in bytes are left at their defaults, the credit grows with it (`creditBytesFor`); sizes that
 * were chosen by hand stay as they are, as in stellar-core.
 */
export const layer = (
  credit: StellarConfig["credit"],
  maxTransactionBytes: () => number = () => MAX_CLASSIC_TRANSACTION_BYTES
): Layer.Layer<FlowControl> =>
  Layer.succeed(FlowControl, {
    ledgers: () => {
      const bytes = isChosen(credit) ? credit.bytes : creditBytesFor(maxTransactionBytes())
      return {
        receive: new ReceiveLedger({ ...credit, bytes }, LONGEST_RECORD_BYTES),
        send: new SendLedger(),
        initial: { messages: credit.messages, bytes }
      }
    }
  })

const isChosen = (credit: StellarConfig["credit"]): boolean =>
  credit.bytes !== CREDIT_BYTES || credit.batchBytes !== CREDIT_BATCH_BYTES
