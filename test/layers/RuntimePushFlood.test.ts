/** The promises of the flood that pushes: what it tells goes out whole, and otherwise it is the pull flood. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as ItemHash from "../../src/core/ItemHash.ts"
import { stream } from "../../src/core/Prng.ts"
import { topologyOf } from "../../src/core/simulation/Topology.ts"
import { MessageType } from "../../src/core/stellar/messages.ts"
import * as RuntimePushFlood from "../../src/layers/runtime/RuntimePushFlood.ts"
import { PullFlood } from "../../src/services/PullFlood.ts"
import { allProperties } from "../../src/testing/stellar/properties/properties.ts"
import type { Property } from "../../src/testing/stellar/properties/Property.ts"
import { crossesOnce } from "../../src/testing/stellar/properties/wire.ts"
import * as Simulation from "../../src/testing/stellar/Simulation.ts"
import { hashOf, recordingPeer, seededSecureRandom } from "../support/floods.ts"

const PRIORITY = 1
const ITEM = Uint8Array.of(1, 2, 3)

/** A flood with two peers; the program around it holds one item, that with hash 1. */
const setup = Effect.gen(function*() {
  const program = { epoch: 0 }
  const context = yield* Layer.build(
    RuntimePushFlood.layer({
      questions: {
        has: () => false,
        answer: (hash) => hash === hashOf(1) ? ITEM : undefined,
        bringer: () => -1,
        limits: () => ({ advert: 1000, demand: 1000, queue: 1000 }),
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
      answerEntries: 1000
    }).pipe(Layer.provide(seededSecureRandom))
  )
  const flood = Context.get(context, PullFlood)
  const [ann, ben] = [recordingPeer(0), recordingPeer(1)]
  flood.join(ann)
  flood.join(ben)
  return { program, flood, ann, ben }
})

/** An advert or a demand of one hash. */
const message = (number: number): Uint8Array => {
  const bytes = new Uint8Array(ItemHash.ITEM_HASH_BYTES)
  ItemHash.writeTo(hashOf(number), bytes, 0)
  return bytes
}

describe("RuntimePushFlood", () => {
  it.effect("sends an item whole and at once, and no advert", () =>
    Effect.gen(function*() {
      const { ann, ben, flood } = yield* setup
      assert.isTrue(flood.advertise(ann, hashOf(1)))
      assert.deepStrictEqual(ann.offered, [[PRIORITY, ITEM]])
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual([ann.adverts, ben.offered, ben.adverts], [[], [], []])
    }))

  it.effect("tells nobody of what is not here, and does not count as told who does not take it", () =>
    Effect.gen(function*() {
      const { ann, flood } = yield* setup
      assert.isFalse(flood.advertise(ann, hashOf(2)))
      ann.taking = false
      assert.isFalse(flood.advertise(ann, hashOf(1)))
    }))

  it.effect("sends nothing to a peer that offered it itself, until that epoch is forgotten", () =>
    Effect.gen(function*() {
      const { ann, ben, flood, program } = yield* setup
      program.epoch = 5
      flood.onAdvert(ann, message(1), 0, 1)
      assert.isFalse(flood.advertise(ann, hashOf(1)))
      assert.isTrue(flood.advertise(ben, hashOf(1)))
      flood.forgetBelow(5)
      assert.isFalse(flood.advertise(ann, hashOf(1)))
      flood.forgetBelow(6)
      assert.isTrue(flood.advertise(ann, hashOf(1)))
    }))

  it.effect("sends nothing to a peer that has left", () =>
    Effect.gen(function*() {
      const { ann, flood } = yield* setup
      flood.leave(ann)
      assert.isFalse(flood.advertise(ann, hashOf(1)))
      assert.deepStrictEqual(ann.offered, [])
    }))

  it.effect("asks who offers something, and answers who asks: peers may pull", () =>
    Effect.gen(function*() {
      const { ann, ben, flood } = yield* setup
      flood.onAdvert(ann, message(2), 0, 1)
      yield* TestClock.adjust(200)
      assert.deepStrictEqual(ann.demands, [[hashOf(2)]])
      assert.strictEqual(flood.received(hashOf(2)), 0)
      flood.onDemand(ben, message(1), 0, 1)
      assert.deepStrictEqual(ben.offered, [[PRIORITY, ITEM]])
      assert.strictEqual(flood.counters().fulfilled, 1)
    }))

  it("keeps all properties in a network that pushes, brings every transaction to every node, and offers none", () => {
    const kinds = new Set<number>()
    const overheard: Property = {
      name: "overheard",
      doc: "Notes the kinds of the frames.",
      watch: () => ({ sent: ({ kind }) => void kinds.add(kind) })
    }
    const nodes = 10
    const simulation = Simulation.make({
      seed: 1,
      seconds: 30,
      topology: topologyOf("random", nodes, stream(1, "topology")),
      config: { transactionFlood: "push" },
      // That a transaction goes only to who asked for it is for those who pull.
      properties: [...allProperties.filter((property) => property !== crossesOnce), overheard]
    })
    simulation.advanceTo(20)
    const said = [...simulation.ledger.said.values()].filter(({ kind }) => kind === "TRANSACTION")
    const { violations } = simulation.finish()
    assert.deepStrictEqual(violations, [])
    assert.isAbove(said.length, 10)
    for (const { reached } of said) assert.strictEqual(reached.size, nodes - 1)
    assert.isTrue(kinds.has(MessageType.TRANSACTION))
    assert.isFalse(kinds.has(MessageType.FLOOD_ADVERT))
  })
})
