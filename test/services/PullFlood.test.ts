/** The promises of the pull flood. Rounds of demands stand on multiples of 200 ms, adverts leave after 100 ms. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Exit, Layer, Random, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as ItemHash from "../../src/core/ItemHash.ts"
import type { PullFloodOptions } from "../../src/layers/runtime/RuntimePullFlood.ts"
import * as RuntimePullFlood from "../../src/layers/runtime/RuntimePullFlood.ts"
import { PullFlood } from "../../src/services/PullFlood.ts"
import type { RecordingPeer } from "../support/floods.ts"
import { hashesOf, hashOf, recordingPeer, seededSecureRandom } from "../support/floods.ts"

const PRIORITY = 1

/** A pull flood, the program that it asks, and some peers. */
const setup = Effect.fnUntraced(function*(options: { readonly peers: number } & Partial<PullFloodOptions>) {
  const program = {
    had: new Set<ItemHash.ItemHash>(),
    items: new Map<ItemHash.ItemHash, Uint8Array>(),
    limits: { advert: 1000, demand: 1000, queue: 1000 },
    epoch: 0,
    /** How often the limits were asked for: the flood does no work without. */
    asked: 0
  }
  const context = yield* Layer.build(
    RuntimePullFlood.layer({
      questions: {
        has: (hash) => program.had.has(hash),
        answer: (hash) => program.items.get(hash),
        bringer: () => -1,
        limits: () => {
          program.asked++
          return program.limits
        },
        epoch: () => program.epoch
      },
      priority: PRIORITY,
      hashesPerMessage: 1000,
      advertPeriod: Duration.millis(100),
      demandPeriod: Duration.millis(200),
      demandBackoff: Duration.millis(500),
      demandBackoffMax: Duration.seconds(2),
      demandPeers: 15,
      demandMemory: Duration.seconds(60),
      demandEntries: 1000,
      historyEntries: 1000,
      answerMemory: Duration.seconds(60),
      answerEntries: 1000,
      ...options
    }).pipe(Layer.provide(seededSecureRandom))
  )
  const pull = Context.get(context, PullFlood)
  const peers = Array.from({ length: options.peers }, (_, slot) => recordingPeer(slot))
  for (const peer of peers) pull.join(peer)

  /** Takes an advert, or a demand, in the midst of other bytes. */
  const message = (hashes: ReadonlyArray<ItemHash.ItemHash>) => {
    const bytes = new Uint8Array(7 + hashes.length * ItemHash.ITEM_HASH_BYTES)
    hashes.forEach((hash, i) => ItemHash.writeTo(hash, bytes, 7 + i * ItemHash.ITEM_HASH_BYTES))
    return bytes
  }
  return {
    program,
    pull,
    peers,
    advert: (peer: RecordingPeer, hashes: ReadonlyArray<ItemHash.ItemHash>) =>
      pull.onAdvert(peer, message(hashes), 7, hashes.length),
    demand: (peer: RecordingPeer, hashes: ReadonlyArray<ItemHash.ItemHash>) =>
      pull.onDemand(peer, message(hashes), 7, hashes.length)
  }
}, Random.withSeed("pull flood"))

const numbersIn = (messages: ReadonlyArray<ReadonlyArray<ItemHash.ItemHash>>) =>
  messages.map((hashes) => hashes.map((hash) => Number.parseInt(ItemHash.toHex(hash).slice(0, 8), 16)))

const sorted = (hashes: Iterable<ItemHash.ItemHash>) => [...hashes].sort()

/** Lets time pass beat by beat; when this peer was asked, in milliseconds from now. */
const timesOfDemands = Effect.fnUntraced(function*(beats: number, peers: ReadonlyArray<RecordingPeer>) {
  const times: Array<number> = []
  let before = peers.reduce((sum, peer) => sum + peer.demands.length, 0)
  for (let beat = 1; beat <= beats; beat++) {
    yield* TestClock.adjust(200)
    const after = peers.reduce((sum, peer) => sum + peer.demands.length, 0)
    for (; before < after; before++) times.push(beat * 200)
  }
  return times
})

