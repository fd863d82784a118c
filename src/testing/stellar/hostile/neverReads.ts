/**
 * The peer that never reads: it asks, and leaves the answers lying.
 */
import { Duration, Effect } from "effect"
import { caller, type HostileOptions } from "./HostilePeer.ts"

/** What can be chosen about it. */
export interface NeverReadsOptions extends HostileOptions {
  /** Questions of each kind: for the SCP state, a transaction set and a quorum set. Default: 900, for 3 minutes. */
  readonly questions?: number
  /** Time between two rounds of questions. Default: 200 ms. */
  readonly every?: Duration.Duration
  /** After this it reads what there is, to see how it ended. Default: 3 minutes, more than any timer of the node. */
  readonly unreadFor?: Duration.Duration
}

const HASH_BYTES = 32

/** Asks for as much as it can, and does not read. */
export const neverReads = caller<NeverReadsOptions>(
  {
    name: "never-reads",
    does: "Grants credit without end, asks for all that it may, and reads nothing.",
    demands: "Bound what waits for it, shed what is flooded, and end it as a straggler; nobody else waits for it."
  },
  ({ connect, randomBytes }, { every = Duration.millis(200), questions = 900, unreadFor = Duration.minutes(3) }) =>
    connect((session) =>
      Effect.gen(function*() {
        if (!(yield* session.enter())) return
        // It would have to read to see the end: so it stops when its time is over.
        yield* Effect.timeoutOption(
          Effect.gen(function*() {
            for (let asked = 0; asked < questions; asked++) {
              yield* session.say({ _tag: "GET_SCP_STATE", ledgerSeq: 0 })
              yield* session.say({ _tag: "GET_TX_SET", txSetHash: yield* randomBytes(HASH_BYTES) })
              yield* session.say({ _tag: "GET_SCP_QUORUMSET", qSetHash: yield* randomBytes(HASH_BYTES) })
              yield* Effect.sleep(every)
            }
            return yield* Effect.never
          }),
          unreadFor
        )
      })
    )
)
