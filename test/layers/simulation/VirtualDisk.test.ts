/**
 * The disk of a simulated node: what its faults do to the stores, and what is left after a crash.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { tcpAddress } from "../../../src/core/PeerAddress.ts"
import { PeerId } from "../../../src/core/PeerId.ts"
import * as Prng from "../../../src/core/Prng.ts"
import * as SimulatedStores from "../../../src/layers/simulation/SimulatedStores.ts"
import * as VirtualDisk from "../../../src/layers/simulation/VirtualDisk.ts"
import * as World from "../../../src/layers/simulation/World.ts"
import { BanList } from "../../../src/services/BanList.ts"
import { PeerStore } from "../../../src/services/PeerStore.ts"

/** Time that the test moves by hand. */
const makeTime = () => {
  const tasks: Array<{ readonly at: number; readonly task: () => void }> = []
  let now = 0
  return {
    nowMicros: () => now,
    after: (delayMicros: number, task: () => void) => {
      const entry = { at: now + delayMicros, task }
      tasks.push(entry)
      return {
        cancel: () => {
          const place = tasks.indexOf(entry)
          if (place >= 0) tasks.splice(place, 1)
        }
      }
    },
    /** Runs what is due until then, and lets the fibers go on. */
    advanceTo: (micros: number) =>
      Effect.suspend(() => {
        for (;;) {
          const due = tasks.filter(({ at }) => at <= micros).sort((a, b) => a.at - b.at)[0]
          if (due === undefined) break
          tasks.splice(tasks.indexOf(due), 1)
          now = due.at
          due.task()
        }
        now = micros
        return Effect.yieldNow
      }),
    waiting: () => tasks.length
  }
}

const makeDisk = (seed = 1) => {
  const time = makeTime()
  return { time, disk: VirtualDisk.make(time, Prng.stream(seed, "disk")) }
}

/** Starts a node's stores. */
const start = (disk: VirtualDisk.VirtualDisk) =>
  Effect.map(Layer.build(Layer.fresh(SimulatedStores.layer(disk))), (context) => ({
    store: Context.get(context, PeerStore),
    bans: Context.get(context, BanList)
  }))

const addresses = [1, 2, 3].map((port) => tcpAddress("10.0.0.1", port))
const [one = tcpAddress("", 0)] = addresses
const ann = PeerId("GANN")

const failureOf = <E extends { readonly _tag: string; readonly operation: string; readonly message: string }>(
  effect: Effect.Effect<unknown, E>
) => Effect.map(Effect.flip(effect), ({ _tag, message, operation }) => [_tag, operation, message])

