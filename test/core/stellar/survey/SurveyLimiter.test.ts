/** The limits of what is passed on for surveys, and the ledgers that they are about. */
import { assert, describe, it } from "@effect/vitest"
import { PeerId } from "../../../../src/core/PeerId.ts"
import { stream } from "../../../../src/core/Prng.ts"
import { isTimely, surveyLedger } from "../../../../src/core/stellar/survey/SurveyLedger.ts"
import { type SurveyedAt, SurveyLimiter } from "../../../../src/core/stellar/survey/SurveyLimiter.ts"

const OWN = PeerId("own")
const at = (ledger: number, surveyor: number | string, surveyed: number): SurveyedAt => ({
  ledger,
  surveyor: PeerId(`${surveyor}`),
  surveyed: PeerId(`node ${surveyed}`)
})

describe("the ledger of a survey's message", () => {
  it("is at most six away [core: survey message limiter / ledger window] [ref 11 six ledgers]", () => {
    const timely = [93, 94, 100, 106, 107].filter((ledger) => isTimely(ledger, 100))
    assert.deepStrictEqual(timely, [94, 100, 106])
    assert.isTrue(isTimely(0, 3))
  })

  it("is the node's own, or counted in fives of seconds where it knows none", () => {
    assert.strictEqual(surveyLedger(77, 123_456_789), 77)
    assert.strictEqual(surveyLedger(0, 123_456_789), 0)
    assert.strictEqual(surveyLedger(undefined, 1_795_164_004_999), 359_032_800)
  })
})

describe("the limits of a node", () => {
  it("take each request once [core: survey message limiter / limits] [ref 11 each request once]", () => {
    const limiter = new SurveyLimiter(OWN)
    assert.isTrue(limiter.enter(at(5, "a", 1)))
    assert.isFalse(limiter.enter(at(5, "a", 1)))
    assert.isTrue(limiter.enter(at(6, "a", 1)))
    assert.strictEqual(limiter.size, 2)
  })

  it("take ten surveyors a ledger, and this node beside them [core: survey message limiter / limits] [core: survey message limiter / self exempt] [ref 11 ten surveyors a ledger] [ref 11 own requests are exempt]", () => {
    const limiter = new SurveyLimiter(OWN)
    for (let surveyor = 0; surveyor < 10; surveyor++) assert.isTrue(limiter.enter(at(5, surveyor, 1)))
    assert.isFalse(limiter.enter(at(5, 10, 1)))
    assert.isTrue(limiter.enter(at(5, OWN, 1)))
    assert.isFalse(limiter.enter(at(5, 10, 1)))
    assert.isTrue(limiter.enter(at(5, 9, 2)), "who is among the ten goes on")
    assert.isTrue(limiter.enter(at(6, 10, 1)), "in another ledger")
    const ownFirst = new SurveyLimiter(OWN)
    ownFirst.enter(at(5, OWN, 1))
    for (let surveyor = 0; surveyor < 10; surveyor++) assert.isTrue(ownFirst.enter(at(5, surveyor, 1)))
  })

  it("take ten nodes a surveyor, and more of this node [core: survey message limiter / limits] [core: survey message limiter / self exempt] [ref 11 ten nodes a surveyor]", () => {
    const limiter = new SurveyLimiter(OWN)
    for (let node = 0; node < 10; node++) assert.isTrue(limiter.enter(at(5, "a", node)))
    assert.isFalse(limiter.enter(at(5, "a", 10)))
    for (let node = 0; node < 30; node++) assert.isTrue(limiter.enter(at(5, OWN, node)))
    assert.isFalse(limiter.enter(at(5, OWN, 29)))
  })

  it("take one answer to each request, and none to what was not asked [core: survey message limiter / response once] [core: survey message limiter / unknown response] [ref 11 each answer once]", () => {
    const limiter = new SurveyLimiter(OWN)
    assert.isFalse(limiter.answered(at(5, "a", 1)))
    limiter.enter(at(5, "a", 1))
    for (const other of [at(6, "a", 1), at(5, "b", 1), at(5, "a", 2)]) assert.isFalse(limiter.awaits(other))
    assert.isTrue(limiter.awaits(at(5, "a", 1)))
    assert.isTrue(limiter.answered(at(5, "a", 1)))
    assert.isFalse(limiter.answered(at(5, "a", 1)))
    assert.isFalse(limiter.enter(at(5, "a", 1)), "an answer does not make room for the same request")
  })

  it("forget a ledger once it is more than six behind, and take others of a later one [core: survey message limiter / clear old]", () => {
    const limiter = new SurveyLimiter(OWN)
    for (let surveyor = 0; surveyor < 9; surveyor++) limiter.enter(at(5, surveyor, 1))
    limiter.enter(at(5, "a", 1))
    assert.isFalse(limiter.enter(at(5, "one too many", 1)))
    limiter.advance(11)
    assert.isTrue(limiter.awaits(at(5, "a", 1)))
    limiter.advance(12)
    assert.isFalse(limiter.awaits(at(5, "a", 1)))
    assert.strictEqual(limiter.size, 0)
    assert.isTrue(limiter.enter(at(12, "one too many", 1)))
  })

  it("hold in any order of events: no request twice, ten by ten a ledger, thirteen ledgers", () => {
    const prng = stream(12, "limits")
    const limiter = new SurveyLimiter(OWN)
    let own = 100
    let overLimit = 0
    const entered = new Map<string, "asked" | "answered">()
    for (let event = 0; event < 3000; event++) {
      if (prng.below(400) === 0) {
        own += prng.below(4)
        limiter.advance(own)
        for (const key of entered.keys()) if (!isTimely(Number(key.split(" ")[0]), own)) entered.delete(key)
      }
      const request = at(own - 6 + prng.below(13), prng.below(14), prng.below(14))
      const key = `${request.ledger} ${request.surveyor} ${request.surveyed}`
      if (prng.below(3) === 0) {
        assert.strictEqual(limiter.answered(request), entered.get(key) === "asked")
        if (entered.has(key)) entered.set(key, "answered")
        continue
      }
      const ofLedger = Array.from(entered.keys(), (one) => one.split(" ")).filter(([one]) =>
        Number(one) === request.ledger
      )
      const surveyors = new Set(ofLedger.map(([, surveyor]) => surveyor))
      const asked = ofLedger.filter(([, surveyor]) => surveyor === request.surveyor).length
      const isFree = !entered.has(key) && asked < 10 && (surveyors.has(request.surveyor) || surveyors.size < 10)
      assert.strictEqual(limiter.enter(request), isFree)
      if (!isFree && !entered.has(key)) overLimit += 1
      if (isFree) entered.set(key, "asked")
      assert.strictEqual(limiter.size, entered.size)
    }
    assert.isAtMost(entered.size, 13 * 10 * 10)
    assert.isAbove(overLimit, 100)
  })
})
