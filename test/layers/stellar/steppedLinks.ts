/** Links on which nothing arrives until the test says so: each chunk, and each end, is a step of its own. */
import { Effect, type Scope } from "effect"
import { format, type PeerAddress, tcpAddress } from "../../../src/core/PeerAddress.ts"
import { LinkReader } from "../../../src/layers/runtime/LinkReader.ts"
import type { World } from "../../../src/layers/simulation/World.ts"
import { DialError, type Link, LinkError, Transport } from "../../../src/services/Transport.ts"

/** One direction of a link: what was sent and has not arrived, and what has arrived and was not read. */
export class Way {
  /** What the test knows it by, e.g. `A calls B: to B`. */
  readonly name: string
  /** The machine at its end. */
  readonly to: string
  readonly underway: Array<Uint8Array | LinkError> = []
  private readonly arrived: Array<Uint8Array | LinkError> = []
  private readonly world: World
  private isOver = false
  private readonly reader = new LinkReader({ start: () => this.world.soon(() => this.flow()), stop: () => {} })

  constructor(world: World, name: string, to: string) {
    this.world = world
    this.name = name
    this.to = to
  }

  readonly read: Link["read"] = (sink) => this.reader.read(sink)

  send(bytes: Uint8Array): void {
    if (!this.isOver) this.underway.push(bytes.slice())
  }

  end(): void {
    if (this.isOver) return
    this.isOver = true
    this.underway.push(new LinkError({ reason: "ended", message: "the other side has ended" }))
  }

  /** Nobody reads any more. */
  abandon(): void {
    this.reader.finish(new LinkError({ reason: "failed", message: "closed on this side" }))
  }

  /** Has the next thing arrive. */
  step(): void {
    const next = this.underway.shift()
    if (next === undefined) throw new Error(`nothing is under way: ${this.name}`)
    this.arrived.push(next)
    this.world.soon(() => this.flow())
  }

  private flow(): void {
    for (let next = this.arrived[0]; next !== undefined && this.reader.isReading(); next = this.arrived[0]) {
      this.arrived.shift()
      if (next instanceof LinkError) this.reader.finish(next)
      else this.reader.deliver(next)
    }
  }
}

const linkOver = (incoming: Way, outgoing: Way, localAddress: PeerAddress, remoteAddress: PeerAddress) =>
  Effect.acquireRelease(
    Effect.sync((): Link => ({
      localAddress,
      remoteAddress,
      read: incoming.read,
      send: (bytes) => {
        outgoing.send(bytes)
        return true
      },
      onWritable: () => {},
      isWritable: () => true,
      end: Effect.sync(() => outgoing.end())
    })),
    () =>
      Effect.sync(() => {
        outgoing.end()
        incoming.abandon()
      })
  )

type Accept = (link: Link) => Effect.Effect<void, never, Scope.Scope>

/** A network of such links. A dial is through at once. */
export class SteppedNetwork {
  /** All directions of all links, in the order in which they were dialled. */
  readonly ways: Array<Way> = []
  private readonly doors = new Map<string, Accept>()
  /** Addresses that are the same door as another one, as of a machine that is on two networks. */
  readonly aliases = new Map<string, string>()
  private readonly world: World
  private ports = 50_000

  constructor(world: World) {
    this.world = world
  }

  /** The directions in which something is under way. */
  moving(): ReadonlyArray<Way> {
    return this.ways.filter(({ underway }) => underway.length > 0)
  }

  transport(name: string, ip: string, names: ReadonlyMap<string, string>): Transport["Service"] {
    return Transport.of({
      dial: (address) =>
        Effect.suspend(() => {
          const door = this.aliases.get(format(address)) ?? format(address)
          const accept = this.doors.get(door)
          const called = names.get(address.ip) ?? address.ip
          const machine = names.get(door.split(":")[0] ?? "") ?? called
          if (accept === undefined) {
            return Effect.fail(
              new DialError({ reason: "refused", address: format(address), message: "nobody listens" })
            )
          }
          const there = new Way(this.world, `${name} calls ${called}: to ${called}`, machine)
          const back = new Way(this.world, `${name} calls ${called}: to ${name}`, name)
          this.ways.push(there, back)
          const here = tcpAddress(ip, this.ports++)
          this.world.fork(Effect.scoped(Effect.flatMap(linkOver(there, back, address, here), accept)))
          return linkOver(back, there, here, address)
        }),
      listen: (address, onLink) =>
        Effect.acquireRelease(
          Effect.sync(() => {
            this.doors.set(format(address), onLink)
            return { address }
          }),
          () => Effect.sync(() => this.doors.delete(format(address)))
        )
    })
  }
}
