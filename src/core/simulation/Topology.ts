/**
 * Who calls whom in a simulated network when it starts. Nodes may find more peers later; these links are asked for.
 *
 * Every pair is joined at most once, no node calls more than `TOPOLOGY_DIALS` others, and all are one network.
 */
import { Result } from "effect"
import { SIMULATED_NODES, TOPOLOGY_CALLS, TOPOLOGY_DIALS } from "../limits.ts"
import type { Prng } from "../Prng.ts"

/** A link from the node that calls to the one that is called. */
export interface Dial {
  readonly caller: number
  readonly called: number
}

/** A network as it is wanted at the start; nodes are 0 to `nodes` - 1. */
export interface Topology {
  readonly nodes: number
  readonly dials: ReadonlyArray<Dial>
}

/** The shapes that are known by name. */
export const SHAPES = ["ring", "random", "core-tier"] as const

/** The name of a shape. */
export type Shape = (typeof SHAPES)[number]

/** Why a list of links is no topology, in one sentence for a person. */
export interface TopologyRefusal {
  readonly _tag: "TopologyRefusal"
  readonly message: string
}

/** How many links a node of a random network has. */
export const RANDOM_DEGREE = 8

/** The network of this shape with so many nodes. A ring takes nothing from `prng`. */
export const topologyOf = (shape: Shape, nodes: number, prng: Prng): Topology => {
  switch (shape) {
    case "ring":
      return ring(nodes)
    case "random":
      return random(nodes, RANDOM_DEGREE, prng)
    case "core-tier":
      return coreTier(nodes, prng)
  }
}

/** Each node calls the next one: two links a node, and the longest ways that a network can have. */
export const ring = (nodes: number): Topology => ({ nodes, dials: lattice(range(nodes), 1) })

/** How often each link of a random network is changed: enough that nothing is left of the order it began with. */
const SWAPS_PER_LINK = 10

/**
 * Each node calls `degree` / 2 others, drawn at random, and is called by as many.
 *
 * `degree` is even and at most twice `TOPOLOGY_DIALS`; in a network of up to `degree` + 1 nodes each is joined to each. The nodes
 * stand in a ring in random order, which stays and holds all together; to it come links to the neighbours behind the next,
 * whose ends are then swapped at random, so that nobody's number of links changes.
 */
export const random = (nodes: number, degree: number, prng: Prng): Topology => {
  const order = range(nodes)
  prng.shuffle(order)
  const dials = lattice(order, degree / 2)
  if (nodes <= degree + 1) return { nodes, dials }

  const joined = new Set(dials.map(pairName))
  // The links of the ring come first, and stay.
  const loose = dials.length - nodes
  for (let swap = 0; swap < loose * SWAPS_PER_LINK; swap++) {
    const [here, there] = [nodes + prng.below(loose), nodes + prng.below(loose)]
    const [one, other] = [dials[here]!, dials[there]!]
    const swapped = [{ ...one, called: other.called }, { ...other, called: one.called }] as const
    const [first, second] = swapped
    const isNew = first.caller !== first.called && second.caller !== second.called &&
      pairName(first) !== pairName(second) && !joined.has(pairName(first)) && !joined.has(pairName(second))
    if (!isNew) continue
    joined.delete(pairName(one))
    joined.delete(pairName(other))
    dials[here] = first
    dials[there] = second
    joined.add(pairName(first)).add(pairName(second))
  }
  return { nodes, dials }
}

/** Nodes of an organization in the core: as many as can lose one of them and still have a majority. */
const ORGANIZATION = 3
/** Organizations of the core: seven are joined to each other and still leave everybody a free slot to call from. */
const ORGANIZATIONS = 7
/** One organization for so many nodes: in a small network there shall be others than the core, too. */
const NODES_PER_ORGANIZATION = 7
/** Of the nodes that are not of the core, one in so many stands in the middle. */
const LEAVES_PER_MIDDLE = 4
/** How many of the core a node of the middle calls, and how many of the middle a leaf does. */
const UPWARD_DIALS = { middle: 4, leaf: 3 }

/**
 * A core of organizations, which are joined to each other; a middle that is joined to the core; and leaves on the middle.
 *
 * The core comes first, three nodes to an organization: each is joined to the others of its own and to one node of each other
 * organization. Who calls whom above is drawn among those that have been called less than `TOPOLOGY_CALLS` times; where all of the
 * middle have, leaves call leaves.
 */
export const coreTier = (nodes: number, prng: Prng): Topology => {
  const organizations = Math.min(ORGANIZATIONS, Math.max(1, Math.floor(nodes / NODES_PER_ORGANIZATION)))
  const core = Math.min(nodes, organizations * ORGANIZATION)
  const dials: Array<Dial> = []
  for (let place = 0; place < ORGANIZATION; place++) {
    const row = range(organizations).map((organization) => organization * ORGANIZATION + place)
    dials.push(...lattice(row.filter((node) => node < nodes), ORGANIZATIONS))
  }
  for (let first = 0; first < core; first += ORGANIZATION) {
    dials.push(...lattice(range(Math.min(ORGANIZATION, core - first)).map((place) => first + place), 1))
  }

  const outside = nodes - core
  // As many as the core can be called by, and of a small network at least one.
  const room = Math.floor(core * (TOPOLOGY_CALLS - ORGANIZATIONS) / UPWARD_DIALS.middle)
  const middle = Math.min(room, Math.ceil(outside / (1 + LEAVES_PER_MIDDLE)))
  const upward = new Callable(range(core), dials, prng)
  for (let node = core; node < core + middle; node++) dials.push(...upward.callsOf(node, UPWARD_DIALS.middle))
  const above = new Callable(range(middle).map((place) => core + place), dials, prng)
  for (let node = core + middle; node < nodes; node++) {
    dials.push(...above.callsOf(node, UPWARD_DIALS.leaf))
    above.reserve(node)
  }
  return { nodes, dials }
}

