/** What the tests of whole sessions say, and what they look at. */
import { assert } from "@effect/vitest"
import { Effect, Latch, Metric } from "effect"
import { readFileSync } from "node:fs"
import * as ItemHash from "../../../src/core/ItemHash.ts"
import type { StellarDropReason } from "../../../src/core/stellar/DropReason.ts"
import * as limits from "../../../src/core/stellar/limits.ts"
import { MessageType, type StellarMessage } from "../../../src/core/stellar/messages.ts"
import type { Flooded } from "../../../src/services/stellar/Application.ts"
import { bytesOf, encode, sealed, unsealed } from "./handshakePeer.ts"
import type { ByHand } from "./peerByHand.ts"
import { counterNow, crypto, type NodeOptions, statementMessage, type TestNode, until } from "./peerNode.ts"

export const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"))

/** A file of golden vectors. */
export const fixture = <A>(name: string): A =>
  JSON.parse(readFileSync(new URL(`../../fixtures/stellar-vectors/${name}.json`, import.meta.url), "utf8"))

export const counter = (of: TestNode, name: string): Effect.Effect<number> => Effect.sync(() => counterNow(of, name))

/** What the node tells of this peer, if it is here. */
export const infoOf = (of: TestNode, { id }: ByHand) =>
  Effect.map(of.overlay.peers, (peers) => peers.find((peer) => peer.id === id))

/** The peer has left, once, for this reason, and is in no list. */
export const assertLeft = Effect.fnUntraced(function*(of: TestNode, peer: ByHand, tag: StellarDropReason["_tag"]) {
  yield* until(`the node says that ${tag}`, () => of.leaves(peer.id).length > 0)
  assert.deepStrictEqual(of.leaves(peer.id).map(({ _tag }) => _tag), [tag])
  assert.isUndefined(yield* infoOf(of, peer))
  assert.strictEqual(yield* counter(of, `ended${tag}`), 1)
  assert.deepStrictEqual(of.failures(), [])
})

let broadcasts = 1000

/** Another peer goes on as if nothing had happened. */
export const assertUnaffected = Effect.fnUntraced(function*(of: TestNode, bystander: ByHand) {
  const number = broadcasts++
  assert.strictEqual(yield* of.overlay.broadcast(statementMessage(number)), (yield* of.overlay.peers).length)
  yield* bystander.settle
  assert.include(bystander.heardOf("SCP_MESSAGE").map(({ envelope }) => Number(envelope.statement.slotIndex)), number)
  assert.deepStrictEqual(of.leaves(bystander.id), [])
})

/** The grants that it has got. */
export const grantsTo = (peer: ByHand): ReadonlyArray<readonly [messages: number, bytes: number]> =>
  peer.heardOf("SEND_MORE_EXTENDED").map(({ sendMoreExtended: it }) => [it.numMessages, it.numBytes])

/** The slots of the statements that it has got. */
export const slotsHeard = (peer: ByHand): ReadonlyArray<number> =>
  peer.heardOf("SCP_MESSAGE").map(({ envelope }) => Number(envelope.statement.slotIndex))

/** Asks for so many answers of a mebibyte each, and reads none. */
export const askMuch = (of: TestNode, peer: ByHand, count: number): void => {
  const message = new Uint8Array(limits.READING_BYTES)
  message[3] = MessageType.GENERALIZED_TX_SET
  const txSetHash = bytesOf(crypto, "a long set")
  of.memory.addTransactionSet(ItemHash.fromBytes(txSetHash), message)
  for (let i = 0; i < count; i++) peer.say({ _tag: "GET_TX_SET", txSetHash })
}

/** Fibers that live, where the runtime counts them. */
export const fibers = Effect.map(Metric.snapshot, (metrics) => {
  const gauge = metrics.find(({ id }) => id === "child_fibers_active")
  return gauge?.type === "Gauge" ? Number(gauge.state.value) : 0
})

/** The next frame of this peer, sealed. */
export const record = (peer: ByHand, message: StellarMessage): Uint8Array => sealed(peer.channel(), encode(message))

/** Asks for the SCP state from a ledger on: the numbers tell questions apart. */
export const question = (number: number): StellarMessage => ({ _tag: "GET_SCP_STATE", ledgerSeq: number })

/** The last words of a peer, which are not sealed. */
export const lastWords = (code: number, text: string): Uint8Array =>
  unsealed(encode({ _tag: "ERROR_MSG", error: { code, msg: Buffer.from(text) } }))

/** An application that answers when it is let. */
export const answersLater = () => {
  const latch = Latch.makeUnsafe(false)
  const batches: Array<ReadonlyArray<Flooded>> = []
  const options: NodeOptions = {
    application: (inMemory) => ({
      ...inMemory,
      judge: {
        answers: "later",
        statements: (batch) => {
          batches.push(batch)
          return Effect.as(latch.await, batch.map(() => "ready"))
        },
        transactions: (batch) => {
          batches.push(batch)
          return Effect.as(latch.await, batch.map(() => "accepted"))
        }
      }
    })
  }
  return { options, latch, asked: () => batches.flat().length }
}
