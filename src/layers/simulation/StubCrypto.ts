/**
 * Cryptography for simulations only: a fast hash in the place of every primitive. It protects nothing.
 *
 * It keeps the structure that a network relies on: the same bytes have the same digest, another key makes another tag, what was
 * changed is refused, both sides agree on one secret. But whoever knows a public key can sign in its name and compute what it
 * agreed on, and a collision can be made by hand. So a simulation with it proves nothing about cryptography. It is for speed: at 300
 * bytes a tag costs about a seventh of the native one, a digest half, and a signature next to nothing.
 */
import { Layer } from "effect"
import { type CryptoShape, MAC_BYTES, type MacKey } from "../../core/Crypto.ts"
import { fromBytes, ITEM_HASH_BYTES, type ItemHash } from "../../core/ItemHash.ts"
import { Crypto } from "../../services/Crypto.ts"

/** Provides the stub. It may be shared by all nodes of a world: it remembers nothing that an answer depends on. */
export const layer: Layer.Layer<Crypto> = Layer.sync(Crypto, () => make())

/** What a hash is for: the same bytes give another result for each. */
const PURPOSE = { digest: 1, macKey: 2, signingKey: 3, signature: 4, agreementKey: 5, agreement: 6 } as const

/** How many bytes a key has, secret or public, and a secret that was agreed on: those of Ed25519 and X25519. */
const KEY_BYTES = 32
/** How many bytes a signature has: those of Ed25519. */
const SIGNATURE_BYTES = 64
/** How many bytes are taken at a time: a word of 32 bits for each of the four lanes. */
const BLOCK_BYTES = 16
/**
 * From this length on words are read through a view, which halves the cost at 300 bytes. Below it the view costs more than it
 * saves: small arrays have no buffer of their own before it is asked for.
 */
const VIEWED_BYTES = 64

// One odd multiplier a lane, so that no step loses anything. They are the first odd numbers at or above the fractional parts of
// the square roots of 2, 3, 5 and 7, times 2^32: nothing is hidden in them, and their bits are evenly set.
const M0 = 0x6a09e667
const M1 = 0xbb67ae85 | 0
const M2 = 0x3c6ef373
const M3 = 0xa54ff53b | 0

/** Makes the cryptography; see `layer`. */
export const make = (): CryptoShape => {
  const hash = new LaneHash()
  const own = (purpose: number, secret: Uint8Array): Uint8Array => {
    if (secret.length !== KEY_BYTES) {
      throw new RangeError(`A secret has ${KEY_BYTES} bytes, this one has ${secret.length}`)
    }
    return hash.begin(purpose).take(secret, 0, KEY_BYTES).bytes(KEY_BYTES)
  }
  const agreementPublicKey = (secret: Uint8Array): Uint8Array => own(PURPOSE.agreementKey, secret)
  const signatureOf = (publicKey: Uint8Array, message: Uint8Array): LaneHash =>
    hash.begin(PURPOSE.signature).take(publicKey, 0, KEY_BYTES).take(message, 0, message.length)

  return {
    sha256: (bytes, start = 0, end = bytes.length) => hash.begin(PURPOSE.digest).take(bytes, start, end).digest(),
    macKey: (key) => new StubMacKey(hash, key),
    signer: (seed) => {
      const publicKey = own(PURPOSE.signingKey, seed)
      // What the owner does with its copy of the public key changes nothing here.
      const key = publicKey.slice()
      return { publicKey, sign: (message) => signatureOf(key, message).bytes(SIGNATURE_BYTES) }
    },
    verify: (publicKey, message, signature) =>
      publicKey.length === KEY_BYTES && signature.length === SIGNATURE_BYTES &&
      signatureOf(publicKey, message).matches(signature, 0, SIGNATURE_BYTES),
    agreementPublicKey,
    agree: (secret, publicKey) => {
      const ownKey = agreementPublicKey(secret)
      // Of the keys of small order the one that is easy to send: all zeros.
      if (publicKey.length !== KEY_BYTES || publicKey.every((byte) => byte === 0)) return undefined
      const [lower, higher] = isBelow(ownKey, publicKey) ? [ownKey, publicKey] : [publicKey, ownKey]
      return hash.begin(PURPOSE.agreement).take(lower, 0, KEY_BYTES).take(higher, 0, KEY_BYTES).bytes(KEY_BYTES)
    }
  }
}

