/** The promises of the flood gate. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as RuntimeFloodGate from "../../src/layers/runtime/RuntimeFloodGate.ts"
import { FloodGate } from "../../src/services/FloodGate.ts"
import type { Peer } from "../../src/services/Peers.ts"
import { Peers } from "../../src/services/Peers.ts"
import { hashOf, recordingPeer, seededSecureRandom } from "../support/floods.ts"

const KIND = 11
const hash = hashOf(1)
const [ann, ben, cid] = [recordingPeer(0), recordingPeer(1), recordingPeer(40)]

const peersOf = (all: ReadonlyArray<Peer>) =>
  Layer.succeed(
    Peers,
    Peers.of({
      enter: () => "pending-full",
      claim: () => "here",
      prove: () => "here",
      outcome: () => "gone",
      rivals: () => [],
      hasSlot: () => false,
      hasShare: () => false,
      takeSlotNumber: () => 0,
      promote: () => {},
      leave: () => {},
      all: () => all,
      byId: () => undefined,
      isConnected: () => false,
      counts: () => ({ inbound: all.length, outbound: 0, pendingInbound: 0, pendingOutbound: 0 }),
      changes: Stream.empty
    })
  )

/** A gate among Ann, Ben and Cid. */
const gate = Effect.map(
  Layer.build(
    RuntimeFloodGate.layer({ entries: 100, ttl: Duration.minutes(5), slots: 64 }).pipe(
      Layer.provide([peersOf([ann, ben, cid]), seededSecureRandom])
    )
  ),
  (context) => FloodGate.pipe(Effect.provide(context))
).pipe(Effect.flatten)

/** Who is told when all are willing, by slot. */
const broadcast = (gate: FloodGate["Service"], kind = KIND): ReadonlyArray<number> => {
  const told: Array<number> = []
  const count = gate.broadcast(kind, hash, (peer) => {
    told.push(peer.slot)
    return true
  })
  assert.strictEqual(count, told.length)
  return told
}

