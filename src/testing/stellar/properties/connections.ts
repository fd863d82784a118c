/**
 * Properties of connections that come about, or do not: nothing that one of them held keeps another one out.
 */
import { Clock, Effect } from "effect"
import { MAX_FAILURES } from "../../../core/limits.ts"
import { format, type PeerAddress } from "../../../core/PeerAddress.ts"
import type { PeerId } from "../../../core/PeerId.ts"
import type { StellarDropReason } from "../../../core/stellar/DropReason.ts"
import {
  CLOSE_TIMEOUT_MILLIS,
  CONNECT_TIMEOUT_MILLIS,
  CONNECTION_TICK_MILLIS,
  HANDSHAKE_TIMEOUT_MILLIS
} from "../../../core/stellar/limits.ts"
import { MessageType } from "../../../core/stellar/messages.ts"
import type { NetworkEvent } from "../../../layers/simulation/NetworkTrace.ts"
import { sharesOf } from "../../../layers/stellar/StellarDoor.ts"
import type { OverlayEvent } from "../../../services/Overlay.ts"
import type { Direction } from "../../../services/Peers.ts"
import type { Stellar } from "../../../services/stellar/Overlay.ts"
import {
  banEndMicros,
  entryOf,
  type Hooks,
  isHonest,
  nodeAt,
  type Property,
  type Watched,
  type WatchedNode
} from "./Property.ts"
import { LiveSessions } from "./sessions.ts"

const MICROS_PER_MILLI = 1000
const MICROS_PER_SECOND = 1_000_000

/** How many connections of each direction are under way, by IP. */
class Pending {
  private readonly counts: Record<Direction, Map<string, number>> = { inbound: new Map(), outbound: new Map() }

  add(direction: Direction, ip: string, more: number): void {
    const counts = this.counts[direction]
    const count = Math.max(0, (counts.get(ip) ?? 0) + more)
    if (count === 0) counts.delete(ip)
    else counts.set(ip, count)
  }

  of(direction: Direction, ip: string): number {
    return this.counts[direction].get(ip) ?? 0
  }

  count(direction: Direction): number {
    let sum = 0
    for (const count of this.counts[direction].values()) sum += count
    return sum
  }
}

/** Reasons for which a link is closed at once. */
const atTheDoor: ReadonlySet<string> = new Set<StellarDropReason["_tag"]>([
  "PendingFull",
  "PendingOfAddressFull",
  "PendingOfSubnetFull",
  "SubnetRateExceeded"
])

/** Who is connected with whom, and who is about to be. */
class Connections {
  readonly live = new LiveSessions()
  private readonly pending = new Map<number, Pending>()
  private readonly at: ReturnType<typeof nodeAt>

  private readonly nowMicros: () => number
  /** When connections that had come to a node ended, whose links may still be open, by node. */
  private readonly ends = new Map<number, Array<number>>()

  constructor(run: Watched) {
    this.at = nodeAt(run)
    this.nowMicros = run.nowMicros
  }

  /** Links of a node that are being closed, at most. */
  closingOf(node: number): number {
    const since = this.nowMicros() - CLOSE_TIMEOUT_MILLIS * MICROS_PER_MILLI
    const ends = entryOf(this.ends)(node, () => []).filter((micros) => micros >= since)
    this.ends.set(node, ends)
    return ends.length
  }

  pendingOf(node: number): Pending {
    return entryOf(this.pending)(node, () => new Pending())
  }

  forget(node: number): void {
    this.live.forget(node)
    this.pending.delete(node)
    this.ends.delete(node)
  }

  /** A link has come to a node, which it now has to let in or to refuse. */
  link({ _tag, from, to }: NetworkEvent): void {
    const node = this.at(to.ip)
    if (_tag === "Accepted" && node !== undefined) this.pendingOf(node.index).add("inbound", from.ip, 1)
  }

  private ended(node: number): void {
    entryOf(this.ends)(node, () => []).push(this.nowMicros())
  }

