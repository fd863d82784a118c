/**
 * What a Stellar node answers who asks for the state of consensus: what its application holds, at once, and the first ledger of
 * the checkpoint a little later, when the rest has told the peer where the network is.
 *
 * Direct answers: the flood gate is neither asked nor told.
 */
import { Effect } from "effect"
import { FloodPriority } from "../../core/stellar/FloodPriority.ts"
import { CHECKPOINT_DELAY_MILLIS } from "../../core/stellar/limits.ts"
import { inOrder, sendScpState } from "../../core/stellar/ScpState.ts"
import type { Peer } from "../../services/Peers.ts"
import type { Application } from "../../services/stellar/Application.ts"
import * as Alarm from "../runtime/Alarm.ts"
import * as SteadyClock from "../runtime/SteadyClock.ts"

/** Who asked. */
export type Asker = Pick<Peer, "offer">

/** The answers of one node. */
export interface ScpStateAnswers {
  /** Sends the statements from this ledger on. Of two questions at a time, the later part is sent once. */
  readonly answer: (asker: Asker, ledger: number) => void
  /** Sends nothing more to this one. */
  readonly leave: (asker: Asker) => void
}

/** Makes the answers of one node. Closing the Scope ends what was to be sent later, of which there is one slot a peer at most. */
export const make = Effect.fnUntraced(function*(application: Application["Service"]) {
  const now = yield* SteadyClock.make
  /** All wait equally long, so this also is the order in which they are due. */
  const later = new Map<Asker, { readonly slot: number; readonly atMillis: number }>()
  const sendTo = (asker: Asker) => (statement: Uint8Array): void => {
    asker.offer(FloodPriority.SCP_MESSAGE, statement)
  }
  const alarm = yield* Alarm.make(now, () => {
    const time = now()
    try {
      for (const [asker, { atMillis, slot }] of later) {
        if (atMillis > time) break
        later.delete(asker)
        inOrder(application.scpState.about(slot)).forEach(sendTo(asker))
      }
    } finally {
      for (const { atMillis } of later.values()) {
        alarm.set(atMillis)
        break
      }
    }
  })
  const answers: ScpStateAnswers = {
    answer: (asker, ledger) => {
      const slot = sendScpState(application.scpState, ledger, application.position().ledger, sendTo(asker))
      if (slot === undefined || later.has(asker)) return
      const atMillis = now() + CHECKPOINT_DELAY_MILLIS
      later.set(asker, { slot, atMillis })
      alarm.set(atMillis)
    },
    leave: (asker) => {
      later.delete(asker)
    }
  }
  return answers
})
