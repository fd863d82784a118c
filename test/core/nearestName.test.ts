/** Guessing what a misspelled name should be. */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { editDistance, nearestName } from "../../src/core/nearestName.ts"

const names = ["PEER_PORT", "HTTP_PORT", "PEER_TIMEOUT", "KNOWN_PEERS", "DATABASE"]

describe("editDistance", () => {
  const distances: ReadonlyArray<readonly [from: string, to: string, distance: number]> = [
    ["", "", 0],
    ["", "abc", 3],
    ["peer", "peer", 0],
    ["peer", "pear", 1],
    ["peer", "peers", 1],
    ["peers", "peer", 1],
    ["peer", "pere", 1],
    ["kitten", "sitting", 3],
    ["ca", "abc", 3]
  ]
  it.each(distances)("between %j and %j is %i", (from, to, distance) => {
    assert.strictEqual(editDistance(from, to), distance)
  })

  const Word = Schema.String.check(Schema.isMaxLength(12))

  it.prop("is the same both ways, and not more than the longer text has characters", [Word, Word], ([one, other]) => {
    const distance = editDistance(one, other)
    assert.strictEqual(distance, editDistance(other, one))
    assert.isAtLeast(distance, Math.abs(one.length - other.length))
    assert.isAtMost(distance, Math.max(one.length, other.length))
    assert.strictEqual(distance === 0, one === other)
  })
})

describe("nearestName", () => {
  const meant: ReadonlyArray<readonly [text: string, name: string | undefined]> = [
    ["PEER_PROT", "PEER_PORT"],
    ["peer_port", "PEER_PORT"],
    ["PEERPORT", "PEER_PORT"],
    ["KNOWN_PEER", "KNOWN_PEERS"],
    ["PEER_TIME_OUT", "PEER_TIMEOUT"],
    ["COLOUR", undefined],
    ["", undefined],
    ["X".repeat(100_000), undefined]
  ]
  it.each(meant)("takes %j for %j", (text, name) => {
    assert.strictEqual(nearestName(text, names), name)
  })

  it("prefers the nearest, and of equally near ones the first", () => {
    assert.strictEqual(nearestName("abcdeX", ["abcdYY", "abcdef", "abcdeg"]), "abcdef")
  })

  it("knows nothing near when there are no names", () => {
    assert.isUndefined(nearestName("PEER_PORT", []))
  })
})
