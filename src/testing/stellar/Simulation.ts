/**
 * A run of a whole network in a virtual world: the product's nodes, a load, a plan of faults, and what comes of it.
 *
 * The same options give the same run, to the microsecond: what happened is summed up in `traceHash`. Everything that is random
 * comes from `seed`; no node's draws depend on what another one does.
 */
import { Effect, Layer } from "effect"
import type { CryptoShape } from "../../core/Crypto.ts"
import type { DropReason } from "../../core/DropReason.ts"
import * as ItemHash from "../../core/ItemHash.ts"
import { fair, type LinkWeather } from "../../core/LinkWeather.ts"
import { format } from "../../core/PeerAddress.ts"
import { changesOf, type Fault, type FaultPlan, hostileNodes, noFaults } from "../../core/simulation/FaultPlan.ts"
import { planHash } from "../../core/simulation/FaultPlanText.ts"
import { type Load, LOADS } from "../../core/simulation/Load.ts"
import type { Topology } from "../../core/simulation/Topology.ts"
import { TraceHash } from "../../core/simulation/TraceHash.ts"
import { DEFAULT_PORT } from "../../core/stellar/limits.ts"
import { ScpSignature } from "../../core/stellar/ScpSignature.ts"
import * as StubCrypto from "../../layers/simulation/StubCrypto.ts"
import * as VirtualDisk from "../../layers/simulation/VirtualDisk.ts"
import * as VirtualNetwork from "../../layers/simulation/VirtualNetwork.ts"
import * as World from "../../layers/simulation/World.ts"
import { Crypto } from "../../services/Crypto.ts"
import type { OverlayEvent } from "../../services/Overlay.ts"
import type { Stellar } from "../../services/stellar/Overlay.ts"
import type { Overrides } from "../../services/stellar/StellarConfig.ts"
import * as Faults from "./FaultExecution.ts"
import { FloodLedger, percentileMillis } from "./FloodLedger.ts"
import * as RecordingApplication from "./RecordingApplication.ts"
import { signedPayment } from "./SignedPayment.ts"
import { signedStatement } from "./SignedStatement.ts"
import * as SimulatedNode from "./SimulatedNode.ts"

/** What a run is made of; only the topology and the duration have no default. */
export interface SimulationOptions {
  readonly seed: number
  readonly topology: Topology
  readonly seconds: number
  readonly load?: Load
  readonly plan?: FaultPlan
  readonly weather?: LinkWeather
  /** The cryptography of all nodes. Default: a cheap stub that proves nothing about cryptography. */
  readonly crypto?: CryptoShape
  /** Sizes and times of each node's configuration. */
  readonly config?: Overrides
  /** Sees promises and hidden timers made inside the World. */
  readonly guard?: World.Guard
  /** Told of each line of the trace. */
  readonly onTrace?: (line: TraceLine) => void
}

/** One thing that happened. */
export interface TraceLine {
  readonly atMicros: number
  /** The node that it happened to; of the network itself there is none. */
  readonly node: number | undefined
  readonly what: string
  readonly detail: string
}

/** Something that must not be. */
export interface Violation {
  readonly property: string
  readonly atMicros: number
  readonly node: number | undefined
  readonly detail: string
}

/** What came of a run. */
export interface SimulationResult {
  readonly seed: number
  readonly planHash: string
  readonly traceHash: string
  readonly originated: number
  readonly deliveries: number
  /** Copies that came after the first. */
  readonly duplicates: number
  readonly latencyMillis: {
    readonly scp: { readonly p50: number | undefined; readonly p99: number | undefined }
    readonly tx: { readonly p50: number | undefined; readonly p99: number | undefined }
  }
  readonly bytesPerNode: number
  readonly violations: ReadonlyArray<Violation>
  readonly simulatedSeconds: number
}

const PASSPHRASE = "Simulated network"
const MICROS_PER_SECOND = 1_000_000
const MICROS_PER_MILLI = 1000
const QUORUM_SET_BYTES = 32
/** Violations kept: one is enough to look for, and a broken run makes many. */
const MAX_VIOLATIONS = 100
/** How long what was said last may take to reach everybody, in the calm: six rounds of demands at other peers. */
const DELIVERY_BOUND_MICROS = 15 * MICROS_PER_SECOND
/** How long a network may take to find together again when the last fault is over: three rounds of dialling and back-off. */
const HEALING_MICROS = 10 * MICROS_PER_SECOND
/** How long a node may take to end, and its links with it. */
const END_MICROS = 30 * MICROS_PER_SECOND

/** The address of the machine with this number: no two of a small network are in one /16. */
export const ipOf = (index: number): string =>
  `${20 + (index % 100)}.${Math.floor(index / 100) % 250}.${Math.floor(index / 25_000)}.1`

/** A run that can be advanced piece by piece: for progress, and for those who want to do something in between. */
export interface Simulation {
  readonly world: World.World
  readonly network: VirtualNetwork.VirtualNetwork
  readonly nodes: ReadonlyArray<SimulatedNode.SimulatedNode>
  readonly ledger: FloodLedger
  readonly violations: ReadonlyArray<Violation>
  /** Notes that something must not be, for properties of one's own. */
  readonly violated: (property: string, node: number | undefined, detail: string) => void
  /** Runs on until this time; synchronous. */
  readonly advanceTo: (seconds: number) => void
  /** Ends all nodes, looks for what is left, and sums up. */
  readonly finish: () => SimulationResult
}

