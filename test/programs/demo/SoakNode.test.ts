/** What a stop and a kill of a node are: to its peers, to its database, and to its next life. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope, Stream } from "effect"
import { readdirSync } from "node:fs"
import { join } from "node:path"
import * as ItemHash from "../../../src/core/ItemHash.ts"
import { peerIdFromPublicKey } from "../../../src/core/stellar/StrKey.ts"
import * as NodeCrypto from "../../../src/layers/node/NodeCrypto.ts"
import { SessionHistory } from "../../../src/programs/demo/SessionHistory.ts"
import { end, type SoakNetwork, SoakNode, start, startAgain } from "../../../src/programs/demo/SoakNode.ts"
import { SoakTally } from "../../../src/programs/demo/SoakTally.ts"
import { temporaryFolder } from "../../layers/temporaryFolder.ts"
import { signerOf } from "../../support/statements.ts"

const crypto = NodeCrypto.make()
const PASSPHRASE = "A Soaked Network ; December 2026"
const hashOf = (text: string): Uint8Array => ItemHash.toBytes(crypto.sha256(new TextEncoder().encode(text)))
const [early, late] = [peerIdFromPublicKey(signerOf(1).publicKey), peerIdFromPublicKey(signerOf(2).publicKey)]

/** Below the ports that systems give away, and others for each process: the tests of two checkouts may run side by side. */
const FIRST_PORT = 12_000 + 6 * (process.pid % 1000)

/** Two nodes that are joined; they stop with the Scope. */
const twoNodes = Effect.fnUntraced(function*(firstPort: number) {
  const folder = yield* temporaryFolder
  const place = (number: number) =>
    new SoakNode(crypto, {
      number,
      seed: hashOf(`node ${number}`),
      port: firstPort + number,
      neighbours: [1 - number],
      database: join(folder, `node-${number}.db`)
    })
  const nodes = [place(0), place(1)] as const
  const network: SoakNetwork = {
    passphrase: PASSPHRASE,
    networkId: hashOf(PASSPHRASE),
    edges: [{ caller: 1, called: 0 }],
    rate: 10,
    tally: new SoakTally(2, () => 0),
    folder,
    sessions: new SessionHistory(),
    nowMillis: () => performance.now(),
    nodes,
    scope: yield* Scope.fork(yield* Effect.scope, "parallel")
  }
  for (const node of nodes) yield* start(network, node)
  yield* joined(network)
  return { folder, network, nodes }
})

const turn: Effect.Effect<void> = Effect.callback((resume) => {
  setImmediate(() => resume(Effect.void))
})

const until = (isSo: () => boolean): Effect.Effect<unknown> => Effect.repeat(turn, { until: isSo })

/** Completes when the books say that the two have a session. */
const joined = ({ nowMillis, sessions }: SoakNetwork): Effect.Effect<unknown> =>
  until(() => sessions.joinedTo(0, nowMillis(), nowMillis()).size === 2)

const bannedBy = ({ life }: SoakNode) => life === undefined ? Effect.succeed([]) : life.overlay.banned

describe("a node of a soak", () => {
  for (const [place, way] of (["stop", "kill"] as const).entries()) {
    it.live(`tells its peers of a ${way} by ${way === "stop" ? "its last words" : "nothing but the end of the link"}, and is the same when it comes back`, () =>
      Effect.gen(function*() {
        const { network, nodes: [watcher, node] } = yield* twoNodes(FIRST_PORT + 2 * place)
        yield* node.life!.overlay.ban(early)
        const reasons: Array<string> = []
        yield* Effect.forkScoped(
          Stream.runForEach(watcher.life!.overlay.events, (event) =>
            Effect.sync(() => {
              if (event._tag === "PeerLeft") reasons.push(event.reason.text)
            })),
          { startImmediately: true }
        )
        const before = network.nowMillis()
        yield* end(network, node, way)
        assert.strictEqual(network.nodes.filter(({ life }) => life !== undefined).length, 1)
        assert.deepStrictEqual([...network.sessions.joinedTo(0, before, network.nowMillis())], [0])
        yield* until(() => reasons.length > 0)
        assert.deepStrictEqual(reasons.map((text) => text.includes("shutdown")), [way === "stop"], reasons.join())

        yield* startAgain(network, node)
        yield* joined(network)
        assert.strictEqual(node.asDemoNode?.overlay.self, node.id)
        assert.strictEqual(node.asDemoNode?.overlay.listening?.port, node.port)
        assert.deepStrictEqual(yield* bannedBy(node), [early])
      }))
  }

  it.live("goes on behind a kill with the database as it was at that instant, whatever its old life still writes", () =>
    Effect.gen(function*() {
      const { folder, network, nodes: [, node] } = yield* twoNodes(FIRST_PORT + 4)
      const { overlay, scope } = node.life!
      yield* overlay.ban(early)
      const { removeOld } = node.leaveDatabase()
      yield* overlay.ban(late)
      assert.sameMembers([...(yield* overlay.banned)], [early, late])
      yield* Scope.close(scope, Exit.void)
      removeOld()
      yield* start(network, node)
      assert.deepStrictEqual(yield* bannedBy(node), [early])
      assert.deepStrictEqual(
        readdirSync(folder).filter((name) => name.startsWith("node-1") && !name.startsWith("node-1.db.1")),
        []
      )
    }))
}, 20_000)
