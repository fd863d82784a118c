/**
 * Transactions as values, by `@stellar/stellar-sdk`: for an application that judges what they say.
 *
 * The only module that needs that package, which is an optional peer dependency: nothing here imports this module, so who
 * does not use it need not install it. The overlay itself walks over transactions without decoding them.
 */
import {
  type FeeBumpTransactionEnvelope,
  TransactionEnvelope,
  type TransactionV1Envelope
} from "@stellar/stellar-sdk/xdr"
import { Effect, Result } from "effect"
import type { CryptoShape } from "../../core/Crypto.ts"
import * as ItemHash from "../../core/ItemHash.ts"
import { peerIdFromPublicKey } from "../../core/stellar/StrKey.ts"
import { WORD_BYTES, writeUint32 } from "../../core/Xdr.ts"
import { Crypto } from "../../services/Crypto.ts"
import type { FloodedTransaction } from "../../services/stellar/Application.ts"

/** A signature, and the last four bytes of the key that it claims to be of. */
export interface TransactionSignature {
  readonly hint: Uint8Array
  readonly signature: Uint8Array
}

/** An account, as a transaction names it. */
export interface TransactionAccount {
  /** 32 bytes. */
  readonly publicKey: Uint8Array
  /** The same as people write it, `G...`. */
  readonly address: string
  /** Whom of those that share the account is meant, if that is said (`M...`). */
  readonly muxedId: bigint | undefined
}

/** What a transaction says. Its bytes may be views into the message: what is kept for long is to be copied. */
export interface SdkTransaction {
  /** `classic`: as before protocol 13; `fee-bump`: one that offers a higher fee for another one, which is in `inner`. */
  readonly form: "classic" | "current" | "fee-bump"
  /** SHA-256 of what is signed, for the network of the parser. Not the hash of adverts, which is over the signatures as well. */
  readonly hash: ItemHash.ItemHash
  /** Who pays the fee; of a transaction that is no fee bump also whose sequence number it uses. */
  readonly source: TransactionAccount
  /** The most that it pays, in stroops. */
  readonly fee: bigint
  /** The sequence number that it uses; of a fee bump, the one that the inner transaction does. */
  readonly sequence: bigint
  /** How many operations it has; a fee bump has those of the inner transaction. */
  readonly operations: number
  /** Its own; the inner transaction has others. */
  readonly signatures: ReadonlyArray<TransactionSignature>
  readonly inner: SdkTransaction | undefined
  /** All of it, as the library gives it. */
  readonly envelope: TransactionEnvelope
}

/** The message is no TRANSACTION that the library understands: a kind newer than it, or bytes that are none. */
export interface MalformedTransaction {
  readonly _tag: "MalformedTransaction"
  /** What the library says of it. */
  readonly reason: string
}

/** Reads whole TRANSACTION messages. It never throws. */
export type TransactionParser = (
  transaction: Pick<FloodedTransaction, "bytes">
) => Result.Result<SdkTransaction, MalformedTransaction>

/**
 * Makes the parser for the network with this passphrase.
 *
 * @example
 * ```ts
 * const parse = yield* SdkTransactions.make("Test SDF Network ; September 2015")
 * const verdict = Result.isFailure(parse(transaction)) ? "malformed" : "accepted"
 * ```
 */
export const make = (passphrase: string): Effect.Effect<TransactionParser, never, Crypto> =>
  Effect.map(Crypto, (crypto) => {
    const networkId = ItemHash.toBytes(crypto.sha256(new TextEncoder().encode(passphrase)))
    const hashOf = (tagged: Uint8Array): ItemHash.ItemHash => crypto.sha256(joined(networkId, tagged))
    return ({ bytes }) => Result.map(decoded(bytes), (envelope) => read(envelope, hashOf))
  })

/** Whether one of its signatures is that of this key (32 bytes). */
export const isSignedBy = (
  crypto: CryptoShape,
  { hash, signatures }: SdkTransaction,
  publicKey: Uint8Array
): boolean => {
  const claimed = publicKey.subarray(-WORD_BYTES)
  return signatures.some(({ hint, signature }) =>
    hint.every((byte, i) => byte === claimed[i]) && crypto.verify(publicKey, ItemHash.toBytes(hash), signature)
  )
}

