/**
 * Floods between our node and the connector, under credit, in both roles: what arrives is what was sent, byte for byte.
 *
 * All messages are made by stellar-sdk, and those of the connector's side are signed by the connector. It has no flow control
 * for what it sends: the test holds it back by our grants, and counts what it holds.
 */
import { assert, describe, it } from "@effect/vitest"
import { createStatementXDRSignature, verifySCPEnvelopeSignature } from "@stellarbeat/js-stellar-node-connector"
import { Effect, Result } from "effect"
import { createHash } from "node:crypto"
import { decodeMessage, type StellarMessage } from "../../src/core/stellar/messages.ts"
import { ScpSignature } from "../../src/core/stellar/ScpSignature.ts"
import * as NodeCrypto from "../../src/layers/node/NodeCrypto.ts"
import { type Acquaintance, acquainted, barrier } from "./acquainted.ts"
import {
  advert,
  demand,
  hashesIn,
  keypairOf,
  longTransaction,
  statements,
  transactionHash,
  transactions
} from "./floodItems.ts"
import type { ConnectorPeer, Heard } from "./jsConnector.ts"
import { NEVER, PASSPHRASE } from "./ourNode.ts"

const TRANSACTIONS = 1000
/** Statements of each kind, each about a slot of its own: of two about one slot we would send the last word alone. */
const SLOTS = 250
/** The longest transaction of a network without Soroban: 100 KiB, the kind included. */
const LONGEST_BYTES = 102_400
/** The whole credit that we grant to a peer, and that the connector grants to us. */
const FULL = { messages: 200, bytes: 300_000 }
/** Messages after which either side gives credit back. */
const BATCH = 40

const networkId = createHash("sha256").update(PASSPHRASE).digest()

const signedByConnector = (label: string) => {
  const keypair = keypairOf(label)
  const publicKey = Buffer.from(keypair.rawPublicKey())
  const secretKey = Buffer.from(keypair.rawSecretKey())
  return statements(keypair, SLOTS, (statement) => {
    const signature = createStatementXDRSignature(Buffer.from(statement), publicKey, secretKey, networkId)
    if (signature.isErr()) throw signature.error
    return signature.value
  }, { apart: true })
}

const signedByUs = (label: string) => {
  const keypair = keypairOf(label)
  const crypto = NodeCrypto.make()
  const signer = crypto.signer(keypair.rawSecretKey())
  const signature = new ScpSignature(crypto, networkId)
  return statements(keypair, SLOTS, (statement) => signature.sign(signer, statement), { apart: true })
}

/** 999 ordinary ones with the longest in their midst. */
const transactionsOf = (label: string): ReadonlyArray<Uint8Array> =>
  transactions(label, PASSPHRASE, TRANSACTIONS - 1)
    .toSpliced(TRANSACTIONS / 2, 0, longTransaction(`${label}: long`, PASSPHRASE, LONGEST_BYTES))

const theirs = { transactions: transactionsOf("theirs"), statements: signedByConnector("their validator") }
const ours = { transactions: transactionsOf("ours"), statements: signedByUs("our validator") }

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

const assertSame = (arrived: ReadonlyArray<Uint8Array>, sent: ReadonlyArray<Uint8Array>, what: string): void => {
  assert.strictEqual(arrived.length, sent.length, what)
  const wrong = arrived.findIndex((bytes, i) => Buffer.compare(bytes, sent[i] ?? new Uint8Array(0)) !== 0)
  assert.strictEqual(wrong, -1, `${what}: the first that differs`)
}

/** The same, where the order is not that of sending. */
const assertSameSet = (arrived: ReadonlyArray<Uint8Array>, sent: ReadonlyArray<Uint8Array>, what: string): void =>
  assertSame(arrived.toSorted(Buffer.compare), sent.toSorted(Buffer.compare), what)

const decoded = (bytes: Uint8Array): StellarMessage => Result.getOrThrow(decodeMessage(bytes))

// What the connector's program does with adverts and demands: it demands all, and gives what it has.

