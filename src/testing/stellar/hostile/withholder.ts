/**
 * The withholder: it offers transactions that it does not hand out.
 */
import { Effect } from "effect"
import { MAX_HASHES_PER_MESSAGE } from "../../../core/stellar/limits.ts"
import { encode } from "../HandDrivenPeer.ts"
import { acceptor, type AcceptorOptions } from "./HostilePeer.ts"
import type { HostileSession } from "./HostileSession.ts"

/** What can be chosen about it. */
export interface WithholderOptions extends AcceptorOptions {
  /** Hashes of transactions (32 bytes each) that it offers to each who calls; at most 1000. Default: none but what it hears of. */
  readonly hashes?: ReadonlyArray<Uint8Array>
}

/** Advertises what others have, and never delivers. */
export const withholder = acceptor<WithholderOptions>({
  name: "withholder",
  does: "Passes every advert on to all its other peers at once, as the first to have it, and answers no demand.",
  demands: "Ask another peer when the back-off is over: the transaction comes late, and comes.",
  connections: 16
}, (_tools, { hashes = [] }) =>
  Effect.sync(() => {
    const sessions = new Set<HostileSession>()
    return (session) => {
      session.onHeard = (message) => {
        if (message._tag !== "FLOOD_ADVERT") return
        // Without credit it stays untold: nobody waits for a hostile peer's adverts.
        const bytes = encode(message)
        for (const other of sessions) if (other !== session) other.sayIfCredit(message._tag, bytes)
      }
      const attack = Effect.gen(function*() {
        sessions.add(session)
        const txHashes = hashes.slice(0, MAX_HASHES_PER_MESSAGE)
        if (txHashes.length > 0) yield* session.sayInCredit({ _tag: "FLOOD_ADVERT", floodAdvert: { txHashes } })
        return yield* Effect.never
      })
      return Effect.ensuring(session.inside(attack), Effect.sync(() => sessions.delete(session)))
    }
  }))
