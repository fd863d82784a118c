/**
 * What a frame that the channel refuses ends the session with, in the order in which stellar-core looks.
 *
 * Core reads the whole body as XDR first and checks sequence and MAC afterwards: bytes that are no message are corrupt,
 * whatever their MAC. The channel checks the MAC first, because that is the cheaper way to refuse a stranger's bytes and
 * a good frame needs both anyway. So the question whether it was a message at all is asked behind a refusal, once a session.
 */
import type { Opened } from "../Channel.ts"
import { MAC_BYTES } from "../Crypto.ts"
import { Drop, type PlainDropReason } from "./DropReason.ts"
import { ENVELOPE_HEAD_BYTES } from "./limits.ts"
import { MessageType } from "./messages.ts"
import { type TransactionJudge, walkMessage } from "./MessageWalk.ts"
import { walkEnvelope, walkGeneralizedTransactionSet, walkTransactionSet } from "./TransactionWalk.ts"

/** What the channel says of a frame that does not pass. */
export type ChannelRefusal = Exclude<Opened, "message" | "last-words">

/** What each refusal of the channel means as the end of a session, of a frame that holds a message. */
export const channelRefusals: { readonly [refusal in ChannelRefusal]: PlainDropReason } = {
  corrupt: Drop.CorruptXdr,
  "unexpected-sequence": Drop.UnexpectedSequence,
  "unexpected-mac": Drop.UnexpectedMac,
  "zero-key": Drop.ZeroMacKey
}

/** Of transactions only what can never be one is refused: a discriminant of a later protocol is no fault of the sender. */
const notMalformed: TransactionJudge = (type, bytes, start, end) => {
  switch (type) {
    case MessageType.TRANSACTION:
      return walkEnvelope(bytes, start, end) !== "malformed"
    case MessageType.TX_SET:
      return walkTransactionSet(bytes, start, end) !== "malformed"
    case MessageType.GENERALIZED_TX_SET:
      return walkGeneralizedTransactionSet(bytes, start, end) !== "malformed"
  }
}

/** Tells whether the body `bytes[start, end)`, which is frame-shaped, holds a well-formed message. */
export const holdsMessage = (bytes: Uint8Array, start: number, end: number): boolean =>
  walkMessage(bytes, start + ENVELOPE_HEAD_BYTES, end - MAC_BYTES, notMalformed)

/** The reason to end the session for, after the channel refused the body `bytes[start, end)`. */
export const frameRefusal = (
  refusal: ChannelRefusal,
  bytes: Uint8Array,
  start: number,
  end: number
): PlainDropReason =>
  refusal === "corrupt" || !holdsMessage(bytes, start, end) ? Drop.CorruptXdr : channelRefusals[refusal]
