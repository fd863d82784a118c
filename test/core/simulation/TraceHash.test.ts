/**
 * The hash of a trace: what is written down of a seed stays comparable.
 */
import { assert, describe, it } from "@effect/vitest"
import { TraceHash } from "../../../src/core/simulation/TraceHash.ts"

const digestOf = (...taken: ReadonlyArray<number | string>): string => {
  const hash = new TraceHash()
  for (const one of taken) {
    if (typeof one === "number") hash.number(one)
    else hash.text(one)
  }
  return hash.digest()
}

describe("The hash of a trace", () => {
  it("stays what it was when the first seeds were written down", () => {
    assert.strictEqual(digestOf(), "811c9dc59e3779b9")
    assert.strictEqual(digestOf(0), "f96cf2df30fd12fb")
    assert.strictEqual(digestOf(0, 1_234_567_890_123), "ecaea6b7cd5ee89a")
    assert.strictEqual(digestOf(0, 1_234_567_890_123, "hears"), "baad54cef3cb1d8e")
    assert.strictEqual(digestOf(0, 1_234_567_890_123, "hears", "\u00ff\u20ac"), "dae136e94991138d")
    assert.strictEqual(digestOf("0123456789abcdef".repeat(4), 2 ** 52, ""), "f823a9bb2abc68e2")
  })

  it("tells apart what differs in order, in where a text ends, or above 32 bits", () => {
    const differing = [
      ["ab", "c"],
      ["a", "bc"],
      ["abc"],
      ["abc", ""],
      ["c", "ab"],
      [1, 2],
      [2, 1],
      [1 + 2 ** 32, 2]
    ].map((taken) => digestOf(...taken))
    assert.strictEqual(new Set(differing).size, differing.length)
  })
})
