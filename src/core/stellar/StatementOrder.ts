/**
 * Which of two statements of one node about one slot is the later one: they carry no time, but what a node says only grows.
 *
 * Nominations and ballots are two conversations; statements are compared within one of them. Source: Stellar consensus
 * protocol (draft-mazieres-dinrg-scp).
 */
import { ITEM_HASH_BYTES } from "../ItemHash.ts"
import { paddingLength, readUint32, WORD_BYTES } from "../Xdr.ts"
import { SCPStatementType } from "./messages/scp.ts"
import { scpOffsets, walkScpMessage } from "./MessageWalk.ts"

const { SCP_ST_CONFIRM, SCP_ST_EXTERNALIZE, SCP_ST_NOMINATE, SCP_ST_PREPARE } = SCPStatementType

/**
 * Whether an SCP_MESSAGE says more than another one of the same node, slot and conversation. `false` if they say as much,
 * or if one of them is no SCP_MESSAGE.
 */
export const isNewerStatement = (candidate: Uint8Array, held: Uint8Array): boolean => {
  const later = scpOffsets()
  const earlier = scpOffsets()
  if (!walkScpMessage(candidate, 0, candidate.length, later)) return false
  if (!walkScpMessage(held, 0, held.length, earlier)) return false
  if (later.kind !== earlier.kind) return phaseOf(later.kind) > phaseOf(earlier.kind)
  // Both messages begin where their bytes do, so their pledges begin at the same place.
  return comparePledges(later.kind, candidate, held, later.pledges) > 0
}

// Every SCP_MESSAGE begins with: its kind (4), the kind of key (4), the node's key (32), the slot (8), the kind of statement (4).

/** Where the node's key stands in an SCP_MESSAGE. */
export const NODE_AT = 2 * WORD_BYTES
/** Where the slot stands in it. */
export const SLOT_AT = NODE_AT + ITEM_HASH_BYTES
/** Where the kind of the statement stands in it. */
export const STATEMENT_KIND_AT = SLOT_AT + 2 * WORD_BYTES

/** Whether a well-formed SCP_MESSAGE belongs to the nomination; else to the ballot. */
export const isNomination = (message: Uint8Array): boolean => readUint32(message, STATEMENT_KIND_AT) === SCP_ST_NOMINATE

/** A ballot is first prepared, then confirmed, then externalized. */
const PHASES: ReadonlyArray<number> = [SCP_ST_NOMINATE, SCP_ST_PREPARE, SCP_ST_CONFIRM, SCP_ST_EXTERNALIZE]

const phaseOf = (kind: number): number => PHASES.indexOf(kind)

// What is compared lies at the same place in both messages as long as all before it is equal, and no further is looked.

/** Pledges of one kind, which begin at `at`. */
const comparePledges = (kind: number, one: Uint8Array, other: Uint8Array, at: number): number => {
  switch (kind) {
    case SCP_ST_NOMINATE:
      return nominated(one, at + ITEM_HASH_BYTES) - nominated(other, at + ITEM_HASH_BYTES)
    case SCP_ST_PREPARE:
      return comparePrepared(one, other, at + ITEM_HASH_BYTES)
    case SCP_ST_CONFIRM:
      return compareConfirmed(one, other, at)
    default:
      // A node externalizes once, so two of those are equal.
      return 0
  }
}

/** An honest node takes nothing back that it voted for or accepted, so what grows in sets grows in number. */
const nominated = (bytes: Uint8Array, votes: number): number => {
  const count = readUint32(bytes, votes)
  let accepted = votes + WORD_BYTES
  for (let i = 0; i < count; i++) accepted = behindValue(bytes, accepted)
  return count + readUint32(bytes, accepted)
}

/** The ballot, what is prepared, what else is prepared, and behind nC the highest ballot that is (nH). */
const comparePrepared = (one: Uint8Array, other: Uint8Array, ballot: number): number => {
  const ballots = compareBallots(one, other, ballot)
  if (ballots !== 0) return ballots
  const prepared = behindBallot(one, ballot)
  const first = compareOptionalBallots(one, other, prepared)
  if (first !== 0) return first
  const preparedPrime = behindOptionalBallot(one, prepared)
  return compareOptionalBallots(one, other, preparedPrime)
    || compareWords(one, other, behindOptionalBallot(one, preparedPrime) + WORD_BYTES)
}

/** The ballot, how far it is prepared (nPrepared), and behind nCommit how far it can be committed (nH). */
const compareConfirmed = (one: Uint8Array, other: Uint8Array, ballot: number): number => {
  const ballots = compareBallots(one, other, ballot)
  if (ballots !== 0) return ballots
  const nPrepared = behindBallot(one, ballot)
  return compareWords(one, other, nPrepared) || compareWords(one, other, nPrepared + 2 * WORD_BYTES)
}

/** No ballot is below any. */
const compareOptionalBallots = (one: Uint8Array, other: Uint8Array, at: number): number => {
  const isThere = readUint32(one, at)
  return isThere - readUint32(other, at) || (isThere === 0 ? 0 : compareBallots(one, other, at + WORD_BYTES))
}

/** By counter, then by value. */
const compareBallots = (one: Uint8Array, other: Uint8Array, at: number): number =>
  compareWords(one, other, at) || compareValues(one, other, at + WORD_BYTES)

/** As in a dictionary. */
const compareValues = (one: Uint8Array, other: Uint8Array, at: number): number => {
  const oneLength = readUint32(one, at)
  const otherLength = readUint32(other, at)
  const start = at + WORD_BYTES
  const end = start + Math.min(oneLength, otherLength)
  for (let i = start; i < end; i++) {
    const difference = one[i]! - other[i]!
    if (difference !== 0) return difference
  }
  return oneLength - otherLength
}

const compareWords = (one: Uint8Array, other: Uint8Array, at: number): number =>
  readUint32(one, at) - readUint32(other, at)

const behindOptionalBallot = (bytes: Uint8Array, at: number): number =>
  readUint32(bytes, at) === 0 ? at + WORD_BYTES : behindBallot(bytes, at + WORD_BYTES)

const behindBallot = (bytes: Uint8Array, at: number): number => behindValue(bytes, at + WORD_BYTES)

const behindValue = (bytes: Uint8Array, at: number): number => {
  const length = readUint32(bytes, at)
  return at + WORD_BYTES + length + paddingLength(length)
}