describe("PullFlood, adverts that go out", () => {
  it.effect("leave one period after their first hash, all together [core: advert queue / outgoing adverts] [ref 6.3 100 ms of adverts]", () =>
    Effect.gen(function*() {
      const { peers: [ann], pull } = yield* setup({ peers: 1 })
      assert.isTrue(pull.advertise(ann!, hashOf(1)))
      yield* TestClock.adjust(60)
      assert.isTrue(pull.advertise(ann!, hashOf(2)))
      yield* TestClock.adjust(39)
      assert.deepStrictEqual(ann!.adverts, [])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(numbersIn(ann!.adverts), [[1, 2]])
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(ann!.adverts.length, 1)
      assert.strictEqual(pull.counters().advertised, 2)
    }))

  it.effect("leave at once when they are full, and the next period begins with the next hash [core: advert queue / outgoing adverts] [ref 6.3 full advert leaves at once]", () =>
    Effect.gen(function*() {
      const { peers: [ann], program, pull } = yield* setup({ peers: 1 })
      program.limits.advert = 3
      yield* TestClock.adjust(10)
      for (const hash of hashesOf(1, 3)) pull.advertise(ann!, hash)
      assert.deepStrictEqual(numbersIn(ann!.adverts), [[1, 2, 3]])
      yield* TestClock.adjust(50)
      pull.advertise(ann!, hashOf(4))
      yield* TestClock.adjust(99)
      assert.strictEqual(ann!.adverts.length, 1)
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(numbersIn(ann!.adverts), [[1, 2, 3], [4]])
    }))

  it.effect("hold no more hashes than a message may, whatever the program allows [core: advert queue / outgoing adverts] [ref 6.3 1,000 hashes at most]", () =>
    Effect.gen(function*() {
      const { peers: [ann], program, pull } = yield* setup({ peers: 1 })
      program.limits.advert = 5000
      for (const hash of hashesOf(1, 2500)) pull.advertise(ann!, hash)
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(ann!.adverts.map((hashes) => hashes.length), [1000, 1000, 500])
    }))

  it.effect("have each a time of their own for each peer", () =>
    Effect.gen(function*() {
      const { peers: [ann, ben], pull } = yield* setup({ peers: 2 })
      pull.advertise(ann!, hashOf(1))
      yield* TestClock.adjust(50)
      pull.advertise(ben!, hashOf(1))
      yield* TestClock.adjust(50)
      assert.deepStrictEqual([ann!.adverts.length, ben!.adverts.length], [1, 0])
      yield* TestClock.adjust(50)
      assert.deepStrictEqual([ann!.adverts.length, ben!.adverts.length], [1, 1])
    }))

  it.effect("do not go to a peer that offered the hash itself [core: overlay pull mode / do not advertise to peers that know] [ref 6.3 no advert to who offered]", () =>
    Effect.gen(function*() {
      const { advert, peers: [ann, ben], pull } = yield* setup({ peers: 2 })
      advert(ann!, [hashOf(1)])
      assert.isFalse(pull.advertise(ann!, hashOf(1)))
      assert.isTrue(pull.advertise(ben!, hashOf(1)))
      yield* TestClock.adjust(100)
      assert.deepStrictEqual([ann!.adverts.length, ben!.adverts.length], [0, 1])
      assert.strictEqual(pull.counters().advertised, 1)
    }))

  it.effect("go to it again when the epoch of its offer is forgotten", () =>
    Effect.gen(function*() {
      const { advert, peers: [ann], program, pull } = yield* setup({ peers: 1 })
      program.epoch = 7
      advert(ann!, [hashOf(1)])
      pull.forgetBelow(7)
      assert.isFalse(pull.advertise(ann!, hashOf(1)))
      pull.forgetBelow(8)
      assert.isTrue(pull.advertise(ann!, hashOf(1)))
    }))

  it.effect("remember so many offers of a peer and no more, and one peer's do not crowd out another's", () =>
    Effect.gen(function*() {
      const { advert, peers: [ann, ben], pull } = yield* setup({ peers: 2, historyEntries: 2 })
      advert(ben!, [hashOf(1)])
      advert(ann!, hashesOf(1, 3))
      assert.deepStrictEqual(hashesOf(1, 3).map((hash) => pull.advertise(ann!, hash)), [true, false, false])
      assert.isFalse(pull.advertise(ben!, hashOf(1)))
    }))

  it.effect("go to nobody who has left or never joined", () =>
    Effect.gen(function*() {
      const { peers: [ann], pull } = yield* setup({ peers: 1 })
      pull.advertise(ann!, hashOf(1))
      pull.leave(ann!)
      assert.isFalse(pull.advertise(ann!, hashOf(2)))
      assert.isFalse(pull.advertise(recordingPeer(5), hashOf(1)))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(ann!.adverts, [])
    }))
})

