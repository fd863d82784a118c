/**
 * Stellar's framing: each record is a mark of 4 bytes and a body.
 *
 * The mark is RFC 5531's: the top bit says "last fragment", the rest is the length of the body in bytes, big-endian.
 * stellar-core sets the bit always and ignores it when it reads; so do we.
 */
import type { FrameDecoder, FrameSink, FramingRefusal } from "../FrameDecoder.ts"
import { MAX_UNAUTHENTICATED_MESSAGE_BYTES, RECORD_MARK_BYTES } from "./limits.ts"

/** A buffer up to this size is kept for the next straddling record; a larger one goes when its record is done. */
const KEPT_BUFFER_BYTES = 4096
/** The first buffer: most straddling records are shorter than half of it. */
const FIRST_BUFFER_BYTES = 256

/** Writes the mark of a body of `bodyBytes` at `at`: last-fragment bit and length. */
export const writeRecordMark = (into: Uint8Array, at: number, bodyBytes: number): void => {
  into[at] = 0x80 | (bodyBytes >>> 24)
  into[at + 1] = bodyBytes >>> 16
  into[at + 2] = bodyBytes >>> 8
  into[at + 3] = bodyBytes
}

const bodyBytesAt = (bytes: Uint8Array, at: number): number =>
  ((bytes[at]! & 0x7f) << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!

/** No bytes yet: all decoders begin with the same. */
const NOTHING = new Uint8Array(0)

/** A decoder of records; see `makeRecordDecoder`. One object a link, because there are many and each is looked at seldom. */
class RecordDecoder implements FrameDecoder {
  private refused: FramingRefusal | undefined
  private limit = MAX_UNAUTHENTICATED_MESSAGE_BYTES
  private held = NOTHING
  private start = 0
  private end = 0

  push(chunk: Uint8Array, sink: FrameSink): FramingRefusal | undefined {
    if (this.refused !== undefined) return this.refused
    const at = this.end > this.start ? this.fromHeld(chunk, sink) : 0
    return at === undefined ? this.refused : this.fromChunk(chunk, at, sink)
  }

  setLimit(maxBodyBytes: number): void {
    this.limit = maxBodyBytes
  }

  heldBytes(): number {
    return this.end - this.start
  }

  frameBytes(): number {
    const length = this.end - this.start
    if (length === 0) return 0
    return length < RECORD_MARK_BYTES ? RECORD_MARK_BYTES : RECORD_MARK_BYTES + bodyBytesAt(this.held, this.start)
  }

  /** Cuts what is held, filled up from the chunk. Where in the chunk to go on, or `undefined` if nothing is left to do. */
  private fromHeld(chunk: Uint8Array, sink: FrameSink): number | undefined {
    let at = 0
    while (this.end > this.start) {
      const length = this.end - this.start
      let needed = RECORD_MARK_BYTES
      if (length >= RECORD_MARK_BYTES) {
        const body = bodyBytesAt(this.held, this.start)
        if (body === 0 || body > this.limit) return this.refuse(body)
        needed += body
      }
      if (length < needed) {
        if (at === chunk.length) return undefined
        const to = Math.min(chunk.length, at + needed - length)
        this.keep(chunk, at, to)
        at = to
      } else if (needed > RECORD_MARK_BYTES) {
        const from = this.start + RECORD_MARK_BYTES
        this.start += needed
        const more = sink(this.held, from, from + needed - RECORD_MARK_BYTES)
        if (this.start === this.end) this.release()
        if (!more) {
          this.keep(chunk, at, chunk.length)
          return undefined
        }
      }
    }
    return at
  }

  private fromChunk(chunk: Uint8Array, from: number, sink: FrameSink): FramingRefusal | undefined {
    let at = from
    while (chunk.length - at >= RECORD_MARK_BYTES) {
      const body = bodyBytesAt(chunk, at)
      if (body === 0 || body > this.limit) {
        this.refuse(body)
        return this.refused
      }
      const next = at + RECORD_MARK_BYTES + body
      if (next > chunk.length) break
      const more = sink(chunk, at + RECORD_MARK_BYTES, next)
      at = next
      if (!more) break
    }
    this.keep(chunk, at, chunk.length)
    return undefined
  }

  private keep(chunk: Uint8Array, from: number, to: number): void {
    const more = to - from
    if (more === 0) return
    if (this.end + more > this.held.length) {
      const length = this.end - this.start
      // Twice what is there, never what was promised: memory follows the bytes received.
      const room = length + more <= this.held.length
        ? this.held
        : new Uint8Array(Math.max(FIRST_BUFFER_BYTES, 2 * (length + more)))
      room.set(this.held.subarray(this.start, this.end))
      this.held = room
      this.start = 0
      this.end = length
    }
    this.held.set(chunk.subarray(from, to), this.end)
    this.end += more
  }

  private release(): void {
    this.start = 0
    this.end = 0
    if (this.held.length > KEPT_BUFFER_BYTES) this.held = NOTHING
  }

  private refuse(announcedBytes: number): undefined {
    this.refused = { _tag: "FramingRefusal", announcedBytes }
  }
}

/**
 * Makes a decoder of records, with the limit of a peer that is not authenticated (4,096 bytes).
 *
 * A length of 0 or above the limit is refused at the header, before a byte of the body is kept; behind it nothing is cut
 * any more, and each later push gives the same refusal (Stellar overlay protocol, Framing).
 */
export const makeRecordDecoder = (): FrameDecoder => new RecordDecoder()
