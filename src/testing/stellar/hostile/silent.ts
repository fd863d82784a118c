/**
 * The silent peer: it holds what it has, and says nothing.
 */
import { Effect } from "effect"
import { caller, type HostileOptions } from "./HostilePeer.ts"

/** What can be chosen about it. */
export interface SilentOptions extends HostileOptions {
  /** From when on it is silent: from the link on (default), behind its HELLO, or behind the whole handshake. */
  readonly from?: "link" | "hello" | "session"
}

/** Connects and says nothing more: neither an answer nor a grant. */
export const silent = caller<SilentOptions>({
  name: "silent",
  does: "Connects and falls silent: at once, behind its HELLO, or behind the handshake.",
  demands: "End it by its timers: 2 s of silence before the handshake is done, 30 s without traffic after it."
}, ({ connect }, { from = "link" }) =>
  connect((session) => {
    session.isPolite = false
    if (from === "session") return Effect.asVoid(session.enter({ grants: false }))
    return from === "hello" ? session.send("HELLO", session.helloRecord()) : Effect.void
  }))
