/**
 * A network of whole nodes in this process: each with its own services, its own database and its own sockets.
 */
import { Clock, Context, Effect, Layer, Path, Redacted, Scope } from "effect"
import * as SecureRandom from "effect/crypto/SecureRandom"
import type { CryptoShape, Signer } from "../../core/Crypto.ts"
import { format } from "../../core/PeerAddress.ts"
import { encodeSeed } from "../../core/stellar/StrKey.ts"
import * as Machine from "../../layers/node/Machine.ts"
import * as MemoryApplication from "../../layers/stellar/MemoryApplication.ts"
import * as StellarNode from "../../layers/stellar/StellarNode.ts"
import { Crypto } from "../../services/Crypto.ts"
import type { Application } from "../../services/stellar/Application.ts"
import { Overlay } from "../../services/stellar/Overlay.ts"
import { privateNetwork } from "../../services/stellar/StellarConfig.ts"
import type { Transport } from "../../services/Transport.ts"
import * as RecordingApplication from "../../testing/stellar/RecordingApplication.ts"
import { isSignedPayment } from "../../testing/stellar/SignedPayment.ts"
import { failed } from "../CommandFailed.ts"
import type { FloodWitness } from "./FloodTally.ts"
import type { Edge } from "./topology.ts"

/** What an identity is made of. */
export const SEED_BYTES = 32
const NANOS_PER_MILLI = 1e6
/** How often we look whether all links are there, and for how long: four rounds of dialling. */
const LOOK_MILLIS = 20
const FORMING_SECONDS = 12
/** A ledger takes this many transactions a second of those that the demo makes, and so adverts are never the bottleneck. */
const ROOM = 10

/** A node of the network, from outside. */
export interface DemoNode {
  readonly number: number
  readonly overlay: Overlay["Service"]
  readonly signer: Signer
  /** Links that it has when the network stands. */
  readonly links: number
  /** What it counted in earlier lives, if it had any. */
  readonly earlier?: Traffic
}

/** What a node counts of its traffic. */
export interface Traffic {
  /** Copies of messages that it got again. */
  readonly duplicates: number
  readonly bytesSent: number
}

/** What a node has counted since its start. */
export const trafficOf = (overlay: Overlay["Service"]): Effect.Effect<Traffic> =>
  Effect.map(overlay.counters, (counters) => ({
    duplicates: counters["floodDuplicate"] ?? 0,
    bytesSent: counters["bytesWritten"] ?? 0
  }))

/** What all nodes of a network have in common. */
export interface DemoNetwork {
  readonly passphrase: string
  readonly networkId: Uint8Array
  readonly edges: ReadonlyArray<Edge>
  /** Messages a second, over all nodes. */
  readonly rate: number
  readonly tally: FloodWitness
  /** Where the databases are. */
  readonly folder: string
}

/** The clock of all latencies, in milliseconds. */
export const steadyMillis = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / NANOS_PER_MILLI

/** Passes everything on, and tells the tally what this node says and what reaches it with a good signature. */
const counting = (network: DemoNetwork, node: number): Layer.Layer<Application, never, Crypto> =>
  Layer.unwrap(Effect.gen(function*() {
    const { networkId, passphrase, rate, tally } = network
    const crypto = yield* Crypto
    const clock = yield* Clock.Clock
    return RecordingApplication.layer({
      passphrase,
      policy: "all",
      transactionsPerSecond: ROOM * Math.ceil(rate),
      limits: {
        maxTxSetOperations: Math.max(MemoryApplication.ledgerLimits("private").maxTxSetOperations, ROOM * rate)
      }
    }, () => ({
      originated: ({ hash, kind }) =>
        tally.originated(kind === "SCP_MESSAGE" ? "scp" : "tx", node, hash, steadyMillis(clock)),
      // A statement with a wrong signature is not accepted; of transactions the application does not look at it.
      received: ({ bytes, hash, kind }, isAccepted) => {
        const isGood = kind === "SCP_MESSAGE" ? isAccepted : isSignedPayment(crypto, networkId, bytes)
        if (isGood) tally.delivered(node, hash, steadyMillis(clock))
      }
    }))
  }))

