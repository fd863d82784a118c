/**
 * `overlay demo`: a small network on this machine, over real sockets, and the proof that what one node says reaches all others.
 */
import { Clock, Effect, FileSystem, Option, Random } from "effect"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as TerminalCapabilities from "effect/cli/TerminalCapabilities"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as ItemHash from "../core/ItemHash.ts"
import * as NodeCrypto from "../layers/node/NodeCrypto.ts"
import type { SqliteOpenError } from "../layers/node/SqliteClient.ts"
import type { SqliteMigrationError } from "../layers/node/SqliteMigrations.ts"
import type { InvalidSeed } from "../layers/stellar/StellarIdentity.ts"
import { Crypto } from "../services/Crypto.ts"
import type { ListenError } from "../services/Transport.ts"
import { failed, wrongUsage } from "./CommandFailed.ts"
import { FloodTally, kinds } from "./demo/FloodTally.ts"
import { makeMessages } from "./demo/messages.ts"
import { type DemoNetwork, type DemoNode, startNetwork } from "./demo/network.ts"
import { lossText, progressLine, type Report, reportOf, summaryLines, tableLines } from "./demo/report.ts"
import { soak } from "./demo/soak.ts"
import { SHORTEST_ROUND_MILLIS } from "./demo/soakPlan.ts"
import { soakFailure, soakSummary } from "./demo/soakReport.ts"
import { edgesOf, type Topology } from "./demo/topology.ts"
import { print, printJson, tell } from "./printing.ts"

/** Named so that nobody takes it for a network that exists. */
const PASSPHRASE = "effect-overlay demo"
/** The end of the time, in which nothing new is said; shorter where the whole time is short. */
const QUIET_SECONDS = 2
/** How long we wait behind that for what is still on its way: a transaction is asked for again up to 2 s later, and again. */
const DRAIN_MILLIS = 5000
/** How often messages that are due go out, and how often it is looked whether all have arrived. */
const TICK_MILLIS = 10
const TABLE_MILLIS = 500
const LINE_MILLIS = 1000

const bounded = (flag: Flag.Flag<number>, minimum: number, maximum: number, description: string) =>
  flag.pipe(
    Flag.withMetavar("N"),
    Flag.withDescription(description),
    Flag.filter((value) => value >= minimum && value <= maximum, () => `a number from ${minimum} to ${maximum}`)
  )

/** How many nodes there are and how long they talk, unless somebody says. */
const NODES = 5
const SOAKED_NODES = 10
const SECONDS = 10
const RATE = 50
/** About what a Stellar network floods at light load. Half an hour of more would need a machine of its own. */
const SOAKED_RATE = 10
const SOAK_SEED = 1
const MINUTE_MILLIS = 60_000
/** The shortest soak is one round, and the longest a day. */
const SHORTEST_SOAK_MINUTES = SHORTEST_ROUND_MILLIS / MINUTE_MILLIS
const LONGEST_SOAK_MINUTES = 1440

const flags = {
  nodes: bounded(Flag.Int("nodes"), 2, 200, `How many nodes. Default: ${NODES}, and ${SOAKED_NODES} in a soak`).pipe(
    Flag.optional
  ),
  seconds: bounded(
    Flag.Int("seconds"),
    1,
    3600,
    `For how long; near the end nothing new is said. Default: ${SECONDS}`
  ).pipe(Flag.optional),
  soak: bounded(
    Flag.Finite("soak"),
    SHORTEST_SOAK_MINUTES,
    LONGEST_SOAK_MINUTES,
    "Instead, for so many minutes, stop, kill and restart random nodes, and judge what arrives, what is in memory, what is open. " +
      "Fractions are allowed; memory is judged from 15 minutes on"
  ).pipe(Flag.optional),
  seed: bounded(
    Flag.Int("seed"),
    0,
    Number.MAX_SAFE_INTEGER,
    `Of a soak: decides which nodes go down, how, when and for how long, and who says what. Default: ${SOAK_SEED}`
  ).pipe(Flag.optional),
  rate: bounded(
    Flag.Int("rate"),
    1,
    5000,
    `Messages a second over all nodes, statements and transactions in turn. Default: ${RATE}, and ${SOAKED_RATE} in a soak`
  ).pipe(Flag.optional),
  topology: Flag.Literals("topology", ["ring", "cut"]).pipe(
    Flag.withDescription(
      "ring: a ring with chords; cut: the ring in two halves, to see what loss looks like. Default: ring"
    ),
    Flag.withDefault<Topology>("ring")
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("Print one JSON document at the end, and nothing before"),
    Flag.withDefault(false)
  )
}

