/**
 * Which nodes had a session with one another, and when: who could have been reached by what was said.
 */

/** A session of two nodes, from when both ends knew of it until one of them was without. */
interface Standing {
  readonly one: number
  readonly other: number
  readonly fromMillis: number
  toMillis: number
}

/** The sessions of one network. Times do not go back. */
export class SessionHistory {
  /** Ends that know of a session, each as "node other". */
  readonly #ends = new Set<string>()
  readonly #live = new Map<string, Standing>()
  #past: Array<Standing> = []

  /** A node has authenticated another. */
  joined(node: number, other: number, nowMillis: number): void {
    this.#ends.add(`${node} ${other}`)
    if (!this.#ends.has(`${other} ${node}`) || this.#live.has(pairOf(node, other))) return
    this.#live.set(pairOf(node, other), { one: node, other, fromMillis: nowMillis, toMillis: Infinity })
  }

  /** A node is without another. */
  left(node: number, other: number, nowMillis: number): void {
    this.#ends.delete(`${node} ${other}`)
    const standing = this.#live.get(pairOf(node, other))
    if (standing === undefined) return
    standing.toMillis = nowMillis
    this.#past.push(standing)
    this.#live.delete(pairOf(node, other))
  }

  /** A node has gone down, and with it all that it was part of. Its peers find out later. */
  ended(node: number, nowMillis: number): void {
    for (const { one, other } of this.#live.values()) {
      if (one === node || other === node) this.left(node, one === node ? other : one, nowMillis)
    }
    for (const end of this.#ends) if (end.startsWith(`${node} `)) this.#ends.delete(end)
  }

  /** Forgets what ended before this: nobody asks about an earlier time again. */
  forgetBefore(millis: number): void {
    this.#past = this.#past.filter(({ toMillis }) => toMillis >= millis)
  }

  /** Whom a node was joined to by sessions each of which stood from one time to the other; the node itself among them. */
  joinedTo(origin: number, fromMillis: number, toMillis: number): ReadonlySet<number> {
    return componentOf(
      origin,
      this.#all().filter((session) => session.fromMillis <= fromMillis && session.toMillis >= toMillis)
    )
  }

  /**
   * Whom a node was joined to at every instant from one time to the other, were it over one way first and over another then; the
   * node itself among them.
   */
  joinedThroughout(origin: number, fromMillis: number, toMillis: number): ReadonlySet<number> {
    const sessions = this.#all()
    const changes = sessions
      .flatMap((session) => [session.fromMillis, session.toMillis])
      .filter((atMillis) => atMillis > fromMillis && atMillis <= toMillis)
    const components = [fromMillis, ...changes].map((atMillis) =>
      componentOf(
        origin,
        sessions.filter((session) => session.fromMillis <= atMillis && session.toMillis > atMillis)
      )
    )
    return components.reduce((common, component) => new Set([...common].filter((node) => component.has(node))))
  }

  #all(): ReadonlyArray<Standing> {
    return [...this.#live.values(), ...this.#past]
  }
}

const pairOf = (one: number, other: number): string => one < other ? `${one} ${other}` : `${other} ${one}`

const componentOf = (origin: number, sessions: ReadonlyArray<Standing>): Set<number> => {
  const reached = new Set([origin])
  for (const node of reached) {
    for (const { one, other } of sessions) {
      if (one === node) reached.add(other)
      else if (other === node) reached.add(one)
    }
  }
  return reached
}
