/**
 * `overlay run`: a node, until it is told to stop; a line for each thing that happens to it.
 */
import { Effect, FileSystem, Layer, Option, Path, type Redacted, Result, Stream } from "effect"
import * as CliError from "effect/cli/CliError"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as SecureRandom from "effect/crypto/SecureRandom"
import type { PeerId } from "../core/PeerId.ts"
import { DEFAULT_PORT } from "../core/stellar/limits.ts"
import { parsePeerId } from "../core/stellar/StrKey.ts"
import * as Machine from "../layers/node/Machine.ts"
import * as NodeAddressResolver from "../layers/node/NodeAddressResolver.ts"
import { resolvePeerAddress } from "../layers/runtime/resolvePeerAddress.ts"
import * as MemoryApplication from "../layers/stellar/MemoryApplication.ts"
import * as StellarNode from "../layers/stellar/StellarNode.ts"
import { Application } from "../services/stellar/Application.ts"
import { Overlay } from "../services/stellar/Overlay.ts"
import type { RelayPolicy, StellarConfig } from "../services/stellar/StellarConfig.ts"
import type { ListenError } from "../services/Transport.ts"
import { type CommandFailed, ExitCode, failed, wrongUsage } from "./CommandFailed.ts"
import { loadSettings, refusedConfig, seedOf } from "./config/loadSettings.ts"
import { configFlag, flagSettings, type NodeFlags, nodeFlags } from "./config/nodeFlags.ts"
import { overridesOf } from "./config/overridesOf.ts"
import type { NetworkChoice } from "./networkChoice.ts"
import { documentOf, type NodeEvent, textOf } from "./nodeEvents.ts"
import { print, printJson } from "./printing.ts"
import { readOrMakeSeed, readSeed, seedFileFlag } from "./seedOfNode.ts"

const MAX_PORT = 65_535
/** What is in the data folder. */
const DATABASE = "overlay.db"
const SEED = "node.seed"
/** The data folder is its owner's alone: it holds the seed. */
const OWNER_ONLY = 0o700

const texts = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description), Flag.atLeast(0))

const between = (name: string, minimum: number, maximum: number, description: string) =>
  Flag.Int(name).pipe(
    Flag.withMetavar("N"),
    Flag.withDescription(description),
    Flag.filter((value) => value >= minimum && value <= maximum, () => `a number from ${minimum} to ${maximum}`)
  )

const flags = {
  config: configFlag,
  ...nodeFlags,
  advertisePort: between("advertise-port", 1, MAX_PORT, "The port to tell peers, if it is not the one listened on")
    .pipe(
      Flag.optional
    ),
  data: Flag.String("data").pipe(
    Flag.withMetavar("DIR"),
    Flag.withDescription(
      `Keep peers and bans (${DATABASE}) and the identity (${SEED}) in this folder; it is made if it is not there. ` +
        "Without it nothing is kept, and the identity is a new one"
    ),
    Flag.optional
  ),
  seedFile: seedFileFlag,
  trust: texts(
    "trust",
    "KEY",
    "A validator (G...) to believe about where the network is; may be repeated. Default: those of the network's preset"
  ),
  relay: Flag.Literals("relay", ["observe", "scp", "all"]).pipe(
    Flag.withDescription(
      "What to pass on: nothing, statements of trusted validators, or transactions too. " +
        "Default: observe on the public networks, all on private ones"
    ),
    Flag.optional
  ),
  statusSeconds: between("status-seconds", 0, 86_400, "Print a status with all counters this often; 0: never").pipe(
    Flag.withDefault(0)
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("Print each event as a line of JSON; the first is listening"),
    Flag.withDefault(false)
  )
}

/** What is kept, and where. */
interface Kept {
  readonly database: string | undefined
  readonly seed: Redacted.Redacted<string> | undefined
}

