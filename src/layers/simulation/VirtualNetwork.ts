/**
 * A network of machines that exists only in a World: with weather, with faults, and the same for the same seed.
 *
 * Each machine has a `Transport` of its own. What a fault plan does is here in methods that take plain data: a machine is
 * named by its IPv4 address, and many at once by a range such as `10.1.0.0/16`.
 */
import { Layer } from "effect"
import type { AddressResolver } from "effect/net/AddressResolver"
import * as limits from "../../core/limits.ts"
import type { LinkWeather, Place } from "../../core/LinkWeather.ts"
import { calm, fair, problemOf } from "../../core/LinkWeather.ts"
import { isLoopback } from "../../core/RoutableAddress.ts"
import type { Subnet } from "../../core/Subnet.ts"
import { contains, ipNumber } from "../../core/Subnet.ts"
import { Transport } from "../../services/Transport.ts"
import type { Observer, ObserverOptions } from "./NetworkTrace.ts"
import { NetworkTrace } from "./NetworkTrace.ts"
import { PairRules, readSubnet } from "./PairRules.ts"
import { ParcelPool } from "./ParcelPool.ts"
import type { Exchange } from "./VirtualDial.ts"
import type { Nat } from "./VirtualHost.ts"
import { Host, Ports } from "./VirtualHost.ts"
import { VirtualNames } from "./VirtualNames.ts"
import { VirtualPath } from "./VirtualPath.ts"
import type { Fabric } from "./VirtualPipe.ts"
import * as VirtualTransport from "./VirtualTransport.ts"
import type { World } from "./World.ts"

/** A machine to be set up. */
export interface HostOptions {
  readonly ip: string
  /**
   * The public address of the NAT that the machine is behind: what it dials outside has that address, and only machines
   * behind the same NAT can dial it. Addresses behind two NATs must differ all the same.
   */
  readonly nat?: string
  /** Where it stands, for latency by distance. Default: 0, 0. Whole numbers below 2^25. */
  readonly place?: Place
}

/** What a network is made with. */
export interface NetworkOptions {
  /** The weather where none is set. Default: `fair`. A machine's way to itself is `calm`. */
  readonly weather?: LinkWeather
  /** A link from which nothing gets through for so long fails. Default: `VIRTUAL_LINK_TIMEOUT_MICROS`. */
  readonly linkTimeoutMicros?: number
}

/**
 * What can go wrong. All methods but `reset` and `crash` set a state, and may be called again. A text that is neither an address
 * nor a range is a RangeError, and so is one that names no machine where machines are named. Fibers that
 * have to hear of it run later, in the instant of the call.
 */
export interface NetworkFaults {
  /**
   * Lets nothing through any more in this direction. Bytes wait and are sent again when the way is open; a link that waits too
   * long fails, and the other side is not told.
   */
  readonly cut: (from: string, to: string) => void
  /** Ends the cut of these two texts. */
  readonly heal: (from: string, to: string) => void
  /** Lets nothing through between the groups, in the place of an earlier partition. Who is in no group reaches all. `[]` ends it. */
  readonly partition: (groups: ReadonlyArray<ReadonlyArray<string>>) => void
  /** Delays what is sent in this direction from now on by so much more, beside other clogs; 0 ends the clog of these two texts. */
  readonly clog: (from: string, to: string, extraMicros: number) => void
  /** Resets the links between the two, as a box between them could; both ends hear of it at once. */
  readonly reset: (one: string, other: string) => void
  /** Takes machines off the network without a word: nothing arrives there and nothing leaves, and dials wait in vain. */
  readonly vanish: (ip: string) => void
  /** Puts them back. What was sent meanwhile on links that still live arrives. */
  readonly appear: (ip: string) => void
  /**
   * Takes the power: they vanish, and their links, dials and open doors are no more. To be called before the fibers of the node
   * are ended, so that nobody hears of their end. `appear` puts an empty machine back: it resets what still comes for old links.
   */
  readonly crash: (ip: string) => void
  /** Refuses all dials to them, whoever listens. */
  readonly refuse: (ip: string) => void
  /** Ends that. */
  readonly admit: (ip: string) => void
  /** Ends all cuts, clogs, refusals and the partition, and brings all machines back. */
  readonly healAll: () => void
}

/** What a machine has sent and received on links, in bytes. */
export interface Traffic {
  /** Handed over to be sent. */
  readonly bytesSent: number
  /** Arrived at an open end. */
  readonly bytesReceived: number
}

