/**
 * Properties of what honest nodes send, frame by frame: sequence, credit, who is told what, what goes first.
 */
import * as ItemHash from "../../../core/ItemHash.ts"
import type { PeerId } from "../../../core/PeerId.ts"
import { MessageType } from "../../../core/stellar/messages.ts"
import type { Flooded } from "../../../services/stellar/Application.ts"
import type { WireFrame, WireWay } from "../Wiretap.ts"
import { entryOf, type Hooks, isHonest, nodeAt, type Property, type Watched } from "./Property.ts"

const isFlood = (kind: number): boolean =>
  kind === MessageType.SCP_MESSAGE || kind === MessageType.TRANSACTION || kind === MessageType.FLOOD_ADVERT
  || kind === MessageType.FLOOD_DEMAND

const isBulk = (kind: number): boolean => isFlood(kind) && kind !== MessageType.SCP_MESSAGE

const toText = ({ way }: WireFrame): string => `to ${way.to.ip}:${way.to.port}`

/** Frames are counted without a gap. */
export const sequencesRise: Property = {
  name: "the sequence of an honest sender rises by one a frame",
  doc: "A frame that is sent twice, left out or out of its order would end the session at the other side.",
  watch: (run, violated) => ({
    sent: (frame) => {
      if (isHonest(run, frame.way.fromNode) && !frame.isNext) {
        violated(frame.way.fromNode, `frame ${frame.index} ${toText(frame)}`)
      }
    }
  })
}

/** What was granted one way and spent the other. */
interface Account {
  /** Grants that have come to the sender. */
  heardMessages: number
  heardBytes: number
  spentMessages: number
  spentBytes: number
  /** What of that has come to the receiver. */
  arrivedMessages: number
  arrivedBytes: number
  /** Grants that the receiver has sent, the first one not counted. */
  returnedMessages: number
  returnedBytes: number
  hasFirst: boolean
}

const account = (): Account => ({
  heardMessages: 0,
  heardBytes: 0,
  spentMessages: 0,
  spentBytes: 0,
  arrivedMessages: 0,
  arrivedBytes: 0,
  returnedMessages: 0,
  returnedBytes: 0,
  hasFirst: false
})

/** Credit is neither made nor lost. */
export const creditIsConserved: Property = {
  name: "credit is conserved on every link",
  doc:
    "An honest node sends no more than it was granted; it grants its first credit once, then what has come and no more; and at the end of the run no full batch is owed.",
  watch: (run, violated) => {
    // By the way that the flood messages go.
    const accounts = new WeakMap<WireWay, Account>()
    const of = (way: WireWay): Account => entryOf(accounts)(way, account)
    // The last way between two honest nodes that was used behind the handshake, and which of them are sessions of now.
    const latest = new Map<string, WireWay>()
    const live = new Map<string, readonly [from: number, to: number]>()
    const at = nodeAt(run)
    return {
      event: (node, event) => {
        if (event._tag !== "PeerJoined" && event._tag !== "PeerLeft") return
        const address = event._tag === "PeerJoined" ? event.peer.address : event.address
        const from = at(address.ip)
        if (from === undefined || from.isHostile) return
        const key = `${from.index}>${node}`
        if (event._tag === "PeerJoined") live.set(key, [from.index, node])
        else live.delete(key)
      },
      ended: (node) => {
        for (const [key, pair] of live) if (pair.includes(node)) live.delete(key)
      },
      sent: (frame) => {
        const { bytes, grant, kind, way } = frame
        if (!isHonest(run, way.fromNode)) return
        if (isFlood(kind)) {
          if (isHonest(run, way.toNode)) latest.set(`${way.fromNode}>${way.toNode}`, way)
          const spent = of(way)
          spent.spentMessages += 1
          spent.spentBytes += bytes
          if (spent.spentMessages > spent.heardMessages || spent.spentBytes > spent.heardBytes) {
            violated(
              way.fromNode,
              `${toText(frame)}: ${spent.spentMessages} messages and ${spent.spentBytes} bytes are sent, `
                + `${spent.heardMessages} and ${spent.heardBytes} granted`
            )
          }
        } else if (grant !== undefined) {
          const given = of(way.back)
          if (!given.hasFirst) {
            given.hasFirst = true
            const { messages } = run.nodes[way.fromNode]!.config.credit
            if (grant.messages !== messages) {
              violated(way.fromNode, `${toText(frame)}: the first credit is ${grant.messages}`)
            }
            return
          }
          given.returnedMessages += grant.messages
          given.returnedBytes += grant.bytes
          if (given.returnedMessages > given.arrivedMessages || given.returnedBytes > given.arrivedBytes) {
            violated(
              way.fromNode,
              `${toText(frame)}: ${given.returnedMessages} messages and ${given.returnedBytes} bytes are given back, `
                + `${given.arrivedMessages} and ${given.arrivedBytes} have come`
            )
          }
        }
      },
      arrived: ({ bytes, grant, kind, way }) => {
        if (isFlood(kind)) {
          const came = of(way)
          came.arrivedMessages += 1
          came.arrivedBytes += bytes
        } else if (grant !== undefined) {
          const heard = of(way.back)
          heard.heardMessages += grant.messages
          heard.heardBytes += grant.bytes
        }
      },
      end: () => {
        for (const [key, [from, to]] of live) {
          const way = latest.get(key)
          if (way === undefined || !live.has(`${to}>${from}`)) continue
          const { arrivedBytes, arrivedMessages, hasFirst, returnedBytes, returnedMessages } = of(way)
          const { batchBytes, batchMessages } = run.nodes[to]!.config.credit
          const [messages, bytes] = [arrivedMessages - returnedMessages, arrivedBytes - returnedBytes]
          if (hasFirst && (messages >= batchMessages || bytes >= batchBytes)) {
            violated(to, `${messages} messages and ${bytes} bytes of node ${from} are not given back`)
          }
        }
      }
    }
  }
}