  event(node: number, event: OverlayEvent<Stellar>): void {
    switch (event._tag) {
      case "Dialing":
        return this.pendingOf(node).add("outbound", event.address.ip, 1)
      case "PeerJoined":
        this.pendingOf(node).add(event.peer.direction, event.peer.address.ip, -1)
        break
      case "PeerLeft":
        if (event.direction === "inbound") this.ended(node)
        break
      case "ConnectionFailed":
        this.pendingOf(node).add(event.direction, event.address.ip, -1)
        if (event.direction === "inbound" && !atTheDoor.has(event.reason._tag)) this.ended(node)
    }
    this.live.event(node, event)
  }
}

/** A feeler holds the place of a connection and is no event; to one address there is at most one at a time. */
const UNSEEN_CALLS = 1

/** Refusals that say how it stands with the node, and so can be untrue. */
const refusalsAreTrueOf = (
  connections: Connections,
  node: WatchedNode,
  other: WatchedNode | undefined,
  event: Extract<OverlayEvent<Stellar>, { readonly _tag: "ConnectionFailed" }>
): boolean => {
  const { address: { ip }, direction, reason: { _tag } } = event
  const pending = connections.pendingOf(node.index)
  const live = connections.live.of(node.index)
  switch (_tag) {
    case "AlreadyConnected":
      // Whoever sits at a hostile machine may have said to be anybody.
      return other?.isHostile !== false || live.has(other.id) ||
        pending.of("inbound", ip) + pending.of("outbound", ip) > 0
    case "PeerRejected": {
      if (node.config.preferredPeersOnly && (other?.isHostile !== false || !node.preferred.has(other.index))) {
        return true
      }
      const { maxInbound, maxOutbound } = node.config
      return connections.live.count(node.index, direction) >= (direction === "inbound" ? maxInbound : maxOutbound)
    }
    case "InboundOverShare": {
      const { maxInboundPerIp, maxInboundPerSubnet } = sharesOf(node.config)
      return connections.live.count(node.index, "inbound") >= Math.min(maxInboundPerIp, maxInboundPerSubnet)
    }
    case "PendingOfSubnetFull":
      return pending.count("inbound") >= sharesOf(node.config).maxPendingPerSubnet
    case "PendingFull":
      return pending.count("inbound") + connections.closingOf(node.index) >= node.config.maxPendingInbound
    case "PendingOfAddressFull":
      return pending.of("inbound", ip) + pending.of("outbound", ip) + UNSEEN_CALLS >= node.config.maxPendingPerIp
    default:
      return true
  }
}

/** Nobody is kept out by who is gone. */
export const refusalsAreTrue: Property = {
  name: "who is refused for want of room, or as being here, is refused truly",
  doc:
    "A node that refuses a connection as one too many, or as one of a peer that is here, has these peers and connections by its own events. A slot or a claim that is never freed keeps peers out for ever.",
  watch: (run, violated) => {
    const at = nodeAt(run)
    const connections = new Connections(run)
    return {
      links: (event) => connections.link(event),
      event: (node, event) => {
        connections.event(node, event)
        const watched = run.nodes[node]
        if (event._tag !== "ConnectionFailed" || watched === undefined) return
        if (!refusalsAreTrueOf(connections, watched, at(event.address.ip), event)) {
          violated(node, `${event.reason._tag} to ${format(event.address)}`)
        }
      },
      ended: (node) => connections.forget(node)
    }
  }
}

/** What went on before the calm, on slow disks as well, is through. */
const SETTLING_MICROS = 3 * MICROS_PER_SECOND
/** Two rounds of dialling, and what one takes. */
const ROUNDS_MICROS = 2 * CONNECTION_TICK_MILLIS * MICROS_PER_MILLI + MICROS_PER_SECOND

