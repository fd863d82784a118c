/**
 * What other implementations of the protocol got wrong, tried on a whole node over real sockets under the clock of the test.
 *
 * Each test is named for the failure. Those that are rules of something else stand there, with the same kind of tag: docs/parity.md
 * lists all.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as ItemHash from "../../../src/core/ItemHash.ts"
import { tcpAddress } from "../../../src/core/PeerAddress.ts"
import * as limits from "../../../src/core/stellar/limits.ts"
import { MessageType } from "../../../src/core/stellar/messages.ts"
import { writeRecordMark } from "../../../src/core/stellar/RecordMark.ts"
import * as TcpTransport from "../../../src/layers/node/TcpTransport.ts"
import { fetching } from "../../../src/services/stellar/Application.ts"
import { Transport } from "../../../src/services/Transport.ts"
import { bytesOf, encode, sealed, unsealed } from "./handshakePeer.ts"
import { acceptor, type ByHand, called, caller, demand, numbersHeard, stranger } from "./peerByHand.ts"
import {
  counterNow,
  crypto,
  node,
  patiently,
  statementMessage,
  statementOf,
  type TestNode,
  transactionMessage,
  transactionOf,
  turn,
  until
} from "./peerNode.ts"
import { infoOf, slotsHeard } from "./sessionChecks.ts"

const tcp = TcpTransport.make()

/** A peer goes on as if nothing had happened: what the node says comes to it, and what it says is taken. */
const assertUnaffected = Effect.fnUntraced(function*(of: TestNode, peer: ByHand, number: number) {
  yield* of.overlay.broadcast(statementMessage(number))
  yield* peer.settle
  assert.include(slotsHeard(peer), number)
  assert.deepStrictEqual(of.leaves(peer.id), [])
})

describe("a key that keeps nothing secret", () => {
  /** Every spelling of a point of small order, as RFC 7748 reads them: 0, 1, two of order 8, and p - 1, p, p + 1. */
  const keys = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"
  ].map((hex) => Uint8Array.from(Buffer.from(hex, "hex")))

  it.effect("in a certificate that is signed well ends the connection before AUTH [elsewhere: small-order X25519 key]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      for (const [i, agreementPublicKey] of keys.entries()) {
        const doctored = { certificate: { agreementPublicKey } }
        const calling = yield* stranger(it, `calling ${i}`)
        calling.sendHello(doctored)
        assert.isUndefined(yield* calling.ending)
        assert.deepStrictEqual(calling.heard.map(({ _tag }) => _tag), ["LINK_ENDED"])

        const { connecting, peer } = yield* called(it, `called ${i}`)
        yield* peer.hear("HELLO")
        peer.sendHello(doctored)
        assert.strictEqual(
          (yield* patiently("the call fails", Effect.flip(Fiber.join(connecting))))._tag,
          "BadCryptoRequest"
        )
        assert.isUndefined(yield* peer.ending)
        assert.deepStrictEqual(peer.heardOf("AUTH"), [])
      }
      yield* until("all were told", () => it.failures().length === 2 * keys.length)
      assert.deepStrictEqual(new Set(it.failures().map(({ _tag }) => _tag)), new Set(["BadCryptoRequest"]))
    }))
})

describe("an AUTH", () => {
  it.effect("that says what it should under a wrong MAC authenticates nobody, whoever called [elsewhere: AUTH whose own MAC is wrong]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const forged = (peer: ByHand): Uint8Array => {
        const record = sealed(
          peer.channel(),
          encode({ _tag: "AUTH", auth: { flags: limits.AUTH_FLAGS_FLOW_CONTROL_BYTES } })
        )
        record[record.length - 1]! ^= 1
        return record
      }
      const calling = yield* stranger(it)
      calling.sendHello()
      yield* calling.hear("HELLO")
      calling.send(forged(calling))
      assert.strictEqual(yield* calling.ending, "3 unexpected MAC")
      assert.deepStrictEqual(calling.heardOf("AUTH"), [], "it is not answered")

      const { address, connecting, peer } = yield* called(it)
      yield* peer.hear("HELLO")
      peer.sendHello({ hello: { listeningPort: address.port } })
      yield* peer.hear("AUTH")
      peer.send(forged(peer))
      assert.strictEqual(yield* peer.ending, "3 unexpected MAC")
      assert.strictEqual(
        (yield* patiently("the call fails", Effect.flip(Fiber.join(connecting))))._tag,
        "UnexpectedMac"
      )
      assert.deepStrictEqual(yield* it.overlay.peers, [])
    }))
})

