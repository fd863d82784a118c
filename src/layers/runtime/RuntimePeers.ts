/**
 * Who is here, in plain maps: each question is a look-up, each mark is set in the turn in which it is asked for.
 */
import { Effect, Layer } from "effect"
import type { PeerAddress } from "../../core/PeerAddress.ts"
import { format } from "../../core/PeerAddress.ts"
import type { PeerId } from "../../core/PeerId.ts"
import { fateAtAuth, fateAtHello, type Rival, type Stage, stageAtHello } from "../../core/Rivals.ts"
import { Shares } from "../../core/Shares.ts"
import { Tally } from "../../core/Tally.ts"
import type { Claimed, Direction, Peer, PeerChange, Pending } from "../../services/Peers.ts"
import { Peers } from "../../services/Peers.ts"
import * as Tap from "./Tap.ts"

/** How many may be here. */
export interface PeersOptions {
  /** Authenticated peers that called us. */
  readonly maxInbound: number
  /** Authenticated peers that we called. */
  readonly maxOutbound: number
  /** Connections that came in and are not authenticated yet. */
  readonly maxPendingInbound: number
  /** How many more of those there may be, if they come from where a preferred peer is. */
  readonly pendingInboundExtra: number
  /** Connections that we opened and that are not authenticated yet. */
  readonly maxPendingOutbound: number
  /** Connections of one IP, of either direction, that are not authenticated yet. */
  readonly maxPendingPerIp: number
  /** Connections that came in from one /24 and are not authenticated yet. */
  readonly maxPendingPerSubnet: number
  /** Authenticated peers that called us from one IP. */
  readonly maxInboundPerIp: number
  /** Authenticated peers that called us from one /24. */
  readonly maxInboundPerSubnet: number
  /** Whether the limits of an IP and of a /24 do not hold for this one (as for this machine, and for addresses of the configuration). */
  readonly isExempt: (address: PeerAddress) => boolean
  /** Changes that are kept for each subscriber of `changes` while it is busy. */
  readonly changesBuffer: number
}

/** What a connection holds as long as it is here. */
interface Connection {
  readonly pending: Pending
  /** When it came, as a number that only rises. */
  readonly since: number
  /** Whether it counts for the share of its IP and its /24. */
  readonly isShared: boolean
  /** Whom it claims to be, once it has said so. */
  id: PeerId | undefined
  /** How sure that is. */
  stage: Stage
  /** What it has become, once it is authenticated. */
  peer: Peer | undefined
  /** When it became that. */
  peerSince: number
}

/** The connections of one identity. */
interface Identity {
  readonly connections: Set<Connection>
  /** Who is to be told when one of them becomes a peer, or leaves. */
  waiting: Array<() => void>
}

