/**
 * Networks in which each node calls each other one in the same moment, on links of all sorts of latency, and one that a crowd from one
 * machine wants to fill.
 */
import { assert, describe, it } from "@effect/vitest"
import { fair } from "../../src/core/LinkWeather.ts"
import { format } from "../../src/core/PeerAddress.ts"
import { noFaults } from "../../src/core/simulation/FaultPlan.ts"
import type { Topology } from "../../src/core/simulation/Topology.ts"
import { allProperties } from "../../src/testing/stellar/properties/properties.ts"
import type { Hooks, Property, Watched } from "../../src/testing/stellar/properties/Property.ts"
import { run } from "../../src/testing/stellar/Simulation.ts"

const NODES = 5
const SECONDS = 8
const everybody = Array.from({ length: NODES }, (_, node) => node)
const bothWays: Topology = {
  nodes: NODES,
  dials: everybody.flatMap((caller) => everybody.flatMap((called) => caller === called ? [] : [{ caller, called }]))
}

/** Notes what the events of honest nodes tell, and what their books say at the end. */
const noting = () => {
  const joined: Array<string> = []
  const ended: Array<string> = []
  const failures: Array<number> = []
  const property: Property = {
    name: "notes",
    doc: "Notes, and finds nothing.",
    watch: ({ nodes }: Watched): Hooks => ({
      event: (node, event) => {
        if (event._tag === "PeerJoined") joined.push(`${node} ${event.peer.id}`)
        if (event._tag === "PeerLeft") ended.push(`left ${event.reason._tag}`)
        if (event._tag === "ConnectionFailed") ended.push(`failed ${event.direction} ${event.reason._tag}`)
      },
      end: () => {
        const honest = new Set(nodes.map(({ address }) => format(address)))
        for (const { committed } of nodes) {
          for (const row of committed.peers.rows) if (honest.has(format(row.address))) failures.push(row.failures)
        }
      }
    })
  }
  return { joined, ended, failures, property }
}

/** A call that comes when its caller is a peer already was on its way before: to the one who is called it is only late. */
const isTie = (end: string): boolean => end.endsWith(" SimultaneousDial") || end === "failed inbound AlreadyConnected"

describe("Nodes that all call each other in one moment", () => {
  it("have one connection a pair, at the first try, and no failure in any book, whatever the latency", () => {
    let ties = 0
    for (let seed = 1; seed <= 12; seed++) {
      const { ended, failures, joined, property } = noting()
      const weather = {
        ...fair,
        latency: { _tag: "Uniform", min: 1000, max: seed % 2 === 0 ? 10_000 : 300_000 },
        jitterMicros: seed % 3 === 0 ? 0 : 100_000
      } as const
      let beforeTheEnd: ReadonlyArray<string> = []
      const stopsAt: Property = {
        ...property,
        watch: (watched, violated) => {
          const hooks = property.watch(watched, violated)
          return {
            ...hooks,
            end: () => {
              hooks.end?.()
              beforeTheEnd = [...ended]
            }
          }
        }
      }
      const { violations } = run({
        seed,
        topology: bothWays,
        seconds: SECONDS,
        weather,
        properties: [...allProperties, stopsAt]
      })
      assert.deepStrictEqual(violations, [], `seed ${seed}`)
      assert.strictEqual(joined.length, NODES * (NODES - 1), `seed ${seed}`)
      assert.strictEqual(new Set(joined).size, joined.length, `seed ${seed}`)
      assert.deepStrictEqual(beforeTheEnd.filter((end) => !isTie(end)), [], `seed ${seed}`)
      assert.deepStrictEqual(failures.filter((count) => count > 0), [], `seed ${seed}`)
      ties += beforeTheEnd.length
    }
    assert.isAbove(ties, 100)
  })
})

describe("A crowd that calls from one machine", () => {
  it("gets the share of an IP, and the neighbours of the node keep their slots", () => {
    const { ended, joined, property } = noting()
    const { violations } = run({
      seed: 1,
      seconds: 40,
      topology: { nodes: 4, dials: [{ caller: 1, called: 0 }, { caller: 2, called: 0 }, { caller: 3, called: 0 }] },
      plan: {
        ...noFaults(4, 40_000),
        faults: [{ kind: "hostile", node: 3, fromMillis: 5000, toMillis: 35_000, actor: "sybil", options: {} }]
      },
      properties: [...allProperties, property]
    })
    assert.deepStrictEqual(violations, [])
    // Two sessions of neighbours, at both ends, and a sixteenth of 64 slots for the crowd.
    assert.strictEqual(joined.length, 2 * 2 + 4)
    assert.isAbove(ended.filter((end) => end === "failed inbound InboundOverShare").length, 50)
  })
})
