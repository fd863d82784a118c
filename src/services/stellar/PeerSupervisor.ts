/**
 * Runs the sessions of a Stellar node.
 */
import type { Stream } from "effect"
import { Context } from "effect"
import type { PeerId } from "../../core/PeerId.ts"
import type { MessageName } from "../../core/stellar/messages.ts"
import type { MessagesOptions, Missed, OverlayEvent, Received } from "../Overlay.ts"
import type { PeerSupervisorShape } from "../PeerSupervisor.ts"
import type { Stellar } from "./Overlay.ts"

/** The supervisor of a Stellar node's sessions: see `services/PeerSupervisor`. */
export class PeerSupervisor extends Context.Service<
  PeerSupervisor,
  PeerSupervisorShape<Stellar> & {
    /** Puts a whole message into the outbox of one peer, by its kind; `false` if the peer is not here, or leaving. */
    readonly send: (id: PeerId, kind: MessageName, message: Uint8Array) => boolean
    /**
     * Ends all that a node has here and that was just banned: its session as "dropped by user", and a handshake that has passed the
     * question for bans already as "node is banned", in silence, as that question would have.
     */
    readonly evict: (id: PeerId) => void
    /** Asks all peers for their SCP messages from this ledger on; gives how many were asked. */
    readonly requestScpState: (ledger: number) => number
    /** Floods a message of this node; gives how many peers were told. */
    readonly broadcast: (kind: Stellar["FloodKind"], message: Uint8Array) => number
    /** Tells what happened to whoever listens to `events`. */
    readonly publish: (event: OverlayEvent<Stellar>) => void
    readonly events: Stream.Stream<OverlayEvent<Stellar>>
    readonly messages: (options: MessagesOptions) => Stream.Stream<Received<Stellar> | Missed>
    /** Messages since the start, by the number of their kind: live, not to be changed. */
    readonly tallies: {
      readonly received: Readonly<Float64Array>
      readonly sent: Readonly<Float64Array>
      /** Statements that came, by the number of their kind. */
      readonly statements: Readonly<Float64Array>
    }
    readonly counters: () => Readonly<Record<string, number>>
  }
>()("effect-overlay/services/stellar/PeerSupervisor") {}
