/**
 * The messages of consensus: envelopes, statements, quorum sets; and the value that they agree on.
 *
 * Fields stand in wire order. Source: Stellar consensus protocol, Stellar-SCP.x; StellarValue: Stellar-ledger.x and CAP-0083.
 */
import {
  case as arm,
  field,
  type Infer,
  option,
  struct,
  uint32,
  uint64,
  UNBOUNDED_MAX_LENGTH,
  union,
  varOpaque,
  void as nothing,
  type XdrType
} from "@stellar/js-xdr"
import { MAX_UPGRADE_BYTES, MAX_UPGRADES } from "../limits.ts"
import { Discriminant, list, Recursion } from "../XdrCodec.ts"
import { Hash, NodeID, Signature } from "./base.ts"

/** The kinds of statement. */
export const SCPStatementType = {
  SCP_ST_PREPARE: 0,
  SCP_ST_CONFIRM: 1,
  SCP_ST_EXTERNALIZE: 2,
  SCP_ST_NOMINATE: 3
} as const

/** What is voted on: the XDR of a `StellarValue`, which the overlay does not open. */
export const Value = varOpaque(UNBOUNDED_MAX_LENGTH, "Value")

/** A value and how many times it was tried. */
export const SCPBallot = struct("SCPBallot", { counter: uint32(), value: Value })
export type SCPBallot = Infer<typeof SCPBallot>

/** "I vote to prepare this ballot", with the highest ones accepted as prepared and the counters of what may be committed. */
export const SCPPrepare = struct("SCPPrepare", {
  quorumSetHash: Hash,
  ballot: SCPBallot,
  prepared: option(SCPBallot),
  preparedPrime: option(SCPBallot),
  nC: uint32(),
  nH: uint32()
})
export type SCPPrepare = Infer<typeof SCPPrepare>

/** "I accept this ballot as committed", with the range of counters. */
export const SCPConfirm = struct("SCPConfirm", {
  ballot: SCPBallot,
  nPrepared: uint32(),
  nCommit: uint32(),
  nH: uint32(),
  quorumSetHash: Hash
})
export type SCPConfirm = Infer<typeof SCPConfirm>

/** "I am done: this is the value", with the highest counter. */
export const SCPExternalize = struct("SCPExternalize", { commit: SCPBallot, nH: uint32(), commitQuorumSetHash: Hash })
export type SCPExternalize = Infer<typeof SCPExternalize>

/** "These values may be voted on": those voted for and those accepted. */
export const SCPNomination = struct("SCPNomination", {
  quorumSetHash: Hash,
  votes: list(Value, UNBOUNDED_MAX_LENGTH),
  accepted: list(Value, UNBOUNDED_MAX_LENGTH)
})
export type SCPNomination = Infer<typeof SCPNomination>

/** What a node says about a slot: by kind, as `SCPStatementType` names them. */
export const SCPPledges = union("SCPStatementPledges", {
  switchOn: new Discriminant("SCPStatementType", SCPStatementType),
  switchKey: "_tag",
  cases: [
    arm("prepare", "SCP_ST_PREPARE", field("prepare", SCPPrepare)),
    arm("confirm", "SCP_ST_CONFIRM", field("confirm", SCPConfirm)),
    arm("externalize", "SCP_ST_EXTERNALIZE", field("externalize", SCPExternalize)),
    arm("nominate", "SCP_ST_NOMINATE", field("nominate", SCPNomination))
  ]
})
export type SCPPledges = Infer<typeof SCPPledges>

/** What a node says about a slot (in Stellar: a ledger). */
export const SCPStatement = struct("SCPStatement", { nodeID: NodeID, slotIndex: uint64(), pledges: SCPPledges })
export type SCPStatement = Infer<typeof SCPStatement>

/**
 * A signed statement. The signature is the node's, over the network's id (32 bytes), the word 1 (ENVELOPE_TYPE_SCP) and
 * the XDR of the statement, not hashed.
 */
export const SCPEnvelope = struct("SCPEnvelope", { statement: SCPStatement, signature: Signature })
export type SCPEnvelope = Infer<typeof SCPEnvelope>

/** Whom a node trusts. On the wire it may be nested about 750 deep; whether it is sane is another question. */
export interface SCPQuorumSet {
  /** How many of `validators` and `innerSets` together must agree. */
  readonly threshold: number
  readonly validators: ReadonlyArray<Uint8Array>
  readonly innerSets: ReadonlyArray<SCPQuorumSet>
}
export const SCPQuorumSet: XdrType<SCPQuorumSet> = struct("SCPQuorumSet", {
  threshold: uint32(),
  validators: list(NodeID, UNBOUNDED_MAX_LENGTH),
  innerSets: list(new Recursion((): XdrType<SCPQuorumSet> => SCPQuorumSet), UNBOUNDED_MAX_LENGTH)
})

/** The proposer's signature of a value. */
export const LedgerCloseValueSignature = struct("LedgerCloseValueSignature", { nodeID: NodeID, signature: Signature })
export type LedgerCloseValueSignature = Infer<typeof LedgerCloseValueSignature>

/** What was proposed when the network agreed on an empty set instead (CAP-0083). */
export const ProposedValue = struct("StellarValueProposedValue", {
  txSetHash: Hash,
  previousLedgerHash: Hash,
  previousLedgerVersion: uint32(),
  lcValueSignature: LedgerCloseValueSignature
})
export type ProposedValue = Infer<typeof ProposedValue>

/** How a value is vouched for. */
export const StellarValueExt = union("StellarValueExt", {
  switchOn: new Discriminant("StellarValueType", {
    STELLAR_VALUE_BASIC: 0,
    STELLAR_VALUE_SIGNED: 1,
    STELLAR_VALUE_EMPTY_TX_SET: 2
  }),
  switchKey: "_tag",
  cases: [
    arm("basic", "STELLAR_VALUE_BASIC", nothing()),
    arm("signed", "STELLAR_VALUE_SIGNED", field("lcValueSignature", LedgerCloseValueSignature)),
    arm("emptyTxSet", "STELLAR_VALUE_EMPTY_TX_SET", field("proposedValue", ProposedValue))
  ]
})
export type StellarValueExt = Infer<typeof StellarValueExt>

/** The content of a `Value`: the next ledger's transactions, time and upgrades. */
export const StellarValue = struct("StellarValue", {
  /** Of the set of transactions; all zero means an empty set, which is never fetched. */
  txSetHash: Hash,
  /** Unix seconds. */
  closeTime: uint64(),
  upgrades: list(varOpaque(MAX_UPGRADE_BYTES, "UpgradeType"), MAX_UPGRADES),
  ext: StellarValueExt
})
export type StellarValue = Infer<typeof StellarValue>
