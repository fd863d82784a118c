/**
 * One Stellar node as one layer: give it a machine and an application, get an `Overlay`.
 *
 * A node is one layer graph. Its inner services are its own and stay inside; a program may build two nodes side by side, and
 * each then has its own, because all state is made when the layer is built.
 */
import { Deferred, Duration, Effect, Layer } from "effect"
import type * as SecureRandom from "effect/crypto/SecureRandom"
import type { AddressResolver } from "effect/net/AddressResolver"
import {
  FEELER_INTERVAL_MILLIS,
  FETCH_WAITING_BYTES,
  FETCH_WAITING_MESSAGES,
  FETCHED_ITEMS
} from "../../core/limits.ts"
import { tcpAddress } from "../../core/PeerAddress.ts"
import { PeerId } from "../../core/PeerId.ts"
import { Drop, isAborted } from "../../core/stellar/DropReason.ts"
import { hashesPerAdvert, hashesPerDemand, queueLength } from "../../core/stellar/FloodLimits.ts"
import { FloodPriority } from "../../core/stellar/FloodPriority.ts"
import { itemQuery } from "../../core/stellar/HotMessages.ts"
import * as limits from "../../core/stellar/limits.ts"
import { MessageType } from "../../core/stellar/messages.ts"
import type { BanList } from "../../services/BanList.ts"
import type { Crypto } from "../../services/Crypto.ts"
import { FloodGate } from "../../services/FloodGate.ts"
import { OwnAddress } from "../../services/OwnAddress.ts"
import type { PeerStore } from "../../services/PeerStore.ts"
import { Application, isLost } from "../../services/stellar/Application.ts"
import type { Overlay } from "../../services/stellar/Overlay.ts"
import { PeerSupervisor } from "../../services/stellar/PeerSupervisor.ts"
import type { StellarConfig } from "../../services/stellar/StellarConfig.ts"
import { type ListenError, Transport } from "../../services/Transport.ts"
import * as Machine from "../node/Machine.ts"
import * as RuntimeConnectionManager from "../runtime/RuntimeConnectionManager.ts"
import * as RuntimeFloodGate from "../runtime/RuntimeFloodGate.ts"
import * as RuntimeItemFetcher from "../runtime/RuntimeItemFetcher.ts"
import * as RuntimeOwnAddress from "../runtime/RuntimeOwnAddress.ts"
import * as RuntimePeers from "../runtime/RuntimePeers.ts"
import * as RuntimePullFlood from "../runtime/RuntimePullFlood.ts"
import * as RuntimePushFlood from "../runtime/RuntimePushFlood.ts"
import { isExempt, sharesOf } from "./StellarDoor.ts"
import * as StellarFlowControl from "./StellarFlowControl.ts"
import * as StellarFraming from "./StellarFraming.ts"
import * as StellarHandshake from "./StellarHandshake.ts"
import * as StellarIdentity from "./StellarIdentity.ts"
import * as StellarMetrics from "./StellarMetrics.ts"
import * as StellarOverlay from "./StellarOverlay.ts"
import * as StellarSupervisor from "./StellarSupervisor.ts"
import * as StellarSurvey from "./StellarSurvey.ts"
import { versionText } from "./versionText.ts"

/** What a Stellar node needs of the machine, or of a simulated one, and of the program around it. */
export type NodeRequirements =
  | Transport
  | Crypto
  | SecureRandom.SecureRandom
  | AddressResolver
  | PeerStore
  | BanList
  | Application

/** Slots beyond the authenticated ones: a peer that leaves holds its slot until it is out of every list. */
const SPARE_SLOTS = 8

/**
 * A Stellar node: listens if its configuration says so, looks for peers, and ends all sessions with "shutdown" when its Scope
 * closes.
 *
 * Fails with `ListenError` if the address cannot be bound, and with `InvalidSeed` if the seed is none.
 */
