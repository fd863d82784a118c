/**
 * A survey as a graph in GraphML: a node for each that was named, an edge from who called to who was called.
 *
 * Source: GraphML 1.0 (graphml.graphdrawing.org).
 */
import type { PeerId } from "../../core/PeerId.ts"
import type { TimeSlicedPeerData } from "../../core/stellar/messages/survey.ts"
import type { SurveyFindings } from "../../core/stellar/survey/SurveyDocument.ts"
import { escaped } from "../escaped.ts"

/** The attributes: for whom, and of which type. */
const KEYS = {
  node: {
    answered: "boolean",
    version: "string",
    isValidator: "boolean",
    numTotalInboundPeers: "int",
    numTotalOutboundPeers: "int",
    addedAuthenticatedPeers: "int",
    droppedAuthenticatedPeers: "int",
    lostSyncCount: "int"
  },
  edge: {
    toldBy: "string",
    secondsConnected: "long",
    averageLatencyMs: "int",
    messagesRead: "long",
    messagesWritten: "long",
    bytesRead: "long",
    bytesWritten: "long"
  }
} as const

type Values = Readonly<Record<string, string | number | bigint | boolean>>

/** A link as its ends told it; either may have kept silent. */
interface Link {
  readonly caller: PeerId
  readonly called: PeerId
  byCaller: TimeSlicedPeerData | undefined
  byCalled: TimeSlicedPeerData | undefined
}

const xml = (text: string): string => escaped(text).replace(/[<>&"]/g, (letter) => `&#${letter.charCodeAt(0)};`)

const data = (values: Values, of: keyof typeof KEYS): ReadonlyArray<string> =>
  Object.entries(values).map(([name, value]) => `      <data key="${of}.${name}">${xml(String(value))}</data>`)

const linksOf = ({ nodes }: SurveyFindings): ReadonlyArray<Link> => {
  const links = new Map<string, Link>()
  const linkOf = (caller: PeerId, called: PeerId): Link => {
    const name = `${caller} ${called}`
    const link = links.get(name) ?? { caller, called, byCaller: undefined, byCalled: undefined }
    links.set(name, link)
    return link
  }
  for (const [node, told] of nodes) {
    for (const [peer, stats] of told?.outbound ?? []) linkOf(node, peer).byCaller = stats
    for (const [peer, stats] of told?.inbound ?? []) linkOf(peer, node).byCalled = stats
  }
  return Array.from(links.values())
}

/** The figures of a link are those of its caller, where that has told them. */
const edgeOf = ({ byCalled, byCaller, called, caller }: Link): ReadonlyArray<string> => {
  const stats = byCaller ?? byCalled
  const toldBy = byCaller === undefined ? "called" : byCalled === undefined ? "caller" : "both"
  const figures: Values = stats === undefined ? {} : {
    secondsConnected: stats.peerStats.secondsConnected,
    averageLatencyMs: stats.averageLatencyMs,
    messagesRead: stats.peerStats.messagesRead,
    messagesWritten: stats.peerStats.messagesWritten,
    bytesRead: stats.peerStats.bytesRead,
    bytesWritten: stats.peerStats.bytesWritten
  }
  return [
    `    <edge source="${caller}" target="${called}">`,
    ...data({ toldBy, ...figures }, "edge"),
    "    </edge>"
  ]
}

/** The document, with a line end behind its last line. */
export const graphml = (findings: SurveyFindings): string => {
  const links = linksOf(findings)
  /** What a node says of its software, its peers tell. */
  const versions = new Map<PeerId, string>()
  for (const { byCalled, byCaller, called, caller } of links) {
    if (byCaller !== undefined) versions.set(called, String.fromCharCode(...byCaller.peerStats.versionStr))
    if (byCalled !== undefined) versions.set(caller, String.fromCharCode(...byCalled.peerStats.versionStr))
  }
  const named = new Set([...findings.nodes.keys(), ...links.flatMap(({ called, caller }) => [caller, called])])
  const nodeOf = (id: PeerId): ReadonlyArray<string> => {
    const told = findings.nodes.get(id)
    const version = versions.get(id)
    const facts: Values = told === undefined ? {} : {
      isValidator: told.data.isValidator,
      numTotalInboundPeers: told.data.totalInboundPeerCount,
      numTotalOutboundPeers: told.data.totalOutboundPeerCount,
      addedAuthenticatedPeers: told.data.addedAuthenticatedPeers,
      droppedAuthenticatedPeers: told.data.droppedAuthenticatedPeers,
      lostSyncCount: told.data.lostSyncCount
    }
    return [
      `    <node id="${id}">`,
      ...data({ answered: told !== undefined, ...(version === undefined ? {} : { version }), ...facts }, "node"),
      "    </node>"
    ]
  }
  const keys = Object.entries(KEYS).flatMap(([of, names]) =>
    Object.entries(names).map(([name, type]) =>
      `  <key id="${of}.${name}" for="${of}" attr.name="${name}" attr.type="${type}"/>`
    )
  )
  return [
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
    "<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">",
    ...keys,
    "  <graph id=\"survey\" edgedefault=\"directed\">",
    ...Array.from(named, nodeOf).flat(),
    ...links.flatMap(edgeOf),
    "  </graph>",
    "</graphml>",
    ""
  ].join("\n")
}
