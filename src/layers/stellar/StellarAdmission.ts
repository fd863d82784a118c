/**
 * What a handshake asks of the node around it: whether somebody is banned, whether this connection may go on beside another one
 * with the same peer (the tie), and what is told first.
 *
 * A handshake is a claimant from the time at which its HELLO was believed until it is a peer or over.
 */
import { Effect } from "effect"
import type { DropReason } from "../../core/DropReason.ts"
import type { PeerAddress } from "../../core/PeerAddress.ts"
import type { PeerId } from "../../core/PeerId.ts"
import { asStellarDrop, Drop, saysAlreadyConnected, simultaneousDial } from "../../core/stellar/DropReason.ts"
import { PEERS_TO_SEND } from "../../core/stellar/limits.ts"
import { MessageType } from "../../core/stellar/messages.ts"
import type { BanList } from "../../services/BanList.ts"
import type { ConnectionManager } from "../../services/ConnectionManager.ts"
import type { Admission } from "../../services/Handshake.ts"
import type { Claimed, Direction, Peers, Pending } from "../../services/Peers.ts"
import type { Observed, PeerStore } from "../../services/PeerStore.ts"
import { untilDecided } from "../runtime/untilDecided.ts"
import { encoded } from "./encoded.ts"
import type { MessageTallies, StellarCounters } from "./StellarCounters.ts"

/** What admission needs of the node around it. */
export interface AdmissionSurroundings {
  readonly ownId: PeerId
  readonly announcedPort: () => number
  readonly peers: Peers["Service"]
  readonly peerStore: PeerStore["Service"]
  readonly banList: BanList["Service"]
  readonly connections: ConnectionManager["Service"]
  readonly counters: StellarCounters
  readonly tallies: MessageTallies
}

/** The admission of one node. */
export interface StellarAdmission {
  /** What the handshake of this connection asks; `end` ends it from outside. */
  readonly of: (pending: Pending, end: (reason: DropReason) => void) => Admission
  /** A peer that refuses this connection for the sake of the other one may say so before we have taken the other one in. */
  readonly toldOfRival: (pending: Pending) => (reason: DropReason) => DropReason
  /** Told that this one is a peer: other handshakes with it end. */
  readonly promoted: (pending: Pending, id: PeerId) => void
  /** Told that this one is over. */
  readonly leave: (pending: Pending) => void
  /** Ends the handshakes of a peer that was just banned. */
  readonly ban: (id: PeerId) => void
}

/** A handshake behind its HELLO. */
interface Claimant {
  readonly id: PeerId
  readonly listensAt: PeerAddress | undefined
  readonly end: (reason: DropReason) => void
}

/** A store that does not answer is a reason to end; what happened to it is logged. */
export const ofStore = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, DropReason> =>
  Effect.tapError(effect, (error) => Effect.logError("the store failed", error)).pipe(
    Effect.mapError((): DropReason => Drop.StoreFailed)
  )

/** One PEERS with these addresses, or nothing if there are none. */
const peersMessages = (addresses: ReadonlyArray<PeerAddress>): ReadonlyArray<Uint8Array> =>
  addresses.length === 0 ? [] : [encoded({
    _tag: "PEERS",
    peers: addresses.slice(0, PEERS_TO_SEND).map(({ ip, port }) => ({
      ip: { _tag: "IPv4", ipv4: Uint8Array.from(ip.split("."), Number) },
      port,
      numFailures: 0
    }))
  })]

/** Makes the admission of one node. */
export const make = (
  { announcedPort, banList, connections, counters, ownId, peers, peerStore, tallies }: AdmissionSurroundings
): StellarAdmission => {
  const claimants = new Map<Pending, Claimant>()

  const allowed = (
    id: PeerId,
    claimed: Effect.Effect<Exclude<Claimed, "undecided">>
  ): Effect.Effect<boolean, DropReason> =>
    Effect.flatMap(
      claimed,
      (answer) => answer === "tied" ? Effect.fail(simultaneousDial(id, "us")) : Effect.succeed(answer === "goes-on")
    )

  const observedOf = (address: PeerAddress, direction: Direction): Observed => {
    if (connections.configured(address) === "preferred") return { kind: "preferred" }
    return direction === "outbound" ? { kind: "outbound", preferredIsKnown: true } : { kind: "inbound" }
  }

  return {
    of: (pending, end) => ({
      listeningPort: announcedPort(),
      // Entered before the list is asked: a ban that comes behind the answer finds who is to go.
      isBanned: (id) =>
        Effect.suspend(() => {
          claimants.set(pending, { id, end, listensAt: undefined })
          return ofStore(banList.isBanned(id))
        }),
      // Marked in the turn in which it is asked, behind the book: two who come at once cannot both be told yes.
      admit: ({ address, id, isCertificateLong }) => {
        if (isCertificateLong) counters.longCertificates += 1
        claimants.set(pending, { id, end, listensAt: address })
        return Effect.flatMap(
          ofStore(peerStore.observe(address, observedOf(address, pending.direction))),
          () => allowed(id, untilDecided((again) => peers.claim(pending, id, ownId > id, again)))
        )
      },
      proven: (claim) => Effect.asVoid(allowed(claim.id, untilDecided((again) => peers.prove(pending, again)))),
      greetings: (claim) =>
        Effect.map(ofStore(connections.addressesFor(claim.address)), (addresses) => {
          const messages = peersMessages(addresses)
          tallies.sent[MessageType.PEERS]! += messages.length
          return messages
        }),
      onStep: (step) => {
        const messages = step.endsWith("sent") ? tallies.sent : tallies.received
        messages[step.startsWith("hello") ? MessageType.HELLO : MessageType.AUTH]! += 1
      }
    }),
    toldOfRival: (pending) => (reason) => {
      const known = asStellarDrop(reason)
      const claimant = claimants.get(pending)
      if (known._tag !== "RemoteError" || claimant === undefined || !saysAlreadyConnected(known)) return reason
      const { id, listensAt } = claimant
      // A call of ours to where it listens may not have been answered yet, and still be the one that the peer means.
      const isCalled = pending.direction === "inbound" && listensAt !== undefined && peers.isConnected(listensAt)
      const hasRival = isCalled || peers.byId(id) !== undefined || peers.rivals(pending).length > 0
      return hasRival ? simultaneousDial(id, "them") : reason
    },
    promoted: (pending, id) => {
      claimants.delete(pending)
      for (const rival of peers.rivals(pending)) claimants.get(rival)?.end(simultaneousDial(id, "us"))
    },
    leave: (pending) => {
      claimants.delete(pending)
    },
    ban: (id) => {
      for (const claimant of claimants.values()) if (claimant.id === id) claimant.end(Drop.Banned)
    }
  }
}
