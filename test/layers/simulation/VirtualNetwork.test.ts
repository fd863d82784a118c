/**
 * The virtual network in virtual time: exact where it says so, and the same for the same seed.
 */
import { assert, describe, it } from "@effect/vitest"
import type { Duration, Scope } from "effect"
import { Context, Deferred, Effect, Exit, Fiber, Layer } from "effect"
import { AddressResolver } from "effect/net/AddressResolver"
import { constant, uniform } from "../../../src/core/Distribution.ts"
import * as LinkWeather from "../../../src/core/LinkWeather.ts"
import { format, tcpAddress } from "../../../src/core/PeerAddress.ts"
import * as Prng from "../../../src/core/Prng.ts"
import type { NetworkEvent } from "../../../src/layers/simulation/NetworkTrace.ts"
import * as VirtualNetwork from "../../../src/layers/simulation/VirtualNetwork.ts"
import * as World from "../../../src/layers/simulation/World.ts"
import type { Link } from "../../../src/services/Transport.ts"
import { Transport } from "../../../src/services/Transport.ts"
import * as links from "../../support/links.ts"

const A = "10.0.0.1"
const B = "10.0.0.2"
const C = "10.0.0.3"
const EVERYBODY = "0.0.0.0/0"
const PORT = 7

/** 10 ms for each way, and nothing else. */
const plain: LinkWeather.LinkWeather = { ...LinkWeather.calm, latency: constant(10_000) }

interface Setting {
  readonly world: World.World
  readonly network: VirtualNetwork.VirtualNetwork
  /** All that has happened. */
  readonly events: ReadonlyArray<NetworkEvent>
}

interface SettingOptions extends VirtualNetwork.NetworkOptions {
  readonly seed?: number
  /** Also the machine that the plan of faults speaks of. */
  readonly hosts?: ReadonlyArray<VirtualNetwork.HostOptions>
}

const set = ({ seed = 1, hosts = [{ ip: A }, { ip: B }, { ip: C }], ...options }: SettingOptions = {}): Setting => {
  const world = World.make({ seed })
  const network = VirtualNetwork.make(world, { weather: plain, ...options })
  for (const host of hosts) network.addHost(host)
  const events: Array<NetworkEvent> = []
  network.observe((event) => events.push(event))
  return { world, network, events }
}

const HOUR_MICROS = 3_600_000_000

/** Runs a body in a World of its own to its end, and looks that it left no link behind. */
const play = <Result>(
  setting: Setting,
  body: (setting: Setting) => Effect.Effect<Result, unknown, Scope.Scope>
): Effect.Effect<Result, unknown> =>
  Effect.suspend(() => {
    const { network, world } = setting
    const fiber = world.fork(Effect.scoped(body(setting)))
    const outcome = world.runUntil(() => fiber.pollUnsafe() !== undefined, world.nowMicros() + HOUR_MICROS)
    const exit = fiber.pollUnsafe()
    if (exit === undefined) return Effect.die(outcome)
    if (Exit.isSuccess(exit)) assert.deepStrictEqual(network.openLinks(), [])
    return exit
  })

const test = (
  sentence: string,
  body: (setting: Setting) => Effect.Effect<unknown, unknown, Scope.Scope>,
  options?: SettingOptions
) => it.effect(sentence, () => Effect.asVoid(play(set(options), body)))

const at = (network: VirtualNetwork.VirtualNetwork, ip: string) =>
  Effect.map(Layer.build(network.transport(ip)), Context.get(Transport))

const dial = Effect.fnUntraced(
  function*(network: VirtualNetwork.VirtualNetwork, from: string, to: string, port = PORT) {
    const transport = yield* at(network, from)
    return yield* transport.dial(tcpAddress(to, port), { timeout: links.seconds(60) })
  }
)

const failedDial = (network: VirtualNetwork.VirtualNetwork, from: string, to: string, port = PORT) =>
  Effect.map(Effect.flip(dial(network, from, to, port)), (error) => "reason" in error ? error.reason : error)

const listen = (
  network: VirtualNetwork.VirtualNetwork,
  ip: string,
  onLink: (link: Link) => Effect.Effect<void, never, Scope.Scope>
) => Effect.flatMap(at(network, ip), (transport) => transport.listen(tcpAddress(ip, PORT), onLink))

/** A link from one machine to another: the dialler's end first. Both ends know of it. */
const pair = Effect.fnUntraced(function*(network: VirtualNetwork.VirtualNetwork, from: string, to: string) {
  const arrived = yield* Deferred.make<Link>()
  yield* listen(network, to, links.handOver(arrived))
  const here = yield* dial(network, from, to)
  return [here, yield* Deferred.await(arrived)] as const
})

const micros = (count: number): Duration.Input => `${count} micros`

const times = (events: ReadonlyArray<NetworkEvent>, tag: NetworkEvent["_tag"]) =>
  events.filter(({ _tag }) => _tag === tag).map(({ atMicros }) => atMicros)

const reasonOf = (link: Link) => Effect.map(links.receiveAll(link), ({ error }) => error.reason)

