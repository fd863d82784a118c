/** The hashes of items, whether a quorum set makes sense, and where checkpoints begin. Golden hashes: test/fixtures/stellar-vectors. */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import * as ItemHash from "../../../src/core/ItemHash.ts"
import { firstOfCheckpoint } from "../../../src/core/stellar/CheckpointLedger.ts"
import { fetchedHash, type FetchedKind } from "../../../src/core/stellar/FetchedHash.ts"
import type { SCPQuorumSet } from "../../../src/core/stellar/messages/scp.ts"
import { isSaneQuorumSet } from "../../../src/core/stellar/QuorumSetSanity.ts"
import * as NodeCrypto from "../../../src/layers/node/NodeCrypto.ts"

interface Vectors {
  readonly vectors: ReadonlyArray<{ readonly xdr: string; readonly hash: string }>
}

const hashes: { readonly quorumSets: Vectors; readonly legacyTxSets: Vectors; readonly generalizedTxSets: Vectors } =
  JSON.parse(readFileSync(new URL("../../fixtures/stellar-vectors/hashes.json", import.meta.url), "utf8"))

const crypto = NodeCrypto.make()

describe("The hash of an item", () => {
  const cases: ReadonlyArray<readonly [FetchedKind, Vectors]> = [
    ["SCP_QUORUMSET", hashes.quorumSets],
    ["TX_SET", hashes.legacyTxSets],
    ["GENERALIZED_TX_SET", hashes.generalizedTxSets]
  ]
  it.each(cases)("of kind %s is the golden one [ref 4.3 hash of a TX_SET]", (kind, { vectors }) => {
    assert.isAbove(vectors.length, 0)
    for (const { hash, xdr } of vectors) {
      assert.strictEqual(ItemHash.toHex(fetchedHash(crypto, kind, new Uint8Array(Buffer.from(xdr, "hex")))), hash)
    }
  })
})

const node = (number: number): Uint8Array => {
  const key = new Uint8Array(32)
  new DataView(key.buffer).setUint32(0, number)
  return key
}

const nodes = (first: number, count: number): ReadonlyArray<Uint8Array> =>
  Array.from({ length: count }, (_, i) => node(first + i))

const set = (
  threshold: number,
  validators: ReadonlyArray<Uint8Array>,
  ...innerSets: ReadonlyArray<SCPQuorumSet>
): SCPQuorumSet => ({ threshold, validators, innerSets })

/** One node at the bottom of so many sets. */
const nested = (depth: number): SCPQuorumSet => depth === 0 ? set(1, [node(1)]) : set(1, [], nested(depth - 1))

describe("A quorum set", () => {
  it.each<readonly [string, SCPQuorumSet]>([
    ["of one node", set(1, [node(1)])],
    ["whose threshold is all of its entries", set(3, nodes(1, 2), set(1, [node(9)]))],
    ["of 1,000 nodes on two levels", set(1, nodes(0, 500), set(500, nodes(500, 500)))],
    ["with inner sets four deep", nested(4)]
  ])("%s is sane", (_, it) => assert.isTrue(isSaneQuorumSet(it)))

  it.each<readonly [string, SCPQuorumSet]>([
    ["of nobody", set(0, [])],
    ["with threshold 0", set(0, [node(1)])],
    ["whose threshold is more than its entries", set(3, nodes(1, 2))],
    ["with an inner set of which that is so", set(1, [node(1)], set(2, [node(2)]))],
    ["with a node twice", set(1, [node(1), node(1)])],
    ["with a node on two levels", set(1, [node(1)], set(1, [node(1)]))],
    ["of 1,001 nodes on two levels", set(1, nodes(0, 500), set(1, nodes(500, 501)))],
    ["with inner sets five deep", nested(5)]
  ])("%s is not [ref 4.3 sane quorum set]", (_, it) => assert.isFalse(isSaneQuorumSet(it)))
})

describe("A checkpoint", () => {
  it("begins each 64 ledgers, the first one with ledger 1", () => {
    assert.deepStrictEqual([0, 1, 63, 64, 65, 127, 128].map(firstOfCheckpoint), [1, 1, 1, 64, 64, 64, 128])
  })
})
