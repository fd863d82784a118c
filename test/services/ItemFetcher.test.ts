/** The promises of the fetcher of items. A peer has 1,500 ms to answer; nobody here answers by itself. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Random, Scope } from "effect"
import { TestClock } from "effect/testing"
import type { ItemHash } from "../../src/core/ItemHash.ts"
import * as ItemHashes from "../../src/core/ItemHash.ts"
import type { Waiting } from "../../src/core/ItemTracker.ts"
import * as limits from "../../src/core/limits.ts"
import { PeerId } from "../../src/core/PeerId.ts"
import * as RuntimeItemFetcher from "../../src/layers/runtime/RuntimeItemFetcher.ts"
import { type FetchPeer, ItemFetcher, type ItemName } from "../../src/services/ItemFetcher.ts"
import { hashOf, type RecordingPeer, recordingPeer } from "../support/floods.ts"

const KIND = 7
const OTHER_KIND = 10

/** One question: who was asked for which item. */
type Question = readonly [slot: number, item: number]

interface TestPeer extends RecordingPeer, FetchPeer {
  latency: number | undefined
}

const peerOf = (slot: number): TestPeer => {
  const peer: TestPeer = Object.assign(recordingPeer(slot), { latency: 0, latencyMillis: () => peer.latency })
  return peer
}

const numberOf = (hash: ItemHash): number => Number.parseInt(ItemHashes.toHex(hash).slice(0, 8), 16)

/** The message with this number. */
const message = (number: number, epoch = 1, bytes = 100): Waiting => ({
  from: PeerId("peer-0"),
  hash: hashOf(1000 + number),
  epoch,
  bytes: new Uint8Array(bytes).fill(number)
})

const item = (number: number, kind = KIND): ItemName => ({ kind, hash: hashOf(number) })

/** A fetcher, some peers that take every question, and what was asked of them. */
const setup = Effect.fnUntraced(
  function*(peerCount: number, bounds: Partial<RuntimeItemFetcher.ItemFetcherOptions> = {}) {
    const questions: Array<Question> = []
    const kinds: Array<number> = []
    const shed: Array<number> = []
    /** Which peers, by slot, are known to have which message. */
    const known = new Map<ItemHash, ReadonlyArray<number>>()
    const scope = yield* Scope.fork(yield* Effect.scope)
    const context = yield* Layer.buildWithScope(
      RuntimeItemFetcher.layer({
        ask: (peer, kind, hash) => {
          const isTaken = peer.offer(0, new Uint8Array(0))
          if (isTaken) {
            questions.push([peer.slot, numberOf(hash)])
            kinds.push(kind)
          }
          return isTaken
        },
        knows: (hash, peer) => known.get(hash)?.includes(peer.slot) ?? false,
        shed: ({ hash }) => shed.push(numberOf(hash) - 1000),
        items: 100,
        messages: 100,
        bytes: 100_000,
        ...bounds
      }),
      scope
    )
    const fetcher = Context.get(context, ItemFetcher)
    const peers = Array.from({ length: peerCount }, (_, slot) => peerOf(slot))
    for (const peer of peers) fetcher.join(peer)
    return {
      fetcher,
      peers,
      questions,
      kinds,
      shed,
      close: Scope.close(scope, Exit.void),
      /** Who was asked, in order. */
      asked: () => questions.map(([slot]) => slot),
      knows: (one: Waiting, ...slots: ReadonlyArray<number>) => known.set(one.hash, slots),
      /** The numbers of the messages that waited for an item which is here now. */
      arrives: (number: number, kind = KIND) =>
        fetcher.received(kind, hashOf(number))?.messages.map((one) => numberOf(one.hash) - 1000)
    }
  },
  Random.withSeed("fetches")
)

const [one, two, three] = [message(1), message(2), message(3)]

