/**
 * The query storm: more questions than anybody answers.
 */
import { Duration, Effect } from "effect"
import { caller, type HostileOptions } from "./HostilePeer.ts"

/** What can be chosen about it. */
export interface QueryStormOptions extends HostileOptions {
  /** Questions of each kind: for the SCP state, a transaction set and a quorum set. Default: 1000. */
  readonly questions?: number
  /** Time between two rounds of questions. Default: 10 ms. */
  readonly every?: Duration.Duration
}

const HASH_BYTES = 32

/** Asks all that can be asked, and reads the answers. */
export const queryStorm = caller<QueryStormOptions>(
  {
    name: "query-storm",
    does: "Asks for the SCP state, and for sets that do not exist, a hundred times a second.",
    demands:
      "Answer what a window allows (10 for the state, 300 for each kind of set in a minute), and drop the rest in silence."
  },
  ({ connect, randomBytes }, { every = Duration.millis(10), questions = 1000 }) =>
    connect((session) =>
      session.inside(Effect.gen(function*() {
        for (let asked = 0; asked < questions; asked++) {
          yield* session.say({ _tag: "GET_SCP_STATE", ledgerSeq: 0 })
          yield* session.say({ _tag: "GET_TX_SET", txSetHash: yield* randomBytes(HASH_BYTES) })
          yield* session.say({ _tag: "GET_SCP_QUORUMSET", qSetHash: yield* randomBytes(HASH_BYTES) })
          yield* Effect.sleep(every)
        }
      }))
    )
)
