/**
 * `bench handshake`: strangers that call, prove who they are, and hang up.
 */
import { Effect } from "effect"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { answer, machine, progress, shown, table } from "./printing.ts"
import { type Pair, runHandshakes } from "./processes.ts"
import { profileArgs, profileFlag } from "./profile.ts"
import type { SideName } from "./protocol.ts"
import { figureOf } from "./statistics.ts"

interface Row {
  readonly name: string
  readonly caller: SideName
  readonly acceptor: SideName
}

const rows: ReadonlyArray<Row> = [
  { name: "product", caller: "product", acceptor: "product" },
  { name: "connectorCallsProduct", caller: "connector-nodelay", acceptor: "product" },
  { name: "productCallsConnector", caller: "product", acceptor: "connector-nodelay" },
  { name: "connector", caller: "connector-nodelay", acceptor: "connector-nodelay" }
]

/** Handshakes before a measurement: until then both processes still compile. */
const WARM_UP_HANDSHAKES = 300
const MILLIS_PER_SECOND = 1000

interface Run {
  readonly caller: number
  readonly acceptor: number
  readonly perSecond: number
}

const runOf = ({ called, calling }: Pair): Run => ({
  caller: calling.cpuMicros / calling.count,
  acceptor: called.cpuMicros / calling.count,
  perSecond: calling.count * MILLIS_PER_SECOND / calling.wallMillis
})

const figuresOf = (runs: ReadonlyArray<Run>) => ({
  callerCpuMicros: figureOf(runs.map(({ caller }) => caller)),
  acceptorCpuMicros: figureOf(runs.map(({ acceptor }) => acceptor)),
  handshakesPerSecond: figureOf(runs.map(({ perSecond }) => perSecond))
})

/** The command. */
export const handshake = Command.make(
  "handshake",
  {
    handshakes: Flag.Int("handshakes").pipe(
      Flag.withDescription("Handshakes in a run, each by a caller with an identity of its own"),
      Flag.withDefault(500)
    ),
    runs: Flag.Int("runs").pipe(Flag.withDescription("Rounds; each runs every pair once"), Flag.withDefault(5)),
    profile: profileFlag,
    json: Flag.Boolean("json").pipe(Flag.withDescription("Print one JSON document"), Flag.withDefault(false))
  },
  Effect.fnUntraced(function*({ handshakes, json, profile, runs }) {
    const results = rows.map((): Array<Run> => [])
    for (let round = 1; round <= runs; round++) {
      for (const [i, { acceptor, caller, name }] of rows.entries()) {
        const counts = { warmUp: WARM_UP_HANDSHAKES, handshakes }
        const run = runOf(yield* runHandshakes(caller, acceptor, counts, profileArgs(profile, name)))
        results[i]?.push(run)
        yield* progress(
          `round ${round}/${runs}, ${name}: caller ${Math.round(run.caller)}, acceptor ${
            Math.round(run.acceptor)
          } CPU-us, `
            + `${Math.round(run.perSecond)} handshakes/s`
        )
      }
    }
    const figures = results.map(figuresOf)
    if (!json) {
      return yield* answer(table([
        ["", "caller CPU-us", "acceptor CPU-us", "handshakes/s"],
        ...figures.map(({ acceptorCpuMicros, callerCpuMicros, handshakesPerSecond }, i) => [
          rows[i]?.name ?? "",
          shown(callerCpuMicros),
          shown(acceptorCpuMicros),
          shown(handshakesPerSecond)
        ])
      ]))
    }
    return yield* answer(JSON.stringify({
      bench: "handshake",
      machine: machine(),
      runs,
      handshakes,
      spread: "interquartile range",
      ...figures[0],
      rows: Object.fromEntries(rows.map(({ name }, i) => [name, figures[i]]))
    }))
  })
).pipe(
  Command.withDescription(
    "Connect, authenticate and hang up between two processes, eight at a time, each caller a node that the acceptor has never "
      + "met: CPU-microseconds a handshake on each side, connecting and closing included."
  ),
  Command.withShortDescription("Measure handshakes")
)
