/**
 * Makes a failing plan small: which of its faults does the failure need, for how long, and how bad must they be?
 *
 * Whether a plan fails is found out by running it, and runs are dear: there is a budget of them. First faults are dropped, in
 * halves, quarters and so on to single ones (delta debugging); then each that is left is shortened and made milder; then, because
 * that may have made others needless, single ones are dropped once more. Nodes are never taken away: another network is
 * another run.
 */
import { type Fault, type FaultPlan, isLasting, type LastingFault } from "./FaultPlan.ts"
import { problemsOf } from "./FaultPlanCheck.ts"

/** What was found. */
export interface Shrunk {
  /** The smallest plan found that fails; the given one, if it passes. */
  readonly plan: FaultPlan
  /** How many plans were tried. */
  readonly runs: number
  /**
   * - `minimal`: nothing that was tried makes it smaller: without any one of its faults it passes.
   * - `budget`: there was no run left to try more.
   * - `passes`: the plan did not fail in the first place, and nothing was found.
   */
  readonly end: "minimal" | "budget" | "passes"
}

/** Shrinks a plan, with at most so many runs, where a run is a plain function. */
export const shrink = (plan: FaultPlan, fails: (plan: FaultPlan) => boolean, budget: number): Shrunk => {
  const shrinking = new Shrinking(plan, budget)
  for (let tried = shrinking.next; tried !== undefined; tried = shrinking.next) shrinking.tell(fails(tried))
  return shrinking.result
}

/** A search for a smaller plan, which leaves it to others to run: ask for `next`, run it, `tell`, until there is none. */
export class Shrinking {
  private readonly budget: number
  private readonly search: Generator<FaultPlan, void, boolean>
  private smallest: FaultPlan
  private candidate: FaultPlan | undefined
  private runs = 0
  private fails = false

  constructor(plan: FaultPlan, budget: number) {
    this.budget = budget
    this.smallest = plan
    this.search = searchFrom(plan)
    this.candidate = valueOf(this.search.next(false))
  }

  /** The plan to be run now, until `tell` says how that went. */
  get next(): FaultPlan | undefined {
    return this.runs < this.budget ? this.candidate : undefined
  }

  /** Says whether the plan fails. */
  tell(hasFailed: boolean): void {
    const tried = this.next
    if (tried === undefined) return
    this.runs++
    if (hasFailed) {
      this.smallest = tried
      this.fails = true
    }
    this.candidate = valueOf(this.search.next(hasFailed))
  }

  /** What has been found so far. */
  get result(): Shrunk {
    const end = this.candidate !== undefined ? "budget" : this.fails ? "minimal" : "passes"
    return { plan: this.smallest, runs: this.runs, end }
  }
}

const valueOf = (step: IteratorResult<FaultPlan, void>): FaultPlan | undefined =>
  step.done === true ? undefined : step.value

/** Hands out plans to try, and is told of each whether it fails. */
const searchFrom = function*(plan: FaultPlan): Generator<FaultPlan, void, boolean> {
  if (!(yield plan)) return
  let faults = plan.faults
  // Often it was no fault at all: then nothing else needs to be tried.
  if (faults.length > 0 && (yield { ...plan, faults: [] })) return
  faults = yield* dropping(plan, faults, Math.ceil(faults.length / 2))
  for (;;) {
    const milder = yield* simplifying(plan, faults)
    if (milder === faults) return
    faults = yield* dropping(plan, milder, 1)
    if (faults === milder) return
  }
}

/** Drops parts of this size, then of half, until none of the single faults that are left can be dropped. */
const dropping = function*(
  plan: FaultPlan,
  faults: ReadonlyArray<Fault>,
  size: number
): Generator<FaultPlan, ReadonlyArray<Fault>, boolean> {
  let kept = faults
  let part = size
  // All of them at once have been tried before; the last one alone is then known to be needed.
  while (kept.length > 1) {
    const before = kept
    for (let at = 0; at < kept.length && kept.length > 1;) {
      const rest = [...kept.slice(0, at), ...kept.slice(at + part)]
      if (rest.length > 0 && (yield { ...plan, faults: rest })) kept = rest
      else at += part
    }
    if (part === 1 && kept === before) break
    part = Math.max(1, Math.min(Math.ceil(part / 2), Math.ceil(kept.length / 2)))
  }
  return kept
}