/** A key's four lanes as plain fields: a simulation has two keys a session, and looks at each once in a while. */
class StubMacKey implements MacKey {
  private readonly hash: LaneHash
  private readonly a: number
  private readonly b: number
  private readonly c: number
  private readonly d: number

  constructor(hash: LaneHash, key: Uint8Array) {
    const [a = 0, b = 0, c = 0, d = 0] = hash.begin(PURPOSE.macKey).take(key, 0, key.length).lanes()
    this.hash = hash
    this.a = a
    this.b = b
    this.c = c
    this.d = d
  }

  sign(bytes: Uint8Array, start: number, end: number, into: Uint8Array, at: number): void {
    if (!isRange(bytes, start, end) || !isRange(into, at, at + MAC_BYTES)) {
      throw new RangeError(`No tag of ${start} to ${end} of ${bytes.length} bytes at ${at} of ${into.length}`)
    }
    this.tagOf(bytes, start, end).write(into, at, MAC_BYTES)
  }

  verify(bytes: Uint8Array, start: number, end: number, tag: Uint8Array, at: number): boolean {
    return isRange(bytes, start, end) && isRange(tag, at, at + MAC_BYTES) &&
      this.tagOf(bytes, start, end).matches(tag, at, MAC_BYTES)
  }

  private tagOf(bytes: Uint8Array, start: number, end: number): LaneHash {
    return this.hash.resume(this.a, this.b, this.c, this.d).take(bytes, start, end)
  }
}

/** Tells whether `[start, end)` lies in `bytes`. */
const isRange = (bytes: Uint8Array, start: number, end: number): boolean =>
  start >= 0 && start <= end && end <= bytes.length

/** Tells whether the first key comes before the second, byte by byte. */
const isBelow = (one: Uint8Array, other: Uint8Array): boolean => {
  const place = one.findIndex((byte, at) => byte !== other[at])
  return place >= 0 && one[place]! < other[place]!
}

/**
 * A hash of 128 bits in four lanes of 32, which gives as many bytes as are asked for.
 *
 * Each block of four words is mixed in with one multiplication a lane, and every lane runs on into its neighbour: no step loses
 * anything, and two turns at the end bring every bit everywhere. Whoever wants a collision can have one. One object serves all:
 * an answer is taken before the next `begin`.
 */
class LaneHash {
  private readonly state = new Int32Array(4)
  private readonly scratch = new Uint8Array(ITEM_HASH_BYTES)
  /** The views that were used last: frames lie many to a buffer, one where they are sealed and others where they arrive. */
  private view: DataView = new DataView(new ArrayBuffer(0))
  private viewBefore: DataView = this.view

  begin(purpose: number): this {
    this.state[0] = purpose
    this.state[1] = M1
    this.state[2] = M2
    this.state[3] = M3
    return this
  }

  /** The lanes as they are, to be gone on from: see `resume`. */
  lanes(): Int32Array {
    return this.state.slice()
  }

  resume(a: number, b: number, c: number, d: number): this {
    this.state[0] = a
    this.state[1] = b
    this.state[2] = c
    this.state[3] = d
    return this
  }

