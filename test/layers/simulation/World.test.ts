/**
 * The virtual world: its time, its order, and what it refuses.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, Deferred, Effect, Exit, Fiber, Queue, Random } from "effect"
import { SecureRandom } from "effect/crypto/SecureRandom"
import { MixedScheduler, Scheduler } from "effect/Scheduler"
import { execFileSync } from "node:child_process"
import { createHash, createPrivateKey, generateKeyPairSync, randomFillSync, sign } from "node:crypto"
import { lookup } from "node:dns"
import { join } from "node:path"
import { setTimeout as hiddenTimeout } from "node:timers"
import { stream } from "../../../src/core/Prng.ts"
import * as AsyncGuard from "../../../src/layers/node/AsyncGuard.ts"
import { FiberName } from "../../../src/layers/simulation/FiberCensus.ts"
import * as SimulatedRandom from "../../../src/layers/simulation/SimulatedRandom.ts"
import { Trespass } from "../../../src/layers/simulation/Trespass.ts"
import * as World from "../../../src/layers/simulation/World.ts"
import { gossip } from "./gossip.ts"

const SECOND = 1_000_000

/** What comes out of a World in which this task runs at 10. */
const outcomeOf = (task: () => void, guard?: World.Guard): unknown => {
  const world = World.make({ seed: 1, ...(guard === undefined ? {} : { guard }) })
  world.after(10, task)
  try {
    world.advanceTo(SECOND)
    return "nothing"
  } catch (error) {
    return error
  }
}

const assertTrespass = (outcome: unknown, what: RegExp): void => {
  assert.instanceOf(outcome, Trespass)
  assert.match(outcome instanceof Error ? outcome.message : "", what)
}

const assertDeadlock = (outcome: ReturnType<World.World["runUntil"]>): World.Deadlock => {
  if (typeof outcome === "string") return assert.fail(`${outcome} instead of a deadlock`)
  return outcome
}

describe("Replay", () => {
  it("200 nodes of fibers, queues and sleeps leave the same trace twice, in another process, and under a guard", () => {
    const first = gossip({ seed: 42 })
    assert.deepStrictEqual([first.outcome, first.arrivals], ["done", 10_000])
    assert.strictEqual(gossip({ seed: 42 }).hash, first.hash)
    assert.strictEqual(gossip({ seed: 42, guard: AsyncGuard.make() }).hash, first.hash)
    const elsewhere = execFileSync(process.execPath, [join(import.meta.dirname, "gossip.ts"), "42"], {
      encoding: "utf8"
    })
    assert.strictEqual(elsewhere, first.hash)
  })

  it("another seed leaves another trace, and so does one link whose latency comes from the machine", () => {
    const hash = gossip({ seed: 42 }).hash
    assert.notStrictEqual(gossip({ seed: 43 }).hash, hash)
    const odd = (): string => gossip({ seed: 42, oddLatency: () => Math.floor(Math.random() * 100_000) }).hash
    const [one, other] = [odd(), odd()]
    assert.strictEqual(new Set([hash, one, other]).size, 3)
  })
})

