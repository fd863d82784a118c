/**
 * The property of what is demanded and does not come.
 */
import * as ItemHash from "../../../core/ItemHash.ts"
import { DEMAND_BACKOFF_MAX_MILLIS, DEMAND_MAX_PEERS, DEMAND_PERIOD_MILLIS } from "../../../core/stellar/limits.ts"
import { MessageType } from "../../../core/stellar/messages.ts"
import type { WireWay } from "../Wiretap.ts"
import { entryOf, isHonest, type Property } from "./Property.ts"

const MICROS_PER_MILLI = 1000
/** A demand is made at the beat of the rounds, and goes out with the next turn: two rounds are enough. */
const ROUNDS_MICROS = 2 * DEMAND_PERIOD_MILLIS * MICROS_PER_MILLI

/** The longest wait between two demands of one transaction. */
const WAIT_MICROS = DEMAND_BACKOFF_MAX_MILLIS * MICROS_PER_MILLI

/** What a node knows of a transaction that it has not got. */
interface Wanted {
  lastMicros: number
  /** How many peers have advertised it, and how many were asked. */
  offers: number
  asked: number
}

/** Whoever has it is asked for what does not come. */
export const demandsAreRetried: Property = {
  name: "what one peer does not deliver is asked of the next",
  doc:
    "A transaction that has not come is demanded of another honest peer that has advertised it when all others have had their time, before the next advert goes to that peer.",
  watch: (run, violated) => {
    const wanted = new Map<number, Map<ItemHash.ItemHash, Wanted>>()
    const has = new Map<number, Set<ItemHash.ItemHash>>()
    /** What the sender of a way has advertised and was not asked for: since when. */
    const offers = new WeakMap<WireWay, Map<ItemHash.ItemHash, number>>()
    const hasOf = (node: number): Set<ItemHash.ItemHash> => entryOf(has)(node, () => new Set<ItemHash.ItemHash>())
    const wantedOf = (node: number, hash: ItemHash.ItemHash): Wanted =>
      entryOf(entryOf(wanted)(node, () => new Map<ItemHash.ItemHash, Wanted>()))(
        hash,
        () => ({ lastMicros: run.nowMicros(), offers: 0, asked: 0 })
      )
    const offersOf = (way: WireWay): Map<ItemHash.ItemHash, number> =>
      entryOf(offers)(way, () => new Map<ItemHash.ItemHash, number>())

    const offered = (node: number, way: WireWay, hash: ItemHash.ItemHash): void => {
      if (hasOf(node).has(hash)) return
      wantedOf(node, hash).offers += 1
      // A storm of adverts is not listened to up to its end.
      if (isHonest(run, way.fromNode)) offersOf(way).set(hash, run.nowMicros())
    }

    const demanded = (node: number, way: WireWay, hash: ItemHash.ItemHash): void => {
      offersOf(way.back).delete(hash)
      const known = wantedOf(node, hash)
      known.lastMicros = run.nowMicros()
      known.asked += 1
    }

    const isLate = (node: number, hash: ItemHash.ItemHash, sinceMicros: number): boolean => {
      const { asked, lastMicros, offers } = wantedOf(node, hash)
      // A demand to any of those may be made and wait for credit, unseen.
      const dueMicros = Math.max(sinceMicros, lastMicros) + offers * WAIT_MICROS + ROUNDS_MICROS
      return asked < DEMAND_MAX_PEERS && run.nowMicros() > dueMicros
    }

    return {
      said: (node, { hash }) => void hasOf(node).add(hash),
      ended: (node) => {
        wanted.delete(node)
        has.delete(node)
      },
      arrived: ({ hash, hashes, kind, way }) => {
        const { toNode } = way
        if (!isHonest(run, toNode)) return
        if (kind === MessageType.TRANSACTION && hash !== undefined) {
          hasOf(toNode).add(hash)
        } else if (kind === MessageType.FLOOD_ADVERT) {
          for (const one of hashes) offered(toNode, way, one)
        }
      },
      sent: ({ hashes, kind, way }) => {
        const { fromNode } = way
        if (!isHonest(run, fromNode)) return
        if (kind === MessageType.FLOOD_DEMAND) {
          for (const hash of hashes) demanded(fromNode, way, hash)
        } else if (kind === MessageType.FLOOD_ADVERT) {
          // Adverts rank behind demands: what was due has gone before, whatever the credit and the link.
          for (const [hash, sinceMicros] of offers.get(way.back) ?? []) {
            if (hasOf(fromNode).has(hash)) offersOf(way.back).delete(hash)
            else if (isLate(fromNode, hash, sinceMicros)) {
              violated(fromNode, `${ItemHash.toHex(hash)} is not demanded of ${way.to.ip}`)
            }
          }
        }
      }
    }
  }
}
