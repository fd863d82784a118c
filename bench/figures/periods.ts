/**
 * The latency of pull flooding against its two periods: how long adverts are collected, and how often demands are made.
 */
import { Duration } from "effect"
import type { Figure } from "./Figure.ts"
import { flood } from "./transactions.ts"

/** Half of the product's periods, and up to four times them. */
const ADVERT_MILLIS = [50, 100, 200, 400]
const DEMAND_MILLIS = [100, 200, 400, 800]
/** How long the last transaction has to arrive: several times what the slowest takes with the longest periods. */
const ARRIVING_SECONDS = 20

type Name = "p50" | "p99" | "delivered" | "bytes"

const variant = (advertMillis: number, demandMillis: number): Figure<Name>["variants"][number] => ({
  name: `advert ${advertMillis} ms, demand ${demandMillis} ms`,
  parameters: { advertMillis, demandMillis },
  run: (trial) => {
    const { bytes, percentWithin, percentile } = flood(trial, {
      config: { advertPeriod: Duration.millis(advertMillis), demandPeriod: Duration.millis(demandMillis) },
      arrivingSeconds: ARRIVING_SECONDS
    })
    return {
      p50: percentile(50),
      p99: percentile(99),
      delivered: percentWithin(Infinity),
      bytes: bytes.bodies + bytes.adverts + bytes.demands + bytes.credit
    }
  }
})

/** The figure. */
export const periods: Figure<Name> = {
  about: "the latency of pull flooding against the periods of adverts and demands",
  nodes: 100,
  seconds: 30,
  measures: {
    p50: { title: "p50, ms", digits: 1 },
    p99: { title: "p99, ms", digits: 1 },
    delivered: { title: "delivered, %", digits: 3 },
    bytes: { title: "bytes a node and transaction", digits: 0 }
  },
  variants: ADVERT_MILLIS.flatMap((advert) => DEMAND_MILLIS.map((demand) => variant(advert, demand)))
}
