/** The search for one item: which messages wait for it, and until when. Whom it asks is tested with the fetcher. */
import { assert, describe, it } from "@effect/vitest"
import { ItemTracker, type Waiting } from "../../src/core/ItemTracker.ts"
import { PeerId } from "../../src/core/PeerId.ts"
import { hashOf } from "../support/floods.ts"

const message = (number: number, epoch: number): Waiting => ({
  from: PeerId("somebody"),
  hash: hashOf(number),
  epoch,
  bytes: new Uint8Array(8)
})

const trackerOf = (...epochs: ReadonlyArray<number>): ItemTracker<string> => {
  const tracker = new ItemTracker<string>()
  for (const epoch of epochs) tracker.listen(message(epoch, epoch))
  return tracker
}

const epochsOf = (messages: ReadonlyArray<Waiting>): ReadonlyArray<number> => messages.map(({ epoch }) => epoch)

const company = (peers: ReadonlyArray<string>) => ({
  peers,
  knows: () => false,
  latencyMillis: () => undefined,
  below: () => 0
})

describe("A tracker", () => {
  it("is empty at first, and has seen no epoch [core: Tracker works / empty]", () => {
    const tracker = trackerOf()
    assert.deepStrictEqual([tracker.size, tracker.lastSeenEpoch], [0, 0])
    assert.deepStrictEqual(tracker.takeAll(), [])
    assert.isUndefined(tracker.lastAsked)
  })

  it("gives the message that waits, once [core: Tracker works / listen]", () => {
    const tracker = new ItemTracker<string>()
    const one = message(1, 5)
    assert.isTrue(tracker.listen(one))
    assert.deepStrictEqual([tracker.size, tracker.lastSeenEpoch], [1, 5])
    assert.deepStrictEqual(tracker.takeAll(), [one])
    assert.strictEqual(tracker.size, 0)
    assert.deepStrictEqual(tracker.takeAll(), [])
  })

  it("has the same message wait once [core: Tracker works / twice same]", () => {
    const tracker = trackerOf(5)
    assert.isFalse(tracker.listen(message(5, 5)))
    assert.strictEqual(tracker.size, 1)
  })

  it("gives different messages, the last one first [core: Tracker works / different] [ref 7 last message first]", () => {
    const tracker = trackerOf(3, 7, 5)
    assert.strictEqual(tracker.lastSeenEpoch, 7)
    assert.deepStrictEqual(epochsOf(tracker.takeAll()), [5, 7, 3])
  })

  it("gives up what is old [core: Tracker works / remove old]", () => {
    const tracker = trackerOf(1, 2, 3, 4)
    assert.deepStrictEqual(epochsOf(tracker.keepWithin({ min: 3, max: Infinity, keep: undefined })), [1, 2])
    assert.deepStrictEqual(epochsOf(tracker.takeAll()), [4, 3])
  })

  it("gives up what is too far ahead [core: Tracker works / remove future] [ref 7 range of slots]", () => {
    const tracker = trackerOf(1, 2, 3, 4)
    assert.deepStrictEqual(epochsOf(tracker.keepWithin({ min: 0, max: 2, keep: undefined })), [3, 4])
    assert.deepStrictEqual(epochsOf(tracker.takeAll()), [2, 1])
  })

  it("gives up both, but keeps what is about the checkpoint [core: Tracker works / remove both sides, checkpoint kept]", () => {
    const tracker = trackerOf(1, 2, 3, 4, 5, 6)
    assert.deepStrictEqual(epochsOf(tracker.keepWithin({ min: 3, max: 4, keep: 1 })), [2, 5, 6])
    assert.deepStrictEqual(epochsOf(tracker.takeAll()), [4, 3, 1])
  })

  it("remembers the highest epoch when the message about it waits no longer", () => {
    const tracker = trackerOf(3, 7)
    tracker.discard(hashOf(7))
    assert.deepStrictEqual([tracker.size, tracker.lastSeenEpoch], [1, 7])
  })

  it("asks each peer once a round, and waits longer after each round [ref 7 rounds further apart] [ref 7 list is rebuilt]", () => {
    const tracker = trackerOf(1)
    const steps = Array.from({ length: 6 }, () => tracker.next(company(["ann", "ben"])))
    assert.deepStrictEqual(steps.map(({ ask }) => ask), ["ann", "ben", undefined, "ann", "ben", undefined])
    assert.deepStrictEqual(steps.map(({ waitMillis }) => waitMillis), [1500, 1500, 1500, 1500, 1500, 3000])
  })

  it("knows whose answer it waits for, until that one leaves", () => {
    const tracker = trackerOf(1)
    tracker.next(company(["ann", "ben"]))
    assert.strictEqual(tracker.lastAsked, "ann")
    assert.isFalse(tracker.leave("ben"))
    assert.isTrue(tracker.leave("ann"))
    assert.isUndefined(tracker.lastAsked)
  })
})
