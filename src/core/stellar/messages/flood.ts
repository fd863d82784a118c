/**
 * The messages of flow control and of pull-mode floods: grants of credit, adverts, demands.
 *
 * Fields stand in wire order. Source: Stellar overlay protocol, Stellar-overlay.x.
 */
import { type Infer, struct, uint32 } from "@stellar/js-xdr"
import { MAX_HASHES_PER_MESSAGE } from "../limits.ts"
import { list } from "../XdrCodec.ts"
import { Hash } from "./base.ts"

/** A grant in messages alone: still decodes, but whoever sends one is dropped. */
export const SendMore = struct("SendMore", { numMessages: uint32() })
export type SendMore = Infer<typeof SendMore>

/** A grant of credit: messages and bytes that the receiver may send beyond what it had. */
export const SendMoreExtended = struct("SendMoreExtended", { numMessages: uint32(), numBytes: uint32() })
export type SendMoreExtended = Infer<typeof SendMoreExtended>

/** "I have these transactions": SHA-256 of each envelope with its signatures. */
export const FloodAdvert = struct("FloodAdvert", { txHashes: list(Hash, MAX_HASHES_PER_MESSAGE) })
export type FloodAdvert = Infer<typeof FloodAdvert>

/** "Give me these transactions." */
export const FloodDemand = struct("FloodDemand", { txHashes: list(Hash, MAX_HASHES_PER_MESSAGE) })
export type FloodDemand = Infer<typeof FloodDemand>
