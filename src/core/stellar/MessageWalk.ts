/**
 * Judges the bytes of a message without making a value of them, and says where in them the interesting things are.
 *
 * The kinds that come by the thousand are walked by hand: consensus, grants, adverts, demands. They pass exactly what the
 * schemas of `messages.ts` decode. All offsets are into the same array that the walk was given. `start` is the message's
 * first word (its kind), `end` the byte behind its last.
 */
import { Result } from "effect"
import { ITEM_HASH_BYTES } from "../ItemHash.ts"
import { MALFORMED, readUint32, skipVarOpaque, WORD_BYTES } from "../Xdr.ts"
import { MAX_HASHES_PER_MESSAGE, MAX_SIGNATURE_BYTES } from "./limits.ts"
import { decodeMessage, MessageType } from "./messages.ts"
import { SCPStatementType } from "./messages/scp.ts"

/** The kinds whose content a walk of transactions judges. */
export type TransactionMessageType =
  | typeof MessageType.TX_SET
  | typeof MessageType.TRANSACTION
  | typeof MessageType.GENERALIZED_TX_SET

/** Judges what stands behind the first word of a message of this kind: `bytes[start, end)`, the kind's word excluded. */
export type TransactionJudge = (type: TransactionMessageType, bytes: Uint8Array, start: number, end: number) => boolean

/**
 * Tells whether `bytes[start, end)` is a well-formed message of whatever kind: exact length, zero padding, known
 * discriminants, lengths within their bounds.
 *
 * The content of `TX_SET`, `TRANSACTION` and `GENERALIZED_TX_SET` is for `judge`. The kinds that are rare are decoded and
 * the value thrown away.
 */
export const walkMessage = (bytes: Uint8Array, start: number, end: number, judge: TransactionJudge): boolean => {
  if (end - start < WORD_BYTES) return false
  const type = readUint32(bytes, start)
  switch (type) {
    case MessageType.TRANSACTION:
    case MessageType.TX_SET:
    case MessageType.GENERALIZED_TX_SET:
      return judge(type, bytes, start + WORD_BYTES, end)
    case MessageType.SCP_MESSAGE:
      return walkScpMessage(bytes, start, end, scpOffsets())
    case MessageType.SEND_MORE_EXTENDED:
      return walkSendMoreExtended(bytes, start, end)
    case MessageType.FLOOD_ADVERT:
    case MessageType.FLOOD_DEMAND:
      return walkHashes(bytes, start, end)
    default:
      return Result.isSuccess(decodeMessage(bytes.subarray(start, end)))
  }
}

// Consensus

/** Where the parts of an SCP_MESSAGE are. Mutable, so that one record serves many walks. */
export interface ScpOffsets {
  /** One of `SCPStatementType`. */
  kind: number
  /** The statement's first byte: what is signed, after the network's id and a word, is `[statementStart, statementEnd)`. */
  statementStart: number
  /** The byte behind the statement's last. */
  statementEnd: number
  /** The 32 bytes of the sender's key. */
  nodeID: number
  /** What is pledged: the first byte behind the kind of statement. */
  pledges: number
  /** The upper 32 bits of the slot. */
  slotHigh: number
  /** The lower 32 bits of the slot. */
  slotLow: number
  /** The 32 bytes of the hash of the sender's quorum set. */
  quorumSetHash: number
  /** The signature's first byte. */
  signature: number
  /** How many bytes the signature has: 64, unless it is wrong anyway. */
  signatureBytes: number
}

/** A record for `walkScpMessage` to fill. */
export const scpOffsets = (): ScpOffsets => ({
  kind: 0,
  statementStart: 0,
  statementEnd: 0,
  nodeID: 0,
  pledges: 0,
  slotHigh: 0,
  slotLow: 0,
  quorumSetHash: 0,
  signature: 0,
  signatureBytes: 0
})

