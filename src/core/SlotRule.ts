/**
 * Who becomes a peer when slots are few (protocol §8.6): preferred peers have the right of way.
 */

/** How it stands when a connection has authenticated. `Peer` is whatever the asker knows a peer by. */
export interface SlotQuestion<Peer> {
  /** Whether the one who has authenticated is preferred, by its address or by its key. */
  readonly isPreferred: boolean
  /** Whether only preferred peers are let in. */
  readonly preferredOnly: boolean
  readonly hasSlot: boolean
  /** Whether one more is within the share of where it comes from. */
  readonly hasShare: boolean
  /** The peer of the same direction that would have to go first; `undefined` if all of them are preferred. Asked only if it matters. */
  readonly firstToGo: () => Peer | undefined
}

/** What becomes of it: it comes in, it comes in once that peer has gone, or it does not come in, for want of a slot or of a share. */
export type SlotDecision<Peer> =
  | { readonly _tag: "Admitted" }
  | { readonly _tag: "AfterEviction"; readonly of: Peer }
  | { readonly _tag: "Rejected" }
  | { readonly _tag: "OverShare" }

const admitted: SlotDecision<never> = { _tag: "Admitted" }
const rejected: SlotDecision<never> = { _tag: "Rejected" }
const overShare: SlotDecision<never> = { _tag: "OverShare" }

/** Decides on one who has authenticated. */
export const decideSlot = <Peer>(
  { firstToGo, hasShare, hasSlot, isPreferred, preferredOnly }: SlotQuestion<Peer>
): SlotDecision<Peer> => {
  if (!isPreferred) return !hasSlot || preferredOnly ? rejected : hasShare ? admitted : overShare
  if (hasSlot) return admitted
  const of = firstToGo()
  return of === undefined ? rejected : { _tag: "AfterEviction", of }
}
