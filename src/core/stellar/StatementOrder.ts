/**
 * Which of two statements of one node about one slot is the later one: they carry no time, but what a node says only grows.
 *
 * Nominations and ballots are two conversations; statements are compared within one of them. Source: Stellar consensus
 * protocol (draft-mazieres-dinrg-scp).
 */
import { Result } from "effect"
import { decodeMessage } from "./messages.ts"
import type { SCPBallot, SCPNomination, SCPPledges } from "./messages/scp.ts"

/**
 * Whether an SCP_MESSAGE says more than another one of the same node, slot and conversation. `false` if they say as much,
 * or if one of them is no SCP_MESSAGE.
 */
export const isNewerStatement = (candidate: Uint8Array, held: Uint8Array): boolean => {
  const later = pledgesOf(candidate)
  const earlier = pledgesOf(held)
  return later !== undefined && earlier !== undefined && comparePledges(later, earlier) > 0
}

const pledgesOf = (bytes: Uint8Array): SCPPledges | undefined => {
  const message = Result.getOrUndefined(decodeMessage(bytes))
  return message?._tag === "SCP_MESSAGE" ? message.envelope.statement.pledges : undefined
}

/** A ballot is first prepared, then confirmed, then externalized. */
const PHASES = { SCP_ST_NOMINATE: 0, SCP_ST_PREPARE: 1, SCP_ST_CONFIRM: 2, SCP_ST_EXTERNALIZE: 3 } as const

const comparePledges = (one: SCPPledges, other: SCPPledges): number => {
  if (one._tag === "SCP_ST_NOMINATE" && other._tag === "SCP_ST_NOMINATE") {
    return nominated(one.nominate) - nominated(other.nominate)
  }
  if (one._tag === "SCP_ST_PREPARE" && other._tag === "SCP_ST_PREPARE") {
    return compareBallots(one.prepare.ballot, other.prepare.ballot)
      || compareBallots(one.prepare.prepared, other.prepare.prepared)
      || compareBallots(one.prepare.preparedPrime, other.prepare.preparedPrime)
      || one.prepare.nH - other.prepare.nH
  }
  if (one._tag === "SCP_ST_CONFIRM" && other._tag === "SCP_ST_CONFIRM") {
    return compareBallots(one.confirm.ballot, other.confirm.ballot)
      || one.confirm.nPrepared - other.confirm.nPrepared
      || one.confirm.nH - other.confirm.nH
  }
  // A node externalizes once, so two of those are equal.
  return PHASES[one._tag] - PHASES[other._tag]
}

/** An honest node takes nothing back that it voted for or accepted, so what grows in sets grows in number. */
const nominated = (nomination: SCPNomination): number => nomination.votes.length + nomination.accepted.length

/** By counter, then by value; no ballot is below any. */
const compareBallots = (one: SCPBallot | null, other: SCPBallot | null): number => {
  if (one === null || other === null) return Number(one !== null) - Number(other !== null)
  return one.counter - other.counter || compareBytes(one.value, other.value)
}

/** As in a dictionary. */
const compareBytes = (one: Uint8Array, other: Uint8Array): number => {
  const length = Math.min(one.length, other.length)
  for (let i = 0; i < length; i++) {
    const difference = one[i]! - other[i]!
    if (difference !== 0) return difference
  }
  return one.length - other.length
}
