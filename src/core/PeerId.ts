/**
 * Who a peer is: its public key in the network's own text form.
 */
import { Brand } from "effect"

/** A peer's name, as the network writes it for people (in one network `G...`, in another `12D3...`). */
export type PeerId = Brand.Branded<string, "PeerId">

/** Takes a text as a `PeerId`, unchecked: only the network knows the form, and checks what comes from outside itself. */
export const PeerId = Brand.nominal<PeerId>()