describe("Links of a virtual network", () => {
  test("take a round trip to be dialled, and come to the other side half a trip later", ({ events, network, world }) =>
    Effect.gen(function*() {
      network.setWeather(A, B, { ...plain, latency: constant(7000) })
      network.setWeather(B, A, { ...plain, latency: constant(20_000) })
      yield* pair(network, A, B)
      assert.deepStrictEqual(times(events, "Dialled"), [0])
      assert.deepStrictEqual(times(events, "Accepted"), [34_000])
      assert.strictEqual(world.nowMicros(), 34_000)
    }))

  test("deliver after the latency of the way, to the microsecond", ({ network, world }) =>
    Effect.gen(function*() {
      const [here, there] = yield* pair(network, A, B)
      const sent = world.nowMicros()
      here.send(Uint8Array.of(1))
      assert.deepStrictEqual(yield* links.receive(there, 1), Uint8Array.of(1))
      assert.strictEqual(world.nowMicros(), sent + 10_000)
    }))

  test("share the bandwidth of a way, to the microsecond, and do not share it with the way back", ({ events, network, world }) =>
    Effect.gen(function*() {
      const arrived: Array<Link> = []
      yield* listen(network, B, (link) => Effect.andThen(Effect.sync(() => arrived.push(link)), Effect.never))
      const one = yield* dial(network, A, B)
      const other = yield* dial(network, A, B)
      yield* Effect.sleep("1 second")
      // 3 bytes a millisecond; what is left of a microsecond counts for the next chunk.
      network.setWeather(A, B, { ...plain, bytesPerSecond: 3000 })
      const start = world.nowMicros()
      for (const link of [one, other, one]) link.send(new Uint8Array(10))
      arrived[0]!.send(new Uint8Array(10))
      yield* Effect.sleep("1 second")
      assert.deepStrictEqual(
        times(events, "Delivered").map((micros) => micros - start),
        [10_000, 13_333, 16_666, 20_000]
      )
    }))

  test("have a latency by the distance of their machines", ({ events, network, world }) =>
    Effect.gen(function*() {
      const [here] = yield* pair(network, A, B)
      const sent = world.nowMicros()
      here.send(Uint8Array.of(1))
      yield* Effect.sleep("1 second")
      assert.deepStrictEqual(times(events, "Delivered"), [sent + 5250])
    }), {
    weather: { ...plain, latency: LinkWeather.byDistance(5000, 50) },
    hosts: [{ ip: A }, { ip: B, place: { x: 3, y: -4 } }]
  })

  test("keep the latency that was drawn for their way", ({ events, network, world }) =>
    Effect.gen(function*() {
      const [here] = yield* pair(network, A, B)
      const latencies: Array<number> = []
      for (let n = 0; n < 5; n++) {
        const sent = world.nowMicros()
        here.send(Uint8Array.of(n))
        yield* Effect.sleep("1 second")
        latencies.push(times(events, "Delivered")[n]! - sent)
      }
      assert.strictEqual(new Set(latencies).size, 1)
      assert.isAtLeast(latencies[0]!, 1000)
      assert.isAtMost(latencies[0]!, 100_000)
    }), { weather: { ...plain, latency: uniform(1000, 100_000) } })

  test(
    "deliver in order whatever the jitter, and no later than it allows",
    ({ events, network, world }) =>
      Effect.gen(function*() {
        const [here, there] = yield* pair(network, A, B)
        const sent: Array<number> = []
        for (let n = 0; n < 100; n++) {
          sent.push(world.nowMicros())
          here.send(Uint8Array.of(n))
          yield* Effect.sleep("1 millis")
        }
        assert.deepStrictEqual(yield* links.receive(there, 100), Uint8Array.from({ length: 100 }, (_, n) => n))
        const delays = times(events, "Delivered").map((micros, n) => micros - sent[n]!)
        assert.isAbove(new Set(delays).size, 20)
        assert.isTrue(delays.every((delay) => delay >= 10_000 && delay <= 60_000))
      }),
    { weather: { ...plain, jitterMicros: 50_000 } }
  )

  test("bring late what is lost, and hold up what is behind it", ({ events, network, world }) =>
    Effect.gen(function*() {
      const [here] = yield* pair(network, A, B)
      network.setWeather(A, B, { ...plain, lossPerMillion: 1_000_000, retransmitMicros: 1 })
      const start = world.nowMicros()
      here.send(Uint8Array.of(1))
      network.setWeather(A, B, plain)
      yield* Effect.sleep("1 millis")
      here.send(Uint8Array.of(2))
      yield* Effect.sleep("1 minute")
      // Lost 15 times, with waits of 1, 2, 4, ... microseconds.
      const late = start + 10_000 + 2 ** 15 - 1
      assert.deepStrictEqual(times(events, "Delivered"), [late, late])
    }))

  test("do not overtake when the way becomes faster", ({ events, network, world }) =>
    Effect.gen(function*() {
      const [here, there] = yield* pair(network, A, B)
      network.clog(A, B, 90_000)
      const start = world.nowMicros()
      here.send(Uint8Array.of(1))
      network.clog(A, B, 0)
      yield* Effect.sleep("1 millis")
      here.send(Uint8Array.of(2))
      assert.deepStrictEqual(yield* links.receive(there, 2), Uint8Array.of(1, 2))
      assert.deepStrictEqual(times(events, "Delivered"), [start + 100_000, start + 100_000])
    }))

  test("lend a chunk for the call only: it is gone for a sink that kept it", ({ network }) =>
    Effect.gen(function*() {
      const [here, there] = yield* pair(network, A, B)
      let kept: Uint8Array | undefined
      here.send(Uint8Array.of(1, 2, 3))
      yield* there.read((chunk) => {
        kept = chunk
        return false
      })
      yield* Effect.yieldNow
      assert.deepStrictEqual(kept, Uint8Array.of(0, 0, 0))
    }))

  test("lose about as much as the weather says", ({ events, network, world }) =>
    Effect.gen(function*() {
      const [here] = yield* pair(network, A, B)
      network.setWeather(A, B, { ...plain, lossPerMillion: 100_000, retransmitMicros: 20_000 })
      const sent: Array<number> = []
      for (let n = 0; n < 2000; n++) {
        sent.push(world.nowMicros())
        here.send(Uint8Array.of(1))
        yield* Effect.sleep("1 second")
      }
      const late = times(events, "Delivered").filter((micros, n) => micros > sent[n]! + 10_000).length
      assert.isTrue(late > 150 && late < 250, `${late} of 2000`)
    }))

  test("take one task for all that arrives in one instant", ({ network, world }) =>
    Effect.gen(function*() {
      const [here, there] = yield* pair(network, A, B)
      const before = world.tasksRun()
      for (let n = 0; n < 100; n++) here.send(Uint8Array.of(n))
      yield* links.receive(there, 100)
      assert.isAtMost(world.tasksRun() - before, 3)
    }))

  test("push back when the buffer is full, until word of the reading has come back", ({ network, world }) =>
    Effect.gen(function*() {
      network.setWeather(EVERYBODY, EVERYBODY, { ...plain, bufferBytes: 1000 })
      network.setWeather(B, A, { ...plain, latency: constant(3000) })
      const [here, there] = yield* pair(network, A, B)
      assert.isTrue(here.send(new Uint8Array(1000)))
      assert.isFalse(here.send(new Uint8Array(1)))
      yield* Effect.sleep("1 second")
      assert.isFalse(here.isWritable())
      const read = world.nowMicros()
      yield* links.receive(there, 1001)
      yield* links.writable(here)
      assert.strictEqual(world.nowMicros(), read + 3000)
      assert.isTrue(here.send(new Uint8Array(1000)))
    }))

  test(
    "stay full for who sends on without waiting, until that is read, too",
    ({ network, world }) =>
      Effect.gen(function*() {
        const [here, there] = yield* pair(network, A, B)
        here.send(new Uint8Array(101))
        yield* Effect.sleep("1 second")
        yield* links.receive(there, 101)
        // Word of it is under way.
        here.send(new Uint8Array(80))
        yield* Effect.sleep("1 second")
        assert.isFalse(here.isWritable())
        const read = world.nowMicros()
        yield* links.receive(there, 80)
        yield* links.writable(here)
        assert.strictEqual(world.nowMicros(), read + 10_000)
      }),
    { weather: { ...plain, bufferBytes: 100 } }
  )

  test(
    "hold no more than the buffer and one chunk, however long nobody reads",
    ({ network }) =>
      Effect.gen(function*() {
        const [here] = yield* pair(network, A, B)
        const pushing = yield* Effect.forkChild(links.push(here, new Uint8Array(100_000), () => 700))
        yield* Effect.sleep("5 minutes")
        assert.isUndefined(pushing.pollUnsafe())
        assert.strictEqual(network.traffic(A).bytesSent, 10_500)
        yield* Fiber.interrupt(pushing)
      }),
    { weather: { ...plain, bufferBytes: 10_000 } }
  )

  test("have the address of 127.0.0.1 at both ends inside one machine, whatever the weather outside", ({ network, world }) =>
    Effect.gen(function*() {
      const transport = yield* at(network, A)
      yield* transport.listen(tcpAddress("0.0.0.0", PORT), links.echo)
      const here = yield* dial(network, A, "127.0.0.1")
      assert.strictEqual(here.localAddress.ip, "127.0.0.1")
      here.send(Uint8Array.of(1))
      assert.deepStrictEqual(yield* links.receive(here, 1), Uint8Array.of(1))
      assert.strictEqual(world.nowMicros(), 0)
      assert.strictEqual(yield* failedDial(network, B, "127.0.0.1"), "refused")
    }))

  test("reach a door only by the address that it is open at", ({ network }) =>
    Effect.gen(function*() {
      const transport = yield* at(network, B)
      yield* transport.listen(tcpAddress("127.0.0.1", PORT), links.echo)
      assert.strictEqual(yield* failedDial(network, A, B), "refused")
    }))
})

