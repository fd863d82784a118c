/**
 * The book of addresses: who might be there, of what kind, how often it failed, when it may be tried again.
 *
 * It survives a restart on a layer that keeps it on disk.
 */
import type { Effect } from "effect"
import { Context, Schema } from "effect"
import type { PeerAddress } from "../core/PeerAddress.ts"

/** What an address is to us: it called us (or was told to us), we called it, or it is preferred by configuration. */
export type PeerKind = "inbound" | "outbound" | "preferred"

/** One row of the book. */
export interface PeerRecord {
  readonly address: PeerAddress
  readonly kind: PeerKind
  /** Attempts since the last success. */
  readonly failures: number
  /** Unix time in milliseconds before which the address is not tried. */
  readonly nextAttemptMillis: number
}

/** What was observed of an address; `preferredIsKnown` says that the configuration was looked up for it. */
export type Observed =
  | { readonly kind: "preferred" }
  | { readonly kind: "outbound"; readonly preferredIsKnown: boolean }
  | { readonly kind: "inbound" }

/** Says that the store could not be read or written. */
export class PeerStoreError extends Schema.TaggedError<PeerStoreError>()("PeerStoreError", {
  operation: Schema.String,
  message: Schema.String,
  cause: Schema.Defect()
}) {}

/** The book of addresses. */
export class PeerStore extends Context.Service<PeerStore, {
  /** Enters an address as `inbound`, to be tried now, unless it is there already; tells whether it is in the book now. */
  readonly ensure: (addresses: ReadonlyArray<PeerAddress>) => Effect.Effect<number, PeerStoreError>
  /** Updates the kind by what was observed; an unknown address is entered. */
  readonly observe: (address: PeerAddress, observed: Observed) => Effect.Effect<void, PeerStoreError>
  /** Before an attempt: one failure more, and a back-off by the failures so far. */
  readonly attempt: (address: PeerAddress) => Effect.Effect<void, PeerStoreError>
  /** After a handshake on an outbound link: no failures, and a short back-off. */
  readonly succeed: (address: PeerAddress) => Effect.Effect<void, PeerStoreError>
  /** At start, for configured addresses: no failures, to be tried now. */
  readonly reset: (address: PeerAddress) => Effect.Effect<void, PeerStoreError>
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
  readonly size: Effect.Effect<number, PeerStoreError>
}>()("effect-overlay/services/PeerStore") {}
