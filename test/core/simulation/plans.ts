/** Plans for tests: one of each kind of fault, and what holds at a time. */
import { type Fault, type FaultPlan, isLasting, PLAN_VERSION } from "../../../src/core/simulation/FaultPlan.ts"

const span = { fromMillis: 1000, toMillis: 9000 }

/** One fault of each kind, for a run of ten nodes. */
export const ONE_OF_EACH: ReadonlyArray<Fault> = [
  { kind: "crash", node: 0, ...span },
  { kind: "stop", node: 1, ...span },
  { kind: "hostile", node: 2, actor: "flooder", options: { perSecond: 100, polite: true, name: "x" }, ...span },
  { kind: "cut", source: 3, target: 4, ...span },
  { kind: "partition", groups: [[0, 1], [2]], ...span },
  { kind: "clog", where: { host: 5 }, latencyMillis: 250, ...span },
  { kind: "flap", source: 5, target: 6, downMillis: 300, upMillis: 700, ...span },
  { kind: "loss", where: { source: 6, target: 7 }, lostPerMille: 30, ...span },
  { kind: "squeeze", where: { host: 8 }, bytesPerSecond: 4096, ...span },
  { kind: "reset", source: 8, target: 9, atMillis: 4321 },
  { kind: "vanish", host: 9, ...span },
  { kind: "slowDisk", node: 3, delayMillis: 40, ...span },
  { kind: "fullDisk", node: 4, ...span },
  { kind: "failingDisk", node: 5, failedPerMille: 500, ...span },
  { kind: "lost", node: 6, ...span },
  { kind: "ban", source: 6, target: 7, ...span },
  { kind: "survey", node: 7, ...span },
  { kind: "upgrade", moreBytes: 4096, atMillis: 4321 }
]

/** A plan of these faults for a run of ten nodes and thirty seconds. */
export const planOf = (...faults: ReadonlyArray<Fault>): FaultPlan => ({
  version: PLAN_VERSION,
  nodes: 10,
  durationMillis: 30_000,
  faults
})

/** The first time from 0 on, before `untilMillis`, at which no fault of these holds; `undefined` if there is none. */
export const firstGap = (faults: ReadonlyArray<Fault>, untilMillis: number): number | undefined => {
  let covered = 0
  const lasting = faults.filter(isLasting).sort((one, other) => one.fromMillis - other.fromMillis)
  for (const { fromMillis, toMillis } of lasting) {
    if (fromMillis > covered) break
    covered = Math.max(covered, toMillis)
  }
  return covered < untilMillis ? covered : undefined
}