describe("PullFlood, demands", () => {
  it.effect("go out with the next beat, for what is offered and not here [core: overlay pull mode / sanity check - demand] [ref 6.3 no demand for what is here]", () =>
    Effect.gen(function*() {
      const { advert, peers: [ann], program, pull } = yield* setup({ peers: 1 })
      program.had.add(hashOf(2))
      yield* TestClock.adjust(250)
      advert(ann!, hashesOf(1, 3))
      yield* TestClock.adjust(149)
      assert.deepStrictEqual(ann!.demands, [])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(numbersIn(ann!.demands), [[1, 3]])
      assert.strictEqual(pull.counters().demanded, 2)
    }))

  it.effect("are not repeated for a repeated advert [core: overlay pull mode / ignore duplicated adverts]", () =>
    Effect.gen(function*() {
      const { advert, peers: [ann], pull } = yield* setup({ peers: 1 })
      advert(ann!, [hashOf(1), hashOf(1)])
      advert(ann!, [hashOf(1)])
      yield* TestClock.adjust("3 seconds")
      advert(ann!, [hashOf(1)])
      yield* TestClock.adjust("50 seconds")
      assert.deepStrictEqual(numbersIn(ann!.demands), [[1]])
      assert.strictEqual(pull.counters().demandTimeouts, 0)
    }))

  it.effect("share equal offers evenly, and go the other way round later [core: overlay pull mode / exact same advert from two peers] [ref 6.3 one hash each in turn]", () =>
    Effect.gen(function*() {
      const { advert, peers: [ann, ben], pull } = yield* setup({ peers: 2 })
      advert(ann!, hashesOf(1, 5))
      advert(ben!, hashesOf(1, 5))
      yield* TestClock.adjust(200)
      assert.deepStrictEqual([ann!, ben!].map((peer) => peer.demands.flat().length).sort(), [2, 3])
      assert.deepStrictEqual(sorted([...ann!.demands[0]!, ...ben!.demands[0]!]), hashesOf(1, 5))
      // Half a second after the first demand, the beat at 800 ms asks the others for what did not come.
      yield* TestClock.adjust(599)
      assert.deepStrictEqual([ann!.demands.length, ben!.demands.length], [1, 1])
      yield* TestClock.adjust(1)
      for (const peer of [ann!, ben!]) assert.deepStrictEqual(sorted(peer.demands.flat()), hashesOf(1, 5))
      assert.strictEqual(pull.counters().demandTimeouts, 5)
      yield* TestClock.adjust("50 seconds")
      assert.deepStrictEqual([ann!.demands.length, ben!.demands.length], [2, 2])
    }))

  it.effect("ask one peer for each of overlapping offers [core: overlay pull mode / overlapping adverts]", () =>
    Effect.gen(function*() {
      const { advert, peers: [ann, ben] } = yield* setup({ peers: 2 })
      advert(ann!, hashesOf(1, 4))
      advert(ben!, hashesOf(3, 6))
      yield* TestClock.adjust(200)
      assert.deepStrictEqual(sorted([...ann!.demands.flat(), ...ben!.demands.flat()]), hashesOf(1, 6))
      // In turn: 1 and 3, 2 and 4; then Ann has nothing left that Ben was not asked for.
      assert.deepStrictEqual(numbersIn(ann!.demands), [[1, 2]])
      assert.deepStrictEqual(numbersIn(ben!.demands), [[3, 4, 5, 6]])
    }))

  it.effect("begin each round with another peer, by chance, over 300 rounds [core: overlay pull mode / randomize peers] [ref 6.3 random order]", () =>
    Effect.gen(function*() {
      const { advert, peers, program } = yield* setup({ peers: 3 })
      for (const hash of hashesOf(1, 300)) {
        for (const peer of peers) advert(peer, [hash])
        yield* TestClock.adjust(200)
        program.had.add(hash)
      }
      const shares = peers.map((peer) => peer.demands.flat().length)
      assert.strictEqual(shares.reduce((sum, share) => sum + share), 300)
      // 100 each, give or take three standard deviations.
      for (const share of shares) assert.isTrue(Math.abs(share - 100) < 25, String(shares))
      // By chance, and not in turn: of 299 next ones a third is the same peer again, give or take three standard deviations.
      const askedFor = new Map(peers.flatMap((peer) => numbersIn(peer.demands).flat().map((number) => [number, peer])))
      const again = Array.from({ length: 299 }, (_, i) => askedFor.get(i + 1) === askedFor.get(i + 2)).filter(Boolean)
      assert.isTrue(Math.abs(again.length - 100) < 25, String(again.length))
    }))

  it.effect("ask 15 of 19 peers for what nobody delivers [core: overlay pull mode with many peers] [ref 6.3 15 peers]", () =>
    Effect.gen(function*() {
      const { advert, peers, pull } = yield* setup({ peers: 19 })
      for (const peer of peers) advert(peer, [hashOf(1)])
      yield* TestClock.adjust("10 minutes")
      assert.deepStrictEqual(peers.map((peer) => peer.demands.length).sort(), [
        ...Array(4).fill(0),
        ...Array(15).fill(1)
      ])
      const { abandoned, demandTimeouts, demanded } = pull.counters()
      assert.deepStrictEqual({ abandoned, demandTimeouts, demanded }, {
        abandoned: 1,
        demandTimeouts: 14,
        demanded: 15
      })
    }))

  it.effect("wait half a second longer for each peer that was asked, and two seconds at most [ref 6.3 back-off grows] [ref 6.3 back-off of 2 s at most]", () =>
    Effect.gen(function*() {
      const { advert, peers } = yield* setup({ peers: 7 })
      for (const peer of peers) advert(peer, [hashOf(1)])
      assert.deepStrictEqual(yield* timesOfDemands(60, peers), [200, 800, 1800, 3400, 5400, 7400, 9400])
    }))

  it.effect("hold no more hashes than the program allows; the rest waits for the next beat [ref 6.3 bound of a demand]", () =>
    Effect.gen(function*() {
      const { advert, peers: [ann], program } = yield* setup({ peers: 1 })
      program.limits.demand = 2
      advert(ann!, hashesOf(1, 5))
      yield* TestClock.adjust(600)
      assert.deepStrictEqual(numbersIn(ann!.demands), [[1, 2], [3, 4], [5]])
    }))

  it.effect("look first at what must be tried again [ref 6.3 retries first]", () =>
    Effect.gen(function*() {
      const { advert, peers: [ann, ben], program } = yield* setup({ peers: 2 })
      advert(ann!, [hashOf(1)])
      yield* TestClock.adjust(200)
      advert(ben!, [hashOf(1)])
      yield* TestClock.adjust(400)
      program.limits.demand = 1
      advert(ben!, [hashOf(2)])
      yield* TestClock.adjust(200)
      assert.deepStrictEqual(numbersIn(ben!.demands), [[1]])
      yield* TestClock.adjust(200)
      assert.deepStrictEqual(numbersIn(ben!.demands), [[1], [2]])
    }))

  it.effect("never ask a peer for the same hash again within a minute, and then they may [ref 6.3 no peer twice]", () =>
    Effect.gen(function*() {
      const { advert, peers: [ann], pull } = yield* setup({ peers: 1 })
      advert(ann!, [hashOf(1)])
      yield* TestClock.adjust(200)
      for (let second = 0; second < 59; second++) {
        advert(ann!, [hashOf(1)])
        yield* TestClock.adjust("1 second")
      }
      assert.strictEqual(ann!.demands.length, 1)
      assert.strictEqual(pull.counters().abandoned, 0)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(pull.counters().abandoned, 1)
      advert(ann!, [hashOf(1)])
      yield* TestClock.adjust("1 second")
      assert.strictEqual(ann!.demands.length, 2)
    }))

  it.effect("know a peer that left and came back", () =>
    Effect.gen(function*() {
      const { advert, peers: [ann], pull } = yield* setup({ peers: 1 })
      advert(ann!, [hashOf(1)])
      yield* TestClock.adjust(200)
      pull.leave(ann!)
      const again = recordingPeer(ann!.slot)
      pull.join(again)
      advert(again, [hashOf(1)])
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(again.demands, [])
    }))

  it.effect("turn to others when the peer that was asked leaves", () =>
    Effect.gen(function*() {
      const { advert, peers: [ann, ben], pull } = yield* setup({ peers: 2 })
      advert(ann!, [hashOf(1), hashOf(2)])
      yield* TestClock.adjust(200)
      advert(ben!, [hashOf(1)])
      advert(ann!, [hashOf(3)])
      pull.leave(ann!)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(numbersIn(ann!.demands), [[1, 2]])
      assert.deepStrictEqual(numbersIn(ben!.demands), [[1]])
    }))

  it.effect("give up the hashes first demanded when there are too many, and go on asking for new ones", () =>
    Effect.gen(function*() {
      const { advert, peers: [ann, ben], pull } = yield* setup({ peers: 2, demandEntries: 10 })
      advert(ann!, hashesOf(1, 10))
      yield* TestClock.adjust(200)
      pull.received(hashOf(1))
      advert(ben!, hashesOf(11, 13))
      yield* TestClock.adjust(200)
      assert.deepStrictEqual(numbersIn(ben!.demands), [[11, 12, 13]])
      // Of the three given up one had been received.
      assert.strictEqual(pull.counters().abandoned, 2)
    }))

  it.effect("are counted as made only if the peer takes them", () =>
    Effect.gen(function*() {
      const { advert, peers: [ann], pull } = yield* setup({ peers: 1 })
      ann!.taking = false
      advert(ann!, [hashOf(1)])
      yield* TestClock.adjust(200)
      assert.strictEqual(pull.counters().demanded, 0)
    }))
})

