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

/** What an observer wants to hear of. */
export interface ObserverOptions {
  /** Whether of `Sent` and `Delivered`, too. Default: yes. */
  readonly bytes: boolean
}

/** Tells the observers. */
export class NetworkTrace {
  /** Whether somebody hears of bytes: while nobody does, what would be told of them need not be gathered. */
  areBytesWatched = false
  /** Each with whether it hears of bytes. */
  private readonly observers = new Map<Observer, boolean>()
  private readonly nowMicros: () => number

  constructor(nowMicros: () => number) {
    this.nowMicros = nowMicros
  }

  /** Adds an observer; what it returns takes it away again. */
  observe(observer: Observer, { bytes }: ObserverOptions = { bytes: true }): () => void {
    // A function of our own, so that who observes twice has two that come and go alone.
    const one: Observer = (event) => observer(event)
    this.observers.set(one, bytes)
    this.areBytesWatched ||= bytes
    return () => {
      this.observers.delete(one)
      this.areBytesWatched = Array.from(this.observers.values()).includes(true)
    }
  }

  /** Tells of a link. */
  tell(tag: Exclude<NetworkEvent["_tag"], "Sent" | "Delivered">, from: PeerAddress, to: PeerAddress): void {
    if (this.observers.size === 0) return
    const event: NetworkEvent = { _tag: tag, atMicros: this.nowMicros(), from, to, bytes: 0 }
    for (const observer of this.observers.keys()) observer(event)
  }

  /** Tells of bytes on it, if somebody hears of them. */
  tellBytes(tag: "Sent" | "Delivered", from: PeerAddress, to: PeerAddress, bytes: number, chunk?: Uint8Array): void {
    if (!this.areBytesWatched) return
    const event: NetworkEvent = {
      _tag: tag,
      atMicros: this.nowMicros(),
      from,
      to,
      bytes,
      ...(chunk === undefined ? {} : { chunk })
    }
    for (const [observer, hearsOfBytes] of this.observers) if (hearsOfBytes) observer(event)
  }
}
