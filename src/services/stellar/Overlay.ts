/**
 * The face of the Stellar overlay.
 */
import { Context, type Effect } from "effect"
import type { PeerId } from "../../core/PeerId.ts"
import type { StellarDropReason } from "../../core/stellar/DropReason.ts"
import type { StellarMessage } from "../../core/stellar/messages.ts"
import type { Network, OverlayShape } from "../Overlay.ts"
import type { Surveyor } from "./Survey.ts"

/** The types of the Stellar network. */
export interface Stellar extends Network {
  readonly PeerId: PeerId
  readonly Message: StellarMessage
  readonly FloodKind: "SCP_MESSAGE" | "TRANSACTION"
  readonly DropReason: StellarDropReason
}

/** What the Stellar overlay offers: see `services/Overlay` for what is common to all networks. */
export class Overlay extends Context.Service<
  Overlay,
  OverlayShape<Stellar> & {
    /** Asks all peers for their SCP messages from this ledger on (0: the latest they know); gives how many were asked. */
    readonly requestScpState: (ledger: number) => Effect.Effect<number>
    /** Surveys of the network that this node makes. */
    readonly survey: Surveyor
  }
>()("effect-overlay/services/stellar/Overlay") {}
