/**
 * Places of which no IP, and no /24, may hold more than its share: whoever has one machine has a /24 almost for nothing.
 */
import { ipNumber } from "./Subnet.ts"
import { Tally } from "./Tally.ts"

/** How many places one may hold. */
export interface ShareLimits {
  readonly perIp: number
  readonly perSubnet: number
}

/** Bits of an IPv4 address that say nothing of its /24. */
const HOST_BITS = 8

/** The /24 of an IPv4 address, as a key; what is none is a network of its own. */
export const subnetOf = (ip: string): string => {
  const number = ipNumber(ip)
  return number === undefined ? ip : `${number >>> HOST_BITS}`
}

/** One in so many of all places, and never less than `least`: few places are not shared out to nothing. */
export const shareOf = (places: number, oneIn: number, least: number): number =>
  Math.max(least, Math.floor(places / oneIn))

/** Who holds how many places. */
export class Shares {
  private readonly limits: ShareLimits
  private readonly ofIp = new Tally()
  private readonly ofSubnet = new Tally()

  constructor(limits: ShareLimits) {
    this.limits = limits
  }

  /** Whether one more place for this IP is within its share, or whose share would be exceeded. */
  fullFor(ip: string): "ip" | "subnet" | undefined {
    if (this.ofIp.of(ip) >= this.limits.perIp) return "ip"
    return this.ofSubnet.of(subnetOf(ip)) >= this.limits.perSubnet ? "subnet" : undefined
  }

  add(ip: string): void {
    this.ofIp.add(ip)
    this.ofSubnet.add(subnetOf(ip))
  }

  remove(ip: string): void {
    this.ofIp.remove(ip)
    this.ofSubnet.remove(subnetOf(ip))
  }
}
