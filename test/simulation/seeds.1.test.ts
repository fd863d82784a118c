/** The first third of the fixed seeds. */
import { fixedPart, runSeeds } from "./seeds.ts"

runSeeds("fixed seeds", fixedPart(0, 3))
