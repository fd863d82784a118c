/**
 * What options must be to each other: the checks that stellar-core makes when it starts, as far as they concern an overlay.
 */
import { SOROBAN_MAX_TRANSACTION_BYTES } from "../../core/stellar/limits.ts"
import { maxTransactionBytes } from "../../core/stellar/TransactionLimits.ts"
import { type ConfigProblem, shownValue } from "./ConfigProblem.ts"
import { KEY_LISTS, type NamedKeys, referenceIn } from "./namedKeys.ts"
import type { SettingName, Settings } from "./settings.ts"

/** A mistake that only several options make together. It is told at the first of them. */
export interface Contradiction extends Pick<ConfigProblem, "reason" | "key" | "found" | "expected"> {
  readonly name: SettingName
}

/** What holds between numbers. */
interface Rule {
  readonly name: NumberName
  readonly with: NumberName
  readonly expected: string
  readonly holds: (settings: Settings) => boolean
}

type NumberName = { [Name in SettingName]: Settings[Name] extends number ? Name : never }[SettingName]

/** The longest transaction of the public network, which the credit must let through. Core asks its ledger, which we have not. */
const MAX_TRANSACTION_BYTES = maxTransactionBytes(SOROBAN_MAX_TRANSACTION_BYTES)

const rules: ReadonlyArray<Rule> = [
  {
    name: "FLOW_CONTROL_SEND_MORE_BATCH_SIZE",
    with: "PEER_FLOOD_READING_CAPACITY",
    expected: "at most PEER_FLOOD_READING_CAPACITY, or credit would never be given back",
    holds: (it) => it.FLOW_CONTROL_SEND_MORE_BATCH_SIZE <= it.PEER_FLOOD_READING_CAPACITY
  },
  {
    name: "PEER_READING_CAPACITY",
    with: "PEER_FLOOD_READING_CAPACITY",
    expected: "more than PEER_FLOOD_READING_CAPACITY, or a full window would keep out the message that opens it",
    holds: (it) => it.PEER_READING_CAPACITY > it.PEER_FLOOD_READING_CAPACITY
  },
  {
    name: "FLOW_CONTROL_SEND_MORE_BATCH_SIZE_BYTES",
    with: "PEER_FLOOD_READING_CAPACITY_BYTES",
    expected: "at most PEER_FLOOD_READING_CAPACITY_BYTES, or 0 for both",
    holds: (it) => it.FLOW_CONTROL_SEND_MORE_BATCH_SIZE_BYTES <= it.PEER_FLOOD_READING_CAPACITY_BYTES
  },
  {
    name: "PEER_FLOOD_READING_CAPACITY_BYTES",
    with: "FLOW_CONTROL_SEND_MORE_BATCH_SIZE_BYTES",
    expected: `at least ${MAX_TRANSACTION_BYTES} more than FLOW_CONTROL_SEND_MORE_BATCH_SIZE_BYTES, ` +
      "so that the longest transaction fits, or 0 for both",
    holds: (it) => {
      const { FLOW_CONTROL_SEND_MORE_BATCH_SIZE_BYTES: batch, PEER_FLOOD_READING_CAPACITY_BYTES: capacity } = it
      // Without this, what the rule before says would be said twice.
      return (capacity === 0 && batch === 0) || batch > capacity || capacity - batch >= MAX_TRANSACTION_BYTES
    }
  }
]

/** All contradictions in these settings, and references to names that nobody gave. */
export const contradictionsIn = (settings: Settings, names: NamedKeys): ReadonlyArray<Contradiction> => [
  ...rules.filter(({ holds }) => !holds(settings)).map((rule): Contradiction => ({
    name: rule.name,
    reason: "conflict",
    key: rule.name,
    found: `${settings[rule.name]} with ${rule.with} = ${settings[rule.with]}`,
    expected: rule.expected
  })),
  ...unknownNames(settings, names)
]

const unknownNames = (settings: Settings, names: NamedKeys): ReadonlyArray<Contradiction> =>
  KEY_LISTS.flatMap((list) =>
    settings[list].flatMap((text, index): ReadonlyArray<Contradiction> => {
      const reference = referenceIn(text)
      return reference === undefined || names.has(reference) ? [] : [{
        name: list,
        reason: "value",
        key: `${list}[${index}]`,
        found: shownValue(text),
        expected: "a name that NODE_NAMES, VALIDATORS or one of the lists of keys gives"
      }]
    })
  )
