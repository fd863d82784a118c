/** Signed statements of consensus, for the tests that judge, order and keep them. */
import { Result } from "effect"
import type { Signer } from "../../src/core/Crypto.ts"
import { encodeMessage } from "../../src/core/stellar/messages.ts"
import type { SCPBallot, SCPPledges } from "../../src/core/stellar/messages/scp.ts"
import { scpOffsets, walkScpMessage } from "../../src/core/stellar/MessageWalk.ts"
import { ScpSignature } from "../../src/core/stellar/ScpSignature.ts"
import * as NodeCrypto from "../../src/layers/node/NodeCrypto.ts"

const crypto = NodeCrypto.make()
const quorumSetHash = new Uint8Array(32).fill(9)

/** A key pair from a number. */
export const signerOf = (number: number): Signer => {
  const seed = new Uint8Array(32)
  new DataView(seed.buffer).setUint32(0, number)
  return crypto.signer(seed)
}

export const ballot = (counter: number, value = "value"): SCPBallot => ({
  counter,
  value: new TextEncoder().encode(value)
})

const values = (texts: ReadonlyArray<string>) => texts.map((text) => new TextEncoder().encode(text))

export const nominate = (votes: ReadonlyArray<string>, accepted: ReadonlyArray<string> = []): SCPPledges => ({
  _tag: "SCP_ST_NOMINATE",
  nominate: { quorumSetHash, votes: values(votes), accepted: values(accepted) }
})

export const prepare = (
  counter: number,
  more: {
    readonly value?: string
    readonly prepared?: SCPBallot
    readonly preparedPrime?: SCPBallot
    readonly nH?: number
  } = {}
): SCPPledges => ({
  _tag: "SCP_ST_PREPARE",
  prepare: {
    quorumSetHash,
    ballot: ballot(counter, more.value),
    prepared: more.prepared ?? null,
    preparedPrime: more.preparedPrime ?? null,
    nC: 0,
    nH: more.nH ?? 0
  }
})

export const confirm = (
  counter: number,
  more: { readonly nPrepared?: number; readonly nH?: number } = {}
): SCPPledges => ({
  _tag: "SCP_ST_CONFIRM",
  confirm: { ballot: ballot(counter), nPrepared: more.nPrepared ?? 1, nCommit: 1, nH: more.nH ?? 1, quorumSetHash }
})

export const externalize = (counter = 1): SCPPledges => ({
  _tag: "SCP_ST_EXTERNALIZE",
  externalize: { commit: ballot(counter), nH: 1, commitQuorumSetHash: quorumSetHash }
})

/** A whole SCP_MESSAGE with this signature. */
export const statement = (
  node: Uint8Array,
  slotIndex: number | bigint,
  pledges: SCPPledges,
  signature: Uint8Array = new Uint8Array(64)
): Uint8Array =>
  Result.getOrThrow(encodeMessage({
    _tag: "SCP_MESSAGE",
    envelope: { statement: { nodeID: node, slotIndex: BigInt(slotIndex), pledges }, signature }
  }))

/** A whole SCP_MESSAGE, signed for the network with this id. */
export const signedStatement = (
  networkId: Uint8Array,
  signer: Signer,
  slotIndex: number | bigint,
  pledges: SCPPledges
): Uint8Array => {
  const unsigned = statement(signer.publicKey, slotIndex, pledges)
  const offsets = scpOffsets()
  if (!walkScpMessage(unsigned, 0, unsigned.length, offsets)) throw new Error("the statement is not well formed")
  const signed = unsigned.subarray(offsets.statementStart, offsets.statementEnd)
  return statement(signer.publicKey, slotIndex, pledges, new ScpSignature(crypto, networkId).sign(signer, signed))
}
