/**
 * The step from a finished handshake to a peer: whether there is a slot, and who has to go for it (protocol §8.6).
 */
import { Deferred, Effect, Exit } from "effect"
import type { DropReason } from "../../core/DropReason.ts"
import { decideSlot } from "../../core/SlotRule.ts"
import { Drop } from "../../core/stellar/DropReason.ts"
import type { ConnectionManager } from "../../services/ConnectionManager.ts"
import type { Claim } from "../../services/Handshake.ts"
import type { Peer, Peers, Pending } from "../../services/Peers.ts"

/** The slots of one node. */
export interface StellarSlots {
  /**
   * What stands between a peer that has proven its key and a slot. `undefined`: nothing, there is a slot in this turn. Otherwise
   * fails, as "peer rejected", or completes when somebody has gone for it: then ask again.
   */
  readonly obstacle: (pending: Pending, claim: Claim) => Effect.Effect<void, DropReason> | undefined
  /** Told of each peer that is out of the list of peers. */
  readonly left: (peer: Peer) => void
}

/** Makes the slots of one node; `preferredOnly`: others than preferred peers are not let in. */
export const make = (
  { connections, peers, preferredOnly }: {
    readonly peers: Peers["Service"]
    readonly connections: ConnectionManager["Service"]
    readonly preferredOnly: boolean
  }
): StellarSlots => {
  /** Those who were told to go and are still in the list. */
  const leaving = new Map<Peer, Deferred.Deferred<void>>()

  const isPreferred = ({ address, id }: Pick<Peer, "address" | "id">): boolean => connections.isPreferred(address, id)

  const evict = (peer: Peer) =>
    Effect.suspend(() => {
      const gone = Deferred.makeUnsafe<void>()
      leaving.set(peer, gone)
      peer.drop(Drop.PreferredPeerSelected)
      return Deferred.await(gone)
    })

  return {
    obstacle: (pending, claim) => {
      const { direction } = pending
      const decision = decideSlot({
        isPreferred: isPreferred(claim),
        preferredOnly,
        hasSlot: peers.hasSlot(direction),
        hasShare: peers.hasShare(pending),
        // Two who come at once send two away.
        firstToGo: () =>
          peers.all().find((peer) => peer.direction === direction && !isPreferred(peer) && !leaving.has(peer))
      })
      switch (decision._tag) {
        case "Admitted":
          return undefined
        case "Rejected":
          return Effect.fail(Drop.PeerRejected)
        case "OverShare":
          return Effect.fail(Drop.InboundOverShare)
        case "AfterEviction":
          return Effect.andThen(
            Effect.logInfo(`evicting non-preferred ${decision.of.id}: preferred ${claim.id} selected instead`),
            evict(decision.of)
          )
      }
    },
    left: (peer) => {
      const gone = leaving.get(peer)
      if (gone === undefined) return
      leaving.delete(peer)
      Deferred.doneUnsafe(gone, Exit.void)
    }
  }
}
