/**
 * The face of the Stellar overlay: what a program calls, over the sessions that the supervisor runs.
 */
import { Effect, Layer, Result } from "effect"
import { Drop } from "../../core/stellar/DropReason.ts"
import { MESSAGES_PER_SUBSCRIBER } from "../../core/stellar/limits.ts"
import { encodeMessage, type MessageName, type StellarMessage } from "../../core/stellar/messages.ts"
import {
  type Verdict as TransactionVerdict,
  walkEnvelope,
  walkGeneralizedTransactionSet,
  walkTransactionSet
} from "../../core/stellar/TransactionWalk.ts"
import { WORD_BYTES } from "../../core/Xdr.ts"
import { BanList } from "../../services/BanList.ts"
import { ConnectionManager } from "../../services/ConnectionManager.ts"
import { NodeIdentity } from "../../services/NodeIdentity.ts"
import { MessageRefused } from "../../services/Overlay.ts"
import { OwnAddress } from "../../services/OwnAddress.ts"
import { Peers } from "../../services/Peers.ts"
import { Application } from "../../services/stellar/Application.ts"
import { Overlay } from "../../services/stellar/Overlay.ts"
import { PeerSupervisor } from "../../services/stellar/PeerSupervisor.ts"
import { Survey } from "../../services/stellar/Survey.ts"
import { untilDecided } from "../runtime/untilDecided.ts"

const refused = (reason: MessageRefused["reason"], message: string) =>
  Effect.fail(new MessageRefused({ reason, message }))

/**
 * Encodes a message of the program and looks at it as a peer would: what is not well formed does not leave this node.
 */
const wellFormed = (message: StellarMessage): Effect.Effect<Uint8Array, MessageRefused> => {
  const encoded = encodeMessage(message)
  if (Result.isFailure(encoded)) return refused("malformed", `${message._tag}: ${encoded.failure.reason}`)
  const bytes = encoded.success
  const verdict = walkArm(message._tag, bytes)
  if (verdict === "well-formed") return Effect.succeed(bytes)
  return refused(
    verdict,
    verdict === "malformed"
      ? `${message._tag}: the bytes are not the XDR of one.`
      : `${message._tag}: it holds a kind of value that this version does not know, and so cannot vouch for.`
  )
}

const walkArm = (name: MessageName, bytes: Uint8Array): TransactionVerdict => {
  switch (name) {
    case "TRANSACTION":
      return walkEnvelope(bytes, WORD_BYTES, bytes.length)
    case "TX_SET":
      return walkTransactionSet(bytes, WORD_BYTES, bytes.length)
    case "GENERALIZED_TX_SET":
      return walkGeneralizedTransactionSet(bytes, WORD_BYTES, bytes.length)
    default:
      return "well-formed"
  }
}

/** What only the session itself may say: it would end the session, or upset its counters. */
const OF_THE_SESSION: ReadonlySet<MessageName> = new Set<MessageName>([
  "HELLO",
  "AUTH",
  "ERROR_MSG",
  "PEERS",
  "SEND_MORE",
  "SEND_MORE_EXTENDED"
])

/** Makes the face of one node. */
export const make = Effect.gen(function*() {
  const identity = yield* NodeIdentity
  const ownAddress = yield* OwnAddress
  const supervisor = yield* PeerSupervisor
  const banList = yield* BanList
  const application = yield* Application
  const survey = yield* Survey
  const peers = yield* Peers
  // Nothing is asked of it here: a node whose face is up also looks for peers.
  yield* ConnectionManager

  /** Who called us while we called them is connected all the same, or will be at once. */
  const connect: Overlay["Service"]["connect"] = (address) =>
    Effect.catchTag(supervisor.dial(address), "SimultaneousDial", (reason) =>
      Effect.flatMap(
        untilDecided((again) => peers.outcome(reason.id, again)),
        (outcome) => outcome === "here" ? Effect.succeed(reason.id) : Effect.fail(reason)
      ))

  return Overlay.of({
    self: identity.peerId,
    listening: ownAddress.listening(),
    connect,
    disconnect: (id) => Effect.sync(() => supervisor.drop(id, Drop.DroppedByUser)),
    ban: Effect.fn("Overlay.ban")(function*(id, options) {
      yield* banList.ban(id, options)
      supervisor.evict(id)
      supervisor.publish({ _tag: "Banned", id })
    }),
    unban: Effect.fn("Overlay.unban")(function*(id) {
      const wasBanned = yield* banList.unban(id)
      if (wasBanned) supervisor.publish({ _tag: "Unbanned", id })
      return wasBanned
    }),
    banned: Effect.map(banList.all, (bans) => bans.map(({ id }) => id)),
    bans: banList.all,
    broadcast: Effect.fnUntraced(function*(message) {
      const name = message._tag
      if (name !== "SCP_MESSAGE" && name !== "TRANSACTION") {
        return yield* refused("not-allowed", `${name} is not flooded: only SCP_MESSAGE and TRANSACTION are.`)
      }
      const bytes = yield* wellFormed(message)
      const { maxTxBytes } = application.limits()
      if (name === "TRANSACTION" && bytes.length > maxTxBytes) {
        return yield* refused("too-long", `the transaction has ${bytes.length} bytes; the network takes ${maxTxBytes}.`)
      }
      return supervisor.broadcast(name, bytes)
    }),
    send: Effect.fnUntraced(function*(id, message) {
      if (OF_THE_SESSION.has(message._tag)) {
        return yield* refused("not-allowed", `${message._tag} is said by the session itself.`)
      }
      const bytes = yield* wellFormed(message)
      return supervisor.send(id, message._tag, bytes)
    }),
    requestScpState: (ledger) => Effect.sync(() => supervisor.requestScpState(ledger)),
    survey: survey.surveyor,
    peers: Effect.sync(supervisor.infos),
    messages: (options) =>
      supervisor.messages({
        capacity: options?.capacity ?? MESSAGES_PER_SUBSCRIBER,
        whenFull: options?.whenFull ?? "drop"
      }),
    events: supervisor.events,
    counters: Effect.sync(supervisor.counters)
  })
})

/** The face of one node: see `make`. */
export const layer = Layer.effect(Overlay, make)