export const layer = (
  config: StellarConfig
): Layer.Layer<Overlay, ListenError | StellarIdentity.InvalidSeed, NodeRequirements> => {
  const identity = StellarIdentity.layer(config.seed)
  const ownAddress = RuntimeOwnAddress.layer({
    announcedPort: config.advertisePort,
    defaultPort: limits.DEFAULT_PORT
  })
  const peers = RuntimePeers.layer({
    maxInbound: config.maxInbound,
    maxOutbound: config.maxOutbound,
    maxPendingInbound: config.maxPendingInbound,
    pendingInboundExtra: limits.PENDING_INBOUND_EXTRA,
    maxPendingOutbound: config.maxPendingOutbound,
    ...sharesOf(config),
    isExempt: ({ ip }) => isExempt(config, ip),
    changesBuffer: limits.EVENTS_PER_SUBSCRIBER
  })
  const handshake = StellarHandshake.layer({ ...config, versionText: config.versionText ?? versionText })
  const floodGate = RuntimeFloodGate.layer({
    entries: config.floodEntries,
    ttl: config.floodTtl,
    slots: config.maxInbound + config.maxOutbound + SPARE_SLOTS
  })
  return Layer.unwrap(Effect.map(Deferred.make<PeerSupervisor["Service"]>(), (ready) => {
    // Fresh, because a layer that is a module constant is built once a program, and the second node would be the first.
    const metrics = config.metrics ? Layer.fresh(StellarMetrics.layer) : Layer.empty
    const inside = Layer.merge(opening(config, ready), metrics).pipe(
      Layer.provideMerge(StellarSupervisor.layer(config)),
      Layer.provideMerge(connectionManager(config, ready)),
      Layer.provideMerge(StellarSurvey.layer(config)),
      Layer.provideMerge(itemFetcher()),
      Layer.provideMerge(pullFlood(config)),
      Layer.provideMerge(Layer.mergeAll(floodGate, handshake, flowControl(config))),
      Layer.provideMerge(Layer.mergeAll(identity, ownAddress, peers, StellarFraming.layer))
    )
    // Only its own tag is let out: two nodes, or two networks, may stand side by side in one program. Fresh, as above.
    return Layer.provide(Layer.fresh(StellarOverlay.layer), inside)
  }))
}

/**
 * A Stellar node with the sockets, the crypto, the resolver and the SQLite of this machine.
 *
 * Fails with what `layer` fails with, and with `SqliteOpenError` or `SqliteMigrationError` if the file cannot be used.
 *
 * @example
 * ```ts
 * const config = testnet()
 * const node = StellarNode.layerNode(config, { filename: "peers.db" }).pipe(
 *   Layer.provide(MemoryApplication.layer(config)),
 *   Layer.provide(NodeCrypto.layer)
 * )
 * ```
 */
export const layerNode = (
  config: StellarConfig,
  storage: Machine.Storage = {}
): Layer.Layer<Overlay, ListenError | StellarIdentity.InvalidSeed | Machine.StorageError, Application> =>
  Layer.provide(layer(config), Machine.layer(storage))

/**
 * Listens, hands each link to the supervisor, and then lets the connection manager dial: whoever is called shall be told the
 * port that was really bound. All sessions end before the listener does.
 */
const opening = (config: StellarConfig, ready: Deferred.Deferred<PeerSupervisor["Service"]>) =>
  Layer.effectDiscard(Effect.gen(function*() {
    const { listen } = config
    const transport = yield* Transport
    const supervisor = yield* PeerSupervisor
    const ownAddress = yield* OwnAddress
    if (listen !== undefined) {
      const { address } = yield* transport.listen(tcpAddress(listen.host, listen.port), supervisor.accept)
      ownAddress.bound(address)
    }
    // Finalizers run in reverse: this one before the listener's, which would cut its links off in mid-word.
    yield* Effect.addFinalizer(() => supervisor.shutdown)
    yield* Deferred.succeed(ready, supervisor)
  }))

const flowControl = (config: StellarConfig) =>
  Layer.unwrap(Effect.map(
    Application,
    (application) => StellarFlowControl.layer(config.credit, () => application.limits().maxTxBytes)
  ))