describe("A virtual disk", () => {
  it.effect("has after a crash what was acknowledged before it, again and again", () =>
    Effect.gen(function*() {
      const { disk } = makeDisk()
      const first = yield* start(disk)
      yield* first.store.ensure(addresses)
      yield* first.store.attempt(one)
      yield* first.bans.ban(ann)
      const before = yield* first.store.get(one)
      disk.crash()
      const second = yield* start(disk)
      assert.strictEqual(yield* second.store.size, 3)
      assert.deepStrictEqual(yield* second.store.get(one), before)
      assert.deepStrictEqual((yield* second.bans.all).map(({ id }) => id), [ann])
      yield* second.bans.unban(ann)
      disk.crash()
      const third = yield* start(disk)
      assert.deepStrictEqual(yield* third.bans.all, [])
      assert.strictEqual(yield* third.store.size, 3)
    }))

  it.effect("refuses writes when it is full, still answers, and takes them again when it has recovered", () =>
    Effect.gen(function*() {
      const { disk } = makeDisk()
      const { bans, store } = yield* start(disk)
      yield* store.ensure([one])
      disk.fill()
      const text = "database or disk is full"
      for (
        const [operation, write] of Object.entries({
          ensure: store.ensure(addresses),
          observe: store.observe(one, { kind: "preferred" }),
          attempt: store.attempt(one),
          succeed: store.succeed(one),
          reset: store.reset(one),
          purge: store.purge()
        })
      ) {
        assert.deepStrictEqual(yield* failureOf(write), ["PeerStoreError", operation, text])
      }
      assert.deepStrictEqual(yield* failureOf(bans.ban(ann)), ["BanListError", "ban", text])
      assert.deepStrictEqual(yield* failureOf(bans.unban(ann)), ["BanListError", "unban", text])
      assert.deepInclude(yield* store.get(one), { kind: "inbound", failures: 0 })
      assert.deepStrictEqual([yield* store.size, (yield* store.toShare(5)).length], [1, 1])
      assert.strictEqual((yield* store.candidates("inbound", 5)).length, 1)
      assert.isFalse(yield* bans.isBanned(ann))
      disk.recover()
      yield* bans.ban(ann)
      assert.deepStrictEqual([yield* store.ensure(addresses), (yield* bans.all).map(({ id }) => id)], [3, [ann]])
    }))

  it.effect("refuses all when it is broken, over a restart, until it has recovered", () =>
    Effect.gen(function*() {
      const { disk } = makeDisk()
      yield* Effect.andThen(start(disk), ({ store }) => store.ensure(addresses))
      disk.fail()
      disk.crash()
      const { bans, store } = yield* start(disk)
      const text = "disk I/O error"
      assert.deepStrictEqual(yield* failureOf(store.size), ["PeerStoreError", "size", text])
      assert.deepStrictEqual(yield* failureOf(store.get(one)), ["PeerStoreError", "get", text])
      assert.deepStrictEqual(yield* failureOf(store.candidates("inbound", 1)), ["PeerStoreError", "candidates", text])
      assert.deepStrictEqual(yield* failureOf(store.toShare(1)), ["PeerStoreError", "toShare", text])
      assert.deepStrictEqual(yield* failureOf(store.purge()), ["PeerStoreError", "purge", text])
      assert.deepStrictEqual(yield* failureOf(bans.isBanned(ann)), ["BanListError", "isBanned", text])
      assert.deepStrictEqual(yield* failureOf(bans.all), ["BanListError", "all", text])
      disk.recover()
      assert.strictEqual(yield* store.size, 3)
    }))

  it.effect("passes on what the store itself refuses", () =>
    Effect.gen(function*() {
      const { store } = yield* start(makeDisk().disk)
      const error = yield* Effect.flip(store.attempt(tcpAddress("::1", 1)))
      assert.include(error.message, "not an IPv4 address")
    }))

  it.effect("does one operation after the other when it is slow, each in its time", () =>
    Effect.gen(function*() {
      const { disk, time } = makeDisk()
      const { bans, store } = yield* start(disk)
      disk.slow(1000)
      const entered = yield* Effect.forkChild(store.ensure(addresses), { startImmediately: true })
      const banned = yield* Effect.forkChild(bans.ban(ann), { startImmediately: true })
      yield* time.advanceTo(999)
      assert.strictEqual(disk.committed.peers.rows.length, 0)
      yield* time.advanceTo(1000)
      assert.deepStrictEqual(entered.pollUnsafe(), Exit.succeed(3))
      assert.deepStrictEqual([banned.pollUnsafe(), disk.committed.bans.size], [undefined, 0])
      yield* time.advanceTo(2000)
      assert.deepStrictEqual([banned.pollUnsafe(), disk.committed.bans.size], [Exit.void, 1])
      const late = yield* Effect.forkChild(store.size, { startImmediately: true })
      disk.recover()
      // Fast again, but not before what is already under way.
      const behind = yield* Effect.forkChild(store.purge(), { startImmediately: true })
      assert.deepStrictEqual([late.pollUnsafe(), behind.pollUnsafe()], [undefined, undefined])
      yield* time.advanceTo(3000)
      assert.deepStrictEqual([late.pollUnsafe(), behind.pollUnsafe()], [Exit.succeed(3), Exit.succeed(0)])
      assert.strictEqual(yield* store.size, 3)
      assert.strictEqual(time.waiting(), 0)
    }))

  it.effect("fails what is under way when it breaks, and has not done it", () =>
    Effect.gen(function*() {
      const { disk, time } = makeDisk()
      const { store } = yield* start(disk)
      disk.slow(1000)
      const entering = yield* Effect.forkChild(failureOf(store.ensure(addresses)), { startImmediately: true })
      disk.fail()
      yield* time.advanceTo(1000)
      assert.deepStrictEqual(yield* Fiber.join(entering), ["PeerStoreError", "ensure", "disk I/O error"])
      assert.strictEqual(disk.committed.peers.rows.length, 0)
    }))

  /** Crashes over an `ensure` and a `ban` that are under way: what is there in that instant. */
  const leftAfterCrash = Effect.fnUntraced(function*(seed: number) {
    const { disk, time } = makeDisk(seed)
    const { bans, store } = yield* start(disk)
    disk.slow(1000)
    const entering = yield* Effect.forkChild(failureOf(store.ensure(addresses)), { startImmediately: true })
    const banning = yield* Effect.forkChild(failureOf(bans.ban(ann)), { startImmediately: true })
    yield* time.advanceTo(500)
    disk.crash()
    assert.strictEqual(time.waiting(), 0)
    const left = [disk.committed.peers.rows.length, disk.committed.bans.size]
    const lost = "the node has crashed, and this was its disk"
    assert.deepStrictEqual(yield* Fiber.join(entering), ["PeerStoreError", "ensure", lost])
    assert.deepStrictEqual(yield* Fiber.join(banning), ["BanListError", "ban", lost])
    yield* time.advanceTo(5000)
    assert.deepStrictEqual([disk.committed.peers.rows.length, disk.committed.bans.size], left)
    return left.join(" and ")
  })

  it.effect("has after a crash some of what was under way, each operation whole or not at all", () =>
    Effect.gen(function*() {
      const outcomes = yield* Effect.forEach(Array.from({ length: 40 }, (_, seed) => seed), leftAfterCrash)
      assert.deepStrictEqual([...new Set(outcomes)].sort(), ["0 and 0", "0 and 1", "3 and 0", "3 and 1"])
      assert.deepStrictEqual(yield* leftAfterCrash(7), outcomes[7])
    }))

  it.effect("has done, or not, what somebody stopped to wait for, and does not do it later", () =>
    Effect.gen(function*() {
      const outcomes = new Set<number>()
      for (let seed = 0; seed < 20; seed++) {
        const { disk, time } = makeDisk(seed)
        const { store } = yield* start(disk)
        disk.slow(1000)
        const entering = yield* Effect.forkChild(store.ensure(addresses), { startImmediately: true })
        yield* Fiber.interrupt(entering)
        const left = disk.committed.peers.rows.length
        yield* time.advanceTo(5000)
        assert.strictEqual(disk.committed.peers.rows.length, left)
        outcomes.add(left)
      }
      assert.deepStrictEqual([...outcomes].sort(), [0, 3])
    }))

  it.effect("takes nothing from a node that has crashed", () =>
    Effect.gen(function*() {
      const { disk } = makeDisk()
      const old = yield* start(disk)
      disk.crash()
      const { bans, store } = yield* start(disk)
      assert.strictEqual((yield* Effect.flip(old.store.ensure(addresses)))._tag, "PeerStoreError")
      assert.strictEqual((yield* Effect.flip(old.bans.ban(ann)))._tag, "BanListError")
      assert.strictEqual((yield* Effect.flip(old.store.size))._tag, "PeerStoreError")
      assert.deepStrictEqual([yield* store.size, yield* bans.all], [0, []])
    }))

  it.effect("is not shared with the disk of another node", () =>
    Effect.gen(function*() {
      const [here, there] = [yield* start(makeDisk().disk), yield* start(makeDisk().disk)]
      yield* here.store.ensure(addresses)
      yield* here.bans.ban(ann)
      assert.deepStrictEqual([yield* there.store.size, yield* there.bans.all], [0, []])
    }))
})

