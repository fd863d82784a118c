/**
 * What our node and the connector ask each other, and how each reads the other's answers.
 */
import { assert, describe, it } from "@effect/vitest"
import { hash } from "@stellar/stellar-sdk"
import {
  DontHave,
  GeneralizedTransactionSet,
  MessageType,
  ScpQuorumSet,
  StellarMessage,
  TransactionPhase,
  TransactionSetV1,
  TxSetComponent,
  TxSetComponentTxsMaybeDiscountedFee
} from "@stellar/stellar-sdk/xdr"
import {
  getIpFromPeerAddress,
  getPublicKeyStringFromBuffer,
  getQuorumSetFromMessage
} from "@stellarbeat/js-stellar-node-connector"
import { Duration, Effect, Result } from "effect"
import * as ItemHash from "../../src/core/ItemHash.ts"
import { tcpAddress } from "../../src/core/PeerAddress.ts"
import { decodeMessage } from "../../src/core/stellar/messages.ts"
import { acquainted, barrier } from "./acquainted.ts"
import { keypairOf, statements } from "./floodItems.ts"
import { NEVER } from "./ourNode.ts"

/** What stands in front of a message. */
const KIND_BYTES = 4
/** No pings but where they are what is tested. */
const SILENT = { peerBeat: NEVER }

const validator = keypairOf("a validator")
const roles = ["that dials us", "that we dial"] as const

describe("js-stellar-node-connector", () => {
  for (const role of roles) {
    it.live(`${role} hears our ping, and its answer is our latency`, () =>
      Effect.gen(function*() {
        const { bell, node, peer } = yield* acquainted({
          role,
          config: { peerBeat: Duration.millis(20) },
          onMessage: ({ message, name }, peer) => {
            if (name !== "getScpQuorumset") return
            const reqHash = message.qSetHash()
            peer.send(StellarMessage.dontHave(new DontHave({ type: MessageType.scpQuorumset, reqHash })).toXdr())
          }
        })
        yield* bell.until("a second ping, which follows only the answer to the first", () =>
          peer.heardOf("getScpQuorumset").length > 1)
        yield* barrier(bell, peer)
        const [info] = yield* node.overlay.peers
        assert.isNumber(info?.latencyMillis)
        assert.strictEqual((yield* node.overlay.counters)["ignoredWithoutOwner"], 0)
      }))

    it.live(`${role} is asked for its SCP state: at the start for what it has, later for what the program names`, () =>
      Effect.gen(function*() {
        const { bell, node, peer } = yield* acquainted({ role, config: SILENT })
        assert.strictEqual(yield* node.overlay.requestScpState(77), 1)
        yield* bell.until("both questions", () => peer.heardOf("getScpState").length === 2)
        assert.deepStrictEqual(
          peer.heardOf("getScpState").map(({ message }) => message.getScpLedgerSeq()),
          [1, 77]
        )
      }))

    it.live(`${role} is told addresses if it called us, and none if we called it`, () =>
      Effect.gen(function*() {
        const known = [tcpAddress("8.8.4.4", 11_625), tcpAddress("9.9.9.9", 11_725)]
        const { peer } = yield* acquainted({
          role,
          config: SILENT,
          before: (node) => Effect.orDie(Effect.asVoid(node.peerStore.ensure(known)))
        })
        const told = peer.heardOf("peers").map(({ message }) =>
          message.peers()
            .map((address) => tcpAddress(getIpFromPeerAddress(address)._unsafeUnwrap(), address.port()))
            .toSorted((one, other) => one.port - other.port)
        )
        assert.deepStrictEqual(told, role === "that dials us" ? [known] : [])
      }))
  }

  it.live("gets the statements that we hold: slots ascending, in each the nomination before the ballot", () =>
    Effect.gen(function*() {
      const said = statements(validator, 3, (statement) => validator.sign(hash(statement)))
      const { bell, peer } = yield* acquainted({
        role: "that dials us",
        config: SILENT,
        before: (node) =>
          Effect.forEach(
            said,
            (bytes) => Effect.orDie(node.overlay.broadcast(Result.getOrThrow(decodeMessage(bytes)))),
            { discard: true }
          )
      })
      peer.send(StellarMessage.getScpState(2).toXdr())
      yield* bell.until("the answers", () => peer.heardOf("scpMessage").length === 4)
      yield* barrier(bell, peer)
      // Of each slot's four the nomination, and of the ballot the last word, which is that it is externalized.
      assert.deepStrictEqual(
        peer.heardOf("scpMessage").map(({ bytes }) => Buffer.from(bytes)),
        [4, 7, 8, 11].map((i) => Buffer.from(said[i] ?? []))
      )
    }))

  it.live("gets the sets that we have by their hash, byte for byte, and hears of those that we do not have", () =>
    Effect.gen(function*() {
      const { bell, node, peer } = yield* acquainted({ role: "that dials us", config: SILENT })
      const quorumSet = StellarMessage.scpQuorumset(
        new ScpQuorumSet({ threshold: 1, validators: [validator.xdrPublicKey()], innerSets: [] })
      ).toXdr()
      const component = new TxSetComponentTxsMaybeDiscountedFee({ baseFee: 100n, txs: [] })
      const phases = [TransactionPhase.v0Components([TxSetComponent.txsetCompTxsMaybeDiscountedFee(component)])]
      const transactionSet = StellarMessage.generalizedTxSet(
        GeneralizedTransactionSet.v1TxSet(new TransactionSetV1({ previousLedgerHash: hash("the last ledger"), phases }))
      ).toXdr()
      const quorumSetHash = hash(quorumSet.subarray(KIND_BYTES))
      const transactionSetHash = hash(transactionSet.subarray(KIND_BYTES))
      assert.strictEqual(node.application.addQuorumSet(quorumSet), ItemHash.fromBytes(quorumSetHash))
      node.application.addTransactionSet(ItemHash.fromBytes(transactionSetHash), transactionSet)
      const unknown = hash("what nobody has")
      const alreadyMissed = peer.heardOf("dontHave").length

      peer.send(StellarMessage.getScpQuorumset(quorumSetHash).toXdr())
      peer.send(StellarMessage.getTxSet(transactionSetHash).toXdr())
      peer.send(StellarMessage.getScpQuorumset(unknown).toXdr())
      peer.send(StellarMessage.getTxSet(unknown).toXdr())
      yield* bell.until("four answers", () => peer.heardOf("dontHave").length === alreadyMissed + 2)

      const [ofQuorum] = peer.heardOf("scpQuorumset")
      assert.isDefined(ofQuorum)
      assert.deepStrictEqual(ofQuorum.bytes, Buffer.from(quorumSet))
      assert.deepStrictEqual(getQuorumSetFromMessage(ofQuorum.message.qSet())._unsafeUnwrap(), {
        threshold: 1,
        validators: [getPublicKeyStringFromBuffer(Buffer.from(validator.rawPublicKey()))._unsafeUnwrap()],
        innerQuorumSets: []
      })
      assert.deepStrictEqual(peer.heardOf("generalizedTxSet").map(({ bytes }) => bytes), [Buffer.from(transactionSet)])
      const missed = peer.heardOf("dontHave").slice(alreadyMissed).map(({ message }) => message.dontHave())
      assert.deepStrictEqual(missed.map((one) => one.type().name), ["scpQuorumset", "generalizedTxSet"])
      assert.isTrue(missed.every((one) => one.reqHash().equals(unknown)))
    }))
})
