/**
 * The messages that a session makes all the time, written word by word: the schema's writer costs more than the message.
 *
 * A test holds each of them against the schema.
 */
import type { Grant } from "../CreditLedger.ts"
import * as ItemHash from "../ItemHash.ts"
import { WORD_BYTES, writeUint32 } from "../Xdr.ts"
import { MessageType } from "./messages.ts"
import { HASHES_AT } from "./MessageWalk.ts"

/** A FLOOD_ADVERT or FLOOD_DEMAND: kind (4), count (4), 32 bytes a hash. The caller keeps the bound of 1,000 hashes. */
export const hashesMessage = (
  name: "FLOOD_ADVERT" | "FLOOD_DEMAND",
  hashes: ReadonlyArray<ItemHash.ItemHash>
): Uint8Array => {
  const message = new Uint8Array(HASHES_AT + hashes.length * ItemHash.ITEM_HASH_BYTES)
  writeUint32(message, 0, MessageType[name])
  writeUint32(message, WORD_BYTES, hashes.length)
  hashes.forEach((hash, i) => ItemHash.writeTo(hash, message, HASHES_AT + i * ItemHash.ITEM_HASH_BYTES))
  return message
}

/** A SEND_MORE_EXTENDED: kind (4), messages (4), bytes (4). */
export const grantMessage = (grant: Grant): Uint8Array => {
  const message = new Uint8Array(3 * WORD_BYTES)
  writeUint32(message, 0, MessageType.SEND_MORE_EXTENDED)
  writeUint32(message, WORD_BYTES, grant.messages)
  writeUint32(message, 2 * WORD_BYTES, grant.bytes)
  return message
}
