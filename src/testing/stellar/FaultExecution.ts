/**
 * Does what a plan of faults says, in the world of a run.
 */
import { Clock, Effect, type Fiber, type Layer } from "effect"
import type { AddressResolver } from "effect/net/AddressResolver"
import type { LinkWeather } from "../../core/LinkWeather.ts"
import { tcpAddress } from "../../core/PeerAddress.ts"
import type { Ban, Change, Fault, Hostile, Survey, Where } from "../../core/simulation/FaultPlan.ts"
import { DEFAULT_PORT } from "../../core/stellar/limits.ts"
import * as SimulatedRandom from "../../layers/simulation/SimulatedRandom.ts"
import type { VirtualDisk } from "../../layers/simulation/VirtualDisk.ts"
import type { VirtualNetwork } from "../../layers/simulation/VirtualNetwork.ts"
import type { World } from "../../layers/simulation/World.ts"
import type { Crypto } from "../../services/Crypto.ts"
import type { Overlay } from "../../services/stellar/Overlay.ts"
import type { Transport } from "../../services/Transport.ts"
import { hostilePeers } from "./hostile/hostilePeers.ts"
import type { SimulatedNode } from "./SimulatedNode.ts"

/** What a plan is carried out on. */
export interface Stage {
  readonly world: World
  readonly network: VirtualNetwork
  /** Each node with its disk, by index. */
  readonly nodes: ReadonlyArray<{ readonly node: SimulatedNode; readonly disk: VirtualDisk }>
  readonly passphrase: string
  /** Told when the program of a node has lost the network, and when it has found it again. */
  readonly lost: (node: number, isLost: boolean) => void
  /** Told by how many bytes transactions may be longer. */
  readonly upgraded: (moreBytes: number) => void
  /** Whom each node calls, by index. */
  readonly callsOf: (node: number) => ReadonlyArray<number>
  /** The weather where no fault makes another. */
  readonly weather: LinkWeather
  readonly machineOf: (ip: string) => Layer.Layer<Transport | AddressResolver | Crypto>
}

/** Carries a plan out. */
export interface FaultExecution {
  readonly apply: (change: Change) => void
  /** Ends what is still going on, as at the end of a run. */
  readonly end: () => void
}

const MICROS_PER_MILLI = 1000
/** In millionths, a thousandth. */
const PER_MILLE_PER_MILLION = 1000
const EVERYBODY = "0.0.0.0/0"
/** A hostile peer whose session was ended comes back after this. */
const HOSTILE_PAUSE = "1 second"

/**
 * Makes the hands of a plan. Faults of one sort may overlap: a way is open when nothing cuts it, a host is there when nothing
 * holds it away. Of weathers that overlap in one place, the worst of each counts.
 */
