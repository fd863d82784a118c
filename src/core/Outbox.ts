/**
 * What waits to be sent to one peer: first what spends no credit, then four rings by priority.
 *
 * A ring can be looked at against credit before anything is taken; a plain queue cannot. A head without credit lets the
 * next, lower ring go on. Each ring has its limits; at a limit the oldest are shed and counted, because what is newest is
 * what the peer still lacks.
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

/** Who takes messages out of an outbox. */
export interface Taker {
  /** Takes a message, or answers `false`: it stays. Must not offer: what it was handed is still in its ring. */
  readonly take: (message: Uint8Array) => boolean
}

interface Entry {
  readonly message: Uint8Array
  readonly units: number
  readonly atMillis: number
}

/** A first-in-first-out ring that grows by doubling and counts what it holds. */
class Ring {
  units = 0
  bytes = 0
  private entries: Array<Entry | undefined> = []
  private head = 0
  private length = 0

  peek(): Entry | undefined {
    return this.length === 0 ? undefined : this.entries[this.head]
  }

  push(entry: Entry): void {
    if (this.length === this.entries.length) this.grow()
    this.entries[(this.head + this.length) & (this.entries.length - 1)] = entry
    this.length += 1
    this.units += entry.units
    this.bytes += entry.message.length
  }

  shift(): Entry | undefined {
    const entry = this.peek()
    if (entry === undefined) return undefined
    this.entries[this.head] = undefined
    this.head = (this.head + 1) & (this.entries.length - 1)
    this.length -= 1
    this.units -= entry.units
    this.bytes -= entry.message.length
    return entry
  }

  private grow(): void {
    const entries = new Array<Entry | undefined>(Math.max(8, 2 * this.entries.length))
    for (let i = 0; i < this.length; i++) entries[i] = this.entries[(this.head + i) & (this.entries.length - 1)]
    this.entries = entries
    this.head = 0
  }
}

/** The outbox of one peer. Owned by its session. */
export class Outbox {
  /** Units shed to make room, by priority. */
  readonly shedUnits: [number, number, number, number] = [0, 0, 0, 0]
  private readonly credit: SendCredit
  private readonly control = new Ring()
  /** Made when something first comes: most peers are sent two kinds of messages. */
  private readonly rings: Array<Ring | undefined> = [undefined, undefined, undefined, undefined]
  /** How many messages wait in all rings: mostly none, and then no ring need be looked at. */
  private waiting = 0
  private limits: OutboxLimits

  constructor(limits: OutboxLimits, credit: SendCredit) {
    this.limits = limits
    this.credit = credit
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
    this.control.push({ message, units: 1, atMillis })
    this.waiting += 1
    return true
  }

  /**
   * Takes a message that spends credit; the oldest of its ring are shed and counted until it fits its limits. One that
   * could never fit is shed itself, and costs no other its place.
   */
  offer(priority: Priority, message: Uint8Array, units: number, atMillis: number): void {
    const limits = this.limits.rings[priority]
    if (units > limits.units || message.length > limits.bytes) {
      this.shedUnits[priority] += units
      return
    }
    const ring = this.rings[priority] ??= new Ring()
    ring.push({ message, units, atMillis })
    this.waiting += 1
    while (ring.units > limits.units || ring.bytes > limits.bytes) {
      const oldest = ring.shift()
      if (oldest === undefined) return
      this.waiting -= 1
      this.shedUnits[priority] += oldest.units
    }
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
