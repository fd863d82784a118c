/**
 * Addresses that peers told, until the next round enters them in the book: a queue with a bound.
 */
import { Effect } from "effect"
import type { PeerAddress } from "../../../core/PeerAddress.ts"
import { format } from "../../../core/PeerAddress.ts"
import type { PeerStore, PeerStoreError } from "../../../services/PeerStore.ts"

/** An address that a peer told, and where that peer is. */
interface Learned {
  readonly address: PeerAddress
  readonly from: PeerAddress
}

/** What may wait, and what is let in. */
export interface LearnedAddressesOptions {
  /** Learned addresses that may wait for the next round; when they are full, further ones are dropped. */
  readonly learnedAddresses: number
  /** Whether the address is one that the peer at `from` may tell. */
  readonly isBelieved: (address: PeerAddress, from: PeerAddress) => boolean
}

/** The queue of one node. */
export interface LearnedAddresses {
  /** Lets addresses in that the peer at `from` told; gives how many are new to the queue. */
  readonly learn: (addresses: ReadonlyArray<PeerAddress>, from: PeerAddress) => number
  /** Enters what waits in the book. What the book fails to take stays. */
  readonly enter: Effect.Effect<void, PeerStoreError>
  readonly status: () => {
    readonly learnedWaiting: number
    readonly learnedRefused: number
    readonly learnedShed: number
  }
}

/** Makes an empty queue. */
export const make = (
  { isBelieved, learnedAddresses }: LearnedAddressesOptions,
  store: PeerStore["Service"]
): LearnedAddresses => {
  const waiting = new Map<string, Learned>()
  let learnedRefused = 0
  let learnedShed = 0
  return {
    learn: (addresses, from) => {
      let taken = 0
      for (const address of addresses) {
        // What two peers tell waits twice: each of them gives it a place.
        const key = `${from.ip} ${format(address)}`
        if (!isBelieved(address, from)) learnedRefused++
        else if (waiting.has(key)) continue
        else if (waiting.size >= learnedAddresses) learnedShed++
        else {
          waiting.set(key, { address, from })
          taken++
        }
      }
      return taken
    },
    // A source at a time, for it decides the places of what it told.
    enter: Effect.gen(function*() {
      for (const batch of Map.groupBy(waiting, ([, { from }]) => from.ip).values()) {
        const [first] = batch
        if (first === undefined) continue
        yield* store.learn(batch.map(([, { address }]) => address), first[1].from)
        // Only now: what the book failed to take stays for the next round.
        for (const [key] of batch) waiting.delete(key)
      }
    }),
    status: () => ({ learnedWaiting: waiting.size, learnedRefused, learnedShed })
  }
}
