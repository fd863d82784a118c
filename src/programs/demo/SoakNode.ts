/**
 * A node of a soak: it can be stopped, killed and started again, and is the same one each time, with its key, its database and
 * its port.
 *
 * A kill is what SIGKILL would be to a process of its own, as far as one process can do that: from one instant on not a byte leaves
 * by its sockets, and its database goes on as the files were at that instant, journal and all. What its memory held is gone; its
 * sockets are closed, as a kernel would, without last words.
 */
import { Effect, Exit, Schedule, Scope, Semaphore, Stream } from "effect"
import { copyFileSync, existsSync, rmSync } from "node:fs"
import type { CryptoShape, Signer } from "../../core/Crypto.ts"
import { format, tcpAddress } from "../../core/PeerAddress.ts"
import type { PeerId } from "../../core/PeerId.ts"
import { peerIdFromPublicKey } from "../../core/stellar/StrKey.ts"
import type { Overlay } from "../../services/stellar/Overlay.ts"
import { buildNode, type DemoNetwork, type DemoNode, type Traffic, trafficOf } from "./network.ts"
import type { SessionHistory } from "./SessionHistory.ts"
import * as SilentTransport from "./SilentTransport.ts"
import type { Way } from "./soakPlan.ts"

/** How often it is tried to listen on a node's port again, and how many times: another program may have taken it meanwhile. */
const PORT_RETRY = "200 millis"
const PORT_RETRIES = 50
/** Beside a database that is open: its journal, and what SQLite makes anew when it is missing. */
const JOURNAL = "-wal"
const SHARED_MEMORY = "-shm"

/** What the nodes of a soak have in common. */
export interface SoakNetwork extends DemoNetwork {
  readonly sessions: SessionHistory
  readonly nowMillis: () => number
  /** All of them, by number. */
  readonly nodes: ReadonlyArray<SoakNode>
  /** The Scope in which they live. */
  readonly scope: Scope.Scope
}

/** From a start to the next stop or kill. */
interface Life {
  readonly overlay: Overlay["Service"]
  readonly scope: Scope.Closeable
  readonly silence: SilentTransport.Silence
}

/** A node and its lives. */
export class SoakNode {
  readonly number: number
  readonly seed: Uint8Array
  readonly signer: Signer
  readonly id: PeerId
  readonly port: number
  /** The nodes that it has a link with, by number. */
  readonly neighbours: ReadonlyArray<number>
  /** Whoever starts or ends it waits here for whoever does. */
  readonly turn = Semaphore.makeUnsafe(1)
  /** What was counted in earlier lives. */
  earlier: Traffic = { duplicates: 0, bytesSent: 0 }
  readonly #database: string
  life: Life | undefined
  starts = 0
  #kills = 0

  constructor(
    crypto: CryptoShape,
    options: {
      readonly number: number
      readonly seed: Uint8Array
      readonly port: number
      readonly neighbours: ReadonlyArray<number>
      /** The path of its database, to which a number is added. */
      readonly database: string
    }
  ) {
    this.number = options.number
    this.seed = options.seed
    this.signer = crypto.signer(options.seed)
    this.id = peerIdFromPublicKey(this.signer.publicKey)
    this.port = options.port
    this.neighbours = options.neighbours
    this.#database = options.database
  }

  /** Where its database is: after each kill it goes on in a copy. */
  get filename(): string {
    return `${this.#database}.${this.#kills}`
  }

  /** Copies the database as it is at this instant; what its old life still writes goes into a file that is then removed. */
  leaveDatabase(): { readonly removeOld: () => void } {
    const old = this.filename
    this.#kills += 1
    copyFileSync(old, this.filename)
    if (existsSync(old + JOURNAL)) copyFileSync(old + JOURNAL, this.filename + JOURNAL)
    return {
      removeOld: () => {
        for (const ending of ["", JOURNAL, SHARED_MEMORY]) rmSync(old + ending, { force: true })
      }
    }
  }

