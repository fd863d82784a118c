/**
 * The primitives of a walk over XDR bytes (RFC 4506): a word, and the end of a byte sequence.
 *
 * A walk goes over `bytes[at, end)` without making values. Each step gives the offset behind what it read, or `MALFORMED`.
 */

/** What XDR aligns everything to, and the size of an integer, a length, a flag and a discriminant. */
export const WORD_BYTES = 4

/** What a step of a walk gives instead of an offset when the bytes are not what they should be. */
export const MALFORMED = -1

/** Reads the unsigned big-endian word at `at`. The caller has checked that its four bytes are there. */
export const readUint32 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0

/** How many zero bytes follow a byte sequence of this length. */
export const paddingLength = (length: number): number => -length & (WORD_BYTES - 1)

/**
 * Steps over an `opaque<maxLength>` or `string<maxLength>`: length word, bytes, zero padding.
 *
 * Refused are a length above `maxLength`, one that runs past `end`, and padding that is not zero.
 */
export const skipVarOpaque = (bytes: Uint8Array, at: number, end: number, maxLength: number): number => {
  if (end - at < WORD_BYTES) return MALFORMED
  const length = readUint32(bytes, at)
  const data = at + WORD_BYTES
  if (length > maxLength || length > end - data) return MALFORMED
  const next = data + length + paddingLength(length)
  if (next > end) return MALFORMED
  for (let i = data + length; i < next; i++) if (bytes[i] !== 0) return MALFORMED
  return next
}

/** Writes an unsigned 32-bit integer, big-endian, at `at`. */
export const writeUint32 = (into: Uint8Array, at: number, value: number): void => {
  into[at] = value >>> 24
  into[at + 1] = value >>> 16
  into[at + 2] = value >>> 8
  into[at + 3] = value
}
