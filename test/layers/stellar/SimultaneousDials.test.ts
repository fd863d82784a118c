/**
 * Two nodes that call each other at the same time, in every order in which their messages can arrive.
 *
 * What a node does follows from the order in which it reads; so two orders that look the same to both nodes are one, and each is gone
 * through once.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Exit, Layer, Redacted, References, Stream } from "effect"
import { format, type PeerAddress, tcpAddress } from "../../../src/core/PeerAddress.ts"
import type { PeerId } from "../../../src/core/PeerId.ts"
import { stream } from "../../../src/core/Prng.ts"
import type { Role } from "../../../src/core/Role.ts"
import { alreadyConnected } from "../../../src/core/stellar/DropReason.ts"
import { DEFAULT_PORT } from "../../../src/core/stellar/limits.ts"
import { encodeSeed, peerIdFromPublicKey, shortPeerId } from "../../../src/core/stellar/StrKey.ts"
import * as MemoryBanList from "../../../src/layers/memory/MemoryBanList.ts"
import * as MemoryPeerStore from "../../../src/layers/memory/MemoryPeerStore.ts"
import * as NodeAddressResolver from "../../../src/layers/node/NodeAddressResolver.ts"
import * as NodeCrypto from "../../../src/layers/node/NodeCrypto.ts"
import * as SimulatedRandom from "../../../src/layers/simulation/SimulatedRandom.ts"
import * as World from "../../../src/layers/simulation/World.ts"
import * as MemoryApplication from "../../../src/layers/stellar/MemoryApplication.ts"
import * as StellarNode from "../../../src/layers/stellar/StellarNode.ts"
import type { OverlayEvent, PeerInfo } from "../../../src/services/Overlay.ts"
import { Overlay, type Stellar } from "../../../src/services/stellar/Overlay.ts"
import { privateNetwork } from "../../../src/services/stellar/StellarConfig.ts"
import { type Link, Transport } from "../../../src/services/Transport.ts"
import * as HandDrivenPeer from "../../../src/testing/stellar/HandDrivenPeer.ts"
import { bytesOf } from "./handshakePeer.ts"
import { SteppedNetwork, type Way } from "./steppedLinks.ts"

const PASSPHRASE = "Two at once ; December 2026"
const EPOCH_MILLIS = 1_795_164_000_000
const crypto = NodeCrypto.make()
const addressOf = { greater: tcpAddress("20.1.0.1", DEFAULT_PORT), lesser: tcpAddress("20.2.0.1", DEFAULT_PORT) }
type Name = keyof typeof addressOf
const other = (name: Name): Name => name === "greater" ? "lesser" : "greater"
const names = new Map(Object.entries(addressOf).map(([name, { ip }]) => [ip, name]))

/** Two seeds; that of the node with the greater id first. */
const seedsOf = ((): Readonly<Record<Name, Uint8Array>> => {
  const [one, two] = [bytesOf(crypto, "one seed"), bytesOf(crypto, "two seed")]
  const idOf = (seed: Uint8Array): PeerId => peerIdFromPublicKey(crypto.signer(seed).publicKey)
  return idOf(one) > idOf(two) ? { greater: one, lesser: two } : { greater: two, lesser: one }
})()

/** What a run is, and what came of it. */
interface Run {
  readonly world: World.World
  readonly network: SteppedNetwork
  /** What each machine has read, in order, by the name of its way. */
  readonly heard: Record<Name, Array<string>>
}

const makeRun = (): Run => {
  const world = World.make({ seed: 1, epochMillis: EPOCH_MILLIS })
  return { world, network: new SteppedNetwork(world), heard: { greater: [], lesser: [] } }
}

interface Node {
  readonly events: Array<OverlayEvent<Stellar>>
  readonly overlay: () => Overlay["Service"]
  /** What came of its call. */
  readonly called: () => PeerId | undefined
}

/** Starts a node of ours, and has it call the other one, or these addresses, as soon as that listens. */
const startNode = (
  { network, world }: Run,
  name: Name,
  calls: ReadonlyArray<PeerAddress> = [addressOf[other(name)]]
): Node => {
  const address = addressOf[name]
  const config = privateNetwork(PASSPHRASE, {
    seed: Redacted.make(encodeSeed(seedsOf[name])),
    listen: { host: address.ip, port: address.port },
    targetOutbound: 0,
    targetOutboundWithoutInbound: 0,
    metrics: false
  })
  const layer = StellarNode.layer(config).pipe(
    Layer.provide(MemoryApplication.layer({ passphrase: PASSPHRASE })),
    Layer.provide([
      Layer.succeed(Transport, network.transport(name, address.ip, names)),
      MemoryPeerStore.layer(),
      MemoryBanList.layer(),
      NodeAddressResolver.layer
    ]),
    Layer.provide([NodeCrypto.layer, SimulatedRandom.layer(stream(1, name))])
  )
  const events: Array<OverlayEvent<Stellar>> = []
  let overlay: Overlay["Service"] | undefined
  let called: PeerId | undefined
  world.fork(
    Effect.scoped(Effect.gen(function*() {
      const context = yield* Layer.buildWithMemoMap(layer, Layer.makeMemoMapUnsafe(), yield* Effect.scope)
      overlay = Context.get(context, Overlay)
      yield* Effect.forkScoped(
        Stream.runForEach(overlay.events, (event) => Effect.sync(() => events.push(event))),
        { startImmediately: true }
      )
      // Once the other one listens.
      yield* Effect.sleep(1)
      for (const address of calls) {
        const calling = Effect.map(overlay.connect(address), (id) => {
          called = id
        })
        yield* Effect.forkScoped(Effect.ignore(calling))
      }
      return yield* Effect.never
    })).pipe(Effect.provideService(References.MinimumLogLevel, "None"))
  )
  return {
    events,
    overlay: () => {
      if (overlay === undefined) throw new Error(`${name} has not started`)
      return overlay
    },
    called: () => called
  }
}

