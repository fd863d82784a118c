/**
 * The property of who is told what they have told themselves.
 */
import * as ItemHash from "../../../core/ItemHash.ts"
import type { PeerId } from "../../../core/PeerId.ts"
import { MessageType } from "../../../core/stellar/messages.ts"
import type { WireWay } from "../Wiretap.ts"
import { entryOf, isHonest, type Property } from "./Property.ts"

/** Whom a node has a statement of, and since when. */
interface Accepted {
  readonly from: PeerId
  readonly atMicros: number
}

/** Nobody hears back what a node has of them. */
export const noEchoes: Property = {
  name: "a statement is not told to the peer that it was accepted from",
  doc: "A statement goes to the peer from which it was accepted only if that peer has asked for statements since.",
  watch: (run, violated) => {
    const accepted = new Map<number, Map<ItemHash.ItemHash, Accepted>>()
    /** When a question for statements last came this way. */
    const asked = new WeakMap<WireWay, number>()
    return {
      processed: (node, { from, hash, kind }, isAccepted) => {
        if (kind !== "SCP_MESSAGE" || !isAccepted) return
        entryOf(accepted)(node, () => new Map<ItemHash.ItemHash, Accepted>()).set(hash, {
          from,
          atMicros: run.nowMicros()
        })
      },
      ended: (node) => void accepted.delete(node),
      arrived: ({ kind, way }) => {
        if (kind === MessageType.GET_SCP_STATE) asked.set(way, run.nowMicros())
      },
      sent: ({ hash, kind, way }) => {
        const { fromNode } = way
        if (kind !== MessageType.SCP_MESSAGE || hash === undefined || !isHonest(run, fromNode)) return
        const known = accepted.get(fromNode)?.get(hash)
        if (known === undefined || known.from !== way.back.claimed) return
        if ((asked.get(way.back) ?? -1) < known.atMicros) violated(fromNode, `${ItemHash.toHex(hash)} to ${way.to.ip}`)
      }
    }
  }
}
