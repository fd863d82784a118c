/**
 * What a node counts, among Effect's metrics, under the names by which stellar-core's operators know it.
 *
 * Nothing is written on a message's way, and nothing runs by itself: a metric reads the plain fields when somebody looks at it.
 */
import { type Context, Effect, Layer, Metric } from "effect"
import type { PeerId } from "../../core/PeerId.ts"
import type { StellarDropReason } from "../../core/stellar/DropReason.ts"
import { type MessageName, MessageType } from "../../core/stellar/messages.ts"
import { SCPStatementType } from "../../core/stellar/messages/scp.ts"
import type { FloodGateSize } from "../../services/FloodGate.ts"
import type { FetchCounters } from "../../services/ItemFetcher.ts"
import { NodeIdentity } from "../../services/NodeIdentity.ts"
import { Peers } from "../../services/Peers.ts"
import type { PullCounters } from "../../services/PullFlood.ts"
import { PeerSupervisor } from "../../services/stellar/PeerSupervisor.ts"
import type { StellarCounters } from "./StellarCounters.ts"

/** What the metrics are read from. */
export interface Observed {
  readonly supervisor: Pick<PeerSupervisor["Service"], "counters" | "infos" | "tallies">
  readonly peers: Pick<Peers["Service"], "counts">
}

/** Where the value of a metric comes from; `none` says why there is none. */
export type MetricSource =
  | {
    /** A `counter` only grows while the node lives; a `gauge` is how it stands just now. */
    readonly type: "counter" | "gauge"
    readonly about: string
    readonly read: (node: Observed) => number
  }
  | { readonly type: "none"; readonly reason: string }

type CounterName =
  | keyof StellarCounters
  | keyof PullCounters
  | keyof FetchCounters
  | keyof FloodGateSize
  | `ended${StellarDropReason["_tag"]}`

const counted = (about: string, ...names: ReadonlyArray<CounterName>): MetricSource => ({
  type: "counter",
  about,
  read: ({ supervisor }) => {
    const counters = supervisor.counters()
    return names.reduce((sum, name) => sum + (counters[name] ?? 0), 0)
  }
})

const gauge = (about: string, read: (node: Observed) => number): MetricSource => ({ type: "gauge", about, read })

const none = (reason: string): MetricSource => ({ type: "none", reason })

const tallied = (tally: Readonly<Float64Array>, names: ReadonlyArray<MessageName>): number =>
  names.reduce((sum, name) => sum + (tally[MessageType[name]] ?? 0), 0)

const sent = (...names: ReadonlyArray<MessageName>): MetricSource => ({
  type: "counter",
  about: `${names.join(" and ")} given to peers or to their outboxes.`,
  read: ({ supervisor }) => tallied(supervisor.tallies.sent, names)
})

const received = (...names: ReadonlyArray<MessageName>): MetricSource => ({
  type: "counter",
  about: `${names.join(" and ")} read; how long each took is not measured.`,
  read: ({ supervisor }) => tallied(supervisor.tallies.received, names)
})

const statements = (kind: keyof typeof SCPStatementType): MetricSource => ({
  type: "counter",
  about: `SCP_MESSAGE with ${kind} read, known ones too; how long each took is not measured.`,
  read: ({ supervisor }) => supervisor.tallies.statements[SCPStatementType[kind]] ?? 0
})

const total = (tally: Readonly<Float64Array>): number => tally.reduce((sum, count) => sum + count, 0)

const WRITTEN_IN_HANDSHAKES: ReadonlyArray<MessageName> = ["HELLO", "AUTH", "PEERS", "ERROR_MSG"]

/** The middle one of the last round trips, in milliseconds; 0 while there is none. */
const medianLatencyMillis = ({ supervisor }: Observed): number => {
  const latencies = supervisor.infos()
    .flatMap(({ latencyMillis }) => latencyMillis === undefined ? [] : [latencyMillis])
    .sort((one, other) => one - other)
  return latencies[latencies.length >> 1] ?? 0
}

/** 0 while nothing was pulled. */
const meanPullMillis = ({ supervisor }: Observed): number => {
  const { pulled = 0, pulledMillis = 0 } = supervisor.counters()
  return pulled === 0 ? 0 : pulledMillis / pulled
}

const NO_CLOCK_PER_MESSAGE =
  "A message is not timed on its way: reading the clock twice would cost more than the rest of it."
const NO_START_OF_FETCH = "When an item was first asked for is not kept until it comes."
const NO_CONSENSUS = "This is the application's: an overlay takes no part in consensus."
const NO_EVENT_LOOP_THREADS = "There are no threads to post to: all of a node runs on one event loop."
const OTHER_KIND_OF_LINK = "A link fails once, as a whole: endings of that kind are counted as overlay.error.read."

