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

/**
 * Makes a decoder of records, with the limit of a peer that is not authenticated (4,096 bytes).
 *
 * A length of 0 or above the limit is refused at the header, before a byte of the body is kept; behind it nothing is cut
 * any more, and each later push gives the same refusal (Stellar overlay protocol, Framing).
 */
export const makeRecordDecoder = (): FrameDecoder => {
  let limit = MAX_UNAUTHENTICATED_MESSAGE_BYTES
  let held = new Uint8Array(0)
  let start = 0
  let end = 0
  let refused: FramingRefusal | undefined

  const keep = (chunk: Uint8Array, from: number, to: number): void => {
    const more = to - from
    if (more === 0) return
    if (end + more > held.length) {
      const length = end - start
      // Twice what is there, never what was promised: memory follows the bytes received.
      const room = length + more <= held.length
        ? held
        : new Uint8Array(Math.max(FIRST_BUFFER_BYTES, 2 * (length + more)))
      room.set(held.subarray(start, end))
      held = room
      start = 0
      end = length
    }
    held.set(chunk.subarray(from, to), end)
    end += more
  }

  const release = (): void => {
    start = 0
    end = 0
    if (held.length > KEPT_BUFFER_BYTES) held = new Uint8Array(0)
  }

  const refuse = (announcedBytes: number): FramingRefusal => {
    refused = { _tag: "FramingRefusal", announcedBytes }
    return refused
  }

  const push = (chunk: Uint8Array, sink: FrameSink): FramingRefusal | undefined => {
    if (refused !== undefined) return refused
    let at = 0
    while (end > start) {
      const length = end - start
      let needed = RECORD_MARK_BYTES
      if (length >= RECORD_MARK_BYTES) {
        const body = bodyBytesAt(held, start)
        if (body === 0 || body > limit) return refuse(body)
        needed += body
      }
      if (length < needed) {
        if (at === chunk.length) return undefined
        const to = Math.min(chunk.length, at + needed - length)
        keep(chunk, at, to)
        at = to
      } else if (needed > RECORD_MARK_BYTES) {
        const from = start + RECORD_MARK_BYTES
        start += needed
        const more = sink(held, from, from + needed - RECORD_MARK_BYTES)
        if (start === end) release()
        if (!more) {
          keep(chunk, at, chunk.length)
          return undefined
        }
      }
    }
    while (chunk.length - at >= RECORD_MARK_BYTES) {
      const body = bodyBytesAt(chunk, at)
      if (body === 0 || body > limit) return refuse(body)
      const next = at + RECORD_MARK_BYTES + body
      if (next > chunk.length) break
      const more = sink(chunk, at + RECORD_MARK_BYTES, next)
      at = next
      if (!more) break
    }
    keep(chunk, at, chunk.length)
    return undefined
  }

  return {
    push,
    setLimit: (maxBodyBytes) => {
      limit = maxBodyBytes
    },
    heldBytes: () => end - start
  }
}
