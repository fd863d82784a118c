/**
 * What waits to be sent to one peer: first what spends no credit, then four rings by priority.
 *
 * A ring can be looked at against credit before anything is taken; a plain queue cannot. A head without credit lets the
 * next, lower ring go on. Each ring has its limits; at a limit the oldest messages of the sender that holds most of the ring
 * are shed and counted: what is newest is what the peer still lacks, and who floods costs only itself.
 */
import { PRIORITIES, type Priority } from "./Priority.ts"

/** What one ring may hold. A unit is what the network counts: a message, or a hash in an advert. */
export interface RingLimits {
  readonly units: number
  readonly bytes: number
}

/** The limits of an outbox, by priority. */
export interface OutboxLimits {
  readonly control: RingLimits
  readonly rings: readonly [RingLimits, RingLimits, RingLimits, RingLimits]
}

/** The question that a ring's head is put to before it goes. */
export interface SendCredit {
  readonly covers: (size: number) => boolean
  readonly spend: (size: number) => void
}

/** What a network knows of the messages of one ring. One object serves all outboxes of a node. */
export interface QueueRule {
  /** The ring that it is about. */
  readonly priority: Priority
  /** A whole number from 1 to 2^30 - 1, the same for two messages of which one may replace the other. A sieve, and no proof. */
  readonly subject: (message: Uint8Array) => number
  /** Whether the message makes the queued one, which has the same subject, needless. */
  readonly replaces: (message: Uint8Array, queued: Uint8Array) => boolean
  /** Whether nobody needs the message any more. */
  readonly isOutdated: (message: Uint8Array) => boolean
}

/** The sender of what did not come from a peer. Those that did come have the peer's slot, which is 0 or more. */
export const NO_SENDER = -1

/** Who takes messages out of an outbox. */
export interface Taker {
  /** Takes a message, or answers `false`: it stays. Must not offer: what it was handed is still in its ring. */
  readonly take: (message: Uint8Array) => boolean
}

interface Entry {
  readonly message: Uint8Array
  readonly units: number
  atMillis: number
  /** From whom we had it: a slot, or `NO_SENDER`. */
  readonly from: number
  /** What the rule says that it is about; 0 while it was not asked: what leaves at once never is. */
  subject: number
}

/** What a sender has in a ring. */
interface Share {
  units: number
  bytes: number
}

/** A first-in-first-out ring that grows by doubling and counts what it holds. */
class Ring {
  units = 0
  bytes = 0
  private entries: Array<Entry | undefined> = []
  private head = 0
  private length = 0
  /** By sender. Kept from when something has to be shed until the ring is empty: most rings never need it. */
  private shares: Map<number, Share> | undefined

  peek(): Entry | undefined {
    return this.length === 0 ? undefined : this.entries[this.head]
  }

  push(entry: Entry): void {
    if (this.length === this.entries.length) this.grow()
    this.entries[(this.head + this.length) & (this.entries.length - 1)] = entry
    this.length += 1
    this.count(entry, 1)
  }

  shift(): Entry | undefined {
    const entry = this.peek()
    if (entry === undefined) return undefined
    this.entries[this.head] = undefined
    this.head = (this.head + 1) & (this.entries.length - 1)
    this.length -= 1
    this.count(entry, -1)
    return entry
  }

  /** Puts the entry in the place of the oldest one that it replaces; `false` if there is none. */
  replace(entry: Entry, rule: QueueRule): boolean {
    if (this.length === 0) return false
    const mask = this.entries.length - 1
    entry.subject = rule.subject(entry.message)
    for (let i = 0; i < this.length; i++) {
      const queued = this.entries[(this.head + i) & mask]!
      if (queued.subject === 0) queued.subject = rule.subject(queued.message)
      if (queued.subject !== entry.subject || !rule.replaces(entry.message, queued.message)) continue
      this.entries[(this.head + i) & mask] = entry
      this.count(queued, -1)
      this.count(entry, 1)
      return true
    }
    return false
  }

