/**
 * A link whose bytes are held back: late by just so much, in order, bounded, and otherwise as every link.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Duration, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"
import { VIRTUAL_LINK_BYTES } from "../../src/core/limits.ts"
import * as MemoryTransport from "../../src/layers/memory/MemoryTransport.ts"
import type { Link } from "../../src/services/Transport.ts"
import { Transport } from "../../src/services/Transport.ts"
import * as DelayedTransport from "../../src/testing/DelayedTransport.ts"
import { anyPort, fill, handOver, push, receive, receiveAll, seconds, someBytes, somePieces } from "../support/links.ts"

const LATENCY_MILLIS = 40

const onDelayedLinks = <A, E>(test: Effect.Effect<A, E, Scope.Scope | Transport>) =>
  Effect.suspend(() =>
    Effect.provide(
      test,
      DelayedTransport.layer(() => Duration.millis(LATENCY_MILLIS)).pipe(
        Layer.provide(MemoryTransport.layer(MemoryTransport.makeNetwork(), { ip: "127.0.0.1" }))
      )
    )
  )

/** Who dialled, and who was dialled. */
const pair = Effect.gen(function*() {
  const transport = yield* Transport
  const arrived = yield* Deferred.make<Link>()
  const listener = yield* transport.listen(anyPort, handOver(arrived))
  const dialled = yield* Effect.forkScoped(transport.dial(listener.address, { timeout: seconds(60) }))
  yield* TestClock.adjust(2 * LATENCY_MILLIS)
  return [yield* Fiber.join(dialled), yield* Deferred.await(arrived)] as const
})

/** Writes down what comes and when, until the link ends. */
const listen = Effect.fnUntraced(function*(link: Link) {
  const heard: Array<readonly [atMillis: number, text: string]> = []
  const clock = yield* Clock.Clock
  const note = (text: string) => heard.push([clock.currentTimeMillisUnsafe(), text])
  yield* Effect.forkScoped(
    Effect.catch(
      link.read((chunk) => note(new TextDecoder().decode(chunk)) > 0),
      ({ reason }) => Effect.sync(() => note(reason))
    )
  )
  return heard
})

const say = (link: Link, text: string): boolean => link.send(new TextEncoder().encode(text))

const nowMillis = Clock.currentTimeMillis

describe("A delayed link", () => {
  it.effect("takes a round trip to open", () =>
    onDelayedLinks(Effect.gen(function*() {
      const transport = yield* Transport
      const listener = yield* transport.listen(anyPort, () => Effect.never)
      const dial = (millis: number) =>
        Effect.forkScoped(Effect.exit(transport.dial(listener.address, { timeout: Duration.millis(millis) })))
      const [patient, hasty] = [yield* dial(2 * LATENCY_MILLIS + 1), yield* dial(2 * LATENCY_MILLIS)]
      yield* TestClock.adjust(2 * LATENCY_MILLIS - 1)
      assert.isUndefined(patient.pollUnsafe())
      yield* TestClock.adjust(1)
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(patient)))
      assert.isTrue(Exit.isFailure(yield* Fiber.join(hasty)))
    })))

  it.effect("brings bytes in both directions after its latency, not before, each on its own", () =>
    onDelayedLinks(Effect.gen(function*() {
      const [here, there] = yield* pair
      const [atHere, atThere] = [yield* listen(here), yield* listen(there)]
      const start = yield* nowMillis
      assert.isTrue(say(here, "one"))
      yield* TestClock.adjust(10)
      assert.isTrue(say(here, "two"))
      assert.isTrue(say(there, "back"))
      yield* TestClock.adjust(LATENCY_MILLIS - 11)
      assert.deepStrictEqual([atHere, atThere], [[], []])
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(atThere, [[start + LATENCY_MILLIS, "one"], [start + 10 + LATENCY_MILLIS, "two"]])
      assert.deepStrictEqual(atHere, [[start + 10 + LATENCY_MILLIS, "back"]])
    })))

  it.effect("brings the end behind the bytes, and has ended when that has left", () =>
    onDelayedLinks(Effect.gen(function*() {
      const [here, there] = yield* pair
      const [atHere, atThere] = [yield* listen(here), yield* listen(there)]
      const start = yield* nowMillis
      say(here, "last words")
      const ended = yield* Effect.forkScoped(here.end)
      yield* TestClock.adjust(LATENCY_MILLIS - 1)
      assert.isUndefined(ended.pollUnsafe())
      yield* TestClock.adjust(1)
      assert.isDefined(ended.pollUnsafe())
      assert.deepStrictEqual(atThere, [[start + LATENCY_MILLIS, "last words"], [start + LATENCY_MILLIS, "ended"]])
      say(there, "answer")
      yield* there.end
      yield* TestClock.adjust(LATENCY_MILLIS)
      assert.deepStrictEqual(atHere.map(([, text]) => text), ["answer", "ended"])
    })))

  it.effect("changes no byte, whatever pieces they were sent in and however full it gets", () =>
    onDelayedLinks(Effect.gen(function*() {
      const [here, there] = yield* pair
      for (const [from, to, seed] of [[here, there, 1], [there, here, 2]] as const) {
        const bytes = someBytes(2_000_000, seed)
        yield* Effect.forkScoped(push(from, bytes, somePieces(seed)))
        const got = yield* Effect.forkScoped(receive(to, bytes.length))
        while (got.pollUnsafe() === undefined) yield* TestClock.adjust(LATENCY_MILLIS)
        assert.deepStrictEqual(yield* Fiber.join(got), bytes)
      }
    })))

  it.effect("pushes back in both directions when nobody reads, and goes on when somebody does", () =>
    onDelayedLinks(Effect.gen(function*() {
      const [here, there] = yield* pair
      for (const [from, to] of [[here, there], [there, here]] as const) {
        let sent = 0
        for (let full = 0; full < 20; full++) {
          if (from.isWritable()) sent += fill(from)
          yield* TestClock.adjust(LATENCY_MILLIS)
        }
        assert.isFalse(from.isWritable())
        // One buffer more in each queue than it holds, and the queue of the link below.
        assert.isAtMost(sent, 2 * VIRTUAL_LINK_BYTES)
        const got = yield* Effect.forkScoped(receive(to, sent))
        while (got.pollUnsafe() === undefined) yield* TestClock.adjust(LATENCY_MILLIS)
        assert.strictEqual((yield* Fiber.join(got)).length, sent)
        assert.isTrue(from.isWritable())
      }
    })))

  it.effect("is gone for both when its Scope closes", () =>
    onDelayedLinks(Effect.gen(function*() {
      const scope = yield* Scope.make()
      const [here, there] = yield* Effect.provideService(pair, Scope.Scope, scope)
      const atHere = yield* Effect.forkScoped(receiveAll(here))
      const atThere = yield* Effect.forkScoped(receiveAll(there))
      yield* TestClock.adjust(1)
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust(LATENCY_MILLIS)
      assert.strictEqual((yield* Fiber.join(atHere)).error.reason, "failed")
      assert.isDefined(atThere.pollUnsafe())
      assert.isTrue(say(here, "into nothing"))
      yield* here.end
    })))
})
