/**
 * The way out of one peer: takes from the outbox what may go, seals it, and hands it to the link in as few writes as can be.
 *
 * Plain and synchronous. It also keeps the times that tell how the peer keeps up.
 */
import type { Clock } from "effect/Clock"
import type { Channel } from "../../core/Channel.ts"
import type { Outbox } from "../../core/Outbox.ts"
import type { Link } from "../../services/Transport.ts"
import type { SealBuffer } from "./SealBuffer.ts"

/** What a writer is made of. */
export interface PeerWriterParts {
  readonly link: Link
  readonly channel: Channel
  readonly outbox: Outbox
  readonly sealBuffer: SealBuffer
  readonly clock: Clock
  /** Told of each write. */
  readonly onWritten: (messages: number, bytes: number) => void
}

/** The way out of one peer. */
export class PeerWriter {
  messagesWritten = 0
  bytesWritten = 0
  /** When something was last handed to the link. */
  lastWrittenMillis: number
  /** When the message that was last handed to the link had been offered: an old one is the sign of a peer that cannot keep up. */
  lastIssuedMillis: number
  /** Since when something waits for credit; `undefined` while nothing does. */
  blockedSinceMillis: number | undefined
  private readonly parts: PeerWriterParts

  /** A peer begins as one that waits for credit: it has granted none. */
  constructor(parts: PeerWriterParts) {
    const now = parts.clock.currentTimeMillisUnsafe()
    this.parts = parts
    this.lastWrittenMillis = now
    this.lastIssuedMillis = now
    this.blockedSinceMillis = now
  }

  /** Notes that the peer has granted credit. */
  granted(): void {
    this.blockedSinceMillis = undefined
  }

  /** Writes what may go. */
  flush(): void {
    const { channel, clock, link, outbox, sealBuffer } = this.parts
    // Mostly there is nothing, and then the link need not be asked.
    if (outbox.isEmpty() || !link.isWritable()) return
    let at = 0
    let buffer = sealBuffer.take()
    let bytes = 0
    let messages = 0
    const write = (sealed: Uint8Array): boolean => {
      bytes += sealed.length
      if (link.send(sealed)) return true
      sealBuffer.gaveAway()
      return false
    }
    const issued = outbox.drain((message) => {
      // A message too long for the buffer may have filled the link.
      if (!link.isWritable()) return false
      const size = message.length + channel.overheadBytes
      if (size > buffer.length - at) {
        if (at > 0 && !write(buffer.subarray(0, at))) {
          at = 0
          return false
        }
        at = 0
        if (size > buffer.length) {
          const large = new Uint8Array(size)
          channel.seal(message, large, 0)
          messages += 1
          bytes += size
          link.send(large)
          return true
        }
        buffer = sealBuffer.take()
      }
      at = channel.seal(message, buffer, at)
      messages += 1
      return true
    })
    if (at > 0) write(buffer.subarray(0, at))
    const now = clock.currentTimeMillisUnsafe()
    if (bytes > 0) {
      this.lastWrittenMillis = now
      this.bytesWritten += bytes
      this.messagesWritten += messages
      this.parts.onWritten(messages, bytes)
    }
    if (issued !== undefined) this.lastIssuedMillis = issued
    if (this.blockedSinceMillis === undefined && outbox.isBlocked()) this.blockedSinceMillis = now
  }
}
