/**
 * The advert storm: as many adverts as credit allows, of next to nothing.
 */
import { Effect, Random } from "effect"
import { caller, type HostileOptions } from "./HostilePeer.ts"

/** What can be chosen about it. */
export interface AdvertStormOptions extends HostileOptions {
  /** Adverts in all, of one hash each. Default: 5000. */
  readonly adverts?: number
  /** How many hashes there are to choose from. Default: 100. */
  readonly distinct?: number
}

const HASH_BYTES = 32

/** Says the same again and again, as fast as it is let. */
export const advertStorm = caller<AdvertStormOptions>(
  {
    name: "advert-storm",
    does: "Spends all credit at once, each time it gets some, on adverts of one hash out of a few that do not exist.",
    demands:
      "Bear it: ask once for each hash, and give credit back only as fast as the node works, so that others have their turn."
  },
  ({ connect, randomBytes }, { adverts = 5000, distinct = 100 }) =>
    connect((session) =>
      session.inside(Effect.gen(function*() {
        const hashes = yield* Effect.replicateEffect(randomBytes(HASH_BYTES), distinct)
        for (let sent = 0; sent < adverts; sent++) {
          const hash = hashes[yield* Random.nextIntBetween(0, distinct - 1)]
          const txHashes = hash === undefined ? [] : [hash]
          yield* session.sayInCredit({ _tag: "FLOOD_ADVERT", floodAdvert: { txHashes } })
        }
      }))
    )
)
