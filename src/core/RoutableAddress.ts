/**
 * Which IPv4 addresses may be believed when a stranger names them, and which are told to strangers.
 */
import type { PeerAddress } from "./PeerAddress.ts"
import { contains, ipNumber, type Subnet, subnet } from "./Subnet.ts"

/** What is believed beside the addresses of the open internet. */
export interface RoutableOptions {
  /** Whether addresses of loopback, private and local networks are believed: in a network of one's own they are its peers. */
  readonly allowLocal: boolean
}

/** Reads the ranges of a list; that one is no range is a defect of ours. */
const ranges = (...texts: ReadonlyArray<string>): ReadonlyArray<Subnet> =>
  texts.map((text) => {
    const range = subnet(text)
    if (range === undefined) throw new RangeError(`${text} is no range of addresses`)
    return range
  })

/**
 * Nobody listens there: "this" host (RFC 1122), addresses of protocols (RFC 6890), of documentation (RFC 5737) and of relays that are
 * no more (RFC 7526), and all from multicast (RFC 5771) over reserved (RFC 1112) to broadcast.
 */
const nobodys = ranges(
  "0.0.0.0/8",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4"
)
/** This machine (RFC 1122). */
const loopback = ranges("127.0.0.0/8")
/** Private networks (RFC 1918). */
const privates = ranges("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
/** Networks of one cable (RFC 3927), those of a provider behind its own translation (RFC 6598), and those of test benches (RFC 2544). */
const locals = ranges("169.254.0.0/16", "100.64.0.0/10", "198.18.0.0/15")

const isIn = (number: number, among: ReadonlyArray<Subnet>): boolean => among.some((range) => contains(range, number))

const isAmong = (ip: string, among: ReadonlyArray<Subnet>): boolean => {
  const number = ipNumber(ip)
  return number !== undefined && isIn(number, among)
}

/**
 * Whether a peer may be looked for at this address when somebody else named it.
 *
 * A peer that names addresses of our own network could use us to reach into it; `allowLocal` is for networks that live there. An
 * address that can be nobody's, and what is no dotted quad, is never believed. So an IPv4 address in the clothes of IPv6
 * (`::ffff:10.0.0.1`) is no way around this: IPv6 is not spoken here, in no notation.
 */
export const isRoutable = (ip: string, { allowLocal }: RoutableOptions): boolean => {
  const number = ipNumber(ip)
  return number !== undefined && !isIn(number, nobodys)
    && (allowLocal || !(isIn(number, loopback) || isIn(number, privates) || isIn(number, locals)))
}

/** Whether the address is this machine's for itself: 127/8. */
export const isLoopback = (ip: string): boolean => isAmong(ip, loopback)

/** Whether the address is one of a local network, or this machine's for itself: not of the open internet, and not nobody's. */
export const isLocal = (ip: string): boolean =>
  isRoutable(ip, { allowLocal: true }) && !isRoutable(ip, { allowLocal: false })

/** Whether the address is of a private network (10/8, 172.16/12, 192.168/16): these are kept out of lists of peers. */
export const isPrivate = (ip: string): boolean => isAmong(ip, privates)

/** The highest TCP port. */
const MAX_PORT = 65_535
/** Who listens here listens at each address of the machine. */
const EVERY_INTERFACE = "0.0.0.0"

/** Whether an address that somebody named may be dialled: its IP is routable, and its port is one from 1 to 65535. */
export const isDialable = ({ ip, port }: PeerAddress, options: RoutableOptions): boolean =>
  Number.isInteger(port) && port >= 1 && port <= MAX_PORT && isRoutable(ip, options)

/**
 * Whether a node that listens at `listening` would reach itself at this address, as far as the address shows it: the machine's other
 * addresses are not known here.
 */
export const isOwn = (address: PeerAddress, listening: PeerAddress | undefined): boolean =>
  listening !== undefined && listening.port === address.port
  && (listening.ip === address.ip || (listening.ip === EVERY_INTERFACE && isLoopback(address.ip)))