/** From the kind of message to the slot: kind of key, key. */
const SLOT_AT = 2 * WORD_BYTES + ITEM_HASH_BYTES
/** From the kind of message to the pledges: the slot, and the kind of statement. */
const PLEDGES_AT = SLOT_AT + 3 * WORD_BYTES
/** The word that says that a key is Ed25519, the only kind there is. */
const PUBLIC_KEY_TYPE_ED25519 = 0
/** An opaque without a bound of its own: what is there bounds it. */
const UNBOUNDED = 0xffffffff

const skipFixed = (at: number, end: number, length: number): number => end - at < length ? MALFORMED : at + length

const skipBallot = (bytes: Uint8Array, at: number, end: number): number =>
  end - at < WORD_BYTES ? MALFORMED : skipVarOpaque(bytes, at + WORD_BYTES, end, UNBOUNDED)

const skipOptionalBallot = (bytes: Uint8Array, at: number, end: number): number => {
  if (end - at < WORD_BYTES) return MALFORMED
  const present = readUint32(bytes, at)
  if (present > 1) return MALFORMED
  return present === 0 ? at + WORD_BYTES : skipBallot(bytes, at + WORD_BYTES, end)
}

const skipValues = (bytes: Uint8Array, at: number, end: number): number => {
  if (end - at < WORD_BYTES) return MALFORMED
  const count = readUint32(bytes, at)
  let next = at + WORD_BYTES
  // Each value takes at least a word, so a count that promises too much ends at `end`.
  for (let i = 0; i < count; i++) {
    next = skipVarOpaque(bytes, next, end, UNBOUNDED)
    if (next === MALFORMED) return MALFORMED
  }
  return next
}

/** Tells whether `bytes[start, end)` is a well-formed SCP_MESSAGE, and if so fills `into`; else `into` means nothing. */
export const walkScpMessage = (bytes: Uint8Array, start: number, end: number, into: ScpOffsets): boolean => {
  if (end - start < PLEDGES_AT) return false
  if (readUint32(bytes, start) !== MessageType.SCP_MESSAGE) return false
  if (readUint32(bytes, start + WORD_BYTES) !== PUBLIC_KEY_TYPE_ED25519) return false
  const pledges = start + PLEDGES_AT
  const kind = readUint32(bytes, pledges - WORD_BYTES)
  let at: number
  let quorumSetHash: number
  switch (kind) {
    case SCPStatementType.SCP_ST_PREPARE:
      quorumSetHash = pledges
      at = skipFixed(pledges, end, ITEM_HASH_BYTES)
      if (at !== MALFORMED) at = skipBallot(bytes, at, end)
      if (at !== MALFORMED) at = skipOptionalBallot(bytes, at, end)
      if (at !== MALFORMED) at = skipOptionalBallot(bytes, at, end)
      if (at !== MALFORMED) at = skipFixed(at, end, 2 * WORD_BYTES)
      break
    case SCPStatementType.SCP_ST_CONFIRM:
      at = skipBallot(bytes, pledges, end)
      if (at !== MALFORMED) at = skipFixed(at, end, 3 * WORD_BYTES + ITEM_HASH_BYTES)
      quorumSetHash = at - ITEM_HASH_BYTES
      break
    case SCPStatementType.SCP_ST_EXTERNALIZE:
      at = skipBallot(bytes, pledges, end)
      if (at !== MALFORMED) at = skipFixed(at, end, WORD_BYTES + ITEM_HASH_BYTES)
      quorumSetHash = at - ITEM_HASH_BYTES
      break
    case SCPStatementType.SCP_ST_NOMINATE:
      quorumSetHash = pledges
      at = skipFixed(pledges, end, ITEM_HASH_BYTES)
      if (at !== MALFORMED) at = skipValues(bytes, at, end)
      if (at !== MALFORMED) at = skipValues(bytes, at, end)
      break
    default:
      return false
  }
  if (at === MALFORMED || skipVarOpaque(bytes, at, end, MAX_SIGNATURE_BYTES) !== end) return false
  into.kind = kind
  into.statementStart = start + WORD_BYTES
  into.statementEnd = at
  into.nodeID = start + 2 * WORD_BYTES
  into.pledges = pledges
  into.slotHigh = readUint32(bytes, start + SLOT_AT)
  into.slotLow = readUint32(bytes, start + SLOT_AT + WORD_BYTES)
  into.quorumSetHash = quorumSetHash
  into.signature = at + WORD_BYTES
  into.signatureBytes = readUint32(bytes, at)
  return true
}

