/**
 * Who may not come in. It survives a restart on a layer that keeps it on disk.
 */
import type { Effect } from "effect"
import { Context, Schema } from "effect"
import type { PeerId } from "../core/PeerId.ts"

/** Says that the list could not be read or written. */
export class BanListError extends Schema.TaggedError<BanListError>()("BanListError", {
  operation: Schema.String,
  message: Schema.String,
  cause: Schema.Defect()
}) {}

/** Bans by identity. */
export class BanList extends Context.Service<BanList, {
  /** Bans; banning twice is once. */
  readonly ban: (id: PeerId) => Effect.Effect<void, BanListError>
  /** Lifts a ban; tells whether there was one. */
  readonly unban: (id: PeerId) => Effect.Effect<boolean, BanListError>
  readonly isBanned: (id: PeerId) => Effect.Effect<boolean, BanListError>
  /** All bans, in the order of their text. */
  readonly all: Effect.Effect<ReadonlyArray<PeerId>, BanListError>
}>()("effect-overlay/services/BanList") {}
