/**
 * The property of what floods are made of.
 */
import { MAC_BYTES } from "../../../core/Crypto.ts"
import type { FrameDecoder } from "../../../core/FrameDecoder.ts"
import type { PeerAddress } from "../../../core/PeerAddress.ts"
import { isFrameShaped, kindAt } from "../../../core/stellar/FrameChannel.ts"
import { ENVELOPE_HEAD_BYTES, MAX_MESSAGE_BYTES } from "../../../core/stellar/limits.ts"
import { MessageType } from "../../../core/stellar/messages.ts"
import { scpOffsets, walkHashes, walkScpMessage } from "../../../core/stellar/MessageWalk.ts"
import { makeRecordDecoder } from "../../../core/stellar/RecordMark.ts"
import {
  type Verdict,
  walkEnvelope,
  walkGeneralizedTransactionSet,
  walkTransactionSet
} from "../../../core/stellar/TransactionWalk.ts"
import { WORD_BYTES } from "../../../core/Xdr.ts"
import { entryOf, nodeAt, type Property } from "./Property.ts"

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
    const at = nodeAt(run)
    // By the ends of a link, which are the same objects as long as it lives. What a stranger sends is not read.
    const decoders = new WeakMap<PeerAddress, WeakMap<PeerAddress, FrameDecoder>>()
    const decoder = (): FrameDecoder => {
      const made = makeRecordDecoder()
      made.setLimit(MAX_MESSAGE_BYTES)
      return made
    }
    let sender: number | undefined
    const look = (bytes: Uint8Array, start: number, end: number): boolean => {
      if (!isFrameShaped(bytes, start, end)) return true
      const kind = kindAt(bytes, start)
      const verdict = verdictOf(kind, bytes, start + ENVELOPE_HEAD_BYTES, end - MAC_BYTES)
      if (verdict !== "well-formed") violated(sender, `a message of kind ${kind} that is ${verdict}`)
      return true
    }
    return {
      network: ({ _tag, chunk, from, to }) => {
        if (_tag !== "Sent" || chunk === undefined) return
        const node = at(from.ip)
        if (node === undefined || node.isHostile) return
        sender = node.index
        entryOf(entryOf(decoders)(from, () => new WeakMap<PeerAddress, FrameDecoder>()))(to, decoder).push(chunk, look)
      }
    }
  }
}
