/**
 * A child of `bench simulation`: runs one network, and measures its own process behind the first seconds.
 */
import { Effect } from "effect"
import { stream } from "../src/core/Prng.ts"
import { LOADS } from "../src/core/simulation/Load.ts"
import { random } from "../src/core/simulation/Topology.ts"
import * as NodeCrypto from "../src/layers/node/NodeCrypto.ts"
import * as SharedCrypto from "../src/layers/simulation/SharedCrypto.ts"
import * as StubCrypto from "../src/layers/simulation/StubCrypto.ts"
import { make } from "../src/testing/stellar/Simulation.ts"
import { DEGREE, type SimulationMeasured, type SimulationOrder, WARM_UP_SECONDS } from "./simulation.ts"

const KIBIBYTES_PER_MEBIBYTE = 1024
const MICROS_PER_SECOND = 1_000_000
const MILLIS_PER_SECOND = 1000

const { crypto, nodes, properties, seconds, seed }: SimulationOrder = JSON.parse(process.argv[2] ?? "null")
const simulation = make({
  seed,
  seconds: WARM_UP_SECONDS + seconds,
  topology: random(nodes, DEGREE, stream(seed, "topology")),
  load: LOADS.light,
  properties: properties === "none" ? [] : properties,
  crypto: crypto === "real" ? SharedCrypto.make(NodeCrypto.make()) : StubCrypto.make()
})

/** Frames that all nodes have written: their own counters, asked in a fiber of the World at the time at which it stands. */
const framesUpTo = (second: number): number => {
  let frames = 0
  for (const node of simulation.nodes) {
    const overlay = node.overlay()
    if (overlay === undefined) continue
    simulation.world.fork(Effect.map(overlay.counters, (counters) => {
      frames += counters["framesWritten"] ?? 0
    }))
  }
  simulation.advanceTo(second)
  return frames
}

simulation.advanceTo(WARM_UP_SECONDS)
const frames = framesUpTo(WARM_UP_SECONDS)
const tasks = simulation.world.tasksRun()
const cpu = process.cpuUsage()
const began = performance.now()
simulation.advanceTo(WARM_UP_SECONDS + seconds)
const wallMillis = performance.now() - began
const { system, user } = process.cpuUsage(cpu)
const measured: SimulationMeasured = {
  wallSeconds: wallMillis / MILLIS_PER_SECOND,
  cpuSeconds: (system + user) / MICROS_PER_SECOND,
  tasks: simulation.world.tasksRun() - tasks,
  frames: framesUpTo(WARM_UP_SECONDS + seconds) - frames,
  rssMiB: process.resourceUsage().maxRSS / KIBIBYTES_PER_MEBIBYTE
}
process.stdout.write(JSON.stringify(measured))
