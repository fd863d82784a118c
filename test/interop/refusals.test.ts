/**
 * How our node and the connector part: which words of ours the connector reads, and where we say nothing.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import type { StellarDropReason } from "../../src/core/stellar/DropReason.ts"
import { CREDIT_MESSAGES } from "../../src/core/stellar/limits.ts"
import { acquainted, barrier } from "./acquainted.ts"
import { makeBell } from "./Bell.ts"
import { demand, transactions } from "./floodItems.ts"
import { type ConnectorOptions, type ConnectorPeer, makeConnector } from "./jsConnector.ts"
import { addressOf, makeOurNode, NEVER, type OurNode, type OurNodeOptions, PASSPHRASE } from "./ourNode.ts"

/** The error messages that the connector read: code and text. */
const wordsTo = (peer: ConnectorPeer): ReadonlyArray<string> =>
  peer.heardOf("errorMsg").map(({ message }) => `${message.error().code().name}: ${message.error().msg().toString()}`)

/** Why connections and sessions have ended at our node. */
const endings = (node: OurNode): ReadonlyArray<StellarDropReason["_tag"]> =>
  node.events.flatMap((event) =>
    event._tag === "ConnectionFailed" || event._tag === "PeerLeft" ? [event.reason._tag] : []
  )

/** The connector dials our node and is refused: what it was told, and why. */
const refused = Effect.fnUntraced(function*(connectorOptions: Partial<ConnectorOptions>, options: OurNodeOptions = {}) {
  const bell = makeBell()
  const node = yield* makeOurNode(bell, options)
  const connector = yield* makeConnector(bell, { passphrase: PASSPHRASE, ...connectorOptions })
  const peer = connector.dial(addressOf(node))
  yield* bell.until("the end", () => peer.isClosed && endings(node).length > 0)
  return { words: wordsTo(peer), reasons: endings(node), heard: peer.heard.map(({ name }) => name) }
})

describe("js-stellar-node-connector is refused", () => {
  it.live("with words when it dials us with its default version, which is below our minimum", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* refused({ overlayVersion: 17, overlayMinVersion: 16 }), {
        words: ["errConf: wrong protocol version"],
        reasons: ["WrongProtocolVersion"],
        heard: ["errorMsg"]
      })
    }))

  it.live("with words when we dial it and it has its default version", () =>
    Effect.gen(function*() {
      const bell = makeBell()
      const node = yield* makeOurNode(bell)
      const connector = yield* makeConnector(bell, {
        passphrase: PASSPHRASE,
        overlayVersion: 17,
        overlayMinVersion: 16
      })
      const reason = yield* Effect.flip(node.overlay.connect(yield* connector.listen))
      assert.strictEqual(reason._tag, "WrongProtocolVersion")
      const [peer] = connector.peers
      assert.isDefined(peer)
      yield* bell.until("our words", () => peer.heard.length > 0)
      assert.deepStrictEqual(wordsTo(peer), ["errConf: wrong protocol version"])
    }))

  it.live("with words when it is older than flow control in bytes, by a node that takes such versions", () =>
    Effect.gen(function*() {
      const outcome = yield* refused({ overlayVersion: 27, overlayMinVersion: 20 }, {
        config: { versions: { ledger: 28, overlay: 42, overlayMin: 20 } }
      })
      assert.deepStrictEqual(outcome.words, ["errConf: flow control bytes disabled"])
      assert.deepStrictEqual(outcome.reasons, ["FlowControlDisabled"])
    }))

  it.live("in silence when it belongs to another network", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* refused({ passphrase: "Another Network" }), {
        words: [],
        reasons: ["BadCertificate"],
        heard: []
      })
    }))

  it.live("in silence when it is banned", () =>
    Effect.gen(function*() {
      const { bell, connector, id, node, peer } = yield* acquainted({ role: "that we dial" })
      yield* node.overlay.ban(id)
      yield* bell.until("the end of its session", () => peer.isClosed && endings(node).length === 1)
      const second = connector.dial(addressOf(node))
      yield* bell.until("the end of its call", () => second.isClosed && endings(node).length === 2)
      assert.deepStrictEqual(second.heard, [])
      assert.deepStrictEqual(endings(node), ["DroppedByUser", "Banned"])
    }))

  it.live("with words when all slots are taken", () =>
    Effect.gen(function*() {
      const outcome = yield* refused({}, { config: { maxInbound: 0 } })
      assert.deepStrictEqual(outcome.words, ["errLoad: peer rejected"])
      assert.deepStrictEqual(outcome.reasons, ["PeerRejected"])
    }))

  it.live("with words when it is here already, and keeps its first connection", () =>
    Effect.gen(function*() {
      const { bell, connector, id, node, peer } = yield* acquainted({
        role: "that dials us",
        config: { peerBeat: NEVER }
      })
      const second = connector.dial(addressOf(node))
      yield* bell.until("the end of the second", () => second.isClosed)
      assert.deepStrictEqual(wordsTo(second), [`errConf: already-connected peer: ${id.slice(0, 5)}`])
      assert.deepStrictEqual((yield* node.overlay.peers).map((info) => info.id), [id])
      assert.isFalse(peer.isClosed)
    }))
})

describe("a session with js-stellar-node-connector", () => {
  it.live("ends with words when the program drops the peer", () =>
    Effect.gen(function*() {
      const { bell, id, node, peer } = yield* acquainted({ role: "that we dial" })
      assert.isTrue(yield* node.overlay.disconnect(id))
      yield* bell.until("the end", () => peer.isClosed && endings(node).length > 0)
      assert.deepStrictEqual(wordsTo(peer), ["errMisc: dropped by user"])
      assert.deepStrictEqual(endings(node), ["DroppedByUser"])
    }))

  it.live("ends with words when our node stops", () =>
    Effect.gen(function*() {
      const bell = makeBell()
      const connector = yield* makeConnector(bell, { passphrase: PASSPHRASE })
      const scope = yield* Scope.make()
      const node = yield* Scope.provide(makeOurNode(bell), scope)
      const peer = connector.dial(addressOf(node))
      yield* bell.until("the session", () => peer.grants.length > 0)
      yield* Scope.close(scope, Exit.void)
      yield* bell.until("the end", () => peer.isClosed)
      assert.deepStrictEqual(wordsTo(peer), ["errMisc: shutdown"])
    }))

  it.live("ends for us when it hangs up", () =>
    Effect.gen(function*() {
      const { bell, node, peer } = yield* acquainted({ role: "that dials us" })
      peer.connection.end()
      yield* bell.until("the end", () => endings(node).length > 0)
      assert.deepStrictEqual(endings(node), ["LinkLost"])
      assert.deepStrictEqual(yield* node.overlay.peers, [])
    }))

  it.live("ends in silence at the first message beyond the credit, when nothing holds it back", () =>
    Effect.gen(function*() {
      const { bell, node, peer } = yield* acquainted({
        role: "that dials us",
        config: { peerBeat: NEVER },
        judge: { answers: "later", statements: () => Effect.never, transactions: () => Effect.never }
      })
      for (const bytes of transactions("a flood", PASSPHRASE, CREDIT_MESSAGES)) peer.send(bytes)
      yield* barrier(bell, peer)
      assert.deepStrictEqual((yield* node.overlay.peers).map(({ receiveCredit }) => receiveCredit.messages), [0])
      peer.send(demand([new Uint8Array(32)]))
      yield* bell.until("the end", () => peer.isClosed && endings(node).length > 0)
      assert.deepStrictEqual(endings(node), ["OverCapacity"])
      assert.deepStrictEqual(wordsTo(peer), [])
    }))
})
