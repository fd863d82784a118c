/**
 * The credit cheat: it sends more than it was granted.
 */
import { Duration, Effect } from "effect"
import { CREDIT_MESSAGES } from "../../../core/stellar/limits.ts"
import { encode, sealed } from "../HandDrivenPeer.ts"
import { caller, type HostileOptions } from "./HostilePeer.ts"

/** What can be chosen about it. */
export interface CreditCheatOptions extends HostileOptions {
  /** Messages in one burst, sent as one piece. Default: 400, twice the credit. */
  readonly messages?: number
  /** Bursts. Default: 10. Between them it reads, but it waits for no grant. */
  readonly bursts?: number
  /** Time between two bursts. Default: a second. */
  readonly every?: Duration.Duration
}

const KEY_BYTES = 32

/** Sends bursts of statements that are above its credit. */
export const creditCheat = caller<CreditCheatOptions>(
  {
    name: "credit-cheat",
    does: "Sends bursts of new statements of twice the credit, without a look at grants.",
    demands:
      "End it at the first message above its credit, without a word; what is consumed before it comes is no breach."
  },
  ({ connect, randomBytes }, { bursts = 10, every = Duration.seconds(1), messages = 2 * CREDIT_MESSAGES }) =>
    connect((session) =>
      session.inside(Effect.gen(function*() {
        const nodeID = yield* randomBytes(KEY_BYTES)
        const quorumSetHash = yield* randomBytes(KEY_BYTES)
        let slotIndex = 0n
        const statement = (): Uint8Array =>
          encode({
            _tag: "SCP_MESSAGE",
            envelope: {
              statement: {
                nodeID,
                slotIndex: ++slotIndex,
                pledges: { _tag: "SCP_ST_NOMINATE", nominate: { quorumSetHash, votes: [], accepted: [] } }
              },
              signature: new Uint8Array(0)
            }
          })
        for (let burst = 0; burst < bursts; burst++) {
          const records = Array.from({ length: messages }, () => sealed(session.peer.channel(), statement()))
          yield* session.send("SCP_MESSAGE", joined(records), messages)
          yield* Effect.sleep(every)
        }
      }))
    )
)

const joined = (records: ReadonlyArray<Uint8Array>): Uint8Array => {
  const all = new Uint8Array(records.reduce((sum, record) => sum + record.length, 0))
  records.reduce((at, record) => {
    all.set(record, at)
    return at + record.length
  }, 0)
  return all
}
