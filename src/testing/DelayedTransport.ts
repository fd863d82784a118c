/**
 * A real transport over which bytes take as long as one likes: for comparing what a simulation says with what happens.
 *
 * Who dials delays both directions, for only it knows which link this is; so each link is to be dialled through this layer.
 */
import type { Scope } from "effect"
import { Cause, Clock, Duration, Effect, Exit, Layer } from "effect"
import { VIRTUAL_LINK_BYTES } from "../core/limits.ts"
import { format, type PeerAddress } from "../core/PeerAddress.ts"
import * as Alarm from "../layers/runtime/Alarm.ts"
import { LinkReader } from "../layers/runtime/LinkReader.ts"
import { type ChunkSink, DialError, type Link, LinkError, Transport } from "../services/Transport.ts"

/** How long a byte takes from one end to the other of a link to this address, in either direction. */
export type LatencyOf = (address: PeerAddress) => Duration.Duration

/** A timer of a machine counts whole milliseconds: what is due within half of one is due. */
const TIMER_MILLIS = 0.5
const NANOS_PER_MILLI = 1e6

/**
 * Delays links that are dialled, on the Clock that is here when the layer is built; those that come in are as they are.
 *
 * A dial takes a round trip longer. A direction holds `VIRTUAL_LINK_BYTES`, under way and unread, and then pushes back.
 */
export const layer = (latencyOf: LatencyOf): Layer.Layer<Transport, never, Transport> =>
  Layer.effect(
    Transport,
    Effect.gen(function*() {
      const inner = yield* Transport
      const clock = yield* Clock.Clock
      const now = (): number => Number(clock.monotonicTimeNanosUnsafe()) / NANOS_PER_MILLI

      const dial: Transport["Service"]["dial"] = Effect.fnUntraced(function*(address, { timeout }) {
        const latency = latencyOf(address)
        const left = Duration.subtract(timeout, Duration.times(latency, 2))
        if (!Duration.isPositive(left)) {
          yield* Effect.sleep(timeout)
          return yield* new DialError({ reason: "timeout", address: format(address), message: "no answer in time" })
        }
        yield* Effect.sleep(Duration.times(latency, 2))
        return yield* delayed(yield* inner.dial(address, { timeout: left }), Duration.toMillis(latency), now)
      })

      return Transport.of({ dial, listen: inner.listen })
    })
  )

const delayed = Effect.fnUntraced(function*(
  link: Link,
  latencyMillis: number,
  now: () => number
): Effect.fn.Return<Link, never, Scope.Scope> {
  const outgoing = yield* delayOutgoing(link, latencyMillis, now)
  const read = yield* delayIncoming(link, latencyMillis, now)
  return { localAddress: link.localAddress, remoteAddress: link.remoteAddress, read, ...outgoing }
})

/** Something under way. */
interface Underway<A> {
  readonly dueMillis: number
  readonly what: A
}

/** What is under way in one direction, in order. */
class Way<A> {
  // Bounded by who puts things in: each counts `heldBytes` and stops.
  private underway: Array<Underway<A>> = []
  private readonly latencyMillis: number
  private readonly now: () => number
  heldBytes = 0

  constructor(latencyMillis: number, now: () => number) {
    this.latencyMillis = latencyMillis
    this.now = now
  }

  /** Sends something off; gives the time at which to look for it. */
  put(what: A, bytes: number): number {
    this.heldBytes += bytes
    const dueMillis = this.now() + this.latencyMillis
    this.underway.push({ dueMillis, what })
    return dueMillis - TIMER_MILLIS
  }

  /** Takes out what has arrived, one after the other, while `isWanted`; gives the time of what comes next. */
  arrive(isWanted: () => boolean, take: (what: A) => void): number | undefined {
    for (;;) {
      const first = this.underway[0]
      if (first === undefined) return undefined
      if (first.dueMillis - TIMER_MILLIS > this.now()) return first.dueMillis - TIMER_MILLIS
      if (!isWanted()) return undefined
      this.underway.shift()
      take(first.what)
    }
  }
}

