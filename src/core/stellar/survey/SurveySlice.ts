/**
 * What a node counts between the start and the stop of a survey, and what it reports of it.
 *
 * Peers are listed that were there all the time; of their counters the difference counts, of the time of their connection all of
 * it. Source: Stellar overlay protocol, time-sliced survey, data.
 */
import type { PeerId } from "../../PeerId.ts"
import { MAX_SURVEY_PEERS, SURVEY_ROUND_TRIPS } from "../limits.ts"
import type { PeerStats, SurveyResponseBody, TimeSlicedNodeData, TimeSlicedPeerData } from "../messages/survey.ts"
import type { Indices } from "./SurveyBacklog.ts"

/** What of a peer's messages was new, and what had come before: in bytes and in messages, since the connection began. */
export interface PeerReception {
  readonly uniqueFloodBytes: number
  readonly duplicateFloodBytes: number
  readonly uniqueFetchBytes: number
  readonly duplicateFetchBytes: number
  readonly uniqueFloodMessages: number
  readonly duplicateFloodMessages: number
  readonly uniqueFetchMessages: number
  readonly duplicateFetchMessages: number
}

/** What has been counted of a peer since its connection began. */
export interface PeerTally extends PeerReception {
  readonly messagesRead: number
  readonly messagesWritten: number
  readonly bytesRead: number
  readonly bytesWritten: number
}

/** A peer as a survey looks at it. */
export interface SurveyedPeer {
  readonly id: PeerId
  /** 32 bytes. */
  readonly publicKey: Uint8Array
  readonly direction: "inbound" | "outbound"
  /** What it says of its software, as it came: at most 100 bytes. */
  readonly versionBytes: Uint8Array
  /** When it was authenticated. */
  readonly sinceMillis: number
  readonly tally: () => PeerTally
}

/** What a node says of itself beside what it counts. */
export interface NodeFacts {
  readonly isValidator: boolean
  readonly maxInbound: number
  readonly maxOutbound: number
  /** 75 of 100 ledgers were externalized here at most so long after they were anywhere, in milliseconds. */
  readonly scpFirstToSelfMillis: number
  /** And so long elsewhere after they were first, where that was after this node. */
  readonly scpSelfToOtherMillis: number
}

/** What is reported: all peers that are listed, in the order in which they came. */
export interface SurveyReport {
  readonly inbound: ReadonlyArray<TimeSlicedPeerData>
  readonly outbound: ReadonlyArray<TimeSlicedPeerData>
  readonly node: TimeSlicedNodeData
}

/** A peer from the start of the slice on. */
interface Watched {
  readonly peer: SurveyedPeer
  readonly before: PeerTally
  readonly roundTrips: Array<number>
}

/** The largest uint32, where a count ends. */
const MAX_UINT32 = 0xffffffff
const MILLIS_PER_SECOND = 1000

const uint32 = (value: number): number => Math.min(MAX_UINT32, Math.max(0, Math.floor(value)))
const uint64 = (value: number): bigint => BigInt(Math.max(0, Math.floor(value)))

/** The slice of one survey, from its start to its end. */
export class SurveySlice {
  private readonly watched = new Map<PeerId, Watched>()
  private readonly wasSynced: boolean
  private added = 0
  private dropped = 0
  private syncLosses = 0

  /** Begins with the peers that are here; `isSynced` is whether the node follows the network. */
  constructor(peers: Iterable<SurveyedPeer>, isSynced: boolean) {
    this.wasSynced = isSynced
    for (const peer of peers) this.watched.set(peer.id, { peer, before: peer.tally(), roundTrips: [] })
  }

  /** A peer came: it is counted and not listed. */
  join(): void {
    this.added += 1
  }

  /** A peer left: it is counted, and listed no more, even if it comes back. */
  leave(id: PeerId): void {
    this.dropped += 1
    this.watched.delete(id)
  }

  /** A ping was answered. */
  roundTrip(id: PeerId, millis: number): void {
    const samples = this.watched.get(id)?.roundTrips
    if (samples !== undefined && samples.length < SURVEY_ROUND_TRIPS) samples.push(millis)
  }

  /** The node lost the network. */
  lostSync(): void {
    this.syncLosses += 1
  }

  /** Ends the slice. */
  report(facts: NodeFacts, nowMillis: number): SurveyReport {
    const listed = (direction: SurveyedPeer["direction"]): ReadonlyArray<TimeSlicedPeerData> =>
      Array.from(this.watched.values()).filter(({ peer }) => peer.direction === direction)
        .map((watched) => dataOf(watched, nowMillis))
    const inbound = listed("inbound")
    const outbound = listed("outbound")
    return {
      inbound,
      outbound,
      node: {
        addedAuthenticatedPeers: uint32(this.added),
        droppedAuthenticatedPeers: uint32(this.dropped),
        totalInboundPeerCount: inbound.length,
        totalOutboundPeerCount: outbound.length,
        p75SCPFirstToSelfLatencyMs: uint32(facts.scpFirstToSelfMillis),
        p75SCPSelfToOtherLatencyMs: uint32(facts.scpSelfToOtherMillis),
        lostSyncCount: uint32(this.syncLosses + (this.wasSynced ? 0 : 1)),
        isValidator: facts.isValidator,
        maxInboundPeerCount: uint32(facts.maxInbound),
        maxOutboundPeerCount: uint32(facts.maxOutbound)
      }
    }
  }
}

/** The answer to a request: what of the report fits one message from these indices on; beyond the end there is nothing. */
export const responseBody = ({ inbound, node, outbound }: SurveyReport, from: Indices): SurveyResponseBody => ({
  _tag: "SURVEY_TOPOLOGY_RESPONSE_V2",
  topologyResponseBodyV2: {
    inboundPeers: inbound.slice(from.inbound, from.inbound + MAX_SURVEY_PEERS),
    outboundPeers: outbound.slice(from.outbound, from.outbound + MAX_SURVEY_PEERS),
    nodeData: node
  }
})

const dataOf = ({ before, peer, roundTrips }: Watched, nowMillis: number): TimeSlicedPeerData => {
  const now = peer.tally()
  const since = (counter: keyof PeerTally): bigint => uint64(now[counter] - before[counter])
  const peerStats: PeerStats = {
    id: peer.publicKey,
    versionStr: peer.versionBytes,
    messagesRead: since("messagesRead"),
    messagesWritten: since("messagesWritten"),
    bytesRead: since("bytesRead"),
    bytesWritten: since("bytesWritten"),
    secondsConnected: uint64((nowMillis - peer.sinceMillis) / MILLIS_PER_SECOND),
    uniqueFloodBytesRecv: since("uniqueFloodBytes"),
    duplicateFloodBytesRecv: since("duplicateFloodBytes"),
    uniqueFetchBytesRecv: since("uniqueFetchBytes"),
    duplicateFetchBytesRecv: since("duplicateFetchBytes"),
    uniqueFloodMessageRecv: since("uniqueFloodMessages"),
    duplicateFloodMessageRecv: since("duplicateFloodMessages"),
    uniqueFetchMessageRecv: since("uniqueFetchMessages"),
    duplicateFetchMessageRecv: since("duplicateFetchMessages")
  }
  return { peerStats, averageLatencyMs: uint32(median(roundTrips)) }
}

/** The value in the middle, or what lies between the two that are; 0 of none. */
const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((one, other) => one - other)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? 0
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2
}
