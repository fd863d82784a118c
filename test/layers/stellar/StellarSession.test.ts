/**
 * Authenticated peers, and those who would be, against a whole node over real sockets under the clock of the test.
 *
 * The other side is driven by hand and says right and wrong things. Whatever it says, it ends for one typed reason, with one
 * event and one counter, and nobody else notices.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Fiber, Latch, Layer, Metric, Stream } from "effect"
import { TestClock } from "effect/testing"
import { readFileSync } from "node:fs"
import * as ItemHash from "../../../src/core/ItemHash.ts"
import { tcpAddress } from "../../../src/core/PeerAddress.ts"
import { errorCodeName, type StellarDropReason } from "../../../src/core/stellar/DropReason.ts"
import { FrameChannel } from "../../../src/core/stellar/FrameChannel.ts"
import * as limits from "../../../src/core/stellar/limits.ts"
import { messageName, MessageType, type StellarMessage } from "../../../src/core/stellar/messages.ts"
import { writeRecordMark } from "../../../src/core/stellar/RecordMark.ts"
import { sessionKeys, sharedKey } from "../../../src/core/stellar/SessionKeys.ts"
import * as TcpTransport from "../../../src/layers/node/TcpTransport.ts"
import type {
  Flooded,
  FloodedStatement,
  StatementVerdict,
  TransactionVerdict
} from "../../../src/services/stellar/Application.ts"
import type { Overrides } from "../../../src/services/stellar/StellarConfig.ts"
import { type Link, Transport } from "../../../src/services/Transport.ts"
import { handOver, receiveAll } from "../../support/links.ts"
import { signerOf } from "../../support/statements.ts"
import { bytesOf, encode, sealed, unsealed } from "./handshakePeer.ts"
import { acceptor, type ByHand, caller, stranger } from "./peerByHand.ts"
import {
  counterNow,
  crypto,
  hashBytes,
  makeNode,
  node,
  type NodeOptions,
  NOW_SECONDS,
  patiently,
  statementMessage,
  statementOf,
  type TestNode,
  transactionMessage,
  transactionOf,
  turn,
  until
} from "./peerNode.ts"

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"))

const fixture = <A>(name: string): A =>
  JSON.parse(readFileSync(new URL(`../../fixtures/stellar-vectors/${name}.json`, import.meta.url), "utf8"))

const tcp = TcpTransport.make()

const counter = (of: TestNode, name: string): Effect.Effect<number> => Effect.sync(() => counterNow(of, name))

const infoOf = (of: TestNode, { id }: ByHand) =>
  Effect.map(of.overlay.peers, (peers) => peers.find((peer) => peer.id === id))

/** The peer has left, once, for this reason, and is in no list. */
const assertLeft = Effect.fnUntraced(function*(of: TestNode, peer: ByHand, tag: StellarDropReason["_tag"]) {
  yield* until(`the node says that ${tag}`, () => of.leaves(peer.id).length > 0)
  assert.deepStrictEqual(of.leaves(peer.id).map(({ _tag }) => _tag), [tag])
  assert.isUndefined(yield* infoOf(of, peer))
  assert.strictEqual(yield* counter(of, `ended${tag}`), 1)
  assert.deepStrictEqual(of.failures(), [])
})

let broadcasts = 1000

/** Another peer goes on as if nothing had happened. */
const assertUnaffected = Effect.fnUntraced(function*(of: TestNode, bystander: ByHand) {
  const number = broadcasts++
  assert.strictEqual(yield* of.overlay.broadcast(statementMessage(number)), (yield* of.overlay.peers).length)
  yield* bystander.settle
  assert.include(bystander.heardOf("SCP_MESSAGE").map(({ envelope }) => Number(envelope.statement.slotIndex)), number)
  assert.deepStrictEqual(of.leaves(bystander.id), [])
})

const grantsTo = (peer: ByHand): ReadonlyArray<readonly [messages: number, bytes: number]> =>
  peer.heardOf("SEND_MORE_EXTENDED").map(({ sendMoreExtended: it }) => [it.numMessages, it.numBytes])

const slotsHeard = (peer: ByHand): ReadonlyArray<number> =>
  peer.heardOf("SCP_MESSAGE").map(({ envelope }) => Number(envelope.statement.slotIndex))

/** Asks for so many answers of a mebibyte each, and reads none. */
const askMuch = (of: TestNode, peer: ByHand, count: number): void => {
  const message = new Uint8Array(limits.READING_BYTES)
  message[3] = MessageType.GENERALIZED_TX_SET
  const txSetHash = bytesOf(crypto, "a long set")
  of.memory.addTransactionSet(ItemHash.fromBytes(txSetHash), message)
  for (let i = 0; i < count; i++) peer.say({ _tag: "GET_TX_SET", txSetHash })
}

/** Fibers that live, where the runtime counts them. */
const fibers = Effect.map(Metric.snapshot, (metrics) => {
  const gauge = metrics.find(({ id }) => id === "child_fibers_active")
  return gauge?.type === "Gauge" ? Number(gauge.state.value) : 0
})

const record = (peer: ByHand, message: StellarMessage): Uint8Array => sealed(peer.channel(), encode(message))

const question = (number: number): StellarMessage => ({ _tag: "GET_SCP_STATE", ledgerSeq: number })

const lastWords = (code: number, text: string): Uint8Array =>
  unsealed(encode({ _tag: "ERROR_MSG", error: { code, msg: Buffer.from(text) } }))

/** An application that answers when it is let. */
const answersLater = () => {
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

// Before the peer is known

describe("a stranger", () => {
  const refused = Effect.fnUntraced(
    function*(of: TestNode, peer: ByHand, tag: StellarDropReason["_tag"], words?: string) {
      assert.strictEqual(yield* peer.ending, words)
      assert.deepStrictEqual(of.failures().map(({ _tag }) => _tag), [tag])
      assert.deepStrictEqual(of.leaves(peer.id), [])
      assert.strictEqual(yield* counter(of, `ended${tag}`), 1)
    }
  )

  it.effect("whose certificate has expired is refused in silence", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const bystander = yield* caller(it)
      const peer = yield* stranger(it)
      peer.sendHello({ certificate: { expiration: BigInt(NOW_SECONDS - 1) } })
      yield* refused(it, peer, "BadCertificate")
      yield* assertUnaffected(it, bystander)
    }))

  it.effect("whose certificate is for another network is refused in silence", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* stranger(it)
      peer.sendHello({ certificate: { networkId: bytesOf(crypto, "another network") } })
      yield* refused(it, peer, "BadCertificate")
    }))

  it.effect("who says ERROR_MSG is heard, before HELLO and after it, and is not answered", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const early = yield* stranger(it, "early")
      early.send(lastWords(4, "peer rejected"))
      yield* refused(it, early, "RemoteError")
      const late = yield* stranger(it, "late")
      late.sendHello()
      yield* late.hear("HELLO")
      late.send(lastWords(2, "bad address"))
      assert.isUndefined(yield* late.ending)
      assert.deepStrictEqual(it.failures().map(({ text }) => text), [
        "ERR_LOAD (peer rejected)",
        "ERR_CONF (bad address)"
      ])
    }))

  it.effect("who sends a byte at a time has five seconds in all", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const bystander = yield* caller(it)
      const peer = yield* stranger(it)
      const hello = unsealed(peer.hello())
      for (let second = 0; second < 5; second++) {
        assert.deepStrictEqual(it.failures(), [])
        peer.send(hello.slice(second, second + 1))
        // The node has read the byte before its clock goes on: it answers others that came behind it.
        yield* bystander.settle
        yield* TestClock.adjust("1 second")
      }
      yield* refused(it, peer, "HandshakeTimeout")
      yield* assertUnaffected(it, bystander)
    }))

  it.effect("who says nothing has two seconds, and who asks for a page of memory gets none", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const silent = yield* stranger(it, "silent")
      const greedy = yield* stranger(it, "greedy")
      const mark = new Uint8Array(4)
      writeRecordMark(mark, 0, 4097)
      greedy.send(mark)
      yield* refused(it, greedy, "BadRecordLength")
      yield* TestClock.adjust("2 seconds")
      assert.isUndefined(yield* silent.ending)
      assert.deepStrictEqual(it.failures().map(({ _tag }) => _tag), ["BadRecordLength", "HandshakeTimeout"])
    }))
})

