/**
 * Who has said what while nodes went down and came back, whom it had to reach, and whom it has reached in time.
 *
 * A message is expected at every node that was up, and joined to its originator by sessions, from when it was said until
 * `BOUND_MILLIS` later. It is judged behind that time, by what was known then of who was up and who had a session with whom.
 */
import * as ItemHash from "../../core/ItemHash.ts"
import { LatencyHistogram } from "../../testing/LatencyHistogram.ts"
import { type FloodBooks, type FloodWitness, type Kind, type KindCount, kinds, type Loss } from "./FloodTally.ts"
import { SessionHistory } from "./SessionHistory.ts"

/** In so much time a message reaches whoever it can reach. */
export const BOUND_MILLIS = 5000
/** For so much longer a message that was late somewhere is watched, to tell late from never. */
const WATCHED_MILLIS = 15_000
/** Whoever lost more of its five seconds than this was held up by the machine: what is left is hardly enough for a demand and its repetition. */
const STALLED_MILLIS = 2500
/** Losses that are told one by one; all are counted. */
const NAMED_LOSSES = 20

/** A message that a node did not get in time. Times count as those that the tally is given. */
export interface NamedLoss {
  readonly kind: Kind
  readonly hash: string
  readonly origin: number
  readonly node: number
  readonly saidAtMillis: number
  /** When it came all the same; `null` if it has not. */
  cameAtMillis: number | null
  /** Of its time, how long this process did not run at all: see `StallLog`. */
  readonly stalledMillis: number
}

/** How many deliveries were due, and how many were not there in time. */
export interface Due {
  readonly expected: number
  readonly delivered: number
  readonly lost: number
}

interface Said {
  readonly kind: Kind
  readonly hash: ItemHash.ItemHash
  readonly origin: number
  readonly atMillis: number
  /** When each node got it; `NaN` if it has not. */
  readonly came: Float64Array
}

interface Overdue {
  readonly said: Said
  readonly losses: ReadonlyArray<NamedLoss>
  readonly missing: Set<number>
}

const none = () => ({ originated: 0, expected: 0, delivered: 0 })

/** The books of one soak. They hold what was said in the last seconds, and sums. */
export class SoakTally implements FloodWitness, FloodBooks {
  readonly sessions = new SessionHistory()
  readonly #nodes: number
  /** In the order in which they were said. */
  readonly #underway = new Map<ItemHash.ItemHash, Said>()
  readonly #overdue = new Map<ItemHash.ItemHash, Overdue>()
  readonly #counts = { scp: none(), tx: none() }
  readonly #throughout = { expected: 0, delivered: 0 }
  readonly #lostAt: { readonly [kind in Kind]: Map<number, number> } = { scp: new Map(), tx: new Map() }
  readonly #ofNode: ReadonlyArray<{ originated: number; delivered: number }>
  readonly #latencies = { scp: new LatencyHistogram(), tx: new LatencyHistogram() }
  readonly #named: Array<NamedLoss> = []
  readonly #stalledMillis: (fromMillis: number, toMillis: number) => number
  #late = 0
  #whileStalled = 0

  /** `stalledMillis` tells how long the process was held up between two times. */
  constructor(nodes: number, stalledMillis: (fromMillis: number, toMillis: number) => number) {
    this.#nodes = nodes
    this.#stalledMillis = stalledMillis
    this.#ofNode = Array.from({ length: nodes }, () => ({ originated: 0, delivered: 0 }))
  }

