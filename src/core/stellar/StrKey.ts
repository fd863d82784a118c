/**
 * The text form of Stellar's keys: `G...` for a public key, `S...` for the seed of a secret key.
 *
 * 56 characters: base32 (RFC 4648, no padding) of version (1 byte), key (32), CRC16-XMODEM of both (2, low byte first).
 * Source: SEP-23.
 */
import { base32nopad } from "@scure/base"
import { Result } from "effect"
import { PeerId } from "../PeerId.ts"

/** How many characters a public key or a seed has. */
export const STR_KEY_LENGTH = 56

/** How many bytes a key or a seed has. */
const KEY_BYTES = 32
/** What tells the kinds of key apart: the byte in front, and with it the first letter. */
const VERSION = { publicKey: 0x30, seed: 0x90 } as const
/** How many characters of a public key stellar-core writes in its log. */
const SHORT_LENGTH = 5

/** The kinds of key that a node has to do with. */
type Kind = keyof typeof VERSION

/** Why a text was refused as a key. It never holds the text itself, which may be a secret in the wrong place. */
export interface StrKeyRefusal {
  readonly _tag: "StrKeyRefusal"
  readonly reason:
    | "characters"
    | "length"
    | "seed-not-public-key"
    | "public-key-not-seed"
    | "other-kind"
    | "checksum"
  /** One sentence for a person: what is wrong and what to do. */
  readonly message: string
}

/** The text of a public key (32 bytes), `G...`. */
export const encodePublicKey = (publicKey: Uint8Array): string => encode("publicKey", publicKey)

/** The text of a seed (32 bytes), `S...`. Whoever has it is the node: it belongs in no log. */
export const encodeSeed = (seed: Uint8Array): string => encode("seed", seed)

/** The 32 bytes of a public key's text. It is not checked whether they are a point of the curve. */
export const decodePublicKey = (text: string): Result.Result<Uint8Array, StrKeyRefusal> => decode("publicKey", text)

/** The 32 bytes of a seed's text. */
export const decodeSeed = (text: string): Result.Result<Uint8Array, StrKeyRefusal> => decode("seed", text)

/** The name of the peer with this public key (32 bytes): its text form. */
export const peerIdFromPublicKey = (publicKey: Uint8Array): PeerId => PeerId(encodePublicKey(publicKey))

/** The 32 bytes of the public key that a peer is named by; refused if the name is none of this network. */
export const publicKeyFromPeerId = (id: PeerId): Result.Result<Uint8Array, StrKeyRefusal> => decodePublicKey(id)

/** The name of a peer from a text that a person or a file gave. */
export const parsePeerId = (text: string): Result.Result<PeerId, StrKeyRefusal> =>
  Result.map(decodePublicKey(text), () => PeerId(text))

/** The first five characters, as stellar-core writes peers in its log. Not unique. */
export const shortPeerId = (id: PeerId): string => id.slice(0, SHORT_LENGTH)

const encode = (kind: Kind, key: Uint8Array): string => {
  const bytes = new Uint8Array(1 + KEY_BYTES + 2)
  bytes[0] = VERSION[kind]
  bytes.set(key, 1)
  const sum = crc16(bytes, 1 + KEY_BYTES)
  bytes[1 + KEY_BYTES] = sum & 0xff
  bytes[2 + KEY_BYTES] = sum >> 8
  return base32nopad.encode(bytes)
}

const decode = (kind: Kind, text: string): Result.Result<Uint8Array, StrKeyRefusal> => {
  const wanted = NAMES[kind]
  if (!/^[A-Z2-7]*$/.test(text)) {
    return refuse(
      "characters",
      `This is not ${wanted}: there are characters other than the capital letters A to Z and the digits 2 to 7. ` +
        "Copy it again, without spaces and line ends."
    )
  }
  if (text.length !== STR_KEY_LENGTH) {
    return refuse(
      "length",
      `This is not ${wanted}: it has ${text.length} characters and should have ${STR_KEY_LENGTH}. Copy all of it again.`
    )
  }
  // 56 characters of 5 bits are exactly 35 bytes, so nothing is left over that the decoder could refuse.
  const bytes = base32nopad.decode(text)
  if (bytes[0] !== VERSION[kind]) return refuseKind(kind, bytes[0])
  if (crc16(bytes, 1 + KEY_BYTES) !== (bytes[1 + KEY_BYTES]! | bytes[2 + KEY_BYTES]! << 8)) {
    return refuse(
      "checksum",
      `This is not ${wanted}, though it looks like one: its checksum is wrong. ` +
        "A character was changed or two were swapped; copy it again."
    )
  }
  return Result.succeed(bytes.slice(1, 1 + KEY_BYTES))
}

const NAMES = { publicKey: "a public key (G...)", seed: "a seed (S...)" } as const

const refuseKind = (kind: Kind, version: number | undefined): Result.Result<never, StrKeyRefusal> => {
  if (kind === "publicKey" && version === VERSION.seed) {
    return refuse(
      "seed-not-public-key",
      "This is a seed (S...), and a public key (G...) is expected. " +
        "A seed is secret: if others could see it here, make a new one."
    )
  }
  if (kind === "seed" && version === VERSION.publicKey) {
    return refuse(
      "public-key-not-seed",
      "This is a public key (G...), and the seed (S...) that belongs to it is expected."
    )
  }
  return refuse("other-kind", `This is a key of another kind, and ${NAMES[kind]} is expected.`)
}

const refuse = (reason: StrKeyRefusal["reason"], message: string): Result.Result<never, StrKeyRefusal> =>
  Result.fail({ _tag: "StrKeyRefusal", reason, message })

/** CRC16-XMODEM of the first `length` bytes: polynomial x^16 + x^12 + x^5 + 1, starting from 0, highest bit first. */
const crc16 = (bytes: Uint8Array, length: number): number => {
  let sum = 0
  for (let i = 0; i < length; i++) {
    sum ^= bytes[i]! << 8
    for (let bit = 0; bit < 8; bit++) sum = (sum & 0x8000) === 0 ? sum << 1 : sum << 1 ^ 0x1021
    sum &= 0xffff
  }
  return sum
}
