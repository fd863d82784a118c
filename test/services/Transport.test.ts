/**
 * What every Transport promises, said once and asked of each layer.
 */
import { assert, describe, it } from "@effect/vitest"
import type { Duration, Layer } from "effect"
import { Deferred, Effect, Exit, Fiber, Logger, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as Net from "node:net"
import { Worker } from "node:worker_threads"
import { uniform } from "../../src/core/Distribution.ts"
import { calm } from "../../src/core/LinkWeather.ts"
import type { PeerAddress } from "../../src/core/PeerAddress.ts"
import { format, tcpAddress } from "../../src/core/PeerAddress.ts"
import * as MemoryTransport from "../../src/layers/memory/MemoryTransport.ts"
import * as TcpTransport from "../../src/layers/node/TcpTransport.ts"
import * as VirtualNetwork from "../../src/layers/simulation/VirtualNetwork.ts"
import * as World from "../../src/layers/simulation/World.ts"
import type { Link } from "../../src/services/Transport.ts"
import { Transport } from "../../src/services/Transport.ts"
import * as links from "../support/links.ts"

type Test = Effect.Effect<void, unknown, Scope.Scope | Transport>

/** Where a test runs, and the ways in which it can misbehave there. */
interface Surroundings {
  readonly run: (test: Test) => Effect.Effect<void, unknown, Scope.Scope>
  /** Lets so much time pass. */
  readonly pass: (duration: Duration.Input) => Effect.Effect<void>
  /** Lets the others go on for a moment. */
  readonly turn: Effect.Effect<void>
  /** Connects to the address, and cuts the link. */
  readonly cutter: (address: PeerAddress) => Effect.Effect<void, never, Scope.Scope | Transport>
  /** An address that does not answer a dial. */
  readonly silent: Effect.Effect<PeerAddress, never, Scope.Scope>
}

/** On the clock of the test, which stands still, while bytes move. */
const onTestClock = (layer: Layer.Layer<Transport>): Pick<Surroundings, "run" | "pass" | "turn"> => ({
  run: (test) => Effect.provide(test, layer),
  pass: TestClock.adjust,
  turn: Effect.yieldNow
})

const tcp = (reading: "onread" | "data"): Surroundings => ({
  ...onTestClock(TcpTransport.layer({ reading })),
  cutter: (address) =>
    Effect.callback((resume) => {
      const socket = Net.connect({ host: address.ip, port: address.port }, () => {
        socket.resetAndDestroy()
        resume(Effect.void)
      })
    }),
  // A thread that listens and then never turns its event loop again: when its backlog is full, the kernel lets no
  // more in and says nothing.
  silent: Effect.gen(function*() {
    const worker = yield* Effect.acquireRelease(
      Effect.sync(() => new Worker(deafListener, { eval: true, workerData: new SharedArrayBuffer(4) })),
      (worker) => Effect.promise(() => worker.terminate())
    )
    const port = yield* Effect.callback<number>((resume) => {
      worker.once("message", (port: number) => resume(Effect.succeed(port)))
    })
    const connected = Effect.callback<Net.Socket>((resume) => {
      const socket = Net.connect({ host: "127.0.0.1", port }, () => resume(Effect.succeed(socket)))
    })
    // A backlog of one is full with two.
    yield* Effect.acquireRelease(connected, (socket) => Effect.sync(() => socket.destroy()))
    yield* Effect.acquireRelease(connected, (socket) => Effect.sync(() => socket.destroy()))
    return tcpAddress("127.0.0.1", port)
  })
})

const deafListener = `
  const { parentPort, workerData } = require("node:worker_threads")
  const server = require("node:net").createServer().listen({ host: "127.0.0.1", port: 0, backlog: 1 }, () => {
    parentPort.postMessage(server.address().port)
    Atomics.wait(new Int32Array(workerData), 0, 0)
  })
`

const memory = (): Surroundings => {
  const network = MemoryTransport.makeNetwork()
  return {
    ...onTestClock(MemoryTransport.layer(network, { ip: "127.0.0.1" })),
    cutter: (address) => Effect.orDie(Effect.flatMap(links.dial(address), MemoryTransport.cut)),
    silent: Effect.sync(() => {
      const address = tcpAddress("127.0.0.1", 9)
      network.silent.add(format(address))
      return address
    })
  }
}

const HOUR_MICROS = 3_600_000_000

/** A machine that talks to itself through bad weather, in virtual time: a test drives the World until it is over. */
const virtual = (seed: number): Surroundings => {
  const world = World.make({ seed })
  const network = VirtualNetwork.make(world)
  const ip = "10.0.0.1"
  const deaf = tcpAddress("10.0.0.2", 9)
  network.addHost({ ip: deaf.ip })
  network.vanish(deaf.ip)
  network.setWeather(ip, ip, {
    latency: uniform(1000, 200_000),
    jitterMicros: 30_000,
    bytesPerSecond: 2_000_000,
    lossPerMillion: 20_000,
    retransmitMicros: calm.retransmitMicros,
    splitEvery: 3,
    bufferBytes: 65_536
  })
  return {
    run: (test) =>
      Effect.suspend(() => {
        const fiber = world.fork(Effect.scoped(Effect.provide(test, [network.transport(ip), Logger.layer([])])))
        const isOver = () => fiber.pollUnsafe() !== undefined
        const outcome = world.runUntil(isOver, world.nowMicros() + HOUR_MICROS)
        const exit = fiber.pollUnsafe()
        if (exit === undefined) return Effect.die(outcome)
        assert.deepStrictEqual(network.openLinks(), [])
        return exit
      }),
    pass: Effect.sleep,
    turn: Effect.sleep("1 millis"),
    cutter: (address) =>
      links.dial(address).pipe(
        Effect.orDie,
        // Until the other side has heard of the link.
        Effect.andThen(Effect.sleep("10 seconds")),
        Effect.andThen(Effect.sync(() => network.reset(ip, ip)))
      ),
    silent: Effect.succeed(deaf)
  }
}

const ways: ReadonlyArray<readonly [string, Surroundings]> = [
  ["in memory", memory()],
  ["on a virtual network", virtual(1)],
  ["over TCP that reads by onread", tcp("onread")],
  ["over TCP that reads by events", tcp("data")]
]

describe.each(ways)("A Transport %s", (_, surroundings) => {
  const test = (sentence: string, body: Test) => it.effect(sentence, () => surroundings.run(body))

  test(
    "delivers bytes in order and unchanged, whatever pieces they were sent in",
    Effect.gen(function*() {
      const [here, there] = yield* links.pair
      const bytes = links.someBytes(1_000_000, 1)
      yield* Effect.forkScoped(links.push(here, bytes, links.somePieces(2)))
      assert.deepStrictEqual(yield* links.receive(there, bytes.length), bytes)
    })
  )

  test(
    "carries both directions at once",
    Effect.gen(function*() {
      const [here, there] = yield* links.pair
      const out = links.someBytes(500_000, 3)
      const back = links.someBytes(700_000, 4)
      const [, , gotOut, gotBack] = yield* Effect.all([
        links.push(here, out, links.somePieces(5)),
        links.push(there, back, links.somePieces(6)),
        links.receive(there, out.length),
        links.receive(here, back.length)
      ], { concurrency: "unbounded" })
      assert.deepStrictEqual(gotOut, out)
      assert.deepStrictEqual(gotBack, back)
    })
  )

  test(
    "tells both ends the same two addresses",
    Effect.gen(function*() {
      const [here, there] = yield* links.pair
      assert.deepStrictEqual(here.remoteAddress, there.localAddress)
      assert.deepStrictEqual(here.localAddress, there.remoteAddress)
      assert.isAbove(here.localAddress.port, 0)
    })
  )

  test(
    "delivers what was sent before a half-close, then says that the other side has ended, each time it is asked",
    Effect.gen(function*() {
      const [here, there] = yield* links.pair
      const bytes = links.someBytes(50_000, 7)
      here.send(bytes)
      yield* here.end
      const heard = yield* links.receiveAll(there)
      assert.deepStrictEqual(heard.bytes, bytes)
      assert.strictEqual(heard.error.reason, "ended")
      assert.strictEqual((yield* links.receiveAll(there)).error.reason, "ended")
    })
  )

  test(
    "tells of the end only behind the last byte, also to who takes one chunk at a time",
    Effect.gen(function*() {
      const [here, there] = yield* links.pair
      const bytes = links.someBytes(60_000, 12)
      for (let at = 0; at < bytes.length; at += 10_000) here.send(bytes.slice(at, at + 10_000))
      yield* here.end
      const received: Array<number> = []
      const error = yield* Effect.flip(Effect.forever(there.read((chunk) => {
        received.push(...chunk)
        return false
      })))
      assert.deepStrictEqual(Uint8Array.from(received), bytes)
      assert.strictEqual(error.reason, "ended")
    })
  )

  test(
    "goes on in one direction when the other has ended",
    Effect.gen(function*() {
      const [here, there] = yield* links.pair
      yield* here.end
      yield* links.receiveAll(there)
      const bytes = links.someBytes(300_000, 8)
      yield* Effect.forkScoped(links.push(there, bytes, links.somePieces(9)))
      assert.deepStrictEqual(yield* links.receive(here, bytes.length), bytes)
      yield* there.end
      assert.strictEqual((yield* links.receiveAll(here)).error.reason, "ended")
    })
  )

  test(
    "sends nothing behind a half-close",
    Effect.gen(function*() {
      const [here, there] = yield* links.pair
      here.send(Uint8Array.of(1))
      yield* here.end
      assert.isTrue(here.send(Uint8Array.of(2)))
      assert.deepStrictEqual((yield* links.receiveAll(there)).bytes, Uint8Array.of(1))
    })
  )

  test(
    "tells a reader that the link was cut",
    Effect.gen(function*() {
      const arrived = yield* Deferred.make<string>()
      const transport = yield* Transport
      const listener = yield* transport.listen(
        links.anyPort,
        (link) => Effect.flatMap(links.receiveAll(link), ({ error }) => Deferred.succeed(arrived, error.reason))
      )
      yield* surroundings.cutter(listener.address)
      assert.strictEqual(yield* Deferred.await(arrived), "reset")
    })
  )

  test(
    "answers a dial to where nobody listens with refused",
    Effect.gen(function*() {
      const address = yield* links.freeAddress
      const error = yield* Effect.flip(links.dial(address))
      assert.strictEqual(error.reason, "refused")
      assert.strictEqual(error.address, format(address))
    })
  )

  test(
    "gives a dial up when the time to connect is over, and not before",
    Effect.gen(function*() {
      const transport = yield* Transport
      const address = yield* surroundings.silent
      const dial = yield* Effect.forkChild(
        Effect.flip(transport.dial(address, { timeout: links.seconds(5) })),
        { startImmediately: true }
      )
      yield* surroundings.pass("4999 millis")
      assert.isUndefined(dial.pollUnsafe())
      yield* surroundings.pass("1 millis")
      const error = yield* Fiber.join(dial)
      assert.strictEqual(error.reason, "timeout")
    })
  )

  test(
    "pushes back while nobody reads, and goes on when somebody does",
    Effect.gen(function*() {
      const [here, there] = yield* links.pair
      const sent = links.fill(here)
      assert.isFalse(here.isWritable())
      const writable = yield* Effect.forkChild(links.writable(here), { startImmediately: true })
      yield* links.receive(there, sent)
      yield* Fiber.join(writable)
      assert.isTrue(here.isWritable())
      assert.isTrue(here.send(Uint8Array.of(7)))
      assert.deepStrictEqual(yield* links.receive(there, 1), Uint8Array.of(7))
    })
  )

  test(
    "is writable again after a push back also when nobody asked to be told",
    Effect.gen(function*() {
      const [here, there] = yield* links.pair
      yield* links.receive(there, links.fill(here))
      while (!here.isWritable()) {
        yield* surroundings.turn
      }
    })
  )

  test(
    "has no hold on a buffer that it has taken, and delivers whole the one that was given away",
    Effect.gen(function*() {
      const [here, there] = yield* links.pair
      const expected: Array<Uint8Array> = []
      const scratch = new Uint8Array(40_000)
      for (let n = 0, taken = true; taken; n++) {
        const bytes = links.someBytes(scratch.length, n)
        expected.push(bytes)
        scratch.set(bytes)
        taken = here.send(scratch)
        if (taken) {
          scratch.fill(0xff)
        }
      }
      const received = yield* links.receive(there, expected.length * scratch.length)
      assert.isTrue(Buffer.concat(expected).equals(received))
    })
  )

  test(
    "lends a chunk for the call only, and goes on where a sink that said stop has stopped",
    Effect.gen(function*() {
      const [here, there] = yield* links.pair
      const bytes = links.someBytes(400_000, 10)
      yield* Effect.forkScoped(links.push(here, bytes, links.somePieces(11)))
      const received: Array<number> = []
      while (received.length < bytes.length) {
        yield* there.read((chunk) => {
          received.push(...chunk)
          return false
        })
      }
      assert.deepStrictEqual(Uint8Array.from(received), bytes)
    })
  )

  test(
    "calls no sink while nobody reads",
    Effect.gen(function*() {
      const [here, there] = yield* links.pair
      let calls = 0
      here.send(Uint8Array.of(1))
      yield* there.read(() => {
        calls++
        return false
      })
      here.send(Uint8Array.of(2))
      // What is sent the other way afterwards arrives: so this one had its time to be delivered, had anybody read.
      there.send(Uint8Array.of(3))
      yield* links.receive(here, 1)
      assert.strictEqual(calls, 1)
      assert.deepStrictEqual(yield* links.receive(there, 1), Uint8Array.of(2))
    })
  )

  test(
    "loses no byte when a reader is interrupted and another one takes over",
    Effect.gen(function*() {
      const [here, there] = yield* links.pair
      const received: Array<number> = []
      const first = yield* Effect.forkChild(
        there.read((chunk) => {
          received.push(...chunk)
          return true
        }),
        { startImmediately: true }
      )
      here.send(Uint8Array.of(1, 2, 3))
      while (received.length < 3) {
        yield* surroundings.turn
      }
      yield* Fiber.interrupt(first)
      here.send(Uint8Array.of(4, 5, 6))
      // An answer comes back meanwhile: time enough to lose something.
      there.send(Uint8Array.of(0))
      yield* links.receive(here, 1)
      assert.deepStrictEqual(yield* links.receive(there, 3), Uint8Array.of(4, 5, 6))
      assert.deepStrictEqual(received, [1, 2, 3])
    })
  )

  test(
    "makes what a sink throws the defect of its reader, and of nobody else",
    Effect.gen(function*() {
      const [here, there] = yield* links.pair
      here.send(Uint8Array.of(1))
      const exit = yield* Effect.exit(there.read(() => {
        throw new Error("in the sink")
      }))
      assert.isTrue(Exit.hasDies(exit))
      here.send(Uint8Array.of(2))
      assert.deepStrictEqual(yield* links.receive(there, 1), Uint8Array.of(2))
    })
  )

  test(
    "makes what a writable handler throws the defect of the reader at the same end",
    Effect.gen(function*() {
      const [here, there] = yield* links.pair
      here.onWritable(() => {
        throw new Error("in the handler")
      })
      const reader = yield* Effect.forkChild(
        Effect.exit(here.read(() => true)),
        { startImmediately: true }
      )
      yield* links.receive(there, links.fill(here))
      assert.isTrue(Exit.hasDies(yield* Fiber.join(reader)))
    })
  )

  test(
    "has room for one reader at a time",
    Effect.gen(function*() {
      const [here, there] = yield* links.pair
      const first = yield* Effect.forkChild(links.receive(there, 1), { startImmediately: true })
      assert.isTrue(Exit.hasDies(yield* Effect.exit(there.read(() => true))))
      here.send(Uint8Array.of(1))
      assert.deepStrictEqual(yield* Fiber.join(first), Uint8Array.of(1))
    })
  )

  test(
    "destroys a link when the Scope of its dial closes: the other side hears, and so does a reader on this one",
    Effect.gen(function*() {
      const transport = yield* Transport
      const arrived = yield* Deferred.make<Link>()
      const listener = yield* transport.listen(links.anyPort, links.handOver(arrived))
      const scope = yield* Scope.make()
      const here = yield* Scope.provide(links.dial(listener.address), scope)
      const there = yield* Deferred.await(arrived)
      const reader = yield* Effect.forkChild(links.receiveAll(here), { startImmediately: true })
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* Fiber.join(reader)).error.reason, "failed")
      assert.strictEqual((yield* links.receiveAll(there)).error.reason, "ended")
      assert.isTrue(here.send(Uint8Array.of(1)))
      yield* here.end
    })
  )

  test(
    "resets the other side when a link is destroyed that had bytes unread",
    Effect.gen(function*() {
      const transport = yield* Transport
      const arrived = yield* Deferred.make<Link>()
      const listener = yield* transport.listen(links.anyPort, links.handOver(arrived))
      const scope = yield* Scope.make()
      const here = yield* Scope.provide(links.dial(listener.address), scope)
      const there = yield* Deferred.await(arrived)
      there.send(Uint8Array.of(1, 2))
      // One way took its time, so the other had it too.
      here.send(Uint8Array.of(3))
      yield* links.receive(there, 1)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* links.receiveAll(there)).error.reason, "reset")
    })
  )

  test(
    "wakes who waits to write, and who waits for the end, when the link is gone",
    Effect.gen(function*() {
      const transport = yield* Transport
      const arrived = yield* Deferred.make<Link>()
      const listener = yield* transport.listen(links.anyPort, links.handOver(arrived))
      const scope = yield* Scope.make()
      yield* Scope.provide(links.dial(listener.address), scope)
      const there = yield* Deferred.await(arrived)
      links.fill(there)
      const writer = yield* Effect.forkChild(links.writable(there), { startImmediately: true })
      const ending = yield* Effect.forkChild(there.end, { startImmediately: true })
      assert.isUndefined(writer.pollUnsafe())
      assert.isUndefined(ending.pollUnsafe())
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.join(writer)
      yield* Fiber.join(ending)
      assert.isTrue(there.isWritable())
    })
  )

  test(
    "wakes who waits to write when the link is destroyed at this end",
    Effect.gen(function*() {
      const transport = yield* Transport
      const listener = yield* transport.listen(links.anyPort, () => Effect.never)
      const scope = yield* Scope.make()
      const here = yield* Scope.provide(links.dial(listener.address), scope)
      links.fill(here)
      const writer = yield* Effect.forkChild(links.writable(here), { startImmediately: true })
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.join(writer)
      assert.isTrue(here.send(Uint8Array.of(1)))
    })
  )

  test(
    "destroys an accepted link when the fiber that has it ends",
    Effect.gen(function*() {
      const transport = yield* Transport
      const listener = yield* transport.listen(links.anyPort, () => Effect.void)
      const here = yield* links.dial(listener.address)
      assert.strictEqual((yield* links.receiveAll(here)).error.reason, "ended")
    })
  )

  test(
    "ends only the link whose fiber died",
    Effect.gen(function*() {
      const transport = yield* Transport
      let count = 0
      const listener = yield* transport.listen(links.anyPort, (link) => {
        count++
        return count === 1 ? Effect.die("the first one") : links.echo(link)
      })
      const first = yield* links.dial(listener.address)
      assert.strictEqual((yield* links.receiveAll(first)).error.reason, "ended")
      const second = yield* links.dial(listener.address)
      second.send(Uint8Array.of(9))
      assert.deepStrictEqual(yield* links.receive(second, 1), Uint8Array.of(9))
    })
  )

  test(
    "interrupts the links of a listener whose Scope closes, waits for them, and frees the port",
    Effect.gen(function*() {
      const transport = yield* Transport
      let released = 0
      const arrived = yield* Deferred.make<Link>()
      const scope = yield* Scope.make()
      const listener = yield* transport.listen(links.anyPort, (link) =>
        links.handOver(arrived)(link).pipe(
          Effect.ensuring(Effect.andThen(Effect.yieldNow, Effect.sync(() => released++)))
        )).pipe(Scope.provide(scope))
      // The dial is another fiber's, so that this one wakes the moment that the link is there.
      const dial = yield* Effect.forkScoped(links.dial(listener.address))
      yield* Deferred.await(arrived)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(released, 1)
      const here = yield* Fiber.join(dial)
      assert.strictEqual((yield* links.receiveAll(here)).error.reason, "ended")
      assert.strictEqual((yield* Effect.flip(links.dial(listener.address))).reason, "refused")
      const again = yield* transport.listen(listener.address, links.echo)
      assert.deepStrictEqual(again.address, listener.address)
      const other = yield* links.dial(again.address)
      other.send(Uint8Array.of(5))
      assert.deepStrictEqual(yield* links.receive(other, 1), Uint8Array.of(5))
    })
  )

  test(
    "says that a port is in use, and what address it was",
    Effect.gen(function*() {
      const transport = yield* Transport
      const listener = yield* transport.listen(links.anyPort, links.echo)
      const error = yield* Effect.flip(transport.listen(listener.address, links.echo))
      assert.strictEqual(error.reason, "addressInUse")
      assert.strictEqual(error.address, format(listener.address))
    })
  )

  test(
    "says that an address is not one of this machine",
    Effect.gen(function*() {
      const transport = yield* Transport
      const error = yield* Effect.flip(transport.listen(tcpAddress("192.0.2.1", 0), links.echo))
      assert.strictEqual(error.reason, "addressNotAvailable")
    })
  )
})

