/**
 * An application that judges transactions by what they say, and prints its verdicts on some. Needs @stellar/stellar-sdk.
 */
import { Account, Asset, Keypair, Operation, TransactionBuilder } from "@stellar/stellar-sdk"
import { StellarMessage } from "@stellar/stellar-sdk/xdr"
import { Console, Effect, Layer, Result } from "effect"
import type * as ItemHash from "../src/core/ItemHash.ts"
import { peerIdFromPublicKey } from "../src/core/stellar/StrKey.ts"
import * as NodeCrypto from "../src/layers/node/NodeCrypto.ts"
import * as MemoryApplication from "../src/layers/stellar/MemoryApplication.ts"
import * as SdkTransactions from "../src/layers/stellar/SdkTransactions.ts"
import { Crypto } from "../src/services/Crypto.ts"
import { Application, type FloodedTransaction, type TransactionVerdict } from "../src/services/stellar/Application.ts"

const passphrase = "A network of one's own"
/** Stroops for each operation. */
const LEAST_FEE = 100n
const MOST_HELD = 1000

const judging = Effect.gen(function*() {
  const crypto = yield* Crypto
  const parse = yield* SdkTransactions.make(passphrase)
  const rest = yield* MemoryApplication.make({ passphrase })
  /** The newest transactions by the hash of their adverts, and the highest sequence number of each account among them. */
  const pool = new Map<ItemHash.ItemHash, Uint8Array>()
  const sequences = new Map<string, bigint>()

  const hold = (hash: ItemHash.ItemHash, bytes: Uint8Array) => {
    for (const oldest of pool.keys()) if (pool.size >= MOST_HELD) pool.delete(oldest)
    pool.set(hash, bytes.slice())
  }

  const verdictOn = ({ bytes, hash }: Pick<FloodedTransaction, "bytes" | "hash">): TransactionVerdict => {
    if (pool.has(hash)) return "duplicate"
    const parsed = parse({ bytes })
    // That it is well formed the overlay has seen: what the library does not know is newer than it, and nobody's fault.
    if (Result.isFailure(parsed)) return "rejected"
    const transaction = parsed.success
    const { address, publicKey } = (transaction.inner ?? transaction).source
    if (transaction.fee < LEAST_FEE * BigInt(transaction.operations)) return "rejected"
    if (transaction.sequence <= (sequences.get(address) ?? 0n)) return "rejected"
    if (!SdkTransactions.isSignedBy(crypto, transaction.inner ?? transaction, publicKey)) return "rejected"
    for (const first of sequences.keys()) if (sequences.size >= MOST_HELD) sequences.delete(first)
    sequences.set(address, transaction.sequence)
    hold(hash, bytes)
    return "accepted"
  }

  return Application.of({
    ...rest,
    judge: {
      answers: "at once",
      statements: (batch) => batch.map(() => "ready"),
      transactions: (batch) => batch.map(verdictOn)
    },
    originate: (message) => {
      if (message.kind === "TRANSACTION") hold(message.hash, message.bytes)
      else rest.originate(message)
    },
    hasTransaction: (hash) => pool.has(hash),
    transaction: (hash) => pool.get(hash)
  })
})

// What a node would hand over, made here: a payment with this fee, signed by this key.
const alice = Keypair.random()
const payment = (sequence: string, fee: string, signer: Keypair) => {
  const built = new TransactionBuilder(new Account(alice.publicKey(), sequence), { fee, networkPassphrase: passphrase })
    .addOperation(Operation.payment({ destination: alice.publicKey(), asset: Asset.native(), amount: "1" }))
    .setTimeout(0)
    .build()
  built.sign(signer)
  return StellarMessage.transaction(built.toEnvelope()).toXdr()
}

const program = Effect.gen(function*() {
  const { judge } = yield* Application
  const crypto = yield* Crypto
  const first = payment("1", "100", alice)
  const messages = [
    first,
    first,
    payment("1", "200", alice),
    payment("2", "99", alice),
    payment("2", "100", Keypair.random())
  ]
  const batch = messages.map((bytes): FloodedTransaction => ({
    from: peerIdFromPublicKey(new Uint8Array(32)),
    kind: "TRANSACTION",
    hash: crypto.sha256(bytes.subarray(4)),
    bytes
  }))
  if (judge.answers === "at once") yield* Console.log(judge.transactions(batch).join(" "))
})

const layers = Layer.effect(Application, judging).pipe(Layer.provideMerge(NodeCrypto.layer))
await Effect.runPromise(Effect.provide(program, layers))
