/**
 * What an Ed25519 signature must be before its equation is looked at: the rules in which libsodium is stricter than others.
 *
 * RFC 8032 leaves open whether points of small order and other spellings of a number are accepted, and libraries differ.
 * With a small-order public key one made-up signature is valid for every message, so anybody could speak in its name.
 * Both crypto layers ask here first and then check the same equation, S*B = R + k*A without the cofactor.
 */

/** How many bytes a public key, and each half of a signature, has. */
const HALF_BYTES = 32
/** How many bytes a signature has: the point R, then the number S. */
const SIGNATURE_BYTES = 2 * HALF_BYTES
/** The bit of a point's last byte that is the sign of x; the 255 bits below it are y. */
const SIGN_BIT = 0x80

/** A number of 32 bytes, from its hexadecimal digits as they stand on the wire (least significant byte first). */
const littleEndian = (digits: string): Uint8Array =>
  Uint8Array.from({ length: HALF_BYTES }, (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16))

/** The field's prime p = 2^255 - 19: a canonical y is below it (RFC 8032, 5.1.3). */
const PRIME = littleEndian("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")
/** The order L of the base point: a canonical S is below it (RFC 8032, 5.1.7). */
const ORDER = littleEndian("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
/** The y of the eight points whose order divides 8. Each stands for x and -x, and so for both signs. */
const SMALL_ORDER = [
  // Order 4: y = 0.
  littleEndian("0000000000000000000000000000000000000000000000000000000000000000"),
  // Order 1: y = 1, the neutral element.
  littleEndian("0100000000000000000000000000000000000000000000000000000000000000"),
  // Order 8: two values of y.
  littleEndian("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
  littleEndian("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
  // Order 2: y = p - 1.
  littleEndian("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")
]

/**
 * Tells whether key and signature have the right lengths, S is below the group order, and neither the key nor R is a point
 * of small order or a second spelling of a point.
 *
 * It does not tell whether they are points at all: the equation does. Source: libsodium's checks, which stellar-core and
 * others rely on; RFC 8032 5.1.7 for S.
 */
export const isStrict = (publicKey: Uint8Array, signature: Uint8Array): boolean =>
  publicKey.length === HALF_BYTES && signature.length === SIGNATURE_BYTES &&
  isStrictPoint(publicKey) && isStrictPoint(signature) && isBelow(signature, HALF_BYTES, ORDER, 0)

/** Tells whether the first 32 bytes are the only spelling of their point, and the point is not of small order. */
const isStrictPoint = (bytes: Uint8Array): boolean =>
  isBelow(bytes, 0, PRIME, SIGN_BIT) && !SMALL_ORDER.some((y) => isSameY(bytes, y))

/** Tells whether the number of 32 bytes at `offset`, without the bits of `mask` in its last byte, is below `bound`. */
const isBelow = (bytes: Uint8Array, offset: number, bound: Uint8Array, mask: number): boolean => {
  for (let i = HALF_BYTES - 1; i >= 0; i--) {
    const byte = i === HALF_BYTES - 1 ? bytes[offset + i]! & ~mask : bytes[offset + i]!
    if (byte !== bound[i]!) return byte < bound[i]!
  }
  return false
}

/** Tells whether the point's y is `y`, whatever the sign of x. */
const isSameY = (point: Uint8Array, y: Uint8Array): boolean => {
  for (let i = 0; i < HALF_BYTES - 1; i++) if (point[i] !== y[i]) return false
  return (point[HALF_BYTES - 1]! & ~SIGN_BIT) === y[HALF_BYTES - 1]
}
