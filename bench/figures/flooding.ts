/**
 * Push against pull flooding of transactions: what it costs, and how fast it is.
 */
import type { TransactionFlood } from "../../src/services/stellar/StellarConfig.ts"
import type { Figure } from "./Figure.ts"
import { flood } from "./transactions.ts"

/** How long the last transaction has to arrive: ten times what the slowest takes. */
const ARRIVING_SECONDS = 20

type Name = "p50" | "p99" | "delivered" | "bytes" | "bodies" | "adverts" | "demands" | "credit" | "duplicates"

const variant = (transactionFlood: TransactionFlood): Figure<Name>["variants"][number] => ({
  name: transactionFlood,
  parameters: { flood: transactionFlood },
  run: (trial) => {
    const { bytes, duplicates, percentWithin, percentile } = flood(trial, {
      config: { transactionFlood },
      arrivingSeconds: ARRIVING_SECONDS
    })
    return {
      p50: percentile(50),
      p99: percentile(99),
      delivered: percentWithin(Infinity),
      bytes: bytes.bodies + bytes.adverts + bytes.demands + bytes.credit,
      ...bytes,
      duplicates
    }
  }
})

/** The figure. */
export const flooding: Figure<Name> = {
  about: "push against pull flooding of transactions",
  nodes: 1000,
  seconds: 30,
  measures: {
    p50: { title: "p50, ms", digits: 1 },
    p99: { title: "p99, ms", digits: 1 },
    delivered: { title: "delivered, %", digits: 3 },
    bytes: { title: "bytes a node and transaction", digits: 0 },
    bodies: { title: "of them bodies", digits: 0 },
    adverts: { title: "adverts", digits: 0 },
    demands: { title: "demands", digits: 0 },
    credit: { title: "credit", digits: 0 },
    duplicates: { title: "duplicates a node and transaction", digits: 3 }
  },
  variants: [variant("pull"), variant("push")]
}
