/**
 * Draws a plan of faults from a seed, swarm style: each seed leaves whole kinds of faults out, so that those that are there meet
 * in more ways than if all were there always.
 *
 * All faults are over at two thirds of the run (`calmFromMillis`): what follows shows that the network recovers.
 */
import { Result } from "effect"
import type { Prng } from "../Prng.ts"
import {
  calmFromMillis,
  type Fault,
  type FaultPlan,
  type Hostile,
  isLasting,
  type LastingFault,
  PLAN_VERSION,
  type Span,
  startMillis,
  type Way,
  type Where
} from "./FaultPlan.ts"
import { operatorEvents } from "./OperatorEventDraw.ts"
import { neighboursOf, type Topology } from "./Topology.ts"

/**
 * How much goes wrong. `light`: now and then something mild, one at a time. `heavy`: at any time before the calm at least one
 * fault holds, hostile nodes not counted, and others come on top.
 */
export type FaultLevel = "none" | "light" | "heavy"

/** What a plan is drawn for. */
export interface DrawOptions {
  /** The network at its start: faults of the way between two hosts are drawn from its links. */
  readonly topology: Topology
  readonly durationMillis: number
  readonly faults: FaultLevel
  /** Of 100 nodes so many are hostile, rounded down; a whole number from 0 to 99. */
  readonly hostilePercent: number
  /** The sorts of attackers that the simulation knows; at least one, if there are to be hostile nodes. */
  readonly actors: ReadonlyArray<string>
}

/**
 * Draws a plan.
 *
 * The hostile nodes, the faults and what operators do are drawn from streams of their own: the one does not shift the other. The honest nodes are
 * one network without the hostile ones, and at most a third of them (but at least one) is off the network at a time.
 */
export const draw = (prng: Prng, options: DrawOptions): FaultPlan => {
  const { durationMillis, topology } = options
  const calmMillis = calmFromMillis(durationMillis)
  const hostile = calmMillis < 1 ? [] : hostileFaults(prng.fork("hostile"), options, calmMillis)
  const faults = options.faults === "none" ? [] : new Drawing(prng.fork("faults"), options, hostile).faults()
  const attackers = new Set(hostile.map(({ node }) => node))
  const events = options.faults === "heavy"
    ? operatorEvents(prng.fork("operators"), topology, calmMillis, attackers)
    : []
  return {
    version: PLAN_VERSION,
    nodes: topology.nodes,
    durationMillis,
    // Sorting keeps the order of what begins together.
    faults: [...hostile, ...faults, ...events].sort((one, other) => startMillis(one) - startMillis(other))
  }
}

/** How many of the nodes are hostile. */
export const hostileCount = (nodes: number, hostilePercent: number): number =>
  Math.floor((nodes * hostilePercent) / 100)

/** Reads `20%` or `20`: a whole number from 0 to 99. The failure is one sentence for a person. */
export const parsePercent = (text: string): Result.Result<number, string> =>
  /^\d{1,2}%?$/.test(text)
    ? Result.succeed(Number.parseInt(text, 10))
    : Result.fail(`Expected a whole number of per cent from 0% to 99%, found ${JSON.stringify(text)}.`)

/** An attacker begins in the first so many parts of the time before the calm, and acts until the calm. */
const HOSTILE_START_PARTS = 4

const hostileFaults = (prng: Prng, options: DrawOptions, calmMillis: number): ReadonlyArray<Hostile> =>
  hostileDrawn(prng, options.topology, hostileCount(options.topology.nodes, options.hostilePercent)).map((node) => ({
    kind: "hostile",
    node,
    actor: options.actors[prng.below(options.actors.length)]!,
    options: {},
    fromMillis: prng.below(Math.ceil(calmMillis / HOSTILE_START_PARTS)),
    toMillis: calmMillis
  }))

/**
 * Draws so many nodes, and leaves the others one network.
 *
 * So many are picked at random. From one of the others all that can be reached over them is gathered, and only where that does
 * not reach them all a picked node is gathered as well, as a bridge. Those gathered last are hostile: in a well-joined network
 * the very ones that were picked.
 */
