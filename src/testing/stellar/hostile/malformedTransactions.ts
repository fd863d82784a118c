/**
 * The sender of malformed transactions: bytes that are almost one.
 */
import { Effect } from "effect"
import { MessageType } from "../../../core/stellar/messages.ts"
import { caller, type HostileOptions } from "./HostilePeer.ts"

/**
 * What is wrong with a transaction.
 *
 * - `cut`: its last word is missing.
 * - `trailing`: a word too many stands behind it.
 * - `count`: it has 21 signatures, where 20 are allowed.
 * - `padding`: the memo, a text of one byte, is padded with something else than zeros.
 */
export type Malformation = "cut" | "trailing" | "count" | "padding"

/** What can be chosen about it. */
export interface MalformedTransactionsOptions extends HostileOptions {
  /** What is wrong, one connection each. Default: each once. */
  readonly malformations?: ReadonlyArray<Malformation>
}

const ENVELOPE_TYPE_TX = 2
const NO_MEMO = [0]
const MEMO_TEXT = 1

/**
 * The TRANSACTION without operations of this account (32 bytes), as words around it: kind, ENVELOPE_TYPE_TX, ed25519 account, fee,
 * sequence (2), no preconditions, memo, operations, extension, and how many signatures.
 */
const transactionOf = (
  account: Uint8Array,
  { memo = NO_MEMO, signatures = 0 }: { readonly memo?: ReadonlyArray<number>; readonly signatures?: number }
): Uint8Array => {
  const head = [MessageType.TRANSACTION, ENVELOPE_TYPE_TX, 0]
  const tail = [100, 0, 1, 0, ...memo, 0, 0, signatures]
  const message = new Uint8Array((head.length + tail.length) * 4 + account.length)
  const view = new DataView(message.buffer)
  head.forEach((word, i) => view.setUint32(i * 4, word))
  message.set(account, head.length * 4)
  tail.forEach((word, i) => view.setUint32(head.length * 4 + account.length + i * 4, word))
  return message
}

const malformed = (account: Uint8Array, malformation: Malformation): Uint8Array => {
  switch (malformation) {
    case "cut": {
      const whole = transactionOf(account, {})
      return whole.subarray(0, whole.length - 4)
    }
    case "trailing": {
      const whole = transactionOf(account, {})
      const longer = new Uint8Array(whole.length + 4)
      longer.set(whole)
      return longer
    }
    case "count":
      return transactionOf(account, { signatures: 21 })
    case "padding":
      return transactionOf(account, { memo: [MEMO_TEXT, 1, 0x61_01_01_01] })
  }
}

/** Sends transactions that no decoder takes. */
export const malformedTransactions = caller<MalformedTransactionsOptions>(
  {
    name: "malformed-transactions",
    does:
      "Sends a transaction whose bytes are almost one: cut off, too long, with too many signatures, or badly padded.",
    demands: "End it in words as corrupt, and pass nothing of it on: whoever did would be ended in its stead."
  },
  ({ connect, randomBytes }, { malformations = ["cut", "trailing", "count", "padding"] }) =>
    Effect.forEach(
      malformations,
      (malformation) =>
        connect((session) =>
          session.inside(Effect.flatMap(randomBytes(32), (account) =>
            session.sayBytes("TRANSACTION", malformed(account, malformation))))
        ),
      { discard: true }
    )
)