describe("FloodGate", () => {
  it.effect("takes a message as new from the first who brings it, and as known from all others [ref 6.1 who brings a message knows it]", () =>
    Effect.gen(function*() {
      const flood = yield* gate
      assert.isFalse(flood.has(KIND, hash))
      assert.isTrue(flood.receive(KIND, hash, ann))
      assert.isFalse(flood.receive(KIND, hash, ben))
      assert.isFalse(flood.receive(KIND, hash, ann))
      assert.isTrue(flood.has(KIND, hash))
      assert.deepStrictEqual([ann, ben, cid].map((peer) => flood.knows(KIND, hash, peer)), [true, true, false])
    }))

  it.effect("knows who brought a message first, and nobody for what was made here", () =>
    Effect.gen(function*() {
      const flood = yield* gate
      assert.isBelow(flood.bringer(KIND, hash), 0)
      flood.receive(KIND, hash, ben)
      flood.receive(KIND, hash, ann)
      assert.strictEqual(flood.bringer(KIND, hash), ben.slot)
      broadcast(flood, KIND + 1)
      assert.isBelow(flood.bringer(KIND + 1, hash), 0)
      flood.release(ben.slot)
      assert.isBelow(flood.bringer(KIND, hash), 0)
    }))

  it.effect("keeps kinds apart", () =>
    Effect.gen(function*() {
      const flood = yield* gate
      flood.receive(KIND, hash, ann)
      assert.isFalse(flood.has(KIND + 1, hash))
      assert.isTrue(flood.receive(KIND + 1, hash, ann))
    }))

  it.effect("tells those who do not know a message, once [core: broadcast() broadcasts] [ref 6.1 told once]", () =>
    Effect.gen(function*() {
      const flood = yield* gate
      flood.receive(KIND, hash, ben)
      assert.deepStrictEqual(broadcast(flood), [0, 40])
      assert.deepStrictEqual(broadcast(flood), [])
      assert.isTrue(flood.knows(KIND, hash, cid))
    }))

  it.effect("remembers what it broadcasts, so that an echo is not new", () =>
    Effect.gen(function*() {
      const flood = yield* gate
      broadcast(flood)
      assert.isFalse(flood.receive(KIND, hash, ann))
    }))

  it.effect("asks again about a peer that could not be told", () =>
    Effect.gen(function*() {
      const flood = yield* gate
      assert.strictEqual(flood.broadcast(KIND, hash, (peer) => peer !== ben), 2)
      assert.isFalse(flood.knows(KIND, hash, ben))
      assert.deepStrictEqual(broadcast(flood), [1])
    }))

  it.effect("takes a forgotten message as new, from whom it came and to whom it goes [ref 6.1 forget]", () =>
    Effect.gen(function*() {
      const flood = yield* gate
      broadcast(flood)
      flood.forget(KIND, hash)
      assert.isFalse(flood.has(KIND, hash))
      assert.deepStrictEqual(broadcast(flood), [0, 1, 40])
      flood.forget(KIND, hash)
      assert.isTrue(flood.receive(KIND, hash, ann))
    }))

  it.effect("does not bring back a message that is forgotten while it is being told", () =>
    Effect.gen(function*() {
      const flood = yield* gate
      flood.broadcast(KIND, hash, () => {
        flood.forget(KIND, hash)
        return true
      })
      assert.isFalse(flood.has(KIND, hash))
    }))

  it.effect("keeps its marks right when telling fills the gate with other messages", () =>
    Effect.gen(function*() {
      const flood = yield* gate
      flood.broadcast(KIND, hash, (peer) => {
        for (let i = 0; i < 80; i++) flood.receive(KIND + 1, hashOf(100 * peer.slot + i), peer)
        return peer === ben
      })
      // The gate holds 100 messages: this one was pushed out meanwhile.
      assert.isFalse(flood.has(KIND, hash))
      for (let i = 0; i < 80; i++) assert.isFalse(flood.knows(KIND + 1, hashOf(4000 + i), ben))
    }))

  it.effect("lets a message go round again once its epoch is too old [core: pull mode with 2 nodes / advertise again]", () =>
    Effect.gen(function*() {
      const flood = yield* gate
      flood.advance(100, 89)
      broadcast(flood)
      flood.advance(111, 100)
      assert.deepStrictEqual(broadcast(flood), [])
      flood.advance(112, 101)
      assert.deepStrictEqual(broadcast(flood), [0, 1, 40])
    }))

  it.effect("forgets a message after its time to live, also when no epoch passes", () =>
    Effect.gen(function*() {
      const flood = yield* gate
      flood.receive(KIND, hash, ann)
      yield* TestClock.adjust("299 seconds")
      assert.isTrue(flood.has(KIND, hash))
      yield* TestClock.adjust("1 second")
      assert.isFalse(flood.has(KIND, hash))
    }))

  it.effect("does not take the wall clock's steps back for age", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(1_000_000)
      const flood = yield* gate
      flood.receive(KIND, hash, ann)
      yield* TestClock.setTime(500_000)
      flood.receive(KIND, hashOf(2), ann)
      assert.isTrue(flood.has(KIND, hash))
      yield* TestClock.adjust("5 minutes")
      assert.isFalse(flood.has(KIND, hash))
    }))

  it.effect("forgets the oldest when it is full, and counts it", () =>
    Effect.gen(function*() {
      const flood = yield* gate
      for (let i = 0; i < 103; i++) flood.receive(KIND, hashOf(i), ann)
      assert.deepStrictEqual([2, 3].map((i) => flood.has(KIND, hashOf(i))), [false, true])
      const { entries, evicted } = flood.size()
      assert.deepStrictEqual({ entries, evicted }, { entries: 100, evicted: 3 })
      assert.isAbove(flood.size().bytes, 0)
    }))

  it.effect("tells the next peer of a slot what the one before it had been told", () =>
    Effect.gen(function*() {
      const flood = yield* gate
      broadcast(flood)
      flood.release(ben.slot)
      assert.isFalse(flood.knows(KIND, hash, recordingPeer(ben.slot)))
      assert.deepStrictEqual(broadcast(flood), [1])
    }))
})
