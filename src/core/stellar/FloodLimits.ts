/**
 * How much adverts, demands and queues may hold, by what ledgers can take: so that transactions are flooded at the pace at
 * which the network uses them.
 *
 * Source: Stellar overlay protocol, pull mode and outbound queues.
 */
import { ITEM_HASH_BYTES } from "../ItemHash.ts"
import type { OutboxLimits } from "../Outbox.ts"
import {
  FLOOD_RATE_PER_LEDGER,
  MAX_HASHES_PER_MESSAGE,
  OUTBOUND_CONTROL_BYTES,
  OUTBOUND_CONTROL_MESSAGES,
  OUTBOUND_SCP_BYTES,
  OUTBOUND_SCP_MESSAGES,
  OUTBOUND_TRANSACTION_BYTES,
  TRANSACTION_QUEUE_LEDGERS
} from "./limits.ts"
import { HASHES_AT } from "./MessageWalk.ts"

/** What ledgers can take. */
export interface LedgerCapacity {
  /** Operations in one transaction set. */
  readonly maxTxSetOperations: number
  /** Soroban transactions in one ledger. */
  readonly maxSorobanTransactions: number
  /** Milliseconds between two ledgers. */
  readonly ledgerCloseMillis: number
}

/** Hashes in one FLOOD_ADVERT, of which one leaves each period: what one ledger takes, spread over its time; 1 to 1,000. */
export const hashesPerAdvert = (capacity: LedgerCapacity, periodMillis: number): number =>
  share(capacity, 1, periodMillis)

/** Hashes asked of one peer in one round of demands: what full queues hold, spread over a ledger's time; 1 to 1,000. */
export const hashesPerDemand = (capacity: LedgerCapacity, periodMillis: number): number =>
  share(capacity, TRANSACTION_QUEUE_LEDGERS, periodMillis)

/** What each queue of a peer holds at most: transactions, hashes of adverts, hashes of demands. One set's operations. */
export const queueLength = (capacity: LedgerCapacity): number => Math.max(1, capacity.maxTxSetOperations)

/**
 * The limits of a peer's outbox: SCP, transactions, demands and adverts, the last two counted in hashes. So many bytes of
 * transactions may wait.
 */
export const outboxLimits = (
  capacity: LedgerCapacity,
  transactionBytes: number = OUTBOUND_TRANSACTION_BYTES
): OutboxLimits => {
  const units = queueLength(capacity)
  // What so many hashes take when each has a message of its own: the number of hashes is the limit that counts.
  const hashes = { units, bytes: units * (HASHES_AT + ITEM_HASH_BYTES) }
  return {
    control: { units: OUTBOUND_CONTROL_MESSAGES, bytes: OUTBOUND_CONTROL_BYTES },
    rings: [
      { units: OUTBOUND_SCP_MESSAGES, bytes: OUTBOUND_SCP_BYTES },
      { units, bytes: transactionBytes },
      hashes,
      hashes
    ]
  }
}

const share = (capacity: LedgerCapacity, ledgers: number, periodMillis: number): number => {
  const operations = Math.floor(FLOOD_RATE_PER_LEDGER * ledgers * capacity.maxTxSetOperations)
  const soroban = Math.floor(FLOOD_RATE_PER_LEDGER * ledgers * capacity.maxSorobanTransactions)
  // A test network may close ledgers as fast as it can.
  const closeMillis = Math.max(1, capacity.ledgerCloseMillis)
  const hashes = Math.ceil((operations + soroban) * periodMillis / closeMillis)
  return Math.min(Math.max(1, hashes), MAX_HASHES_PER_MESSAGE)
}
