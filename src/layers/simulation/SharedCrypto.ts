/**
 * Real cryptography for many nodes of one process: what one node has computed, the others look up.
 *
 * In a World a frame is checked in the process that has just sealed it, and a flood is hashed and verified by every node, on the
 * same bytes and with the same answer. That would be most of the time of a run, and none of it belongs to what is simulated:
 * each node has a machine of its own. An answer is taken over only for the very same bytes, all of them compared; for any other,
 * so for a frame that was forged or damaged, it is computed. What was forgotten is computed again.
 */
import { type CryptoShape, MAC_BYTES, type MacKey } from "../../core/Crypto.ts"
import type { ItemHash } from "../../core/ItemHash.ts"
import {
  SHARED_DIGEST_BYTES,
  SHARED_DIGESTS,
  SHARED_FRAME_BYTES,
  SHARED_FRAMES,
  SHARED_VERIFICATIONS
} from "../../core/limits.ts"
import { RecentBytes } from "../../core/simulation/RecentBytes.ts"

/**
 * The same cryptography with bounded memories, to be shared by all nodes: of frames that were sealed, of digests, and of
 * verifications of signatures. Sealing, signing and agreeing are always computed.
 */
export const make = (crypto: CryptoShape): CryptoShape => {
  const sealed: SealedFrames = new RecentBytes(SHARED_FRAME_BYTES, SHARED_FRAMES)
  const digests = new RecentBytes<ItemHash>(SHARED_DIGEST_BYTES, SHARED_DIGESTS)
  const verifications = new Map<ItemHash, boolean>()
  const scratch = new Uint8Array(SCRATCH_BYTES)

  const sha256 = (bytes: Uint8Array, start = 0, end = bytes.length): ItemHash => {
    const known = digests.find(bytes, start, end)
    if (known !== undefined) return known
    const digest = crypto.sha256(bytes, start, end)
    digests.put(bytes, start, end, digest)
    return digest
  }

  return {
    ...crypto,
    sha256,
    macKey: (key) =>
      key.length > KEY_BYTES ? crypto.macKey(key) : new SharedMacKey(crypto.macKey(key), wordsOf(key), sealed),
    verify: (publicKey, message, signature) => {
      if (publicKey.length > MOST_BYTES || signature.length > MOST_BYTES) {
        return crypto.verify(publicKey, message, signature)
      }
      const messageAt = LENGTH_BYTES + publicKey.length
      const signatureAt = messageAt + message.length
      const size = signatureAt + signature.length
      const question = size > SCRATCH_BYTES ? new Uint8Array(size) : scratch.subarray(0, size)
      // Their lengths first, so that no two questions are the same bytes. At the end what makes it easy to find.
      question[0] = publicKey.length
      question[1] = signature.length
      question.set(publicKey, LENGTH_BYTES)
      question.set(message, messageAt)
      question.set(signature, signatureAt)
      const name = sha256(question)
      const answer = verifications.get(name)
      if (answer !== undefined) return answer
      const isValid = crypto.verify(publicKey, message, signature)
      if (verifications.size >= SHARED_VERIFICATIONS) verifications.delete(verifications.keys().next().value!)
      verifications.set(name, isValid)
      return isValid
    }
  }
}

/** Bytes with their tag right behind them, as they are in a frame, and the key that made it. */
type SealedFrames = RecentBytes<SharedMacKey>

/** A key that remembers what it has sealed, so that the other side's key, which has the same bytes, need only find it. */
class SharedMacKey implements MacKey {
  private readonly real: MacKey
  private readonly words: Int32Array
  private readonly sealed: SealedFrames
  /** The key that was last found to have the same bytes: in a session always the one of the other side. */
  private twin: SharedMacKey | undefined

  constructor(real: MacKey, words: Int32Array, sealed: SealedFrames) {
    this.real = real
    this.words = words
    this.sealed = sealed
  }

  sign(bytes: Uint8Array, start: number, end: number, into: Uint8Array, at: number): void {
    this.real.sign(bytes, start, end, into, at)
    if (into === bytes && at === end) this.sealed.put(bytes, start, at + MAC_BYTES, this)
  }

  /** A tag that is found costs less than one that is forged: what runs in virtual time cannot tell. */
  verify(bytes: Uint8Array, start: number, end: number, tag: Uint8Array, at: number): boolean {
    if (tag === bytes && at === end && start >= 0 && start <= end && at + MAC_BYTES <= bytes.length) {
      const sealer = this.sealed.find(bytes, start, at + MAC_BYTES)
      if (sealer !== undefined && this.isSameAs(sealer)) return true
    }
    return this.real.verify(bytes, start, end, tag, at)
  }

  private isSameAs(other: SharedMacKey): boolean {
    if (other === this.twin) return true
    for (let i = 0; i < this.words.length; i++) if (this.words[i] !== other.words[i]) return false
    this.twin = other
    return true
  }
}

/** A key of at most `KEY_BYTES`. Zeros behind it are no other key (RFC 2104). */
const wordsOf = (key: Uint8Array): Int32Array => {
  const padded = new Uint8Array(KEY_BYTES)
  padded.set(key)
  return new Int32Array(padded.buffer)
}

/** The longest key whose tags are shared: those of sessions. */
const KEY_BYTES = 32
/** A byte for the length of the key, and one for that of the signature. */
const LENGTH_BYTES = 2
const MOST_BYTES = 255
/** Longer questions about a signature are made in memory of their own: what nodes sign is mostly some hundred bytes. */
const SCRATCH_BYTES = 1024
