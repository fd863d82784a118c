/**
 * Where a peer can be reached. A union that grows: today's networks need one arm, later ones bring relayed addresses.
 */

/** An IPv4 address in dotted-quad form and a TCP port (0 to 65535; 0 only where "any port" is meant). */
export interface TcpAddress {
  readonly _tag: "TcpAddress"
  readonly ip: string
  readonly port: number
}

/** Where a peer can be reached. */
export type PeerAddress = TcpAddress

/** Makes a TCP address. */
export const tcpAddress = (ip: string, port: number): TcpAddress => ({ _tag: "TcpAddress", ip, port })

/** The text form, `127.0.0.1:11625`: for people, for JSON, and as a key. */
export const format = (address: PeerAddress): string => `${address.ip}:${address.port}`