/** Lets random nodes say things at the given rate: a statement, a transaction, a statement... */
const originate = Effect.fnUntraced(function*(network: DemoNetwork, nodes: ReadonlyArray<DemoNode>, count: number) {
  const messages = makeMessages(yield* Crypto, network.networkId)
  const anyNode = Effect.map(
    Random.nextIntBetween(0, nodes.length, { halfOpen: true }),
    (place) => nodes[place]!
  )

  const started = yield* Clock.currentTimeMillis
  for (let said = 0; said < count;) {
    const elapsed = (yield* Clock.currentTimeMillis) - started
    const due = Math.min(count, Math.floor(elapsed * network.rate / 1000))
    for (; said < due; said++) {
      const node = yield* anyNode
      yield* node.overlay.broadcast(
        said % 2 === 0
          ? messages.statement(node.signer)
          : messages.payment(node.signer, (yield* anyNode).signer)
      )
    }
    yield* Effect.sleep(TICK_MILLIS)
  }
})

/** Waits until everything has reached everybody, or it is not worth waiting any longer. */
const drain = Effect.fnUntraced(function*(tally: FloodTally) {
  for (let i = 0; i < DRAIN_MILLIS / TICK_MILLIS && !tally.isComplete(); i++) yield* Effect.sleep(TICK_MILLIS)
})

/** Shows how it goes: a table that renews itself in a terminal, a line a second elsewhere. */
const show = Effect.fnUntraced(function*(report: Effect.Effect<Report>, isTerminal: boolean) {
  let height = 0
  const table = Effect.gen(function*() {
    const lines = tableLines(yield* report)
    const up = height === 0 ? "" : `\x1b[${height}A`
    height = lines.length
    yield* print(up + lines.map((line) => `${line}\x1b[K`).join("\n"))
  })
  const line = Effect.flatMap(report, (now) => print(progressLine(now)))
  const [once, millis] = isTerminal ? [table, TABLE_MILLIS] as const : [line, LINE_MILLIS] as const
  return yield* Effect.onInterrupt(
    Effect.forever(Effect.andThen(Effect.sleep(millis), once)),
    () => isTerminal ? table : Effect.void
  )
})

/** Starts what a whole network needs; what it is made of goes when the Scope closes. */
const prepare = Effect.fnUntraced(function*(topology: Topology, count: number, rate: number) {
  const crypto = yield* Crypto
  const fs = yield* FileSystem.FileSystem
  const folder = yield* Effect.mapError(
    fs.makeTempDirectoryScoped({ prefix: "overlay-demo-" }),
    ({ message }) =>
      failed(`No temporary folder can be made (${message}). See that the disk is not full, or set TMPDIR.`)
  )
  return {
    passphrase: PASSPHRASE,
    networkId: ItemHash.toBytes(crypto.sha256(new TextEncoder().encode(PASSPHRASE))),
    edges: edgesOf(topology, count),
    rate,
    folder
  }
})

/** What may go wrong when a node is started, as a person is told. */
const toldFailure = {
  ListenError: ({ address, message }: ListenError) =>
    Effect.fail(failed(`${address} cannot be listened on: ${message}.`)),
  SqliteOpenError: ({ message }: SqliteOpenError) => Effect.fail(failed(message)),
  SqliteMigrationError: ({ message }: SqliteMigrationError) => Effect.fail(failed(message)),
  InvalidSeed: (error: InvalidSeed) => Effect.die(error)
}

