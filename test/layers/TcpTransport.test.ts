/**
 * What only a Transport over real sockets can get wrong: descriptors, the kernel's buffers, what a socket says last.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Scope } from "effect"
import * as Net from "node:net"
import { tcpAddress } from "../../src/core/PeerAddress.ts"
import * as TcpTransport from "../../src/layers/node/TcpTransport.ts"
import type { Link } from "../../src/services/Transport.ts"
import { Transport } from "../../src/services/Transport.ts"
import * as links from "../support/links.ts"

/** Sockets and servers of this process, once those that were closed had a few turns of the event loop to be gone. */
const openSockets = Effect.gen(function*() {
  for (let turns = 0; turns < 10; turns++) yield* Effect.yieldNow
  return process.getActiveResourcesInfo().filter((name) => name.startsWith("TCP")).length
})

const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length

/** A plain server of Node, and the first socket that it accepts. */
const plainServer = Effect.gen(function*() {
  const first = yield* Deferred.make<Net.Socket>()
  const run = Effect.runForkWith(yield* Effect.context())
  const sockets = new Set<Net.Socket>()
  const server = yield* Effect.acquireRelease(
    Effect.callback<Net.Server>((resume) => {
      const server = Net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
        sockets.add(socket)
        socket.on("error", () => {})
        run(Deferred.succeed(first, socket))
      })
      server.listen({ host: "127.0.0.1", port: 0 }, () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        for (const socket of sockets) socket.destroy()
      })
  )
  const bound = server.address()
  assert.isObject(bound)
  const port = bound !== null && typeof bound === "object" ? bound.port : 0
  return { address: tcpAddress("127.0.0.1", port), accepted: Deferred.await(first) }
})

