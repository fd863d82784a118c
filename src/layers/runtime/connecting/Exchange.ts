/**
 * The exchange of a peer by a node that has lost its network: those whom it has called may all be as lost as it is (protocol §8.6).
 */
import { Clock, Effect, Random } from "effect"
import type { DropReason } from "../../../core/DropReason.ts"
import { EXCHANGE_PEER_MILLIS } from "../../../core/limits.ts"
import { LostNetwork } from "../../../core/LostNetwork.ts"
import type { Peers } from "../../../services/Peers.ts"
import type { PeerStore, PeerStoreError } from "../../../services/PeerStore.ts"
import type { ConfiguredPeers } from "./ConfiguredPeers.ts"

/** When a node has lost its network, and how it leaves a peer. */
export interface ExchangeOptions {
  /** Whether the program around the node follows the network. */
  readonly isFollowing: () => boolean
  /** Why a peer is left for another one. */
  readonly exchanged: DropReason
}

/** Makes the exchange of one node, to be asked once a round: it leaves at most one outbound peer, at random, that is not preferred. */
export const make = (
  { exchanged, isFollowing }: ExchangeOptions,
  { configured, peers, store }: {
    readonly configured: ConfiguredPeers
    readonly peers: Peers["Service"]
    readonly store: PeerStore["Service"]
  }
): (isFull: boolean) => Effect.Effect<void, PeerStoreError> => {
  const lost = new LostNetwork(EXCHANGE_PEER_MILLIS)
  return Effect.fnUntraced(function*(isFull) {
    const nowMillis = yield* Clock.currentTimeMillis
    if (!lost.shouldExchange({ nowMillis, isFollowing: isFollowing(), isFull })) return
    const leavable = peers.all().filter((peer) =>
      peer.direction === "outbound" && !configured.isPreferred(peer.address, peer.id)
    )
    if (leavable.length === 0) return
    const peer = leavable[yield* Random.nextIntBetween(0, leavable.length, { halfOpen: true })]
    if (peer === undefined) return
    // It has its back-off, as after an attempt that failed for our reasons, or it would be the first to be called again.
    yield* store.attempt(peer.address)
    yield* store.withdraw(peer.address)
    peer.drop(exchanged)
  })
}
