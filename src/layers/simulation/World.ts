/**
 * The virtual world: one time, one order of everything that happens, all from one seed.
 *
 * Fibers run in it as anywhere, on its Clock and its Scheduler; nothing in it waits for the machine. It runs synchronously, from
 * `advanceTo` or `runUntil` until it returns.
 */
import type { Duration, Fiber } from "effect"
import { Clock, Context, Effect } from "effect"
import * as Durations from "effect/Duration"
import { Scheduler, type SchedulerDispatcher } from "effect/Scheduler"
import { EventHeap } from "../../core/EventHeap.ts"
import { WORLD_EVENTS, WORLD_TASKS_AN_INSTANT, WORLD_WAITING_TASKS } from "../../core/limits.ts"
import { type Prng, stream } from "../../core/Prng.ts"
import { FiberCensus, FiberName, type WaitingFibers } from "./FiberCensus.ts"
import * as SimulatedRandom from "./SimulatedRandom.ts"
import { closeWaysOut, isWorldRunning, type Report, Trespass } from "./Trespass.ts"

/** A due task that can be called off. To be called as a method. */
export interface Timer {
  /** Calls the task off; nothing happens if it has run. */
  readonly cancel: () => void
}

/** Nothing is due any more, and fibers wait. */
export interface Deadlock {
  readonly _tag: "Deadlock"
  /** When the last task ran. */
  readonly atMicros: number
  /** How many fibers wait. */
  readonly fibers: number
  /** Which, as far as is known. */
  readonly waiting: ReadonlyArray<WaitingFibers>
}

/**
 * Sees what the World cannot see itself on every machine: promises, and timers that are not called through `globalThis`.
 *
 * `AsyncGuard` of layers/node is one. It costs at each promise and each park of a fiber, so it is for tests.
 */
export interface Guard {
  /** Reports what is made from now on, where it is made, until the function that it returns is called. */
  readonly watch: (report: (what: string) => void) => () => void
}

/** A virtual world. What throws in a task comes out of the function that ran it. */
export interface World {
  readonly seed: number
  /** Virtual time since the start, in whole microseconds. */
  readonly nowMicros: () => number
  /**
   * Runs `task` after `delayMicros` (a whole number of 0 or more), at equal times in the order of the calls. Throws a
   * RangeError for other delays, and for a time beyond 2^53 - 1.
   */
  readonly after: (delayMicros: number, task: () => void) => Timer
  /** Runs `task` in this instant, behind what is already waiting (the one FIFO of all dispatchers). */
  readonly soon: (task: () => void) => void
  /**
   * Clock and Scheduler of the World: to be provided to everything that runs in it. The Clock begins at `epochMillis` plus
   * `nowMicros`; the Scheduler knows no priorities and never makes a fiber yield. With them a `Random` of the stream
   * "random", so that none draws from the machine: each node should get one of its own.
   */
  readonly context: Context.Context<never>
  /**
   * The stream of this name, from its beginning: (seed, name) alone decide it, so adding a node shifts nobody else's draws.
   * To be asked for once: a second call gives the same numbers again.
   */
  readonly prng: (name: string) => Prng
  /** Starts a fiber in the World, behind what is already waiting: it first runs when the World does. `name` is for reports. */
  readonly fork: <A, E>(effect: Effect.Effect<A, E>, name?: string) => Fiber.Fiber<A, E>
  /** Runs everything that is due up to and including this time, then stands at it. Synchronous. */
  readonly advanceTo: (micros: number) => void
  /**
   * Runs until `done()` (asked when all tasks of an instant have run), the limit, or a deadlock (nothing is due any more while
   * fibers wait). It then stands at that instant; at a limit, there. A network whose nodes have timers never deadlocks so:
   * what they wait for is then in `waiting`. If nothing is due and no fiber waits, time goes on to the limit.
   */
  readonly runUntil: (done: () => boolean, limitMicros: number) => "done" | "limit" | Deadlock
  /** Tasks run since the start: for progress and figures. */
  readonly tasksRun: () => number
  /** The living fibers by what is known of them, the most frequent first. Walks over all of them. */
  readonly waiting: () => ReadonlyArray<WaitingFibers>
}

