/**
 * The product at either end: whole nodes, as a program starts them.
 *
 * Receiver, acceptor and caller are `StellarNode`s. The sender is the same layers without the face: `Overlay.broadcast` encodes
 * and checks what a program gives it, which is not the link's work, and relays go around it. So its messages enter at the
 * peer's outbox (`Peer.offer`), as relayed ones do, and go the product's way from there.
 */
import { Context, Duration, Effect, Layer, Scope } from "effect"
import * as SecureRandom from "effect/crypto/SecureRandom"
import { tcpAddress } from "../../src/core/PeerAddress.ts"
import { FloodPriority } from "../../src/core/stellar/FloodPriority.ts"
import * as limits from "../../src/core/stellar/limits.ts"
import * as MemoryBanList from "../../src/layers/memory/MemoryBanList.ts"
import * as MemoryPeerStore from "../../src/layers/memory/MemoryPeerStore.ts"
import * as NodeAddressResolver from "../../src/layers/node/NodeAddressResolver.ts"
import * as NodeCrypto from "../../src/layers/node/NodeCrypto.ts"
import * as TcpTransport from "../../src/layers/node/TcpTransport.ts"
import * as RuntimeFloodGate from "../../src/layers/runtime/RuntimeFloodGate.ts"
import * as RuntimeItemFetcher from "../../src/layers/runtime/RuntimeItemFetcher.ts"
import * as RuntimeOwnAddress from "../../src/layers/runtime/RuntimeOwnAddress.ts"
import * as RuntimePeers from "../../src/layers/runtime/RuntimePeers.ts"
import { sharesOf } from "../../src/layers/stellar/StellarDoor.ts"
import * as StellarFlowControl from "../../src/layers/stellar/StellarFlowControl.ts"
import * as StellarFraming from "../../src/layers/stellar/StellarFraming.ts"
import * as StellarHandshake from "../../src/layers/stellar/StellarHandshake.ts"
import * as StellarIdentity from "../../src/layers/stellar/StellarIdentity.ts"
import * as StellarNode from "../../src/layers/stellar/StellarNode.ts"
import * as StellarSupervisor from "../../src/layers/stellar/StellarSupervisor.ts"
import * as StellarSurvey from "../../src/layers/stellar/StellarSurvey.ts"
import { versionText } from "../../src/layers/stellar/versionText.ts"
import { ConnectionManager } from "../../src/services/ConnectionManager.ts"
import { Peers } from "../../src/services/Peers.ts"
import { PullFlood } from "../../src/services/PullFlood.ts"
import { Application } from "../../src/services/stellar/Application.ts"
import { Overlay } from "../../src/services/stellar/Overlay.ts"
import { PeerSupervisor } from "../../src/services/stellar/PeerSupervisor.ts"
import { type Overrides, privateNetwork } from "../../src/services/stellar/StellarConfig.ts"
import { Transport } from "../../src/services/Transport.ts"
import { messageMaker } from "../messages.ts"
import { PASSPHRASE } from "../passphrase.ts"
import type { Order, Running, Window } from "../protocol.ts"

const LOOPBACK = "127.0.0.1"
/** Longer than any run: nothing that is due now and then falls into one run and not into the next. */
const NEVER = Duration.hours(1)
/** Handshakes at once: enough to keep both processes busy. */
const CALLS_AT_ONCE = 8

/** Frames that a sender writes besides its messages: its own grant, a question, a ping now and then. */
const UNCOUNTED = 64

const configOf = (overrides: Overrides = {}) =>
  privateNetwork(PASSPHRASE, {
    targetOutbound: 0,
    targetOutboundWithoutInbound: 0,
    connectionTick: NEVER,
    ...overrides
  })

/** Nodes that do nothing but call and be called. */
const QUIET = { peerBeat: NEVER, advertPeriod: NEVER, demandPeriod: NEVER }

const listening = { host: LOOPBACK, port: 0 }

const creditOf = ({ batchBytes, batchMessages, bytes, messages }: Window) => ({
  messages,
  bytes,
  batchMessages,
  batchBytes,
  readingMessages: messages + 1
})