describe("ItemFetcher, the messages that wait", () => {
  it.effect("are given back when their item comes, the last one first [core: ItemFetcher fetches / dont stop]", () =>
    Effect.gen(function*() {
      const { arrives, fetcher, questions } = yield* setup(1)
      for (const waiting of [one, two]) assert.isTrue(fetcher.fetch(waiting, [item(10)]))
      assert.isTrue(fetcher.fetch(three, [item(12)]))
      assert.deepStrictEqual(questions, [[0, 10], [0, 12]])
      assert.deepStrictEqual(arrives(10), [2, 1])
      assert.deepStrictEqual(arrives(12), [3])
      assert.isUndefined(arrives(14))
    }))

  it.effect("are not given when they were taken back, and the others are [core: ItemFetcher fetches / stop one]", () =>
    Effect.gen(function*() {
      const { arrives, asked, fetcher } = yield* setup(1)
      for (const waiting of [one, two]) fetcher.fetch(waiting, [item(10)])
      fetcher.stop(one.hash)
      yield* TestClock.adjust(3000)
      assert.isAbove(asked().length, 1)
      assert.deepStrictEqual(arrives(10), [2])
    }))

  it.effect("leave nothing to ask for when all were taken back [core: ItemFetcher fetches / stop all]", () =>
    Effect.gen(function*() {
      const { arrives, asked, fetcher } = yield* setup(3)
      for (const waiting of [one, two]) fetcher.fetch(waiting, [item(10)])
      fetcher.stop(one.hash)
      fetcher.stop(two.hash)
      assert.isFalse(fetcher.isFetching(KIND))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(asked().length, 1)
      assert.isUndefined(arrives(10))
      assert.strictEqual(fetcher.counters().fetchWaiting, 0)
    }))

  it.effect("have their item asked for anew after it came: it is not kept [core: ItemFetcher fetches / no cache]", () =>
    Effect.gen(function*() {
      const { arrives, asked, fetcher } = yield* setup(1)
      fetcher.fetch(one, [item(10)])
      assert.deepStrictEqual(arrives(10), [1])
      assert.isUndefined(arrives(10))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(asked().length, 1)
      fetcher.fetch(one, [item(10)])
      assert.strictEqual(asked().length, 2)
      assert.deepStrictEqual(arrives(10), [1])
    }))

  it.effect("make no traffic for an item that is looked for already, and count once", () =>
    Effect.gen(function*() {
      const { arrives, asked, fetcher } = yield* setup(1)
      for (const waiting of [one, one, two]) fetcher.fetch(waiting, [item(10), item(10)])
      assert.strictEqual(asked().length, 1)
      assert.strictEqual(fetcher.counters().fetchWaiting, 2)
      assert.deepStrictEqual(arrives(10), [2, 1])
    }))

  it.effect("may wait for several items of several kinds, and each that comes gives them back", () =>
    Effect.gen(function*() {
      const { arrives, fetcher, kinds, questions } = yield* setup(1)
      fetcher.fetch(one, [item(10), item(11), item(10, OTHER_KIND)])
      assert.deepStrictEqual(questions, [[0, 10], [0, 11], [0, 10]])
      assert.deepStrictEqual(kinds, [KIND, KIND, OTHER_KIND])
      assert.deepStrictEqual(arrives(10), [1])
      assert.isTrue(fetcher.fetch(one, [item(11)]))
      assert.strictEqual(questions.length, 3)
      assert.isFalse(fetcher.isFetching(OTHER_KIND))
      assert.deepStrictEqual(arrives(11), [1])
      fetcher.stop(one.hash)
      assert.strictEqual(fetcher.counters().fetchWaiting, 0)
    }))

  it.effect("with nothing to wait for do not wait", () =>
    Effect.gen(function*() {
      const { fetcher } = yield* setup(1)
      fetcher.fetch(one, [item(10)])
      assert.isFalse(fetcher.fetch(one, []))
      assert.deepInclude(fetcher.counters(), { fetching: 0, fetchWaiting: 0, fetchShed: 0 })
    }))

  it.effect("tell the highest epoch that an item was wanted for", () =>
    Effect.gen(function*() {
      const { fetcher } = yield* setup(1)
      for (const [number, epoch] of [[1, 5], [2, 9], [3, 7]] as const) {
        fetcher.fetch(message(number, epoch), [item(10)])
      }
      assert.strictEqual(fetcher.received(KIND, hashOf(10))?.epoch, 9)
    }))

  it.effect("outside of the range are given up, with the items that only they wanted, but not those of the epoch to keep", () =>
    Effect.gen(function*() {
      const { arrives, fetcher } = yield* setup(1)
      for (const epoch of [1, 4, 5, 8, 9]) fetcher.fetch(message(epoch, epoch), [item(10), item(20 + epoch)])
      fetcher.forgetOutside({ min: 5, max: 8, keep: 1 })
      assert.deepInclude(fetcher.counters(), { fetching: 4, fetchWaiting: 3 })
      assert.deepStrictEqual(arrives(10), [8, 5, 1])
      assert.isUndefined(arrives(24))
      assert.isUndefined(arrives(29))
      assert.deepStrictEqual(arrives(21), [1])
    }))

  it.effect("are bounded by number: the one that waits longest is let go, and said to be", () =>
    Effect.gen(function*() {
      const { arrives, fetcher, shed } = yield* setup(1, { messages: 2 })
      for (const waiting of [one, two, one, three]) fetcher.fetch(waiting, [item(10)])
      assert.deepStrictEqual(shed, [2])
      assert.strictEqual(fetcher.counters().fetchShed, 1)
      assert.deepStrictEqual(arrives(10), [3, 1])
    }))

  it.effect("are bounded by bytes, and one that is larger than all of them does not wait", () =>
    Effect.gen(function*() {
      const { fetcher, shed } = yield* setup(1, { bytes: 250 })
      for (const waiting of [one, two, three]) assert.isTrue(fetcher.fetch(waiting, [item(10)]))
      assert.deepStrictEqual(shed, [1])
      assert.isFalse(fetcher.fetch(message(4, 1, 251), [item(10)]))
      assert.deepStrictEqual(shed, [1])
      assert.deepInclude(fetcher.counters(), { fetchShed: 2, fetchWaiting: 2 })
    }))

  it.effect("are bounded by what they wait for", () =>
    Effect.gen(function*() {
      const { fetcher, questions, shed } = yield* setup(1, { items: 3 })
      fetcher.fetch(one, [item(10), item(11)])
      fetcher.fetch(two, [item(12), item(13)])
      assert.deepStrictEqual(shed, [1])
      assert.deepStrictEqual(questions.map(([, number]) => number), [10, 11, 12, 13])
      assert.isFalse(fetcher.fetch(three, [item(1), item(2), item(3), item(4)]))
      assert.strictEqual(fetcher.counters().fetching, 2)
    }))

  it.effect("do not keep alive the buffer that they came in", () =>
    Effect.gen(function*() {
      const { fetcher } = yield* setup(1)
      fetcher.fetch({ ...one, bytes: new Uint8Array(65_536).subarray(0, 100) }, [item(10)])
      assert.strictEqual(fetcher.received(KIND, hashOf(10))?.messages[0]?.bytes.buffer.byteLength, 100)
    }))
})

