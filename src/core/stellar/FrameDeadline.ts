/**
 * How long a frame may take that a peer has begun: half a minute, and from then on as long as what came of it is worth.
 */
import type { FrameDecoder } from "../FrameDecoder.ts"
import { FRAME_BYTES_PER_SECOND, FRAME_TIMEOUT_MILLIS } from "./limits.ts"

/** The deadline of one peer's frame. It is looked at now and then, and costs nothing between two looks. */
export class FrameDeadline {
  /** The look that first found begun the frame that is still awaited, and how many messages had been read before it. */
  private sinceMillis: number | undefined
  private messagesBefore = 0

  /** Whether the frame that is awaited takes too long. While reading pauses (`canRead`) the peer cannot finish it. */
  isOver(
    decoder: Pick<FrameDecoder, "frameBytes" | "heldBytes">,
    canRead: boolean,
    messagesRead: number,
    nowMillis: number
  ): boolean {
    const held = decoder.heldBytes()
    const isAwaited = held > 0 && held < decoder.frameBytes() && canRead
    if (!isAwaited) {
      this.sinceMillis = undefined
    } else if (this.sinceMillis === undefined || this.messagesBefore !== messagesRead) {
      this.sinceMillis = nowMillis
      this.messagesBefore = messagesRead
    } else {
      return nowMillis - this.sinceMillis >= Math.max(FRAME_TIMEOUT_MILLIS, 1000 * held / FRAME_BYTES_PER_SECOND)
    }
    return false
  }

  /** Moves the deadline on: for so long nothing could be read. */
  postpone(byMillis: number, nowMillis: number): void {
    if (this.sinceMillis !== undefined) this.sinceMillis = Math.min(nowMillis, this.sinceMillis + byMillis)
  }
}
