/**
 * Why a peer left: the shape that every network's reasons have, and the endings that every network knows.
 *
 * Each network closes its own union over this shape. A reason is plain data: core returns it, the peer's fiber raises it
 * once, and events carry it.
 */

/** What a network says to the other side before it closes: a code and a text of its own. */
export interface LastWords {
  readonly code: number
  readonly text: string
}

/** Why a peer left. */
export interface DropReason {
  readonly _tag: string
  /** Who ended it: we did, they did, or the link between us broke. */
  readonly endedBy: "us" | "them" | "link"
  /** What happened, for a log: in the words that the network's own implementations use, where there are such. */
  readonly text: string
  /** One sentence for the operator: what to do about it. */
  readonly advice: string
  /** What the other side is told, if anything. */
  readonly lastWords?: LastWords
}

/** The endings that every network has. */
export type CommonDropReason =
  | ConnectFailed
  | LinkLost
  | HandshakeTimeout
  | IdleTimeout
  | Bug

/** No link came about. */
export interface ConnectFailed extends DropReason {
  readonly _tag: "ConnectFailed"
  readonly reason: "refused" | "timeout" | "unreachable" | "failed"
}

/** The link ended or broke under us. */
export interface LinkLost extends DropReason {
  readonly _tag: "LinkLost"
  readonly reason: "ended" | "reset" | "failed"
}

/** The handshake was not done in time. */
export interface HandshakeTimeout extends DropReason {
  readonly _tag: "HandshakeTimeout"
}

/** Nothing was read and nothing was written for too long. */
export interface IdleTimeout extends DropReason {
  readonly _tag: "IdleTimeout"
}

/** A defect of ours ended the session. */
export interface Bug extends DropReason {
  readonly _tag: "Bug"
}

const connectAdvice = {
  refused: "Nothing listens there: check host and port, and whether the peer is running.",
  timeout: "No answer in time: check the address, and whether a firewall lets TCP through.",
  unreachable: "There is no route to that address: check this machine's network.",
  failed: "The machine could not open the connection: its text above says why."
} as const

const linkAdvice = {
  ended: "The peer closed the connection without a word: common when it is full, restarts, or refuses a certificate.",
  reset: "The connection was cut: the peer crashed or restarted, or something between cut it.",
  failed: "The machine reported an error on the connection: its text above says which."
} as const

/** A dial gave no link. */
export const connectFailed = (reason: ConnectFailed["reason"], message: string): ConnectFailed => ({
  _tag: "ConnectFailed",
  endedBy: "link",
  reason,
  text: `unable to connect: ${message}`,
  advice: connectAdvice[reason]
})

/** A link ended under a session. */
export const linkLost = (reason: LinkLost["reason"], message: string): LinkLost => ({
  _tag: "LinkLost",
  endedBy: "link",
  reason,
  text: reason === "ended" ? "the peer closed the connection" : message,
  advice: linkAdvice[reason]
})

/** The absolute deadline of the handshake, or the acceptor's shorter wait for a first byte, has passed. */
export const handshakeTimeout: HandshakeTimeout = {
  _tag: "HandshakeTimeout",
  endedBy: "us",
  text: "idle timeout",
  advice: "The peer did not finish its handshake in time: it is overloaded, far away, or not a node of this network."
}

/** An authenticated peer was silent for too long in both directions. */
export const idleTimeout: IdleTimeout = {
  _tag: "IdleTimeout",
  endedBy: "us",
  text: "idle timeout",
  advice: "The peer went silent: it hangs, or the network between lost it without a word."
}

/** Something of ours threw. */
export const bug = (detail: string): Bug => ({
  _tag: "Bug",
  endedBy: "us",
  text: `internal error: ${detail}`,
  advice: "This is a defect of this software: please report it with the log around it."
})
