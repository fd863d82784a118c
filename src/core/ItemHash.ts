/**
 * The name of an item by its content: a SHA-256, as text that is cheap to make, to compare and to use as a key.
 */
import type { Brand } from "effect"

/** How many bytes a hash has, and so how many characters an `ItemHash`. */
export const ITEM_HASH_BYTES = 32

/**
 * A SHA-256 digest as a binary string: 32 characters, each the code of one byte (0 to 255).
 *
 * A binary string is what the native digest gives fastest, works as a `Map` key as it is, and is written into a frame
 * without a detour. `toHex` gives the form that people read.
 */
export type ItemHash = Brand.Branded<string, "ItemHash">

/** Reads 32 bytes at `offset` as an `ItemHash`. The caller has checked that they are there. */
export const fromBytes = (bytes: Uint8Array, offset = 0): ItemHash => {
  const b = bytes
  const o = offset
  // One call with 32 arguments is seven times faster than 32 concatenations, and adverts bring a thousand hashes each.
  return String.fromCharCode(
    b[o]!,
    b[o + 1]!,
    b[o + 2]!,
    b[o + 3]!,
    b[o + 4]!,
    b[o + 5]!,
    b[o + 6]!,
    b[o + 7]!,
    b[o + 8]!,
    b[o + 9]!,
    b[o + 10]!,
    b[o + 11]!,
    b[o + 12]!,
    b[o + 13]!,
    b[o + 14]!,
    b[o + 15]!,
    b[o + 16]!,
    b[o + 17]!,
    b[o + 18]!,
    b[o + 19]!,
    b[o + 20]!,
    b[o + 21]!,
    b[o + 22]!,
    b[o + 23]!,
    b[o + 24]!,
    b[o + 25]!,
    b[o + 26]!,
    b[o + 27]!,
    b[o + 28]!,
    b[o + 29]!,
    b[o + 30]!,
    b[o + 31]!
  ) as ItemHash
}

/** Writes the 32 bytes of `hash` into `into` at `offset`. */
export const writeTo = (hash: ItemHash, into: Uint8Array, offset: number): void => {
  for (let i = 0; i < ITEM_HASH_BYTES; i++) into[offset + i] = hash.charCodeAt(i)
}

/** The 32 bytes of `hash`. */
export const toBytes = (hash: ItemHash): Uint8Array => {
  const bytes = new Uint8Array(ITEM_HASH_BYTES)
  writeTo(hash, bytes, 0)
  return bytes
}

/** The codes of the 16 digits. */
const HEX_DIGITS: ReadonlyArray<number> = Array.from("0123456789abcdef", (digit) => digit.charCodeAt(0))
/** What `toHex` writes into, for one hash after the other. */
const hex = new Array<number>(2 * ITEM_HASH_BYTES).fill(0)

/** The hash as 64 lower-case hexadecimal digits, for people and for JSON. */
export const toHex = (hash: ItemHash): string => {
  for (let i = 0; i < ITEM_HASH_BYTES; i++) {
    const byte = hash.charCodeAt(i)
    hex[2 * i] = HEX_DIGITS[byte >> 4]!
    hex[2 * i + 1] = HEX_DIGITS[byte & 0xf]!
  }
  // In one piece: the traces of simulations read each character, and a text of 32 pieces is put together only then.
  return String.fromCharCode.apply(undefined, hex)
}
