/**
 * One's own application on twenty simulated nodes, checked for a property of one's own. Ends with 1 if anything was violated.
 */
import { Effect, Layer } from "effect"
import * as MemoryApplication from "../src/layers/stellar/MemoryApplication.ts"
import { Application } from "../src/services/stellar/Application.ts"
import { allProperties, type Property, Simulation, stream, topologyOf } from "../src/testing/stellar/index.ts"

/** What each node holds: the newest thousand transactions, by hash. */
const pools = new Map<number, Map<string, Uint8Array>>()
const MOST_HELD = 1000

const application = (node: number) =>
  Layer.effect(
    Application,
    Effect.sync(() => {
      // Made anew when the node is started again: it had it in memory only.
      const pool = new Map<string, Uint8Array>()
      pools.set(node, pool)
      const hold = (hash: string, bytes: Uint8Array) => {
        for (const oldest of pool.keys()) if (pool.size >= MOST_HELD) pool.delete(oldest)
        pool.set(hash, bytes.slice())
      }
      return {
        judge: {
          answers: "at once",
          statements: (batch) => batch.map(() => "ready"),
          transactions: (batch) =>
            batch.map(({ bytes, hash }) => {
              hold(hash, bytes)
              return "accepted"
            })
        },
        position: () => ({ ledger: undefined, synced: true }),
        limits: () => MemoryApplication.ledgerLimits("private"),
        originate: ({ bytes, hash, kind }) => {
          if (kind === "TRANSACTION") hold(hash, bytes)
        },
        hasTransaction: (hash) => pool.has(hash),
        transaction: (hash) => pool.get(hash),
        transactionSet: () => undefined,
        quorumSet: () => undefined,
        scpState: { slots: () => [], about: () => [] }
      }
    })
  )

/** What was said in the last seconds may still be on its way. */
const ARRIVING_MICROS = 10_000_000

const samePools: Property = {
  name: "all pools hold the same transactions",
  doc: "Looks into every pool when the time is over. A breach means that nodes would build different ledgers.",
  watch: (run, violated) => ({
    end: () => {
      for (const [hash, { atMicros, kind }] of run.ledger.said) {
        if (kind !== "TRANSACTION" || atMicros > run.endMicros - ARRIVING_MICROS) continue
        for (const { index } of run.nodes) {
          if (pools.get(index)?.has(hash) !== true) violated(index, `lacks what was said at ${atMicros} us`)
        }
      }
    }
  })
}

const result = Simulation.run({
  seed: 7,
  seconds: 30,
  topology: topologyOf("random", 20, stream(7, "topology")),
  application,
  properties: [...allProperties, samePools]
})
console.log(`${result.deliveries} deliveries, ${result.violations.length} violations, trace ${result.traceHash}`)
for (const { atMicros, detail, node, property } of result.violations) {
  console.error(`${property}: node ${node} ${detail}, seen at ${atMicros} us`)
}
process.exitCode = result.violations.length === 0 ? 0 : 1
