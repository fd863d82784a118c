/**
 * Every hostile peer against a whole node: the node ends it for the reason that it must, or bears it and counts, and an innocent
 * peer gets all that is flooded meanwhile.
 *
 * In memory, under the clock of the test; and some of them once more over real sockets.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Duration, Effect, Fiber, Layer, Random } from "effect"
import { SecureRandom } from "effect/crypto"
import { TestClock } from "effect/testing"
import { createHash } from "node:crypto"
import { toBytes as hashToBytes } from "../../src/core/ItemHash.ts"
import { FETCH_REPLY_MILLIS } from "../../src/core/limits.ts"
import { type PeerAddress, tcpAddress } from "../../src/core/PeerAddress.ts"
import * as limits from "../../src/core/stellar/limits.ts"
import { queryWindowSeconds, setQueriesPerWindow } from "../../src/core/stellar/QueryWindow.ts"
import { ScpSignature } from "../../src/core/stellar/ScpSignature.ts"
import * as MemoryBanList from "../../src/layers/memory/MemoryBanList.ts"
import * as MemoryPeerStore from "../../src/layers/memory/MemoryPeerStore.ts"
import * as MemoryTransport from "../../src/layers/memory/MemoryTransport.ts"
import * as NodeAddressResolver from "../../src/layers/node/NodeAddressResolver.ts"
import * as NodeCrypto from "../../src/layers/node/NodeCrypto.ts"
import * as TcpTransport from "../../src/layers/node/TcpTransport.ts"
import * as SimulatedRandom from "../../src/layers/simulation/SimulatedRandom.ts"
import * as World from "../../src/layers/simulation/World.ts"
import * as MemoryApplication from "../../src/layers/stellar/MemoryApplication.ts"
import * as StellarNode from "../../src/layers/stellar/StellarNode.ts"
import type { OverlayEvent } from "../../src/services/Overlay.ts"
import type { Judge } from "../../src/services/stellar/Application.ts"
import type { Stellar } from "../../src/services/stellar/Overlay.ts"
import { privateNetwork } from "../../src/services/stellar/StellarConfig.ts"
import { Transport } from "../../src/services/Transport.ts"
import { networkIdOf } from "../../src/testing/stellar/HandDrivenPeer.ts"
import { creditCheat } from "../../src/testing/stellar/hostile/creditCheat.ts"
import type { AcceptorOptions, HostileOptions, HostilePeer } from "../../src/testing/stellar/hostile/HostilePeer.ts"
import { hostilePeers } from "../../src/testing/stellar/hostile/hostilePeers.ts"
import { malformedTransactions } from "../../src/testing/stellar/hostile/malformedTransactions.ts"
import { FORBIDDEN_ADDRESSES } from "../../src/testing/stellar/hostile/peersPoisoner.ts"
import { portLiar } from "../../src/testing/stellar/hostile/portLiar.ts"
import { replayer } from "../../src/testing/stellar/hostile/replayer.ts"
import { setWithholder } from "../../src/testing/stellar/hostile/setWithholder.ts"
import { type Ending, type Outcome, Sightings } from "../../src/testing/stellar/hostile/Sightings.ts"
import { silent } from "../../src/testing/stellar/hostile/silent.ts"
import { slowBody } from "../../src/testing/stellar/hostile/slowBody.ts"
import { withholder } from "../../src/testing/stellar/hostile/withholder.ts"
import { transactionSetOf } from "../../src/testing/stellar/namedSets.ts"
import { signedStatement } from "../../src/testing/stellar/SignedStatement.ts"
import * as SimulatedApplication from "../../src/testing/stellar/SimulatedApplication.ts"
import type { SimulatedProgram } from "../../src/testing/stellar/SimulatedApplication.ts"
import {
  hashBytes,
  makeNode,
  type NodeOptions,
  PASSPHRASE,
  patiently,
  statementMessage,
  type TestNode,
  transactionMessage,
  transactionOf,
  turn,
  until
} from "../layers/stellar/peerNode.ts"
import { numbers } from "../support/floods.ts"

// Where it happens

/** Where nodes and attackers meet, each on a machine of its own. */
interface Ground {
  readonly machine: (number: number) => {
    readonly host: string
    readonly transport: Layer.Layer<Transport>
  }
}

