/** How far apart the machines of a simulation are, as it is written. */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { constant, exponential, logNormal, uniform } from "../../../src/core/Distribution.ts"
import { calm, fair, problemOf } from "../../../src/core/LinkWeather.ts"
import { parseLatency } from "../../../src/core/simulation/Latency.ts"

describe("A latency", () => {
  it("is read by its name", () => {
    assert.deepStrictEqual(parseLatency("fair"), Result.succeed(fair))
    assert.deepStrictEqual(parseLatency("calm"), Result.succeed(calm))
  })

  it("is read as a time, a range or a shape, in microseconds", () => {
    const latencies = {
      "50ms": constant(50_000),
      "0ms": constant(0),
      "700us": constant(700),
      "60s": constant(60_000_000),
      "20-80ms": uniform(20_000, 80_000),
      "lognormal:40ms": logNormal(40_000, 0.5),
      "lognormal:40ms:0.25": logNormal(40_000, 0.25),
      "lognormal:2s:1": logNormal(2_000_000, 1),
      "exponential:40ms": exponential(40_000)
    }
    for (const [text, latency] of Object.entries(latencies)) {
      const weather = Result.getOrThrow(parseLatency(text))
      assert.deepStrictEqual(weather, { ...calm, latency }, text)
      assert.isUndefined(problemOf(weather))
    }
  })

  it("is refused with what was written", () => {
    const wrong = [
      "",
      "slow",
      "50",
      "ms",
      "-5ms",
      "1.5ms",
      "80-20ms",
      "61s",
      "1-61s",
      "lognormal:20-80ms",
      "lognormal:40ms:2",
      "exponential:40ms:1",
      "50ms:1",
      "toString",
      "5 ms"
    ]
    for (const text of wrong) {
      const result = parseLatency(text)
      assert.include(Result.isFailure(result) ? result.failure : "taken", `found ${JSON.stringify(text)}`)
    }
  })
})