const pullFlood = (config: StellarConfig) =>
  Layer.unwrap(Effect.map(Effect.all([Application, FloodGate]), ([application, floodGate]) => {
    const advertMillis = Duration.toMillis(config.advertPeriod)
    const demandMillis = Duration.toMillis(config.demandPeriod)
    const flood = config.transactionFlood === "push" ? RuntimePushFlood : RuntimePullFlood
    return flood.layer({
      questions: {
        has: application.hasTransaction,
        answer: application.transaction,
        bringer: (hash) => floodGate.bringer(MessageType.TRANSACTION, hash),
        limits: () => {
          const capacity = application.limits()
          return {
            advert: hashesPerAdvert(capacity, advertMillis),
            demand: hashesPerDemand(capacity, demandMillis),
            queue: queueLength(capacity)
          }
        },
        epoch: () => application.position().ledger ?? 0
      },
      priority: FloodPriority.TRANSACTION,
      hashesPerMessage: limits.MAX_HASHES_PER_MESSAGE,
      advertPeriod: config.advertPeriod,
      demandPeriod: config.demandPeriod,
      demandBackoff: config.demandBackoff,
      demandBackoffMax: Duration.millis(limits.DEMAND_BACKOFF_MAX_MILLIS),
      demandPeers: limits.DEMAND_MAX_PEERS,
      demandMemory: Duration.millis(limits.DEMAND_MEMORY_MILLIS),
      demandEntries: limits.DEMAND_BOOK_ENTRIES,
      historyEntries: limits.ADVERT_HISTORY_ENTRIES,
      answerMemory: Duration.millis(limits.DEMAND_ANSWER_MEMORY_MILLIS),
      answerEntries: limits.DEMAND_ANSWER_ENTRIES
    })
  }))

const itemFetcher = () =>
  Layer.unwrap(Effect.map(FloodGate, (floodGate) =>
    RuntimeItemFetcher.layer({
      ask: (peer, kind, hash) =>
        peer.offerControl(itemQuery(kind === MessageType.SCP_QUORUMSET ? "GET_SCP_QUORUMSET" : "GET_TX_SET", hash)),
      knows: (message, peer) => floodGate.knows(MessageType.SCP_MESSAGE, message, peer),
      // A later copy of it is new again.
      shed: ({ hash }) => floodGate.forget(MessageType.SCP_MESSAGE, hash),
      items: FETCHED_ITEMS,
      messages: FETCH_WAITING_MESSAGES,
      bytes: FETCH_WAITING_BYTES
    })))

const connectionManager = (config: StellarConfig, ready: Deferred.Deferred<PeerSupervisor["Service"]>) =>
  Layer.unwrap(
    Effect.map(Effect.all([OwnAddress, Application]), ([ownAddress, application]) =>
      RuntimeConnectionManager.layer({
        knownPeers: config.knownPeers,
        preferredPeers: config.preferredPeers,
        preferredIds: new Set(config.preferredPeerKeys.map((key) => PeerId(key))),
        defaultPort: limits.DEFAULT_PORT,
        ownPort: ownAddress.announcedPort,
        listening: ownAddress.listening,
        targetOutbound: config.targetOutbound,
        targetOutboundWithoutInbound: config.targetOutboundWithoutInbound,
        maxOutbound: config.maxOutbound,
        maxPendingOutbound: config.maxPendingOutbound,
        dialsPerTick: config.dialsPerTick,
        tick: config.connectionTick,
        firstTickDelay: Duration.zero,
        resolveInterval: Duration.millis(limits.RESOLVE_INTERVAL_MILLIS),
        resolveRetry: Duration.millis(limits.RESOLVE_RETRY_MILLIS),
        allowLocalAddresses: config.allowLocalAddresses,
        learnedAddresses: limits.LEARNED_ADDRESSES,
        sharedAddresses: limits.PEERS_TO_SEND,
        dial: (address) => Effect.flatMap(Deferred.await(ready), (supervisor) => supervisor.dial(address)),
        isAborted,
        preferredOnly: config.preferredPeersOnly,
        isFollowing: () => !isLost(application.position()),
        exchanged: Drop.OutOfSync,
        feelerInterval: Duration.millis(FEELER_INTERVAL_MILLIS),
        feel: (address) => Effect.flatMap(Deferred.await(ready), (supervisor) => supervisor.feel(address))
      }))
  )
