/** The survey of a network of real nodes, as a command. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Redacted } from "effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { encodeSeed, peerIdFromPublicKey } from "../../src/core/stellar/StrKey.ts"
import * as NodeCrypto from "../../src/layers/node/NodeCrypto.ts"
import * as MemoryApplication from "../../src/layers/stellar/MemoryApplication.ts"
import * as StellarNode from "../../src/layers/stellar/StellarNode.ts"
import { Overlay } from "../../src/services/stellar/Overlay.ts"
import { type Overrides, privateNetwork } from "../../src/services/stellar/StellarConfig.ts"
import { temporaryFolder } from "../layers/temporaryFolder.ts"
import { overlay } from "./overlayCommand.ts"

const PASSPHRASE = "a survey"
const crypto = NodeCrypto.make()
const seedOf = (byte: number) => new Uint8Array(32).fill(byte)
const idOf = (byte: number) => peerIdFromPublicKey(crypto.signer(seedOf(byte)).publicKey)
const surveyor = idOf(1)

/** A node in this process that listens on a port of its own. */
const node = (byte: number, overrides: Overrides = {}) =>
  Effect.map(
    Layer.build(
      StellarNode.layerNode(privateNetwork(PASSPHRASE, {
        seed: Redacted.make(encodeSeed(seedOf(byte))),
        listen: { host: "127.0.0.1", port: 0 },
        surveyorKeys: [surveyor],
        ...overrides
      })).pipe(
        Layer.provide(MemoryApplication.layer({ passphrase: PASSPHRASE })),
        Layer.provide(NodeCrypto.layer)
      )
    ),
    (context) => Context.get(context, Overlay)
  )

const survey = (...args: ReadonlyArray<string>) =>
  Effect.promise(() => overlay("survey", "--network", PASSPHRASE, "--collect", "1", "--nonce", "7", ...args))

describe("overlay survey", () => {
  it.live(
    "asks the node that it was told of, and tells whom that one has for peers",
    () =>
      Effect.gen(function*() {
        const folder = yield* temporaryFolder
        const seedFile = join(folder, "surveyor.seed")
        writeFileSync(seedFile, encodeSeed(seedOf(1)), { mode: 0o600 })
        const far = yield* node(3)
        const near = yield* node(2)
        yield* near.connect(far.listening!)
        const { code, stderr, stdout } = yield* survey(
          "--peer",
          `127.0.0.1:${near.listening!.port}`,
          "--seed-file",
          seedFile,
          // The next one would be asked 15 s later.
          "--max-nodes",
          "1"
        )
        assert.strictEqual(code, 0, stderr)
        assert.match(stderr, /1 of 1 nodes answered/)
        assert.notMatch(stdout, /\n./)
        const document = JSON.parse(stdout)
        assert.deepInclude(document, { surveyInProgress: false, backlog: null, badResponseNodes: null })
        assert.sameMembers(Object.keys(document.topology), [surveyor, idOf(2)])
        const { inboundPeers, outboundPeers } = document.topology[idOf(2)]
        assert.deepStrictEqual(inboundPeers.map(({ nodeId }: { nodeId: string }) => nodeId), [surveyor])
        assert.deepStrictEqual(outboundPeers.map(({ nodeId }: { nodeId: string }) => nodeId), [idOf(3)])
      }),
    30_000
  )

  it.live("says why there is nothing to tell", () =>
    Effect.gen(function*() {
      const alone = yield* node(2)
      const [unheard, stranger, wrong] = yield* Effect.all([
        survey("--peer", "127.0.0.1:1", "--wait", "1"),
        survey("--peer", `127.0.0.1:${alone.listening!.port}`, "--patience", "1", "--attempts", "1"),
        survey("--peer", "127.0.0.1:1", "--trust", "GABC")
      ], { concurrency: "unbounded" })
      assert.deepStrictEqual([unheard.code, unheard.stdout], [1, ""])
      assert.match(unheard.stderr, /No node let us in/)
      assert.strictEqual(stranger.code, 1)
      assert.match(stranger.stderr, /No node answered.*SURVEYOR_KEYS/)
      assert.deepStrictEqual(Object.values(JSON.parse(stranger.stdout).topology).filter((told) => told === null), [
        null
      ])
      assert.strictEqual(wrong.code, 2)
      assert.match(wrong.stderr, /--trust/)
    }), 30_000)
})