/** Makes a run that stands at 0, with all honest nodes about to start. */
export const make = (options: SimulationOptions): Simulation => {
  const { seed, topology } = options
  const load = options.load ?? LOADS.light
  const plan = options.plan ?? noFaults(topology.nodes, options.seconds * 1000)
  const crypto = options.crypto ?? StubCrypto.make()
  const world = World.make({ seed, ...(options.guard === undefined ? {} : { guard: options.guard }) })
  const network = VirtualNetwork.make(world, { weather: options.weather ?? fair })
  const ledger = new FloodLedger()
  const trace = new TraceHash()
  const violations: Array<Violation> = []
  const hostile = new Set(hostileNodes(plan))
  const networkId = ItemHash.toBytes(crypto.sha256(new TextEncoder().encode(PASSPHRASE)))
  let duplicates = 0

  const line = (node: number | undefined, what: string, detail: string): void => {
    const atMicros = world.nowMicros()
    trace.number(atMicros)
    trace.number(node ?? topology.nodes)
    trace.text(what)
    trace.text(detail)
    options.onTrace?.({ atMicros, node, what, detail })
  }
  const violated = (property: string, node: number | undefined, detail: string): void => {
    if (violations.length < MAX_VIOLATIONS) violations.push({ property, atMicros: world.nowMicros(), node, detail })
    line(node, "violation", `${property}: ${detail}`)
  }

  const onEvent = (index: number) => (event: OverlayEvent<Stellar>): void => {
    switch (event._tag) {
      case "PeerJoined":
        return line(index, "joined", format(event.peer.address))
      case "PeerLeft":
      case "ConnectionFailed":
        if (isDefect(event.reason)) violated("no defect ends a session", index, event.reason.text)
        return line(
          index,
          event._tag === "PeerLeft" ? "left" : "failed",
          `${format(event.address)} ${event.reason._tag}`
        )
      default:
        return
    }
  }

  const recorderOf = (index: number) => (): RecordingApplication.Recorder => {
    // Of one life: a node that crashed has forgotten what it had seen, and may ask for it again.
    const seen = new Set<ItemHash.ItemHash>()
    return {
      originated: ({ hash, kind }) => {
        ledger.originated(kind, index, hash, world.nowMicros())
        line(index, "says", ItemHash.toHex(hash))
      },
      received: ({ hash, kind }, isAccepted) => {
        if (seen.has(hash) && isAccepted) {
          violated("each flood message is processed once a node", index, ItemHash.toHex(hash))
        }
        if (isAccepted) seen.add(hash)
        const isHonest = ledger.delivered(index, hash, world.nowMicros())
        if (!isHonest && isAccepted && kind === "SCP_MESSAGE" && hostile.size === 0) {
          violated("only what somebody has said is processed", index, ItemHash.toHex(hash))
        }
        line(index, "hears", ItemHash.toHex(hash))
      }
    }
  }

  const machineOf = (ip: string) =>
    Layer.mergeAll(network.transport(ip), network.resolver(ip), Layer.succeed(Crypto, crypto))

  const nodes = Array.from({ length: topology.nodes }, (_, index) => {
    const ip = ipOf(index)
    const calls = topology.dials.filter(({ caller }) => caller === index)
    const disk = VirtualDisk.make(world, world.prng(`node/${index}/disk`))
    const node = SimulatedNode.make({
      world,
      index,
      ip,
      passphrase: PASSPHRASE,
      calls: calls.map(({ called }) => `${ipOf(called)}:${DEFAULT_PORT}`),
      disk,
      machine: machineOf(ip),
      application: RecordingApplication.layer({ passphrase: PASSPHRASE, policy: "all" }, recorderOf(index)),
      config: {
        // The shape is the topology's: nobody calls whom they only heard of.
        allowLocalAddresses: false,
        maxOutbound: Math.max(1, calls.length),
        targetOutbound: calls.length,
        targetOutboundWithoutInbound: calls.length,
        ...options.config
      },
      onEvent: onEvent(index)
    }, crypto)
    return { node, disk }
  })
  const honest = nodes.filter(({ node }) => !hostile.has(node.index)).map(({ node }) => node)

  for (const node of honest) world.soon(node.start)
  const faults = Faults.make({
    world,
    network,
    nodes,
    passphrase: PASSPHRASE,
    callsOf: (node) => topology.dials.filter(({ caller }) => caller === node).map(({ called }) => called),
    weather: options.weather ?? fair,
    machineOf
  })
  for (const change of changesOf(plan)) {
    world.after(change.atMillis * MICROS_PER_MILLI, () => {
      line(undefined, `fault ${change.phase}`, JSON.stringify(change.fault))
      faults.apply(change)
    })
  }
  startLoad({ world, load, honest, crypto, networkId })

  const calmFromMicros = Math.max(0, ...plan.faults.map(endMillis)) * MICROS_PER_MILLI
  const endMicros = options.seconds * MICROS_PER_SECOND

  /** After the last fault and some time to heal, what is said reaches every honest node that is up, within a bound. */
  const checkDelivery = (): void => {
    const from = calmFromMicros === 0 ? 0 : calmFromMicros + HEALING_MICROS
    for (const [hash, said] of ledger.said) {
      if (said.atMicros < from || said.atMicros > endMicros - DELIVERY_BOUND_MICROS) continue
      for (const node of honest) {
        if (node.index === said.origin || said.reached.has(node.index) || node.overlay() === undefined) continue
        violated(
          "after the last fault everything that is said reaches every honest node",
          node.index,
          `${said.kind} ${ItemHash.toHex(hash)} of node ${said.origin}, said at ${said.atMicros / MICROS_PER_SECOND} s`
        )
      }
    }
  }

  const countDuplicates = (): void => {
    for (const node of honest) {
      const overlay = node.overlay()
      if (overlay === undefined) continue
      world.fork(Effect.map(overlay.counters, (counters) => {
        duplicates += counters["floodDuplicate"] ?? 0
      }))
    }
  }

  const finish = (): SimulationResult => {
    world.advanceTo(endMicros)
    checkDelivery()
    countDuplicates()
    world.advanceTo(endMicros)
    const bytes = nodes.reduce((sum, { node }) => sum + network.traffic(node.address.ip).bytesSent, 0)
    faults.end()
    for (const node of honest) node.stop()
    world.advanceTo(endMicros + END_MICROS)
    const open = network.openLinks()
    if (open.length > 0) {
      violated("nothing is left when all nodes have ended", undefined, `${open.length} links: ${open[0]}`)
    }
    const latencyOf = (kind: "SCP_MESSAGE" | "TRANSACTION") => {
      const all = ledger.latencies(kind)
      return { p50: percentileMillis(all, 50), p99: percentileMillis(all, 99) }
    }
    return {
      seed,
      planHash: planHash(plan, crypto.sha256),
      traceHash: trace.digest(),
      originated: ledger.said.size,
      deliveries: ledger.deliveries,
      duplicates,
      latencyMillis: { scp: latencyOf("SCP_MESSAGE"), tx: latencyOf("TRANSACTION") },
      bytesPerNode: Math.round(bytes / topology.nodes),
      violations,
      simulatedSeconds: options.seconds
    }
  }

  return {
    world,
    network,
    nodes: nodes.map(({ node }) => node),
    ledger,
    violations,
    violated,
    advanceTo: (seconds) => world.advanceTo(Math.min(endMicros, Math.floor(seconds * MICROS_PER_SECOND))),
    finish
  }
}