/** A virtual network; see `make`. */
export interface VirtualNetwork extends NetworkFaults {
  /** Sets a machine up. Throws a RangeError for what is no address, or is taken. */
  readonly addHost: (options: HostOptions) => void
  /** The transport of a machine, which is set up if it was not. Two layers of one machine share its ports and its fate. */
  readonly transport: (ip: string) => Layer.Layer<Transport>
  /**
   * Resolves the names that `setName` gave, as they are at the time. A look-up takes no time; but from a machine that has
   * vanished, if the resolver is that of one, it fails after `VIRTUAL_LOOKUP_TIMEOUT_MILLIS`.
   */
  readonly resolver: (ip?: string) => Layer.Layer<AddressResolver>
  /** Gives a name these addresses in the place of those it had; with none, it is not found. */
  readonly setName: (name: string, ips: ReadonlyArray<string>) => void
  /** Sets the weather in this direction, from now on. Of several rules for a way the latest counts. */
  readonly setWeather: (from: string, to: string, weather: LinkWeather) => void
  /**
   * Calls the observer for all that happens from now on, until the function that it returns is called. Without `bytes` it
   * hears of links alone, not of what is sent on them and delivered: that is most of what happens, and costs the most.
   */
  readonly observe: (observer: Observer, options?: ObserverOptions) => () => void
  readonly traffic: (ip: string) => Traffic
  /** The ends of links that nobody has closed, for tests of leaks: `10.0.0.1:49152 - 10.0.0.2:11625`, the owner first. */
  readonly openLinks: () => ReadonlyArray<string>
}

/**
 * Makes a network without machines.
 *
 * Each way from one machine to another has its own random numbers, `network/<from>/<to>`: what happens on one changes nothing
 * on the others.
 */
