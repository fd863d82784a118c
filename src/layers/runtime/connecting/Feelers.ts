/**
 * Feelers: short connections that only ask whether somebody is there.
 */
import { Effect } from "effect"
import type { PeerAddress } from "../../../core/PeerAddress.ts"
import { format } from "../../../core/PeerAddress.ts"
import type { Peers } from "../../../services/Peers.ts"
import type { PeerStore, PeerStoreError } from "../../../services/PeerStore.ts"
import type { Dials } from "./Dials.ts"

/** Whom a feeler asks. */
export interface FeelerSurroundings {
  readonly store: PeerStore["Service"]
  readonly peers: Peers["Service"]
  readonly dials: Dials
  readonly mayBeDialed: (address: PeerAddress) => boolean
  /** Outbound connections that are not authenticated yet. */
  readonly maxPendingOutbound: number
}

/** Sends the feeler that the book asks for, if it asks for one, and tells the book what was found. */
export const sendFeeler = (
  { dials, maxPendingOutbound, mayBeDialed, peers, store }: FeelerSurroundings
): Effect.Effect<void, PeerStoreError> =>
  Effect.gen(function*() {
    // Without a peer it may be our own line that is silent.
    if (peers.counts().outbound === 0 || dials.pending() >= maxPendingOutbound) return
    const address = yield* store.feeler
    if (address === undefined) return
    const key = format(address)
    const isPeer = peers.all().some((one) => one.direction === "outbound" && format(one.address) === key)
    if (isPeer) return yield* store.tested(address, true)
    // That it called us does not say that it can be called; and what is under way says so itself.
    if (dials.isHereOrCalled(address)) return
    if (!mayBeDialed(address)) return yield* store.tested(address, false)
    const answered = yield* dials.feel(address)
    if (answered !== undefined) yield* store.tested(address, answered)
  })
