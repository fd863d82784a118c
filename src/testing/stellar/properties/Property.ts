/**
 * What must hold in a run, and how it is watched: the form in which properties are written, ours and one's own.
 */
import type { Effect } from "effect"
import type { PeerAddress } from "../../../core/PeerAddress.ts"
import type { PeerId } from "../../../core/PeerId.ts"
import type { FaultPlan } from "../../../core/simulation/FaultPlan.ts"
import type { NetworkEvent } from "../../../layers/simulation/NetworkTrace.ts"
import type { VirtualDisk } from "../../../layers/simulation/VirtualDisk.ts"
import type { OverlayEvent } from "../../../services/Overlay.ts"
import type { Fetched, Fetching, Flooded } from "../../../services/stellar/Application.ts"
import type { Overlay, Stellar } from "../../../services/stellar/Overlay.ts"
import type { StellarConfig } from "../../../services/stellar/StellarConfig.ts"
import type { FloodLedger } from "../FloodLedger.ts"
import type { WireFrame, WireWay } from "../Wiretap.ts"

/** A node of a run, as a property sees it. */
export interface WatchedNode {
  readonly index: number
  readonly id: PeerId
  readonly address: PeerAddress
  /** Whether an attacker acts in its place at any time of the plan. */
  readonly isHostile: boolean
  readonly config: Pick<
    StellarConfig,
    | "maxInbound"
    | "maxOutbound"
    | "maxPendingInbound"
    | "maxPendingPerIp"
    | "ipShare"
    | "subnetShare"
    | "targetOutbound"
    | "targetOutboundWithoutInbound"
    | "floodEntries"
    | "credit"
    | "allowLocalAddresses"
    | "preferredPeersOnly"
  >
  /** The nodes that it is configured to call. */
  readonly calls: ReadonlyArray<number>
  /** The nodes that it prefers, by address or by key. */
  readonly preferred: ReadonlySet<number>
  /** When its program had last lost the network: `Infinity` while it has, `-Infinity` if it never had. */
  readonly lastLostMicros: () => number
  /** Its face, while it is up. */
  readonly overlay: () => Overlay["Service"] | undefined
  readonly committed: VirtualDisk["committed"]
}

/** A run, as a property sees it. */
export interface Watched {
  readonly nodes: ReadonlyArray<WatchedNode>
  readonly plan: FaultPlan
  readonly ledger: FloodLedger
  /** When the last fault is over; hostile peers may still be there, and must not matter. */
  readonly calmFromMicros: number
  readonly endMicros: number
  readonly nowMicros: () => number
  /** Runs an Effect in the World of the run. */
  readonly fork: (effect: Effect.Effect<void>) => void
}

/** What is left when all nodes have ended. */
export interface Leftovers {
  /** Ends of links that nobody has closed. */
  readonly links: ReadonlyArray<string>
  /** Fibers that live, each with what is known of it. */
  readonly fibers: ReadonlyArray<string>
  /** Tasks that ran later, when nobody was there for whom they could. */
  readonly tasks: number
}

/** What a property wants to be told; all of it is called while it happens, and must change nothing in the run. */
export interface Hooks {
  /** An honest node's event. */
  readonly event?: (node: number, event: OverlayEvent<Stellar>) => void
  /** An honest node says something itself. */
  readonly said?: (node: number, message: Flooded) => void
  /** An honest node's application got something as new. */
  readonly processed?: (node: number, message: Flooded, isAccepted: boolean) => void
  /** An honest node's application cannot judge a statement before what it names is here; it may be told so again. */
  readonly waits?: (node: number, message: Flooded, verdict: Fetching) => void
  /** An honest node's application was given an item; `isAwaited`: a statement had named it that could not be judged without. */
  readonly fetched?: (node: number, item: Fetched, isAwaited: boolean) => void
  /** An honest node was stopped or has crashed: what it held in memory is gone, and its events have ended. */
  readonly ended?: (node: number) => void
  /** Links come and go: any `NetworkEvent` but `Sent` and `Delivered`, which are most of them. */
  readonly links?: (event: NetworkEvent) => void
  /** Anything that happens on a link; see `NetworkEvent`. */
  readonly network?: (event: NetworkEvent) => void
  /** A frame was sent, by whomever. Reading frames costs about as much again as sending them. */
  readonly sent?: (frame: WireFrame) => void
  /** The same, for who reads its message: that is `bytes[from, to)`, lent until the property returns. */
  readonly content?: (frame: WireFrame, bytes: Uint8Array, from: number, to: number) => void
  /** A frame has arrived at the other machine. */
  readonly arrived?: (frame: WireFrame) => void
  /** Each simulated second. */
  readonly second?: () => void
  /** It is `calmFromMicros`. */
  readonly calm?: () => void
  /** The time of the run is over, and the nodes that are up are still up. */
  readonly end?: () => void
  /** All nodes have ended. */
  readonly over?: (left: Leftovers) => void
}

/** Notes a breach: the node at which it shows, if it is one's, and what it was, for a person. */
export type Violated = (node: number | undefined, detail: string) => void

/** Something that must hold in every run. */
export interface Property {
  /** What must hold, as a sentence without a full stop: it names the property in reports. */
  readonly name: string
  /** What is looked at, and what a breach would mean. */
  readonly doc: string
  /** Begins to watch one run; all state is of this call. */
  readonly watch: (run: Watched, violated: Violated) => Hooks
}

/** Whether this is an honest node of the run. */
export const isHonest = (run: Watched, node: number | undefined): node is number =>
  node !== undefined && run.nodes[node]?.isHostile === false

/** The node of the run that this IP is, if it is one's. */
export const nodeAt = (run: Watched): (ip: string) => WatchedNode | undefined => {
  const byIp = new Map(run.nodes.map((node) => [node.address.ip, node]))
  return (ip) => byIp.get(ip)
}

/** The node of the run with this identity, if it is one's. */
export const nodeOf = (run: Watched): (id: PeerId) => WatchedNode | undefined => {
  const byId = new Map(run.nodes.map((node) => [node.id, node]))
  return (id) => byId.get(id)
}

/** The entry of this key, made when it is first asked for. */
export const entryOf =
  <K, V>(map: { get: (key: K) => V | undefined; set: (key: K, value: V) => unknown }) => (key: K, make: () => V): V => {
    const known = map.get(key)
    if (known !== undefined) return known
    const made = make()
    map.set(key, made)
    return made
  }

/** When the ban of a node's operator ends: at the expiry that the plan gives it, or never. */
export const banEndMicros = (run: Watched, node: number, id: PeerId): number => {
  const ends = run.plan.faults.flatMap((fault) =>
    fault.kind === "ban" && fault.source === node && run.nodes[fault.target]?.id === id ? [fault.toMillis] : []
  )
  return ends.length === 0 ? Infinity : Math.max(...ends) * MICROS_PER_MILLI
}

const MICROS_PER_MILLI = 1000

/** What is kept for each way of a link, made when it is first asked for. */
export const byWay = <A extends object>(make: (way: WireWay) => A): (way: WireWay) => A => {
  // At the number of the way: many properties ask at every frame, and no map answers as fast.
  const all: Array<A | undefined> = []
  return (way) => all[way.number] ??= make(way)
}
