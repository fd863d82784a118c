/**
 * The property of what becomes of a peer that breaks the protocol.
 */
import { MessageType } from "../../../core/stellar/messages.ts"
import type { WireFrame } from "../Wiretap.ts"
import { isFlood } from "./crossings.ts"
import { byWay, isHonest, type Property } from "./Property.ts"

/** What has come over a way. */
interface Conduct {
  /** The chunk that came last, and how many flood messages there were in it. */
  chunk: number
  messages: number
  breach: { readonly atMicros: number; readonly what: string } | undefined
}

/** Who breaks the protocol is heard no further. */
export const breachesEndSessions: Property = {
  name: "who breaks the protocol is heard no further",
  doc:
    "Behind a frame out of its sequence, or more flood messages in one chunk than all of its credit, an honest node says nothing to that peer any more but its last words.",
  watch: (run, violated) => {
    const conductOver = byWay((): Conduct => ({ chunk: 0, messages: 0, breach: undefined }))

    const breachOf = ({ isNext, kind, way }: WireFrame, node: number, conduct: Conduct): string | undefined => {
      if (!isNext) return "a frame out of its sequence"
      if (!isFlood(kind)) return undefined
      if (conduct.chunk !== way.chunks) {
        conduct.chunk = way.chunks
        conduct.messages = 0
      }
      conduct.messages += 1
      // What came in chunks before may have been given back meanwhile, before anybody can know of it.
      const isBeyond = conduct.messages > (run.nodes[node]?.config.credit.messages ?? Infinity)
      return isBeyond ? `${conduct.messages} messages at once` : undefined
    }

    return {
      arrived: (frame) => {
        const { toNode } = frame.way
        if (!isHonest(run, toNode)) return
        const conduct = conductOver(frame.way)
        if (conduct.breach !== undefined) return
        const what = breachOf(frame, toNode, conduct)
        if (what !== undefined) conduct.breach = { atMicros: run.nowMicros(), what }
      },
      sent: ({ kind, way }) => {
        if (kind === MessageType.ERROR_MSG || !isHonest(run, way.fromNode)) return
        const { breach } = conductOver(way.back)
        // In the instant of the breach it may have been on its way out already.
        if (breach === undefined || breach.atMicros === run.nowMicros()) return
        violated(way.fromNode, `sends ${kind} to ${way.to.ip}, from where ${breach.what} had come`)
      }
    }
  }
}
