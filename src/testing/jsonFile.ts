/**
 * Reads JSON that a person wrote: what is wrong is told as `faults[3].node: ...`, a line for each thing.
 */
import { Result, Schema, SchemaIssue } from "effect"

/** How many things that are wrong are told: with more, the first of them are the cause of the others. */
const PROBLEMS_TOLD = 10

const formatter = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: (issue) =>
    issue._tag === "UnexpectedKey" ? "This key does not belong here" : SchemaIssue.defaultLeafHook(issue)
})

/** Makes a reader of texts that hold this; a key that is not known is refused. The failure is for a person. */
export const jsonFile = <A, E>(schema: Schema.Codec<A, E>): (text: string) => Result.Result<A, string> => {
  const decode = Schema.decodeUnknownResult(Schema.fromJsonString(schema), { onExcessProperty: "error" })
  return (text) =>
    Result.mapError(decode(text), ({ issue }) => {
      const lines = formatter(issue).issues.map(({ message, path = [] }) => {
        const place = path.map((part) => keyText(typeof part === "object" ? part.key : part)).join("")
        return place === "" ? message : `${place.replace(/^\./, "")}: ${message}`
      })
      // A union tells the same of each of its members.
      const told = [...new Set(lines)]
      const more = told.length - PROBLEMS_TOLD
      return [...told.slice(0, PROBLEMS_TOLD), ...(more > 0 ? [`and ${more} more`] : [])].join("\n")
    })
}

const keyText = (key: PropertyKey): string => typeof key === "number" ? `[${key}]` : `.${String(key)}`