/** What a World is made of. */
export interface WorldOptions {
  /** A whole number: what all randomness comes from. */
  readonly seed: number
  /** The Unix time, in milliseconds, at which it begins. Default: 2026-01-01T00:00:00Z. */
  readonly epochMillis?: number
  /** Sees promises and hidden timers. Default: none. */
  readonly guard?: Guard
  /** After so many tasks in one instant it throws: they are a loop. Default: `WORLD_TASKS_AN_INSTANT`. */
  readonly maxTasksAnInstant?: number
}

/** 2026-01-01T00:00:00Z: near enough for certificates and ledgers, and the same for ever. */
const DEFAULT_EPOCH_MILLIS = 1_767_225_600_000
const MICROS_PER_MILLI = 1000
const FIRST_WAITING_TASKS = 1024

type Task = () => void

/**
 * Makes a World that stands at 0.
 *
 * It refuses, loudly: `setTimeout`, `setInterval`, `setImmediate`, `queueMicrotask`, `then` of a promise, and fibers of Effect's
 * default scheduler while it runs; tasks given to it while another World runs; and with a guard whatever that sees. The
 * `Trespass` is thrown where that is possible, and in any case by the function that runs the World, behind the task that did it
 * and again at each later try.
 *
 * What wakes fibers belongs to the World in which it was made: a Queue that `Effect.runSync` made outside wakes its takers by
 * a promise, and so not at all. Make it in a fiber of the World.
 */
export const make = (options: WorldOptions): World => {
  const { seed, epochMillis = DEFAULT_EPOCH_MILLIS, guard, maxTasksAnInstant = WORLD_TASKS_AN_INSTANT } = options
  const due = new EventHeap<Task>(WORLD_EVENTS)
  const census = new FiberCensus()
  // A ring whose length is a power of two: the oldest task stands at `first`.
  let waiting = new Array<Task | undefined>(FIRST_WAITING_TASKS).fill(undefined)
  let first = 0
  let waitingCount = 0
  let now = 0
  // The Clock is asked several times a message, and time goes on less often.
  let nowMillis = epochMillis
  let tasksRun = 0
  /** The `tasksRun` that this instant may come to. */
  let tasksAllowed = maxTasksAnInstant
  let isRunning = false
  let trespass: Trespass | undefined

  const nowMicros = (): number => now

  const report: Report = (what) => {
    const found = new Trespass(what)
    trespass ??= found
    return found
  }

  const checkSides = (): void => {
    if (!isRunning && isWorldRunning()) throw report("A task of another World was given out")
  }

  const soon = (task: Task): void => {
    checkSides()
    if (waitingCount === waiting.length) widen()
    waiting[(first + waitingCount++) & (waiting.length - 1)] = task
  }

  const widen = (): void => {
    const length = waiting.length * 2
    if (length > WORLD_WAITING_TASKS) throw new RangeError(`more than ${WORLD_WAITING_TASKS} tasks wait in one instant`)
    const wider = new Array<Task | undefined>(length).fill(undefined)
    for (let i = 0; i < waitingCount; i++) wider[i] = waiting[(first + i) & (waiting.length - 1)]
    waiting = wider
    first = 0
  }

  const after = (delayMicros: number, task: Task): Timer => {
    checkSides()
    const time = now + delayMicros
    if (!(delayMicros >= 0) || !Number.isSafeInteger(time)) {
      throw new RangeError(`a task cannot be due ${delayMicros} microseconds after ${now}`)
    }
    const timer = due.push(time, task)
    if (timer === undefined) throw new RangeError(`more than ${WORLD_EVENTS} tasks are due`)
    return timer
  }

  const run = (task: Task): void => {
    if (tasksRun === tasksAllowed) {
      throw new Error(`more than ${maxTasksAnInstant} tasks at ${now} microseconds: a loop`)
    }
    tasksRun++
    task()
    if (trespass !== undefined) throw trespass
  }

  const goTo = (micros: number): void => {
    now = micros
    nowMillis = epochMillis + Math.floor(micros / MICROS_PER_MILLI)
  }

  const runWaiting = (): void => {
    while (waitingCount > 0) {
      const task = waiting[first]!
      waiting[first] = undefined
      first = (first + 1) & (waiting.length - 1)
      waitingCount--
      run(task)
    }
  }

  /** Runs the first due task and all that then waits, if its time is not beyond the limit. */
  const runNext = (limitMicros: number): boolean => {
    const time = due.nextTime()
    if (time > limitMicros) return false
    if (time > now) {
      goTo(time)
      tasksAllowed = tasksRun + maxTasksAnInstant
    }
    run(due.pop()!)
    runWaiting()
    return true
  }

  /** Runs a part of the World's life with all ways out closed, and opens them again however it ends. */
  const enclosed = <A>(limitMicros: number, live: () => A): A => {
    if (trespass !== undefined) throw trespass
    if (!Number.isSafeInteger(limitMicros) || limitMicros < now) {
      throw new RangeError(`the World stands at ${now} microseconds and cannot go to ${limitMicros}`)
    }
    const open = closeWaysOut(report)
    const stopWatching = guard?.watch(report)
    isRunning = true
    try {
      const result = live()
      // What `done` did comes to light here; what a task did, behind it.
      if (trespass !== undefined) throw trespass
      return result
    } finally {
      isRunning = false
      stopWatching?.()
      open()
    }
  }

  const advanceTo = (micros: number): void =>
    enclosed(micros, () => {
      runWaiting()
      while (runNext(micros)) { /* all that is due */ }
      goTo(micros)
    })

  const runUntil = (done: () => boolean, limitMicros: number): "done" | "limit" | Deadlock =>
    enclosed(limitMicros, () => {
      runWaiting()
      for (;;) {
        while (runNext(now)) { /* all of this instant */ }
        if (done()) return "done"
        const next = due.nextTime()
        if (next === Infinity) {
          const fibers = census.living()
          if (fibers > 0) return { _tag: "Deadlock", atMicros: now, fibers, waiting: census.waiting() }
        }
        if (next > limitMicros) {
          goTo(limitMicros)
          return "limit"
        }
        runNext(next)
      }
    })

  // One for all fibers: they all share the FIFO, so who asks makes no difference.
  const dispatcher: SchedulerDispatcher = {
    scheduleTask: (task) => soon(task),
    flush: () => isRunning ? runWaiting() : enclosed(now, runWaiting)
  }
  const scheduler: Scheduler = {
    executionMode: "sync",
    shouldYield: (fiber) => {
      // The first step of a start or a wake-up.
      if (fiber.currentOpCount === 1) census.note(fiber)
      return false
    },
    makeDispatcher: () => dispatcher
  }

  const context = Context.merge(
    Context.make(Clock.Clock, clockOf({ nowMicros, nowMillis: () => nowMillis, after }, epochMillis)),
    SimulatedRandom.context(stream(seed, "random"))
  ).pipe(Context.add(Scheduler, scheduler))

  const fork = <A, E>(effect: Effect.Effect<A, E>, name?: string): Fiber.Fiber<A, E> => {
    const named = name === undefined ? context : Context.add(context, FiberName, name)
    // It would begin at once, perhaps with the ways out still open.
    return Effect.runForkWith(named)(Effect.andThen(Effect.yieldNow, effect))
  }

  return {
    seed,
    nowMicros,
    after,
    soon,
    context,
    prng: (name) => stream(seed, name),
    fork,
    advanceTo,
    runUntil,
    tasksRun: () => tasksRun,
    waiting: () => census.waiting()
  }
}