  /** Takes out what does not pass. How many entries those were. */
  retain(passes: (message: Uint8Array) => boolean): number {
    const before = this.length
    for (let i = 0; i < before; i++) {
      const entry = this.shift()!
      if (passes(entry.message)) this.push(entry)
    }
    return before - this.length
  }

  /** Moves the times of all entries on, up to now. */
  postpone(byMillis: number, nowMillis: number): void {
    for (const entry of this.entries) {
      if (entry !== undefined) entry.atMillis = Math.min(nowMillis, entry.atMillis + byMillis)
    }
  }

  /** Takes out the oldest entry of the sender that holds most. `undefined` if the ring is empty. */
  shed(by: keyof Share): { readonly units: number; readonly isOverShare: boolean } | undefined {
    const shares = this.shares ??= this.countedShares()
    let heaviest = NO_SENDER
    let most = 0
    for (const [sender, share] of shares) {
      if (share[by] <= most) continue
      heaviest = sender
      most = share[by]
    }
    const isOverShare = most * shares.size > this[by]
    const mask = this.entries.length - 1
    for (let i = 0; i < this.length; i++) {
      const entry = this.entries[(this.head + i) & mask]!
      if (entry.from !== heaviest) continue
      // Those before it move up, which keeps the order; the head then goes as if it were the one.
      for (let at = i; at > 0; at--) this.entries[(this.head + at) & mask] = this.entries[(this.head + at - 1) & mask]
      this.entries[this.head] = entry
      this.shift()
      return { units: entry.units, isOverShare }
    }
    return undefined
  }

  private count(entry: Entry, sign: 1 | -1): void {
    this.units += sign * entry.units
    this.bytes += sign * entry.message.length
    if (this.shares === undefined) return
    if (this.length === 0) this.shares = undefined
    else countShare(this.shares, entry, sign)
  }

  private countedShares(): Map<number, Share> {
    const shares = new Map<number, Share>()
    for (const entry of this.entries) {
      if (entry !== undefined) countShare(shares, entry, 1)
    }
    return shares
  }

  private grow(): void {
    const entries = new Array<Entry | undefined>(Math.max(8, 2 * this.entries.length))
    for (let i = 0; i < this.length; i++) entries[i] = this.entries[(this.head + i) & (this.entries.length - 1)]
    this.entries = entries
    this.head = 0
  }
}

const countShare = (shares: Map<number, Share>, { from, message, units }: Entry, sign: 1 | -1): void => {
  const share = shares.get(from)
  if (share === undefined) {
    shares.set(from, { units, bytes: message.length })
    return
  }
  share.units += sign * units
  share.bytes += sign * message.length
  // Every message has a byte, so a sender without any has no entry.
  if (share.bytes === 0) shares.delete(from)
}

/** The outbox of one peer. Owned by its session. */
export class Outbox {
  /** Units shed to make room, by priority. */
  readonly shedUnits: [number, number, number, number] = [0, 0, 0, 0]
  /** Of those, units of a sender that held more than an equal share of the ring, by priority. */
  readonly shedOverShare: [number, number, number, number] = [0, 0, 0, 0]
  /** Messages in whose place a later one went. */
  replaced = 0
  /** Messages taken out because nobody needed them any more. */
  outdated = 0
  private readonly credit: SendCredit
  private readonly control = new Ring()
  /** Made when something first comes: most peers are sent two kinds of messages. */
  private readonly rings: Array<Ring | undefined> = [undefined, undefined, undefined, undefined]
  /** How many messages wait in all rings: mostly none, and then no ring need be looked at. */
  private waiting = 0
  private limits: OutboxLimits
  private readonly rule: QueueRule | undefined

  constructor(limits: OutboxLimits, credit: SendCredit, rule?: QueueRule) {
    this.limits = limits
    this.credit = credit
    this.rule = rule
  }

  /** Sets other limits; what is already in stays. */
  setLimits(limits: OutboxLimits): void {
    this.limits = limits
  }

