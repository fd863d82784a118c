/** The networks that a simulation begins with. */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { TOPOLOGY_CALLS, TOPOLOGY_DIALS } from "../../../src/core/limits.ts"
import { stream } from "../../../src/core/Prng.ts"
import {
  coreTier,
  type Dial,
  neighboursOf,
  random,
  reachedFrom,
  ring,
  type Shape,
  SHAPES,
  type Topology,
  topologyFrom,
  topologyOf
} from "../../../src/core/simulation/Topology.ts"

const SIZES = [...Array.from({ length: 60 }, (_, index) => index + 1), 100, 333, 1000]

const counts = ({ dials, nodes }: Topology, end: keyof Dial): ReadonlyArray<number> => {
  const list = new Array<number>(nodes).fill(0)
  for (const dial of dials) list[dial[end]]!++
  return list
}

const degrees = (topology: Topology) => neighboursOf(topology).map((neighbours) => neighbours.length)

const pairs = ({ dials }: Topology): ReadonlyArray<readonly [number, number]> =>
  dials.map(({ called, caller }) => [caller, called])

const made = (shape: Shape, nodes: number, seed = 1) => topologyOf(shape, nodes, stream(seed, "topology"))

describe("A topology", () => {
  it.each(SHAPES)(
    "is one network, of pairs joined once, whose nodes call no more than they have slots for: %s",
    (shape) => {
      for (const nodes of SIZES) {
        for (let seed = 0; seed < 5; seed++) {
          const topology = made(shape, nodes, seed)
          assert.strictEqual(topology.nodes, nodes)
          // A topology that a person wrote is asked for just that.
          assert.deepStrictEqual(
            topologyFrom(nodes, pairs(topology)),
            Result.succeed(topology),
            `${nodes} nodes, seed ${seed}`
          )
        }
      }
    }
  )

  it.each(SHAPES)("calls nobody more often than a node takes calls: %s", (shape) => {
    for (const nodes of [10, 100, 1000, 10_000]) {
      assert.isAtMost(Math.max(...counts(made(shape, nodes), "called")), TOPOLOGY_CALLS, `${nodes} nodes`)
    }
  })

  it("is the same for the same seed, and another for another if there is anything to draw", () => {
    for (const shape of SHAPES) {
      assert.deepStrictEqual(made(shape, 100, 7), made(shape, 100, 7))
      if (shape !== "ring") assert.notDeepEqual(made(shape, 100, 7), made(shape, 100, 8))
    }
  })
})

describe("A ring", () => {
  it("joins each node to two, and each calls one", () => {
    for (const nodes of SIZES.filter((size) => size > 2)) {
      assert.deepStrictEqual(new Set(degrees(ring(nodes))), new Set([2]))
      assert.deepStrictEqual(new Set(counts(ring(nodes), "caller")), new Set([1]))
    }
    assert.deepStrictEqual([ring(1).dials.length, ring(2).dials.length], [0, 1])
  })
})

describe("A random network", () => {
  it("joins each node to eight others, of which it calls four", () => {
    for (const nodes of SIZES.filter((size) => size > 9)) {
      assert.deepStrictEqual(new Set(degrees(made("random", nodes))), new Set([8]), `${nodes} nodes`)
      assert.deepStrictEqual(new Set(counts(made("random", nodes), "caller")), new Set([4]), `${nodes} nodes`)
    }
  })

  it("joins all to all as long as that is not more than the degree", () => {
    for (let nodes = 1; nodes <= 9; nodes++) {
      assert.deepStrictEqual(degrees(made("random", nodes)), new Array<number>(nodes).fill(nodes - 1))
    }
  })

  it("has short ways: most of 1,000 nodes are four steps or less away, as in a network without any order", () => {
    const topology = random(1000, 8, stream(3, "topology"))
    const neighbours = neighboursOf(topology)
    let reached = new Set([0])
    for (let step = 0; step < 4; step++) {
      reached = new Set([
        ...reached,
        ...[...reached].flatMap((node) => neighbours[node]!)
      ])
    }
    assert.isAbove(reached.size, 800)
  })

  it("keeps nothing of the order that it is made from", () => {
    // Neighbours of neighbours that are neighbours: 8 of 8 x 7 / 2 pairs by chance in 28 x 8 / 1000, in a lattice over a half.
    const neighbours = neighboursOf(random(1000, 8, stream(3, "topology"))).map((list) => new Set(list))
    let triangles = 0
    for (const list of neighbours) {
      for (const one of list) for (const other of list) if (one < other && neighbours[one]!.has(other)) triangles++
    }
    assert.isBelow(triangles / (1000 * 28), 0.03)
  })
})