/** Lets a network talk, and tells what has arrived; fails if something was lost. */
const runDemo = Effect.fnUntraced(function*(
  { count, json, rate, seconds, topology }: {
    readonly count: number
    readonly json: boolean
    readonly rate: number
    readonly seconds: number
    readonly topology: Topology
  }
) {
  const { canAnimate } = yield* TerminalCapabilities.TerminalCapabilities
  const tally = new FloodTally(count)
  const network: DemoNetwork = { ...(yield* prepare(topology, count, rate)), tally }
  const nodes = yield* Effect.catchTags(startNetwork(network, count), toldFailure)
  const report = reportOf(nodes, tally, { topology, links: network.edges.length })
  if (!json) {
    yield* print(`${count} nodes, ${network.edges.length} links, ${rate} messages a second for ${seconds} s`)
  }
  const talkingSeconds = seconds - Math.min(QUIET_SECONDS, seconds / 2)
  yield* originate(network, nodes, Math.max(kinds.length, Math.floor(rate * talkingSeconds))).pipe(
    Effect.andThen(drain(tally)),
    json ? (talk) => talk : Effect.raceFirst(show(report, canAnimate && count + 2 < process.stdout.rows))
  )

  const result = yield* report
  if (json) yield* printJson(result)
  else yield* Effect.forEach(summaryLines(result), print, { discard: true })
  if (result.lost > 0) return yield* failed(lossText(result))
})

/** Soaks a network, and tells what was found; fails if something does not hold. */
const runSoak = Effect.fnUntraced(function*(
  { count, json, minutes, rate, seed, topology }: {
    readonly count: number
    readonly json: boolean
    readonly minutes: number
    readonly rate: number
    readonly seed: number
    readonly topology: Topology
  }
) {
  const network = { ...(yield* prepare(topology, count, rate)), topology }
  yield* (json ? tell : print)(
    `${count} nodes, ${network.edges.length} links, ${rate} messages a second for ${minutes} min, seed ${seed}`
  )
  const result = yield* Effect.catchTags(
    soak(network, { count, millis: Math.round(minutes * MINUTE_MILLIS), seed }),
    toldFailure
  )
  if (json) yield* printJson(result)
  else yield* Effect.forEach(soakSummary(result), print, { discard: true })
  const failure = soakFailure(result)
  if (failure !== undefined) return yield* failed(failure)
})

/** Runs a network of whole nodes: a short one that only talks, or a soak. */
export const demo = Command.make(
  "demo",
  flags,
  Effect.fnUntraced(
    function*({ json, nodes, rate, seconds, seed, soak: minutes, topology }) {
      if (Option.isNone(minutes)) {
        if (Option.isSome(seed)) return yield* wrongUsage("--seed belongs to a soak: give --soak MINUTES with it.")
        return yield* runDemo({
          count: Option.getOrElse(nodes, () => NODES),
          json,
          rate: Option.getOrElse(rate, () => RATE),
          seconds: Option.getOrElse(seconds, () => SECONDS),
          topology
        })
      }
      if (Option.isSome(seconds)) return yield* wrongUsage("--seconds is not for a soak: --soak says how long it is.")
      return yield* runSoak({
        count: Option.getOrElse(nodes, () => SOAKED_NODES),
        json,
        minutes: minutes.value,
        rate: Option.getOrElse(rate, () => SOAKED_RATE),
        seed: Option.getOrElse(seed, () => SOAK_SEED),
        topology
      })
    },
    Effect.scoped,
    Effect.provide([NodeCrypto.layer, SecureRandom.layerWebCrypto])
  )
).pipe(
  Command.withDescription(
    "Run a network of whole nodes on this machine: real TCP, real handshakes and floods, a database each. Random nodes say " +
      "signed statements and transactions, and each is expected at every other node. The exit code is 1 if anything is lost. " +
      "Delivered counts each message once a node, duplicates the copies of statements that came again, latencies run from " +
      "origin to each node, and bytesPerNode is what a node sent on average. With --soak nodes go down and come back, and a message " +
      "is expected at those nodes that were joined to its origin by sessions that stood for 5 s behind it; the exit code is 1 if one " +
      "is lost, if memory grows, or if something is left open."
  ),
  Command.withShortDescription("Run a small network on this machine"),
  Command.withExamples([
    { command: "overlay demo", description: "Watch five nodes for ten seconds" },
    {
      command: "overlay demo --nodes 20 --seconds 30 --rate 200 --json",
      description: "More of everything, for a script"
    },
    { command: "overlay demo --topology cut", description: "See what loss looks like" },
    { command: "overlay demo --soak 30 --seed 1 --json", description: "Half an hour of stops, kills and restarts" }
  ])
)
