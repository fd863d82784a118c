/**
 * How long a transaction may be, and the credit in bytes that lets the longest one through.
 *
 * The rules are stellar-core's (its flow control, "auto" sizes).
 */
import {
  CREDIT_BATCH_BYTES,
  CREDIT_BYTES,
  CREDIT_BYTES_ABOVE_TRANSACTION,
  MAX_CLASSIC_TRANSACTION_BYTES,
  TRANSACTION_EXTRA_BYTES
} from "./limits.ts"

/**
 * The longest TRANSACTION, in bytes. `sorobanMaxBytes` is the network setting `tx_max_size_bytes`; `undefined` is a
 * network without Soroban (before protocol 20).
 */
export const maxTransactionBytes = (sorobanMaxBytes: number | undefined): number =>
  sorobanMaxBytes === undefined
    ? MAX_CLASSIC_TRANSACTION_BYTES
    : Math.max(MAX_CLASSIC_TRANSACTION_BYTES, sorobanMaxBytes + TRANSACTION_EXTRA_BYTES)

/**
 * The credit in bytes for a network whose longest transaction has this many.
 *
 * A batch may be consumed and not yet given back, so what is left without it must hold the longest transaction: else one
 * could wait for credit for ever.
 */
export const creditBytesFor = (maxTransactionBytes: number): number =>
  maxTransactionBytes > CREDIT_BYTES - CREDIT_BATCH_BYTES
    ? maxTransactionBytes + CREDIT_BYTES_ABOVE_TRANSACTION
    : CREDIT_BYTES
