/**
 * The book of addresses: who might be there, of what kind, how often it failed, when it may be tried again.
 *
 * It survives a restart on a layer that keeps it on disk.
 */
import type { Effect } from "effect"
import { Context, Schema } from "effect"
import type { PeerAddress } from "../core/PeerAddress.ts"
import type { PeerRecord } from "../core/PeerBook.ts"
import type { Observed, PeerKind } from "../core/PeerKind.ts"

export type { PeerRecord } from "../core/PeerBook.ts"
export type { Observed, PeerKind } from "../core/PeerKind.ts"

/** Says that the store could not be read or written. */
export class PeerStoreError extends Schema.TaggedError<PeerStoreError>()("PeerStoreError", {
  operation: Schema.String,
  message: Schema.String,
  cause: Schema.Defect()
}) {}

/**
 * The book of addresses.
 *
 * It holds IPv4 addresses with a port from 1 to 65535: `ensure` passes over others, the updates fail on them. It is bounded. In
 * a full book an address that somebody told us (`ensure`, or observed as `inbound`) takes the place of the inbound one with the
 * most failures, if there is one that has failed, and is not entered otherwise; an address of our own choice (every other update)
 * takes the place of the worst that is not preferred. Times are kept in whole seconds, rounded down.
 */
export class PeerStore extends Context.Service<PeerStore, {
  /**
   * Enters those addresses that are not there yet as `inbound`, to be tried now; tells how many of the given are in the book now,
   * each counted once. What is there already stays as it is.
   */
  readonly ensure: (addresses: ReadonlyArray<PeerAddress>) => Effect.Effect<number, PeerStoreError>
  /** Updates the kind by what was observed; an unknown address is entered. */
  readonly observe: (address: PeerAddress, observed: Observed) => Effect.Effect<void, PeerStoreError>
  /** Before an attempt: one failure more, and a back-off by the failures so far. */
  readonly attempt: (address: PeerAddress) => Effect.Effect<void, PeerStoreError>
  /** After a handshake on an outbound link: no failures, and the back-off of no failures. */
  readonly succeed: (address: PeerAddress) => Effect.Effect<void, PeerStoreError>
  /** At start, for configured addresses: no failures, to be tried now. */
  readonly reset: (address: PeerAddress) => Effect.Effect<void, PeerStoreError>
  /** What the book knows of an address, if anything. */
  readonly get: (address: PeerAddress) => Effect.Effect<PeerRecord | undefined, PeerStoreError>
  /** Up to `limit` addresses of exactly this kind whose time has come and that have not failed too often, at random. */
  readonly candidates: (
    kind: PeerKind,
    limit: number
  ) => Effect.Effect<ReadonlyArray<PeerRecord>, PeerStoreError>
  /** Up to `limit` addresses to tell others about: not inbound first, then inbound; few failures only; at random. */
  readonly toShare: (limit: number) => Effect.Effect<ReadonlyArray<PeerRecord>, PeerStoreError>
  /** Deletes what has failed too often, everywhere or for one IP; tells how many. */
  readonly purge: (ip?: string) => Effect.Effect<number, PeerStoreError>
  /** How many addresses are in the book. */
  readonly size: Effect.Effect<number, PeerStoreError>
}>()("effect-overlay/services/PeerStore") {}
