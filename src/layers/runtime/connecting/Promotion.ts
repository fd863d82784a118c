/**
 * Promotion: whether a peer that called us can be called, so that the book may offer it and tell others of it (protocol §8.6, the
 * dials of inbound addresses that are connected).
 */
import { Clock, Effect, Random } from "effect"
import { ADDRESSES_PER_DRAWING, MAX_FAILURES } from "../../../core/limits.ts"
import type { PeerAddress } from "../../../core/PeerAddress.ts"
import type { Peer, Peers } from "../../../services/Peers.ts"
import type { PeerStore, PeerStoreError } from "../../../services/PeerStore.ts"
import type { Dials } from "./Dials.ts"

/** Whom a promotion asks. */
export interface PromotionSurroundings {
  readonly store: PeerStore["Service"]
  readonly peers: Peers["Service"]
  readonly dials: Dials
  readonly mayBeDialed: (address: PeerAddress) => boolean
}

/**
 * Makes the promotion of one node: sends a feeler to one inbound peer, if there is one whose address is due and still only an inbound
 * one in the book.
 *
 * stellar-core makes a whole connection, which the other side refuses as one too many; the HELLOs that both hear do the work. A feeler
 * ends behind them.
 */
export const make = (
  { dials, mayBeDialed, peers, store }: PromotionSurroundings
): Effect.Effect<void, PeerStoreError> => {
  /** Peers whose addresses were found to be known as more, and need not be looked up again. */
  const known = new WeakSet<Peer>()

  const isCalled = ({ address }: Peer): boolean => {
    for (const called of dials.addresses()) {
      if (called.ip === address.ip && called.port === address.port) return true
    }
    return false
  }

  return Effect.gen(function*() {
    const unknown = peers.all().filter((peer) =>
      peer.direction === "inbound" && !known.has(peer) && !isCalled(peer) && mayBeDialed(peer.address)
    )
    if (unknown.length === 0) return
    const now = yield* Clock.currentTimeMillis
    const drawn = (yield* Random.shuffle(unknown)).slice(0, ADDRESSES_PER_DRAWING)
    for (const peer of drawn) {
      const record = yield* store.get(peer.address)
      // Who found no room in the book may find it later.
      if (record === undefined) continue
      if (record.kind !== "inbound") known.add(peer)
      else if (record.nextAttemptMillis <= now && record.failures <= MAX_FAILURES) {
        return yield* dials.startFeeling(peer.address)
      }
    }
  })
}
