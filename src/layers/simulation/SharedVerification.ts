/**
 * Real cryptography for many nodes of one process: each signature is verified once, and not once a node.
 *
 * A flood's signature is checked by every node, on the same bytes and with the same answer. In a World of a hundred nodes that
 * is most of the time of a run, and none of it belongs to what is simulated: each node has a machine of its own.
 */
import type { CryptoShape } from "../../core/Crypto.ts"
import type { ItemHash } from "../../core/ItemHash.ts"
import { SHARED_VERIFICATIONS } from "../../core/limits.ts"

/** The same cryptography, with a bounded memory of verifications; what is longest known is forgotten. To be shared by all nodes. */
export const make = (crypto: CryptoShape): CryptoShape => {
  const known = new Map<ItemHash, boolean>()
  return {
    ...crypto,
    verify: (publicKey, message, signature) => {
      if (publicKey.length > MOST_BYTES || signature.length > MOST_BYTES) {
        return crypto.verify(publicKey, message, signature)
      }
      const question = new Uint8Array(LENGTH_BYTES + publicKey.length + signature.length + message.length)
      // Their lengths first, so that no two questions are the same bytes.
      question.set([publicKey.length, signature.length])
      question.set(publicKey, LENGTH_BYTES)
      question.set(signature, LENGTH_BYTES + publicKey.length)
      question.set(message, LENGTH_BYTES + publicKey.length + signature.length)
      const name = crypto.sha256(question)
      const answer = known.get(name)
      if (answer !== undefined) return answer
      const isValid = crypto.verify(publicKey, message, signature)
      if (known.size >= SHARED_VERIFICATIONS) known.delete(known.keys().next().value!)
      known.set(name, isValid)
      return isValid
    }
  }
}

/** A byte for the length of the key, and one for that of the signature. */
const LENGTH_BYTES = 2
const MOST_BYTES = 255
