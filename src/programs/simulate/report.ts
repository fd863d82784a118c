/**
 * What `overlay simulate` tells: a document for scripts, lines for people, a bar while it lasts.
 */
import type { Simulation, SimulationResult, TraceLine, Violation } from "../../testing/stellar/Simulation.ts"
import { escaped } from "../escaped.ts"
import type { Finished } from "./Experiment.ts"

const MICROS_PER_SECOND = 1_000_000
const MICRO_DIGITS = 6
/** Violations that are told to a person; the rest are in the JSON. */
const TOLD_VIOLATIONS = 10
const BAR_CELLS = 30
const PERCENT = 100

/** A violation as scripts read it. */
export interface ViolationDocument {
  readonly property: string
  readonly seconds: number
  /** `null`: of the network as a whole. */
  readonly node: number | null
  readonly detail: string
}

/** Turns a violation into what is printed. */
export const violationDocument = ({ atMicros, detail, node, property }: Violation): ViolationDocument => ({
  property,
  seconds: atMicros / MICROS_PER_SECOND,
  node: node ?? null,
  detail
})

/** The document of a run. Scripts rely on the first seven keys. */
export const documentOf = ({ cpuSeconds, result }: Finished, nodes: number) => {
  const quantiles = ({ p50, p99 }: SimulationResult["latencyMillis"]["scp"]) => ({ p50: p50 ?? null, p99: p99 ?? null })
  return {
    seed: result.seed,
    planHash: result.planHash,
    traceHash: result.traceHash,
    deliveries: result.deliveries,
    violations: result.violations.map(violationDocument),
    simulatedSeconds: result.simulatedSeconds,
    cpuSeconds,
    nodes,
    originated: result.originated,
    duplicates: result.duplicates,
    latencyMillis: { scp: quantiles(result.latencyMillis.scp), tx: quantiles(result.latencyMillis.tx) },
    bytesPerNode: result.bytesPerNode
  }
}

/** A violation in one line. What strangers said in it is made harmless. */
export const violationText = ({ detail, node, property, seconds }: ViolationDocument): string =>
  `${seconds.toFixed(MICRO_DIGITS)} s, ${node === null ? "the network" : `node ${node}`}: ${property} (${
    escaped(detail)
  })`

const millis = (value: number | undefined): string => value === undefined ? "-" : `${value} ms`

/** What came of a run, for a person. */
export const summaryLines = (
  { cpuSeconds, result }: Finished,
  nodes: number,
  faults: number
): ReadonlyArray<string> => {
  const { latencyMillis: { scp, tx }, violations } = result
  return [
    `seed ${result.seed}: ${nodes} nodes, ${result.simulatedSeconds} s, ${faults} faults; ${
      cpuSeconds.toFixed(2)
    } s of CPU`,
    `plan ${result.planHash}`,
    `trace ${result.traceHash}`,
    `said ${result.originated}, delivered ${result.deliveries}, again ${result.duplicates}; ` +
    `${result.bytesPerNode} bytes sent per node`,
    `statements   p50 ${millis(scp.p50)}, p99 ${millis(scp.p99)}`,
    `transactions p50 ${millis(tx.p50)}, p99 ${millis(tx.p99)}`,
    `violations ${violations.length}`,
    ...violations.slice(0, TOLD_VIOLATIONS).map((violation) => `  ${violationText(violationDocument(violation))}`),
    ...(violations.length > TOLD_VIOLATIONS ? [`  and ${violations.length - TOLD_VIOLATIONS} more`] : [])
  ]
}

/** A bar that fills, with what is said of it behind. */
export const bar = (done: number, all: number, text: string): string => {
  const share = all === 0 ? 1 : Math.min(1, done / all)
  const full = Math.floor(share * BAR_CELLS)
  return `[${"=".repeat(full)}${" ".repeat(BAR_CELLS - full)}] ${Math.floor(share * PERCENT)} %  ${text}`
}

/** The bar of a run. */
export const runBar = ({ ledger, violations, world }: Simulation, seconds: number): string => {
  const now = world.nowMicros() / MICROS_PER_SECOND
  return bar(
    now,
    seconds,
    `${now.toFixed(1)} of ${seconds} s, ${ledger.deliveries} deliveries, ${violations.length} violations`
  )
}

const SECONDS_WIDTH = 12
const NODE_WIDTH = 10
const WHAT_WIDTH = 11

/** An event in one line: when, where, what. */
export const traceText = ({ atMicros, detail, node, what }: TraceLine): string =>
  `${(atMicros / MICROS_PER_SECOND).toFixed(MICRO_DIGITS).padStart(SECONDS_WIDTH)}  ` +
  `${(node === undefined ? "network" : `node ${node}`).padEnd(NODE_WIDTH)}${what.padEnd(WHAT_WIDTH)} ${escaped(detail)}`