const make = (options: PeersOptions): Peers["Service"] => {
  const connections = new Map<Pending, Connection>()
  const identities = new Map<PeerId, Identity>()
  let moments = 0
  const peers = new Set<Peer>()
  const pendingOfIp = new Tally()
  const pendingInbound = new Shares({ perIp: Infinity, perSubnet: options.maxPendingPerSubnet })
  const inbound = new Shares({ perIp: options.maxInboundPerIp, perSubnet: options.maxInboundPerSubnet })
  const listening = new Tally()
  /** Which slot numbers are taken, by number. */
  const slots: Array<boolean> = []
  const pending: Record<Direction, number> = { inbound: 0, outbound: 0 }
  const authenticated: Record<Direction, number> = { inbound: 0, outbound: 0 }
  const maxPending: Record<Direction, number> = {
    inbound: options.maxPendingInbound,
    outbound: options.maxPendingOutbound
  }
  const maxAuthenticated: Record<Direction, number> = { inbound: options.maxInbound, outbound: options.maxOutbound }
  const changes = Tap.make<PeerChange>(options.changesBuffer)
  /** The answer of `all`, until somebody comes or goes. */
  let all: ReadonlyArray<Peer> | undefined

  const hasSlot = (direction: Direction): boolean => authenticated[direction] < maxAuthenticated[direction]

  const endPending = ({ address, direction }: Pending, connection: Connection): void => {
    pending[direction]--
    if (!connection.isShared) return
    pendingOfIp.remove(address.ip)
    if (direction === "inbound") pendingInbound.remove(address.ip)
  }

  /** Inbound peers hold their shares by the IP of their sockets. */
  const holdsShare = ({ isShared, pending: { direction } }: Connection): boolean => isShared && direction === "inbound"

  const rivalsOf = (connection: Connection, id: PeerId): ReadonlyArray<Connection> =>
    Array.from(identities.get(id)?.connections ?? []).filter((other) => other !== connection)

  const asRival = ({ pending: { direction }, stage }: Connection): Rival => ({ direction, stage })

  /** Has somebody asked again when there is news of this identity. */
  const wait = (id: PeerId, again: () => void): "undecided" => {
    identities.get(id)?.waiting.push(again)
    return "undecided"
  }

  const decide = (identity: Identity): void => {
    const { waiting } = identity
    identity.waiting = []
    for (const again of waiting) again()
  }

  /** Who is refused was too late, or was under way when the other one became a peer. */
  const refusedFor = (connection: Connection, rivals: ReadonlyArray<Connection>): Claimed =>
    rivals.some(({ peer, peerSince }) => peer !== undefined && peerSince > connection.since) ? "tied" : "here"

  const ofPeer = (id: PeerId): Peer | undefined => {
    for (const { peer } of identities.get(id)?.connections ?? []) if (peer !== undefined) return peer
    return undefined
  }

  const forget = (connection: Connection, id: PeerId): void => {
    const identity = identities.get(id)
    if (identity === undefined) return
    identity.connections.delete(connection)
    if (identity.connections.size === 0) identities.delete(id)
    decide(identity)
  }

  return Peers.of({
    enter: (direction, address, { isConfigured = false, mayBePreferred = false } = {}) => {
      const extra = mayBePreferred && direction === "inbound" ? options.pendingInboundExtra : 0
      if (pending[direction] >= maxPending[direction] + extra) return "pending-full"
      const isShared = !(isConfigured || mayBePreferred || options.isExempt(address))
      if (isShared && pendingOfIp.of(address.ip) >= options.maxPendingPerIp) return "pending-of-ip-full"
      if (isShared && direction === "inbound" && pendingInbound.fullFor(address.ip) !== undefined) {
        return "pending-of-subnet-full"
      }
      const entered: Pending = { direction, address }
      connections.set(entered, {
        pending: entered,
        since: ++moments,
        isShared,
        id: undefined,
        stage: "claimed",
        peer: undefined,
        peerSince: 0
      })
      pending[direction]++
      if (isShared) pendingOfIp.add(address.ip)
      if (isShared && direction === "inbound") pendingInbound.add(address.ip)
      // Who called us listens at another port than its socket's: where, it says when it is a peer.
      if (direction === "outbound") listening.add(format(address))
      return entered
    },

    claim: (entered, id, weDecide, again) => {
      const connection = connections.get(entered)
      if (connection === undefined) return "here"
      if (connection.id === id) return "goes-on"
      if (connection.id !== undefined) {
        throw new Error(`a connection that claims to be ${connection.id} claims to be ${id} as well`)
      }
      const rivals = rivalsOf(connection, id)
      const fate = fateAtHello(entered.direction, rivals.map(asRival))
      if (fate === "waits") return wait(id, again)
      if (fate === "refused") return refusedFor(connection, rivals)
      connection.id = id
      connection.stage = stageAtHello(entered.direction, weDecide)
      const identity = identities.get(id) ?? { connections: new Set(), waiting: [] }
      identities.set(id, identity)
      identity.connections.add(connection)
      return "goes-on"
    },

    prove: (entered, again) => {
      const connection = connections.get(entered)
      if (connection === undefined) return "here"
      if (connection.id === undefined) throw new Error("a connection proves to be whom it did not claim to be")
      const rivals = rivalsOf(connection, connection.id)
      const fate = fateAtAuth(rivals.map(asRival))
      if (fate === "waits") return wait(connection.id, again)
      if (fate === "refused") return refusedFor(connection, rivals)
      connection.stage = "proven"
      return "goes-on"
    },

    outcome: (id, again) => {
      if (ofPeer(id) !== undefined) return "here"
      return identities.has(id) ? wait(id, again) : "gone"
    },

    rivals: (entered) => {
      const connection = connections.get(entered)
      if (connection?.id === undefined) return []
      return rivalsOf(connection, connection.id).flatMap(({ peer, pending }) => peer === undefined ? [pending] : [])
    },

    hasSlot,

    hasShare: (entered) => {
      const connection = connections.get(entered)
      return connection === undefined || !holdsShare(connection) || inbound.fullFor(entered.address.ip) === undefined
    },

    takeSlotNumber: () => {
      const free = slots.indexOf(false)
      const slot = free === -1 ? slots.length : free
      slots[slot] = true
      return slot
    },

    promote: (entered, peer) => {
      const connection = connections.get(entered)
      // Each of these would break the limits, or the bit sets, without a sign.
      if (connection === undefined || connection.peer !== undefined) throw new Error(`${peer.id} is not pending`)
      if (connection.id !== peer.id) throw new Error(`${peer.id} was not claimed by its connection`)
      if (ofPeer(peer.id) !== undefined) throw new Error(`${peer.id} is here already`)
      if (slots[peer.slot] !== true) throw new Error(`${peer.id} has a slot number that was not taken`)
      if (!hasSlot(peer.direction)) throw new Error(`there is no slot for ${peer.id}`)
      endPending(entered, connection)
      authenticated[peer.direction]++
      if (holdsShare(connection)) inbound.add(entered.address.ip)
      connection.peer = peer
      connection.peerSince = ++moments
      connection.stage = "session"
      peers.add(peer)
      listening.add(format(peer.address))
      all = undefined
      changes.publish({ _tag: "PeerJoined", peer })
      const identity = identities.get(peer.id)
      if (identity !== undefined) decide(identity)
    },

    leave: (entered, reason) => {
      const connection = connections.get(entered)
      if (connection === undefined) return
      connections.delete(entered)
      if (entered.direction === "outbound") listening.remove(format(entered.address))
      const { id, peer } = connection
      if (peer === undefined) endPending(entered, connection)
      else {
        authenticated[peer.direction]--
        if (holdsShare(connection)) inbound.remove(entered.address.ip)
        peers.delete(peer)
        listening.remove(format(peer.address))
        slots[peer.slot] = false
        all = undefined
        changes.publish({ _tag: "PeerLeft", peer, reason })
      }
      // Last, for it wakes who waited for this.
      if (id !== undefined) forget(connection, id)
    },

    all: () => all ??= Array.from(peers),
    byId: ofPeer,
    isConnected: (address) => listening.of(format(address)) > 0,
    counts: () => ({
      inbound: authenticated.inbound,
      outbound: authenticated.outbound,
      pendingInbound: pending.inbound,
      pendingOutbound: pending.outbound
    }),
    changes: changes.stream
  })
}

/** The live sessions of one node. A connection holds what it was given until it leaves. */
export const layer = (options: PeersOptions): Layer.Layer<Peers> =>
  Layer.effect(Peers, Effect.sync(() => make(options)))