describe("A virtual disk in a world", () => {
  /** A node that writes for ever, on a slow disk, and is killed and started again every now and then. */
  const written = (seed: number) => {
    const world = World.make({ seed })
    const prng = world.prng("test")
    const disk = VirtualDisk.make(world, world.prng("disk"))
    disk.slow(700)
    for (let life = 0; life < 20; life++) {
      const scope = Scope.makeUnsafe()
      let acknowledged = 0
      world.fork(
        Effect.gen(function*() {
          const { bans, store } = yield* start(disk)
          for (let port = 1 + 100 * life;; port++) {
            yield* store.ensure([tcpAddress("10.0.0.1", port), tcpAddress("10.0.0.2", port)])
            yield* bans.ban(PeerId(`G${port}`))
            acknowledged++
          }
        }).pipe(Scope.provide(scope), Effect.ignore)
      )
      world.advanceTo(world.nowMicros() + prng.below(20_000))
      disk.crash()
      const { bans, peers } = disk.committed
      const rows = peers.rows.filter(({ address }) => address.port > 100 * life).length
      const banned = [...bans.keys()].filter((id) => Number(id.slice(1)) > 100 * life).length
      // What was acknowledged, and one operation more or none.
      assert.include([2 * acknowledged, 2 * acknowledged + 2], rows)
      assert.include([acknowledged, acknowledged + 1], banned)
    }
    return JSON.stringify([disk.committed.peers.rows, [...disk.committed.bans], world.tasksRun()])
  }

  it("has all that was acknowledged after each of twenty crashes, and the same in the next run", () => {
    const first = written(1)
    assert.strictEqual(written(1), first)
    assert.notStrictEqual(written(2), first)
  })
})
