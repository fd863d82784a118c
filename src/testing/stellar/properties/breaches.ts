/**
 * The property of what becomes of a peer that breaks the protocol.
 */
import { MessageType } from "../../../core/stellar/messages.ts"
import type { WireFrame, WireWay } from "../Wiretap.ts"
import { isFlood } from "./crossings.ts"
import { isHonest, type Property } from "./Property.ts"

/** The flood messages that have come in one instant. */
interface Instant {
  atMicros: number
  messages: number
}

/** Who breaks the protocol is heard no further. */
export const breachesEndSessions: Property = {
  name: "who breaks the protocol is heard no further",
  doc:
    "Behind a frame out of its sequence, or more flood messages at once than all of its credit, an honest node says nothing to that peer any more but its last words.",
  watch: (run, violated) => {
    const instants = new WeakMap<WireWay, Instant>()
    const breaches = new WeakMap<WireWay, { readonly atMicros: number; readonly what: string }>()

    const breachOf = ({ isNext, kind, way }: WireFrame, node: number): string | undefined => {
      if (!isNext) return "a frame out of its sequence"
      if (!isFlood(kind)) return undefined
      const now = run.nowMicros()
      const known = instants.get(way)
      const instant = known?.atMicros === now ? known : { atMicros: now, messages: 0 }
      instant.messages += 1
      instants.set(way, instant)
      // What comes at other times may have been given back meanwhile, before anybody can know of it.
      const isBeyond = instant.messages > (run.nodes[node]?.config.credit.messages ?? Infinity)
      return isBeyond ? `${instant.messages} messages at once` : undefined
    }

    return {
      arrived: (frame) => {
        const { toNode } = frame.way
        if (!isHonest(run, toNode) || breaches.has(frame.way)) return
        const what = breachOf(frame, toNode)
        if (what !== undefined) breaches.set(frame.way, { atMicros: run.nowMicros(), what })
      },
      sent: ({ kind, way }) => {
        if (kind === MessageType.ERROR_MSG || !isHonest(run, way.fromNode)) return
        const breach = breaches.get(way.back)
        // In the instant of the breach it may have been on its way out already.
        if (breach === undefined || breach.atMicros === run.nowMicros()) return
        violated(way.fromNode, `sends ${kind} to ${way.to.ip}, from where ${breach.what} had come`)
      }
    }
  }
}
