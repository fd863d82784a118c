/**
 * What happens on the links of a virtual network, for whoever watches: costs nothing while nobody does.
 */
import type { PeerAddress } from "../../core/PeerAddress.ts"

/**
 * Something that happened on a virtual network.
 *
 * - `Dialled`: a dial from `from` has left for `to`.
 * - `Accepted`: the link that `from` dialled is open at both ends.
 * - `Refused`: the dial was answered, and there is no link.
 * - `Sent`: `from` handed over `bytes` bytes.
 * - `Delivered`: `bytes` bytes from `from` have arrived at `to`, whether or not somebody reads them.
 * - `Ended`: the half-close of `from` has arrived at `to`.
 * - `Reset`: `to` learns that the link is reset.
 * - `TimedOut`: `from` gives the link up, for nothing of it gets through to `to`.
 *
 * The addresses are those of the machines themselves, also where a NAT stands between them.
 */
export interface NetworkEvent {
  readonly _tag: "Dialled" | "Accepted" | "Refused" | "Sent" | "Delivered" | "Ended" | "Reset" | "TimedOut"
  /** Virtual time. */
  readonly atMicros: number
  readonly from: PeerAddress
  readonly to: PeerAddress
  /** How many, for `Sent` and `Delivered`; else 0. */
  readonly bytes: number
  /** What was handed over, for `Sent`: lent until the observer returns. */
  readonly chunk?: Uint8Array
}

/** Sees what happens, in its order. It is called in the midst of it: what it does to the network belongs into a later task. */
export type Observer = (event: NetworkEvent) => void

/** Tells the observers. */
export class NetworkTrace {
  private readonly observers = new Set<Observer>()
  private readonly nowMicros: () => number

  constructor(nowMicros: () => number) {
    this.nowMicros = nowMicros
  }

  /** Adds an observer; what it returns takes it away again. */
  observe(observer: Observer): () => void {
    // A function of our own, so that who observes twice has two that come and go alone.
    const one: Observer = (event) => observer(event)
    this.observers.add(one)
    return () => {
      this.observers.delete(one)
    }
  }

  /** Whether anybody watches: while nobody does, what would be told need not be gathered. */
  get isWatched(): boolean {
    return this.observers.size > 0
  }

  tell(tag: NetworkEvent["_tag"], from: PeerAddress, to: PeerAddress, bytes = 0, chunk?: Uint8Array): void {
    if (this.observers.size === 0) return
    const event: NetworkEvent = {
      _tag: tag,
      atMicros: this.nowMicros(),
      from,
      to,
      bytes,
      ...(chunk === undefined ? {} : { chunk })
    }
    for (const observer of this.observers) observer(event)
  }
}
