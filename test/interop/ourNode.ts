/** Our side: a whole node on this machine's TCP, whose application writes down what it is asked to judge. */
import { Context, Duration, Effect, Layer, Stream } from "effect"
import * as SecureRandom from "effect/crypto/SecureRandom"
import { tcpAddress } from "../../src/core/PeerAddress.ts"
import * as MemoryBanList from "../../src/layers/memory/MemoryBanList.ts"
import * as MemoryPeerStore from "../../src/layers/memory/MemoryPeerStore.ts"
import * as NodeAddressResolver from "../../src/layers/node/NodeAddressResolver.ts"
import * as NodeCrypto from "../../src/layers/node/NodeCrypto.ts"
import * as TcpTransport from "../../src/layers/node/TcpTransport.ts"
import * as MemoryApplication from "../../src/layers/stellar/MemoryApplication.ts"
import * as StellarNode from "../../src/layers/stellar/StellarNode.ts"
import type { OverlayEvent } from "../../src/services/Overlay.ts"
import { PeerStore } from "../../src/services/PeerStore.ts"
import { Application, type Judge } from "../../src/services/stellar/Application.ts"
import { Overlay, type Stellar } from "../../src/services/stellar/Overlay.ts"
import { type Overrides, privateNetwork } from "../../src/services/stellar/StellarConfig.ts"
import type { Bell } from "./Bell.ts"

/** A network of its own, so that its passphrase is enough to say whose bytes these are. */
export const PASSPHRASE = "Interop Network ; October 2026"

/** What the tests ask of our node. */
export interface OurNode {
  readonly overlay: Overlay["Service"]
  readonly application: MemoryApplication.MemoryApplication
  readonly peerStore: PeerStore["Service"]
  /** Copies of the whole messages that the application judged, by kind, in order. */
  readonly judged: { readonly SCP_MESSAGE: Array<Uint8Array>; readonly TRANSACTION: Array<Uint8Array> }
  /** What has happened, in order. */
  readonly events: Array<OverlayEvent<Stellar>>
}

/** What can be chosen. */
export interface OurNodeOptions {
  readonly config?: Overrides
  /** Judges instead of the application in memory. */
  readonly judge?: Judge
}

/**
 * Starts a node that listens on any port of the loopback, and dials nobody by itself: what the connector announces as its
 * port is never where it listens. The node stops when the Scope closes.
 */
export const makeOurNode = Effect.fnUntraced(function*(bell: Bell, options: OurNodeOptions = {}) {
  const judged: OurNode["judged"] = { SCP_MESSAGE: [], TRANSACTION: [] }
  const inMemory = yield* Effect.provide(
    MemoryApplication.make({ passphrase: PASSPHRASE, policy: "all", transactionsPerSecond: 10_000 }),
    NodeCrypto.layer
  )
  const judge = options.judge ?? inMemory.judge
  const noticed: Judge = judge.answers === "later" ? judge : {
    answers: "at once",
    statements: (batch) => {
      for (const { bytes } of batch) judged.SCP_MESSAGE.push(bytes.slice())
      bell.ring()
      return judge.statements(batch)
    },
    transactions: (batch) => {
      for (const { bytes } of batch) judged.TRANSACTION.push(bytes.slice())
      bell.ring()
      return judge.transactions(batch)
    }
  }
  const config = privateNetwork(PASSPHRASE, {
    listen: { host: "127.0.0.1", port: 0 },
    targetOutbound: 0,
    targetOutboundWithoutInbound: 0,
    ...options.config
  })
  const context = yield* Layer.build(Layer.fresh(
    StellarNode.layer(config).pipe(
      Layer.provideMerge(MemoryPeerStore.layer()),
      Layer.provide([
        Layer.succeed(Application, { ...inMemory, judge: noticed }),
        MemoryBanList.layer(),
        TcpTransport.layer(),
        NodeCrypto.layer,
        SecureRandom.layerWebCrypto,
        NodeAddressResolver.layer
      ])
    )
  ))
  const overlay = Context.get(context, Overlay)
  const events: OurNode["events"] = []
  yield* Effect.forkScoped(
    Stream.runForEach(overlay.events, (event) =>
      Effect.sync(() => {
        events.push(event)
        bell.ring()
      })),
    { startImmediately: true }
  )
  return {
    overlay,
    application: inMemory,
    peerStore: Context.get(context, PeerStore),
    judged,
    events
  } satisfies OurNode
})

/** Where our node listens. */
export const addressOf = ({ overlay }: OurNode) => overlay.listening ?? tcpAddress("127.0.0.1", 0)

/** A beat that does not come while a test runs: so that a ping is there only where it is asked for. */
export const NEVER = Duration.minutes(5)
