/**
 * The book of addresses: who might be there, of what kind, how often it failed, when it may be tried again.
 *
 * It survives a restart on a layer that keeps it on disk.
 */
import type { Effect } from "effect"
import { Context, Schema } from "effect"
import type { TableName } from "../core/AddressTables.ts"
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
 * Its rows are those of stellar-core's table of peers. Beside them stand the tables that dials are drawn from, so that nobody can fill a
 * node's choice with addresses of his own: `core/AddressTables` has their rules, and what an attacker can reach. An address in a table has
 * a row; a row need not have a place. Whom the operator named needs none, and its row is kept.
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
  /**
   * Takes up addresses that the peer at `source` told: each gets its place in the table of new ones, by its own group and that of the
   * source, if that place is free or its resident has to give way. Who gets none is not entered. What has a row keeps it as it is. Tells
   * how many of the given stand in a table now, each counted once.
   */
  readonly learn: (addresses: ReadonlyArray<PeerAddress>, source: PeerAddress) => Effect.Effect<number, PeerStoreError>
  /** Updates the kind by what was observed; an unknown address is entered. One that called us is learned, with itself as the source. */
  readonly observe: (address: PeerAddress, observed: Observed) => Effect.Effect<void, PeerStoreError>
  /** Before an attempt: one failure more, and a back-off by the failures so far. */
  readonly attempt: (address: PeerAddress) => Effect.Effect<void, PeerStoreError>
  /** After an attempt that was ended from here: one failure less, and the back-off stays. An address without a row stays without. */
  readonly withdraw: (address: PeerAddress) => Effect.Effect<void, PeerStoreError>
  /**
   * After a handshake on an outbound link: no failures, and the back-off of no failures.
   *
   * The address moves to the table of those that were tried. If its place there has a resident, it waits: `feeler` gives the resident's
   * address, and `tested` decides.
   */
  readonly succeed: (address: PeerAddress) => Effect.Effect<void, PeerStoreError>
  /**
   * At start, for configured addresses: no failures, to be tried now. As long as this store lives, losing its place in a table does not
   * cost such an address its row.
   */
  readonly reset: (address: PeerAddress) => Effect.Effect<void, PeerStoreError>
  /** What the book knows of an address, if anything. */
  readonly get: (address: PeerAddress) => Effect.Effect<PeerRecord | undefined, PeerStoreError>
  /** Up to `limit` addresses of exactly this kind whose time has come and that have not failed too often, at random. */
  readonly candidates: (
    kind: PeerKind,
    limit: number
  ) => Effect.Effect<ReadonlyArray<PeerRecord>, PeerStoreError>
  /**
   * Up to `limit` addresses of the tables whose time has come and that have not failed too often, no two of one group (see
   * `groupOf`). For each a fair coin says whether it is one that was tried or a new one, as long as there are both.
   */
  readonly toDial: (limit: number) => Effect.Effect<ReadonlyArray<PeerRecord>, PeerStoreError>
  /**
   * The address that a short connection should go to now, only to see whether somebody is there: one that was tried and for whose place
   * another one waits, due or not, or a new one that is due. Tell `tested` what came of it. Changes nothing; at most one such
   * connection in `FEELER_INTERVAL_MILLIS` is meant.
   */
  readonly feeler: Effect.Effect<PeerAddress | undefined, PeerStoreError>
  /**
   * After a feeler. An address that answered is treated as by `succeed`.
   *
   * One that did not gets one failure more, as by `attempt`. If it is a new one, it leaves the tables. If another one waits for its place
   * among the tried, that one gets the place; otherwise it stays. With its last place an address loses its row, if it is neither
   * preferred nor configured. An address that is not in the book stays out of it.
   */
  readonly tested: (address: PeerAddress, answered: boolean) => Effect.Effect<void, PeerStoreError>
  /** Whom `setAnchors` named last, also before a restart: to be called first after a start. Whether they have a row is not said. */
  readonly anchors: Effect.Effect<ReadonlyArray<PeerAddress>, PeerStoreError>
  /**
   * Keeps the first `ANCHOR_PEERS` of these in place of those before, for the next start. Name the outbound peers, the longest connected
   * first, whenever they change: a node that is killed has said no goodbye. What cannot be entered is passed over.
   */
  readonly setAnchors: (addresses: ReadonlyArray<PeerAddress>) => Effect.Effect<void, PeerStoreError>
  /** Who stands in a table, by place: an address is there as often as it has places. For people, and for tests. */
  readonly residents: (table: TableName) => Effect.Effect<ReadonlyArray<PeerAddress>, PeerStoreError>
  /** Up to `limit` addresses to tell others about: not inbound first, then inbound; few failures only; at random. */
  readonly toShare: (limit: number) => Effect.Effect<ReadonlyArray<PeerRecord>, PeerStoreError>
  /** Deletes what has failed too often, everywhere or for one IP, with its places; tells how many. */
  readonly purge: (ip?: string) => Effect.Effect<number, PeerStoreError>
  /** How many addresses are in the book. */
  readonly size: Effect.Effect<number, PeerStoreError>
}>()("effect-overlay/services/PeerStore") {}