describe("Time and order", () => {
  it("tasks run by their time, at equal times in the order of the calls, and show that time", () => {
    const world = World.make({ seed: 1 })
    const ran: Array<string> = []
    const log = (label: string) => () => ran.push(`${label}@${world.nowMicros()}`)
    world.after(20, log("d"))
    world.after(10, log("a"))
    world.after(10, () => {
      log("b")()
      world.after(10, log("e"))
      world.after(0, log("c"))
    })
    world.advanceTo(19)
    assert.deepStrictEqual(ran, ["a@10", "b@10", "c@10"])
    assert.strictEqual(world.nowMicros(), 19)
    world.advanceTo(20)
    assert.deepStrictEqual(ran.slice(3), ["d@20", "e@20"])
    assert.strictEqual(world.tasksRun(), 5)
  })

  it("what is for soon runs behind what waits, and before the next that is due, also at the same time", () => {
    const world = World.make({ seed: 1 })
    const ran: Array<string> = []
    world.after(0, () => {
      ran.push("first due")
      world.soon(() => {
        ran.push("soon 1")
        world.soon(() => ran.push("soon of soon 1"))
      })
      world.soon(() => ran.push("soon 2"))
    })
    world.after(0, () => ran.push("second due"))
    world.soon(() => ran.push("before all"))
    assert.deepStrictEqual(ran, [])
    world.advanceTo(0)
    assert.deepStrictEqual(ran, ["before all", "first due", "soon 1", "soon 2", "soon of soon 1", "second due"])
  })

  it("more tasks than it began with room for keep their order", () => {
    const world = World.make({ seed: 1 })
    const ran: Array<number> = []
    // So that the oldest is not at the beginning of the ring when it is widened.
    for (let i = 0; i < 700; i++) world.soon(() => ran.push(i))
    world.soon(() => {
      for (let i = 701; i < 5000; i++) world.soon(() => ran.push(i))
    })
    world.soon(() => ran.push(700))
    world.advanceTo(0)
    assert.deepStrictEqual(ran, Array.from({ length: 5000 }, (_, i) => i))
  })

  it("a task that is called off does not run, and calling it off later changes nothing", () => {
    const world = World.make({ seed: 1 })
    const ran: Array<string> = []
    const [first, second] = ["a", "b"].map((label) => world.after(10, () => ran.push(label)))
    first?.cancel()
    world.advanceTo(10)
    second?.cancel()
    world.advanceTo(20)
    assert.deepStrictEqual(ran, ["b"])
  })

  it("refuses delays that are no whole numbers from 0 on, a time beyond 2^53 - 1, and to go back", () => {
    const world = World.make({ seed: 1 })
    world.advanceTo(10)
    for (const delay of [-1, 0.5, NaN, Infinity, Number.MAX_SAFE_INTEGER]) {
      assert.throws(() => world.after(delay, () => {}), RangeError)
    }
    assert.throws(() => world.advanceTo(9), RangeError)
    assert.throws(() => world.runUntil(() => true, 9), RangeError)
    assert.strictEqual(world.nowMicros(), 10)
  })

  it("an instant that never ends is an error, in whichever way its tasks follow each other", () => {
    const follow = (world: World.World, next: (task: () => void) => unknown, times: number): void => {
      let left = times
      const task = (): unknown => left-- > 1 && next(task)
      world.after(5, task)
    }
    for (const way of ["soon", "after"] as const) {
      const world = World.make({ seed: 1, maxTasksAnInstant: 100 })
      const next = (task: () => void): unknown => way === "soon" ? world.soon(task) : world.after(0, task)
      follow(world, next, 100)
      world.advanceTo(10)
      follow(world, next, 101)
      assert.throws(() => world.advanceTo(20), /loop/)
    }
  })

  it("what a task throws comes out, and the rest can run after it", () => {
    const world = World.make({ seed: 1 })
    const ran: Array<string> = []
    world.after(1, () => {
      throw new Error("a bug")
    })
    world.after(2, () => ran.push("the next"))
    assert.throws(() => world.advanceTo(5), "a bug")
    assert.strictEqual(world.nowMicros(), 1)
    world.advanceTo(5)
    assert.deepStrictEqual(ran, ["the next"])
  })

  it("cannot be run from inside itself or another World", () => {
    const world = World.make({ seed: 1 })
    const other = World.make({ seed: 2 })
    world.after(1, () => world.advanceTo(5))
    world.after(2, () => other.advanceTo(5))
    assert.throws(() => world.advanceTo(1), /runs already/)
    assert.throws(() => world.advanceTo(2), /runs already/)
    other.advanceTo(5)
    assert.strictEqual(other.nowMicros(), 5)
  })
})

