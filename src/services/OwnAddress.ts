/**
 * Where this node can be reached: what it listens on, and what it tells others.
 */
import { Context } from "effect"
import type { PeerAddress } from "../core/PeerAddress.ts"

/** Where this node can be reached. */
export class OwnAddress extends Context.Service<OwnAddress, {
  /** Notes the address that was really bound. */
  readonly bound: (address: PeerAddress) => void
  /** What the node listens on, if it does. */
  readonly listening: () => PeerAddress | undefined
  /** The port that others are told: a fixed one if there is one, else the one bound, else the network's own. */
  readonly announcedPort: () => number
}>()("effect-overlay/services/OwnAddress") {}
