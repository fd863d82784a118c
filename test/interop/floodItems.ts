/**
 * Messages to be flooded, made by `@stellar/stellar-sdk`: distinct, signed, and the same for the same label.
 *
 * None of our own encoders is used: what arrives is compared with bytes that others made.
 */
import { Account, Asset, hash, Keypair, Memo, Operation, TransactionBuilder } from "@stellar/stellar-sdk"
import {
  FloodAdvert,
  FloodDemand,
  Hash,
  ScpBallot,
  ScpEnvelope,
  ScpNomination,
  ScpStatement,
  ScpStatementConfirm,
  ScpStatementExternalize,
  ScpStatementPledges,
  ScpStatementPrepare,
  StellarMessage
} from "@stellar/stellar-sdk/xdr"

/** The kind in front of each message. */
const KIND_BYTES = 4
const HASH_BYTES = 32

const seedOf = (label: string): Uint8Array => hash(label)

/** The key pair that follows from a label. */
export const keypairOf = (label: string): Keypair => Keypair.fromRawEd25519Seed(seedOf(label))

/** The hash by which a TRANSACTION is advertised: of the envelope, that is, of all behind the kind. */
export const transactionHash = (message: Uint8Array): Uint8Array => hash(message.subarray(KIND_BYTES))

const signed = (builder: TransactionBuilder, keypair: Keypair): Uint8Array => {
  const transaction = builder.setTimeout(0).build()
  transaction.sign(keypair)
  return StellarMessage.transaction(transaction.toEnvelope()).toXdr()
}

const builderOf = (keypair: Keypair, sequence: number, networkPassphrase: string): TransactionBuilder =>
  new TransactionBuilder(new Account(keypair.publicKey(), String(sequence)), { fee: "100", networkPassphrase })

/** Whole TRANSACTION messages: payments, of which every third has a memo and every fifth more than one operation. */
export const transactions = (label: string, networkPassphrase: string, count: number): ReadonlyArray<Uint8Array> => {
  const keypair = keypairOf(label)
  const destination = keypairOf(`${label}: destination`).publicKey()
  return Array.from({ length: count }, (_, i) => {
    const builder = builderOf(keypair, i, networkPassphrase)
    for (let k = 0; k <= (i % 5 === 0 ? 3 : 0); k++) {
      builder.addOperation(Operation.payment({ destination, asset: Asset.native(), amount: String(k + 1) }))
    }
    if (i % 3 === 0) builder.addMemo(Memo.text(`number ${i}`))
    return signed(builder, keypair)
  })
}

/** A whole TRANSACTION message of exactly so many bytes (a multiple of 4): it uploads a contract of the right length. */
export const longTransaction = (label: string, networkPassphrase: string, bytes: number): Uint8Array => {
  const keypair = keypairOf(label)
  const upload = (length: number): Uint8Array => {
    const wasm = new Uint8Array(length).map((_, i) => i)
    return signed(
      builderOf(keypair, 0, networkPassphrase).addOperation(Operation.uploadContractWasm({ wasm })),
      keypair
    )
  }
  return upload(bytes - upload(0).length)
}

/** Signs the XDR of a statement for the network. */
export type SignStatement = (statement: Uint8Array) => Uint8Array

const statementOf = (
  keypair: Keypair,
  slotIndex: number,
  pledges: ScpStatementPledges,
  sign: SignStatement
): Uint8Array => {
  const statement = new ScpStatement({ nodeId: keypair.xdrPublicKey(), slotIndex: BigInt(slotIndex), pledges })
  return StellarMessage.scpMessage(new ScpEnvelope({ statement, signature: sign(statement.toXdr()) })).toXdr()
}

/** How many kinds of statements there are. */
const KINDS = 4

/**
 * Whole SCP_MESSAGEs of one node: for each of `slots` slots one of each of the four kinds, with values of many lengths. `apart`:
 * each is about a slot of its own, so that none says more than another one that waits to be sent.
 */
export const statements = (
  keypair: Keypair,
  slots: number,
  sign: SignStatement,
  { apart }: { readonly apart: boolean } = { apart: false }
): ReadonlyArray<Uint8Array> => {
  const quorumSetHash = hash("a quorum set")
  return Array.from({ length: slots }, (_, i) => {
    const slot = i + 1
    const value = new Uint8Array(40 + i).fill(slot)
    const ballot = new ScpBallot({ counter: slot, value })
    const earlier = new ScpBallot({ counter: 1, value })
    const prepared = i % 2 === 0 ? earlier : null
    return [
      ScpStatementPledges.scpStNominate(
        new ScpNomination({ quorumSetHash, votes: [value], accepted: i % 2 === 0 ? [value] : [] })
      ),
      ScpStatementPledges.scpStPrepare(
        new ScpStatementPrepare({ quorumSetHash, ballot, prepared, preparedPrime: null, nC: 0, nH: 0 })
      ),
      ScpStatementPledges.scpStConfirm(
        new ScpStatementConfirm({ ballot, nPrepared: 1, nCommit: 1, nH: 1, quorumSetHash })
      ),
      ScpStatementPledges.scpStExternalize(
        new ScpStatementExternalize({ commit: ballot, nH: slot, commitQuorumSetHash: quorumSetHash })
      )
    ].map((pledges, kind) => statementOf(keypair, apart ? KINDS * i + kind + 1 : slot, pledges, sign))
  }).flat()
}

const hashesOf = (hashes: ReadonlyArray<Uint8Array>): Array<Hash> => hashes.map((bytes) => new Hash(bytes))

/** The hashes in a whole FLOOD_ADVERT or FLOOD_DEMAND: kind (4), count (4), 32 bytes each. */
export const hashesIn = (message: Uint8Array): ReadonlyArray<Uint8Array> => {
  const hashes: Array<Uint8Array> = []
  for (let at = 2 * KIND_BYTES; at < message.length; at += HASH_BYTES) {
    hashes.push(message.subarray(at, at + HASH_BYTES))
  }
  return hashes
}

/** A whole FLOOD_ADVERT. */
export const advert = (hashes: ReadonlyArray<Uint8Array>): Uint8Array =>
  StellarMessage.floodAdvert(new FloodAdvert({ txHashes: hashesOf(hashes) })).toXdr()

/** A whole FLOOD_DEMAND. */
export const demand = (hashes: ReadonlyArray<Uint8Array>): Uint8Array =>
  StellarMessage.floodDemand(new FloodDemand({ txHashes: hashesOf(hashes) })).toXdr()
