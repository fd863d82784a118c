/**
 * The messages of the time-sliced survey, and the body that a response seals.
 *
 * Fields stand in wire order. Signatures are over the XDR of the struct beside them, without network id and not hashed.
 * Source: Stellar overlay protocol, Stellar-overlay.x.
 */
import {
  bool,
  case as arm,
  field,
  type Infer,
  int32,
  string,
  struct,
  uint32,
  uint64,
  union,
  varOpaque
} from "@stellar/js-xdr"
import { MAX_SURVEY_BODY_BYTES, MAX_SURVEY_PEERS, MAX_TEXT_BYTES } from "../limits.ts"
import { Discriminant, list } from "../XdrCodec.ts"
import { Curve25519Public, NodeID, Signature } from "./base.ts"

/** The only `commandType` in use: the topology of a time slice. */
export const TIME_SLICED_SURVEY_TOPOLOGY = 1

/** "Start counting." */
export const TimeSlicedSurveyStartCollectingMessage = struct("TimeSlicedSurveyStartCollectingMessage", {
  surveyorID: NodeID,
  /** Names this survey in the whole network. */
  nonce: uint32(),
  ledgerNum: uint32()
})
export type TimeSlicedSurveyStartCollectingMessage = Infer<typeof TimeSlicedSurveyStartCollectingMessage>

/** What TIME_SLICED_SURVEY_START_COLLECTING carries. */
export const SignedTimeSlicedSurveyStartCollectingMessage = struct("SignedTimeSlicedSurveyStartCollectingMessage", {
  /** Of the surveyor. */
  signature: Signature,
  startCollecting: TimeSlicedSurveyStartCollectingMessage
})
export type SignedTimeSlicedSurveyStartCollectingMessage = Infer<typeof SignedTimeSlicedSurveyStartCollectingMessage>

/** "Stop counting, and be ready to report." A START's signature is valid here too: the struct is the same. */
export const TimeSlicedSurveyStopCollectingMessage = struct("TimeSlicedSurveyStopCollectingMessage", {
  surveyorID: NodeID,
  nonce: uint32(),
  ledgerNum: uint32()
})
export type TimeSlicedSurveyStopCollectingMessage = Infer<typeof TimeSlicedSurveyStopCollectingMessage>

/** What TIME_SLICED_SURVEY_STOP_COLLECTING carries. */
export const SignedTimeSlicedSurveyStopCollectingMessage = struct("SignedTimeSlicedSurveyStopCollectingMessage", {
  /** Of the surveyor. */
  signature: Signature,
  stopCollecting: TimeSlicedSurveyStopCollectingMessage
})
export type SignedTimeSlicedSurveyStopCollectingMessage = Infer<typeof SignedTimeSlicedSurveyStopCollectingMessage>

/** Who asks whom, and the key to seal the answer to. */
export const SurveyRequestMessage = struct("SurveyRequestMessage", {
  surveyorPeerID: NodeID,
  surveyedPeerID: NodeID,
  ledgerNum: uint32(),
  /** The answer is sealed to this key. */
  encryptionKey: Curve25519Public,
  /** `TIME_SLICED_SURVEY_TOPOLOGY`, or unknown: core does not check the enum here, so neither do we. */
  commandType: int32()
})
export type SurveyRequestMessage = Infer<typeof SurveyRequestMessage>

/** "Report to me", for peers from these indices on. */
export const TimeSlicedSurveyRequestMessage = struct("TimeSlicedSurveyRequestMessage", {
  request: SurveyRequestMessage,
  nonce: uint32(),
  inboundPeersIndex: uint32(),
  outboundPeersIndex: uint32()
})
export type TimeSlicedSurveyRequestMessage = Infer<typeof TimeSlicedSurveyRequestMessage>

/** What TIME_SLICED_SURVEY_REQUEST carries. */
export const SignedTimeSlicedSurveyRequestMessage = struct("SignedTimeSlicedSurveyRequestMessage", {
  /** Of the surveyor. */
  requestSignature: Signature,
  request: TimeSlicedSurveyRequestMessage
})
export type SignedTimeSlicedSurveyRequestMessage = Infer<typeof SignedTimeSlicedSurveyRequestMessage>