/** Each metric that stellar-core names, in its overlay and around it, and what it is here (core: its metrics of the domain `overlay`). */
export const stellarMetrics = {
  "overlay.message.read": {
    type: "counter",
    about: "Messages read.",
    read: ({ supervisor }) => total(supervisor.tallies.received)
  },
  "overlay.message.write": {
    type: "counter",
    about: "Messages written.",
    read: ({ supervisor }) =>
      (supervisor.counters()["framesWritten"] ?? 0) + tallied(supervisor.tallies.sent, WRITTEN_IN_HANDSHAKES)
  },
  "overlay.message.drop": counted(
    "Messages, and hashes in adverts and demands, shed from outboxes because those were full.",
    "outboxShedScp",
    "outboxShedTransactions",
    "outboxShedDemands",
    "outboxShedAdverts"
  ),
  "overlay.message.broadcast": counted("Floods of which at least one peer was told.", "broadcasts"),
  "overlay.async.read": counted("Reads of the links of authenticated peers.", "chunksRead"),
  "overlay.async.write": counted("Writes to the links of authenticated peers.", "writes"),
  "overlay.byte.read": counted("Bytes read from authenticated peers; their handshakes are not in it.", "bytesRead"),
  "overlay.byte.write": counted(
    "Bytes written to authenticated peers; their handshakes are not in it.",
    "bytesWritten"
  ),
  "overlay.error.read": counted("Links that were closed by the other side or broke.", "endedLinkLost"),
  "overlay.error.write": none(OTHER_KIND_OF_LINK),
  "overlay.timeout.idle": counted(
    "Connections ended because nothing came, or because no credit did.",
    "endedIdleTimeout",
    "endedHandshakeTimeout",
    "endedNoCredit"
  ),
  "overlay.timeout.straggler": counted("Peers ended because they could not keep up.", "endedStraggling"),
  "overlay.item-fetcher.next-peer": counted("Items asked of a further peer.", "fetchNextPeer"),
  "overlay.flood.advertised": counted("Hashes put on offer, once a peer.", "advertised"),
  "overlay.flood.demanded": counted("Hashes asked of peers.", "demanded"),
  "overlay.flood.fulfilled": counted("Hashes that peers asked for and were given.", "fulfilled"),
  "overlay.flood.unfulfilled-banned": none(
    "Applications do not tell a transaction that they ban from one that they lack."
  ),
  "overlay.flood.unfulfilled-unknown": counted("Hashes that peers asked for and were not given.", "unfulfilled"),
  "overlay.flood.relevant-txs": counted("Transactions that came first after they had been asked for.", "pulled"),
  "overlay.flood.irrelevant-txs": none(
    "A transaction that came before is known by the flood gate, before the demands are looked at."
  ),
  "overlay.flood.abandoned-demands": counted("Hashes asked for that never came.", "abandoned"),
  "overlay.flood.broadcast": counted("Messages put into outboxes whole, once a peer.", "floodPushed"),
  "overlay.flood.unique-recv": counted("Bytes of floods that came first.", "floodBytesNew"),
  "overlay.flood.duplicate-recv": counted("Bytes of floods that were known.", "floodBytesDuplicate"),
  "overlay.fetch.unique-recv": counted("Bytes of items that came and were waited for.", "fetchBytesNew"),
  "overlay.fetch.duplicate-recv": counted("Bytes of items that came and were not waited for.", "fetchBytesDuplicate"),
  "overlay.demand.timeout": counted("Hashes asked of a further peer.", "demandTimeouts"),
  "overlay.outbound-queue.drop-scp": counted("Statements shed from outboxes.", "outboxShedScp"),
  "overlay.outbound-queue.drop-tx": counted("Transactions shed from outboxes.", "outboxShedTransactions"),
  "overlay.outbound-queue.drop-advert": counted("Hashes shed from outboxes with their adverts.", "outboxShedAdverts"),
  "overlay.outbound-queue.drop-demand": counted("Hashes shed from outboxes with their demands.", "outboxShedDemands"),
  "overlay.inbound.attempt": counted("Connections that came in.", "inboundAttempted"),
  "overlay.inbound.establish": counted("Connections that came in and were authenticated.", "inboundEstablished"),
  "overlay.inbound.drop": counted("Connections that came in and ended, authenticated or not.", "inboundDropped"),
  "overlay.inbound.reject": counted("Connections that came in when there was no room.", "inboundRejected"),
  "overlay.inbound.live": gauge("Connections that came in and are here.", ({ peers }) => {
    const { inbound, pendingInbound } = peers.counts()
    return inbound + pendingInbound
  }),
  "overlay.outbound.attempt": counted("Dials.", "outboundAttempted"),
  "overlay.outbound.establish": counted("Dials that led to an authenticated peer.", "outboundEstablished"),
  "overlay.outbound.drop": counted("Dialled connections that ended, authenticated or not.", "outboundDropped"),
  "overlay.outbound.cancel": counted("Dials given up for want of room.", "outboundCancelled"),
  "overlay.send.error": sent("ERROR_MSG"),
  "overlay.send.hello": sent("HELLO"),
  "overlay.send.auth": sent("AUTH"),
  "overlay.send.dont-have": sent("DONT_HAVE"),
  "overlay.send.peers": sent("PEERS"),
  "overlay.send.get-txset": sent("GET_TX_SET"),
  "overlay.send.transaction": sent("TRANSACTION"),
  "overlay.send.txset": sent("TX_SET", "GENERALIZED_TX_SET"),
  "overlay.send.get-scp-qset": sent("GET_SCP_QUORUMSET"),
  "overlay.send.scp-qset": sent("SCP_QUORUMSET"),
  "overlay.send.scp-message": sent("SCP_MESSAGE"),
  "overlay.send.get-scp-state": sent("GET_SCP_STATE"),
  "overlay.send.send-more": sent("SEND_MORE", "SEND_MORE_EXTENDED"),
  "overlay.send.survey-request": sent("TIME_SLICED_SURVEY_REQUEST"),
  "overlay.send.survey-response": sent("TIME_SLICED_SURVEY_RESPONSE"),
  "overlay.send.start-survey-collecting": sent("TIME_SLICED_SURVEY_START_COLLECTING"),
  "overlay.send.stop-survey-collecting": sent("TIME_SLICED_SURVEY_STOP_COLLECTING"),
  "overlay.send.flood-advert": sent("FLOOD_ADVERT"),
  "overlay.send.flood-demand": sent("FLOOD_DEMAND"),
  "overlay.connection.latency": gauge(
    "The median of the last round trips of all peers, in milliseconds.",
    medianLatencyMillis
  ),
  "overlay.connection.read-throttle": counted(
    "Times that reading from a peer paused; for how long is not measured.",
    "readingPaused"
  ),
  "overlay.connection.flood-throttle": counted(
    "Times that a peer without credit for what waited got some; how long it waited is not measured.",
    "creditWaits"
  ),
  "overlay.recv.error": received("ERROR_MSG"),
  "overlay.recv.hello": received("HELLO"),
  "overlay.recv.auth": received("AUTH"),
  "overlay.recv.dont-have": received("DONT_HAVE"),
  "overlay.recv.peers": received("PEERS"),
  "overlay.recv.get-txset": received("GET_TX_SET"),
  "overlay.recv.txset": received("TX_SET", "GENERALIZED_TX_SET"),
  "overlay.recv.get-scp-qset": received("GET_SCP_QUORUMSET"),
  "overlay.recv.scp-qset": received("SCP_QUORUMSET"),
  "overlay.recv.scp-message": received("SCP_MESSAGE"),
  "overlay.recv.get-scp-state": received("GET_SCP_STATE"),
  "overlay.recv.send-more": received("SEND_MORE", "SEND_MORE_EXTENDED"),
  "overlay.recv.scp-prepare": statements("SCP_ST_PREPARE"),
  "overlay.recv.scp-confirm": statements("SCP_ST_CONFIRM"),
  "overlay.recv.scp-nominate": statements("SCP_ST_NOMINATE"),
  "overlay.recv.scp-externalize": statements("SCP_ST_EXTERNALIZE"),
  "overlay.recv.survey-request": received("TIME_SLICED_SURVEY_REQUEST"),
  "overlay.recv.survey-response": received("TIME_SLICED_SURVEY_RESPONSE"),
  "overlay.recv.start-survey-collecting": received("TIME_SLICED_SURVEY_START_COLLECTING"),
  "overlay.recv.stop-survey-collecting": received("TIME_SLICED_SURVEY_STOP_COLLECTING"),
  "overlay.recv.flood-advert": received("FLOOD_ADVERT"),
  "overlay.recv.flood-demand": received("FLOOD_DEMAND"),
  "overlay.recv.tx-batch": none("There are no batches of transactions in this version of the protocol."),
  "overlay.delay.write-queue": none(NO_CLOCK_PER_MESSAGE),
  "overlay.delay.async-write": none("A link takes a write or does not; when its bytes are out, it does not tell."),
  "overlay.outbound-queue.scp": none(NO_CLOCK_PER_MESSAGE),
  "overlay.outbound-queue.tx": none(NO_CLOCK_PER_MESSAGE),
  "overlay.outbound-queue.advert": none(NO_CLOCK_PER_MESSAGE),
  "overlay.outbound-queue.demand": none(NO_CLOCK_PER_MESSAGE),
  "overlay.flood.tx-pull-latency": gauge(
    "The mean time from the first demand for a transaction to the transaction, in milliseconds.",
    meanPullMillis
  ),
  "overlay.flood.peer-tx-pull-latency": none("When which peer was asked is not kept once the transaction is here."),
  "overlay.fetch.txset": none(NO_START_OF_FETCH),
  "overlay.fetch.qset": none(NO_START_OF_FETCH),
  "overlay.connection.pending": gauge("Connections that are not authenticated.", ({ peers }) => {
    const { pendingInbound, pendingOutbound } = peers.counts()
    return pendingInbound + pendingOutbound
  }),
  "overlay.connection.authenticated": gauge("Authenticated peers.", ({ peers }) => {
    const { inbound, outbound } = peers.counts()
    return inbound + outbound
  }),
  "overlay.memory.flood-known": gauge(
    "Flooded messages that are remembered.",
    ({ supervisor }) => supervisor.counters()["entries"] ?? 0
  ),
  "overlay.recv-transaction.sum": none(NO_CLOCK_PER_MESSAGE),
  "overlay.recv-transaction.count": received("TRANSACTION"),
  "overlay.recv-transaction.max": none(NO_CLOCK_PER_MESSAGE),
  "overlay.flood.tx-batch-size": none("There are no batches of transactions in this version of the protocol."),
  "scp.envelope.receive": none(NO_CONSENSUS),
  "scp.envelope.emit": none(NO_CONSENSUS),
  "scp.envelope.sign": none(NO_CONSENSUS),
  "scp.envelope.validsig": none(NO_CONSENSUS),
  "scp.envelope.invalidsig": none(NO_CONSENSUS),
  "scp.pending.processed": none(NO_CONSENSUS),
  "scp.pending.discarded": none(NO_CONSENSUS),
  "scp.pending.fetching": gauge(
    "Statements that wait for items.",
    ({ supervisor }) => supervisor.counters()["fetchWaiting"] ?? 0
  ),
  "scp.pending.ready": none(NO_CONSENSUS),
  "scp.fetch.envelope": none(NO_CONSENSUS),
  "scp.sync.lost": none(NO_CONSENSUS),
  "scp.timing.first-to-self-externalize-lag": none(NO_CONSENSUS),
  "scp.timing.self-to-others-externalize-lag": none(NO_CONSENSUS),
  "herder.pending-txs.*": none("This is the application's: the overlay has no queue of transactions."),
  "app.post-on-main-thread.delay": none(NO_EVENT_LOOP_THREADS),
  "app.post-on-overlay-thread.delay": none(NO_EVENT_LOOP_THREADS),
  "app.post-on-background-thread.delay": none(NO_EVENT_LOOP_THREADS)
} satisfies Record<string, MetricSource>