  /**
   * Takes a message that spends no credit. `false`: the ring is full, the message is not taken, and the peer, which asks
   * without reading the answers, is to be ended.
   */
  offerControl(message: Uint8Array, atMillis: number): boolean {
    const limits = this.limits.control
    if (this.control.units + 1 > limits.units) return false
    if (this.control.bytes + message.length > limits.bytes && this.control.units > 0) return false
    this.control.push({ message, units: 1, atMillis, from: NO_SENDER, subject: 0 })
    this.waiting += 1
    return true
  }

  /**
   * Takes a message that spends credit: in the place of one that it replaces, or behind the others of its ring. Beyond the
   * ring's limits the oldest of the sender that holds most of it are shed and counted. One that could never fit is shed itself,
   * and costs no other its place.
   *
   * `from` is the slot of the peer from whom we had it.
   */
  offer(priority: Priority, message: Uint8Array, units: number, atMillis: number, from: number = NO_SENDER): void {
    const limits = this.limits.rings[priority]
    if (units > limits.units || message.length > limits.bytes) {
      this.shedUnits[priority] += units
      return
    }
    const ring = this.rings[priority] ??= new Ring()
    const entry: Entry = { message, units, atMillis, from, subject: 0 }
    const { rule } = this
    if (rule !== undefined && rule.priority === priority && ring.replace(entry, rule)) {
      this.replaced += 1
    } else {
      ring.push(entry)
      this.waiting += 1
    }
    if (ring.units > limits.units || ring.bytes > limits.bytes) this.shed(priority, ring, limits)
  }

  private shed(priority: Priority, ring: Ring, limits: RingLimits): void {
    while (ring.units > limits.units || ring.bytes > limits.bytes) {
      const gone = ring.shed(ring.units > limits.units ? "units" : "bytes")
      if (gone === undefined) return
      this.waiting -= 1
      this.shedUnits[priority] += gone.units
      if (gone.isOverShare) this.shedOverShare[priority] += gone.units
    }
  }

  /** Takes out what the rule says that nobody needs any more. */
  dropOutdated(): void {
    const { rule } = this
    const ring = rule && this.rings[rule.priority]
    if (rule === undefined || ring?.peek() === undefined) return
    const gone = ring.retain((message) => !rule.isOutdated(message))
    this.waiting -= gone
    this.outdated += gone
  }

  /** Makes all that waits younger by so much, but not of later than now: the time was lost here, and not at the peer. */
  postpone(byMillis: number, nowMillis: number): void {
    if (this.waiting === 0) return
    this.control.postpone(byMillis, nowMillis)
    for (const ring of this.rings) ring?.postpone(byMillis, nowMillis)
  }

  /** Whether anything waits, sendable or not. */
  isEmpty(): boolean {
    return this.waiting === 0
  }

  /** Whether a message waits whose credit is missing. */
  isBlocked(): boolean {
    return this.waiting > 0 && this.rings.some((ring) => {
      const head = ring?.peek()
      return head !== undefined && !this.credit.covers(head.message.length)
    })
  }

  /** Units that wait, by priority. */
  waitingUnits(priority: Priority): number {
    return this.rings[priority]?.units ?? 0
  }

  /**
   * Hands the messages that may go now to the taker, in order; one that it does not take stays first. Credit is spent for
   * what was taken. Gives the time at which the last taken message was offered, or `undefined` if none was.
   */
  drain(taker: Taker): number | undefined {
    let offeredAtMillis: number | undefined
    for (let entry = this.control.peek(); entry !== undefined; entry = this.control.peek()) {
      if (!taker.take(entry.message)) return offeredAtMillis
      offeredAtMillis = entry.atMillis
      this.control.shift()
      this.waiting -= 1
    }
    for (let priority = 0; priority < PRIORITIES && this.waiting > 0; priority++) {
      const ring = this.rings[priority as Priority]
      if (ring === undefined) continue
      for (let entry = ring.peek(); entry !== undefined; entry = ring.peek()) {
        const size = entry.message.length
        if (!this.credit.covers(size)) break
        if (!taker.take(entry.message)) return offeredAtMillis
        offeredAtMillis = entry.atMillis
        this.credit.spend(size)
        ring.shift()
        this.waiting -= 1
      }
    }
    return offeredAtMillis
  }
}
