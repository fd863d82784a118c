/**
 * What a soak tells: the document of a demo with the findings beside it, a table for people, and why it failed.
 */
import { Effect } from "effect"
import type { DemoNode } from "./network.ts"
import { type Report, reportOf, summaryLines } from "./report.ts"
import { BOUND_MILLIS, type Due, type NamedLoss, type SoakTally } from "./SoakTally.ts"
import {
  type Comparison,
  deliveriesHold,
  type HandlesVerdict,
  handlesVerdict,
  type HeapVerdict,
  heapVerdict,
  type Muster
} from "./soakVerdict.ts"
import type { Stalls } from "./soakVitals.ts"
import type { Topology } from "./topology.ts"

const MINUTE_MILLIS = 60_000
const MEBIBYTE = 1024 * 1024

/** What was done to the nodes. */
export interface Outages {
  readonly stops: number
  readonly kills: number
  /** The longest that a stop took, in milliseconds. */
  readonly longestStopMillis: number
}

/** What was found; it holds what it promises if every `holds` that is not `null` is true. */
interface SoakFindings {
  readonly minutes: number
  readonly seed: number
  readonly outages: Outages
  readonly deliveries: Due & {
    readonly holds: boolean
    readonly withinMillis: number
    /** Of those that were lost, how many came later. */
    readonly late: number
    /** And in whose time the process was held up for more than half of it. */
    readonly whileStalled: number
    /** By the wider rule: see `SoakTally`. */
    readonly throughout: Due
    readonly losses: ReadonlyArray<NamedLoss>
  }
  readonly heap: HeapVerdict
  readonly handles: HandlesVerdict
  /** How long the event loop was held up, in milliseconds. */
  readonly eventLoopDelayMillis: Stalls
  readonly musters: ReadonlyArray<Muster>
}

/** The document of a soak. */
export type SoakReport = Report & { readonly soak: SoakFindings }

/** What a report is made from. */
export interface SoakState {
  readonly nodes: ReadonlyArray<DemoNode>
  readonly shape: { readonly topology: Topology; readonly links: number }
  readonly tally: SoakTally
  readonly millis: number
  readonly seed: number
  readonly outages: Outages
  /** The first is from before the first outage. */
  readonly musters: readonly [Muster, ...Array<Muster>]
  readonly stalls: Stalls
}

/** The numbers at the end. */
export const soakReportOf = (state: SoakState): Effect.Effect<SoakReport> =>
  Effect.map(reportOf(state.nodes, state.tally, state.shape), (report) => {
    const { millis, musters, outages, seed, stalls, tally } = state
    const { delivered, expected, lost } = report
    return {
      ...report,
      soak: {
        minutes: millis / MINUTE_MILLIS,
        seed,
        outages,
        deliveries: {
          holds: deliveriesHold(report),
          withinMillis: BOUND_MILLIS,
          expected,
          delivered,
          lost,
          late: tally.late,
          whileStalled: tally.whileStalled,
          throughout: tally.throughout,
          losses: tally.namedLosses
        },
        heap: heapVerdict(musters, millis),
        handles: handlesVerdict(musters),
        eventLoopDelayMillis: stalls,
        musters
      }
    }
  })

/** One line of how it goes. */
export const soakProgress = (
  tally: SoakTally,
  atMillis: number,
  { up, outages, last }: { readonly up: number; readonly outages: Outages; readonly last: Muster | undefined }
): string => {
  const [scp, tx] = [tally.count("scp"), tally.count("tx")]
  return `${(atMillis / MINUTE_MILLIS).toFixed(1)} min: ${up} up, ${outages.stops} stops, ${outages.kills} kills; ` +
    `said ${scp.originated + tx.originated}, in time ${scp.delivered + tx.delivered} of ${scp.expected + tx.expected}` +
    (last === undefined ? "" : `; heap ${mebibytes(last.heapBytes)}, ${last.descriptors ?? "-"} descriptors`)
}

const mebibytes = (bytes: number): string => `${(bytes / MEBIBYTE).toFixed(1)} MiB`

const sign = (holds: boolean | null): string => holds === null ? "not judged" : holds ? "holds" : "FAILED"

const comparison = ({ change, earlyBytes, lateBytes }: Comparison): string =>
  `${mebibytes(earlyBytes)} in minutes 5 to 10, ${mebibytes(lateBytes)} in the last 5: ` +
  `${change < 0 ? "" : "+"}${(100 * change).toFixed(1)} %`

const heapRows = (heap: HeapVerdict): ReadonlyArray<readonly [string, string, string]> =>
  heap.holds === null
    ? [["heap", sign(null), heap.why]]
    : [
      ["heap", sign(heap.holds), comparison(heap.heap)],
      ["  with buffers", "", comparison(heap.withBuffers)],
      ["  compiled code", "", comparison(heap.code)]
    ]

const opened = ({ descriptors, missingLinks, resources }: HandlesVerdict["first"]): string =>
  [
    descriptors === null ? "" : `${descriptors} descriptors`,
    ...Object.entries(resources).map(([kind, count]) => `${count} ${kind}`),
    missingLinks === 0 ? "" : `${missingLinks} links missing`
  ].filter((part) => part !== "").join(", ")

/** What came out of it. */
export const soakSummary = (report: SoakReport): ReadonlyArray<string> => {
  const { deliveries, eventLoopDelayMillis, handles, heap, minutes, outages, seed } = report.soak
  const { expected, late, lost, throughout, whileStalled, withinMillis } = deliveries
  const seconds = withinMillis / 1000
  const rows: ReadonlyArray<readonly [string, string, string]> = [
    [
      "deliveries",
      sign(deliveries.holds),
      `${expected} expected within ${seconds} s, ${lost} lost; of those ${late} came later, ${whileStalled} while the process stood still`
    ],
    ["  any way", "", `${throughout.expected} joined at every instant, ${throughout.lost} of those did not get it`],
    ...heapRows(heap),
    ["handles", sign(handles.holds), `first ${opened(handles.first)}`],
    ["", "", `last  ${opened(handles.last)}`],
    [
      "event loop",
      "",
      `held up for ${eventLoopDelayMillis.p50} ms (p50), ${eventLoopDelayMillis.p99} ms (p99), ` +
      `${eventLoopDelayMillis.longest} ms (longest)`
    ]
  ]
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]!.length)))
  return [
    `${minutes} minutes, seed ${seed}: ${outages.stops} stops, ${outages.kills} kills, ` +
    `the longest stop took ${Math.round(outages.longestStopMillis)} ms`,
    ...summaryLines(report),
    ...rows.map(([name, holds, text]) => `${name.padEnd(widths[0]!)}  ${holds.padEnd(widths[1]!)}  ${text}`)
  ]
}

/** What does not hold, for the one who has to look into it; `undefined` if all does. */
export const soakFailure = ({ soak: { deliveries, handles, heap } }: SoakReport): string | undefined => {
  const broken = [
    deliveries.holds ? "" : `${deliveries.lost} of ${deliveries.expected} deliveries were not there in time`,
    heap.holds === false ? "memory has changed by more than it may" : "",
    handles.holds ? "" : "what is open at the end is not what was open in the beginning"
  ].filter((part) => part !== "")
  if (broken.length === 0) return undefined
  return `The soak does not hold: ${broken.join("; ")}.`
}
