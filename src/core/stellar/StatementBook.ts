/**
 * What nodes have said about recent slots: how often, and of each node the last word on nomination and on the ballot.
 */
import * as KeptBytes from "../KeptBytes.ts"
import { SCPStatementType } from "./messages/scp.ts"
import { isNewerStatement } from "./StatementOrder.ts"

/** The bounds of a book. */
export interface StatementBookOptions {
  /** Slots with anything on record. Beyond it the slot that was begun first is dropped. */
  readonly slots: number
  /** Nodes in one slot. A statement of one more is neither counted nor held. */
  readonly nodesPerSlot: number
  /** Nodes over all slots. Beyond it the slot that was begun first is dropped. */
  readonly nodes: number
  /**
   * Bytes that held statements take in memory: at most twice their own, see `KeptBytes`. Beyond it the other slots let go of
   * theirs, first begun first; more in one slot is not held.
   */
  readonly bytes: number
}

/** What is known of a node in a slot. The statements are whole SCP_MESSAGEs. */
interface Said {
  readonly home: Slot
  count: number
  nomination: Uint8Array | undefined
  ballot: Uint8Array | undefined
}

interface Slot {
  readonly nodes: Map<string, Said>
  bytes: number
}

/** The statements of a node's recent slots (Stellar overlay, GET_SCP_STATE). Nodes are named by any text that tells them apart. */
export class StatementBook {
  readonly #options: StatementBookOptions
  /** In the order in which they were begun. */
  readonly #slots = new Map<number, Slot>()
  #nodes = 0
  #bytes = 0

  constructor(options: StatementBookOptions) {
    this.#options = options
  }

  /** What there is: slots, nodes over all slots, bytes that held statements take. */
  get size(): { readonly slots: number; readonly nodes: number; readonly bytes: number } {
    return { slots: this.#slots.size, nodes: this.#nodes, bytes: this.#bytes }
  }

  /** Counts a statement of a node about a slot. How many there are now; `undefined` if the slot has too many nodes. */
  count(slot: number, node: string): number | undefined {
    const said = this.#said(slot, node)
    if (said === undefined) return undefined
    return ++said.count
  }

  /**
   * Holds an SCP_MESSAGE in place of the node's last one of the same conversation, if it says more. It is not written again:
   * it is held as it is, or a copy if it is a small part of a larger buffer. `kind` is that of its statement
   * (`SCPStatementType`).
   */
  hold(slot: number, node: string, kind: number, message: Uint8Array): void {
    const said = this.#said(slot, node)
    if (said === undefined) return
    const conversation = kind === SCPStatementType.SCP_ST_NOMINATE ? "nomination" : "ballot"
    const held = said[conversation]
    if (held !== undefined && !isNewerStatement(message, held)) return

    const { home } = said
    const growth = KeptBytes.size(message) - (held === undefined ? 0 : KeptBytes.size(held))
    if (home.bytes + growth > this.#options.bytes) return
    this.#makeRoom(growth, home)
    said[conversation] = KeptBytes.keep(message)
    home.bytes += growth
    this.#bytes += growth
  }

  /** The slots from this one on about which statements are held, in the order in which they were begun. */
  slots(from: number): ReadonlyArray<number> {
    return Array.from(this.#slots).flatMap(([slot, { bytes }]) => slot >= from && bytes > 0 ? [slot] : [])
  }

  /** The statements that are held about a slot. */
  about(slot: number): ReadonlyArray<Uint8Array> {
    const nodes = this.#slots.get(slot)?.nodes.values() ?? []
    return Array.from(nodes, ({ ballot, nomination }) => [nomination, ballot]).flat()
      .filter((statement) => statement !== undefined)
  }

  /**
   * Forgets the slots outside `lowest` to `highest`, and lets go of what is held of those below `lowestHeld`, except of the slot
   * `kept`.
   */
  retain(lowest: number, highest: number, lowestHeld: number, kept: number): void {
    for (const [index, slot] of this.#slots) {
      if (index < lowest || index > highest) this.#drop(index, slot)
      else if (index < lowestHeld && index !== kept) this.#release(slot)
    }
  }

  /** The record of a node in a slot, begun if there is room for it. */
  #said(index: number, node: string): Said | undefined {
    const known = this.#slots.get(index)
    const said = known?.nodes.get(node)
    if (said !== undefined) return said
    if (known !== undefined && known.nodes.size >= this.#options.nodesPerSlot) return undefined

    const slot = known ?? this.#begin(index)
    if (this.#nodes >= this.#options.nodes) this.#dropFirst(slot)
    if (this.#nodes >= this.#options.nodes) return undefined
    const begun: Said = { home: slot, count: 0, nomination: undefined, ballot: undefined }
    slot.nodes.set(node, begun)
    this.#nodes++
    return begun
  }

  #begin(index: number): Slot {
    const slot: Slot = { nodes: new Map(), bytes: 0 }
    if (this.#slots.size >= this.#options.slots) this.#dropFirst(slot)
    this.#slots.set(index, slot)
    return slot
  }

  #dropFirst(except: Slot): void {
    for (const [index, slot] of this.#slots) {
      if (slot === except) continue
      this.#drop(index, slot)
      return
    }
  }

  /** Makes room for this many bytes more in a slot: the other slots let go of theirs, one after the other. */
  #makeRoom(bytes: number, home: Slot): void {
    for (const slot of this.#slots.values()) {
      if (this.#bytes + bytes <= this.#options.bytes) return
      if (slot !== home) this.#release(slot)
    }
  }

  #release(slot: Slot): void {
    for (const said of slot.nodes.values()) {
      said.nomination = undefined
      said.ballot = undefined
    }
    this.#bytes -= slot.bytes
    slot.bytes = 0
  }

  #drop(index: number, slot: Slot): void {
    this.#release(slot)
    this.#nodes -= slot.nodes.size
    this.#slots.delete(index)
  }
}
