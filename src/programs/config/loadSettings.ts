/**
 * Reads the sources of a configuration: the file, the environment, and a seed that stands in a file of its own.
 */
import { ByteSize, Effect, FileSystem, Option, type PlatformError, Redacted, Result } from "effect"
import { decodeSeed } from "../../core/stellar/StrKey.ts"
import * as SeedFile from "../../layers/node/SeedFile.ts"
import { type CommandFailed, failed } from "../CommandFailed.ts"
import { type ConfigProblem, InvalidConfig, textOf } from "./ConfigProblem.ts"
import { type FileSettings, readEnvironment, readFileSettings } from "./readSettings.ts"
import { type FlagSettings, type ResolvedSettings, resolveSettings } from "./resolveSettings.ts"
import { keyAndName, SEED_FILE, type Settings } from "./settings.ts"

/** The longest file that is read: a validator's, with all the organizations of the public network, is about 10 KiB. */
const MAX_FILE_BYTES = 1_048_576
/** The bits of a mode that let the group or others read. */
const READABLE_BY_OTHERS = 0o044

type Problems = ReadonlyArray<ConfigProblem>

/** A file that was read, and what is to be said about the file itself. */
export interface LoadedFile {
  readonly settings: FileSettings
  readonly warnings: ReadonlyArray<string>
}

/**
 * Reads and checks one file.
 *
 * Fails with `InvalidConfig`, which holds all mistakes, and with `CommandFailed` if the file cannot be read.
 */
export const loadFile = Effect.fnUntraced(function*(
  path: string
): Effect.fn.Return<LoadedFile, CommandFailed | InvalidConfig, FileSystem.FileSystem> {
  const fs = yield* FileSystem.FileSystem
  const unread = (error: PlatformError.PlatformError): CommandFailed =>
    failed(
      error.reason._tag === "NotFound"
        ? `There is no file ${path}. \`overlay config init ${path}\` makes one.`
        : `The file ${path} cannot be read (${error.message}). See that this user may read it.`
    )
  const info = yield* Effect.mapError(fs.stat(path), unread)
  if (info.type !== "File") return yield* failed(`${path} is a folder or something else that is no plain file.`)
  if (ByteSize.toBigInt(info.size) > MAX_FILE_BYTES) {
    return yield* failed(`The file ${path} is longer than ${MAX_FILE_BYTES} bytes, so it is something else.`)
  }
  const text = yield* Effect.mapError(fs.readFileString(path), unread)
  const settings = yield* orInvalid(readFileSettings(text))
  const { NODE_SEED } = settings.settings
  const isExposed = NODE_SEED !== undefined && !Redacted.value(NODE_SEED).startsWith(SEED_FILE) &&
    (info.mode & READABLE_BY_OTHERS) !== 0
  return {
    settings,
    warnings: isExposed
      ? [`${path} holds a seed, and other users of this machine can read it. Close it with: chmod 600 ${path}`]
      : []
  }
})

/** The settings of a node, and the file they come from, as far as there is one. */
export interface LoadedSettings extends ResolvedSettings {
  readonly foreign: ReadonlyArray<string>
}

/**
 * Reads the environment and, if one is given, the file, and puts the flags before both.
 *
 * Fails with `InvalidConfig`, which holds all mistakes of the file and of the environment, or all contradictions between what
 * they say; and with `CommandFailed` if the file cannot be read.
 */
export const loadSettings = Effect.fnUntraced(function*(
  flags: FlagSettings,
  path: Option.Option<string>
): Effect.fn.Return<LoadedSettings, CommandFailed | InvalidConfig, FileSystem.FileSystem> {
  const environment = yield* Effect.mapError(readEnvironment, ({ message }) => failed(message))
  const file: Result.Result<LoadedFile | undefined, Problems> = Option.isNone(path)
    ? Result.succeed(undefined)
    : yield* loadFile(path.value).pipe(
      Effect.map((loaded) => Result.succeed(loaded)),
      Effect.catchTag("InvalidConfig", ({ problems }) => Effect.succeed(Result.fail(problems)))
    )
  if (Result.isFailure(file) || Result.isFailure(environment)) {
    return yield* new InvalidConfig({ problems: [...problemsOf(file), ...problemsOf(environment)] })
  }
  const loaded = file.success
  const ofEnvironment = environment.success
  const resolved = yield* orInvalid(resolveSettings({
    flags,
    environment: ofEnvironment.settings,
    ...(loaded === undefined ? {} : { file: loaded.settings })
  }))
  return {
    ...resolved,
    foreign: loaded?.settings.foreign ?? [],
    warnings: [...loaded?.warnings ?? [], ...ofEnvironment.warnings, ...resolved.warnings]
  }
})

/**
 * The seed as the node needs it (`S...`): what the setting says, or what the file holds that it names.
 *
 * Fails with `CommandFailed` if that file cannot be read, is open to others, or holds no seed.
 */
export const seedOf = Effect.fnUntraced(function*(
  { NODE_SEED: seed }: Settings
): Effect.fn.Return<Redacted.Redacted<string> | undefined, CommandFailed, FileSystem.FileSystem> {
  if (seed === undefined) return undefined
  const written = Redacted.value(seed)
  if (!written.startsWith(SEED_FILE)) return Redacted.make(keyAndName(written)[0])
  const path = written.slice(SEED_FILE.length)
  const held = yield* Effect.mapError(SeedFile.read(path), ({ message }) => failed(message))
  const [key] = keyAndName(Redacted.value(held))
  const checked = decodeSeed(key)
  return Result.isSuccess(checked)
    ? Redacted.make(key)
    : yield* failed(`The seed file ${path}: ${checked.failure.message}`)
})

const problemsOf = <A>(result: Result.Result<A, Problems>): Problems => Result.isFailure(result) ? result.failure : []

const orInvalid = <A>(result: Result.Result<A, Problems>): Effect.Effect<A, InvalidConfig> =>
  Effect.mapError(Effect.fromResult(result), (problems) => new InvalidConfig({ problems }))

/** The end of a command whose configuration cannot be used: all mistakes, a line each. */
export const refusedConfig = (path: string | undefined, problems: Problems): CommandFailed =>
  failed(
    `${path ?? "The configuration"} cannot be used:\n${problems.map((problem) => `  ${textOf(problem)}`).join("\n")}`
  )
