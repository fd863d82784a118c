/** The second third of the fixed seeds. */
import { runSeeds, seedsFrom } from "./seeds.ts"

runSeeds("fixed seeds", seedsFrom(18, 34))