  /** A node says something of its own. */
  originated(kind: Kind, node: number, hash: ItemHash.ItemHash, nowMillis: number): void {
    this.#counts[kind].originated += 1
    this.#ofNode[node]!.originated += 1
    const came = new Float64Array(this.#nodes).fill(NaN)
    this.#underway.set(hash, { kind, hash, origin: node, atMillis: nowMillis, came })
  }

  /** A node's application has seen a message with this hash and a good signature. */
  delivered(node: number, hash: ItemHash.ItemHash, nowMillis: number): void {
    const said = this.#underway.get(hash)
    if (said !== undefined) {
      if (Number.isNaN(said.came[node])) said.came[node] = nowMillis
      return
    }
    const overdue = this.#overdue.get(hash)
    if (overdue?.missing.delete(node) !== true) return
    this.#late += 1
    for (const loss of overdue.losses) if (loss.node === node) loss.cameAtMillis = nowMillis
  }

  /** Judges all that was said long enough before. */
  settle(nowMillis: number): void {
    for (const said of this.#underway.values()) {
      if (said.atMillis + BOUND_MILLIS > nowMillis) break
      this.#underway.delete(said.hash)
      this.#judge(said)
    }
    for (const [hash, { said }] of this.#overdue) {
      if (said.atMillis + WATCHED_MILLIS > nowMillis) break
      this.#overdue.delete(hash)
    }
    const [oldest] = this.#underway.values()
    this.sessions.forgetBefore(oldest?.atMillis ?? nowMillis)
  }

  #judge(said: Said): void {
    const untilMillis = said.atMillis + BOUND_MILLIS
    const inTime = (node: number): boolean => said.came[node]! <= untilMillis
    const counts = this.#counts[said.kind]
    const missing: Array<number> = []
    for (const node of this.sessions.joinedTo(said.origin, said.atMillis, untilMillis)) {
      if (node === said.origin) continue
      counts.expected += 1
      if (inTime(node)) {
        counts.delivered += 1
        this.#ofNode[node]!.delivered += 1
        this.#latencies[said.kind].add(said.came[node]! - said.atMillis)
      } else {
        missing.push(node)
      }
    }
    for (const node of this.sessions.joinedThroughout(said.origin, said.atMillis, untilMillis)) {
      if (node === said.origin) continue
      this.#throughout.expected += 1
      if (inTime(node)) this.#throughout.delivered += 1
    }
    if (missing.length > 0) this.#missed(said, missing)
  }

  #missed(said: Said, nodes: ReadonlyArray<number>): void {
    const stalledMillis = Math.round(this.#stalledMillis(said.atMillis, said.atMillis + BOUND_MILLIS))
    if (stalledMillis > STALLED_MILLIS) this.#whileStalled += nodes.length
    const losses = nodes.map((node): NamedLoss => {
      const came = said.came[node]!
      return {
        kind: said.kind,
        hash: ItemHash.toHex(said.hash),
        origin: said.origin,
        node,
        saidAtMillis: said.atMillis,
        cameAtMillis: Number.isNaN(came) ? null : came,
        stalledMillis
      }
    })
    const lostAt = this.#lostAt[said.kind]
    for (const node of nodes) lostAt.set(node, (lostAt.get(node) ?? 0) + 1)
    this.#named.push(...losses.slice(0, NAMED_LOSSES - this.#named.length))
    this.#late += losses.filter(({ cameAtMillis }) => cameAtMillis !== null).length
    const missing = new Set(nodes.filter((node) => Number.isNaN(said.came[node])))
    if (missing.size > 0) this.#overdue.set(said.hash, { said, losses, missing })
  }

  /** What became of one kind, of what has been judged. */
  count(kind: Kind): KindCount {
    const { delivered, expected, originated } = this.#counts[kind]
    return { originated, expected, delivered, lost: expected - delivered }
  }

  /**
   * The same over both kinds by the wider rule: expected at every node that was joined to the originator at each instant, over
   * whatever way. A node whose only way changed while the message was on it may rightly miss it: nobody tells again what was said
   * before a session.
   */
  get throughout(): Due {
    const { delivered, expected } = this.#throughout
    return { expected, delivered, lost: expected - delivered }
  }

  /** Of the deliveries that were not there in time, those that came in the seconds behind it. */
  get late(): number {
    return this.#late
  }

  /** Of the deliveries that were not there in time, those in whose time this process was held up for more than half of it. Lost all the same. */
  get whileStalled(): number {
    return this.#whileStalled
  }

  /** The first deliveries that were not there in time. */
  get namedLosses(): ReadonlyArray<NamedLoss> {
    return this.#named
  }

  /** What one node said, and what reached it. */
  ofNode(node: number): { readonly originated: number; readonly delivered: number } {
    return this.#ofNode[node] ?? { originated: 0, delivered: 0 }
  }

  /** How long messages of a kind took, in milliseconds, from their origin to each node at which they were expected. */
  latencyMillis(kind: Kind): { readonly p50: number | null; readonly p99: number | null } {
    const latencies = this.#latencies[kind]
    return { p50: latencies.quantile(0.5), p99: latencies.quantile(0.99) }
  }

  /** What is missing where; empty when nothing was lost. */
  losses(): ReadonlyArray<Loss> {
    return kinds.flatMap((kind) =>
      [...this.#lostAt[kind]].sort(([one], [other]) => one - other).map(([node, count]) => ({ kind, node, count }))
    )
  }
}
