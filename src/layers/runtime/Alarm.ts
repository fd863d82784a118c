/**
 * One timer for all that a part of the node has to do later: it is set for the earliest of it, and sleeps when there is
 * nothing.
 */
import type { Scope } from "effect"
import { Cause, Effect, Fiber } from "effect"

/** A timer that can be set from plain code. */
export interface Alarm {
  /** Rings at this time, in milliseconds of the clock that the alarm was made with, or at an earlier one already set. */
  readonly set: (at: number) => void
}

/**
 * Makes an alarm that calls `ring` in a fiber of its own: one at most, and none while the alarm is not set. After ringing
 * it must be set again. A throw in `ring` is logged and does not break the alarm. The Scope ends it: what is set
 * afterwards never rings.
 *
 * To set it to a later time than it is set to costs nothing; to set it to an earlier one costs a fiber more. So what is due
 * on two beats has two alarms.
 */
export const make = Effect.fnUntraced(function*(
  now: () => number,
  ring: () => void
): Effect.fn.Return<Alarm, never, Scope.Scope> {
  const runFork = Effect.runForkWith(yield* Effect.context<never>())
  let due = Infinity
  let sleeper: Fiber.Fiber<void> | undefined
  let isRinging = false
  let closed = false

  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      closed = true
      return sleeper === undefined ? Effect.void : Fiber.interrupt(sleeper)
    })
  )

  /** Sleeps until the alarm is due, rings, and begins anew if it was set meanwhile. */
  const untilUnset = (): Effect.Effect<void> => {
    const millis = Math.ceil(due - now())
    // Never at once: who sets the alarm is in the middle of something.
    return Effect.flatMap(millis > 0 ? Effect.sleep(millis) : Effect.yieldNow, rung)
  }

  const rung = (): Effect.Effect<void> => {
    due = Infinity
    isRinging = true
    try {
      ring()
    } catch (defect) {
      return Effect.andThen(Effect.logError("a timer's work failed", Cause.die(defect)), Effect.suspend(goOn))
    } finally {
      isRinging = false
    }
    return goOn()
  }

  const goOn = (): Effect.Effect<void> => {
    if (due !== Infinity) return untilUnset()
    sleeper = undefined
    return Effect.void
  }

  return {
    set: (at) => {
      if (closed || at >= due) return
      due = at
      if (isRinging) return
      sleeper?.interruptUnsafe()
      sleeper = runFork(untilUnset())
    }
  }
})
