/**
 * The property of liveness: in the calm, what is said gets around.
 */
import * as ItemHash from "../../../core/ItemHash.ts"
import type { PeerAddress } from "../../../core/PeerAddress.ts"
import { StatementQueue } from "../../../core/stellar/StatementQueue.ts"
import { type NetworkEvent, wayBack } from "../../../layers/simulation/NetworkTrace.ts"
import type { Flooded } from "../../../services/stellar/Application.ts"
import { entryOf, isHonest, nodeAt, type Property, type Watched } from "./Property.ts"

const MICROS_PER_SECOND = 1_000_000
/** How long something may take to come around: demands at three peers that withhold it, on the way of one message and its ledger. */
export const DELIVERY_BOUND_MICROS = 10 * MICROS_PER_SECOND

/** A session that both ends know of, or knew of until `toMicros`. */
interface Interval {
  readonly one: number
  readonly other: number
  readonly fromMicros: number
  toMicros: number
}

/** One direction of a link, and what it has still to bring from the time of the faults. */
interface Backlog {
  readonly from: number
  readonly to: number
  sentBytes: number
  deliveredBytes: number
  /** What had been sent when the calm began. */
  owedBytes: number
  /** When all of that had arrived: a link whose bytes were lost sends them again late, the later the longer it was cut. */
  settledMicros: number
  deadMicros: number
}

/** Watches which honest nodes could talk to one another, and when. */
class Links {
  readonly intervals: Array<Interval> = []
  readonly backlogs: Array<Backlog> = []
  private readonly joined = new Set<string>()
  private readonly live = new Map<string, Interval>()
  /** At the number of the way. */
  private readonly byWay: Array<Backlog | undefined> = []
  private readonly run: Watched
  private readonly at: ReturnType<typeof nodeAt>

  constructor(run: Watched) {
    this.run = run
    this.at = nodeAt(run)
  }

  honestAt(ip: string): number | undefined {
    const node = this.at(ip)
    return node?.isHostile === false ? node.index : undefined
  }

  join(node: number, other: number): void {
    this.joined.add(`${node} ${other}`)
    if (!this.joined.has(`${other} ${node}`)) return
    const interval = { one: node, other, fromMicros: this.run.nowMicros(), toMicros: Infinity }
    this.live.set(pairOf(node, other), interval)
    this.intervals.push(interval)
  }

  leave(node: number, other: number): void {
    this.joined.delete(`${node} ${other}`)
    const interval = this.live.get(pairOf(node, other))
    if (interval === undefined) return
    interval.toMicros = this.run.nowMicros()
    this.live.delete(pairOf(node, other))
  }

  /** The node has ended, and with it all that it was part of. */
  end(node: number): void {
    for (const { index } of this.run.nodes) {
      this.leave(node, index)
      this.leave(index, node)
    }
    for (const backlog of this.backlogs) {
      if (backlog.from === node || backlog.to === node) {
        backlog.deadMicros = Math.min(backlog.deadMicros, this.run.nowMicros())
      }
    }
  }

  open(from: PeerAddress, to: PeerAddress, way: number): void {
    const [caller, called] = [this.honestAt(from.ip), this.honestAt(to.ip)]
    if (caller === undefined || called === undefined) return
    for (const [one, other, number] of [[caller, called, way], [called, caller, wayBack(way)]] as const) {
      const backlog: Backlog = {
        from: one,
        to: other,
        sentBytes: 0,
        deliveredBytes: 0,
        owedBytes: 0,
        settledMicros: 0,
        deadMicros: Infinity
      }
      this.byWay[number] = backlog
      this.backlogs.push(backlog)
    }
  }

  backlog(way: number): Backlog | undefined {
    return this.byWay[way]
  }

  calm(): void {
    for (const backlog of this.backlogs) {
      backlog.owedBytes = backlog.sentBytes
      if (backlog.deliveredBytes < backlog.owedBytes) backlog.settledMicros = Infinity
    }
  }

  /** From when on bytes get through on all the links of this session that are not known to be dead. */
  usableFromMicros({ fromMicros, one, other }: Interval): number {
    let from = fromMicros
    for (const backlog of this.backlogs) {
      const isTheirs = (backlog.from === one && backlog.to === other) || (backlog.from === other && backlog.to === one)
      if (isTheirs && backlog.deadMicros > fromMicros) from = Math.max(from, backlog.settledMicros)
    }
    return from
  }
}

const pairOf = (one: number, other: number): string => one < other ? `${one} ${other}` : `${other} ${one}`

/** What honest nodes say of consensus in the calm: a newer word takes the place of an older one that waits (protocol §5.6). */
class Statements {
  private readonly rule = new StatementQueue()
  private readonly ofNode = new Map<number, Array<{ readonly hash: ItemHash.ItemHash; readonly bytes: Uint8Array }>>()
  private readonly run: Watched