/** What a 32-bit word counts up to. */
const WORD_RANGE = 0x1_0000_0000

/** The slot as a number, or `undefined` if a number does not hold it exactly (from 2^53 on: no ledger is there). */
export const slotIndex = (offsets: ScpOffsets): number | undefined => {
  const slot = offsets.slotHigh * WORD_RANGE + offsets.slotLow
  return Number.isSafeInteger(slot) ? slot : undefined
}

/**
 * Calls `visit` with the first byte and the length of each value in the statement, in the order of the bytes. In Stellar
 * a value begins with the hash of a set of transactions. `offsets` are of a walk over the same bytes that said true.
 */
export const forEachScpValue = (
  bytes: Uint8Array,
  offsets: ScpOffsets,
  visit: (start: number, length: number) => void
): void => {
  const end = offsets.statementEnd
  const value = (at: number): number => {
    visit(at + WORD_BYTES, readUint32(bytes, at))
    return skipVarOpaque(bytes, at, end, UNBOUNDED)
  }
  const values = (at: number): number => {
    let next = at + WORD_BYTES
    for (let left = readUint32(bytes, at); left > 0; left--) next = value(next)
    return next
  }
  const optionalBallot = (at: number): number =>
    readUint32(bytes, at) === 0 ? at + WORD_BYTES : value(at + 2 * WORD_BYTES)

  const { pledges } = offsets
  switch (offsets.kind) {
    case SCPStatementType.SCP_ST_PREPARE:
      optionalBallot(optionalBallot(value(pledges + ITEM_HASH_BYTES + WORD_BYTES)))
      break
    case SCPStatementType.SCP_ST_NOMINATE:
      values(values(pledges + ITEM_HASH_BYTES))
      break
    default:
      value(pledges + WORD_BYTES)
  }
}

// Grants

/** A SEND_MORE_EXTENDED is three words: kind, messages, bytes. */
const GRANT_BYTES = 3 * WORD_BYTES

/** Tells whether `bytes[start, end)` is a well-formed SEND_MORE_EXTENDED. */
export const walkSendMoreExtended = (bytes: Uint8Array, start: number, end: number): boolean =>
  end - start === GRANT_BYTES && readUint32(bytes, start) === MessageType.SEND_MORE_EXTENDED

/** The messages that a walked SEND_MORE_EXTENDED grants. */
export const grantedMessages = (bytes: Uint8Array, start: number): number => readUint32(bytes, start + WORD_BYTES)

/** The bytes that a walked SEND_MORE_EXTENDED grants. */
export const grantedBytes = (bytes: Uint8Array, start: number): number => readUint32(bytes, start + 2 * WORD_BYTES)

// Adverts and demands

/** From the kind of a FLOOD_ADVERT or FLOOD_DEMAND to its first hash; the others follow without a gap. */
export const HASHES_AT = 2 * WORD_BYTES

/** Tells whether `bytes[start, end)` is a well-formed FLOOD_ADVERT or FLOOD_DEMAND. */
export const walkHashes = (bytes: Uint8Array, start: number, end: number): boolean => {
  if (end - start < HASHES_AT) return false
  const type = readUint32(bytes, start)
  if (type !== MessageType.FLOOD_ADVERT && type !== MessageType.FLOOD_DEMAND) return false
  const count = hashCount(bytes, start)
  return count <= MAX_HASHES_PER_MESSAGE && end - start === HASHES_AT + count * ITEM_HASH_BYTES
}

/** How many hashes are in a walked FLOOD_ADVERT or FLOOD_DEMAND: at most `MAX_HASHES_PER_MESSAGE`. */
export const hashCount = (bytes: Uint8Array, start: number): number => readUint32(bytes, start + WORD_BYTES)