describe("Fibers", () => {
  it("see the World's time by its Clock, which begins where it is told to, and sleep by it", () => {
    const world = World.make({ seed: 1, epochMillis: 1000 })
    const seen: Array<unknown> = []
    world.fork(Effect.gen(function*() {
      const monotonic = yield* Clock.monotonicTimeNanos
      yield* Effect.sleep("1500 micros")
      seen.push(yield* Clock.currentTimeMillis, yield* Clock.currentTimeNanos)
      yield* Effect.sleep("2 hours")
      seen.push(yield* Clock.currentTimeMillis, (yield* Clock.monotonicTimeNanos) - monotonic)
    }))
    world.advanceTo(1499)
    assert.deepStrictEqual(seen, [])
    world.advanceTo(7200 * SECOND + 1500)
    assert.deepStrictEqual(seen, [1001, 1_001_500_000n, 7_201_001, 7_200_001_500_000n])
    const started = World.make({ seed: 1 }).fork(Clock.currentTimeMillis)
    assert.isUndefined(started.pollUnsafe())
    const fresh = World.make({ seed: 1 })
    const begin = fresh.fork(Clock.currentTimeMillis)
    fresh.advanceTo(0)
    assert.deepStrictEqual(begin.pollUnsafe(), Exit.succeed(Date.UTC(2026, 0, 1)))
  })

  it("a shortest sleep takes time, one of zero only lets others go first, an endless one ends by interruption", () => {
    const world = World.make({ seed: 1 })
    const ran: Array<string> = []
    world.fork(Effect.andThen(Effect.sleep("1 nanos"), Effect.sync(() => ran.push(`short@${world.nowMicros()}`))))
    world.fork(Effect.andThen(Effect.sleep(0), Effect.sync(() => ran.push(`none@${world.nowMicros()}`))))
    world.fork(Effect.sync(() => ran.push("other")))
    const endless = world.fork(Effect.sleep(Infinity))
    world.advanceTo(10)
    assert.deepStrictEqual(ran, ["other", "none@0", "short@1"])
    world.fork(Fiber.interrupt(endless))
    world.advanceTo(20)
    assert.isTrue(endless.pollUnsafe()?._tag === "Failure")
  })

  it("a sleep that is interrupted is due no more", () => {
    const world = World.make({ seed: 1 })
    const fiber = world.fork(Effect.timeoutOption(Effect.sleep("1 hour"), "1 second"))
    assert.strictEqual(world.runUntil(() => false, 10 * SECOND), "limit")
    assert.isDefined(fiber.pollUnsafe())
    const before = world.tasksRun()
    world.advanceTo(7200 * SECOND)
    assert.strictEqual(world.tasksRun(), before)
  })

  it("run to their next wait without yielding, and children in the order of their forks", () => {
    const world = World.make({ seed: 1 })
    const ran: Array<string> = []
    world.fork(Effect.gen(function*() {
      const children = yield* Effect.forEach(["a", "b", "c"], (label) =>
        Effect.forkChild(Effect.gen(function*() {
          for (let i = 0; i < 10_000; i++) yield* Effect.void
          ran.push(label)
          yield* Effect.yieldNow
          ran.push(label)
        })))
      yield* Fiber.joinAll(children)
      ran.push("joined")
    }))
    world.advanceTo(0)
    assert.deepStrictEqual(ran, ["a", "b", "c", "a", "b", "c", "joined"])
  })

  it("draw from the World's seed, or from a stream of their own, and never from the machine", () => {
    const drawn = (seed: number, own?: string): unknown => {
      const world = World.make({ seed })
      const random = own === undefined ? Context.empty() : SimulatedRandom.context(world.prng(own))
      const secure = SimulatedRandom.layer(world.prng("secrets"))
      const fiber = world.fork(
        Effect.all([
          Random.next,
          Random.nextInt,
          Random.shuffle([1, 2, 3, 4, 5, 6, 7, 8]),
          Effect.map(SecureRandom.use((service) => service.randomBytes(32)), String).pipe(Effect.provide(secure))
        ]).pipe(Effect.provide(random))
      )
      world.advanceTo(0)
      const exit = fiber.pollUnsafe()
      return exit?._tag === "Success" ? exit.value : assert.fail("still running")
    }
    assert.deepStrictEqual(drawn(1), drawn(1))
    assert.deepStrictEqual(drawn(1, "node 1"), drawn(1, "node 1"))
    assert.notDeepEqual(drawn(1), drawn(2))
    assert.notDeepEqual(drawn(1, "node 1"), drawn(1, "node 2"))
  })

  it("get doubles from 0 to below 1 and safe integers of both signs", () => {
    const random = Context.get(SimulatedRandom.context(stream(1, "random")), Random.Random)
    const doubles = Array.from({ length: 10_000 }, () => random.nextDoubleUnsafe())
    assert.isTrue(doubles.every((double) => double >= 0 && double < 1))
    // The mean of 10,000 is within five times 1/sqrt(12 * 10,000).
    assert.isBelow(Math.abs(doubles.reduce((sum, double) => sum + double, 0) / 10_000 - 0.5), 0.015)
    const integers = Array.from({ length: 10_000 }, () => random.nextIntUnsafe())
    assert.isTrue(integers.every((integer) => Number.isSafeInteger(integer)))
    assert.isBelow(Math.abs(integers.filter((integer) => integer < 0).length - 5000), 250)
    assert.isAbove(Math.max(...integers), 2 ** 52)
  })
})

