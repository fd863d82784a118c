/**
 * The part of a trace that a page shows: the lines around the first violation, or else the last ones.
 */
import type { TraceLine } from "../../testing/stellar/Simulation.ts"

/** Lines that are kept: a page of some 3 MB, and more than anybody looks at. */
export const WINDOW_LINES = 20_000
/** Of those, so many from the first violation on: what led to it matters more than what it led to. */
export const AFTERMATH_LINES = 5000

/** Takes in all lines of a run and keeps a window of them. */
export class TraceWindow {
  private readonly ring: Array<TraceLine> = []
  private count = 0
  private left = Infinity

  /** Takes in a line. */
  add(line: TraceLine): void {
    if (this.left === 0) return
    if (this.left === Infinity && line.what === "violation") this.left = AFTERMATH_LINES
    this.left--
    this.ring[this.count++ % WINDOW_LINES] = line
  }

  /** The lines that were kept, in their order. */
  lines(): ReadonlyArray<TraceLine> {
    const first = this.count > WINDOW_LINES ? this.count % WINDOW_LINES : 0
    return [...this.ring.slice(first), ...this.ring.slice(0, first)]
  }
}
