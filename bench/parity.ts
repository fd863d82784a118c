/**
 * `bench parity`: the same network in virtual time and over real TCP, and whether both say the same.
 */
import { Effect } from "effect"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { type FloodKind, type FloodLedger, percentileMillis, type Said } from "../src/testing/stellar/FloodLedger.ts"
import { draw, type Plan } from "./parity/plan.ts"
import { type RealRun, runReal } from "./parity/real.ts"
import type { StolenOf } from "./parity/stolenTime.ts"
import { runVirtual } from "./parity/virtual.ts"
import { answer, machine, progress, table } from "./printing.ts"
import { RunFailed } from "./processes.ts"

/** How far the two worlds may lie apart. */
const TOLERANCE = 0.1

/**
 * A message is compared if less than this share of its way was taken from the process by others: half of the tolerance, for a
 * virtual world has no neighbours.
 */
const STOLEN_SHARE = TOLERANCE / 2
/** Fewer messages of a kind say nothing about a 99th percentile: so many have about 2,000 deliveries. */
const LEAST_MESSAGES = 100

const KINDS = { scp: "SCP_MESSAGE", tx: "TRANSACTION" } as const satisfies Record<string, FloodKind>
const PERCENTILES = { p50: 50, p99: 99 } as const

/** A latency of one world and of the other, in milliseconds. */
interface Compared {
  readonly virtual: number
  readonly tcp: number
  /** TCP to virtual. */
  readonly ratio: number
}

type Latencies = { readonly [kind in keyof typeof KINDS]: { readonly [p in keyof typeof PERCENTILES]: Compared } }

interface Run {
  readonly seed: number
  readonly messages: number
  /** Messages of each kind during whose way the machine let the process run: those that are compared, in both worlds. */
  readonly undisturbed: { readonly [kind in keyof typeof KINDS]: number }
  /** Each message at every other node. */
  readonly expected: number
  readonly delivered: { readonly virtual: number; readonly tcp: number }
  readonly latencyMillis: Latencies
  /** The same of all messages: on a machine of one's own no different. */
  readonly disturbedToo: Latencies
}

const rounded = (value: number, digits: number): number => Number(value.toFixed(digits))

/** Whether the machine let the process alone while a message was on its way over TCP. */
const isUndisturbed = (virtual: Said, tcp: Said, stolenOf: StolenOf): boolean => {
  const slowest = Math.max(...virtual.reached.values()) - virtual.atMicros
  return stolenOf(tcp.atMicros, Math.max(...tcp.reached.values())) <= slowest * STOLEN_SHARE
}

const latencies = (all: ReadonlyArray<Said>): ReadonlyArray<number> =>
  all.flatMap(({ atMicros, reached }) => [...reached.values()].map((at) => at - atMicros)).sort((one, other) =>
    one - other
  )

const compare = (plan: Plan, virtual: FloodLedger, { ledger: tcp, stolenOf }: RealRun): Run => {
  const all = [...virtual.said].flatMap(([hash, one]) => {
    const other = tcp.said.get(hash)
    return other === undefined ? [] : [[one, other] as const]
  })
  const undisturbed = all.filter(([one, other]) => isUndisturbed(one, other, stolenOf))
  const count = (kind: FloodKind): number => undisturbed.filter(([one]) => one.kind === kind).length
  return {
    seed: plan.seed,
    messages: plan.sayings.length,
    undisturbed: { scp: count(KINDS.scp), tx: count(KINDS.tx) },
    expected: plan.sayings.length * (plan.topology.nodes - 1),
    delivered: { virtual: virtual.deliveries, tcp: tcp.deliveries },
    latencyMillis: compareLatencies(undisturbed),
    disturbedToo: compareLatencies(all)
  }
}

