/** A survey of a whole simulated network finds it as it was built, link for link. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { CryptoShape } from "../../src/core/Crypto.ts"
import * as ItemHash from "../../src/core/ItemHash.ts"
import type { PeerId } from "../../src/core/PeerId.ts"
import { stream } from "../../src/core/Prng.ts"
import { LOADS } from "../../src/core/simulation/Load.ts"
import { random, type Topology } from "../../src/core/simulation/Topology.ts"
import { ScpSignature } from "../../src/core/stellar/ScpSignature.ts"
import type { SurveyFindings } from "../../src/core/stellar/survey/SurveyDocument.ts"
import * as NodeCrypto from "../../src/layers/node/NodeCrypto.ts"
import * as StubCrypto from "../../src/layers/simulation/StubCrypto.ts"
import * as MemoryApplication from "../../src/layers/stellar/MemoryApplication.ts"
import type { Surveyor } from "../../src/services/stellar/Survey.ts"
import { signedStatement } from "../../src/testing/stellar/SignedStatement.ts"
import * as Simulation from "../../src/testing/stellar/Simulation.ts"

const NODES = 20
const SECONDS = 80
const NONCE = 4711

interface Survey {
  readonly topology: Topology
  readonly findings: SurveyFindings
  readonly result: Simulation.SimulationResult
  readonly counters: ReadonlyArray<Readonly<Record<string, number>>>
  readonly ids: ReadonlyArray<PeerId>
}

/** Counters of each node. */
const countersOf = (simulation: Simulation.Simulation): ReadonlyArray<Readonly<Record<string, number>>> => {
  const all: Array<Readonly<Record<string, number>>> = []
  for (const { overlay } of simulation.nodes) {
    const face = overlay()
    if (face === undefined) continue
    simulation.world.fork(Effect.map(face.counters, (counters) => void all.push(counters)))
  }
  simulation.world.advanceTo(simulation.world.nowMicros())
  return all
}

/** Runs a network whose first node surveys it: 15 s of counting, and then whoever is named in an answer is asked. */
const surveyed = (seed: number, more: {
  readonly crypto?: CryptoShape
  readonly followsLedgers?: boolean
  readonly properties?: "all"
} = {}): Survey => {
  const topology = random(NODES, 6, stream(seed, "topology"))
  const crypto = more.crypto ?? StubCrypto.make()
  const networkId = ItemHash.toBytes(crypto.sha256(new TextEncoder().encode(Simulation.PASSPHRASE)))
  const options: Simulation.SimulationOptions = {
    seed,
    topology,
    seconds: SECONDS,
    crypto,
    load: LOADS.light,
    properties: more.properties ?? "cheap"
  }
  // A node's key follows from the seed alone, so that all can be told whose surveys to take part in.
  const first = Simulation.make(options).nodes[0]!
  const simulation = Simulation.make({
    ...options,
    config: { surveyorKeys: [first.id] },
    ...(more.followsLedgers === true
      ? {
        load: LOADS.none,
        application: () =>
          MemoryApplication.layer({ passphrase: Simulation.PASSPHRASE, policy: "all", trusted: [first.id] })
      }
      : {})
  })
  const { nodes, world } = simulation
  const ids = nodes.map(({ id }) => id)

  if (more.followsLedgers === true) {
    const signature = new ScpSignature(crypto, networkId)
    let ledger = 0
    const close = (): void => {
      const overlay = nodes[0]!.overlay()
      // The fourth statement about a slot says that it is closed.
      const closed = signedStatement(signature, first.signer, new Uint8Array(32), 4 * ledger++ + 3)
      if (overlay !== undefined) world.fork(Effect.ignore(overlay.broadcast(closed)))
      if (ledger < SECONDS / 5) world.after(5_000_000, close)
    }
    world.after(5_000_000, close)
  }

  const ask = <A, E>(what: (surveyor: Surveyor) => Effect.Effect<A, E>): A => {
    const surveyor = nodes[0]!.overlay()!.survey
    let answer: { readonly value: A } | undefined
    world.fork(Effect.map(what(surveyor), (value) => {
      answer = { value }
    }))
    world.advanceTo(world.nowMicros())
    if (answer === undefined) throw new Error("the surveyor refused")
    return answer.value
  }
  simulation.advanceTo(10)
  ask((surveyor) => surveyor.start(NONCE))
  simulation.advanceTo(25)
  ask((surveyor) => surveyor.stop)
  simulation.advanceTo(26)
  const named = new Set<PeerId>([ids[0]!])
  for (const { called, caller } of topology.dials) {
    if (caller === 0) named.add(ids[called]!)
    if (called === 0) named.add(ids[caller]!)
  }
  const asked = new Set<PeerId>([ids[0]!])
  for (let second = 27; second < SECONDS - 5; second++) {
    for (const id of named) {
      if (asked.has(id)) continue
      asked.add(id)
      ask((surveyor) => surveyor.request(id))
    }
    simulation.advanceTo(second)
    const { nodes } = ask((surveyor) => surveyor.results)
    for (const told of nodes.values()) {
      for (const id of [...told?.inbound.keys() ?? [], ...told?.outbound.keys() ?? []]) named.add(id)
    }
  }
  const findings = ask((surveyor) => surveyor.results)
  const counters = countersOf(simulation)
  return { topology, findings, counters, ids, result: simulation.finish() }
}