// What an authenticated peer must not do

interface Fault {
  readonly name: string
  readonly act: (peer: ByHand) => void
  readonly reason: StellarDropReason["_tag"]
  readonly words?: string
}

const faults: ReadonlyArray<Fault> = [
  {
    name: "a wrong MAC",
    act: (peer) => {
      const bytes = record(peer, question(1))
      bytes[bytes.length - 1]! ^= 1
      peer.send(bytes)
    },
    reason: "UnexpectedMac",
    words: "3 unexpected MAC"
  },
  {
    name: "a changed message under a good MAC",
    act: (peer) => {
      const bytes = record(peer, question(1))
      bytes[20]! ^= 1
      peer.send(bytes)
    },
    reason: "UnexpectedMac",
    words: "3 unexpected MAC"
  },
  {
    name: "a replayed frame",
    act: (peer) => {
      const bytes = record(peer, question(1))
      peer.send(bytes.slice())
      peer.send(bytes)
    },
    reason: "UnexpectedSequence",
    words: "3 unexpected auth sequence"
  },
  {
    name: "a skipped sequence",
    act: (peer) => {
      record(peer, question(1))
      peer.send(record(peer, question(2)))
    },
    reason: "UnexpectedSequence",
    words: "3 unexpected auth sequence"
  },
  {
    name: "bytes that are no message",
    act: (peer) => peer.sayBytes(hex("0000000c")),
    reason: "CorruptXdr",
    words: "1 received corrupt XDR"
  },
  {
    name: "a record of length 0",
    act: (peer) => peer.send(Uint8Array.of(0x80, 0, 0, 0)),
    reason: "BadRecordLength"
  },
  {
    name: "a record above the limit",
    act: (peer) => peer.send(Uint8Array.of(0x81, 0, 0, 1)),
    reason: "BadRecordLength"
  },
  {
    name: "last words",
    act: (peer) => peer.send(lastWords(0, "shutdown")),
    reason: "RemoteError"
  },
  { name: "a grant of no bytes", act: (peer) => peer.grant(1, 0), reason: "InvalidSendMore" },
  {
    name: "SEND_MORE",
    act: (peer) => peer.say({ _tag: "SEND_MORE", sendMore: { numMessages: 1 } }),
    reason: "UnexpectedSendMore"
  },
  { name: "the end of its link", act: (peer) => Effect.runFork(peer.link.end), reason: "LinkLost" },
  {
    name: "more flood bytes than it has credit for",
    act: (peer) => peer.sayBytes(transactionOf(1, limits.CREDIT_BYTES + 4)),
    reason: "OverCapacity"
  }
]

describe("a peer that sends", () => {
  for (const role of ["caller", "acceptor"] as const) {
    for (const { act, name, reason, words } of faults) {
      it.effect(`${name}, as ${role}, leaves for ${reason} with ${words ?? "no words"}`, () =>
        Effect.gen(function*() {
          const it = yield* node()
          const bystander = yield* caller(it, { label: "bystander" })
          const peer = yield* (role === "caller" ? caller : acceptor)(it, { label: "culprit" })
          act(peer)
          assert.strictEqual(yield* peer.ending, words)
          yield* assertLeft(it, peer, reason)
          yield* assertUnaffected(it, bystander)
        }))
    }
  }

  it.effect("message 201 without credit leaves, and the 200 before it were taken", () =>
    Effect.gen(function*() {
      const { asked, options } = answersLater()
      const it = yield* node(options)
      const bystander = yield* caller(it, { label: "bystander" })
      const peer = yield* caller(it)
      for (let i = 1; i <= limits.CREDIT_MESSAGES; i++) peer.sayBytes(statementOf(i))
      yield* peer.ask
      assert.deepStrictEqual((yield* infoOf(it, peer))?.receiveCredit.messages, 0)
      assert.isAtLeast(asked(), 1)
      peer.sayBytes(statementOf(201))
      assert.isUndefined(yield* peer.ending)
      yield* assertLeft(it, peer, "OverCapacity")
      yield* assertUnaffected(it, bystander)
    }))

  it.effect("its frames a byte at a time is understood", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it)
      for (const byte of sealed(peer.channel(), statementOf(1))) {
        peer.send(Uint8Array.of(byte))
        yield* turn
      }
      yield* peer.ask
      assert.strictEqual(yield* counter(it, "floodNew"), 1)
    }))

  it.effect("the mark of a long record costs what has come of it, and not what it promises", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const before = process.memoryUsage().arrayBuffers
      const greedy = yield* Effect.forEach(
        Array.from({ length: 10 }, (_, i) => `greedy ${i}`),
        (label) => caller(it, { label })
      )
      for (const peer of greedy) {
        const head = new Uint8Array(104)
        writeRecordMark(head, 0, limits.MAX_MESSAGE_BYTES)
        peer.send(head)
      }
      const bystander = yield* caller(it, { label: "bystander" })
      yield* bystander.settle
      assert.strictEqual((yield* it.overlay.peers).length, 11)
      assert.isBelow(process.memoryUsage().arrayBuffers - before, limits.MAX_MESSAGE_BYTES)
    }))
})

// Every kind of message

interface MessageVector {
  readonly id: string
  readonly type: string
  readonly name: string
  readonly xdr: string
}

