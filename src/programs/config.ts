/**
 * `overlay config`: looks at a configuration file before a node does, shows what it comes to, and writes a first one.
 */
import { Effect, FileSystem, Option, Result } from "effect"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { format, tcpAddress } from "../core/PeerAddress.ts"
import { networks } from "../services/stellar/networks.ts"
import { failed } from "./CommandFailed.ts"
import { type ConfigProblem, environmentName, textOf } from "./config/ConfigProblem.ts"
import { VALIDATORS } from "./config/foreignKeys.ts"
import { type LoadedFile, type LoadedSettings, loadFile, loadSettings, refusedConfig } from "./config/loadSettings.ts"
import { configFlag, flagSettings, nodeFlags } from "./config/nodeFlags.ts"
import { type ResolvedSettings, resolveSettings } from "./config/resolveSettings.ts"
import { aboutOf, type SettingName, settingNames } from "./config/settings.ts"
import { plainValue, templateOf, tomlValue } from "./config/shownSettings.ts"
import { networkFlag, networkOf } from "./networkChoice.ts"
import { print, printJson, tell } from "./printing.ts"

const json = Flag.Boolean("json").pipe(Flag.withDescription("Print one JSON document"), Flag.withDefault(false))

const file = Argument.String("FILE").pipe(Argument.withDescription("The file, in stellar-core's TOML"))

/** What a file that is right was understood to say. */
interface Understood {
  readonly used: ReadonlyArray<string>
  readonly notUsedYet: ReadonlyArray<SettingName>
  readonly notOurs: ReadonlyArray<string>
  readonly warnings: ReadonlyArray<string>
}

const understoodOf = (
  { settings: { foreign, settings, validators }, warnings }: LoadedFile,
  resolved: ResolvedSettings
): Understood => {
  const names = settingNames.filter((name) => settings[name] !== undefined)
  const isUsed = (name: SettingName) => aboutOf(name).sets !== undefined
  return {
    used: [...names.filter(isUsed), ...validators.length === 0 ? [] : [VALIDATORS]],
    notUsedYet: names.filter((name) => !isUsed(name)),
    notOurs: foreign,
    warnings: [...warnings, ...resolved.warnings]
  }
}

const linesOf = (path: string, { notOurs, notUsedYet, used, warnings }: Understood): ReadonlyArray<string> => {
  const list = (title: string, names: ReadonlyArray<string>) =>
    names.length === 0 ? [] : [`  ${title}`, ...names.map((name) => `    ${name}`)]
  return [
    `${path} can be used.`,
    ...list("understood", used),
    ...list("understood, but not used yet", notUsedYet),
    ...list("not ours: an overlay has no use for it", notOurs),
    ...list("warnings", warnings)
  ]
}

const NO_PASSPHRASE: ConfigProblem = {
  reason: "missing",
  key: "NETWORK_PASSPHRASE",
  source: "default",
  found: "nothing",
  expected: "the passphrase of the network, here or with --network"
}

const check = Command.make(
  "check",
  { file, network: networkFlag.pipe(Flag.optional), json },
  Effect.fnUntraced(function*({ file, json, network }) {
    const passphrase = Option.map(network, ({ passphrase }) => passphrase)
    const flags = { settings: Option.isSome(passphrase) ? { NETWORK_PASSPHRASE: passphrase.value } : {} }
    const outcome = yield* loadFile(file).pipe(
      Effect.map((loaded): Result.Result<Understood, ReadonlyArray<ConfigProblem>> => {
        const resolved = resolveSettings({ flags, file: loaded.settings })
        const isNameless = loaded.settings.settings.NETWORK_PASSPHRASE === undefined && Option.isNone(passphrase)
        const problems = [...isNameless ? [NO_PASSPHRASE] : [], ...Result.isFailure(resolved) ? resolved.failure : []]
        return Result.isSuccess(resolved) && problems.length === 0
          ? Result.succeed(understoodOf(loaded, resolved.success))
          : Result.fail(problems)
      }),
      Effect.catchTag("InvalidConfig", ({ problems }) => Effect.succeed(Result.fail(problems)))
    )
    if (Result.isFailure(outcome)) {
      const problems = outcome.failure
      if (json) {
        const told = problems.map((problem) => ({ ...problem, line: problem.line ?? null, text: textOf(problem) }))
        yield* printJson({ file, usable: false, problems: told })
      }
      return yield* refusedConfig(file, problems)
    }
    if (json) yield* printJson({ file, usable: true, problems: [], ...outcome.success })
    else yield* Effect.forEach(linesOf(file, outcome.success), print, { discard: true })
  })
).pipe(
  Command.withDescription(
    "Read a file and say all that is wrong with it (then the exit code is 1), or what is understood, what of it this node does " +
      "not use yet, and what belongs to stellar-core's other parts. The environment does not count here."
  ),
  Command.withShortDescription("Say whether a file is right"),
  Command.withExamples([
    { command: "overlay config check node.cfg", description: "Check a file" },
    {
      command: "overlay config check stellar-core.cfg --json",
      description: "Check the one of a stellar-core, for a script"
    }
  ])
)

