/** Who could be reached while sessions came and went. */
import { assert, describe, it } from "@effect/vitest"
import { SessionHistory } from "../../../src/programs/demo/SessionHistory.ts"

/** Sessions between these pairs, known at both ends at this time. */
const joined = (
  history: SessionHistory,
  atMillis: number,
  ...pairs: ReadonlyArray<readonly [number, number]>
): void => {
  for (const [one, other] of pairs) {
    history.joined(one, other, atMillis)
    history.joined(other, one, atMillis)
  }
}

const sorted = (nodes: ReadonlySet<number>): ReadonlyArray<number> => [...nodes].sort((one, other) => one - other)

describe("SessionHistory", () => {
  it("joins nodes over sessions that stood all the time, and over no others", () => {
    const history = new SessionHistory()
    joined(history, 0, [0, 1], [1, 2], [2, 3], [4, 5])
    history.left(3, 2, 800)
    joined(history, 300, [0, 6])
    assert.deepStrictEqual(sorted(history.joinedTo(0, 100, 1000)), [0, 1, 2])
    assert.deepStrictEqual(sorted(history.joinedTo(0, 100, 700)), [0, 1, 2, 3])
    assert.deepStrictEqual(sorted(history.joinedTo(0, 400, 1000)), [0, 1, 2, 6])
  })

  it("counts a session from when both ends know of it until one of them does not", () => {
    const history = new SessionHistory()
    history.joined(0, 1, 10)
    assert.deepStrictEqual(sorted(history.joinedTo(0, 50, 60)), [0])
    history.joined(1, 0, 100)
    assert.deepStrictEqual(sorted(history.joinedTo(0, 100, 200)), [0, 1])
    history.left(1, 0, 300)
    assert.deepStrictEqual(sorted(history.joinedTo(0, 100, 301)), [0])
    assert.deepStrictEqual(sorted(history.joinedTo(0, 301, 400)), [0], "the other end has yet to find out")
  })

  it("has no sessions of a node that went down, and new ones once both ends have met again", () => {
    const history = new SessionHistory()
    joined(history, 0, [0, 1], [1, 2])
    history.ended(1, 500)
    assert.deepStrictEqual(sorted(history.joinedTo(0, 100, 600)), [0])
    history.joined(1, 0, 700)
    // The other end still counted on the old session: it hears of its end first.
    history.left(0, 1, 710)
    history.joined(0, 1, 720)
    assert.deepStrictEqual(sorted(history.joinedTo(0, 720, 900)), [0, 1])
    assert.deepStrictEqual(sorted(history.joinedTo(0, 600, 900)), [0])
  })

  it("tells apart those joined by what stood from those joined over changing ways", () => {
    const history = new SessionHistory()
    joined(history, 0, [0, 1], [1, 2])
    joined(history, 500, [0, 3], [3, 2])
    history.ended(1, 600)
    assert.deepStrictEqual(sorted(history.joinedTo(0, 100, 1000)), [0])
    assert.deepStrictEqual(sorted(history.joinedThroughout(0, 100, 1000)), [0, 2])
    history.ended(3, 900)
    assert.deepStrictEqual(sorted(history.joinedThroughout(0, 100, 1000)), [0])
  })

  it("keeps what it is still asked about when it forgets the rest", () => {
    const history = new SessionHistory()
    joined(history, 0, [0, 1], [0, 2])
    history.left(0, 1, 400)
    history.forgetBefore(300)
    assert.deepStrictEqual(sorted(history.joinedTo(0, 300, 400)), [0, 1, 2])
    history.forgetBefore(500)
    assert.deepStrictEqual(sorted(history.joinedTo(0, 300, 400)), [0, 2])
  })
})
