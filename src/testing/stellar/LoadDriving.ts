/**
 * Lets the nodes of a run say what its load has them say.
 */
import { Effect } from "effect"
import type { CryptoShape } from "../../core/Crypto.ts"
import type { Load } from "../../core/simulation/Load.ts"
import { ScpSignature } from "../../core/stellar/ScpSignature.ts"
import type { World } from "../../layers/simulation/World.ts"
import { signedPayment } from "./SignedPayment.ts"
import { signedStatement } from "./SignedStatement.ts"
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
}

/** Lets nodes say what the load has them say, from the first epoch on, until what it returns is called. Who is not up says nothing. */
export const drive = ({ crypto, honest, load, networkId, world }: LoadParts): () => void => {
  let isOver = false
  const later = (delayMicros: number, task: () => void): void => {
    world.after(delayMicros, () => {
      if (!isOver) task()
    })
  }
  const end = (): void => {
    isOver = true
  }
  const signature = new ScpSignature(crypto, networkId)
  const quorumSetHash = new Uint8Array(QUORUM_SET_BYTES)
  const epochMicros = load.epochMillis * MICROS_PER_MILLI
  honest.slice(0, load.speakers).forEach((node) => {
    const prng = world.prng(`load/statements/${node.index}`)
    let count = 0
    const perStatement = Math.floor(epochMicros / Math.max(1, load.statementsPerEpoch))
    const speak = (): void => {
      const overlay = node.overlay()
      const message = signedStatement(signature, node.signer, quorumSetHash, count)
      count += 1
      if (overlay !== undefined) world.fork(Effect.ignore(overlay.broadcast(message)))
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
    const overlay = node.overlay()
    if (overlay !== undefined) {
      const transaction = signedPayment(crypto, networkId, node.signer, {
        destination: honest[prng.below(honest.length)]!.signer.publicKey,
        sequence: sequence++,
        amount: 1n
      })
      world.fork(Effect.ignore(overlay.broadcast({ _tag: "TRANSACTION", transaction })))
    }
    later(period, pay)
  }
  later(epochMicros + prng.below(period), pay)
  return end
}
