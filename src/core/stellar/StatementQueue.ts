/**
 * Which statements that wait for a peer are needless: a newer one of the same node makes them so, or time does.
 *
 * Source: Stellar overlay protocol, outbound queues.
 */
import type { QueueRule } from "../Outbox.ts"
import { readUint32, WORD_BYTES } from "../Xdr.ts"
import { FloodPriority } from "./FloodPriority.ts"
import { CHECKPOINT_LEDGERS, LEDGERS_TO_REMEMBER } from "./limits.ts"
import { isNewerStatement, isNomination, NODE_AT, SLOT_AT, STATEMENT_KIND_AT } from "./StatementOrder.ts"

/** An odd number whose bits are mixed (2^32 divided by the golden ratio). */
const MIX = 0x9e3779b1
/** What a 32-bit word counts up to. */
const WORD_RANGE = 0x1_0000_0000

/** Whether both are of the same node and slot, and of the same conversation: nomination or ballot. */
const areOfOneConversation = (one: Uint8Array, other: Uint8Array): boolean => {
  for (let at = NODE_AT; at < STATEMENT_KIND_AT; at++) if (one[at] !== other[at]) return false
  return isNomination(one) === isNomination(other)
}

/**
 * The rule of the SCP_MESSAGEs in the outboxes of one node.
 *
 * - A statement goes in the place of an older one of the same node, slot and conversation (nomination or ballot).
 * - Outdated are those of slots below the lowest that is remembered, except of the first ledger of the most recent checkpoint:
 *   who joins the network begins there.
 *
 * So what waits is bounded by two statements for each node and slot that are still of use, and whatever a peer makes of
 * that by OUTBOUND_SCP_MESSAGES and OUTBOUND_SCP_BYTES.
 */
export class StatementQueue implements QueueRule {
  readonly priority = FloodPriority.SCP_MESSAGE
  private lowest = 0
  private checkpoint = 0

  /** Notes the last ledger that the network has closed. */
  follow(ledger: number): void {
    this.lowest = Math.max(1, ledger - LEDGERS_TO_REMEMBER + 1)
    this.checkpoint = Math.max(1, ledger - ledger % CHECKPOINT_LEDGERS)
  }

  /** From the node, the slot and the conversation. */
  subject(message: Uint8Array): number {
    const mixed = Math.imul(
      readUint32(message, NODE_AT) ^ Math.imul(readUint32(message, SLOT_AT + WORD_BYTES), MIX),
      MIX
    )
    // The upper bits are the well mixed ones; the lowest is the conversation's.
    return ((mixed >>> 4) << 1 | (isNomination(message) ? 1 : 0)) + 1
  }

  /** Whether the one is the later word of the same node about the same slot, in the same conversation. */
  replaces(message: Uint8Array, queued: Uint8Array): boolean {
    return areOfOneConversation(message, queued) && isNewerStatement(message, queued)
  }

  /** Whether its slot is no longer of use. Nothing is, while the position is unknown. */
  isOutdated(message: Uint8Array): boolean {
    const slot = readUint32(message, SLOT_AT) * WORD_RANGE + readUint32(message, SLOT_AT + WORD_BYTES)
    return slot < this.lowest && slot !== this.checkpoint
  }
}
