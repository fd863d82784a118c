/**
 * `overlay demo`: a small network on this machine, over real sockets, and the proof that what one node says reaches all others.
 */
import { Clock, Effect, FileSystem, Random } from "effect"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as TerminalCapabilities from "effect/cli/TerminalCapabilities"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as ItemHash from "../core/ItemHash.ts"
import { ScpSignature } from "../core/stellar/ScpSignature.ts"
import * as NodeCrypto from "../layers/node/NodeCrypto.ts"
import { Crypto } from "../services/Crypto.ts"
import { signedPayment } from "../testing/stellar/SignedPayment.ts"
import { signedStatement } from "../testing/stellar/SignedStatement.ts"
import { failed } from "./CommandFailed.ts"
import { FloodTally, kinds } from "./demo/FloodTally.ts"
import { type DemoNetwork, type DemoNode, startNetwork } from "./demo/network.ts"
import { lossText, progressLine, type Report, reportOf, summaryLines, tableLines } from "./demo/report.ts"
import { edgesOf, type Topology } from "./demo/topology.ts"
import { print, printJson } from "./printing.ts"

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

const number = (name: string, minimum: number, maximum: number, fallback: number, description: string) =>
  Flag.Int(name).pipe(
    Flag.withMetavar("N"),
    Flag.withDescription(`${description}. Default: ${fallback}`),
    Flag.filter((value) => value >= minimum && value <= maximum, () => `a number from ${minimum} to ${maximum}`),
    Flag.withDefault(fallback)
  )

const flags = {
  nodes: number("nodes", 2, 200, 5, "How many nodes"),
  seconds: number("seconds", 1, 3600, 10, "For how long; near the end nothing new is said"),
  rate: number("rate", 1, 5000, 50, "Messages a second over all nodes, statements and transactions in turn"),
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
  const crypto = yield* Crypto
  const signature = new ScpSignature(crypto, network.networkId)
  const statements = nodes.map(() => 0)

  const sayStatement = (node: DemoNode) =>
    Effect.suspend(() => {
      const count = statements[node.number]!++
      return node.overlay.broadcast(signedStatement(signature, node.signer, network.networkId, count))
    })
  const sayPayment = (node: DemoNode, destination: DemoNode, sequence: number) =>
    Effect.suspend(() => {
      const transaction = signedPayment(crypto, network.networkId, node.signer, {
        destination: destination.signer.publicKey,
        sequence: BigInt(sequence),
        amount: BigInt(sequence)
      })
      return node.overlay.broadcast({ _tag: "TRANSACTION", transaction })
    })
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
      yield* said % 2 === 0 ? sayStatement(node) : sayPayment(node, yield* anyNode, said + 1)
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

/** Runs a network, lets it talk, and tells what has arrived; fails if something was lost. */
export const demo = Command.make(
  "demo",
  flags,
  Effect.fnUntraced(
    function*({ json, nodes: count, rate, seconds, topology }) {
      const crypto = yield* Crypto
      const fs = yield* FileSystem.FileSystem
      const { canAnimate } = yield* TerminalCapabilities.TerminalCapabilities
      const folder = yield* Effect.mapError(
        fs.makeTempDirectoryScoped({ prefix: "overlay-demo-" }),
        ({ message }) =>
          failed(`No temporary folder can be made (${message}). See that the disk is not full, or set TMPDIR.`)
      )
      const tally = new FloodTally(count)
      const network: DemoNetwork = {
        passphrase: PASSPHRASE,
        networkId: ItemHash.toBytes(crypto.sha256(new TextEncoder().encode(PASSPHRASE))),
        edges: edgesOf(topology, count),
        rate,
        tally,
        folder
      }
      const nodes = yield* startNetwork(network, count).pipe(
        Effect.catchTags({
          ListenError: ({ address, message }) => Effect.fail(failed(`${address} cannot be listened on: ${message}.`)),
          SqliteOpenError: ({ message }) => Effect.fail(failed(message)),
          SqliteMigrationError: ({ message }) => Effect.fail(failed(message)),
          InvalidSeed: Effect.die
        })
      )
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
    },
    Effect.scoped,
    Effect.provide([NodeCrypto.layer, SecureRandom.layerWebCrypto])
  )
).pipe(
  Command.withDescription(
    "Run a network of whole nodes on this machine: real TCP, real handshakes and floods, a database each. Random nodes say " +
      "signed statements and transactions, and each is expected at every other node. The exit code is 1 if anything is lost. " +
      "Delivered counts each message once a node, duplicates the copies of statements that came again, latencies run from " +
      "origin to each node, and bytesPerNode is what a node sent on average."
  ),
  Command.withShortDescription("Run a small network on this machine"),
  Command.withExamples([
    { command: "overlay demo", description: "Watch five nodes for ten seconds" },
    {
      command: "overlay demo --nodes 20 --seconds 30 --rate 200 --json",
      description: "More of everything, for a script"
    },
    { command: "overlay demo --topology cut", description: "See what loss looks like" }
  ])
)
