/**
 * What nodes of a demo say: signed statements and signed payments, no two the same.
 */
import type { CryptoShape, Signer } from "../../core/Crypto.ts"
import type { StellarMessage } from "../../core/stellar/messages.ts"
import { ScpSignature } from "../../core/stellar/ScpSignature.ts"
import { signedPayment } from "../../testing/stellar/SignedPayment.ts"
import { signedStatement } from "../../testing/stellar/SignedStatement.ts"

/** Kinds of statement that `signedStatement` says about a slot, in turn. */
const KINDS = 4

/** The next messages of a network's nodes. */
export interface Messages {
  /** The next statement, of this node. */
  readonly statement: (signer: Signer) => StellarMessage
  /** The next payment. */
  readonly payment: (source: Signer, destination: Signer) => StellarMessage
}

/**
 * Begins with the first statement and the first payment.
 *
 * Each statement is about a slot of its own: a newer one of the same node about the same slot rightly takes the place of one that
 * still waits in an outbox, and nobody could expect that one any more. And a node that comes to the network is told of the last
 * hundred slots, which are a hundred statements then, to be verified at once, and not as many from every node.
 */
export const makeMessages = (crypto: CryptoShape, networkId: Uint8Array): Messages => {
  const signature = new ScpSignature(crypto, networkId)
  let statements = 0
  let payments = 0
  return {
    statement: (signer) => {
      const count = statements++
      return signedStatement(signature, signer, networkId, KINDS * count + count % KINDS)
    },
    payment: (source, { publicKey }) => {
      payments += 1
      const [sequence, amount] = [BigInt(payments), BigInt(payments)]
      const transaction = signedPayment(crypto, networkId, source, { destination: publicKey, sequence, amount })
      return { _tag: "TRANSACTION", transaction }
    }
  }
}
