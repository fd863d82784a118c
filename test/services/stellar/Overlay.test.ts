/**
 * The promise of `Overlay`, kept by whole nodes on a network inside the process, on a virtual one and on this machine's TCP.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Latch, Layer, Stream } from "effect"
import * as SecureRandom from "effect/crypto/SecureRandom"
import { TestClock } from "effect/testing"
import { tcpAddress } from "../../../src/core/PeerAddress.ts"
import type { StellarMessage } from "../../../src/core/stellar/messages.ts"
import * as MemoryBanList from "../../../src/layers/memory/MemoryBanList.ts"
import * as MemoryPeerStore from "../../../src/layers/memory/MemoryPeerStore.ts"
import * as NodeAddressResolver from "../../../src/layers/node/NodeAddressResolver.ts"
import * as NodeCrypto from "../../../src/layers/node/NodeCrypto.ts"
import * as TcpTransport from "../../../src/layers/node/TcpTransport.ts"
import * as MemoryApplication from "../../../src/layers/stellar/MemoryApplication.ts"
import * as StellarNode from "../../../src/layers/stellar/StellarNode.ts"
import type { MessagesOptions, Missed, Received } from "../../../src/services/Overlay.ts"
import { Overlay, type Stellar } from "../../../src/services/stellar/Overlay.ts"
import { privateNetwork } from "../../../src/services/stellar/StellarConfig.ts"
import {
  connect,
  counterOf,
  drive,
  line,
  listen,
  nameOf,
  namesOf,
  networks,
  pass,
  peersOf
} from "../../layers/stellar/nodeNetworks.ts"
import {
  type NodeOptions,
  NOW_SECONDS,
  PASSPHRASE,
  patiently,
  statementMessage,
  statementOf,
  type TestNode,
  transactionMessage,
  transactionOf,
  until
} from "../../layers/stellar/peerNode.ts"

const countPeers = (overlay: Overlay["Service"]): number => Effect.runSync(overlay.peers).length

for (const [name, makeNetwork] of networks) {
  describe(`nodes on ${name}`, () => {
    /** A node for each of the options, all on one network. */
    const nodes = Effect.fnUntraced(function*(...options: ReadonlyArray<NodeOptions>) {
      yield* TestClock.setTime(NOW_SECONDS * 1000)
      const network = yield* makeNetwork
      return yield* Effect.forEach(options, (one) => network.node(one))
    })

    it.effect("tell whom they have reached, and who has reached them", () =>
      Effect.gen(function*() {
        const [a, b] = yield* nodes({ config: { versionText: "node a" } }, {})
        assert.strictEqual(yield* connect(a!, b!), b!.id)
        const [atA, atB] = [peersOf(a!), peersOf(b!)]
        assert.strictEqual(atA.length, 1)
        assert.strictEqual(atB.length, 1)
        assert.deepInclude(atA[0], { id: b!.id, direction: "outbound", address: b!.address })
        assert.deepInclude(atB[0], {
          id: a!.id,
          direction: "inbound",
          address: a!.address,
          versionText: "node a",
          versions: { ledger: 28, overlay: 42, overlayMin: 38 },
          sinceMillis: NOW_SECONDS * 1000,
          latencyMillis: undefined,
          receiveCredit: { messages: 200, bytes: 300_000 },
          sendCredit: { messages: 200, bytes: 300_000 },
          shed: 0
        })
        assert.deepStrictEqual(a!.events.map(({ _tag }) => _tag), ["Dialing", "PeerJoined"])
        assert.deepStrictEqual(b!.events.map(({ _tag }) => _tag), ["PeerJoined"])
        yield* pass(6000)
        assert.isDefined(peersOf(a!)[0]?.latencyMillis)
        assert.isAbove(peersOf(a!)[0]!.bytesRead, 0)
      }))

    it.effect("do not connect to themselves, or where nobody is", () =>
      Effect.gen(function*() {
        const [a] = yield* nodes({})
        const self = yield* patiently("it fails", Effect.flip(a!.overlay.connect(a!.address)))
        assert.strictEqual(self._tag, "ConnectingToSelf")
        yield* until("both ends have failed", () => a!.failures().length === 2)
        const nobody = tcpAddress(a!.address.ip, 1)
        const reason = yield* patiently("it fails", Effect.flip(a!.overlay.connect(nobody)))
        assert.deepInclude(reason, { _tag: "ConnectFailed", reason: "refused" })
        yield* until("it was told", () => a!.failures().length === 3)
        assert.deepStrictEqual(a!.events.slice(-2), [
          { _tag: "Dialing", address: nobody },
          { _tag: "ConnectionFailed", address: nobody, direction: "outbound", reason }
        ])
        assert.strictEqual(counterOf(a!, "endedConnectFailed"), 1)
        assert.deepStrictEqual(peersOf(a!), [])
      }))

    it.effect("have one connection with each other", () =>
      Effect.gen(function*() {
        const [a, b, c] = yield* nodes({}, {}, { config: { advertisePort: 1 } })
        yield* connect(a!, b!)
        const fail = (from: TestNode, to: TestNode) =>
          Effect.map(patiently("it fails", Effect.flip(from.overlay.connect(to.address))), ({ _tag }) => _tag)
        assert.strictEqual(yield* fail(a!, b!), "AlreadyConnectedAddress")
        assert.strictEqual(yield* fail(b!, a!), "AlreadyConnectedAddress")
        // Where it says that it listens, it does not: that it is here shows when it has said its name.
        yield* connect(c!, a!)
        assert.strictEqual(yield* fail(a!, c!), "AlreadyConnected")
        assert.strictEqual(peersOf(a!).length, 2)
        yield* until("the other end has failed too", () => c!.failures().length === 1)
        assert.strictEqual(c!.failures()[0]!._tag, "AlreadyConnected")
      }))

    it.effect("ban, and lift bans", () =>
      Effect.gen(function*() {
        const [a, b] = yield* nodes({}, {})
        yield* connect(a!, b!)
        yield* a!.overlay.ban(b!.id)
        yield* drive("b has heard", () => b!.leaves(a!.id).length === 1)
        assert.strictEqual(b!.leaves(a!.id)[0]!.text, "ERR_MISC (dropped by user)")
        assert.deepStrictEqual(yield* a!.overlay.banned, [b!.id])
        assert.strictEqual((yield* patiently("it fails", Effect.flip(a!.overlay.connect(b!.address))))._tag, "Banned")
        assert.strictEqual((yield* patiently("it fails", Effect.flip(b!.overlay.connect(a!.address))))._tag, "LinkLost")
        assert.isTrue(yield* a!.overlay.unban(b!.id))
        assert.isFalse(yield* a!.overlay.unban(b!.id))
        assert.deepStrictEqual(yield* a!.overlay.banned, [])
        const told = () => a!.events.filter(({ _tag }) => _tag === "Banned" || _tag === "Unbanned")
        yield* until("both were told", () => told().length === 2)
        assert.deepStrictEqual(told(), [{ _tag: "Banned", id: b!.id }, { _tag: "Unbanned", id: b!.id }])
        yield* connect(b!, a!)
      }))

    it.effect("pass a statement on along a line of four, once to each", () =>
      Effect.gen(function*() {
        const all = yield* nodes({}, {}, {}, {})
        yield* line(all)
        const heard = yield* Effect.forEach(all, (node) => listen(node))
        assert.strictEqual(yield* all[0]!.overlay.broadcast(statementMessage(1)), 1)
        assert.strictEqual(yield* all[2]!.overlay.broadcast(statementMessage(2)), 2)
        yield* until("all have both", () => heard.flat().length === 6)
        yield* pass(500)
        const [one, two] = [nameOf(statementOf(1)), nameOf(statementOf(2))]
        assert.deepStrictEqual(heard.map((got) => [...namesOf(got)].sort()), [
          [two],
          [one, two].sort(),
          [one],
          [one, two].sort()
        ])
        const received = heard[3]!.find((message) => message._tag === "Received")!
        assert.deepStrictEqual(received.value()._tag, "SCP_MESSAGE")
        assert.strictEqual(received.from, all[2]!.id)
        assert.deepStrictEqual(all.map((node) => counterOf(node, "floodDuplicate")), [0, 0, 0, 0])
        // It was told already, and nobody is told twice.
        assert.strictEqual(yield* all[0]!.overlay.broadcast(statementMessage(1)), 0)
      }))

    it.effect("pull a transaction along a line of four, once to each", () =>
      Effect.gen(function*() {
        const all = yield* nodes({}, {}, {}, {})
        yield* line(all)
        const heard = yield* Effect.forEach(all, (node) => listen(node))
        assert.strictEqual(yield* all[0]!.overlay.broadcast(transactionMessage(1, 1000)), 1)
        yield* drive("all have it", () => heard.slice(1).every((got) => got.length === 1))
        yield* pass(500)
        const bytes = nameOf(transactionOf(1, 1000))
        assert.deepStrictEqual(heard.map(namesOf), [[], [bytes], [bytes], [bytes]])
        assert.deepStrictEqual(all.map((node) => counterOf(node, "fulfilled")), [1, 1, 1, 0])
        assert.deepStrictEqual(all.map((node) => counterOf(node, "demanded")), [0, 1, 1, 1])
      }))

    it.effect("pass nothing on before their application has judged it", () =>
      Effect.gen(function*() {
        const latch = Latch.makeUnsafe(false)
        let asked = 0
        const judgesLater: NodeOptions = {
          application: (memory) => ({
            ...memory,
            judge: {
              answers: "later",
              statements: (batch) => {
                asked += batch.length
                return Effect.as(latch.await, batch.map(() => "ready"))
              },
              transactions: () => Effect.die("no transaction was sent")
            }
          })
        }
        const [a, b, c] = yield* nodes({}, judgesLater, {})
        yield* line([a!, b!, c!])
        const [atB, atC] = [yield* listen(b!), yield* listen(c!)]
        yield* a!.overlay.broadcast(statementMessage(1))
        yield* until("b is asked", () => asked === 1)
        yield* pass(1000)
        assert.deepStrictEqual([atB, atC], [[], []])
        assert.strictEqual(counterOf(c!, "floodNew"), 0)
        yield* latch.open
        yield* until("c has it", () => atC.length === 1)
        assert.strictEqual(atB.length, 1)
      }))

    it.effect("that only observe pass nothing on, and ask for nothing while they do not follow the network", () =>
      Effect.gen(function*() {
        const [a, leaf, c] = yield* nodes({}, { memory: { policy: "observe" } }, {})
        yield* line([a!, leaf!, c!])
        const [atLeaf, atC] = [yield* listen(leaf!), yield* listen(c!)]
        yield* a!.overlay.broadcast(statementMessage(1))
        yield* a!.overlay.broadcast(transactionMessage(1))
        yield* until("the leaf has the statement", () => atLeaf.length === 1)
        yield* drive("the leaf has the advert", () => counterOf(leaf!, "ignoredWhileNotSynced") === 1)
        yield* pass(1000)
        assert.deepStrictEqual(atC, [])
        assert.strictEqual(counterOf(a!, "fulfilled") + counterOf(leaf!, "demanded"), 0)
        assert.strictEqual(atLeaf.length, 1)
      }))

    it.effect("answer for the state of consensus with what they hold", () =>
      Effect.gen(function*() {
        const [a, b] = yield* nodes({}, {})
        for (const slot of [1, 2, 3]) yield* a!.overlay.broadcast(statementMessage(slot))
        assert.strictEqual(yield* b!.overlay.requestScpState(2), 0)
        const heard = yield* listen(b!)
        // A new peer is asked at once for all that it knows.
        yield* connect(b!, a!)
        yield* until("b has all three", () => heard.length === 3)
        assert.deepStrictEqual(namesOf(heard), [1, 2, 3].map((slot) => nameOf(statementOf(slot))))
        const answered = counterOf(a!, "queriesAnswered")
        assert.strictEqual(yield* b!.overlay.requestScpState(2), 1)
        yield* until("a has answered", () => counterOf(a!, "queriesAnswered") === answered + 1)
        yield* until("b had two of them again", () => counterOf(b!, "floodDuplicate") === 2)
        assert.strictEqual(heard.length, 3)
      }))

    it.effect("send to one peer what is not the session's own to say", () =>
      Effect.gen(function*() {
        const [a, b] = yield* nodes({}, {})
        yield* connect(a!, b!)
        const { overlay } = a!
        const own: ReadonlyArray<StellarMessage> = [
          { _tag: "AUTH", auth: { flags: 200 } },
          { _tag: "PEERS", peers: [] },
          { _tag: "ERROR_MSG", error: { code: 0, msg: new Uint8Array(0) } },
          { _tag: "SEND_MORE", sendMore: { numMessages: 1 } },
          { _tag: "SEND_MORE_EXTENDED", sendMoreExtended: { numMessages: 1, numBytes: 1 } }
        ]
        for (const message of own) {
          assert.strictEqual((yield* Effect.flip(overlay.send(b!.id, message))).reason, "not-allowed", message._tag)
        }
        const set: StellarMessage = { _tag: "GENERALIZED_TX_SET", generalizedTxSet: Uint8Array.of(1, 2, 3) }
        assert.strictEqual((yield* Effect.flip(overlay.send(b!.id, set))).reason, "malformed")
        const heard = yield* listen(b!)
        assert.isTrue(yield* overlay.send(b!.id, statementMessage(1)))
        yield* until("b has it", () => heard.length === 1)
        const answered = counterOf(b!, "queriesAnswered")
        assert.isTrue(yield* overlay.send(b!.id, { _tag: "GET_SCP_STATE", ledgerSeq: 0 }))
        yield* until("b has answered", () => counterOf(b!, "queriesAnswered") > answered)
        assert.isFalse(yield* overlay.send(a!.id, { _tag: "GET_SCP_STATE", ledgerSeq: 0 }))
        assert.deepStrictEqual(b!.leaves(a!.id), [])
      }))

    it.effect("broadcast only what peers can read, and what the network takes", () =>
      Effect.gen(function*() {
        const [a, b] = yield* nodes({}, {})
        yield* connect(a!, b!)
        const refusal = (message: StellarMessage) =>
          Effect.map(Effect.flip(a!.overlay.broadcast(message)), ({ reason }) => reason)
        const transaction = (bytes: Uint8Array): StellarMessage => ({ _tag: "TRANSACTION", transaction: bytes })
        const good = transactionOf(1).subarray(4)
        const unknown = good.slice()
        unknown[71] = 99
        assert.strictEqual(yield* refusal(transaction(good.subarray(0, -4))), "malformed")
        assert.strictEqual(yield* refusal(transaction(unknown)), "unknown")
        assert.strictEqual(yield* refusal(transactionMessage(1, 102_404)), "too-long")
        assert.strictEqual(yield* refusal({ _tag: "GET_SCP_STATE", ledgerSeq: 0 }), "not-allowed")
        assert.strictEqual(
          yield* refusal({
            _tag: "SCP_MESSAGE",
            envelope: {
              statement: {
                nodeID: new Uint8Array(31),
                slotIndex: 1n,
                pledges: {
                  _tag: "SCP_ST_NOMINATE",
                  nominate: { quorumSetHash: new Uint8Array(32), votes: [], accepted: [] }
                }
              },
              signature: new Uint8Array(64)
            }
          }),
          "malformed"
        )
        yield* pass(500)
        assert.strictEqual(counterOf(b!, "floodNew") + counterOf(a!, "advertised"), 0)
        assert.strictEqual(yield* a!.overlay.broadcast(transactionMessage(1, 102_400)), 1)
      }))

    it.effect("end a session with those who ask for it, and can begin another", () =>
      Effect.gen(function*() {
        const [a, b] = yield* nodes({}, {})
        yield* connect(a!, b!)
        assert.isTrue(yield* a!.overlay.disconnect(b!.id))
        yield* until("both know", () => a!.leaves(b!.id).length === 1 && b!.leaves(a!.id).length === 1)
        assert.strictEqual(a!.leaves(b!.id)[0]!._tag, "DroppedByUser")
        assert.strictEqual(b!.leaves(a!.id)[0]!._tag, "RemoteError")
        assert.deepStrictEqual([peersOf(a!), peersOf(b!)], [[], []])
        assert.isFalse(yield* a!.overlay.disconnect(b!.id))
        yield* connect(a!, b!)
      }))

    it.effect("tell a peer when they stop", () =>
      Effect.gen(function*() {
        const [a, b] = yield* nodes({}, {})
        yield* connect(a!, b!)
        yield* patiently("it stops", a!.close)
        yield* until("b knows", () => b!.leaves(a!.id).length === 1)
        assert.strictEqual(b!.leaves(a!.id)[0]!.text, "ERR_MISC (shutdown)")
      }))

    describe("have subscribers to messages:", () => {
      /** A subscriber that takes one message and then nothing more until it is let. */
      const slow = Effect.fnUntraced(function*({ overlay }: TestNode, options: MessagesOptions) {
        const got: Array<Received<Stellar> | Missed> = []
        const latch = Latch.makeUnsafe(false)
        const fiber = yield* Effect.forkScoped(
          Stream.runForEach(
            overlay.messages(options),
            (message) => Effect.andThen(Effect.sync(() => got.push(message)), latch.await)
          ),
          { startImmediately: true }
        )
        return { got, latch, fiber }
      })

      const say = (from: TestNode, first: number, last: number) =>
        Effect.forEach(
          Array.from({ length: last - first + 1 }, (_, i) => first + i),
          (slot) => from.overlay.broadcast(statementMessage(slot))
        )

      for (const capacity of [1, 2]) {
        it.effect(`one that drops what it has no room for hears how many, with room for ${capacity}`, () =>
          Effect.gen(function*() {
            const [a, b] = yield* nodes({}, {})
            yield* connect(a!, b!)
            const { got, latch } = yield* slow(b!, { capacity, whenFull: "drop" })
            yield* say(a!, 1, 1)
            yield* until("it has the first", () => got.length === 1)
            yield* say(a!, 2, 10)
            yield* until("all have come", () => counterOf(b!, "floodNew") === 10)
            assert.strictEqual(counterOf(b!, "messagesMissed"), 9 - capacity)
            yield* latch.open
            yield* until("it has what fitted", () => got.length === 1 + capacity)
            yield* say(a!, 11, 11)
            yield* until("it knows", () => got.length === 3 + capacity)
            assert.deepStrictEqual(namesOf(got), [
              ...Array.from({ length: 1 + capacity }, (_, i) => nameOf(statementOf(1 + i))),
              `missed ${9 - capacity}`,
              nameOf(statementOf(11))
            ])
          }))
      }

      const creditHeld = (node: TestNode): number => 200 - (peersOf(node)[0]?.receiveCredit.messages ?? 0)

      it.effect("one that asked to be waited for misses nothing, and holds credit back meanwhile", () =>
        Effect.gen(function*() {
          const [a, b] = yield* nodes({}, {})
          yield* connect(a!, b!)
          const others = yield* listen(b!)
          const { got, latch } = yield* slow(b!, { capacity: 2, whenFull: "wait" })
          yield* say(a!, 1, 20)
          yield* until("it is full", () => creditHeld(b!) > 0 && others.length > 0)
          yield* say(a!, 21, 100)
          yield* until("all have come", () => counterOf(b!, "floodNew") === 100)
          assert.isAtLeast(creditHeld(b!), 80)
          assert.strictEqual(got.length, 1)
          yield* latch.open
          yield* until("it has all, and the credit is back", () => got.length === 100 && creditHeld(b!) === 0)
          yield* until("the other one has all", () => others.length === 100)
          const all = Array.from({ length: 100 }, (_, i) => nameOf(statementOf(1 + i)))
          assert.deepStrictEqual([namesOf(got), namesOf(others)], [all, all])
          assert.strictEqual(counterOf(b!, "messagesMissed"), 0)
        }))

      it.effect("one that leaves gives back what was held for it", () =>
        Effect.gen(function*() {
          const [a, b] = yield* nodes({}, {})
          yield* connect(a!, b!)
          const { fiber } = yield* slow(b!, { capacity: 1, whenFull: "wait" })
          yield* say(a!, 1, 50)
          yield* until("all have come", () => counterOf(b!, "floodNew") === 50 && creditHeld(b!) > 0)
          yield* Fiber.interrupt(fiber)
          yield* until("the credit is back", () => creditHeld(b!) === 0)
          yield* say(a!, 51, 60)
          yield* until("others come", () => counterOf(b!, "floodNew") === 60 && creditHeld(b!) === 0)
        }))

      it.effect("one that is waited for does not keep a session from ending", () =>
        Effect.gen(function*() {
          const [a, b] = yield* nodes({}, {})
          yield* connect(a!, b!)
          yield* slow(b!, { capacity: 1, whenFull: "wait" })
          yield* say(a!, 1, 50)
          yield* until("all have come", () => counterOf(b!, "floodNew") === 50 && creditHeld(b!) > 0)
          yield* b!.overlay.disconnect(a!.id)
          yield* until("it has ended", () => b!.leaves(a!.id).length === 1 && a!.leaves(b!.id).length === 1)
          yield* connect(a!, b!)
        }))
    })
  })
}