/** What is particular to one node, or to one of its lives. */
export interface NodeOptions {
  readonly number: number
  readonly seed: Uint8Array
  /** 0 takes any free port. */
  readonly port: number
  /** Whom it dials, `host:port`. */
  readonly knownPeers: ReadonlyArray<string>
  /** Peers that it aims at and takes at most, of those that it dials. */
  readonly outbound: number
  readonly filename: string
  /** What is put between the node and the sockets of this machine. */
  readonly around?: Layer.Layer<Transport, never, Transport>
}

/** Builds one whole node. It stops when the Scope closes. */
export const buildNode = Effect.fnUntraced(function*(network: DemoNetwork, options: NodeOptions, scope: Scope.Scope) {
  const { around, filename, knownPeers, number, outbound, port, seed } = options
  const config = privateNetwork(network.passphrase, {
    seed: Redacted.make(encodeSeed(seed)),
    listen: { host: "127.0.0.1", port },
    knownPeers,
    // The shape of the network is what is shown: nobody calls whom they only heard of.
    allowLocalAddresses: false,
    maxOutbound: outbound,
    targetOutbound: outbound,
    targetOutboundWithoutInbound: outbound
  })
  const node = StellarNode.layer(config).pipe(
    Layer.provide(counting(network, number)),
    around === undefined ? (bare) => bare : Layer.provide(around),
    Layer.provide(Machine.layer({ filename }))
  )
  // A memo map of its own: of what the nodes are made of, nothing is shared.
  const context = yield* Layer.buildWithMemoMap(node, Layer.makeMemoMapUnsafe(), scope)
  return Context.get(context, Overlay)
})

/** Builds one node in a Scope of its own; it dials the nodes that are there already. */
const startNode = Effect.fnUntraced(function*(
  network: DemoNetwork,
  crypto: CryptoShape,
  number: number,
  earlier: ReadonlyArray<DemoNode>,
  scope: Scope.Scope
) {
  const random = yield* SecureRandom.SecureRandom
  const path = yield* Path.Path
  const seed = yield* random.randomBytes(SEED_BYTES)
  const called = network.edges.filter(({ caller }) => caller === number).map(({ called }) => called)
  const overlay = yield* buildNode(network, {
    number,
    seed,
    port: 0,
    knownPeers: called.flatMap((node) => earlier[node]?.overlay.listening ?? []).map(format),
    outbound: called.length,
    filename: path.join(network.folder, `node-${number}.db`)
  }, scope)
  return {
    number,
    overlay,
    signer: crypto.signer(seed),
    links: network.edges.filter(({ called, caller }) => called === number || caller === number).length
  } satisfies DemoNode
})

/** The first node that has not all of its links, and how many it has; `undefined` if there is none. */
export const missingLink = Effect.fnUntraced(function*(nodes: ReadonlyArray<DemoNode>) {
  for (const node of nodes) {
    const { length } = yield* node.overlay.peers
    if (length < node.links) return { ...node, found: length }
  }
  return undefined
})

/** Waits until all links are there; fails if they are not in a while. */
export const formed = Effect.fnUntraced(function*(nodes: ReadonlyArray<DemoNode>) {
  const tries = FORMING_SECONDS * 1000 / LOOK_MILLIS
  for (let i = 0; i < tries; i++) {
    if ((yield* missingLink(nodes)) === undefined) return
    yield* Effect.sleep(LOOK_MILLIS)
  }
  const alone = yield* missingLink(nodes)
  if (alone === undefined) return
  return yield* failed(
    `The network did not form in ${FORMING_SECONDS} s: node ${alone.number} has ${alone.found} of ${alone.links} links. ` +
      "The machine may be too busy: try fewer nodes."
  )
})

/** Starts the nodes one after the other and waits until all links are there. All of them stop when the Scope closes. */
export const startNetwork = Effect.fnUntraced(function*(network: DemoNetwork, count: number) {
  const crypto = yield* Crypto
  // They stop at the same time, as if the machine were switched off.
  const scope = yield* Scope.fork(yield* Effect.scope, "parallel")
  const nodes: Array<DemoNode> = []
  for (let number = 0; number < count; number++) {
    const own = yield* Scope.fork(scope)
    nodes.push(yield* startNode(network, crypto, number, nodes, own))
  }
  yield* formed(nodes)
  return nodes
})
