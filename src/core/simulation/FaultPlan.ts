/**
 * What goes wrong in a simulated run, as data: a list of faults with their times, which a seed draws or a person writes.
 *
 * The plan alone says it, so it can be saved, committed, run again, and made smaller. Host i is the machine of node i. Times are
 * whole milliseconds since the start of the run; a fault holds from `fromMillis` on and no longer at `toMillis`. A fault that
 * ends behind the run's end lasts as long as the run.
 */

/** The form of the plan that this code writes and reads. */
export const PLAN_VERSION = 1

/** How long a fault holds: at `fromMillis` it does, at `toMillis` it does not any more. */
export interface Span {
  readonly fromMillis: number
  readonly toMillis: number
}

/** One way between two hosts: what `source` sends to `target`. */
export interface Way {
  readonly source: number
  readonly target: number
}

/** Where weather is: all that a host sends and receives, or one way between two hosts. */
export type Where = { readonly host: number } | Way

/** Power off: the node is gone at once, with what its disk had not yet kept. At the end it starts again from its disk. */
export interface Crash extends Span {
  readonly kind: "crash"
  readonly node: number
}

/** The node is told to stop, and says good-bye to its peers. At the end it starts again from its disk. */
export interface Stop extends Span {
  readonly kind: "stop"
  readonly node: number
}

/**
 * In the place of the node an attacker acts, of a sort that the simulation knows by name.
 *
 * A node that is hostile at any time of the plan is never an honest one: outside the span its host is silent.
 */
export interface Hostile extends Span {
  readonly kind: "hostile"
  readonly node: number
  readonly actor: string
  readonly options: Readonly<Record<string, boolean | number | string>>
}

/** Nothing gets through one way; the other way is as it was. */
export interface Cut extends Span, Way {
  readonly kind: "cut"
}

/** Hosts reach only the hosts of their own group. Those that are named in no group form one more. */
export interface Partition extends Span {
  readonly kind: "partition"
  readonly groups: ReadonlyArray<ReadonlyArray<number>>
}

/** Everything takes so much longer. */
export interface Clog extends Span {
  readonly kind: "clog"
  readonly where: Where
  readonly latencyMillis: number
}

/** Both ways between two hosts are cut for `downMillis`, then open for `upMillis`, over and over, cut first. */
export interface Flap extends Span, Way {
  readonly kind: "flap"
  readonly downMillis: number
  readonly upMillis: number
}

/** So many of a thousand packets are lost, and sent again as TCP does. */
export interface Loss extends Span {
  readonly kind: "loss"
  readonly where: Where
  readonly lostPerMille: number
}

/** No more than so many bytes get through in a second. */
export interface Squeeze extends Span {
  readonly kind: "squeeze"
  readonly where: Where
  readonly bytesPerSecond: number
}

/** The connections between two hosts are reset, whoever opened them. New ones may follow at once. */
export interface Reset extends Way {
  readonly kind: "reset"
  readonly atMillis: number
}

/** The host is off the network and nobody is told: what is sent to or from it is lost. Its node runs on. */
export interface Vanish extends Span {
  readonly kind: "vanish"
  readonly host: number
}

/** Each access to the node's disk takes so much longer. */
export interface SlowDisk extends Span {
  readonly kind: "slowDisk"
  readonly node: number
  readonly delayMillis: number
}

/** The node's disk takes no more bytes. It can be read. */
export interface FullDisk extends Span {
  readonly kind: "fullDisk"
  readonly node: number
}

/** So many of a thousand accesses to the node's disk fail. */
export interface FailingDisk extends Span {
  readonly kind: "failingDisk"
  readonly node: number
  readonly failedPerMille: number
}

/** The node's program has lost the network, and says so: it is not synced. */
export interface Lost extends Span {
  readonly kind: "lost"
  readonly node: number
}

/** The operator of one node bans another node, until `toMillis`: the ban has that expiry from its beginning. */
export interface Ban extends Span, Way {
  readonly kind: "ban"
}

/** The node surveys the network: half of the time all count, in the other half its peers are asked. */
export interface Survey extends Span {
  readonly kind: "survey"
  readonly node: number
}

/** The network agrees on longer transactions, by so many bytes, and all programs of honest nodes know it at once. */
export interface Upgrade {
  readonly kind: "upgrade"
  readonly moreBytes: number
  readonly atMillis: number
}

/** A fault that holds for a time. */
export type LastingFault =
  | Crash
  | Stop
  | Hostile
  | Cut
  | Partition
  | Clog
  | Flap
  | Loss
  | Squeeze
  | Vanish
  | SlowDisk
  | FullDisk
  | FailingDisk
  | Lost
  | Ban
  | Survey

/** One thing that goes wrong. */
export type Fault = LastingFault | Reset | Upgrade

/**
 * A plan of faults.
 *
 * Faults may overlap: a way is cut while any fault cuts it, and latencies add. Only a node is in one state at a time: its
 * crashes, stops and hostile spans do not overlap (see `problemsOf`).
 */
export interface FaultPlan {
  readonly version: typeof PLAN_VERSION
  /** How many nodes the run has: all indexes are below it. */
  readonly nodes: number
  /** How long the run is. */
  readonly durationMillis: number
  readonly faults: ReadonlyArray<Fault>
}

/** Something to be done in a run: a fault begins, ends, or happens once and is over. */
export interface Change {
  readonly atMillis: number
  readonly phase: "begin" | "end" | "once"
  readonly fault: Fault
}

/** The plan of a run in which nothing goes wrong. */
export const noFaults = (nodes: number, durationMillis: number): FaultPlan => ({
  version: PLAN_VERSION,
  nodes,
  durationMillis,
  faults: []
})

/** The end of the faults of a drawn plan, and the begin of the calm in which a run shows that all recovers: two thirds of it. */
export const calmFromMillis = (durationMillis: number): number => Math.floor((durationMillis * 2) / 3)

/** Tells whether the fault holds for a time. */
export const isLasting = (fault: Fault): fault is LastingFault => !("atMillis" in fault)

/** When the fault begins. */
export const startMillis = (fault: Fault): number => isLasting(fault) ? fault.fromMillis : fault.atMillis

/** The nodes that are never honest, in rising order. */
export const hostileNodes = (plan: FaultPlan): ReadonlyArray<number> => {
  const nodes = new Set<number>()
  for (const fault of plan.faults) if (fault.kind === "hostile") nodes.add(fault.node)
  return [...nodes].sort((one, other) => one - other)
}

/** The nodes that survey at any time, in rising order. */
export const surveyors = (plan: FaultPlan): ReadonlyArray<number> => {
  const nodes = new Set(plan.faults.flatMap((fault) => fault.kind === "survey" ? [fault.node] : []))
  return [...nodes].sort((one, other) => one - other)
}

/**
 * What a run does and when, in order of time. At one time, what ends comes before what begins, so that a node that is back in
 * one fault can go down in the next; otherwise the order of the plan holds.
 */
export const changesOf = (plan: FaultPlan): ReadonlyArray<Change> =>
  plan.faults
    .flatMap((fault): ReadonlyArray<Change> =>
      isLasting(fault)
        ? [
          { atMillis: fault.fromMillis, phase: "begin", fault },
          { atMillis: fault.toMillis, phase: "end", fault }
        ]
        : [{ atMillis: fault.atMillis, phase: "once", fault }]
    )
    .sort((one, other) => one.atMillis - other.atMillis || Number(other.phase === "end") - Number(one.phase === "end"))
