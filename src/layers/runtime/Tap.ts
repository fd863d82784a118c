/**
 * Many subscribers to what one node says: each has a bounded buffer of its own, none keeps the speaker waiting unless it asked
 * to, and without subscribers nothing is kept.
 */
import { Effect, Queue, Stream } from "effect"
import type { MessagesOptions, Missed } from "../../services/Overlay.ts"

/** News for whoever listens; who is slow loses the oldest. */
export interface Tap<A> {
  readonly publish: (value: A) => void
  readonly stream: Stream.Stream<A>
}

/** Makes a tap whose subscribers keep at most `capacity` values each. */
export const make = <A>(capacity: number): Tap<A> => {
  const subscribers = new Set<Queue.Queue<A>>()
  return {
    publish: (value) => {
      for (const queue of subscribers) Queue.offerUnsafe(queue, value)
    },
    stream: Stream.unwrap(Effect.map(
      Effect.acquireRelease(
        Effect.tap(Queue.sliding<A>(capacity), (queue) => Effect.sync(() => subscribers.add(queue))),
        (queue) => Effect.andThen(Effect.sync(() => subscribers.delete(queue)), Queue.shutdown(queue))
      ),
      Stream.fromQueue
    ))
  }
}

/** Messages for whoever listens; what happens when a subscriber is full is the subscriber's choice. */
export interface MessageTap<A> {
  readonly hasSubscribers: () => boolean
  /**
   * Hands the messages to each subscriber. Where one that asked to be waited for is full, the rest of its messages is in the
   * Effect, which completes when it has room for them.
   */
  readonly publish: (messages: ReadonlyArray<A>) => Effect.Effect<void> | undefined
  readonly stream: (options: MessagesOptions) => Stream.Stream<A | Missed>
  /** Messages that subscribers have missed since the start. */
  readonly missed: () => number
}

interface Subscriber<A> {
  readonly queue: Queue.Queue<A | Missed>
  readonly capacity: number
  readonly waits: boolean
  missed: number
}

/** Makes a tap of messages. */
export const makeMessageTap = <A>(): MessageTap<A> => {
  const subscribers = new Set<Subscriber<A>>()
  let missed = 0

  const offer = (to: Subscriber<A>, messages: ReadonlyArray<A>): Effect.Effect<unknown> | undefined => {
    for (let i = 0; i < messages.length; i++) {
      if (to.waits) {
        if (!Queue.offerUnsafe(to.queue, messages[i]!)) return Queue.offerAll(to.queue, messages.slice(i))
      } else if (Queue.sizeUnsafe(to.queue) >= to.capacity) {
        to.missed += 1
        missed += 1
      } else {
        const gap: Missed = { _tag: "Missed", count: to.missed }
        if (gap.count > 0) Queue.offerUnsafe(to.queue, gap)
        to.missed = 0
        Queue.offerUnsafe(to.queue, messages[i]!)
      }
    }
    return undefined
  }

  return {
    hasSubscribers: () => subscribers.size > 0,
    publish: (messages) => {
      const waiting: Array<Effect.Effect<unknown>> = []
      for (const subscriber of subscribers) {
        const rest = offer(subscriber, messages)
        if (rest !== undefined) waiting.push(rest)
      }
      return waiting.length === 0 ? undefined : Effect.all(waiting, { discard: true, concurrency: "unbounded" })
    },
    stream: (options) =>
      Stream.unwrap(Effect.map(
        Effect.acquireRelease(
          Effect.suspend(() => {
            const waits = options.whenFull === "wait"
            const capacity = Math.max(1, options.capacity)
            // One place more for the word that some were missed: it shall not cost the message behind it its own.
            return Effect.map(Queue.bounded<A | Missed>(waits ? capacity : capacity + 1), (queue) => {
              const subscriber: Subscriber<A> = { queue, capacity, waits, missed: 0 }
              subscribers.add(subscriber)
              return subscriber
            })
          }),
          (subscriber) =>
            Effect.andThen(Effect.sync(() => subscribers.delete(subscriber)), Queue.shutdown(subscriber.queue))
        ),
        (subscriber) => Stream.fromQueue(subscriber.queue)
      )),
    missed: () => missed
  }
}