const shownListen = ({ listen }: ResolvedSettings): string =>
  listen === undefined ? "off" : format(tcpAddress(listen.host, listen.port))

const documentOf = (settings: LoadedSettings) => ({
  network: settings.network?.name ?? null,
  listen: shownListen(settings),
  options: settingNames.map((name) => ({
    name,
    value: plainValue(settings.settings, name),
    unit: aboutOf(name).unit,
    source: settings.sourceOf(name),
    used: aboutOf(name).sets !== undefined
  })),
  notOurs: settings.foreign,
  warnings: settings.warnings
})

const linesOfSettings = (loaded: LoadedSettings): ReadonlyArray<string> => {
  const rows = [
    ...settingNames.map((name) => {
      const { sets, unit } = aboutOf(name)
      const value = tomlValue(loaded.settings, name)
      const shown = value === "" ? "(none)" : unit === "" ? value : `${value} ${unit}`
      return [name, loaded.sourceOf(name), sets === undefined ? `${shown}, not used yet` : shown] as const
    }),
    ...loaded.foreign.map((name) => [name, "file", "(not ours)"] as const)
  ]
  const nameWidth = Math.max(...rows.map(([name]) => name.length))
  const sourceWidth = Math.max(...rows.map(([_, source]) => source.length))
  return [
    `network ${loaded.network?.name ?? "(none)"}, listen ${shownListen(loaded)}`,
    ...rows.map(([name, source, value]) => `${name.padEnd(nameWidth)}  ${source.padEnd(sourceWidth)}  ${value}`)
  ]
}

const show = Command.make(
  "show",
  { config: configFlag, ...nodeFlags, json },
  Effect.fnUntraced(function*({ config, json, ...flags }) {
    const loaded = yield* loadSettings(flagSettings(flags), config).pipe(
      Effect.catchTag("InvalidConfig", ({ problems }) => refusedConfig(Option.getOrUndefined(config), problems))
    )
    yield* Effect.forEach(loaded.warnings, (warning) => tell(`overlay: ${warning}`), { discard: true })
    if (json) return yield* printJson(documentOf(loaded))
    yield* Effect.forEach(linesOfSettings(loaded), print, { discard: true })
  })
).pipe(
  Command.withDescription(
    "Show the value that each option has in the end, its unit, and where it comes from: a flag, the environment " +
      `(${
        environmentName("PEER_PORT")
      } and so on), the file, or the default. The flags are those of overlay run. A seed is ` +
      "never shown."
  ),
  Command.withShortDescription("Show each option's value and where it comes from"),
  Command.withExamples([
    { command: "overlay config show --network testnet", description: "See all options and their defaults" },
    { command: "overlay config show --config node.cfg --json", description: "See what a file comes to, for a script" }
  ])
)

const init = Command.make(
  "init",
  {
    file: Argument.String("FILE").pipe(
      Argument.withDescription("The new file. Without it the text goes to stdout"),
      Argument.optional
    ),
    network: networkFlag.pipe(Flag.withDefault(networkOf("testnet")))
  },
  Effect.fnUntraced(function*({ file, network }) {
    const peers = network.name === "private" ? [] : networks[network.name].peers
    const text = templateOf(network.passphrase, peers)
    if (Option.isNone(file)) return yield* print(text.trimEnd())
    const path = file.value
    const fs = yield* FileSystem.FileSystem
    // "x": nothing is written over. For the owner alone: a seed may be put into it.
    yield* fs.writeFileString(path, text, { flag: "wx", mode: 0o600 }).pipe(Effect.mapError((error) =>
      failed(
        error.reason._tag === "AlreadyExists"
          ? `There is something at ${path} already, and it is not written over. Give another name.`
          : `The file ${path} cannot be written (${error.message}). See that its folder is there and may be written in.`
      )
    ))
    yield* print(path)
  })
).pipe(
  Command.withDescription(
    "Write a first file: all options with what they do, their units, bounds and defaults. What exists is never written over."
  ),
  Command.withShortDescription("Write a first file"),
  Command.withExamples([
    { command: "overlay config init node.cfg", description: "Begin with a node of the test network" },
    { command: "overlay config init --network pubnet", description: "See all options, for the public network" }
  ])
)

/** The verbs about configuration files. */
export const config = Command.make("config").pipe(
  Command.withDescription(
    "Check, show and begin configuration files. They are written in stellar-core's own TOML, with the same options."
  ),
  Command.withShortDescription("Check and show configurations"),
  Command.withSubcommands([check, show, init])
)
