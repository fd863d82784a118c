/**
 * Which statements of consensus are believed, held and passed on; and by them, where the network is.
 */
import * as ItemHash from "../ItemHash.ts"
import { firstOfCheckpoint } from "./CheckpointLedger.ts"
import {
  LEDGER_VALIDITY_BRACKET,
  SCP_HELD_BYTES,
  SCP_NODES,
  SCP_NODES_PER_SLOT,
  SCP_SLOTS,
  SCP_STATEMENTS_RELAYED
} from "./limits.ts"
import { SCPStatementType } from "./messages/scp.ts"
import { type ScpOffsets, scpOffsets, walkScpMessage } from "./MessageWalk.ts"
import { QuorumPosition } from "./QuorumPosition.ts"
import type { ScpSignature } from "./ScpSignature.ts"
import type { HeldStatements } from "./ScpState.ts"
import { StatementBook } from "./StatementBook.ts"

/** What a relay of statements goes by. */
export interface StatementRelayOptions {
  readonly signature: ScpSignature
  /** The public keys of the trusted nodes, one character a byte (`ItemHash.fromBytes`). */
  readonly trusted: ReadonlySet<string>
  /** Whether every node's statements are as good as a trusted one's. Then there is still no position without trusted nodes. */
  readonly acceptsAll: boolean
  /** Whether statements are passed on at all. */
  readonly relays: boolean
  /** Slots up to the position whose statements are held; those of later slots are held anyway. */
  readonly slotsRemembered: number
}

/**
 * Judges SCP_MESSAGEs. Times are in milliseconds and do not go back.
 *
 * The verdicts, in this order:
 * - about a slot more than 100 (LEDGER_VALIDITY_BRACKET) from the position: `discarded`. What a trusted node newly
 *   externalizes is looked at all the same, or a node that was away for long would never find back.
 * - wrong signature: `discarded`. Nobody is blamed: such a statement says nothing about who brought it.
 * - of a node that is not trusted: `kept`.
 * - otherwise `ready`; but `kept` if nothing is to be passed on, if it is the fifth or a later one of its node about this
 *   slot, or if the slot has too many nodes to count.
 *
 * While the position is unknown there is no bracket: somebody must pass on the statements from which it becomes known.
 * Source: Stellar overlay protocol, SCP messages.
 */
export class StatementRelay {
  readonly #options: StatementRelayOptions
  readonly #position: QuorumPosition
  readonly #book = new StatementBook({
    slots: SCP_SLOTS,
    nodesPerSlot: SCP_NODES_PER_SLOT,
    nodes: SCP_NODES,
    bytes: SCP_HELD_BYTES
  })
  /** Of the statement in hand. */
  readonly #offsets = scpOffsets()
  readonly #counters = { relayed: 0, badSignatures: 0, outsideBracket: 0, untrusted: 0, overLimit: 0 }

  constructor(options: StatementRelayOptions) {
    this.#options = options
    this.#position = new QuorumPosition(options.trusted)
  }

  /** The last slot that the network has externalized, if it is known. */
  get position(): number | undefined {
    return this.#position.slot
  }

  /** What has been counted since the start. */
  get counters(): {
    readonly relayed: number
    readonly badSignatures: number
    readonly outsideBracket: number
    readonly untrusted: number
    readonly overLimit: number
  } {
    return { ...this.#counters }
  }

  /** What is on record: slots, nodes over all slots, bytes of held statements. */
  get size(): { readonly slots: number; readonly nodes: number; readonly bytes: number } {
    return this.#book.size
  }

  /** Whether the position is known and has moved lately. */
  isSynced(nowMillis: number): boolean {
    return this.#position.isSynced(nowMillis)
  }

  /** What becomes of a whole SCP_MESSAGE of somebody else. */
  judge(message: Uint8Array, nowMillis: number): "ready" | "kept" | "discarded" | "malformed" {
    const { acceptsAll, relays, signature, trusted } = this.#options
    const offsets = this.#offsets
    if (!walkScpMessage(message, 0, message.length, offsets)) return "malformed"
    const node = ItemHash.fromBytes(message, offsets.nodeID)
    const slot = slotOf(offsets)
    const isNews = offsets.kind === SCPStatementType.SCP_ST_EXTERNALIZE && this.#position.isNews(node, slot)

    // Before the signature, which costs a hundred times as much.
    if (!isNews && !this.#isInBracket(slot)) return this.#forget("outsideBracket")
    if (!signature.verify(message, offsets)) return this.#forget("badSignatures")
    if (isNews) this.#externalized(node, slot, nowMillis)
    if (!this.#isInBracket(slot)) return this.#forget("outsideBracket")
    if (!acceptsAll && !trusted.has(node)) return this.#keep("untrusted")

    const count = this.#book.count(slot, node)
    if (this.#isHeld(slot)) this.#book.hold(slot, node, offsets.kind, message)
    if (!relays) return "kept"
    if (count === undefined || count > SCP_STATEMENTS_RELAYED) return this.#keep("overLimit")
    this.#counters.relayed++
    return "ready"
  }

  /**
   * Takes note of an SCP_MESSAGE that the program itself broadcasts. It vouches for it: neither signature nor trust is asked
   * for, and it is not counted.
   */
  originate(message: Uint8Array, nowMillis: number): void {
    const offsets = this.#offsets
    if (!walkScpMessage(message, 0, message.length, offsets)) return
    const node = ItemHash.fromBytes(message, offsets.nodeID)
    const slot = slotOf(offsets)
    if (offsets.kind === SCPStatementType.SCP_ST_EXTERNALIZE) this.#externalized(node, slot, nowMillis)
    this.#book.hold(slot, node, offsets.kind, message)
  }

  /** What is held: the last statements of every node about the remembered slots, and about the first one of the checkpoint. */
  get held(): HeldStatements {
    return this.#book
  }

  #isInBracket(slot: number): boolean {
    const at = this.#position.slot
    return at === undefined || Math.abs(slot - at) <= LEDGER_VALIDITY_BRACKET
  }

  #isHeld(slot: number): boolean {
    return slot >= this.#lowestHeld() || slot === this.#checkpoint()
  }

  /** Who joins the network begins there. */
  #checkpoint(): number {
    return firstOfCheckpoint(this.#position.slot ?? 0)
  }

  #lowestHeld(): number {
    const at = this.#position.slot
    return at === undefined ? 0 : at - this.#options.slotsRemembered + 1
  }

  #externalized(node: string, slot: number, nowMillis: number): void {
    const hasMoved = this.#position.note(node, slot, nowMillis)
    const at = this.#position.slot
    if (!hasMoved || at === undefined) return
    this.#book.retain(
      at - LEDGER_VALIDITY_BRACKET,
      at + LEDGER_VALIDITY_BRACKET,
      this.#lowestHeld(),
      this.#checkpoint()
    )
  }

  #forget(reason: "outsideBracket" | "badSignatures"): "discarded" {
    this.#counters[reason]++
    return "discarded"
  }

  #keep(reason: "untrusted" | "overLimit"): "kept" {
    this.#counters[reason]++
    return "kept"
  }
}

/** What a 32-bit word counts up to. */
const WORD_RANGE = 0x1_0000_0000

/** The slot. From 2^53 on, where no ledger is, neighbours share a number, and so the count of their statements. */
const slotOf = (offsets: ScpOffsets): number => offsets.slotHigh * WORD_RANGE + offsets.slotLow
