/**
 * Distributions of whole numbers, such as delays in microseconds, as plain data.
 *
 * Sampling is integers from end to end, so that every machine draws the same: shapes come from tables of quantiles.
 */
import type { Prng } from "./Prng.ts"
import {
  EXPONENTIAL,
  LOG_NORMAL_HALF,
  LOG_NORMAL_ONE,
  LOG_NORMAL_QUARTER,
  QUANTILE_UNIT,
  QUANTILES
} from "./quantiles.generated.ts"

/** How widely a log-normal distribution is spread: the standard deviation of its logarithm. */
export type Sigma = 0.25 | 0.5 | 1

/** A distribution of whole numbers of 0 and more. */
export type Distribution =
  | { readonly _tag: "Constant"; readonly value: number }
  | { readonly _tag: "Uniform"; readonly min: number; readonly max: number }
  | { readonly _tag: "LogNormal"; readonly median: number; readonly sigma: Sigma }
  | { readonly _tag: "Exponential"; readonly mean: number }

/** Always this number. */
export const constant = (value: number): Distribution => ({ _tag: "Constant", value })

/** Each number from `min` to `max`, both included, as often as the others. They are less than 2^32 apart. */
export const uniform = (min: number, max: number): Distribution => ({ _tag: "Uniform", min, max })

/**
 * Half of the numbers below the median (at most 2^31), the others above it with a long tail: what delays through the
 * internet look like.
 *
 * The sigma says how long: of 1,000 numbers the tenth and the tenth from the end are at 0.56 and 1.8 times the median for
 * 1/4, at 0.31 and 3.2 times for 1/2, at 0.1 and 10 times for 1.
 */
export const logNormal = (median: number, sigma: Sigma): Distribution => ({ _tag: "LogNormal", median, sigma })

/** The time between events that know nothing of each other, of which one comes in a time of `mean` (at most 2^31). */
export const exponential = (mean: number): Distribution => ({ _tag: "Exponential", mean })

const LOG_NORMAL: { readonly [S in Sigma]: Int32Array } = {
  0.25: LOG_NORMAL_QUARTER,
  0.5: LOG_NORMAL_HALF,
  1: LOG_NORMAL_ONE
}

/** Places between two entries of a table. With 1,023 gaps a place still fits one draw of 32 bits. */
const PLACE_BITS = 22
const PLACES = (QUANTILES - 1) << PLACE_BITS >>> 0

/**
 * A number by its table, times `scale`, rounded down: straight between two entries, and nothing beyond the first and the last
 * (a share of 1/2048 at either end). Every product stays below 2^53.
 */
const byTable = (table: Int32Array, scale: number, prng: Prng): number => {
  const place = prng.below(PLACES)
  const index = place >>> PLACE_BITS
  const low = table[index]!
  const gap = table[index + 1]! - low
  const between = Math.floor((gap * (place & ((1 << PLACE_BITS) - 1))) / (1 << PLACE_BITS))
  return Math.floor((scale * (low + between)) / QUANTILE_UNIT)
}

/** Draws a number. One draw of the stream or a few; none for a constant. */
export const sample = (distribution: Distribution, prng: Prng): number => {
  switch (distribution._tag) {
    case "Constant":
      return distribution.value
    case "Uniform":
      return distribution.min + prng.below(distribution.max - distribution.min + 1)
    case "LogNormal":
      return byTable(LOG_NORMAL[distribution.sigma], distribution.median, prng)
    case "Exponential":
      return byTable(EXPONENTIAL, distribution.mean, prng)
  }
}