/** Whom a node shall call, it calls. */
export const configuredAreConnected: Property = {
  name: "whom a node is configured to call, it is connected to in the calm",
  doc:
    "At the end each honest node that has been up in the calm, with a slot free all the while of two rounds of dialling, has a session with each honest node of its configuration that was up as well, or its book says that the time of the next try has not come. Whom it prefers it connects to without a free slot, and whom a ban kept apart when that is over.",
  watch: (run, violated) => {
    const connections = new Connections(run)
    const banned = new Map<number, Map<PeerId, number>>()
    const upSinceMicros = new Map<number, number>()
    /** When a node last had no slot free for a call. */
    const fullMicros = new Map<number, number>()
    /** When two that had a session had it no longer, by the node that says so. */
    const partedMicros = new Map<number, Map<PeerId, number>>()
    const partedOf = (node: number): Map<PeerId, number> => entryOf(partedMicros)(node, () => new Map<PeerId, number>())
    const bannedBy = (node: number): Map<PeerId, number> => entryOf(banned)(node, () => new Map<PeerId, number>())
    const isBannedBy = (node: number, id: PeerId): boolean => (bannedBy(node).get(id) ?? 0) > run.nowMicros()

    const isFull = ({ config, index }: WatchedNode): boolean => {
      const { maxOutbound, targetOutbound, targetOutboundWithoutInbound } = config
      const taken = connections.live.count(index, "outbound") + connections.pendingOf(index).count("outbound")
      return taken >= Math.min(maxOutbound, targetOutbound, targetOutboundWithoutInbound)
    }

    /** From when on a node could call another one; never, as long as it needs not. */
    const couldCallFromMicros = (node: WatchedNode, other: WatchedNode, epochMicros: number): number => {
      const row = node.committed.peers.rows.find(({ address }) => isSame(address, other.address))
      const isThere = connections.live.of(node.index).has(other.id) || connections.live.of(other.index).has(node.id)
      const isBanned = isBannedBy(node.index, other.id) || isBannedBy(other.index, node.id)
      const isPreferred = node.preferred.has(other.index)
      if (row === undefined || row.failures >= MAX_FAILURES || isThere || isBanned) return Infinity
      if (isFull(node) && !isPreferred) return Infinity
      return Math.max(
        run.calmFromMicros + SETTLING_MICROS,
        row.nextAttemptMillis * MICROS_PER_MILLI - epochMicros,
        isPreferred ? 0 : fullMicros.get(node.index) ?? 0,
        bannedBy(node.index).get(other.id) ?? 0,
        bannedBy(other.index).get(node.id) ?? 0,
        partedOf(node.index).get(other.id) ?? 0,
        partedOf(other.index).get(node.id) ?? 0,
        upSinceMicros.get(node.index) ?? Infinity,
        upSinceMicros.get(other.index) ?? Infinity
      )
    }

    return {
      links: (event) => connections.link(event),
      event: (node, event) => {
        const watched = run.nodes[node]
        if (watched !== undefined && isFull(watched)) fullMicros.set(node, run.nowMicros())
        connections.event(node, event)
        if (event._tag === "PeerLeft") partedOf(node).set(event.id, run.nowMicros())
        if (event._tag === "Banned") bannedBy(node).set(event.id, banEndMicros(run, node, event.id))
        if (event._tag === "Unbanned") bannedBy(node).delete(event.id)
      },
      ended: (node) => {
        connections.forget(node)
        upSinceMicros.delete(node)
        fullMicros.delete(node)
      },
      second: () => {
        for (const { index, overlay } of run.nodes) {
          if (!upSinceMicros.has(index) && overlay() !== undefined) upSinceMicros.set(index, run.nowMicros())
        }
      },
      end: () =>
        run.fork(Effect.map(Clock.currentTimeMillis, (nowMillis) => {
          const epochMicros = nowMillis * MICROS_PER_MILLI - run.nowMicros()
          for (const node of run.nodes) {
            for (const called of isHonest(run, node.index) ? node.calls : []) {
              const other = run.nodes[called]
              if (other === undefined || other.isHostile) continue
              const sinceMicros = couldCallFromMicros(node, other, epochMicros)
              if (run.nowMicros() - sinceMicros < ROUNDS_MICROS) continue
              violated(node.index, `does not call ${format(other.address)}, and could since ${sinceMicros} us`)
            }
          }
        }))
    }
  }
}

