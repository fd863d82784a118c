/**
 * An application in memory with a stated relay policy: for nodes that watch, that pass on, and that demonstrate.
 *
 * It judges by signatures, by whom it trusts and by rates, and knows nothing of what ledgers hold: no account, no fee, no
 * value of consensus is looked into. A validator brings an application of its own.
 */
import { Effect, Layer, Result } from "effect"
import { ItemCache } from "../../core/ItemCache.ts"
import * as ItemHash from "../../core/ItemHash.ts"
import type { PeerId } from "../../core/PeerId.ts"
import {
  HELD_QUORUM_SET_BYTES,
  HELD_QUORUM_SETS,
  HELD_TRANSACTION_SET_BYTES,
  HELD_TRANSACTION_SETS,
  LEDGER_CLOSE_MILLIS,
  LEDGERS_TO_REMEMBER,
  MAX_SOROBAN_TRANSACTIONS,
  MAX_TX_SET_OPERATIONS,
  SOROBAN_MAX_TRANSACTION_BYTES,
  TRANSACTIONS_PER_SECOND
} from "../../core/stellar/limits.ts"
import { ScpSignature } from "../../core/stellar/ScpSignature.ts"
import { StatementRelay } from "../../core/stellar/StatementRelay.ts"
import { publicKeyFromPeerId } from "../../core/stellar/StrKey.ts"
import { maxTransactionBytes } from "../../core/stellar/TransactionLimits.ts"
import { TransactionRelay } from "../../core/stellar/TransactionRelay.ts"
import { WORD_BYTES } from "../../core/Xdr.ts"
import { Crypto } from "../../services/Crypto.ts"
import { Application, type LedgerLimits } from "../../services/stellar/Application.ts"
import { pubnet, testnet } from "../../services/stellar/networks.ts"
import type { RelayPolicy } from "../../services/stellar/StellarConfig.ts"
import * as SteadyClock from "../runtime/SteadyClock.ts"

/** How a network is named: by its passphrase, or by the SHA-256 of that (32 bytes). */
export type NetworkChoice = { readonly passphrase: string } | { readonly networkId: Uint8Array }

/** What of the network's traffic is passed on, and whom to believe. */
export interface MemoryApplicationSettings {
  /**
   * What is passed on of what comes from others.
   *
   * - `observe`: nothing. The node is a leaf: it verifies, hands over, and answers from what it holds. Default on the public
   *   network and on the test network.
   * - `scp`: well-signed statements of trusted nodes, about a slot at most 100 from the position (LEDGER_VALIDITY_BRACKET),
   *   at most 4 of a node about a slot.
   * - `all`: also transactions, at most `transactionsPerSecond`, each once. Default on every other network. Without trusted
   *   nodes the statements of all nodes are passed on, there is no position, and the node counts as synced.
   */
  readonly policy?: RelayPolicy
  /** Validators that are believed about where the network is, by name or by public key (32 bytes). Default: none. */
  readonly trusted?: ReadonlyArray<PeerId | Uint8Array>
  /** Where they differ from `ledgerLimits`. */
  readonly limits?: Partial<LedgerLimits>
  /** Transactions of others that are passed on in a second. */
  readonly transactionsPerSecond?: number
  /** How many of them at once after a silence. Default: those of one second. */
  readonly transactionBurst?: number
  /**
   * Slots up to the position whose statements are held for peers that ask; those of later slots, and of the checkpoint's first,
   * are held anyway.
   */
  readonly scpSlotsRemembered?: number
}

/** All that can be chosen. */
export type MemoryApplicationOptions = NetworkChoice & MemoryApplicationSettings

