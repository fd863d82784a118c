/**
 * The property of what floods are made of.
 */
import { MessageType } from "../../../core/stellar/messages.ts"
import { scpOffsets, walkHashes, walkScpMessage } from "../../../core/stellar/MessageWalk.ts"
import {
  type Verdict,
  walkEnvelope,
  walkGeneralizedTransactionSet,
  walkTransactionSet
} from "../../../core/stellar/TransactionWalk.ts"
import { WORD_BYTES } from "../../../core/Xdr.ts"
import { isHonest, type Property } from "./Property.ts"

const scp = scpOffsets()

const verdictIf = (isWellFormed: boolean): Verdict => isWellFormed ? "well-formed" : "malformed"

/** What the message at `bytes[from, to)` is, if it is of a kind that is passed on or handed out as it came. */
const verdictOf = (kind: number, bytes: Uint8Array, from: number, to: number): Verdict => {
  switch (kind) {
    case MessageType.SCP_MESSAGE:
      return verdictIf(walkScpMessage(bytes, from, to, scp))
    case MessageType.TRANSACTION:
      return walkEnvelope(bytes, from + WORD_BYTES, to)
    case MessageType.FLOOD_ADVERT:
    case MessageType.FLOOD_DEMAND:
      return verdictIf(walkHashes(bytes, from, to))
    case MessageType.TX_SET:
      return walkTransactionSet(bytes, from + WORD_BYTES, to)
    case MessageType.GENERALIZED_TX_SET:
      return walkGeneralizedTransactionSet(bytes, from + WORD_BYTES, to)
    default:
      return "well-formed"
  }
}

/** Nobody passes on what nobody can read. */
export const onlyWellFormed: Property = {
  name: "nothing malformed is passed on",
  doc:
    "Every statement, transaction, set of transactions, advert and demand that an honest node sends is well formed, and holds nothing that it has no meaning for: whoever got anything else from it would end it.",
  watch: (run, violated) => {
    return {
      content: ({ kind, way: { fromNode } }, bytes, from, to) => {
        if (!isHonest(run, fromNode)) return
        const verdict = verdictOf(kind, bytes, from, to)
        if (verdict !== "well-formed") violated(fromNode, `a message of kind ${kind} that is ${verdict}`)
      }
    }
  }
}
