/**
 * What goes over the wire, in bytes by kind of message: each frame with its record mark, its envelope and its MAC.
 */
import { kindAt } from "../../src/core/stellar/FrameChannel.ts"
import { MAX_MESSAGE_BYTES, RECORD_MARK_BYTES } from "../../src/core/stellar/limits.ts"
import { makeRecordDecoder } from "../../src/core/stellar/RecordMark.ts"
import type { NetworkEvent } from "../../src/layers/simulation/NetworkTrace.ts"

/** Counts what is sent. Every node writes whole frames; throws when one does not. */
export class WireBytes {
  private readonly byKind = new Map<number, number>()
  private readonly decoder = makeRecordDecoder()

  constructor() {
    this.decoder.setLimit(MAX_MESSAGE_BYTES)
  }

  /** The bytes of frames of this kind (one of `MessageType`). */
  of(kind: number): number {
    return this.byKind.get(kind) ?? 0
  }

  /** To be called for all that happens on the network. */
  readonly observe = ({ _tag, chunk }: NetworkEvent): void => {
    if (_tag !== "Sent" || chunk === undefined) return
    const refusal = this.decoder.push(chunk, (bytes, start, end) => {
      const kind = kindAt(bytes, start)
      this.byKind.set(kind, this.of(kind) + RECORD_MARK_BYTES + end - start)
      return true
    })
    if (refusal !== undefined || this.decoder.heldBytes() > 0) throw new Error("A write is not made of whole frames.")
  }
}
