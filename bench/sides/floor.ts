/**
 * The floor: the same work on the same wire with library calls alone, to tell what the rest of the product costs.
 *
 * Record marks, sequence numbers, two digests a MAC, one digest a message, a table of what was seen, grants under the same
 * window; one socket, one plain loop. There is no handshake (the keys are given), no check of a message's structure, no copy
 * that outlives the chunk, no application, no outbox, no other peer, no Effect. It imports nothing of the product.
 */
import { createHmac, createSecretKey, hash, type KeyObject } from "node:crypto"
import * as Net from "node:net"
import { messageMaker } from "../messages.ts"
import type { Order, Running, Window } from "../protocol.ts"

const MARK_BYTES = 4
const HEAD_BYTES = 12
const MAC_BYTES = 32
const OVERHEAD_BYTES = MARK_BYTES + HEAD_BYTES + MAC_BYTES
const BLOCK_BYTES = 64
/** What one read brings at most; the same as in the product. */
const READ_BYTES = 32_768
/** What one write takes at most; the same as in the product. */
const WRITE_BYTES = 65_536
/** Above this a message is digested where it is, by a streaming HMAC. */
const SCRATCH_BYTES = 16_384
const GRANT_KIND = 20
const GRANT_BYTES = 12

const u32 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0

const putU32 = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

/** One direction's key and counter. */
class Seal {
  private readonly scratch = new Uint8Array(BLOCK_BYTES + SCRATCH_BYTES)
  private readonly outer = Buffer.alloc(BLOCK_BYTES + MAC_BYTES)
  private readonly key: KeyObject
  private sequence = 0

  constructor(byte: number) {
    const key = new Uint8Array(MAC_BYTES).fill(byte)
    this.key = createSecretKey(key)
    this.scratch.fill(0x36, 0, BLOCK_BYTES)
    this.outer.fill(0x5c, 0, BLOCK_BYTES)
    key.forEach((value, i) => {
      this.scratch[i]! ^= value
      this.outer[i]! ^= value
    })
  }

  private tag(bytes: Uint8Array, from: number, to: number): string {
    const covered = bytes.subarray(from, to)
    if (covered.length > SCRATCH_BYTES) return createHmac("sha256", this.key).update(covered).digest("binary")
    this.scratch.set(covered, BLOCK_BYTES)
    this.outer.write(
      hash("sha256", this.scratch.subarray(0, BLOCK_BYTES + covered.length), "binary"),
      BLOCK_BYTES,
      "latin1"
    )
    return hash("sha256", this.outer, "binary")
  }

  /** Writes a record at `at`, and gives the offset behind it. */
  write(message: Uint8Array, into: Buffer, at: number): number {
    const body = at + MARK_BYTES
    putU32(into, at, (0x80000000 | (HEAD_BYTES + message.length + MAC_BYTES)) >>> 0)
    putU32(into, body, 0)
    putU32(into, body + 4, 0)
    putU32(into, body + 8, this.sequence++)
    into.set(message, body + HEAD_BYTES)
    const end = body + HEAD_BYTES + message.length
    into.write(this.tag(into, body + 4, end), end, "latin1")
    return end + MAC_BYTES
  }

  /** Checks a body. */
  check(bytes: Uint8Array, start: number, end: number): void {
    if (u32(bytes, start) !== 0 || u32(bytes, start + 8) !== this.sequence++) throw new Error("not the next frame")
    const tag = this.tag(bytes, start + 4, end - MAC_BYTES)
    let difference = 0
    for (let i = 0; i < MAC_BYTES; i++) difference |= bytes[end - MAC_BYTES + i]! ^ tag.charCodeAt(i)
    if (difference !== 0) throw new Error("a wrong MAC")
  }
}

/** What was seen: 64 bits of each digest, in a table that is emptied when it is half full. */
class Seen {
  private static readonly PLACES = 1 << 19
  private readonly words = new Int32Array(2 * Seen.PLACES)
  private count = 0

  /** Whether the digest is new. */
  add(digest: string): boolean {
    const a = digest.charCodeAt(0) | (digest.charCodeAt(1) << 8) | (digest.charCodeAt(2) << 16) |
      (digest.charCodeAt(3) << 24)
    const b = digest.charCodeAt(4) | (digest.charCodeAt(5) << 8) | (digest.charCodeAt(6) << 16) |
      (digest.charCodeAt(7) << 24)
    let at = a & (Seen.PLACES - 1)
    while (this.words[2 * at] !== 0 || this.words[2 * at + 1] !== 0) {
      if (this.words[2 * at] === a && this.words[2 * at + 1] === b) return false
      at = (at + 1) & (Seen.PLACES - 1)
    }
    if (++this.count > Seen.PLACES / 2) {
      this.words.fill(0)
      this.count = 1
    }
    this.words[2 * at] = a
    this.words[2 * at + 1] = b
    return true
  }
}

