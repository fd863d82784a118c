/**
 * Every kind of message, well formed and damaged, from an authenticated peer; and the golden frames of a connection.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect } from "effect"
import { TestClock } from "effect/testing"
import { tcpAddress } from "../../../src/core/PeerAddress.ts"
import { errorCodeName, type StellarDropReason } from "../../../src/core/stellar/DropReason.ts"
import { FrameChannel } from "../../../src/core/stellar/FrameChannel.ts"
import { messageName, MessageType } from "../../../src/core/stellar/messages.ts"
import { sessionKeys, sharedKey } from "../../../src/core/stellar/SessionKeys.ts"
import * as TcpTransport from "../../../src/layers/node/TcpTransport.ts"
import type { Link } from "../../../src/services/Transport.ts"
import { handOver } from "../../support/links.ts"
import { encode, sealed } from "./handshakePeer.ts"
import { acceptor, caller } from "./peerByHand.ts"
import { counterNow, crypto, hashBytes, makeNode, node, patiently, type TestNode, until } from "./peerNode.ts"
import { assertLeft, fixture, hex, question } from "./sessionChecks.ts"

const tcp = TcpTransport.make()

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
