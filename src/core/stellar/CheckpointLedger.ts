/**
 * Checkpoints: the network's history is kept in pieces of 64 ledgers.
 */
import { CHECKPOINT_LEDGERS } from "./limits.ts"

/** The first ledger of the checkpoint that this ledger is in; of the first checkpoint that is ledger 1. */
export const firstOfCheckpoint = (ledger: number): number =>
  Math.max(1, Math.floor(ledger / CHECKPOINT_LEDGERS) * CHECKPOINT_LEDGERS)
