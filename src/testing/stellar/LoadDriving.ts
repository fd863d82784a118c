/**
 * Lets the nodes of a run say what its load has them say.
 */
import { Effect } from "effect"
import type { CryptoShape } from "../../core/Crypto.ts"
import * as ItemHash from "../../core/ItemHash.ts"
import type { Load } from "../../core/simulation/Load.ts"
import type { StellarMessage } from "../../core/stellar/messages.ts"
import { ScpSignature } from "../../core/stellar/ScpSignature.ts"
import type { World } from "../../layers/simulation/World.ts"
import { type NamedSet, quorumSetOf, transactionSetOf } from "./namedSets.ts"
import { signedPayment } from "./SignedPayment.ts"
import { signedStatement, slotOf } from "./SignedStatement.ts"
import type { SimulatedNode } from "./SimulatedNode.ts"

const MICROS_PER_SECOND = 1_000_000
const MICROS_PER_MILLI = 1000
const QUORUM_SET_BYTES = 32

/** What a load is driven with. */
export interface LoadParts {
  readonly world: World
  readonly load: Load
  /** The nodes that speak; the others are nobody's to speak for. */
  readonly honest: ReadonlyArray<SimulatedNode>
  readonly crypto: CryptoShape
  readonly networkId: Uint8Array
  /** Puts a set where this node's program has it, before a statement names it. */
  readonly hold: (node: number, set: NamedSet) => void
  /** Told when the face of a node does not take what the load has it say. */
  readonly refused: (node: number, why: string) => void
  /** Told when it throws. */
  readonly broke: (cause: unknown) => void
}

/** Lets nodes say what the load has them say, from the first epoch on, until what it returns is called. Who is not up says nothing. */
export const drive = ({ broke, crypto, hold, honest, load, networkId, refused, world }: LoadParts): () => void => {
  let isOver = false
  const later = (delayMicros: number, task: () => void): void => {
    world.after(delayMicros, () => {
      if (!isOver) task()
    })
  }
  const end = (): void => {
    isOver = true
  }
  const say = (node: SimulatedNode, message: () => StellarMessage): void => {
    const overlay = node.overlay()
    if (overlay === undefined) return
    world.fork(
      overlay.broadcast(message()).pipe(
        Effect.catch((refusal) => Effect.sync(() => refused(node.index, refusal.message))),
        Effect.catchDefect((defect) => Effect.sync(() => broke(defect)))
      )
    )
  }
  const signature = new ScpSignature(crypto, networkId)
  const { slotsPerSets = 0 } = load
  const noQuorumSet = new Uint8Array(QUORUM_SET_BYTES)
  /** A statement, with the sets that it names made and held when the first of its slot is said. */
  const statement = (node: SimulatedNode, number: number): StellarMessage => {
    const slot = slotOf(number)
    if (slotsPerSets === 0 || slot % slotsPerSets > 0) {
      return signedStatement(signature, node.signer, noQuorumSet, number)
    }
    const sets = [
      quorumSetOf(crypto, node.signer, slot),
      transactionSetOf(crypto, networkId, node.signer, slot)
    ] as const
    for (const set of sets) hold(node.index, set)
    const [quorumSetHash, transactionSetHash] = sets.map(({ hash }) => ItemHash.toBytes(hash))
    return signedStatement(signature, node.signer, quorumSetHash ?? noQuorumSet, number, transactionSetHash)
  }
  const epochMicros = load.epochMillis * MICROS_PER_MILLI
  honest.slice(0, load.speakers).forEach((node) => {
    const prng = world.prng(`load/statements/${node.index}`)
    let count = 0
    const perStatement = Math.floor(epochMicros / Math.max(1, load.statementsPerEpoch))
    const speak = (): void => {
      const number = count++
      say(node, () => statement(node, number))
      later(perStatement, speak)
    }
    if (load.statementsPerEpoch > 0) later(epochMicros + prng.below(perStatement), speak)
  })

  if (load.transactionsPerSecond === 0 || honest.length === 0) return end
  const prng = world.prng("load/transactions")
  const period = Math.max(1, Math.floor(MICROS_PER_SECOND / load.transactionsPerSecond))
  let sequence = 1n
  const pay = (): void => {
    const node = honest[prng.below(honest.length)]!
    say(node, () => ({
      _tag: "TRANSACTION",
      transaction: signedPayment(crypto, networkId, node.signer, {
        destination: honest[prng.below(honest.length)]!.signer.publicKey,
        sequence: sequence++,
        amount: 1n
      })
    }))
    later(period, pay)
  }
  later(epochMicros + prng.below(period), pay)
  return end
}
