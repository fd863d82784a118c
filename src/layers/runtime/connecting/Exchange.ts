/**
 * The exchange of a peer by a node that has lost its network: those whom it has called may all be as lost as it is (protocol §8.6).
 */
import { Clock, Effect, Random } from "effect"
import type { DropReason } from "../../../core/DropReason.ts"
import { EXCHANGE_PEER_MILLIS } from "../../../core/limits.ts"
import { LostNetwork } from "../../../core/LostNetwork.ts"
import type { Peers } from "../../../services/Peers.ts"
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
  { configured, peers }: { readonly configured: ConfiguredPeers; readonly peers: Peers["Service"] }
): (isFull: boolean) => Effect.Effect<void> => {
  const lost = new LostNetwork(EXCHANGE_PEER_MILLIS)
  return Effect.fnUntraced(function*(isFull) {
    const nowMillis = yield* Clock.currentTimeMillis
    if (!lost.shouldExchange({ nowMillis, isFollowing: isFollowing(), isFull })) return
    const leavable = peers.all().filter((peer) =>
      peer.direction === "outbound" && !configured.isPreferred(peer.address, peer.id)
    )
    if (leavable.length === 0) return
    const peer = leavable[yield* Random.nextIntBetween(0, leavable.length, { halfOpen: true })]
    peer?.drop(exchanged)
  })
}
