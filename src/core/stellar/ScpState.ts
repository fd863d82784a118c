/**
 * The state of consensus, as peers ask each other for it: from which ledger on, of which slots, in which order.
 *
 * Source: Stellar overlay protocol, GET_SCP_STATE.
 */
import { firstOfCheckpoint } from "./CheckpointLedger.ts"
import { LEDGER_VALIDITY_BRACKET, LEDGERS_TO_REMEMBER, SCP_LOOKBACK_LEDGERS } from "./limits.ts"
import { isNomination } from "./StatementOrder.ts"

/** The statements that somebody holds. */
export interface HeldStatements {
  /** The slots from this one on that there are statements about, in any order. */
  readonly slots: (from: number) => ReadonlyArray<number>
  /**
   * The whole SCP_MESSAGEs about a slot: of each node its last nomination and its last ballot, in any order. Those of this node
   * itself only if it validates.
   */
  readonly about: (slot: number) => ReadonlyArray<Uint8Array>
}

/** The first ledger there is. */
const GENESIS_LEDGER = 1

/**
 * The ledger from which on a peer is asked: some behind the next one to be closed here, because they may help others, but none
 * that is not remembered any more.
 *
 * `closed` is the last ledger closed here, and `network` the last one that the network has; without either the first one.
 */
export const firstLedgerToAsk = (closed: number | undefined, network: number | undefined): number => {
  const lookback = Math.min(LEDGERS_TO_REMEMBER, SCP_LOOKBACK_LEDGERS)
  const lowest = Math.max(GENESIS_LEDGER, (closed ?? network ?? 0) + 1 - lookback)
  return network === undefined ? lowest : Math.max(lowest, lowestRemembered(network))
}

/** The oldest ledger that is remembered where the network is at this one. */
export const lowestRemembered = (ledger: number): number => Math.max(0, ledger - LEDGERS_TO_REMEMBER + 1)

/** The statements about a slot in the order in which they are sent: nominations first, or the ballots would say nothing to who begins. */
export const inOrder = (statements: ReadonlyArray<Uint8Array>): ReadonlyArray<Uint8Array> => [
  ...statements.filter(isNomination),
  ...statements.filter((statement) => !isNomination(statement))
]

/**
 * Sends what is held from this ledger on: at most 100 slots with statements, ascending.
 *
 * The first ledger of the checkpoint is kept for long. Where it lies far behind the network, who begins takes it only when it
 * knows where the network is: it is passed over, and returned as the slot whose statements are to be sent later.
 */
export const sendScpState = (
  held: HeldStatements,
  from: number,
  network: number | undefined,
  send: (statement: Uint8Array) => void
): number | undefined => {
  const checkpoint = network === undefined ? undefined : firstOfCheckpoint(network)
  const delayed = checkpoint !== undefined && checkpoint < network! - LEDGERS_TO_REMEMBER ? checkpoint : undefined
  let later: number | undefined
  let left = LEDGER_VALIDITY_BRACKET
  for (const slot of held.slots(from).toSorted((one, other) => one - other)) {
    if (slot < from) continue
    if (slot === delayed) {
      later = slot
      continue
    }
    const statements = inOrder(held.about(slot))
    for (const statement of statements) send(statement)
    if (statements.length > 0) left -= 1
    if (left === 0) return later
  }
  return later
}
