/**
 * The calls of one node that have not ended: who is being called, and how many that makes.
 */
import type { Scope } from "effect"
import { Effect, FiberSet } from "effect"
import type { DropReason } from "../../../core/DropReason.ts"
import type { PeerAddress } from "../../../core/PeerAddress.ts"
import { format } from "../../../core/PeerAddress.ts"
import type { Peers } from "../../../services/Peers.ts"
import type { PeerStore, PeerStoreError } from "../../../services/PeerStore.ts"
import type { ConfiguredPeers } from "./ConfiguredPeers.ts"

/** How an address is called. */
export interface DialsOptions {
  /**
   * Opens a connection; completes when it is authenticated, or later, and fails with why it is not. Until it completes, this
   * address is not dialled again. It tells of failures itself, and enters successes in the book.
   */
  readonly dial: (address: PeerAddress) => Effect.Effect<unknown, DropReason>
  /** Whether an attempt that failed so says nothing of the address: then the book takes its failure back. */
  readonly isAborted: (reason: DropReason) => boolean
  /**
   * Opens a connection only to see whether a node of this network is there, and closes it; tells whether one was. `undefined`: nobody
   * knows, since it was ended from here. It takes the place of a connection that is not authenticated yet, and never that of a peer.
   */
  readonly feel: (address: PeerAddress) => Effect.Effect<boolean | undefined>
}

/** The calls that are under way. */
export interface Dials {
  /**
   * Dials up to `wanted` of these, in this order, that are not here yet and that `mayBeDialed`; gives how many. Each is noted in the
   * book as an attempt.
   */
  readonly dialThose: (
    addresses: ReadonlyArray<PeerAddress>,
    wanted: number
  ) => Effect.Effect<number, PeerStoreError>
  /**
   * Sends a feeler; completes with what it found. Of who answered the book is told that it can be called, as behind each HELLO on a
   * call of ours (protocol §8.3).
   */
  readonly feel: (address: PeerAddress) => Effect.Effect<boolean | undefined, PeerStoreError>
  /** The same, beside all else that is done. An attempt is noted before, and taken back if it was ended from here. */
  readonly startFeeling: (address: PeerAddress) => Effect.Effect<void, PeerStoreError>
  /** Feelers that are under way: they become no peers. */
  readonly feelers: () => number
  /** Whether somebody of this address is here, or is being called. */
  readonly isHereOrCalled: (address: PeerAddress) => boolean
  /** Outbound connections that are not authenticated: those that are here, and dials that are not even that yet. */
  readonly pending: () => number
  /** Connections of any sort: as many of what is drawn may be of no use, and so many more are drawn. */
  readonly connections: () => number
  /** Where calls go to that have not ended. */
  readonly addresses: () => Iterable<PeerAddress>
  readonly status: () => { readonly dialing: number; readonly dials: number; readonly failedDials: number }
}

/** Makes the calls of one node. Its Scope interrupts those that are under way. */
export const make = Effect.fnUntraced(function*(
  { dial, feel, isAborted }: DialsOptions,
  { configured, mayBeDialed, peers, store }: {
    readonly configured: ConfiguredPeers
    readonly peers: Peers["Service"]
    readonly store: PeerStore["Service"]
    readonly mayBeDialed: (address: PeerAddress) => boolean
  }
): Effect.fn.Return<Dials, never, Scope.Scope> {
  const dialing = new Map<string, PeerAddress>()
  const fibers = yield* FiberSet.make()
  let feelers = 0
  let dials = 0
  let failedDials = 0

  const isHereOrCalled = (address: PeerAddress): boolean => peers.isConnected(address) || dialing.has(format(address))

  const withdraw = (address: PeerAddress): Effect.Effect<void> =>
    store.withdraw(address).pipe(
      Effect.catch((error) => Effect.logError(`the failure was not taken back of ${format(address)}`, error))
    )

  const observeCallable = (address: PeerAddress) =>
    store.observe(
      address,
      configured.kindOf(address) === "preferred"
        ? { kind: "preferred" }
        : { kind: "outbound", preferredIsKnown: true }
    )

  const feelAt = (address: PeerAddress) =>
    Effect.suspend(() => {
      const key = format(address)
      dialing.set(key, address)
      feelers++
      return Effect.ensuring(
        Effect.suspend(() => feel(address)),
        Effect.sync(() => {
          dialing.delete(key)
          feelers--
        })
      )
    }).pipe(
      Effect.tap((answered) =>
        Effect.logDebug(`feeler to ${format(address)}: ${answered === undefined ? "ended from here" : answered}`)
      ),
      Effect.tap((answered) => answered === true ? observeCallable(address) : Effect.void)
    )

  const startDial = (address: PeerAddress): Effect.Effect<unknown> => {
    const key = format(address)
    dialing.set(key, address)
    dials++
    return FiberSet.run(
      fibers,
      Effect.suspend(() => dial(address)).pipe(
        Effect.catch((reason) => {
          if (!isAborted(reason)) failedDials++
          return Effect.andThen(
            Effect.logDebug(`no connection to ${key}: ${reason.text}`),
            isAborted(reason) ? withdraw(address) : Effect.void
          )
        }),
        Effect.onInterrupt(() => withdraw(address)),
        Effect.catchDefect((defect) => Effect.logError(`the dial of ${key} died`, defect)),
        Effect.ensuring(Effect.sync(() => dialing.delete(key)))
      )
    )
  }

  return {
    dialThose: Effect.fnUntraced(function*(addresses, wanted) {
      let started = 0
      for (const address of addresses) {
        if (started >= wanted) break
        if (isHereOrCalled(address)) continue
        // Before the dial, so that what cannot be written is not dialled: without a back-off there is no end to it.
        yield* store.attempt(address)
        // The book may hold what we would not believe: left over from another configuration, or who called us from there.
        // Having failed without a dial, it comes up less and less, and is purged in the end.
        if (!mayBeDialed(address)) continue
        yield* startDial(address)
        started++
      }
      return started
    }),
    feel: feelAt,
    startFeeling: Effect.fnUntraced(function*(address) {
      yield* store.attempt(address)
      yield* FiberSet.run(
        fibers,
        feelAt(address).pipe(
          Effect.flatMap((answered) =>
            answered === true
              ? store.tested(address, true)
              : answered === undefined
              ? withdraw(address)
              : Effect.void
          ),
          Effect.onInterrupt(() => withdraw(address)),
          Effect.catchCause((cause) => Effect.logError(`the feeler to ${format(address)} failed`, cause))
        )
      )
    }),
    feelers: () => feelers,
    isHereOrCalled,
    pending: () => {
      let count = peers.counts().pendingOutbound
      for (const address of dialing.values()) {
        if (!peers.isConnected(address)) count++
      }
      return count
    },
    connections: () => {
      const { inbound, outbound, pendingOutbound } = peers.counts()
      return inbound + outbound + pendingOutbound + dialing.size
    },
    addresses: () => dialing.values(),
    status: () => ({ dialing: dialing.size, dials, failedDials })
  }
})
