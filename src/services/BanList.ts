/**
 * Who may not come in. It survives a restart on a layer that keeps it on disk.
 */
import type { Effect } from "effect"
import { Context, Schema } from "effect"
import type { Ban, BanOptions } from "../core/Ban.ts"
import type { PeerId } from "../core/PeerId.ts"

export type { Ban, BanOptions } from "../core/Ban.ts"

/** Says that the list could not be read or written, or why it does not take a ban. */
export class BanListError extends Schema.TaggedError<BanListError>()("BanListError", {
  operation: Schema.String,
  message: Schema.String,
  cause: Schema.Defect()
}) {}

/** Bans by identity. What has expired counts as none, is never shown, and is removed at the next start or change. */
export class BanList extends Context.Service<BanList, {
  /**
   * Bans. Banning again is one ban: since when it holds stays, note and expiry are those of the last time. Fails if the list is full, if
   * the note is too long, and if the ban would be over already.
   */
  readonly ban: (id: PeerId, options?: BanOptions) => Effect.Effect<void, BanListError>
  /** Lifts a ban; tells whether there was one. */
  readonly unban: (id: PeerId) => Effect.Effect<boolean, BanListError>
  readonly isBanned: (id: PeerId) => Effect.Effect<boolean, BanListError>
  /** All bans, in the order of the text of their identities. */
  readonly all: Effect.Effect<ReadonlyArray<Ban>, BanListError>
}>()("effect-overlay/services/BanList") {}

/** Says why a ban is not taken, in the words of `banRefusal`. */
export const banRefused = (message: string): BanListError =>
  new BanListError({ operation: "ban", message, cause: undefined })
