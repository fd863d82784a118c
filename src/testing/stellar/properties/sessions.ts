/**
 * Properties of who has a session with whom, read from the events of the honest nodes.
 */
import { Effect } from "effect"
import { format } from "../../../core/PeerAddress.ts"
import type { PeerId } from "../../../core/PeerId.ts"
import { isDialable } from "../../../core/RoutableAddress.ts"
import type { OverlayEvent, PeerInfo } from "../../../services/Overlay.ts"
import type { Direction } from "../../../services/Peers.ts"
import type { Stellar } from "../../../services/stellar/Overlay.ts"
import { banEndMicros, entryOf, isHonest, nodeAt, nodeOf, type Property } from "./Property.ts"

/** Who is authenticated is who sits at that machine. */
export const onlyRealPeers: Property = {
  name: "no foreign or forged peer is authenticated",
  doc:
    "An identity of the run has its sessions from its own machine, and any other identity has them from a hostile machine.",
  watch: (run, violated) => {
    const [byIp, byId] = [nodeAt(run), nodeOf(run)]
    return {
      event: (node, event) => {
        if (event._tag !== "PeerJoined") return
        const { address, id } = event.peer
        const machine = byIp(address.ip)
        const identity = byId(id)
        const isReal = identity === undefined || identity.isHostile ? machine?.isHostile === true : machine === identity
        if (!isReal || machine?.index === node) violated(node, `${id} has a session from ${format(address)}`)
      }
    }
  }
}

/** Whose session is live, by node: kept by its events, forgotten at its end. */
export class LiveSessions {
  private readonly byNode = new Map<number, Map<PeerId, Direction>>()

  of(node: number): Map<PeerId, Direction> {
    return entryOf(this.byNode)(node, () => new Map())
  }

  /** How many of a direction there are. */
  count(node: number, direction: Direction): number {
    let count = 0
    for (const each of this.of(node).values()) if (each === direction) count += 1
    return count
  }

  event(node: number, event: OverlayEvent<Stellar>): void {
    if (event._tag === "PeerLeft") this.of(node).delete(event.id)
    else if (event._tag === "PeerJoined") this.of(node).set(event.peer.id, event.peer.direction)
  }

  forget(node: number): void {
    this.byNode.delete(node)
  }
}

/** A node holds one session with a peer. */
export const oneSessionAPair: Property = {
  name: "there is at most one session a pair",
  doc: "A peer that is here joins again only after it has left.",
  watch: (_run, violated) => {
    const live = new LiveSessions()
    return {
      event: (node, event) => {
        if (event._tag === "PeerJoined" && live.of(node).has(event.peer.id)) {
          violated(node, `${event.peer.id} has two`)
        }
        live.event(node, event)
      },
      ended: (node) => live.forget(node)
    }
  }
}

/** A node has no more peers than its configuration says. */
export const slotLimits: Property = {
  name: "no node has more peers than slots",
  doc: "Of each direction there are at most as many sessions as the configuration allows.",
  watch: (run, violated) => {
    const live = new LiveSessions()
    return {
      event: (node, event) => {
        live.event(node, event)
        if (event._tag !== "PeerJoined") return
        const { direction } = event.peer
        const count = live.count(node, direction)
        const config = run.nodes[node]?.config
        const limit = direction === "inbound" ? config?.maxInbound : config?.maxOutbound
        if (limit !== undefined && count > limit) violated(node, `${count} ${direction} peers, and ${limit} slots`)
      },
      ended: (node) => live.forget(node)
    }
  }
}

/** A node says of its peers what its events have said. */
export const peersAreSessions: Property = {
  name: "the peers of a node are those that its events tell of",
  doc:
    "Who has joined and not left, and nobody else, is in its list, with the same direction: looked at at the end of each second in which any of them has changed.",
  watch: (run, violated) => {
    const live = new LiveSessions()
    const changed = new Set<number>()
    const differenceOf = (node: number, peers: ReadonlyArray<PeerInfo<Stellar>>): string | undefined => {
      const sessions = live.of(node)
      const stranger = peers.find(({ direction, id }) => sessions.get(id) !== direction)
      if (stranger !== undefined) return `${stranger.id} is in the list, ${stranger.direction}`
      if (peers.length === sessions.size) return undefined
      return `${sessions.size} have joined and not left, ${peers.length} are in the list`
    }
    const look = (node: number): void => {
      const face = run.nodes[node]?.overlay()
      if (face === undefined || !isHonest(run, node)) return
      const difference = Effect.map(face.peers, (peers) => {
        // The node may have ended meanwhile.
        return run.nodes[node]?.overlay() === face ? differenceOf(node, peers) : undefined
      })
      run.fork(Effect.gen(function*() {
        if ((yield* difference) === undefined) return
        // Of who comes in this instant the event may be on its way: who differs a little later differs.
        yield* Effect.sleep("1 milli")
        const detail = yield* difference
        if (detail !== undefined) violated(node, detail)
      }))
    }
    return {
      event: (node, event) => {
        live.event(node, event)
        changed.add(node)
      },
      ended: (node) => live.forget(node),
      second: () => {
        changed.forEach(look)
        changed.clear()
      }
    }
  }
}