/** The sending half: what is sent goes to the link when its time has come. */
const delayOutgoing = Effect.fnUntraced(function*(
  link: Link,
  latencyMillis: number,
  now: () => number
): Effect.fn.Return<Pick<Link, "send" | "onWritable" | "isWritable" | "end">, never, Scope.Scope> {
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const way = new Way<Uint8Array | "end">(latencyMillis, now)
  let state: "open" | "ending" | "ended" = "open"
  let isFull = false
  let notify: (() => void) | undefined
  const waiting = new Set<() => void>()

  const leave = (): void => {
    state = "ended"
    for (const resume of waiting) resume()
    waiting.clear()
  }

  const flow = (): void => {
    const next = way.arrive(() => link.isWritable(), (what) => {
      if (what === "end") {
        run(Effect.ensuring(link.end, Effect.sync(leave)))
        return
      }
      way.heldBytes -= what.length
      link.send(what)
    })
    if (next !== undefined) alarm.set(next)
    if (!isFull || way.heldBytes > VIRTUAL_LINK_BYTES) return
    isFull = false
    notify?.()
  }
  const alarm = yield* Alarm.make(now, flow)
  link.onWritable(flow)
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      link.onWritable(undefined)
      leave()
    })
  )

  return {
    send: (bytes) => {
      if (state !== "open" || bytes.length === 0) return true
      const fits = !isFull && way.heldBytes + bytes.length <= VIRTUAL_LINK_BYTES
      isFull = !fits
      alarm.set(way.put(fits ? bytes.slice() : bytes, bytes.length))
      return fits
    },
    onWritable: (next) => {
      notify = next
    },
    isWritable: () => !isFull,
    end: Effect.callback((resume) => {
      if (state === "open") {
        state = "ending"
        alarm.set(way.put("end", 0))
      }
      if (state === "ended") return resume(Effect.void)
      const done = (): void => resume(Effect.void)
      waiting.add(done)
      return Effect.sync(() => waiting.delete(done))
    })
  }
})

/** The reading half: the link is read as it comes, as far as there is room, and handed on when its time has come. */
const delayIncoming = Effect.fnUntraced(function*(
  link: Link,
  latencyMillis: number,
  now: () => number
): Effect.fn.Return<Link["read"], never, Scope.Scope> {
  const way = new Way<Uint8Array | LinkError>(latencyMillis, now)
  let makeRoom = (): void => {}

  const flow = (): void => {
    // An end is heard of by the next reader, too.
    const next = way.arrive(() => reader.isReading(), (what) => {
      if (what instanceof LinkError) return reader.finish(what)
      way.heldBytes -= what.length
      reader.deliver(what)
    })
    if (next !== undefined) alarm.set(next)
    if (way.heldBytes < VIRTUAL_LINK_BYTES) makeRoom()
  }
  const alarm = yield* Alarm.make(now, flow)
  const reader = new LinkReader({ start: () => alarm.set(now()), stop: () => {} })

  const room = Effect.callback<void>((resume) => {
    makeRoom = () => resume(Effect.void)
    if (way.heldBytes < VIRTUAL_LINK_BYTES) makeRoom()
  })
  const sink = (chunk: Uint8Array): boolean => {
    alarm.set(way.put(chunk.slice(), chunk.length))
    return way.heldBytes < VIRTUAL_LINK_BYTES
  }
  yield* Effect.forkScoped(
    Effect.onExit(Effect.forever(Effect.andThen(link.read(sink), room)), (exit) =>
      Effect.sync(() => {
        if (Exit.isSuccess(exit)) return
        const failure = exit.cause.reasons.find(Cause.isFailReason)
        if (failure !== undefined) alarm.set(way.put(failure.error, 0))
        else if (Cause.hasInterruptsOnly(exit.cause)) {
          reader.finish(new LinkError({ reason: "failed", message: "closed on this side" }))
        } else reader.die(Cause.squash(exit.cause))
      }))
  )
  return (sink: ChunkSink) => reader.read(sink)
})