export const make = (stage: Stage): FaultExecution => {
  const { network, nodes, world } = stage
  const ipOf = (host: number): string => nodes[host]!.node.address.ip
  const active = new Set<Fault>()
  const flapping = new Map<Fault, { isDown: boolean }>()
  const actors = new Map<Fault, ReadonlyArray<Fiber.Fiber<unknown>>>()
  const cuts = new Tally()
  const away = new Tally()
  const losses = new Tally()

  const cut = (from: string, to: string): void => {
    if (cuts.add(`${from} ${to}`)) network.cut(from, to)
  }
  const heal = (from: string, to: string): void => {
    if (cuts.remove(`${from} ${to}`)) network.heal(from, to)
  }
  const takeAway = (ip: string): void => {
    if (away.add(ip)) network.vanish(ip)
  }
  const bringBack = (ip: string): void => {
    if (away.remove(ip)) network.appear(ip)
  }

  /** Both directions of a host, or the one of a way. */
  const pairsOf = (where: Where): ReadonlyArray<readonly [string, string]> =>
    "host" in where
      ? [[ipOf(where.host), EVERYBODY], [EVERYBODY, ipOf(where.host)]]
      : [[ipOf(where.source), ipOf(where.target)]]

  const activeOf = <K extends Fault["kind"]>(kind: K): ReadonlyArray<Extract<Fault, { readonly kind: K }>> =>
    [...active].filter((fault): fault is Extract<Fault, { readonly kind: K }> => fault.kind === kind)

  const renewWeather = (where: Where): void => {
    const name = JSON.stringify(where)
    const losses = activeOf("loss").filter((fault) => JSON.stringify(fault.where) === name)
    const squeezes = activeOf("squeeze").filter((fault) => JSON.stringify(fault.where) === name)
    const { bytesPerSecond } = stage.weather
    const weather: LinkWeather = {
      ...stage.weather,
      lossPerMillion: Math.max(
        stage.weather.lossPerMillion,
        ...losses.map(({ lostPerMille }) => lostPerMille * PER_MILLE_PER_MILLION)
      ),
      bytesPerSecond: squeezes.reduce<number | undefined>(
        (least, fault) => Math.min(least ?? fault.bytesPerSecond, fault.bytesPerSecond),
        bytesPerSecond
      )
    }
    for (const [from, to] of pairsOf(where)) network.setWeather(from, to, weather)
  }

  const renewClog = (where: Where): void => {
    const name = JSON.stringify(where)
    const extra = activeOf("clog")
      .filter((fault) => JSON.stringify(fault.where) === name)
      .reduce((sum, { latencyMillis }) => sum + latencyMillis, 0)
    for (const [from, to] of pairsOf(where)) network.clog(from, to, extra * MICROS_PER_MILLI)
  }

  const renewPartition = (): void => {
    // One partition at a time is what the network knows: of several, the one that began last.
    const groups = activeOf("partition").at(-1)?.groups ?? []
    const named = new Set(groups.flat())
    const rest = nodes.map(({ node }) => node.index).filter((index) => !named.has(index))
    network.partition(groups.length === 0 ? [] : [...groups, rest].map((group) => group.map(ipOf)))
  }

  const renewDisk = (node: number): void => {
    const { disk } = nodes[node]!
    disk.recover()
    const slow = activeOf("slowDisk").filter((fault) => fault.node === node)
    if (slow.length > 0) disk.slow(Math.max(...slow.map(({ delayMillis }) => delayMillis)) * MICROS_PER_MILLI)
    if (activeOf("fullDisk").some((fault) => fault.node === node)) disk.fill()
    const failing = activeOf("failingDisk").filter((fault) => fault.node === node)
    if (failing.length > 0) disk.fail(Math.max(...failing.map(({ failedPerMille }) => failedPerMille)))
  }

  const flap = (fault: Extract<Fault, { readonly kind: "flap" }>): void => {
    const state = flapping.get(fault)
    if (state === undefined) return
    state.isDown = !state.isDown
    const turn = state.isDown ? cut : heal
    turn(ipOf(fault.source), ipOf(fault.target))
    turn(ipOf(fault.target), ipOf(fault.source))
    world.after((state.isDown ? fault.downMillis : fault.upMillis) * MICROS_PER_MILLI, () => flap(fault))
  }

  const startActor = (fault: Hostile): void => {
    const { actor: name, node, options } = fault
    const actor = Object.entries(hostilePeers).find(([known]) => known === name)?.[1]
    if (actor === undefined) throw new RangeError(`no hostile peer is called ${name}`)
    const ip = ipOf(node)
    const targets = actor.role === "acceptor"
      ? [tcpAddress(ip, DEFAULT_PORT)]
      : stage.callsOf(node).map((called) => nodes[called]!.node.address)
    actors.set(
      fault,
      targets.map((target, i) => {
        const prng = world.prng(`hostile/${node}/${i}/${fault.fromMillis}`)
        const attack = actor.attack({ passphrase: stage.passphrase, ...options })(target)
        return world.fork(
          attack.pipe(
            Effect.andThen(Effect.sleep(HOSTILE_PAUSE)),
            Effect.forever,
            Effect.provide([stage.machineOf(ip), SimulatedRandom.layer(prng.fork("secrets"))]),
            Effect.provideContext(SimulatedRandom.context(prng.fork("choices")))
          ),
          `hostile/${name}`
        )
      })
    )
  }

  const endActor = (fault: Fault): void => {
    for (const fiber of actors.get(fault) ?? []) fiber.interruptUnsafe()
    actors.delete(fault)
  }

  /** What the operator of a node has it do, if it is up: on a disk that fails it may come to nothing. */
  const operate = (node: number, what: (overlay: Overlay["Service"]) => Effect.Effect<unknown, unknown>): void => {
    const overlay = nodes[node]!.node.overlay()
    if (overlay !== undefined) world.fork(Effect.ignore(what(overlay)), `operator/${node}`)
  }

  const ban = ({ fromMillis, source, target, toMillis }: Ban): void =>
    operate(
      source,
      (overlay) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) =>
          overlay.ban(nodes[target]!.node.id, { note: "by plan", expiresAtMillis: now + toMillis - fromMillis }))
    )

  /** All count from the beginning on; in the middle the peers of the surveyor are asked, as long as there is time. */
  const survey = ({ fromMillis, node, toMillis }: Survey): void => {
    operate(node, ({ survey }) => survey.start(fromMillis))
    world.after(
      Math.floor((toMillis - fromMillis) / 2) * MICROS_PER_MILLI,
      () =>
        operate(node, ({ peers, survey }) =>
          survey.stop.pipe(
            Effect.andThen(peers),
            Effect.flatMap((all) => Effect.forEach(all, ({ id }) => Effect.ignore(survey.request(id))))
          ))
    )
  }

  const begin = (fault: Fault): void => {
    switch (fault.kind) {
      case "crash":
        away.add(ipOf(fault.node))
        network.crash(ipOf(fault.node))
        return nodes[fault.node]!.node.crash()
      case "stop":
        return nodes[fault.node]!.node.stop()
      case "hostile":
        return startActor(fault)
      case "cut":
        return cut(ipOf(fault.source), ipOf(fault.target))
      case "partition":
        return renewPartition()
      case "clog":
        return renewClog(fault.where)
      case "flap":
        flapping.set(fault, { isDown: false })
        return flap(fault)
      case "loss":
      case "squeeze":
        return renewWeather(fault.where)
      case "vanish":
        return takeAway(ipOf(fault.host))
      case "slowDisk":
      case "fullDisk":
      case "failingDisk":
        return renewDisk(fault.node)
      case "lost":
        if (losses.add(String(fault.node))) stage.lost(fault.node, true)
        return
      case "ban":
        return ban(fault)
      case "survey":
        return survey(fault)
      case "upgrade":
        return stage.upgraded(fault.moreBytes)
      case "reset":
        return network.reset(ipOf(fault.source), ipOf(fault.target))
    }
  }

  const finish = (fault: Fault): void => {
    switch (fault.kind) {
      case "crash":
        bringBack(ipOf(fault.node))
        return nodes[fault.node]!.node.start()
      case "stop":
        return nodes[fault.node]!.node.start()
      case "hostile":
        return endActor(fault)
      case "cut":
        return heal(ipOf(fault.source), ipOf(fault.target))
      case "flap": {
        const isDown = flapping.get(fault)?.isDown === true
        flapping.delete(fault)
        if (!isDown) return
        heal(ipOf(fault.source), ipOf(fault.target))
        return heal(ipOf(fault.target), ipOf(fault.source))
      }
      case "vanish":
        return bringBack(ipOf(fault.host))
      case "lost":
        if (losses.remove(String(fault.node))) stage.lost(fault.node, false)
        return
      case "survey":
        return operate(fault.node, ({ survey }) => survey.stopRequests)
      case "upgrade":
      case "ban":
        // Its expiry came with it.
      case "reset":
        return
      default:
        // What is left of its sort holds on.
        return begin(fault)
    }
  }

  return {
    apply: ({ fault, phase }) => {
      if (phase === "end") {
        active.delete(fault)
        finish(fault)
      } else {
        if (phase === "begin") active.add(fault)
        begin(fault)
      }
    },
    end: () => {
      for (const fault of actors.keys()) endActor(fault)
    }
  }
}

/** How many faults hold each thing down. */
class Tally {
  private readonly counts = new Map<string, number>()

  /** Whether it is the first. */
  add(key: string): boolean {
    const count = (this.counts.get(key) ?? 0) + 1
    this.counts.set(key, count)
    return count === 1
  }

  /** Whether it was the last. */
  remove(key: string): boolean {
    const count = (this.counts.get(key) ?? 0) - 1
    if (count > 0) this.counts.set(key, count)
    else this.counts.delete(key)
    return count === 0
  }
}
