/**
 * A queue of things that hold each other: entering and leaving allocate nothing, and an empty one takes no memory.
 */

/** What can be queued: in one chain at a time. */
export interface Chained<A> {
  /** Who is behind it. The chain sets this. */
  next: A | undefined
}

/** First in, first out. Its owner bounds it. */
export class Chain<A extends Chained<A>> {
  /** Who is next to leave. */
  first: A | undefined = undefined
  /** Who came last. */
  last: A | undefined = undefined

  push(one: A): void {
    one.next = undefined
    if (this.last === undefined) this.first = one
    else this.last.next = one
    this.last = one
  }

  /** Takes the first one out. */
  shift(): A | undefined {
    const one = this.first
    if (one === undefined) return undefined
    this.first = one.next
    if (this.first === undefined) this.last = undefined
    one.next = undefined
    return one
  }

  clear(): void {
    this.first = undefined
    this.last = undefined
  }
}
