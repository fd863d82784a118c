/**
 * `bench link`: one connection, one direction, as fast as it goes with flow control on.
 */
import { Effect } from "effect"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { isMessageSize } from "./messages.ts"
import { answer, machine, progress, shown, table } from "./printing.ts"
import { type Pair, RunFailed, runLink } from "./processes.ts"
import { profileArgs, profileFlag } from "./profile.ts"
import type { SideName, Window } from "./protocol.ts"
import { type Figure, figureOf } from "./statistics.ts"

/** What every node grants unless told otherwise: stellar-core's window. */
const WINDOW: Window = { messages: 200, bytes: 300_000, batchMessages: 40, batchBytes: 100_000 }
/** Five times as much: what a node grants is its own choice. */
const WIDE_WINDOW: Window = { messages: 1000, bytes: 1_500_000, batchMessages: 200, batchBytes: 500_000 }

interface Row {
  readonly name: string
  readonly side: SideName
  readonly window: Window
}

const rows: ReadonlyArray<Row> = [
  { name: "product", side: "product", window: WINDOW },
  { name: "floor", side: "floor", window: WINDOW },
  { name: "productWide", side: "product", window: WIDE_WINDOW },
  { name: "floorWide", side: "floor", window: WIDE_WINDOW },
  { name: "connector", side: "connector", window: WINDOW },
  { name: "connectorNoDelay", side: "connector-nodelay", window: WINDOW }
]

/** One run of one row. */
interface Run {
  readonly tx: number
  readonly rx: number
  readonly framesPerSecond: number
}

const NANOS_PER_MICRO = 1000
const MILLIS_PER_SECOND = 1000

const runOf = ({ called, calling }: Pair): Run => ({
  tx: calling.cpuMicros * NANOS_PER_MICRO / calling.count,
  rx: called.cpuMicros * NANOS_PER_MICRO / called.count,
  framesPerSecond: called.count * MILLIS_PER_SECOND / called.wallMillis
})

/** The figures of a row, and how they compare with the floor's in the same round. */
const figuresOf = (runs: ReadonlyArray<Run>, floor: ReadonlyArray<Run> | undefined) => {
  const ratio = (of: (run: Run) => number): Figure | undefined =>
    floor === undefined ? undefined : figureOf(runs.map((run, i) => of(run) / of(floor[i] ?? run)))
  return {
    txCpuNsPerFrame: figureOf(runs.map(({ tx }) => tx)),
    rxCpuNsPerFrame: figureOf(runs.map(({ rx }) => rx)),
    framesPerSecond: figureOf(runs.map(({ framesPerSecond }) => framesPerSecond)),
    ratioToFloor: ratio(({ rx }) => rx),
    txRatioToFloor: ratio(({ tx }) => tx)
  }
}

const describe = (names: ReadonlyArray<string>, figures: ReadonlyArray<ReturnType<typeof figuresOf>>): string =>
  table([
    ["", "send CPU-ns/frame", "receive CPU-ns/frame", "frames/s", "receive to floor", "send to floor"],
    ...figures.map((figure, i) => [
      names[i] ?? "",
      shown(figure.txCpuNsPerFrame),
      shown(figure.rxCpuNsPerFrame),
      shown(figure.framesPerSecond),
      figure.ratioToFloor === undefined ? "" : shown(figure.ratioToFloor),
      figure.txRatioToFloor === undefined ? "" : shown(figure.txRatioToFloor)
    ])
  ])

/** The command. */
export const link = Command.make(
  "link",
  {
    size: Flag.Int("size").pipe(
      Flag.withMetavar("BYTES"),
      Flag.withDescription("Length of a whole message: at least 164, a multiple of 4; 48 more on the wire"),
      Flag.withDefault(300)
    ),
    runs: Flag.Int("runs").pipe(Flag.withDescription("Rounds; each runs every row once"), Flag.withDefault(7)),
    seconds: Flag.Finite("seconds").pipe(
      Flag.withDescription("Length of a run, behind its warm-up"),
      Flag.withDefault(3)
    ),
    rows: Flag.String("rows").pipe(
      Flag.withMetavar("NAMES"),
      Flag.withDescription(`Which rows, by comma: ${rows.map(({ name }) => name).join(", ")}`),
      Flag.withDefault(rows.map(({ name }) => name).join(","))
    ),
    profile: profileFlag,
    json: Flag.Boolean("json").pipe(Flag.withDescription("Print one JSON document"), Flag.withDefault(false))
  },
  Effect.fnUntraced(function*({ json, profile, rows: wanted, runs, seconds, size }) {
    const names = wanted.split(",")
    const chosen = rows.filter(({ name }) => names.includes(name))
    if (!isMessageSize(size)) {
      return yield* new RunFailed({ message: `no message has ${size} bytes: see --help` })
    }
    if (chosen.length !== names.length) return yield* new RunFailed({ message: `no such rows: ${wanted}` })

    const results = chosen.map((): Array<Run> => [])
    for (let round = 1; round <= runs; round++) {
      for (const [i, row] of chosen.entries()) {
        const run = runOf(yield* runLink(row.side, size, row.window, seconds, profileArgs(profile, row.name)))
        results[i]?.push(run)
        yield* progress(
          `round ${round}/${runs}, ${row.name}: send ${Math.round(run.tx)}, receive ${
            Math.round(run.rx)
          } CPU-ns a frame, `
            + `${Math.round(run.framesPerSecond)} frames/s`
        )
      }
    }

    const floors: Record<string, string> = { productWide: "floorWide", floorWide: "floorWide" }
    const figures = chosen.map(({ name }, i) => {
      const floor = chosen.findIndex((row) => row.name === (floors[name] ?? "floor"))
      return figuresOf(results[i] ?? [], results[floor])
    })
    if (!json) return yield* answer(describe(chosen.map(({ name }) => name), figures))
    return yield* answer(JSON.stringify({
      bench: "link",
      machine: machine(),
      messageBytes: size,
      runs,
      seconds,
      spread: "interquartile range",
      ...figures[0],
      rows: Object.fromEntries(chosen.map(({ name, window }, i) => [name, { window, ...figures[i] }]))
    }))
  })
).pipe(
  Command.withDescription(
    "Send messages over one TCP connection between two processes, with flow control on: CPU-nanoseconds a frame on each side, "
      + "frames a second, and how both compare with the bare loop (`floor`) and with an independent implementation "
      + "(`connector`), measured in the same rounds. `--rows` begins with the row whose figures stand at the top of the JSON."
  ),
  Command.withShortDescription("Measure one connection")
)