const ignore = (): void => {}

/** Enters one metric; the answer takes it out again. */
const register = (
  name: string,
  source: Exclude<MetricSource, { readonly type: "none" }>,
  node: Observed,
  id: PeerId,
  context: Context.Context<never>
): Metric.Registration => {
  const { about, read, type } = source
  const options = { description: about, attributes: { node: id } }
  return type === "counter"
    ? Metric.registerUnsafe(Metric.counter(name, { ...options, incremental: true }), context, {
      get: () => ({ count: read(node), incremental: true }),
      update: ignore,
      modify: ignore
    })
    : Metric.registerUnsafe(Metric.gauge(name, options), context, {
      get: () => ({ value: read(node) }),
      update: ignore,
      modify: ignore
    })
}

/**
 * Shows what a node counts in the `MetricRegistry` around it, until its Scope closes. Each metric has the attribute `node`, which is the
 * node's identity (`G...`): a program may run several.
 */
export const layer = Layer.effectDiscard(Effect.gen(function*() {
  const node: Observed = { supervisor: yield* PeerSupervisor, peers: yield* Peers }
  const { peerId } = yield* NodeIdentity
  const context = yield* Effect.context<never>()
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      Object.entries<MetricSource>(stellarMetrics).flatMap(([name, source]) =>
        source.type === "none" ? [] : [register(name, source, node, peerId, context)]
      )
    ),
    (registrations) => Effect.sync(() => registrations.forEach(({ remove }) => remove()))
  )
}))