describe("Running until", () => {
  it("ends in the instant in which it is done, when all of that instant has run", () => {
    const world = World.make({ seed: 1 })
    const ran: Array<string> = []
    let asked = 0
    world.after(5, () => ran.push("a"))
    world.after(7, () => ran.push("b"))
    world.after(7, () => world.soon(() => ran.push("c")))
    world.after(8, () => ran.push("d"))
    const done = (): boolean => {
      asked++
      return ran.includes("b")
    }
    assert.strictEqual(world.runUntil(done, SECOND), "done")
    assert.deepStrictEqual([ran.join(""), world.nowMicros(), asked], ["abc", 7, 3])
  })

  it("ends at its limit, where it then stands, with what is due there", () => {
    const world = World.make({ seed: 1 })
    const ran: Array<string> = []
    world.after(10, () => ran.push("a"))
    world.after(11, () => ran.push("b"))
    assert.strictEqual(world.runUntil(() => false, 10), "limit")
    assert.deepStrictEqual([ran.join(""), world.nowMicros()], ["a", 10])
    assert.strictEqual(world.runUntil(() => false, 100), "limit")
    assert.deepStrictEqual([ran.join(""), world.nowMicros()], ["ab", 100])
  })

  it("reports a deadlock: when, how many fibers, whose, and in which functions they are", () => {
    const world = World.make({ seed: 1 })
    const fetchLedger = Effect.fn("fetchLedger")((answer: Deferred.Deferred<void>) => Deferred.await(answer))
    const catchUp = Effect.fn("catchUp")(function*(answer: Deferred.Deferred<void>) {
      yield* fetchLedger(answer)
    })
    world.fork(
      Effect.gen(function*() {
        const answer = yield* Deferred.make<void>()
        const parked = Effect.provideService(catchUp(answer), FiberName, "node 2")
        yield* Effect.forkChild(parked)
        yield* Effect.forkDetach(parked)
        yield* Effect.forkChild(Effect.sleep("3 seconds"))
        yield* Deferred.await(answer)
      }),
      "node 1"
    )
    const deadlock = assertDeadlock(world.runUntil(() => false, 60 * SECOND))
    assert.deepStrictEqual(deadlock, {
      _tag: "Deadlock",
      atMicros: 3 * SECOND,
      fibers: 3,
      waiting: [
        { name: "node 2", where: "fetchLedger < catchUp", count: 2 },
        { name: "node 1", where: "", count: 1 }
      ]
    })
    assert.deepStrictEqual(world.waiting(), deadlock.waiting)
  })

  it("reports none while something is due, nor when all fibers have ended", () => {
    const world = World.make({ seed: 1 })
    world.fork(Effect.never)
    const timer = world.after(100 * SECOND, () => {})
    assert.strictEqual(world.runUntil(() => false, SECOND), "limit")
    timer.cancel()
    assert.strictEqual(assertDeadlock(world.runUntil(() => false, 2 * SECOND)).fibers, 1)
    const quiet = World.make({ seed: 1 })
    // More than are looked at one by one.
    for (let i = 0; i < 5000; i++) quiet.fork(Effect.sleep(i))
    assert.strictEqual(quiet.runUntil(() => false, 60 * SECOND), "limit")
    assert.deepStrictEqual(quiet.waiting(), [])
  })
})

