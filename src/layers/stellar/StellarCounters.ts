/**
 * What a node counts, in plain fields: a metric a frame would cost more than the frame.
 */
import { FloodPriority } from "../../core/stellar/FloodPriority.ts"
import { MessageType } from "../../core/stellar/messages.ts"
import { SCPStatementType } from "../../core/stellar/messages/scp.ts"
import type { Stellar } from "../../services/stellar/Overlay.ts"
import type { StellarConfig } from "../../services/stellar/StellarConfig.ts"
import type { StellarSession } from "./StellarSession.ts"

/** Counters of one node since its start. Mutable; `Overlay.counters` shows them. */
export const makeCounters = () => ({
  framesRead: 0,
  framesWritten: 0,
  bytesRead: 0,
  bytesWritten: 0,
  floodNew: 0,
  floodDuplicate: 0,
  floodRelayed: 0,
  floodForgotten: 0,
  /** Messages that had no verdict when their session ended: a later copy counts as new, unless the application failed on them. */
  floodUnjudged: 0,
  /** Flood messages beyond the peer's rate: dropped, credit returned. */
  floodOverRate: 0,
  /** Messages with a discriminant that the transaction grammar does not know. */
  floodUnknown: 0,
  /** Sets of transactions with such a discriminant. */
  itemsUnknown: 0,
  /** Transactions, adverts and demands that came while the network was not followed. */
  ignoredWhileNotSynced: 0,
  /** Answers to questions that we did not ask. */
  ignoredWithoutOwner: 0,
  /** Statements given up because the quorum set that they waited for makes no sense. */
  waitingForInsane: 0,
  queriesAnswered: 0,
  /** Queries beyond the window's limit: dropped in silence. */
  queriesOverLimit: 0,
  transactionsTooLong: 0,
  outboxShedScp: 0,
  outboxShedTransactions: 0,
  outboxShedDemands: 0,
  outboxShedAdverts: 0,
  /** Of all that was shed from outboxes: what came from a sender that held more than an equal share of its queue. */
  outboxShedOverShare: 0,
  /** Statements that waited for a peer, and in whose place a later one of the same node went. */
  outboxReplacedScp: 0,
  /** Statements that waited for a peer until nobody needed them. */
  outboxOutdatedScp: 0,
  /** Times that reading paused because too much was in process. */
  readingPaused: 0,
  /** Times that a peer for which something waited, or which is new, granted credit again. */
  creditWaits: 0,
  /** Chunks that links gave, and writes that they were given. */
  chunksRead: 0,
  writes: 0,
  /** Bytes of statements, transactions and survey messages that came for the first time. */
  floodBytesNew: 0,
  floodBytesDuplicate: 0,
  /** Bytes of sets of transactions and quorum sets that somebody waited for, and of those that nobody did. */
  fetchBytesNew: 0,
  fetchBytesDuplicate: 0,
  /** Broadcasts and relays of which at least one peer was told. */
  broadcasts: 0,
  /** Messages that those put into outboxes whole, one a peer. */
  floodPushed: 0,
  /** Transactions that came for the first time, after we had asked for them. */
  pulled: 0,
  /** How long those took together, from the first question. */
  pulledMillis: 0,
  /** HELLOs with a good certificate that is valid for longer than any node's software makes them. */
  longCertificates: 0,
  /** Connections that were begun, authenticated, ended, and not even begun because too many were. */
  inboundAttempted: 0,
  inboundEstablished: 0,
  inboundDropped: 0,
  inboundRejected: 0,
  outboundAttempted: 0,
  outboundEstablished: 0,
  outboundDropped: 0,
  outboundCancelled: 0
})

/** Counters of one node since its start. */
export type StellarCounters = ReturnType<typeof makeCounters>

/** Adds what a session shed from its outbox, which it counts itself as long as it is here. */
export const addShed = (
  counters: StellarCounters,
  session: Pick<StellarSession, "queueing" | "shedUnits">
): StellarCounters => {
  counters.outboxShedScp += session.shedUnits(FloodPriority.SCP_MESSAGE)
  counters.outboxShedTransactions += session.shedUnits(FloodPriority.TRANSACTION)
  counters.outboxShedDemands += session.shedUnits(FloodPriority.FLOOD_DEMAND)
  counters.outboxShedAdverts += session.shedUnits(FloodPriority.FLOOD_ADVERT)
  const { outdated, replaced, shedOverShare } = session.queueing()
  for (const units of shedOverShare) counters.outboxShedOverShare += units
  counters.outboxReplacedScp += replaced
  counters.outboxOutdatedScp += outdated
  return counters
}

/** Counts a message that so many peers were told of, which was pushed to them or put on offer. */
export const countBroadcast = (
  { config, counters }: { readonly config: StellarConfig; readonly counters: StellarCounters },
  kind: Stellar["FloodKind"],
  told: number
): void => {
  if (told > 0) counters.broadcasts += 1
  if (kind === "SCP_MESSAGE" || config.transactionFlood === "push") counters.floodPushed += told
}

/** As many as the kinds have numbers. A kind beyond them is malformed, and an array does not take it. */
const KINDS = Math.max(...Object.values(MessageType)) + 1
const STATEMENT_KINDS = Object.keys(SCPStatementType).length

/** Messages of one node since its start, by kind: the place of a kind is its number. */
export const makeMessageTallies = () => ({
  /** Those that were read, of a handshake only a HELLO with a good certificate and what follows it. */
  received: new Float64Array(KINDS),
  /** Those that were put into an outbox, whether or not they were shed there, and those of handshakes. */
  sent: new Float64Array(KINDS),
  /** Well-formed statements that were read, by `SCPStatementType`. */
  statements: new Float64Array(STATEMENT_KINDS)
})

/** Messages of one node since its start, by kind. */
export type MessageTallies = ReturnType<typeof makeMessageTallies>
