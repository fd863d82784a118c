/**
 * A plan in real time: whole nodes in this process, over loopback TCP on which bytes are held back.
 */
import { Context, Duration, Effect, Layer, Redacted, References } from "effect"
import * as SecureRandom from "effect/crypto/SecureRandom"
import { format, type PeerAddress } from "../../src/core/PeerAddress.ts"
import { encodeSeed } from "../../src/core/stellar/StrKey.ts"
import * as MemoryBanList from "../../src/layers/memory/MemoryBanList.ts"
import * as MemoryPeerStore from "../../src/layers/memory/MemoryPeerStore.ts"
import * as NodeAddressResolver from "../../src/layers/node/NodeAddressResolver.ts"
import * as NodeCrypto from "../../src/layers/node/NodeCrypto.ts"
import * as TcpTransport from "../../src/layers/node/TcpTransport.ts"
import * as StellarNode from "../../src/layers/stellar/StellarNode.ts"
import { Overlay } from "../../src/services/stellar/Overlay.ts"
import { privateNetwork } from "../../src/services/stellar/StellarConfig.ts"
import * as DelayedTransport from "../../src/testing/DelayedTransport.ts"
import { FloodLedger } from "../../src/testing/stellar/FloodLedger.ts"
import * as RecordingApplication from "../../src/testing/stellar/RecordingApplication.ts"
import { PASSPHRASE } from "../../src/testing/stellar/Simulation.ts"
import { RunFailed } from "../processes.ts"
import { messagesOf, type Plan, seedOf } from "./plan.ts"
import * as StolenTime from "./stolenTime.ts"

const MICROS_PER_MILLI = 1000

/** What came of a plan in real time. */
export interface RealRun {
  readonly ledger: FloodLedger
  readonly stolenOf: StolenTime.StolenOf
}

/** Runs the plan, in as long as it takes. */
export const runReal = Effect.fnUntraced(function*(plan: Plan): Effect.fn.Return<RealRun, RunFailed> {
  const messages = messagesOf(plan, NodeCrypto.make())
  const ledger = new FloodLedger()
  const start = performance.now()
  const nowMicros = (): number => (performance.now() - start) * MICROS_PER_MILLI
  const sleepUntil = (millis: number) =>
    Effect.suspend(() => Effect.sleep(Math.max(0, start + millis - performance.now())))

  const nodes: Array<Overlay["Service"]> = []
  const addressOf = (node: number): PeerAddress | undefined => nodes[node]?.listening

  const startNode = Effect.fnUntraced(function*(node: number) {
    const calls = plan.links.filter(({ caller }) => caller === node)
    const latencies = new Map<string, number>()
    for (const { called, latencyMillis } of calls) {
      const address = addressOf(called)
      if (address !== undefined) latencies.set(format(address), latencyMillis)
    }
    const config = privateNetwork(PASSPHRASE, {
      seed: Redacted.make(encodeSeed(seedOf(plan, node))),
      listen: { host: "127.0.0.1", port: 0 },
      knownPeers: [...latencies.keys()],
      allowLocalAddresses: false,
      maxOutbound: Math.max(1, calls.length),
      targetOutbound: calls.length,
      targetOutboundWithoutInbound: calls.length
    })
    const transport = DelayedTransport.layer((address) => Duration.millis(latencies.get(format(address)) ?? 0)).pipe(
      Layer.provide(TcpTransport.layer())
    )
    const application = RecordingApplication.layer({ passphrase: PASSPHRASE, policy: "all" }, () => ({
      originated: ({ hash, kind }) => {
        ledger.originated(kind, node, hash, nowMicros())
      },
      received: ({ hash }) => {
        ledger.delivered(node, hash, nowMicros())
      }
    }))
    const layer = StellarNode.layer(config).pipe(
      Layer.provide(application),
      Layer.provide([
        transport,
        NodeCrypto.layer,
        SecureRandom.layerWebCrypto,
        NodeAddressResolver.layer,
        MemoryPeerStore.layer(),
        MemoryBanList.layer()
      ])
    )
    const context = yield* Layer.buildWithMemoMap(layer, Layer.makeMemoMapUnsafe(), yield* Effect.scope)
    return Context.get(context, Overlay)
  })

  const checkFormed = Effect.fnUntraced(function*() {
    for (const [node, overlay] of nodes.entries()) {
      const links = plan.links.filter(({ called, caller }) => called === node || caller === node).length
      const { length } = yield* overlay.peers
      if (length === links) continue
      return yield* new RunFailed({
        message: `Over TCP node ${node} has ${length} of ${links} links: is the machine busy?`
      })
    }
  })

  return yield* Effect.gen(function*() {
    for (const [node, startMillis] of plan.startMillis.entries()) {
      yield* sleepUntil(startMillis)
      nodes.push(yield* Effect.mapError(startNode(node), ({ message }) => new RunFailed({ message })))
    }
    const stolenOf = yield* StolenTime.watch(nowMicros)
    yield* sleepUntil(plan.sayings[0]?.atMillis ?? 0)
    yield* checkFormed()
    for (const [i, { atMillis, node }] of plan.sayings.entries()) {
      yield* sleepUntil(atMillis)
      yield* Effect.ignore(nodes[node]!.broadcast(messages[i]!))
    }
    yield* sleepUntil(plan.endMillis)
    return { ledger, stolenOf }
  }).pipe(Effect.scoped, Effect.provideService(References.MinimumLogLevel, "None"))
})
