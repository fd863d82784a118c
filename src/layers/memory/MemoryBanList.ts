/**
 * Bans in memory: gone when the layer is.
 */
import { Effect, Layer } from "effect"
import { BAN_LIST_ENTRIES } from "../../core/limits.ts"
import type { PeerId } from "../../core/PeerId.ts"
import { BanList, BanListError } from "../../services/BanList.ts"

/** Makes a list of its own each time it is built, of `entries` bans at most. */
export const layer = (options?: { readonly entries?: number }): Layer.Layer<BanList> =>
  Layer.effect(BanList, make(options))

/** Makes a list over a set of bans, which it alone changes from then on; without one, an empty list. See `layer`. */
export const make = (
  options?: { readonly entries?: number },
  over?: Set<PeerId>
): Effect.Effect<BanList["Service"]> =>
  Effect.sync(() => {
    const entries = options?.entries ?? BAN_LIST_ENTRIES
    const banned = over ?? new Set<PeerId>()
    return {
      ban: (id) =>
        Effect.suspend(() => {
          if (!banned.has(id) && banned.size >= entries) {
            return Effect.fail(
              new BanListError({
                operation: "ban",
                message: `the list is full (${entries} bans): lift some`,
                cause: undefined
              })
            )
          }
          banned.add(id)
          return Effect.void
        }),
      unban: (id) => Effect.sync(() => banned.delete(id)),
      isBanned: (id) => Effect.sync(() => banned.has(id)),
      all: Effect.sync(() => Array.from(banned).sort())
    }
  })
