/**
 * How the process of a soak is: what it holds in memory behind a collection, and what it has open.
 */
import { Effect } from "effect"
import { readdirSync } from "node:fs"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

/** Looks in one muster. Of bytes the least counts, of what is open the median: what just comes or goes is in few of them, a leak in all. */
const LOOKS = 5
const BETWEEN_LOOKS_MILLIS = 150
/** Between the two collections of a look: what fell due while the process stood still wakes, and goes to sleep again. */
const TURNS = 5
const NANOS_PER_MILLI = 1e6
/** How fine stalls of the event loop are measured. */
const RESOLUTION_MILLIS = 10

/** What the process holds and has open at one time. */
export interface Vitals {
  /** Objects on the heap, behind a full collection. */
  readonly heapBytes: number
  /** Of those, what compiled code takes. The machine throws it away and compiles anew when it likes: for people, no rule. */
  readonly codeBytes: number
  /** Buffers outside of it, likewise. */
  readonly externalBytes: number
  /** What the machine has given to the process: for people, no rule. */
  readonly residentBytes: number
  /** Open file descriptors; `null` where the machine does not tell. */
  readonly descriptors: number | null
  /** What keeps the process awake, by kind: sockets, servers, timers. */
  readonly resources: Readonly<Record<string, number>>
}

/** The next turn of the event loop. */
const turn: Effect.Effect<void> = Effect.callback((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** A program cannot collect unless it was started for it, or asks for it like this. */
const collector = Effect.sync((): () => void => {
  setFlagsFromString("--expose-gc")
  return runInNewContext("gc")
})

const countByName = (names: ReadonlyArray<string>): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

/** In the spaces for machine code, and for what belongs to it. */
const compiledBytes = (): number =>
  getHeapSpaceStatistics()
    .filter(({ space_name }) => space_name.startsWith("code_") || space_name.startsWith("trusted_"))
    .reduce((sum, { space_used_size }) => sum + space_used_size, 0)

const look = Effect.fnUntraced(function*(collect: () => void) {
  // What a first collection finds unreachable may let go of more in the turn behind it.
  yield* Effect.sync(collect)
  for (let i = 0; i < TURNS; i++) yield* turn
  return yield* Effect.sync((): Vitals => {
    collect()
    const { external, heapUsed, rss } = process.memoryUsage()
    return {
      heapBytes: heapUsed,
      codeBytes: compiledBytes(),
      externalBytes: external,
      residentBytes: rss,
      descriptors: process.platform === "linux" ? readdirSync("/proc/self/fd").length : null,
      // The turn that this was measured in.
      resources: countByName(process.getActiveResourcesInfo().filter((name) => name !== "Immediate"))
    }
  })
})

/** The middle one of an odd number of figures. */
const median = (figures: ReadonlyArray<number>): number =>
  [...figures].sort((one, other) => one - other)[(figures.length - 1) / 2] ?? 0

const summed = (looks: ReadonlyArray<Vitals>): Vitals => {
  const least = (of: (vitals: Vitals) => number): number => Math.min(...looks.map(of))
  const descriptors = looks.flatMap((vitals) => vitals.descriptors ?? [])
  const kinds = [...new Set(looks.flatMap(({ resources }) => Object.keys(resources)))].sort()
  return {
    heapBytes: least(({ heapBytes }) => heapBytes),
    codeBytes: least(({ codeBytes }) => codeBytes),
    externalBytes: least(({ externalBytes }) => externalBytes),
    residentBytes: least(({ residentBytes }) => residentBytes),
    descriptors: descriptors.length === 0 ? null : median(descriptors),
    resources: Object.fromEntries(
      kinds
        .map((kind) => [kind, median(looks.map(({ resources }) => resources[kind] ?? 0))] as const)
        .filter(([, count]) => count !== 0)
    )
  }
}

/** Looks a few times, and gives what is common to the looks. */
export const takeVitals: Effect.Effect<Vitals> = Effect.gen(function*() {
  const collect = yield* collector
  const looks: Array<Vitals> = []
  for (let i = 0; i < LOOKS; i++) {
    looks.push(yield* look(collect))
    yield* Effect.sleep(BETWEEN_LOOKS_MILLIS)
  }
  return summed(looks)
})

/** Has the process open its own streams, which it does when they are first used: that is no leak. */
export const openStreams: Effect.Effect<boolean> = Effect.sync(() => process.stdout.writable && process.stderr.writable)

/** Stalls that are remembered: those of some ten seconds, were there nothing else. */
const STALLS = 256
/** What is shorter is how programs run. */
const SHORTEST_STALL_MILLIS = 20

/** When the process was held up: by its own work, or because others had the processor. Times do not go back. */
export class StallLog {
  readonly #stalls: Array<{ readonly fromMillis: number; readonly toMillis: number }> = []

  /** Something that was due at one time ran at the other. */
  note(dueMillis: number, ranMillis: number): void {
    if (ranMillis - dueMillis < SHORTEST_STALL_MILLIS) return
    if (this.#stalls.length === STALLS) this.#stalls.shift()
    this.#stalls.push({ fromMillis: dueMillis, toMillis: ranMillis })
  }

  /** How much of the time between these two it was held up. */
  within(fromMillis: number, toMillis: number): number {
    return this.#stalls.reduce(
      (sum, stall) => sum + Math.max(0, Math.min(toMillis, stall.toMillis) - Math.max(fromMillis, stall.fromMillis)),
      0
    )
  }
}

/** How long the event loop was held up, in milliseconds: by this program, or by others that had the processor. */
export interface Stalls {
  readonly p50: number
  readonly p99: number
  readonly longest: number
}

/** Measures until the Scope closes; gives how it stands. */
export const watchStalls = Effect.gen(function*() {
  const delay = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MILLIS })
      histogram.enable()
      return histogram
    }),
    (histogram) => Effect.sync(() => histogram.disable())
  )
  const millis = (nanos: number): number => Math.round(nanos / NANOS_PER_MILLI)
  return (): Stalls => ({
    p50: millis(delay.percentile(50)),
    p99: millis(delay.percentile(99)),
    longest: millis(delay.max)
  })
})