describe("ItemFetcher, peers that are asked in turn", () => {
  it.effect("are no more when the first answers [core: ItemFetcher fetches / asks peers in turn / success]", () =>
    Effect.gen(function*() {
      const { arrives, asked, fetcher } = yield* setup(2)
      fetcher.fetch(one, [item(10)])
      yield* TestClock.adjust(1499)
      assert.strictEqual(asked().length, 1)
      assert.deepStrictEqual(arrives(10), [1])
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(asked().length, 1)
      assert.deepInclude(fetcher.counters(), { fetchAsked: 1, fetchNextPeer: 0, fetchReceived: 1 })
    }))

  it.effect("are both asked when the first does not answer in time [core: ItemFetcher fetches / asks peers in turn / once] [ref 7 1.5 s for an answer]", () =>
    Effect.gen(function*() {
      const { arrives, asked, fetcher } = yield* setup(2)
      fetcher.fetch(one, [item(10)])
      yield* TestClock.adjust(1499)
      assert.strictEqual(asked().length, 1)
      yield* TestClock.adjust(1)
      assert.sameMembers(asked(), [0, 1])
      assert.strictEqual(fetcher.counters().fetchNextPeer, 1)
      assert.deepStrictEqual(arrives(10), [1])
    }))

  it.effect("are both asked twice when neither has it at first [core: ItemFetcher fetches / asks peers in turn / twice]", () =>
    Effect.gen(function*() {
      const { arrives, asked, fetcher } = yield* setup(2)
      fetcher.fetch(one, [item(10)])
      // One wait for each peer, one until the next round.
      yield* TestClock.adjust(3 * 1500 - 1)
      assert.strictEqual(asked().length, 2)
      yield* TestClock.adjust(1 + 1500)
      assert.sameMembers(asked().slice(0, 2), [0, 1])
      assert.sameMembers(asked().slice(2), [0, 1])
      assert.deepStrictEqual(arrives(10), [1])
    }))

  it.effect("are asked in rounds further and further apart, up to ten times, for 100 rounds without an answer [core: ItemFetcher fetches / not found with timeout]", () =>
    Effect.gen(function*() {
      const { asked, fetcher } = yield* setup(2)
      fetcher.fetch(one, [item(10)])
      for (let round = 1; round <= 100; round++) {
        assert.strictEqual(asked().length, 2 * round - 1)
        yield* TestClock.adjust(1500)
        assert.strictEqual(asked().length, 2 * round)
        yield* TestClock.adjust(1500 + 1500 * Math.min(10, round) - 1)
        assert.strictEqual(asked().length, 2 * round)
        assert.sameMembers(asked().slice(-2), [0, 1])
        yield* TestClock.adjust(1)
      }
      assert.strictEqual(fetcher.counters().fetchRounds, 100)
    }))

  it.effect("are asked at once after each who says that it has it not, for 100 rounds [core: ItemFetcher fetches / not found with active DONT_HAVE]", () =>
    Effect.gen(function*() {
      const { asked, fetcher, peers } = yield* setup(2)
      fetcher.fetch(one, [item(10)])
      for (let round = 1; round <= 100; round++) {
        assert.strictEqual(asked().length, 2 * round - 1)
        assert.isTrue(fetcher.lacks(peers[asked().at(-1)!]!, KIND, hashOf(10)))
        assert.strictEqual(asked().length, 2 * round)
        assert.isTrue(fetcher.lacks(peers[asked().at(-1)!]!, KIND, hashOf(10)))
        assert.sameMembers(asked().slice(-2), [0, 1])
        yield* TestClock.adjust(1500 * Math.min(10, round) - 1)
        assert.strictEqual(asked().length, 2 * round)
        yield* TestClock.adjust(1)
      }
    }))

  it.effect("are not changed by one who lacks it and was not asked last [core: ItemFetcher fetches / ignore not asked] [ref 7 DONT_HAVE of who was asked]", () =>
    Effect.gen(function*() {
      const { asked, fetcher, peers } = yield* setup(2)
      fetcher.fetch(one, [item(10)])
      const [first] = asked()
      assert.isTrue(fetcher.lacks(peers[1 - first!]!, KIND, hashOf(10)))
      assert.isFalse(fetcher.lacks(peers[first!]!, KIND, hashOf(11)))
      assert.isFalse(fetcher.lacks(peers[first!]!, OTHER_KIND, hashOf(10)))
      assert.strictEqual(asked().length, 1)
      yield* TestClock.adjust(1500)
      assert.deepStrictEqual(asked(), [first, 1 - first!])
      // It was asked before, and its answer comes late.
      assert.isTrue(fetcher.lacks(peers[first!]!, KIND, hashOf(10)))
      assert.strictEqual(asked().length, 2)
    }))

  it.effect("are passed over when they take no question any more", () =>
    Effect.gen(function*() {
      const { asked, fetcher, peers } = yield* setup(3)
      for (const peer of peers) peer.taking = peer.slot === 2
      fetcher.fetch(one, [item(10)])
      assert.deepStrictEqual(asked(), [2])
      for (const peer of peers) peer.taking = false
      // The wait for the second round begins at once, because nobody else can be asked.
      yield* TestClock.adjust(1500)
      assert.strictEqual(fetcher.counters().fetchRounds, 1)
    }))

  it.effect("may come later than the wish", () =>
    Effect.gen(function*() {
      const { asked, fetcher } = yield* setup(0)
      fetcher.fetch(one, [item(10)])
      fetcher.join(peerOf(4))
      yield* TestClock.adjust(1500)
      assert.deepStrictEqual(asked(), [4])
    }))

  it.effect("are asked at once when the one who was asked has left, and who left is not asked again [ref 7 next when the asked one leaves]", () =>
    Effect.gen(function*() {
      const { asked, fetcher, peers } = yield* setup(2)
      fetcher.fetch(one, [item(10)])
      const [first] = asked()
      fetcher.leave(peers[first!]!)
      assert.deepStrictEqual(asked(), [first, 1 - first!])
      fetcher.leave(peers[1 - first!]!)
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(asked().length, 2)
    }))

  it.effect("are asked no more when the node is gone", () =>
    Effect.gen(function*() {
      const { asked, close, fetcher } = yield* setup(2)
      fetcher.fetch(one, [item(10)])
      yield* close
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(asked().length, 1)
    }))

  it.effect("get each item's question in its own time, by one alarm for all", () =>
    Effect.gen(function*() {
      const { fetcher, questions } = yield* setup(1)
      fetcher.fetch(one, [item(10)])
      yield* TestClock.adjust(1000)
      fetcher.fetch(two, [item(11)])
      yield* TestClock.adjust(2000)
      assert.deepStrictEqual(questions.map(([, number]) => number), [10, 11, 10])
      yield* TestClock.adjust(1000)
      assert.deepStrictEqual(questions.map(([, number]) => number), [10, 11, 10, 11])
    }))

  it.effect("are still asked for other items when a question about one throws", () =>
    Effect.gen(function*() {
      let throwing = false
      const { asked, fetcher } = yield* setup(1, {
        knows: () => {
          if (throwing) throw new Error("a bug")
          return false
        }
      })
      fetcher.fetch(one, [item(10)])
      throwing = true
      yield* TestClock.adjust(1500)
      assert.strictEqual(asked().length, 1)
      throwing = false
      // One wait later nobody is left to be asked, and another one later the next round begins.
      yield* TestClock.adjust(2999)
      assert.strictEqual(asked().length, 1)
      yield* TestClock.adjust(1)
      assert.strictEqual(asked().length, 2)
    }))
})

