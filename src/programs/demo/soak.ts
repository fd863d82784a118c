/**
 * A soak: a network that talks for a long time while its nodes are stopped, killed and started again.
 *
 * Three things have to hold: what is said reaches in 5 s whoever could be reached all that time, memory stays where it was after
 * the first minutes, and at the end as much is open as in the beginning.
 */
import { Clock, Effect, Path, Scope } from "effect"
import * as SecureRandom from "effect/crypto/SecureRandom"
import { type Prng, stream } from "../../core/Prng.ts"
import { Crypto } from "../../services/Crypto.ts"
import { tell } from "../printing.ts"
import { makeMessages } from "./messages.ts"
import { type DemoNetwork, type DemoNode, formed, missingLink, SEED_BYTES, steadyMillis } from "./network.ts"
import { end, isPortTaken, type SoakNetwork, SoakNode, start, startAgain } from "./SoakNode.ts"
import { drawPlan, type Outage, type Round } from "./soakPlan.ts"
import { soakProgress, soakReportOf } from "./soakReport.ts"
import { BOUND_MILLIS, SoakTally } from "./SoakTally.ts"
import { areSame, type Muster } from "./soakVerdict.ts"
import { openStreams, StallLog, takeVitals, watchStalls } from "./soakVitals.ts"
import type { Topology } from "./topology.ts"

/** How often messages that are due go out. */
const TICK_MILLIS = 10
/** How often it is judged what was said long enough before. */
const SETTLE_MILLIS = 100
/** How often it is told how it goes. */
const PROGRESS_MILLIS = 10_000
/** How often it is looked whether all links are back before a muster, and how many times: for two back-offs after a failed dial. */
const LOOK_MILLIS = 100
const LOOKS = 400
/** How often a muster is repeated that found something open, and how long after the one before: for a close that waits 5 s. */
const MUSTERS_AGAIN = 5
const MUSTER_AGAIN_MILLIS = 1000
/** Ports are drawn from below those that systems give to outgoing connections (Linux: from 32,768 on), or one may be taken while its node is down. */
const LOWEST_PORT = 20_000
const HIGHEST_PORT = 32_000
const PORTS_TRIED = 100

/** What can be chosen. */
export interface SoakOptions {
  /** How many nodes. */
  readonly count: number
  readonly millis: number
  readonly seed: number
}

/** A soak that is running. */
interface Running {
  readonly network: SoakNetwork
  readonly outages: { stops: number; kills: number; longestStopMillis: number }
  startedMillis: number
  readonly stallLog: StallLog
  /** Whether nodes say things just now. */
  isTalking: boolean
}

const upNodes = ({ nodes }: SoakNetwork): ReadonlyArray<DemoNode> => nodes.flatMap((node) => node.asDemoNode ?? [])

/** The time since the beginning, in milliseconds. */
const elapsed = ({ network, startedMillis }: Running): number => network.nowMillis() - startedMillis

const until = (running: Running, atMillis: number): Effect.Effect<void> =>
  Effect.suspend(() => Effect.sleep(Math.max(0, atMillis - elapsed(running))))

/** Says messages at the network's rate while nodes are to talk: a statement, a transaction, a statement... of random nodes. */
const talk = Effect.fnUntraced(function*(running: Running, prng: Prng) {
  const { network, stallLog } = running
  const messages = makeMessages(yield* Crypto, network.networkId)
  const drawn = <A>(list: ReadonlyArray<A>): A => list[prng.below(list.length)]!
  let said = 0
  let owed = 0
  for (let before = elapsed(running);;) {
    const dueMillis = network.nowMillis() + TICK_MILLIS
    yield* Effect.sleep(TICK_MILLIS)
    stallLog.note(dueMillis, network.nowMillis())
    const now = elapsed(running)
    owed = running.isTalking ? owed + (now - before) * network.rate / 1000 : 0
    before = now
    // What could not be said while the machine was busy elsewhere is not made up for at once.
    owed = Math.min(owed, network.rate)
    for (; owed >= 1; owed--) {
      const up = upNodes(network)
      if (up.length === 0) break
      const { overlay, signer } = drawn(up)
      yield* overlay.broadcast(
        said++ % 2 === 0
          ? messages.statement(signer)
          : messages.payment(signer, drawn(network.nodes).signer)
      )
    }
  }
})

/** Takes one node down and brings it back. */
const suffer = Effect.fnUntraced(function*(running: Running, { atMillis, downMillis, node: number, way }: Outage) {
  const { network, outages } = running
  const node = network.nodes[number]!
  yield* until(running, atMillis)
  yield* Effect.gen(function*() {
    const tookMillis = yield* end(network, node, way)
    outages[way === "stop" ? "stops" : "kills"] += 1
    if (way === "stop") outages.longestStopMillis = Math.max(outages.longestStopMillis, tookMillis)
    yield* until(running, atMillis + downMillis)
    yield* startAgain(network, node)
  }).pipe(node.turn.withPermit)
})

const look = Effect.fnUntraced(function*(running: Running) {
  const nodes = upNodes(running.network)
  for (let i = 0; i < LOOKS && (yield* missingLink(nodes)) !== undefined; i++) yield* Effect.sleep(LOOK_MILLIS)
  const vitals = yield* takeVitals
  let missingLinks = 0
  for (const { links, overlay } of nodes) missingLinks += Math.max(0, links - (yield* overlay.peers).length)
  return { atMillis: Math.round(elapsed(running)), missingLinks, ...vitals } satisfies Muster
})

