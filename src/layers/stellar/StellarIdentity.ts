/**
 * Who a Stellar node is: the key pair of a seed that was given, or of one that is made at random for this run.
 */
import { Effect, Layer, Redacted, Result, Schema } from "effect"
import * as SecureRandom from "effect/crypto/SecureRandom"
import { decodeSeed, peerIdFromPublicKey } from "../../core/stellar/StrKey.ts"
import { Crypto } from "../../services/Crypto.ts"
import { NodeIdentity } from "../../services/NodeIdentity.ts"

/** Says what is wrong with a seed, and what to do; it never holds any of the seed itself. */
export class InvalidSeed extends Schema.TaggedError<InvalidSeed>()("InvalidSeed", {
  message: Schema.String
}) {}

/** How many bytes an Ed25519 seed has. */
const SEED_BYTES = 32

/**
 * Makes the identity of a seed's text (`S...`, SEP-23). Without one, a new identity is made: nobody knows it yet, and it is
 * gone when the node stops.
 *
 * Fails with `InvalidSeed` if the text is no seed.
 */
export const make = Effect.fnUntraced(function*(seedText: Redacted.Redacted<string> | undefined) {
  const crypto = yield* Crypto
  const seed = seedText === undefined ? yield* randomSeed : yield* decoded(seedText)
  const signer = crypto.signer(seed)
  return NodeIdentity.of({
    peerId: peerIdFromPublicKey(signer.publicKey),
    publicKey: signer.publicKey,
    seed: Redacted.make(seed, { label: "seed" }),
    signer
  })
})

/** The identity of one node: see `make`. */
export const layer = (
  seedText?: Redacted.Redacted<string>
): Layer.Layer<NodeIdentity, InvalidSeed, Crypto | SecureRandom.SecureRandom> =>
  Layer.effect(NodeIdentity, make(seedText))

const randomSeed = SecureRandom.SecureRandom.use((random) => random.randomBytes(SEED_BYTES))

const decoded = (seedText: Redacted.Redacted<string>): Effect.Effect<Uint8Array, InvalidSeed> =>
  Effect.fromResult(
    Result.mapError(decodeSeed(Redacted.value(seedText)), ({ message }) => new InvalidSeed({ message }))
  )
