/**
 * What is wrong with a configuration, and how it is told. Nothing here shows a seed.
 */
import { Schema } from "effect"
import { escaped } from "../escaped.ts"

/** Where a value comes from: the first of these that has one wins. */
export type Source = "flag" | "environment" | "file" | "default"

/** One mistake: where, what was found, what was expected. */
export const ConfigProblem = Schema.Struct({
  reason: Schema.Literals(["syntax", "unknown", "value", "missing", "conflict"]),
  /** The option, with the place in it, as `KNOWN_PEERS[1]`; empty where a text is not TOML. */
  key: Schema.String,
  /** `default` where a value is missing everywhere. */
  source: Schema.Literals(["flag", "environment", "file", "default"]),
  /** The line of the file, from 1, as far as it is known. */
  line: Schema.optionalKey(Schema.Int),
  found: Schema.String,
  expected: Schema.String
})
export type ConfigProblem = typeof ConfigProblem.Type

/** The configuration cannot be used; these are all its mistakes that could be seen. */
export class InvalidConfig extends Schema.TaggedError<InvalidConfig>()("InvalidConfig", {
  problems: Schema.Array(ConfigProblem)
}) {
  override get message() {
    return this.problems.map(textOf).join("\n")
  }
}

/** How an option is called in the environment. */
export const environmentName = (name: string): string => `OVERLAY_${name}`

/** One mistake as a line for a person. */
export const textOf = ({ expected, found, key, line, reason, source }: ConfigProblem): string => {
  const place = line === undefined ? "" : `line ${line}: `
  const name = source === "environment" ? environmentName(key) : key
  switch (reason) {
    case "syntax":
      return `${place}this is not TOML: ${found}`
    case "unknown":
      return `${place}${name} is no option${expected === "" ? "" : `; perhaps ${expected} is meant`}`
    case "missing":
      return `${place}${name} is missing; expected: ${expected}`
    default:
      return `${place}${name} is ${found}; expected: ${expected}`
  }
}

/** Shown instead of a seed. */
export const REDACTED = "<redacted>"

/** A long part of a seed, wherever it stands: half of one, too, is nobody's business. */
const SEEDLIKE = /(?<![A-Za-z0-9])S[A-Z2-7]{20,}/g
/** How much of a text is shown. */
const SHOWN_LENGTH = 60

/** A text in which no seed can be read, however it came there. */
export const withoutSeeds = (text: string): string => text.replace(SEEDLIKE, REDACTED)

/** Text of a file or of the environment, harmless for a terminal, and without any seed. */
export const shownText = (text: string): string => {
  const shown = escaped(withoutSeeds(text))
  return shown.length > SHOWN_LENGTH ? `${shown.slice(0, SHOWN_LENGTH)}...` : shown
}

/** A value as it was found. */
export const shownValue = (value: unknown): string => {
  switch (typeof value) {
    case "string":
      return `"${shownText(value)}"`
    case "bigint":
    case "boolean":
      return String(value)
    case "number":
      // Told apart from the whole number, which it is not in TOML.
      return Number.isInteger(value) ? value.toFixed(1) : String(value)
    default:
      if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list"
      return value instanceof Date ? "a date" : "a table"
  }
}