export const make = (
  world: Pick<World, "after" | "nowMicros" | "prng" | "soon">,
  options: NetworkOptions = {}
): VirtualNetwork => {
  const defaultWeather = checked(options.weather ?? fair)
  const trace = new NetworkTrace(world.nowMicros)
  const fabric: Fabric = {
    world,
    trace,
    parcels: new ParcelPool(limits.VIRTUAL_SPARE_BYTES),
    timeoutMicros: options.linkTimeoutMicros ?? limits.VIRTUAL_LINK_TIMEOUT_MICROS
  }
  const names = new VirtualNames()
  const hosts = new Map<string, Host>()
  const nats = new Map<string, Nat>()
  // At most one for each ordered pair of machines, made when it is first used.
  const paths = new Map<Host, Map<Host, VirtualPath>>()
  const weathers = new PairRules<LinkWeather>()
  const cuts = new PairRules<true>()
  const clogs = new PairRules<number>()
  let sides: ReadonlyArray<ReadonlyArray<Subnet>> = []

  // Machines and the ways between them

  const addHost = (host: HostOptions): Host => {
    const number = ipNumber(host.ip)
    if (number === undefined || isLoopback(host.ip)) throw new RangeError(`${host.ip} is no address for a machine`)
    if (hosts.has(host.ip) || nats.has(host.ip)) throw new RangeError(`${host.ip} is taken`)
    if (hosts.size >= limits.VIRTUAL_HOSTS) throw new RangeError(`more than ${limits.VIRTUAL_HOSTS} machines`)
    const nat = host.nat === undefined ? undefined : natOf(host.nat)
    const added = new Host({ ip: host.ip, number, nat, place: host.place ?? { x: 0, y: 0 } })
    added.side = sideOf(added)
    hosts.set(host.ip, added)
    return added
  }

  const natOf = (ip: string): Nat => {
    const known = nats.get(ip)
    if (known !== undefined) return known
    if (ipNumber(ip) === undefined || hosts.has(ip)) throw new RangeError(`${ip} is no address for a NAT`)
    const nat = { ip, ports: new Ports() }
    nats.set(ip, nat)
    return nat
  }

  const hostAt = (ip: string): Host => hosts.get(ip) ?? addHost({ ip })

  const hostsIn = (text: string): ReadonlyArray<Host> => {
    const range = readSubnet(text)
    const found = [...hosts.values()].filter(({ number }) => contains(range, number))
    // A fault that hits nobody is a mistake in the plan, and would pass as a test.
    if (found.length === 0) throw new RangeError(`no machine has the address ${text}`)
    return found
  }

  const sideOf = ({ number }: Host): number | undefined => {
    const side = sides.findIndex((ranges) => ranges.some((range) => contains(range, number)))
    return side === -1 ? undefined : side
  }

  const isOpen = (pair: { readonly from: Host; readonly to: Host }): boolean => {
    const { from, to } = pair
    if (from !== to && (from.vanished || to.vanished)) return false
    if (from.side !== undefined && to.side !== undefined && from.side !== to.side) return false
    return cuts.of(pair).length === 0
  }

  const weatherOf = (pair: { readonly from: Host; readonly to: Host }): LinkWeather =>
    weathers.of(pair).at(-1) ?? (pair.from === pair.to ? calm : defaultWeather)

  const clogOf = (pair: { readonly from: Host; readonly to: Host }): number =>
    clogs.of(pair).reduce((sum, extra) => sum + extra, 0)

  const path = (from: Host, to: Host): VirtualPath => {
    let leaving = paths.get(from)
    if (leaving === undefined) paths.set(from, leaving = new Map())
    let known = leaving.get(to)
    if (known === undefined) {
      const pair = { from, to }
      const now = { weather: weatherOf(pair), isOpen: isOpen(pair) }
      known = new VirtualPath(from, to, world.prng(`network/${from.ip}/${to.ip}`), now)
      known.clog(clogOf(pair))
      leaving.set(to, known)
    }
    return known
  }

  const allPaths = (): ReadonlyArray<VirtualPath> => [...paths.values()].flatMap((leaving) => [...leaving.values()])

  /** Opens and closes the ways as it is now said. */
  const update = () => {
    for (const one of allPaths()) {
      const open = isOpen(one)
      if (one.isOpen === open) continue
      one.isOpen = open
      for (const user of one.users) user.pathChanged(one)
    }
  }

  const exchange: Exchange = {
    fabric,
    path,
    find: (from, ip) => {
      if (isLoopback(ip)) return from
      const host = hosts.get(ip)
      if (host === undefined) return nats.has(ip) ? "silence" : "nobody"
      return host.nat === undefined || host.nat === from.nat ? host : "nobody"
    }
  }

  // What can go wrong

  const setVanished = (ip: string, vanished: boolean) => {
    for (const host of hostsIn(ip)) host.vanished = vanished
    update()
  }

  const setRefusing = (ip: string, refusing: boolean) => {
    for (const host of hostsIn(ip)) host.refusing = refusing
  }

  const setSides = (groups: ReadonlyArray<ReadonlyArray<string>>) => {
    sides = groups.map((group) => group.map(readSubnet))
    for (const host of hosts.values()) host.side = sideOf(host)
    update()
  }

  const updateClogs = () => {
    for (const one of allPaths()) one.clog(clogOf(one))
  }

  return {
    addHost: (host) => {
      addHost(host)
    },
    transport: (ip) => {
      const host = hostAt(ip)
      return Layer.sync(Transport, () => VirtualTransport.make(exchange, host))
    },
    resolver: (ip) => {
      const host = ip === undefined ? undefined : hostAt(ip)
      return names.layer(() => host?.vanished !== true)
    },
    setName: (name, ips) => names.set(name, ips),
    setWeather: (from, to, weather) => {
      weathers.set(from, to, checked(weather))
      const changed = new PairRules<true>()
      changed.set(from, to, true)
      for (const one of allPaths()) if (changed.of(one).length > 0) one.setWeather(weather)
    },
    observe: (observer, options) => trace.observe(observer, options),
    traffic: (ip) => {
      const { bytesReceived = 0, bytesSent = 0 } = hosts.get(ip) ?? {}
      return { bytesSent, bytesReceived }
    },
    openLinks: () => [...hosts.values()].flatMap(({ ends }) => [...ends].map((end) => end.describe())),

    cut: (from, to) => {
      cuts.set(from, to, true)
      update()
    },
    heal: (from, to) => {
      cuts.delete(from, to)
      update()
    },
    partition: setSides,
    clog: (from, to, extraMicros) => {
      if (!Number.isSafeInteger(extraMicros) || extraMicros < 0) throw new RangeError(`${extraMicros} is no delay`)
      if (extraMicros === 0) clogs.delete(from, to)
      else clogs.set(from, to, extraMicros)
      updateClogs()
    },
    reset: (one, other) => {
      const between = new PairRules<true>()
      between.set(one, other, true)
      between.set(other, one, true)
      for (const each of allPaths()) {
        if (between.of(each).length === 0) continue
        for (const user of each.users) user.reset()
      }
    },
    vanish: (ip) => setVanished(ip, true),
    appear: (ip) => setVanished(ip, false),
    crash: (ip) => {
      setVanished(ip, true)
      for (const host of hostsIn(ip)) host.crash()
    },
    refuse: (ip) => setRefusing(ip, true),
    admit: (ip) => setRefusing(ip, false),
    healAll: () => {
      cuts.clear()
      clogs.clear()
      updateClogs()
      for (const host of hosts.values()) host.vanished = host.refusing = false
      setSides([])
    }
  }
}

const checked = (weather: LinkWeather): LinkWeather => {
  const problem = problemOf(weather)
  if (problem !== undefined) throw new RangeError(problem)
  return weather
}
