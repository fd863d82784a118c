/** How long a process stood still. */
import { assert, describe, it } from "@effect/vitest"
import { StallLog } from "../../../src/programs/demo/soakVitals.ts"

describe("StallLog", () => {
  it("sums the parts of stalls that fall between two times, and takes no notice of short ones", () => {
    const log = new StallLog()
    log.note(100, 400)
    log.note(500, 510)
    log.note(600, 1600)
    assert.strictEqual(log.within(0, 2000), 1300)
    assert.strictEqual(log.within(300, 700), 200)
    assert.strictEqual(log.within(400, 600), 0)
  })

  it("forgets the oldest", () => {
    const log = new StallLog()
    for (let i = 0; i < 1000; i++) log.note(i * 1000, i * 1000 + 100)
    assert.strictEqual(log.within(0, 100_000), 0)
    assert.strictEqual(log.within(990_000, 1_000_000), 1000)
  })
})
