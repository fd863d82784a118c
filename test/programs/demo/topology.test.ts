/** The shapes of a demo's network. */
import { assert, describe, it } from "@effect/vitest"
import { edgesOf, type Topology } from "../../../src/programs/demo/topology.ts"

/** Into how many parts the links join the nodes. */
const partsOf = (topology: Topology, nodes: number): number => {
  const part = Array.from({ length: nodes }, (_, node) => node)
  for (const { called, caller } of edgesOf(topology, nodes)) {
    const [kept, gone] = [part[called]!, part[caller]!]
    part.forEach((name, node) => {
      if (name === gone) part[node] = kept
    })
  }
  return new Set(part).size
}

describe("the links of a demo", () => {
  it("join all nodes in a ring with chords, and leave two halves when cut", () => {
    for (let nodes = 2; nodes <= 50; nodes++) {
      assert.strictEqual(partsOf("ring", nodes), 1, `${nodes} nodes`)
      assert.strictEqual(partsOf("cut", nodes), 2, `${nodes} nodes`)
    }
  })

  it("are each made once, by the later node, to one that is there already", () => {
    for (let nodes = 2; nodes <= 50; nodes++) {
      const edges = edgesOf("ring", nodes)
      for (const { called, caller } of edges) assert.isBelow(called, caller)
      assert.strictEqual(new Set(edges.map(({ called, caller }) => `${called} ${caller}`)).size, edges.length)
    }
  })
})
