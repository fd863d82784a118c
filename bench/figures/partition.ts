/**
 * How long a network takes to heal that was cut in two halves.
 *
 * All times are counted from when the ways between the halves are open again. Nobody tells the nodes: TCP sends what was lost
 * again when its time has come, and the nodes bear with it or do not.
 */
import { noFaults } from "../../src/core/simulation/FaultPlan.ts"
import type { FloodKind, Said } from "../../src/testing/stellar/FloodLedger.ts"
import type { Figure, Measured, Trial } from "./Figure.ts"
import {
  acquaint,
  advance,
  everywhereMicros,
  MICROS_PER_SECOND,
  MILLIS_PER_SECOND,
  setUp,
  speak,
  staggered
} from "./Stage.ts"
import type { Stage } from "./Stage.ts"

/** Until all have their sessions. */
const WARM_UP_SECONDS = 20
const PARTITION_SECONDS = 30
/** Messages of all nodes together: each kind of each half every 400 ms. */
const PER_SECOND = 10
const KINDS = ["SCP_MESSAGE", "TRANSACTION"] as const satisfies ReadonlyArray<FloodKind>

/** Of 100 sessions over the cut. */
const SHARES = { half: 50, most: 90 } as const

type Name =
  | "statement"
  | "transaction"
  | "statements"
  | "transactions"
  | "nodes"
  | keyof typeof SHARES
  | "ended"

const run = (trial: Trial): Measured<Name> => {
  const { nodes, seconds, seed } = trial
  const { startMillis, topology } = staggered(trial)
  const healSeconds = WARM_UP_SECONDS + PARTITION_SECONDS
  const endSeconds = healSeconds + seconds
  const all = Array.from({ length: nodes }, (_, node) => node)
  const halves = [all.slice(0, Math.floor(nodes / 2)), all.slice(Math.floor(nodes / 2))] as const
  const halfOf = (node: number): number => node < halves[0].length ? 0 : 1
  const stage = setUp({
    seed,
    topology,
    startMillis,
    seconds: endSeconds,
    plan: {
      ...noFaults(nodes, endSeconds * MILLIS_PER_SECOND),
      faults: [{
        kind: "partition",
        groups: [halves[0]],
        fromMillis: WARM_UP_SECONDS * MILLIS_PER_SECOND,
        toMillis: healSeconds * MILLIS_PER_SECOND
      }]
    }
  })

  acquaint(stage, topology, all, WARM_UP_SECONDS)
  const crossing = stage.sessions.pairs().filter(([one, other]) => halfOf(one) !== halfOf(other))
  speak(stage, {
    fromMillis: WARM_UP_SECONDS * MILLIS_PER_SECOND,
    toMillis: endSeconds * MILLIS_PER_SECOND,
    perSecond: PER_SECOND,
    of: (count) => ({ kind: KINDS[count % 2]!, speakers: halves[Math.floor(count / 2) % 2]! })
  })
  const watch = new CutWatch(stage, crossing, (one, other) => halfOf(one) !== halfOf(other))
  advance(stage, healSeconds)
  watch.begin()
  advance(stage, endSeconds)

  const healMicros = healSeconds * MICROS_PER_SECOND
  const afterHealing = (micros: number): number | null =>
    micros === Infinity ? null : Math.max(0, micros - healMicros) / MICROS_PER_SECOND
  const said = (kind: FloodKind, isAfter: boolean): ReadonlyArray<Said> =>
    [...stage.ledger.said.values()].filter((one) => one.kind === kind && one.atMicros >= healMicros === isAfter)
  /** When for the first time something that each half has said since the healing is everywhere. */
  const first = (kind: FloodKind): number =>
    Math.max(...[0, 1].map((half) =>
      said(kind, true).filter(({ origin }) => halfOf(origin) === half)
        .reduce((least, one) => Math.min(least, everywhereMicros(one, nodes)), Infinity)
    ))
  /** When all that was said while the halves were apart is everywhere. */
  const last = (kind: FloodKind): number =>
    said(kind, false).reduce((most, one) => Math.max(most, everywhereMicros(one, nodes)), healMicros)
  const bereft = new Set(crossing.flat())
  return {
    statement: afterHealing(first("SCP_MESSAGE")),
    transaction: afterHealing(first("TRANSACTION")),
    statements: afterHealing(last("SCP_MESSAGE")),
    transactions: afterHealing(last("TRANSACTION")),
    nodes: afterHealing(Math.max(healMicros, ...[...bereft].map((node) => watch.worksOfMicros(node)))),
    half: afterHealing(watch.workMicros(Math.ceil(crossing.length * SHARES.half / 100))),
    most: afterHealing(watch.workMicros(Math.ceil(crossing.length * SHARES.most / 100))),
    ended: 100 * watch.ended() / Math.max(1, crossing.length)
  }
}

