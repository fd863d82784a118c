/**
 * Signed statements of consensus, as one validator says them: about one slot after the other, four about each.
 */
import { Result } from "effect"
import type { Signer } from "../../core/Crypto.ts"
import type { StellarMessage } from "../../core/stellar/messages.ts"
import { type SCPPledges, SCPStatement } from "../../core/stellar/messages/scp.ts"
import type { ScpSignature } from "../../core/stellar/ScpSignature.ts"
import { encodeXdr } from "../../core/stellar/XdrCodec.ts"

/** What is said about a slot, in this order. */
const PHASES = 4
const NO_HASH = new Uint8Array(0)

const pledges = (phase: number, quorumSetHash: Uint8Array, value: Uint8Array): SCPPledges => {
  const ballot = { counter: 1, value }
  switch (phase) {
    case 0:
      return { _tag: "SCP_ST_NOMINATE", nominate: { quorumSetHash, votes: [value], accepted: [] } }
    case 1:
      return {
        _tag: "SCP_ST_PREPARE",
        prepare: { quorumSetHash, ballot, prepared: null, preparedPrime: null, nC: 0, nH: 0 }
      }
    case 2:
      return { _tag: "SCP_ST_CONFIRM", confirm: { ballot, nPrepared: 1, nCommit: 1, nH: 1, quorumSetHash } }
    default:
      return { _tag: "SCP_ST_EXTERNALIZE", externalize: { commit: ballot, nH: 1, commitQuorumSetHash: quorumSetHash } }
  }
}

/** The slot that the `count`-th statement of a node is about, both counted from 0. */
export const slotOf = (count: number): number => Math.floor(count / PHASES)

/**
 * Makes the message with the `count`-th statement of a node, counted from 0: slots rise from 1 on. Its value begins with the hash of
 * a set of transactions, if it names one.
 */
export const signedStatement = (
  signature: ScpSignature,
  signer: Signer,
  quorumSetHash: Uint8Array,
  count: number,
  transactionSetHash: Uint8Array = NO_HASH
): StellarMessage => {
  const slot = 1 + slotOf(count)
  const text = new TextEncoder().encode(`the value of slot ${slot}`)
  const value = new Uint8Array(transactionSetHash.length + text.length)
  value.set(transactionSetHash)
  value.set(text, transactionSetHash.length)
  const statement: SCPStatement = {
    nodeID: signer.publicKey,
    slotIndex: BigInt(slot),
    pledges: pledges(count % PHASES, quorumSetHash, value)
  }
  const signed = Result.getOrThrow(encodeXdr(SCPStatement, statement))
  return { _tag: "SCP_MESSAGE", envelope: { statement, signature: signature.sign(signer, signed) } }
}