describe("of an authenticated peer", () => {
  const messages = fixture<{ readonly accept: ReadonlyArray<MessageVector> }>("messages").accept
    .filter(({ type }) => type === "StellarMessage")
    .map(({ id, xdr }) => ({ id, bytes: hex(xdr), name: messageName(hex(xdr)[3]!)! }))
  const samples = new Map<string, Uint8Array>(messages.map((message) => [message.name, message.bytes]))

  /** Why, with which words, and the rule. */
  type Refusals = Readonly<Record<string, readonly [StellarDropReason["_tag"], string | undefined, string]>>

  const ofBoth: Refusals = {
    HELLO: ["UnexpectedHello", undefined, " [ref 10.4 second HELLO]"],
    AUTH: ["OutOfOrderAuth", "0 out-of-order AUTH message", " [ref 3.4 second AUTH]"],
    SEND_MORE: ["UnexpectedSendMore", undefined, " [ref 10.4 SEND_MORE]"],
    ERROR_MSG: ["RemoteError", undefined, ""]
  }
  /** By which side the peer is: who called us tells no addresses. */
  const sides: ReadonlyArray<{
    readonly side: string
    readonly meet: typeof caller | typeof acceptor
    readonly refusals: Refusals
  }> = [
    {
      side: "who called us",
      meet: caller,
      refusals: { ...ofBoth, PEERS: ["UnexpectedPeers", undefined, " [ref 10.4 PEERS of who called us]"] }
    },
    { side: "whom we called", meet: acceptor, refusals: ofBoth }
  ]

  it("each kind has a sample", () => {
    assert.sameMembers([...samples.keys()], Object.keys(MessageType))
  })

  for (const { meet, refusals, side } of sides) {
    for (const [name, [reason, words, rule]] of Object.entries(refusals)) {
      it.effect(`${side}, ${name} is refused: ${reason}${rule}`, () =>
        Effect.gen(function*() {
          const it = yield* node()
          const peer = yield* meet(it)
          peer.sayBytes(samples.get(name)!)
          peer.say({ _tag: "GET_TX_SET", txSetHash: hashBytes(samples.get(name)!) })
          const untilAnswered = Effect.gen(function*() {
            while (true) {
              const { _tag } = yield* peer.next
              if (_tag === "DONT_HAVE" || _tag === "LINK_ENDED") return _tag
            }
          })
          assert.strictEqual(yield* untilAnswered, "LINK_ENDED")
          assert.strictEqual(yield* peer.ending, words)
          yield* assertLeft(it, peer, reason)
        }))
    }

    /** The samples that are accepted, of which one need not have come before. */
    const accepted = messages.filter(({ bytes, name }) =>
      refusals[name] === undefined
      // A grant of no bytes is refused, and one of the most there is twice.
      && (name !== "SEND_MORE_EXTENDED" || new DataView(bytes.buffer).getUint32(8) > 0)
      // These may come once, which has a test of its own.
      && (name !== "PEERS" || bytes === samples.get("PEERS"))
    )

    it.effect(`${side}, all others are accepted, whether they come of use or not`, () =>
      Effect.gen(function*() {
        const it = yield* node()
        const peer = yield* meet(it)
        assert.isAbove(accepted.length, 80)
        for (const { bytes, id } of accepted) {
          peer.sayBytes(bytes)
          yield* peer.ask
          assert.deepStrictEqual(it.leaves(peer.id), [], id)
        }
      }))

    it.effect(`${side}, all others are accepted while the network is not followed, and pulled floods are ignored`, () =>
      Effect.gen(function*() {
        const it = yield* node({
          application: (memory) => ({ ...memory, position: () => ({ ledger: undefined, synced: false }) })
        })
        const peer = yield* meet(it)
        const ignored = new Set<string>()
        for (const { bytes, id, name } of accepted) {
          const before = counterNow(it, "ignoredWhileNotSynced") + counterNow(it, "floodUnknown")
          peer.sayBytes(bytes)
          yield* peer.ask
          assert.deepStrictEqual(it.leaves(peer.id), [], id)
          if (counterNow(it, "ignoredWhileNotSynced") + counterNow(it, "floodUnknown") > before) ignored.add(name)
        }
        assert.sameMembers([...ignored], ["TRANSACTION", "FLOOD_ADVERT", "FLOOD_DEMAND"])
        assert.isAbove(counterNow(it, "floodNew"), 0, "statements are judged all the same")
      }))

    it.effect(`${side}, HELLO with a wrong MAC is refused for that`, () =>
      Effect.gen(function*() {
        const it = yield* node()
        const peer = yield* meet(it)
        const bytes = sealed(peer.channel(), samples.get("HELLO")!)
        bytes[bytes.length - 1]! ^= 1
        peer.send(bytes)
        assert.strictEqual(yield* peer.ending, "3 unexpected MAC")
        yield* assertLeft(it, peer, "UnexpectedMac")
      }))
  }

  for (const [name, bytes] of samples) {
    it.effect(`${name} with four bytes behind it is ERR_DATA`, () =>
      Effect.gen(function*() {
        const it = yield* node()
        const peer = yield* caller(it)
        peer.sayBytes(Uint8Array.of(...bytes, 0, 0, 0, 0))
        assert.strictEqual(yield* peer.ending, "1 received corrupt XDR")
        yield* assertLeft(it, peer, "CorruptXdr")
      }))
  }
})

describe("the golden frames of an authenticated connection", () => {
  interface Side {
    readonly seed: string
    readonly nonce: string
    readonly x25519Secret: string
    readonly x25519Public: string
  }
  interface Session {
    readonly id: string
    readonly networkPassphrase: string
    readonly now: string
    readonly A: Side
    readonly B: Side
    readonly frames: ReadonlyArray<{ readonly by: "A" | "B"; readonly name: string; readonly tcp: string }>
  }
  interface ReceiveVector {
    readonly id: string
    readonly receiver: "A" | "B"
    readonly receiverState: string
    readonly tcp: string
    readonly outcome: string
  }
  const vectors = fixture<{
    readonly sessions: ReadonlyArray<Session>
    readonly receive: { readonly vectors: ReadonlyArray<ReceiveVector> }
  }>("frames")
  const session = vectors.sessions.find(({ id }) => id.startsWith("S5"))!
  const frames = vectors.receive.vectors.filter(({ receiverState }) => receiverState === "GOT_AUTH")

  const outcomeOf = (reason: StellarDropReason): string => {
    if (reason._tag === "RemoteError") return "accept as ERROR_MSG: drop by remote"
    return reason.lastWords === undefined
      ? `silent drop "${reason.text}"`
      : `ERROR(${errorCodeName(reason.lastWords.code)}, "${reason.lastWords.text}") + drop`
  }

  /** The sending channel of the recorded side, behind its AUTH and the frame under test. */
  const channelOf = (by: "A" | "B"): FrameChannel => {
    const [own, other, role] = by === "A"
      ? [session.A, session.B, "caller"] as const
      : [session.B, session.A, "acceptor"] as const
    const shared = sharedKey(crypto, hex(own.x25519Secret), hex(own.x25519Public), hex(other.x25519Public), role)!
    const keys = sessionKeys(crypto, shared, role, hex(own.nonce), hex(other.nonce))
    const channel = new FrameChannel({
      send: crypto.macKey(keys.send),
      receive: crypto.macKey(keys.receive),
      receiveIsZero: false
    })
    for (let i = 0; i < 2; i++) sealed(channel, encode(question(i)))
    return channel
  }

  /** A link to the node under test, whichever side dials. */
  const linkTo = Effect.fnUntraced(function*(of: TestNode, receiver: "A" | "B") {
    if (receiver === "B") return yield* tcp.dial(of.address, { timeout: Duration.seconds(60) })
    const arrived = yield* Deferred.make<Link>()
    const { address } = yield* tcp.listen(tcpAddress("127.0.0.1", 0), handOver(arrived))
    yield* Effect.forkChild(Effect.ignore(of.overlay.connect(address)))
    return yield* patiently("the node dials", Deferred.await(arrived))
  })

  it("are 45", () => assert.strictEqual(frames.length, 45))

  for (const { id, outcome, receiver, tcp: bytes } of frames) {
    it.effect(`${id}: ${outcome}`, () =>
      Effect.gen(function*() {
        yield* TestClock.setTime(Number(session.now) * 1000)
        const us = session[receiver]
        const it = yield* makeNode({
          passphrase: session.networkPassphrase,
          seed: us.seed,
          draws: [hex(us.x25519Secret), hex(us.nonce)]
        })
        const link = yield* linkTo(it, receiver)
        const sender = receiver === "A" ? "B" : "A"
        for (const { by, name, tcp } of session.frames) {
          if (by === sender && (name === "HELLO" || name === "AUTH")) link.send(hex(tcp))
        }
        yield* until("it has joined", () => it.events.some(({ _tag }) => _tag === "PeerJoined"))
        link.send(hex(bytes))
        const lefts = () => it.events.flatMap((event) => event._tag === "PeerLeft" ? [event.reason] : [])
        if (outcome === "accept") {
          // The next frame can only be good if this one was.
          const behind = sealed(channelOf(sender), encode(question(3)))
          link.send(behind)
          yield* until("the frame behind it was read", () => counterNow(it, "framesRead") === 2)
          assert.deepStrictEqual(lefts(), [])
        } else {
          yield* until("it has left", () => lefts().length > 0)
          assert.deepStrictEqual(lefts().map(outcomeOf), [outcome])
        }
      }))
  }
})