/** Hands each whole frame to `onFrame`, and each end of a chunk to `onChunk`. */
const reader = (
  frameBytes: number,
  onFrame: (bytes: Uint8Array, start: number, end: number) => void,
  onChunk: () => void
) => {
  const room = new Uint8Array(READ_BYTES + MARK_BYTES + frameBytes)
  let held = 0
  return {
    // The next bytes are read in behind the frame that has begun.
    buffer: () => room.subarray(held, held + READ_BYTES),
    callback: (length: number): boolean => {
      const end = held + length
      let at = 0
      while (end - at >= MARK_BYTES) {
        const next = at + MARK_BYTES + (u32(room, at) & 0x7fffffff)
        if (next > end) break
        onFrame(room, at + MARK_BYTES, next)
        at = next
      }
      room.copyWithin(0, at, end)
      held = end - at
      onChunk()
      return true
    }
  }
}

const receive = async (size: number, window: Window): Promise<Running> => {
  const opens = new Seal(1)
  const seals = new Seal(2)
  const seen = new Seen()
  const out = Buffer.alloc(WRITE_BYTES)
  const grant = new Uint8Array(GRANT_BYTES)
  let frames = 0
  let messages = 0
  let bytes = 0
  let filled = 0
  let socket: Net.Socket | undefined

  const giveBack = (messages: number, bytes: number): void => {
    putU32(grant, 0, GRANT_KIND)
    putU32(grant, 4, messages)
    putU32(grant, 8, bytes)
    filled = seals.write(grant, out, filled)
  }
  const flush = (): void => {
    if (filled === 0) return
    // Grants are small, and the sender reads them: the kernel takes them at once.
    socket?.write(out.subarray(0, filled))
    if (socket?.writableLength !== 0) throw new Error("grants pile up")
    filled = 0
  }
  const onFrame = (chunk: Uint8Array, start: number, end: number): void => {
    opens.check(chunk, start, end)
    const from = start + HEAD_BYTES
    const to = end - MAC_BYTES
    if (!seen.add(hash("sha256", chunk.subarray(from + 4, to), "binary"))) throw new Error("seen before")
    frames += 1
    messages += 1
    bytes += to - from
    if (messages < window.batchMessages && bytes < window.batchBytes) return
    giveBack(messages, bytes)
    messages = 0
    bytes = 0
  }

  const server = Net.createServer({ pauseOnConnect: true }, (accepted) => {
    // Only a socket's birth takes `onread`, and the server gives birth: so the handle moves into a socket of ours.
    const handle: unknown = Reflect.get(accepted, "_handle")
    Reflect.set(accepted, "_handle", null)
    accepted.destroy()
    const ours: Net.Socket = Reflect.construct(Net.Socket, [{
      handle,
      onread: reader(size + OVERHEAD_BYTES, onFrame, flush)
    }])
    socket = ours
    ours.setNoDelay(true)
    ours.on("error", () => {})
    giveBack(window.messages, window.bytes)
    flush()
    ours.resume()
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return { port: portOf(server), count: () => frames }
}

const send = async (size: number, window: Window, port: number): Promise<Running> => {
  const opens = new Seal(2)
  const seals = new Seal(1)
  const next = messageMaker(size, window.messages)
  let out = Buffer.alloc(Math.max(WRITE_BYTES, size + OVERHEAD_BYTES))
  let frames = 0
  let messages = 0
  let bytes = 0

  const write = (filled: number): boolean => {
    socket.write(out.subarray(0, filled))
    if (socket.writableLength === 0) return true
    out = Buffer.alloc(out.length)
    return false
  }
  const fill = (): void => {
    if (socket.writableLength > 0) return
    let filled = 0
    while (messages > 0 && bytes >= size) {
      if (out.length - filled < size + OVERHEAD_BYTES) {
        if (!write(filled)) return
        filled = 0
      }
      messages -= 1
      bytes -= size
      filled = seals.write(next(), out, filled)
      frames += 1
    }
    if (filled > 0) write(filled)
  }
  const onFrame = (chunk: Uint8Array, start: number, end: number): void => {
    opens.check(chunk, start, end)
    messages += u32(chunk, start + HEAD_BYTES + 4)
    bytes += u32(chunk, start + HEAD_BYTES + 8)
  }

  const socket = Net.connect({
    port,
    host: "127.0.0.1",
    noDelay: true,
    onread: reader(GRANT_BYTES + OVERHEAD_BYTES, onFrame, fill)
  })
  socket.on("drain", fill)
  socket.on("error", () => {})
  await new Promise<void>((resolve) => socket.once("connect", () => resolve()))
  return { port: 0, count: () => frames }
}

const portOf = (server: Net.Server): number => {
  const bound = server.address()
  return bound === null || typeof bound === "string" ? 0 : bound.port
}

/** Plays a receiver or a sender; the floor has no handshake. */
export const run = (order: Order): Promise<Running> => {
  switch (order.role) {
    case "receiver":
      return receive(order.size, order.window)
    case "sender":
      return send(order.size, order.window, order.port)
    default:
      return Promise.reject(new Error("the floor has no handshake"))
  }
}
