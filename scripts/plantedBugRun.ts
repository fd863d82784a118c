/**
 * Looks for a violation of any property in one seed after the other, under heavy faults and hostile peers.
 *
 * `planted-bugs.ts` runs it in a copy of the source; alone it is a small swarm. One line of JSON a seed, the last one where
 * something is found: `{ "seed": 7, "finding": { "property", "atSeconds", "detail" } }`; before it `"finding": null`.
 */
import { parseArgs } from "node:util"
import { fair } from "../src/core/LinkWeather.ts"
import { optionsOf } from "../src/programs/simulate/Experiment.ts"
import { make } from "../src/testing/stellar/Simulation.ts"

/** What is seen of a bug in one run. */
export interface Finding {
  readonly property: string
  readonly atSeconds: number
  readonly detail: string
}

/** A line of the answer. */
export interface SeedReport {
  readonly seed: number
  readonly finding: Finding | null
}

const MICROS_PER_SECOND = 1_000_000
/** A healthy node runs some 1,500 tasks in its worst second: what runs thirty times as many will not come to an end. */
const TASKS_A_NODE_AND_SECOND = 50_000

/** Runs one seed until the first violation: the one of `overlay simulate --faults heavy --hostile 20% --replay SEED`. */
const look = (seed: number, nodes: number, seconds: number): Finding | null => {
  const options = optionsOf({
    nodes,
    seconds,
    topology: "random",
    weather: fair,
    load: "drawn",
    faults: "heavy",
    hostilePercent: 20,
    realCrypto: false
  }, seed)
  let atSeconds = 0
  try {
    const simulation = make(options)
    const first = (): Finding | undefined => {
      const violation = simulation.violations[0]
      if (violation === undefined) return undefined
      const { atMicros, detail, node, property } = violation
      return { property, atSeconds: atMicros / MICROS_PER_SECOND, detail: `node ${node ?? "-"}: ${detail}` }
    }
    while (atSeconds < seconds) {
      const before = simulation.world.tasksRun()
      simulation.advanceTo(++atSeconds)
      const found = first()
      if (found !== undefined) return found
      const tasks = simulation.world.tasksRun() - before
      if (tasks > nodes * TASKS_A_NODE_AND_SECOND) {
        return { property: "the simulation comes to an end", atSeconds, detail: `${tasks} tasks in one second` }
      }
    }
    simulation.finish()
    return first() ?? null
  } catch (thrown) {
    const detail = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
    return { property: "nothing throws", atSeconds, detail }
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      from: { type: "string", default: "1" },
      seeds: { type: "string", default: "1000" },
      nodes: { type: "string", default: "20" },
      seconds: { type: "string", default: "60" }
    }
  })
  const from = Number(values.from)
  for (let seed = from; seed < from + Number(values.seeds); seed++) {
    const report: SeedReport = { seed, finding: look(seed, Number(values.nodes), Number(values.seconds)) }
    process.stdout.write(`${JSON.stringify(report)}\n`)
    if (report.finding !== null) break
  }
}
