/**
 * The results of a survey as a JSON document, with the keys of stellar-core's `getsurveyresult`: its tools read ours.
 */
import type { PeerId } from "../../PeerId.ts"
import type { TimeSlicedPeerData } from "../messages/survey.ts"
import { peerIdFromPublicKey } from "../StrKey.ts"
import type { SurveyedNode } from "./SurveyResults.ts"

/** What is to be told of a survey. */
export interface SurveyFindings {
  /** Whether requests are being sent. */
  readonly isRunning: boolean
  /** Nodes that wait to be asked. */
  readonly backlog: ReadonlyArray<PeerId>
  /** Nodes whose answers could not be read. */
  readonly badResponseNodes: ReadonlyArray<PeerId>
  /** The nodes that were asked; without data those that have not answered. */
  readonly nodes: ReadonlyMap<PeerId, SurveyedNode | undefined>
}

/** The document. Empty lists are `null`, as in core; counters beyond 2^53 lose their last digits. */
export const surveyDocument = ({ backlog, badResponseNodes, isRunning, nodes }: SurveyFindings) => ({
  surveyInProgress: isRunning,
  backlog: listOrNull(backlog),
  badResponseNodes: listOrNull(badResponseNodes),
  topology: Object.fromEntries(Array.from(nodes, ([id, node]) => [id, node === undefined ? null : nodeDocument(node)]))
})

/** A survey's results as core tells them. */
export type SurveyDocument = ReturnType<typeof surveyDocument>

const listOrNull = <A>(list: ReadonlyArray<A>): ReadonlyArray<A> | null => list.length === 0 ? null : list

const nodeDocument = ({ data, inbound, outbound }: SurveyedNode) => ({
  addedAuthenticatedPeers: data.addedAuthenticatedPeers,
  droppedAuthenticatedPeers: data.droppedAuthenticatedPeers,
  numTotalInboundPeers: data.totalInboundPeerCount,
  numTotalOutboundPeers: data.totalOutboundPeerCount,
  p75SCPFirstToSelfLatencyMs: data.p75SCPFirstToSelfLatencyMs,
  p75SCPSelfToOtherLatencyMs: data.p75SCPSelfToOtherLatencyMs,
  lostSyncCount: data.lostSyncCount,
  isValidator: data.isValidator,
  maxInboundPeerCount: data.maxInboundPeerCount,
  maxOutboundPeerCount: data.maxOutboundPeerCount,
  inboundPeers: listOrNull(Array.from(inbound.values(), peerDocument)),
  outboundPeers: listOrNull(Array.from(outbound.values(), peerDocument))
})

const peerDocument = ({ averageLatencyMs, peerStats }: TimeSlicedPeerData) => ({
  nodeId: peerIdFromPublicKey(peerStats.id),
  version: String.fromCharCode(...peerStats.versionStr),
  messagesRead: Number(peerStats.messagesRead),
  messagesWritten: Number(peerStats.messagesWritten),
  bytesRead: Number(peerStats.bytesRead),
  bytesWritten: Number(peerStats.bytesWritten),
  secondsConnected: Number(peerStats.secondsConnected),
  uniqueFloodBytesRecv: Number(peerStats.uniqueFloodBytesRecv),
  duplicateFloodBytesRecv: Number(peerStats.duplicateFloodBytesRecv),
  uniqueFetchBytesRecv: Number(peerStats.uniqueFetchBytesRecv),
  duplicateFetchBytesRecv: Number(peerStats.duplicateFetchBytesRecv),
  uniqueFloodMessageRecv: Number(peerStats.uniqueFloodMessageRecv),
  duplicateFloodMessageRecv: Number(peerStats.duplicateFloodMessageRecv),
  uniqueFetchMessageRecv: Number(peerStats.uniqueFetchMessageRecv),
  duplicateFetchMessageRecv: Number(peerStats.duplicateFetchMessageRecv),
  averageLatencyMs
})
