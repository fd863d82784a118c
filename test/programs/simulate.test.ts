/** Whole networks from a seed, as a command: the same again, faults from a file, many seeds at once, small plans, pages. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber } from "effect"
import { createHash } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fair } from "../../src/core/LinkWeather.ts"
import { type FaultPlan, noFaults, startMillis } from "../../src/core/simulation/FaultPlan.ts"
import { canonicalText } from "../../src/core/simulation/FaultPlanText.ts"
import { type Load, LOADS } from "../../src/core/simulation/Load.ts"
import {
  drawnLoad,
  type Experiment,
  type Finished,
  optionsOf,
  type Outcome,
  runOnce
} from "../../src/programs/simulate/Experiment.ts"
import { pageOf } from "../../src/programs/simulate/page.ts"
import { shrinkRun } from "../../src/programs/simulate/shrinking.ts"
import { AFTERMATH_LINES, TraceWindow, WINDOW_LINES } from "../../src/programs/simulate/TraceWindow.ts"
import type { Property } from "../../src/testing/stellar/properties/Property.ts"
import { run } from "../../src/testing/stellar/Simulation.ts"
import { temporaryFolder } from "../layers/temporaryFolder.ts"
import { overlay, startOverlay } from "./overlayCommand.ts"

const experiment: Experiment = {
  nodes: 6,
  seconds: 15,
  topology: "random",
  weather: fair,
  load: LOADS.light,
  faults: "light",
  hostilePercent: 0,
  realCrypto: false
}
const asFlags = ["--nodes", "6", "--seconds", "15", "--faults", "light"]

/** A network in which a transaction is too long under way: each hop asks for it anew, and there are twelve. */
const tooLong = "--nodes 24 --topology ring --latency 600ms --load transactions=1 --seconds 40".split(" ")

const runSeed = (seed: number): Effect.Effect<Finished> =>
  Effect.map(runOnce(optionsOf(experiment, seed)), (outcome) => {
    if (outcome._tag === "Broken") throw new Error(outcome.error)
    return outcome
  })