/** Runs it all. Synchronous: the process does nothing else meanwhile. */
export const run = (options: SimulationOptions): SimulationResult => make(options).finish()

const isDefect = (reason: DropReason): boolean => reason._tag === "Bug"

const endMillis = (fault: Fault): number => fault.kind === "reset" ? fault.atMillis : fault.toMillis

interface LoadParts {
  readonly world: World.World
  readonly load: Load
  readonly honest: ReadonlyArray<SimulatedNode.SimulatedNode>
  readonly crypto: CryptoShape
  readonly networkId: Uint8Array
}

/** Lets nodes say what the load has them say, from the first epoch on. Who is not up says nothing. */
const startLoad = ({ crypto, honest, load, networkId, world }: LoadParts): void => {
  const signature = new ScpSignature(crypto, networkId)
  const quorumSetHash = new Uint8Array(QUORUM_SET_BYTES)
  const epochMicros = load.epochMillis * MICROS_PER_MILLI
  honest.slice(0, load.speakers).forEach((node) => {
    const prng = world.prng(`load/statements/${node.index}`)
    let count = 0
    const perStatement = Math.floor(epochMicros / Math.max(1, load.statementsPerEpoch))
    const speak = (): void => {
      const overlay = node.overlay()
      const message = signedStatement(signature, node.signer, quorumSetHash, count)
      count += 1
      if (overlay !== undefined) world.fork(Effect.ignore(overlay.broadcast(message)))
      world.after(perStatement, speak)
    }
    if (load.statementsPerEpoch > 0) world.after(epochMicros + prng.below(perStatement), speak)
  })

  if (load.transactionsPerSecond === 0 || honest.length === 0) return
  const prng = world.prng("load/transactions")
  const period = Math.max(1, Math.floor(MICROS_PER_SECOND / load.transactionsPerSecond))
  let sequence = 1n
  const pay = (): void => {
    const node = honest[prng.below(honest.length)]!
    const overlay = node.overlay()
    if (overlay !== undefined) {
      const transaction = signedPayment(crypto, networkId, node.signer, {
        destination: honest[prng.below(honest.length)]!.signer.publicKey,
        sequence: sequence++,
        amount: 1n
      })
      world.fork(Effect.ignore(overlay.broadcast({ _tag: "TRANSACTION", transaction })))
    }
    world.after(period, pay)
  }
  world.after(epochMicros + prng.below(period), pay)
}
