/**
 * What the nodes of a simulated network send of their own accord: who says how much, and how often.
 */
import { Result } from "effect"

/** The load of a whole network. */
export interface Load {
  /** How long an epoch (a ledger) lasts. */
  readonly epochMillis: number
  /** How many nodes make statements; where fewer are honest, all of them do. */
  readonly speakers: number
  /** How many statements each of them makes in an epoch. */
  readonly statementsPerEpoch: number
  /** Transactions of all nodes together. */
  readonly transactionsPerSecond: number
  /**
   * Of so many slots of a node, the statements about one name a set of transactions and a quorum set that nobody has but that node, so
   * that all others have to fetch them. 0, and absent: of none.
   */
  readonly slotsPerSets?: number
}

/** The loads that are known by name. */
export const LOADS = {
  /** Nobody says anything of their own accord. */
  none: { epochMillis: 5000, speakers: 0, statementsPerEpoch: 0, transactionsPerSecond: 0 },
  /** 8 floods a second: epochs of 5 seconds, 10 nodes with 3 statements each, 2 transactions a second. */
  light: { epochMillis: 5000, speakers: 10, statementsPerEpoch: 3, transactionsPerSecond: 2 },
  /** 100 floods a second, ours: 25 nodes that need 6 statements to agree, and a busy hour's transactions. */
  heavy: { epochMillis: 5000, speakers: 25, statementsPerEpoch: 6, transactionsPerSecond: 70 }
} as const satisfies Readonly<Record<string, Load>>

const MILLIS_PER_SECOND = 1000

/** How much the network floods in a second, of statements and transactions together. */
export const floodsPerSecond = (load: Load): number =>
  (load.speakers * load.statementsPerEpoch * MILLIS_PER_SECOND) / load.epochMillis + load.transactionsPerSecond

/** The longest epoch: an hour. */
const MOST_EPOCH_MILLIS = 3_600_000
/** The most of anything else: far above what any machine floods, and low enough that times stay whole. */
const MOST = 100_000

/** The names in a written load, and what they set. */
const FIELDS: Readonly<Record<string, { readonly key: keyof Load; readonly least: number; readonly most: number }>> = {
  epochMillis: { key: "epochMillis", least: 1, most: MOST_EPOCH_MILLIS },
  speakers: { key: "speakers", least: 0, most: MOST },
  statements: { key: "statementsPerEpoch", least: 0, most: MOST },
  transactions: { key: "transactionsPerSecond", least: 0, most: MOST },
  slotsPerSets: { key: "slotsPerSets", least: 0, most: MOST }
}

/**
 * Reads a load: a name (`none`, `light`, `heavy`), or `speakers=10,statements=3,transactions=2,epochMillis=5000`, where what is
 * not named is as in `none`. The failure is one sentence for a person.
 */
export const parseLoad = (text: string): Result.Result<Load, string> => {
  const named = Object.entries(LOADS).find(([name]) => name === text)
  if (named !== undefined) return Result.succeed(named[1])
  const load: { -readonly [key in keyof Load]: number } = { ...LOADS.none }
  const set = new Set<string>()
  for (const part of text.split(",")) {
    const [, name, digits] = /^(\w+)=(\d{1,7})$/.exec(part) ?? []
    const field = name !== undefined && Object.hasOwn(FIELDS, name) ? FIELDS[name] : undefined
    if (name === undefined || field === undefined) {
      const names = `${Object.keys(LOADS).join(", ")}, or NAME=NUMBER of ${Object.keys(FIELDS).join(", ")}`
      return Result.fail(`Expected a load (${names}), found ${JSON.stringify(part)}.`)
    }
    const value = Number(digits)
    if (value < field.least || value > field.most) {
      return Result.fail(`Expected ${name} to be from ${field.least} to ${field.most}, found ${value}.`)
    }
    if (set.has(name)) return Result.fail(`${name} is set twice.`)
    set.add(name)
    load[field.key] = value
  }
  return Result.succeed(load)
}
