/**
 * When the machine did not let this process run: other programs wanted its processors.
 */
import { Effect, type Scope } from "effect"

/** A time in which the process wanted to run and could not, in microseconds. */
interface Stolen {
  readonly fromMicros: number
  readonly toMicros: number
  readonly micros: number
}

/** How often we look. */
const LOOK_MILLIS = 5
const MICROS_PER_MILLI = 1000

/** Tells how much of a time was stolen, in microseconds. */
export type StolenOf = (fromMicros: number, toMicros: number) => number

/** Watches until the Scope closes. What the process itself computes meanwhile is not stolen: it is what is measured. */
export const watch = (nowMicros: () => number): Effect.Effect<StolenOf, never, Scope.Scope> =>
  Effect.gen(function*() {
    const all: Array<Stolen> = []
    let lastMicros = nowMicros()
    let lastUsage = process.cpuUsage()
    const look = (): void => {
      const now = nowMicros()
      const used = process.cpuUsage(lastUsage)
      const micros = now - lastMicros - LOOK_MILLIS * MICROS_PER_MILLI - used.user - used.system
      // A timer counts whole milliseconds.
      if (micros > MICROS_PER_MILLI) all.push({ fromMicros: lastMicros, toMicros: now, micros })
      lastMicros = now
      lastUsage = process.cpuUsage()
    }
    yield* Effect.acquireRelease(
      Effect.sync(() => setInterval(look, LOOK_MILLIS)),
      (timer) => Effect.sync(() => clearInterval(timer))
    )
    return (from, to) =>
      all.reduce((sum, stolen) => stolen.fromMicros < to && stolen.toMicros > from ? sum + stolen.micros : sum, 0)
  })