const inMemory = (): Ground => {
  const network = MemoryTransport.makeNetwork()
  return {
    machine: (number) => ({
      host: `10.0.0.${number}`,
      transport: MemoryTransport.layer(network, { ip: `10.0.0.${number}` })
    })
  }
}

const overTcp = (): Ground => ({ machine: () => ({ host: "127.0.0.1", transport: TcpTransport.layer() }) })

/** The number of the attacker's machine. */
const ATTACKER = 66

/** Randomness of the attacker: the same in each run, and never the same twice. */
const attackersRandom = Layer.sync(SecureRandom.SecureRandom, () => {
  const below = numbers(7)
  return SecureRandom.make((size) => Uint8Array.from({ length: size }, () => below(256)))
})

// The node, and the innocent peer of it

interface Siege {
  readonly ground: Ground
  readonly node: TestNode
  readonly innocent: TestNode
  /** Floods something new from the node. */
  readonly flood: Effect.Effect<void>
  /** How often that was done. */
  readonly floods: () => number
}

const counterOf = ({ overlay }: TestNode, name: string): number => Effect.runSync(overlay.counters)[name] ?? 0

const peersOf = ({ overlay }: TestNode) => Effect.runSync(overlay.peers)

/** A node and an innocent peer that the node has called: all slots for those who call the node are free. */
const siege = Effect.fnUntraced(function*(ground: Ground, options: NodeOptions = {}) {
  const node = yield* makeNode({ ...ground.machine(1), ...options })
  const innocent = yield* makeNode(ground.machine(2))
  yield* node.overlay.connect(innocent.address)
  let floods = 0
  const here: Siege = {
    ground,
    node,
    innocent,
    flood: Effect.suspend(() => Effect.asVoid(Effect.orDie(node.overlay.broadcast(statementMessage(++floods))))),
    floods: () => floods
  }
  return here
})

/** The attack from a machine of its own. */
const from = <Options extends HostileOptions>(
  ground: Ground,
  actor: HostilePeer<Options>,
  options: Options,
  address: PeerAddress
): Effect.Effect<Outcome> =>
  actor.attack(options)(address).pipe(
    Effect.provide([ground.machine(ATTACKER).transport, NodeCrypto.layer, attackersRandom]),
    Random.withSeed("hostile")
  )

// Time

/** Turns of the event loop between two steps of the clock: more than the longest exchange of messages in memory takes. */
const TURNS_PER_STEP = 20
const STEP_MILLIS = 100
/** Longer than any attack here. */
const MAX_MILLIS = 1_000_000

const turns = Effect.replicateEffect(turn, TURNS_PER_STEP, { discard: true })

/** Lets time pass until it is so, while the node floods something each second; gives how many milliseconds it took. */
const passUntil = Effect.fnUntraced(function*(isSo: () => boolean, eachSecond: Effect.Effect<void>) {
  yield* turns
  for (let millis = 0;; millis += STEP_MILLIS) {
    if (isSo()) return millis
    if (millis > MAX_MILLIS) return yield* Effect.die(new Error("it takes for ever"))
    if (millis % 1000 === 0) yield* eachSecond
    yield* TestClock.adjust(Duration.millis(STEP_MILLIS))
    yield* turns
  }
})

/** Lets time pass until the attack is over. */
const besieged = Effect.fnUntraced(function*(attack: Effect.Effect<Outcome>, eachSecond: Effect.Effect<void>) {
  const fiber = yield* Effect.forkChild(attack)
  const millis = yield* passUntil(() => fiber.pollUnsafe() !== undefined, eachSecond)
  return { ...yield* Fiber.join(fiber), millis }
})

/** Runs an actor that calls the node to its end. The node floods meanwhile, unless it is to be quiet. */
const attacked = <Options extends HostileOptions>(
  here: Siege,
  actor: HostilePeer<Options>,
  options: Options,
  eachSecond: Effect.Effect<void> = here.flood
) => besieged(from(here.ground, actor, options, here.node.address), eachSecond)