describe("PullFlood, offers that wait", () => {
  it.effect("are bounded: the oldest are shed and counted [core: advert queue / incoming adverts] [ref 6.3 bound of offers]", () =>
    Effect.gen(function*() {
      const { advert, peers: [ann, ben], program, pull } = yield* setup({ peers: 2 })
      program.limits.queue = 3
      advert(ann!, hashesOf(1, 5))
      advert(ben!, hashesOf(11, 13))
      yield* TestClock.adjust(200)
      assert.deepStrictEqual(numbersIn(ann!.demands), [[3, 4, 5]])
      assert.deepStrictEqual(numbersIn(ben!.demands), [[11, 12, 13]])
      assert.strictEqual(pull.counters().shed, 2)
    }))

  it.effect("lose first what was to be tried again [core: advert queue / incoming adverts]", () =>
    Effect.gen(function*() {
      const { advert, peers: [ann, ben], program, pull } = yield* setup({ peers: 2 })
      program.limits.queue = 3
      advert(ann!, hashesOf(1, 3))
      yield* TestClock.adjust(200)
      advert(ben!, hashesOf(1, 3))
      // This beat puts the three back; then two more come.
      yield* TestClock.adjust(200)
      advert(ben!, hashesOf(4, 5))
      yield* TestClock.adjust(10_000)
      assert.deepStrictEqual(numbersIn(ben!.demands), [[4, 5], [3]])
      assert.strictEqual(pull.counters().shed, 2)
    }))

  it.effect("are never more than the offers that are remembered, whatever the program allows", () =>
    Effect.gen(function*() {
      const { advert, peers: [ann], program } = yield* setup({ peers: 1, historyEntries: 2 })
      program.limits.queue = Infinity
      advert(ann!, hashesOf(1, 5))
      yield* TestClock.adjust(200)
      assert.deepStrictEqual(numbersIn(ann!.demands), [[4, 5]])
    }))

  it.effect("still keep us from advertising back after they are shed", () =>
    Effect.gen(function*() {
      const { advert, peers: [ann], program, pull } = yield* setup({ peers: 1 })
      program.limits.queue = 1
      advert(ann!, hashesOf(1, 2))
      assert.isFalse(pull.advertise(ann!, hashOf(1)))
    }))
})

