/**
 * Why a Stellar peer left: the closed union, with the code and text that go over the wire, as stellar-core has them.
 *
 * Where core drops without a word, so do we: `lastWords` is missing then. Texts are core's, so that logs of both sides can be
 * laid side by side; the advice is ours.
 */
import { bug, type CommonDropReason, type DropReason, type LastWords } from "../DropReason.ts"
import type { PeerId } from "../PeerId.ts"
import { ErrorCode } from "./messages/handshake.ts"
import { shortPeerId } from "./StrKey.ts"

/** The name of an ERROR_MSG's code, as core logs it. */
export const errorCodeName = (code: number): string =>
  Object.entries(ErrorCode).find(([, value]) => value === code)?.[0] ?? `error ${code}`

interface Row {
  readonly text: string
  readonly code?: number
  readonly advice: string
}

const rows = {
  // While HELLO is checked (protocol, HELLO checks 0 to 9)
  UnexpectedHello: {
    text: "received unexpected HELLO",
    advice: "The peer said HELLO twice: its software does not follow the protocol."
  },
  BadCertificate: {
    text: "failed to verify auth cert",
    advice:
      "The peer's certificate is expired or signed for another network: check the network passphrase, and the clocks of both machines."
  },
  LongCertificate: {
    text: "auth cert is valid for too long",
    advice:
      "The peer's certificate is valid for more than a day, which no node's software makes: check its clock; whoever stole it could use it that long."
  },
  Banned: {
    text: "node is banned",
    advice: "You banned this node: lift the ban if that is no longer meant."
  },
  WrongProtocolVersion: {
    text: "wrong protocol version",
    code: ErrorCode.ERR_CONF,
    advice:
      "The ranges of overlay versions do not meet: the older side needs an upgrade, or an option that widens its range."
  },
  ConnectingToSelf: {
    text: "connecting to self",
    code: ErrorCode.ERR_CONF,
    advice: "This is your own node, or another one with the same seed: give each node a seed of its own."
  },
  WrongNetwork: {
    text: "wrong network passphrase",
    code: ErrorCode.ERR_CONF,
    advice: "The peer belongs to another network: check the network passphrase of both."
  },
  BadAddress: {
    text: "bad address",
    code: ErrorCode.ERR_CONF,
    advice: "The peer announced a port outside 1 to 65535: a node that does not listen must still announce one."
  },
  BadCryptoRequest: {
    text: "Bad crypto request",
    advice: "The peer's session key is one that gives no secret: its software is broken, or it is hostile."
  },

  // AUTH
  OutOfOrderAuth: {
    text: "out-of-order AUTH message",
    code: ErrorCode.ERR_MISC,
    advice: "The peer sent AUTH before HELLO, or twice: its software does not follow the protocol."
  },
  FlowControlDisabled: {
    text: "flow control bytes disabled",
    code: ErrorCode.ERR_CONF,
    advice: "The peer does not do flow control in bytes: its software is older than overlay 35."
  },
  PreferredPeerSelected: {
    text: "preferred peer selected instead",
    code: ErrorCode.ERR_LOAD,
    advice: "A preferred peer took this one's slot: raise the limit of connections if both are wanted."
  },
  PeerRejected: {
    text: "peer rejected",
    code: ErrorCode.ERR_LOAD,
    advice: "There is no free slot for this peer: raise the limit of connections if the machine can bear it."
  },

  InboundOverShare: {
    text: "peer rejected",
    code: ErrorCode.ERR_LOAD,
    advice:
      "Its IP or its /24 holds its share of inbound slots: raise the share, or name its address in the configuration, if you trust it."
  },

  // Frames
  UnexpectedSequence: {
    text: "unexpected auth sequence",
    code: ErrorCode.ERR_AUTH,
    advice: "A frame was lost, repeated or injected: if it recurs, something between you and the peer interferes."
  },
  ZeroMacKey: {
    text: "receive mac key is zero",
    code: ErrorCode.ERR_AUTH,
    advice: "The key agreement gave a key of zeros: the peer's software is broken, or it is hostile."
  },
  UnexpectedMac: {
    text: "unexpected MAC",
    code: ErrorCode.ERR_AUTH,
    advice: "A frame was changed on its way, or the peer derives its keys wrongly."
  },
  CorruptXdr: {
    text: "received corrupt XDR",
    code: ErrorCode.ERR_DATA,
    advice: "The peer sent bytes that are no message: its software is broken or newer than the protocol known here."
  },
  BadRecordLength: {
    text: "error during read",
    advice: "The peer announced a record of an impossible length: it is not a Stellar node, or it is hostile."
  },

  // What is not allowed where it was said
  UnexpectedPeers: {
    text: "received PEERS",
    advice:
      "The peer called us and then sent addresses, which only the called side may: its software is broken or hostile."
  },
  TooManyPeers: {
    text: "too many msgs PEERS",
    advice: "The peer sent its addresses twice: its software is broken or hostile."
  },
  UnexpectedSendMore: {
    text: "unexpected message type SEND_MORE",
    advice: "The peer uses the flow control of before overlay 35: it needs an upgrade."
  },
  InvalidSendMore: {
    text: "invalid message SEND_MORE_EXTENDED",
    advice: "The peer granted no bytes: its software is broken."
  },
  CapacityOverflow: {
    text: "Peer capacity overflow",
    advice: "The peer granted more credit than can be counted: its software is broken or hostile."
  },
  OverCapacity: {
    text: "unexpected flood message, peer at capacity",
    advice: "The peer sent more than it had credit for: its software is broken or hostile."
  },
  MalformedByApplication: {
    text: "received corrupt XDR",
    code: ErrorCode.ERR_DATA,
    advice: "The application found a message of this peer malformed: its software is broken or hostile."
  },

  SurveySignature: {
    text: "Survey has invalid signature",
    code: ErrorCode.ERR_MISC,
    advice: "The peer passed on a survey with a forged or broken signature: its software is broken or hostile."
  },

  // Time
  NoCredit: {
    text: "idle timeout (no new flood requests)",
    advice: "The peer granted no credit for a minute: it is overloaded or hangs."
  },
  Straggling: {
    text: "straggling (cannot keep up)",
    advice: "The peer does not read what is sent to it: it is overloaded, or its line is too narrow."
  },
  FrameTimeout: {
    text: "a frame was begun and not finished",
    advice: "The peer began a message and does not finish it: its line is far too narrow, it hangs, or it is hostile."
  },
  OutboxFull: {
    text: "straggling (cannot keep up)",
    advice: "The peer asks and does not read the answers: it is overloaded or hostile."
  },

  // Ended from here
  Shutdown: {
    text: "shutdown",
    code: ErrorCode.ERR_MISC,
    advice: "This node stops: nothing to do."
  },
  DroppedByUser: {
    text: "dropped by user",
    code: ErrorCode.ERR_MISC,
    advice: "You dropped this peer: nothing to do."
  },
  OutOfSync: {
    text: "random disconnect due to out of sync",
    code: ErrorCode.ERR_LOAD,
    advice: "This node lost the network and makes room to look for it elsewhere: nothing to do."
  },
  PendingFull: {
    text: "all pending inbound connections are taken",
    advice: "Too many connections are waiting to be authenticated: somebody may be flooding you with them."
  },
  PendingOfAddressFull: {
    text: "all pending connections of this address are taken",
    advice:
      "One address holds many unfinished connections: several nodes behind it, or somebody who tries to fill the hall."
  },
  PendingOfSubnetFull: {
    text: "all pending connections of this /24 are taken",
    advice:
      "Neighbouring addresses hold many unfinished connections: many nodes at one provider, or somebody who tries to fill the hall."
  },
  SubnetRateExceeded: {
    text: "too many connections a second of this /24",
    advice:
      "Neighbouring addresses call faster than nodes do: somebody wants to keep this one busy with handshakes, or many nodes restart at once."
  },
  AlreadyConnectedAddress: {
    text: "already connected to this address",
    advice: "There is a connection to this address already: nothing to do."
  },
  OutboundFull: {
    text: "all outbound connections taken",
    advice: "Too many connections are being opened: try again in a moment, or raise the limit."
  },
  StoreFailed: {
    text: "the store failed",
    advice: "The database of peers and bans could not be read or written: see the log for why."
  }
} as const satisfies Record<string, Row>

