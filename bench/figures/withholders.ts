/**
 * What it does to the flood of transactions that some peers offer what they never hand out.
 */
import type { Figure } from "./Figure.ts"
import { flood } from "./transactions.ts"

const PERCENTS = [0, 10, 20, 30, 40, 50]
/** Within these times something is in time for the next ledger, and not yet given up. */
const SOON_SECONDS = 5
const LATE_SECONDS = 30

type Name = "p50" | "p99" | "within5" | "within30"

/** The figure. */
export const withholders: Figure<Name> = {
  about: "the flood of transactions among peers that offer what they never hand out",
  nodes: 100,
  seconds: 30,
  measures: {
    p50: { title: "p50, ms", digits: 1 },
    p99: { title: "p99, ms", digits: 1 },
    within5: { title: `within ${SOON_SECONDS} s, %`, digits: 3 },
    within30: { title: `within ${LATE_SECONDS} s, %`, digits: 3 }
  },
  variants: PERCENTS.map((percent) => ({
    name: `${percent} %`,
    parameters: { withholderPercent: percent },
    run: (trial) => {
      const { percentWithin, percentile } = flood(trial, {
        withholderPercent: percent,
        arrivingSeconds: LATE_SECONDS
      })
      return {
        p50: percentile(50),
        p99: percentile(99),
        within5: percentWithin(SOON_SECONDS),
        within30: percentWithin(LATE_SECONDS)
      }
    }
  }))
}
