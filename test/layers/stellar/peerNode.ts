/** A whole node over real sockets, under the clock of the test, for peers that are driven by hand. */
import { Context, Duration, Effect, Exit, Layer, Redacted, Scope, Stream } from "effect"
import * as SecureRandom from "effect/crypto/SecureRandom"
import { TestClock } from "effect/testing"
import type { CryptoShape } from "../../../src/core/Crypto.ts"
import type { PeerAddress } from "../../../src/core/PeerAddress.ts"
import { tcpAddress } from "../../../src/core/PeerAddress.ts"
import type { PeerId } from "../../../src/core/PeerId.ts"
import type { StellarDropReason } from "../../../src/core/stellar/DropReason.ts"
import type { StellarMessage } from "../../../src/core/stellar/messages.ts"
import * as MemoryBanList from "../../../src/layers/memory/MemoryBanList.ts"
import * as MemoryPeerStore from "../../../src/layers/memory/MemoryPeerStore.ts"
import * as NodeAddressResolver from "../../../src/layers/node/NodeAddressResolver.ts"
import * as NodeCrypto from "../../../src/layers/node/NodeCrypto.ts"
import * as TcpTransport from "../../../src/layers/node/TcpTransport.ts"
import * as MemoryApplication from "../../../src/layers/stellar/MemoryApplication.ts"
import * as StellarNode from "../../../src/layers/stellar/StellarNode.ts"
import { Crypto } from "../../../src/services/Crypto.ts"
import type { OverlayEvent } from "../../../src/services/Overlay.ts"
import { PeerStore, type PeerStoreError } from "../../../src/services/PeerStore.ts"
import { Application } from "../../../src/services/stellar/Application.ts"
import { Overlay, type Stellar } from "../../../src/services/stellar/Overlay.ts"
import { type Overrides, privateNetwork } from "../../../src/services/stellar/StellarConfig.ts"
import type { Transport } from "../../../src/services/Transport.ts"
import { externalize, signedStatement, signerOf } from "../../support/statements.ts"
import { networkIdOf } from "./handshakePeer.ts"

export const crypto = NodeCrypto.make()
export const PASSPHRASE = "A Network for Sessions ; December 2026"
export const networkId = networkIdOf(crypto, PASSPHRASE)
/** When the tests happen, in Unix seconds: certificates have a time. */
export const NOW_SECONDS = 1_795_164_000

// Waiting

/** Longer than anything here takes: a test that waits for what never comes says so instead of running out of time. */
const PATIENCE = Duration.seconds(10)

/** Fails with what was waited for in vain, by the time of the real clock: real sockets do not follow the test's. */
export const patiently = <A, E, R>(what: string, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.raceFirst(
    effect,
    TestClock.withLive(Effect.andThen(Effect.sleep(PATIENCE), Effect.die(new Error(`waited in vain: ${what}`))))
  )

/** Lets sockets have a turn. */
export const turn: Effect.Effect<void> = Effect.callback((resume) => {
  const immediate = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(immediate))
})

/** Completes when it is so: looked at once a turn of the event loop, while the clock of the test stands. */
export const until = (what: string, isSo: () => boolean): Effect.Effect<void> =>
  patiently(what, Effect.suspend(() => isSo() ? Effect.void : Effect.andThen(turn, looking(isSo))))

const looking = (isSo: () => boolean): Effect.Effect<void> =>
  Effect.callback((resume) => {
    let immediate: NodeJS.Immediate | undefined
    const look = (): void => {
      if (isSo()) return resume(Effect.void)
      immediate = setImmediate(look)
    }
    look()
    return Effect.sync(() => clearImmediate(immediate))
  })

// Messages

/** The statement with this number, signed: each is another message. */
export const statementOf = (number: number): Uint8Array =>
  signedStatement(networkId, signerOf(1), number, externalize())

/** A statement as a value, to be broadcast. */
export const statementMessage = (number: number): StellarMessage => ({
  _tag: "SCP_MESSAGE",
  envelope: {
    statement: { nodeID: signerOf(1).publicKey, slotIndex: BigInt(number), pledges: externalize() },
    signature: statementOf(number).subarray(-64)
  }
})

/** Bytes of a transaction around the code that it uploads. */
const TRANSACTION_HEAD_BYTES = 84
const TRANSACTION_BYTES = TRANSACTION_HEAD_BYTES + 12

/**
 * The TRANSACTION with this number: it uploads code, so that it can have any length from 96 on that is a multiple of 4.
 *
 * kind (4), ENVELOPE_TYPE_TX (4), source (36), fee (4), sequence (8), no preconditions, no memo, one operation (12), no source of
 * its own (4), INVOKE_HOST_FUNCTION (4), UPLOAD_CONTRACT_WASM (4), code (4 + n), no authorizations, no extension, no signatures (12).
 */
export const transactionOf = (number: number, bytes = TRANSACTION_BYTES): Uint8Array => {
  const message = new Uint8Array(bytes)
  const view = new DataView(message.buffer)
  view.setUint32(0, 8)
  view.setUint32(4, 2)
  view.setUint32(44, 100)
  view.setBigInt64(48, BigInt(number))
  view.setUint32(64, 1)
  view.setUint32(72, 24)
  view.setUint32(76, 2)
  view.setUint32(80, bytes - TRANSACTION_BYTES)
  message.fill(number, TRANSACTION_HEAD_BYTES, bytes - 12)
  return message
}

