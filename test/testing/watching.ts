/**
 * A property that is told what a test tells it, and what a test has to tell: events, frames, links.
 */
import { Effect, Stream } from "effect"
import * as ItemHash from "../../src/core/ItemHash.ts"
import { type PeerAddress, tcpAddress } from "../../src/core/PeerAddress.ts"
import { noFaults } from "../../src/core/simulation/FaultPlan.ts"
import { Drop, type StellarDropReason } from "../../src/core/stellar/DropReason.ts"
import { DEFAULT_PORT } from "../../src/core/stellar/limits.ts"
import { MessageType } from "../../src/core/stellar/messages.ts"
import { peerIdFromPublicKey } from "../../src/core/stellar/StrKey.ts"
import type { NetworkEvent } from "../../src/layers/simulation/NetworkTrace.ts"
import type { PeerInfo } from "../../src/services/Overlay.ts"
import type { Direction } from "../../src/services/Peers.ts"
import type { Flooded } from "../../src/services/stellar/Application.ts"
import { Overlay, type Stellar } from "../../src/services/stellar/Overlay.ts"
import { privateNetwork } from "../../src/services/stellar/StellarConfig.ts"
import { FloodLedger } from "../../src/testing/stellar/FloodLedger.ts"
import type { Hooks, Property, Watched, WatchedNode } from "../../src/testing/stellar/properties/Property.ts"
import { ipOf } from "../../src/testing/stellar/Simulation.ts"
import type { WireFrame, WireWay } from "../../src/testing/stellar/Wiretap.ts"

/** In microseconds. */
export const SECOND = 1_000_000
export const hashOf = (byte: number): ItemHash.ItemHash => ItemHash.fromBytes(new Uint8Array(32).fill(byte))
export const idOf = (index: number) => peerIdFromPublicKey(new Uint8Array(32).fill(index + 1))
export const addressOf = (index: number): PeerAddress => tcpAddress(ipOf(index), DEFAULT_PORT)

/** Nodes 0 and 1 are honest, node 2 is hostile. */
export const HOSTILE = 2

/** What a test may say of the run. */
interface Parts extends Partial<Watched> {
  /** The face of node 0, which is up then. */
  readonly overlay?: Overlay["Service"]
  /** What is different about a node. */
  readonly over?: (index: number) => Partial<WatchedNode>
}

/** A property that watches nothing but what the test tells it. */
export const watching = (property: Property, { over, overlay, ...parts }: Parts = {}) => {
  const clock = { nowMicros: 0 }
  const breaches: Array<number | undefined> = []
  const nodes = [0, 1, HOSTILE].map((index): WatchedNode => ({
    index,
    id: idOf(index),
    address: addressOf(index),
    isHostile: index === HOSTILE,
    config: privateNetwork("p", { maxInbound: 2, maxOutbound: 1, allowLocalAddresses: false, floodEntries: 10 }),
    calls: [],
    preferred: new Set(),
    lastLostMicros: () => -Infinity,
    overlay: () => index === 0 ? overlay : undefined,
    committed: { peers: { rows: [] }, bans: new Map() },
    ...over?.(index)
  }))
  const hooks: Hooks = property.watch({
    nodes,
    plan: noFaults(3, 60_000),
    ledger: new FloodLedger(),
    calmFromMicros: 0,
    endMicros: 60 * SECOND,
    nowMicros: () => clock.nowMicros,
    fork: (effect) => Effect.runSync(effect),
    ...parts
  }, (node) => {
    breaches.push(node)
  })
  return { hooks, breaches, clock, nodes }
}

export const info = (index: number, over: Partial<PeerInfo<Stellar>> = {}): PeerInfo<Stellar> => ({
  id: idOf(index),
  address: addressOf(index),
  direction: "inbound",
  sinceMillis: 0,
  versionText: "",
  versions: {},
  isCertificateLong: false,
  latencyMillis: undefined,
  receiveCredit: { messages: 0, bytes: 0 },
  sendCredit: { messages: 0, bytes: 0 },
  messagesRead: 0,
  messagesWritten: 0,
  bytesRead: 0,
  bytesWritten: 0,
  chunksRead: 0,
  writes: 0,
  flooded: { newMessages: 0, newBytes: 0, duplicateMessages: 0, duplicateBytes: 0 },
  fetched: { newMessages: 0, newBytes: 0, duplicateMessages: 0, duplicateBytes: 0 },
  shed: 0,
  ...over
})