// Credit

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

// The application

describe("an application that answers later", () => {
  it.effect("keeps credit, but neither grants nor questions, waiting", () =>
    Effect.gen(function*() {
      const { asked, latch, options } = answersLater()
      const it = yield* node(options)
      const bystander = yield* caller(it, { label: "bystander" })
      const peer = yield* caller(it, { grant: "none" })
      for (let i = 1; i <= 200; i++) peer.sayBytes(statementOf(i))
      yield* it.overlay.broadcast(statementMessage(500))
      peer.grant(10, 10_000)
      yield* peer.settle
      assert.deepStrictEqual(slotsHeard(peer), [500])
      assert.strictEqual(grantsTo(peer).length, 1)
      yield* bystander.settle
      assert.deepStrictEqual(slotsHeard(bystander), [500])
      yield* latch.open
      yield* until("all are judged", () => asked() === 200)
      yield* peer.settle
      assert.deepStrictEqual(grantsTo(peer).slice(1).map(([messages]) => messages), [40, 40, 40, 40, 40])
      yield* bystander.settle
      assert.deepStrictEqual(slotsHeard(bystander), [500, ...Array.from({ length: 200 }, (_, i) => i + 1)])
    }))

  it.effect("stops the reading at a mebibyte in process, and has it go on where it stopped", () =>
    Effect.gen(function*() {
      const { asked, latch, options } = answersLater()
      const credit: Overrides["credit"] = { bytes: 4_000_000 }
      const it = yield* node({ ...options, config: { credit } })
      const bystander = yield* caller(it, { label: "bystander" })
      const peer = yield* caller(it)
      const size = 100_000
      const messages = Array.from({ length: 20 }, (_, i) => transactionOf(i, size))
      for (const message of messages) peer.sayBytes(message)
      const answer = yield* Effect.forkChild(peer.ask)
      yield* until("reading has stopped", () => counterNow(it, "readingPaused") === 1)
      yield* bystander.settle
      const inProcess = 4_000_000 - (yield* infoOf(it, peer))!.receiveCredit.bytes
      assert.strictEqual(inProcess, 11 * size)
      assert.isBelow((yield* infoOf(it, peer))!.bytesRead, 13 * size)
      assert.isUndefined(answer.pollUnsafe())
      yield* latch.open
      yield* patiently("the question behind them is answered", Fiber.join(answer))
      yield* until("all are judged", () => asked() === 20)
      yield* TestClock.adjust("100 millis")
      yield* bystander.settle
      assert.deepStrictEqual(
        bystander.heardOf("FLOOD_ADVERT").flatMap(({ floodAdvert }) => floodAdvert.txHashes.map((hash) => [...hash])),
        messages.map((message) => [...hashBytes(message)])
      )
    }))

  it.effect("is not asked about what waited when its peer left: the next peer's copy is new", () =>
    Effect.gen(function*() {
      const { asked, latch, options } = answersLater()
      const it = yield* node(options)
      const first = yield* caller(it, { label: "first" })
      for (let i = 1; i <= 3; i++) first.sayBytes(statementOf(i))
      yield* first.ask
      yield* first.link.end
      yield* first.ending
      yield* assertLeft(it, first, "LinkLost")
      assert.strictEqual(yield* counter(it, "floodUnjudged"), 3)
      const before = asked()
      yield* latch.open
      const second = yield* caller(it, { label: "second" })
      for (let i = 1; i <= 3; i++) second.sayBytes(statementOf(i))
      yield* second.settle
      assert.strictEqual(asked() - before, 3)
      assert.strictEqual(yield* counter(it, "floodDuplicate"), 0)
    }))

  it.effect("that dies of a message ends the peer that brought it, and no other", () =>
    Effect.gen(function*() {
      const it = yield* node({
        application: (memory) => ({
          ...memory,
          judge: {
            answers: "later",
            statements: () => Effect.die(new Error("an application's own")),
            transactions: () => Effect.never
          }
        })
      })
      const [bystander, peer] = [yield* caller(it, { label: "bystander" }), yield* caller(it)]
      peer.sayBytes(statementOf(1))
      assert.isUndefined(yield* peer.ending)
      yield* assertLeft(it, peer, "Bug")
      assert.match(it.leaves(peer.id)[0]!.text, /an application's own/)
      bystander.sayBytes(statementOf(1))
      yield* assertUnaffected(it, bystander)
    }))
})

describe("a session that is malformed and waited for at once", () => {
  it.effect("leaves no fiber behind that waits for the subscriber", () =>
    Effect.gen(function*() {
      const it = yield* node({
        application: (memory) => ({
          ...memory,
          judge: {
            answers: "at once",
            statements: (batch) => batch.map((_, i) => i < batch.length - 1 ? "kept" : "malformed"),
            transactions: (batch) => batch.map(() => "kept")
          }
        })
      })
      const blocked = Latch.makeUnsafe(false)
      yield* Effect.forkScoped(
        Stream.runForEach(it.overlay.messages({ capacity: 1, whenFull: "wait" }), () => blocked.await),
        { startImmediately: true }
      )
      const before = yield* fibers
      const peer = yield* caller(it)
      peer.send(new Uint8Array(Buffer.concat([1, 2, 3, 4, 5].map((i) => sealed(peer.channel(), statementOf(i))))))
      assert.strictEqual(yield* peer.ending, "1 received corrupt XDR")
      yield* assertLeft(it, peer, "MalformedByApplication")
      let left = yield* fibers
      for (let turns = 0; left !== before && turns < 100; turns++) {
        yield* turn
        left = yield* fibers
      }
      assert.strictEqual(left, before)
    }).pipe(Effect.provide(Metric.enableRuntimeMetricsLayer)))
})

describe("a verdict on a statement", () => {
  const judging = (verdict: (item: FloodedStatement) => StatementVerdict): NodeOptions => ({
    application: (memory) => ({
      ...memory,
      judge: {
        answers: "at once",
        statements: (batch) => batch.map(verdict),
        transactions: (batch) => batch.map(() => "kept")
      }
    })
  })

  it.effect("`malformed` ends the peer with ERR_DATA", () =>
    Effect.gen(function*() {
      const it = yield* node(judging(() => "malformed"))
      const [bystander, peer] = [yield* caller(it, { label: "bystander" }), yield* caller(it)]
      peer.sayBytes(statementOf(1))
      assert.strictEqual(yield* peer.ending, "1 received corrupt XDR")
      yield* assertLeft(it, peer, "MalformedByApplication")
      yield* assertUnaffected(it, bystander)
      assert.notInclude(slotsHeard(bystander), 1)
    }))

  it.effect("`discarded` lets a later copy through [ref 6.2 discarded is forgotten]", () =>
    Effect.gen(function*() {
      let asked = 0
      const it = yield* node(judging(() => ++asked === 1 ? "discarded" : "ready"))
      const [bystander, peer] = [yield* caller(it, { label: "bystander" }), yield* caller(it)]
      for (let i = 0; i < 3; i++) {
        peer.sayBytes(statementOf(1))
        yield* peer.ask
      }
      assert.strictEqual(asked, 2)
      assert.strictEqual(yield* counter(it, "floodForgotten"), 1)
      yield* bystander.settle
      assert.deepStrictEqual(slotsHeard(bystander), [1])
    }))

  it.effect("`kept` goes no further [ref 6.2 only what is ready is passed on]", () =>
    Effect.gen(function*() {
      const it = yield* node(judging(() => "kept"))
      const [bystander, peer] = [yield* caller(it, { label: "bystander" }), yield* caller(it)]
      peer.sayBytes(statementOf(1))
      yield* peer.ask
      yield* bystander.settle
      assert.deepStrictEqual(slotsHeard(bystander), [])
    }))

  it.effect("that is missing is a defect of the application, and so is what it throws", () =>
    Effect.gen(function*() {
      const throws = (): ReadonlyArray<StatementVerdict> => {
        throw new Error("an application's own")
      }
      for (const statements of [(): ReadonlyArray<StatementVerdict> => [], throws]) {
        const it = yield* node({
          application: (memory) => ({
            ...memory,
            judge: { answers: "at once", statements, transactions: () => [] }
          })
        })
        const [bystander, peer] = [yield* caller(it, { label: "bystander" }), yield* caller(it)]
        peer.sayBytes(statementOf(1))
        assert.isUndefined(yield* peer.ending)
        yield* assertLeft(it, peer, "Bug")
        assert.strictEqual(yield* counter(it, "floodUnjudged"), 1)
        // The message that it fails on shall not cost us one peer after the other.
        bystander.sayBytes(statementOf(1))
        yield* assertUnaffected(it, bystander)
      }
    }))
})

describe("a verdict on a transaction", () => {
  /** Two who bring the same transaction, one after the other, to a node that gives these verdicts; what a third is offered. */
  const brought = Effect.fnUntraced(function*(...verdicts: ReadonlyArray<TransactionVerdict>) {
    let asked = 0
    const it = yield* node({
      application: (memory) => ({
        ...memory,
        judge: {
          answers: "at once",
          statements: (batch) => batch.map(() => "kept"),
          transactions: (batch) => batch.map(() => verdicts[Math.min(asked++, verdicts.length - 1)]!)
        }
      })
    })
    const heard: Array<string> = []
    yield* Effect.forkScoped(
      Stream.runForEach(it.overlay.messages({ capacity: 9, whenFull: "wait" }), (heardOne) =>
        Effect.sync(() => {
          heard.push(heardOne._tag === "Received" ? heardOne.kind : heardOne._tag)
        })),
      { startImmediately: true }
    )
    const third = yield* caller(it, { label: "third" })
    const peers = [yield* caller(it, { label: "first" }), yield* caller(it, { label: "second" })]
    for (const peer of peers) {
      peer.sayBytes(transactionOf(1))
      if (!verdicts.includes("malformed")) yield* peer.ask
    }
    yield* TestClock.adjust("100 millis")
    yield* third.settle
    const offered = third.heardOf("FLOOD_ADVERT").flatMap(({ floodAdvert }) => floodAdvert.txHashes).length
    return { it, peers, asked, offered, heard, forgotten: yield* counter(it, "floodForgotten") }
  })

  it.effect("`accepted` offers it to the others, and its copies are known", () =>
    Effect.gen(function*() {
      const { asked, forgotten, heard, offered } = yield* brought("accepted")
      assert.deepStrictEqual({ asked, offered, heard, forgotten }, {
        asked: 1,
        offered: 1,
        heard: ["TRANSACTION"],
        forgotten: 0
      })
    }))

  it.effect("`kept` offers it to nobody, and subscribers get it", () =>
    Effect.gen(function*() {
      const { asked, forgotten, heard, offered } = yield* brought("kept")
      assert.deepStrictEqual({ asked, offered, heard, forgotten }, {
        asked: 1,
        offered: 0,
        heard: ["TRANSACTION"],
        forgotten: 0
      })
    }))

  it.effect("`duplicate` keeps it known, offers it to nobody, and tells subscribers nothing", () =>
    Effect.gen(function*() {
      const { asked, forgotten, heard, offered } = yield* brought("duplicate")
      assert.deepStrictEqual({ asked, offered, heard, forgotten }, { asked: 1, offered: 0, heard: [], forgotten: 0 })
    }))

  it.effect("`rejected` forgets it, so that a later copy is judged again, and blames nobody", () =>
    Effect.gen(function*() {
      const { asked, forgotten, heard, it, offered, peers } = yield* brought("rejected", "accepted")
      assert.deepStrictEqual({ asked, offered, heard, forgotten }, {
        asked: 2,
        offered: 1,
        heard: ["TRANSACTION"],
        forgotten: 1
      })
      assert.deepStrictEqual(peers.flatMap(({ id }) => it.leaves(id)), [])
    }))

  it.effect("`malformed` ends with ERR_DATA whoever brings it", () =>
    Effect.gen(function*() {
      const { asked, heard, it, offered, peers } = yield* brought("malformed")
      for (const peer of peers) {
        assert.strictEqual(yield* peer.ending, "1 received corrupt XDR")
        yield* until("it is gone", () => it.leaves(peer.id).length > 0)
        assert.deepStrictEqual(it.leaves(peer.id).map(({ _tag }) => _tag), ["MalformedByApplication"])
      }
      assert.deepStrictEqual({ asked: asked > 0, offered, heard }, { asked: true, offered: 0, heard: [] })
    }))
})

describe("the messages of one chunk", () => {
  it.effect("are judged by kind: statements first, whatever came first", () =>
    Effect.gen(function*() {
      const batches: Array<ReadonlyArray<Flooded["kind"]>> = []
      const note = (batch: ReadonlyArray<Flooded>): void => {
        batches.push(batch.map(({ kind }) => kind))
      }
      const it = yield* node({
        application: (memory) => ({
          ...memory,
          judge: {
            answers: "at once",
            statements: (batch) => {
              note(batch)
              return batch.map(() => "ready")
            },
            transactions: (batch) => {
              note(batch)
              return batch.map(() => "accepted")
            }
          }
        })
      })
      const peer = yield* caller(it)
      const frames = [transactionOf(1), statementOf(1), transactionOf(2), statementOf(2)]
      peer.send(new Uint8Array(Buffer.concat(frames.map((bytes) => sealed(peer.channel(), bytes)))))
      yield* peer.ask
      assert.deepStrictEqual(batches, [["SCP_MESSAGE", "SCP_MESSAGE"], ["TRANSACTION", "TRANSACTION"]])
    }))
})

describe("a node whose reading is bounded tightly", () => {
  it.effect("goes through what came in one piece, though it is too much at once", () =>
    Effect.gen(function*() {
      const it = yield* node({ config: { credit: { readingBytes: 1000 } } })
      const peer = yield* caller(it)
      const records = Array.from({ length: 50 }, (_, i) => sealed(peer.channel(), statementOf(i)))
      peer.send(new Uint8Array(Buffer.concat(records)))
      yield* until("all are judged", () => counterNow(it, "floodRelayed") === 50)
      yield* peer.settle
    }))
})

describe("a flooded message", () => {
  it.effect("is known for 12 ledgers, and then new again [ref 6.1 12 ledgers]", () =>
    Effect.gen(function*() {
      let ledger = 50
      const it = yield* node({
        application: (memory) => ({ ...memory, position: () => ({ ledger, synced: true }) })
      })
      const peer = yield* caller(it)
      const newAt = Effect.fnUntraced(function*(closed: number) {
        ledger = closed
        yield* TestClock.adjust("5 seconds")
        peer.sayBytes(statementOf(1))
        yield* peer.ask
        return yield* counter(it, "floodNew")
      })
      assert.deepStrictEqual([yield* newAt(50), yield* newAt(61), yield* newAt(62)], [1, 1, 2])
    }))
})

describe("what a node sheds", () => {
  it.effect("is counted while the peer is here, and when it has left", () =>
    Effect.gen(function*() {
      const it = yield* node({ memory: { limits: { maxTxSetOperations: 5 } } })
      const peer = yield* caller(it, { grant: "none" })
      for (let i = 0; i < 12; i++) {
        yield* it.overlay.broadcast(transactionMessage(i))
        yield* TestClock.adjust("100 millis")
      }
      assert.strictEqual((yield* infoOf(it, peer))?.shed, 7)
      assert.strictEqual(counterNow(it, "outboxShedAdverts"), 7)
      yield* it.overlay.disconnect(peer.id)
      yield* peer.ending
      assert.strictEqual(counterNow(it, "outboxShedAdverts"), 7)
    }))
})

describe("a peer's place", () => {
  it.effect("is free of what the last one in it was told", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const first = yield* caller(it, { label: "first" })
      assert.strictEqual(yield* it.overlay.broadcast(statementMessage(1)), 1)
      yield* it.overlay.disconnect(first.id)
      yield* first.ending
      const second = yield* caller(it, { label: "second" })
      assert.strictEqual(yield* it.overlay.broadcast(statementMessage(1)), 1)
      yield* second.settle
      assert.deepStrictEqual(slotsHeard(second), [1])
    }))
})

