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

/** The mean of independent runs, and how far from it the true one lies. */
export interface Interval {
  readonly mean: number
  /** Half the width of the interval about the mean that holds the true one with `CONFIDENCE`; `undefined` for fewer than two runs. */
  readonly halfWidth: number | undefined
}

/** How sure an interval is. */
export const CONFIDENCE = 0.95

/** The mean of the runs and its interval, by Student's t: mean +/- t * s / sqrt(n), with n - 1 degrees of freedom. */
export const intervalOf = (runs: ReadonlyArray<number>): Interval => {
  const count = runs.length
  const mean = runs.reduce((sum, run) => sum + run, 0) / count
  if (count < 2) return { mean, halfWidth: undefined }
  const variance = runs.reduce((sum, run) => sum + (run - mean) ** 2, 0) / (count - 1)
  return { mean, halfWidth: studentT(CONFIDENCE, count - 1) * Math.sqrt(variance / count) }
}

/** The t below which the absolute value of Student's t stays with this probability, for so many degrees of freedom (1 or more). */
export const studentT = (probability: number, degrees: number): number => {
  // An angle is searched for, and not t itself, because an angle has bounds: t = tan(angle) * sqrt(degrees).
  let [below, above] = [0, Math.PI / 2]
  for (let step = 0; step < BISECTIONS; step++) {
    const middle = (below + above) / 2
    if (studentShare(middle, degrees) < probability) below = middle
    else above = middle
  }
  return Math.tan((below + above) / 2) * Math.sqrt(degrees)
}

/** Halves of an angle until it is as exact as a double. */
const BISECTIONS = 60

/**
 * The probability that Student's t lies between -t and t, in closed form for whole degrees of freedom, as a function of
 * arctan(t / sqrt(degrees)). Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4.
 */
const studentShare = (angle: number, degrees: number): number => {
  const [sine, cosine] = [Math.sin(angle), Math.cos(angle)]
  const isOdd = degrees % 2 === 1
  let term = isOdd ? cosine : 1
  let sum = 0
  for (let power = isOdd ? 1 : 0; power <= degrees - 2; power += 2) {
    sum += term
    term *= cosine ** 2 * (power + 1) / (power + 2)
  }
  return isOdd ? 2 / Math.PI * (angle + sine * sum) : sine * sum
}
