/**
 * Who has originated what, and whom it has reached: every message, every node.
 */
import type { ItemHash } from "../../core/ItemHash.ts"
import { LatencyHistogram } from "../../testing/LatencyHistogram.ts"

/** The kinds of flood: statements of consensus are pushed, transactions are advertised and pulled. */
export const kinds = ["scp", "tx"] as const

/** A kind of flood. */
export type Kind = (typeof kinds)[number]

/** What became of the messages of one kind. A delivery is one message at one node that did not originate it. */
export interface KindCount {
  readonly originated: number
  readonly expected: number
  readonly delivered: number
  readonly lost: number
}

/** What one node missed of one kind. */
export interface Loss {
  readonly kind: Kind
  readonly node: number
  readonly count: number
}

/** Who is told what nodes say, and what reaches them. Times are in milliseconds and do not go back. */
export interface FloodWitness {
  /** A node says something of its own. */
  readonly originated: (kind: Kind, node: number, hash: ItemHash, nowMillis: number) => void
  /** A node's application has seen a message with this hash and a good signature. */
  readonly delivered: (node: number, hash: ItemHash, nowMillis: number) => void
}

/** What a report is made from. */
export interface FloodBooks {
  /** What became of one kind. */
  readonly count: (kind: Kind) => KindCount
  /** What one node said, and what reached it. */
  readonly ofNode: (node: number) => { readonly originated: number; readonly delivered: number }
  /** How long messages of a kind took, in milliseconds. */
  readonly latencyMillis: (kind: Kind) => { readonly p50: number | null; readonly p99: number | null }
  /** What is missing where; empty when nothing was lost. */
  readonly losses: () => ReadonlyArray<Loss>
}

/** A message that some node has not seen yet. */
interface Underway {
  readonly kind: Kind
  readonly sinceMillis: number
  /** Whether it was there, by number of the node. */
  readonly seen: Uint8Array
  missing: number
}

/** The tally of one network. Messages that have reached everybody are only counted, so it is as large as what is on its way. */
export class FloodTally implements FloodWitness, FloodBooks {
  readonly #nodes: number
  readonly #underway = new Map<ItemHash, Underway>()
  readonly #originated = { scp: 0, tx: 0 }
  readonly #delivered = { scp: 0, tx: 0 }
  readonly #originatedBy: Array<number>
  readonly #deliveredTo: Array<number>
  readonly #latencies = { scp: new LatencyHistogram(), tx: new LatencyHistogram() }

  constructor(nodes: number) {
    this.#nodes = nodes
    this.#originatedBy = Array.from({ length: nodes }, () => 0)
    this.#deliveredTo = Array.from({ length: nodes }, () => 0)
  }

  /** A node says something of its own. */
  originated(kind: Kind, node: number, hash: ItemHash, nowMillis: number): void {
    const seen = new Uint8Array(this.#nodes)
    seen[node] = 1
    this.#originated[kind] += 1
    this.#originatedBy[node]! += 1
    this.#underway.set(hash, { kind, sinceMillis: nowMillis, seen, missing: this.#nodes - 1 })
  }

  /** A node's application has seen a message with this hash and a good signature. */
  delivered(node: number, hash: ItemHash, nowMillis: number): void {
    const message = this.#underway.get(hash)
    if (message === undefined || message.seen[node] !== 0) return
    message.seen[node] = 1
    message.missing -= 1
    this.#delivered[message.kind] += 1
    this.#deliveredTo[node]! += 1
    this.#latencies[message.kind].add(nowMillis - message.sinceMillis)
    if (message.missing === 0) this.#underway.delete(hash)
  }

  /** Whether every message has reached every node. */
  isComplete(): boolean {
    return this.#underway.size === 0
  }

  /** What became of one kind. */
  count(kind: Kind): KindCount {
    const originated = this.#originated[kind]
    const expected = originated * (this.#nodes - 1)
    const delivered = this.#delivered[kind]
    return { originated, expected, delivered, lost: expected - delivered }
  }

  /** What one node said, and what reached it. */
  ofNode(node: number): { readonly originated: number; readonly delivered: number } {
    return { originated: this.#originatedBy[node] ?? 0, delivered: this.#deliveredTo[node] ?? 0 }
  }

  /** How long messages of a kind took, in milliseconds, from their origin to each other node. */
  latencyMillis(kind: Kind): { readonly p50: number | null; readonly p99: number | null } {
    const latencies = this.#latencies[kind]
    return { p50: latencies.quantile(0.5), p99: latencies.quantile(0.99) }
  }

  /** What is missing where; empty when nothing was lost. */
  losses(): ReadonlyArray<Loss> {
    const missed = { scp: new Map<number, number>(), tx: new Map<number, number>() }
    for (const { kind, seen } of this.#underway.values()) {
      for (let node = 0; node < this.#nodes; node++) {
        if (seen[node] === 0) missed[kind].set(node, (missed[kind].get(node) ?? 0) + 1)
      }
    }
    return kinds.flatMap((kind) =>
      [...missed[kind]].sort(([one], [other]) => one - other).map(([node, count]) => ({ kind, node, count }))
    )
  }
}
