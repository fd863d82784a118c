/**
 * What is told of repeated runs: the middle, and how far the runs lie apart.
 */

/** A figure over several runs. */
export interface Figure {
  readonly median: number
  /** The interquartile range: the distance in which the middle half of the runs lies. */
  readonly spread: number
}

const quantile = (sorted: ReadonlyArray<number>, share: number): number => {
  const at = (sorted.length - 1) * share
  const below = sorted[Math.floor(at)] ?? Number.NaN
  const above = sorted[Math.ceil(at)] ?? Number.NaN
  return below + (above - below) * (at - Math.floor(at))
}

const rounded = (value: number): number => Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3))

/** Median and spread of the runs. */
export const figureOf = (runs: ReadonlyArray<number>): Figure => {
  const sorted = [...runs].sort((a, b) => a - b)
  return {
    median: rounded(quantile(sorted, 0.5)),
    spread: rounded(quantile(sorted, 0.75) - quantile(sorted, 0.25))
  }
}
