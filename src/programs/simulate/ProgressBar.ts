/**
 * A line on stderr that renews itself, where stderr is a terminal; elsewhere nothing.
 */
import { Effect, type Scope } from "effect"

/** Often enough to look alive, seldom enough to cost nothing. */
const REDRAW_MILLIS = 100
/** Of a terminal that does not know its width. */
const USUAL_COLUMNS = 80
const CLEAR_LINE = "\r\x1b[K"

/** Shows a text instead of the one before. It is made only when it is shown. */
export type Show = (text: () => string) => void

/** Makes a line that is gone when the scope ends, so that what is printed then begins at the margin. */
export const make: Effect.Effect<{ readonly show: Show; readonly clear: Effect.Effect<void> }, never, Scope.Scope> =
  Effect
    .gen(function*() {
      const isTerminal = process.stderr.isTTY && process.env["TERM"] !== "dumb"
      if (!isTerminal) return { show: () => {}, clear: Effect.void }
      let lastMillis = -Infinity
      const clear = Effect.sync(() => {
        process.stderr.write(CLEAR_LINE)
      })
      yield* Effect.addFinalizer(() => clear)
      return {
        show: (text: () => string) => {
          const now = performance.now()
          if (now - lastMillis < REDRAW_MILLIS) return
          lastMillis = now
          // A line that is too long would wrap, and not be cleared as a whole.
          process.stderr.write(`${CLEAR_LINE}${text().slice(0, (process.stderr.columns || USUAL_COLUMNS) - 1)}`)
        },
        clear
      }
    })