/** Accepts everything and passes nothing on; tells how many messages it was given. */
const makeApplication = () => {
  let judged = 0
  const application = Application.of({
    judge: {
      answers: "at once",
      statements: (batch) => {
        judged += batch.length
        return Array<"kept">(batch.length).fill("kept")
      },
      transactions: (batch) => {
        judged += batch.length
        return Array<"kept">(batch.length).fill("kept")
      }
    },
    position: () => ({ ledger: undefined, synced: true }),
    limits: () => ({
      maxTxSetOperations: limits.MAX_TX_SET_OPERATIONS,
      maxSorobanTransactions: limits.MAX_SOROBAN_TRANSACTIONS,
      ledgerCloseMillis: limits.LEDGER_CLOSE_MILLIS,
      maxTxBytes: limits.MAX_CLASSIC_TRANSACTION_BYTES
    }),
    originate: () => {},
    hasTransaction: () => false,
    transaction: () => undefined,
    transactionSet: () => undefined,
    quorumSet: () => undefined,
    scpState: { slots: () => [], about: () => [] }
  })
  return { application, judged: () => judged }
}

const machine = Layer.mergeAll(
  NodeCrypto.layer,
  SecureRandom.layerWebCrypto,
  NodeAddressResolver.layer,
  MemoryPeerStore.layer(),
  MemoryBanList.layer()
)

/** Starts a whole node, which stays until the process ends. */
const startNode = async (overrides: Overrides) => {
  const { application, judged } = makeApplication()
  const node = StellarNode.layer(configOf(overrides)).pipe(
    Layer.provide(machine),
    Layer.provide(TcpTransport.layer({ backlog: limits.LISTEN_BACKLOG })),
    Layer.provide(Layer.succeed(Application, application))
  )
  const context = await Effect.runPromise(Layer.buildWithMemoMap(node, Layer.makeMemoMapUnsafe(), Scope.makeUnsafe()))
  const overlay = Context.get(context, Overlay)
  return { overlay, judged, port: overlay.listening?.port ?? 0 }
}

const receive = async (window: Window): Promise<Running> => {
  const { judged, port } = await startNode({ listen: listening, credit: creditOf(window) })
  return { port, count: judged }
}

/**
 * A Transport whose links first tell that a chunk came: grants are in it, so it is time to offer more. A timer would offer
 * too little or wake up too often.
 */
const telling = (onChunk: () => void) =>
  Layer.effect(
    Transport,
    Effect.map(Effect.sync(() => TcpTransport.make()), (transport) =>
      Transport.of({
        listen: transport.listen,
        dial: (address, options) =>
          Effect.map(transport.dial(address, options), (link) => ({
            ...link,
            read: (sink) =>
              link.read((chunk) => {
                onChunk()
                return sink(chunk)
              })
          }))
      }))
  )

/** What a sender of SCP messages never asks for. */
const unused = Layer.mergeAll(
  RuntimeItemFetcher.layer({
    ask: () => false,
    knows: () => false,
    shed: () => {},
    items: 0,
    messages: 0,
    bytes: 0
  }),
  Layer.succeed(ConnectionManager, {
    learn: () => 0,
    addressesFor: () => Effect.succeed([]),
    configured: () => undefined,
    isPreferred: () => false,
    mayBePreferred: () => false,
    isConfigured: () => false,
    status: () => ({
      target: 0,
      dialing: 0,
      dials: 0,
      failedDials: 0,
      learnedWaiting: 0,
      learnedRefused: 0,
      learnedShed: 0,
      unresolved: []
    })
  }),
  Layer.succeed(PullFlood, {
    join: () => {},
    leave: () => {},
    advertise: () => false,
    onAdvert: () => {},
    onDemand: () => {},
    received: () => undefined,
    forgetBelow: () => {},
    counters: () => ({
      advertised: 0,
      demanded: 0,
      demandTimeouts: 0,
      abandoned: 0,
      fulfilled: 0,
      unfulfilled: 0,
      repeated: 0,
      shed: 0
    })
  })
)