/** Starts an actor that listens; gives where, and its fiber. */
const waiting = Effect.fnUntraced(function*<Options extends AcceptorOptions>(
  here: Siege,
  actor: HostilePeer<Options>,
  options: Options
) {
  const listening = yield* Deferred.make<PeerAddress>()
  const fiber = yield* Effect.forkChild(from(
    here.ground,
    actor,
    { ...options, onListening: (address) => Deferred.succeed(listening, address) },
    tcpAddress(here.ground.machine(ATTACKER).host, 0)
  ))
  return { address: yield* Deferred.await(listening), fiber }
})

// What must hold

/** Whether the innocent peer, which was called, has only seen whether it could call. */
const isPromotion = (
  { address, reason }: Extract<OverlayEvent<Stellar>, { readonly _tag: "ConnectionFailed" }>,
  innocent: TestNode
): boolean => reason._tag === "AlreadyConnected" && address.ip === innocent.address.ip

/** Why the node ended connections other than the innocent peer's, or they ended. */
const endedAt = ({ innocent, node }: Pick<Siege, "innocent" | "node">): ReadonlyArray<string> =>
  node.events.flatMap((event) =>
    (event._tag === "ConnectionFailed" && !isPromotion(event, innocent)) ||
      (event._tag === "PeerLeft" && event.id !== innocent.id)
      ? [event.reason._tag]
      : []
  )

/** The innocent peer has got all that was flooded, gets what comes next, and is the only one who is still here. */
const assertUnharmed = Effect.fnUntraced(function*({ flood, floods, innocent, node }: Siege) {
  yield* flood
  yield* until("the innocent peer hears of it", () => counterOf(innocent, "floodNew") === floods())
  yield* until("the hostile peer is gone", () => peersOf(node).length === 1)
  const [left] = yield* node.overlay.peers
  assert.strictEqual(left?.id, innocent.id)
  assert.strictEqual(left?.shed, 0)
  assert.deepStrictEqual(node.leaves(innocent.id), [])
  assert.notInclude(endedAt({ innocent, node }), "Bug")
})

const net: HostileOptions = { passphrase: PASSPHRASE }
const { minutes, seconds } = Duration

const words = (code: number, text: string): Ending => ({ _tag: "LastWords", code, text })
const silence: Ending = { _tag: "Silence", reason: "ended" }
const left: Ending = { _tag: "Left" }
const times = <A>(count: number, value: A): Array<A> => Array.from({ length: count }, () => value)