const hostileDrawn = (prng: Prng, topology: Topology, count: number): ReadonlyArray<number> => {
  if (count === 0) return []
  const neighbours = neighboursOf(topology)
  const order = neighbours.map((_, node) => node)
  prng.shuffle(order)
  const picked = new Set(order.slice(0, count))

  const seen = new Set<number>()
  const gathered: Array<number> = []
  const waiting = { honest: new Array<number>(), picked: new Array<number>() }
  const meet = (node: number): void => {
    if (seen.has(node)) return
    seen.add(node)
    waiting[picked.has(node) ? "picked" : "honest"].push(node)
  }
  // From the last in the order on, which is not picked; the rest of the order is for a network that was in parts before.
  for (const start of order.reverse()) {
    meet(start)
    for (let node = next(prng, waiting); node !== undefined; node = next(prng, waiting)) {
      gathered.push(node)
      neighbours[node]!.forEach(meet)
    }
  }
  return gathered.slice(gathered.length - count).sort((one, other) => one - other)
}

/** Takes one that waits, at random; one that is not picked if there is one. */
const next = (
  prng: Prng,
  waiting: { readonly honest: Array<number>; readonly picked: Array<number> }
): number | undefined => {
  const list = waiting.honest.length > 0 ? waiting.honest : waiting.picked
  const place = prng.below(list.length)
  const node = list[place]
  const last = list.pop()
  if (last !== undefined && place < list.length) list[place] = last
  return node
}

/** A whole number is drawn from `least` to `most`, both included. */
interface Range {
  readonly least: number
  readonly most: number
}

/** How bad a fault is. Ours: from what a link across the world does on a bad day to what looks like the end of it. */
interface Severity {
  readonly latencyMillis: Range
  readonly lostPerMille: Range
  /** Bytes a second are 2 to this power. */
  readonly squeezeExponent: Range
  readonly downMillis: Range
  readonly upMillis: Range
  readonly delayMillis: Range
  readonly failedPerMille: Range
}

const SEVERITY: { readonly [level in Exclude<FaultLevel, "none">]: Severity } = {
  light: {
    latencyMillis: { least: 50, most: 300 },
    lostPerMille: { least: 5, most: 50 },
    squeezeExponent: { least: 14, most: 17 },
    downMillis: { least: 100, most: 500 },
    upMillis: { least: 1000, most: 5000 },
    delayMillis: { least: 5, most: 50 },
    failedPerMille: { least: 10, most: 100 }
  },
  heavy: {
    latencyMillis: { least: 100, most: 3000 },
    lostPerMille: { least: 20, most: 400 },
    squeezeExponent: { least: 10, most: 16 },
    downMillis: { least: 100, most: 3000 },
    upMillis: { least: 100, most: 3000 },
    delayMillis: { least: 20, most: 2000 },
    failedPerMille: { least: 100, most: 1000 }
  }
}

/** A drawn fault lasts at least this long, or the run is too short for it. Below it a peer hardly notices. */
const SHORTEST_MILLIS = 500
/** No track has more faults than this without a pause: the shortest fault of a long run lasts as many parts of it. */
const FAULTS_PER_TRACK = 200
/** And at most as many parts, so that some ten faults follow each other in a short run as well. */
const LONGEST_PARTS = 8
/** In a long run that would be hours: longer than this nothing lasts, unless the shortest already comes near it. */
const LONGEST_MILLIS = 30_000
/** The longest fault lasts at least so many times as long as the shortest. */
const LONGEST_PER_SHORTEST = 4
/** A light plan pauses so many times as long as a fault may last, at most. */
const LIGHT_PAUSE = 4
/** In a heavy plan one track without pauses has others beside it: one, and one more for so many nodes. */
const NODES_PER_TRACK = 10
/** The tracks beside it are never more than this: then a network of any size is under as many faults at once. */
const MOST_TRACKS = 32
/** One of so many honest nodes, but always one, may be off the network at a time. */
const HONEST_PER_DOWN = 3

type DrawnKind = Exclude<Fault["kind"], "hostile" | "lost" | "ban" | "survey" | "upgrade">

