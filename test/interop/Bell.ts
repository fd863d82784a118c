/** Waiting for something to be so, without sleeping: whoever changes something rings, and then it is looked at again. */
import { Duration, Effect } from "effect"

/** A bell of one test. */
export interface Bell {
  /** Says that something has changed. */
  readonly ring: () => void
  /** Completes when it is so; dies with `what` if it is not within ten seconds. */
  readonly until: (what: string, isSo: () => boolean) => Effect.Effect<void>
}

/** Longer than anything here takes: a test that waits for what never comes says so instead of running out of time. */
const PATIENCE = Duration.seconds(10)

export const makeBell = (): Bell => {
  const waiting = new Set<() => void>()
  return {
    ring: () => {
      for (const look of waiting) look()
    },
    until: (what, isSo) =>
      Effect.callback<void>((resume) => {
        const look = (): void => {
          if (!isSo()) return
          waiting.delete(look)
          resume(Effect.void)
        }
        waiting.add(look)
        look()
        return Effect.sync(() => waiting.delete(look))
      }).pipe(
        Effect.timeoutOrElse({ duration: PATIENCE, orElse: () => Effect.die(new Error(`waited in vain: ${what}`)) })
      )
  }
}
