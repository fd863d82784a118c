/**
 * Networks of the product's own nodes in virtual time, in the shapes of stellar-core's tests: those that it joins by hand, and those that
 * join themselves, of nodes that know everybody and have few slots, also while some come and go.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { PeerId } from "../../src/core/PeerId.ts"
import { stream } from "../../src/core/Prng.ts"
import { LOADS } from "../../src/core/simulation/Load.ts"
import { DEFAULT_PORT } from "../../src/core/stellar/limits.ts"
import { ScpSignature } from "../../src/core/stellar/ScpSignature.ts"
import * as StubCrypto from "../../src/layers/simulation/StubCrypto.ts"
import { networkIdOf } from "../../src/testing/stellar/HandDrivenPeer.ts"
import { signedStatement } from "../../src/testing/stellar/SignedStatement.ts"
import * as Simulation from "../../src/testing/stellar/Simulation.ts"

/** Whom each node that is up has as a peer. */
const peersOf = ({ nodes, world }: Simulation.Simulation): ReadonlyMap<PeerId, ReadonlyArray<PeerId>> => {
  const found = new Map<PeerId, ReadonlyArray<PeerId>>()
  for (const { id, overlay } of nodes) {
    const face = overlay()
    if (face === undefined) continue
    world.fork(Effect.map(face.peers, (peers) => void found.set(id, peers.map((peer) => peer.id))))
  }
  world.advanceTo(world.nowMicros())
  return found
}

/** How many nodes can be reached from the first one, which is up, over the links that there are now. */
const countReached = (simulation: Simulation.Simulation): number => {
  const peers = peersOf(simulation)
  const [first] = peers.keys()
  const reached = new Set([first!])
  // A set is walked in the order of insertion, and what is added meanwhile is walked as well.
  for (const id of reached) for (const next of peers.get(id) ?? []) reached.add(next)
  return reached.size
}

describe("nodes that know everybody and have few slots", () => {
  const VALIDATORS = 23

  /** A network of nodes that are joined to nobody at first. */
  const crowd = (
    seed: number,
    nodes: number,
    slots: { readonly outbound: number; readonly inbound: number },
    more: Partial<Simulation.SimulationOptions> = {}
  ) =>
    Simulation.make({
      seed,
      seconds: 3600,
      topology: { nodes, dials: [] },
      load: LOADS.none,
      properties: [],
      config: {
        knownPeers: Array.from({ length: nodes }, (_, i) => `${Simulation.ipOf(i)}:${DEFAULT_PORT}`),
        maxOutbound: slots.outbound,
        targetOutbound: slots.outbound,
        targetOutboundWithoutInbound: slots.outbound,
        maxInbound: slots.inbound
      },
      ...more
    })

  /** Has the first node say something, and gives how many have heard it five seconds later. */
  const countHearing = (simulation: Simulation.Simulation): number => {
    const { ledger, nodes: [first], world } = simulation
    const before = ledger.deliveries
    const crypto = StubCrypto.make()
    const signature = new ScpSignature(crypto, networkIdOf(crypto, Simulation.PASSPHRASE))
    const statement = signedStatement(signature, first!.signer, new Uint8Array(32), 1)
    world.fork(Effect.asVoid(first!.overlay()!.broadcast(statement).pipe(Effect.orDie)))
    simulation.advanceTo(world.nowMicros() / 1e6 + 5)
    return ledger.deliveries - before
  }

  it("become one network with two calls each, and two that come in [core: basic connectivity / 23 validators]", () => {
    const simulation = crowd(1, VALIDATORS, { outbound: 2, inbound: 2 })
    simulation.advanceTo(15)
    assert.strictEqual(countReached(simulation), VALIDATORS)
    assert.strictEqual(countHearing(simulation), VALIDATORS - 1)
  })

  it("become one network with a hundred watchers around them [core: basic connectivity / 100 watchers]", () => {
    const all = VALIDATORS + 100
    const simulation = crowd(1, all, { outbound: 2, inbound: 4 })
    simulation.advanceTo(15)
    assert.strictEqual(countReached(simulation), all)
    assert.strictEqual(countHearing(simulation), all - 1)
  })

  it("fall into parts where each calls one only [core: basic connectivity / too sparse]", () => {
    const all = VALIDATORS + 100
    const isInParts = (seed: number): boolean => {
      const simulation = crowd(seed, all, { outbound: 1, inbound: 20 })
      simulation.advanceTo(15)
      return countReached(simulation) < all
    }
    // By chance all may hang together; so sparse a network does not do so each time.
    assert.isTrue([2, 1, 3, 4, 5].some(isInParts))
  })

  const CHURNED = 100
  const slots = { outbound: 2, inbound: 4 }

  it("take in everybody who comes, one after the other [core: peer churn / add]", () => {
    const prng = stream(7, "arrivals")
    let millis = 0
    const arrivals = Array.from({ length: CHURNED }, () => millis += prng.below(3001))
    prng.shuffle(arrivals)
    const simulation = crowd(7, CHURNED, slots, { startMillis: (node) => arrivals[node]! })
    simulation.advanceTo(Math.ceil(millis / 1000) + 15)
    assert.strictEqual(peersOf(simulation).size, CHURNED)
    assert.strictEqual(countReached(simulation), CHURNED)
  })

  it("are one network again and again while some leave and come back [core: peer churn / remove and add again] [core: peer churn / over time]", () => {
    const simulation = crowd(8, CHURNED, slots)
    const prng = stream(8, "churn")
    let second = 20
    simulation.advanceTo(second)
    assert.strictEqual(countReached(simulation), CHURNED)
    for (const count of [1, 1, 3, 3]) {
      const leaving = new Set<number>()
      while (leaving.size < count) leaving.add(1 + prng.below(CHURNED - 1))
      for (const node of leaving) simulation.nodes[node]!.stop()
      simulation.advanceTo(second += 20)
      assert.strictEqual(countReached(simulation), CHURNED - count, `at ${second} s, without ${[...leaving].join()}`)
      for (const node of leaving) simulation.nodes[node]!.start()
      simulation.advanceTo(second += 20)
      assert.strictEqual(countReached(simulation), CHURNED, `at ${second} s, with ${[...leaving].join()} again`)
      simulation.advanceTo(second += prng.below(11))
    }
    assert.strictEqual(countHearing(simulation), CHURNED - 1)
  })
})