describe("Networks in memory", () => {
  it.effect("know nothing of each other, whatever the addresses", () =>
    Effect.gen(function*() {
      const network = MemoryTransport.makeNetwork()
      const one = yield* MemoryTransport.make(network, { ip: "10.0.0.1" })
      const neighbour = yield* MemoryTransport.make(network, { ip: "10.0.0.2" })
      const stranger = yield* MemoryTransport.make(MemoryTransport.makeNetwork(), { ip: "10.0.0.2" })
      const { address } = yield* one.listen(tcpAddress("10.0.0.1", 0), links.echo)
      const link = yield* neighbour.dial(address, { timeout: links.seconds(1) })
      assert.strictEqual(link.localAddress.ip, "10.0.0.2")
      const error = yield* Effect.flip(stranger.dial(address, { timeout: links.seconds(1) }))
      assert.strictEqual(error.reason, "refused")
    }))

  it.effect("let two machines listen on the same port", () =>
    Effect.gen(function*() {
      const network = MemoryTransport.makeNetwork()
      const one = yield* MemoryTransport.make(network, { ip: "10.0.0.1" })
      const two = yield* MemoryTransport.make(network, { ip: "10.0.0.2" })
      yield* one.listen(tcpAddress("0.0.0.0", 7), links.echo)
      const { address } = yield* two.listen(tcpAddress("0.0.0.0", 7), links.echo)
      assert.deepStrictEqual(address, tcpAddress("10.0.0.2", 7))
    }))

  it.effect("never run a sink inside the send that feeds it", () =>
    Effect.gen(function*() {
      const [here, there] = yield* MemoryTransport.linkPair
      let sending = false
      const reader = yield* Effect.forkChild(
        there.read(() => {
          assert.isFalse(sending)
          return false
        }),
        { startImmediately: true }
      )
      sending = true
      here.send(Uint8Array.of(1))
      sending = false
      yield* Fiber.join(reader)
    }))

  it.effect("deliver what has come over before they tell of a cut, at both ends", () =>
    Effect.gen(function*() {
      const [here, there] = yield* MemoryTransport.linkPair
      here.send(Uint8Array.of(1))
      yield* MemoryTransport.cut(there)
      const heard = yield* links.receiveAll(there)
      assert.deepStrictEqual(heard.bytes, Uint8Array.of(1))
      assert.strictEqual(heard.error.reason, "reset")
      assert.strictEqual((yield* links.receiveAll(here)).error.reason, "reset")
    }))

  it.effect("wake who waits to write when the link is cut with bytes unread", () =>
    Effect.gen(function*() {
      const [here] = yield* MemoryTransport.linkPair
      links.fill(here)
      const writer = yield* Effect.forkChild(links.writable(here), { startImmediately: true })
      yield* MemoryTransport.cut(here)
      yield* Fiber.join(writer)
      assert.isTrue(here.send(Uint8Array.of(1)))
    }))

  it.effect("do not leave a chunk whole with a sink that kept it", () =>
    Effect.gen(function*() {
      const [here, there] = yield* MemoryTransport.linkPair
      here.send(Uint8Array.of(1, 2, 3))
      let kept: Uint8Array | undefined
      yield* there.read((chunk) => {
        kept = chunk
        return false
      })
      yield* Effect.yieldNow
      assert.notDeepEqual(kept, Uint8Array.of(1, 2, 3))
    }))
})
