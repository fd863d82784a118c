/** Which of several connections with one peer goes on: the whole table, for one rival, and what more of them make of it. */
import { assert, describe, it } from "@effect/vitest"
import type { Direction } from "../../src/core/Direction.ts"
import { fateAtAuth, fateAtHello, type Stage, stageAtHello } from "../../src/core/Rivals.ts"

const directions: ReadonlyArray<Direction> = ["inbound", "outbound"]
const stages: ReadonlyArray<Stage> = ["claimed", "offered", "proven", "session"]

describe("A connection, where there is another one with the same peer,", () => {
  it("goes on at its HELLO against an unproven one of the other direction, and never against a session", () => {
    const fates = directions.flatMap((direction) =>
      directions.flatMap((other) =>
        stages.map((stage) =>
          `${direction}/${other} ${stage}: ${fateAtHello(direction, [{ direction: other, stage }])}`
        )
      )
    )
    assert.deepStrictEqual(fates, [
      "inbound/inbound claimed: refused",
      "inbound/inbound offered: refused",
      "inbound/inbound proven: refused",
      "inbound/inbound session: refused",
      "inbound/outbound claimed: goes-on",
      "inbound/outbound offered: goes-on",
      "inbound/outbound proven: waits",
      "inbound/outbound session: refused",
      "outbound/inbound claimed: goes-on",
      "outbound/inbound offered: goes-on",
      "outbound/inbound proven: waits",
      "outbound/inbound session: refused",
      "outbound/outbound claimed: waits",
      "outbound/outbound offered: waits",
      "outbound/outbound proven: waits",
      "outbound/outbound session: refused"
    ])
  })

  it("goes on at its AUTH if the other one has nothing but its HELLO, and waits for one on which our AUTH was said", () => {
    for (const direction of directions) {
      assert.deepStrictEqual(
        stages.map((stage) => fateAtAuth([{ direction, stage }])),
        ["goes-on", "waits", "waits", "refused"]
      )
    }
  })

  it("goes on alone, and is held up by any one of several", () => {
    assert.deepStrictEqual([fateAtHello("inbound", []), fateAtHello("outbound", []), fateAtAuth([])], [
      "goes-on",
      "goes-on",
      "goes-on"
    ])
    const claimed = { direction: "inbound", stage: "claimed" } as const
    assert.strictEqual(fateAtAuth([claimed, { direction: "outbound", stage: "offered" }]), "waits")
    assert.strictEqual(fateAtHello("outbound", [claimed, { direction: "outbound", stage: "session" }]), "refused")
  })

  it("is ours to decide about only if we called and have the greater id", () => {
    assert.deepStrictEqual(
      directions.flatMap((direction) => [stageAtHello(direction, true), stageAtHello(direction, false)]),
      ["claimed", "claimed", "offered", "claimed"]
    )
  })
})
