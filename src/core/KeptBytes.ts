/**
 * What to keep of bytes that lie in a larger buffer, and what that takes.
 *
 * Whoever keeps a view keeps its whole buffer alive, whoever copies pays more for the new buffer than for the bytes (most of a
 * microsecond for a message). So a view that is at least half of its buffer is kept as it is, and of any other a copy; and
 * counted is what is kept alive, so that a bound on the count bounds the memory.
 */

/** At most so many times the bytes of a view may be kept alive for it. */
const MOST_WASTE = 2

const isWorthItsBuffer = (bytes: Uint8Array): boolean => bytes.buffer.byteLength <= MOST_WASTE * bytes.length

/** These bytes, for long: as they are, so that nobody may write them from now on, or a copy. */
export const keep = (bytes: Uint8Array): Uint8Array => isWorthItsBuffer(bytes) ? bytes : bytes.slice()

/** How many bytes of memory are kept alive by what `keep` gives for these. The same for what it has given. */
export const size = (bytes: Uint8Array): number => isWorthItsBuffer(bytes) ? bytes.buffer.byteLength : bytes.length