describe("A core-tier network", () => {
  it("begins with seven organizations of three, joined within and among each other", () => {
    const topology = coreTier(100, stream(1, "topology"))
    const neighbours = neighboursOf(topology)
    for (let node = 0; node < 21; node++) {
      const own = [0, 1, 2].map((place) => node - (node % 3) + place).filter((other) => other !== node)
      const alike = [0, 1, 2, 3, 4, 5, 6].map((organization) => organization * 3 + (node % 3)).filter((other) =>
        other !== node
      )
      const core = neighbours[node]!.filter((other) => other < 21)
      assert.deepStrictEqual(core.toSorted((a, b) => a - b), [...own, ...alike].sort((a, b) => a - b), `node ${node}`)
    }
  })

  it("puts a middle on the core, and leaves on the middle", () => {
    const { dials } = coreTier(100, stream(1, "topology"))
    const tier = (node: number) => node < 21 ? "core" : node < 21 + 16 ? "middle" : "leaf"
    const ways = new Map<string, number>()
    for (const { called, caller } of dials) {
      const way = `${tier(caller)} -> ${tier(called)}`
      ways.set(way, (ways.get(way) ?? 0) + 1)
    }
    assert.deepStrictEqual(Object.fromEntries(ways), {
      "core -> core": 21 * 8 / 2,
      "middle -> core": 16 * 4,
      "leaf -> middle": 63 * 3
    })
  })

  it("has a core without which it falls apart, and does not without any one node", () => {
    const topology = coreTier(100, stream(1, "topology"))
    const without = (isGone: (node: number) => boolean) =>
      reachedFrom(99, neighboursOf(topology), (node) => !isGone(node)).filter(Boolean).length
    for (let gone = 0; gone < 99; gone++) assert.strictEqual(without((node) => node === gone), 99)
    assert.isBelow(without((node) => node < 37), 2)
  })
})

describe("A topology that a person wrote", () => {
  const refusal = (nodes: number, links: ReadonlyArray<readonly [number, number]>): string => {
    const result = topologyFrom(nodes, links)
    return Result.isFailure(result) ? result.failure.message : "taken"
  }

  it("is taken as it stands", () => {
    assert.deepStrictEqual(
      topologyFrom(3, [[2, 0], [0, 1]]),
      Result.succeed({ nodes: 3, dials: [{ caller: 2, called: 0 }, { caller: 0, called: 1 }] })
    )
    assert.strictEqual(refusal(1, []), "taken")
  })

  it("is refused with the link or node that is wrong", () => {
    assert.include(refusal(0, []), "not 0")
    assert.include(refusal(1e9, []), "not 1000000000")
    assert.include(refusal(2, [[0, 2]]), "[0, 2] names 2")
    assert.include(refusal(2, [[-1, 0]]), "names -1")
    assert.include(refusal(2, [[0.5, 0]]), "names 0.5")
    assert.include(refusal(2, [[1, 1]]), "to itself")
    assert.include(refusal(2, [[0, 1], [1, 0]]), "[1, 0] is there twice")
    assert.include(refusal(4, [[0, 1], [2, 3]]), "from node 0 to node 2")
    const star = Array.from({ length: TOPOLOGY_DIALS + 1 }, (_, index): readonly [number, number] => [0, index + 1])
    assert.include(refusal(star.length + 1, star), "Node 0 calls more than 8")
    assert.strictEqual(refusal(star.length, star.slice(1).map(([, called]) => [0, called - 1])), "taken")
  })
})
