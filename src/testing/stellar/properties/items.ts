/**
 * Properties of what a program that follows the network is given: items that it waits for, and nothing while it is lost.
 */
import * as ItemHash from "../../../core/ItemHash.ts"
import {
  FETCH_REBUILDS_COUNTED,
  FETCH_REPLY_MILLIS,
  FETCH_WAITING_MESSAGES,
  FETCHED_ITEMS
} from "../../../core/limits.ts"
import { MessageType } from "../../../core/stellar/messages.ts"
import { WORD_BYTES } from "../../../core/Xdr.ts"
import { entryOf, isHonest, type Property } from "./Property.ts"
import { LiveSessions } from "./sessions.ts"

const MICROS_PER_MILLI = 1000
/** The last peer of a round has its time, and the longest pause between two rounds follows; and a while for a link to take a question. */
const ASKED_AGAIN_MICROS = (FETCH_REPLY_MILLIS * (1 + FETCH_REBUILDS_COUNTED) + 3500) * MICROS_PER_MILLI

/** What was not asked for is not kept. */
export const onlyAwaitedItems: Property = {
  name: "no item is taken that no statement waits for",
  doc:
    "Each set that an honest node hands to its application has the hash of one that a statement there named, which could not be judged without it, and comes once for each time that it was missed.",
  watch: (_run, violated) => ({
    fetched: (node, { hash, kind }, isAwaited) => {
      if (!isAwaited) violated(node, `${kind} ${ItemHash.toHex(hash)}`)
    }
  })
}

/** The worth of a transaction depends on a ledger that is not known. */
export const nothingWhileLost: Property = {
  name: "who has lost the network takes no transactions",
  doc:
    "While the program of an honest node says that it does not follow the network, it is asked about no transaction.",
  watch: (run, violated) => ({
    processed: (node, { hash, kind }) => {
      if (kind !== "TRANSACTION" || run.nodes[node]?.lastLostMicros() !== Infinity) return
      violated(node, ItemHash.toHex(hash))
    }
  })
}

/** What does not come is looked for on and on. */
export const itemsAreAskedForAgain: Property = {
  name: "what a statement waits for is asked for again and again until it comes",
  doc:
    "Once a simulated second: an honest node that has had a peer all the while has asked somebody in the last 20 s for each set that it waits for, as long as it has never waited for so much in this life that the oldest is let go.",
  watch: (run, violated) => {
    const live = new LiveSessions()
    /** Since when a node has not been alone. */
    const peersSince = new Map<number, number>()
    /** When each set that a node waits for was last asked for; at first, when it was missed. */
    const waiting = new Map<number, Map<ItemHash.ItemHash, number>>()
    /** Which statements wait. */
    const statements = new Map<number, Set<ItemHash.ItemHash>>()
    const statementsAt = (node: number): Set<ItemHash.ItemHash> => entryOf(statements)(node, () => new Set())
    /** Nodes that have let something go: what, nobody tells. */
    const full = new Set<number>()
    const waitingAt = (node: number): Map<ItemHash.ItemHash, number> => entryOf(waiting)(node, () => new Map())
    return {
      event: (node, event) => {
        live.event(node, event)
        if (live.of(node).size === 0) peersSince.delete(node)
        else if (!peersSince.has(node)) peersSince.set(node, run.nowMicros())
      },
      waits: (node, { hash: statement }, { quorumSets, transactionSets }) => {
        if (full.has(node)) return
        const items = waitingAt(node)
        const waits = statementsAt(node).add(statement)
        for (const hash of [...transactionSets, ...quorumSets]) {
          if (!items.has(hash)) items.set(hash, run.nowMicros())
        }
        if (items.size < FETCHED_ITEMS && waits.size < FETCH_WAITING_MESSAGES) return
        full.add(node)
        items.clear()
      },
      processed: (node, { hash }) => void statements.get(node)?.delete(hash),
      fetched: (node, { hash }) => void waitingAt(node).delete(hash),
      content: ({ kind, way }, bytes, from) => {
        if (kind !== MessageType.GET_TX_SET && kind !== MessageType.GET_SCP_QUORUMSET) return
        if (!isHonest(run, way.fromNode)) return
        const items = waitingAt(way.fromNode)
        const hash = ItemHash.fromBytes(bytes, from + WORD_BYTES)
        if (items.has(hash)) items.set(hash, run.nowMicros())
      },
      ended: (node) => {
        live.forget(node)
        peersSince.delete(node)
        waiting.delete(node)
        statements.delete(node)
        full.delete(node)
      },
      second: () => {
        for (const [node, items] of waiting) {
          const since = peersSince.get(node) ?? Infinity
          for (const [hash, askedMicros] of items) {
            if (run.nowMicros() - Math.max(since, askedMicros) <= ASKED_AGAIN_MICROS) continue
            items.delete(hash)
            violated(node, `${ItemHash.toHex(hash)} is not asked for since ${askedMicros} us`)
          }
        }
      }
    }
  }
}
