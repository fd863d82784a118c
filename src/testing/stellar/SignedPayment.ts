/**
 * The smallest transaction that is one: a signed payment.
 *
 * TRANSACTION message, in bytes (Stellar-transaction.x; words are big-endian):
 *
 * | offset | size | field                                                                                      |
 * |--------|------|--------------------------------------------------------------------------------------------|
 * | 0      | 4    | kind of message, TRANSACTION                                                               |
 * | 4      | 4    | ENVELOPE_TYPE_TX                                                                           |
 * | 8      | 36   | source account: KEY_TYPE_ED25519, key (32)                                                 |
 * | 44     | 4    | fee                                                                                        |
 * | 48     | 8    | sequence number                                                                            |
 * | 56     | 12   | no preconditions, no memo, one operation                                                   |
 * | 68     | 8    | the operation: no source of its own, PAYMENT                                               |
 * | 76     | 36   | destination: KEY_TYPE_ED25519, key (32)                                                    |
 * | 112    | 4    | the native asset                                                                           |
 * | 116    | 8    | amount                                                                                     |
 * | 124    | 4    | no extension                                                                               |
 * | 128    | 76   | one signature: count (4), hint (last 4 bytes of the key), length (4), signature (64)       |
 */
import type { CryptoShape, Signer } from "../../core/Crypto.ts"
import * as ItemHash from "../../core/ItemHash.ts"
import { MessageType } from "../../core/stellar/messages.ts"

const ENVELOPE_TYPE_TX = 2
const PAYMENT = 1
/** What a transaction costs at least, in stroops. */
const FEE = 100

const WORD_BYTES = 4
const KEY_BYTES = 32
const SIGNATURE_BYTES = 64
const TYPE_AT = 4
const SOURCE_KEY_AT = 12
const FEE_AT = 44
const SEQUENCE_AT = 48
const OPERATIONS_AT = 64
const OPERATION_TYPE_AT = 72
const DESTINATION_KEY_AT = 80
const AMOUNT_AT = 116
const SIGNATURES_AT = 128
const HINT_AT = 132
const SIGNATURE_LENGTH_AT = 136
const SIGNATURE_AT = 140
const MESSAGE_BYTES = SIGNATURE_AT + SIGNATURE_BYTES

/** What a payment is made of. */
export interface Payment {
  readonly destination: Uint8Array
  readonly sequence: bigint
  /** In stroops. */
  readonly amount: bigint
}

/** What is signed: the SHA-256 of network id, envelope type and transaction. */
const signedHash = (crypto: CryptoShape, networkId: Uint8Array, message: Uint8Array): Uint8Array => {
  const signed = new Uint8Array(KEY_BYTES + SIGNATURES_AT - TYPE_AT)
  signed.set(networkId)
  signed.set(message.subarray(TYPE_AT, SIGNATURES_AT), KEY_BYTES)
  return ItemHash.toBytes(crypto.sha256(signed))
}

/** Makes the envelope of a payment, signed for the network with this id by its source: the message behind its kind. */
export const signedPayment = (
  crypto: CryptoShape,
  networkId: Uint8Array,
  source: Signer,
  { amount, destination, sequence }: Payment
): Uint8Array => {
  const message = new Uint8Array(MESSAGE_BYTES)
  const view = new DataView(message.buffer)
  view.setUint32(0, MessageType.TRANSACTION)
  view.setUint32(TYPE_AT, ENVELOPE_TYPE_TX)
  message.set(source.publicKey, SOURCE_KEY_AT)
  view.setUint32(FEE_AT, FEE)
  view.setBigInt64(SEQUENCE_AT, sequence)
  view.setUint32(OPERATIONS_AT, 1)
  view.setUint32(OPERATION_TYPE_AT, PAYMENT)
  message.set(destination, DESTINATION_KEY_AT)
  view.setBigInt64(AMOUNT_AT, amount)
  view.setUint32(SIGNATURES_AT, 1)
  message.set(source.publicKey.subarray(KEY_BYTES - WORD_BYTES), HINT_AT)
  view.setUint32(SIGNATURE_LENGTH_AT, SIGNATURE_BYTES)
  message.set(source.sign(signedHash(crypto, networkId, message)), SIGNATURE_AT)
  return message.subarray(TYPE_AT)
}

/** Whether a TRANSACTION message is a payment of this shape that its source has signed for the network with this id. */
export const isSignedPayment = (crypto: CryptoShape, networkId: Uint8Array, message: Uint8Array): boolean =>
  message.length === MESSAGE_BYTES
  && crypto.verify(
    message.subarray(SOURCE_KEY_AT, SOURCE_KEY_AT + KEY_BYTES),
    signedHash(crypto, networkId, message),
    message.subarray(SIGNATURE_AT)
  )