describe("two nodes of one program", () => {
  it.effect("are two, whatever of their making they share", () =>
    Effect.gen(function*() {
      const config = privateNetwork(PASSPHRASE, { listen: { host: "127.0.0.1", port: 0 } })
      const machine = Layer.mergeAll(
        MemoryPeerStore.layer(),
        MemoryBanList.layer(),
        TcpTransport.layer(),
        SecureRandom.layerWebCrypto,
        NodeAddressResolver.layer
      )
      const one = () =>
        StellarNode.layer(config).pipe(
          Layer.provide(MemoryApplication.layer(config)),
          Layer.provide(machine),
          Layer.provide(NodeCrypto.layer)
        )
      const memoMap = yield* Layer.makeMemoMap
      const scope = yield* Effect.scope
      const build = (layer: ReturnType<typeof one>) =>
        Effect.map(Layer.buildWithMemoMap(layer, memoMap, scope), Context.get(Overlay))
      const [a, b] = [yield* build(one()), yield* build(one())]
      assert.notStrictEqual(a, b)
      assert.notStrictEqual(a.self, b.self)
      assert.notDeepEqual(a.listening, b.listening)
      assert.strictEqual(yield* patiently("they connect", a.connect(b.listening!)), b.self)
      yield* until("b knows a", () => countPeers(b) === 1)
      assert.deepStrictEqual((yield* a.peers).map(({ id }) => id), [b.self])
      assert.deepStrictEqual((yield* b.peers).map(({ id }) => id), [a.self])
      yield* a.broadcast(transactionMessage(1))
      assert.strictEqual((yield* a.counters)["entries"], 1)
      assert.strictEqual((yield* b.counters)["entries"], 0)
    }))
})