/** What has been counted since the start. */
export interface MemoryApplicationCounters {
  /** Statements passed on. */
  readonly statementsRelayed: number
  /** Statements whose signature is wrong. */
  readonly badSignatures: number
  /** Statements about slots too far from the position. */
  readonly outsideBracket: number
  /** Well-signed statements of nodes that are not trusted. */
  readonly untrusted: number
  /** Statements not passed on because their node had said enough about the slot, or the slot had too many nodes. */
  readonly statementsOverLimit: number
  /** Transactions of others passed on. */
  readonly transactionsRelayed: number
  /** Transactions not passed on because there were too many in a second. */
  readonly transactionsOverRate: number
  /** Transactions not passed on because they are longer than the network's longest. */
  readonly transactionsTooLong: number
}

/** What is held just now. */
export interface MemoryApplicationSize {
  readonly slots: number
  /** Nodes on record, over all slots. */
  readonly nodes: number
  readonly statementBytes: number
  readonly transactions: number
  readonly transactionBytes: number
  /** Transactions remembered to have come. */
  readonly transactionsSeen: number
  readonly transactionSets: number
  readonly quorumSets: number
}

type ApplicationShape = Application["Service"]

/** The application, and what the program around it may do with it. */
export interface MemoryApplication extends ApplicationShape {
  /** Changes limits while the node runs; what is absent stays as it is. */
  readonly setLimits: (limits: Partial<LedgerLimits>) => void
  /** Puts a copy of a whole TX_SET or GENERALIZED_TX_SET message here, to be fetched by this hash. */
  readonly addTransactionSet: (hash: ItemHash.ItemHash, message: Uint8Array) => void
  /** Puts a copy of a whole SCP_QUORUMSET message here, to be fetched by its hash, which is returned. */
  readonly addQuorumSet: (message: Uint8Array) => ItemHash.ItemHash
  readonly counters: () => MemoryApplicationCounters
  readonly size: () => MemoryApplicationSize
}

/** What a ledger of the public networks takes; on another network the same, but no transaction longer than a classic one. */
export const ledgerLimits = (network: "public" | "private"): LedgerLimits => ({
  maxTxSetOperations: MAX_TX_SET_OPERATIONS,
  maxSorobanTransactions: MAX_SOROBAN_TRANSACTIONS,
  ledgerCloseMillis: LEDGER_CLOSE_MILLIS,
  maxTxBytes: maxTransactionBytes(network === "public" ? SOROBAN_MAX_TRANSACTION_BYTES : undefined)
})

/**
 * Provides the application; a program that wants its handles too takes `make`.
 *
 * @example
 * ```ts
 * const watching = MemoryApplication.layer({ passphrase: testnet.passphrase, trusted: testnet.trusted })
 * ```
 */
export const layer = (options: MemoryApplicationOptions): Layer.Layer<Application, never, Crypto> =>
  Layer.effect(Application, make(options))

/**
 * Makes an application that answers at once. Its rules: `core/stellar/StatementRelay` and `core/stellar/TransactionRelay`.
 *
 * Dies if `networkId` is not 32 bytes long, or a trusted key is no key: both are the program's own.
 */