  constructor(run: Watched) {
    this.run = run
  }

  note(node: number, { bytes, hash }: Flooded): void {
    entryOf(this.ofNode)(node, () => []).push({ hash, bytes: bytes.slice() })
  }

  /** Whether a newer statement that may take the place of this one has come to that node in its time. */
  isReplaced(origin: number, hash: ItemHash.ItemHash, node: number): boolean {
    const statements = this.ofNode.get(origin) ?? []
    const at = statements.findIndex((one) => one.hash === hash)
    const older = statements[at]
    if (older === undefined) return false
    return statements.slice(at + 1).some((newer) => {
      if (!this.rule.replaces(newer.bytes, older.bytes)) return false
      const said = this.run.ledger.said.get(newer.hash)
      const reached = said?.reached.get(node)
      return said !== undefined && reached !== undefined && reached <= said.atMicros + DELIVERY_BOUND_MICROS
    })
  }
}

/** Everything gets around. */
export const everythingArrives: Property = {
  name: "after the last fault everything that is said reaches every honest node of its component",
  doc:
    "What an honest node says in the calm reaches, within 10 s, all honest nodes that it is joined to by sessions between honest nodes which last at least as long; or, of a statement, a newer one that takes its place in outboxes does.",
  watch: (run, violated) => {
    const links = new Links(run)
    const network = ({ _tag, bytes, from, to, way }: NetworkEvent): void => {
      if (_tag === "Dialled") return links.open(from, to, way)
      const backlog = links.backlog(way)
      if (backlog === undefined) return
      if (_tag === "Sent") {
        backlog.sentBytes += bytes
      } else if (_tag === "Delivered") {
        backlog.deliveredBytes += bytes
        if (backlog.settledMicros === Infinity && backlog.deliveredBytes >= backlog.owedBytes) {
          backlog.settledMicros = run.nowMicros()
        }
      } else if (_tag !== "Accepted") {
        for (const each of [backlog, links.backlog(wayBack(way))]) {
          if (each !== undefined) each.deadMicros = Math.min(each.deadMicros, run.nowMicros())
        }
      }
    }
    const statements = new Statements(run)
    // Where nothing goes wrong no link is ever behind, and its bytes need not be counted.
    const isQuiet = run.plan.faults.every(({ kind }) => kind === "hostile")
    return {
      event: (node, event) => {
        if (event._tag !== "PeerJoined" && event._tag !== "PeerLeft") return
        const address = event._tag === "PeerJoined" ? event.peer.address : event.address
        const other = links.honestAt(address.ip)
        if (other === undefined) return
        if (event._tag === "PeerJoined") links.join(node, other)
        else links.leave(node, other)
      },
      said: (node, message) => {
        if (message.kind === "SCP_MESSAGE" && run.nowMicros() >= run.calmFromMicros) statements.note(node, message)
      },
      ended: (node) => links.end(node),
      ...(isQuiet ? {} : { network }),
      calm: () => links.calm(),
      end: () => {
        const usable = links.intervals
          .filter(({ toMicros }) => toMicros > run.calmFromMicros)
          .map((interval) => ({ ...interval, fromMicros: links.usableFromMicros(interval) }))
        for (const [hash, said] of run.ledger.said) {
          const untilMicros = said.atMicros + DELIVERY_BOUND_MICROS
          if (said.atMicros < run.calmFromMicros || untilMicros > run.endMicros) continue
          for (const node of componentOf(said.origin, usable, said.atMicros, untilMicros)) {
            const atMicros = said.reached.get(node)
            if (node === said.origin || !isHonest(run, node) || (atMicros ?? Infinity) <= untilMicros) continue
            if (said.kind === "SCP_MESSAGE" && statements.isReplaced(said.origin, hash, node)) continue
            violated(
              node,
              `${said.kind} ${ItemHash.toHex(hash)} of node ${said.origin}, said at ${said.atMicros} us, `
                + (atMicros === undefined ? "has not come" : `has come at ${atMicros} us`)
            )
          }
        }
      }
    }
  }
}

/** The nodes that can be reached from there over sessions that last from one time to the other. */
const componentOf = (
  origin: number,
  intervals: ReadonlyArray<Interval>,
  fromMicros: number,
  toMicros: number
): ReadonlySet<number> => {
  const neighbours = new Map<number, Array<number>>()
  for (const { fromMicros: begun, one, other, toMicros: ended } of intervals) {
    if (begun > fromMicros || ended < toMicros) continue
    entryOf(neighbours)(one, (): Array<number> => []).push(other)
    entryOf(neighbours)(other, (): Array<number> => []).push(one)
  }
  const reached = new Set([origin])
  for (const node of reached) for (const next of neighbours.get(node) ?? []) reached.add(next)
  return reached
}
