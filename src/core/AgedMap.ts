/**
 * Things by their hash, in the order in which they came.
 *
 * A `Map` knows that order as well, but looks for its oldest entry among the places of all that were removed before it: at
 * 20,000 entries that come and go this takes 30 microseconds each time.
 */
import type { ItemHash } from "./ItemHash.ts"

/** A thing, and when it came. The other fields belong to the map. */
export interface Aged<A> {
  readonly hash: ItemHash
  readonly value: A
  readonly since: number
  older: Aged<A> | undefined
  younger: Aged<A> | undefined
}

/** Things by hash and by age. Its owner bounds it. Times do not go back. */
export class AgedMap<A> {
  readonly #byHash = new Map<ItemHash, Aged<A>>()
  #oldest: Aged<A> | undefined
  #youngest: Aged<A> | undefined

  /** How many things there are. */
  get size(): number {
    return this.#byHash.size
  }

  /** What came first of all that is there. */
  get oldest(): Aged<A> | undefined {
    return this.#oldest
  }

  /** The thing with this hash. */
  get(hash: ItemHash): Aged<A> | undefined {
    return this.#byHash.get(hash)
  }

  /** Adds a thing as the youngest. The caller knows that there is none with this hash. */
  add(hash: ItemHash, value: A, since: number): void {
    const older = this.#youngest
    const added: Aged<A> = { hash, value, since, older, younger: undefined }
    if (older === undefined) this.#oldest = added
    else older.younger = added
    this.#youngest = added
    this.#byHash.set(hash, added)
  }

  /** Removes a thing that is there. */
  remove(one: Aged<A>): void {
    const { older, younger } = one
    if (older === undefined) this.#oldest = younger
    else older.younger = younger
    if (younger === undefined) this.#youngest = older
    else younger.older = older
    this.#byHash.delete(one.hash)
  }
}