export const joined = (index: number, over: Partial<PeerInfo<Stellar>> = {}) =>
  ({ _tag: "PeerJoined", peer: info(index, over) }) as const

export const failed = (index: number, reason: StellarDropReason, direction: Direction = "inbound") =>
  ({ _tag: "ConnectionFailed", address: addressOf(index), direction, reason }) as const

export const left = (index: number, reason: StellarDropReason = Drop.Shutdown) =>
  ({ _tag: "PeerLeft", id: idOf(index), address: addressOf(index), direction: "inbound", reason }) as const

/** How many ways tests have made. */
let ways = 0

export class TestWay implements WireWay {
  readonly number = ways++
  chunks = 0
  readonly from: PeerAddress
  readonly to: PeerAddress
  readonly fromNode: number
  readonly toNode: number
  readonly isCallers: boolean
  readonly claimed
  readonly back: TestWay

  constructor(fromNode: number, toNode: number, claimed = idOf(fromNode), back?: TestWay) {
    this.isCallers = back === undefined
    this.from = back?.to ?? tcpAddress(ipOf(fromNode), 50_000)
    this.to = back?.from ?? addressOf(toNode)
    this.fromNode = fromNode
    this.toNode = toNode
    this.claimed = claimed
    this.back = back ?? new TestWay(toNode, fromNode, idOf(toNode), this)
  }
}

/** A way from one node to the other on a link that the first of them has opened, and back. */
export const wayOf = (from: number, to: number, claimed = idOf(from)): TestWay => new TestWay(from, to, claimed)

export const frame = (
  way: WireWay,
  kind: keyof typeof MessageType,
  over: Partial<WireFrame> = {}
): WireFrame => ({
  way,
  kind: MessageType[kind],
  bytes: 100,
  index: 0,
  isNext: true,
  hash: undefined,
  hashes: [],
  grant: undefined,
  missing: undefined,
  ...over
})

export const news = (from: number, hash: ItemHash.ItemHash, kind: Flooded["kind"] = "SCP_MESSAGE"): Flooded => ({
  from: idOf(from),
  kind,
  hash,
  bytes: new Uint8Array(0)
})

export const on = (
  _tag: NetworkEvent["_tag"],
  from: PeerAddress,
  to: PeerAddress,
  chunk?: Uint8Array,
  way = 0
): NetworkEvent => ({
  _tag,
  atMicros: 0,
  from,
  to,
  way,
  bytes: chunk?.length ?? 0,
  ...(chunk === undefined ? {} : { chunk })
})

export const faceOf = (parts: Partial<Overlay["Service"]>): Overlay["Service"] =>
  Overlay.of({
    self: idOf(0),
    listening: undefined,
    connect: () => Effect.succeed(idOf(1)),
    disconnect: () => Effect.succeed(false),
    ban: () => Effect.void,
    unban: () => Effect.succeed(false),
    banned: Effect.succeed([]),
    bans: Effect.succeed([]),
    broadcast: () => Effect.succeed(0),
    send: () => Effect.succeed(false),
    requestScpState: () => Effect.succeed(0),
    survey: {
      start: () => Effect.void,
      stop: Effect.void,
      request: () => Effect.void,
      stopRequests: Effect.void,
      results: Effect.succeed({ isRunning: false, backlog: [], badResponseNodes: [], nodes: new Map() }),
      status: Effect.succeed({ phase: { _tag: "Inactive" }, isOwn: false, ledger: 0 })
    },
    peers: Effect.succeed([]),
    messages: () => Stream.empty,
    events: Stream.empty,
    counters: Effect.succeed({}),
    ...parts
  })
