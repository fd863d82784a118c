/**
 * Whether a quorum set makes sense. One that does not is well formed on the wire, but nobody can agree by it.
 */
import * as ItemHash from "../ItemHash.ts"
import { MAX_QUORUM_SET_DEPTH, MAX_QUORUM_SET_NODES } from "./limits.ts"
import type { SCPQuorumSet } from "./messages/scp.ts"

/**
 * Tells whether the set is sane: inner sets at most 4 deep, each threshold from 1 to the number of entries, 1 to 1,000 nodes in
 * all, and no node twice (Stellar consensus protocol, sanity of quorum sets).
 */
export const isSaneQuorumSet = (set: SCPQuorumSet): boolean => {
  const nodes = new Set<string>()
  return isSaneLevel(set, 0, nodes) && nodes.size > 0
}

const isSaneLevel = (set: SCPQuorumSet, depth: number, nodes: Set<string>): boolean => {
  if (depth > MAX_QUORUM_SET_DEPTH) return false
  if (set.threshold < 1 || set.threshold > set.validators.length + set.innerSets.length) return false
  if (nodes.size + set.validators.length > MAX_QUORUM_SET_NODES) return false
  for (const key of set.validators) {
    const node = ItemHash.fromBytes(key)
    if (nodes.has(node)) return false
    nodes.add(node)
  }
  return set.innerSets.every((inner) => isSaneLevel(inner, depth + 1, nodes))
}
