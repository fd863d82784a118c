/**
 * A simulated network that is measured: a run, who is in session with whom, and what the nodes say when.
 */
import { Effect } from "effect"
import type { CryptoShape } from "../../src/core/Crypto.ts"
import * as ItemHash from "../../src/core/ItemHash.ts"
import { stream } from "../../src/core/Prng.ts"
import { LOADS } from "../../src/core/simulation/Load.ts"
import { type Dial, neighboursOf, random, RANDOM_DEGREE, type Topology } from "../../src/core/simulation/Topology.ts"
import { ScpSignature } from "../../src/core/stellar/ScpSignature.ts"
import * as StubCrypto from "../../src/layers/simulation/StubCrypto.ts"
import type { FloodKind, Said } from "../../src/testing/stellar/FloodLedger.ts"
import { nothingIsLeft } from "../../src/testing/stellar/properties/bounds.ts"
import { everythingArrives } from "../../src/testing/stellar/properties/delivery.ts"
import { cheapProperties } from "../../src/testing/stellar/properties/properties.ts"
import { signedPayment } from "../../src/testing/stellar/SignedPayment.ts"
import { signedStatement } from "../../src/testing/stellar/SignedStatement.ts"
import * as Simulation from "../../src/testing/stellar/Simulation.ts"
import { Sessions } from "./Sessions.ts"

export const MICROS_PER_SECOND = 1_000_000
const MICROS_PER_MILLI = 1000
export const MILLIS_PER_SECOND = 1000
const HASH_BYTES = 32
/** Nodes start within this time: longer than any period of a flood, so that their beats are spread as in a real network. */
const START_SPREAD_MILLIS = 1000

/** A network of nodes with `RANDOM_DEGREE` peers each, and when each starts. */
export interface Staggered {
  readonly topology: Topology
  readonly startMillis: (node: number) => number
}

/** Draws such a network. Of two the one that starts later calls: the other one is there. */
export const staggered = ({ nodes, seed }: { readonly nodes: number; readonly seed: number }): Staggered => {
  const prng = stream(seed, "figures/starts")
  const starts = Array.from({ length: nodes }, () => prng.below(START_SPREAD_MILLIS))
  const isLater = (one: number, other: number): boolean =>
    starts[one]! > starts[other]! || (starts[one] === starts[other] && one > other)
  const { dials } = random(nodes, RANDOM_DEGREE, stream(seed, "topology"))
  return {
    topology: {
      nodes,
      dials: dials.map(({ called, caller }): Dial =>
        isLater(caller, called) ? { caller, called } : { caller: called, called: caller }
      )
    },
    startMillis: (node) => starts[node] ?? 0
  }
}

/** A run that is measured. */
export interface Stage extends Simulation.Simulation {
  readonly crypto: CryptoShape
  readonly sessions: Sessions
}

/** Sets a run up in which nobody says anything yet. It is checked for what needs no reading of frames. */
export const setUp = (options: Omit<Simulation.SimulationOptions, "load" | "crypto" | "properties">): Stage => {
  const crypto = StubCrypto.make()
  const sessions = new Sessions(options.topology.nodes)
  // That all arrives is what is measured; and no run comes to the end at which something could be left.
  const properties = cheapProperties.filter((one) => one !== everythingArrives && one !== nothingIsLeft)
  const simulation = Simulation.make({
    ...options,
    load: LOADS.none,
    crypto,
    properties: [...properties, sessions.property]
  })
  return { ...simulation, crypto, sessions }
}

/** Runs on until this time; throws if a property is violated: the figures of such a run would be none. */
export const advance = (stage: Stage, seconds: number): void => {
  stage.advanceTo(seconds)
  const [violation] = stage.violations
  if (violation === undefined) return
  throw new Error(`${violation.property}: node ${violation.node} ${violation.detail}, at ${violation.atMicros} us`)
}

/** Runs on until this time, at which these nodes must have all the sessions of the topology. */
export const acquaint = (stage: Stage, topology: Topology, nodes: ReadonlyArray<number>, seconds: number): void => {
  advance(stage, seconds)
  const neighbours = neighboursOf(topology)
  const lonely = nodes.filter((node) => stage.sessions.count(node) !== neighbours[node]!.length)
  if (lonely.length > 0) throw new Error(`After ${seconds} s ${lonely.length} nodes do not have all their sessions.`)
}

/** What is said, and when. */
export interface Speech {
  readonly fromMillis: number
  readonly toMillis: number
  readonly perSecond: number
  /** What the `count`-th is, counted from 0, and who may say it. */
  readonly of: (count: number) => { readonly kind: FloodKind; readonly speakers: ReadonlyArray<number> }
  /** From when this is so on nobody says anything more. Default: never. */
  readonly isOver?: () => boolean
}

/**
 * Has one node after the other say something: evenly many a second, each at a moment of its own. Who is not up says nothing.
 * Gives how many times somebody is to speak.
 */
export const speak = (stage: Stage, { fromMillis, isOver, of, perSecond, toMillis }: Speech): number => {
  const { crypto, nodes, world } = stage
  const networkId = ItemHash.toBytes(crypto.sha256(new TextEncoder().encode(Simulation.PASSPHRASE)))
  const signature = new ScpSignature(crypto, networkId)
  const quorumSetHash = new Uint8Array(HASH_BYTES)
  const statements = nodes.map(() => 0)
  const prng = world.prng("figures/speech")
  const period = Math.floor(MILLIS_PER_SECOND / perSecond)
  const times = Math.ceil((toMillis - fromMillis) / period)
  for (let count = 0; count < times; count++) {
    const { kind, speakers } = of(count)
    const speaker = speakers[prng.below(speakers.length)]!
    const destination = nodes[speakers[prng.below(speakers.length)]!]!.signer.publicKey
    const atMicros = (fromMillis + count * period + prng.below(period)) * MICROS_PER_MILLI
    world.after(atMicros - world.nowMicros(), () => {
      const { overlay, signer } = nodes[speaker]!
      const face = overlay()
      if (face === undefined || isOver?.() === true) return
      const message = kind === "SCP_MESSAGE"
        ? signedStatement(signature, signer, quorumSetHash, statements[speaker]!++)
        : {
          _tag: "TRANSACTION" as const,
          transaction: signedPayment(crypto, networkId, signer, {
            destination,
            sequence: BigInt(count + 1),
            amount: 1n
          })
        }
      world.fork(Effect.ignore(face.broadcast(message)))
    })
  }
  return times
}

/** When the message was at all of so many nodes, its speaker among them, in microseconds; never, as long as one lacks it. */
export const everywhereMicros = ({ atMicros, reached }: Said, nodes: number): number => {
  if (reached.size < nodes - 1) return Infinity
  let last = atMicros
  for (const at of reached.values()) last = Math.max(last, at)
  return last
}

/** A sum over the counters of this name of all nodes that are up. The World runs what else is due in this instant. */
export const counted = ({ nodes, world }: Stage, counter: string): number => {
  let sum = 0
  for (const node of nodes) {
    const face = node.overlay()
    if (face === undefined) continue
    world.fork(Effect.map(face.counters, (counters) => {
      sum += counters[counter] ?? 0
    }))
  }
  world.advanceTo(world.nowMicros())
  return sum
}
