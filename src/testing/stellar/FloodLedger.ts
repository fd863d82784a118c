/**
 * What was said in a run and whom it reached: the books that delivery, latency and loss are read from.
 */
import type { ItemHash } from "../../core/ItemHash.ts"

/** The two kinds of floods. */
export type FloodKind = "SCP_MESSAGE" | "TRANSACTION"

/** A message that an honest node has said. */
export interface Said {
  readonly kind: FloodKind
  readonly origin: number
  readonly atMicros: number
  /** When each node took it in for the first time; the origin has none. */
  readonly reached: Map<number, number>
}

/** The books of one run. Bounded by what the load of the run says. */
export class FloodLedger {
  readonly said = new Map<ItemHash, Said>()
  /** First receipts by honest nodes of what honest nodes have said. */
  deliveries = 0
  /** Receipts of something that no honest node has said. */
  foreign = 0

  /** Notes that a node says something. Gives the record. */
  originated(kind: FloodKind, origin: number, hash: ItemHash, atMicros: number): Said {
    const said: Said = { kind, origin, atMicros, reached: new Map() }
    this.said.set(hash, said)
    return said
  }

  /** Notes that a node's application got something as new; how often it has got it, counted from 1, or 0 if nobody honest said it. */
  delivered(node: number, hash: ItemHash, atMicros: number): boolean {
    const said = this.said.get(hash)
    if (said === undefined) {
      this.foreign += 1
      return false
    }
    if (!said.reached.has(node) && said.origin !== node) {
      said.reached.set(node, atMicros)
      this.deliveries += 1
    }
    return true
  }

  /** Latencies of a kind in microseconds, sorted: one for each first receipt. */
  latencies(kind: FloodKind): ReadonlyArray<number> {
    const all: Array<number> = []
    for (const said of this.said.values()) {
      if (said.kind === kind) { for (const at of said.reached.values()) all.push(at - said.atMicros) }
    }
    return all.sort((one, other) => one - other)
  }
}

/** The latency that so many of a hundred stay below, in milliseconds; `undefined` if there is none at all. */
export const percentileMillis = (sortedMicros: ReadonlyArray<number>, percent: number): number | undefined => {
  const at = Math.min(sortedMicros.length - 1, Math.floor((sortedMicros.length * percent) / 100))
  const micros = sortedMicros[at]
  return micros === undefined ? undefined : micros / 1000
}
