/**
 * What waits for a peer that has granted too little, in a whole node over real sockets: what is replaced, what goes out of date,
 * and what is shed when there is too much.
 *
 * A name ends in the case of stellar-core's own tests that asks for the same.
 */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { TestClock } from "effect/testing"
import * as limits from "../../../src/core/stellar/limits.ts"
import type { StellarMessage } from "../../../src/core/stellar/messages.ts"
import type { SCPPledges } from "../../../src/core/stellar/messages/scp.ts"
import { confirm, externalize, nominate, prepare, signedStatement, signerOf } from "../../support/statements.ts"
import { type ByHand, caller, demand, numbersHeard } from "./peerByHand.ts"
import {
  counterNow,
  hashBytes,
  networkId,
  node,
  type NodeOptions,
  transactionMessage,
  transactionOf,
  until
} from "./peerNode.ts"

const beat = TestClock.adjust("5 seconds")

/** More credit than anything here spends. */
const grantAll = Effect.fnUntraced(function*(peer: ByHand) {
  peer.grant(1_000_000, 1_000_000_000)
  yield* peer.settle
})

// Statements

const said = (signer: number, slot: number, pledges: SCPPledges): StellarMessage => ({
  _tag: "SCP_MESSAGE",
  envelope: {
    statement: { nodeID: signerOf(signer).publicKey, slotIndex: BigInt(slot), pledges },
    signature: new Uint8Array(64)
  }
})

/** Node (of 1 to 9), slot and kind of the statements that came, in order. */
const statementsHeard = (peer: ByHand): ReadonlyArray<string> => {
  const names = new Map(
    Array.from({ length: 9 }, (_, i) => [Buffer.from(signerOf(i + 1).publicKey).toString("hex"), i + 1])
  )
  return peer.heardOf("SCP_MESSAGE").map(({ envelope: { statement: { nodeID, pledges, slotIndex } } }) =>
    `${names.get(Buffer.from(nodeID).toString("hex"))} ${slotIndex} ${pledges._tag.slice("SCP_ST_".length)}`
  )
}

