/**
 * Properties of what a program that follows the network is given: items that it waits for, and nothing while it is lost.
 */
import * as ItemHash from "../../../core/ItemHash.ts"
import type { Property } from "./Property.ts"

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
