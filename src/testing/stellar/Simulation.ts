/**
 * A run of a whole network in a virtual world: the product's nodes, a load, a plan of faults, and what comes of it.
 *
 * The same options give the same run, to the microsecond: what happened is summed up in `traceHash`. Everything that is random
 * comes from `seed`; no node's draws depend on what another one does.
 */
import { Effect, Layer } from "effect"
import type { CryptoShape } from "../../core/Crypto.ts"
import * as ItemHash from "../../core/ItemHash.ts"
import { VIRTUAL_LINK_TIMEOUT_MICROS } from "../../core/limits.ts"
import { fair, type LinkWeather } from "../../core/LinkWeather.ts"
import { format } from "../../core/PeerAddress.ts"
import {
  changesOf,
  type Fault,
  type FaultPlan,
  hostileNodes,
  isLasting,
  noFaults,
  surveyors
} from "../../core/simulation/FaultPlan.ts"
import { planHash } from "../../core/simulation/FaultPlanText.ts"
import { type Load, LOADS } from "../../core/simulation/Load.ts"
import type { Preference } from "../../core/simulation/Preference.ts"
import type { Topology } from "../../core/simulation/Topology.ts"
import { TraceHash } from "../../core/simulation/TraceHash.ts"
import { DEFAULT_PORT } from "../../core/stellar/limits.ts"
import { ScpSignature } from "../../core/stellar/ScpSignature.ts"
import * as NobleCrypto from "../../layers/noble/NobleCrypto.ts"
import * as StubCrypto from "../../layers/simulation/StubCrypto.ts"
import * as VirtualDisk from "../../layers/simulation/VirtualDisk.ts"
import * as VirtualNetwork from "../../layers/simulation/VirtualNetwork.ts"
import * as World from "../../layers/simulation/World.ts"
import * as MemoryApplication from "../../layers/stellar/MemoryApplication.ts"
import { Crypto } from "../../services/Crypto.ts"
import type { OverlayEvent } from "../../services/Overlay.ts"
import type { Application } from "../../services/stellar/Application.ts"
import type { Stellar } from "../../services/stellar/Overlay.ts"
import { type Overrides, privateNetwork } from "../../services/stellar/StellarConfig.ts"
import * as Faults from "./FaultExecution.ts"
import { FloodLedger, percentileMillis } from "./FloodLedger.ts"
import * as LoadDriving from "./LoadDriving.ts"
import { type Checks, start as startChecks } from "./properties/checks.ts"
import { everythingArrives } from "./properties/delivery.ts"
import { allProperties, cheapProperties } from "./properties/properties.ts"
import type { Property } from "./properties/Property.ts"
import * as RecordingApplication from "./RecordingApplication.ts"
import * as SimulatedApplication from "./SimulatedApplication.ts"
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
  /**
   * The application of each node; its network has the passphrase `PASSPHRASE`. Default: one that passes everything on. With one
   * that does not, `everythingArrives` is to be left out of the properties.
   */
  readonly application?: (node: number) => Layer.Layer<Application, never, Crypto>
  /** When each node starts, in whole milliseconds. Default: all at 0. */
  readonly startMillis?: (node: number) => number
  /** Sizes and times of each node's configuration. */
  readonly config?: Overrides
  /** Whom some of them prefer. Default: nobody. */
  readonly preferences?: ReadonlyArray<Preference>
  /** Sees promises and hidden timers made inside the World. */
  readonly guard?: World.Guard
  /**
   * What the run is checked for. Default: `all` that come with the package; `cheap` leaves out those that read frames, for runs
   * that measure. A list is checked as it is: `[...allProperties, mine]`.
   */
  readonly properties?: "all" | "cheap" | ReadonlyArray<Property>
  /** Told of each line of the trace. What it throws ends the run. */
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
  /** The SHA-256 of the plan's text, whatever the cryptography of the run. */
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