/**
 * Waits for the links, and looks at the process: again where something is open that was not so at the first muster, for on a busy
 * machine what is ending may take its time. What leaks does not go away.
 */
const muster = Effect.fnUntraced(function*(running: Running, first?: Muster) {
  const isAsBefore = (now: Muster): boolean => first === undefined || areSame(first, now)
  let seen = yield* look(running)
  for (let i = 0; i < MUSTERS_AGAIN && !isAsBefore(seen); i++) {
    yield* Effect.sleep(MUSTER_AGAIN_MILLIS)
    seen = yield* look(running)
  }
  return seen
})

const runRound = Effect.fnUntraced(
  function*(running: Running, { endMillis, musterMillis, outages, quietMillis }: Round, first: Muster) {
    running.isTalking = true
    const quiet = Effect.andThen(
      until(running, quietMillis),
      Effect.sync(() => {
        running.isTalking = false
      })
    )
    yield* Effect.all([quiet, ...outages.map((outage) => suffer(running, outage))], {
      concurrency: "unbounded",
      discard: true
    })
    yield* until(running, musterMillis)
    const seen = yield* muster(running, first)
    yield* until(running, endMillis)
    return seen
  }
)

/** Starts a node for the first time, on whatever port of those drawn is free. */
const startNew = Effect.fnUntraced(function*(
  network: SoakNetwork,
  ports: Prng,
  place: (port: number) => SoakNode
) {
  const attempt = Effect.suspend(() => start(network, place(LOWEST_PORT + ports.below(HIGHEST_PORT - LOWEST_PORT))))
  yield* Effect.retry(attempt, { times: PORTS_TRIED, while: isPortTaken })
})

const startNodes = Effect.fnUntraced(function*(demo: DemoNetwork, tally: SoakTally, { count, seed }: SoakOptions) {
  const crypto = yield* Crypto
  const random = yield* SecureRandom.SecureRandom
  const path = yield* Path.Path
  const clock = yield* Clock.Clock
  const nodes: Array<SoakNode> = []
  const network: SoakNetwork = {
    ...demo,
    sessions: tally.sessions,
    nowMillis: () => steadyMillis(clock),
    nodes,
    // They stop at the same time, as if the machine were switched off.
    scope: yield* Scope.fork(yield* Effect.scope, "parallel")
  }
  const ports = stream(seed, "ports")
  for (let number = 0; number < count; number++) {
    const identity = yield* random.randomBytes(SEED_BYTES)
    const neighbours = demo.edges.flatMap(({ called, caller }) =>
      called === number ? [caller] : caller === number ? [called] : []
    )
    const database = path.join(demo.folder, `node-${number}.db`)
    yield* startNew(network, ports, (port) => {
      const node = new SoakNode(crypto, { number, seed: identity, port, neighbours, database })
      nodes[number] = node
      return node
    })
  }
  return network
})

/** Runs a soak to its end, and gives what was found. The nodes stop when the Scope closes. */
export const soak = Effect.fnUntraced(function*(
  demo: Omit<DemoNetwork, "tally"> & { readonly topology: Topology },
  options: SoakOptions
) {
  const { count, millis, seed } = options
  yield* openStreams
  const stallLog = new StallLog()
  const tally = new SoakTally(count, (fromMillis, toMillis) => stallLog.within(fromMillis, toMillis))
  const stalls = yield* watchStalls
  const network = yield* startNodes({ ...demo, tally }, tally, options)
  yield* formed(upNodes(network))

  const rounds = drawPlan(stream(seed, "plan"), count, millis)
  const running: Running = {
    network,
    outages: { stops: 0, kills: 0, longestStopMillis: 0 },
    startedMillis: network.nowMillis(),
    stallLog,
    isTalking: false
  }
  let seen: Muster | undefined
  const settle = Effect.sync(() => tally.settle(network.nowMillis()))
  const progress = Effect.suspend(() =>
    tell(soakProgress(tally, elapsed(running), {
      up: upNodes(network).length,
      outages: running.outages,
      last: seen
    }))
  )
  const rounding = Effect.gen(function*() {
    const first = yield* muster(running)
    const musters: [Muster, ...Array<Muster>] = [first]
    running.startedMillis = network.nowMillis()
    for (const round of rounds) musters.push(seen = yield* runRound(running, round, first))
    // What was said last is judged like the rest.
    yield* until(running, (rounds.at(-1)?.quietMillis ?? 0) + BOUND_MILLIS)
    yield* settle
    return musters
  })
  const musters = yield* Effect.raceAllFirst([
    rounding,
    talk(running, stream(seed, "talk")),
    Effect.forever(Effect.andThen(Effect.sleep(SETTLE_MILLIS), settle)),
    Effect.forever(Effect.andThen(Effect.sleep(PROGRESS_MILLIS), progress))
  ])
  return yield* soakReportOf({
    nodes: upNodes(network),
    shape: { topology: demo.topology, links: demo.edges.length },
    tally,
    millis,
    seed,
    outages: running.outages,
    musters,
    stalls: stalls()
  })
})