type RowTag = keyof typeof rows

/** A reason that is the same each time. */
export interface PlainDropReason extends DropReason {
  readonly _tag: RowTag
}

/** The peer is here already. */
export interface AlreadyConnected extends DropReason {
  readonly _tag: "AlreadyConnected"
}

/** We and the peer called each other at once, and the other connection is kept: nothing failed. */
export interface SimultaneousDial extends DropReason {
  readonly _tag: "SimultaneousDial"
  readonly id: PeerId
}

/** Another message than HELLO, AUTH or ERROR_MSG came before the handshake was done. */
export interface BeforeHandshake extends DropReason {
  readonly _tag: "BeforeHandshake"
  /** The message's name in the protocol, e.g. `TRANSACTION`. */
  readonly message: string
}

/** The peer sent ERROR_MSG. What it says is not authenticated: show it, and never ban for it. */
export interface RemoteError extends DropReason {
  readonly _tag: "RemoteError"
  readonly code: number
  /** What it said, with everything but letters, digits and spaces replaced by `*`, as core logs it. */
  readonly saidText: string
}

/** Why a Stellar peer left. */
export type StellarDropReason =
  | CommonDropReason
  | PlainDropReason
  | AlreadyConnected
  | SimultaneousDial
  | BeforeHandshake
  | RemoteError

const lastWordsOf = (row: Row): { readonly lastWords?: LastWords } =>
  row.code === undefined ? {} : { lastWords: { code: row.code, text: row.text } }

const plain = (tag: RowTag): PlainDropReason => {
  const row: Row = rows[tag]
  return { _tag: tag, endedBy: "us", text: row.text, advice: row.advice, ...lastWordsOf(row) }
}