const STARTED_MICROS = 1000

/**
 * Goes through all orders of arrival: `begin` makes a run anew, and `end` looks at it when nothing is under way any more. Gives the
 * number of ends. What still comes to a machine that has decided (`isSettled`) comes at once.
 */
const inEveryOrder = <A extends { readonly isSettled: (name: Name) => boolean }>(
  begin: (run: Run) => A,
  end: (run: Run, all: A) => void
): number => {
  const seen = new Set<string>()
  let ends = 0
  const follow = (choices: ReadonlyArray<number>): void => {
    const run = makeRun()
    const all = begin(run)
    run.world.advanceTo(STARTED_MICROS)
    const step = (way: Way): void => {
      run.heard[way.to as Name].push(way.name)
      way.step()
      run.world.advanceTo(STARTED_MICROS)
    }
    const settle = (): void => {
      for (const way of run.network.moving()) {
        if (!all.isSettled(way.to as Name)) continue
        step(way)
        return settle()
      }
    }
    settle()
    for (const choice of choices) {
      step(run.network.ways[choice]!)
      settle()
    }
    for (let path = [...choices];;) {
      const state = JSON.stringify(run.heard)
      if (seen.has(state)) return
      seen.add(state)
      const [first, ...rest] = run.network.moving().map((way) => run.network.ways.indexOf(way))
      if (first === undefined) break
      for (const choice of rest) follow([...path, choice])
      path = [...path, first]
      step(run.network.ways[first]!)
      settle()
    }
    ends += 1
    end(run, all)
  }
  follow([])
  return ends
}

const now = <A>({ world }: Run, effect: Effect.Effect<A>): A => {
  const fiber = world.fork(effect)
  world.advanceTo(world.nowMicros())
  const exit = fiber.pollUnsafe()
  if (exit === undefined || Exit.isFailure(exit)) throw new Error("no answer at once")
  return exit.value
}

/**
 * A peer that is driven by hand and keeps core's rule: whoever completes HELLO second, of two connections that live, is refused
 * (protocol §3.3, checks 8 and 9). It calls when a node would.
 */
const startCore = ({ network, world }: Run, name: Name) => {
  const address = addressOf[name]
  const transport = network.transport(name, address.ip, names)
  const greeted = new Set<Link>()
  const authenticated = new Set<Link>()
  let refused = 0
  const keys = HandDrivenPeer.keysOf(crypto, seedsOf[name], bytesOf(crypto, `${name} agreement`))
  const live = Effect.fnUntraced(function*(link: Link, role: Role) {
    const peer = HandDrivenPeer.make({
      crypto,
      link,
      role,
      networkId: HandDrivenPeer.networkIdOf(crypto, PASSPHRASE),
      keys,
      nonce: bytesOf(crypto, `${name} ${role} nonce`),
      nowSeconds: () => Math.floor(EPOCH_MILLIS / 1000)
    })
    if (role === "caller") peer.sendHello()
    for (let isOver = false; !isOver;) {
      const heard = yield* peer.next
      switch (heard._tag) {
        case "HELLO":
          if (role === "acceptor") peer.sendHello()
          if (greeted.size > 0) {
            const { code, text } = alreadyConnected(shortPeerId(peer.id)).lastWords!
            const msg = new TextEncoder().encode(text)
            peer.send(HandDrivenPeer.unsealed(HandDrivenPeer.encode({ _tag: "ERROR_MSG", error: { code, msg } })))
            refused += 1
            isOver = true
          } else {
            greeted.add(link)
            if (role === "caller") peer.sendAuth()
          }
          break
        case "AUTH":
          if (role === "acceptor") peer.sendAuth()
          authenticated.add(link)
          peer.say({ _tag: "SEND_MORE_EXTENDED", sendMoreExtended: { numMessages: 200, numBytes: 300_000 } })
          break
        case "ERROR_MSG":
        case "LINK_ENDED":
        case "UNREADABLE":
          isOver = true
      }
    }
    greeted.delete(link)
    authenticated.delete(link)
    yield* link.end
  })
  world.fork(Effect.scoped(Effect.gen(function*() {
    yield* transport.listen(address, (link) => live(link, "acceptor"))
    yield* Effect.sleep(1)
    const link = yield* transport.dial(addressOf[other(name)], { timeout: Duration.seconds(1) })
    yield* Effect.forkScoped(live(link, "caller"))
    return yield* Effect.never
  })))
  return {
    authenticated: () => authenticated.size,
    /** Whether it has one peer and has refused that one's other connection: all that comes then is behind the handshakes. */
    hasDecided: () => authenticated.size === 1 && refused === 1
  }
}

