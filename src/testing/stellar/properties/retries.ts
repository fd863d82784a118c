/**
 * The property of what is demanded and does not come.
 */
import * as ItemHash from "../../../core/ItemHash.ts"
import {
  DEMAND_BACKOFF_MAX_MILLIS,
  DEMAND_MAX_PEERS,
  DEMAND_PERIOD_MILLIS,
  MAX_TX_SET_OPERATIONS
} from "../../../core/stellar/limits.ts"
import { MessageType } from "../../../core/stellar/messages.ts"
import { Crossings } from "./crossings.ts"
import { byWay, entryOf, isHonest, type Property } from "./Property.ts"

const MICROS_PER_MILLI = 1000
/** A demand is made at the beat of the rounds, and goes out with the next turn: two rounds are enough. */
const ROUNDS_MICROS = 2 * DEMAND_PERIOD_MILLIS * MICROS_PER_MILLI

/** The longest wait between two demands of one transaction. */
const WAIT_MICROS = DEMAND_BACKOFF_MAX_MILLIS * MICROS_PER_MILLI

/** What the sender of a way has advertised. */
interface Offers {
  /** How many hashes have come. */
  count: number
  /** Those that it was not asked for: since when, and the how-manieth each was. */
  readonly unasked: Map<ItemHash.ItemHash, { readonly sinceMicros: number; readonly number: number }>
}

/** Whoever has it is asked for what does not come. */
export const demandsAreRetried: Property = {
  name: "what one peer does not deliver is asked of the next",
  doc:
    "A transaction that has not come is demanded of another honest peer that has advertised it when all others have had their time, before the next advert goes to that peer; unless the peer has advertised so many since that the oldest are shed.",
  watch: (run, violated) => {
    const crossings = Crossings.of(run)
    const has = new Map<number, Set<ItemHash.ItemHash>>()
    const hasOf = (node: number): Set<ItemHash.ItemHash> => entryOf(has)(node, () => new Set<ItemHash.ItemHash>())
    const offersOf = byWay((): Offers => ({ count: 0, unasked: new Map() }))

    const isLate = (node: number, hash: ItemHash.ItemHash, sinceMicros: number): boolean => {
      const { askedEver = 0, lastMicros = 0 } = crossings.demand(node, hash) ?? {}
      const waitedMicros = run.nowMicros() - Math.max(sinceMicros, lastMicros) - ROUNDS_MICROS
      return askedEver < DEMAND_MAX_PEERS && waitedMicros > WAIT_MICROS
        // A demand to any of those may be made and wait for credit, unseen.
        && waitedMicros > crossings.tellers(node, hash) * WAIT_MICROS
    }

    /** What was offered to a program that had lost the network was not listened to. */
    const isLost = (node: number, sinceMicros: number): boolean =>
      (run.nodes[node]?.lastLostMicros() ?? -Infinity) >= sinceMicros

    return crossings.feeding({
      said: (node, { hash }) => void hasOf(node).add(hash),
      ended: (node) => void has.delete(node),
      arrived: ({ hash, hashes, kind, way }) => {
        const { toNode } = way
        if (!isHonest(run, toNode)) return
        if (kind === MessageType.TRANSACTION && hash !== undefined) hasOf(toNode).add(hash)
        // A storm of adverts is not listened to up to its end.
        if (kind !== MessageType.FLOOD_ADVERT || !isHonest(run, way.fromNode)) return
        const [there, offers] = [hasOf(toNode), offersOf(way)]
        for (const one of hashes) {
          offers.count += 1
          if (!there.has(one)) offers.unasked.set(one, { sinceMicros: run.nowMicros(), number: offers.count })
        }
      },
      sent: ({ hashes, kind, way }) => {
        const { fromNode } = way
        if (kind !== MessageType.FLOOD_DEMAND && kind !== MessageType.FLOOD_ADVERT) return
        if (!isHonest(run, fromNode)) return
        const { count, unasked } = offersOf(way.back)
        if (kind === MessageType.FLOOD_DEMAND) {
          for (const hash of hashes) unasked.delete(hash)
          return
        }
        // Adverts rank behind demands: what was due has gone before, whatever the credit and the link.
        for (const [hash, { number, sinceMicros }] of unasked) {
          const isShed = count - number >= MAX_TX_SET_OPERATIONS
          // On another link than this, in an earlier session.
          const isAsked = crossings.demand(fromNode, hash)?.peers.includes(way.back.claimed ?? way.to.ip) === true
          if (isShed || isAsked || hasOf(fromNode).has(hash)) unasked.delete(hash)
          else if (isLost(fromNode, sinceMicros)) unasked.delete(hash)
          else if (isLate(fromNode, hash, sinceMicros)) {
            violated(fromNode, `${ItemHash.toHex(hash)} is not demanded of ${way.to.ip}`)
          }
        }
      }
    })
  }
}
