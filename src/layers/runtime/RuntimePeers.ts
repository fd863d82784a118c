/**
 * Who is here, in plain maps: each question is a look-up, each mark is set in the turn in which it is asked for.
 */
import { Effect, Layer } from "effect"
import type { PeerAddress } from "../../core/PeerAddress.ts"
import { format } from "../../core/PeerAddress.ts"
import type { PeerId } from "../../core/PeerId.ts"
import type { Direction, Peer, PeerChange, Pending } from "../../services/Peers.ts"
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
  /** Whether the limit of an IP does not hold for this one (as for this machine, and for peers of the configuration). */
  readonly isExempt: (address: PeerAddress) => boolean
  /** Changes that are kept for each subscriber of `changes` while it is busy. */
  readonly changesBuffer: number
}

/** What a connection holds as long as it is here. */
interface Connection {
  /** Whether it counts among the pending ones of its IP. */
  readonly countsForIp: boolean
  /** Whom it claims to be, once it has said so. */
  id: PeerId | undefined
  /** What it has become, once it is authenticated. */
  peer: Peer | undefined
}

/** How many hold each key; keys that nobody holds are not kept. */
class Tally {
  private readonly counts = new Map<string, number>()

  of(key: string): number {
    return this.counts.get(key) ?? 0
  }

  add(key: string): void {
    this.counts.set(key, this.of(key) + 1)
  }

  remove(key: string): void {
    const left = this.of(key) - 1
    if (left > 0) this.counts.set(key, left)
    else this.counts.delete(key)
  }
}

const make = (options: PeersOptions): Peers["Service"] => {
  const connections = new Map<Pending, Connection>()
  const claimed = new Map<PeerId, Connection>()
  const peers = new Set<Peer>()
  const pendingOfIp = new Tally()
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
    if (connection.countsForIp) pendingOfIp.remove(address.ip)
  }

  return Peers.of({
    enter: (direction, address, mayBePreferred = false) => {
      const extra = mayBePreferred && direction === "inbound" ? options.pendingInboundExtra : 0
      if (pending[direction] >= maxPending[direction] + extra) return "pending-full"
      const countsForIp = !options.isExempt(address)
      if (countsForIp && pendingOfIp.of(address.ip) >= options.maxPendingPerIp) return "pending-of-ip-full"
      const entered: Pending = { direction, address }
      connections.set(entered, { countsForIp, id: undefined, peer: undefined })
      pending[direction]++
      if (countsForIp) pendingOfIp.add(address.ip)
      // Who called us listens at another port than its socket's: where, it says when it is a peer.
      if (direction === "outbound") listening.add(format(address))
      return entered
    },

    claim: (entered, id) => {
      const connection = connections.get(entered)
      if (connection === undefined) return false
      const holder = claimed.get(id)
      if (holder !== undefined) return holder === connection
      if (connection.id !== undefined) {
        throw new Error(`a connection that claims to be ${connection.id} claims to be ${id} as well`)
      }
      connection.id = id
      claimed.set(id, connection)
      return true
    },

    hasSlot,

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
      if (slots[peer.slot] !== true) throw new Error(`${peer.id} has a slot number that was not taken`)
      if (!hasSlot(peer.direction)) throw new Error(`there is no slot for ${peer.id}`)
      endPending(entered, connection)
      authenticated[peer.direction]++
      connection.peer = peer
      peers.add(peer)
      listening.add(format(peer.address))
      all = undefined
      changes.publish({ _tag: "PeerJoined", peer })
    },

    leave: (entered, reason) => {
      const connection = connections.get(entered)
      if (connection === undefined) return
      connections.delete(entered)
      if (connection.id !== undefined) claimed.delete(connection.id)
      if (entered.direction === "outbound") listening.remove(format(entered.address))
      const { peer } = connection
      if (peer === undefined) return endPending(entered, connection)
      authenticated[peer.direction]--
      peers.delete(peer)
      listening.remove(format(peer.address))
      slots[peer.slot] = false
      all = undefined
      changes.publish({ _tag: "PeerLeft", peer, reason })
    },

    all: () => all ??= Array.from(peers),
    byId: (id) => claimed.get(id)?.peer,
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
