/**
 * What a plan of the right shape may still have wrong: numbers out of range, ends before begins, a node in two states.
 */
import { PLAN_FAULTS, SIMULATED_NODES } from "../limits.ts"
import { type Fault, type FaultPlan, isLasting } from "./FaultPlan.ts"

/** What is wrong, and where: keys and places from the plan inwards. */
export interface PlanProblem {
  readonly path: ReadonlyArray<string | number>
  /** One sentence for a person. */
  readonly message: string
}

/** The world counts in microseconds, and all of them must be exact. */
const MICROS_PER_MILLI = 1000

/** All that is wrong with a plan, in its order; nothing if it can be run. */
export const problemsOf = (plan: FaultPlan): ReadonlyArray<PlanProblem> => {
  const problems: Array<PlanProblem> = []
  if (!isCount(plan.nodes) || plan.nodes > SIMULATED_NODES) {
    problems.push(problem(["nodes"], plan.nodes, `a whole number from 1 to ${SIMULATED_NODES}`))
  }
  if (!isTime(plan.durationMillis)) problems.push(problem(["durationMillis"], plan.durationMillis, TIME))
  if (plan.faults.length > PLAN_FAULTS) {
    return [...problems, {
      path: ["faults"],
      message: `A plan has at most ${PLAN_FAULTS} faults, this one has ${plan.faults.length}`
    }]
  }
  plan.faults.forEach((fault, index) => {
    const path = ["faults", index]
    for (const [key, value] of Object.entries(fault)) problems.push(...fieldProblems(plan, [...path, key], key, value))
    problems.push(...faultProblems(fault, path))
  })
  problems.push(...overlaps(plan))
  return problems
}

const TIME = "a whole number of milliseconds from 0 on"
const AMOUNT = "a whole number from 1 on"
const PER_MILLE = "a whole number from 1 to 1000"

const isTime = (value: unknown): boolean =>
  typeof value === "number" && value >= 0 && Number.isInteger(value) && Number.isSafeInteger(value * MICROS_PER_MILLI)
const isCount = (value: unknown): boolean => typeof value === "number" && value >= 1 && Number.isSafeInteger(value)
const isAmount = (value: unknown): boolean => isCount(value) && isTime(value)
const isPerMille = (value: unknown): boolean => isCount(value) && Number(value) <= 1000

const problem = (path: PlanProblem["path"], found: unknown, expected: string): PlanProblem => ({
  path,
  message: `Expected ${expected}, found ${JSON.stringify(found)}`
})

/** A field means the same in every kind of fault, so its name says what is asked of it. */
const fieldProblems = (
  plan: FaultPlan,
  path: PlanProblem["path"],
  key: string,
  value: unknown
): ReadonlyArray<PlanProblem> => {
  const unless = (holds: boolean, expected: string) => holds ? [] : [problem(path, value, expected)]
  const isIndex = (index: unknown) => isTime(index) && Number(index) < plan.nodes
  const INDEX = `an index below ${plan.nodes}, the number of nodes`
  switch (key) {
    case "fromMillis":
    case "toMillis":
    case "atMillis":
      return unless(isTime(value), TIME)
    case "node":
    case "host":
    case "source":
    case "target":
      return unless(isIndex(value), INDEX)
    case "latencyMillis":
    case "delayMillis":
    case "downMillis":
    case "upMillis":
    case "bytesPerSecond":
    case "moreBytes":
      return unless(isAmount(value), AMOUNT)
    case "lostPerMille":
    case "failedPerMille":
      return unless(isPerMille(value), PER_MILLE)
    case "where":
      return typeof value !== "object" || value === null ? [] : [
        ...Object.entries(value).flatMap(([inner, index]) => fieldProblems(plan, [...path, inner], inner, index)),
        ...unless(!isLoop(value), "two hosts")
      ]
    case "groups":
      return groupProblems(path, value, isIndex, INDEX)
    default:
      return []
  }
}

const isLoop = (way: object): boolean => "source" in way && "target" in way && way.source === way.target

const groupProblems = (
  path: PlanProblem["path"],
  groups: unknown,
  isIndex: (value: unknown) => boolean,
  expected: string
): ReadonlyArray<PlanProblem> => {
  if (!Array.isArray(groups)) return []
  const problems: Array<PlanProblem> = []
  if (groups.length === 0) problems.push(problem(path, groups, "at least one group"))
  const named = new Set<unknown>()
  groups.forEach((group: unknown, place) => {
    if (!Array.isArray(group)) return
    if (group.length === 0) problems.push(problem([...path, place], group, "at least one host"))
    group.forEach((host: unknown, at) => {
      if (!isIndex(host)) problems.push(problem([...path, place, at], host, expected))
      else if (named.has(host)) problems.push(problem([...path, place, at], host, "a host that is in no other group"))
      named.add(host)
    })
  })
  return problems
}

const faultProblems = (fault: Fault, path: PlanProblem["path"]): ReadonlyArray<PlanProblem> => [
  ...(isLasting(fault) && fault.toMillis <= fault.fromMillis
    ? [problem([...path, "toMillis"], fault.toMillis, `a time after fromMillis (${fault.fromMillis})`)]
    : []),
  ...(isLoop(fault) ? [problem(path, fault, "two hosts")] : [])
]

/** A node is in one state at a time: up, crashed, stopped, or in an attacker's hands. */
const overlaps = (plan: FaultPlan): ReadonlyArray<PlanProblem> => {
  const states = plan.faults
    .flatMap((fault, index) =>
      fault.kind === "crash" || fault.kind === "stop" || fault.kind === "hostile" ? [{ fault, index }] : []
    )
    .sort((one, other) => one.fault.node - other.fault.node || one.fault.fromMillis - other.fault.fromMillis)
  let before = states[0]
  return states.slice(1).flatMap((state) => {
    const last = before
    const isOverlap = last !== undefined && last.fault.node === state.fault.node &&
      last.fault.toMillis > state.fault.fromMillis
    if (!isOverlap || state.fault.toMillis > last.fault.toMillis) before = state
    return isOverlap
      ? [{
        path: ["faults", state.index],
        message: `Node ${state.fault.node} is still in the state of faults[${last.index}] (${last.fault.kind}) then`
      }]
      : []
  })
}
