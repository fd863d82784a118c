/**
 * Who calls whom in a small network.
 */

/** `ring`: each node and the next one, with chords; `cut`: the ring open in two places and no chords, so two halves. */
export type Topology = "ring" | "cut"

/** A link from the node that calls to the one that was there before. */
export interface Edge {
  readonly caller: number
  readonly called: number
}

/**
 * The links of `nodes` nodes, each pair once; the later node calls the earlier one.
 *
 * A chord leaves every other node and reaches over the square root of the ring, so that the way from node to node grows with
 * that root, and not with the ring.
 */
export const edgesOf = (topology: Topology, nodes: number): ReadonlyArray<Edge> => {
  const edges = new Map<string, Edge>()
  const link = (one: number, other: number): void => {
    if (one === other) return
    const edge = { caller: Math.max(one, other), called: Math.min(one, other) }
    edges.set(`${edge.caller}-${edge.called}`, edge)
  }
  const half = Math.floor(nodes / 2)
  for (let node = 0; node < nodes; node++) {
    const isOpen = topology === "cut" && (node === half - 1 || node === nodes - 1)
    if (!isOpen) link(node, (node + 1) % nodes)
  }
  if (topology === "ring") {
    const reach = Math.max(2, Math.round(Math.sqrt(nodes)))
    for (let node = 0; node < nodes; node += 2) link(node, (node + reach) % nodes)
  }
  return [...edges.values()]
}