describe("a HELLO behind AUTH", () => {
  const ways: ReadonlyArray<readonly [how: string, record: (peer: ByHand) => Uint8Array, reason: string]> = [
    ["sealed as the next message", (peer) => sealed(peer.channel(), peer.hello()), "UnexpectedHello"],
    // As the first one was: without a MAC, its sequence 0. It must not begin anything anew.
    ["as at the beginning", (peer) => unsealed(peer.hello()), "UnexpectedSequence"]
  ]
  for (const role of ["caller", "acceptor"] as const) {
    for (const [how, record, reason] of ways) {
      it.effect(`by the ${role}, ${how}, ends its session and changes nothing [elsewhere: second HELLO after authentication]`, () =>
        Effect.gen(function*() {
          const it = yield* node()
          const bystander = yield* caller(it, { label: "bystander" })
          const peer = yield* (role === "caller" ? caller : acceptor)(it, { label: "twice" })
          peer.send(record(peer))
          // Sealed by the old keys: nobody may get as far as this.
          peer.sayBytes(statementOf(1))
          yield* peer.ending
          yield* until("it has left", () => it.leaves(peer.id).length > 0)
          assert.deepStrictEqual(it.leaves(peer.id).map(({ _tag }) => _tag), [reason])
          assert.strictEqual(counterNow(it, "floodNew"), 0)
          yield* assertUnaffected(it, bystander, 2)
        }))
    }
  }
})

describe("the length of a record", () => {
  it.effect("may be beyond a stranger's as soon as AUTH was said, in the same write already [elsewhere: pre-authentication limit still in force after it]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const bystander = yield* caller(it, { label: "bystander" })
      const peer = yield* stranger(it)
      peer.sendHello()
      yield* peer.hear("HELLO")
      const long = transactionOf(1, 100_000)
      const auth = encode({ _tag: "AUTH", auth: { flags: limits.AUTH_FLAGS_FLOW_CONTROL_BYTES } })
      peer.send(new Uint8Array(Buffer.concat([auth, long].map((message) => sealed(peer.channel(), message)))))
      yield* peer.hear("GET_SCP_STATE")
      yield* peer.ask
      assert.strictEqual(counterNow(it, "floodNew"), 1)
      assert.deepStrictEqual(it.leaves(peer.id), [])

      // And so may what the node says to a peer.
      yield* TestClock.adjust("100 millis")
      demand(bystander, [long])
      yield* bystander.hear("TRANSACTION")
      assert.deepStrictEqual(numbersHeard(bystander, [long]), [0])
    }))

  it.effect("of a node's long messages is taken by who was called, too [elsewhere: pre-authentication limit still in force after it]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* acceptor(it)
      peer.sayBytes(transactionOf(1, 100_000))
      yield* peer.ask
      assert.strictEqual(counterNow(it, "floodNew"), 1)
    }))

  const mark = (bytes: number): Uint8Array => {
    const bare = new Uint8Array(limits.RECORD_MARK_BYTES)
    writeRecordMark(bare, 0, bytes)
    return bare
  }

  it.effect("is a stranger's until AUTH was said and its MAC was right: one byte more ends it at the mark [elsewhere: limit after authentication in force before it]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const tooLong = mark(limits.MAX_UNAUTHENTICATED_MESSAGE_BYTES + 1)
      const early = yield* stranger(it, "before HELLO")
      early.send(tooLong)
      assert.isUndefined(yield* early.ending)

      const halfway = yield* stranger(it, "behind HELLO")
      halfway.sendHello()
      yield* halfway.hear("HELLO")
      halfway.send(tooLong)
      assert.isUndefined(yield* halfway.ending)

      const { address, connecting, peer } = yield* called(it)
      yield* peer.hear("HELLO")
      peer.sendHello({ hello: { listeningPort: address.port } })
      yield* peer.hear("AUTH")
      // Our own AUTH has gone, theirs has not come.
      peer.send(tooLong)
      assert.strictEqual(
        (yield* patiently("the call fails", Effect.flip(Fiber.join(connecting))))._tag,
        "BadRecordLength"
      )
      yield* until("all were told", () => it.failures().length === 3)
      assert.deepStrictEqual(it.failures().map(({ _tag }) => _tag), [
        "BadRecordLength",
        "BadRecordLength",
        "BadRecordLength"
      ])
    }))
})

