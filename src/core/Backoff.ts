/**
 * How long an address is left alone: uniform in 1 to 2^min(exponent, failures) x unit seconds.
 */
import { BACKOFF_MAX_EXPONENT, BACKOFF_UNIT_SECONDS } from "./limits.ts"

/** What the back-off depends on. */
export interface BackoffOptions {
  /** Seconds of the longest back-off after no failure. */
  readonly unitSeconds: number
  /** From this many failures on the back-off grows no more. */
  readonly maxExponent: number
}

/** The back-off of stellar-core's peer database. */
export const backoffDefaults: BackoffOptions = {
  unitSeconds: BACKOFF_UNIT_SECONDS,
  maxExponent: BACKOFF_MAX_EXPONENT
}

/** The longest back-off after so many failures, in seconds: 10, 20, 40 and so on to 10,240. */
export const longestBackoffSeconds = (failures: number, options: BackoffOptions = backoffDefaults): number =>
  2 ** Math.min(options.maxExponent, failures) * options.unitSeconds

/**
 * A back-off after so many failures, in whole seconds from 1 to the longest, both included.
 *
 * `draw` is a random number in [0, 1).
 */
export const backoffSeconds = (failures: number, draw: number, options: BackoffOptions = backoffDefaults): number =>
  1 + Math.floor(draw * longestBackoffSeconds(failures, options))
