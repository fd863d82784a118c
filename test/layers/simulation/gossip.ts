/**
 * A toy network in a World: fibers, queues and sleeps, and the trace of all that happens.
 *
 * As a program it prints the trace's hash for the seed that it is given.
 */
import { Clock, Effect, Queue, Random } from "effect"
import { createHash } from "node:crypto"
import * as Distribution from "../../../src/core/Distribution.ts"
import * as SimulatedRandom from "../../../src/layers/simulation/SimulatedRandom.ts"
import * as World from "../../../src/layers/simulation/World.ts"

const NODES = 200
const NEIGHBOURS = 6
/** The nodes from 0 on that begin a rumour, each one. */
const SOURCES = 50
const INBOX = 4096
const LATENCY = Distribution.logNormal(40_000, 0.5)

export interface GossipOptions {
  readonly seed: number
  readonly guard?: World.Guard
  /** The latency of the link from the first node to its first neighbour: the seed's, unless a test brings another. */
  readonly oddLatency?: () => number
}

/** Runs the network until every rumour is everywhere; the hash of (time, node, rumour) of each arrival, in order. */
export const gossip = ({ seed, guard, oddLatency }: GossipOptions): {
  readonly hash: string
  readonly arrivals: number
  readonly outcome: ReturnType<World.World["runUntil"]>
} => {
  const world = World.make({ seed, ...(guard === undefined ? {} : { guard }) })
  const trace = createHash("sha256")
  let arrivals = 0

  const node = Effect.fn("node")(function*(self: number, inboxes: ReadonlyArray<Queue.Queue<number>>) {
    const prng = world.prng(`node ${self}`)
    // A ring, so that everyone is reached, and chance links across it.
    const neighbours = Array.from({ length: NEIGHBOURS }, (_, i) => i === 0 ? (self + 1) % NODES : prng.below(NODES))
    const links = neighbours.map((neighbour) => world.prng(`link ${self} ${neighbour}`))
    const seen = new Set<number>()

    const tell = Effect.fnUntraced(function*(rumour: number) {
      if (seen.has(rumour)) return
      seen.add(rumour)
      arrivals++
      trace.update(`${yield* Clock.currentTimeNanos} ${self} ${rumour}\n`)
      neighbours.forEach((neighbour, i) => {
        const latency = oddLatency !== undefined && self === 0 && i === 0
          ? oddLatency()
          : Distribution.sample(LATENCY, links[i]!)
        world.after(latency, () => Queue.offerUnsafe(inboxes[neighbour]!, rumour))
      })
    })

    if (self < SOURCES) {
      const begin = Effect.flatMap(Random.nextIntBetween(1, 1000), (millis) => Effect.sleep(millis))
      yield* Effect.forkChild(Effect.andThen(begin, Effect.sync(() => Queue.offerUnsafe(inboxes[self]!, self))))
    }
    while (true) {
      const rumours = yield* Queue.takeAll(inboxes[self]!)
      yield* Effect.forEach(rumours, tell, { discard: true })
    }
  })

  world.fork(Effect.gen(function*() {
    const inboxes = yield* Effect.all(Array.from({ length: NODES }, () => Queue.bounded<number>(INBOX)))
    for (let self = 0; self < NODES; self++) {
      const choices = SimulatedRandom.context(world.prng(`choices ${self}`))
      world.fork(Effect.provide(node(self, inboxes), choices), `node ${self}`)
    }
  }))
  const all = NODES * SOURCES
  const outcome = world.runUntil(() => arrivals === all, 60_000_000)
  return { hash: trace.digest("hex"), arrivals, outcome }
}

if (import.meta.main) process.stdout.write(gossip({ seed: Number(process.argv[2]) }).hash)