describe("A cut way", () => {
  test("holds bytes back until it is healed and they are sent again, and lets the other way go on", ({ events, network, world }) =>
    Effect.gen(function*() {
      const [here, there] = yield* pair(network, A, B)
      yield* Effect.sleep("1 second")
      network.cut(A, B)
      const lost = world.nowMicros()
      here.send(Uint8Array.of(1, 2))
      here.send(Uint8Array.of(3))
      there.send(Uint8Array.of(9))
      assert.deepStrictEqual(yield* links.receive(here, 1), Uint8Array.of(9))
      yield* Effect.sleep("1 second")
      assert.deepStrictEqual(times(events, "Delivered"), [lost + 10_000])
      network.heal(A, B)
      assert.deepStrictEqual(yield* links.receive(there, 3), Uint8Array.of(1, 2, 3))
      // Tried again 0.2, 0.6 and 1.4 s after they were lost.
      assert.strictEqual(world.nowMicros(), lost + 1_400_000 + 10_000)
    }))

  test("holds back also what was under way when it was cut", ({ events, network }) =>
    Effect.gen(function*() {
      const [here, there] = yield* pair(network, A, B)
      here.send(Uint8Array.of(1))
      yield* Effect.sleep(micros(9999))
      network.cut(A, B)
      yield* Effect.sleep("1 second")
      assert.deepStrictEqual(times(events, "Delivered"), [])
      network.heal(A, B)
      assert.deepStrictEqual(yield* links.receive(there, 1), Uint8Array.of(1))
    }))

  test(
    "makes a link fail that it stops for too long, and tells nobody else until he sends",
    ({ events, network, world }) =>
      Effect.gen(function*() {
        const [here, there] = yield* pair(network, A, B)
        const other = yield* Effect.forkChild(links.receiveAll(there), { startImmediately: true })
        network.cut(A, B)
        const lost = world.nowMicros()
        here.send(Uint8Array.of(1))
        const { error } = yield* links.receiveAll(here)
        assert.deepStrictEqual([error.reason, error.message], ["failed", "the link timed out"])
        assert.strictEqual(world.nowMicros(), lost + 30_000_000)
        assert.isTrue(here.send(Uint8Array.of(2)))
        network.heal(A, B)
        yield* Effect.sleep("10 minutes")
        assert.isUndefined(other.pollUnsafe())
        there.send(Uint8Array.of(3))
        assert.strictEqual((yield* Fiber.join(other)).error.reason, "reset")
        assert.strictEqual(times(events, "TimedOut").length, 1)
      }),
    { linkTimeoutMicros: 30_000_000 }
  )

  test("makes a link fail also when what arrives cannot be acknowledged", ({ network }) =>
    Effect.gen(function*() {
      const [here, there] = yield* pair(network, A, B)
      network.cut(B, A)
      here.send(Uint8Array.of(1))
      assert.deepStrictEqual(yield* links.receive(there, 1), Uint8Array.of(1))
      assert.strictEqual(yield* reasonOf(here), "failed")
    }), { linkTimeoutMicros: 30_000_000 })

  test(
    "makes a link fail whose full sender waits for word of the reading in vain",
    ({ network, world }) =>
      Effect.gen(function*() {
        const [here, there] = yield* pair(network, A, B)
        const sent = links.fill(here)
        yield* Effect.sleep("1 second")
        network.cut(B, A)
        yield* links.receive(there, sent)
        const read = world.nowMicros()
        assert.strictEqual(yield* reasonOf(here), "failed")
        assert.strictEqual(world.nowMicros(), read + 30_000_000)
      }),
    { linkTimeoutMicros: 30_000_000 }
  )

  test(
    "makes a link fail that hears nothing, also while the other way opens and closes",
    ({ network, world }) =>
      Effect.gen(function*() {
        const [here] = yield* pair(network, A, B)
        network.cut(A, B)
        const lost = world.nowMicros()
        here.send(Uint8Array.of(1))
        yield* Effect.forkScoped(Effect.forever(Effect.gen(function*() {
          network.cut(B, A)
          yield* Effect.sleep("1 second")
          network.heal(B, A)
          yield* Effect.sleep("1 second")
        })))
        assert.strictEqual(yield* reasonOf(here), "failed")
        assert.strictEqual(world.nowMicros(), lost + 30_000_000)
      }),
    { linkTimeoutMicros: 30_000_000 }
  )

  test(
    "loses a reset in the end, and then the answer to the next bytes is one",
    ({ events, network }) =>
      Effect.gen(function*() {
        const arrived = yield* Deferred.make<Link>()
        yield* listen(network, B, links.handOver(arrived))
        const there = yield* Effect.scoped(Effect.gen(function*() {
          yield* dial(network, A, B)
          const link = yield* Deferred.await(arrived)
          link.send(Uint8Array.of(1))
          yield* Effect.sleep("1 second")
          network.cut(A, B)
          return link
        }))
        yield* Effect.sleep("1 minute")
        network.heal(A, B)
        yield* Effect.sleep("1 minute")
        assert.deepStrictEqual(times(events, "Reset"), [])
        there.send(Uint8Array.of(2))
        assert.strictEqual(yield* reasonOf(there), "reset")
      }),
    { linkTimeoutMicros: 30_000_000 }
  )

  test("does no harm to a link on which nobody sends", ({ network }) =>
    Effect.gen(function*() {
      const [here, there] = yield* pair(network, A, B)
      yield* Effect.sleep("1 second")
      network.cut(EVERYBODY, EVERYBODY)
      yield* Effect.sleep("30 minutes")
      network.heal(EVERYBODY, EVERYBODY)
      here.send(Uint8Array.of(1))
      assert.deepStrictEqual(yield* links.receive(there, 1), Uint8Array.of(1))
    }))

  test("makes the sender wait whose bytes were read, until word of it comes through", ({ network }) =>
    Effect.gen(function*() {
      const [here, there] = yield* pair(network, A, B)
      const sent = links.fill(here)
      yield* Effect.sleep("1 second")
      network.cut(B, A)
      yield* links.receive(there, sent)
      yield* Effect.sleep("1 minute")
      assert.isFalse(here.isWritable())
      network.heal(B, A)
      yield* links.writable(here)
      assert.isTrue(here.send(Uint8Array.of(1)))
    }))

  test("that opens and closes lets bytes through as soon as they are sent again in a good moment", ({ network, world }) =>
    Effect.gen(function*() {
      const [here, there] = yield* pair(network, A, B)
      yield* Effect.forkScoped(Effect.forever(Effect.gen(function*() {
        network.cut(A, B)
        yield* Effect.sleep("300 millis")
        network.heal(A, B)
        yield* Effect.sleep("200 millis")
      })))
      yield* Effect.yieldNow
      const bytes = links.someBytes(1000, 1)
      here.send(bytes)
      const lost = world.nowMicros()
      assert.deepStrictEqual(yield* links.receive(there, 1000), bytes)
      // Tried again after 0.2 and 0.6 s while it was closed, and after 1.4 s.
      assert.strictEqual(world.nowMicros(), lost + 1_400_000 + 10_000)
    }))

  test("keeps a dial knocking that is made meanwhile", ({ network, world }) =>
    Effect.gen(function*() {
      yield* listen(network, B, links.echo)
      network.cut(B, A)
      const start = world.nowMicros()
      const dialling = yield* Effect.forkScoped(dial(network, A, B))
      yield* Effect.sleep("2 seconds")
      network.heal(B, A)
      const here = yield* Fiber.join(dialling)
      // Knocks at 0, 1 and 3 s.
      assert.strictEqual(world.nowMicros(), start + 3_020_000)
      here.send(Uint8Array.of(1))
      yield* links.receive(here, 1)
    }))

  test("may lead from many machines to many", ({ network }) =>
    Effect.gen(function*() {
      yield* listen(network, B, links.echo)
      network.cut("10.0.0.1/32", "10.0.0.2/31")
      const transport = yield* at(network, A)
      const dialled = transport.dial(tcpAddress(B, PORT), { timeout: links.seconds(5) })
      assert.strictEqual((yield* Effect.flip(dialled)).reason, "timeout")
      network.heal("10.0.0.1/32", "10.0.0.2/31")
      yield* dialled
    }))
})

