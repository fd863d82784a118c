/**
 * The application of a simulated node: any one, in a program that may lose the network, and whose statements may name sets.
 *
 * A well-signed statement is handed to the application inside when all that it names is here: the hash of its sender's quorum set, and of each
 * value, where that is no shorter than a hash, its beginning, as in a value of Stellar. All zeros name nothing.
 */
import { Context, Effect, Layer } from "effect"
import * as ItemHash from "../../core/ItemHash.ts"
import { forEachScpValue, scpOffsets, slotIndex, walkScpMessage } from "../../core/stellar/MessageWalk.ts"
import type { ScpSignature } from "../../core/stellar/ScpSignature.ts"
import type { Crypto } from "../../services/Crypto.ts"
import {
  Application,
  type Fetched,
  fetching,
  type FloodedStatement,
  type Judge,
  type StatementVerdict
} from "../../services/stellar/Application.ts"

/** What a simulated program has, and is told; it outlives the node's lives. */
export interface SimulatedProgram {
  /** Whether it has lost the network. */
  readonly isLost: () => boolean
  /**
   * The signature of statements, where it looks for what they name; otherwise that is the application's own business. What is not
   * well signed is looked for by nobody: a stranger could have a node ask its peers more than they answer.
   */
  readonly signature: ScpSignature | undefined
  /** By how many bytes transactions may be longer than the application inside says. */
  readonly moreTxBytes: () => number
  /** Whole messages with sets that this program has made itself, by their hashes. */
  readonly ownSets: ReadonlyMap<ItemHash.ItemHash, Uint8Array>
  /** Told of each item that a peer gave, and whether a statement waits for it. */
  readonly fetched: (item: Fetched, isAwaited: boolean) => void
}

/** Makes the application for each life of a node. */
export const around = (
  application: Layer.Layer<Application, never, Crypto>,
  program: SimulatedProgram
): Layer.Layer<Application, never, Crypto> =>
  Layer.effect(
    Application,
    Effect.map(Layer.build(application), (context) => make(Context.get(context, Application), program))
  )

/** Makes one of the application inside. */
export const make = (inside: Application["Service"], program: SimulatedProgram): Application["Service"] => {
  const { signature } = program
  /** What was named by statements that had to wait. */
  const awaited = new Set<ItemHash.ItemHash>()
  const transactionSet = (hash: ItemHash.ItemHash) => program.ownSets.get(hash) ?? inside.transactionSet(hash)
  const quorumSet = (hash: ItemHash.ItemHash) => program.ownSets.get(hash) ?? inside.quorumSet(hash)
  const missing = ({ bytes }: FloodedStatement): StatementVerdict | undefined => {
    const named = signature === undefined ? undefined : namesOf(bytes, signature)
    if (named === undefined) return undefined
    const transactionSets = named.transactionSets.filter((hash) => transactionSet(hash) === undefined)
    const quorumSets = named.quorumSets.filter((hash) => quorumSet(hash) === undefined)
    if (transactionSets.length + quorumSets.length === 0) return undefined
    for (const hash of [...transactionSets, ...quorumSets]) awaited.add(hash)
    return fetching(named.slot, { transactionSets, quorumSets })
  }
  return {
    // Not copied: what an application has as a class, it keeps.
    position: () => program.isLost() ? { ...inside.position(), synced: false } : inside.position(),
    limits: () => {
      const limits = inside.limits()
      const more = program.moreTxBytes()
      return more === 0 ? limits : { ...limits, maxTxBytes: limits.maxTxBytes + more }
    },
    originate: (message) => inside.originate(message),
    hasTransaction: (hash) => inside.hasTransaction(hash),
    transaction: (hash) => inside.transaction(hash),
    transactionSet,
    quorumSet,
    fetched: (item) => {
      program.fetched(item, awaited.delete(item.hash))
      inside.fetched?.(item)
    },
    scpState: inside.scpState,
    judge: signature !== undefined ? judging(inside.judge, missing) : inside.judge
  }
}

/** Asks only about those for which nothing is missing. */
const judging = (judge: Judge, missing: (statement: FloodedStatement) => StatementVerdict | undefined): Judge => {
  const sift = (batch: ReadonlyArray<FloodedStatement>) => {
    const waiting = batch.map(missing)
    return {
      whole: batch.filter((_, i) => waiting[i] === undefined),
      // In the order of the batch, one from here or one from there.
      verdicts: (judged: ReadonlyArray<StatementVerdict>): ReadonlyArray<StatementVerdict> => {
        let next = 0
        return waiting.map((verdict) => verdict ?? judged[next++] ?? "discarded")
      }
    }
  }
  return judge.answers === "at once"
    ? {
      ...judge,
      statements: (batch) => {
        const { verdicts, whole } = sift(batch)
        return verdicts(judge.statements(whole))
      }
    }
    : {
      ...judge,
      statements: (batch) => {
        const { verdicts, whole } = sift(batch)
        return Effect.map(judge.statements(whole), verdicts)
      }
    }
}

const NOTHING = ItemHash.fromBytes(new Uint8Array(ItemHash.ITEM_HASH_BYTES))

/** What a statement names; nothing of bytes that are no well-signed statement about a ledger that could be. */
const namesOf = (bytes: Uint8Array, signature: ScpSignature) => {
  const offsets = scpOffsets()
  if (!walkScpMessage(bytes, 0, bytes.length, offsets)) return undefined
  const slot = slotIndex(offsets)
  if (slot === undefined) return undefined
  if (!signature.verify(bytes, offsets)) return undefined
  const transactionSets = new Set<ItemHash.ItemHash>()
  forEachScpValue(bytes, offsets, (start, length) => {
    if (length >= ItemHash.ITEM_HASH_BYTES) transactionSets.add(ItemHash.fromBytes(bytes, start))
  })
  const named = (hash: ItemHash.ItemHash): boolean => hash !== NOTHING
  return {
    slot,
    transactionSets: [...transactionSets].filter(named),
    quorumSets: [ItemHash.fromBytes(bytes, offsets.quorumSetHash)].filter(named)
  }
}
