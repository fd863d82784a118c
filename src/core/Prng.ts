/**
 * Random numbers that a seed decides: the same on every machine, in integers only.
 *
 * Never for secrets: who sees a few numbers knows all that follow.
 */

/** The other half of the key that a seed is: fixed words, so that no seed begins as all zeros. */
const ROOT_WORDS = [0x6f766572, 0x6c61796d] as const

/** A permutation of 32-bit words in which each bit in changes about half of the bits out (the finalizer of MurmurHash3). */
const mixed = (word: number): number => {
  let h = word ^ (word >>> 16)
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  return h ^ (h >>> 16)
}

/** Four words (32-bit, signed): what a stream is derived from, and the state that it begins with. */
export type PrngKey = readonly [number, number, number, number]

/**
 * Takes a name into a key, one UTF-16 unit a round, its length last.
 *
 * Each round is a permutation of the four words, so two keys never become one, and two rounds spread each bit over all
 * of them.
 */
const derived = (key: PrngKey, name: string): PrngKey => {
  let [a, b, c, d] = key
  const round = (word: number): void => {
    a = mixed(((a ^ word) + d + 0x9e3779b9) | 0)
    b = mixed(b ^ a)
    c = mixed((c + b) | 0)
    d = mixed(d ^ c)
  }
  for (let i = 0; i < name.length; i++) round(name.charCodeAt(i))
  round(name.length)
  round(0)
  return [a, b, c, d]
}

/** A stream of random numbers: the generator sfc32 of PractRand (128 bits of state, no cycle shorter than 2^32 draws). */
export class Prng {
  private readonly key: PrngKey
  /** The words a, b, c and the counter. In an array: as fields, numbers of 32 bits would be stored as doubles. */
  private readonly state: Int32Array

  /** The stream of this key, which is its state a, b, c and counter. Keys that are not random come from `stream`. */
  constructor(key: PrngKey) {
    this.key = key
    this.state = Int32Array.from(key)
  }

  /** The next number, uniform in 0 to 2^32 - 1. */
  nextU32(): number {
    const state = this.state
    const b = state[1]!
    const c = state[2]!
    const next = (state[0]! + b + state[3]!) | 0
    state[0] = b ^ (b >>> 9)
    state[1] = c + (c << 3)
    state[2] = ((c << 21) | (c >>> 11)) + next
    state[3] = state[3]! + 1
    return next >>> 0
  }

  /**
   * A number that is exactly uniform in 0 to n - 1, for a whole n of at most 2^32. For an n of 1 or less it is 0, and
   * nothing is drawn.
   */
  below(n: number): number {
    if (n <= 1) return 0
    // As many bits as n - 1 has, drawn again while they are too large: less than twice on average.
    const shift = Math.clz32(n - 1)
    for (;;) {
      const drawn = this.nextU32() >>> shift
      if (drawn < n) return drawn
    }
  }

  /** True in `numerator` of `denominator` cases (whole numbers, the denominator at most 2^32). */
  chance(numerator: number, denominator: number): boolean {
    return this.below(denominator) < numerator
  }

  /** So many bytes, each number of the stream giving four, low byte first. */
  bytes(n: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(n)
    for (let at = 0; at < n; at += 4) {
      let word = this.nextU32()
      for (let i = at; i < at + 4 && i < n; i++, word >>>= 8) bytes[i] = word
    }
    return bytes
  }

  /** Brings a list into a random order, in place; every order is as likely (Fisher and Yates). */
  shuffle<A>(list: Array<A>): void {
    for (let i = list.length - 1; i > 0; i--) {
      const j = this.below(i + 1)
      const last = list[i]!
      list[i] = list[j]!
      list[j] = last
    }
  }

  /** The stream of this name below this one. What was drawn here before does not change it, nor it what comes here. */
  fork(name: string): Prng {
    return new Prng(derived(this.key, name))
  }
}

/** The stream of this name: the seed (a whole number, up to 2^53 either way) and the name alone decide it. */
export const stream = (seed: number, name: string): Prng =>
  new Prng(derived([seed | 0, Math.floor(seed / 2 ** 32) | 0, ...ROOT_WORDS], name))
