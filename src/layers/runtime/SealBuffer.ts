/**
 * The one buffer of a process in which messages are sealed before they are written.
 *
 * A link that takes all bytes at once gives the buffer back in the same call, so that one buffer serves all peers of
 * all nodes, and stays in the caches of the machine; a link whose machine is full keeps it, and a new one is made.
 */
import { Context } from "effect"

/** How many bytes are sealed for one write: what a socket's buffer takes at a time. */
const SEAL_BUFFER_BYTES = 65_536

/** Of longer beginnings no views are kept: writes of many frames are of many lengths, and a view is little beside them. */
const KEPT_VIEW_BYTES = 1024

/** A buffer to seal in. Whoever takes it is done with it before anybody else runs. */
export class SealBuffer {
  private buffer: Uint8Array | undefined
  /** Its beginnings by length, those that were asked for. Single frames come in few lengths, and a view costs more than to seal one. */
  private beginnings: Array<Uint8Array | undefined> = []

  /** The buffer, to be filled and handed to a link in the same turn. */
  take(): Uint8Array {
    this.buffer ??= new Uint8Array(SEAL_BUFFER_BYTES)
    return this.buffer
  }

  /** The first so many bytes of the buffer that was taken last. */
  first(length: number): Uint8Array {
    if (length > KEPT_VIEW_BYTES) return this.take().subarray(0, length)
    return this.beginnings[length] ??= this.take().subarray(0, length)
  }

  /** Says that a link kept the buffer. */
  gaveAway(): void {
    this.buffer = undefined
    this.beginnings = []
  }
}

/** The seal buffer that all nodes of the process share, unless one is provided. */
export const SharedSealBuffer: Context.Reference<SealBuffer> = Context.Reference<SealBuffer>(
  "effect-overlay/layers/runtime/SealBuffer",
  { defaultValue: () => new SealBuffer() }
)