/** Who answers whom, and the sealed answer. */
export const SurveyResponseMessage = struct("SurveyResponseMessage", {
  surveyorPeerID: NodeID,
  surveyedPeerID: NodeID,
  ledgerNum: uint32(),
  /** As in the request. */
  commandType: int32(),
  /** A sealed `SurveyResponseBody`. */
  encryptedBody: varOpaque(MAX_SURVEY_BODY_BYTES, "EncryptedBody")
})
export type SurveyResponseMessage = Infer<typeof SurveyResponseMessage>

/** An answer, and the survey that it belongs to. */
export const TimeSlicedSurveyResponseMessage = struct("TimeSlicedSurveyResponseMessage", {
  response: SurveyResponseMessage,
  nonce: uint32()
})
export type TimeSlicedSurveyResponseMessage = Infer<typeof TimeSlicedSurveyResponseMessage>

/** What TIME_SLICED_SURVEY_RESPONSE carries. */
export const SignedTimeSlicedSurveyResponseMessage = struct("SignedTimeSlicedSurveyResponseMessage", {
  /** Of the surveyed node. */
  responseSignature: Signature,
  response: TimeSlicedSurveyResponseMessage
})
export type SignedTimeSlicedSurveyResponseMessage = Infer<typeof SignedTimeSlicedSurveyResponseMessage>

/** What a node counted about one peer during the slice; `secondsConnected` since the connection began. */
export const PeerStats = struct("PeerStats", {
  id: NodeID,
  versionStr: string(MAX_TEXT_BYTES),
  messagesRead: uint64(),
  messagesWritten: uint64(),
  bytesRead: uint64(),
  bytesWritten: uint64(),
  secondsConnected: uint64(),
  uniqueFloodBytesRecv: uint64(),
  duplicateFloodBytesRecv: uint64(),
  uniqueFetchBytesRecv: uint64(),
  duplicateFetchBytesRecv: uint64(),
  uniqueFloodMessageRecv: uint64(),
  duplicateFloodMessageRecv: uint64(),
  uniqueFetchMessageRecv: uint64(),
  duplicateFetchMessageRecv: uint64()
})
export type PeerStats = Infer<typeof PeerStats>

/** One peer in an answer, with the median of its round trips. */
export const TimeSlicedPeerData = struct("TimeSlicedPeerData", { peerStats: PeerStats, averageLatencyMs: uint32() })
export type TimeSlicedPeerData = Infer<typeof TimeSlicedPeerData>

/** What a node counted about itself. */
export const TimeSlicedNodeData = struct("TimeSlicedNodeData", {
  addedAuthenticatedPeers: uint32(),
  droppedAuthenticatedPeers: uint32(),
  totalInboundPeerCount: uint32(),
  totalOutboundPeerCount: uint32(),
  p75SCPFirstToSelfLatencyMs: uint32(),
  p75SCPSelfToOtherLatencyMs: uint32(),
  lostSyncCount: uint32(),
  /** A word other than 0 and 1 is malformed; core takes any but 0 as true. */
  isValidator: bool(),
  maxInboundPeerCount: uint32(),
  maxOutboundPeerCount: uint32()
})
export type TimeSlicedNodeData = Infer<typeof TimeSlicedNodeData>

const TimeSlicedPeerDataList = list(TimeSlicedPeerData, MAX_SURVEY_PEERS)

/** One slice of the peers on either side, and the node itself. */
export const TopologyResponseBodyV2 = struct("TopologyResponseBodyV2", {
  inboundPeers: TimeSlicedPeerDataList,
  outboundPeers: TimeSlicedPeerDataList,
  nodeData: TimeSlicedNodeData
})
export type TopologyResponseBodyV2 = Infer<typeof TopologyResponseBodyV2>

/** What a surveyed node answers, before it is sealed. */
export const SurveyResponseBody = union("SurveyResponseBody", {
  switchOn: new Discriminant("SurveyMessageResponseType", { SURVEY_TOPOLOGY_RESPONSE_V2: 2 }),
  switchKey: "_tag",
  cases: [
    arm("topologyV2", "SURVEY_TOPOLOGY_RESPONSE_V2", field("topologyResponseBodyV2", TopologyResponseBodyV2))
  ]
})
export type SurveyResponseBody = Infer<typeof SurveyResponseBody>
