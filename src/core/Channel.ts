/**
 * Frames between two who know each other: what a handshake opens.
 */

/** What a frame is, or why it is refused. */
export type Opened =
  /** A message of the peer, proven. */
  | "message"
  /** What the peer says before it closes: unproven where the network does not prove it. */
  | "last-words"
  /** Not the shape of a frame. */
  | "corrupt"
  | "unexpected-sequence"
  | "unexpected-mac"
  | "zero-key"

/** An authenticated channel: plain, synchronous, owned by one session. */
export interface Channel {
  /** In a frame's body, where the message begins, counted from the start. */
  readonly headBytes: number
  /** In a frame's body, what stands behind the message. */
  readonly tailBytes: number
  /** What a sealed message is longer than the message. */
  readonly overheadBytes: number
  /** Checks the frame whose body is `bytes[start, end)`; only a frame that passes moves the channel on. */
  readonly open: (bytes: Uint8Array, start: number, end: number) => Opened
  /** Writes the sealed message, framing included, into `into` at `at`; gives the offset behind it. */
  readonly seal: (message: Uint8Array, into: Uint8Array, at: number) => number
}
