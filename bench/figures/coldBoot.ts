/**
 * How a network comes up whose nodes all start in the same instant and know a few others.
 *
 * They find more by what peers tell: their slots are the product's, and not those of a drawn topology.
 */
import { stream } from "../../src/core/Prng.ts"
import type { Dial, Topology } from "../../src/core/simulation/Topology.ts"
import { privateNetwork } from "../../src/services/stellar/StellarConfig.ts"
import type { FloodKind } from "../../src/testing/stellar/FloodLedger.ts"
import { PASSPHRASE } from "../../src/testing/stellar/Simulation.ts"
import type { Figure, Measured, Trial } from "./Figure.ts"
import { advance, everywhereMicros, MICROS_PER_SECOND, MILLIS_PER_SECOND, setUp, speak } from "./Stage.ts"

/** As many as the presets of the public network and of the test network name. */
const KNOWN = 3
/** Messages of all nodes together: each kind every 400 ms. */
const PER_SECOND = 5
const KINDS = ["SCP_MESSAGE", "TRANSACTION"] as const satisfies ReadonlyArray<FloodKind>
/** Shares of 100 nodes. */
const SHARES = { half: 50, most: 99, all: 100 } as const

type Name = keyof typeof SHARES | "statement" | "transaction"

/** All know the same ones, which are of them, as with the presets of public networks. */
const sameKnown = ({ nodes }: Trial): Topology => ({
  nodes,
  dials: Array.from({ length: nodes }, (_, caller) => caller).flatMap((caller) =>
    Array.from({ length: Math.min(KNOWN, nodes) }, (_, called): Dial => ({ caller, called }))
      .filter(({ called }) => called !== caller)
  )
})

/** Each knows others, drawn at random. */
const drawnKnown = ({ nodes, seed }: Trial): Topology => {
  const prng = stream(seed, "figures/known")
  return {
    nodes,
    dials: Array.from({ length: nodes }, (_, caller) => {
      const others = Array.from({ length: nodes }, (_, called) => called).filter((called) => called !== caller)
      prng.shuffle(others)
      return others.slice(0, KNOWN).map((called): Dial => ({ caller, called }))
    }).flat()
  }
}

const run = (trial: Trial, topology: Topology): Measured<Name> => {
  const { nodes, seconds, seed } = trial
  const { maxOutbound, targetOutbound, targetOutboundWithoutInbound } = privateNetwork(PASSPHRASE)
  const stage = setUp({
    seed,
    topology,
    seconds,
    config: { maxOutbound, targetOutbound, targetOutboundWithoutInbound }
  })
  const { ledger, sessions, world } = stage
  const all = stage.nodes.map(({ index }) => index)
  let hasBeenEverywhere = false
  speak(stage, {
    fromMillis: 0,
    toMillis: seconds * MILLIS_PER_SECOND,
    perSecond: PER_SECOND,
    of: (count) => ({ kind: KINDS[count % 2]!, speakers: all }),
    isOver: () => hasBeenEverywhere
  })

  /** As many as the node itself aims at, which are few while nobody has called it; or all there are. */
  const hasItsSessions = (node: number): boolean => {
    const target = sessions.count(node, "inbound") > 0 ? targetOutbound : targetOutboundWithoutInbound
    return sessions.count(node, "outbound") >= target || sessions.count(node) === nodes - 1
  }
  const settled = new Set<number>()
  const firstMicros = new Map<number, number>()
  sessions.onChange = (node) => {
    if (hasItsSessions(node)) settled.add(node)
    else settled.delete(node)
    for (const share of Object.values(SHARES)) {
      if (!firstMicros.has(share) && settled.size * 100 >= nodes * share) firstMicros.set(share, world.nowMicros())
    }
  }
  const first = (kind: FloodKind): number =>
    [...ledger.said.values()].filter((said) => said.kind === kind)
      .reduce((least, said) => Math.min(least, everywhereMicros(said, nodes)), Infinity)
  for (let second = 1; second <= seconds; second++) {
    advance(stage, second)
    hasBeenEverywhere ||= KINDS.every((kind) => first(kind) < Infinity)
    if (hasBeenEverywhere && firstMicros.size === Object.keys(SHARES).length) break
  }

  const secondsOf = (micros: number | undefined): number | null =>
    micros === undefined || micros === Infinity ? null : micros / MICROS_PER_SECOND
  return {
    half: secondsOf(firstMicros.get(SHARES.half)),
    most: secondsOf(firstMicros.get(SHARES.most)),
    all: secondsOf(firstMicros.get(SHARES.all)),
    statement: secondsOf(first("SCP_MESSAGE")),
    transaction: secondsOf(first("TRANSACTION"))
  }
}

/** The figure. */
export const coldBoot: Figure<Name> = {
  about: "how a network comes up whose nodes all start in the same instant",
  nodes: 100,
  seconds: 300,
  measures: {
    half: { title: `${SHARES.half} % have their sessions, s`, digits: 1 },
    most: { title: `${SHARES.most} % have their sessions, s`, digits: 1 },
    all: { title: "all have their sessions, s", digits: 1 },
    statement: { title: "a statement is everywhere, s", digits: 1 },
    transaction: { title: "a transaction is everywhere, s", digits: 1 }
  },
  variants: [
    {
      name: `the same ${KNOWN}`,
      parameters: { known: "same", knownPeers: KNOWN },
      run: (trial) => run(trial, sameKnown(trial))
    },
    {
      name: `${KNOWN} drawn`,
      parameters: { known: "drawn", knownPeers: KNOWN },
      run: (trial) => run(trial, drawnKnown(trial))
    }
  ]
}