/** Which network, and all that can be chosen about a node in it. Without a network nothing is guessed. */
const chosen = Effect.fnUntraced(function*(flags: NodeFlags, file: Option.Option<string>) {
  const settings = yield* loadSettings(flagSettings(flags), file).pipe(
    Effect.catchTag("InvalidConfig", ({ problems }) => refusedConfig(Option.getOrUndefined(file), problems))
  )
  yield* Effect.forEach(settings.warnings, (warning) => Effect.logWarning(warning), { discard: true })
  const { network } = settings
  return network === undefined
    ? yield* new CliError.ShowHelp({
      commandPath: ["overlay", "run"],
      errors: [new CliError.MissingOption({ option: "network" })]
    })
    : { ...settings, network }
})

/** Makes the data folder and the identity in it, as far as they are wanted and not there. */
const keep = Effect.fnUntraced(function*(
  data: string | undefined,
  given: Redacted.Redacted<string> | undefined
): Effect.fn.Return<Kept, CommandFailed, FileSystem.FileSystem | Path.Path | SecureRandom.SecureRandom> {
  if (data === undefined) return { database: undefined, seed: given }
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  yield* Effect.mapError(fs.makeDirectory(data, { recursive: true, mode: OWNER_ONLY }), (error) =>
    failed(
      `The data folder ${data} cannot be made (${error.message}). ` +
        "See that nothing else stands there and that this user may write above it, or name another folder with --data."
    ))
  return { database: path.join(data, DATABASE), seed: given ?? (yield* readOrMakeSeed(path.join(data, SEED))) }
})

/** Looks at the addresses before the node starts: what is misspelled will not get better, what only cannot be asked now may. */
const checkPeers = (peers: ReadonlyArray<string>): Effect.Effect<void, CommandFailed> =>
  Effect.forEach(peers, (text) =>
    resolvePeerAddress(text, DEFAULT_PORT).pipe(
      Effect.catchTags({
        InvalidAddress: ({ message }) => Effect.fail(wrongUsage(`${message}.`)),
        UnknownHost: ({ cause, message }) =>
          isNotFound(cause)
            ? Effect.fail(failed(`${text}: ${message}. Check the spelling of --peer and --preferred.`))
            : Effect.logWarning(`${text}: ${message}; it is tried again from time to time`)
      })
    ), { discard: true, concurrency: 8 }).pipe(Effect.provide(NodeAddressResolver.layer))

const isNotFound = (cause: unknown): boolean =>
  typeof cause === "object" && cause !== null && "reason" in cause && cause.reason === "NotFound"

const trustedOf = (
  texts: ReadonlyArray<string>,
  network: NetworkChoice
): Effect.Effect<ReadonlyArray<PeerId>, CommandFailed> =>
  texts.length === 0 ? Effect.succeed(network.trusted) : Effect.forEach(texts, (text) => {
    const key = parsePeerId(text)
    return Result.isSuccess(key)
      ? Effect.succeed(key.success)
      : Effect.fail(wrongUsage(`--trust: ${key.failure.message}`))
  })

const couldNotListen = ({ address, message, reason }: ListenError): CommandFailed => {
  switch (reason) {
    case "addressInUse":
      return failed(
        `${address} is in use: another program, perhaps another node, listens there. ` +
          "Stop it, or choose another port with --listen."
      )
    case "notPermitted":
      return failed(`This user may not listen on ${address}. Choose a port above 1023 with --listen.`)
    case "addressNotAvailable":
      return failed(`This machine has no address ${address}. Choose one that it has, or 0.0.0.0, with --listen.`)
    default:
      return failed(`${address} cannot be listened on (${message}). Choose another address with --listen.`)
  }
}

