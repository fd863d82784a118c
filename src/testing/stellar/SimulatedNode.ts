/**
 * A whole Stellar node in a virtual world: the product's own layers over a virtual network, a virtual disk and seeded randomness.
 */
import { Context, Effect, Exit, Layer, Redacted, References, Scope, Stream } from "effect"
import type { AddressResolver } from "effect/net/AddressResolver"
import type { Signer } from "../../core/Crypto.ts"
import { HASH_KEY_BYTES } from "../../core/HalfSipHash.ts"
import { type PeerAddress, tcpAddress } from "../../core/PeerAddress.ts"
import type { PeerId } from "../../core/PeerId.ts"
import { DEFAULT_PORT } from "../../core/stellar/limits.ts"
import { encodeSeed, peerIdFromPublicKey } from "../../core/stellar/StrKey.ts"
import * as SimulatedRandom from "../../layers/simulation/SimulatedRandom.ts"
import * as SimulatedStores from "../../layers/simulation/SimulatedStores.ts"
import type { VirtualDisk } from "../../layers/simulation/VirtualDisk.ts"
import type { World } from "../../layers/simulation/World.ts"
import * as StellarNode from "../../layers/stellar/StellarNode.ts"
import type { Crypto } from "../../services/Crypto.ts"
import type { OverlayEvent } from "../../services/Overlay.ts"
import type { Application } from "../../services/stellar/Application.ts"
import { Overlay, type Stellar } from "../../services/stellar/Overlay.ts"
import { type Overrides, privateNetwork } from "../../services/stellar/StellarConfig.ts"
import type { Transport } from "../../services/Transport.ts"

/** What a node of the simulated network is made of. */
export interface NodeParts {
  readonly world: World
  readonly index: number
  readonly ip: string
  readonly passphrase: string
  /** Whom it calls when it starts, `ip:port`. */
  readonly calls: ReadonlyArray<string>
  readonly disk: VirtualDisk
  readonly machine: Layer.Layer<Transport | AddressResolver | Crypto>
  readonly application: Layer.Layer<Application, never, Crypto>
  readonly config: Overrides
  /** Told of everything that happens to the node, while it happens. */
  readonly onEvent: (event: OverlayEvent<Stellar>) => void
}

/** A node that can be started, stopped and crashed, over and over; its identity and its disk stay. */
export interface SimulatedNode {
  readonly index: number
  readonly address: PeerAddress
  readonly id: PeerId
  readonly signer: Signer
  /** Its face, while it is up. */
  readonly overlay: () => Overlay["Service"] | undefined
  /** Builds it, in the World: it is up a little later. */
  readonly start: () => void
  /** Closes its Scope: it says good-bye to its peers. */
  readonly stop: () => void
  /** Takes it away between two instants: it says nothing, and what its disk had not kept is lost. */
  readonly crash: () => void
}

/** What a node is from its start to its end. */
interface Life {
  readonly scope: Scope.Closeable
  overlay: Overlay["Service"] | undefined
}

const SEED_BYTES = 32

const seedOf = (world: World, index: number): Uint8Array => world.prng(`node/${index}/seed`).bytes(SEED_BYTES)

/** The identity of the node with this index: it follows from the seed of the World alone, before any node is made. */
export const idOf = (world: World, index: number, crypto: Crypto["Service"]): PeerId =>
  peerIdFromPublicKey(crypto.signer(seedOf(world, index)).publicKey)

/** Makes a node that is not started. `crypto` is the one of its machine. */
export const make = (parts: NodeParts, crypto: Crypto["Service"]): SimulatedNode => {
  const { index, ip, world } = parts
  const name = `node/${index}`
  const seed = seedOf(world, index)
  const key = world.prng(`${name}/addresses`).bytes(HASH_KEY_BYTES)
  const signer = crypto.signer(seed)
  const address = tcpAddress(ip, DEFAULT_PORT)
  const config = privateNetwork(parts.passphrase, {
    seed: Redacted.make(encodeSeed(seed)),
    listen: { host: ip, port: DEFAULT_PORT },
    knownPeers: parts.calls,
    // A thousand nodes would leave a hundred thousand of them in the one registry of the process.
    metrics: false,
    ...parts.config
  })
  let life = 0
  let current: Life | undefined

  const start = (): void => {
    if (current !== undefined) return
    life += 1
    const lifeName = `${name}/life/${life}`
    const machine = Layer.mergeAll(
      parts.machine,
      SimulatedStores.layer(parts.disk, { key }),
      SimulatedRandom.layer(world.prng(`${lifeName}/secrets`))
    )
    const layer = StellarNode.layer(config).pipe(
      Layer.provide(parts.application),
      Layer.provide(machine)
    )
    const lived: Life = { scope: Scope.makeUnsafe(), overlay: undefined }
    current = lived
    const build = Effect.gen(function*() {
      // A memo map of its own: of what the nodes are made of, nothing is shared but what is pure.
      const context = yield* Layer.buildWithMemoMap(layer, Layer.makeMemoMapUnsafe(), lived.scope)
      const overlay = Context.get(context, Overlay)
      yield* Effect.forkIn(
        Stream.runForEach(overlay.events, (event) => Effect.sync(() => parts.onEvent(event))),
        lived.scope
      )
      lived.overlay = overlay
    })
    const choices = SimulatedRandom.context(world.prng(`${lifeName}/choices`))
    // What a node logs is for its operator; of what happens in a world its trace tells.
    world.fork(Effect.provideContext(build, Context.add(choices, References.MinimumLogLevel, "None")), lifeName)
  }

  const end = (): void => {
    const lived = current
    if (lived === undefined) return
    current = undefined
    world.fork(Scope.close(lived.scope, Exit.void), `${name}/end`)
  }

  return {
    index,
    address,
    id: peerIdFromPublicKey(signer.publicKey),
    signer,
    overlay: () => current?.overlay,
    start,
    stop: end,
    crash: () => {
      parts.disk.crash()
      end()
    }
  }
}
