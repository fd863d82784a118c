/**
 * From what one source says to typed settings, or to all that is wrong with it: the file, and the environment.
 */
import { Config, ConfigProvider, Effect, Option, Result, Schema, SchemaIssue } from "effect"
import { nearestName } from "../../core/nearestName.ts"
import { parsePeerId } from "../../core/stellar/StrKey.ts"
import { type ConfigProblem, environmentName, REDACTED, shownText, shownValue } from "./ConfigProblem.ts"
import { foreignKeys, isForeignKey, VALIDATORS } from "./foreignKeys.ts"
import { parseToml, type TomlDocument } from "./parseToml.ts"
import {
  aboutOf,
  isPeerAddress,
  isSettingName,
  type Kind,
  PEER_ADDRESS_TEXT,
  type SettingName,
  settingNames,
  SomeSettings
} from "./settings.ts"

/** A validator that the file names. */
export interface Validator {
  readonly name: string
  readonly homeDomain: string
  readonly publicKey: string
  readonly address: string | undefined
}

/** What a file says. */
export interface FileSettings {
  readonly settings: SomeSettings
  readonly validators: ReadonlyArray<Validator>
  /** Options of stellar-core in it that do not concern an overlay. */
  readonly foreign: ReadonlyArray<string>
  readonly lineOf: (name: SettingName) => number | undefined
}

/** What the environment says. */
export interface EnvironmentSettings {
  readonly settings: SomeSettings
  /** Variables that look like misspelled ones. They are told and not refused: others may begin with the same word. */
  readonly warnings: ReadonlyArray<string>
}

type Problems = ReadonlyArray<ConfigProblem>

/** What a source says, by the names of the options, as TOML would give it. */
type Raw = Readonly<Partial<Record<SettingName, unknown>>>

const decodeSettings = Schema.decodeUnknownResult(SomeSettings, { errors: "all" })
const formatIssue = SchemaIssue.makeFormatterStandardSchemaV1()

/** Reads a file in stellar-core's own TOML. All mistakes are told at once. */
export const readFileSettings = (text: string): Result.Result<FileSettings, Problems> => {
  const parsed = parseToml(text)
  if (Result.isFailure(parsed)) {
    const { column, line, why } = parsed.failure
    return Result.fail([
      { reason: "syntax", key: "", source: "file", line, found: `${why} (column ${column})`, expected: "TOML" }
    ])
  }
  const document = parsed.success
  const problems: Array<ConfigProblem> = []
  const raw: Partial<Record<SettingName, unknown>> = {}
  const foreign: Array<string> = []
  for (const [key, value] of Object.entries(document.table)) {
    if (isSettingName(key)) raw[key] = value
    else if (isForeignKey(key)) foreign.push(key)
    else if (key !== VALIDATORS) problems.push(unknownKey(key, document.lineOfKey(key)))
  }
  const settings = settingsOf(raw, (name) => atLine(document.lineOfKey(name)))
  if (Result.isFailure(settings)) problems.push(...settings.failure)
  const validators = validatorsOf(document, problems)
  return Result.isSuccess(settings) && problems.length === 0
    ? Result.succeed({ settings: settings.success, validators, foreign, lineOf: document.lineOfKey })
    : Result.fail(problems.toSorted((one, other) => (one.line ?? Infinity) - (other.line ?? Infinity)))
}

/** Reads the environment, or whatever stands in its place: `OVERLAY_` and the option's name, lists separated by commas. */
export const readEnvironment: Effect.Effect<Result.Result<EnvironmentSettings, Problems>, Config.ConfigError> = Effect
  .gen(function*() {
    const raw: Partial<Record<SettingName, unknown>> = {}
    for (const name of settingNames) {
      const text = yield* Config.option(Config.String(environmentName(name)))
      if (Option.isSome(text)) raw[name] = valueOf(text.value, aboutOf(name).kind)
    }
    const warnings = yield* misspelled
    return Result.map(settingsOf(raw, () => ({ source: "environment" })), (settings) => ({ settings, warnings }))
  })

/** The value that a text stands for; the text itself if it stands for none, which is then refused. */
const valueOf = (text: string, kind: Kind): unknown => {
  switch (kind) {
    case "integer":
    case "number":
      if (/^[+-]?\d+$/.test(text)) return BigInt(text.replace("+", ""))
      return /^[+-]?\d+\.\d+$/.test(text) ? Number(text) : text
    case "boolean":
      return text === "true" || text === "false" ? text === "true" : text
    case "text":
      return text
    case "list":
      return text.split(",").map((element) => element.trim())
  }
}

type Place = Pick<ConfigProblem, "source" | "line">

const atLine = (line: number | undefined): Place => ({ source: "file", ...(line === undefined ? {} : { line }) })