describe("ItemFetcher, the next peer", () => {
  it.effect("is not the one that knew the message and was asked already [core: ItemFetcher next peer strategy / doesn't retry same peer]", () =>
    Effect.gen(function*() {
      const { asked, fetcher, knows, peers } = yield* setup(1)
      knows(one, 0)
      fetcher.fetch(one, [item(10)])
      fetcher.lacks(peers[0]!, KIND, hashOf(10))
      assert.deepStrictEqual(asked(), [0])
      assert.strictEqual(fetcher.counters().fetchRounds, 1)
    }))

  it.effect("is one that has come meanwhile [core: ItemFetcher next peer strategy / new peer]", () =>
    Effect.gen(function*() {
      const { asked, fetcher, knows, peers } = yield* setup(1)
      knows(one, 0)
      fetcher.fetch(one, [item(10)])
      fetcher.join(peerOf(1))
      fetcher.lacks(peers[0]!, KIND, hashOf(10))
      assert.deepStrictEqual(asked(), [0, 1])
    }))

  it.effect("is again one that was asked before it was seen to know the message [core: ItemFetcher next peer strategy / peer that later shows knowledge] [ref 7 later knowledge]", () =>
    Effect.gen(function*() {
      const { asked, fetcher, knows, peers } = yield* setup(2)
      fetcher.fetch(one, [item(10)])
      const first = asked()[0]!
      knows(one, first)
      fetcher.lacks(peers[first]!, KIND, hashOf(10))
      assert.deepStrictEqual(asked(), [first, first])
      fetcher.lacks(peers[first]!, KIND, hashOf(10))
      assert.deepStrictEqual(asked(), [first, first, 1 - first])
    }))

  it.effect("is first one that knows any of the messages, however far it is [ref 7 who knows the message first]", () =>
    Effect.gen(function*() {
      const { asked, fetcher, knows, peers } = yield* setup(10)
      peers[7]!.latency = 5000
      knows(two, 7)
      fetcher.fetch(two, [item(11)])
      assert.deepStrictEqual(asked(), [7])
    }))

  it.effect("is one of the nearest half second, and without a measured latency the last [ref 7 latency in half seconds] [ref 7 unmeasured is far]", () =>
    Effect.gen(function*() {
      const { asked, fetcher, peers } = yield* setup(5)
      for (const [slot, latency] of [undefined, 499, 999, 0, 500].entries()) peers[slot]!.latency = latency
      fetcher.fetch(one, [item(10)])
      yield* TestClock.adjust(4 * 1500)
      assert.sameMembers(asked().slice(0, 2), [1, 3])
      assert.sameMembers(asked().slice(2, 4), [2, 4])
      assert.deepStrictEqual(asked().slice(4), [0])
    }))

  it.effect("is any of those by chance", () =>
    Effect.gen(function*() {
      const { asked, fetcher } = yield* setup(4)
      for (let number = 0; number < 60; number++) fetcher.fetch(message(number), [item(number)])
      for (const slot of [0, 1, 2, 3]) assert.isAbove(asked().filter((one) => one === slot).length, 5)
    }))
})

describe("The bounds of fetches", () => {
  it("let a question be answered before the next, and wait fifteen seconds at most [ref 7 ten rounds count]", () => {
    assert.strictEqual(limits.FETCH_REPLY_MILLIS, 1500)
    assert.strictEqual(limits.FETCH_REPLY_MILLIS * limits.FETCH_REBUILDS_COUNTED, 15_000)
  })
})
