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
  /** One direction of one link: an even number for what leads away from who has dialled, and the next one for the way back. */
  readonly way: number
  /** How many, for `Sent` and `Delivered`; else 0. */
  readonly bytes: number
  /** What was handed over, for `Sent`: lent until the observer returns. */
  readonly chunk?: Uint8Array | undefined
}

/** Sees what happens, in its order. It is called in the midst of it: what it does to the network belongs into a later task. */
export type Observer = (event: NetworkEvent) => void

/** What an observer wants to hear of. */
export interface ObserverOptions {
  /** Whether of `Sent` and `Delivered`, too. Default: yes. */
  readonly bytes: boolean
}

/** The other direction of the same link. */
export const wayBack = (way: number): number => way ^ 1

/** Tells the observers. */
export class NetworkTrace {
  /** Whether somebody hears of bytes: while nobody does, what would be told of them need not be gathered. */
  areBytesWatched = false
  /** Each with whether it hears of bytes. */
  private readonly observers = new Map<Observer, boolean>()
  /** Those who do: there are two events of bytes to each write, and few others. */
  private byteObservers: ReadonlyArray<Observer> = []
  private readonly nowMicros: () => number
  private links = 0

  constructor(nowMicros: () => number) {
    this.nowMicros = nowMicros
  }

  /** Adds an observer; what it returns takes it away again. */
  observe(observer: Observer, { bytes }: ObserverOptions = { bytes: true }): () => void {
    // A function of our own, so that who observes twice has two that come and go alone.
    const one: Observer = (event) => observer(event)
    this.observers.set(one, bytes)
    this.observersChanged()
    return () => {
      this.observers.delete(one)
      this.observersChanged()
    }
  }

  private observersChanged(): void {
    this.byteObservers = Array.from(this.observers).flatMap(([observer, hearsOfBytes]) => hearsOfBytes ? observer : [])
    this.areBytesWatched = this.byteObservers.length > 0
  }

  /** Numbers the ways of a link that is dialled, and tells of it; gives the way that leads away from who has dialled. */
  dialled(from: PeerAddress, to: PeerAddress): number {
    const way = 2 * this.links++
    this.tell("Dialled", way, from, to)
    return way
  }

  /** Tells of a link. */
  tell(
    tag: Exclude<NetworkEvent["_tag"], "Sent" | "Delivered">,
    way: number,
    from: PeerAddress,
    to: PeerAddress
  ): void {
    if (this.observers.size === 0) return
    const event: NetworkEvent = { _tag: tag, atMicros: this.nowMicros(), from, to, way, bytes: 0, chunk: undefined }
    for (const observer of this.observers.keys()) observer(event)
  }

  /** Tells of bytes on it, if somebody hears of them. */
  tellBytes(
    tag: "Sent" | "Delivered",
    way: number,
    from: PeerAddress,
    to: PeerAddress,
    bytes: number,
    chunk: Uint8Array | undefined
  ): void {
    const event: NetworkEvent = { _tag: tag, atMicros: this.nowMicros(), from, to, way, bytes, chunk }
    for (const observer of this.byteObservers) observer(event)
  }
}