const settingsOf = (raw: Raw, placeOf: (name: SettingName) => Place): Result.Result<SomeSettings, Problems> =>
  Result.mapError(decodeSettings(raw), ({ issue }) => {
    const problems = new Map<string, ConfigProblem>()
    for (const { path = [] } of formatIssue(issue).issues) {
      const [name, index] = path.map((part) => typeof part === "object" ? part.key : part)
      if (typeof name !== "string" || !isSettingName(name)) continue
      const { element, expected, isSecret } = aboutOf(name)
      const value = raw[name]
      const isElement = typeof index === "number" && Array.isArray(value)
      const key = isElement ? `${name}[${index}]` : name
      // A union tells the same of each of its members.
      problems.set(key, {
        reason: "value",
        key,
        ...placeOf(name),
        found: isSecret ? REDACTED : shownValue(isElement ? value[index] : value),
        expected: isElement ? element : expected
      })
    }
    return [...problems.values()]
  })

const knownKeys: ReadonlyArray<string> = [...settingNames, VALIDATORS, ...foreignKeys]

const unknownKey = (key: string, line: number | undefined): ConfigProblem => ({
  reason: "unknown",
  key: shownText(key),
  ...atLine(line),
  found: shownText(key),
  expected: nearestName(key, knownKeys) ?? ""
})

/** What stands in an entry of VALIDATORS, and whether it must. */
const validatorFields: Readonly<Record<string, boolean>> = {
  NAME: true,
  HOME_DOMAIN: true,
  PUBLIC_KEY: true,
  ADDRESS: false,
  QUALITY: false,
  HISTORY: false
}
const validatorFieldNames = Object.keys(validatorFields)

const isTable = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date)

/** Reads the validators, and adds what is wrong with them. */
const validatorsOf = (document: TomlDocument, problems: Array<ConfigProblem>): ReadonlyArray<Validator> => {
  const entries = document.table[VALIDATORS]
  if (entries === undefined) return []
  if (!Array.isArray(entries)) {
    const place = atLine(document.lineOfKey(VALIDATORS))
    const expected = `tables, each below [[${VALIDATORS}]]`
    problems.push({ reason: "value", key: VALIDATORS, ...place, found: shownValue(entries), expected })
    return []
  }
  return entries.map((entry: unknown, index) => {
    const place = atLine(document.lineOfTable(VALIDATORS, index))
    const key = (name: string) => `${VALIDATORS}[${index}].${name}`
    const table = isTable(entry) ? entry : {}
    const refuse = (name: string, value: unknown, expected: string): void => {
      problems.push({ reason: "value", key: key(name), ...place, found: shownValue(value), expected })
    }
    for (const name of Object.keys(table)) {
      if (Object.hasOwn(validatorFields, name)) continue
      const expected = nearestName(name, validatorFieldNames) ?? ""
      const shown = shownText(name)
      problems.push({ reason: "unknown", key: key(shown), ...place, found: shown, expected })
    }
    const text = (name: string): string | undefined => {
      const value = table[name]
      if (value === undefined) {
        if (validatorFields[name] === true) {
          problems.push({ reason: "missing", key: key(name), ...place, found: "nothing", expected: "a text" })
        }
      } else if (typeof value !== "string" || value === "") refuse(name, value, "a text")
      else return value
      return undefined
    }
    const [name, homeDomain, publicKey, address] = ["NAME", "HOME_DOMAIN", "PUBLIC_KEY", "ADDRESS"].map(text)
    if (publicKey !== undefined && Result.isFailure(parsePeerId(publicKey))) {
      refuse("PUBLIC_KEY", publicKey, "a public key (G...)")
    }
    if (address !== undefined && !isPeerAddress(address)) refuse("ADDRESS", address, PEER_ADDRESS_TEXT)
    return { name: name ?? "", homeDomain: homeDomain ?? "", publicKey: publicKey ?? "", address }
  })
}

/** The parts of a variable's name, as Effect's providers see them. */
const SEPARATOR = "_"

/** Variables below `OVERLAY_` that are no option, but nearly. */
const misspelled: Effect.Effect<ReadonlyArray<string>, Config.ConfigError> = Effect.gen(function*() {
  const provider = yield* ConfigProvider.ConfigProvider
  const names: Array<string> = []
  const walk = (path: ReadonlyArray<string>): Effect.Effect<void, ConfigProvider.SourceError> =>
    Effect.gen(function*() {
      const node = yield* provider.load(path)
      if (node === undefined) return
      if (node.value !== undefined && path.length > 1) names.push(path.slice(1).join(SEPARATOR))
      if (node._tag === "Record") yield* Effect.forEach(node.keys, (key) => walk([...path, key]), { discard: true })
    })
  yield* walk([environmentName("").slice(0, -SEPARATOR.length)])
  return names.flatMap((name) => {
    const nearest = isSettingName(name) ? undefined : nearestName(name, settingNames)
    return nearest === undefined
      ? []
      : [
        `${environmentName(shownText(name))} in the environment is no option; perhaps ${
          environmentName(nearest)
        } is meant`
      ]
  })
}).pipe(Effect.mapError((error) => new Config.ConfigError(error)))
