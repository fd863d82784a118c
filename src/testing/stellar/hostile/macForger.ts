/**
 * The MAC forger: it changes one bit of a sealed frame.
 */
import { Effect, Random } from "effect"
import { MAC_BYTES } from "../../../core/Crypto.ts"
import { ENVELOPE_HEAD_BYTES, RECORD_MARK_BYTES } from "../../../core/stellar/limits.ts"
import { encode, sealed } from "../HandDrivenPeer.ts"
import { caller, type HostileOptions } from "./HostilePeer.ts"

/** What can be chosen about it. */
export interface MacForgerOptions extends HostileOptions {
  /** Where the bit is: in the MAC (default), or in the message behind its kind. */
  readonly where?: "mac" | "message"
}

const KIND_BYTES = 4
const BITS = 8

/** Sends a question that somebody could have changed on its way. */
export const macForger = caller<MacForgerOptions>({
  name: "mac-forger",
  does: "Sends a frame in which one bit is wrong, somewhere in its MAC or in its message.",
  demands: "End it in words, and believe nothing of the frame."
}, ({ connect, randomBytes }, { where = "mac" }) =>
  connect((session) =>
    session.inside(Effect.gen(function*() {
      const question = encode({ _tag: "GET_TX_SET", txSetHash: yield* randomBytes(32) })
      const record = sealed(session.peer.channel(), question)
      const [from, bytes] = where === "mac"
        ? [record.length - MAC_BYTES, MAC_BYTES]
        : [RECORD_MARK_BYTES + ENVELOPE_HEAD_BYTES + KIND_BYTES, question.length - KIND_BYTES]
      const bit = yield* Random.nextIntBetween(0, bytes * BITS - 1)
      const at = from + (bit >>> 3)
      record[at] = (record[at] ?? 0) ^ (1 << (bit & 7))
      yield* session.send("GET_TX_SET", record)
    }))
  ))
