import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Logger, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as Alarm from "../../src/layers/runtime/Alarm.ts"
import * as SteadyClock from "../../src/layers/runtime/SteadyClock.ts"

/** An alarm that writes down when it rang, and then does more. */
const recording = Effect.fnUntraced(function*(more: () => void = () => {}) {
  const now = yield* SteadyClock.make
  const rang: Array<number> = []
  const alarm = yield* Alarm.make(now, () => {
    rang.push(now())
    more()
  })
  return { rang, alarm }
})

describe("Alarm", () => {
  it.effect("rings once, at the earliest time that it was set to", () =>
    Effect.gen(function*() {
      const { alarm, rang } = yield* recording()
      alarm.set(500)
      alarm.set(200)
      alarm.set(300)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(rang, [200])
    }))

  it.effect("can be set anew after it rang", () =>
    Effect.gen(function*() {
      const { alarm, rang } = yield* recording()
      alarm.set(200)
      yield* TestClock.adjust(250)
      alarm.set(300)
      yield* TestClock.adjust(250)
      assert.deepStrictEqual(rang, [200, 300])
    }))

  it.effect("can be set anew while it rings, and then rings at the earliest of those times", () =>
    Effect.gen(function*() {
      const { alarm, rang } = yield* recording(() => {
        if (rang.length > 1) return
        alarm.set(400)
        alarm.set(300)
      })
      alarm.set(200)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(rang, [200, 300])
    }))

  it.effect("lets others run between two rings that are due at once", () =>
    Effect.gen(function*() {
      const runFork = Effect.runForkWith(yield* Effect.context<never>())
      const { alarm, rang } = yield* recording(() => {
        if (rang.length > 1) return
        runFork(Effect.andThen(Effect.yieldNow, Effect.sync(() => rang.push(-1))))
        alarm.set(0)
      })
      alarm.set(200)
      yield* TestClock.adjust(200)
      assert.deepStrictEqual(rang, [200, -1, 200])
    }))

  it.effect("never rings inside the call that sets it, also when the time has passed", () =>
    Effect.gen(function*() {
      yield* TestClock.adjust(1000)
      const { alarm, rang } = yield* recording()
      alarm.set(-5)
      assert.deepStrictEqual(rang, [])
      yield* TestClock.adjust(1)
      assert.strictEqual(rang.length, 1)
    }))

  it.effect("goes on after its work threw, and says so in the log", () => {
    const logged: Array<unknown> = []
    return Effect.gen(function*() {
      const { alarm, rang } = yield* recording(() => {
        throw new Error("broken")
      })
      alarm.set(100)
      yield* TestClock.adjust(100)
      alarm.set(200)
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(rang, [100, 200])
      assert.strictEqual(logged.length, 2)
    }).pipe(Effect.provide(Logger.layer([Logger.make(({ message }) => logged.push(message))])))
  })

  it.effect("does not ring after its Scope is closed, whether it was set before or is set then", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { alarm, rang } = yield* Scope.provide(recording(), scope)
      alarm.set(100)
      yield* Scope.close(scope, Exit.void)
      alarm.set(50)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(rang, [])
    }))
})
