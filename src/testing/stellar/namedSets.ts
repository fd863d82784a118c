/**
 * The sets that a simulated node makes and its statements name: small, well formed, and no two the same.
 */
import type { CryptoShape, Signer } from "../../core/Crypto.ts"
import type * as ItemHash from "../../core/ItemHash.ts"
import { fetchedHash, type FetchedKind } from "../../core/stellar/FetchedHash.ts"
import { MessageType } from "../../core/stellar/messages.ts"
import { WORD_BYTES, writeUint32 } from "../../core/Xdr.ts"
import { encode } from "./HandDrivenPeer.ts"
import { signedPayment } from "./SignedPayment.ts"

/** A set as others fetch it. */
export interface NamedSet {
  readonly hash: ItemHash.ItemHash
  /** The whole message, kind first. */
  readonly message: Uint8Array
}

const HASH_BYTES = 32
const GENERALIZED_VERSION = 1
/** A key that nobody has: the number of the set. */
const strangerKey = (number: number): Uint8Array => {
  const key = new Uint8Array(HASH_BYTES)
  writeUint32(key, HASH_BYTES - WORD_BYTES, number)
  return key
}

const named = (crypto: CryptoShape, kind: FetchedKind, message: Uint8Array): NamedSet => ({
  hash: fetchedHash(crypto, kind, message.subarray(WORD_BYTES)),
  message
})

/** The quorum set of a node with this number: it trusts itself, and one that changes with the number. */
export const quorumSetOf = (crypto: CryptoShape, signer: Signer, number: number): NamedSet =>
  named(
    crypto,
    "SCP_QUORUMSET",
    encode({
      _tag: "SCP_QUORUMSET",
      qSet: { threshold: 2, validators: [signer.publicKey, strangerKey(number)], innerSets: [] }
    })
  )

/**
 * The set of transactions of a node with this number: a payment to itself in a set of the older form if the number is even, none in
 * one of the newer form if it is odd. What makes it one of its own is the ledger that it says to follow.
 */
export const transactionSetOf = (
  crypto: CryptoShape,
  networkId: Uint8Array,
  signer: Signer,
  number: number
): NamedSet => {
  const previousLedger = signer.publicKey.slice(0, HASH_BYTES)
  writeUint32(previousLedger, HASH_BYTES - WORD_BYTES, number)
  if (number % 2 === 1) {
    const message = new Uint8Array(3 * WORD_BYTES + HASH_BYTES)
    writeUint32(message, 0, MessageType.GENERALIZED_TX_SET)
    writeUint32(message, WORD_BYTES, GENERALIZED_VERSION)
    message.set(previousLedger, 2 * WORD_BYTES)
    return named(crypto, "GENERALIZED_TX_SET", message)
  }
  const payment = signedPayment(crypto, networkId, signer, {
    destination: signer.publicKey,
    sequence: BigInt(number),
    amount: 1n
  })
  const message = new Uint8Array(2 * WORD_BYTES + HASH_BYTES + payment.length)
  writeUint32(message, 0, MessageType.TX_SET)
  message.set(previousLedger, WORD_BYTES)
  writeUint32(message, WORD_BYTES + HASH_BYTES, 1)
  message.set(payment, 2 * WORD_BYTES + HASH_BYTES)
  return named(crypto, "TX_SET", message)
}