describe("a fiber that dies", () => {
  it.effect("with its session leaves the only slot to the next peer, again and again [elsewhere: a slot leaking when a fiber dies]", () =>
    Effect.gen(function*() {
      let isBroken = false
      const it = yield* node({
        config: { maxInbound: 1 },
        application: (memory) => ({
          ...memory,
          // Asked in the middle of a chunk, where nothing catches what is thrown.
          position: () => {
            if (isBroken) throw new Error("an application's own")
            return memory.position()
          }
        })
      })
      for (let i = 1; i <= 5; i++) {
        const peer = yield* caller(it, { label: `peer ${i}` })
        isBroken = true
        peer.sayBytes(transactionOf(i))
        assert.isUndefined(yield* peer.ending)
        isBroken = false
        yield* until("it has left", () => it.leaves(peer.id).length > 0)
        assert.deepStrictEqual(it.leaves(peer.id).map(({ _tag }) => _tag), ["Bug"])
      }
      assert.deepStrictEqual(it.failures(), [], "nobody was refused")
    }))

  it.effect("in the handshake leaves the only pending slot to the next one [elsewhere: a slot leaking when a fiber dies]", () =>
    Effect.gen(function*() {
      let isBroken = true
      const breaking = Layer.succeed(Transport, {
        ...tcp,
        listen: (address, onLink) =>
          tcp.listen(
            address,
            (link) => onLink(isBroken ? { ...link, read: () => Effect.die(new Error("a transport's own")) } : link)
          )
      })
      const it = yield* node({ transport: breaking, config: { maxPendingInbound: 1 } })
      for (let i = 1; i <= 5; i++) {
        const peer = yield* stranger(it, `stranger ${i}`)
        assert.isUndefined(yield* peer.ending)
        yield* until("it was told", () => it.failures().length === i)
      }
      assert.deepStrictEqual(new Set(it.failures().map(({ _tag }) => _tag)), new Set(["Bug"]))
      isBroken = false
      yield* assertUnaffected(it, yield* caller(it), 1)
    }))

  it.effect("while it dials leaves the only slot to the next dial [elsewhere: a slot leaking when a fiber dies]", () =>
    Effect.gen(function*() {
      const broken = Layer.succeed(Transport, { ...tcp, dial: () => Effect.die(new Error("a transport's own")) })
      const it = yield* node({ transport: broken, config: { maxPendingOutbound: 1 } })
      for (let i = 1; i <= 5; i++) {
        const reason = yield* patiently("it fails", Effect.flip(it.overlay.connect(tcpAddress("127.0.0.1", 4))))
        assert.strictEqual(reason._tag, "Bug")
      }
    }))
})

