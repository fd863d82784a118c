/**
 * A network in which nothing is said but transactions, and how they get around: what three figures have in common.
 *
 * The nodes get acquainted; then, for as long as the trial says, honest nodes drawn at random make payments.
 */
import { stream } from "../../src/core/Prng.ts"
import { type FaultPlan, hostileNodes, PLAN_VERSION } from "../../src/core/simulation/FaultPlan.ts"
import { draw } from "../../src/core/simulation/FaultPlanDraw.ts"
import type { Topology } from "../../src/core/simulation/Topology.ts"
import { MessageType } from "../../src/core/stellar/messages.ts"
import type { Overrides } from "../../src/services/stellar/StellarConfig.ts"
import { percentileMillis } from "../../src/testing/stellar/FloodLedger.ts"
import { withholder } from "../../src/testing/stellar/hostile/withholder.ts"
import type { Trial } from "./Figure.ts"
import { acquaint, advance, counted, MICROS_PER_SECOND, MILLIS_PER_SECOND, setUp, speak, staggered } from "./Stage.ts"
import { WireBytes } from "./WireBytes.ts"

/** Until all have their sessions: a dial that comes too early is tried again after at most 10 s and a tick of 3 s. */
const WARM_UP_SECONDS = 20
/** Transactions of all nodes together: a light load has 2, a heavy one 70. */
const PER_SECOND = 10

/** What differs between the networks of a figure. */
export interface TransactionOptions {
  readonly config?: Overrides
  /** Of 100 nodes so many are withholders. Default: none. */
  readonly withholderPercent?: number
  /** How long the last transaction has to arrive. */
  readonly arrivingSeconds: number
}

/** How the transactions of one run got around. */
export interface Flooded {
  /** Latency from when a transaction is said until another honest node's application has it, in milliseconds, over all that came. */
  readonly percentile: (percent: number) => number | null
  /** The part of 100 of all deliveries that there should be (each transaction at each other honest node) that came within this time. */
  readonly percentWithin: (seconds: number) => number
  /** What all nodes sent for it, in bytes a node and transaction, by kind of message. */
  readonly bytes: {
    readonly bodies: number
    readonly adverts: number
    readonly demands: number
    readonly credit: number
  }
  /** Transactions that came where they had been, a node and transaction. */
  readonly duplicates: number
}

/** Runs a network. */
export const flood = (trial: Trial, options: TransactionOptions): Flooded => {
  const { nodes, seconds, seed } = trial
  const endSeconds = WARM_UP_SECONDS + seconds + options.arrivingSeconds
  const { startMillis, topology: drawn } = staggered(trial)
  const plan = planOf(seed, drawn, options.withholderPercent ?? 0, endSeconds)
  const hostile = new Set(hostileNodes(plan))
  const honest = Array.from({ length: nodes }, (_, node) => node).filter((node) => !hostile.has(node))
  const topology = callingThem(drawn, hostile)
  const stage = setUp({
    seed,
    topology,
    startMillis,
    seconds: endSeconds,
    plan,
    ...(options.config === undefined ? {} : { config: options.config })
  })

  acquaint(stage, topology, honest, WARM_UP_SECONDS)
  const wire = new WireBytes()
  stage.network.observe(wire.observe)
  const times = speak(stage, {
    fromMillis: WARM_UP_SECONDS * MILLIS_PER_SECOND,
    toMillis: (WARM_UP_SECONDS + seconds) * MILLIS_PER_SECOND,
    perSecond: PER_SECOND,
    of: () => ({ kind: "TRANSACTION", speakers: honest })
  })
  advance(stage, endSeconds)
  if (stage.ledger.said.size !== times) throw new Error(`${stage.ledger.said.size} of ${times} transactions were said.`)

  const latencies = stage.ledger.latencies("TRANSACTION")
  const expected = times * (honest.length - 1)
  const each = (sum: number): number => sum / (times * nodes)
  return {
    percentile: (percent) => percentileMillis(latencies, percent) ?? null,
    percentWithin: (bound) => 100 * latencies.filter((micros) => micros <= bound * MICROS_PER_SECOND).length / expected,
    bytes: {
      bodies: each(wire.of(MessageType.TRANSACTION)),
      adverts: each(wire.of(MessageType.FLOOD_ADVERT)),
      demands: each(wire.of(MessageType.FLOOD_DEMAND)),
      credit: each(wire.of(MessageType.SEND_MORE_EXTENDED))
    },
    duplicates: each(counted(stage, "floodDuplicate"))
  }
}

/** Withholders from the beginning to the end. Without them the honest nodes are still one network. */
const planOf = (seed: number, topology: Topology, withholderPercent: number, seconds: number): FaultPlan => {
  const durationMillis = seconds * MILLIS_PER_SECOND
  const drawn = draw(stream(seed, "figures/withholders"), {
    topology,
    durationMillis,
    faults: "none",
    hostilePercent: withholderPercent,
    actors: [withholder.name]
  })
  return {
    version: PLAN_VERSION,
    nodes: topology.nodes,
    durationMillis,
    faults: hostileNodes(drawn).map((node) => ({
      kind: "hostile",
      node,
      actor: withholder.name,
      options: {},
      fromMillis: 0,
      toMillis: durationMillis
    }))
  }
}

/** The same links, but withholders are called and do not call: they are acceptors. Between two of them there is none. */
const callingThem = ({ dials, nodes }: Topology, hostile: ReadonlySet<number>): Topology => ({
  nodes,
  dials: dials
    .filter(({ called, caller }) => !hostile.has(called) || !hostile.has(caller))
    .map(({ called, caller }) => hostile.has(caller) ? { caller: called, called: caller } : { caller, called })
})
