/**
 * The fibers of a listener: one for each link that came in, none of them longer than the listener's Scope.
 */
import type { Scope } from "effect"
import { Cause, Effect, FiberSet } from "effect"
import type { Link } from "../../services/Transport.ts"

/** Runs the handler for a link in a fiber of its own, from the next turn on, and closes the link when that fiber ends. */
export type Accept = (link: Link, close: Effect.Effect<void>) => void

/**
 * Makes the function that a listener calls for each link.
 *
 * Links come in by callbacks, outside every fiber: what they run gets the Clock, Scheduler and the rest of the context
 * that is here now. Closing the Scope interrupts the fibers and waits for them; nothing may be accepted after that.
 */
export const make = (
  onLink: (link: Link) => Effect.Effect<void, never, Scope.Scope>
): Effect.Effect<Accept, never, Scope.Scope> =>
  Effect.map(
    FiberSet.makeRuntime<never, void, never>(),
    (run): Accept => (link, close) => {
      run(Effect.yieldNow.pipe(
        // A fiber runs before it is in the set. Had it begun already, it could wake somebody who closes the listener, and
        // nobody would wait for it.
        Effect.andThen(Effect.scoped(Effect.suspend(() => onLink(link)))),
        Effect.ensuring(close),
        Effect.tapCause(tellDefect)
      ))
    }
  )

/** Nobody waits for these fibers, so a defect in one is told in the log. It ends that link only. */
const tellDefect = (cause: Cause.Cause<never>) =>
  Cause.hasInterruptsOnly(cause) ? Effect.void : Effect.logError("the fiber of an accepted link died", cause)
