/**
 * The checks on a HELLO that need nothing but the HELLO itself and who we are.
 */
import { Drop, type PlainDropReason } from "./DropReason.ts"
import type { Hello } from "./messages/handshake.ts"

/** What a HELLO is held against. */
export interface OwnSide {
  readonly networkId: Uint8Array
  readonly publicKey: Uint8Array
  readonly overlayVersion: number
  readonly overlayMinVersion: number
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i])

/** The port as stellar-core stores it: the low 16 bits of the field. */
export const portOf = (hello: Hello): number => hello.listeningPort & 0xffff

/**
 * Checks 4 to 7 of the protocol, in this order: the ranges of versions meet, it is not ourselves, the network is ours, the
 * port is one. The reason of the first that fails.
 */
export const checkHello = (hello: Hello, own: OwnSide): PlainDropReason | undefined => {
  if (
    hello.overlayMinVersion > hello.overlayVersion
    || hello.overlayVersion < own.overlayMinVersion
    || hello.overlayMinVersion > own.overlayVersion
  ) return Drop.WrongProtocolVersion
  if (sameBytes(hello.peerID, own.publicKey)) return Drop.ConnectingToSelf
  if (!sameBytes(hello.networkID, own.networkId)) return Drop.WrongNetwork
  if (hello.listeningPort < 1 || hello.listeningPort > 65_535) return Drop.BadAddress
  return undefined
}
