/**
 * The channel that a handshake opens: each frame carries a sequence and a MAC, one counter and one key a direction.
 *
 * Body of a record, in bytes:
 *
 * | offset | size | field                                                        |
 * |--------|------|--------------------------------------------------------------|
 * | 0      | 4    | version, 0                                                   |
 * | 4      | 8    | sequence, from 0 on                                          |
 * | 12     | n    | message: kind (4) and arm                                    |
 * | 12 + n | 32   | HMAC-SHA256 over sequence and message (bytes 4 to 12 + n)    |
 *
 * ERROR_MSG has sequence 0 and a MAC of zeros, is never checked and moves no counter (protocol, AuthenticatedMessage).
 */
import type { Channel, Opened } from "../Channel.ts"
import { MAC_BYTES, type MacKey } from "../Crypto.ts"
import { readUint32, WORD_BYTES, writeUint32 } from "../Xdr.ts"
import { ENVELOPE_BYTES, ENVELOPE_HEAD_BYTES, RECORD_MARK_BYTES } from "./limits.ts"
import { writeRecordMark } from "./RecordMark.ts"

/** Bytes of a record around its message: mark, version, sequence, MAC. */
export const RECORD_OVERHEAD_BYTES = RECORD_MARK_BYTES + ENVELOPE_BYTES

/** Message kind of ERROR_MSG, the one that travels without a MAC. */
const ERROR_MSG = 0
/** The shortest message is its kind alone. */
const MIN_BODY_BYTES = ENVELOPE_BYTES + WORD_BYTES
/** Where the sequence stands in a body, and with it what the MAC covers. */
const SEQUENCE_OFFSET = 4
/** The only version of the body. */
const VERSION = 0
const U32 = 0x1_0000_0000

/** The two session keys of one side, ready for use. */
export interface ChannelKeys {
  readonly send: MacKey
  readonly receive: MacKey
  /** The receiving key is 32 zero bytes, which core refuses with a text of its own. */
  readonly receiveIsZero: boolean
}

/** Checks the shape of a frame's body: length, version word. Every frame passes here first, HELLO included. */
export const isFrameShaped = (bytes: Uint8Array, start: number, end: number): boolean =>
  end - start >= MIN_BODY_BYTES && (end - start) % WORD_BYTES === 0 && readUint32(bytes, start) === VERSION

/** The message kind of a body that is frame-shaped. */
export const kindAt = (bytes: Uint8Array, start: number): number => readUint32(bytes, start + ENVELOPE_HEAD_BYTES)

/**
 * Writes a record without sequence and MAC, as HELLO and ERROR_MSG travel, at `at`; gives the offset behind it.
 */
export const sealUnauthenticated = (message: Uint8Array, into: Uint8Array, at: number): number => {
  const end = at + RECORD_OVERHEAD_BYTES + message.length
  into.fill(0, at, end)
  writeRecordMark(into, at, message.length + ENVELOPE_BYTES)
  into.set(message, at + RECORD_MARK_BYTES + ENVELOPE_HEAD_BYTES)
  return end
}

/**
 * The number of the next frame in one direction, 64 bits. Kept as two 32-bit words: a BigInt a frame costs 25 times as much.
 */
export class Sequence {
  private high: number
  private low: number

  /** Starts at `high * 2^32 + low`; a connection starts at 0. */
  constructor(high = 0, low = 0) {
    this.high = high
    this.low = low
  }

  /** Whether the 8 bytes at `at` are this number. */
  isAt(bytes: Uint8Array, at: number): boolean {
    return readUint32(bytes, at) === this.high && readUint32(bytes, at + WORD_BYTES) === this.low
  }

  /** Writes the number into the 8 bytes at `at`. */
  writeTo(into: Uint8Array, at: number): void {
    writeUint32(into, at, this.high)
    writeUint32(into, at + WORD_BYTES, this.low)
  }

  /** Goes on to the next number. */
  advance(): void {
    this.low += 1
    if (this.low < U32) return
    this.low = 0
    this.high += 1
  }
}

/** The channel of one session. */
export class FrameChannel implements Channel {
  get headBytes(): number {
    return ENVELOPE_HEAD_BYTES
  }
  get tailBytes(): number {
    return MAC_BYTES
  }
  get overheadBytes(): number {
    return RECORD_OVERHEAD_BYTES
  }
  private readonly received = new Sequence()
  private readonly receiveKey: MacKey
  private readonly receiveIsZero: boolean
  private readonly sent = new Sequence()
  private readonly sendKey: MacKey

  constructor(keys: ChannelKeys) {
    this.receiveKey = keys.receive
    this.receiveIsZero = keys.receiveIsZero
    this.sendKey = keys.send
  }

  /**
   * Checks the frame whose body is `bytes[start, end)`, in this order: shape, kind, sequence, key, MAC. Only a frame that
   * passes all moves the counter: a forged frame must not cost the true one its place.
   */
  open(bytes: Uint8Array, start: number, end: number): Opened {
    if (!isFrameShaped(bytes, start, end)) return "corrupt"
    if (kindAt(bytes, start) === ERROR_MSG) return "last-words"
    if (!this.received.isAt(bytes, start + SEQUENCE_OFFSET)) return "unexpected-sequence"
    if (this.receiveIsZero) return "zero-key"
    const tag = end - MAC_BYTES
    if (!this.receiveKey.verify(bytes, start + SEQUENCE_OFFSET, tag, bytes, tag)) return "unexpected-mac"
    this.received.advance()
    return "message"
  }

  /**
   * Writes the record of `message` into `into` at `at` and gives the offset behind it. There must be room for
   * `RECORD_OVERHEAD_BYTES` more than the message has.
   */
  seal(message: Uint8Array, into: Uint8Array, at: number): number {
    const body = at + RECORD_MARK_BYTES
    writeRecordMark(into, at, message.length + ENVELOPE_BYTES)
    writeUint32(into, body, VERSION)
    this.sent.writeTo(into, body + SEQUENCE_OFFSET)
    into.set(message, body + ENVELOPE_HEAD_BYTES)
    const tag = body + ENVELOPE_HEAD_BYTES + message.length
    this.sendKey.sign(into, body + SEQUENCE_OFFSET, tag, into, tag)
    this.sent.advance()
    return tag + MAC_BYTES
  }
}
