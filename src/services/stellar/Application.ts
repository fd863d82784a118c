/**
 * What the embedding program knows, and what the overlay asks it: where the network is, what to make of a message, items by
 * their hash.
 *
 * The overlay checks that bytes are well formed, that the peer may send them, and that they are new. Whether they are true,
 * wanted, and to be passed on, only the application can say; nothing is passed on before it has. It requires nothing of the
 * overlay: a program that wants to speak by itself uses `Overlay` beside it.
 */
import type { Effect } from "effect"
import { Context } from "effect"
import type { ItemHash } from "../../core/ItemHash.ts"
import type { PeerId } from "../../core/PeerId.ts"
import type { FetchedKind } from "../../core/stellar/FetchedHash.ts"
import type { HeldStatements } from "../../core/stellar/ScpState.ts"

/** What every flooded message is as the application gets it: well formed, and not seen before. */
interface FloodedAs<Kind> {
  readonly from: PeerId
  readonly kind: Kind
  /** SHA-256 of the message behind its kind: for a transaction, the full hash that adverts and demands use. */
  readonly hash: ItemHash
  /**
   * The whole message as it was received, kind first. A view into a larger buffer (at most 64 KiB) that is not written again:
   * what is kept for long is to be copied, or it keeps all of that buffer.
   */
  readonly bytes: Uint8Array
}

/** A flooded statement of consensus: well formed, and not seen before. */
export type FloodedStatement = FloodedAs<"SCP_MESSAGE">

/** A flooded transaction: well formed, and not seen before. */
export type FloodedTransaction = FloodedAs<"TRANSACTION">

/** A flooded message as the application gets it. */
export type Flooded = FloodedStatement | FloodedTransaction

/**
 * What becomes of a statement. The words are those of stellar-core's herder.
 *
 * - `ready`: it is true, of use, and all that it names is here. It is passed on to those who do not know it.
 * - `Fetching`: it cannot be judged before what it names is here.
 * - `kept`: taken, and not passed on: this node is a leaf, or enough of the kind has been passed on.
 * - `discarded`: not taken. A later copy counts as new and is asked about again.
 * - `malformed`: no honest peer sends this. Its peer ends with ERR_DATA, as for corrupt bytes.
 */
export type StatementVerdict = "ready" | "kept" | "discarded" | "malformed" | Fetching

/**
 * What becomes of a transaction. The words are those of stellar-core's transaction queue.
 *
 * - `accepted`: it waits for a ledger now. It is offered to those who do not know it, and served to those who ask.
 * - `kept`: taken, and not offered to anybody: this node is a leaf, or there are too many.
 * - `duplicate`: it was accepted before, and is not offered again. Subscribers have had it.
 * - `rejected`: not taken. A later copy counts as new and is asked about again. Nobody is blamed for it.
 * - `malformed`: no honest peer sends this. Its peer ends with ERR_DATA, as for corrupt bytes.
 */
export type TransactionVerdict = "accepted" | "kept" | "duplicate" | "rejected" | "malformed"

/**
 * A verdict on a statement: it cannot be judged before these items are here.
 *
 * The statement stays known and is not passed on. Peers are asked for the items, first those that know the statement; each that
 * comes is handed to `fetched`, and then `judge` is asked about the statement again. It may answer the same once more. A
 * statement that is about a ledger outside of what is remembered, or one of too many that wait, is given up without a word.
 */
export interface Fetching {
  readonly _tag: "Fetching"
  /** The slot that the statement is about. */
  readonly ledger: number
  /** Hashes of sets of transactions, in either form. All zero names the empty set, and is not asked for. */
  readonly transactionSets: ReadonlyArray<ItemHash>
  /** Hashes of quorum sets. */
  readonly quorumSets: ReadonlyArray<ItemHash>
}

/** The verdict that a statement about this slot waits for these items; for those that are left out, for none of that kind. */
export const fetching = (
  ledger: number,
  items: { readonly transactionSets?: ReadonlyArray<ItemHash>; readonly quorumSets?: ReadonlyArray<ItemHash> }
): Fetching => ({
  _tag: "Fetching",
  ledger,
  transactionSets: items.transactionSets ?? [],
  quorumSets: items.quorumSets ?? []
})

