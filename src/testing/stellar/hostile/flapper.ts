/**
 * The flapper: it comes and goes.
 */
import { Duration, Effect } from "effect"
import { caller, type HostileOptions } from "./HostilePeer.ts"

/** What can be chosen about it. */
export interface FlapperOptions extends HostileOptions {
  /** How often it comes. Default: 20. */
  readonly times?: number
  /** How long it stays. Default: not at all. */
  readonly stay?: Duration.Duration
  /** How long it is away. Default: 500 ms. */
  readonly away?: Duration.Duration
}

/** Authenticates and leaves, as the same node each time. */
export const flapper = caller<FlapperOptions>({
  name: "flapper",
  does: "Authenticates, leaves without a word, and comes back as the same node, again and again.",
  demands: "Bear it: each end gives back the slot and all that the session held, and nobody else notices."
}, ({ visit }, { away = Duration.millis(500), stay = Duration.zero, times = 20 }) =>
  Effect.gen(function*() {
    for (let time = 0; time < times; time++) {
      yield* visit((session) => session.inside(Effect.sleep(stay)))
      yield* Effect.sleep(away)
    }
  }))
