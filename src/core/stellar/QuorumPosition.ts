/**
 * Where the network is, by what trusted nodes say that they have externalized.
 */
import { OUT_OF_SYNC_MILLIS } from "./limits.ts"

/**
 * The position is the highest slot that more than half of the trusted nodes have externalized.
 *
 * A node externalizes slot after slot, so who says it of slot n has done so with all before; and only who is more than
 * half can move the position, however high a slot a single one names. It never goes back. Nodes are named by any text that
 * tells them apart; that their statements are signed is for the caller to see to.
 */
export class QuorumPosition {
  readonly #trusted: ReadonlySet<string>
  /** The highest slot of each trusted node that has said one. */
  readonly #externalized = new Map<string, number>()
  #slot: number | undefined
  #movedAt = 0

  constructor(trusted: ReadonlySet<string>) {
    this.#trusted = trusted
  }

  /** The position, once it is known. Without trusted nodes it never is. */
  get slot(): number | undefined {
    return this.#slot
  }

  /** Whether it would be news that this node has externalized this slot. */
  isNews(node: string, slot: number): boolean {
    return this.#trusted.has(node) && Number.isSafeInteger(slot) && slot > (this.#externalized.get(node) ?? -1)
  }

  /** Takes note that a node has externalized a slot, at this time in milliseconds. Whether the position has moved. */
  note(node: string, slot: number, nowMillis: number): boolean {
    if (!this.isNews(node, slot)) return false
    this.#externalized.set(node, slot)
    const needed = Math.floor(this.#trusted.size / 2) + 1
    const reached = Array.from(this.#externalized.values()).sort((one, other) => other - one)[needed - 1]
    if (reached === undefined || (this.#slot !== undefined && reached <= this.#slot)) return false
    this.#slot = reached
    this.#movedAt = nowMillis
    return true
  }

  /** Whether the position is known and has moved lately (Stellar consensus protocol: out of sync after 35 s). */
  isSynced(nowMillis: number): boolean {
    return this.#slot !== undefined && nowMillis - this.#movedAt < OUT_OF_SYNC_MILLIS
  }
}