  /** Mixes in `bytes[start, end)`, and their number: what is taken in two parts is not what is taken in one. */
  take(bytes: Uint8Array, start: number, end: number): this {
    const { state } = this
    let a = state[0]!
    let b = state[1]!
    let c = state[2]!
    let d = state[3]!
    let at = start
    const last = end - BLOCK_BYTES
    if (end - start < VIEWED_BYTES) {
      for (; at <= last; at += BLOCK_BYTES) {
        a = (turned(a ^ wordAt(bytes, at), M0) + b) | 0
        b = (turned(b ^ wordAt(bytes, at + 4), M1) + c) | 0
        c = (turned(c ^ wordAt(bytes, at + 8), M2) + d) | 0
        d = (turned(d ^ wordAt(bytes, at + 12), M3) + a) | 0
      }
    } else {
      const view = this.viewOf(bytes)
      const offset = bytes.byteOffset
      for (; at <= last; at += BLOCK_BYTES) {
        a = (turned(a ^ view.getInt32(offset + at, true), M0) + b) | 0
        b = (turned(b ^ view.getInt32(offset + at + 4, true), M1) + c) | 0
        c = (turned(c ^ view.getInt32(offset + at + 8, true), M2) + d) | 0
        d = (turned(d ^ view.getInt32(offset + at + 12, true), M3) + a) | 0
      }
    }
    // What is left over, filled up with zeros. Their number comes after them, or the one could make up for the other.
    if (at < end) {
      a = (turned(a ^ wordBefore(end, bytes, at), M0) + b) | 0
      b = (turned(b ^ wordBefore(end, bytes, at + 4), M1) + c) | 0
      c = (turned(c ^ wordBefore(end, bytes, at + 8), M2) + d) | 0
      d = (turned(d ^ wordBefore(end, bytes, at + 12), M3) + a) | 0
    }
    a ^= end - start
    for (let turn = 0; turn < 2; turn++) {
      a = Math.imul(a ^ (a >>> 15), M1)
      b = (Math.imul(b ^ (b >>> 14), M2) + a) | 0
      c = (Math.imul(c ^ (c >>> 16), M3) + b) | 0
      d = (Math.imul(d ^ (d >>> 13), M0) + c) | 0
      a = ((a ^ (a >>> 16)) + d) | 0
    }
    state[0] = a
    state[1] = b
    state[2] = c
    state[3] = d
    return this
  }

  /** The first 32 bytes, as text. */
  digest(): ItemHash {
    this.write(this.scratch, 0, ITEM_HASH_BYTES)
    return fromBytes(this.scratch)
  }

  /** The first `length` bytes, a multiple of 16. */
  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    this.write(bytes, 0, length)
    return bytes
  }

  /** Writes the first `length` bytes, a multiple of 16, into `into` at `at`. */
  write(into: Uint8Array, at: number, length: number): void {
    const { state } = this
    for (let done = 0; done < length; done += BLOCK_BYTES) {
      writeWord(state[0]!, into, at + done)
      writeWord(state[1]!, into, at + done + 4)
      writeWord(state[2]!, into, at + done + 8)
      writeWord(state[3]!, into, at + done + 12)
      this.turn()
    }
  }

  /** Tells whether `write` would write what is there. */
  matches(bytes: Uint8Array, at: number, length: number): boolean {
    const { state } = this
    let difference = 0
    for (let done = 0; done < length; done += BLOCK_BYTES) {
      difference |= (state[0]! ^ wordAt(bytes, at + done)) | (state[1]! ^ wordAt(bytes, at + done + 4)) |
        (state[2]! ^ wordAt(bytes, at + done + 8)) | (state[3]! ^ wordAt(bytes, at + done + 12))
      this.turn()
    }
    return difference === 0
  }

  /** Goes from 16 bytes of the answer to the next: each word depends on all the words before. */
  private turn(): void {
    const { state } = this
    const a = turned(state[0]! ^ state[3]!, M1)
    const b = turned(state[1]! ^ a, M2)
    const c = turned(state[2]! ^ b, M3)
    state[0] = a
    state[1] = b
    state[2] = c
    state[3] = turned(state[3]! ^ c, M0)
  }

  private viewOf(bytes: Uint8Array): DataView {
    const { buffer } = bytes
    const { view, viewBefore } = this
    if (view.buffer === buffer) return view
    this.viewBefore = view
    this.view = viewBefore.buffer === buffer ? viewBefore : new DataView(buffer)
    return this.view
  }
}

/** The upper bits come down before the multiplication, which carries bits only upwards. */
const turned = (word: number, multiplier: number): number => Math.imul((word << 15) | (word >>> 17), multiplier)

const wordAt = (bytes: Uint8Array, at: number): number =>
  bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)

/** A word whose last bytes, or all, may lie behind the end, and are zero then. */
const wordBefore = (end: number, bytes: Uint8Array, at: number): number => {
  let word = 0
  for (let place = Math.min(end, at + 4) - 1; place >= at; place--) word = (word << 8) | bytes[place]!
  return word
}

const writeWord = (word: number, into: Uint8Array, at: number): void => {
  into[at] = word
  into[at + 1] = word >>> 8
  into[at + 2] = word >>> 16
  into[at + 3] = word >>> 24
}