const demandAll = ({ bytes }: Heard, peer: ConnectorPeer): void => peer.flood([demand(hashesIn(bytes))])

const giveFrom = (offered: ReadonlyMap<string, Uint8Array>) => ({ bytes }: Heard, peer: ConnectorPeer): void => {
  for (const wanted of hashesIn(bytes)) {
    const transaction = offered.get(hex(wanted))
    if (transaction !== undefined) peer.flood([transaction])
  }
}

/** No pings: they spend no credit, but what is counted here shall be counted to the last message. */
const SILENT = { peerBeat: NEVER }

/** A demand of its own that nobody can meet: 40 bytes of credit. */
const unmetDemand = (number: number): Uint8Array => demand([new Uint8Array(32).fill(number)])

/**
 * Credit goes back in batches, of 40 messages or 100,000 bytes. What was consumed since the last one is missing from the credit
 * although nothing is in flight; so the batch is filled up with demands that nobody can meet, and nothing may be missing then.
 */
const fillBatches = Effect.fnUntraced(function*({ bell, id, node, peer }: Acquaintance) {
  yield* barrier(bell, peer)
  const toUs = (BATCH - (FULL.messages - peer.credit.messages)) % BATCH
  const toThem = (BATCH - (FULL.messages - peer.given.messages)) % BATCH
  assert.isAtLeast(toUs, 0, "less than a batch is missing")
  assert.isAtLeast(toThem, 0, "less than a batch is missing")
  const demands = peer.heardOf("floodDemand").length
  peer.flood(Array.from({ length: toUs }, (_, i) => unmetDemand(i)))
  for (let i = 0; i < toThem; i++) assert.isTrue(yield* node.overlay.send(id, decoded(unmetDemand(i))))
  yield* bell.until("our demands", () => peer.heardOf("floodDemand").length === demands + toThem)
  yield* barrier(bell, peer)
})