describe("what a peer offered", () => {
  it.effect("is not asked of it when it has left, but of the next who offers it", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const txHashes = Array.from({ length: 30 }, (_, i) => hashBytes(transactionOf(i)))
      const first = yield* caller(it, { label: "first" })
      first.say({ _tag: "FLOOD_ADVERT", floodAdvert: { txHashes } })
      yield* first.ask
      yield* it.overlay.disconnect(first.id)
      yield* first.ending
      const second = yield* caller(it, { label: "second" })
      second.say({ _tag: "FLOOD_ADVERT", floodAdvert: { txHashes } })
      yield* second.ask
      yield* TestClock.adjust("200 millis")
      yield* second.settle
      assert.strictEqual(second.heardOf("FLOOD_DEMAND").flatMap(({ floodDemand }) => floodDemand.txHashes).length, 30)
    }))
})

describe("a defect", () => {
  it.effect("at the beat ends peers, and not the beat", () =>
    Effect.gen(function*() {
      let isBroken = false
      const it = yield* node({
        application: (memory) => ({
          ...memory,
          limits: () => {
            if (isBroken) throw new Error("an application's own")
            return memory.limits()
          }
        })
      })
      const first = yield* caller(it, { label: "first" })
      isBroken = true
      yield* TestClock.adjust("5 seconds")
      assert.isUndefined(yield* first.ending)
      yield* assertLeft(it, first, "Bug")
      isBroken = false
      const second = yield* caller(it, { label: "second" })
      yield* TestClock.adjust("5 seconds")
      yield* second.hear("GET_SCP_QUORUMSET")
    }))

  it.effect("of the transport fails the dial, and is told as the end of it", () =>
    Effect.gen(function*() {
      const broken = Layer.succeed(Transport, { ...tcp, dial: () => Effect.die(new Error("a transport's own")) })
      const it = yield* node({ transport: broken })
      const reason = yield* patiently("it fails", Effect.flip(it.overlay.connect(tcpAddress("127.0.0.1", 4))))
      assert.strictEqual(reason._tag, "Bug")
      yield* until("it was told", () => it.events.length === 2)
      assert.deepStrictEqual(it.failures(), [reason])
    }))
})

