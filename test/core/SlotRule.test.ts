/** Who becomes a peer when slots are few. */
import { assert, describe, it } from "@effect/vitest"
import { decideSlot, type SlotQuestion } from "../../src/core/SlotRule.ts"

const decide = (question: Partial<SlotQuestion<string>>): string => {
  const decision = decideSlot({
    isPreferred: false,
    preferredOnly: false,
    hasSlot: false,
    hasShare: true,
    firstToGo: () => "ann",
    ...question
  })
  return decision._tag === "AfterEviction" ? `after ${decision.of}` : decision._tag
}

describe("Who has authenticated", () => {
  it("comes in if there is a slot [ref 8.6 no slot]", () => {
    assert.strictEqual(decide({ hasSlot: true }), "Admitted")
    assert.strictEqual(decide({}), "Rejected")
  })

  it("does not come in beyond the share of where it comes from, unless it is preferred", () => {
    assert.strictEqual(decide({ hasSlot: true, hasShare: false }), "OverShare")
    assert.strictEqual(decide({ hasShare: false }), "Rejected")
    assert.strictEqual(decide({ hasSlot: true, hasShare: false, isPreferred: true }), "Admitted")
    assert.strictEqual(decide({ hasShare: false, isPreferred: true }), "after ann")
  })

  it("does not come in where only preferred peers do [ref 8.6 preferred only]", () => {
    assert.strictEqual(decide({ hasSlot: true, preferredOnly: true }), "Rejected")
  })

  it.each([false, true])(
    "comes in as a preferred peer, for another one if need be (only preferred: %s) [ref 8.6 slot for a preferred peer]",
    (preferredOnly) => {
      assert.strictEqual(decide({ isPreferred: true, preferredOnly, hasSlot: true }), "Admitted")
      assert.strictEqual(decide({ isPreferred: true, preferredOnly }), "after ann")
      assert.strictEqual(decide({ isPreferred: true, preferredOnly, firstToGo: () => undefined }), "Rejected")
    }
  )
})
