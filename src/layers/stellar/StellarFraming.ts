/**
 * Stellar's framing: record marks, 4 KiB for strangers and 16 MiB for peers.
 */
import { Layer } from "effect"
import { MAX_MESSAGE_BYTES, MAX_UNAUTHENTICATED_MESSAGE_BYTES } from "../../core/stellar/limits.ts"
import { makeRecordDecoder } from "../../core/stellar/RecordMark.ts"
import { Framing } from "../../services/Framing.ts"

/** Framing of the Stellar overlay: see `core/stellar/RecordMark`. */
export const layer: Layer.Layer<Framing> = Layer.succeed(Framing, {
  decoder: makeRecordDecoder,
  maxStrangerBodyBytes: MAX_UNAUTHENTICATED_MESSAGE_BYTES,
  maxBodyBytes: MAX_MESSAGE_BYTES
})