const isSame = (one: PeerAddress, other: PeerAddress): boolean => one.ip === other.ip && one.port === other.port

/** Who has come has to shake hands in this time, and who is called is given the time until the link stands as well. */
const OLDEST_MICROS: Readonly<Record<Direction, number>> = {
  inbound: HANDSHAKE_TIMEOUT_MILLIS * MICROS_PER_MILLI,
  outbound: (CONNECT_TIMEOUT_MILLIS + HANDSHAKE_TIMEOUT_MILLIS) * MICROS_PER_MILLI
}
/** For the disk, where a call that has shaken hands is entered in the book, and for what else happens in between. */
const GRACE_MICROS = 5 * MICROS_PER_SECOND

/** Nobody waits at the door for ever. */
export const pendingEnd: Property = {
  name: "no connection is unauthenticated for long",
  doc:
    "Once a simulated second: a link that has come to an honest node is authenticated, refused or ended in the time of a handshake, and a call in that time and the one of a dial.",
  watch: (run, violated) => {
    const at = nodeAt(run)
    const since = new Map<number, Record<Direction, Map<string, number>>>()
    /** When each peer last became one, of whomever. */
    const joinedMicros = new Map<PeerId, number>()
    const of = (node: number): Record<Direction, Map<string, number>> =>
      entryOf(since)(node, () => ({ inbound: new Map(), outbound: new Map() }))
    const done = (node: number, direction: Direction, address: PeerAddress): void => {
      const waiting = of(node)[direction]
      // Who was called may have named another port than the one that was dialled.
      const key = [format(address), ...waiting.keys()].find((key) => waiting.has(key) && ipOf(key) === address.ip)
      if (key !== undefined) waiting.delete(key)
    }
    const hooks: Hooks = {
      links: ({ _tag, from, to }) => {
        const node = at(to.ip)
        // What comes in the instant in which a node ends is nobody's.
        if (_tag !== "Accepted" || node === undefined || node.isHostile || node.overlay() === undefined) return
        of(node.index).inbound.set(format(from), run.nowMicros())
      },
      // AUTH is the last that who was called has to say to be a peer; which link became one its events do not tell.
      sent: ({ kind, way }) => {
        if (kind !== MessageType.AUTH || way.isCallers || !isHonest(run, way.fromNode)) return
        of(way.fromNode).inbound.delete(format(way.to))
      },
      event: (node, event) => {
        if (event._tag === "Dialing") of(node).outbound.set(format(event.address), run.nowMicros())
        if (event._tag === "PeerJoined" && event.peer.direction === "outbound") {
          done(node, "outbound", event.peer.address)
        }
        if (event._tag === "PeerJoined") joinedMicros.set(event.peer.id, run.nowMicros())
        if (event._tag === "ConnectionFailed") done(node, event.direction, event.address)
        // Its link was gone before AUTH could go out on it: nobody has seen that.
        if (
          event._tag === "PeerLeft" && event.direction === "inbound" && joinedMicros.get(event.id) === run.nowMicros()
        ) {
          done(node, "inbound", event.address)
        }
      },
      ended: (node) => void since.delete(node),
      second: () => {
        for (const [node, waiting] of since) {
          for (const direction of ["inbound", "outbound"] as const) {
            for (const [address, sinceMicros] of waiting[direction]) {
              if (run.nowMicros() - sinceMicros <= OLDEST_MICROS[direction] + GRACE_MICROS) continue
              violated(node, `${direction} ${address}, since ${sinceMicros} us`)
            }
          }
        }
      }
    }
    return hooks
  }
}

const ipOf = (address: string): string => address.slice(0, address.lastIndexOf(":"))