describe("PullFlood, items that come", () => {
  it.effect("tell how long they took, once", () =>
    Effect.gen(function*() {
      const { advert, peers: [ann], pull } = yield* setup({ peers: 1 })
      advert(ann!, [hashOf(1)])
      yield* TestClock.adjust(1034)
      assert.strictEqual(pull.received(hashOf(1)), 834)
      assert.isUndefined(pull.received(hashOf(1)))
      assert.isUndefined(pull.received(hashOf(2)))
    }))

  it.effect("tell nothing a minute after their first demand, when it is forgotten and they count as abandoned [ref 6.3 memory of a minute]", () =>
    Effect.gen(function*() {
      const { advert, peers: [ann], pull } = yield* setup({ peers: 1 })
      advert(ann!, hashesOf(1, 2))
      yield* TestClock.adjust(60_199)
      assert.strictEqual(pull.received(hashOf(1)), 59_999)
      yield* TestClock.adjust(1)
      assert.isUndefined(pull.received(hashOf(2)))
      assert.strictEqual(pull.counters().abandoned, 1)
    }))

  it.effect("are not counted as abandoned", () =>
    Effect.gen(function*() {
      const { advert, peers: [ann], pull } = yield* setup({ peers: 1 })
      advert(ann!, hashesOf(1, 3))
      yield* TestClock.adjust(200)
      pull.received(hashOf(2))
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual(pull.counters().abandoned, 2)
    }))
})

