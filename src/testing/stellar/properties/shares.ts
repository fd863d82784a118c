/**
 * The property of shares: nobody has more of a node's inbound slots than one IP, or one /24, may have.
 */
import { format } from "../../../core/PeerAddress.ts"
import type { PeerId } from "../../../core/PeerId.ts"
import { Shares } from "../../../core/Shares.ts"
import { isExempt, sharesOf } from "../../../layers/stellar/StellarDoor.ts"
import { entryOf, type Property } from "./Property.ts"

/** Who calls from one place is one of few, however many it is. */
export const sharesHold: Property = {
  name: "no IP and no /24 has more inbound peers than its share",
  doc:
    "Of those that have called an honest node, at most the share of its configuration is from one IP, and from one /24. Nodes of its configuration, and addresses for which there are no shares, do not count.",
  watch: (run, violated) => {
    const ips = new Map<number, Map<PeerId, string>>()
    const shares = new Map<number, Shares>()
    const forget = (node: number): void => {
      ips.delete(node)
      shares.delete(node)
    }
    return {
      event: (node, event) => {
        const watched = run.nodes[node]
        if (watched === undefined) return
        const { maxInboundPerIp, maxInboundPerSubnet } = sharesOf(watched.config)
        const held = entryOf(shares)(
          node,
          () => new Shares({ perIp: maxInboundPerIp, perSubnet: maxInboundPerSubnet })
        )
        const ipOf = entryOf(ips)(node, () => new Map<PeerId, string>())
        if (event._tag === "PeerJoined" && event.peer.direction === "inbound") {
          const { address, id } = event.peer
          const isConfigured = watched.calls.some((called) => run.nodes[called]?.address.ip === address.ip)
          if (isConfigured || isExempt(watched.config, address.ip)) return
          const full = held.fullFor(address.ip)
          if (full !== undefined) violated(node, `${id} from ${format(address)}, beyond the share of its ${full}`)
          held.add(address.ip)
          ipOf.set(id, address.ip)
        }
        if (event._tag === "PeerLeft") {
          const ip = ipOf.get(event.id)
          if (ip === undefined) return
          held.remove(ip)
          ipOf.delete(event.id)
        }
      },
      ended: forget
    }
  }
}