describe("statements that wait for credit", () => {
  it.effect("are the latest of each node, slot and conversation [core: outbound queue filtering / obsolete SCP messages]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it, { grant: "none" })
      const all = [
        said(1, 5, nominate(["a"])),
        said(1, 5, prepare(1)),
        said(2, 5, prepare(1)),
        said(1, 6, prepare(1)),
        said(1, 5, prepare(2)),
        said(1, 5, nominate(["a", "b"])),
        said(1, 5, confirm(3)),
        said(1, 5, externalize(3)),
        said(2, 5, prepare(2))
      ]
      for (const message of all) yield* it.overlay.broadcast(message)
      yield* grantAll(peer)
      assert.deepStrictEqual(statementsHeard(peer), [
        "1 5 NOMINATE",
        "1 5 EXTERNALIZE",
        "2 5 PREPARE",
        "1 6 PREPARE"
      ])
      const [nomination, , prepared] = peer.heardOf("SCP_MESSAGE").map(({ envelope }) => envelope.statement.pledges)
      assert.strictEqual(nomination?._tag === "SCP_ST_NOMINATE" && nomination.nominate.votes.length, 2)
      assert.strictEqual(prepared?._tag === "SCP_ST_PREPARE" && prepared.prepare.ballot.counter, 2)
      assert.strictEqual(counterNow(it, "outboxReplacedScp"), 5)
      assert.strictEqual(counterNow(it, "outboxShedScp"), 0)
    }))

  it.effect("all go where they need not wait", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it)
      for (const pledges of [prepare(1), prepare(2), externalize()]) {
        yield* it.overlay.broadcast(said(1, 5, pledges))
        yield* peer.settle
      }
      assert.deepStrictEqual(statementsHeard(peer), ["1 5 PREPARE", "1 5 PREPARE", "1 5 EXTERNALIZE"])
      assert.strictEqual(counterNow(it, "outboxReplacedScp"), 0)
    }))

  const heardAt = Effect.fnUntraced(function*(ledger: number | undefined, slots: ReadonlyArray<number>) {
    const position: { ledger: number | undefined; synced: boolean } = { ledger: undefined, synced: true }
    const it = yield* node({ application: (inMemory) => ({ ...inMemory, position: () => position }) })
    const peer = yield* caller(it, { grant: "none" })
    for (const slot of slots) yield* it.overlay.broadcast(said(1, slot, externalize()))
    position.ledger = ledger
    yield* beat
    yield* grantAll(peer)
    const heard = peer.heardOf("SCP_MESSAGE").map(({ envelope }) => Number(envelope.statement.slotIndex))
    assert.strictEqual(counterNow(it, "outboxOutdatedScp"), slots.length - heard.length)
    return heard
  })

  it.effect("are taken out when their ledger is not remembered any more, but not those of the checkpoint [core: outbound queue filtering / SCP messages, slot too old]", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* heardAt(100, [63, 64, 65, 88, 89, 100, 150]), [64, 89, 100, 150])
    }))

  it.effect("are taken out as well when there is a later checkpoint [core: outbound queue filtering / SCP messages, checkpoint too old]", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* heardAt(150, [64, 128, 129, 150]), [128, 150])
    }))

  it.effect("stay as long as the node does not know its ledger", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* heardAt(undefined, [1, 64, 100]), [1, 64, 100])
    }))

  it.effect("are shed, where there are too many bytes of them, of who sent most", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it, { grant: "none" })
      const quiet = yield* caller(it, { label: "quiet" })
      const loud = yield* caller(it, { label: "loud" })
      for (let slot = 1; slot <= 3; slot++) quiet.sayBytes(signedStatement(networkId, signerOf(1), slot, externalize()))
      yield* quiet.ask
      const fitting = Math.floor(limits.OUTBOUND_SCP_BYTES / 200_000)
      for (let slot = 1; slot <= fitting + 5; slot++) {
        loud.sayBytes(signedStatement(networkId, signerOf(2), slot, nominate(["x".repeat(200_000)])))
        yield* loud.ask
      }
      const shed = counterNow(it, "outboxShedScp")
      assert.isAtLeast(shed, 5)
      peer.grant(1_000_000, 1_000_000_000)
      for (let i = 0; i < 3 + fitting + 5 - shed; i++) yield* peer.hear("SCP_MESSAGE")
      yield* peer.settle
      const heard = statementsHeard(peer)
      assert.deepStrictEqual(heard.slice(0, 3), [1, 2, 3].map((slot) => `1 ${slot} EXTERNALIZE`))
      assert.strictEqual(heard[3], `2 ${shed + 1} NOMINATE`)
      assert.strictEqual(heard.at(-1), `2 ${fitting + 5} NOMINATE`)
      assert.strictEqual(counterNow(it, "outboxShedOverShare"), shed)
      assert.deepStrictEqual([peer, quiet, loud].flatMap(({ id }) => it.leaves(id)), [])
    }))
})

// Transactions, adverts, demands

/** What of so many demanded transactions comes, when a peer grants credit only after all were demanded. */
const demanded = Effect.fnUntraced(function*(options: NodeOptions, count: number, bytes?: number) {
  const it = yield* node(options)
  const peer = yield* caller(it, { grant: "none" })
  const transactions = Array.from({ length: count }, (_, i) => transactionOf(i, bytes))
  for (let i = 0; i < count; i++) yield* it.overlay.broadcast(transactionMessage(i, bytes))
  demand(peer, transactions)
  yield* peer.ask
  yield* grantAll(peer)
  assert.deepStrictEqual(it.leaves(peer.id), [])
  return { it, heard: numbersHeard(peer, transactions) }
})

describe("transactions that wait for credit", () => {
  it.effect("are the newest, as many as a ledger takes operations [core: outbound queue filtering / limit based on tx set size]", () =>
    Effect.gen(function*() {
      const { heard, it } = yield* demanded({ memory: { limits: { maxTxSetOperations: 5 } } }, 12)
      assert.deepStrictEqual(heard, [7, 8, 9, 10, 11])
      assert.strictEqual(counterNow(it, "outboxShedTransactions"), 7)
    }))

  it.effect("are the newest of three mebibytes [core: outbound queue filtering / limit based on total bytes]", () =>
    Effect.gen(function*() {
      const fitting = Math.floor(limits.OUTBOUND_TRANSACTION_BYTES / 100_000)
      const { heard, it } = yield* demanded({}, fitting + 4, 100_000)
      assert.deepStrictEqual(heard, Array.from({ length: fitting }, (_, i) => i + 4))
      assert.strictEqual(counterNow(it, "outboxShedTransactions"), 4)
    }))
})

