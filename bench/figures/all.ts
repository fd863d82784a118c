/**
 * All figures by name.
 */
import { coldBoot } from "./coldBoot.ts"
import type { Figure } from "./Figure.ts"
import { flooding } from "./flooding.ts"
import { partition } from "./partition.ts"
import { periods } from "./periods.ts"
import { withholders } from "./withholders.ts"

/** The names, in the order in which they are told. */
export const FIGURES = ["flooding", "periods", "withholders", "partition", "cold-boot"] as const

/** The name of a figure. */
export type FigureName = typeof FIGURES[number]

/** Each figure under its own name. */
export const figures: Readonly<Record<FigureName, Figure>> = {
  "flooding": flooding,
  "periods": periods,
  "withholders": withholders,
  "partition": partition,
  "cold-boot": coldBoot
}
