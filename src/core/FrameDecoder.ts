/**
 * Cutting a stream of bytes into frames: the shape that every network's framing has.
 */

/**
 * Takes one frame: the bytes from `start` to `end` are its body and are lent for the call. `false` says stop: the frame was
 * taken, and those behind it stay in the decoder.
 */
export type FrameSink = (bytes: Uint8Array, start: number, end: number) => boolean

/** Says that the stream cannot be cut further: a length that is not acceptable. */
export interface FramingRefusal {
  readonly _tag: "FramingRefusal"
  /** The length that was announced, in bytes. */
  readonly announcedBytes: number
}

/** Cuts a stream into frames. Owned by one session; what it holds follows what was received, not what was announced. */
export interface FrameDecoder {
  /**
   * Hands each frame that is complete now to `sink`, in order, and keeps the rest.
   *
   * After a `false` of the sink, an empty chunk continues with what was kept.
   */
  readonly push: (chunk: Uint8Array, sink: FrameSink) => FramingRefusal | undefined
  /** Sets the longest body accepted from the next header on, in bytes. */
  readonly setLimit: (maxBodyBytes: number) => void
  /** Bytes held: parts of a frame, or frames behind a stop. */
  readonly heldBytes: () => number
  /**
   * How long the first frame is that is held, in bytes with its header: 0 if none was begun, the header alone while that is not
   * complete. It is whole, and behind a stop, if as many bytes are held.
   */
  readonly frameBytes: () => number
}