/** The passphrase of every simulated network. */
export const PASSPHRASE = "Simulated network"
const MICROS_PER_SECOND = 1_000_000
const MICROS_PER_MILLI = 1000
/** Violations kept: one is enough to look for, and a broken run makes many. */
const MAX_VIOLATIONS = 100
/** How long a node may take to end, and its links with it. */
const END_MICROS = 30 * MICROS_PER_SECOND
/** When the network itself has given up on what nobody answers any more. */
const SILENCE_MICROS = VIRTUAL_LINK_TIMEOUT_MICROS + END_MICROS
/** How long it is then looked whether anything happens: longer than any period of a node. */
const AFTERLIFE_MICROS = 3600 * MICROS_PER_SECOND
/** So much virtual time of a network that lives passes between two looks at the host: some milliseconds of a small network. */
const SLICE_MICROS = MICROS_PER_SECOND / 10
/** The same of one in which nothing should happen any more: over an hour is looked at so, and each slice costs its caller a turn. */
const QUIET_SLICE_MICROS = 10 * MICROS_PER_SECOND
/** What a program keeps to itself for its rate would look like a loss, and what waits in a partition comes all at once. */
const TRANSACTIONS_PER_SECOND = 100_000
/** The name under which it is told that the load cannot be said. It is no property: whoever brings a load breaks it. */
const LOAD_IS_SAID = "what the load says is not refused"

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
  /** Ends all nodes, looks for what is left, and sums up; synchronous. */
  readonly finish: () => SimulationResult
  /** Does the same in slices, one at each `next`, for programs that have to hear signals meanwhile. */
  readonly finishing: () => Generator<void, SimulationResult>
}

/**
 * Makes a run that stands at 0, with all honest nodes about to start.
 *
 * What a property or `onTrace` throws comes out of whatever runs the simulation, then and at each later try: wherever it was
 * called, in the fiber of a node it would only have ended a session.
 */
