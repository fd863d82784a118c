/**
 * The messages around a connection: HELLO, AUTH, ERROR_MSG, PEERS, DONT_HAVE, and the wrapper around every message.
 *
 * Fields stand in wire order. Source: Stellar overlay protocol, Stellar-overlay.x.
 */
import {
  case as arm,
  enumType,
  field,
  type Infer,
  int32,
  opaque,
  string,
  struct,
  uint32,
  uint64,
  union
} from "@stellar/js-xdr"
import { MAC_BYTES } from "../../Crypto.ts"
import { MAX_TEXT_BYTES } from "../limits.ts"
import { Discriminant, Rest } from "../XdrCodec.ts"
import { Curve25519Public, Hash, HmacSha256Mac, NodeID, Signature, Uint256 } from "./base.ts"

/** The codes of ERROR_MSG that are in use. */
export const ErrorCode = { ERR_MISC: 0, ERR_DATA: 1, ERR_CONF: 2, ERR_AUTH: 3, ERR_LOAD: 4 } as const

/** Why the sender hangs up (XDR: `Error`). */
export const ErrorMessage = struct("Error", {
  /** One of `ErrorCode`, or unknown: core does not check the enum here, so neither do we. */
  code: int32(),
  /** Bytes, usually ASCII: from an unauthenticated stranger, so never show them raw. */
  msg: string(MAX_TEXT_BYTES)
})
export type ErrorMessage = Infer<typeof ErrorMessage>

/** A node's session key, signed by the node: `signature` is over a SHA-256, see the certificate's own module. */
export const AuthCert = struct("AuthCert", {
  pubkey: Curve25519Public,
  /** Unix seconds. */
  expiration: uint64(),
  sig: Signature
})
export type AuthCert = Infer<typeof AuthCert>

/** Who speaks, in which network and versions, and the nonce of this connection. */
export const Hello = struct("Hello", {
  ledgerVersion: uint32(),
  overlayVersion: uint32(),
  overlayMinVersion: uint32(),
  networkID: Hash,
  /** Bytes, usually ASCII. */
  versionStr: string(MAX_TEXT_BYTES),
  /** Signed on the wire: what is outside of 1..65535 decodes, and the handshake refuses it. */
  listeningPort: int32(),
  peerID: NodeID,
  cert: AuthCert,
  nonce: Uint256
})
export type Hello = Infer<typeof Hello>

/** The end of the handshake. Any flags decode; the handshake wants `AUTH_FLAGS_FLOW_CONTROL_BYTES`. */
export const Auth = struct("Auth", { flags: int32() })
export type Auth = Infer<typeof Auth>

const IPV4_BYTES = 4
const IPV6_BYTES = 16

const IP = union("PeerAddressIp", {
  switchOn: new Discriminant("IPAddrType", { IPv4: 0, IPv6: 1 }),
  switchKey: "_tag",
  cases: [
    arm("IPv4", "IPv4", field("ipv4", opaque(IPV4_BYTES))),
    arm("IPv6", "IPv6", field("ipv6", opaque(IPV6_BYTES)))
  ]
})

/** One address of PEERS. A port above 65535 decodes, and whoever reads the list skips the entry. */
export const PeerAddress = struct("PeerAddress", { ip: IP, port: uint32(), numFailures: uint32() })
export type PeerAddress = Infer<typeof PeerAddress>

/** The negative answer to GET_TX_SET and GET_SCP_QUORUMSET. */
export const DontHave = struct("DontHave", {
  /** A `MessageType`, or unknown: core does not check the enum here, so neither do we. */
  type: int32(),
  reqHash: Uint256
})
export type DontHave = Infer<typeof DontHave>

/**
 * What is in a record: version word 0 (4 bytes), `sequence` (8), `message` (the rest), `mac` (32).
 *
 * `message` is the XDR of a StellarMessage, not judged here. The MAC covers `sequence` and `message`.
 */
export const AuthenticatedMessage = struct("AuthenticatedMessage", {
  v: enumType("AuthenticatedMessageVersion", { v0: 0 }),
  sequence: uint64(),
  message: new Rest(MAC_BYTES),
  mac: HmacSha256Mac
})
export type AuthenticatedMessage = Infer<typeof AuthenticatedMessage>
