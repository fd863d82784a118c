/**
 * One timer for all that a part of the node has to do later: it is set for the earliest of it, and sleeps when there is
 * nothing.
 */
import type { Scope } from "effect"
import { Effect, Fiber } from "effect"

/** A timer that can be set from plain code. */
export interface Alarm {
  /** Rings at this time, in milliseconds of the clock that the alarm was made with, or at an earlier one already set. */
  readonly set: (at: number) => void
}

/**
 * Makes an alarm that calls `ring` in a fiber of its own: one at most, and none while the alarm is not set. After ringing
 * it must be set again. A throw in `ring` is logged and does not break the alarm. The Scope ends it: what is set
 * afterwards never rings.
 */
export const make = Effect.fnUntraced(function*(
  now: () => number,
  ring: () => void
): Effect.fn.Return<Alarm, never, Scope.Scope> {
  const runFork = Effect.runForkWith(yield* Effect.context<never>())
  let due = Infinity
  let sleeper: Fiber.Fiber<void> | undefined
  let closed = false

  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      closed = true
      return sleeper === undefined ? Effect.void : Fiber.interrupt(sleeper)
    })
  )

  const rung = Effect.sync(() => {
    due = Infinity
    sleeper = undefined
    ring()
  }).pipe(Effect.catchCause((cause) => Effect.logError("a timer's work failed", cause)))

  return {
    set: (at) => {
      if (closed || at >= due) return
      due = at
      sleeper?.interruptUnsafe()
      const millis = Math.ceil(at - now())
      // Never at once: who sets the alarm is in the middle of something.
      sleeper = runFork(Effect.andThen(millis > 0 ? Effect.sleep(millis) : Effect.yieldNow, rung))
    }
  }
})