const allPlain = Object.fromEntries(
  (Object.keys(rows) as Array<RowTag>).map((tag) => [tag, plain(tag)])
) as { readonly [tag in RowTag]: PlainDropReason }

/** The reasons that are the same each time, by their tag. */
export const Drop = allPlain

/** `shortId` is what core logs: the first five characters of the key's text. */
export const alreadyConnected = (shortId: string): AlreadyConnected => {
  const text = `already-connected peer: ${shortId}`
  return {
    _tag: "AlreadyConnected",
    endedBy: "us",
    text,
    advice: "There is a connection with this node already: nothing to do.",
    lastWords: { code: ErrorCode.ERR_CONF, text }
  }
}

/** `endedBy` says which side has let this connection go; the other one of the two has read so, and is not answered. */
export const simultaneousDial = (id: PeerId, endedBy: "us" | "them"): SimultaneousDial => {
  const text = alreadyConnected(shortPeerId(id)).text
  return {
    _tag: "SimultaneousDial",
    endedBy,
    id,
    text,
    advice: "This node and the peer called each other at once, and one of the two connections is kept: nothing to do.",
    ...(endedBy === "us" ? { lastWords: { code: ErrorCode.ERR_CONF, text } } : {})
  }
}

/** `message` is the name of the message's kind in the protocol. */
export const beforeHandshake = (message: string): BeforeHandshake => ({
  _tag: "BeforeHandshake",
  endedBy: "us",
  message,
  text: `received ${message} before completed handshake`,
  advice: "The peer spoke before it was authenticated: its software does not follow the protocol."
})

// A map and not an object: the peer chooses the key, and `constructor` is no advice.
const remoteAdvice = new Map(Object.entries({
  "peer rejected": "The peer has no free slot: normal on busy nodes; it told other addresses before it closed.",
  "preferred peer selected instead": "The peer needed the slot for one that it prefers: try others.",
  "wrong protocol version":
    "The peer does not accept our overlay version: this software, or the peer, needs an upgrade.",
  "wrong network passphrase": "The peer belongs to another network: check the network passphrase.",
  "connecting to self": "The peer has the same seed as this node: give each node a seed of its own.",
  "bad address": "The peer does not accept the port that we announced.",
  "random disconnect due to out of sync": "The peer lost the network and looks for others: nothing to do.",
  "dropped by user": "The peer's operator dropped us.",
  shutdown: "The peer stops or restarts: it may be tried again later.",
  "unexpected MAC":
    "The peer could not verify a frame of ours: something between may change bytes, or this is a defect here.",
  "unexpected auth sequence":
    "The peer missed a frame of ours: something between may lose bytes, or this is a defect here.",
  "received corrupt XDR": "The peer could not read a message of ours: it may be older than this software."
}))

/** `text` as the peer sent it. */
export const remoteError = (code: number, text: string): RemoteError => {
  const saidText = text.replace(/[^A-Za-z0-9 ]/g, "*")
  return {
    _tag: "RemoteError",
    endedBy: "them",
    code,
    saidText,
    text: `${errorCodeName(code)} (${saidText})`,
    advice: remoteAdvice.get(text)
      ?? (text.startsWith("already-connected peer")
        ? "The peer holds a connection with this node already: nothing to do."
        : "The peer ended the session for the reason that it gives.")
  }
}

/** Whether the peer says that it has another connection with us. As everything in last words, this is not authenticated. */
export const saysAlreadyConnected = ({ saidText }: RemoteError): boolean =>
  saidText.startsWith("already*connected peer")

/**
 * Whether an attempt ended for what is here, or for what was decided here, so that it says nothing of the address: it is not to count
 * as its failure. A second way to a peer that is here counts, or it would be tried for ever.
 */
export const isAborted = (reason: DropReason): boolean =>
  aborts.has(reason._tag) || (reason._tag === "ConnectFailed" && "reason" in reason && reason.reason === "failed")

const aborts: ReadonlySet<string> = new Set<StellarDropReason["_tag"]>([
  "SimultaneousDial",
  "AlreadyConnectedAddress",
  "OutboundFull",
  "PeerRejected",
  "Shutdown",
  "DroppedByUser",
  "StoreFailed"
])

const otherTags: ReadonlySet<string> = new Set<Exclude<StellarDropReason["_tag"], RowTag>>([
  "ConnectFailed",
  "LinkLost",
  "HandshakeTimeout",
  "IdleTimeout",
  "Bug",
  "AlreadyConnected",
  "SimultaneousDial",
  "BeforeHandshake",
  "RemoteError"
])

const isStellar = (reason: DropReason): reason is StellarDropReason => reason._tag in rows || otherTags.has(reason._tag)

/** A reason of a service that is generic in the network, as one of this network; one that is not is a defect. */
export const asStellarDrop = (reason: DropReason): StellarDropReason =>
  isStellar(reason) ? reason : bug(`unknown reason ${reason._tag}: ${reason.text}`)