describe("A partition", () => {
  const reaches = (network: VirtualNetwork.VirtualNetwork, from: string, to: string) =>
    Effect.flatMap(
      at(network, from),
      (transport) => Effect.scoped(transport.dial(tcpAddress(to, PORT), { timeout: links.seconds(5) }))
    ).pipe(
      Effect.match({ onFailure: () => false, onSuccess: () => true })
    )

  test("stands between its groups, and not before those who are in none", ({ network }) =>
    Effect.gen(function*() {
      for (const ip of [A, B, C]) yield* listen(network, ip, links.echo)
      network.partition([[A], [B]])
      assert.isFalse(yield* reaches(network, A, B))
      assert.isFalse(yield* reaches(network, B, A))
      assert.isTrue(yield* reaches(network, A, C))
      assert.isTrue(yield* reaches(network, C, B))
      network.partition([[A, B], [C]])
      assert.isTrue(yield* reaches(network, A, B))
      assert.isFalse(yield* reaches(network, C, B))
      network.partition([])
      assert.isTrue(yield* reaches(network, C, B))
    }))

  test("holds for machines that come later", ({ network }) =>
    Effect.gen(function*() {
      yield* listen(network, A, links.echo)
      network.partition([[A], ["10.1.0.0/16"]])
      assert.isFalse(yield* reaches(network, "10.1.2.3", A))
      network.healAll()
      assert.isTrue(yield* reaches(network, "10.1.2.3", A))
    }))
})

