/**
 * What a demo tells: numbers for scripts, lines for people.
 */
import { Effect } from "effect"
import type { PeerId } from "../../core/PeerId.ts"
import { shortPeerId } from "../../core/stellar/StrKey.ts"
import { type FloodBooks, type Kind, type KindCount, kinds, type Loss } from "./FloodTally.ts"
import { type DemoNode, trafficOf } from "./network.ts"
import type { Topology } from "./topology.ts"

/** How many nodes that missed something are named. */
const NAMED_NODES = 10

interface Quantiles {
  readonly p50: number | null
  readonly p99: number | null
}

/** The numbers of one node. */
interface NodeReport {
  readonly node: number
  readonly id: PeerId
  readonly peers: number
  readonly originated: number
  readonly delivered: number
  readonly duplicates: number
  readonly bytesSent: number
}

/** The document of a demo. Scripts rely on the first eight keys. */
export interface Report {
  readonly nodes: number
  /** Messages that nodes said. */
  readonly originated: number
  /** Each of them at every other node. */
  readonly expected: number
  readonly delivered: number
  readonly lost: number
  /** Copies of messages that a node got again. */
  readonly duplicates: number
  readonly latencyMillis: { readonly [kind in Kind]: Quantiles }
  /** What a node sent, on average. */
  readonly bytesPerNode: number
  readonly topology: Topology
  readonly links: number
  readonly byKind: { readonly [kind in Kind]: KindCount }
  readonly losses: ReadonlyArray<Loss>
  readonly perNode: ReadonlyArray<NodeReport>
}

const sum = (values: ReadonlyArray<number>): number => values.reduce((total, value) => total + value, 0)

/** The numbers as they stand whenever it is run. */
export const reportOf = (
  nodes: ReadonlyArray<DemoNode>,
  tally: FloodBooks,
  shape: { readonly topology: Topology; readonly links: number }
): Effect.Effect<Report> =>
  Effect.gen(function*() {
    const perNode: Array<NodeReport> = []
    for (const { earlier, number, overlay } of nodes) {
      const traffic = yield* trafficOf(overlay)
      perNode.push({
        node: number,
        id: overlay.self,
        peers: (yield* overlay.peers).length,
        ...tally.ofNode(number),
        duplicates: (earlier?.duplicates ?? 0) + traffic.duplicates,
        bytesSent: (earlier?.bytesSent ?? 0) + traffic.bytesSent
      })
    }
    const byKind = { scp: tally.count("scp"), tx: tally.count("tx") }
    const total = (key: keyof KindCount): number => sum(kinds.map((kind) => byKind[kind][key]))
    return {
      nodes: nodes.length,
      originated: total("originated"),
      expected: total("expected"),
      delivered: total("delivered"),
      lost: total("lost"),
      duplicates: sum(perNode.map(({ duplicates }) => duplicates)),
      latencyMillis: { scp: tally.latencyMillis("scp"), tx: tally.latencyMillis("tx") },
      bytesPerNode: Math.round(sum(perNode.map(({ bytesSent }) => bytesSent)) / nodes.length),
      ...shape,
      byKind,
      losses: tally.losses(),
      perNode
    }
  })

/** One line of progress. */
export const progressLine = ({ byKind, delivered, expected, originated }: Report): string =>
  `said ${originated} (${byKind.scp.originated} statements, ${byKind.tx.originated} transactions), ` +
  `delivered ${delivered} of ${expected}`

const columns = ["node", "key", "peers", "said", "delivered", "again", "bytes sent"] as const

/** A table with a row a node, for a terminal. */
export const tableLines = (report: Report): ReadonlyArray<string> => {
  const rows = report.perNode.map(({ bytesSent, delivered, duplicates, id, node, originated, peers }) => [
    String(node),
    shortPeerId(id),
    ...[peers, originated, delivered, duplicates, bytesSent].map(String)
  ])
  const table = [columns, ...rows]
  const widths = columns.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)))
  const lines = table.map((row) => row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join("  "))
  return [...lines, progressLine(report)]
}

const millis = (value: number | null): string => value === null ? "-" : `${value} ms`

/** What came out of it. */
export const summaryLines = (report: Report): ReadonlyArray<string> => [
  `delivered ${report.delivered} of ${report.expected}, lost ${report.lost}, again ${report.duplicates}; ` +
  `${report.bytesPerNode} bytes sent per node`,
  ...kinds.map((kind) => {
    const { delivered, expected, originated } = report.byKind[kind]
    const { p50, p99 } = report.latencyMillis[kind]
    const name = kind === "scp" ? "statements  " : "transactions"
    return `${name} ${originated} said, ${delivered} of ${expected} delivered, p50 ${millis(p50)}, p99 ${millis(p99)}`
  })
]

/** What was lost: how many of which kind, and who missed them. */
export const lossText = ({ byKind, expected, losses, lost }: Report): string => {
  const missed = new Map<number, number>()
  for (const { count, node } of losses) missed.set(node, (missed.get(node) ?? 0) + count)
  const named = [...missed].slice(0, NAMED_NODES).map(([node, count]) => `${node} (${count})`)
  const more = missed.size > NAMED_NODES ? ` and ${missed.size - NAMED_NODES} more` : ""
  return `${lost} of ${expected} deliveries were lost: ${byKind.scp.lost} of statements, ${byKind.tx.lost} of transactions. ` +
    `Missed by the nodes ${named.join(", ")}${more}.`
}
