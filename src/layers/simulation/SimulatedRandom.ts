/**
 * Randomness of a simulation, from streams that its seed decides: the choices of `Random`, and the keys of `SecureRandom`, which
 * here are as predictable as everything else.
 */
import { Context, Layer, Random } from "effect"
import { make, SecureRandom } from "effect/crypto/SecureRandom"
import type { Prng } from "../../core/Prng.ts"

/** What a double of 53 bits counts in, and how many of them a second draw gives. */
const LOW_BITS = 32
const HIGH_BITS = 21

/** 53 bits: a whole number from 0 to 2^53 - 1. The draws are two statements, for their order is part of the stream. */
const nextU53 = (prng: Prng): number => {
  const high = prng.nextU32() >>> (32 - HIGH_BITS)
  const low = prng.nextU32()
  return high * 2 ** LOW_BITS + low
}

/** A `SecureRandom` whose bytes are those of a stream: each node gets one of its own. */
export const layer = (prng: Prng): Layer.Layer<SecureRandom> =>
  Layer.sync(SecureRandom, () => make((size) => prng.bytes(size)))

/** A `Random` over a stream, as a context to provide. */
export const context = (prng: Prng): Context.Context<never> =>
  Context.make(Random.Random, {
    nextIntUnsafe: () => {
      for (;;) {
        const isNegative = prng.chance(1, 2)
        const magnitude = nextU53(prng)
        if (!isNegative) return magnitude
        // Zero is one number, not two.
        if (magnitude > 0) return -magnitude
      }
    },
    nextDoubleUnsafe: () => nextU53(prng) / 2 ** (LOW_BITS + HIGH_BITS)
  })