describe("A clog", () => {
  test("delays what is sent from then on, beside other clogs, until it is taken away", ({ events, network, world }) =>
    Effect.gen(function*() {
      const [here] = yield* pair(network, A, B)
      const delays: Array<number> = []
      const measure = Effect.gen(function*() {
        const sent = world.nowMicros()
        here.send(Uint8Array.of(1))
        yield* Effect.sleep("1 second")
        delays.push(times(events, "Delivered").at(-1)! - sent)
      })
      network.clog(A, B, 5000)
      yield* measure
      network.clog(EVERYBODY, B, 300)
      yield* measure
      network.clog(A, B, 0)
      yield* measure
      network.healAll()
      yield* measure
      assert.deepStrictEqual(delays, [15_000, 15_300, 10_300, 10_000])
    }))
})

describe("A reset from between", () => {
  test("is heard at both ends behind what has come over, and by no other link", ({ network }) =>
    Effect.gen(function*() {
      const [here, there] = yield* pair(network, A, B)
      const [other] = yield* pair(network, A, C)
      here.send(Uint8Array.of(1))
      yield* Effect.sleep("1 second")
      here.send(Uint8Array.of(2))
      network.reset(B, A)
      const heard = yield* links.receiveAll(there)
      assert.deepStrictEqual(heard.bytes, Uint8Array.of(1))
      assert.strictEqual(heard.error.reason, "reset")
      assert.strictEqual(yield* reasonOf(here), "reset")
      assert.isFalse(other.send(new Uint8Array(1_000_000)))
    }))
})

describe("A machine that vanishes", () => {
  test("says nothing: links wait, dials time out, and what was sent arrives when it is back", ({ events, network }) =>
    Effect.gen(function*() {
      const [here, there] = yield* pair(network, A, B)
      network.vanish(B)
      here.send(Uint8Array.of(1))
      there.send(Uint8Array.of(2))
      const transport = yield* at(network, A)
      const error = yield* Effect.flip(transport.dial(tcpAddress(B, PORT), { timeout: links.seconds(20) }))
      assert.strictEqual(error.reason, "timeout")
      assert.deepStrictEqual(times(events, "Delivered"), [])
      network.appear(B)
      assert.deepStrictEqual(yield* links.receive(there, 1), Uint8Array.of(1))
      assert.deepStrictEqual(yield* links.receive(here, 1), Uint8Array.of(2))
    }))

  test("is given up by a dial that nobody else gives up", ({ network, world }) =>
    Effect.gen(function*() {
      network.vanish(B)
      const transport = yield* at(network, A)
      const error = yield* Effect.flip(transport.dial(tcpAddress(B, PORT), { timeout: links.seconds(1000) }))
      assert.strictEqual(error.reason, "timeout")
      assert.strictEqual(world.nowMicros(), 127_000_000)
    }))

  test("goes on by itself meanwhile", ({ network }) =>
    Effect.gen(function*() {
      network.vanish(A)
      yield* listen(network, A, links.echo)
      const here = yield* dial(network, A, A)
      here.send(Uint8Array.of(1))
      assert.deepStrictEqual(yield* links.receive(here, 1), Uint8Array.of(1))
    }))
})