const KINDS: ReadonlyArray<DrawnKind> = [
  "crash",
  "stop",
  "vanish",
  "clog",
  "loss",
  "squeeze",
  "slowDisk",
  "fullDisk",
  "failingDisk",
  "partition",
  "cut",
  "flap",
  "reset"
]
/** These need two hosts with a link between them. */
const KINDS_OF_WAYS: ReadonlySet<DrawnKind> = new Set(["partition", "cut", "flap", "reset"])

/** A plan in the making: what has been drawn decides what more can be. */
class Drawing {
  private readonly prng: Prng
  private readonly topology: Topology
  private readonly level: Exclude<FaultLevel, "none">
  private readonly severity: Severity
  private readonly calmMillis: number
  private readonly shortestMillis: number
  private readonly longestMillis: number
  private readonly honest: ReadonlyArray<number>
  private readonly kinds: ReadonlyArray<DrawnKind>
  private readonly drawn: Array<Fault> = []

  constructor(prng: Prng, options: DrawOptions, hostile: ReadonlyArray<Hostile>) {
    this.prng = prng
    this.topology = options.topology
    this.level = options.faults === "heavy" ? "heavy" : "light"
    this.severity = SEVERITY[this.level]
    this.calmMillis = calmFromMillis(options.durationMillis)
    this.shortestMillis = Math.max(SHORTEST_MILLIS, Math.ceil(this.calmMillis / FAULTS_PER_TRACK))
    this.longestMillis = Math.max(
      LONGEST_PER_SHORTEST * this.shortestMillis,
      Math.min(LONGEST_MILLIS, Math.floor(this.calmMillis / LONGEST_PARTS))
    )
    const taken = new Set(hostile.map(({ node }) => node))
    this.honest = neighboursOf(options.topology).map((_, node) => node).filter((node) => !taken.has(node))
    this.kinds = this.kindsOfThisSeed()
  }

  faults(): ReadonlyArray<Fault> {
    if (this.calmMillis < 1) return []
    if (this.level === "light") {
      this.looseTrack(this.longestMillis * LIGHT_PAUSE)
    } else {
      this.gaplessTrack()
      const beside = Math.min(MOST_TRACKS, 1 + Math.floor(this.topology.nodes / NODES_PER_TRACK))
      for (let track = 0; track < beside; track++) this.looseTrack(this.longestMillis)
    }
    return this.drawn
  }

  /** A coin for each kind. One that lasts is always there, or a heavy plan could not be. */
  private kindsOfThisSeed(): ReadonlyArray<DrawnKind> {
    const possible = KINDS.filter((kind) => this.topology.dials.length > 0 || !KINDS_OF_WAYS.has(kind))
    const kinds = possible.filter(() => this.prng.chance(1, 2))
    if (kinds.some((kind) => kind !== "reset")) return kinds
    const lasting = possible.filter((kind) => kind !== "reset")
    return [...kinds, this.oneOf(lasting)]
  }

  /** One fault begins as the other ends, from the start to the calm. It is drawn first, when nothing can be in its way. */
  private gaplessTrack(): void {
    const kinds = this.kinds.filter((kind) => kind !== "reset")
    for (let at = 0; at < this.calmMillis;) {
      const span = this.spanFrom(at)
      const fault = this.faultOf(this.oneOf(kinds), span)
      if (fault !== undefined) this.drawn.push(fault)
      at = span.toMillis
    }
  }

  /** A pause, a fault, a pause: what cannot be at its time, for too many nodes are off already, is left out. */
  private looseTrack(longestPauseMillis: number): void {
    // The first comes early enough for the shortest run to have it.
    let at = this.prng.below(Math.min(longestPauseMillis, Math.ceil(this.calmMillis / 2)))
    while (at < this.calmMillis) {
      const span = this.spanFrom(at)
      const fault = this.faultOf(this.oneOf(this.kinds), span)
      if (fault !== undefined) this.drawn.push(fault)
      at = span.toMillis + 1 + this.prng.below(longestPauseMillis)
    }
  }

