/** The backlog of a surveyor: in order, none twice, ten every 15 seconds. */
import { assert, describe, it } from "@effect/vitest"
import { PeerId } from "../../../../src/core/PeerId.ts"
import { stream } from "../../../../src/core/Prng.ts"
import { SURVEY_NODES } from "../../../../src/core/stellar/limits.ts"
import { SurveyBacklog } from "../../../../src/core/stellar/survey/SurveyBacklog.ts"

const OWN = PeerId("own")
const from = { inbound: 0, outbound: 0 }
const question = (number: number) => ({ node: PeerId(`node ${number}`), from })
const everybody = () => true
const numbers = (lot: ReadonlyArray<{ readonly node: PeerId }>): ReadonlyArray<number> =>
  lot.map(({ node }) => Number(node.slice(5)))

describe("the backlog of a surveyor", () => {
  it("takes in each once, and not itself [ref 11 not itself]", () => {
    const backlog = new SurveyBacklog(OWN)
    assert.strictEqual(backlog.add({ node: OWN, from }), "self")
    assert.isUndefined(backlog.add(question(1)))
    assert.strictEqual(backlog.add({ ...question(1), from: { inbound: 25, outbound: 0 } }), "queued")
    assert.deepStrictEqual(backlog.nodes(), [question(1).node])
    backlog.take(0, everybody)
    assert.isUndefined(backlog.add(question(1)), "who was asked may be asked for more")
  })

  it("gives the first ten, and the next ten 15 seconds later [core: survey request process order] [ref 11 ten requests at once] [ref 11 requests every 15 s]", () => {
    const backlog = new SurveyBacklog(OWN)
    for (let number = 0; number < 25; number++) backlog.add(question(number))
    assert.deepStrictEqual(numbers(backlog.take(1000, everybody)), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    assert.deepStrictEqual(backlog.take(15_999, everybody), [])
    assert.deepStrictEqual(numbers(backlog.take(16_000, everybody)), [10, 11, 12, 13, 14, 15, 16, 17, 18, 19])
    backlog.clear()
    assert.deepStrictEqual(backlog.take(100_000, everybody), [])
    backlog.add(question(30))
    assert.deepStrictEqual(numbers(backlog.take(100_001, everybody)), [30], "nobody waited, so nobody waits for it")
  })

  it("keeps the place of whom it may not give yet", () => {
    const backlog = new SurveyBacklog(OWN)
    for (let number = 0; number < 4; number++) backlog.add(question(number))
    assert.deepStrictEqual(numbers(backlog.take(0, ({ node }) => node !== "node 1")), [0, 2, 3])
    backlog.add(question(5))
    assert.deepStrictEqual(numbers(backlog.take(15_000, everybody)), [1, 5])
  })

  it("is bounded", () => {
    const backlog = new SurveyBacklog(OWN)
    for (let number = 0; number < SURVEY_NODES; number++) backlog.add(question(number))
    assert.strictEqual(backlog.add(question(SURVEY_NODES)), "full")
    assert.strictEqual(backlog.nodes().length, SURVEY_NODES)
  })

  it("gives in the order of arrival, at most ten in any 15 seconds, and in the end each once", () => {
    const prng = stream(13, "backlogs")
    const backlog = new SurveyBacklog(OWN)
    const given: Array<number> = []
    const lots: Array<number> = []
    let now = 0
    let added = 0
    for (let event = 0; event < 3000; event++) {
      now += prng.below(6000)
      for (let more = prng.below(9); more > 0 && added < 4000; more--) backlog.add(question(added++))
      const lot = numbers(backlog.take(now, everybody))
      if (lot.length === 0) continue
      assert.isAtMost(lot.length, 10)
      const last = lots.at(-1)
      if (last !== undefined) assert.isAtLeast(now - last, 15_000)
      lots.push(now)
      given.push(...lot)
    }
    assert.isAbove(lots.length, 100)
    assert.deepStrictEqual(given, Array.from({ length: added }, (_, number) => number).slice(0, given.length))
  })
})
