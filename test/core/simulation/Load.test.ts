/** How much the nodes of a simulation say. */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { floodsPerSecond, LOADS, parseLoad } from "../../../src/core/simulation/Load.ts"

describe("A load", () => {
  it("is 8 floods a second if it is light, 100 if it is heavy, and nothing if there is none", () => {
    assert.deepStrictEqual([LOADS.light, LOADS.heavy, LOADS.none].map(floodsPerSecond), [8, 100, 0])
  })

  it("is read by its name", () => {
    for (const [name, load] of Object.entries(LOADS)) assert.deepStrictEqual(parseLoad(name), Result.succeed(load))
  })

  it("is read as numbers, in any order, where what is not said is nothing", () => {
    assert.deepStrictEqual(
      parseLoad("transactions=7,epochMillis=1000,statements=2,speakers=4"),
      Result.succeed({ epochMillis: 1000, speakers: 4, statementsPerEpoch: 2, transactionsPerSecond: 7 })
    )
    assert.deepStrictEqual(parseLoad("transactions=7"), Result.succeed({ ...LOADS.none, transactionsPerSecond: 7 }))
  })

  it("is refused with the part that is wrong", () => {
    const wrong = {
      "": `found ""`,
      "lite": `found "lite"`,
      "speakers": `found "speakers"`,
      "speakers=": `found "speakers="`,
      "speakers=-1": `found "speakers=-1"`,
      "speakers=1.5": `found "speakers=1.5"`,
      "speakers=1,": `found ""`,
      "toString=1": `found "toString=1"`,
      "epochMillis=0": "epochMillis to be from 1",
      "speakers=100001": "found 100001",
      "speakers=1,speakers=1": "speakers is set twice"
    }
    for (const [text, part] of Object.entries(wrong)) {
      const result = parseLoad(text)
      assert.include(Result.isFailure(result) ? result.failure : "taken", part, text)
    }
  })
})
