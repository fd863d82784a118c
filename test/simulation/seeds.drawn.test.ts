/** The seeds that are drawn from the commit, and what is told of a seed that fails. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { optionsOf } from "../../src/programs/simulate/Experiment.ts"
import type { Property } from "../../src/testing/stellar/properties/Property.ts"
import { run } from "../../src/testing/stellar/Simulation.ts"
import { overlay } from "../programs/overlayCommand.ts"
import { drawnSeeds, experiment, failureOf, replayFlags, runSeeds } from "./seeds.ts"

const { of, seeds } = drawnSeeds()
runSeeds(`seeds drawn from ${of}`, seeds)

describe("the seeds of a commit", () => {
  it("are the same for the same commit, others for another one, and there without one", () => {
    const one = drawnSeeds("4819c33eec12dc425917d25f297e858a1a7777e7")
    assert.deepStrictEqual(drawnSeeds("4819c33eec12dc425917d25f297e858a1a7777e7"), one)
    assert.strictEqual(new Set([...one.seeds, ...drawnSeeds("4819c33eec13").seeds]).size, 40)
    assert.lengthOf(drawnSeeds(undefined).seeds, 20)
  })
})

describe("a seed that fails", () => {
  const broken = (hooks: ReturnType<Property["watch"]>, violatedAtEnd: boolean): ReadonlyArray<Property> => [{
    name: "it is broken",
    doc: "A property that every run breaks.",
    watch: (_run, violated) => ({ ...hooks, end: () => violatedAtEnd && violated(3, "planted") })
  }]

  it.live("is told with what was violated or thrown, and the command that shows it again", () =>
    Effect.gen(function*() {
      const command = "overlay simulate --nodes 20 --seconds 25 --faults heavy --hostile 20% --replay 12"
      assert.strictEqual(
        yield* failureOf(12, broken({}, true)),
        `25.000000 s, node 3: it is broken (planted)\nSee it again:\n${command}`
      )
      const thrown = yield* failureOf(
        12,
        broken({
          second: () => {
            throw new Error("planted")
          }
        }, false)
      )
      assert.match(thrown ?? "", /^broken at 1 s: Error: planted\n/)
      assert.include(thrown, command)
    }))

  it("is run again by that command", async () => {
    const { code, stderr, stdout } = await overlay("simulate", ...replayFlags(12), "--json")
    assert.strictEqual(code, 0, stderr)
    const { planHash, traceHash } = run(optionsOf(experiment, 12))
    assert.deepStrictEqual([JSON.parse(stdout).planHash, JSON.parse(stdout).traceHash], [planHash, traceHash])
  })
})