describe("a dial that is given up", () => {
  it.effect("is told as ended, and leaves room for the next", () =>
    Effect.gen(function*() {
      const silent = Layer.succeed(Transport, { ...tcp, dial: () => Effect.never })
      const it = yield* node({ transport: silent, config: { maxPendingOutbound: 1 } })
      const address = tcpAddress("127.0.0.1", 4)
      for (let i = 1; i <= 2; i++) {
        const dialing = yield* Effect.forkChild(it.overlay.connect(address), { startImmediately: true })
        assert.strictEqual(
          (yield* Effect.flip(it.overlay.connect(tcpAddress("127.0.0.1", 5))))._tag,
          "OutboundFull"
        )
        yield* Fiber.interrupt(dialing)
        yield* until("it was told", () => it.failures().length === i)
      }
      assert.deepStrictEqual(it.failures().map(({ _tag }) => _tag), ["DroppedByUser", "DroppedByUser"])
    }))

  it.effect("in the middle of the handshake says so to the other side", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const arrived = yield* Deferred.make<Link>()
      const { address } = yield* tcp.listen(tcpAddress("127.0.0.1", 0), handOver(arrived))
      const dialing = yield* Effect.forkChild(it.overlay.connect(address), { startImmediately: true })
      const link = yield* patiently("the node dials", Deferred.await(arrived))
      yield* Fiber.interrupt(dialing)
      const { bytes } = yield* patiently("the link ends", receiveAll(link))
      assert.include(Buffer.from(bytes).toString("latin1"), "dropped by user")
      yield* until("it was told", () => it.failures().length === 1)
      assert.deepStrictEqual(it.failures().map(({ _tag }) => _tag), ["DroppedByUser"])
    }))
})

// Time

describe("with time", () => {
  it.effect("a peer leaves when nothing was read and nothing written for 30 seconds [ref 9 idle after 30 s] [ref 9 idle both ways]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it)
      // The last thing that is written is the ping of the first beat: it is not answered.
      yield* TestClock.adjust("34 seconds")
      assert.deepStrictEqual(it.leaves(peer.id), [])
      yield* TestClock.adjust("1 second")
      assert.isUndefined(yield* peer.ending)
      yield* assertLeft(it, peer, "IdleTimeout")
      assert.strictEqual(peer.heardOf("GET_SCP_QUORUMSET").length, 1)
    }))

  const answerPing = Effect.fnUntraced(function*(peer: ByHand) {
    const { qSetHash } = yield* peer.hear("GET_SCP_QUORUMSET")
    peer.say({ _tag: "DONT_HAVE", dontHave: { type: MessageType.SCP_QUORUMSET, reqHash: qSetHash } })
    yield* peer.ask
  })

  it.effect("a peer that never grants leaves after 60 seconds, however busy it is [ref 9 no credit for 60 s] [ref 5.5 no grant from the start]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it, { grant: "none" })
      for (let beat = 1; beat < 12; beat++) {
        yield* TestClock.adjust("5 seconds")
        yield* answerPing(peer)
      }
      assert.deepStrictEqual(it.leaves(peer.id), [])
      yield* TestClock.adjust("5 seconds")
      assert.isUndefined(yield* peer.ending)
      yield* assertLeft(it, peer, "NoCredit")
    }))

  it.effect("a peer that grants nothing more leaves 60 seconds after something began to wait for it [ref 5.5 grant clears the timer]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it, { grant: { messages: 1, bytes: 10_000 } })
      for (let beat = 1; beat <= 14; beat++) {
        // What waits began to wait after two beats; more of it does not begin the time anew.
        if (beat >= 2) yield* it.overlay.broadcast(statementMessage(beat))
        if (beat === 3) yield* it.overlay.broadcast(statementMessage(100))
        assert.deepStrictEqual(it.leaves(peer.id), [], `beat ${beat}`)
        yield* TestClock.adjust("5 seconds")
        if (beat < 14) yield* answerPing(peer)
      }
      assert.isUndefined(yield* peer.ending)
      yield* assertLeft(it, peer, "NoCredit")
    }))

  it.effect("a peer that never reads leaves as a straggler after 120 seconds, and its socket 5 seconds later [ref 9 straggler after 120 s]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const bystander = yield* caller(it, { label: "bystander" })
      const sockets = () => process.getActiveResourcesInfo().filter((name) => name.startsWith("TCP")).length
      const before = sockets()
      const peer = yield* caller(it)
      askMuch(it, peer, 24)
      yield* until("all is asked", () => counterNow(it, "queriesAnswered") >= 24)
      for (let beat = 1; beat <= 23; beat++) {
        yield* TestClock.adjust("5 seconds")
        peer.grant(1, 1)
        yield* answerPing(bystander)
      }
      assert.deepStrictEqual(it.leaves(peer.id), [])
      yield* TestClock.adjust("5 seconds")
      yield* assertLeft(it, peer, "Straggling")
      // At two minutes a feeler calls who called us, where nobody listens.
      yield* until("only the sockets of the two are open", () => sockets() === before + 2)
      yield* TestClock.adjust("5 seconds")
      yield* until("the node's socket is closed", () => sockets() === before + 1)
      yield* assertUnaffected(it, bystander)
    }))

  it.effect("a peer that reads, but slower than it is sent to, leaves as a straggler as well", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it)
      askMuch(it, peer, 28)
      yield* until("all is asked", () => counterNow(it, "queriesAnswered") >= 28)
      for (let beat = 1; beat <= 23; beat++) {
        yield* TestClock.adjust("5 seconds")
        if (beat % 4 === 0) {
          for (let i = 0; i < 3; i++) yield* peer.hear("GENERALIZED_TX_SET")
        }
        peer.grant(1, 1)
      }
      assert.deepStrictEqual(it.leaves(peer.id), [])
      yield* TestClock.adjust("5 seconds")
      yield* assertLeft(it, peer, "Straggling")
    }))

  it.effect("a peer that asks more than its outbox holds, and never reads, leaves at once", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const bystander = yield* caller(it, { label: "bystander" })
      const peer = yield* caller(it)
      askMuch(it, peer, 60)
      yield* until("it has left", () => it.leaves(peer.id).length > 0)
      yield* assertLeft(it, peer, "OutboxFull")
      yield* assertUnaffected(it, bystander)
    }))
})

