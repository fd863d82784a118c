/**
 * Ranges of IPv4 addresses in CIDR notation (RFC 4632), for whoever speaks of many machines at once.
 */

/** The addresses whose first `bits` bits are those of `base`. */
export interface Subnet {
  /** The lowest address, as a number from 0 to 2^32 - 1. */
  readonly base: number
  readonly bits: number
}

const ADDRESS_BITS = 32
const decimal = /^(?:0|[1-9]\d{0,2})$/

/** A number from 0 to `most` in plain decimal digits; `undefined` for any other text. */
const numberUpTo = (most: number, text: string | undefined): number | undefined =>
  text !== undefined && decimal.test(text) && Number(text) <= most ? Number(text) : undefined

/** A dotted quad as a number from 0 to 2^32 - 1; `undefined` for any other text. */
export const ipNumber = (ip: string): number | undefined => {
  const octets = ip.split(".")
  if (octets.length !== 4) return undefined
  let number = 0
  for (const text of octets) {
    const octet = numberUpTo(255, text)
    if (octet === undefined) return undefined
    number = number * 256 + octet
  }
  return number
}

/**
 * Reads `10.1.0.0/16`, or one address such as `10.1.2.3`; `undefined` for any other text. Bits of the address behind the
 * prefix do not count: `10.1.2.3/16` is the network that 10.1.2.3 is in.
 */
export const subnet = (text: string): Subnet | undefined => {
  const [ip = "", prefix = `${ADDRESS_BITS}`, ...more] = text.split("/")
  const number = ipNumber(ip)
  const bits = numberUpTo(ADDRESS_BITS, prefix)
  if (number === undefined || bits === undefined || more.length > 0) return undefined
  return { base: number - number % 2 ** (ADDRESS_BITS - bits), bits }
}

/** Whether an address (as a number) is in the range. */
export const contains = ({ base, bits }: Subnet, address: number): boolean =>
  address >= base && address < base + 2 ** (ADDRESS_BITS - bits)

/** Whether the range is one address. */
export const isSingle = ({ bits }: Subnet): boolean => bits === ADDRESS_BITS
