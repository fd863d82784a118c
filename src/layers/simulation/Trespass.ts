/**
 * The ways out of the virtual world, closed while it runs: timers and promises of the real event loop, and fibers of Effect's own scheduler.
 *
 * One such step and a run is no longer what its seed says, without any error. So it is one.
 */
import { Context } from "effect"
import { Scheduler } from "effect/Scheduler"

/** Something inside the World asked the world outside for something to happen later. A defect: thrown, and final. */
export class Trespass extends Error {
  override readonly name = "Trespass"

  /** `what` begins the sentence: who came from outside, or what was called or made. */
  constructor(what: string) {
    super(`${what} inside the World, which has its own time and scheduler: a run would not be what its seed says`)
  }
}

/** Takes a trespass where it happens, so that the stack of what it makes shows who it was. */
export type Report = (what: string) => Trespass

/**
 * The functions that do something later, on any machine. What waits for a promise calls the last, unless it is an `await`: that
 * and a promise for which nobody waits only a `Guard` sees.
 */
const LATER: ReadonlyArray<readonly [owner: object, name: string]> = [
  [globalThis, "setTimeout"],
  [globalThis, "setInterval"],
  [globalThis, "setImmediate"],
  [globalThis, "queueMicrotask"],
  [Promise.prototype, "then"]
]

/** The scheduler of every fiber that was started without a context: one object for all of the process. */
const DEFAULT_SCHEDULER = Context.get(Context.empty(), Scheduler)

let isClosed = false

/** Whether some World of this process runs. */
export const isWorldRunning = (): boolean => isClosed

/**
 * Closes the ways out until the function that it returns is called. They are the process's, so only one World can run at a
 * time: throws if one does.
 *
 * A function throws, and also reports, for Effect and others catch what it throws. A fiber of the default scheduler
 * is only reported: the check is in its run loop, and a throw there would be caught and met again for ever.
 */
export const closeWaysOut = (report: Report): () => void => {
  if (isClosed) throw new Error("a World runs already, and it is not left until it stands still")
  const originals = LATER.map(([owner, name]) => Reflect.get(owner, name))
  const refuse = (name: string) => (): never => {
    throw report(`${name} was called`)
  }
  const refuseFiber = (): false => {
    report("A fiber of Effect's default scheduler ran")
    return false
  }

  isClosed = true
  for (const [owner, name] of LATER) Reflect.set(owner, name, refuse(name))
  // Asked before each step of each fiber: what never sleeps or yields is found too.
  Reflect.set(DEFAULT_SCHEDULER, "shouldYield", refuseFiber)
  return () => {
    isClosed = false
    LATER.forEach(([owner, name], i) => Reflect.set(owner, name, originals[i]))
    Reflect.deleteProperty(DEFAULT_SCHEDULER, "shouldYield")
  }
}
