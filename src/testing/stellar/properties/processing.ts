/**
 * Properties of what reaches the application of an honest node.
 */
import * as ItemHash from "../../../core/ItemHash.ts"
import type { PeerId } from "../../../core/PeerId.ts"
import { HANDSHAKE_TIMEOUT_MILLIS } from "../../../core/stellar/limits.ts"
import { MessageType } from "../../../core/stellar/messages.ts"
import type { Flooded } from "../../../services/stellar/Application.ts"
import { macForger } from "../hostile/macForger.ts"
import type { WireWay } from "../Wiretap.ts"
import { byWay, entryOf, isHonest, nodeOf, type Property } from "./Property.ts"

/** Ways of one peer to one node that are remembered: only the live session counts, and a few that did not become one. */
const WAYS_A_PEER = 8

/** What has arrived on a way and may be processed. */
interface Arrivals {
  readonly way: WireWay
  /** The frames of each message, by hash: mostly one. Of two kinds no two messages have the same. */
  readonly frames: Map<ItemHash.ItemHash, number | Array<number>>
  /** The frame of what was processed last. */
  last: number
}

/** The application gets what its peer has sent in this session, each frame once, in the order of the frames. */
export const onlyWhatWasSent: Property = {
  name: "only what that key sent in that session is processed, once, in order",
  doc:
    "To each message that an application gets there is a frame of a link whose sender is that peer, with the right sequence, behind the frame of the message before. What has to wait for a set has its turn when it comes, and is processed later.",
  watch: (run, violated) => {
    const byId = nodeOf(run)
    const arrivals = new Map<number, Map<PeerId, Array<Arrivals>>>()
    const arrivalsOf = byWay((way): Arrivals => {
      const made: Arrivals = { way, frames: new Map(), last: -1 }
      const { claimed, toNode } = way
      if (claimed === undefined || toNode === undefined) return made
      const of = entryOf(entryOf(arrivals)(toNode, () => new Map<PeerId, Array<Arrivals>>()))(claimed, () => [])
      of.push(made)
      if (of.length > WAYS_A_PEER) of.shift()
      return made
    })
    const isOf = (way: WireWay, id: PeerId): boolean => {
      const node = byId(id)
      return node === undefined || node.isHostile ? !isHonest(run, way.fromNode) : node.index === way.fromNode
    }
    const take = (one: Arrivals, hash: ItemHash.ItemHash): boolean => {
      const frames = one.frames.get(hash) ?? []
      const all = typeof frames === "number" ? [frames] : frames
      const index = all.find((each) => each > one.last)
      if (index === undefined) return false
      const rest = all.filter((each) => each !== index)
      if (rest.length === 0) one.frames.delete(hash)
      else one.frames.set(hash, rest)
      one.last = index
      return true
    }
    /** What has come in its turn and waits, by node. */
    const waiting = new Map<number, Set<ItemHash.ItemHash>>()
    const waitingAt = (node: number): Set<ItemHash.ItemHash> => entryOf(waiting)(node, () => new Set())
    const process = (node: number, { from, hash, kind }: Flooded): void => {
      const ways = arrivals.get(node)?.get(from)?.filter(({ way }) => isOf(way, from)) ?? []
      if (!ways.some((one) => take(one, hash))) violated(node, `${kind} ${ItemHash.toHex(hash)} of ${from}`)
    }
    return {
      arrived: ({ hash, index, isNext, way }) => {
        if (hash === undefined || !isNext || way.claimed === undefined || !isHonest(run, way.toNode)) return
        const { frames } = arrivalsOf(way)
        const before = frames.get(hash)
        if (before === undefined) frames.set(hash, index)
        else frames.set(hash, typeof before === "number" ? [before, index] : [...before, index])
      },
      waits: (node, message) => {
        if (waitingAt(node).has(message.hash)) return
        waitingAt(node).add(message.hash)
        process(node, message)
      },
      processed: (node, message) => {
        if (!waitingAt(node).delete(message.hash)) process(node, message)
      },
      ended: (node) => {
        arrivals.delete(node)
        waiting.delete(node)
      }
    }
  }
}

/** Nobody gets the same news twice. */
export const processedOnce: Property = {
  name: "each flood message is processed once a node",
  doc: "What an application has accepted does not come to it again in the same life of its node.",
  watch: (_run, violated) => {
    // Of one life: a node that crashed has forgotten what it had seen, and may ask for it again.
    const seen = new Map<number, Set<ItemHash.ItemHash>>()
    return {
      said: (node, { hash }) => void entryOf(seen)(node, () => new Set()).add(hash),
      processed: (node, { hash }, isAccepted) => {
        const known = entryOf(seen)(node, () => new Set())
        if (known.has(hash)) violated(node, ItemHash.toHex(hash))
        if (isAccepted) known.add(hash)
      },
      ended: (node) => void seen.delete(node)
    }
  }
}

/** Nobody invents statements. */
export const onlyWhatWasSaid: Property = {
  name: "only statements that somebody has said are accepted",
  doc: "Where no node is hostile, each accepted statement is one that a node of the run has said.",
  watch: (run, violated) => ({
    processed: (node, { hash, kind }, isAccepted) => {
      if (!isAccepted || kind !== "SCP_MESSAGE" || run.nodes.some(({ isHostile }) => isHostile)) return
      if (!run.ledger.said.has(hash)) violated(node, ItemHash.toHex(hash))
    }
  })
}

/** How long it may take until a bad frame ends its session: it may stand behind a handshake. */
const PATIENCE_MICROS = HANDSHAKE_TIMEOUT_MILLIS * 1000

/** A frame with a wrong MAC, or with a wrong sequence, has one effect. */
export const badFramesEndTheSession: Property = {
  name: "a forged or repeated frame ends its session",
  doc:
    "Who has sent a frame with a wrong sequence hears no more, beyond the time of a handshake; and of the MAC forgers of a plan, which ask for a set of transactions with a bit changed, none has an answer.",
  watch: (run, violated) => {
    const forgers = new Set(
      run.plan.faults.flatMap((fault) => fault.kind === "hostile" && fault.actor === macForger.name ? [fault.node] : [])
    )
    /** When the first bad frame came. */
    const badOver = byWay(() => ({ sinceMicros: Infinity }))
    return {
      arrived: ({ isNext, way }) => {
        if (isNext || !isHonest(run, way.toNode)) return
        const bad = badOver(way)
        bad.sinceMicros = Math.min(bad.sinceMicros, run.nowMicros())
      },
      sent: ({ kind, missing, way }) => {
        const { back, fromNode, to, toNode } = way
        if (kind === MessageType.ERROR_MSG || !isHonest(run, fromNode)) return
        const isAnswer = kind === MessageType.DONT_HAVE && missing === MessageType.GENERALIZED_TX_SET
        const isLate = run.nowMicros() - badOver(back).sinceMicros > PATIENCE_MICROS
        if (isLate || (isAnswer && toNode !== undefined && forgers.has(toNode))) {
          violated(fromNode, `goes on with ${to.ip}:${to.port}`)
        }
      }
    }
  }
}
