/**
 * The messages that a session makes all the time, written word by word, and pings and their answers, read so: the schema's
 * writer costs more than the message.
 *
 * A test holds each of them against the schema.
 */
import type { Grant } from "../CreditLedger.ts"
import * as ItemHash from "../ItemHash.ts"
import { readUint32, WORD_BYTES, writeUint32 } from "../Xdr.ts"
import { MessageType } from "./messages.ts"
import { HASHES_AT } from "./MessageWalk.ts"

const QUORUM_SET_QUERY_BYTES = WORD_BYTES + ItemHash.ITEM_HASH_BYTES
const DONT_HAVE_HASH_AT = 2 * WORD_BYTES
const DONT_HAVE_BYTES = DONT_HAVE_HASH_AT + ItemHash.ITEM_HASH_BYTES

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

/** A GET_TX_SET or GET_SCP_QUORUMSET: kind (4), hash (32). */
export const itemQuery = (name: "GET_TX_SET" | "GET_SCP_QUORUMSET", hash: ItemHash.ItemHash): Uint8Array => {
  const message = new Uint8Array(WORD_BYTES + ItemHash.ITEM_HASH_BYTES)
  writeUint32(message, 0, MessageType[name])
  ItemHash.writeTo(hash, message, WORD_BYTES)
  return message
}

/** A GET_SCP_QUORUMSET, which serves as a ping: kind (4), hash (32). */
export const quorumSetQuery = (hash: Uint8Array): Uint8Array => {
  const message = new Uint8Array(QUORUM_SET_QUERY_BYTES)
  writeUint32(message, 0, MessageType.GET_SCP_QUORUMSET)
  message.set(hash, WORD_BYTES)
  return message
}

/** A DONT_HAVE, which answers a ping: kind (4), kind of what is missing (4), its hash (32). */
export const dontHaveMessage = (kind: number, hash: Uint8Array): Uint8Array => {
  const message = new Uint8Array(DONT_HAVE_BYTES)
  writeUint32(message, 0, MessageType.DONT_HAVE)
  writeUint32(message, WORD_BYTES, kind)
  message.set(hash, DONT_HAVE_HASH_AT)
  return message
}

/** Where the hash begins if the message at `bytes[from, to)` is a GET_SCP_QUORUMSET of the right length; otherwise -1. */
export const quorumSetQueryHashAt = (bytes: Uint8Array, from: number, to: number): number =>
  to - from === QUORUM_SET_QUERY_BYTES && readUint32(bytes, from) === MessageType.GET_SCP_QUORUMSET
    ? from + WORD_BYTES
    : -1

/** Where the hash begins if the message at `bytes[from, to)` is a DONT_HAVE of the right length about a quorum set; otherwise -1. */
export const missingQuorumSetHashAt = (bytes: Uint8Array, from: number, to: number): number =>
  to - from === DONT_HAVE_BYTES && readUint32(bytes, from) === MessageType.DONT_HAVE
    && readUint32(bytes, from + WORD_BYTES) === MessageType.SCP_QUORUMSET
    ? from + DONT_HAVE_HASH_AT
    : -1

/** A SEND_MORE_EXTENDED: kind (4), messages (4), bytes (4). */
export const grantMessage = (grant: Grant): Uint8Array => {
  const message = new Uint8Array(3 * WORD_BYTES)
  writeUint32(message, 0, MessageType.SEND_MORE_EXTENDED)
  writeUint32(message, WORD_BYTES, grant.messages)
  writeUint32(message, 2 * WORD_BYTES, grant.bytes)
  return message
}
