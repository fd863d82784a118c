/**
 * Runs sessions, each to exactly one reason: the shape that every network's supervisor has.
 */
import type { Effect } from "effect"
import type { PeerAddress } from "../core/PeerAddress.ts"
import type { Network, PeerInfo } from "./Overlay.ts"
import type { Link } from "./Transport.ts"

/** The supervisor of a network's sessions. */
export interface PeerSupervisorShape<N extends Network> {
  /** Runs the session of a link that came in; completes when the link may be destroyed. */
  readonly accept: (link: Link) => Effect.Effect<void>
  /** Opens a session in a fiber of the supervisor's; completes when the peer is authenticated, fails with why it is not. */
  readonly dial: (address: PeerAddress) => Effect.Effect<N["PeerId"], N["DropReason"]>
  /**
   * Calls an address only to see who is there, and hangs up: `true` once somebody has proven to be a node of this network, whatever it
   * says then; `false` if nobody did in time; `undefined` if the call was ended from here, and nothing is known.
   *
   * There is no session, no peer and no event. It has the place of an outbound connection that is not authenticated yet.
   */
  readonly feel: (address: PeerAddress) => Effect.Effect<boolean | undefined>
  /** Ends the session with this peer for this reason, and does not wait for its close; tells whether there was one. */
  readonly drop: (id: N["PeerId"], reason: N["DropReason"]) => boolean
  /** The authenticated peers, for people to look at. */
  readonly infos: () => ReadonlyArray<PeerInfo<N>>
  /** Ends all sessions and waits until their links are closed. New ones are refused from here on. */
  readonly shutdown: Effect.Effect<void>
}