describe("A machine that loses its power", () => {
  test("tells nobody, and answers with a reset when it is back and somebody sends", ({ events, network }) =>
    Effect.gen(function*() {
      const [here, there] = yield* pair(network, A, B)
      there.send(Uint8Array.of(5))
      yield* Effect.sleep("1 second")
      network.crash(B)
      assert.strictEqual(yield* reasonOf(there), "failed")
      const other = yield* Effect.forkChild(links.receiveAll(here), { startImmediately: true })
      yield* Effect.sleep("10 minutes")
      assert.isUndefined(other.pollUnsafe())
      network.appear(B)
      yield* Effect.sleep("10 minutes")
      assert.isUndefined(other.pollUnsafe())
      here.send(Uint8Array.of(1))
      const heard = yield* Fiber.join(other)
      assert.deepStrictEqual(heard.bytes, Uint8Array.of(5))
      assert.strictEqual(heard.error.reason, "reset")
      assert.strictEqual(times(events, "Ended").length, 0)
    }))

  test("has free ports when it is back, and keeps what is bound then when the old node is gone", ({ network }) =>
    Effect.gen(function*() {
      const old = yield* Effect.forkScoped(Effect.scoped(Effect.andThen(pair(network, A, B), Effect.never)))
      yield* Effect.sleep("1 second")
      assert.strictEqual(network.openLinks().length, 2)
      network.crash(B)
      network.appear(B)
      assert.strictEqual(network.openLinks().length, 1)
      yield* listen(network, B, links.echo)
      yield* Fiber.interrupt(old)
      const here = yield* dial(network, C, B)
      here.send(Uint8Array.of(1))
      assert.deepStrictEqual(yield* links.receive(here, 1), Uint8Array.of(1))
    }))

  test("forgets its dials", ({ events, network }) =>
    Effect.gen(function*() {
      yield* listen(network, B, links.echo)
      yield* Effect.forkScoped(Effect.exit(dial(network, A, B)))
      yield* Effect.yieldNow
      network.crash(A)
      network.appear(A)
      yield* Effect.sleep("30 seconds")
      assert.deepStrictEqual(times(events, "Accepted"), [])
    }))
})

describe("A machine that refuses", () => {
  test("refuses whoever dials, until it admits again, and keeps the links that it has", ({ events, network }) =>
    Effect.gen(function*() {
      const [here, there] = yield* pair(network, A, B)
      network.refuse(B)
      assert.strictEqual(yield* failedDial(network, A, B), "refused")
      assert.strictEqual(times(events, "Refused").length, 1)
      here.send(Uint8Array.of(1))
      assert.deepStrictEqual(yield* links.receive(there, 1), Uint8Array.of(1))
      network.admit(B)
      yield* dial(network, A, B)
    }))

  test("resets a link whose dial was answered before", ({ network }) =>
    Effect.gen(function*() {
      yield* listen(network, B, links.echo)
      const here = yield* dial(network, A, B)
      network.refuse(B)
      assert.strictEqual(yield* reasonOf(here), "reset")
    }))
})