const compareLatencies = (pairs: ReadonlyArray<readonly [virtual: Said, tcp: Said]>): Latencies => {
  const ofKind = (kind: FloodKind) => {
    const [one, other] = ([0, 1] as const).map((world) =>
      latencies(pairs.flatMap((pair) => pair[world].kind === kind ? [pair[world]] : []))
    )
    const comparedAt = (percent: number): Compared => {
      const ours = percentileMillis(one!, percent) ?? Number.NaN
      const theirs = percentileMillis(other!, percent) ?? Number.NaN
      return { virtual: rounded(ours, 1), tcp: rounded(theirs, 1), ratio: rounded(theirs / ours, 3) }
    }
    return { p50: comparedAt(PERCENTILES.p50), p99: comparedAt(PERCENTILES.p99) }
  }
  return { scp: ofKind(KINDS.scp), tx: ofKind(KINDS.tx) }
}

const comparedOf = ({ latencyMillis: { scp, tx } }: Run): ReadonlyArray<readonly [name: string, Compared]> => [
  ["scp p50", scp.p50],
  ["scp p99", scp.p99],
  ["tx p50", tx.p50],
  ["tx p99", tx.p99]
]

/** What is wrong with a run, a sentence each. */
const problemsOf = (run: Run): ReadonlyArray<string> => {
  const { delivered, expected, seed } = run
  const lost = (["virtual", "tcp"] as const).flatMap((world) =>
    delivered[world] === expected ? [] : [`Seed ${seed}: ${delivered[world]} of ${expected} deliveries, ${world}.`]
  )
  const apart = comparedOf(run).flatMap(([name, { ratio }]) =>
    Math.abs(ratio - 1) <= TOLERANCE ? [] : [`Seed ${seed}: ${name} over TCP is ${ratio} of that in virtual time.`]
  )
  const few = Object.entries(run.undisturbed).flatMap(([kind, messages]) =>
    messages >= LEAST_MESSAGES
      ? []
      : [
        `Seed ${seed}: only ${messages} messages (${kind}) were left alone by other programs: run it on a quieter machine.`
      ]
  )
  return [...lost, ...few, ...apart]
}

const rowsOf = (run: Run) =>
  comparedOf(run).map(([name, { ratio, tcp, virtual }]) => [
    String(run.seed),
    name,
    virtual.toFixed(1),
    tcp.toFixed(1),
    ratio.toFixed(3)
  ])

const whole = (name: string, description: string, value: number) =>
  Flag.Int(name).pipe(Flag.withDescription(description), Flag.withDefault(value))

/** The command. */
export const parity = Command.make(
  "parity",
  {
    nodes: whole("nodes", "Nodes of the network", 20),
    seconds: whole("seconds", "How long they speak in a run, in seconds", 60),
    rate: whole("rate", "Messages a second of all of them, half of them statements, half transactions", 10),
    seed: whole("seed", "Where topology, latencies and load come from; each run takes the next one", 1),
    runs: whole("runs", "Runs", 3),
    json: Flag.Boolean("json").pipe(Flag.withDescription("Print one JSON document"), Flag.withDefault(false))
  },
  Effect.fnUntraced(function*({ json, nodes, rate, runs, seconds, seed }) {
    const results: Array<Run> = []
    for (let round = 0; round < runs; round++) {
      const plan = draw(seed + round, { nodes, seconds, perSecond: rate })
      const virtual = yield* runVirtual(plan)
      yield* progress(`run ${round + 1}/${runs}: virtual time is done, TCP takes ${Math.ceil(plan.endMillis / 1000)} s`)
      results.push(compare(plan, virtual, yield* runReal(plan)))
    }
    const problems = results.flatMap(problemsOf)
    yield* answer(
      json
        ? JSON.stringify({
          bench: "parity",
          machine: machine(),
          nodes,
          seconds,
          rate,
          tolerance: TOLERANCE,
          agree: problems.length === 0,
          runs: results
        })
        : table([["seed", "", "virtual ms", "TCP ms", "ratio"], ...results.flatMap(rowsOf)])
    )
    if (problems.length > 0) return yield* new RunFailed({ message: problems.join("\n") })
  })
).pipe(
  Command.withDescription(
    "Run one plan twice: in virtual time, and with whole nodes over loopback TCP whose bytes are held back as long as the plan says "
      + "(20 to 80 ms a link). Ends with 1 if p50 or p99 of the delivery differ by more than a tenth, or something is lost."
  ),
  Command.withShortDescription("Compare the virtual world with this one")
)
