/**
 * The property of preferences: preferred peers have the right of way.
 */
import { format } from "../../../core/PeerAddress.ts"
import { isHonest, nodeAt, nodeOf, type Property } from "./Property.ts"
import { LiveSessions } from "./sessions.ts"

/** Reasons for which a node leaves a peer for another one. */
const LEFT_FOR_ANOTHER: ReadonlySet<string> = new Set(["PreferredPeerSelected", "OutOfSync"])
/** Reasons for which a node has no room for who calls. */
const NO_ROOM: ReadonlySet<string> = new Set(["PeerRejected", "InboundOverShare"])

/** Who is preferred comes in and stays. */
export const preferredComeFirst: Property = {
  name: "who is preferred comes in and stays, whoever else is there",
  doc:
    "No honest preferred peer is left for another one, nor refused for want of room while not all slots are held by preferred ones; and where only such are wanted, nobody else has a session.",
  watch: (run, violated) => {
    const [at, of] = [nodeAt(run), nodeOf(run)]
    const live = new LiveSessions()
    const isPreferred = (node: number, other: { readonly index: number } | undefined): boolean =>
      other !== undefined && run.nodes[node]?.preferred.has(other.index) === true
    return {
      event: (node, event) => {
        const config = run.nodes[node]?.config
        if (config === undefined) return
        if (event._tag === "PeerLeft" && LEFT_FOR_ANOTHER.has(event.reason._tag) && isPreferred(node, of(event.id))) {
          violated(node, `${event.id} is left: ${event.reason._tag}`)
        }
        if (event._tag === "PeerJoined" && config.preferredPeersOnly) {
          // By its key, or by its address, whoever sits there.
          const { address, id } = event.peer
          if (!isPreferred(node, of(id)) && !isPreferred(node, at(address.ip))) violated(node, `${id} is let in`)
        }
        if (event._tag === "ConnectionFailed" && NO_ROOM.has(event.reason._tag)) {
          const other = at(event.address.ip)
          const slots = event.direction === "inbound" ? config.maxInbound : config.maxOutbound
          const held = [...live.of(node)].filter(([id, direction]) =>
            direction === event.direction && isPreferred(node, of(id))
          )
          if (other !== undefined && isHonest(run, other.index) && isPreferred(node, other) && held.length < slots) {
            violated(node, `${format(event.address)} is refused: ${event.reason._tag}`)
          }
        }
        live.event(node, event)
      },
      ended: (node) => live.forget(node)
    }
  }
}