const linkOf = ({ address, direction }: PeerInfo<Stellar>, name: Name): string =>
  direction === "outbound" ? `${name} calls ${names.get(address.ip)}` : `${names.get(address.ip)} calls ${name}`

/** What a node has heard of a connection that it called, or that it was called by: HELLO, then AUTH, then what is behind them. */
const indexOf = (heard: ReadonlyArray<string>, way: string, message: "HELLO" | "AUTH"): number =>
  heard.indexOf(way, message === "HELLO" ? 0 : heard.indexOf(way) + 1)

const hasDecided = ({ events }: Node): boolean =>
  ["PeerJoined", "ConnectionFailed"].every((tag) => events.some(({ _tag }) => _tag === tag))

/** Why connections failed. */
const failuresOf = ({ events }: Node): ReadonlyArray<string> =>
  events.flatMap((event) => event._tag === "ConnectionFailed" ? [event.reason._tag] : [])

/** The only peer of a node, which it has had from the first on, and which its own call gave. */
const onlyPeer = (run: Run, node: Node, why: string): PeerInfo<Stellar> => {
  const peers = now(run, node.overlay().peers)
  assert.strictEqual(peers.length, 1, why)
  assert.strictEqual(node.called(), peers[0]!.id, why)
  assert.deepStrictEqual(node.events.filter(({ _tag }) => _tag === "PeerLeft"), [], why)
  return peers[0]!
}

describe("Two nodes that call each other at once", () => {
  it("end with one connection, at the first try, in whatever order messages arrive; nothing of it is an error", () => {
    const survivors = new Map<string, number>()
    const ends = inEveryOrder(
      (run) => {
        const nodes = { greater: startNode(run, "greater"), lesser: startNode(run, "lesser") }
        return { nodes, isSettled: (name: Name) => hasDecided(nodes[name]) }
      },
      (run, { nodes }) => {
        const why = JSON.stringify(run.heard)
        const [link = "", same] = (["greater", "lesser"] as const).map((name) => {
          assert.deepStrictEqual(failuresOf(nodes[name]), ["SimultaneousDial"], why)
          return linkOf(onlyPeer(run, nodes[name], why), name)
        })
        assert.strictEqual(link, same, why)
        // The call of the greater id survives, unless that of the lesser was proven before the greater knew whom it had called.
        const { greater } = run.heard
        const isTooLate = indexOf(greater, "lesser calls greater: to greater", "AUTH")
          < indexOf(greater, "greater calls lesser: to greater", "HELLO")
        assert.strictEqual(link, isTooLate ? "lesser calls greater" : "greater calls lesser", why)
        survivors.set(link, (survivors.get(link) ?? 0) + 1)
      }
    )
    assert.isAbove(ends, 30)
    assert.isAbove(survivors.get("lesser calls greater") ?? 0, 1)
    assert.isAbove(survivors.get("greater calls lesser") ?? 0, ends / 2)
  })

  for (const caller of ["greater", "lesser"] as const) {
    it(`end with one connection, at the first try, where the ${caller} id calls the other one at two addresses`, () => {
      const ends = inEveryOrder(
        (run) => {
          const called = other(caller)
          const second = tcpAddress("20.3.0.1", DEFAULT_PORT)
          run.network.aliases.set(format(second), format(addressOf[called]))
          const nodes = {
            [caller]: startNode(run, caller, [addressOf[called], second]),
            [called]: startNode(run, called, [])
          } as Record<Name, Node>
          return { nodes, isSettled: (name: Name) => hasDecided(nodes[name]) }
        },
        (run, { nodes }) => {
          const why = JSON.stringify(run.heard)
          const peers = onlyPeer(run, nodes[caller], why)
          assert.strictEqual(peers.direction, "outbound", why)
          assert.strictEqual(now(run, nodes[other(caller)].overlay().peers).length, 1, why)
          for (const node of Object.values(nodes)) assert.strictEqual(failuresOf(node).length, 1, why)
        }
      )
      assert.isAbove(ends, 3)
    })
  }

  for (const ours of ["greater", "lesser"] as const) {
    it(`end with one connection, at the first try, where the ${other(ours)} id refuses the second HELLO as stellar-core does`, () => {
      const ends = inEveryOrder(
        (run) => {
          const node = startNode(run, ours)
          const core = startCore(run, other(ours))
          const isSettled = (name: Name) => name === ours ? hasDecided(node) : core.hasDecided()
          return { node, core, isSettled }
        },
        (run, { core, node }) => {
          const why = JSON.stringify(run.heard)
          onlyPeer(run, node, why)
          assert.deepStrictEqual(failuresOf(node), ["SimultaneousDial"], why)
          assert.strictEqual(core.authenticated(), 1, why)
        }
      )
      assert.isAbove(ends, 10)
    })
  }
})
