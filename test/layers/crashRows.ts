/**
 * What the writer of the crash test writes for each number; the test looks for the same.
 */
import { type PeerAddress, tcpAddress } from "../../src/core/PeerAddress.ts"

/** One that is dialled, and three that the writer is told of. */
export const addressesOf = (
  number: number
): readonly [PeerAddress, PeerAddress, PeerAddress, PeerAddress] => {
  const ip = `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`
  return [tcpAddress(ip, 1), tcpAddress(ip, 2), tcpAddress(ip, 3), tcpAddress(ip, 4)]
}

/** Who is banned. */
export const bannedOf = (number: number): string => `peer-${number}`