describe.each(["onread", "data"] as const)("A Transport over TCP that reads by %s", (reading) => {
  const test = (sentence: string, body: Effect.Effect<void, unknown, Scope.Scope | Transport>) =>
    it.effect(sentence, () => Effect.provide(body, TcpTransport.layer({ reading })))

  test(
    "leaves no socket and no timer behind after 200 links that ended in four ways",
    Effect.gen(function*() {
      const socketsBefore = yield* openSockets
      const timersBefore = timers()
      yield* Effect.gen(function*() {
        const transport = yield* Transport
        let count = 0
        const listener = yield* transport.listen(links.anyPort, (link) => {
          count++
          // This side leaves; the other side leaves; both end; nobody does until the listener goes.
          return count % 4 === 0
            ? Effect.void
            : count % 4 === 1
            ? Effect.never
            : Effect.andThen(link.end, links.echo(link))
        })
        for (let n = 0; n < 200; n++) {
          const scope = yield* Scope.fork(yield* Effect.scope)
          const link = yield* Scope.provide(links.dial(listener.address), scope)
          link.send(links.someBytes(1000, n))
          if (n % 3 === 0) yield* link.end
          if (n % 3 === 1) yield* Scope.close(scope, Exit.void)
        }
      }).pipe(Effect.scoped)
      assert.strictEqual(yield* openSockets, socketsBefore)
      // The test runner has timers of its own, which may end meanwhile.
      assert.isAtMost(timers(), timersBefore)
    })
  )

  test(
    "has the descriptor free when the Scope of a link has closed, also of one that ended by itself before",
    Effect.gen(function*() {
      const server = yield* plainServer
      const before = yield* openSockets
      const scope = yield* Scope.make()
      const link = yield* Scope.provide(links.dial(server.address), scope)
      const socket = yield* server.accepted
      socket.end()
      yield* links.receiveAll(link)
      yield* link.end
      socket.destroy()
      yield* Scope.close(scope, Exit.void)
      while (!socket.closed) yield* Effect.yieldNow
      assert.strictEqual(yield* openSockets, before)
    })
  )

  test(
    "destroys the socket of a dial that is interrupted",
    Effect.gen(function*() {
      const listener = yield* (yield* Transport).listen(links.anyPort, () => Effect.never)
      const before = yield* openSockets
      const dial = yield* Effect.forkChild(links.dial(listener.address), { startImmediately: true })
      yield* Fiber.interrupt(dial)
      assert.strictEqual(yield* openSockets, before)
    })
  )

  test(
    "leaves what nobody reads with the sender: 50 MB are not taken into this process",
    Effect.gen(function*() {
      const server = yield* plainServer
      yield* links.dial(server.address)
      const socket = yield* server.accepted
      const megabyte = new Uint8Array(1024 * 1024)
      for (let n = 0; n < 50; n++) socket.write(megabyte)
      // What the kernel will take it takes within a few turns; then the sender's own queue stands still.
      let queued = -1
      for (let still = 0; still < 200; still++) {
        yield* Effect.yieldNow
        if (socket.writableLength !== queued) still = 0
        queued = socket.writableLength
      }
      assert.isAbove(queued, 40 * megabyte.length)
      socket.destroy()
    })
  )

  test(
    "reads what the other side said last also when a write has failed before",
    Effect.gen(function*() {
      const server = yield* plainServer
      const link = yield* links.dial(server.address)
      const socket = yield* server.accepted
      yield* Effect.callback<void>((resume) => {
        socket.write("the last words", () => resume(Effect.void))
      })
      socket.resetAndDestroy()
      while (!socket.closed) yield* Effect.yieldNow
      // Writing is how we come upon the reset: nobody reads yet.
      for (let n = 0; n < 10; n++) {
        assert.isTrue(link.send(new Uint8Array(1000)))
        yield* Effect.yieldNow
      }
      const heard = yield* links.receiveAll(link)
      assert.strictEqual(Buffer.from(heard.bytes).toString(), "the last words")
      assert.strictEqual(heard.error.reason, "reset")
      yield* link.end
    })
  )

  test(
    "delivers what had come before a reset to a reader who stopped in between",
    Effect.gen(function*() {
      const server = yield* plainServer
      const link = yield* links.dial(server.address)
      const socket = yield* server.accepted
      socket.write("one")
      yield* links.receive(link, 3)
      socket.write("two")
      for (let n = 0; n < 20; n++) yield* Effect.yieldNow
      socket.resetAndDestroy()
      while (!socket.closed) yield* Effect.yieldNow
      for (let n = 0; n < 20; n++) yield* Effect.yieldNow
      const heard = yield* links.receiveAll(link)
      assert.strictEqual(Buffer.from(heard.bytes).toString(), "two")
      assert.strictEqual(heard.error.reason, "reset")
    })
  )

  test(
    "runs nothing for those who connect and are gone before they are accepted, and goes on",
    Effect.gen(function*() {
      const transport = yield* Transport
      const callers = new Set<string>()
      const listener = yield* transport.listen(links.anyPort, (link) => {
        callers.add(link.remoteAddress.ip)
        return links.echo(link)
      })
      const comeAndGo = Effect.callback<void>((resume) => {
        const socket = Net.connect({ host: "127.0.0.1", port: listener.address.port }, () => {
          socket.resetAndDestroy()
          resume(Effect.void)
        })
      })
      yield* Effect.all(Array.from({ length: 100 }, () => comeAndGo), { concurrency: "unbounded", discard: true })
      const link = yield* links.dial(listener.address)
      link.send(Uint8Array.of(1))
      assert.deepStrictEqual(yield* links.receive(link, 1), Uint8Array.of(1))
      assert.deepStrictEqual([...callers], ["127.0.0.1"])
    })
  )

  test(
    "keeps apart what two links read at the same time",
    Effect.gen(function*() {
      const [a, toA] = yield* links.pair
      const [b, toB] = yield* links.pair
      const one = links.someBytes(300_000, 1)
      const two = links.someBytes(300_000, 2)
      const [gotOne, gotTwo] = yield* Effect.all([
        links.receive(toA, one.length),
        links.receive(toB, two.length),
        links.push(a, one, links.somePieces(3)),
        links.push(b, two, links.somePieces(4))
      ], { concurrency: "unbounded" })
      assert.deepStrictEqual(gotOne, one)
      assert.deepStrictEqual(gotTwo, two)
    })
  )

  test(
    "dials and binds numbers only: a name, IPv6, and a port that is none are refused without asking anybody",
    Effect.gen(function*() {
      const transport = yield* Transport
      for (const address of [tcpAddress("localhost", 80), tcpAddress("::1", 80), tcpAddress("127.0.0.1", 65_536)]) {
        assert.strictEqual((yield* Effect.flip(links.dial(address))).reason, "failed")
        assert.strictEqual((yield* Effect.flip(transport.listen(address, links.echo))).reason, "failed")
      }
      assert.strictEqual((yield* Effect.flip(links.dial(tcpAddress("127.0.0.1", 0)))).reason, "failed")
    })
  )

  test(
    "knows a caller by the IPv4 address",
    Effect.gen(function*() {
      const arrived = yield* Deferred.make<Link>()
      const listener = yield* (yield* Transport).listen(tcpAddress("0.0.0.0", 0), links.handOver(arrived))
      assert.strictEqual(listener.address.ip, "0.0.0.0")
      yield* links.dial(tcpAddress("127.0.0.1", listener.address.port))
      const link = yield* Deferred.await(arrived)
      assert.strictEqual(link.remoteAddress.ip, "127.0.0.1")
      assert.strictEqual(link.localAddress.ip, "127.0.0.1")
    })
  )
})
