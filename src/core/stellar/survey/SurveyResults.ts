/**
 * What a surveyor has learned: node by node, each from one or several answers.
 *
 * Every answer is one node's word: who its peers are and what it counted is believed nowhere else. Source: Stellar overlay
 * protocol, time-sliced survey, results.
 */
import { Result } from "effect"
import type { CryptoShape } from "../../Crypto.ts"
import type { PeerId } from "../../PeerId.ts"
import { SURVEY_NODES, SURVEY_PEERS_HELD } from "../limits.ts"
import { SurveyResponseBody, type TimeSlicedNodeData, type TimeSlicedPeerData } from "../messages/survey.ts"
import { peerIdFromPublicKey } from "../StrKey.ts"
import { decodeXdr } from "../XdrCodec.ts"
import { open } from "./SealedBox.ts"
import type { SurveyReport } from "./SurveySlice.ts"

/** What is known of one node. */
export interface SurveyedNode {
  /** What it said of itself last. */
  readonly data: TimeSlicedNodeData
  /** Its peers that called it, by id, in the order in which it told them. */
  readonly inbound: ReadonlyMap<PeerId, TimeSlicedPeerData>
  /** Its peers that it called. */
  readonly outbound: ReadonlyMap<PeerId, TimeSlicedPeerData>
}

interface Told {
  data: TimeSlicedNodeData
  readonly inbound: Map<PeerId, TimeSlicedPeerData>
  readonly outbound: Map<PeerId, TimeSlicedPeerData>
}

const listInto = (told: Map<PeerId, TimeSlicedPeerData>, peers: ReadonlyArray<TimeSlicedPeerData>): void => {
  for (const peer of peers) {
    const id = peerIdFromPublicKey(peer.peerStats.id)
    if (told.has(id) || told.size < SURVEY_PEERS_HELD) told.set(id, peer)
  }
}

/** Opens an answer and reads what is in it; `undefined` if it was not sealed for this secret, or what is in it is no answer. */
export const openBody = (
  crypto: Pick<CryptoShape, "agree" | "agreementPublicKey">,
  secret: Uint8Array,
  encryptedBody: Uint8Array
): SurveyResponseBody | undefined => {
  const plaintext = open(crypto, secret, encryptedBody)
  return plaintext === undefined
    ? undefined
    : Result.getOrUndefined(decodeXdr(SurveyResponseBody, plaintext))
}

/** The results of one run of requests. */
export class SurveyResults {
  private readonly nodes = new Map<PeerId, Told | undefined>()
  private readonly bad = new Set<PeerId>()

  /** A node was asked: it is listed, without data until it answers. `false` if no further node can be held. */
  asked(node: PeerId): boolean {
    if (this.nodes.has(node)) return true
    if (this.nodes.size >= SURVEY_NODES) return false
    this.nodes.set(node, undefined)
    return true
  }

  /** What this node itself has counted: nobody has to ask for it. */
  own(node: PeerId, { inbound, node: data, outbound }: SurveyReport): void {
    this.tell(node, inbound, outbound, data)
  }

  /** A node answered; further peers are added to those it told before. */
  answered(node: PeerId, { topologyResponseBodyV2 }: SurveyResponseBody): void {
    const { inboundPeers, nodeData, outboundPeers } = topologyResponseBodyV2
    this.bad.delete(node)
    this.tell(node, inboundPeers, outboundPeers, nodeData)
  }

  /** A node answered with what could not be opened or read. */
  failed(node: PeerId): void {
    if (this.nodes.has(node)) this.bad.add(node)
  }

  /** The nodes that were asked, in that order, with what each told; those that have not answered without. */
  all(): ReadonlyMap<PeerId, SurveyedNode | undefined> {
    return this.nodes
  }

  /** Nodes whose answers could not be read. */
  badNodes(): ReadonlyArray<PeerId> {
    return Array.from(this.bad)
  }

  private tell(
    node: PeerId,
    inbound: ReadonlyArray<TimeSlicedPeerData>,
    outbound: ReadonlyArray<TimeSlicedPeerData>,
    data: TimeSlicedNodeData
  ): void {
    if (!this.asked(node)) return
    const told = this.nodes.get(node) ?? { data, inbound: new Map(), outbound: new Map() }
    told.data = data
    listInto(told.inbound, inbound)
    listInto(told.outbound, outbound)
    this.nodes.set(node, told)
  }
}