describe("Addresses of a virtual network", () => {
  const NAT = "203.0.113.7"
  const HOME = "192.168.0.2"
  const NEIGHBOUR = "192.168.0.3"
  const behindNat = { hosts: [{ ip: A }, { ip: HOME, nat: NAT }, { ip: NEIGHBOUR, nat: NAT }] }

  test(
    "give a machine behind a NAT the address of the NAT outside, with a port of its own for each link",
    ({ network }) =>
      Effect.gen(function*() {
        const seen: Array<string> = []
        yield* listen(network, A, (link) =>
          Effect.andThen(
            Effect.sync(() => seen.push(format(link.remoteAddress))),
            links.echo(link)
          ))
        const one = yield* dial(network, HOME, A)
        const other = yield* dial(network, NEIGHBOUR, A)
        for (const link of [one, other]) {
          link.send(Uint8Array.of(1))
          yield* links.receive(link, 1)
        }
        assert.deepStrictEqual([one.localAddress.ip, other.localAddress.ip], [HOME, NEIGHBOUR])
        assert.strictEqual(new Set(seen).size, 2)
        assert.isTrue(seen.every((address) => address.startsWith(`${NAT}:`)))
      }),
    behindNat
  )

  test("lead to a machine behind a NAT only from there", ({ network }) =>
    Effect.gen(function*() {
      yield* listen(network, HOME, links.echo)
      assert.strictEqual(yield* failedDial(network, A, HOME), "unreachable")
      assert.strictEqual(yield* failedDial(network, A, NAT), "timeout")
      const here = yield* dial(network, NEIGHBOUR, HOME)
      assert.strictEqual(here.localAddress.ip, NEIGHBOUR)
      here.send(Uint8Array.of(1))
      yield* links.receive(here, 1)
    }), behindNat)

  test("give a port back when the dial has failed, was given up, or its link is closed", ({ events, network }) =>
    Effect.gen(function*() {
      const transport = yield* at(network, A)
      yield* listen(network, B, () => Effect.never)
      const dialled = (address: string, port: number) =>
        Effect.exit(Effect.scoped(transport.dial(tcpAddress(address, port), { timeout: links.seconds(1) })))
      yield* dialled(B, PORT + 1)
      yield* dialled("10.9.9.9", PORT)
      network.vanish(C)
      yield* dialled(C, PORT)
      yield* dialled(B, PORT)
      const ports = events.filter(({ _tag }) => _tag === "Dialled").map(({ from }) => from.port)
      assert.strictEqual(new Set(ports).size, 4)
      for (const port of ports) yield* transport.listen(tcpAddress(A, port), () => Effect.void)
    }))

  test("do not give out a port that somebody listens on or has a link from", ({ network }) =>
    Effect.gen(function*() {
      const transport = yield* at(network, A)
      const listener = yield* transport.listen(tcpAddress(A, 0), links.echo)
      const here = yield* dial(network, A, A, listener.address.port)
      assert.notStrictEqual(here.localAddress.port, listener.address.port)
      const error = yield* Effect.flip(transport.listen(here.localAddress, links.echo))
      assert.strictEqual(error.reason, "addressInUse")
    }))

  test("that nobody has cannot be reached", ({ network }) =>
    Effect.map(failedDial(network, A, "10.9.9.9"), (reason) => assert.strictEqual(reason, "unreachable")))

  it("are each one machine's, and are addresses", () => {
    const { network } = set({ hosts: [{ ip: A }, { ip: HOME, nat: NAT }] })
    for (const ip of [A, NAT, "127.0.0.1", "10.0.0", "10.0.0.256", "name"]) {
      assert.throws(() => network.addHost({ ip }), RangeError)
    }
    assert.throws(() => network.addHost({ ip: B, nat: A }), RangeError)
    assert.throws(() => network.cut("10.0.0.0/33", A), RangeError)
    assert.throws(() => network.vanish("10.9.9.9"), RangeError)
    assert.throws(() => network.setWeather(A, A, { ...plain, retransmitMicros: 0 }), RangeError)
    assert.throws(() => network.clog(A, A, -1), RangeError)
  })

  test("have names, as the table has them at the time", ({ network }) =>
    Effect.gen(function*() {
      const resolver = Context.get(yield* Layer.build(network.resolver()), AddressResolver)
      const resolve = (target: string) =>
        Effect.map(
          resolver.resolve(target),
          (found) => found.map(({ address, port }) => `${address.toString()}:${port}`)
        )
      network.setName("Seed.example", [B, A])
      assert.deepStrictEqual(yield* resolve("seed.example:7"), [`${B}:7`, `${A}:7`])
      network.setName("seed.example", [C])
      assert.deepStrictEqual(yield* resolve("seed.example:7"), [`${C}:7`])
      network.setName("seed.example", [])
      assert.strictEqual((yield* Effect.flip(resolve("seed.example:7")))._tag, "DnsError")
      assert.throws(() => network.setName("no name!", [A]), RangeError)
      assert.throws(() => network.setName("seed.example", ["B"]), RangeError)
    }))
})

describe("The names of a virtual network", () => {
  test("cannot be looked up from a machine that has vanished", ({ network, world }) =>
    Effect.gen(function*() {
      const resolver = Context.get(yield* Layer.build(network.resolver(A)), AddressResolver)
      network.setName("seed.example", [B])
      assert.strictEqual((yield* resolver.resolve("seed.example:7")).length, 1)
      network.vanish(A)
      const error = yield* Effect.flip(resolver.resolve("seed.example:7"))
      assert.strictEqual("reason" in error && error.reason, "Timeout")
      assert.strictEqual(world.nowMicros(), 10_000_000)
    }))
})

describe("What is seen of a virtual network", () => {
  test("is each step of a link, with its time and its ends", ({ events, network }) =>
    Effect.gen(function*() {
      yield* listen(network, B, links.echo)
      const here = yield* dial(network, A, B)
      here.send(Uint8Array.of(1, 2, 3))
      yield* here.end
      yield* links.receiveAll(here)
      const [dialler, door] = [format(here.localAddress), format(here.remoteAddress)]
      const seen = events.map((event) =>
        `${event.atMicros} ${event._tag} ${event.bytes} ${format(event.from) === dialler ? "out" : "back"}`
      )
      assert.deepStrictEqual(seen, [
        "0 Dialled 0 out",
        "20000 Sent 3 out",
        "30000 Accepted 0 out",
        "30000 Delivered 3 out",
        "30000 Ended 0 out",
        "30000 Sent 3 back",
        "40000 Delivered 3 back",
        "40000 Ended 0 back"
      ])
      assert.isTrue(
        events.every(({ from, to }) => [format(from), format(to)].sort().join() === [dialler, door].sort().join())
      )
      assert.deepStrictEqual(network.traffic(A), { bytesSent: 3, bytesReceived: 3 })
    }))

  test("ends for an observer who goes, and not for the others", ({ events, network }) =>
    Effect.gen(function*() {
      const seen: Array<NetworkEvent> = []
      const stop = network.observe((event) => seen.push(event))
      yield* pair(network, A, B)
      stop()
      yield* dial(network, A, B)
      assert.deepStrictEqual(seen.map(({ _tag }) => _tag), ["Dialled", "Accepted"])
      assert.isAbove(events.length, 2)
    }))

  test("includes the ends of links that nobody has closed", ({ network }) =>
    Effect.gen(function*() {
      yield* Effect.scoped(Effect.gen(function*() {
        const [here] = yield* pair(network, A, B)
        const [one, other] = [format(here.localAddress), format(here.remoteAddress)]
        assert.deepStrictEqual(network.openLinks(), [`${one} - ${other}`, `${other} - ${one}`])
      }))
      assert.deepStrictEqual(network.openLinks(), [])
    }))
})