describe("overlay simulate", () => {
  it.live("gives the same trace for the same seed in two processes, and in one document what came of it", () =>
    Effect.gen(function*() {
      const flags = ["simulate", ...asFlags, "--seed", "3", "--json"]
      const [one, other] = yield* Effect.promise(() => Promise.all([overlay(...flags), overlay(...flags)]))
      assert.strictEqual(one.code, 0, one.stderr)
      const { cpuSeconds, ...document } = JSON.parse(one.stdout)
      assert.deepStrictEqual(Object.keys(JSON.parse(one.stdout)), [
        "seed",
        "planHash",
        "traceHash",
        "deliveries",
        "violations",
        "simulatedSeconds",
        "cpuSeconds",
        "nodes",
        "originated",
        "duplicates",
        "latencyMillis",
        "bytesPerNode"
      ])
      assert.deepStrictEqual(document, (({ cpuSeconds: _, ...rest }) => rest)(JSON.parse(other.stdout)))
      assert.isAbove(cpuSeconds, 0)
      assert.strictEqual(document.seed, 3)
      assert.isAbove(document.latencyMillis.scp.p50, 0)

      // Neither does it matter that a run is made in slices, nor in which process.
      const { result } = yield* runSeed(3)
      assert.strictEqual(result.traceHash, document.traceHash)
      assert.strictEqual(run(optionsOf(experiment, 3)).traceHash, document.traceHash)
      assert.notStrictEqual((yield* runSeed(4)).result.traceHash, document.traceHash)
    }))

  it.live("runs the plan of a file, and writes the trace and a page of it", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const plan: FaultPlan = {
        ...noFaults(4, 12_000),
        faults: [{ kind: "vanish", host: 2, fromMillis: 6000, toMillis: 8000 }]
      }
      const [file, trace, page] = ["plan.json", "run.trace", "run.html"].map((name) => join(folder, name))
      writeFileSync(file!, canonicalText(plan))
      const { code, stderr, stdout } = yield* Effect.promise(() =>
        overlay("simulate", "--faults", file!, "--json", "--trace", trace!, "--html", page!)
      )
      assert.strictEqual(code, 0, stderr)
      const document = JSON.parse(stdout)
      assert.deepStrictEqual([document.nodes, document.simulatedSeconds], [4, 12])
      assert.strictEqual(document.planHash, createHash("sha256").update(readFileSync(file!)).digest("hex"))

      const lines = readFileSync(trace!, "utf8").trimEnd().split("\n")
      assert.deepStrictEqual(lines.filter((line) => line.includes("fault")), [
        `    6.000000  network   fault begin ${JSON.stringify(plan.faults[0])}`,
        `    8.000000  network   fault end   ${JSON.stringify(plan.faults[0])}`
      ])
      assert.lengthOf(lines.filter((line) => / hears /.test(line)), document.deliveries)
      const html = readFileSync(page!, "utf8")
      assert.include(html, document.traceHash)
      assert.notMatch(html, /(src|href)=|@import|url\(/)
    }))

  it.live("runs many seeds over processes, each as it runs alone", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* Effect.promise(() =>
        overlay("simulate", ...asFlags, "--seed", "3", "--swarm", "4", "--json")
      )
      assert.strictEqual(code, 0, stderr)
      const alone = yield* Effect.forEach([3, 4, 5, 6], runSeed)
      const { cpuSeconds, wallSeconds, ...document } = JSON.parse(stdout)
      assert.isAbove(cpuSeconds, 0)
      assert.isAbove(wallSeconds, 0)
      assert.deepStrictEqual(document, {
        seeds: 4,
        failing: 0,
        deliveries: alone.reduce((sum, { result }) => sum + result.deliveries, 0),
        simulatedSeconds: 60,
        failures: []
      })
    }))

  it("prints the command that replays a failing seed, and ends its processes when it is interrupted", async () => {
    const running = startOverlay(["simulate", ...tooLong, "--seed", "7", "--swarm", "1000", "--workers", "1"])
    try {
      assert.include(await running.line(), `seed 7: 40.000000 s, node `)
      assert.strictEqual(
        await running.line(),
        "  overlay simulate --nodes 24 --seconds 40 --topology ring --latency 600ms --load transactions=1 --replay 7"
      )
      assert.strictEqual(await running.stop("SIGINT"), 130)
    } finally {
      running.kill()
    }
  })

  it.live("fails on a violation, and saves the smallest plan that has it", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const [plan, small] = [join(folder, "plan.json"), join(folder, "small.json")]
      const faults = [0, 1].map((host) => ({ kind: "vanish", host, fromMillis: 1000, toMillis: 2000 }) as const)
      writeFileSync(plan, canonicalText({ ...noFaults(24, 40_000), faults }))
      const { code, stderr, stdout } = yield* Effect.promise(() =>
        overlay("simulate", ...tooLong, "--faults", plan, "--replay", "7", "--shrink", "--save", small, "--json")
      )
      assert.strictEqual(code, 1, stderr)
      const document = JSON.parse(stdout)
      assert.deepStrictEqual(document.shrunk, { file: small, faults: 0, runs: 2, end: "minimal" })
      assert.containsAllKeys(document.violations[0], ["property", "seconds", "node", "detail"])
      assert.include(document.violations[0].property, "reaches every honest node")
      assert.match(stderr, /^overlay: Seed 7 violates what must hold, \d+ times\. First: /m)
      assert.include(stderr, `--faults ${small} --replay 7`)
      // It was the network, and no fault.
      assert.strictEqual(readFileSync(small, "utf8"), canonicalText(noFaults(24, 40_000)))
    }))

  it.effect("shrinks only towards the property that failed first", () =>
    Effect.gen(function*() {
      const whole = yield* runSeed(3)
      const failing = (...properties: ReadonlyArray<string>): Outcome => ({
        ...whole,
        result: {
          ...whole.result,
          violations: properties.map((property) => ({ property, atMicros: 0, node: undefined, detail: "" }))
        }
      })
      const plan: FaultPlan = {
        ...noFaults(4, 12_000),
        faults: [0, 1, 2].map((host) => ({ kind: "vanish", host, fromMillis: 1000, toMillis: 2000 }))
      }
      // Where host 1 vanishes, one thing fails; with fewer than three faults, another one besides, and first.
      const runPlanted = ({ faults }: FaultPlan) =>
        Effect.succeed(failing(
          ...(faults.length < 3 ? ["the other"] : []),
          ...(faults.some((fault) => fault.kind === "vanish" && fault.host === 1) ? ["the one"] : [])
        ))
      const shrunk = yield* shrinkRun(plan, failing("the one"), runPlanted)
      assert.strictEqual(shrunk.end, "minimal")
      assert.deepStrictEqual(shrunk.plan.faults, [{ kind: "vanish", host: 1, fromMillis: 1000, toMillis: 1001 }])
    }))

  it.live("can be interrupted in the middle of a run", () =>
    Effect.gen(function*() {
      const begun = yield* Deferred.make<void>()
      const options = optionsOf({ ...experiment, seconds: 86_400 }, 3)
      const fiber = yield* Effect.forkChild(runOnce(options, () => Deferred.doneUnsafe(begun, Effect.void)))
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(fiber)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
    }))

  it.live("can be interrupted while its nodes end", () =>
    Effect.gen(function*() {
      const ending = yield* Deferred.make<void>()
      let isOver = false
      const watching: Property = {
        name: "it ends",
        doc: "Tells when the end begins, and when it is over.",
        watch: () => ({
          end: () => Deferred.doneUnsafe(ending, Effect.void),
          over: () => {
            isOver = true
          }
        })
      }
      const fiber = yield* Effect.forkChild(runOnce({ ...optionsOf(experiment, 3), properties: [watching] }))
      yield* Deferred.await(ending)
      yield* Fiber.interrupt(fiber)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
      assert.isFalse(isOver)
    }))

  it("draws a load only where none is named, and mostly a light one", () => {
    const loadOf = (seed: number, load: Experiment["load"]) => optionsOf({ ...experiment, load }, seed).load
    const seeds = Array.from({ length: 100 }, (_, seed) => seed)
    const heavy = seeds.filter((seed) => drawnLoad(seed) === "heavy")
    assert.isAtLeast(heavy.length, 5)
    assert.isAtMost(heavy.length, 25)
    const withSets = seeds.filter((seed) => ((loadOf(seed, "drawn") as Load).slotsPerSets ?? 0) > 0)
    assert.closeTo(withSets.length, 50, 20)
    for (const seed of seeds) {
      const { slotsPerSets, ...load }: Load = loadOf(seed, "drawn") ?? LOADS.none
      assert.isAtMost(slotsPerSets ?? 0, heavy.includes(seed) ? 15 : 3)
      assert.deepStrictEqual(load, heavy.includes(seed) ? LOADS.heavy : LOADS.light)
      assert.deepStrictEqual(loadOf(seed, LOADS.none), LOADS.none)
    }
  })

  it.effect("tells of a run that throws", () =>
    Effect.gen(function*() {
      const options = optionsOf(experiment, 3)
      const outcome = yield* runOnce({
        ...options,
        onTrace: ({ what }) => {
          if (what === "fault begin") throw new Error("planted")
        }
      })
      assert.strictEqual(outcome._tag, "Broken")
      if (outcome._tag !== "Broken") return
      assert.include(outcome.error, "planted")
      assert.strictEqual(outcome.seconds * 1000, startMillis(options.plan.faults[0]!))
    }))

  it("refuses flags that are wrong or do not go together", async () => {
    const refusals = {
      "--latency soon": "lognormal:40ms",
      "--faults nowhere.json": "nowhere.json",
      "--swarm 2 --shrink": "leave --swarm out"
    }
    await Promise.all(
      Object.entries(refusals).map(async ([flags, says]) => {
        const { code, stderr, stdout } = await overlay("simulate", ...flags.split(" "))
        assert.strictEqual(code, 2, flags)
        assert.strictEqual(stdout, "")
        assert.include(stderr, says)
      })
    )
  })
})

