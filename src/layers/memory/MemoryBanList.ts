/**
 * Bans in memory: gone when the layer is.
 */
import { Clock, Effect, Layer } from "effect"
import { type Ban, banRefusal, holdsAt } from "../../core/Ban.ts"
import { BAN_LIST_ENTRIES } from "../../core/limits.ts"
import type { PeerId } from "../../core/PeerId.ts"
import { BanList, banRefused } from "../../services/BanList.ts"

/** Makes a list of its own each time it is built, of `entries` bans at most. */
export const layer = (options?: { readonly entries?: number }): Layer.Layer<BanList> =>
  Layer.effect(BanList, make(options))

/** Makes a list over a table of bans, which it alone changes from then on; without one, an empty list. See `layer`. */
export const make = Effect.fnUntraced(function*(
  options?: { readonly entries?: number },
  over?: Map<PeerId, Ban>
): Effect.fn.Return<BanList["Service"]> {
  const entries = options?.entries ?? BAN_LIST_ENTRIES
  const bans = over ?? new Map<PeerId, Ban>()

  const purge = (nowMillis: number): void => {
    for (const ban of bans.values()) if (!holdsAt(ban, nowMillis)) bans.delete(ban.id)
  }
  purge(yield* Clock.currentTimeMillis)

  return {
    ban: Effect.fnUntraced(function*(id, options = {}) {
      const nowMillis = yield* Clock.currentTimeMillis
      purge(nowMillis)
      const known = bans.get(id)
      const others = known === undefined ? bans.size : bans.size - 1
      const refusal = banRefusal(options, { nowMillis, others, entries })
      if (refusal !== undefined) return yield* banRefused(refusal)
      const { expiresAtMillis, note } = options
      bans.set(id, { id, note, sinceMillis: known?.sinceMillis ?? nowMillis, expiresAtMillis })
    }),
    unban: (id) =>
      Effect.map(Clock.currentTimeMillis, (nowMillis) => {
        purge(nowMillis)
        return bans.delete(id)
      }),
    isBanned: (id) =>
      Effect.map(Clock.currentTimeMillis, (nowMillis) => {
        const ban = bans.get(id)
        return ban !== undefined && holdsAt(ban, nowMillis)
      }),
    all: Effect.map(
      Clock.currentTimeMillis,
      (nowMillis) =>
        Array.from(bans.values()).filter((ban) => holdsAt(ban, nowMillis)).sort((one, other) =>
          one.id < other.id ? -1 : 1
        )
    )
  }
})