/** Tells what happens, from the start of the node until it is stopped. */
const narrate = Effect.fnUntraced(function*(
  say: (event: NodeEvent) => Effect.Effect<void>,
  start: Omit<Extract<NodeEvent, { _tag: "Started" }>, "_tag" | "id">,
  statusSeconds: number
) {
  const overlay = yield* Overlay
  const application = yield* Application
  // Subscribed before the first line is written: the node is dialling already. What it tells comes in a later turn.
  yield* Effect.forkScoped(Stream.runForEach(overlay.events, say), { startImmediately: true })
  const { listening } = overlay
  if (listening !== undefined) yield* say({ _tag: "Listening", address: listening })
  yield* say({ _tag: "Started", id: overlay.self, ...start })

  const status = Effect.gen(function*() {
    const peers = yield* overlay.peers
    const counters = yield* overlay.counters
    yield* say({ _tag: "Status", peers, counters, ...application.position() })
  })
  if (statusSeconds > 0) {
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(statusSeconds * 1000), status)))
  }
  return yield* Effect.onInterrupt(Effect.never, () => say({ _tag: "Stopping" }))
})

/** Runs a node until a signal comes, which is a good end. */
export const run = Command.make(
  "run",
  flags,
  Effect.fnUntraced(
    function*(options) {
      const settings = yield* chosen(options, options.config)
      const { network } = settings
      const trusted = yield* trustedOf(options.trust, network)
      // What stands in a file is not asked: of its many nodes one may well be gone, and that stops nobody.
      yield* checkPeers([...options.peer, ...options.preferred])
      const { database, seed } = yield* keep(
        Option.getOrUndefined(options.data),
        Option.isSome(options.seedFile) ? yield* readSeed(options.seedFile.value) : yield* seedOf(settings.settings)
      )
      const config = network.config({
        ...overridesOf(settings, seed),
        ...(Option.isSome(options.advertisePort) ? { advertisePort: options.advertisePort.value } : {})
      })
      const say = options.json
        ? (event: NodeEvent) => printJson(documentOf(event))
        : (event: NodeEvent) => print(textOf(event))
      const start = { network: network.name, passphrase: network.passphrase, data: Option.getOrUndefined(options.data) }
      return yield* narrate(say, start, options.statusSeconds).pipe(
        Effect.scoped,
        Effect.provide(nodeOf(config, trusted, Option.getOrUndefined(options.relay), database)),
        Effect.catchTags({
          ListenError: (error) => Effect.fail(couldNotListen(error)),
          InvalidSeed: ({ message }) => Effect.fail(failed(message)),
          SqliteOpenError: ({ message }) => Effect.fail(failed(`${message} (--data names the folder.)`)),
          SqliteMigrationError: ({ message }) => Effect.fail(failed(message))
        })
      )
    },
    Effect.provide(SecureRandom.layerWebCrypto),
    // To be stopped is what a node is run for.
    Effect.onInterrupt(() =>
      Effect.sync(() => {
        process.exitCode ??= ExitCode.done
      })
    )
  )
).pipe(
  Command.withDescription(
    "Run a node until SIGINT or SIGTERM; then it says goodbye to its peers and ends with exit code 0 (a second Ctrl-C forces). " +
      "Each event is a line on stdout: listening, started, dialing, joined, left, failed, status, stopping."
  ),
  Command.withShortDescription("Run a node"),
  Command.withExamples([
    { command: "overlay run --network testnet --data ./node", description: "Follow the test network" },
    { command: "overlay run --config stellar-core.cfg", description: "Run as a stellar-core with this file would" },
    {
      command: "overlay run --network \"my passphrase\" --listen 127.0.0.1:11625 --relay all",
      description: "The first node of a private network"
    },
    {
      command: "overlay run --network \"my passphrase\" --listen 127.0.0.1:0 --peer 127.0.0.1:11625 --json",
      description: "A second one, for a script"
    }
  ])
)

/** One node with its application, on this machine. */
const nodeOf = (
  config: StellarConfig,
  trusted: ReadonlyArray<PeerId>,
  policy: RelayPolicy | undefined,
  database: string | undefined
) =>
  StellarNode.layer(config).pipe(
    Layer.provideMerge(MemoryApplication.layer({
      passphrase: config.passphrase,
      trusted,
      ...(policy === undefined ? {} : { policy })
    })),
    Layer.provide(Machine.layer({ filename: database }))
  )
