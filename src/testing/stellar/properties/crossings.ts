/**
 * What crosses the links of a run and what its nodes have accepted, kept once for all properties that ask for it.
 */
import type { ItemHash } from "../../../core/ItemHash.ts"
import type { PeerId } from "../../../core/PeerId.ts"
import { DEMAND_BOOK_ENTRIES, DEMAND_MEMORY_MILLIS } from "../../../core/stellar/limits.ts"
import { MessageType } from "../../../core/stellar/messages.ts"
import type { Flooded } from "../../../services/stellar/Application.ts"
import type { WireFrame, WireWay } from "../Wiretap.ts"
import { HashesOver, makeKeys, Mark } from "./HashesOver.ts"
import { byWay, entryOf, type Hooks, isHonest, type Watched } from "./Property.ts"

/** Whether credit is spent for messages of this kind. */
export const isFlood = (kind: number): boolean =>
  kind === MessageType.SCP_MESSAGE || kind === MessageType.TRANSACTION || kind === MessageType.FLOOD_ADVERT
  || kind === MessageType.FLOOD_DEMAND

/** What is known of one way of a link. */
export interface Come {
  /** What came to an honest node by statement, advert and demand, and what an honest node has told and sent. */
  readonly hashes: HashesOver
  /** When questions for statements came. */
  readonly askedMicros: Array<number>
}

/** That a node has said or accepted a message. */
export interface Acceptance {
  readonly atMicros: number
  /** The peer that it was accepted from; of what the node said itself, the node. */
  readonly from: PeerId
}

/** Whom a node has asked for a transaction, while it remembers it. */
export interface Demand {
  readonly firstMicros: number
  lastMicros: number
  /** In the order in which they were asked, the one that is asked now included. */
  readonly peers: Array<PeerId | string>
  /** How many were asked altogether, also before the node had forgotten it. */
  askedEver: number
  /** The how-manieth transaction it is of those that the node has asked for. */
  readonly number: number
}

/** What a node knows of others. */
interface Known {
  readonly accepted: Map<ItemHash, Acceptance>
  readonly demands: Map<ItemHash, Demand>
  demandsBegun: number
  /** All ways that have led to it in this life. */
  readonly ways: Set<Come>
}

const MICROS_PER_MILLI = 1000
/** A demand may wait so long for credit: the memory that it is judged by has begun before it is on the wire. */
const WAIT_MICROS = 10_000_000
const MEMORY_MICROS = DEMAND_MEMORY_MILLIS * MICROS_PER_MILLI - WAIT_MICROS
/** A full book forgets the oldest; what came so long after a demand may have pushed it out. */
const REMEMBERED_DEMANDS = DEMAND_BOOK_ENTRIES / 2

const known = (): Known => ({ accepted: new Map(), demands: new Map(), demandsBegun: 0, ways: new Set() })

const runs = new WeakMap<Watched, Crossings>()

/** The crossings of one run. */
export class Crossings {
  /** What has come over a way. */
  readonly over: (way: WireWay) => Come
  private readonly nodes = new Map<number, Known>()
  private readonly run: Watched
  private isFed = false

  private constructor(run: Watched) {
    this.run = run
    const keys = makeKeys()
    this.over = byWay((way) => {
      const come: Come = { hashes: new HashesOver(keys), askedMicros: [] }
      if (way.toNode !== undefined) this.of(way.toNode).ways.add(come)
      return come
    })
  }

  /** Those of this run, the same for all who ask. */
  static of(run: Watched): Crossings {
    return entryOf(runs)(run, () => new Crossings(run))
  }

  /** Where and when a node has first accepted a message in this life, if it has. */
  acceptance(node: number, hash: ItemHash): Acceptance | undefined {
    return this.of(node).accepted.get(hash)
  }

  /** What a node has asked of whom, if it has asked for this; with the demand that goes out now. */
  demand(node: number, hash: ItemHash): Demand | undefined {
    return this.of(node).demands.get(hash)
  }

  /** How many have told the node of this in its present life. */
  tellers(node: number, hash: ItemHash): number {
    let count = 0
    for (const { hashes } of this.of(node).ways) if (hashes.heardMicros(hash) !== undefined) count += 1
    return count
  }

  /** How often a statement may have been asked for on a way: each question is answered with what was accepted before it. */
  questionsOver(way: WireWay, sinceMicros: number): number {
    return this.over(way).askedMicros.filter((atMicros) => atMicros >= sinceMicros).length
  }

  /**
   * The hooks of a property that reads here: the first one that asks, which is the first to be told of anything, brings what happens
   * in before it looks itself.
   */
  feeding(hooks: Hooks): Hooks {
    if (this.isFed) return hooks
    this.isFed = true
    return {
      ...hooks,
      said: (node, message) => {
        this.accept(node, message)
        hooks.said?.(node, message)
      },
      processed: (node, message, isAccepted) => {
        if (isAccepted) this.accept(node, message)
        hooks.processed?.(node, message, isAccepted)
      },
      ended: (node) => {
        this.nodes.delete(node)
        hooks.ended?.(node)
      },
      arrived: (frame) => {
        this.arrive(frame)
        hooks.arrived?.(frame)
      },
      sent: (frame) => {
        if (frame.kind === MessageType.FLOOD_DEMAND) this.ask(frame)
        hooks.sent?.(frame)
      }
    }
  }

  private of(node: number): Known {
    return entryOf(this.nodes)(node, known)
  }

  private accept(node: number, { from, hash }: Flooded): void {
    const { accepted } = this.of(node)
    if (!accepted.has(hash)) accepted.set(hash, { atMicros: this.run.nowMicros(), from })
  }

  private arrive({ hash, hashes, kind, way }: WireFrame): void {
    if (!isHonest(this.run, way.toNode)) return
    const now = this.run.nowMicros()
    switch (kind) {
      case MessageType.SCP_MESSAGE:
        if (hash !== undefined) this.over(way).hashes.hear(hash, now)
        return
      case MessageType.FLOOD_ADVERT: {
        const come = this.over(way)
        for (const one of hashes) come.hashes.hear(one, now)
        return
      }
      case MessageType.FLOOD_DEMAND: {
        const come = this.over(way)
        for (const one of hashes) come.hashes.mark(one, Mark.Demanded)
        return
      }
      case MessageType.GET_SCP_STATE:
        this.over(way).askedMicros.push(now)
    }
  }

  private ask({ hashes, way }: WireFrame): void {
    if (!isHonest(this.run, way.fromNode)) return
    const node = this.of(way.fromNode)
    const now = this.run.nowMicros()
    const peer = way.back.claimed ?? way.to.ip
    for (const hash of hashes) {
      const demand = node.demands.get(hash)
      const isRemembered = demand !== undefined && now - demand.firstMicros <= MEMORY_MICROS
        && node.demandsBegun - demand.number < REMEMBERED_DEMANDS
      if (isRemembered) {
        demand.lastMicros = now
        demand.peers.push(peer)
        demand.askedEver += 1
      } else {
        node.demands.set(hash, {
          firstMicros: now,
          lastMicros: now,
          peers: [peer],
          askedEver: (demand?.askedEver ?? 0) + 1,
          number: ++node.demandsBegun
        })
      }
    }
  }
}
