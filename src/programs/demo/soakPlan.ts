/**
 * When which node of a soak goes down, how, and for how long: drawn from the seed before anything runs.
 *
 * The time is cut into rounds. In each, nodes go down and come back; then all are up, the network heals, falls silent, and is
 * looked at. So what is compared at the end was measured at comparable moments.
 */
import type { Prng } from "../../core/Prng.ts"

/** How a node goes down: `stop` closes everything in order, `kill` says nothing to anybody. */
export type Way = "stop" | "kill"

/** One node goes down and comes back. Times count from the beginning of the soak. */
export interface Outage {
  readonly node: number
  readonly way: Way
  readonly atMillis: number
  readonly downMillis: number
}

/** A stretch of outages with a muster at its end. */
export interface Round {
  readonly outages: ReadonlyArray<Outage>
  /** From here on nothing new is said. */
  readonly quietMillis: number
  /** From here on the process is looked at; all nodes have been up for `HEALING_MILLIS` and more. */
  readonly musterMillis: number
  readonly endMillis: number
}

/** The length of a round: ten musters in five minutes. The whole time, where that is shorter. */
export const ROUND_MILLIS = 30_000
/** The shortest round: an outage or two, and the time behind them. */
export const SHORTEST_ROUND_MILLIS = 10_800
/** From the last return of a round to its silence: a round of dialling, and the handshakes. */
const HEALING_MILLIS = 5000
/** From the silence to the muster: what is on its way arrives, and what waited for it, at most 2 s for a transaction, goes to sleep. */
const SILENCE_MILLIS = 2500
/** For the muster: a few collections. */
const MUSTER_MILLIS = 1000
/** The shortest time down: peers have hardly noticed. */
const MIN_DOWN_MILLIS = 200
/** The longest time down: three rounds of dialling. */
const MAX_DOWN_MILLIS = 10_000
/** From one going down to the next. */
const MIN_GAP_MILLIS = 500
const MAX_GAP_MILLIS = 6000
/** At most one of so many is down at a time: the network falls apart now and then, and most of it is up. */
const DOWN_DIVISOR = 3
/** Two of three go down without a word. */
const KILLS = { numerator: 2, denominator: 3 } as const

const within = (prng: Prng, lowest: number, highest: number): number => lowest + prng.below(highest - lowest + 1)

/** Every node comes up as often as every other, in an order that is drawn anew each time. */
class Deck {
  private readonly prng: Prng
  private readonly nodes: number
  private cards: Array<number> = []

  constructor(prng: Prng, nodes: number) {
    this.prng = prng
    this.nodes = nodes
  }

  /** The next node for which this holds. */
  take(is: (node: number) => boolean): number | undefined {
    if (this.cards.length === 0) {
      this.cards = Array.from({ length: this.nodes }, (_, node) => node)
      this.prng.shuffle(this.cards)
    }
    const place = this.cards.findIndex(is)
    return place < 0 ? undefined : this.cards.splice(place, 1)[0]
  }
}

/** Draws the rounds of a soak of so many nodes (at least 2) and milliseconds (at least `SHORTEST_ROUND_MILLIS`). */
export const drawPlan = (prng: Prng, nodes: number, millis: number): ReadonlyArray<Round> => {
  const count = Math.max(1, Math.floor(millis / ROUND_MILLIS))
  const length = Math.floor(millis / count)
  const deck = new Deck(prng.fork("nodes"), nodes)
  const times = prng.fork("times")
  const mostDown = Math.max(1, Math.floor(nodes / DOWN_DIVISOR))
  return Array.from({ length: count }, (_, round) => {
    const endMillis = (round + 1) * length
    const musterMillis = endMillis - MUSTER_MILLIS
    const quietMillis = musterMillis - SILENCE_MILLIS
    const allUpMillis = quietMillis - HEALING_MILLIS
    const outages: Array<Outage> = []
    for (
      let atMillis = round * length + MIN_GAP_MILLIS;
      atMillis + MIN_DOWN_MILLIS <= allUpMillis;
      atMillis += within(times, MIN_GAP_MILLIS, MAX_GAP_MILLIS)
    ) {
      const down = new Set(
        outages.filter((outage) => outage.atMillis + outage.downMillis > atMillis).map(({ node }) => node)
      )
      if (down.size >= mostDown) continue
      const node = deck.take((one) => !down.has(one))
      if (node === undefined) continue
      const way = times.chance(KILLS.numerator, KILLS.denominator) ? "kill" : "stop"
      const downMillis = within(times, MIN_DOWN_MILLIS, Math.min(MAX_DOWN_MILLIS, allUpMillis - atMillis))
      outages.push({ node, way, atMillis, downMillis })
    }
    return { outages, quietMillis, musterMillis, endMillis }
  })
}
