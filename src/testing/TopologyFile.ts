/**
 * A topology in a file: JSON, `{ "nodes": 3, "dials": [[0, 1], [1, 2]] }`, where the first of each pair calls the second.
 */
import { Result, Schema } from "effect"
import { type Topology, topologyFrom } from "../core/simulation/Topology.ts"
import { jsonFile } from "./jsonFile.ts"

const read = jsonFile(Schema.Struct({
  nodes: Schema.Finite,
  dials: Schema.Array(Schema.Tuple([Schema.Finite, Schema.Finite]))
}))

/** Reads the text of a topology. The failure tells for a person what is wrong; see `topologyFrom` for what is refused. */
export const parseTopology = (text: string): Result.Result<Topology, string> =>
  Result.flatMap(
    read(text),
    ({ dials, nodes }) => Result.mapError(topologyFrom(nodes, dials), ({ message }) => message)
  )
