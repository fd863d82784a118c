/**
 * HalfSipHash-2-4 over whole 32-bit words: a short keyed hash that nobody without the key can foresee.
 *
 * For the places of tables, not for secrets: its key has 64 bits. After Aumasson and Bernstein, "SipHash: a fast short-input PRF",
 * in the authors' variant for 32-bit words.
 */

/** Bytes of a key. */
export const HASH_KEY_BYTES = 8

const wordAt = (bytes: Uint8Array, at: number): number =>
  (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)

/**
 * Makes the hash of a key of `HASH_KEY_BYTES` bytes (missing ones count as zero).
 *
 * The hash takes words of 32 bits, as if written low byte first one behind the other, and gives a number from 0 to 2^32 - 1.
 */
export const halfSipHash = (key: Uint8Array): (...words: ReadonlyArray<number>) => number => {
  const low = wordAt(key, 0)
  const high = wordAt(key, 4)
  return (...words) => {
    let a = low
    let b = high
    let c = low ^ 0x6c796765
    let d = high ^ 0x74656462
    const rounds = (count: number): void => {
      for (let round = 0; round < count; round++) {
        a = (a + b) | 0
        b = ((b << 5) | (b >>> 27)) ^ a
        a = (a << 16) | (a >>> 16)
        c = (c + d) | 0
        d = ((d << 8) | (d >>> 24)) ^ c
        a = (a + d) | 0
        d = ((d << 7) | (d >>> 25)) ^ a
        c = (c + b) | 0
        b = ((b << 13) | (b >>> 19)) ^ c
        c = (c << 16) | (c >>> 16)
      }
    }
    const take = (word: number): void => {
      d ^= word
      rounds(2)
      a ^= word
    }
    for (const word of words) take(word)
    // The last word is the length in bytes, in its highest byte.
    take((words.length * 4) << 24)
    c ^= 0xff
    rounds(4)
    return (b ^ d) >>> 0
  }
}
