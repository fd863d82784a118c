/** The second third of the fixed seeds. */
import { fixedPart, runSeeds } from "./seeds.ts"

runSeeds("fixed seeds", fixedPart(1, 3))
