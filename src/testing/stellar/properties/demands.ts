/**
 * The rules of demands, on the wire.
 */
import * as ItemHash from "../../../core/ItemHash.ts"
import { DEMAND_BACKOFF_MAX_MILLIS, DEMAND_BACKOFF_MILLIS, DEMAND_MAX_PEERS } from "../../../core/stellar/limits.ts"
import { MessageType } from "../../../core/stellar/messages.ts"
import type { WireWay } from "../Wiretap.ts"
import { Crossings } from "./crossings.ts"
import { byWay, entryOf, isHonest, type Property } from "./Property.ts"

/** Demands are made of who has something, of each once, and not of all the world. */
export const demandRules: Property = {
  name: "demands keep their rules",
  doc:
    "An honest node demands only what that peer has advertised in this session, of no peer twice and of at most 15 peers while the demand is remembered.",
  watch: (run, violated) => {
    const crossings = Crossings.of(run)
    return crossings.feeding({
      sent: ({ hashes, kind, way }) => {
        const { fromNode } = way
        if (kind !== MessageType.FLOOD_DEMAND || !isHonest(run, fromNode)) return
        const offered = crossings.over(way.back).hashes
        for (const hash of hashes) {
          if (offered.heardMicros(hash) === undefined) {
            violated(fromNode, `${ItemHash.toHex(hash)} is demanded of ${way.to.ip}, which has not advertised it`)
          }
          const peers = crossings.demand(fromNode, hash)?.peers ?? []
          if (peers.length === 1) continue
          const peer = peers.at(-1)
          if (peers.indexOf(peer!) < peers.length - 1) {
            violated(fromNode, `${ItemHash.toHex(hash)} is demanded twice of ${peer}`)
          }
          if (peers.length > DEMAND_MAX_PEERS) {
            violated(fromNode, `${ItemHash.toHex(hash)} is demanded of ${peers.length} peers`)
          }
        }
      }
    })
  }
}

const MICROS_PER_MILLI = 1000
const MICROS_PER_SECOND = 1_000_000
/** A node's clock counts whole milliseconds: two of its times may be so much nearer than it knows. */
const TICK_MICROS = MICROS_PER_MILLI
/** When bytes get through both ways, so long after it the sender knows that there is room. */
const SETTLED_MICROS = MICROS_PER_SECOND
/** An application may let go of what it has; not so soon. */
const HELD_MICROS = 10 * MICROS_PER_SECOND

/** How a way does in the calm. */
interface Passage {
  /** The first frame that was sent in the calm, and when it, or one behind it, had arrived. */
  firstIndex: number
  passedMicros: number
  /** When the sender last got credit. */
  grantedMicros: number
}

const passage = (): Passage => ({ firstIndex: Infinity, passedMicros: Infinity, grantedMicros: -1 })

/** Demands have their time. */
export const demandsHaveTheirTime: Property = {
  name: "nothing is demanded before its time, nor what is there",
  doc:
    "Between two demands for a transaction is the back-off of those asked before, and no node demands what it has accepted in the last 10 s. Looked at in the calm, of demands that have waited neither for credit nor for the link: of those it is known when they were made.",
  watch: (run, violated) => {
    const crossings = Crossings.of(run)
    const passages = byWay(passage)
    /** When each node has last demanded a transaction without having to wait. */
    const prompt = new Map<number, Map<ItemHash.ItemHash, number>>()
    const isPrompt = (way: WireWay): boolean => {
      if (!isHonest(run, way.toNode)) return false
      const now = run.nowMicros()
      const { grantedMicros, passedMicros } = passages(way)
      return grantedMicros !== now && now - Math.max(passedMicros, passages(way.back).passedMicros) >= SETTLED_MICROS
    }

    const demanded = (node: number, hash: ItemHash.ItemHash): void => {
      const now = run.nowMicros()
      const known = entryOf(prompt)(node, () => new Map<ItemHash.ItemHash, number>())
      const before = known.get(hash)
      known.set(hash, now)
      const others = (crossings.demand(node, hash)?.peers.length ?? 1) - 1
      const waitMicros = Math.min(others * DEMAND_BACKOFF_MILLIS, DEMAND_BACKOFF_MAX_MILLIS) * MICROS_PER_MILLI
      if (before !== undefined && now - before < waitMicros - TICK_MICROS) {
        violated(node, `${ItemHash.toHex(hash)} is demanded again after ${now - before} us, of ${others} before`)
      }
      const sinceMicros = crossings.acceptance(node, hash)?.atMicros ?? now
      if (sinceMicros < now && now - sinceMicros < HELD_MICROS) {
        violated(node, `${ItemHash.toHex(hash)} is demanded, and is there since ${sinceMicros} us`)
      }
    }

    return crossings.feeding({
      ended: (node) => void prompt.delete(node),
      arrived: ({ grant, index, way }) => {
        if (run.nowMicros() < run.calmFromMicros) return
        const passed = passages(way)
        if (index >= passed.firstIndex) passed.passedMicros = Math.min(passed.passedMicros, run.nowMicros())
        if (grant !== undefined) passages(way.back).grantedMicros = run.nowMicros()
      },
      sent: ({ hashes, index, kind, way }) => {
        if (run.nowMicros() < run.calmFromMicros) return
        const passed = passages(way)
        if (passed.firstIndex > index) passed.firstIndex = index
        if (kind !== MessageType.FLOOD_DEMAND || !isHonest(run, way.fromNode) || !isPrompt(way)) return
        for (const hash of hashes) demanded(way.fromNode, hash)
      }
    })
  }
}
