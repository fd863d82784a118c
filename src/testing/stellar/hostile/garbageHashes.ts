/**
 * The flooder of garbage hashes: it fills memories with transactions that do not exist.
 */
import { Duration, Effect } from "effect"
import { MAX_HASHES_PER_MESSAGE } from "../../../core/stellar/limits.ts"
import { caller, type HostileOptions } from "./HostilePeer.ts"

/** What can be chosen about it. */
export interface GarbageHashesOptions extends HostileOptions {
  /** Adverts in all. Default: 100, which is 100,000 hashes. */
  readonly adverts?: number
  /** Hashes in each. Default: 1000, the most that one may hold. */
  readonly hashes?: number
  /** Time between two adverts. Default: 50 ms. */
  readonly every?: Duration.Duration
}

const HASH_BYTES = 32

/** Advertises made-up hashes, each once. */
export const garbageHashes = caller<GarbageHashesOptions>({
  name: "garbage-hashes",
  does: "Advertises made-up hashes by the thousand, within its credit, and never twice the same.",
  demands:
    "Bear it: bound what it offers and what is on demand, shed and give up the rest, and demand from others as before."
}, (
  { connect, randomBytes },
  { adverts = 100, every = Duration.millis(50), hashes = MAX_HASHES_PER_MESSAGE }
) =>
  connect((session) =>
    session.inside(Effect.gen(function*() {
      for (let sent = 0; sent < adverts; sent++) {
        const bytes = yield* randomBytes(hashes * HASH_BYTES)
        const txHashes = Array.from(
          { length: hashes },
          (_, i) => bytes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES)
        )
        yield* session.sayInCredit({ _tag: "FLOOD_ADVERT", floodAdvert: { txHashes } })
        yield* Effect.sleep(every)
      }
    }))
  ))