const send = async (size: number, window: Window, port: number): Promise<Running> => {
  const config = configOf()
  let written = (): number => 0
  let offer: (message: Uint8Array) => boolean = () => false
  let offered = 0
  // Twice what may be in flight, far within the bounds of an outbox, so that nothing is ever shed.
  const waiting = Math.min(2 * window.messages, Math.floor(limits.OUTBOUND_SCP_BYTES / size / 2))
  const next = messageMaker(size, waiting + UNCOUNTED)
  const topUp = (): void => {
    for (let room = waiting - (offered - written()); room > 0; room--) {
      if (!offer(next())) return
      offered += 1
    }
  }

  const peers = RuntimePeers.layer({
    ...config,
    ...sharesOf(config),
    pendingInboundExtra: 0,
    isExempt: () => true,
    changesBuffer: limits.EVENTS_PER_SUBSCRIBER
  })
  const sender = StellarSupervisor.layer(config).pipe(
    Layer.provide(StellarSurvey.layer(config)),
    Layer.provide(Layer.mergeAll(
      unused,
      StellarFlowControl.layer(config.credit),
      StellarHandshake.layer({ ...config, versionText }),
      RuntimeFloodGate.layer({ entries: config.floodEntries, ttl: config.floodTtl, slots: config.maxOutbound })
    )),
    Layer.provideMerge(Layer.mergeAll(
      peers,
      StellarIdentity.layer(config.seed),
      RuntimeOwnAddress.layer({ announcedPort: undefined, defaultPort: limits.DEFAULT_PORT }),
      StellarFraming.layer
    )),
    Layer.provide([machine, telling(topUp), Layer.succeed(Application, makeApplication().application)])
  )
  const context = await Effect.runPromise(Layer.buildWithMemoMap(sender, Layer.makeMemoMapUnsafe(), Scope.makeUnsafe()))
  const supervisor = Context.get(context, PeerSupervisor)
  const id = await Effect.runPromise(supervisor.dial(tcpAddress(LOOPBACK, port)))
  const peer = Context.get(context, Peers).byId(id)
  if (peer === undefined) throw new Error("the receiver is gone")
  written = () => supervisor.infos()[0]?.messagesWritten ?? 0
  offer = (message) => peer.offer(FloodPriority.SCP_MESSAGE, message)
  topUp()
  return {
    port: 0,
    count: () => {
      const [info] = supervisor.infos()
      if (info === undefined || info.shed > 0) throw new Error("the receiver left, or messages were shed")
      return info.messagesWritten
    }
  }
}

const accept = async (): Promise<Running> => {
  const { overlay, port } = await startNode({ ...QUIET, listen: listening, maxInbound: 10_000 })
  const frames = (): number => Effect.runSync(overlay.counters)["framesWritten"] ?? 0
  return { port, count: frames }
}

const call = async (port: number, warmUp: number, handshakes: number): Promise<Running> => {
  const address = tcpAddress(LOOPBACK, port)
  const nodes: Array<Overlay["Service"]> = []
  for (let i = 0; i < warmUp + handshakes; i++) nodes.push((await startNode(QUIET)).overlay)
  let done = 0
  const callOne = (overlay: Overlay["Service"]) =>
    Effect.flatMap(overlay.connect(address), (id) => {
      done += 1
      return overlay.disconnect(id)
    })
  const calls = (from: number, to: number) =>
    Effect.runPromise(Effect.forEach(nodes.slice(from, to), callOne, { concurrency: CALLS_AT_ONCE, discard: true }))
  await calls(0, warmUp)
  return { port: 0, count: () => done, work: () => calls(warmUp, nodes.length) }
}

/** Plays any role. */
export const run = (order: Order): Promise<Running> => {
  switch (order.role) {
    case "receiver":
      return receive(order.window)
    case "sender":
      return send(order.size, order.window, order.port)
    case "acceptor":
      return accept()
    case "caller":
      return call(order.port, order.warmUp, order.handshakes)
  }
}