describe("hostile peers", () => {
  it("stand in the registry under their own names, and say what they do and what they demand of a node", () => {
    for (const [name, actor] of Object.entries(hostilePeers)) {
      assert.strictEqual(actor.name, name)
      assert.match(actor.does, /^[A-Z].*\.$/)
      assert.match(actor.demands, /^[A-Z].*\.$/)
    }
    assert.lengthOf(Object.keys(hostilePeers), 16)
  })

  describe("that do nothing, or next to nothing", () => {
    it.effect("are ended by the handshake's timer when they are silent from the link or from HELLO on", () =>
      Effect.gen(function*() {
        const here = yield* siege(inMemory())
        for (const from of ["link", "hello"] as const) {
          const { endings, millis, sessions } = yield* attacked(here, silent, { ...net, from })
          assert.deepStrictEqual(endings, [silence])
          assert.strictEqual(sessions, 0)
          assert.strictEqual(millis, limits.HANDSHAKE_SILENCE_TIMEOUT_MILLIS)
        }
        assert.deepStrictEqual(endedAt(here), times(2, "HandshakeTimeout"))
        yield* assertUnharmed(here)
      }))

    it.effect("are ended as idle when they fall silent behind the handshake", () =>
      Effect.gen(function*() {
        const here = yield* siege(inMemory())
        const { endings, millis, sessions } = yield* attacked(here, silent, { ...net, from: "session" }, Effect.void)
        assert.deepStrictEqual(endings, [silence])
        assert.strictEqual(sessions, 1)
        // Its last ping, a beat after the start, is the last that the node wrote.
        assert.strictEqual(millis, limits.IDLE_TIMEOUT_MILLIS + limits.PEER_BEAT_MILLIS)
        assert.deepStrictEqual(endedAt(here), ["IdleTimeout"])
        yield* assertUnharmed(here)
      }))

    it.effect("are ended by deadlines that a trickle of bytes does not move", () =>
      Effect.gen(function*() {
        const here = yield* siege(inMemory())
        const hello = yield* attacked(here, slowBody, { ...net, of: "hello" })
        assert.strictEqual(hello.millis, limits.HANDSHAKE_TIMEOUT_MILLIS)
        const message = yield* attacked(here, slowBody, { ...net, of: "message" }, Effect.void)
        assert.isAtMost(message.millis, limits.FRAME_TIMEOUT_MILLIS + 2 * limits.PEER_BEAT_MILLIS)
        assert.strictEqual(message.sent["byte"], Math.ceil(message.millis / 1000))
        assert.deepStrictEqual(endedAt(here), ["HandshakeTimeout", "FrameTimeout"])
        yield* assertUnharmed(here)
      }))

    it.effect("are ended as stragglers when they ask and never read, and hold no more than an outbox", () =>
      Effect.gen(function*() {
        const here = yield* siege(inMemory())
        const { endings, sessions } = yield* attacked(here, hostilePeers["never-reads"], net)
        // Not a clean end: the node leaves questions unread.
        assert.deepStrictEqual(endings, [{ _tag: "Silence", reason: "reset" }])
        assert.strictEqual(sessions, 1)
        assert.deepStrictEqual(endedAt(here), ["OutboxFull"])
        yield* assertUnharmed(here)
      }))
  })

  describe("that break the rules", () => {
    it.effect("are ended at the first message above their credit, without a word", () =>
      Effect.gen(function*() {
        const here = yield* siege(inMemory())
        const { endings, sent } = yield* attacked(here, creditCheat, net)
        assert.deepStrictEqual(endings, [silence])
        assert.deepStrictEqual(sent, { SCP_MESSAGE: 2 * limits.CREDIT_MESSAGES })
        assert.strictEqual(counterOf(here.node, "floodNew"), limits.CREDIT_MESSAGES)
        assert.deepStrictEqual(endedAt(here), ["OverCapacity"])
        yield* assertUnharmed(here)
      }))

    it.effect("are borne as long as each burst is within the credit", () =>
      Effect.gen(function*() {
        const here = yield* siege(inMemory())
        const messages = limits.CREDIT_MESSAGES
        const { endings } = yield* attacked(here, creditCheat, { ...net, messages, bursts: 3, patience: seconds(5) })
        assert.deepStrictEqual(endings, [left])
        assert.strictEqual(counterOf(here.node, "floodNew"), 3 * messages)
        yield* assertUnharmed(here)
      }))

    it.effect("are ended in words for a frame that comes again, and for a handshake of an earlier connection", () =>
      Effect.gen(function*() {
        const here = yield* siege(inMemory())
        const frame = yield* attacked(here, replayer, { ...net, what: "frame" })
        assert.deepStrictEqual(frame.endings, [words(3, "unexpected auth sequence")])
        const handshake = yield* attacked(here, replayer, { ...net, what: "handshake" })
        assert.deepStrictEqual(handshake.endings, [left, words(3, "unexpected MAC")])
        assert.strictEqual(handshake.heard["AUTH"], 1)
        assert.deepStrictEqual(endedAt(here), ["UnexpectedSequence", "LinkLost", "UnexpectedMac"])
        yield* assertUnharmed(here)
      }))

    it.effect("are ended in words for a forged MAC and for a changed message, of which nothing is believed", () =>
      Effect.gen(function*() {
        const here = yield* siege(inMemory())
        for (const where of ["mac", "message"] as const) {
          const { endings, heard } = yield* attacked(here, hostilePeers["mac-forger"], { ...net, where })
          assert.deepStrictEqual(endings, [words(3, "unexpected MAC")])
          assert.isUndefined(heard["DONT_HAVE"])
        }
        assert.deepStrictEqual(endedAt(here), times(2, "UnexpectedMac"))
        yield* assertUnharmed(here)
      }))

    it.effect("are ended in words for each malformed transaction, and nobody else hears of it", () =>
      Effect.gen(function*() {
        const here = yield* siege(inMemory())
        const { endings, sent } = yield* attacked(here, malformedTransactions, net)
        assert.deepStrictEqual(endings, times(4, words(1, "received corrupt XDR")))
        assert.deepStrictEqual(sent, { TRANSACTION: 4 })
        assert.deepStrictEqual(endedAt(here), times(4, "CorruptXdr"))
        assert.strictEqual(counterOf(here.node, "advertised"), 0)
        assert.strictEqual(here.node.memory.size().transactions, 0)
        yield* assertUnharmed(here)
      }))

    it.effect("are refused in words for a port that is none, and stand in no book; a plausible lie is let in", () =>
      Effect.gen(function*() {
        const here = yield* siege(inMemory())
        const before = yield* here.node.peerStore.size
        const refused = yield* attacked(here, portLiar, net)
        assert.deepStrictEqual(refused.endings, times(4, words(2, "bad address")))
        assert.deepStrictEqual(endedAt(here), times(4, "BadAddress"))
        assert.strictEqual(yield* here.node.peerStore.size, before)

        const believed = yield* attacked(here, portLiar, { ...net, ports: [4711] })
        assert.deepStrictEqual(believed.endings, [left])
        const entry = yield* here.node.peerStore.get(tcpAddress(`10.0.0.${ATTACKER}`, 4711))
        assert.strictEqual(entry?.kind, "inbound")
        yield* assertUnharmed(here)
      }))

    it.effect("are ended at the second list of addresses; of the first only what may be dialled is believed", () =>
      Effect.gen(function*() {
        const here = yield* siege(inMemory(), { config: { allowLocalAddresses: false, connectionTick: seconds(1) } })
        const before = yield* here.node.peerStore.size
        const { address, fiber } = yield* waiting(here, hostilePeers["peers-poisoner"], net)
        yield* here.node.overlay.connect(address)
        yield* passUntil(() => fiber.pollUnsafe() !== undefined, here.flood)
        const { endings, sent } = yield* Fiber.join(fiber)
        assert.deepStrictEqual(endings, [silence])
        assert.deepStrictEqual(sent, { PEERS: 2 })
        assert.deepStrictEqual(endedAt(here), ["TooManyPeers"])
        assert.strictEqual(counterOf(here.node, "addressesRefused"), FORBIDDEN_ADDRESSES)
        // The poisoner's own address, and what is neither forbidden nor IPv6, as far as it found a place that was free.
        const believed = limits.MAX_PEERS_PER_MESSAGE - FORBIDDEN_ADDRESSES - 1
        const entered = (yield* here.node.peerStore.size) - before
        assert.isTrue(entered > believed / 2 && entered <= 1 + believed, `${entered} of ${believed}`)
        yield* assertUnharmed(here)
      }))
  })

  describe("that ask for too much", () => {
    it.effect("get the slots that there are for callers, and no other", () =>
      Effect.gen(function*() {
        const here = yield* siege(inMemory(), { config: { maxInbound: 8 } })
        const sightings = new Sightings()
        const options = { ...net, identities: 40, patience: minutes(1), sightings }
        const fiber = yield* Effect.forkChild(from(here.ground, hostilePeers.sybil, options, here.node.address))
        yield* passUntil(() => sightings.outcome("").links === 40, here.flood)
        const another = yield* makeNode(here.ground.machine(3))
        assert.strictEqual(yield* here.node.overlay.connect(another.address), another.id)
        yield* passUntil(() => fiber.pollUnsafe() !== undefined, here.flood)

        const { endings, sessions } = yield* Fiber.join(fiber)
        assert.strictEqual(sessions, 8)
        assert.sameDeepMembers([...endings], [...times(32, words(4, "peer rejected")), ...times(8, left)])
        yield* another.close
        yield* assertUnharmed(here)
      }))

    it.effect("get the answers that a window allows, and silence for the rest", () =>
      Effect.gen(function*() {
        const here = yield* siege(inMemory())
        const options = { ...net, patience: seconds(50) }
        const { endings, heard, sent } = yield* attacked(here, hostilePeers["query-storm"], options, Effect.void)
        assert.deepStrictEqual(endings, [left])
        assert.deepStrictEqual(sent, { GET_SCP_STATE: 1000, GET_TX_SET: 1000, GET_SCP_QUORUMSET: 1000 })
        const perKind = setQueriesPerWindow(queryWindowSeconds(limits.LEDGER_CLOSE_MILLIS))
        assert.strictEqual(heard["DONT_HAVE"], 2 * perKind)
        const over = 3000 - 2 * perKind - limits.SCP_STATE_QUERIES_PER_WINDOW
        assert.strictEqual(counterOf(here.node, "queriesOverLimit"), over)
        yield* assertUnharmed(here)
      }))

    it.effect("make a node ask once for each of a few hashes, however often they advertise them", () =>
      Effect.gen(function*() {
        const here = yield* siege(inMemory())
        const options = { ...net, distinct: 50, patience: seconds(90) }
        const { endings, heard, sent } = yield* attacked(here, hostilePeers["advert-storm"], options)
        assert.deepStrictEqual(endings, [left])
        assert.deepStrictEqual(sent, { FLOOD_ADVERT: 5000 })
        assert.strictEqual(heard["SEND_MORE_EXTENDED"], 1 + 5000 / limits.CREDIT_BATCH_MESSAGES)
        assert.strictEqual(counterOf(here.node, "demanded"), 50)
        assert.strictEqual(counterOf(here.node, "abandoned"), 50)
        yield* assertUnharmed(here)
      }))

    it.effect("fill no memory with hashes of nothing, and keep no transaction from coming", () =>
      Effect.gen(function*() {
        const here = yield* siege(inMemory())
        const fiber = yield* Effect.forkChild(
          from(here.ground, hostilePeers["garbage-hashes"], { ...net, patience: seconds(90) }, here.node.address)
        )
        yield* passUntil(() => counterOf(here.node, "shed") > 10_000, here.flood)
        yield* here.innocent.overlay.broadcast(transactionMessage(1))
        const delay = yield* passUntil(() => here.node.memory.size().transactions === 1, Effect.void)
        assert.isAtMost(delay, limits.ADVERT_PERIOD_MILLIS + 2 * limits.DEMAND_PERIOD_MILLIS)
        yield* passUntil(() => fiber.pollUnsafe() !== undefined, here.flood)

        const { endings, sent } = yield* Fiber.join(fiber)
        assert.deepStrictEqual(endings, [left])
        assert.deepStrictEqual(sent, { FLOOD_ADVERT: 100 })
        const demanded = counterOf(here.node, "demanded")
        assert.strictEqual(counterOf(here.node, "shed") + demanded, 100_000 + 1)
        assert.strictEqual(counterOf(here.node, "abandoned"), demanded - 1)
        yield* assertUnharmed(here)
      }))

    it.effect("delay a transaction that they withhold by a back-off, when another peer has it", () =>
      Effect.gen(function*() {
        const here = yield* siege(inMemory())
        const hashes = [hashBytes(transactionOf(1))]
        const { address, fiber } = yield* waiting(here, withholder, { ...net, hashes, connections: 1 })
        yield* here.node.overlay.connect(address)
        yield* passUntil(() => counterOf(here.node, "demanded") === 1, Effect.void)
        yield* here.innocent.overlay.broadcast(transactionMessage(1))
        const delay = yield* passUntil(() => here.node.memory.size().transactions === 1, Effect.void)
        assert.isAtMost(delay, limits.DEMAND_BACKOFF_MILLIS + limits.DEMAND_PERIOD_MILLIS)
        assert.strictEqual(counterOf(here.node, "demandTimeouts"), 1)
        yield* Fiber.interrupt(fiber)
        yield* assertUnharmed(here)
      }))

    it.effect("pass on what they hear of to their other peers, and then withhold it", () =>
      Effect.gen(function*() {
        const here = yield* siege(inMemory())
        const sightings = new Sightings()
        const { address, fiber } = yield* waiting(here, withholder, { ...net, sightings })
        yield* here.node.overlay.connect(address)
        yield* here.innocent.overlay.connect(address)
        yield* here.node.overlay.broadcast(transactionMessage(1))
        yield* passUntil(() => here.innocent.memory.size().transactions === 1, Effect.void)
        yield* Fiber.interrupt(fiber)
        const { endings, sent, sessions } = sightings.outcome(withholder.name)
        assert.strictEqual(sessions, 2)
        assert.deepStrictEqual(sent, { FLOOD_ADVERT: 1 })
        assert.deepStrictEqual(endings, [left, left])
        yield* assertUnharmed(here)
      }))

    it.effect("delay a statement by giving other sets than the one that it names, until somebody gives that", () =>
      Effect.gen(function*() {
        const crypto = NodeCrypto.make()
        const networkId = networkIdOf(crypto, PASSPHRASE)
        const signer = crypto.signer(new Uint8Array(32).fill(9))
        const set = transactionSetOf(crypto, networkId, signer, 1)
        const taken: Array<readonly [string, boolean]> = []
        const program = (ownSets: SimulatedProgram["ownSets"]) => (memory: MemoryApplication.MemoryApplication) =>
          SimulatedApplication.make(memory, {
            isLost: () => false,
            signature: new ScpSignature(crypto, networkId),
            moreTxBytes: () => 0,
            ownSets,
            fetched: ({ hash }, isAwaited) => taken.push([hash, isAwaited])
          })
        const here = yield* siege(inMemory(), { application: program(new Map()) })
        const speaker = yield* makeNode({
          ...here.ground.machine(3),
          application: program(new Map([[set.hash, set.message]]))
        })
        const sightings = new Sightings()
        const { address, fiber } = yield* waiting(here, setWithholder, { ...net, sightings })
        yield* here.node.overlay.connect(address)
        yield* speaker.overlay.connect(address)
        yield* speaker.overlay.broadcast(
          signedStatement(new ScpSignature(crypto, networkId), signer, new Uint8Array(32), 0, hashToBytes(set.hash))
        )
        yield* passUntil(() => sightings.outcome("").sent["TX_SET"] === 3, Effect.void)
        assert.deepStrictEqual(taken, [])
        assert.strictEqual(here.node.memory.counters().statementsRelayed, 0)
        yield* here.node.overlay.connect(speaker.address)
        const delay = yield* passUntil(() => here.node.memory.counters().statementsRelayed === 1, Effect.void)
        assert.deepStrictEqual(taken, [[set.hash, true]])
        // At most the wait between two rounds that far, and the other two who are asked before.
        assert.isAtMost(delay, 10 * FETCH_REPLY_MILLIS)
        yield* Fiber.interrupt(fiber)
        yield* speaker.overlay.disconnect(here.node.overlay.self)
        yield* until("they are gone", () => peersOf(here.node).length === 1)
        assert.deepStrictEqual(here.node.leaves(here.innocent.id), [])
      }))

    it.effect("give back their slot each time that they come and go", () =>
      Effect.gen(function*() {
        const here = yield* siege(inMemory(), { config: { maxInbound: 1 } })
        const { endings, sessions } = yield* attacked(here, hostilePeers.flapper, net)
        assert.strictEqual(sessions, 20)
        assert.deepStrictEqual(endings, times(20, left))
        assert.deepStrictEqual(endedAt(here), times(20, "LinkLost"))
        yield* assertUnharmed(here)
      }))
  })

  describe("wherever there is a Transport", () => {
    it.effect("find nobody, and say so", () =>
      Effect.gen(function*() {
        const nobody = tcpAddress("10.0.0.9", 1)
        const { endings, links } = yield* from(inMemory(), hostilePeers["query-storm"], net, nobody)
        assert.strictEqual(links, 0)
        assert.deepStrictEqual(endings, [{ _tag: "NoLink", reason: "refused" }])
      }))

    /** An application that never answers: what waits for it keeps its credit, however the bytes are cut up on their way. */
    const never: Judge = { answers: "later", statements: () => Effect.never, transactions: () => Effect.never }
    const overTcpEnded: ReadonlyArray<readonly [HostilePeer, Array<Ending>, ReadonlyArray<string>]> = [
      [hostilePeers["mac-forger"], [words(3, "unexpected MAC")], ["UnexpectedMac"]],
      [malformedTransactions, times(4, words(1, "received corrupt XDR")), times(4, "CorruptXdr")],
      [portLiar, times(4, words(2, "bad address")), times(4, "BadAddress")]
    ]

    it.effect.each(overTcpEnded)(
      "are ended over TCP as in memory",
      ([actor, endings, reasons]) =>
        Effect.gen(function*() {
          const here = yield* siege(overTcp())
          const outcome = yield* patiently(actor.name, from(here.ground, actor, net, here.node.address))
          assert.deepStrictEqual(outcome.endings, endings)
          yield* until("the node has ended all", () => endedAt(here).length === reasons.length)
          assert.deepStrictEqual(endedAt(here), reasons)
          yield* assertUnharmed(here)
        })
    )

    it.effect("cheat with credit over TCP as in memory", () =>
      Effect.gen(function*() {
        const here = yield* siege(overTcp(), { application: (memory) => ({ ...memory, judge: never }) })
        const { endings } = yield* patiently("the cheat", from(here.ground, creditCheat, net, here.node.address))
        assert.strictEqual(endings[0]?._tag, "Silence")
        yield* until("the node has ended it", () => endedAt(here).length === 1)
        assert.deepStrictEqual(endedAt(here), ["OverCapacity"])
        yield* assertUnharmed(here)
      }))
  })

  describe("in a virtual world", () => {
    /** An attack by a seed: a digest of each piece of bytes that the attacker sent, and when; and what it saw. */
    const attackIn = (seed: number, actor: HostilePeer) => {
      const world = World.make({ seed })
      const network = MemoryTransport.makeNetwork()
      const sent = createHash("sha256")
      const place = (name: string) =>
        Context.merge(world.context, SimulatedRandom.context(world.prng(`choices of ${name}`)))
      const machine = (name: string, ip: string) =>
        Layer.mergeAll(
          MemoryTransport.layer(network, { ip }),
          SimulatedRandom.layer(world.prng(`secrets of ${name}`)),
          NodeCrypto.layer
        )
      const watched = Layer.effect(
        Transport,
        Effect.map(Transport, (transport) =>
          Transport.of({
            ...transport,
            dial: (address, options) =>
              Effect.map(transport.dial(address, options), (link) => ({
                ...link,
                send: (bytes) => {
                  sent.update(`${world.nowMicros()} ${bytes.length} `).update(bytes)
                  return link.send(bytes)
                }
              }))
          }))
      )
      const node = StellarNode.layer(privateNetwork(PASSPHRASE, { listen: { host: "10.0.0.1", port: 1 } })).pipe(
        Layer.provide([
          machine("node", "10.0.0.1"),
          MemoryApplication.layer({ passphrase: PASSPHRASE }).pipe(Layer.provide(NodeCrypto.layer)),
          MemoryPeerStore.layer(),
          MemoryBanList.layer(),
          NodeAddressResolver.layer
        ])
      )
      const attacker = machine("attacker", "10.0.0.66")
      let outcome: Outcome | undefined
      const attack = Effect.andThen(
        Effect.provideContext(Effect.asVoid(Layer.build(node)), place("node")),
        actor.attack({ ...net, patience: seconds(30) })(tcpAddress("10.0.0.1", 1)).pipe(
          Effect.provide(Layer.provideMerge(watched, attacker)),
          Effect.provideContext(place("attacker"))
        )
      )
      world.fork(Effect.scoped(Effect.map(attack, (seen) => {
        outcome = seen
      })))
      const ended = world.runUntil(() => outcome !== undefined, 300_000_000)
      return { ended, outcome, micros: world.nowMicros(), sent: sent.digest("hex") }
    }

    it.each(Object.values(hostilePeers).filter((actor) => actor.role === "caller"))(
      "do the same in each run of a seed, and something else under another: $name",
      (actor) => {
        const once = attackIn(1, actor)
        assert.strictEqual(once.ended, "done")
        assert.deepStrictEqual(attackIn(1, actor), once)
        // What the silent and the slow one get to say is the same for all.
        if (actor !== silent && actor !== slowBody) assert.notStrictEqual(attackIn(2, actor).sent, once.sent)
      }
    )
  })
})