describe("nodes that are joined by hand", () => {
  type Pairs = ReadonlyArray<readonly [caller: number, called: number]>
  const around = (nodes: number): Pairs => Array.from({ length: nodes }, (_, i) => [i, (i + 1) % nodes] as const)
  const each = (nodes: number): Pairs =>
    Array.from({ length: nodes }, (_, i) => Array.from({ length: nodes - 1 - i }, (_, k) => [i, i + 1 + k] as const))
      .flat()

  const shapes: ReadonlyArray<{
    readonly shape: string
    readonly nodes: number
    readonly pairs: Pairs
    readonly tag: string
  }> = [
    { shape: "a pair", nodes: 2, pairs: [[0, 1]], tag: "[core: topology / pair]" },
    { shape: "a ring of four", nodes: 4, pairs: around(4), tag: "[core: topology / cycle4]" },
    { shape: "a core", nodes: 7, pairs: each(7), tag: "[core: topology / core]" },
    { shape: "a ring", nodes: 10, pairs: around(10), tag: "[core: topology / cycle]" },
    {
      shape: "a ring with links across",
      nodes: 10,
      pairs: [...around(10), ...Array.from({ length: 5 }, (_, i) => [i, i + 5] as const)],
      tag: "[core: topology / branchedcycle]"
    },
    {
      shape: "a core of which one more node is joined to one alone",
      nodes: 11,
      pairs: [...each(10), [10, 0]],
      tag: "[core: topology / asymmetric]"
    }
  ]
  /** A light load says a dozen messages in that time. */
  const SECONDS = 15

  for (const { nodes, pairs, shape, tag } of shapes) {
    it(`in ${shape} have all that is said, and break no property ${tag}`, () => {
      const dials = pairs.map(([caller, called]) => ({ caller, called }))
      const result = Simulation.run({ seed: 3, seconds: SECONDS, topology: { nodes, dials } })
      assert.deepStrictEqual(result.violations, [])
      assert.isAtLeast(result.originated, 10)
      // What is said in the last moments is still on its way.
      assert.isAtLeast(result.deliveries, (result.originated - 10) * (nodes - 1))
    })
  }

  it("to nobody hear nothing [core: topology / separate]", () => {
    const result = Simulation.run({ seed: 3, seconds: SECONDS, topology: { nodes: 4, dials: [] }, properties: [] })
    assert.isAtLeast(result.originated, 10)
    assert.strictEqual(result.deliveries, 0)
  })

  it("of which one is dead do without it [core: topology / customA]", () => {
    const dials = each(7).map(([caller, called]) => ({ caller, called }))
    const simulation = Simulation.make({
      seed: 3,
      seconds: SECONDS,
      topology: { nodes: 7, dials },
      startMillis: (node) => node === 6 ? 1000 * SECONDS + 1 : 0,
      properties: []
    })
    simulation.advanceTo(10)
    assert.strictEqual(countReached(simulation), 6)
    for (const { reached } of [...simulation.ledger.said.values()].filter(({ atMicros }) => atMicros < 5e6)) {
      assert.strictEqual(reached.size, 5)
    }
    assert.isAtLeast(simulation.ledger.said.size, 10)
  })
})
