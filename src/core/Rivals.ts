/**
 * Which of several connections with one peer goes on, while none of them is a session yet.
 *
 * Two nodes that call each other at once make two connections, and each hears of the other's in its own order. If both refused what
 * comes second, each could refuse what the other one keeps. So one of the two decides, the one with the greater id, and tells its
 * decision by saying AUTH: it says it on one connection at a time, and on its own call first if it still can. The other one refuses
 * nothing for the sake of order, and goes along with whichever AUTH it reads. Whoever refuses the second HELLO instead, as stellar-core
 * does, is met as well: the connection that it keeps is one on which we go on.
 *
 * A HELLO proves nothing: whoever recorded one can say it again. So a connection that has only said HELLO ends no other one, it can
 * only make one wait, and for no longer than a handshake may take: either what it waits for is proven by an AUTH with a good MAC, or it
 * ends. A session ends for no newcomer at all.
 */
import type { Direction } from "./Direction.ts"

/**
 * How far a connection has come whose other side has said who it is.
 *
 * - `claimed`: by its HELLO, which is no proof.
 * - `offered`: likewise, and it is a call of ours about which we decide: our AUTH is on its way.
 * - `proven`: by its AUTH; its session is about to begin.
 * - `session`: it is a peer.
 */
export type Stage = "claimed" | "offered" | "proven" | "session"

/** Another connection with the same peer. */
export interface Rival {
  readonly direction: Direction
  readonly stage: Stage
}

/** What becomes of a connection: it goes on, it is refused, or it waits until a rival is a session or has left. */
export type Fate = "goes-on" | "refused" | "waits"

/**
 * At its HELLO. One identity has one unproven connection of those that call us, or it could fill the hall alone. Calls of our own are
 * of our own choice, as where two addresses turn out to be one peer: the second waits.
 */
export const fateAtHello = (direction: Direction, rivals: ReadonlyArray<Rival>): Fate => {
  if (rivals.some(({ stage }) => stage === "session")) return "refused"
  if (direction === "inbound" && rivals.some((rival) => rival.direction === "inbound")) return "refused"
  const isForestalled = (rival: Rival): boolean =>
    rival.stage === "proven" || (direction === "outbound" && rival.direction === "outbound")
  return rivals.some(isForestalled) ? "waits" : "goes-on"
}

/** Its stage behind its HELLO; `weDecide`: our id is the greater one. */
export const stageAtHello = (direction: Direction, weDecide: boolean): Stage =>
  direction === "outbound" && weDecide ? "offered" : "claimed"

/** At its AUTH. */
export const fateAtAuth = (rivals: ReadonlyArray<Rival>): Fate => {
  if (rivals.some(({ stage }) => stage === "session")) return "refused"
  return rivals.some(({ stage }) => stage !== "claimed") ? "waits" : "goes-on"
}