/** A Clock that shows the World's time, and whose sleepers are due tasks of it. */
const clockOf = (
  world: Pick<World, "nowMicros" | "after"> & { readonly nowMillis: () => number },
  epochMillis: number
): Clock.Clock => {
  const { nowMillis } = world
  const monotonic = (): bigint => BigInt(world.nowMicros()) * 1000n
  const epochNanos = BigInt(epochMillis) * 1_000_000n
  const nanos = (): bigint => epochNanos + monotonic()
  return {
    currentTimeMillisUnsafe: nowMillis,
    currentTimeMillis: Effect.sync(nowMillis),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: monotonic,
    monotonicTimeNanos: Effect.sync(monotonic),
    sleep: (duration: Duration.Duration) => {
      const sleepMillis = Durations.toMillis(duration)
      if (sleepMillis <= 0) return Effect.yieldNow
      if (!Number.isFinite(sleepMillis)) return Effect.never
      // Up to the next microsecond: who sleeps at all must not wake in the same instant.
      const micros = Math.min(Math.ceil(sleepMillis * MICROS_PER_MILLI), Number.MAX_SAFE_INTEGER - world.nowMicros())
      return Effect.callback<void>((resume) => {
        const timer = world.after(micros, () => resume(Effect.void))
        return Effect.sync(() => timer.cancel())
      })
    }
  }
}
