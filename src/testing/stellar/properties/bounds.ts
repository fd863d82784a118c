/**
 * Properties of what a node holds: while it runs, and when it has ended.
 */
import { Effect } from "effect"
import { type TableName, tableSizes } from "../../../core/AddressTables.ts"
import { ANCHOR_PEERS, BAN_LIST_ENTRIES, PEER_STORE_ENTRIES } from "../../../core/limits.ts"
import { isHonest, type Property, type WatchedNode } from "./Property.ts"

/**
 * A node is asked in one of so many seconds: what a node shows of itself is made anew for each question, and to ask all of
 * them each second was 3 % of a run. What grows beyond its bound is still beyond it a few seconds later.
 */
const TURNS = 8

const tables: ReadonlyArray<TableName> = ["new", "tried", "waiting"]

/** Memory has bounds, and they hold. */
export const memoryIsBounded: Property = {
  name: "memory stays within the declared bounds",
  doc:
    "The rows of the book, its anchors and the bans once a simulated second; the tables of addresses, the records of the flood gate " +
    `and the credit of each peer of each node every ${TURNS} seconds, in turn, and of all at the end.`,
  watch: (run, violated) => {
    const check = (node: number, what: string, count: number, limit: number): void => {
      if (count > limit) violated(node, `${count} ${what}, at most ${limit}`)
    }
    const ask = ({ committed, config, index, overlay }: WatchedNode) =>
      Effect.gen(function*() {
        const face = overlay()
        if (face === undefined) return
        for (const table of tables) {
          check(index, `places of ${table}`, committed.peers.places?.residents(table).length ?? 0, tableSizes[table])
        }
        const counters = yield* face.counters
        check(index, "records of floods", counters["entries"] ?? 0, config.floodEntries)
        const peers = yield* face.peers
        check(index, "peers", peers.length, config.maxInbound + config.maxOutbound)
        for (const { receiveCredit, sendCredit } of peers) {
          check(index, "messages of credit", receiveCredit.messages, config.credit.messages)
          check(index, "messages of debt", -Math.min(receiveCredit.messages, sendCredit.messages), 0)
          check(index, "bytes of debt", -Math.min(receiveCredit.bytes, sendCredit.bytes), 0)
        }
      })
    const askAll = (nodes: ReadonlyArray<WatchedNode>): void => {
      run.fork(Effect.forEach(nodes.filter(({ index }) => isHonest(run, index)), ask, { discard: true }))
    }
    let seconds = 0
    return {
      second: () => {
        for (const { committed, index, overlay } of run.nodes) {
          if (overlay() === undefined || !isHonest(run, index)) continue
          check(index, "rows in the book", committed.peers.rows.length, PEER_STORE_ENTRIES)
          check(index, "anchors", committed.peers.anchors?.length ?? 0, ANCHOR_PEERS)
          check(index, "bans", committed.bans.size, BAN_LIST_ENTRIES)
        }
        const turn = seconds++ % TURNS
        askAll(run.nodes.filter((_, i) => i % TURNS === turn))
      },
      end: () => askAll(run.nodes)
    }
  }
}

/** Who ends leaves nothing. */
export const nothingIsLeft: Property = {
  name: "nothing is left when all nodes have ended",
  doc: "No link is open, no fiber lives, and nothing happens any more.",
  watch: (_run, violated) => ({
    over: ({ fibers, links, tasks }) => {
      if (links.length > 0) violated(undefined, `${links.length} ends of links: ${links[0]}`)
      if (fibers.length > 0) violated(undefined, `${fibers.length} sorts of fibers: ${fibers.join("; ")}`)
      if (tasks > 0) violated(undefined, `${tasks} tasks ran later`)
    }
  })
}
