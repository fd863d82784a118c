/**
 * What happens to a node, as a line for people and as a document for scripts.
 */
import { format } from "../core/PeerAddress.ts"
import type { PeerId } from "../core/PeerId.ts"
import { type StellarDropReason } from "../core/stellar/DropReason.ts"
import { shortPeerId } from "../core/stellar/StrKey.ts"
import type { OverlayEvent, PeerInfo } from "../services/Overlay.ts"
import type { Stellar } from "../services/stellar/Overlay.ts"
import { escaped } from "./escaped.ts"

/** What happens to a node: what its overlay tells, and what only the program knows. */
export type NodeEvent =
  | OverlayEvent<Stellar>
  | {
    readonly _tag: "Started"
    readonly id: PeerId
    readonly network: string
    readonly passphrase: string
    readonly data: string | undefined
  }
  | {
    readonly _tag: "Status"
    readonly ledger: number | undefined
    readonly synced: boolean
    readonly peers: ReadonlyArray<PeerInfo<Stellar>>
    readonly counters: Readonly<Record<string, number>>
  }
  | { readonly _tag: "Stopping" }

const why = ({ advice, endedBy, text, _tag }: StellarDropReason) => ({
  reason: _tag,
  endedBy,
  text: escaped(text),
  advice
})

const countOf = (peers: ReadonlyArray<PeerInfo<Stellar>>, direction: "inbound" | "outbound"): number =>
  peers.filter((peer) => peer.direction === direction).length

/** The event as a JSON document: `event` names it, and its keys stay as they are. */
export const documentOf = (event: NodeEvent): Readonly<Record<string, unknown>> => {
  switch (event._tag) {
    case "Listening":
      return { event: "listening", address: format(event.address) }
    case "Started":
      return {
        event: "started",
        id: event.id,
        network: event.network,
        passphrase: event.passphrase,
        data: event.data ?? null
      }
    case "Dialing":
      return { event: "dialing", address: format(event.address) }
    case "PeerJoined": {
      const { address, direction, id, versionText, versions } = event.peer
      return { event: "joined", id, address: format(address), direction, versionText: escaped(versionText), versions }
    }
    case "PeerLeft":
      return {
        event: "left",
        id: event.id,
        address: format(event.address),
        direction: event.direction,
        ...why(event.reason)
      }
    case "ConnectionFailed":
      // Two that call each other at once have one connection: the other one has not failed.
      return {
        event: event.reason._tag === "SimultaneousDial" ? "tied" : "failed",
        address: format(event.address),
        direction: event.direction,
        ...why(event.reason)
      }
    case "Banned":
      return { event: "banned", id: event.id }
    case "Unbanned":
      return { event: "unbanned", id: event.id }
    case "Status":
      return {
        event: "status",
        ledger: event.ledger ?? null,
        synced: event.synced,
        inbound: countOf(event.peers, "inbound"),
        outbound: countOf(event.peers, "outbound"),
        counters: event.counters
      }
    case "Stopping":
      return { event: "stopping" }
  }
}

/** The event as a line for people. */
export const textOf = (event: NodeEvent): string => {
  switch (event._tag) {
    case "Listening":
      return `listening on ${format(event.address)}`
    case "Started": {
      const network = event.network === "private" ? `the private network "${event.passphrase}"` : event.network
      return `started as ${event.id} in ${network}, ${
        event.data === undefined ? "keeping nothing" : `data in ${event.data}`
      }`
    }
    case "Dialing":
      return `dialing ${format(event.address)}`
    case "PeerJoined": {
      const { address, direction, id, versionText, versions } = event.peer
      return `joined ${shortPeerId(id)} ${format(address)} ${direction} (${escaped(versionText)}, overlay ${
        versions["overlay"]
      })`
    }
    case "PeerLeft":
      return `left ${shortPeerId(event.id)} ${format(event.address)} ${event.direction}: ${sentence(event.reason)}`
    case "ConnectionFailed":
      if (event.reason._tag === "SimultaneousDial") {
        return `tied ${shortPeerId(event.reason.id)} ${
          format(event.address)
        } ${event.direction}: ${event.reason.advice}`
      }
      return `failed ${format(event.address)} ${event.direction}: ${sentence(event.reason)}`
    case "Banned":
      return `banned ${event.id}`
    case "Unbanned":
      return `unbanned ${event.id}`
    case "Status":
      return `status: ledger ${event.ledger ?? "unknown"}, ${event.synced ? "in sync" : "not in sync"}, ${
        countOf(event.peers, "inbound")
      } inbound, ${countOf(event.peers, "outbound")} outbound; ${
        Object.entries(event.counters).map(([name, count]) => `${name} ${count}`).join(", ")
      }`
    case "Stopping":
      return "stopping"
  }
}

const sentence = (reason: StellarDropReason): string => {
  const { advice, endedBy, text } = why(reason)
  return `${endedBy === "them" ? "the peer said " : ""}${text}. ${advice}`
}
