/**
 * The one clockwork of a Stellar node's sessions: at each beat it looks at the limits of time of every peer, lets go of what the
 * ledgers have left behind, and asks some peers where the network is while this node does not follow it.
 */
import { Clock, Duration, Effect, Random } from "effect"
import { asStellarDrop } from "../../core/stellar/DropReason.ts"
import { STALL_MILLIS, SYNC_RECOVERY_PEERS } from "../../core/stellar/limits.ts"
import { lowestRemembered } from "../../core/stellar/ScpState.ts"
import { SyncRecovery } from "../../core/stellar/SyncRecovery.ts"
import { isLost } from "../../services/stellar/Application.ts"
import { bugOf } from "../runtime/Supervision.ts"
import type { SessionSurroundings } from "./SessionSurroundings.ts"
import type { StellarSession } from "./StellarSession.ts"

const beatOf = (session: StellarSession, now: number): void => {
  try {
    session.beat(now)
  } catch (defect) {
    session.drop(asStellarDrop(bugOf(defect)))
  }
}

/** Beats until it is interrupted. */
export const make = (
  { application, config, fetching, floodGate, pullFlood, statementQueue, survey }: SessionSurroundings,
  sessions: () => ReadonlyArray<StellarSession>
): Effect.Effect<never> => {
  const recovery = new SyncRecovery()
  let beatDueMillis = Infinity

  /** A late beat shows that nothing ran meanwhile: a suspended machine, a long collection. What peers did was not seen then. */
  const stallOf = (now: number): number => now - beatDueMillis > STALL_MILLIS ? now - beatDueMillis : 0

  const recoverSync = Effect.map(Effect.suspend(() => Random.shuffle(sessions())), (drawn) => {
    for (const session of drawn.slice(0, SYNC_RECOVERY_PEERS)) session.askForScpState()
  })

  const beat = Effect.flatMap(Clock.currentTimeMillis, (now) =>
    Effect.sync(() => {
      const stalledMillis = stallOf(now)
      if (stalledMillis > 0) { for (const session of sessions()) session.postpone(stalledMillis, now) }
      for (const session of sessions()) beatOf(session, now)
      const { ledger } = application.position()
      if (ledger !== undefined) {
        const oldest = lowestRemembered(ledger)
        floodGate.advance(ledger, oldest)
        pullFlood.forgetBelow(oldest)
        fetching.follow(ledger)
        statementQueue.follow(ledger)
        for (const session of sessions()) session.dropOutdated()
      }
      survey.beat(now)
      return recovery.isDue(!isLost(application.position()), now)
    })).pipe(
      Effect.flatMap((isLost) => isLost ? recoverSync : Effect.void),
      Effect.catchDefect((defect) => Effect.logError("the beat of the sessions failed", defect))
    )

  const pause = Effect.flatMap(Clock.currentTimeMillis, (now) => {
    beatDueMillis = now + Duration.toMillis(config.peerBeat)
    return Effect.sleep(config.peerBeat)
  })

  return Effect.forever(Effect.andThen(pause, beat))
}