describe("a ping", () => {
  it.effect("goes out each five seconds, and DONT_HAVE with its hash gives the latency [ref 9 beat of 5 s] [ref 9 answer to a ping]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it)
      assert.isUndefined((yield* infoOf(it, peer))?.latencyMillis)
      yield* TestClock.adjust("5 seconds")
      const first = yield* peer.hear("GET_SCP_QUORUMSET")
      yield* TestClock.adjust("250 millis")
      // An answer to something else is none.
      peer.say({ _tag: "DONT_HAVE", dontHave: { type: 10, reqHash: bytesOf(crypto, "another hash") } })
      yield* peer.ask
      assert.isUndefined((yield* infoOf(it, peer))?.latencyMillis)
      peer.say({ _tag: "DONT_HAVE", dontHave: { type: 10, reqHash: first.qSetHash } })
      yield* peer.ask
      assert.strictEqual((yield* infoOf(it, peer))?.latencyMillis, 250)
      yield* TestClock.adjust("4750 millis")
      const second = yield* peer.hear("GET_SCP_QUORUMSET")
      assert.notDeepEqual(second.qSetHash, first.qSetHash)
    }))

  it.effect("is answered by a quorum set with that hash as well [ref 9 answer to a ping]", () =>
    Effect.gen(function*() {
      const quorumSet: StellarMessage = {
        _tag: "SCP_QUORUMSET",
        qSet: { threshold: 1, validators: [signerOf(1).publicKey], innerSets: [] }
      }
      const hash = hashBytes(encode(quorumSet))
      // The ping is what was drawn, and one.
      const seed = hash.slice()
      new DataView(seed.buffer).setUint32(28, (new DataView(hash.buffer).getUint32(28) - 1) >>> 0)
      const it = yield* node({
        draws: [...["seed", "agreement", "nonce"].map((label) => bytesOf(crypto, label)), seed]
      })
      const peer = yield* caller(it)
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual((yield* peer.hear("GET_SCP_QUORUMSET")).qSetHash, hash)
      yield* TestClock.adjust("70 millis")
      peer.say(quorumSet)
      yield* peer.ask
      assert.strictEqual((yield* infoOf(it, peer))?.latencyMillis, 70)
    }))

  it.effect("that is not answered blocks further ones [ref 9 one ping at a time]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it)
      yield* TestClock.adjust("25 seconds")
      yield* peer.settle
      assert.strictEqual(peer.heardOf("GET_SCP_QUORUMSET").length, 1)
    }))
})

describe("addresses", () => {
  const peersMessage = (...addresses: ReadonlyArray<readonly [ip: string, port: number]>): StellarMessage => ({
    _tag: "PEERS",
    peers: addresses.map(([ip, port]) => ({
      ip: { _tag: "IPv4", ipv4: Uint8Array.from(ip.split("."), Number) },
      port,
      numFailures: 0
    }))
  })

  it.effect("that a peer tells which we called are entered if they can be reached, once [core: peers during auth / outbound] [ref 10.4 PEERS once]", () =>
    Effect.gen(function*() {
      const it = yield* node({ config: { allowLocalAddresses: false } })
      const peer = yield* acceptor(it)
      peer.say(peersMessage(["9.9.9.9", 11_625], ["10.0.0.1", 11_625], ["127.0.0.1", 4], ["9.9.9.8", 0]))
      yield* peer.ask
      yield* TestClock.adjust("3 seconds")
      const book = (yield* it.peerStore.toShare(50)).map(({ address }) => `${address.ip}:${address.port}`)
      assert.include(book, "9.9.9.9:11625")
      for (const no of ["10.0.0.1:11625", "127.0.0.1:4", "9.9.9.8:0"]) assert.notInclude(book, no)
      assert.strictEqual(yield* counter(it, "addressesRefused"), 3)
      peer.say(peersMessage())
      assert.isUndefined(yield* peer.ending)
      yield* assertLeft(it, peer, "TooManyPeers")
    }))

  it.effect("in the form of IPv6 are passed over, also where an IPv4 address is mapped into one", () =>
    Effect.gen(function*() {
      const it = yield* node({ config: { allowLocalAddresses: false } })
      const peer = yield* acceptor(it)
      const mapped = (ip: string) => ({
        ip: {
          _tag: "IPv6" as const,
          ipv6: Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, ...ip.split(".").map(Number)])
        },
        port: 11_625,
        numFailures: 0
      })
      peer.say({ _tag: "PEERS", peers: [mapped("10.0.0.1"), mapped("9.9.9.9")] })
      yield* peer.ask
      yield* TestClock.adjust("3 seconds")
      const told = (yield* it.peerStore.toShare(50)).map(({ address }) => address.ip)
      assert.deepStrictEqual(told.filter((ip) => ip !== "127.0.0.1"), [])
      assert.strictEqual((yield* it.overlay.peers).length, 1)
    }))

  it.effect("are not for a peer to tell that called us [core: peers during auth / inbound]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it)
      peer.say(peersMessage(["9.9.9.9", 11_625]))
      assert.isUndefined(yield* peer.ending)
      yield* assertLeft(it, peer, "UnexpectedPeers")
      yield* TestClock.adjust("3 seconds")
      const book = (yield* it.peerStore.toShare(50)).map(({ address }) => address.ip)
      assert.notInclude(book, "9.9.9.9")
    }))
})

// The end