/** The links as both of their ends told them, each from the node that called to the one that was called. */
const linksOf = ({ nodes }: SurveyFindings) => {
  const byCaller: Array<string> = []
  const byCalled: Array<string> = []
  for (const [id, told] of nodes) {
    for (const peer of told?.outbound.keys() ?? []) byCaller.push(`${id} ${peer}`)
    for (const peer of told?.inbound.keys() ?? []) byCalled.push(`${peer} ${id}`)
  }
  return { byCaller: byCaller.sort(), byCalled: byCalled.sort() }
}

let kept: Survey | undefined
/** The run that several tests look at; its frames are read, too. */
const looked = (): Survey => kept ??= surveyed(1, { properties: "all" })

const assertFound = ({ findings, ids, result, topology }: Survey): void => {
  const built = topology.dials.map(({ called, caller }) => `${ids[caller]} ${ids[called]}`).sort()
  assert.isAtLeast(built.length, 50)
  assert.deepStrictEqual(linksOf(findings), { byCaller: built, byCalled: built })
  assert.sameMembers(Array.from(findings.nodes.keys()), [...ids])
  assert.deepStrictEqual([findings.backlog, findings.badResponseNodes], [[], []])
  assert.deepStrictEqual(result.violations, [])
}

describe("a survey of a simulated network", () => {
  it("finds each link from both of its ends, and loses nothing", () => {
    const survey = looked()
    assertFound(survey)
    for (const [id, told] of survey.findings.nodes) {
      assert(told !== undefined)
      assert.deepInclude(told.data, {
        addedAuthenticatedPeers: 0,
        droppedAuthenticatedPeers: 0,
        totalInboundPeerCount: told.inbound.size,
        totalOutboundPeerCount: told.outbound.size,
        lostSyncCount: 0
      })
      for (const { averageLatencyMs, peerStats } of [...told.inbound.values(), ...told.outbound.values()]) {
        // Connected since the start, and counted for 15 of the 25 seconds.
        assert.isAtLeast(Number(peerStats.secondsConnected), 20, id)
        assert.isAbove(averageLatencyMs, 0)
        assert.isAbove(Number(peerStats.messagesRead), 5)
        assert.isAbove(Number(peerStats.bytesWritten), 500)
        assert.isAbove(Number(peerStats.uniqueFloodBytesRecv) + Number(peerStats.duplicateFloodBytesRecv), 0)
      }
    }
    // What is surely read was surely written: of the same link the one end's figures bound the other's.
    const [one] = survey.topology.dials
    const [caller, called] = [survey.ids[one!.caller]!, survey.ids[one!.called]!]
    const written = survey.findings.nodes.get(caller)?.outbound.get(called)?.peerStats
    const read = survey.findings.nodes.get(called)?.inbound.get(caller)?.peerStats
    assert.approximately(Number(read?.messagesRead), Number(written?.messagesWritten), 20)
  })

  it("sends each message over each link about once, and not round and round", () => {
    const { counters, topology } = looked()
    const sum = (name: string): number => counters.reduce((all, each) => all + (each[name] ?? 0), 0)
    assert.strictEqual(sum("surveyAnswered"), NODES - 1)
    assert.strictEqual(sum("surveyForged"), 0)
    // START, STOP, and a request and an answer of each other node: all pass a link at most once in each direction.
    const messages = 2 + 2 * (NODES - 1)
    assert.isAtMost(sum("surveyRelayed"), messages * NODES)
    assert.isAtMost(
      sum("surveyRelayed") + sum("surveyDuplicate") + sum("surveyIgnored"),
      messages * 2 * topology.dials.length
    )
  })

  it("works where ledgers are followed, and dates its messages with them", () => {
    assertFound(surveyed(3, { followsLedgers: true }))
  })

  it("works on real cryptography just the same", () => {
    assertFound(surveyed(4, { crypto: NodeCrypto.make() }))
  })

  it("is the same for the same seed", () => {
    const [one, other] = [looked(), surveyed(1, { properties: "all" })]
    assert.strictEqual(one.result.traceHash, other.result.traceHash)
    assert.deepStrictEqual(linksOf(one.findings), linksOf(other.findings))
  })
})
