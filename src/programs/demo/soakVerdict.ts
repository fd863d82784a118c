/**
 * Whether a soak holds what it promises: all arrives in time, memory stays where it was, nothing is left open.
 */
import type { Due } from "./SoakTally.ts"
import type { Vitals } from "./soakVitals.ts"

const MINUTE_MILLIS = 60_000
/** The heap is measured against that of these minutes: what fills up in the beginning is full then. */
const EARLY = { fromMillis: 5 * MINUTE_MILLIS, toMillis: 10 * MINUTE_MILLIS } as const
/** And this is the end. */
const LATE_MILLIS = 5 * MINUTE_MILLIS
/** From this length on the two do not overlap. */
const HEAP_RULE_FROM_MILLIS = EARLY.toMillis + LATE_MILLIS
/** By so much the heap of the end may differ from the early one. */
const HEAP_SHARE = 0.05

/** What was found when all nodes were up and nothing was said. */
export interface Muster extends Vitals {
  /** Since the beginning of the soak. */
  readonly atMillis: number
  /** Sessions that should have been there and were not. */
  readonly missingLinks: number
}

/** Bytes of the early minutes and of the last ones, each the median of their musters. */
export interface Comparison {
  readonly earlyBytes: number
  readonly lateBytes: number
  /** Late to early, less one. */
  readonly change: number
}

/** What became of the rule about memory; `holds` is `null` where it does not apply. */
export type HeapVerdict =
  | { readonly holds: null; readonly why: string }
  | {
    readonly holds: boolean
    readonly heap: Comparison
    /** Heap and external buffers together. */
    readonly withBuffers: Comparison
    /** What compiled code takes of the heap, to tell a leak from V8 at work; not judged. */
    readonly code: Comparison
  }

/** What became of the rule about handles. */
export interface HandlesVerdict {
  readonly holds: boolean
  readonly first: Handles
  readonly last: Handles
  /** Musters at which something else was open than at the first. */
  readonly differing: number
}

/** What was open at one muster. */
type Handles = Pick<Muster, "descriptors" | "resources" | "missingLinks">

const median = (values: ReadonlyArray<number>): number => {
  const sorted = [...values].sort((one, other) => one - other)
  const middle = (sorted.length - 1) / 2
  return Math.round(((sorted[Math.floor(middle)] ?? NaN) + (sorted[Math.ceil(middle)] ?? NaN)) / 2)
}

/** Compares the memory of the last five minutes with that of the minutes five to ten. */
export const heapVerdict = (musters: ReadonlyArray<Muster>, soakMillis: number): HeapVerdict => {
  if (soakMillis < HEAP_RULE_FROM_MILLIS) {
    return {
      holds: null,
      why: `Memory is compared in a soak of at least ${HEAP_RULE_FROM_MILLIS / MINUTE_MILLIS} minutes: ` +
        "its last five with the minutes five to ten."
    }
  }
  const within = (fromMillis: number, toMillis: number) =>
    musters.filter(({ atMillis }) => atMillis > fromMillis && atMillis <= toMillis)
  const early = within(EARLY.fromMillis, EARLY.toMillis)
  const late = within(soakMillis - LATE_MILLIS, Infinity)
  const compare = (bytesOf: (muster: Muster) => number): Comparison => {
    const [earlyBytes, lateBytes] = [median(early.map(bytesOf)), median(late.map(bytesOf))]
    return { earlyBytes, lateBytes, change: lateBytes / earlyBytes - 1 }
  }
  const heap = compare(({ heapBytes }) => heapBytes)
  const withBuffers = compare(({ externalBytes, heapBytes }) => heapBytes + externalBytes)
  const code = compare(({ codeBytes }) => codeBytes)
  return { holds: [heap, withBuffers].every(({ change }) => Math.abs(change) <= HEAP_SHARE), heap, withBuffers, code }
}

const handlesOf = ({ descriptors, missingLinks, resources }: Muster): Handles => ({
  descriptors,
  resources,
  missingLinks
})

/** Whether as much is open at one time as at another, of every kind, and all links are there both times. */
export const areSame = (one: Handles, other: Handles): boolean => {
  const kinds = new Set([...Object.keys(one.resources), ...Object.keys(other.resources)])
  return one.descriptors === other.descriptors
    && one.missingLinks === 0 && other.missingLinks === 0
    && [...kinds].every((kind) => one.resources[kind] === other.resources[kind])
}

/**
 * Compares what is open at the last muster with what was open at the first, before any outage; all links have to be there both times.
 */
export const handlesVerdict = (musters: readonly [Muster, ...Array<Muster>]): HandlesVerdict => {
  const [first, ...later] = musters
  const last = later.at(-1) ?? first
  return {
    holds: areSame(first, last),
    first: handlesOf(first),
    last: handlesOf(last),
    differing: later.filter((muster) => !areSame(first, muster)).length
  }
}

/** Whether everything that was expected was there in time; where nothing was expected nothing is shown. */
export const deliveriesHold = ({ expected, lost }: Due): boolean => expected > 0 && lost === 0