// As XDR names them (Stellar-transaction.x, EnvelopeType and PublicKeyType).
const ENVELOPE_TYPE_TX = 2
const ENVELOPE_TYPE_TX_FEE_BUMP = 5
const KEY_TYPE_ED25519 = 0

/** The one place where the library throws. */
const decoded = (message: Uint8Array): Result.Result<TransactionEnvelope, MalformedTransaction> => {
  try {
    return Result.succeed(TransactionEnvelope.fromXdr(message.subarray(WORD_BYTES)))
  } catch (error) {
    return Result.fail({ _tag: "MalformedTransaction", reason: error instanceof Error ? error.message : String(error) })
  }
}

type HashOf = (tagged: Uint8Array) => ItemHash.ItemHash

const read = (envelope: TransactionEnvelope, hashOf: HashOf): SdkTransaction => {
  switch (envelope.type) {
    case "envelopeTypeTxV0": {
      const { signatures, tx } = envelope.v0
      return {
        form: "classic",
        // Signed as if it were a current one, in which the kind of the source's key is said.
        hash: hashOf(joined(words(ENVELOPE_TYPE_TX, KEY_TYPE_ED25519), tx.toXdr())),
        source: accountOf(tx.sourceAccountEd25519.toBytes(), undefined),
        fee: BigInt(tx.fee),
        sequence: tx.seqNum,
        operations: tx.operations.length,
        signatures: signaturesOf(signatures),
        inner: undefined,
        envelope
      }
    }
    case "envelopeTypeTx":
      return current(envelope.v1, envelope, hashOf)
    case "envelopeTypeTxFeeBump":
      return feeBump(envelope.feeBump, envelope, hashOf)
  }
}

const current = (
  { signatures, tx }: TransactionV1Envelope,
  envelope: TransactionEnvelope,
  hashOf: HashOf
): SdkTransaction => ({
  form: "current",
  hash: hashOf(joined(words(ENVELOPE_TYPE_TX), tx.toXdr())),
  source: muxed(tx.sourceAccount),
  fee: BigInt(tx.fee),
  sequence: tx.seqNum,
  operations: tx.operations.length,
  signatures: signaturesOf(signatures),
  inner: undefined,
  envelope
})

const feeBump = (
  { signatures, tx }: FeeBumpTransactionEnvelope,
  envelope: TransactionEnvelope,
  hashOf: HashOf
): SdkTransaction => {
  const innerEnvelope = tx.innerTx.v1
  const inner = current(innerEnvelope, TransactionEnvelope.envelopeTypeTx(innerEnvelope), hashOf)
  return {
    form: "fee-bump",
    hash: hashOf(joined(words(ENVELOPE_TYPE_TX_FEE_BUMP), tx.toXdr())),
    source: muxed(tx.feeSource),
    fee: tx.fee,
    sequence: inner.sequence,
    operations: inner.operations,
    signatures: signaturesOf(signatures),
    inner,
    envelope
  }
}

const muxed = (account: TransactionV1Envelope["tx"]["sourceAccount"]): TransactionAccount =>
  account.type === "keyTypeEd25519"
    ? accountOf(account.ed25519.toBytes(), undefined)
    : accountOf(account.med25519.ed25519.toBytes(), account.med25519.id)

const accountOf = (publicKey: Uint8Array, muxedId: bigint | undefined): TransactionAccount => ({
  publicKey,
  address: peerIdFromPublicKey(publicKey),
  muxedId
})

const signaturesOf = (signatures: TransactionV1Envelope["signatures"]): ReadonlyArray<TransactionSignature> =>
  signatures.map(({ hint, signature }) => ({ hint: hint.toBytes(), signature: signature.toBytes() }))

const words = (...numbers: ReadonlyArray<number>): Uint8Array => {
  const bytes = new Uint8Array(numbers.length * WORD_BYTES)
  numbers.forEach((number, i) => writeUint32(bytes, i * WORD_BYTES, number))
  return bytes
}

const joined = (head: Uint8Array, tail: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(head.length + tail.length)
  bytes.set(head)
  bytes.set(tail, head.length)
  return bytes
}