/** Weather of all kinds, from fine to very bad. */
const someWeather = (prng: Prng.Prng): LinkWeather.LinkWeather => ({
  latency: uniform(0, 1 + prng.below(300_000)),
  jitterMicros: prng.chance(1, 2) ? 0 : prng.below(100_000),
  bytesPerSecond: prng.chance(1, 2) ? undefined : 20_000 + prng.below(2_000_000),
  lossPerMillion: prng.chance(1, 2) ? 0 : prng.below(200_000),
  splitEvery: prng.chance(1, 2) ? undefined : 1 + prng.below(5),
  retransmitMicros: 1 + prng.below(400_000),
  bufferBytes: 1 + prng.below(100_000)
})

/** One fault, and what ends it. */
const someFault = (network: VirtualNetwork.VirtualNetwork, prng: Prng.Prng): readonly [() => void, () => void] => {
  const [from, to] = prng.chance(1, 2) ? [A, B] : [B, A]
  const faults: ReadonlyArray<readonly [() => void, () => void]> = [
    [() => network.cut(from, to), () => network.heal(from, to)],
    [() => network.partition([[A], [B]]), () => network.partition([])],
    [() => network.clog(from, to, 700_000), () => network.clog(from, to, 0)],
    [() => network.vanish(from), () => network.appear(from)],
    [() => network.setWeather(from, to, someWeather(prng)), () => {}]
  ]
  return faults[prng.below(faults.length)]!
}

/** Sends both ways through whatever comes, and tells a digest of all that happened. */
const throughAll = (seed: number, options: SettingOptions = {}) => {
  const setting = set({ ...options, seed })
  let hash = 0
  setting.network.observe(({ _tag, atMicros, bytes, from, to }) => {
    const line = `${_tag} ${atMicros} ${bytes} ${format(from)} ${format(to)}`
    for (let i = 0; i < line.length; i++) hash = (Math.imul(hash, 31) + line.charCodeAt(i)) | 0
  })
  const body = Effect.fnUntraced(function*({ network }: Setting) {
    const prng = Prng.stream(seed, "plan")
    for (const [from, to] of [[A, B], [B, A]] as const) network.setWeather(from, to, someWeather(prng))
    const [here, there] = yield* pair(network, A, B)
    yield* Effect.forkScoped(Effect.forever(Effect.gen(function*() {
      const [begin, end] = someFault(network, prng)
      yield* Effect.sleep(micros(prng.below(3_000_000)))
      begin()
      yield* Effect.sleep(micros(prng.below(3_000_000)))
      end()
    })))
    const out = links.someBytes(150_000, seed)
    const back = links.someBytes(80_000, seed + 1)
    const [, , gotOut, gotBack] = yield* Effect.all([
      Effect.andThen(links.push(here, out, links.somePieces(seed)), here.end),
      Effect.andThen(links.push(there, back, links.somePieces(seed + 1)), there.end),
      links.receiveAll(there),
      links.receiveAll(here)
    ], { concurrency: "unbounded" })
    assert.isTrue(Buffer.from(gotOut.bytes).equals(out), `out, seed ${seed}`)
    assert.isTrue(Buffer.from(gotBack.bytes).equals(back), `back, seed ${seed}`)
    assert.deepStrictEqual([gotOut.error.reason, gotBack.error.reason], ["ended", "ended"])
  })
  return Effect.map(play(setting, body), () => ({ hash, endMicros: setting.world.nowMicros() }))
}

describe("Whatever the weather and the faults that heal", () => {
  it.effect("all bytes arrive, in order and unchanged, and then the end", () =>
    Effect.gen(function*() {
      for (let seed = 1; seed <= 40; seed++) yield* throughAll(seed, { linkTimeoutMicros: HOUR_MICROS })
    }))

  it.effect("the same seed gives the same trace, and another one another", () =>
    Effect.gen(function*() {
      const first = yield* throughAll(7)
      assert.deepStrictEqual(yield* throughAll(7), first)
      assert.notStrictEqual((yield* throughAll(8)).hash, first.hash)
    }))

  it.effect("what happens between two machines does not change what is drawn for others", () =>
    Effect.gen(function*() {
      const alone = play(set({ weather: LinkWeather.fair }), ({ network, world }) =>
        Effect.map(pair(network, A, B), () => world.nowMicros()))
      const together = play(set({ weather: LinkWeather.fair }), ({ network, world }) =>
        Effect.gen(function*() {
          network.addHost({ ip: "10.0.0.9" })
          yield* Effect.forkScoped(pair(network, "10.0.0.9", C))
          yield* pair(network, A, B)
          return world.nowMicros()
        }))
      assert.strictEqual(yield* together, yield* alone)
    }))
})