/** Reasons that say that the peer has broken the protocol: an honest one never gives any of them. */
const BLAME: ReadonlySet<string> = new Set([
  "UnexpectedHello",
  "BadCertificate",
  "WrongProtocolVersion",
  "WrongNetwork",
  "BadAddress",
  "BadCryptoRequest",
  "OutOfOrderAuth",
  "FlowControlDisabled",
  "UnexpectedSequence",
  "ZeroMacKey",
  "UnexpectedMac",
  "CorruptXdr",
  "BadRecordLength",
  "UnexpectedPeers",
  "TooManyPeers",
  "UnexpectedSendMore",
  "InvalidSendMore",
  "CapacityOverflow",
  "OverCapacity",
  "MalformedByApplication",
  "SurveySignature",
  "BeforeHandshake"
])

/** Honest nodes find nothing wrong with one another, whatever the network and the hostile ones do. */
export const honestPeersAreNotBlamed: Property = {
  name: "no honest node finds another one at fault",
  doc: "Faults may cut honest nodes off from one another, but never make one look like a breaker of the protocol.",
  watch: (run, violated) => {
    const at = nodeAt(run)
    return {
      event: (node, event) => {
        if (event._tag !== "PeerLeft" && event._tag !== "ConnectionFailed") return
        if (!BLAME.has(event.reason._tag) || at(event.address.ip)?.isHostile !== false) return
        violated(node, `${event.reason._tag} of ${format(event.address)}`)
      }
    }
  }
}

/** No code of ours throws. */
export const noDefects: Property = {
  name: "no defect ends a session",
  doc: "A session that ends for a defect has run into a bug of this product.",
  watch: (_run, violated) => ({
    event: (node, event) => {
      if (event._tag !== "PeerLeft" && event._tag !== "ConnectionFailed") return
      if (event.reason._tag === "Bug") violated(node, event.reason.text)
    }
  })
}

/** Who is banned stays away, also after a crash. */
export const bansHold: Property = {
  name: "a ban holds, and survives crashes",
  doc:
    "A banned node gets no session until its ban is over, and a node that comes up again still knows whom it has banned.",
  watch: (run, violated) => {
    /** Until when who is banned. */
    const banned = new Map<number, Map<PeerId, number>>()
    const returning = new Set<number>()
    const of = (node: number): Map<PeerId, number> => entryOf(banned)(node, () => new Map())
    const holds = (untilMicros = 0): boolean => untilMicros > run.nowMicros()
    return {
      event: (node, event) => {
        if (event._tag === "Banned") of(node).set(event.id, banEndMicros(run, node, event.id))
        if (event._tag === "Unbanned") of(node).delete(event.id)
        if (event._tag === "PeerJoined" && holds(of(node).get(event.peer.id))) {
          violated(node, `${event.peer.id} is banned and has a session`)
        }
      },
      ended: (node) => {
        if (of(node).size > 0) returning.add(node)
      },
      second: () => {
        for (const node of returning) {
          const overlay = run.nodes[node]?.overlay()
          if (overlay === undefined) continue
          returning.delete(node)
          run.fork(overlay.banned.pipe(
            Effect.map((known) => {
              for (const [id, untilMicros] of of(node)) {
                if (holds(untilMicros) && !known.includes(id)) violated(node, `the ban of ${id} is forgotten`)
              }
            }),
            // A disk that fails says nothing about what is on it; the next second asks again.
            Effect.catch(() => Effect.sync(() => void returning.add(node)))
          ))
        }
      }
    }
  }
}

/** Whom a node was connected to stands in its book, also after a crash. */
export const booksHold: Property = {
  name: "the book of peers survives crashes",
  doc: "An address that a node has a session with is in its book, and still there when the node comes up again.",
  watch: (run, violated) => {
    const called = new Map<number, Set<string>>()
    return {
      event: (node, event) => {
        if (event._tag !== "PeerJoined" || event.peer.direction !== "outbound") return
        // Only honest peers: what is said of others may have been purged since.
        if (nodeOf(run)(event.peer.id)?.isHostile !== false) return
        entryOf(called)(node, () => new Set<string>()).add(format(event.peer.address))
      },
      ended: (node) => {
        const known = new Set(run.nodes[node]?.committed.peers.rows.map(({ address }) => format(address)))
        for (const address of called.get(node) ?? []) {
          if (!known.has(address)) violated(node, `${address} is not in the book`)
        }
      }
    }
  }
}

/** Nobody is dialled whom no honest node may dial. */
export const noForbiddenDials: Property = {
  name: "no forbidden address is dialled",
  doc: "An honest node dials neither itself nor an address of this machine, a private network or nobody's.",
  watch: (run, violated) => {
    const at = nodeAt(run)
    return {
      links: ({ _tag, from, to }) => {
        if (_tag !== "Dialled") return
        const node = at(from.ip)
        if (node === undefined || !isHonest(run, node.index)) return
        const isOwn = to.ip === node.address.ip && to.port === node.address.port
        if (isOwn || !isDialable(to, { allowLocal: node.config.allowLocalAddresses })) violated(node.index, format(to))
      }
    }
  }
}
