/**
 * Properties of what honest nodes send, frame by frame: sequence, credit, who is told what, what goes first.
 */
import * as ItemHash from "../../../core/ItemHash.ts"
import { MessageType } from "../../../core/stellar/messages.ts"
import type { WireFrame, WireWay } from "../Wiretap.ts"
import { Crossings, isFlood } from "./crossings.ts"
import { Mark } from "./HashesOver.ts"
import { byWay, isHonest, nodeAt, type Property, type Watched } from "./Property.ts"

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
  /** Grants of bytes alone, for transactions that have become longer. */
  raisedBytes: number
  hasFirst: boolean
}

/** By how many bytes transactions have become longer so far. */
const upgradedBytes = (run: Watched): number =>
  run.plan.faults.reduce(
    (sum, fault) => fault.kind === "upgrade" && fault.atMillis * 1000 <= run.nowMicros() ? sum + fault.moreBytes : sum,
    0
  )

const account = (): Account => ({
  heardMessages: 0,
  heardBytes: 0,
  spentMessages: 0,
  spentBytes: 0,
  arrivedMessages: 0,
  arrivedBytes: 0,
  returnedMessages: 0,
  returnedBytes: 0,
  raisedBytes: 0,
  hasFirst: false
})

/** Credit is neither made nor lost. */
export const creditIsConserved: Property = {
  name: "credit is conserved on every link",
  doc:
    "An honest node sends no more than it was granted; it grants its first credit once, then what has come and no more, but for the bytes by which the network has made transactions longer; and at the end of the run no full batch is owed.",
  watch: (run, violated) => {
    // By the way that the flood messages go.
    const of = byWay(account)
    // The last way between two honest nodes that was used behind the handshake, and which of them are sessions of now.
    const latest = new Map<number, WireWay>()
    const live = new Map<number, readonly [from: number, to: number]>()
    const pairOf = (from: number, to: number): number => from * run.nodes.length + to
    const at = nodeAt(run)
    return {
      event: (node, event) => {
        if (event._tag !== "PeerJoined" && event._tag !== "PeerLeft") return
        const address = event._tag === "PeerJoined" ? event.peer.address : event.address
        const from = at(address.ip)
        if (from === undefined || from.isHostile) return
        const key = pairOf(from.index, node)
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
          if (isHonest(run, way.toNode)) latest.set(pairOf(way.fromNode, way.toNode), way)
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
          if (grant.messages === 0) {
            given.raisedBytes += grant.bytes
            const agreedBytes = upgradedBytes(run)
            if (given.raisedBytes > agreedBytes) {
              violated(
                way.fromNode,
                `${toText(frame)}: ${given.raisedBytes} bytes more, and ${agreedBytes} are agreed on`
              )
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
          if (way === undefined || !live.has(pairOf(to, from))) continue
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

/** Told once, on each link. */
export const crossesOnce: Property = {
  name: "each flood message crosses a link at most once each way",
  doc:
    "An honest node sends a transaction only to who demanded it, once; it advertises a hash once; a statement once, and once more for each time that it was asked for its statements since it has it.",
  watch: (run, violated) => {
    const crossings = Crossings.of(run)
    // How many copies, of what was told more than once.
    const copiesOver = byWay(() => new Map<ItemHash.ItemHash, number>())
    const allowedOf = ({ kind, way }: WireFrame, node: number, hash: ItemHash.ItemHash): number => {
      if (kind !== MessageType.SCP_MESSAGE) return crossings.over(way.back).hashes.has(hash, Mark.Demanded) ? 1 : 0
      return 1 + crossings.questionsOver(way.back, crossings.acceptance(node, hash)?.atMicros ?? 0)
    }
    return crossings.feeding({
      sent: (frame) => {
        const { hash, hashes, kind, way } = frame
        const { fromNode } = way
        if (!isHonest(run, fromNode)) return
        if (kind === MessageType.FLOOD_ADVERT) {
          const told = crossings.over(way).hashes
          for (const one of hashes) {
            if (!told.mark(one, Mark.Advertised)) {
              violated(fromNode, `advert of ${ItemHash.toHex(one)} ${toText(frame)}`)
            }
          }
        }
        if (hash === undefined) return
        const isFirst = crossings.over(way).hashes.mark(hash, Mark.Sent)
        // Mostly: everybody is told each statement.
        if (isFirst && kind === MessageType.SCP_MESSAGE) return
        const copies = copiesOver(way)
        const count = isFirst ? 1 : (copies.get(hash) ?? 1) + 1
        copies.set(hash, count)
        const allowed = allowedOf(frame, fromNode, hash)
        if (count > allowed) {
          violated(fromNode, `${count} copies of ${ItemHash.toHex(hash)} ${toText(frame)}, ${allowed} allowed`)
        }
      }
    })
  }
}

/** Consensus goes first. */
export const scpGoesFirst: Property = {
  name: "SCP never waits behind bulk",
  doc:
    "From the moment at which a statement could go to a peer until it goes, no advert, demand or transaction goes to that peer in a later instant.",
  watch: (run, violated) => {
    const crossings = Crossings.of(run)
    const outOf = byWay(() => ({ sinceMicros: run.nowMicros(), bulkMicros: -1 }))
    return crossings.feeding({
      sent: (frame) => {
        const { hash, kind, way } = frame
        if (!isHonest(run, way.fromNode)) return
        const out = outOf(way)
        if (isBulk(kind)) out.bulkMicros = run.nowMicros()
        if (kind !== MessageType.SCP_MESSAGE || hash === undefined || out.bulkMicros <= out.sinceMicros) return
        // What is asked for goes when it is asked for, however old it is.
        const since = Math.max(
          crossings.acceptance(way.fromNode, hash)?.atMicros ?? 0,
          crossings.over(way.back).askedMicros.at(-1) ?? 0,
          out.sinceMicros
        )
        if (out.bulkMicros > since) {
          violated(way.fromNode, `${ItemHash.toHex(hash)} ${toText(frame)} has waited since ${since} us`)
        }
      }
    })
  }
}

/** Nobody is told what they have told. */
export const notToldBack: Property = {
  name: "no message goes back to who sent it",
  doc:
    "What had come from a peer, or was on offer there, before it was accepted, is neither flooded nor advertised to that peer; only questions bring a statement there.",
  watch: (run, violated) => {
    const crossings = Crossings.of(run)
    const copiesOver = byWay(() => new Map<ItemHash.ItemHash, number>())
    const isTold = (way: WireWay, from: number, hash: ItemHash.ItemHash): boolean => {
      const heardMicros = crossings.over(way.back).hashes.heardMicros(hash)
      if (heardMicros === undefined) return false
      // Who has lost the network does not listen to offers.
      if ((run.nodes[from]?.lastLostMicros() ?? -Infinity) >= heardMicros) return false
      const accepted = crossings.acceptance(from, hash)
      if (accepted === undefined) return false
      // Of two that come in one instant, one is the first.
      return heardMicros < accepted.atMicros || accepted.from === way.back.claimed
    }
    return crossings.feeding({
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
        const copies = copiesOver(way)
        const count = (copies.get(hash) ?? 0) + 1
        copies.set(hash, count)
        if (count > crossings.questionsOver(way.back, crossings.acceptance(fromNode, hash)?.atMicros ?? 0)) {
          violated(fromNode, `${ItemHash.toHex(hash)} ${toText(frame)}`)
        }
      }
    })
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
