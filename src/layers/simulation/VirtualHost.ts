/**
 * A machine of a virtual network: its address, its ports, its open doors and the links that end there.
 */
import * as limits from "../../core/limits.ts"
import type { Place } from "../../core/LinkWeather.ts"
import type { PeerAddress } from "../../core/PeerAddress.ts"
import type { Accept } from "../runtime/AcceptedLinks.ts"

/** How many ports are given to those who ask for any. */
const DYNAMIC_PORTS = 65_536 - limits.FIRST_DYNAMIC_PORT

/** The ports of one address, and which of them are in use. */
export class Ports {
  private readonly used = new Set<number>()
  private next = 0

  /** Takes a port that nobody has, and another one each time as long as possible; `undefined` if there is none. */
  takeAny(): number | undefined {
    for (let tried = 0; tried < DYNAMIC_PORTS; tried++) {
      const port = limits.FIRST_DYNAMIC_PORT + this.next
      this.next = (this.next + 1) % DYNAMIC_PORTS
      if (this.take(port)) return port
    }
    return undefined
  }

  /** Takes this port. Tells whether nobody had it. */
  take(port: number): boolean {
    if (this.used.has(port)) return false
    this.used.add(port)
    return true
  }

  release(port: number): void {
    this.used.delete(port)
  }
}

/** Where somebody listens. */
export interface Door {
  /** The address that is listened on; its IP is `0.0.0.0` for each of the machine. */
  readonly address: PeerAddress
  readonly accept: Accept
}

/** An end of a link, as its machine sees it. */
export interface HostEnd {
  /** The machine loses its power: nobody is told, and what was here is no more. */
  readonly crash: () => void
  /** For reports: its address and the other one, `10.0.0.1:49152 - 10.0.0.2:11625`. */
  readonly describe: () => string
}

/** One public address for machines behind it: what they dial has its address, and nobody outside can dial them. */
export interface Nat {
  readonly ip: string
  readonly ports: Ports
}

/** A dial, as its machine sees it. */
export interface HostDial {
  /** Forgets the dial: nobody is told. */
  readonly giveUp: () => void
}

/** A machine. */
export class Host {
  readonly ip: string
  /** The address as a number. */
  readonly number: number
  readonly nat: Nat | undefined
  readonly place: Place
  readonly ports = new Ports()
  /** By port. */
  readonly doors = new Map<number, Door>()
  /** The ends of links here that nobody has closed. */
  readonly ends = new Set<HostEnd>()
  /** The dials from here that have no answer yet. */
  readonly dials = new Set<HostDial>()
  /** Cut off from everybody else, without a word. */
  vanished = false
  /** Answers no dial with a link, whoever listens. */
  refusing = false
  /** The side of the partition that it is on, if it is on one. */
  side: number | undefined
  bytesSent = 0
  bytesReceived = 0

  constructor(options: {
    readonly ip: string
    readonly number: number
    readonly nat: Nat | undefined
    readonly place: Place
  }) {
    this.ip = options.ip
    this.number = options.number
    this.nat = options.nat
    this.place = options.place
  }

  /** Shuts a door of this machine. Links that came in by it stay. */
  close(door: Door): void {
    this.doors.delete(door.address.port)
    this.ports.release(door.address.port)
  }

  /** Loses its power: what was here is no more, and nobody is told. The network has to take it away before. */
  crash(): void {
    for (const dial of this.dials) dial.giveUp()
    for (const end of this.ends) end.crash()
    for (const door of this.doors.values()) this.close(door)
  }
}
