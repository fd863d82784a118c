/**
 * Bytes to frames and back, with the limits of before and after authentication.
 */
import { Context } from "effect"
import type { FrameDecoder } from "../core/FrameDecoder.ts"

/** Framing of one network. */
export class Framing extends Context.Service<Framing, {
  /** Makes the decoder of one link, with the limit for strangers. */
  readonly decoder: () => FrameDecoder
  /** The longest body of a stranger's frame, in bytes. */
  readonly maxStrangerBodyBytes: number
  /** The longest body of a peer's frame, in bytes. */
  readonly maxBodyBytes: number
}>()("effect-overlay/services/Framing") {}