describe("js-stellar-node-connector", () => {
  for (const role of ["that dials us", "that we dial"] as const) {
    it.live(`${role} exchanges 1,000 transactions and 250 of each kind of statement each way, under credit`, () =>
      Effect.gen(function*() {
        const setting = yield* acquainted({
          role,
          config: SILENT,
          onMessage: (heard, peer) => {
            if (heard.name === "floodAdvert") demandAll(heard, peer)
          }
        })
        const { bell, id, node, peer } = setting
        assert.deepStrictEqual(peer.grants, [FULL], "the first grant is the whole credit")

        peer.flood([...theirs.transactions, ...theirs.statements])
        for (const bytes of ours.statements) assert.strictEqual(yield* node.overlay.broadcast(decoded(bytes)), 1)
        for (const bytes of ours.transactions) assert.strictEqual(yield* node.overlay.broadcast(decoded(bytes)), 1)
        yield* bell.until(
          "all of theirs",
          () => node.judged.TRANSACTION.length === TRANSACTIONS && node.judged.SCP_MESSAGE.length === 4 * SLOTS
        )
        yield* bell.until(
          "all of ours",
          () => peer.heardOf("transaction").length === TRANSACTIONS && peer.heardOf("scpMessage").length === 4 * SLOTS
        )

        assertSame(node.judged.TRANSACTION, theirs.transactions, "their transactions")
        assertSame(node.judged.SCP_MESSAGE, theirs.statements, "their statements")
        assertSame(peer.heardOf("scpMessage").map(({ bytes }) => bytes), ours.statements, "our statements")
        assertSameSet(peer.heardOf("transaction").map(({ bytes }) => bytes), ours.transactions, "our transactions")
        assert.isTrue([...theirs.transactions, ...ours.transactions].some(({ length }) => length === LONGEST_BYTES))

        assert.strictEqual(node.application.counters().badSignatures, 0, "their signatures are good to us")
        const refused = peer.heardOf("scpMessage").filter(({ message }) =>
          !verifySCPEnvelopeSignature(message.envelope(), networkId).unwrapOr(false)
        )
        assert.strictEqual(refused.length, 0, "our signatures are good to them")

        yield* fillBatches(setting)
        assert.isAbove(peer.heldBack, 0, "it had to be held back")
        assert.deepStrictEqual(peer.credit, FULL, "what it may send us, by its books")
        assert.deepStrictEqual(peer.given, FULL, "what we may send it, by its books")

        const [info, ...others] = yield* node.overlay.peers
        assert.strictEqual(others.length, 0)
        assert.strictEqual(info?.id, id)
        assert.strictEqual(info?.direction, role === "that dials us" ? "inbound" : "outbound")
        assert.deepStrictEqual(info?.receiveCredit, FULL, "what it may send us, by ours")
        assert.deepStrictEqual(info?.sendCredit, FULL, "what we may send it, by ours")
        assert.strictEqual(info?.shed, 0)
      }))
  }

  it.live("gets no more messages than its credit, until it is done with them", () =>
    Effect.gen(function*() {
      const { bell, node, peer } = yield* acquainted({ role: "that we dial", config: SILENT, consumesWhenTold: true })
      const some = ours.statements.slice(0, FULL.messages + BATCH)
      for (const bytes of some) yield* node.overlay.broadcast(decoded(bytes))
      yield* bell.until("a whole credit", () => peer.heardOf("scpMessage").length === FULL.messages)
      // What is not flooded goes on: it is the flood that waits, and not the link.
      yield* barrier(bell, peer)
      assert.strictEqual(peer.heardOf("scpMessage").length, FULL.messages)
      assert.deepStrictEqual((yield* node.overlay.peers).map(({ sendCredit }) => sendCredit.messages), [0])
      peer.consume()
      yield* bell.until("the others", () => peer.heardOf("scpMessage").length === some.length)
      assertSame(peer.heardOf("scpMessage").map(({ bytes }) => bytes), some, "our statements")
    }))

  it.live("gets no more bytes than its credit, until it is done with them", () =>
    Effect.gen(function*() {
      const { bell, id, node, peer } = yield* acquainted({
        role: "that dials us",
        config: SILENT,
        consumesWhenTold: true
      })
      // Two of them are 204,800 bytes, three would be 307,200.
      const long = ["one", "two", "three"].map((label) => longTransaction(label, PASSPHRASE, LONGEST_BYTES))
      for (const bytes of long) assert.isTrue(yield* node.overlay.send(id, decoded(bytes)))
      yield* bell.until("two", () => peer.heardOf("transaction").length === 2)
      yield* barrier(bell, peer)
      assert.strictEqual(peer.heardOf("transaction").length, 2)
      assert.deepStrictEqual((yield* node.overlay.peers).map(({ sendCredit }) => sendCredit), [
        { messages: FULL.messages - 2, bytes: FULL.bytes - 2 * LONGEST_BYTES }
      ])
      peer.consume()
      yield* bell.until("the third", () => peer.heardOf("transaction").length === 3)
      assertSame(peer.heardOf("transaction").map(({ bytes }) => bytes), long, "our transactions")
    }))

  it.live("offers transactions by advert: we demand them, it gives them, and none is asked for twice", () =>
    Effect.gen(function*() {
      const some = theirs.transactions.slice(0, 100)
      const give = giveFrom(new Map(some.map((bytes) => [hex(transactionHash(bytes)), bytes])))
      const { bell, node, peer } = yield* acquainted({
        role: "that dials us",
        config: SILENT,
        onMessage: (heard, peer) => {
          if (heard.name === "floodDemand") give(heard, peer)
        }
      })
      peer.flood([advert(some.map(transactionHash))])
      yield* bell.until("all of theirs", () => node.judged.TRANSACTION.length === some.length)
      assertSameSet(node.judged.TRANSACTION, some, "their transactions")
      const asked = peer.heardOf("floodDemand").flatMap(({ bytes }) => hashesIn(bytes)).map(hex)
      assert.deepStrictEqual(asked.toSorted(), some.map((bytes) => hex(transactionHash(bytes))).toSorted())
    }))
})
