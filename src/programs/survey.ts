/**
 * `overlay survey`: has a whole network count for a while, and asks node after node what it counted.
 */
import { Clock, Effect, Layer, Option, type Redacted, Result } from "effect"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as SecureRandom from "effect/crypto/SecureRandom"
import type { PeerId } from "../core/PeerId.ts"
import { SURVEY_COLLECTING_MILLIS, SURVEY_NODES, TARGET_OUTBOUND_WITHOUT_INBOUND } from "../core/stellar/limits.ts"
import { parsePeerId } from "../core/stellar/StrKey.ts"
import { surveyDocument, type SurveyFindings } from "../core/stellar/survey/SurveyDocument.ts"
import { readUint32 } from "../core/Xdr.ts"
import * as Machine from "../layers/node/Machine.ts"
import * as MemoryApplication from "../layers/stellar/MemoryApplication.ts"
import * as StellarNode from "../layers/stellar/StellarNode.ts"
import { Application } from "../services/stellar/Application.ts"
import { Overlay } from "../services/stellar/Overlay.ts"
import type { SurveyRefused } from "../services/stellar/Survey.ts"
import { type CommandFailed, failed, wrongUsage } from "./CommandFailed.ts"
import { escaped } from "./escaped.ts"
import { type NetworkChoice, networkFlag } from "./networkChoice.ts"
import { print, tell } from "./printing.ts"
import { readSeed, seedFileFlag } from "./seedOfNode.ts"
import { graphml } from "./survey/graphml.ts"
import { type Progress, SurveyWalk, type WalkOptions } from "./survey/SurveyWalk.ts"

/** How often is looked what has come. */
const LOOK_MILLIS = 500
const MAX_UINT32 = 0xffffffff
/** The longest time that can be asked for, beside that of a slice: what surveys are reported for. */
const MAX_SECONDS = 10_800

const between = (name: string, metavar: string, minimum: number, maximum: number, fallback: number, what: string) =>
  Flag.Int(name).pipe(
    Flag.withMetavar(metavar),
    Flag.withDescription(`${what}. Default: ${fallback}`),
    Flag.filter((value) => value >= minimum && value <= maximum, () => `a number from ${minimum} to ${maximum}`),
    Flag.withDefault(fallback)
  )

const texts = (name: string, metavar: string, what: string) =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(what), Flag.atLeast(0))

const flags = {
  network: networkFlag,
  peer: texts(
    "peer",
    "HOST:PORT",
    "A node to begin at; may be repeated. Default: those that the network's preset names"
  ),
  seedFile: seedFileFlag,
  trust: texts(
    "trust",
    "KEY",
    "A validator (G...) to believe about the ledger; may be repeated. Default: those of the network's preset"
  ),
  collect: between(
    "collect",
    "SECONDS",
    1,
    SURVEY_COLLECTING_MILLIS / 1000,
    60,
    "How long the network counts"
  ),
  wait: between(
    "wait",
    "SECONDS",
    1,
    MAX_SECONDS,
    30,
    "How long to wait for peers, and for the ledger, before the start"
  ),
  patience: between("patience", "SECONDS", 1, MAX_SECONDS, 60, "How long a node may take to answer"),
  attempts: between("attempts", "N", 1, 10, 2, "How often a node that does not answer is asked"),
  maxNodes: between("max-nodes", "N", 1, SURVEY_NODES, 2000, "Nodes to ask at most"),
  nonce: Flag.Int("nonce").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription("The number of the survey in the network. Default: a random one"),
    Flag.filter((value) => value >= 0 && value <= MAX_UINT32, () => `a number from 0 to ${MAX_UINT32}`),
    Flag.optional
  ),
  format: Flag.Literals("format", ["json", "graphml"]).pipe(
    Flag.withDescription("How to print what was found. Default: json"),
    Flag.withDefault("json")
  )
}

/** What a survey is made with. */
interface Plan extends Omit<WalkOptions, "own"> {
  readonly collectSeconds: number
  readonly waitSeconds: number
  readonly nonce: number
  /** Peers that are worth waiting for. */
  readonly wantedPeers: number
  /** Whether somebody is trusted about the ledger, and so its number can be waited for. */
  readonly followsLedgers: boolean
}

const seconds = (count: number): string => count === 1 ? "1 second" : `${count} seconds`

const sentence = ({ answered, asked, waiting }: Progress): string =>
  `${answered} of ${asked} nodes answered, ${waiting} are waited for.`

/** Looks again and again until it is so, or the time is over; whether it was so. */
const within = (count: number, isSo: Effect.Effect<boolean>): Effect.Effect<boolean> =>
  Effect.gen(function*() {
    const end = (yield* Clock.currentTimeMillis) + count * 1000
    while (!(yield* isSo)) {
      if ((yield* Clock.currentTimeMillis) >= end) return false
      yield* Effect.sleep(LOOK_MILLIS)
    }
    return true
  })

const asFailure = ({ message }: SurveyRefused): CommandFailed =>
  failed(`The survey cannot go on: ${message} Try again when the other one is over: that takes up to three hours.`)

