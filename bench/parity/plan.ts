/**
 * What a network does in both worlds: who calls whom over which latency, who starts when, who says what when.
 */
import type { CryptoShape, Signer } from "../../src/core/Crypto.ts"
import * as ItemHash from "../../src/core/ItemHash.ts"
import { type Prng, stream } from "../../src/core/Prng.ts"
import { type Dial, random, RANDOM_DEGREE, type Topology } from "../../src/core/simulation/Topology.ts"
import type { StellarMessage } from "../../src/core/stellar/messages.ts"
import { ScpSignature } from "../../src/core/stellar/ScpSignature.ts"
import type { FloodKind } from "../../src/testing/stellar/FloodLedger.ts"
import { signedPayment } from "../../src/testing/stellar/SignedPayment.ts"
import { signedStatement } from "../../src/testing/stellar/SignedStatement.ts"
import { PASSPHRASE } from "../../src/testing/stellar/Simulation.ts"

/** A link, and how long a byte is on its way over it, in milliseconds. */
interface PlannedLink extends Dial {
  readonly latencyMillis: number
}

/** A node says something. */
interface Saying {
  readonly atMillis: number
  readonly node: number
  readonly kind: FloodKind
}

/** What happens in both worlds; times are since the start of the first node. */
export interface Plan {
  readonly seed: number
  readonly topology: Topology
  readonly links: ReadonlyArray<PlannedLink>
  /** When each node starts. The beats of pull flooding begin there: they are part of what is compared. */
  readonly startMillis: ReadonlyArray<number>
  readonly sayings: ReadonlyArray<Saying>
  readonly endMillis: number
}

/** How large a plan is. */
export interface PlanSize {
  readonly nodes: number
  /** How long the nodes speak. */
  readonly seconds: number
  /** Messages of all nodes together in a second. */
  readonly perSecond: number
}

/** The latency of a link is between these: what is below is lost in the timers of a machine. */
const LATENCY_MILLIS = { least: 20, most: 80 }
/** The time between the starts of two nodes, and by how much it varies: a whole period of demands. */
const START_MILLIS = { step: 200, spread: 200 }
/** How long the last one has to be acquainted before anything is said, and how long the last message has to arrive. */
const FORMING_MILLIS = 4000
const ARRIVING_MILLIS = 10_000
const MILLIS_PER_SECOND = 1000
const SEED_BYTES = 32

/** Draws a plan. */
export const draw = (seed: number, { nodes, perSecond, seconds }: PlanSize): Plan => {
  const drawn = random(nodes, RANDOM_DEGREE, stream(seed, "topology"))
  // The later one calls: when it starts the other one's port is known.
  const dials = drawn.dials.map(({ called, caller }): Dial => ({
    caller: Math.max(called, caller),
    called: Math.min(called, caller)
  }))
  const prng = stream(seed, "parity")
  const speaksFrom = nodes * START_MILLIS.step + START_MILLIS.spread + FORMING_MILLIS
  const sayings = sayingsOf(prng.fork("sayings"), { nodes, perSecond, seconds }, speaksFrom)
  return {
    seed,
    topology: { nodes, dials },
    links: dials.map((dial) => ({ ...dial, latencyMillis: between(prng, LATENCY_MILLIS) })),
    startMillis: Array.from({ length: nodes }, (_, node) => node * START_MILLIS.step + prng.below(START_MILLIS.spread)),
    sayings,
    endMillis: speaksFrom + seconds * MILLIS_PER_SECOND + ARRIVING_MILLIS
  }
}

const between = (prng: Prng, { least, most }: typeof LATENCY_MILLIS): number => least + prng.below(most - least + 1)

/** Evenly many a second, each at a moment of its own, statements and transactions in turn. */
const sayingsOf = (prng: Prng, { nodes, perSecond, seconds }: PlanSize, fromMillis: number): ReadonlyArray<Saying> => {
  const period = Math.floor(MILLIS_PER_SECOND / perSecond)
  return Array.from({ length: seconds * perSecond }, (_, count) => ({
    atMillis: fromMillis + count * period + prng.below(period),
    node: prng.below(nodes),
    kind: count % 2 === 0 ? "SCP_MESSAGE" : "TRANSACTION"
  }))
}

/** The seed of a node's key: the one that it has in the simulation. */
export const seedOf = ({ seed }: Plan, node: number): Uint8Array => stream(seed, `node/${node}/seed`).bytes(SEED_BYTES)

/** All that is said, signed with real keys before anything begins. */
export const messagesOf = (plan: Plan, crypto: CryptoShape): ReadonlyArray<StellarMessage> => {
  const networkId = ItemHash.toBytes(crypto.sha256(new TextEncoder().encode(PASSPHRASE)))
  const signature = new ScpSignature(crypto, networkId)
  const signers = plan.startMillis.map((_, node): Signer => crypto.signer(seedOf(plan, node)))
  const statements = signers.map(() => 0)
  const quorumSetHash = new Uint8Array(ItemHash.toBytes(crypto.sha256(networkId)))
  return plan.sayings.map(({ kind, node }, count) => {
    const signer = signers[node]!
    if (kind === "SCP_MESSAGE") return signedStatement(signature, signer, quorumSetHash, statements[node]!++)
    const destination = signers[(node + 1) % signers.length]!.publicKey
    const payment = { destination, sequence: BigInt(count + 1), amount: 1n }
    return { _tag: "TRANSACTION", transaction: signedPayment(crypto, networkId, signer, payment) }
  })
}
