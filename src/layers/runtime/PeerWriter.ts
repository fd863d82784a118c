/**
 * The way out of one peer: takes from the outbox what may go, seals it, and hands it to the link in as few writes as can be.
 *
 * Plain and synchronous. It also keeps the times that tell how the peer keeps up.
 */
import type { Clock } from "effect/Clock"
import type { Channel } from "../../core/Channel.ts"
import type { Outbox, Taker } from "../../core/Outbox.ts"
import type { Link } from "../../services/Transport.ts"
import type { SealBuffer } from "./SealBuffer.ts"

/** What a writer is made of. */
export interface PeerWriterParts {
  readonly link: Link
  readonly channel: Channel
  readonly outbox: Outbox
  readonly sealBuffer: SealBuffer
  readonly clock: Clock
  /** Of the whole node, counted on here. */
  readonly counters: WriteCounters
}

/** What is counted of all writes of a node. */
export interface WriteCounters {
  framesWritten: number
  bytesWritten: number
  /** What links were given, in how many pieces. */
  writes: number
  /** Grants to a peer that had waited for one. */
  creditWaits: number
}

const NOTHING = new Uint8Array(0)

/** The way out of one peer. */
export class PeerWriter implements Taker {
  messagesWritten = 0
  bytesWritten = 0
  writes = 0
  /** When something was last handed to the link. */
  lastWrittenMillis: number
  /** When the message that was last handed to the link had been offered: an old one is the sign of a peer that cannot keep up. */
  lastIssuedMillis: number
  /** Since when something waits for credit; `undefined` while nothing does. */
  blockedSinceMillis: number | undefined
  // What is sealed and not handed over, while something is written: the first so many bytes of the buffer.
  private buffer: Uint8Array = NOTHING
  private at = 0
  private readonly link: Link
  private readonly channel: Channel
  private readonly outbox: Outbox
  private readonly sealBuffer: SealBuffer
  private readonly clock: Clock
  private readonly counters: WriteCounters

  /** A peer begins as one that waits for credit: it has granted none. */
  constructor(parts: PeerWriterParts) {
    const now = parts.clock.currentTimeMillisUnsafe()
    this.link = parts.link
    this.channel = parts.channel
    this.outbox = parts.outbox
    this.sealBuffer = parts.sealBuffer
    this.clock = parts.clock
    this.counters = parts.counters
    this.lastWrittenMillis = now
    this.lastIssuedMillis = now
    this.blockedSinceMillis = now
  }

  /** Notes that the peer has granted credit. */
  granted(): void {
    if (this.blockedSinceMillis !== undefined) this.counters.creditWaits += 1
    this.blockedSinceMillis = undefined
  }

  /** Writes what may go. */
  flush(): void {
    // Mostly there is nothing, and then the link need not be asked.
    if (this.outbox.isEmpty() || !this.link.isWritable()) return
    this.buffer = this.sealBuffer.take()
    this.at = 0
    const { bytesWritten } = this
    const issued = this.outbox.drain(this)
    this.write()
    const now = this.clock.currentTimeMillisUnsafe()
    if (this.bytesWritten > bytesWritten) this.lastWrittenMillis = now
    if (issued !== undefined) this.lastIssuedMillis = issued
    if (this.blockedSinceMillis === undefined && this.outbox.isBlocked()) this.blockedSinceMillis = now
  }

  /** For the outbox, while it is emptied: seals the message, if the link still takes something. */
  take(message: Uint8Array): boolean {
    // A message too long for the buffer may have filled the link.
    if (!this.link.isWritable()) return false
    const size = message.length + this.channel.overheadBytes
    if (size > this.buffer.length - this.at) {
      if (!this.write()) return false
      if (size > this.buffer.length) {
        const large = new Uint8Array(size)
        this.channel.seal(message, large, 0)
        this.count(size)
        this.send(large)
        return true
      }
      this.buffer = this.sealBuffer.take()
    }
    this.at = this.channel.seal(message, this.buffer, this.at)
    this.count(size)
    return true
  }

  /** Hands over what is sealed. `false`: the link has kept the buffer, and takes nothing more. */
  private write(): boolean {
    const { at } = this
    this.at = 0
    if (at === 0 || this.send(this.sealBuffer.first(at))) return true
    this.sealBuffer.gaveAway()
    this.buffer = NOTHING
    return false
  }

  private send(bytes: Uint8Array): boolean {
    this.writes += 1
    this.counters.writes += 1
    return this.link.send(bytes)
  }

  private count(bytes: number): void {
    this.messagesWritten += 1
    this.bytesWritten += bytes
    this.counters.framesWritten += 1
    this.counters.bytesWritten += bytes
  }
}