/** An item that a peer gave us because we asked for it. Its hash is that of its content. */
export interface Fetched {
  readonly kind: FetchedKind
  readonly hash: ItemHash
  /** The highest slot of the statements that waited for it. */
  readonly ledger: number
  /** The whole message, kind first: well formed, a quorum set sane; the transactions of a set are not looked at. A copy. */
  readonly bytes: Uint8Array
}

/** Where the network is, as far as the application knows. */
export interface Position {
  /** The last ledger that the network is known to have closed. */
  readonly ledger: number | undefined
  /** The last ledger that the program has closed itself, if it is behind the network. Peers are asked for what follows it. */
  readonly closed?: number
  /**
   * Whether the node follows the network. While not, adverts, demands and transactions are ignored, because their worth cannot
   * be judged (protocol, pull mode); and once that has been so for a minute, a node with as many outbound peers as it wants leaves one
   * of them for another one, each minute (protocol §8.6), and two peers are asked for the state every ten seconds (§10.1).
   */
  readonly synced: boolean
  /**
   * The program does not try to follow the network, as one that trusts nobody in it. While it is not synced, no peer is left for
   * another one and nobody is asked for the state, for neither could help it.
   */
  readonly watches?: true
}

/** Whether a node has lost the network that it tries to follow. */
export const isLost = ({ synced, watches }: Position): boolean => !synced && watches !== true

/** What the network's own settings bound; they may change while the node runs. */
export interface LedgerLimits {
  /** Operations in one transaction set. */
  readonly maxTxSetOperations: number
  /** Soroban transactions in one ledger. */
  readonly maxSorobanTransactions: number
  /** Milliseconds between two ledgers. */
  readonly ledgerCloseMillis: number
  /** Bytes of the longest transaction. */
  readonly maxTxBytes: number
}

/**
 * Judges batches: one verdict for each message, in order. What came in one chunk is asked about at once, its statements first.
 *
 * Each kind has a question of its own, so that a verdict which that kind cannot have does not compile.
 */
export type Judge =
  | {
    /** Answers within the call: on the message's way nothing waits. */
    readonly answers: "at once"
    readonly statements: (batch: ReadonlyArray<FloodedStatement>) => ReadonlyArray<StatementVerdict>
    readonly transactions: (batch: ReadonlyArray<FloodedTransaction>) => ReadonlyArray<TransactionVerdict>
  }
  | {
    /** Answers when it can: the batch waits in the peer's inbox, its credit with it, and other peers go on. */
    readonly answers: "later"
    readonly statements: (batch: ReadonlyArray<FloodedStatement>) => Effect.Effect<ReadonlyArray<StatementVerdict>>
    readonly transactions: (
      batch: ReadonlyArray<FloodedTransaction>
    ) => Effect.Effect<ReadonlyArray<TransactionVerdict>>
  }

/** The embedding program, as the overlay sees it. All questions but `judge` are answered at once, from memory. */
export class Application extends Context.Service<Application, {
  readonly judge: Judge
  readonly position: () => Position
  readonly limits: () => LedgerLimits
  /** Takes note of a message that this node itself broadcasts, so that it can be served. */
  readonly originate: (message: Flooded) => void
  /** Whether a transaction needs no demand: it is here, or it is not wanted. */
  readonly hasTransaction: (hash: ItemHash) => boolean
  /** The whole TRANSACTION message that answers a demand. */
  readonly transaction: (hash: ItemHash) => Uint8Array | undefined
  /** The whole TX_SET or GENERALIZED_TX_SET message with this set. */
  readonly transactionSet: (hash: ItemHash) => Uint8Array | undefined
  /** The whole SCP_QUORUMSET message with this set. */
  readonly quorumSet: (hash: ItemHash) => Uint8Array | undefined
  /**
   * Takes an item that a `Fetching` verdict named. The statements that wait for it are judged anew right afterwards. Whoever never
   * gives that verdict needs none.
   */
  readonly fetched?: (item: Fetched) => void
  /** What is held of the state of consensus, for peers that ask. In which order and how much of it they get is the overlay's. */
  readonly scpState: HeldStatements
}>()("effect-overlay/services/stellar/Application") {}