describe("the page of a run", () => {
  it.effect("holds its data so that no text can leave it", () =>
    Effect.gen(function*() {
      const options = optionsOf(experiment, 3)
      const detail = "</script><script>alert(1)</script>"
      const page = pageOf({
        command: `overlay simulate ${detail}`,
        options,
        outcome: yield* runSeed(3),
        lines: [{ atMicros: 1, node: undefined, what: "says", detail }]
      })
      assert.notInclude(page, "alert(1)</script>")
      const [, json = ""] = /<script type="application\/json" id="data">(.*)<\/script>/.exec(page) ?? []
      const data = JSON.parse(json)
      assert.deepStrictEqual(data.texts, ["says", detail])
      assert.deepStrictEqual(data.events, [[1, -1, 0, 1]])
      assert.lengthOf(data.dials, options.topology.dials.length)
    }))

  it("shows the last lines, or those around the first violation", () => {
    const line = (atMicros: number, what: string) => ({ atMicros, node: 0, what, detail: "" })
    const [calm, violated] = [new TraceWindow(), new TraceWindow()]
    const violationAt = 2 * WINDOW_LINES
    for (let at = 0; at < 3 * WINDOW_LINES; at++) {
      calm.add(line(at, "hears"))
      violated.add(line(at, at >= violationAt ? "violation" : "hears"))
    }
    const spanOf = (window: TraceWindow) => [window.lines()[0]?.atMicros, window.lines().at(-1)?.atMicros]
    assert.deepStrictEqual(spanOf(calm), [2 * WINDOW_LINES, 3 * WINDOW_LINES - 1])
    const last = violationAt + AFTERMATH_LINES - 1
    assert.deepStrictEqual(spanOf(violated), [last - WINDOW_LINES + 1, last])
  })
})