/** Makes a survey with the node that is there. */
const survey = Effect.fnUntraced(
  function*(plan: Plan): Effect.fn.Return<SurveyFindings, CommandFailed, Overlay | Application> {
    const overlay = yield* Overlay
    const application = yield* Application
    const { survey: surveyor } = overlay

    yield* tell(`This node is ${overlay.self}; only nodes that list it among their surveyors take part.`)
    yield* within(plan.waitSeconds, Effect.map(overlay.peers, (peers) => peers.length >= plan.wantedPeers))
    const peers = yield* overlay.peers
    if (peers.length === 0) {
      return yield* failed(
        `No node let us in for ${
          seconds(plan.waitSeconds)
        }. \`overlay probe HOST:PORT\` shows why one does not; --peer names others.`
      )
    }
    yield* tell(`${peers.length} ${peers.length === 1 ? "peer" : "peers"} joined.`)
    if (plan.followsLedgers) {
      const isKnown = yield* within(plan.waitSeconds, Effect.sync(() => application.position().synced))
      if (!isKnown) {
        return yield* failed(
          `No ledger was heard of for ${seconds(plan.waitSeconds)}, and a survey is dated with one. ` +
            "--trust names validators of this network, --wait gives more time."
        )
      }
    }

    yield* Effect.mapError(surveyor.start(plan.nonce), asFailure)
    yield* tell(`Survey ${plan.nonce}: the network counts for ${seconds(plan.collectSeconds)}.`)
    yield* Effect.sleep(plan.collectSeconds * 1000)
    yield* Effect.mapError(surveyor.stop, asFailure)

    const walk = new SurveyWalk({ ...plan, own: overlay.self })
    // Who was there all the time is among our own results, which a run begins with; so this first one is asked by hand.
    const first = peers[0]
    if (first !== undefined) yield* Effect.ignore(surveyor.request(first.id))
    let told = ""
    do {
      const findings = yield* surveyor.results
      for (const { from, node } of walk.next(findings, yield* Clock.currentTimeMillis)) {
        // Who waits in the backlog already is asked anyway.
        yield* Effect.ignore(surveyor.request(node, from))
      }
      const line = sentence(walk.progress(findings))
      if (line !== told) yield* tell(line)
      told = line
      if (!walk.isDone()) yield* Effect.sleep(LOOK_MILLIS)
    } while (!walk.isDone())
    yield* surveyor.stopRequests
    return yield* surveyor.results
  }
)

const keysOf = (flag: string, given: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<PeerId>, CommandFailed> =>
  Effect.forEach(given, (text) => {
    const key = parsePeerId(text)
    return Result.isSuccess(key)
      ? Effect.succeed(key.success)
      : Effect.fail(wrongUsage(`--${flag}: ${key.failure.message}`))
  })

/** A node that calls and is not called. */
const nodeOf = (
  network: NetworkChoice,
  seed: Redacted.Redacted<string> | undefined,
  peers: ReadonlyArray<string>,
  trusted: ReadonlyArray<PeerId>
) => {
  const config = network.config({
    ...(seed === undefined ? {} : { seed }),
    ...(peers.length === 0 ? {} : { knownPeers: peers })
  })
  return StellarNode.layer(config).pipe(
    Layer.provideMerge(MemoryApplication.layer({ passphrase: network.passphrase, trusted })),
    Layer.provide(Machine.layer({}))
  )
}

const randomNonce = SecureRandom.SecureRandom.use((random) =>
  Effect.map(random.randomBytes(4), (bytes) => readUint32(bytes, 0))
)

/** What strangers say of their software is shown escaped. */
const documentOf = (findings: SurveyFindings): string =>
  JSON.stringify(
    surveyDocument(findings),
    (key, value: unknown) => key === "version" && typeof value === "string" ? escaped(value) : value
  )

/** Surveys a network and prints what it found. */
export const surveyNetwork = Command.make(
  "survey",
  flags,
  Effect.fnUntraced(function*(options) {
    const { format, network } = options
    const trusted = options.trust.length === 0 ? network.trusted : yield* keysOf("trust", options.trust)
    const seed = Option.isSome(options.seedFile) ? yield* readSeed(options.seedFile.value) : undefined
    const findings = yield* survey({
      collectSeconds: options.collect,
      waitSeconds: options.wait,
      patienceMillis: options.patience * 1000,
      attempts: options.attempts,
      maxNodes: options.maxNodes,
      nonce: Option.isSome(options.nonce) ? options.nonce.value : yield* randomNonce,
      wantedPeers: options.peer.length === 0 ? TARGET_OUTBOUND_WITHOUT_INBOUND : options.peer.length,
      followsLedgers: trusted.length > 0
    }).pipe(
      Effect.provide(nodeOf(network, seed, options.peer, trusted)),
      Effect.catchTags({
        // It does not listen, and keeps nothing.
        ListenError: ({ message }) => Effect.fail(failed(message)),
        InvalidSeed: ({ message }) => Effect.fail(failed(message)),
        SqliteOpenError: ({ message }) => Effect.fail(failed(message)),
        SqliteMigrationError: ({ message }) => Effect.fail(failed(message))
      })
    )
    yield* print(format === "json" ? documentOf(findings) : graphml(findings).trimEnd())
    const others = Array.from(findings.nodes.values()).filter((told) => told !== undefined).length - 1
    if (others < 1) {
      return yield* failed(
        "No node answered. Nodes answer surveyors that they list (SURVEYOR_KEYS in their configuration), " +
          "or, where they list none, those of their quorum: --seed-file gives this node such an identity."
      )
    }
  }, Effect.provide(SecureRandom.layerWebCrypto))
).pipe(
  Command.withDescription(
    "Survey a network: all nodes that permit it count for a while, and are then asked, one after the other and from peer to peer, " +
      "what they counted. Prints the answers with the keys of stellar-core's getsurveyresult, or the graph of the network. " +
      "How far it is goes to stderr. A network has one survey at a time; after this one it may take three hours until the next can start."
  ),
  Command.withShortDescription("Survey a network"),
  Command.withExamples([
    {
      command: "overlay survey --network testnet --seed-file surveyor.seed --collect 300",
      description: "Survey the test network as one of its surveyors"
    },
    {
      command: "overlay survey --network \"my passphrase\" --peer 127.0.0.1:11625 --format graphml",
      description: "Draw a private network"
    }
  ])
)