describe("transactions of several senders that wait for credit", () => {
  it.effect("are shed of who sent most, the oldest first", () =>
    Effect.gen(function*() {
      const it = yield* node({ memory: { limits: { maxTxSetOperations: 10 } } })
      const peer = yield* caller(it, { grant: "none" })
      const [quiet, loud] = [yield* caller(it, { label: "quiet" }), yield* caller(it, { label: "loud" })]
      const transactions = Array.from({ length: 18 }, (_, i) => transactionOf(i))
      for (const own of [0, 1]) yield* it.overlay.broadcast(transactionMessage(own))
      for (const number of [2, 3, 4]) quiet.sayBytes(transactions[number]!)
      yield* quiet.ask
      for (let number = 5; number < 18; number++) loud.sayBytes(transactions[number]!)
      yield* loud.ask
      demand(peer, transactions)
      yield* peer.ask
      yield* grantAll(peer)
      assert.deepStrictEqual(numbersHeard(peer, transactions), [0, 1, 2, 3, 4, 13, 14, 15, 16, 17])
      assert.strictEqual(counterNow(it, "outboxShedTransactions"), 8)
      assert.strictEqual(counterNow(it, "outboxShedOverShare"), 8)
    }))

  it.effect("count as nobody's when who sent them has left", () =>
    Effect.gen(function*() {
      const it = yield* node({ memory: { limits: { maxTxSetOperations: 4 } } })
      const peer = yield* caller(it, { grant: "none" })
      const loud = yield* caller(it, { label: "loud" })
      const transactions = Array.from({ length: 6 }, (_, i) => transactionOf(i))
      for (const number of [0, 1, 2]) loud.sayBytes(transactions[number]!)
      yield* loud.ask
      yield* it.overlay.disconnect(loud.id)
      yield* until("it has left", () => it.leaves(loud.id).length > 0)
      // Who has its place now is not blamed for what it sent, or 0 and 1 would give way.
      const next = yield* caller(it, { label: "next" })
      for (const number of [3, 4, 5]) next.sayBytes(transactions[number]!)
      yield* next.ask
      demand(peer, transactions)
      yield* peer.ask
      yield* grantAll(peer)
      assert.deepStrictEqual(numbersHeard(peer, transactions), [1, 2, 4, 5])
    }))

  it.effect("may be as many bytes as were chosen", () =>
    Effect.gen(function*() {
      const { heard, it } = yield* demanded({ config: { outboundTransactionBytes: 5000 } }, 9, 1000)
      assert.deepStrictEqual(heard, [4, 5, 6, 7, 8])
      assert.strictEqual(counterNow(it, "outboxShedTransactions"), 4)
    }))
})

describe("hashes that wait for credit", () => {
  it.effect("are the newest on offer [core: outbound queue filtering / advert demand limit]", () =>
    Effect.gen(function*() {
      const it = yield* node({ memory: { limits: { maxTxSetOperations: 5 } } })
      const peer = yield* caller(it, { grant: "none" })
      for (let i = 0; i < 12; i++) {
        yield* it.overlay.broadcast(transactionMessage(i))
        yield* TestClock.adjust("100 millis")
      }
      yield* grantAll(peer)
      const heard = peer.heardOf("FLOOD_ADVERT").flatMap(({ floodAdvert }) =>
        floodAdvert.txHashes.map((hash) => [...hash])
      )
      assert.deepStrictEqual(heard, [7, 8, 9, 10, 11].map((i) => [...hashBytes(transactionOf(i))]))
      assert.strictEqual(counterNow(it, "outboxShedAdverts"), 7)
    }))

  it.effect("are the newest that are asked for [core: outbound queue filtering / advert demand limit]", () =>
    Effect.gen(function*() {
      const it = yield* node({ memory: { limits: { maxTxSetOperations: 5 } } })
      const peer = yield* caller(it, { grant: "none" })
      const hashes = Array.from({ length: 12 }, (_, i) => hashBytes(transactionOf(i)))
      for (let at = 0; at < 12; at += 4) {
        peer.say({ _tag: "FLOOD_ADVERT", floodAdvert: { txHashes: hashes.slice(at, at + 4) } })
        yield* peer.ask
        yield* TestClock.adjust("200 millis")
      }
      yield* grantAll(peer)
      const heard = peer.heardOf("FLOOD_DEMAND").flatMap(({ floodDemand }) =>
        floodDemand.txHashes.map((hash) => [...hash])
      )
      assert.deepStrictEqual(heard, hashes.slice(8).map((hash) => [...hash]))
      assert.strictEqual(counterNow(it, "outboxShedDemands"), 8)
    }))
})

