/**
 * The first words of a session, and what credit does to those that follow, in and out.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { tcpAddress } from "../../../src/core/PeerAddress.ts"
import * as TcpTransport from "../../../src/layers/node/TcpTransport.ts"
import { type Link, Transport } from "../../../src/services/Transport.ts"
import { bytesOf, encode } from "./handshakePeer.ts"
import { acceptor, caller } from "./peerByHand.ts"
import {
  counterNow,
  crypto,
  hashBytes,
  node,
  statementMessage,
  statementOf,
  transactionMessage,
  transactionOf,
  until
} from "./peerNode.ts"
import { askMuch, counter, grantsTo, infoOf } from "./sessionChecks.ts"

const tcp = TcpTransport.make()

describe("the first words of a session", () => {
  it.effect("are AUTH, the grant of 200 messages and 300,000 bytes, and a question for the SCP state [ref 5.2 first grant]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it, { grant: "none" })
      assert.deepStrictEqual(peer.heard.slice(0, 4).map(({ _tag }) => _tag), [
        "HELLO",
        "AUTH",
        "SEND_MORE_EXTENDED",
        "GET_SCP_STATE"
      ])
      assert.deepStrictEqual(grantsTo(peer), [[200, 300_000]])
      assert.strictEqual(peer.heardOf("GET_SCP_STATE")[0]?.ledgerSeq, 1)
    }))

  it.effect("are PEERS with 50 addresses at most [ref 8.4 50 addresses]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      yield* it.peerStore.ensure(Array.from({ length: 70 }, (_, i) => tcpAddress(`9.9.${i}.9`, 11_625)))
      const peer = yield* caller(it)
      assert.deepStrictEqual(peer.heardOf("PEERS").map(({ peers }) => peers.length), [50])
    }))

  it.effect("are preceded by PEERS for one who called, if there are any to tell", () =>
    Effect.gen(function*() {
      const it = yield* node()
      yield* it.peerStore.ensure([tcpAddress("9.9.9.9", 11_625)])
      const [called, calling] = [yield* acceptor(it, { label: "called" }), yield* caller(it)]
      assert.deepStrictEqual(calling.heard.slice(0, 4).map(({ _tag }) => _tag), [
        "HELLO",
        "AUTH",
        "PEERS",
        "SEND_MORE_EXTENDED"
      ])
      assert.deepStrictEqual(called.heardOf("PEERS"), [])
    }))

  it.effect("tell addresses as XDR, the bytes of the IP in their order and no failures [core: toXdr]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      yield* it.peerStore.ensure([tcpAddress("1.25.50.200", 256)])
      yield* it.peerStore.attempt(tcpAddress("1.25.50.200", 256))
      const peer = yield* caller(it)
      assert.deepStrictEqual(peer.heardOf("PEERS").map(({ peers }) => peers), [[
        { ip: { _tag: "IPv4", ipv4: Uint8Array.of(1, 25, 50, 200) }, port: 256, numFailures: 0 }
      ]])
    }))
})

describe("credit", () => {
  it.effect("goes back with the 40th message, exactly as it was consumed [ref 5.3 batch of 40 messages] [ref 5.3 exact give-back]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it)
      let bytes = 0
      const say = (from: number, to: number) => {
        for (let i = from; i <= to; i++) {
          bytes += statementOf(i).length
          peer.sayBytes(statementOf(i))
        }
      }
      say(1, 39)
      yield* peer.settle
      assert.strictEqual(grantsTo(peer).length, 1)
      say(40, 40)
      yield* peer.settle
      assert.deepStrictEqual(grantsTo(peer).slice(1), [[40, bytes]])
    }))

  it.effect("goes back with 100,000 bytes, whatever the number of messages [ref 5.3 batch of 100,000 bytes]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it)
      peer.sayBytes(transactionOf(1, 60_000))
      yield* peer.settle
      assert.strictEqual(grantsTo(peer).length, 1)
      peer.sayBytes(transactionOf(2, 50_000))
      yield* peer.settle
      assert.deepStrictEqual(grantsTo(peer).slice(1), [[2, 110_000]])
    }))

  it.effect("goes back for duplicates [elsewhere: credit leaking on shed or duplicate messages] [ref 5.1 size of the message alone] [ref 5.3 credit of duplicates]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it)
      for (let i = 0; i < 80; i++) peer.sayBytes(statementOf(1))
      yield* peer.settle
      const bytes = statementOf(1).length
      assert.deepStrictEqual(grantsTo(peer).slice(1), [[40, 40 * bytes], [40, 40 * bytes]])
      assert.strictEqual(yield* counter(it, "floodDuplicate"), 79)
    }))

  it.effect("goes back for what is ignored while the network is not followed [core: flow control when out of sync] [ref 6.3 ignored while out of sync] [ref 5.1 what costs credit]", () =>
    Effect.gen(function*() {
      const it = yield* node({
        application: (memory) => ({ ...memory, position: () => ({ ledger: undefined, synced: false }) })
      })
      const peer = yield* caller(it)
      const [advert, demand] = (["FLOOD_ADVERT", "FLOOD_DEMAND"] as const).map((tag) => {
        const hashes = { txHashes: [hashBytes(transactionOf(7))] }
        return encode(tag === "FLOOD_ADVERT" ? { _tag: tag, floodAdvert: hashes } : { _tag: tag, floodDemand: hashes })
      }) as [Uint8Array, Uint8Array]
      for (let i = 0; i < 20; i++) peer.sayBytes(advert)
      for (let i = 0; i < 19; i++) peer.sayBytes(demand)
      peer.sayBytes(transactionOf(7))
      yield* peer.settle
      assert.deepStrictEqual(grantsTo(peer).slice(1), [[40, 39 * advert.length + transactionOf(7).length]])
      assert.strictEqual(yield* counter(it, "ignoredWhileNotSynced"), 40)
      yield* TestClock.adjust("1 second")
      yield* peer.settle
      assert.deepStrictEqual(peer.heardOf("FLOOD_DEMAND"), [])
    }))

  it.effect("goes back for what is above the peer's rate, and a later copy of that is taken [elsewhere: credit leaking on shed or duplicate messages]", () =>
    Effect.gen(function*() {
      const it = yield* node({ config: { floodRate: 10 } })
      const peer = yield* caller(it)
      for (let i = 1; i <= 40; i++) peer.sayBytes(statementOf(i))
      yield* peer.settle
      assert.strictEqual(grantsTo(peer)[1]?.[0], 40)
      assert.strictEqual(yield* counter(it, "floodOverRate"), 30)
      yield* TestClock.adjust("1 second")
      peer.sayBytes(statementOf(40))
      yield* peer.settle
      assert.strictEqual(yield* counter(it, "floodNew"), 11)
    }))

  it.effect("goes back for a transaction of a kind that is not known, which goes no further", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const [bystander, peer] = [yield* caller(it, { label: "bystander" }), yield* caller(it)]
      const unknown = transactionOf(1)
      unknown[75] = 99
      for (let i = 0; i < 40; i++) peer.sayBytes(unknown)
      yield* peer.settle
      assert.deepStrictEqual(grantsTo(peer).slice(1), [[40, 40 * unknown.length]])
      assert.strictEqual(yield* counter(it, "floodUnknown"), 40)
      yield* TestClock.adjust("1 second")
      yield* bystander.settle
      assert.deepStrictEqual(bystander.heardOf("FLOOD_ADVERT"), [])
    }))

  it.effect("is ours to wait for: nothing of a flood is sent before the first grant [ref 5.5 nothing before the first grant]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it, { grant: "none" })
      yield* it.overlay.broadcast(statementMessage(1))
      yield* it.overlay.broadcast(transactionMessage(1))
      peer.say({ _tag: "FLOOD_ADVERT", floodAdvert: { txHashes: [hashBytes(transactionOf(2))] } })
      yield* TestClock.adjust("1 second")
      yield* peer.settle
      const floods = () =>
        peer.heard.map(({ _tag }) => _tag).filter((tag) => tag === "SCP_MESSAGE" || tag.startsWith("FLOOD"))
      assert.deepStrictEqual(floods(), [])
      peer.grant(2, 10_000)
      yield* peer.settle
      assert.deepStrictEqual(floods(), ["SCP_MESSAGE", "FLOOD_DEMAND"])
      peer.grant(0, 1)
      yield* peer.settle
      assert.strictEqual(floods().length, 2)
      peer.grant(1, 1)
      yield* peer.settle
      assert.deepStrictEqual(floods(), ["SCP_MESSAGE", "FLOOD_DEMAND", "FLOOD_ADVERT"])
    }))

  it.effect("that is too little for a transaction lets a small advert overtake it [elsewhere: a large head message starving lower queues]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it, { grant: { messages: 10, bytes: 500 } })
      const [large, small] = [transactionOf(1, 1000), transactionOf(2)]
      yield* it.overlay.broadcast(transactionMessage(1, 1000))
      yield* TestClock.adjust("100 millis")
      peer.say({ _tag: "FLOOD_DEMAND", floodDemand: { txHashes: [hashBytes(large)] } })
      yield* it.overlay.broadcast(transactionMessage(2))
      yield* TestClock.adjust("100 millis")
      yield* peer.settle
      assert.deepStrictEqual(
        peer.heardOf("FLOOD_ADVERT").flatMap(({ floodAdvert }) => floodAdvert.txHashes.map((hash) => [...hash])),
        [[...hashBytes(large)], [...hashBytes(small)]]
      )
      assert.deepStrictEqual(peer.heardOf("TRANSACTION"), [])
      peer.grant(0, 1000)
      yield* peer.settle
      assert.deepStrictEqual(peer.heardOf("TRANSACTION").map((message) => encode(message)), [large])
    }))

  it.effect("granted in full, and again, is counted exactly", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it)
      peer.grant(0xffffffff, 0xffffffff)
      peer.grant(0, 0xffffffff)
      yield* peer.ask
      assert.deepStrictEqual((yield* infoOf(it, peer))?.sendCredit, {
        messages: 1_000_000 + 0xffffffff,
        bytes: 1_000_000_000 + 2 * 0xffffffff
      })
    }))
})

describe("messages longer than one write", () => {
  it.effect("leave in their order, among short ones", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it)
      const sizes = [100, 102_400, 100, 65_460, 102_400, 65_456, 100, 102_400, 96]
      for (const [i, size] of sizes.entries()) yield* it.overlay.broadcast(transactionMessage(i, size))
      const messages = sizes.map((size, i) => transactionOf(i, size))
      peer.say({ _tag: "FLOOD_DEMAND", floodDemand: { txHashes: messages.map(hashBytes) } })
      while (peer.heardOf("TRANSACTION").length < sizes.length) yield* peer.hear("TRANSACTION")
      assert.deepStrictEqual(
        peer.heardOf("TRANSACTION").map((message) => Buffer.from(encode(message)).toString("hex")),
        messages.map((message) => Buffer.from(message).toString("hex"))
      )
    }))
})

describe("a link that is full", () => {
  /** TCP that counts what is sent although the link had said to wait. */
  const strict = () => {
    const counted = { violations: 0, full: 0 }
    const strictly = (link: Link): Link => ({
      ...link,
      send: (bytes) => {
        if (!link.isWritable()) counted.violations++
        const wasTaken = link.send(bytes)
        if (!wasTaken) counted.full++
        return wasTaken
      }
    })
    const layer = Layer.succeed(Transport, {
      ...tcp,
      listen: (address, onLink) => tcp.listen(address, (link) => onLink(strictly(link)))
    })
    return { counted, layer }
  }

  it.effect("is sent nothing until it has room, and then all in order", () =>
    Effect.gen(function*() {
      const { counted, layer } = strict()
      const it = yield* node({ transport: layer })
      const peer = yield* caller(it)
      const start = peer.heard.length
      // Long and short answers by turns, of which nobody reads any as yet.
      for (let i = 0; i < 12; i++) {
        askMuch(it, peer, 1)
        peer.say({ _tag: "GET_SCP_QUORUMSET", qSetHash: bytesOf(crypto, `short ${i}`) })
      }
      yield* until("it is full", () => counted.full > 0 && counterNow(it, "queriesAnswered") >= 24)
      yield* peer.settle
      assert.deepStrictEqual(
        peer.heard.slice(start, start + 24).map(({ _tag }) => _tag),
        Array.from({ length: 12 }, () => ["GENERALIZED_TX_SET", "DONT_HAVE"]).flat()
      )
      assert.strictEqual(counted.violations, 0)
    }))
})
