/**
 * Whom some nodes of a run prefer, and how few slots they have, so that it matters.
 */
import type { Prng } from "../Prng.ts"
import { neighboursOf, type Topology } from "./Topology.ts"

/** The preferences of one node. */
export interface Preference {
  readonly node: number
  /** Whom it prefers by address: some of those that it is configured to call. */
  readonly byAddress: ReadonlyArray<number>
  /** Whom it prefers by key: some of those that call it. */
  readonly byKey: ReadonlyArray<number>
  /** Whether it turns all others away. */
  readonly only: boolean
  readonly maxInbound: number
  readonly maxOutbound: number
}

/** One in so many seeds has any. */
const SEEDS = 2
/** One in so many nodes of such a seed has some. */
const NODES = 3
/** One in so many of those wants no others. */
const ONLY = 6
/** So many callers are preferred at most, where others are let in, too. */
const MOST_CALLERS = 2

/** Draws the preferences of a run: none in every other one. Where only preferred peers are wanted, all neighbours are preferred. */
export const drawPreferences = (prng: Prng, topology: Topology): ReadonlyArray<Preference> => {
  if (!prng.chance(1, SEEDS)) return []
  return neighboursOf(topology).flatMap((_, node): ReadonlyArray<Preference> => {
    if (!prng.chance(1, NODES)) return []
    const called = topology.dials.filter(({ caller }) => caller === node).map((dial) => dial.called)
    const callers = topology.dials.filter((dial) => dial.called === node).map(({ caller }) => caller)
    prng.shuffle(called)
    prng.shuffle(callers)
    if (prng.chance(1, ONLY)) {
      const slots = called.length + callers.length
      return [{ node, byAddress: called, byKey: callers, only: true, maxInbound: slots, maxOutbound: slots }]
    }
    return [{
      node,
      byAddress: called.slice(0, 1),
      byKey: callers.slice(0, MOST_CALLERS),
      only: false,
      // One slot fewer than there are that want one; room for all that are preferred in either direction.
      maxInbound: Math.max(1 + MOST_CALLERS, callers.length - 1),
      maxOutbound: Math.max(1 + MOST_CALLERS, called.length - 1)
    }]
  })
}
