/**
 * Draws what operators and their programs do in a run under heavy faults: a program loses the network, a node is banned for a while,
 * somebody surveys, the network takes longer transactions. It is no damage, and comes on top of the faults.
 */
import type { Prng } from "../Prng.ts"
import type { Ban, Lost, Survey, Upgrade } from "./FaultPlan.ts"
import type { Topology } from "./Topology.ts"

/** Each of these is in one of so many seeds. */
const ONE_IN = 2
/** At most so many nodes lose the network: one after the other, so that most of them go on. */
const MOST_LOST = 3
/** At most so many bans are made. */
const MOST_BANS = 3
/** Nothing is worth drawing in a run with less time for it. */
const LEAST_MILLIS = 1000
/** Transactions become longer by at most so much: what a peer may be granted beside its credit. */
const MOST_MORE_BYTES = 32_768
/** A survey needs both of its halves: it lasts at least one in so many parts of the time. */
const SURVEY_PARTS = 2

/**
 * Draws them for the time from 0 to `calmMillis`, at which all are over.
 *
 * Those that act are honest: nobody is told what an attacker's operator does. Who is banned is a neighbour, honest or not.
 */
export const operatorEvents = (
  prng: Prng,
  topology: Topology,
  calmMillis: number,
  hostile: ReadonlySet<number>
): ReadonlyArray<Lost | Ban | Survey | Upgrade> => {
  const honest = Array.from({ length: topology.nodes }, (_, node) => node).filter((node) => !hostile.has(node))
  if (calmMillis < LEAST_MILLIS || honest.length === 0) return []
  const [losing, banning, surveying, upgrading] = ["lost", "bans", "survey", "upgrade"].map((name) => prng.fork(name))
  return [
    ...(losing === undefined ? [] : losses(losing, honest, calmMillis)),
    ...(banning === undefined ? [] : bans(banning, topology, hostile, calmMillis)),
    ...(surveying === undefined ? [] : surveys(surveying, honest, calmMillis)),
    ...(upgrading === undefined ? [] : upgrades(upgrading, calmMillis))
  ]
}

const oneOf = <A>(prng: Prng, list: ReadonlyArray<A>): A => list[prng.below(list.length)]!

/** A span of at least this length within the time. */
const within = (prng: Prng, calmMillis: number, leastMillis: number) => {
  const fromMillis = prng.below(calmMillis - leastMillis + 1)
  return { fromMillis, toMillis: fromMillis + leastMillis + prng.below(calmMillis - leastMillis - fromMillis + 1) }
}

const losses = (prng: Prng, honest: ReadonlyArray<number>, calmMillis: number): ReadonlyArray<Lost> => {
  if (!prng.chance(1, ONE_IN)) return []
  return Array.from({ length: 1 + prng.below(MOST_LOST) }, () => ({
    kind: "lost",
    node: oneOf(prng, honest),
    ...within(prng, calmMillis, 1)
  }))
}

const bans = (
  prng: Prng,
  topology: Topology,
  hostile: ReadonlySet<number>,
  calmMillis: number
): ReadonlyArray<Ban> => {
  const ways = topology.dials
    .flatMap(({ called, caller }) => [{ source: caller, target: called }, { source: called, target: caller }])
    .filter(({ source }) => !hostile.has(source))
  if (ways.length === 0 || !prng.chance(1, ONE_IN)) return []
  const drawn = Array.from({ length: 1 + prng.below(MOST_BANS) }, (): Ban => ({
    kind: "ban",
    ...oneOf(prng, ways),
    ...within(prng, calmMillis, 1)
  }))
  // A ban that is made anew has another expiry: one of a pair is enough.
  return drawn.filter(({ source, target }, place) =>
    drawn.findIndex((ban) => ban.source === source && ban.target === target) === place
  )
}

const surveys = (prng: Prng, honest: ReadonlyArray<number>, calmMillis: number): ReadonlyArray<Survey> =>
  prng.chance(1, ONE_IN)
    ? [{ kind: "survey", node: oneOf(prng, honest), ...within(prng, calmMillis, Math.ceil(calmMillis / SURVEY_PARTS)) }]
    : []

const upgrades = (prng: Prng, calmMillis: number): ReadonlyArray<Upgrade> =>
  prng.chance(1, ONE_IN)
    ? [{ kind: "upgrade", moreBytes: 1 + prng.below(MOST_MORE_BYTES), atMillis: prng.below(calmMillis) }]
    : []
