/**
 * A time for measuring ages, cheap enough for each message: it never goes back, whatever happens to the wall clock.
 */
import { Clock, Effect } from "effect"

/**
 * Makes a clock in milliseconds since now. Steps of the wall clock forward count, steps back stand still once; the
 * monotonic clock would be exact, but gives a bigint, which costs more than the look-up that it is read for.
 */
export const make: Effect.Effect<() => number> = Effect.map(Clock.Clock, (clock) => {
  let seen = clock.currentTimeMillisUnsafe()
  let elapsed = 0
  return () => {
    const wall = clock.currentTimeMillisUnsafe()
    if (wall > seen) elapsed += wall - seen
    seen = wall
    return elapsed
  }
})
