/**
 * The hashes by which sets of transactions and quorum sets are asked for.
 */
import type { CryptoShape } from "../Crypto.ts"
import { ITEM_HASH_BYTES, type ItemHash } from "../ItemHash.ts"
import { WORD_BYTES } from "../Xdr.ts"

/** The kinds of message that carry an item that was asked for. */
export type FetchedKind = "TX_SET" | "GENERALIZED_TX_SET" | "SCP_QUORUMSET"

/**
 * The hash of the item whose XDR is `item`, the message without its kind.
 *
 * That is the SHA-256 of all of it, except for a TX_SET: the hash of the previous ledger (32) and the transactions, without the
 * word between them that counts them (4) (Stellar-ledger.x, TransactionSet; the rule is older than XDR hashes of whole values).
 */
export const fetchedHash = ({ sha256 }: Pick<CryptoShape, "sha256">, kind: FetchedKind, item: Uint8Array): ItemHash => {
  if (kind !== "TX_SET") return sha256(item)
  const counted = new Uint8Array(item.length - WORD_BYTES)
  counted.set(item.subarray(0, ITEM_HASH_BYTES))
  counted.set(item.subarray(ITEM_HASH_BYTES + WORD_BYTES), ITEM_HASH_BYTES)
  return sha256(counted)
}
