/**
 * Encoding messages that we make ourselves, whose bounds we keep.
 */
import { Result } from "effect"
import { encodeMessage, type StellarMessage } from "../../core/stellar/messages.ts"

/** The bytes of a message of ours. That it breaks a bound of its kind is a defect of ours, and dies as one. */
export const encoded = (message: StellarMessage): Uint8Array =>
  Result.getOrThrowWith(encodeMessage(message), (refusal) => new Error(`${message._tag}: ${refusal.reason}`))
