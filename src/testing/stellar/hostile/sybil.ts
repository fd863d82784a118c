/**
 * The Sybil: one machine that is many nodes.
 */
import { Duration, Effect } from "effect"
import { caller, type HostileOptions } from "./HostilePeer.ts"

/** What can be chosen about it. */
export interface SybilOptions extends HostileOptions {
  /** How many nodes it is. Default: 100, above the 64 that a node lets in. */
  readonly identities?: number
  /** Time between two of them. Default: 100 ms. */
  readonly every?: Duration.Duration
}

/** Takes all slots that it can get, each with another identity, and behaves. */
export const sybil = caller<SybilOptions>({
  name: "sybil",
  does: "Comes as one node after the other, each well-behaved, and stays, to take every slot for those who call.",
  demands:
    "Give it the share of its IP and say so to the rest; slots of others, and those for whom the node calls itself, are not touched."
}, ({ connect, newKeys }, { every = Duration.millis(100), identities = 100 }) =>
  Effect.forEach(
    Array.from({ length: identities }, (_, number) => number),
    (number) =>
      Effect.gen(function*() {
        const keys = yield* newKeys
        yield* Effect.sleep(Duration.times(every, number))
        yield* connect((session) => session.inside(Effect.never), keys)
      }),
    { concurrency: identities, discard: true }
  ))