describe("a transaction that two offer", () => {
  it.effect.each([[undefined, 600], [Duration.millis(1100), 1200]] as const)(
    "is demanded of the second one after the time that was chosen: %s, and so after %i ms",
    ([demandBackoff, millis]) =>
      Effect.gen(function*() {
        const it = yield* node(demandBackoff === undefined ? {} : { config: { demandBackoff } })
        const peers = [yield* caller(it, { label: "one" }), yield* caller(it, { label: "two" })]
        for (const peer of peers) {
          peer.say({ _tag: "FLOOD_ADVERT", floodAdvert: { txHashes: [hashBytes(transactionOf(1))] } })
          yield* peer.ask
        }
        const demands = Effect.gen(function*() {
          for (const peer of peers) yield* peer.settle
          return peers.flatMap((peer) => peer.heardOf("FLOOD_DEMAND")).length
        })
        yield* TestClock.adjust("200 millis")
        assert.strictEqual(yield* demands, 1)
        yield* TestClock.adjust(millis - 200)
        assert.strictEqual(yield* demands, 1)
        yield* TestClock.adjust("200 millis")
        assert.strictEqual(yield* demands, 2)
      })
  )
})

describe("transactions for a peer that does not read", () => {
  const LONG = 100_000
  const transactions = Array.from({ length: 80 }, (_, i) => transactionOf(i, LONG))

  /** A peer that has granted enough for these transactions, and demanded all of them. */
  const demanding = Effect.gen(function*() {
    const it = yield* node()
    const peer = yield* caller(it)
    for (let i = 0; i < transactions.length; i++) yield* it.overlay.broadcast(transactionMessage(i, LONG))
    yield* TestClock.adjust("100 millis")
    return { it, peer }
  })

  it.effect("leave the queue as far as its link takes them, and are shed at the limit, the oldest first [core: Queue purging after write completion / p1 never reads]", () =>
    Effect.gen(function*() {
      const { it, peer } = yield* demanding
      demand(peer, transactions)
      yield* until("some are shed", () => counterNow(it, "outboxShedTransactions") > 0)
      const shed = counterNow(it, "outboxShedTransactions")
      // Those that wait are the newest 3 MiB; those before them are with the link, or were shed.
      for (let left = transactions.length - shed; left > 0; left--) yield* peer.hear("TRANSACTION")
      yield* peer.settle
      const heard = numbersHeard(peer, transactions)
      const waited = Math.floor(limits.OUTBOUND_TRANSACTION_BYTES / LONG)
      assert.deepStrictEqual(heard.slice(-waited), Array.from({ length: waited }, (_, i) => 80 - waited + i))
      assert.deepStrictEqual(heard.slice(0, -waited), Array.from({ length: 80 - waited - shed }, (_, i) => i))
      assert.deepStrictEqual(it.leaves(peer.id), [])
    }))

  it.effect("have all left the queue when it has read them [core: Queue purging after write completion / p1 received all]", () =>
    Effect.gen(function*() {
      const { it, peer } = yield* demanding
      for (const transaction of transactions) {
        demand(peer, [transaction])
        yield* peer.hear("TRANSACTION")
      }
      assert.deepStrictEqual(numbersHeard(peer, transactions), transactions.map((_, i) => i))
      assert.strictEqual(counterNow(it, "outboxShedTransactions"), 0)
      // Nothing is left: the next one does not come behind any other.
      yield* peer.settle
      assert.strictEqual(peer.heardOf("TRANSACTION").length, transactions.length)
    }))
})