/** Makes one fault after the other as short and mild as it goes. The same list comes back if none goes. */
const simplifying = function*(
  plan: FaultPlan,
  faults: ReadonlyArray<Fault>
): Generator<FaultPlan, ReadonlyArray<Fault>, boolean> {
  let kept = faults
  for (let index = 0; index < kept.length; index++) {
    for (let isSimpler = true; isSimpler;) {
      isSimpler = false
      for (const fault of simplerThan(kept[index]!)) {
        const tried = { ...plan, faults: kept.with(index, fault) }
        // An earlier time may be one at which the node is still down for another reason.
        if (problemsOf(tried).length === 0 && (yield tried)) {
          kept = tried.faults
          isSimpler = true
          break
        }
      }
    }
  }
  return kept
}

/** Times are easier to read as whole seconds. */
const ROUND_MILLIS = 1000
/** A way that lets through a MiB a second is no longer a narrow one. */
const WIDE_BYTES_PER_SECOND = 1_048_576

/**
 * What is a step simpler than the fault: shorter, else milder, else at an earlier, whole second. Each step makes one of these
 * smaller and none before it larger, so there is an end.
 */
const simplerThan = function*(fault: Fault): Generator<Fault> {
  if (isLasting(fault)) {
    yield* shorterThan(fault)
    yield* milderThan(fault)
    const fromMillis = roundMillis(fault.fromMillis)
    const lengthMillis = fault.toMillis - fault.fromMillis
    if (fromMillis < fault.fromMillis) yield { ...fault, fromMillis, toMillis: fromMillis + lengthMillis }
  } else {
    const atMillis = roundMillis(fault.atMillis)
    if (atMillis < fault.atMillis) yield { ...fault, atMillis }
  }
}

const roundMillis = (millis: number): number => millis - (millis % ROUND_MILLIS)

const shorterThan = function*(fault: LastingFault): Generator<Fault> {
  const halfMillis = Math.ceil((fault.toMillis - fault.fromMillis) / 2)
  if (fault.fromMillis + halfMillis >= fault.toMillis) return
  yield { ...fault, toMillis: fault.fromMillis + halfMillis }
  yield { ...fault, fromMillis: fault.toMillis - halfMillis }
}

const milderThan = function*(fault: LastingFault): Generator<Fault> {
  switch (fault.kind) {
    case "hostile":
      for (const name of Object.keys(fault.options)) {
        yield { ...fault, options: Object.fromEntries(Object.entries(fault.options).filter(([key]) => key !== name)) }
      }
      return
    case "partition":
      for (const groups of fewerOf(fault.groups)) yield { ...fault, groups }
      return
    case "clog":
      for (const latencyMillis of halfOf(fault.latencyMillis)) yield { ...fault, latencyMillis }
      return
    case "flap":
      for (const downMillis of halfOf(fault.downMillis)) yield { ...fault, downMillis }
      return
    case "loss":
      for (const lostPerMille of halfOf(fault.lostPerMille)) yield { ...fault, lostPerMille }
      return
    case "squeeze":
      if (fault.bytesPerSecond < WIDE_BYTES_PER_SECOND) yield { ...fault, bytesPerSecond: fault.bytesPerSecond * 2 }
      return
    case "slowDisk":
      for (const delayMillis of halfOf(fault.delayMillis)) yield { ...fault, delayMillis }
      return
    case "failingDisk":
      for (const failedPerMille of halfOf(fault.failedPerMille)) yield { ...fault, failedPerMille }
  }
}

const halfOf = (amount: number): ReadonlyArray<number> => amount > 1 ? [Math.floor(amount / 2)] : []

/** Without a group; then without a host of one. */
const fewerOf = function*(
  groups: ReadonlyArray<ReadonlyArray<number>>
): Generator<ReadonlyArray<ReadonlyArray<number>>> {
  if (groups.length > 1) { for (const group of groups) yield groups.filter((other) => other !== group) }
  for (const [place, group] of groups.entries()) {
    if (group.length < 2) continue
    for (const host of group) yield groups.with(place, group.filter((other) => other !== host))
  }
}