/** What has crossed one way of a link, and what its sender has heard on the other. */
interface Crossed {
  readonly messages: Map<string, number>
  readonly adverts: Set<ItemHash.ItemHash>
  readonly demanded: Set<ItemHash.ItemHash>
  /** When statements, and adverts, came to the sender. */
  readonly heard: Map<ItemHash.ItemHash, number>
  /** When questions for statements came to the sender. */
  readonly askedMicros: Array<number>
  bulkMicros: number
  readonly sinceMicros: number
}

const crossedOf = (nowMicros: () => number) => {
  const crossings = new WeakMap<WireWay, Crossed>()
  return (way: WireWay): Crossed =>
    entryOf(crossings)(way, () => ({
      messages: new Map(),
      adverts: new Set(),
      demanded: new Set(),
      heard: new Map(),
      askedMicros: [],
      bulkMicros: -1,
      sinceMicros: nowMicros()
    }))
}

/** How often a statement may have been asked for: each question is answered with what was accepted before it. */
const answersTo = ({ askedMicros }: Crossed, acceptedMicros = 0): number =>
  askedMicros.filter((atMicros) => atMicros >= acceptedMicros).length

/** When each node has said or accepted a message. */
class Accepted {
  private readonly byNode = new Map<
    number,
    Map<ItemHash.ItemHash, { readonly atMicros: number; readonly from: PeerId }>
  >()

  private note(node: number, { from, hash }: Flooded, atMicros: number): void {
    const known = entryOf(this.byNode)(
      node,
      () => new Map<ItemHash.ItemHash, { readonly atMicros: number; readonly from: PeerId }>()
    )
    if (!known.has(hash)) known.set(hash, { atMicros, from })
  }

  of(node: number, hash: ItemHash.ItemHash): number | undefined {
    return this.byNode.get(node)?.get(hash)?.atMicros
  }

  /** The peer that it was accepted from; of what the node said itself, the node. */
  sourceOf(node: number, hash: ItemHash.ItemHash): PeerId | undefined {
    return this.byNode.get(node)?.get(hash)?.from
  }

  /** What keeps it up to date. */
  hooks(run: Watched): Hooks {
    return {
      said: (node, message) => this.note(node, message, run.nowMicros()),
      processed: (node, message, isAccepted) => {
        if (isAccepted) this.note(node, message, run.nowMicros())
      },
      ended: (node) => void this.byNode.delete(node)
    }
  }
}

/** Told once, on each link. */
export const crossesOnce: Property = {
  name: "each flood message crosses a link at most once each way",
  doc:
    "An honest node sends a transaction only to who demanded it, once; it advertises a hash once; a statement once, and once more for each time that it was asked for its statements since it has it.",
  watch: (run, violated) => {
    const of = crossedOf(run.nowMicros)
    const accepted = new Accepted()
    return {
      ...accepted.hooks(run),
      arrived: ({ hashes, kind, way }) => {
        if (kind === MessageType.GET_SCP_STATE) of(way.back).askedMicros.push(run.nowMicros())
        if (kind === MessageType.FLOOD_DEMAND) { for (const hash of hashes) of(way.back).demanded.add(hash) }
      },
      sent: (frame) => {
        const { hash, hashes, kind, way } = frame
        const { fromNode } = way
        if (!isHonest(run, fromNode)) return
        const crossed = of(way)
        if (kind === MessageType.FLOOD_ADVERT) {
          for (const one of hashes) {
            if (crossed.adverts.has(one)) violated(fromNode, `advert of ${ItemHash.toHex(one)} ${toText(frame)}`)
            crossed.adverts.add(one)
          }
        }
        if (hash === undefined) return
        const name = `${kind} ${hash}`
        const copies = (crossed.messages.get(name) ?? 0) + 1
        crossed.messages.set(name, copies)
        const allowed = kind === MessageType.SCP_MESSAGE
          ? 1 + answersTo(crossed, accepted.of(fromNode, hash))
          : crossed.demanded.has(hash)
          ? 1
          : 0
        if (copies > allowed) {
          violated(fromNode, `${copies} copies of ${ItemHash.toHex(hash)} ${toText(frame)}, ${allowed} allowed`)
        }
      }
    }
  }
}