export const make = (options: SimulationOptions): Simulation => {
  const { seed, topology } = options
  const said: Load = options.load ?? LOADS.light
  // Another application than ours need not know what a value names.
  const load: Load = options.application === undefined ? said : { ...said, slotsPerSets: 0 }
  const plan = options.plan ?? noFaults(topology.nodes, options.seconds * 1000)
  const crypto = options.crypto ?? StubCrypto.make()
  const world = World.make({ seed, ...(options.guard === undefined ? {} : { guard: options.guard }) })
  const network = VirtualNetwork.make(world, { weather: options.weather ?? fair })
  const ledger = new FloodLedger()
  const trace = new TraceHash()
  const violations: Array<Violation> = []
  const hostile = new Set(hostileNodes(plan))
  const networkId = ItemHash.toBytes(crypto.sha256(new TextEncoder().encode(PASSPHRASE)))
  const signature = new ScpSignature(crypto, networkId)
  let duplicates = 0
  /** By how much the network has made its longest transaction longer. */
  let moreTxBytes = 0
  /** The time of the run is over: what the plan still has to say is not done any more. */
  let isOver = false
  /** What a listener has thrown. */
  let broken: { readonly cause: unknown } | undefined

  const rethrow = (): void => {
    if (broken !== undefined) throw broken.cause
  }
  const broke = (cause: unknown): void => {
    broken ??= { cause }
    world.soon(rethrow)
  }

  const line = (node: number | undefined, what: string, detail: string): void => {
    const atMicros = world.nowMicros()
    trace.number(atMicros)
    trace.number(node ?? topology.nodes)
    trace.text(what)
    trace.text(detail)
    try {
      options.onTrace?.({ atMicros, node, what, detail })
    } catch (cause) {
      broke(cause)
    }
  }
  const violated = (property: string, node: number | undefined, detail: string): void => {
    if (violations.length < MAX_VIOLATIONS) violations.push({ property, atMicros: world.nowMicros(), node, detail })
    line(node, "violation", `${property}: ${detail}`)
  }

  const onEvent = (index: number) => (event: OverlayEvent<Stellar>): void => {
    checks.event(index, event)
    switch (event._tag) {
      case "PeerJoined":
        return line(index, "joined", format(event.peer.address))
      case "PeerLeft":
      case "ConnectionFailed":
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
    const life = checks.lifeOf(index)
    return {
      originated: (message) => {
        ledger.originated(message.kind, index, message.hash, world.nowMicros())
        checks.said(index, life, message)
        line(index, "says", ItemHash.toHex(message.hash))
      },
      received: (message, isAccepted) => {
        ledger.delivered(index, message.hash, world.nowMicros())
        checks.processed(index, life, message, isAccepted)
        line(index, "hears", ItemHash.toHex(message.hash))
      },
      waits: (message, verdict) => {
        checks.waits(index, life, message, verdict)
        line(index, "waits", ItemHash.toHex(message.hash))
      }
    }
  }

  const passesAllOn = MemoryApplication.layer({
    passphrase: PASSPHRASE,
    policy: "all",
    transactionsPerSecond: TRANSACTIONS_PER_SECOND
  })
  const applicationOf = options.application ?? (() => passesAllOn)

  const machineOf = (ip: string) =>
    Layer.mergeAll(network.transport(ip), network.resolver(ip), Layer.succeed(Crypto, crypto))

  const idsOf = (indexes: ReadonlyArray<number>) => indexes.map((index) => SimulatedNode.idOf(world, index, crypto))
  const surveyorKeys = idsOf(surveyors(plan))
  const programs = Array.from({ length: topology.nodes }, () => new Program(world.nowMicros))

  const nodes = programs.map((program, index) => {
    const ip = ipOf(index)
    const calls = topology.dials.filter(({ caller }) => caller === index)
    const preference = options.preferences?.find(({ node }) => node === index)
    const preferred = new Set([...preference?.byAddress ?? [], ...preference?.byKey ?? []])
    const disk = VirtualDisk.make(world, world.prng(`node/${index}/disk`))
    const config: Overrides = {
      // The shape is the topology's: nobody calls whom they only heard of.
      allowLocalAddresses: false,
      maxOutbound: Math.max(1, calls.length),
      targetOutbound: calls.length,
      targetOutboundWithoutInbound: calls.length,
      surveyorKeys,
      ...(preference === undefined ? {} : preferring(preference, idsOf(preference.byKey))),
      ...options.config
    }
    const made = SimulatedNode.make({
      world,
      index,
      ip,
      passphrase: PASSPHRASE,
      calls: calls.filter(({ called }) => preference?.byAddress.includes(called) !== true)
        .map(({ called }) => addressOf(called)),
      disk,
      machine: machineOf(ip),
      application: RecordingApplication.around(
        SimulatedApplication.around(applicationOf(index), {
          isLost: () => program.isLost,
          moreTxBytes: () => moreTxBytes,
          signature: options.application === undefined ? signature : undefined,
          ownSets: program.ownSets,
          fetched: (item, isAwaited) => checks.fetched(index, item, isAwaited || options.application !== undefined)
        }),
        recorderOf(index)
      ),
      config,
      onEvent: onEvent(index)
    }, crypto)
    const node: SimulatedNode.SimulatedNode = {
      ...made,
      start: () => {
        checks.started(index)
        made.start()
      },
      stop: () => {
        made.stop()
        checks.ended(index)
      },
      crash: () => {
        made.crash()
        checks.ended(index)
      }
    }
    return {
      node,
      disk,
      config: privateNetwork(PASSPHRASE, config),
      calls: calls.map(({ called }) => called),
      preferred,
      lastLostMicros: () => program.lastLostMicros
    }
  })
  const honest = nodes.filter(({ node }) => !hostile.has(node.index)).map(({ node }) => node)

  for (const node of honest) {
    if (options.startMillis === undefined) world.soon(node.start)
    else world.after(options.startMillis(node.index) * MICROS_PER_MILLI, node.start)
  }
  const faults = Faults.make({
    world,
    network,
    nodes,
    passphrase: PASSPHRASE,
    lost: (node, isLost) => programs[node]!.lose(isLost),
    upgraded: (moreBytes) => {
      moreTxBytes += moreBytes
    },
    callsOf: (node) => topology.dials.filter(({ caller }) => caller === node).map(({ called }) => called),
    weather: options.weather ?? fair,
    machineOf
  })
  for (const change of changesOf(plan)) {
    world.after(change.atMillis * MICROS_PER_MILLI, () => {
      if (isOver) return
      line(undefined, `fault ${change.phase}`, JSON.stringify(change.fault))
      faults.apply(change)
    })
  }
  const endLoad = LoadDriving.drive({
    world,
    load,
    honest,
    crypto,
    networkId,
    hold: (node, { hash, message }) => programs[node]!.ownSets.set(hash, message),
    refused: (node, why) => violated(LOAD_IS_SAID, node, why),
    broke
  })

  const endMicros = options.seconds * MICROS_PER_SECOND
  const checks: Checks = startChecks({
    properties: propertiesOf(options),
    world,
    network,
    nodes: nodes.map(({ calls, config, disk: { committed }, lastLostMicros, node, preferred }) => ({
      index: node.index,
      id: node.id,
      address: node.address,
      isHostile: hostile.has(node.index),
      config,
      calls,
      preferred,
      lastLostMicros,
      overlay: node.overlay,
      committed
    })),
    plan,
    ledger,
    sha256: crypto.sha256,
    calmFromMicros: Math.min(
      endMicros,
      Math.max(0, ...plan.faults.filter(({ kind }) => kind !== "hostile").map(endMillis)) * MICROS_PER_MILLI
    ),
    endMicros,
    violated,
    broke
  })

  const countDuplicates = (): void => {
    for (const node of honest) {
      const overlay = node.overlay()
      if (overlay === undefined) continue
      world.fork(Effect.map(overlay.counters, (counters) => {
        duplicates += counters["floodDuplicate"] ?? 0
      }))
    }
  }

  const advance = (micros: number): void => {
    rethrow()
    world.advanceTo(micros)
  }

  function* advancing(micros: number, sliceMicros: number): Generator<void, void> {
    for (let at = world.nowMicros(); at < micros;) {
      at = Math.min(micros, at + sliceMicros)
      advance(at)
      yield
    }
  }

  function* finishing(): Generator<void, SimulationResult> {
    yield* advancing(endMicros, SLICE_MICROS)
    checks.end()
    countDuplicates()
    advance(endMicros)
    const bytes = nodes.reduce((sum, { node }) => sum + network.traffic(node.address.ip).bytesSent, 0)
    isOver = true
    endLoad()
    for (const fault of plan.faults) {
      // The one fault that goes on by itself.
      if (fault.kind === "flap") faults.apply({ atMillis: fault.toMillis, phase: "end", fault })
    }
    faults.end()
    for (const node of honest) node.stop()
    yield* advancing(endMicros + END_MICROS, SLICE_MICROS)
    const links = network.openLinks()
    const fibers = world.waiting().map(({ count, name, where }) => `${count} of ${name} ${where}`)
    yield* advancing(endMicros + SILENCE_MICROS, QUIET_SLICE_MICROS)
    const tasksRun = world.tasksRun()
    yield* advancing(endMicros + SILENCE_MICROS + AFTERLIFE_MICROS, QUIET_SLICE_MICROS)
    checks.over({ links, fibers, tasks: world.tasksRun() - tasksRun })
    rethrow()
    const latencyOf = (kind: "SCP_MESSAGE" | "TRANSACTION") => {
      const all = ledger.latencies(kind)
      return { p50: percentileMillis(all, 50), p99: percentileMillis(all, 99) }
    }
    return {
      seed,
      planHash: planHash(plan, NobleCrypto.make().sha256),
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

  const finish = (): SimulationResult => {
    const ending = finishing()
    for (;;) {
      const step = ending.next()
      if (step.done === true) return step.value
    }
  }

  return {
    world,
    network,
    nodes: nodes.map(({ node }) => node),
    ledger,
    violations,
    violated,
    advanceTo: (seconds) => advance(Math.min(endMicros, Math.floor(seconds * MICROS_PER_SECOND))),
    finish,
    finishing
  }
}

/** Runs it all. Synchronous: the process does nothing else meanwhile. */
export const run = (options: SimulationOptions): SimulationResult => make(options).finish()

const addressOf = (index: number): string => `${ipOf(index)}:${DEFAULT_PORT}`

/** What a node is configured with that prefers others. */
const preferring = (
  { byAddress, maxInbound, maxOutbound, only }: Preference,
  preferredPeerKeys: ReadonlyArray<string>
): Overrides => ({
  preferredPeers: byAddress.map(addressOf),
  preferredPeerKeys,
  preferredPeersOnly: only,
  maxInbound,
  maxOutbound,
  targetOutbound: maxOutbound,
  targetOutboundWithoutInbound: maxOutbound
})

/** What the program of a node has beside it, whatever becomes of the node. */
class Program {
  readonly ownSets = new Map<ItemHash.ItemHash, Uint8Array>()
  isLost = false
  private readonly nowMicros: () => number
  private foundMicros = -Infinity

  constructor(nowMicros: () => number) {
    this.nowMicros = nowMicros
  }

  lose(isLost: boolean): void {
    if (!isLost) this.foundMicros = this.nowMicros()
    this.isLost = isLost
  }

  get lastLostMicros(): number {
    return this.isLost ? Infinity : this.foundMicros
  }
}

/** Whether what is said reaches everybody is the application's to decide, where it is not ours. */
const propertiesOf = ({ application, properties = "all" }: SimulationOptions): ReadonlyArray<Property> => {
  if (typeof properties === "object") return properties
  const chosen = properties === "all" ? allProperties : cheapProperties
  return application === undefined ? chosen : chosen.filter((property) => property !== everythingArrives)
}

const endMillis = (fault: Fault): number => isLasting(fault) ? fault.toMillis : fault.atMillis