/**
 * A topology that somebody wrote: pairs of a node that calls and one that is called.
 *
 * Refused are too many nodes or none, an index that is no node's, a node that calls itself, a pair that is there twice, more
 * than `TOPOLOGY_DIALS` calls of one node, and a network in parts.
 */
export const topologyFrom = (
  nodes: number,
  pairs: ReadonlyArray<readonly [caller: number, called: number]>
): Result.Result<Topology, TopologyRefusal> => {
  const refuse = (message: string) => Result.fail<TopologyRefusal>({ _tag: "TopologyRefusal", message })
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > SIMULATED_NODES) {
    return refuse(`A network has 1 to ${SIMULATED_NODES} nodes, not ${nodes}.`)
  }
  const joined = new Set<string>()
  const calls = new Array<number>(nodes).fill(0)
  const dials: Array<Dial> = []
  for (const [caller, called] of pairs) {
    const link = `The link [${caller}, ${called}]`
    for (const node of [caller, called]) {
      if (!Number.isInteger(node) || node < 0 || node >= nodes) {
        return refuse(`${link} names ${node}, but the nodes are 0 to ${nodes - 1}.`)
      }
    }
    if (caller === called) return refuse(`${link} joins a node to itself.`)
    const name = pairName({ caller, called })
    if (joined.has(name)) return refuse(`${link} is there twice: a pair is joined once, whoever calls.`)
    joined.add(name)
    calls[caller]!++
    if (calls[caller]! > TOPOLOGY_DIALS) return refuse(`Node ${caller} calls more than ${TOPOLOGY_DIALS} others.`)
    dials.push({ caller, called })
  }
  const topology = { nodes, dials }
  const reached = reachedFrom(0, neighboursOf(topology), () => true)
  const lost = reached.indexOf(false)
  return lost < 0
    ? Result.succeed(topology)
    : refuse(`The network is in parts: no way leads from node 0 to node ${lost}.`)
}

/** The neighbours of each node, whoever calls. */
export const neighboursOf = ({ dials, nodes }: Topology): ReadonlyArray<ReadonlyArray<number>> => {
  const neighbours = Array.from({ length: nodes }, (): Array<number> => [])
  for (const { called, caller } of dials) {
    neighbours[caller]!.push(called)
    neighbours[called]!.push(caller)
  }
  return neighbours
}

/** Tells of each node whether a way leads there from `start` over nodes that may pass. */
export const reachedFrom = (
  start: number,
  neighbours: ReadonlyArray<ReadonlyArray<number>>,
  mayPass: (node: number) => boolean
): ReadonlyArray<boolean> => {
  const reached = neighbours.map((_, node) => node === start)
  const waiting = [start]
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    for (const next of neighbours[node]!) {
      if (reached[next] !== true && mayPass(next)) {
        reached[next] = true
        waiting.push(next)
      }
    }
  }
  return reached
}

const range = (length: number): Array<number> => Array.from({ length }, (_, index) => index)

const pairName = ({ called, caller }: Dial): string => `${Math.min(called, caller)}-${Math.max(called, caller)}`

/**
 * Each in the circle calls the `reach` that follow. In a circle too small for that each pair is joined once.
 *
 * All calls to the next come first, then those to the one behind it, and so on.
 */
const lattice = (circle: ReadonlyArray<number>, reach: number): Array<Dial> => {
  const size = circle.length
  const dials: Array<Dial> = []
  for (let step = 1; step <= Math.min(reach, Math.floor(size / 2)); step++) {
    // Half-way round the circle the second half would call back.
    const callers = step * 2 === size ? step : size
    for (let place = 0; place < callers; place++) {
      dials.push({ caller: circle[place]!, called: circle[(place + step) % size]! })
    }
  }
  return dials
}

/** Draws whom to call among those that have room, and keeps count. */
class Callable {
  private readonly open: Array<number>
  private readonly spare: Array<number> = []
  private readonly calls = new Map<number, number>()
  private readonly prng: Prng

  constructor(open: Array<number>, dials: ReadonlyArray<Dial>, prng: Prng) {
    this.open = open
    this.prng = prng
    for (const { called } of dials) this.calls.set(called, (this.calls.get(called) ?? 0) + 1)
  }

  /** May be called once nobody else has room. */
  reserve(node: number): void {
    this.spare.push(node)
  }

  /** So many different ones, or as many as there are. */
  callsOf(caller: number, wanted: number): Array<Dial> {
    while (this.open.length < wanted && this.spare.length > 0) this.open.push(this.spare.shift()!)
    const dials: Array<Dial> = []
    // What is drawn goes to the front, so that nobody is drawn twice.
    for (let drawn = 0; drawn < Math.min(wanted, this.open.length); drawn++) {
      const place = drawn + this.prng.below(this.open.length - drawn)
      const called = this.open[place]!
      this.open[place] = this.open[drawn]!
      this.open[drawn] = called
      this.calls.set(called, (this.calls.get(called) ?? 0) + 1)
      dials.push({ caller, called })
    }
    for (const { called } of dials) {
      if (this.calls.get(called)! >= TOPOLOGY_CALLS) this.open.splice(this.open.indexOf(called), 1)
    }
    return dials
  }
}
