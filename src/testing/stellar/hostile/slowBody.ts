/**
 * The slow peer: a frame of which a byte comes now and then.
 */
import { Duration, Effect } from "effect"
import { MAX_MESSAGE_BYTES, RECORD_MARK_BYTES } from "../../../core/stellar/limits.ts"
import { writeRecordMark } from "../../../core/stellar/RecordMark.ts"
import { caller, type HostileOptions } from "./HostilePeer.ts"

/** What can be chosen about it. */
export interface SlowBodyOptions extends HostileOptions {
  /** What comes slowly: its HELLO (default), or a record of 16 MiB behind a correct handshake. */
  readonly of?: "hello" | "message"
  /** Time between two bytes. Default: a second, half of the silence that a stranger may keep. */
  readonly every?: Duration.Duration
}

const BYTE = new Uint8Array(1)

/** Sends one byte at a time. */
export const slowBody = caller<SlowBodyOptions>({
  name: "slow-body",
  does: "Announces a frame and sends it a byte at a time, never silent and never done.",
  demands: "End it by deadlines that a trickle does not move, and hold no more memory for it than the bytes that came."
}, ({ connect }, { every = Duration.seconds(1), of = "hello" }) =>
  connect((session) => {
    const trickle = (byteAt: (at: number) => Uint8Array, bytes: number) =>
      Effect.gen(function*() {
        for (let at = 0; at < bytes; at++) {
          yield* session.send("byte", byteAt(at))
          yield* Effect.sleep(every)
        }
      })
    if (of === "hello") {
      const record = session.helloRecord()
      return Effect.raceFirst(session.readOn, trickle((at) => record.slice(at, at + 1), record.length))
    }
    const mark = new Uint8Array(RECORD_MARK_BYTES)
    writeRecordMark(mark, 0, MAX_MESSAGE_BYTES)
    return session.inside(Effect.andThen(session.send("mark", mark), trickle(() => BYTE.slice(), MAX_MESSAGE_BYTES)))
  }))
