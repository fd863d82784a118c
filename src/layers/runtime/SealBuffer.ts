/**
 * The one buffer of a process in which messages are sealed before they are written.
 *
 * A link that takes all bytes at once gives the buffer back in the same call, so that one buffer serves all peers of
 * all nodes, and stays in the caches of the machine; a link whose machine is full keeps it, and a new one is made.
 */
import { Context } from "effect"

/** How many bytes are sealed for one write: what a socket's buffer takes at a time. */
const SEAL_BUFFER_BYTES = 65_536

/** A buffer to seal in. Whoever takes it is done with it before anybody else runs. */
export class SealBuffer {
  private buffer: Uint8Array | undefined

  /** The buffer, to be filled and handed to a link in the same turn. */
  take(): Uint8Array {
    this.buffer ??= new Uint8Array(SEAL_BUFFER_BYTES)
    return this.buffer
  }

  /** Says that a link kept the buffer. */
  gaveAway(): void {
    this.buffer = undefined
  }
}

/** The seal buffer that all nodes of the process share, unless one is provided. */
export const SharedSealBuffer: Context.Reference<SealBuffer> = Context.Reference<SealBuffer>(
  "effect-overlay/layers/runtime/SealBuffer",
  { defaultValue: () => new SealBuffer() }
)
