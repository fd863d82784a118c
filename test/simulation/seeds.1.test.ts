/** The first third of the fixed seeds. */
import { runSeeds, seedsFrom } from "./seeds.ts"

runSeeds("fixed seeds", seedsFrom(1, 17))
