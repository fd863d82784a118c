/**
 * Who this node is: its key pair, and the name that the network makes of it.
 */
import { Context, type Redacted } from "effect"
import type { Signer } from "../core/Crypto.ts"
import type { PeerId } from "../core/PeerId.ts"

/** This node's identity, the same as long as it runs. The layer of a network makes it from a seed, in its own text form. */
export class NodeIdentity extends Context.Service<NodeIdentity, {
  /** The node's name, as its peers see it. */
  readonly peerId: PeerId
  /** The Ed25519 public key: 32 bytes. */
  readonly publicKey: Uint8Array
  /** The Ed25519 seed: 32 bytes. Whoever has it is this node; redacted, so that no log and no JSON shows it. */
  readonly seed: Redacted.Redacted<Uint8Array>
  /** Signs in the node's name. */
  readonly signer: Signer
}>()("effect-overlay/services/NodeIdentity") {}