/** A transaction as a value, to be broadcast. */
export const transactionMessage = (number: number, bytes?: number): StellarMessage => ({
  _tag: "TRANSACTION",
  transaction: transactionOf(number, bytes).subarray(4)
})

/** The hash by which a flooded message is known. */
export const hashBytes = (message: Uint8Array): Uint8Array => {
  const digest = Buffer.from(crypto.sha256(message.subarray(4)), "latin1")
  return new Uint8Array(digest)
}

// The node

/** What can be chosen about a node. */
export interface NodeOptions {
  readonly passphrase?: string
  readonly config?: Overrides
  readonly seed?: string
  readonly memory?: MemoryApplication.MemoryApplicationSettings
  /** The application, made of the one in memory. */
  readonly application?: (inMemory: MemoryApplication.MemoryApplication) => Application["Service"]
  readonly transport?: Layer.Layer<Transport>
  readonly crypto?: CryptoShape
  /** Fills the book before the node is there. */
  readonly before?: (store: PeerStore["Service"]) => Effect.Effect<unknown, PeerStoreError>
  readonly host?: string
  /** What 32 random bytes are drawn, in order; then real randomness. */
  readonly draws?: ReadonlyArray<Uint8Array>
}

/** A node, and what the tests ask of it. */
export interface TestNode {
  readonly overlay: Overlay["Service"]
  readonly id: PeerId
  readonly address: PeerAddress
  readonly memory: MemoryApplication.MemoryApplication
  readonly peerStore: PeerStore["Service"]
  /** What has happened, in order. */
  readonly events: ReadonlyArray<OverlayEvent<Stellar>>
  /** Why this peer left, each time that it did. */
  readonly leaves: (id: PeerId) => ReadonlyArray<StellarDropReason>
  /** Why connections failed before they were authenticated. */
  readonly failures: () => ReadonlyArray<StellarDropReason>
  /** Closes the node's Scope. */
  readonly close: Effect.Effect<void>
}

const randomOf = (draws: ReadonlyArray<Uint8Array>): Layer.Layer<SecureRandom.SecureRandom> => {
  const left = [...draws]
  return Layer.succeed(
    SecureRandom.SecureRandom,
    SecureRandom.make((size) =>
      (size === 32 ? left.shift() : undefined) ?? globalThis.crypto.getRandomValues(new Uint8Array(size))
    )
  )
}

const bookOf = ({ before }: NodeOptions): Layer.Layer<PeerStore> =>
  Layer.effect(
    PeerStore,
    Effect.tap(MemoryPeerStore.make(), (store) => before === undefined ? Effect.void : Effect.orDie(before(store)))
  )

/** Starts a node that listens and dials nobody by itself. It stops when the Scope around closes, or before. */
export const makeNode = Effect.fnUntraced(function*(options: NodeOptions = {}) {
  const passphrase = options.passphrase ?? PASSPHRASE
  const memory = yield* Effect.provide(
    MemoryApplication.make({ passphrase, policy: "all", transactionsPerSecond: 10_000, ...options.memory }),
    NodeCrypto.layer
  )
  const config = privateNetwork(passphrase, {
    listen: { host: options.host ?? "127.0.0.1", port: 0 },
    targetOutbound: 0,
    targetOutboundWithoutInbound: 0,
    ...options.seed === undefined ? {} : { seed: Redacted.make(options.seed) },
    ...options.config
  })
  const scope = yield* Scope.fork(yield* Effect.scope)
  const context = yield* Layer.buildWithScope(
    Layer.fresh(
      StellarNode.layer(config).pipe(
        Layer.provideMerge(bookOf(options)),
        Layer.provide([
          Layer.succeed(Application, options.application?.(memory) ?? memory),
          MemoryBanList.layer(),
          options.transport ?? TcpTransport.layer(),
          options.crypto === undefined ? NodeCrypto.layer : Layer.succeed(Crypto, options.crypto),
          randomOf(options.draws ?? []),
          NodeAddressResolver.layer
        ])
      )
    ),
    scope
  )
  const overlay = Context.get(context, Overlay)
  const events: Array<OverlayEvent<Stellar>> = []
  yield* Stream.runForEach(overlay.events, (event) => Effect.sync(() => events.push(event))).pipe(
    Effect.forkScoped({ startImmediately: true })
  )
  return {
    overlay,
    id: overlay.self,
    address: overlay.listening ?? tcpAddress("127.0.0.1", 1),
    memory,
    peerStore: Context.get(context, PeerStore),
    events,
    leaves: (id) => events.flatMap((event) => event._tag === "PeerLeft" && event.id === id ? [event.reason] : []),
    failures: () => events.flatMap((event) => event._tag === "ConnectionFailed" ? [event.reason] : []),
    close: Scope.close(scope, Exit.void)
  } satisfies TestNode
})

/** Starts a node at the time of these tests. */
export const node = (options?: NodeOptions) => Effect.andThen(TestClock.setTime(NOW_SECONDS * 1000), makeNode(options))

/** What it has counted so far. */
export const counterNow = ({ overlay }: TestNode, name: string): number => Effect.runSync(overlay.counters)[name] ?? 0

/** What it tells of its first peer. */
export const firstNow = ({ overlay }: TestNode) => Effect.runSync(overlay.peers)[0]