export const make = Effect.fnUntraced(
  function*(options: MemoryApplicationOptions): Effect.fn.Return<MemoryApplication, never, Crypto> {
    const crypto = yield* Crypto
    const now = yield* SteadyClock.make
    const idOf = (passphrase: string) => crypto.sha256(new TextEncoder().encode(passphrase))

    const networkId = "passphrase" in options ? ItemHash.toBytes(idOf(options.passphrase)) : options.networkId
    if (networkId.length !== KEY_BYTES) {
      return yield* Effect.die(new RangeError(`A network id has ${KEY_BYTES} bytes, this one has ${networkId.length}`))
    }
    const isPublic = [pubnet, testnet].some(({ passphrase }) => idOf(passphrase) === ItemHash.fromBytes(networkId))
    const policy = options.policy ?? (isPublic ? "observe" : "all")
    const trusted = new Set<string>()
    for (const peer of options.trusted ?? []) {
      const key = publicKeyOf(peer)
      if (key === undefined) return yield* Effect.die(new RangeError(`This is no public key to be trusted: ${peer}`))
      trusted.add(ItemHash.fromBytes(key))
    }
    const acceptsAll = policy === "all" && trusted.size === 0
    const isWatching = policy !== "all" && trusted.size === 0
    const perSecond = options.transactionsPerSecond ?? TRANSACTIONS_PER_SECOND

    const statements = new StatementRelay({
      signature: new ScpSignature(crypto, networkId),
      trusted,
      acceptsAll,
      relays: policy !== "observe",
      slotsRemembered: options.scpSlotsRemembered ?? LEDGERS_TO_REMEMBER
    })
    const transactions = new TransactionRelay({
      relays: policy === "all",
      perSecond,
      burst: options.transactionBurst ?? perSecond
    })
    const transactionSets = new ItemCache({ entries: HELD_TRANSACTION_SETS, bytes: HELD_TRANSACTION_SET_BYTES })
    const quorumSets = new ItemCache({ entries: HELD_QUORUM_SETS, bytes: HELD_QUORUM_SET_BYTES })
    let limits: LedgerLimits = { ...ledgerLimits(isPublic ? "public" : "private"), ...options.limits }

    return {
      judge: {
        answers: "at once",
        statements: (batch) => batch.map(({ bytes }) => statements.judge(bytes, now())),
        transactions: (batch) =>
          batch.map(({ bytes, hash }) => transactions.judge(hash, bytes, limits.maxTxBytes, now()))
      },
      // Asked about for each message that is of no use to a node that is lost.
      position: isWatching
        ? () => ({ ledger: statements.position, synced: statements.isSynced(now()), watches: true })
        : () => ({ ledger: statements.position, synced: acceptsAll || statements.isSynced(now()) }),
      limits: () => limits,
      originate: ({ bytes, hash, kind }) =>
        kind === "SCP_MESSAGE" ? statements.originate(bytes, now()) : transactions.originate(hash, bytes, now()),
      hasTransaction: (hash) => transactions.has(hash, now()),
      transaction: (hash) => transactions.get(hash, now()),
      transactionSet: (hash) => transactionSets.get(hash, now()),
      quorumSet: (hash) => quorumSets.get(hash, now()),
      // It asks for nothing itself. A program that judges around it does, and then what came is served from here.
      fetched: ({ bytes, hash, kind }) =>
        (kind === "SCP_QUORUMSET" ? quorumSets : transactionSets).put(hash, bytes, now()),
      scpState: statements.held,
      setLimits: (changed) => {
        limits = { ...limits, ...changed }
      },
      addTransactionSet: (hash, message) => transactionSets.put(hash, message.slice(), now()),
      addQuorumSet: (message) => {
        const hash = crypto.sha256(message.subarray(WORD_BYTES))
        quorumSets.put(hash, message.slice(), now())
        return hash
      },
      counters: () => {
        const { badSignatures, outsideBracket, overLimit, relayed, untrusted } = statements.counters
        return {
          statementsRelayed: relayed,
          badSignatures,
          outsideBracket,
          untrusted,
          statementsOverLimit: overLimit,
          transactionsRelayed: transactions.counters.relayed,
          transactionsOverRate: transactions.counters.overRate,
          transactionsTooLong: transactions.counters.tooLong
        }
      },
      size: () => ({
        slots: statements.size.slots,
        nodes: statements.size.nodes,
        statementBytes: statements.size.bytes,
        transactions: transactions.size.held,
        transactionBytes: transactions.size.bytes,
        transactionsSeen: transactions.size.seen,
        transactionSets: transactionSets.entries,
        quorumSets: quorumSets.entries
      })
    }
  }
)

/** How many bytes a network id and a public key have. */
const KEY_BYTES = 32

const publicKeyOf = (peer: PeerId | Uint8Array): Uint8Array | undefined => {
  const key = typeof peer === "string" ? Result.getOrUndefined(publicKeyFromPeerId(peer)) : peer
  return key?.length === KEY_BYTES ? key : undefined
}