describe("What the World refuses", () => {
  it("timers of the machine, where they are set and again where the World was run, though somebody caught it", () => {
    const caught: Array<unknown> = []
    for (
      const [set, what] of [
        [() => setTimeout(() => {}, 1), /setTimeout/],
        [() => setInterval(() => {}, 1), /setInterval/],
        [() => setImmediate(() => {}), /setImmediate/],
        [() => queueMicrotask(() => {}), /queueMicrotask/]
      ] as const
    ) {
      assertTrespass(outcomeOf(set), what)
      const swallow = (): void => {
        try {
          set()
        } catch (error) {
          caught.push(error)
        }
      }
      assert.strictEqual(outcomeOf(swallow), caught.at(-1))
    }
    assert.strictEqual(caught.length, 4)
  })

  it("what waits for a promise by its methods", () => {
    const settled = Promise.resolve()
    for (const use of [() => settled.then(() => {}), () => settled.finally(() => {}), () => settled.catch(() => {})]) {
      assertTrespass(outcomeOf(() => void use()), /then was called/)
    }
  })

  it("fibers of the default scheduler: those that sleep, those that fork, and those that do neither", () => {
    for (
      const effect of [
        Effect.sleep("1 second"),
        Effect.asVoid(Effect.forkDetach(Effect.void)),
        Effect.yieldNow,
        Effect.sync(() => {})
      ]
    ) {
      assertTrespass(outcomeOf(() => Effect.runFork(effect)), /default scheduler/)
    }
  })

  it("fibers of a scheduler that somebody made, when they first wait", () => {
    const foreign = Context.make(Scheduler, new MixedScheduler())
    assertTrespass(outcomeOf(() => Effect.runForkWith(foreign)(Effect.yieldNow)), /setImmediate/)
    const inbox = Effect.runSync(Queue.unbounded<number>())
    const world = World.make({ seed: 1 })
    world.fork(Queue.take(inbox))
    world.after(10, () => Queue.offerUnsafe(inbox, 1))
    let outcome: unknown
    try {
      world.advanceTo(SECOND)
    } catch (error) {
      outcome = error
    }
    assertTrespass(outcome, /then was called/)
  })

  it("fibers that wait outside for something inside, and would go on in the midst of it", () => {
    const world = World.make({ seed: 1 })
    const answer = Deferred.makeUnsafe<void>()
    const outside = Effect.runFork(Deferred.await(answer))
    world.fork(Deferred.succeed(answer, undefined))
    assert.throws(() => world.advanceTo(0), Trespass)
    assert.isDefined(outside.pollUnsafe())
  })

  it("tasks that come to it while another World runs", () => {
    const mine = World.make({ seed: 1 })
    const other = World.make({ seed: 2 })
    mine.after(1, () => {
      assert.throws(() => other.soon(() => {}), Trespass)
      assert.throws(() => other.after(5, () => {}), Trespass)
    })
    mine.advanceTo(1)
    assert.throws(() => other.advanceTo(1), Trespass)
  })

  it("to go on after a trespass, which it throws again", () => {
    const world = World.make({ seed: 1 })
    world.after(1, () => setTimeout(() => {}, 1))
    world.after(2, () => assert.fail("ran"))
    assert.throws(() => world.advanceTo(1), Trespass)
    assert.throws(() => world.advanceTo(5), Trespass)
    assert.throws(() => world.runUntil(() => true, 5), Trespass)
  })

  it("nothing once it stands: timers, promises and fibers of the machine work as before, however it ended", async () => {
    const before = [setTimeout, setInterval, setImmediate, queueMicrotask, Promise.prototype.then]
    assertTrespass(outcomeOf(() => setTimeout(() => {}, 1)), /setTimeout/)
    assert.strictEqual(outcomeOf(() => {}), "nothing")
    assert.deepStrictEqual([setTimeout, setInterval, setImmediate, queueMicrotask, Promise.prototype.then], before)
    assert.strictEqual(await Effect.runPromise(Effect.as(Effect.yieldNow, 7)), 7)
    assert.isFalse(Object.hasOwn(defaultScheduler(), "shouldYield"))
  })
})

describe("With a guard", () => {
  it("promises are refused that nobody waits for, or that only await waits for", () => {
    const settled = Promise.resolve(1)
    const waiting = async (): Promise<void> => {
      await settled
    }
    for (const make of [() => Promise.resolve(1), () => waiting(), () => new Promise(() => {})]) {
      const task = (): void => void make()
      assert.strictEqual(outcomeOf(task), "nothing")
      assertTrespass(outcomeOf(task, AsyncGuard.make()), /PROMISE/)
    }
  })

  it("timers, ticks and operations of Node are refused that do not come by way of globalThis", () => {
    for (
      const [act, what] of [
        [() => hiddenTimeout(() => {}, 0), /Timeout/],
        [() => process.nextTick(() => {}), /TickObject/],
        [() => lookup("127.0.0.1.invalid", () => {}), /GETADDRINFOREQWRAP/]
      ] as const
    ) {
      assertTrespass(outcomeOf(() => void act(), AsyncGuard.make()), what)
    }
  })

  it("fibers and synchronous cryptography are not", () => {
    const key = generateKeyPairSync("ed25519").privateKey
    const world = World.make({ seed: 1, guard: AsyncGuard.make() })
    const fiber = world.fork(Effect.gen(function*() {
      const child = yield* Effect.forkChild(Effect.sleep("1 second"))
      yield* Effect.sleep("1 second")
      yield* Fiber.join(child)
      randomFillSync(new Uint8Array(8))
      createPrivateKey(key.export({ format: "pem", type: "pkcs8" }))
      return [sign(null, Buffer.of(1), key).length, createHash("sha256").update("a").digest().length]
    }))
    assert.strictEqual(world.runUntil(() => fiber.pollUnsafe() !== undefined, 5 * SECOND), "done")
    assert.deepStrictEqual(fiber.pollUnsafe(), Exit.succeed([64, 32]))
  })
})

/** The one that fibers without a context run on. */
const defaultScheduler = (): Scheduler => Context.get(Context.empty(), Scheduler)
