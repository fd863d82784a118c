/** The last third of the fixed seeds. */
import { fixedPart, runSeeds } from "./seeds.ts"

runSeeds("fixed seeds", fixedPart(2, 3))
