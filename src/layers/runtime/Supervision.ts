/**
 * The life of a session around its body: it ends in exactly one reason, says its last words, and closes.
 *
 * Whoever wants a session gone sets the reason and interrupts its fiber; nobody else closes a socket. The Scope around the
 * session destroys the link when this is through.
 */
import { Cause, Effect, Exit } from "effect"
import { bug, connectFailed, type DropReason, linkLost } from "../../core/DropReason.ts"
import type { DialError, Link, LinkError } from "../../services/Transport.ts"

/** A link that ended, as the reason for which its session ends. */
export const lostLink = (error: LinkError): DropReason => linkLost(error.reason, error.message)

/** A dial that gave no link, as the reason for which there is no session. */
export const noLink = (error: DialError): DropReason => connectFailed(error.reason, error.message)

/** What the supervision of one session needs to know. */
export interface Supervised {
  readonly link: Link
  /** The session: never ends well. */
  readonly body: Effect.Effect<never, DropReason>
  /** The reason that somebody set before interrupting; asked only if the fiber was interrupted. */
  readonly interruptedFor: () => DropReason
  /** Told once, before the last words: the session is out of every list from here on. */
  readonly ended: (reason: DropReason) => void
  /** What is to be put in order behind it, on a disk that may be slow: runs beside the last words, and has no longer than they. */
  readonly tidyUp: Effect.Effect<void>
  readonly lastWords: (reason: DropReason) => Uint8Array | undefined
  /** Completes when the last words and the close have taken as long as they may. */
  readonly closeDeadline: Effect.Effect<void>
}

/** The reason that is in an exit; where there is none the fiber was interrupted, and `interruptedFor` says why. */
export const reasonOf = (exit: Exit.Exit<unknown, DropReason>, interruptedFor: () => DropReason): DropReason => {
  const cause = Exit.isFailure(exit) ? exit.cause : Cause.empty
  for (const reason of cause.reasons) {
    if (Cause.isFailReason(reason)) return reason.error
    if (Cause.isDieReason(reason)) return bugOf(reason.defect)
  }
  return interruptedFor()
}

/** A defect, as the reason for which its session ends. */
export const bugOf = (defect: unknown): DropReason =>
  bug(defect instanceof Error ? (defect.stack ?? defect.message) : String(defect))

/** Says what there is to say, half-closes, and reads on until the other side has closed too, or time is up. */
const close = (link: Link, words: Uint8Array | undefined): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (words === undefined) return link.end
    link.send(words)
    // Without reading on, the machine answers what is still on its way with a reset, which may eat the last words.
    return Effect.andThen(link.end, Effect.ignore(link.read(() => true)))
  })

/** Runs a session to its end. Never fails; completes when the link may be destroyed. */
export const supervise = (session: Supervised): Effect.Effect<DropReason> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(restore(session.body))
      const reason = reasonOf(exit, session.interruptedFor)
      session.ended(reason)
      const closing = close(session.link, session.lastWords(reason))
      yield* Effect.raceFirst(
        Effect.all([closing, session.tidyUp], { concurrency: "unbounded", discard: true }),
        session.closeDeadline
      )
      return reason
    })
  )
