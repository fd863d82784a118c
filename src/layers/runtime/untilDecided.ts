/**
 * Waits for an answer of the list of who is here that depends on what becomes of somebody else.
 */
import { Effect } from "effect"

/**
 * Asks, and asks again each time that `again` is called, until the answer is not `undecided`. What the answer marks is marked in the
 * turn in which it is given, even if the fiber that asked hears of it later.
 */
export const untilDecided = <Answer extends string>(
  ask: (again: () => void) => Answer
): Effect.Effect<Exclude<Answer, "undecided">> =>
  Effect.callback((resume) => {
    let isWaiting = true
    const look = (): void => {
      if (!isWaiting) return
      const answer = ask(look)
      if (isDecided(answer)) {
        isWaiting = false
        resume(Effect.succeed(answer))
      }
    }
    look()
    return Effect.sync(() => {
      isWaiting = false
    })
  })

const isDecided = <Answer extends string>(answer: Answer): answer is Exclude<Answer, "undecided"> =>
  answer !== "undecided"