describe("credit", () => {
  it.effect("of a peer is spent for what it gets, and not for what was shed while it waited [elsewhere: credit leaking on shed or duplicate messages]", () =>
    Effect.gen(function*() {
      const LONG = 100_000
      const granted = { messages: 1000, bytes: 100 * LONG }
      const transactions = Array.from({ length: 80 }, (_, i) => transactionOf(i, LONG))
      const it = yield* node()
      const peer = yield* caller(it, { grant: granted })
      for (let i = 0; i < transactions.length; i++) yield* it.overlay.broadcast(transactionMessage(i, LONG))
      // All at once, which is more than may wait: there is credit for all of it while some is shed.
      demand(peer, transactions)
      yield* until("some are shed", () => counterNow(it, "outboxShedTransactions") > 0)
      yield* peer.settle
      const heard = [...peer.heardOf("TRANSACTION"), ...peer.heardOf("FLOOD_ADVERT"), ...peer.heardOf("SCP_MESSAGE")]
      assert.strictEqual(numbersHeard(peer, transactions).length, 80 - counterNow(it, "outboxShedTransactions"))
      assert.deepStrictEqual((yield* infoOf(it, peer))?.sendCredit, {
        messages: granted.messages - heard.length,
        bytes: granted.bytes - heard.reduce((sum, message) => sum + encode(message).length, 0)
      })
    }))

  it.effect("goes back for statements that wait for their quorum set, and for those that are forgotten [elsewhere: credit leaking on shed or duplicate messages]", () =>
    Effect.gen(function*() {
      const it = yield* node({
        application: (memory) => ({
          ...memory,
          judge: {
            answers: "at once",
            statements: (batch) =>
              batch.map(({ hash }, i) => i % 2 === 0 ? fetching(1, { quorumSets: [hash] }) : "discarded"),
            transactions: (batch) => batch.map(() => "accepted")
          }
        })
      })
      const peer = yield* caller(it)
      const statements = Array.from({ length: 4 * limits.CREDIT_MESSAGES }, (_, i) => statementOf(i + 1))
      for (const [i, statement] of statements.entries()) {
        peer.sayBytes(statement)
        // A batch of credit and some more: what is not given back is missed soon.
        if (i % 50 === 49) yield* peer.ask
      }
      yield* peer.settle
      assert.deepStrictEqual(it.leaves(peer.id), [], "it was never beyond its credit")
      const granted = peer.heardOf("SEND_MORE_EXTENDED").slice(1).map(({ sendMoreExtended }) => sendMoreExtended)
      assert.strictEqual(granted.reduce((sum, { numMessages }) => sum + numMessages, 0), statements.length)
      assert.strictEqual(
        granted.reduce((sum, { numBytes }) => sum + numBytes, 0),
        statements.reduce((sum, { length }) => sum + length, 0)
      )
    }))
})

/** Asks for answers of 24 MiB, which no socket holds, and reads none of them: from then on the node cannot write to this peer. */
const fill = Effect.fnUntraced(function*(of: TestNode, peer: ByHand) {
  const COUNT = 24
  const set = new Uint8Array(limits.READING_BYTES)
  set[3] = MessageType.GENERALIZED_TX_SET
  const txSetHash = bytesOf(crypto, "a long set")
  of.memory.addTransactionSet(ItemHash.fromBytes(txSetHash), set)
  const before = counterNow(of, "queriesAnswered")
  for (let i = 0; i < COUNT; i++) peer.say({ _tag: "GET_TX_SET", txSetHash })
  yield* until("all is asked", () => counterNow(of, "queriesAnswered") >= before + COUNT)
})

