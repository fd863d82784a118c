/**
 * The rules of demands, on the wire.
 */
import * as ItemHash from "../../../core/ItemHash.ts"
import { DEMAND_MAX_PEERS, DEMAND_MEMORY_MILLIS } from "../../../core/stellar/limits.ts"
import { MessageType } from "../../../core/stellar/messages.ts"
import type { WireWay } from "../Wiretap.ts"
import { entryOf, isHonest, type Property } from "./Property.ts"

const MICROS_PER_MILLI = 1000
/** A demand may wait so long for credit: the memory that it is judged by has begun before it is on the wire. */
const WAIT_MICROS = 10_000_000
const MEMORY_MICROS = DEMAND_MEMORY_MILLIS * MICROS_PER_MILLI - WAIT_MICROS

interface Asked {
  readonly firstMicros: number
  readonly peers: Set<string>
}

/** Demands are made of who has something, of each once, and not of all the world. */
export const demandRules: Property = {
  name: "demands keep their rules",
  doc:
    "An honest node demands only what that peer has advertised in this session, of no peer twice and of at most 15 peers while the demand is remembered.",
  watch: (run, violated) => {
    const adverts = new WeakMap<WireWay, Set<ItemHash.ItemHash>>()
    const asked = new Map<number, Map<ItemHash.ItemHash, Asked>>()
    const demanded = (node: number, hash: ItemHash.ItemHash, peer: string): void => {
      const now = run.nowMicros()
      const book = entryOf(asked)(node, () => new Map<ItemHash.ItemHash, Asked>())
      const known = book.get(hash)
      if (known === undefined || now - known.firstMicros > MEMORY_MICROS) {
        book.set(hash, { firstMicros: now, peers: new Set([peer]) })
        return
      }
      if (known.peers.has(peer)) violated(node, `${ItemHash.toHex(hash)} is demanded twice of ${peer}`)
      known.peers.add(peer)
      if (known.peers.size > DEMAND_MAX_PEERS) {
        violated(node, `${ItemHash.toHex(hash)} is demanded of ${known.peers.size} peers`)
      }
    }
    return {
      ended: (node) => void asked.delete(node),
      arrived: ({ hashes, kind, way }) => {
        if (kind !== MessageType.FLOOD_ADVERT || !isHonest(run, way.toNode)) return
        const known = entryOf(adverts)(way, () => new Set<ItemHash.ItemHash>())
        for (const hash of hashes) known.add(hash)
      },
      sent: ({ hashes, kind, way }) => {
        const { fromNode } = way
        if (kind !== MessageType.FLOOD_DEMAND || !isHonest(run, fromNode)) return
        for (const hash of hashes) {
          if (adverts.get(way.back)?.has(hash) !== true) {
            violated(fromNode, `${ItemHash.toHex(hash)} is demanded of ${way.to.ip}, which has not advertised it`)
          }
          demanded(fromNode, hash, way.back.claimed ?? way.to.ip)
        }
      }
    }
  }
}
