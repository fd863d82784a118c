/**
 * Two whole nodes that come to know each other or do not, over a link in memory, and what is then in the book of addresses of each.
 *
 * What is wrong happens on the way out of the node that is called: it says the truth, and something changes it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Result } from "effect"
import { TestClock } from "effect/testing"
import { ENVELOPE_HEAD_BYTES } from "../../../src/core/stellar/limits.ts"
import { decodeMessage, MessageType } from "../../../src/core/stellar/messages.ts"
import type { Hello } from "../../../src/core/stellar/messages/handshake.ts"
import { encodeSeed } from "../../../src/core/stellar/StrKey.ts"
import * as MemoryTransport from "../../../src/layers/memory/MemoryTransport.ts"
import { type Alter, alteredTransport, recordOf } from "./alteredTransport.ts"
import { bytesOf, encode, unsealed } from "./handshakePeer.ts"
import { connect, counterOf, pass, peersOf } from "./nodeNetworks.ts"
import { crypto, makeNode, type NodeOptions, NOW_SECONDS, patiently, type TestNode, until } from "./peerNode.ts"

interface Two {
  readonly caller: TestNode
  readonly acceptor: TestNode
}

/** What one of two nodes is made of, and what happens to its records on their way out. */
interface OneOptions extends NodeOptions {
  readonly alter?: Alter
}

/** A node that is to call, and one that is to be called. */
const makeTwo = Effect.fnUntraced(function*(caller: OneOptions = {}, acceptor: OneOptions = {}) {
  yield* TestClock.setTime(NOW_SECONDS * 1000)
  const network = MemoryTransport.makeNetwork()
  const one = ({ alter, ...options }: OneOptions, host: string) => {
    const transport = MemoryTransport.layer(network, { ip: host })
    return makeNode({
      ...options,
      host,
      transport: alter === undefined ? transport : alteredTransport(transport, alter)
    })
  }
  const two: Two = { caller: yield* one(caller, "10.1.0.1"), acceptor: yield* one(acceptor, "10.2.0.1") }
  return two
})

/** As what a node has the other one in its book, if it has. */
const kindAt = (one: TestNode, other: TestNode) =>
  Effect.map(one.peerStore.get(other.address), (record) => record?.kind)

/** As what the caller has the called one in its book, and the other way round. */
const kinds = ({ acceptor, caller }: Two) => Effect.all([kindAt(caller, acceptor), kindAt(acceptor, caller)])

/** Calls, fails, and gives why each of both ends ended. */
const failToConnect = Effect.fnUntraced(function*({ acceptor, caller }: Two) {
  const reason = yield* patiently("the call fails", Effect.flip(caller.overlay.connect(acceptor.address)))
  yield* until("both ends have told", () => caller.failures().length === 1 && acceptor.failures().length === 1)
  assert.deepStrictEqual([peersOf(caller), peersOf(acceptor)], [[], []])
  assert.deepStrictEqual(caller.failures().map(({ _tag }) => _tag), [reason._tag])
  return { caller: caller.failures()[0]!, acceptor: acceptor.failures()[0]! }
})

/** Changes HELLO, which is not sealed, on its way out. */
const helloWith = (change: (hello: Hello) => Hello): Alter => (body) => {
  const message = Result.getOrThrow(decodeMessage(body.subarray(ENVELOPE_HEAD_BYTES, -32)))
  return [message._tag === "HELLO" ? unsealed(encode({ _tag: "HELLO", hello: change(message.hello) })) : recordOf(body)]
}

const isOfType = (body: Uint8Array, type: number): boolean => body[ENVELOPE_HEAD_BYTES + 3] === type

