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

const DOT = 0x2e
const ZERO = 0x30

/** A dotted quad as a number from 0 to 2^32 - 1; `undefined` for any other text. */
export const ipNumber = (ip: string): number | undefined => {
  // Digit by digit: each address that is named is asked about, and pieces of text would cost more than all else.
  let number = 0
  let octets = 0
  let octet = 0
  let digits = 0
  for (let i = 0; i <= ip.length; i++) {
    const code = i === ip.length ? DOT : ip.charCodeAt(i)
    if (code === DOT) {
      if (digits === 0 || ++octets > 4) return undefined
      number = number * 256 + octet
      octet = digits = 0
      continue
    }
    const digit = code - ZERO
    // A zero in front is of octal notation, and not of this one.
    if (!(digit >= 0 && digit <= 9) || (digits > 0 && octet === 0)) return undefined
    octet = octet * 10 + digit
    digits += 1
    if (octet > 255) return undefined
  }
  return octets === 4 ? number : undefined
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
