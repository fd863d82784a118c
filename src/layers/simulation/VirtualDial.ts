/**
 * How a link of a virtual network comes about: a knock, an answer, and then word to the other side that the link is there.
 */
import * as limits from "../../core/limits.ts"
import type { PeerAddress } from "../../core/PeerAddress.ts"
import { tcpAddress } from "../../core/PeerAddress.ts"
import { isLoopback } from "../../core/RoutableAddress.ts"
import type { DialError } from "../../services/Transport.ts"
import type { Door, Host, HostDial } from "./VirtualHost.ts"
import type { End } from "./VirtualLink.ts"
import { VirtualLink } from "./VirtualLink.ts"
import type { VirtualPath } from "./VirtualPath.ts"
import type { Fabric } from "./VirtualPipe.ts"
import type { Timer } from "./World.ts"

/** What the network knows and a dial has to ask. */
export interface Exchange {
  readonly fabric: Fabric
  /** Who is found at an address from there: `nobody`, or somebody who does not answer and is not named (`silence`). */
  readonly find: (from: Host, ip: string) => Host | "nobody" | "silence"
  readonly path: (from: Host, to: Host) => VirtualPath
}

/** How a dial ends. */
export type DialResult =
  | { readonly _tag: "Opened"; readonly end: End }
  | { readonly _tag: "Failed"; readonly reason: DialError["reason"]; readonly message: string }

const EVERY_ADDRESS = "0.0.0.0"

/** The door of a machine at this address, if it is open to those who dial. */
const doorOf = (host: Host, address: PeerAddress): Door | undefined => {
  const door = host.doors.get(address.port)
  if (door === undefined || host.refusing) return undefined
  return door.address.ip === EVERY_ADDRESS || door.address.ip === address.ip ? door : undefined
}

/** A dial. */
export class VirtualDial implements HostDial {
  private readonly exchange: Exchange
  private readonly from: Host
  private readonly address: PeerAddress
  private readonly done: (result: DialResult) => void
  /** The port at the dialler's machine, and at its NAT if the way goes through that. */
  private port: number | undefined
  private natPort: number | undefined
  /** The number of the way that leads away from here, for those who watch. */
  private way = 0
  private retry: Timer | undefined
  private isOver = false

  /** Knocks at once. `done` is called once, in a later task, unless the dial is given up. */
  constructor(exchange: Exchange, from: Host, address: PeerAddress, done: (result: DialResult) => void) {
    this.exchange = exchange
    this.from = from
    this.address = address
    this.done = done
    from.dials.add(this)
    this.begin()
  }

  giveUp(): void {
    if (this.isOver) return
    this.conclude()
    this.releasePorts()
  }

  private begin(): void {
    const { address, exchange, from } = this
    const target = exchange.find(from, address.ip)
    const isTranslated = typeof target !== "string" && from.nat !== undefined && target.nat !== from.nat
    this.port = from.ports.takeAny()
    if (isTranslated) this.natPort = from.nat?.ports.takeAny()
    if (this.port === undefined || (isTranslated && this.natPort === undefined)) {
      return this.failSoon("failed", "no port is free")
    }
    this.way = exchange.fabric.trace.dialled(this.ownAddress(), address)
    if (target === "nobody") return this.failSoon("unreachable", "nobody has that address")
    this.knock(target === "silence" ? undefined : target, 0)
  }

  private ownAddress(): PeerAddress {
    return tcpAddress(isLoopback(this.address.ip) ? this.address.ip : this.from.ip, this.port ?? 0)
  }

  /** Knocks until there is an answer. A knock or an answer for which the way is closed is lost. */
  private knock(target: Host | undefined, tried: number): void {
    const { world } = this.exchange.fabric
    if (target !== undefined) this.travel(this.from, target, () => this.answer(target))
    this.retry = world.after(limits.VIRTUAL_DIAL_RETRY_MICROS * 2 ** tried, () => {
      if (tried < limits.VIRTUAL_DIAL_RETRIES) this.knock(target, tried + 1)
      else this.fail("timeout", "no answer")
    })
  }

  private travel(from: Host, to: Host, arrived: () => void): void {
    const { fabric: { world }, path } = this.exchange
    const way = path(from, to)
    if (!way.isOpen) return
    const now = world.nowMicros()
    world.after(way.arrivalMicros(now, 0) - now, () => {
      if (way.isOpen && !this.isOver) arrived()
    })
  }

  private answer(target: Host): void {
    const isWelcome = doorOf(target, this.address) !== undefined
    this.travel(target, this.from, () => {
      if (isWelcome) return this.open(target)
      this.exchange.fabric.trace.tell("Refused", this.way, this.ownAddress(), this.address)
      this.fail("refused", "nobody listens there")
    })
  }

  private open(target: Host): void {
    const { address, exchange, from } = this
    this.conclude()
    const here = this.ownAddress()
    const seenAs = from.nat === undefined || this.natPort === undefined ? here : tcpAddress(from.nat.ip, this.natPort)
    const link = new VirtualLink(
      exchange.fabric,
      this.way,
      { host: from, address: here, seenAs, path: exchange.path(from, target) },
      { host: target, address, seenAs: address, path: exchange.path(target, from) },
      {
        accept: (end) => {
          const door = doorOf(target, address)
          door?.accept(end, end.close)
          return door !== undefined
        },
        leave: () => this.releasePorts()
      }
    )
    this.done({ _tag: "Opened", end: link.dialler })
  }

  private failSoon(reason: DialError["reason"], message: string): void {
    this.exchange.fabric.world.soon(() => this.fail(reason, message))
  }

  private fail(reason: DialError["reason"], message: string): void {
    if (this.isOver) return
    this.giveUp()
    this.done({ _tag: "Failed", reason, message })
  }

  private conclude(): void {
    this.isOver = true
    this.retry?.cancel()
    this.from.dials.delete(this)
  }

  private releasePorts(): void {
    if (this.port !== undefined) this.from.ports.release(this.port)
    if (this.natPort !== undefined) this.from.nat?.ports.release(this.natPort)
  }
}