describe("two nodes of which one calls the other", () => {
  it.effect("know each other then: who was called is outbound in the caller's book, who called is inbound [core: loopback peer hello]", () =>
    Effect.gen(function*() {
      const two = yield* makeTwo()
      yield* connect(two.caller, two.acceptor)
      assert.deepInclude(peersOf(two.caller)[0], { id: two.acceptor.id, direction: "outbound" })
      assert.deepInclude(peersOf(two.acceptor)[0], { id: two.caller.id, direction: "inbound" })
      assert.deepStrictEqual(yield* kinds(two), ["outbound", "inbound"])
    }))

  it.effect("forget the failures of who was called when it authenticates [ref 8.2 RESET after AUTH]", () =>
    Effect.gen(function*() {
      const { acceptor, caller } = yield* makeTwo()
      yield* caller.peerStore.ensure([acceptor.address])
      for (let failures = 0; failures < 119; failures++) yield* caller.peerStore.attempt(acceptor.address)
      yield* connect(caller, acceptor)
      assert.strictEqual((yield* caller.peerStore.get(acceptor.address))?.failures, 0)
    }))

  it.effect("remain strangers when one says that it listens on port 0 [core: loopback peer with 0 port]", () =>
    Effect.gen(function*() {
      const two = yield* makeTwo({}, { alter: helloWith((hello) => ({ ...hello, listeningPort: 0 })) })
      const { acceptor, caller } = yield* failToConnect(two)
      assert.strictEqual(caller._tag, "BadAddress")
      assert.strictEqual(acceptor.text, "ERR_CONF (bad address)")
    }))

  it.effect("remain strangers when AUTH comes before HELLO, and store nothing of each other [core: loopback peer send auth before hello]", () =>
    Effect.gen(function*() {
      const auth = unsealed(encode({ _tag: "AUTH", auth: { flags: 200 } }))
      const early: Alter = (body, index) => index === 0 ? [auth, recordOf(body)] : [recordOf(body)]
      const two = yield* makeTwo({ alter: early })
      const { acceptor } = yield* failToConnect(two)
      assert.strictEqual(acceptor._tag, "OutOfOrderAuth")
      assert.deepStrictEqual(yield* kinds(two), [undefined, undefined])
    }))

  it.effect("part at AUTH when its MAC is wrong, and have each other in their books from HELLO [core: failed auth] [elsewhere: AUTH whose own MAC is wrong]", () =>
    Effect.gen(function*() {
      const damaged: Alter = (body) => {
        if (isOfType(body, MessageType.AUTH)) body[body.length - 1]! ^= 1
        return [recordOf(body)]
      }
      const two = yield* makeTwo({}, { alter: damaged })
      const reason = yield* patiently("the call fails", Effect.flip(two.caller.overlay.connect(two.acceptor.address)))
      assert.strictEqual(reason._tag, "UnexpectedMac")
      // To who was called all was well until it heard of it.
      yield* until("the other end has gone", () => two.acceptor.leaves(two.caller.id).length === 1)
      assert.strictEqual(two.acceptor.leaves(two.caller.id)[0]!.text, "ERR_AUTH (unexpected MAC)")
      assert.deepStrictEqual([peersOf(two.caller), peersOf(two.acceptor)], [[], []])
      assert.deepStrictEqual(yield* kinds(two), ["outbound", "inbound"])
    }))

  it.effect("of two networks store nothing of each other [core: reject peers with differing network passphrases]", () =>
    Effect.gen(function*() {
      const two = yield* makeTwo({ passphrase: "This Network ; 2026" }, { passphrase: "That Network ; 2026" })
      const { acceptor } = yield* failToConnect(two)
      assert.strictEqual(acceptor._tag, "BadCertificate")
      assert.deepStrictEqual(yield* kinds(two), [undefined, undefined])
    }))

  it.effect("part when a certificate was changed, of which only who took the other's HELLO has an entry [core: reject peers with invalid cert]", () =>
    Effect.gen(function*() {
      const changed = helloWith((hello) => ({
        ...hello,
        cert: { ...hello.cert, expiration: hello.cert.expiration + 1n }
      }))
      const two = yield* makeTwo({}, { alter: changed })
      const { caller } = yield* failToConnect(two)
      assert.strictEqual(caller._tag, "BadCertificate")
      assert.deepStrictEqual(yield* kinds(two), [undefined, "inbound"])
    }))

  it.effect("part when the caller has banned the other one, which alone has an entry then [core: reject banned peers]", () =>
    Effect.gen(function*() {
      const two = yield* makeTwo()
      yield* two.caller.overlay.ban(two.acceptor.id)
      const { caller } = yield* failToConnect(two)
      assert.strictEqual(caller._tag, "Banned")
      assert.deepStrictEqual(yield* kinds(two), [undefined, "inbound"])
    }))

  const versions = [
    { where: "above", overlay: 50, tag: "[core: reject peers with incompatible overlay versions / above]" },
    { where: "below", overlay: 30, tag: "[core: reject peers with incompatible overlay versions / below]" }
  ]
  for (const { overlay, tag, where } of versions) {
    it.effect(`of which one speaks versions ${where} those of the other store nothing of each other ${tag}`, () =>
      Effect.gen(function*() {
        const two = yield* makeTwo({}, { config: { versions: { overlay, overlayMin: overlay } } })
        const { acceptor, caller } = yield* failToConnect(two)
        assert.deepStrictEqual([caller._tag, acceptor._tag], ["WrongProtocolVersion", "WrongProtocolVersion"])
        assert.deepStrictEqual(yield* kinds(two), [undefined, undefined])
      }))
  }

  it.effect("with the same key part, and say why [core: reject peers with the same nodeid]", () =>
    Effect.gen(function*() {
      const seed = encodeSeed(bytesOf(crypto, "one key for both"))
      const two = yield* makeTwo({ seed }, { seed })
      assert.strictEqual(two.caller.id, two.acceptor.id)
      const { acceptor, caller } = yield* failToConnect(two)
      assert.deepStrictEqual([caller._tag, acceptor._tag], ["ConnectingToSelf", "ConnectingToSelf"])
    }))

  const slow = [
    { seconds: 2, tag: "[core: reject peers who dont handshake quickly / 2 seconds]" },
    { seconds: 5, tag: "[core: reject peers who dont handshake quickly / 5 seconds]" }
  ]
  for (const { seconds, tag } of slow) {
    it.effect(`of which one's words do not come part after the ${seconds} seconds that one has, as idle, and store nothing ${tag}`, () =>
      Effect.gen(function*() {
        const limitedTo = (timeout: Duration.Duration) => ({
          config: { handshakeTimeout: timeout, handshakeSilenceTimeout: timeout }
        })
        const hurried = limitedTo(Duration.seconds(seconds))
        const patient = limitedTo(Duration.seconds(2 * seconds))
        for (const isCallerHurried of [true, false]) {
          const [callers, called] = isCallerHurried ? [hurried, patient] : [patient, hurried]
          const two = yield* makeTwo({ ...callers, alter: () => [] }, called)
          const one = isCallerHurried ? two.caller : two.acceptor
          const calling = yield* Effect.forkChild(Effect.flip(two.caller.overlay.connect(two.acceptor.address)))
          yield* pass(seconds * 1000 - 10)
          assert.deepStrictEqual([two.caller.failures(), two.acceptor.failures()], [[], []])
          yield* pass(20)
          yield* patiently("the call fails", Fiber.join(calling))
          assert.deepStrictEqual(one.failures().map(({ _tag }) => _tag), ["HandshakeTimeout"])
          assert.strictEqual(counterOf(one, "endedHandshakeTimeout"), 1)
          assert.strictEqual(counterOf(one, "endedStraggling"), 0)
          assert.deepStrictEqual(yield* kinds(two), [undefined, undefined])
        }
      }))
  }
})
