/**
 * The set withholder: its statements come first, and what they name does not.
 */
import { Effect } from "effect"
import { MessageType } from "../../../core/stellar/messages.ts"
import { WORD_BYTES } from "../../../core/Xdr.ts"
import { encode } from "../HandDrivenPeer.ts"
import { acceptor, type AcceptorOptions } from "./HostilePeer.ts"
import type { HostileSession } from "./HostileSession.ts"

/** The XDR of a set of transactions that is empty: the hash of the ledger before (32), and no transaction. */
const EMPTY_SET_BYTES = 36
const HASH_BYTES = 32

/** Passes statements on, and gives other sets than those that they name. */
export const setWithholder = acceptor<AcceptorOptions>({
  name: "set-withholder",
  does:
    "Passes every statement on to all its other peers at once, as one that has what it names, and answers who asks for a set with another one.",
  demands:
    "Keep nothing that was not asked for, and ask another peer after 1.5 s: the statement comes late, and comes.",
  connections: 16
}, ({ randomBytes }) =>
  Effect.gen(function*() {
    const sessions = new Set<HostileSession>()
    const another = encode({ _tag: "TX_SET", txSet: new Uint8Array(EMPTY_SET_BYTES) })
    another.set(yield* randomBytes(HASH_BYTES), WORD_BYTES)
    return (session: HostileSession) => {
      session.hears(MessageType.SCP_MESSAGE)
      session.onHeard = (message) => {
        if (message._tag === "SCP_MESSAGE") {
          // Without credit it stays untold: nobody waits for a hostile peer's statements.
          const bytes = encode(message)
          for (const other of sessions) if (other !== session) other.sayIfCredit(message._tag, bytes)
        }
        if (message._tag === "GET_TX_SET") session.sayIfWritable("TX_SET", another)
      }
      const attack = Effect.suspend(() => {
        sessions.add(session)
        return Effect.never
      })
      return Effect.ensuring(session.inside(attack), Effect.sync(() => sessions.delete(session)))
    }
  }))