describe("PullFlood, answers", () => {
  const item = Uint8Array.of(1, 2, 3)

  it.effect("give what is here at the rank of items, and nothing for what is not", () =>
    Effect.gen(function*() {
      const { demand, peers: [ann, ben], program, pull } = yield* setup({ peers: 2 })
      program.items.set(hashOf(2), item)
      demand(ann!, hashesOf(1, 3))
      assert.deepStrictEqual(ann!.offered, [[PRIORITY, item]])
      assert.deepStrictEqual(ben!.offered, [])
      const { fulfilled, unfulfilled } = pull.counters()
      assert.deepStrictEqual({ fulfilled, unfulfilled }, { fulfilled: 1, unfulfilled: 2 })
    }))

  it.effect("come once a minute for a hash and a peer", () =>
    Effect.gen(function*() {
      const { demand, peers: [ann, ben], program, pull } = yield* setup({ peers: 2 })
      program.items.set(hashOf(1), item)
      demand(ann!, [hashOf(1), hashOf(1)])
      yield* TestClock.adjust("60 seconds")
      demand(ann!, [hashOf(1)])
      assert.strictEqual(ann!.offered.length, 1)
      assert.strictEqual(pull.counters().repeated, 2)
      demand(ben!, [hashOf(1)])
      assert.strictEqual(ben!.offered.length, 1)
      yield* TestClock.adjust(1)
      demand(ann!, [hashOf(1)])
      assert.strictEqual(ann!.offered.length, 2)
    }))

  it.effect("remember so many given items of a peer and no more", () =>
    Effect.gen(function*() {
      const { demand, peers: [ann], program } = yield* setup({ peers: 1, answerEntries: 2 })
      for (const hash of hashesOf(1, 3)) program.items.set(hash, item)
      demand(ann!, hashesOf(1, 3))
      demand(ann!, [hashOf(3), hashOf(1)])
      assert.strictEqual(ann!.offered.length, 4)
    }))

  it.effect("that could not be put into the outbox may be asked for again", () =>
    Effect.gen(function*() {
      const { demand, peers: [ann], program, pull } = yield* setup({ peers: 1 })
      program.items.set(hashOf(1), item)
      ann!.taking = false
      demand(ann!, [hashOf(1)])
      assert.strictEqual(pull.counters().unfulfilled, 1)
      ann!.taking = true
      demand(ann!, [hashOf(1)])
      assert.strictEqual(ann!.offered.length, 1)
    }))
})

describe("PullFlood, its timer", () => {
  it.effect("sleeps while nobody offers anything", () =>
    Effect.gen(function*() {
      const { advert, peers: [ann], program } = yield* setup({ peers: 1 })
      advert(ann!, [hashOf(1)])
      yield* TestClock.adjust("1 second")
      const before = program.asked
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(program.asked, before)
    }))

  it.effect("ends with its Scope: nothing is sent afterwards", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { advert, peers: [ann], pull } = yield* Scope.provide(setup({ peers: 1 }), scope)
      pull.advertise(ann!, hashOf(1))
      advert(ann!, [hashOf(2)])
      yield* Scope.close(scope, Exit.void)
      pull.advertise(ann!, hashOf(3))
      advert(ann!, [hashOf(4)])
      yield* TestClock.adjust("10 minutes")
      assert.deepStrictEqual([ann!.adverts, ann!.demands], [[], []])
    }))
})
