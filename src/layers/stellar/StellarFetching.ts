/**
 * What a Stellar node does with items: statements wait for sets of transactions and quorum sets, peers' answers are matched by
 * their content and handed to the application, and what waited is judged again.
 *
 * What was not asked for is not even hashed, and is never kept; nobody is blamed for it, because an answer may come late.
 */
import type { CryptoShape } from "../../core/Crypto.ts"
import * as ItemHash from "../../core/ItemHash.ts"
import type { Waiting } from "../../core/ItemTracker.ts"
import { firstOfCheckpoint } from "../../core/stellar/CheckpointLedger.ts"
import { fetchedHash, type FetchedKind } from "../../core/stellar/FetchedHash.ts"
import { LEDGER_VALIDITY_BRACKET } from "../../core/stellar/limits.ts"
import { MessageType } from "../../core/stellar/messages.ts"
import type { SCPQuorumSet } from "../../core/stellar/messages/scp.ts"
import { isSaneQuorumSet } from "../../core/stellar/QuorumSetSanity.ts"
import { lowestRemembered } from "../../core/stellar/ScpState.ts"
import { WORD_BYTES } from "../../core/Xdr.ts"
import type { FetchPeer, ItemFetcher, ItemName } from "../../services/ItemFetcher.ts"
import type { Application, Fetching, Flooded } from "../../services/stellar/Application.ts"
import type { StellarCounters } from "./StellarCounters.ts"

/** What fetches need of the node. */
export interface FetchingParts {
  readonly fetcher: ItemFetcher["Service"]
  readonly application: Application["Service"]
  readonly crypto: CryptoShape
  readonly counters: StellarCounters
  /** Has statements judged again that waited for an item which is here now. */
  readonly judgeAgain: (items: ReadonlyArray<Flooded>) => void
}

/** A set of transactions of either form is looked for under this kind, because who asks does not know the form. */
const TRANSACTION_SET = MessageType.TX_SET
const QUORUM_SET = MessageType.SCP_QUORUMSET
/** Says "an explicitly empty set of transactions", and is no hash of anything. */
const EMPTY_SET = ItemHash.fromBytes(new Uint8Array(ItemHash.ITEM_HASH_BYTES))

/** The kind of item that an answer of this kind is about. */
const soughtKind = (type: number): number | undefined => {
  if (type === MessageType.TX_SET || type === MessageType.GENERALIZED_TX_SET) return TRANSACTION_SET
  return type === MessageType.SCP_QUORUMSET ? QUORUM_SET : undefined
}

/** The statement that a waiting message is: nothing else waits. */
const statementOf = ({ bytes, from, hash }: Waiting): Flooded => ({ from, kind: "SCP_MESSAGE", hash, bytes })

/** The fetches of one node. */
export class StellarFetching {
  private readonly parts: FetchingParts

  constructor(parts: FetchingParts) {
    this.parts = parts
  }

  /** Has a statement wait for what the verdict names; `false` if it cannot. */
  wait({ bytes, from, hash, kind }: Flooded, verdict: Fetching): boolean {
    if (kind !== "SCP_MESSAGE") return false
    const items: ReadonlyArray<ItemName> = [
      ...verdict.transactionSets.filter((set) => set !== EMPTY_SET).map((set) => ({
        kind: TRANSACTION_SET,
        hash: set
      })),
      ...verdict.quorumSets.map((set) => ({ kind: QUORUM_SET, hash: set }))
    ]
    return this.parts.fetcher.fetch({ from, hash, epoch: verdict.ledger, bytes }, items)
  }

  /** A message waits no longer, if it did: it has another verdict. */
  settled({ hash, kind }: Flooded): void {
    if (kind === "SCP_MESSAGE") this.parts.fetcher.stop(hash)
  }

  /** Takes a DONT_HAVE: the kind (as a number) and the 32 bytes of the hash. Whether we look for that item. */
  lacks(peer: FetchPeer, type: number, hash: Uint8Array): boolean {
    const kind = soughtKind(type)
    return kind !== undefined && this.parts.fetcher.lacks(peer, kind, ItemHash.fromBytes(hash))
  }

  /** Takes the message TX_SET or GENERALIZED_TX_SET at `bytes[from, to)`, which is well formed. Whether we look for it. */
  takeTransactionSet(kind: "TX_SET" | "GENERALIZED_TX_SET", bytes: Uint8Array, from: number, to: number): boolean {
    return this.take(kind, TRANSACTION_SET, bytes, from, to, () => true)
  }

  /**
   * Takes the message SCP_QUORUMSET at `bytes[from, to)`, which carries `set`. Whether we look for it.
   *
   * If the set makes no sense, nobody can ever agree by it: the statements that name it are given up, though they stay known, so
   * that their copies are duplicates.
   */
  takeQuorumSet(set: SCPQuorumSet, bytes: Uint8Array, from: number, to: number): boolean {
    return this.take("SCP_QUORUMSET", QUORUM_SET, bytes, from, to, () => isSaneQuorumSet(set))
  }

  /** Gives up what is about slots too far from the position: those that are remembered, those ahead, and the checkpoint's stay. */
  follow(ledger: number): void {
    this.parts.fetcher.forgetOutside({
      min: lowestRemembered(ledger),
      max: ledger + LEDGER_VALIDITY_BRACKET,
      keep: firstOfCheckpoint(ledger)
    })
  }

  private take(
    kind: FetchedKind,
    sought: number,
    bytes: Uint8Array,
    from: number,
    to: number,
    isSane: () => boolean
  ): boolean {
    const { application, counters, crypto, fetcher, judgeAgain } = this.parts
    // Hashing 16 MiB that nobody asked for would be a gift to whoever sends them.
    if (!fetcher.isFetching(sought)) return false
    const hash = fetchedHash(crypto, kind, bytes.subarray(from + WORD_BYTES, to))
    const awaited = fetcher.received(sought, hash)
    if (awaited === undefined) return false
    const statements = awaited.messages.map(statementOf)
    if (!isSane()) {
      counters.waitingForInsane += statements.length
      for (const statement of statements) this.settled(statement)
      return true
    }
    application.fetched?.({ kind, hash, ledger: awaited.epoch, bytes: bytes.slice(from, to) })
    judgeAgain(statements)
    return true
  }
}