/** Consensus goes first. */
export const scpGoesFirst: Property = {
  name: "SCP never waits behind bulk",
  doc:
    "From the moment at which a statement could go to a peer until it goes, no advert, demand or transaction goes to that peer in a later instant.",
  watch: (run, violated) => {
    const of = crossedOf(run.nowMicros)
    const accepted = new Accepted()
    return {
      ...accepted.hooks(run),
      arrived: ({ kind, way }) => {
        if (kind === MessageType.GET_SCP_STATE) of(way.back).askedMicros.push(run.nowMicros())
      },
      sent: (frame) => {
        const { hash, kind, way } = frame
        if (!isHonest(run, way.fromNode)) return
        const crossed = of(way)
        if (isBulk(kind)) crossed.bulkMicros = run.nowMicros()
        if (kind !== MessageType.SCP_MESSAGE || hash === undefined) return
        // What is asked for goes when it is asked for, however old it is.
        const since = Math.max(
          accepted.of(way.fromNode, hash) ?? 0,
          crossed.askedMicros.at(-1) ?? 0,
          crossed.sinceMicros
        )
        if (crossed.bulkMicros > since) {
          violated(way.fromNode, `${ItemHash.toHex(hash)} ${toText(frame)} has waited since ${since} us`)
        }
      }
    }
  }
}

/** Nobody is told what they have told. */
export const notToldBack: Property = {
  name: "no message goes back to who sent it",
  doc:
    "What had come from a peer, or was on offer there, before it was accepted, is neither flooded nor advertised to that peer; only questions bring a statement there.",
  watch: (run, violated) => {
    const of = crossedOf(run.nowMicros)
    const accepted = new Accepted()
    const isTold = (way: WireWay, from: number, hash: ItemHash.ItemHash): boolean => {
      const heardMicros = of(way).heard.get(hash)
      const acceptedMicros = accepted.of(from, hash)
      if (heardMicros === undefined || acceptedMicros === undefined) return false
      // Of two that come in one instant, one is the first.
      return heardMicros < acceptedMicros || accepted.sourceOf(from, hash) === way.back.claimed
    }
    return {
      ...accepted.hooks(run),
      arrived: ({ hash, hashes, kind, way }) => {
        const { askedMicros, heard } = of(way.back)
        if (kind === MessageType.GET_SCP_STATE) askedMicros.push(run.nowMicros())
        if (kind !== MessageType.SCP_MESSAGE && kind !== MessageType.FLOOD_ADVERT) return
        for (const one of hash === undefined ? hashes : [hash]) if (!heard.has(one)) heard.set(one, run.nowMicros())
      },
      sent: (frame) => {
        const { hash, hashes, kind, way } = frame
        const { fromNode } = way
        if (!isHonest(run, fromNode)) return
        if (kind === MessageType.FLOOD_ADVERT) {
          for (const one of hashes) {
            if (isTold(way, fromNode, one)) violated(fromNode, `advert of ${ItemHash.toHex(one)} ${toText(frame)}`)
          }
        }
        if (kind !== MessageType.SCP_MESSAGE || hash === undefined || !isTold(way, fromNode, hash)) return
        const crossed = of(way)
        const copies = (crossed.messages.get(hash) ?? 0) + 1
        crossed.messages.set(hash, copies)
        if (copies > answersTo(crossed, accepted.of(fromNode, hash))) {
          violated(fromNode, `${ItemHash.toHex(hash)} ${toText(frame)}`)
        }
      }
    }
  }
}

/** Lists of addresses go one way. */
export const peersFromTheCalled: Property = {
  name: "only who is called tells addresses, once",
  doc: "PEERS of an honest node goes to who has called it, and once a link.",
  watch: (run, violated) => {
    const told = new WeakSet<WireWay>()
    return {
      sent: (frame) => {
        const { kind, way } = frame
        if (kind !== MessageType.PEERS || !isHonest(run, way.fromNode)) return
        if (way.isCallers) violated(way.fromNode, `told by the caller ${toText(frame)}`)
        if (told.has(way)) violated(way.fromNode, `told twice ${toText(frame)}`)
        told.add(way)
      }
    }
  }
}
