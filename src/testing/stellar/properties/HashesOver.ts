/**
 * What is known of each hash that one way of a link has carried: a storm of adverts brings hundreds of thousands, and each frame asks.
 */
import { HashKeys, SALT_BYTES } from "../../../core/HashKeys.ts"
import { HashQueue, NONE, widened } from "../../../core/HashQueue.ts"
import type { ItemHash } from "../../../core/ItemHash.ts"
import { stream } from "../../../core/Prng.ts"

/** What can be noted of a hash, a bit each. */
export const Mark = {
  /** The sender has advertised it. */
  Advertised: 1,
  /** The sender has sent the message. */
  Sent: 2,
  /** A demand for it has come. */
  Demanded: 4
} as const
/** One of `Mark`. */
export type Mark = typeof Mark[keyof typeof Mark]

/** All tables keep one kind of thing. */
const KIND = 0
/** 64 bits: that two hashes of a run are taken for one has a probability below 2^-20. */
const WORDS = 2
/** More than the memory of a process has room for. */
const MAX_HASHES = 2 ** 23
/** Stands where nothing was heard. */
const NEVER = -1

/** The keys of the tables of one run. Nobody in a run chooses hashes so that they meet: the salt may be known. */
export const makeKeys = (): HashKeys => new HashKeys(stream(0, "hashes").bytes(SALT_BYTES))

/** The hashes of one way, in typed arrays: no text is kept, and nothing that the collector has to walk. */
export class HashesOver {
  private readonly keys: HashKeys
  private readonly queue = new HashQueue(MAX_HASHES, WORDS)
  private heard = new Float64Array(0)
  private marks = new Uint8Array(0)

  constructor(keys: HashKeys) {
    this.keys = keys
  }

  /** When it was first heard of, if it was. */
  heardMicros(hash: ItemHash): number | undefined {
    const row = this.find(hash)
    const micros = row === NONE ? NEVER : this.heard[row]!
    return micros === NEVER ? undefined : micros
  }

  /** It is heard of; only the first time counts. */
  hear(hash: ItemHash, atMicros: number): void {
    const row = this.enter(hash)
    if (this.heard[row] === NEVER) this.heard[row] = atMicros
  }

  /** Whether it has this mark. */
  has(hash: ItemHash, mark: Mark): boolean {
    const row = this.find(hash)
    return row !== NONE && (this.marks[row]! & mark) !== 0
  }

  /** Gives it this mark. `true` if it had not. */
  mark(hash: ItemHash, mark: Mark): boolean {
    const row = this.enter(hash)
    const before = this.marks[row]!
    this.marks[row] = before | mark
    return (before & mark) === 0
  }

  private find(hash: ItemHash): number {
    this.keys.make(KIND, hash)
    return this.queue.find(this.keys.key)
  }

  private enter(hash: ItemHash): number {
    const known = this.find(hash)
    if (known !== NONE) return known
    if (this.queue.isFull) this.queue.dropOldest(1)
    const row = this.queue.push(this.keys.key)
    if (row >= this.marks.length) {
      this.heard = widened(this.heard, new Float64Array(this.queue.capacity))
      this.marks = widened(this.marks, new Uint8Array(this.queue.capacity))
    }
    this.heard[row] = NEVER
    this.marks[row] = 0
    return row
  }
}