  /** As a demo sees it, while it is up. */
  get asDemoNode(): DemoNode | undefined {
    const { earlier, life, neighbours, number, signer } = this
    return life && { number, overlay: life.overlay, signer, links: neighbours.length, earlier }
  }
}

/** Starts a node; it calls those of its neighbours that have been started once. */
export const start = Effect.fnUntraced(function*(network: SoakNetwork, node: SoakNode) {
  const { nodes } = network
  const knownPeers = node.neighbours
    .filter((number) => (nodes[number]?.starts ?? 0) > 0)
    .map((number) => format(tcpAddress("127.0.0.1", nodes[number]?.port ?? 0)))
  const scope = yield* Scope.fork(network.scope)
  const silence = new SilentTransport.Silence()
  const overlay = yield* buildNode(network, {
    number: node.number,
    seed: node.seed,
    port: node.port,
    knownPeers,
    outbound: node.neighbours.length,
    filename: node.filename,
    around: SilentTransport.layer(silence)
  }, scope).pipe(Effect.onError(() => Scope.close(scope, Exit.void)))
  const life = { overlay, scope, silence }
  yield* watch(network, node, life)
  node.starts += 1
  node.life = life
})

/** Whether another program has the node's port. */
export const isPortTaken = (error: { readonly _tag: string; readonly reason?: unknown }): boolean =>
  error._tag === "ListenError" && error.reason === "addressInUse"

/** Starts a node that was up before, as soon as its port is free. */
export const startAgain = (network: SoakNetwork, node: SoakNode) =>
  Effect.retry(start(network, node), {
    schedule: Schedule.spaced(PORT_RETRY),
    times: PORT_RETRIES,
    while: isPortTaken
  })

/** Keeps the books of its sessions, until the end of its life. */
const watch = Effect.fnUntraced(function*(network: SoakNetwork, node: SoakNode, { overlay, scope, silence }: Life) {
  const { nodes, nowMillis, sessions } = network
  const numberOf = (id: PeerId): number | undefined => nodes.find((one) => one.id === id)?.number
  const joined = (id: PeerId): void => {
    const other = numberOf(id)
    if (other !== undefined && !silence.isFallen) sessions.joined(node.number, other, nowMillis())
  }
  const left = (id: PeerId): void => {
    const other = numberOf(id)
    if (other !== undefined) sessions.left(node.number, other, nowMillis())
  }
  const watching = Stream.runForEach(overlay.events, (event) =>
    Effect.sync(() => {
      if (event._tag === "PeerJoined") joined(event.peer.id)
      else if (event._tag === "PeerLeft") left(event.id)
    }))
  yield* Effect.forkIn(watching, scope, { startImmediately: true })
  // Those that came before anybody listened.
  for (const { id } of yield* overlay.peers) joined(id)
})

/** Ends the life of a node; gives how long that took, in milliseconds. From here on nothing is expected to reach it. */
export const end = (network: SoakNetwork, node: SoakNode, way: Way): Effect.Effect<number> =>
  Effect.gen(function*() {
    const { life } = node
    if (life === undefined) return 0
    const begun = network.nowMillis()
    const { bytesSent, duplicates } = yield* trafficOf(life.overlay)
    node.earlier = {
      duplicates: node.earlier.duplicates + duplicates,
      bytesSent: node.earlier.bytesSent + bytesSent
    }
    const left = takeDown(network, node, life, way)
    yield* Scope.close(life.scope, Exit.void)
    left?.removeOld()
    return network.nowMillis() - begun
  }).pipe(Effect.uninterruptible)

/** All in one turn: nothing of the node runs in between. */
const takeDown = (network: SoakNetwork, node: SoakNode, life: Life, way: Way) => {
  node.life = undefined
  network.sessions.ended(node.number, network.nowMillis())
  if (way === "stop") return undefined
  life.silence.isFallen = true
  return node.leaveDatabase()
}