/** What a session over the cut has brought since the ways are open. */
interface Brought {
  up: boolean
  down: boolean
}

/** Watches sessions over the cut, of whatever pair: one works when both have got bytes by it. */
class CutWatch {
  private readonly stage: Stage
  private readonly isOver: (one: number, other: number) => boolean
  private readonly before: ReadonlySet<string>
  private readonly lost = new Set<string>()
  private readonly brought = new Map<string, Brought>()
  private working = 0
  /** When so many of them worked for the first time: one, two, and so on. */
  private readonly micros: Array<number> = []
  private readonly ofNode = new Map<number, number>()

  constructor(
    stage: Stage,
    crossing: ReadonlyArray<readonly [number, number]>,
    isOver: (one: number, other: number) => boolean
  ) {
    this.stage = stage
    this.isOver = isOver
    this.before = new Set(crossing.map((pair) => pair.join(" ")))
    stage.sessions.onChange = (node, peer) => {
      if (!isOver(node, peer) || stage.sessions.isMutual(node, peer)) return
      const name = nameOf(node, peer)
      if (this.before.has(name)) this.lost.add(name)
      const brought = this.brought.get(name)
      if (brought?.up === true && brought.down) this.working -= 1
      this.brought.delete(name)
    }
  }

  /** From now on bytes count. */
  begin(): void {
    const { network, nodes, sessions } = this.stage
    const nodeOfIp = new Map(nodes.map(({ address, index }) => [address.ip, index]))
    network.observe(({ _tag, from, to }) => {
      if (_tag !== "Delivered") return
      const sender = nodeOfIp.get(from.ip)!
      const receiver = nodeOfIp.get(to.ip)!
      // What a handshake brings is not yet a session's.
      if (this.isOver(sender, receiver) && sessions.isMutual(sender, receiver)) this.bring(sender, receiver)
    })
  }

  private bring(sender: number, receiver: number): void {
    const name = nameOf(sender, receiver)
    const brought = this.brought.get(name) ?? { up: false, down: false }
    this.brought.set(name, brought)
    const way = sender < receiver ? "up" : "down"
    if (brought[way]) return
    brought[way] = true
    if (!brought.up || !brought.down) return
    const now = this.stage.world.nowMicros()
    this.working += 1
    if (this.working > this.micros.length) this.micros.push(now)
    for (const node of [sender, receiver]) if (!this.ofNode.has(node)) this.ofNode.set(node, now)
  }

  /** When so many sessions worked for the first time; `Infinity` if they never did. */
  workMicros(count: number): number {
    return count === 0 ? 0 : this.micros[count - 1] ?? Infinity
  }

  /** When the first one of this node worked. */
  worksOfMicros(node: number): number {
    return this.ofNode.get(node) ?? Infinity
  }

  /** How many of those that there were have ended, whether or not another one came in their place. */
  ended(): number {
    return this.lost.size
  }
}

const nameOf = (one: number, other: number): string => one < other ? `${one} ${other}` : `${other} ${one}`

/** The figure. */
export const partition: Figure<Name> = {
  about: `how long it takes to heal a partition of halves that lasted ${PARTITION_SECONDS} s`,
  nodes: 100,
  seconds: 120,
  measures: {
    statement: { title: "a new statement of each half everywhere, s", digits: 2 },
    transaction: { title: "a new transaction of each half everywhere, s", digits: 2 },
    statements: { title: "all statements of the meantime everywhere, s", digits: 2 },
    transactions: { title: "all transactions of the meantime everywhere, s", digits: 2 },
    nodes: { title: "every node has a working session over the cut, s", digits: 2 },
    half: { title: `${SHARES.half} % as many of them work as before, s`, digits: 2 },
    most: { title: `${SHARES.most} % as many of them work as before, s`, digits: 2 },
    ended: { title: "sessions over the cut that ended, %", digits: 2 }
  },
  variants: [{ name: "halves", parameters: { partitionSeconds: PARTITION_SECONDS }, run }]
}