describe("a peer that takes nothing", () => {
  it.effect("delays neither what the node says to others nor what they say to one another [elsewhere: one full peer stalling others]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const [full, speaker, listener] = [
        yield* caller(it, { label: "full" }),
        yield* caller(it, { label: "speaker" }),
        yield* caller(it, { label: "listener" })
      ] as const
      yield* fill(it, full)

      for (let slot = 1; slot <= 100; slot++) {
        speaker.sayBytes(statementOf(slot))
        yield* speaker.ask
      }
      yield* it.overlay.broadcast(statementMessage(101))
      yield* it.overlay.broadcast(transactionMessage(1))
      demand(listener, [transactionOf(1)])
      // The clock of the test stands: nothing that others get waits for time.
      yield* listener.settle
      assert.deepStrictEqual(slotsHeard(listener), Array.from({ length: 101 }, (_, i) => i + 1))
      assert.deepStrictEqual(numbersHeard(listener, [transactionOf(1)]), [0])
      assert.deepStrictEqual(it.leaves(full.id), [], "it may be as slow as it likes for a while")
      // And it misses nothing of it once it reads.
      yield* full.settle
      assert.deepStrictEqual(slotsHeard(full), Array.from({ length: 101 }, (_, i) => i + 1))
    }))
})

describe("a shutdown", () => {
  it.effect("is over in two seconds, whoever does not read, does not close, or does not answer [elsewhere: shutdown that hangs]", () =>
    Effect.gen(function*() {
      const silent = yield* tcp.listen(tcpAddress("127.0.0.1", 0), () => Effect.never)
      const it = yield* node({
        application: (memory) => ({
          ...memory,
          judge: { answers: "later", statements: () => Effect.never, transactions: () => Effect.never }
        })
      })
      const full = yield* caller(it, { label: "full" })
      yield* fill(it, full)
      const waiting = yield* caller(it, { label: "waits for a verdict" })
      waiting.sayBytes(statementOf(1))
      yield* waiting.ask
      const shy = yield* stranger(it, "behind HELLO")
      shy.sendHello()
      yield* shy.hear("HELLO")
      yield* stranger(it, "says nothing")
      yield* Effect.forkScoped(Effect.exit(it.overlay.connect(silent.address)))

      const closing = yield* Effect.forkChild(it.close)
      yield* waiting.hear("ERROR_MSG")
      yield* turn
      assert.isUndefined(closing.pollUnsafe(), "there are some that do not close")
      yield* TestClock.adjust("2 seconds")
      yield* patiently("the node is gone", Fiber.join(closing))
      assert.deepStrictEqual(it.leaves(full.id).map(({ _tag }) => _tag), ["Shutdown"])
    }))
})

describe("a quorum set", () => {
  /** threshold (4), no validators (4), one inner set (4), again and again; the last one has none. */
  const nested = (depth: number): Uint8Array => {
    const message = new Uint8Array(4 + 12 * (depth + 1))
    const view = new DataView(message.buffer)
    view.setUint32(0, MessageType.SCP_QUORUMSET)
    for (let level = 0; level <= depth; level++) {
      view.setUint32(4 + 12 * level, 1)
      view.setUint32(12 + 12 * level, level < depth ? 1 : 0)
    }
    return message
  }

  it.effect("of any depth costs only who sends it [elsewhere: quorum sets nested thousands deep]", () =>
    Effect.gen(function*() {
      const it = yield* node({
        application: (memory) => ({
          ...memory,
          judge: {
            answers: "at once",
            // Asks for one, so that such sets are waited for.
            statements: (batch) =>
              batch.map(() => fetching(1, { quorumSets: [crypto.sha256(nested(5000).subarray(4))] })),
            transactions: (batch) => batch.map(() => "accepted")
          }
        })
      })
      const bystander = yield* caller(it, { label: "bystander" })
      for (const depth of [5000, 50_000, 1_390_000]) {
        const peer = yield* caller(it, { label: `nests ${depth}` })
        peer.sayBytes(statementOf(depth))
        yield* peer.ask
        peer.sayBytes(nested(depth))
        assert.strictEqual(yield* peer.ending, "1 received corrupt XDR")
        yield* until("it has left", () => it.leaves(peer.id).length > 0)
        assert.deepStrictEqual(it.leaves(peer.id).map(({ _tag }) => _tag), ["CorruptXdr"])
      }
      yield* assertUnaffected(it, bystander, 1)
    }))
})
