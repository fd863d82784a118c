/**
 * The replayer: it sends what was good once, again.
 */
import { Effect } from "effect"
import { encode, sealed } from "../HandDrivenPeer.ts"
import { caller, type HostileOptions } from "./HostilePeer.ts"

/** What can be chosen about it. */
export interface ReplayerOptions extends HostileOptions {
  /** What comes again: a frame of the same connection (default), or the whole handshake of an earlier one. */
  readonly what?: "frame" | "handshake"
}

const QUESTION = encode({ _tag: "GET_SCP_STATE", ledgerSeq: 0 })
const AUTH = encode({ _tag: "AUTH", auth: { flags: 200 } })

/** Repeats recorded bytes. */
export const replayer = caller<ReplayerOptions>({
  name: "replayer",
  does: "Repeats a frame that was accepted, or in a new connection the handshake of an earlier one.",
  demands: "End it: a frame by its sequence, a handshake by the MAC of its AUTH, for the node's own nonce is new."
}, ({ connect, visit }, { what = "frame" }) => {
  if (what === "frame") {
    return connect((session) =>
      session.inside(Effect.suspend(() => {
        const record = sealed(session.peer.channel(), QUESTION)
        return Effect.andThen(
          session.send("GET_SCP_STATE", record.slice()),
          session.send("GET_SCP_STATE", record)
        )
      }))
    )
  }
  let hello: Uint8Array = new Uint8Array(0)
  let auth: Uint8Array = new Uint8Array(0)
  const record = visit((session) =>
    Effect.gen(function*() {
      hello = session.helloRecord()
      yield* session.send("HELLO", hello.slice())
      if ((yield* session.peer.hear("HELLO")) === undefined) return
      auth = sealed(session.peer.channel(), AUTH)
      yield* session.send("AUTH", auth.slice())
      yield* session.peer.hear("AUTH")
    })
  )
  const replay = connect((session) =>
    Effect.gen(function*() {
      yield* session.send("HELLO", hello)
      if ((yield* session.peer.hear("HELLO")) !== undefined) yield* session.send("AUTH", auth)
    })
  )
  return Effect.andThen(record, replay)
})
