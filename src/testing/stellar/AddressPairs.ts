/**
 * What is known of each direction of a link, found by the addresses of its ends.
 */
import { format, type PeerAddress } from "../../core/PeerAddress.ts"

/**
 * A map by two addresses, from and to.
 *
 * It is asked for each chunk of a run, and the network tells of a link with the same two objects as long as the link lives: so what
 * was found for them once is found without their text. A pair that is set again, as when a port is used again, has other objects.
 */
export class AddressPairs<Value> {
  private readonly byText = new Map<string, Value>()
  private readonly byObjects = new WeakMap<PeerAddress, WeakMap<PeerAddress, Value>>()

  set(from: PeerAddress, to: PeerAddress, value: Value): void {
    this.byText.set(textOf(from, to), value)
    this.remember(from, to, value)
  }

  get(from: PeerAddress, to: PeerAddress): Value | undefined {
    const known = this.byObjects.get(from)?.get(to)
    if (known !== undefined) return known
    const value = this.byText.get(textOf(from, to))
    if (value !== undefined) this.remember(from, to, value)
    return value
  }

  private remember(from: PeerAddress, to: PeerAddress, value: Value): void {
    const known = this.byObjects.get(from)
    if (known === undefined) this.byObjects.set(from, new WeakMap([[to, value]]))
    else known.set(to, value)
  }
}

const textOf = (from: PeerAddress, to: PeerAddress): string => `${format(from)}>${format(to)}`
