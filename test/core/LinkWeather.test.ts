import { assert, describe, it } from "@effect/vitest"
import * as LinkWeather from "../../src/core/LinkWeather.ts"
import { stream } from "../../src/core/Prng.ts"

const { calm } = LinkWeather

describe("The weather of a link", () => {
  it("is right when it is calm or fair, and says what is wrong otherwise", () => {
    assert.isUndefined(LinkWeather.problemOf(calm))
    assert.isUndefined(LinkWeather.problemOf(LinkWeather.fair))
    const wrong: ReadonlyArray<Partial<LinkWeather.LinkWeather>> = [
      { jitterMicros: -1 },
      { jitterMicros: 0.5 },
      { bytesPerSecond: 0 },
      { lossPerMillion: 1_000_001 },
      { retransmitMicros: 0 },
      { bufferBytes: 0 },
      { latency: LinkWeather.byDistance(-1, 1) },
      { latency: LinkWeather.byDistance(1, 0.5) },
      { latency: { _tag: "Constant", value: -1 } },
      { latency: { _tag: "Uniform", min: 2, max: 1 } },
      { latency: { _tag: "LogNormal", median: 0.5, sigma: 1 } },
      { latency: { _tag: "Exponential", mean: -1 } }
    ]
    for (const part of wrong) assert.isString(LinkWeather.problemOf({ ...calm, ...part }), JSON.stringify(part))
  })

  it("has a distance that is the root of the squares, rounded down", () => {
    const from = (x: number, y: number) => LinkWeather.distance({ x: 0, y: 0 }, { x, y })
    assert.deepStrictEqual([from(0, 0), from(0, 1), from(1, 1), from(-3, 4), from(5, -12)], [0, 1, 1, 5, 13])
    for (let x = 0; x < 60; x++) {
      for (let y = 0; y < 60; y++) {
        const root = from(x, y)
        assert.isTrue(root ** 2 <= x ** 2 + y ** 2 && (root + 1) ** 2 > x ** 2 + y ** 2, `${x} ${y}`)
      }
    }
    const far = 2 ** 25 - 1
    const root = from(far, far)
    assert.isTrue(BigInt(root) ** 2n <= 2n * BigInt(far) ** 2n && BigInt(root + 1) ** 2n > 2n * BigInt(far) ** 2n)
  })

  it("loses a long chunk more often than a short one, and nothing when it is calm", () => {
    const prng = stream(1, "loss")
    const lost = (weather: LinkWeather.LinkWeather, bytes: number) => {
      let count = 0
      for (let n = 0; n < 10_000; n++) if (LinkWeather.lossMicros(weather, bytes, prng) > 0) count++
      return count
    }
    const bad = { ...calm, lossPerMillion: 10_000 }
    assert.strictEqual(lost(calm, 1_000_000), 0)
    const [short, long] = [lost(bad, 1460), lost(bad, 14_600)]
    assert.isTrue(short > 60 && short < 140, `${short}`)
    assert.isTrue(long > 850 && long < 1150, `${long}`)
  })

  it("sends again what is lost after waits that double, up to the longest", () => {
    const weather = { ...calm, retransmitMicros: 1_000_000 }
    const at = (now: number) => LinkWeather.retransmitAtMicros(weather, 5, now)
    assert.deepStrictEqual([at(5), at(1_000_005), at(1_000_006), at(3_000_006)], [
      1_000_005,
      1_000_005,
      3_000_005,
      7_000_005
    ])
    // 1 + 2 + ... + 64 s, and from then on 120 s each.
    assert.strictEqual(at(127_000_006), 247_000_005)
    assert.strictEqual(at(247_000_006), 367_000_005)
  })

  it("has a line that is exact over any number of pieces", () => {
    const line = new LinkWeather.Line()
    let gone = 0
    for (let n = 0; n < 7000; n++) gone = line.goneAtMicros(10, 1, 7)
    assert.strictEqual(gone, 10 + 1_000_000_000)
    assert.strictEqual(line.goneAtMicros(2_000_000_000, 14, 7), 2_002_000_000)
  })
})
