/**
 * The property of what becomes of a peer that breaks the protocol.
 */
import { MessageType } from "../../../core/stellar/messages.ts"
import type { WireFrame, WireWay } from "../Wiretap.ts"
import { isFlood } from "./crossings.ts"
import { isHonest, type Property } from "./Property.ts"

/** The flood messages that have come in one chunk. */
interface Chunk {
  readonly number: number
  messages: number
}

/** Who breaks the protocol is heard no further. */
export const breachesEndSessions: Property = {
  name: "who breaks the protocol is heard no further",
  doc:
    "Behind a frame out of its sequence, or more flood messages in one chunk than all of its credit, an honest node says nothing to that peer any more but its last words.",
  watch: (run, violated) => {
    /** Chunks that have arrived anywhere. */
    let delivered = 0
    const chunks = new WeakMap<WireWay, Chunk>()
    const breaches = new WeakMap<WireWay, { readonly atMicros: number; readonly what: string }>()

    const breachOf = ({ isNext, kind, way }: WireFrame, node: number): string | undefined => {
      if (!isNext) return "a frame out of its sequence"
      if (!isFlood(kind)) return undefined
      const known = chunks.get(way)
      const chunk = known?.number === delivered ? known : { number: delivered, messages: 0 }
      chunk.messages += 1
      chunks.set(way, chunk)
      // What came in chunks before may have been given back meanwhile, before anybody can know of it.
      const isBeyond = chunk.messages > (run.nodes[node]?.config.credit.messages ?? Infinity)
      return isBeyond ? `${chunk.messages} messages at once` : undefined
    }

    return {
      network: ({ _tag }) => {
        if (_tag === "Delivered") delivered += 1
      },
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