  /** A span that begins now. Where less than the shortest would be left to the calm, it lasts until then. */
  private spanFrom(fromMillis: number): Span {
    const toMillis = fromMillis + this.within({ least: this.shortestMillis, most: this.longestMillis })
    return { fromMillis, toMillis: toMillis + this.shortestMillis > this.calmMillis ? this.calmMillis : toMillis }
  }

  private faultOf(kind: DrawnKind, span: Span): Fault | undefined {
    const { severity } = this
    switch (kind) {
      case "crash":
      case "stop": {
        const node = this.honestUpDuring(span)
        return node === undefined ? undefined : { kind, node, ...span }
      }
      case "vanish": {
        const host = this.honestUpDuring(span)
        return host === undefined ? undefined : { kind, host, ...span }
      }
      case "clog":
        return { kind, where: this.where(), latencyMillis: this.within(severity.latencyMillis), ...span }
      case "loss":
        return { kind, where: this.where(), lostPerMille: this.within(severity.lostPerMille), ...span }
      case "squeeze":
        return { kind, where: this.where(), bytesPerSecond: 2 ** this.within(severity.squeezeExponent), ...span }
      case "slowDisk":
        return { kind, node: this.oneOf(this.honest), delayMillis: this.within(severity.delayMillis), ...span }
      case "fullDisk":
        return { kind, node: this.oneOf(this.honest), ...span }
      case "failingDisk":
        return { kind, node: this.oneOf(this.honest), failedPerMille: this.within(severity.failedPerMille), ...span }
      case "partition":
        return { kind, groups: this.groups(), ...span }
      case "cut":
        return { kind, ...this.way(), ...span }
      case "flap": {
        const downMillis = this.within(severity.downMillis)
        return { kind, ...this.way(), downMillis, upMillis: this.within(severity.upMillis), ...span }
      }
      case "reset":
        return { kind, ...this.way(), atMillis: span.fromMillis }
    }
  }

  /** An honest node that is on the network all the while, if one more may leave it. */
  private honestUpDuring(span: Span): number | undefined {
    const down = new Set<number>()
    for (const fault of this.drawn) {
      const node = awayNode(fault)
      if (node !== undefined && isLasting(fault) && isMeeting(fault, span)) down.add(node)
    }
    if (down.size >= Math.max(1, Math.floor(this.honest.length / HONEST_PER_DOWN))) return undefined
    return this.oneOf(this.honest.filter((node) => !down.has(node)))
  }

  private where(): Where {
    const isWay = this.topology.dials.length > 0 && this.prng.chance(1, 2)
    return isWay ? this.way() : { host: this.oneOf(this.honest) }
  }

  /** One of the links, one way or the other. */
  private way(): Way {
    const { called, caller } = this.oneOf(this.topology.dials)
    return this.prng.chance(1, 2) ? { source: caller, target: called } : { source: called, target: caller }
  }

  /** One group or two, up to half of the hosts together, against all the others. */
  private groups(): ReadonlyArray<ReadonlyArray<number>> {
    const hosts = Array.from({ length: this.topology.nodes }, (_, host) => host)
    this.prng.shuffle(hosts)
    const half = Math.max(1, Math.floor(hosts.length / 2))
    const size = 1 + this.prng.below(half)
    const first = this.prng.chance(1, 2) ? size : 1 + this.prng.below(size)
    return [hosts.slice(0, first), hosts.slice(first, size)]
      .filter((group) => group.length > 0)
      .map((group) => group.sort((one, other) => one - other))
  }

  private within({ least, most }: Range): number {
    return least + this.prng.below(most - least + 1)
  }

  private oneOf<A>(list: ReadonlyArray<A>): A {
    return list[this.prng.below(list.length)]!
  }
}

/** The node that the fault takes off the network. */
const awayNode = (fault: Fault): number | undefined => {
  switch (fault.kind) {
    case "crash":
    case "stop":
      return fault.node
    case "vanish":
      return fault.host
    default:
      return undefined
  }
}

const isMeeting = (fault: LastingFault, span: Span): boolean =>
  fault.fromMillis < span.toMillis && span.fromMillis < fault.toMillis
