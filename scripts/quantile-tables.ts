/**
 * Makes `src/core/quantiles.generated.ts`, the tables by which integers are drawn from log-normal and exponential
 * distributions: `node scripts/quantile-tables.ts` writes it, `--check` exits 1 if it is stale.
 *
 * Logarithms are made here, once: engines may differ in their last bit, and one bit is another simulation.
 */
import { readFileSync, writeFileSync } from "node:fs"

const FILE = new URL("../src/core/quantiles.generated.ts", import.meta.url)

const ENTRIES = 1024
const UNIT = 65_536
const NUMBERS_PER_LINE = 12

/** The standard normal distribution function, by its series of odd powers: exact to the last digits where it is used. */
const normalShare = (x: number): number => {
  let term = x
  let sum = x
  for (let odd = 3; Math.abs(term) > 1e-18; odd += 2) {
    term *= (x * x) / odd
    sum += term
  }
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI)
}

/** The number that a standard normal variable stays below with this probability, by halving. */
const normalQuantile = (share: number): number => {
  let low = -6
  let high = 6
  while (high - low > 1e-12) {
    const middle = (low + high) / 2
    if (normalShare(middle) < share) low = middle
    else high = middle
  }
  return (low + high) / 2
}

const logNormal = (sigma: number) => (share: number): number => Math.exp(sigma * normalQuantile(share))
const exponential = (share: number): number => -Math.log(1 - share)

const TABLES: ReadonlyArray<readonly [name: string, what: string, quantile: (share: number) => number]> = [
  ["LOG_NORMAL_QUARTER", "Log-normal with a sigma of 1/4, in parts of the median.", logNormal(0.25)],
  ["LOG_NORMAL_HALF", "Log-normal with a sigma of 1/2, in parts of the median.", logNormal(0.5)],
  ["LOG_NORMAL_ONE", "Log-normal with a sigma of 1, in parts of the median.", logNormal(1)],
  ["EXPONENTIAL", "Exponential, in parts of the mean.", exponential]
]

const HEADER = `/**
 * Quantiles of distributions. Written by \`node scripts/quantile-tables.ts\`; not to be edited.
 *
 * Entry i of a table is what stays above a share of (i + 1/2) / ${ENTRIES} of all cases, in parts of 1/${UNIT}.
 */

/** How many entries each table has. */
export const QUANTILES = ${ENTRIES}
/** What 1 is in the tables. */
export const QUANTILE_UNIT = ${UNIT}
`

const table = (quantile: (share: number) => number): string => {
  const numbers = Array.from({ length: ENTRIES }, (_, i) => Math.round(quantile((i + 0.5) / ENTRIES) * UNIT))
  const lines: Array<string> = []
  for (let at = 0; at < ENTRIES; at += NUMBERS_PER_LINE) {
    lines.push(`  ${numbers.slice(at, at + NUMBERS_PER_LINE).join(", ")}`)
  }
  return lines.join(",\n")
}

/** The text of the generated file. */
const generate = (): string =>
  [
    HEADER,
    ...TABLES.flatMap(([name, what, quantile]) => [
      `/** ${what} */`,
      "// dprint-ignore",
      `export const ${name}: Int32Array = Int32Array.of(`,
      table(quantile),
      ")",
      ""
    ])
  ].join("\n")

if (!process.argv.includes("--check")) {
  writeFileSync(FILE, generate())
} else if (readFileSync(FILE, "utf8") !== generate()) {
  process.stderr.write("quantiles.generated.ts is stale: run `node scripts/quantile-tables.ts`\n")
  process.exitCode = 1
}
