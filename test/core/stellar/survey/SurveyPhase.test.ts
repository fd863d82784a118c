/** The phases of a survey: one at a time, in order, none for ever. */
import { assert, describe, it } from "@effect/vitest"
import { PeerId } from "../../../../src/core/PeerId.ts"
import { stream } from "../../../../src/core/Prng.ts"
import { type SurveyId, SurveyPhase } from "../../../../src/core/stellar/survey/SurveyPhase.ts"

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const mine: SurveyId = { surveyor: PeerId("me"), nonce: 7 }

describe("the phase of a survey", () => {
  it("begins with nothing, and goes from collecting to reporting", () => {
    const phase = new SurveyPhase()
    assert.isFalse(phase.stop(mine, 0))
    assert.isTrue(phase.start(mine, 1000))
    assert.deepStrictEqual(phase.current, { _tag: "Collecting", survey: mine, sinceMillis: 1000 })
    assert.isFalse(phase.isReporting(7))
    assert.isTrue(phase.stop({ ...mine }, 2000))
    assert.deepStrictEqual(phase.current, { _tag: "Reporting", survey: mine, sinceMillis: 2000 })
    assert.isTrue(phase.isReporting(7))
    assert.isFalse(phase.isReporting(8))
    assert.isTrue(phase.isReportingTo(mine))
    assert.isFalse(phase.isReportingTo({ surveyor: PeerId("you"), nonce: 7 }))
  })

  it("knows one survey at a time, and is stopped by nobody but its own surveyor [ref 11 one survey at a time] [ref 11 stop by nonce and surveyor]", () => {
    const phase = new SurveyPhase()
    phase.start(mine, 0)
    assert.isFalse(phase.start(mine, 1))
    assert.isFalse(phase.start({ surveyor: PeerId("you"), nonce: 8 }, 1))
    assert.isFalse(phase.stop({ surveyor: PeerId("you"), nonce: 7 }, 1))
    assert.isFalse(phase.stop({ surveyor: PeerId("me"), nonce: 8 }, 1))
    assert.deepStrictEqual(phase.current, { _tag: "Collecting", survey: mine, sinceMillis: 0 })
    phase.stop(mine, 2)
    assert.isFalse(phase.start(mine, 3), "while it is reported")
    assert.isFalse(phase.stop(mine, 3), "twice")
  })

  it("collects for 30 minutes at most, and reports for three hours at most from then [ref 11 collecting for 30 minutes] [ref 11 reporting for 3 hours] [ref 11 collecting goes over to reporting]", () => {
    const phase = new SurveyPhase()
    phase.start(mine, 5)
    assert.isUndefined(phase.expire(5 + 30 * MINUTE - 1))
    assert.strictEqual(phase.expire(5 + 30 * MINUTE), "Reporting")
    assert.isUndefined(phase.expire(5 + 30 * MINUTE + 3 * HOUR - 1))
    assert.strictEqual(phase.expire(5 + 30 * MINUTE + 3 * HOUR), "Inactive")
    assert.isUndefined(phase.expire(100 * HOUR))
    assert.isTrue(phase.start({ ...mine, nonce: 8 }, 100 * HOUR))
  })

  it("takes only steps that there are, whatever comes in whatever order", () => {
    const prng = stream(11, "phases")
    const surveys = Array.from({ length: 4 }, (_, i) => ({ surveyor: PeerId(`node ${i % 2}`), nonce: i >> 1 }))
    const steps = new Set<string>()
    for (let run = 0; run < 20; run++) {
      const phase = new SurveyPhase()
      let now = 0
      for (let step = 0; step < 200; step++) {
        now += prng.below(20 * MINUTE)
        const before = phase.current
        const survey = surveys[prng.below(surveys.length)]!
        const does = ["start", "stop", "expire"][prng.below(3)]!
        const changed = does === "start"
          ? phase.start(survey, now)
          : does === "stop"
          ? phase.stop(survey, now)
          : phase.expire(now) !== undefined
        const after = phase.current
        assert.strictEqual(after !== before, changed)
        if (!changed) continue
        steps.add(`${does}: ${before._tag} to ${after._tag}`)
        if (before._tag !== "Inactive" && after._tag !== "Inactive") assert.strictEqual(after.survey, before.survey)
        if (after._tag !== "Inactive") assert.strictEqual(after.sinceMillis, now)
        if (does === "stop") assert.deepStrictEqual(phase.survey, survey)
      }
    }
    assert.deepStrictEqual(Array.from(steps).sort(), [
      "expire: Collecting to Reporting",
      "expire: Reporting to Inactive",
      "start: Inactive to Collecting",
      "stop: Collecting to Reporting"
    ])
  })
})
