/** The networks that whole nodes of the tests stand on: inside the process, virtual, and this machine's TCP. */
import { Clock, Effect, type Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import { calm } from "../../../src/core/LinkWeather.ts"
import { stream } from "../../../src/core/Prng.ts"
import * as MemoryTransport from "../../../src/layers/memory/MemoryTransport.ts"
import * as VirtualNetwork from "../../../src/layers/simulation/VirtualNetwork.ts"
import type { World } from "../../../src/layers/simulation/World.ts"
import type { MessagesOptions, Missed, Received } from "../../../src/services/Overlay.ts"
import type { Stellar } from "../../../src/services/stellar/Overlay.ts"
import type { Transport } from "../../../src/services/Transport.ts"
import { hashBytes, makeNode, type NodeOptions, patiently, type TestNode, turn, until } from "./peerNode.ts"

/** How to make one machine of a network after the other. */
export interface TestNetwork {
  readonly node: (options?: NodeOptions) => ReturnType<typeof makeNode>
}

/** What a virtual network needs of a World, on the clock of the test and this machine's event loop: there the nodes run. */
const surroundings = Effect.gen(function*() {
  const clock = yield* Clock.Clock
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const world: Pick<World, "after" | "nowMicros" | "prng" | "soon"> = {
    nowMicros: () => clock.currentTimeMillisUnsafe() * 1000,
    prng: (name) => stream(1, name),
    soon: (task) => {
      setImmediate(task)
    },
    after: (delayMicros, task) => {
      if (delayMicros === 0) {
        const immediate = setImmediate(task)
        return { cancel: () => clearImmediate(immediate) }
      }
      const fiber = run(Effect.andThen(Effect.sleep(delayMicros / 1000), Effect.sync(task)))
      return { cancel: () => fiber.interruptUnsafe() }
    }
  }
  return world
})

/** Machines with an address each. */
const machines = (transport: (ip: string) => Layer.Layer<Transport>): TestNetwork => {
  let count = 0
  return {
    node: (options) => {
      const host = `10.0.0.${++count}`
      return makeNode({ ...options, host, transport: transport(host) })
    }
  }
}

export const networks: ReadonlyArray<readonly [name: string, make: Effect.Effect<TestNetwork>]> = [
  [
    "a network in memory",
    Effect.sync(() => {
      const network = MemoryTransport.makeNetwork()
      return machines((ip) => MemoryTransport.layer(network, { ip }))
    })
  ],
  [
    "a virtual network",
    Effect.map(surroundings, (world) => machines(VirtualNetwork.make(world, { weather: calm }).transport))
  ],
  ["TCP", Effect.succeed({ node: makeNode })]
]

/** Lets the clock of the test go on, with room for sockets at each step, until it is so. */
export const drive = (what: string, isSo: () => boolean): Effect.Effect<void> =>
  patiently(
    what,
    Effect.gen(function*() {
      while (!isSo()) {
        yield* TestClock.adjust("10 millis")
        yield* turn
      }
    })
  )

/** Lets so much time pass, with room for sockets at each step. */
export const pass = Effect.fnUntraced(function*(millis: number) {
  for (let i = 0; i < millis; i += 10) {
    yield* TestClock.adjust("10 millis")
    yield* turn
  }
})

export const peersOf = ({ overlay }: TestNode) => Effect.runSync(overlay.peers)

export const counterOf = ({ overlay }: TestNode, name: string): number => Effect.runSync(overlay.counters)[name] ?? 0

/** Connects, and completes when each may send to the other. */
export const connect = Effect.fnUntraced(function*(from: TestNode, to: TestNode) {
  const id = yield* patiently("they connect", from.overlay.connect(to.address))
  const mayReach = (one: TestNode, other: TestNode) =>
    peersOf(one).some(({ id, sendCredit }) => id === other.id && sendCredit.messages > 0)
  yield* until("each has the other's grant", () => mayReach(from, to) && mayReach(to, from))
  return id
})

/** Nodes in a row, each connected with the next. */
export const line = Effect.fnUntraced(function*(nodes: ReadonlyArray<TestNode>) {
  for (const [i, node] of nodes.slice(1).entries()) yield* connect(nodes[i]!, node)
})

/** Writes down what a subscriber gets. */
export const listen = Effect.fnUntraced(function*({ overlay }: TestNode, options?: Partial<MessagesOptions>) {
  const got: Array<Received<Stellar> | Missed> = []
  yield* Effect.forkScoped(
    Stream.runForEach(overlay.messages(options), (message) => Effect.sync(() => got.push(message))),
    { startImmediately: true }
  )
  return got
})

/** Messages by their hashes: all that is said here is distinct, and a difference shall be readable. */
export const nameOf = (message: Uint8Array): string => Buffer.from(hashBytes(message)).toString("hex", 0, 8)

export const namesOf = (got: ReadonlyArray<Received<Stellar> | Missed>): ReadonlyArray<string> =>
  got.map((message) => message._tag === "Missed" ? `missed ${message.count}` : nameOf(message.bytes))
