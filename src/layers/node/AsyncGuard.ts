/**
 * Watches a simulation for what would come back by the real event loop: promises, timers and whatever else Node does later.
 */
import { createHook } from "node:async_hooks"
import type { Guard } from "../simulation/World.ts"

/**
 * Kinds of asynchronous resource that say nothing: what Effect makes each time a fiber parks, and what `node:crypto` makes also for a
 * synchronous call (a signature, a digest). A call with a callback looks no different, and so is not seen; one that
 * gives a promise is.
 */
const isHarmless = (kind: string): boolean => kind === "effect/Fiber" || /^[A-Z0-9]+REQUEST$/.test(kind)

/**
 * Makes a guard. Under it every promise (also one that only an `await` makes), timer, immediate, microtask, `process.nextTick`
 * and operation on a socket, file or name is reported, where it is made.
 */
export const make = (): Guard => ({
  watch: (report) => {
    const hook = createHook({
      init: (_id, kind) => {
        if (!isHarmless(kind)) report(`An asynchronous resource of Node (${kind}) was made`)
      }
    })
    hook.enable()
    return () => {
      hook.disable()
    }
  }
})
