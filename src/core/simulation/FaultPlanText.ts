/**
 * The one text of a plan: JSON with a line for each fault, so that two versions of a file differ in the lines that changed.
 */
import { type ItemHash, toHex } from "../ItemHash.ts"
import type { FaultPlan } from "./FaultPlan.ts"

/** What a reader looks for first stands first; then come the other keys in the order of their letters. */
const FIRST_KEYS = ["kind", "fromMillis", "toMillis", "atMillis"]

/** The text of a plan, the same for the same plan however its objects were made. The order of the faults is kept. */
export const canonicalText = (plan: FaultPlan): string => {
  const faults = plan.faults.map((fault) => `    ${oneLine(fault)}`).join(",\n")
  return `{
  "version": ${plan.version},
  "nodes": ${plan.nodes},
  "durationMillis": ${plan.durationMillis},
  "faults": [${faults === "" ? "" : `\n${faults}\n  `}]
}
`
}

/** The name of a plan: the digest of its text (UTF-8), as 64 hexadecimal digits if it is a SHA-256. */
export const planHash = (plan: FaultPlan, digest: (bytes: Uint8Array) => ItemHash): string =>
  toHex(digest(new TextEncoder().encode(canonicalText(plan))))

const rank = (key: string): number => {
  const place = FIRST_KEYS.indexOf(key)
  return place < 0 ? FIRST_KEYS.length : place
}

/** The order of letters is that of UTF-16 units: no machine's language changes it. */
const inOrder = (one: string, other: string): number => rank(one) - rank(other) || (one < other ? -1 : 1)

const oneLine = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(oneLine).join(", ")}]`
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  const entries = Object.entries(value).sort(([one], [other]) => inOrder(one, other))
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}: ${oneLine(inner)}`).join(", ")}}`
}