describe("a session that ends from here", () => {
  it.effect("says `dropped by user`, by disconnect and by ban, and a banned node does not come in again [ref 8.7 bans]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const bystander = yield* caller(it, { label: "bystander" })
      const [one, two] = [yield* caller(it, { label: "one" }), yield* acceptor(it, { label: "two" })]
      assert.isTrue(yield* it.overlay.disconnect(one.id))
      assert.isFalse(yield* it.overlay.disconnect(one.id))
      assert.strictEqual(yield* one.ending, "0 dropped by user")
      yield* assertLeft(it, one, "DroppedByUser")
      yield* it.overlay.ban(two.id)
      assert.strictEqual(yield* two.ending, "0 dropped by user")
      yield* until("it has left", () => it.leaves(two.id).length === 1)
      yield* caller(it, { label: "one" })
      const again = yield* stranger(it, "two")
      again.sendHello()
      assert.isUndefined(yield* again.ending)
      assert.deepStrictEqual(it.failures().map(({ _tag }) => _tag), ["Banned"])
      yield* bystander.ask
    }))

  it.effect("is over in silence for who is banned between its HELLO and its AUTH", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const bystander = yield* stranger(it, "bystander")
      const [first, second] = [yield* stranger(it, "one"), yield* stranger(it, "two")]
      for (const peer of [bystander, first, second]) {
        peer.sendHello()
        yield* peer.hear("HELLO")
      }
      yield* it.overlay.disconnect(first.id)
      yield* it.overlay.ban(first.id, { note: "too late" })
      assert.isUndefined(yield* first.ending)
      yield* it.overlay.ban(second.id, { expiresAtMillis: (NOW_SECONDS + 60) * 1000 })
      second.sendAuth()
      assert.isUndefined(yield* second.ending)
      yield* until("both are told of", () => it.failures().length === 2)
      assert.deepStrictEqual(it.failures().map(({ _tag }) => _tag), ["Banned", "Banned"])
      bystander.sendAuth()
      yield* bystander.hear("GET_SCP_STATE")
    }))

  it.effect("lets in again whose ban has expired, and tells of bans what was said of them", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it, { label: "one" })
      const expiresAtMillis = NOW_SECONDS * 1000 + 1000
      yield* it.overlay.ban(peer.id, { note: "noisy", expiresAtMillis })
      assert.deepStrictEqual(yield* it.overlay.bans, [
        { id: peer.id, note: "noisy", sinceMillis: NOW_SECONDS * 1000, expiresAtMillis }
      ])
      assert.strictEqual(yield* peer.ending, "0 dropped by user")
      const early = yield* stranger(it, "one")
      early.sendHello()
      assert.isUndefined(yield* early.ending)
      yield* TestClock.adjust(1000)
      assert.deepStrictEqual(yield* it.overlay.bans, [])
      yield* caller(it, { label: "one" })
    }))

  it.effect("has one reason, the first, whatever comes after it", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it)
      // The peer's own fault arrives while the first reason is being said.
      peer.send(Uint8Array.of(0x80, 0, 0, 0))
      yield* it.overlay.disconnect(peer.id)
      yield* it.overlay.ban(peer.id)
      const closing = yield* Effect.forkChild(it.close)
      assert.strictEqual(yield* peer.ending, "0 dropped by user")
      yield* patiently("the node is gone", Fiber.join(closing))
      assert.deepStrictEqual(it.leaves(peer.id).map(({ _tag }) => _tag), ["DroppedByUser"])
    }))

  it.effect("says nothing more to the peer, and takes nothing for it", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it)
      yield* it.overlay.disconnect(peer.id)
      assert.strictEqual(yield* it.overlay.broadcast(statementMessage(1)), 0)
      assert.isFalse(yield* it.overlay.send(peer.id, question(1)))
      yield* peer.ending
      assert.deepStrictEqual(peer.heardOf("SCP_MESSAGE"), [])
      assert.deepStrictEqual(peer.heard.at(-2)?._tag, "ERROR_MSG")
    }))

  it.effect("gives a peer that does not close five seconds [ref 9 closed after 5 s]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it)
      yield* it.overlay.disconnect(peer.id)
      yield* peer.hear("ERROR_MSG")
      const sockets = () => process.getActiveResourcesInfo().filter((name) => name.startsWith("TCPSocket")).length
      const before = sockets()
      yield* TestClock.adjust("4999 millis")
      yield* turn
      assert.strictEqual(sockets(), before)
      yield* TestClock.adjust("1 milli")
      yield* until("the node's socket is closed", () => sockets() === before - 1)
    }))
})

describe("a node that stops", () => {
  it.effect("says `shutdown` to peers and to strangers, and is gone at once when they close", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peers = [yield* caller(it, { label: "one" }), yield* acceptor(it, { label: "two" })]
      const early = yield* stranger(it)
      early.sendHello()
      yield* early.hear("HELLO")
      const closing = yield* Effect.forkChild(it.close)
      for (const peer of [...peers, early]) assert.strictEqual(yield* peer.ending, "0 shutdown")
      // The clock of the test stands.
      yield* patiently("the node is gone", Fiber.join(closing))
      for (const peer of peers) assert.deepStrictEqual(it.leaves(peer.id).map(({ _tag }) => _tag), ["Shutdown"])
    }))

  it.effect("waits two seconds for peers that do not close, and not longer [elsewhere: shutdown that hangs]", () =>
    Effect.gen(function*() {
      const it = yield* node()
      const peer = yield* caller(it)
      const closing = yield* Effect.forkChild(it.close)
      yield* peer.hear("ERROR_MSG")
      yield* TestClock.adjust("1999 millis")
      yield* turn
      assert.isUndefined(closing.pollUnsafe())
      assert.strictEqual((yield* Effect.flip(it.overlay.connect(tcpAddress("127.0.0.1", 4))))._tag, "Shutdown")
      yield* TestClock.adjust("1 milli")
      yield* patiently("the node is gone", Fiber.join(closing))
    }))

  it.effect("leaves nothing behind: no fiber, no socket, no timer", () =>
    Effect.gen(function*() {
      const { latch, options } = answersLater()
      // Who has a timer, sleeps under the clock of the test: it is a fiber. Other timers are the test runner's.
      const resources = () =>
        process.getActiveResourcesInfo().filter((name) => name !== "Immediate" && name !== "Timeout").sort()
      const before = resources()
      const fibersBefore = yield* fibers
      yield* Effect.scoped(Effect.gen(function*() {
        const it = yield* node(options)
        const peers = [
          yield* caller(it, { label: "one" }),
          yield* acceptor(it, { label: "two" }),
          yield* caller(it, { label: "three" }),
          yield* caller(it, { label: "four" })
        ] as const
        yield* stranger(it)
        yield* Effect.forkScoped(Stream.runDrain(it.overlay.messages({ capacity: 1, whenFull: "wait" })), {
          startImmediately: true
        })
        for (const peer of peers) peer.sayBytes(statementOf(Number(peer.id.charCodeAt(5))))
        yield* it.overlay.broadcast(transactionMessage(1))
        yield* it.overlay.disconnect(peers[2].id)
        peers[3].grant(1, 0)
        yield* peers[3].ending
        yield* latch.open
        yield* peers[0].settle
        assert.isAbove(resources().length, before.length)
        assert.isAbove(yield* fibers, fibersBefore + 10)
      }))
      yield* until("the sockets are closed", () => resources().length === before.length)
      assert.deepStrictEqual(resources(), before)
      assert.strictEqual(yield* fibers, fibersBefore)
    }).pipe(Effect.provide(Metric.enableRuntimeMetricsLayer)))
})
