/**
 * Who was asked for which hash, and when: whether a hash may be asked of a peer now, later or not at all.
 */
import type { ItemHash } from "./ItemHash.ts"
import type { PeerId } from "./PeerId.ts"

/** The numbers of a book. */
export interface DemandBookOptions {
  /** Hashes on record at most. Beyond it the one that was first demanded longest ago is forgotten. */
  readonly entries: number
  /** How many peers are asked for one hash. */
  readonly peers: number
  /** The next peer is asked after this times the number of peers asked. */
  readonly backoffMillis: number
  /** The longest such wait. */
  readonly backoffMaxMillis: number
  /** How long a hash is remembered after its first demand. */
  readonly memoryMillis: number
}

/** What to do with an advertised hash: ask for it, drop it, or look at it again later. */
export type DemandAdvice = "demand" | "discard" | "later"

interface Demand {
  readonly first: number
  last: number
  readonly asked: Array<PeerId>
  received: boolean
}

/**
 * The demands of a node (Stellar overlay, pull mode). `now` is a time in milliseconds that never goes back.
 *
 * `purge` is called before a round asks for advice, and is the only thing that counts time out: nobody need be woken for it.
 *
 * A full book forgets and does not refuse: a peer that advertises what it never delivers fills it in a minute, and must
 * not keep us from asking others. What that costs is that a hash may be asked of a peer twice while such a peer is here.
 */
export class DemandBook {
  readonly #options: DemandBookOptions
  /** In the order of the first demand, which is the order in which they are forgotten. */
  readonly #demands = new Map<ItemHash, Demand>()

  constructor(options: DemandBookOptions) {
    this.#options = options
  }

  /** How many hashes are on record. */
  get length(): number {
    return this.#demands.size
  }

  /** What to do with a hash that this peer offers, and that we still want. */
  advise(hash: ItemHash, peer: PeerId, now: number): DemandAdvice {
    const demand = this.#demands.get(hash)
    if (demand === undefined) return "demand"
    const { asked } = demand
    if (asked.includes(peer) || asked.length >= this.#options.peers) return "discard"
    const wait = Math.min(asked.length * this.#options.backoffMillis, this.#options.backoffMaxMillis)
    return now - demand.last >= wait ? "demand" : "later"
  }

  /** Records that the peer is asked. Whether others were before, and whether a hash was given up to make room. */
  record(hash: ItemHash, peer: PeerId, now: number): { readonly repeated: boolean; readonly abandoned: boolean } {
    const demand = this.#demands.get(hash)
    if (demand !== undefined) {
      demand.last = now
      demand.asked.push(peer)
      return { repeated: true, abandoned: false }
    }
    const abandoned = this.#demands.size >= this.#options.entries && this.#forgetOldest()
    this.#demands.set(hash, { first: now, last: now, asked: [peer], received: false })
    return { repeated: false, abandoned }
  }

  /** Notes that the item came. The milliseconds since its first demand; nothing if there was none, or it came before. */
  received(hash: ItemHash, now: number): number | undefined {
    const demand = this.#demands.get(hash)
    if (demand === undefined || demand.received || this.#isPast(demand, now)) return undefined
    demand.received = true
    return now - demand.first
  }

  /** Forgets what was first demanded too long ago. How many of those never came. */
  purge(now: number): number {
    let abandoned = 0
    for (const demand of this.#demands.values()) {
      if (!this.#isPast(demand, now)) break
      if (this.#forgetOldest()) abandoned++
    }
    return abandoned
  }

  #isPast(demand: Demand, now: number): boolean {
    return now >= demand.first + this.#options.memoryMillis
  }

  /** Whether the forgotten one never came. */
  #forgetOldest(): boolean {
    for (const [hash, demand] of this.#demands) {
      this.#demands.delete(hash)
      return !demand.received
    }
    return false
  }
}
