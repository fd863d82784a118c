/** The verbs about configuration files as people use them, and a node that is run with a file. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { decodeSeed, peerIdFromPublicKey } from "../../src/core/stellar/StrKey.ts"
import * as NodeCrypto from "../../src/layers/node/NodeCrypto.ts"
import { temporaryFolder } from "../layers/temporaryFolder.ts"
import { isEvent, type Outcome, overlay, startOverlay } from "./overlayCommand.ts"

const core = join(import.meta.dirname, "../fixtures/config/stellar-core.cfg")
const SEED = "SBI3CZU7XZEWVXU7OZLW5MMUQAP334JFOPXSLTPOH43IRTEQ2QYXU5RG"

const publicKeyOf = (seed: string): string =>
  peerIdFromPublicKey(NodeCrypto.make().signer(Result.getOrThrow(decodeSeed(seed))).publicKey)

const call = (...args: ReadonlyArray<string>) => Effect.promise(() => overlay("config", ...args))

const fileWith = (text: string) =>
  Effect.map(temporaryFolder, (folder) => {
    const path = join(folder, "node.cfg")
    writeFileSync(path, text, { mode: 0o600 })
    return path
  })

const assertRefused = ({ code, stderr, stdout }: Outcome, ...says: ReadonlyArray<string>): void => {
  assert.strictEqual(code, 1, stderr)
  assert.strictEqual(stdout, "")
  for (const text of says) assert.include(stderr, text)
  assert.notMatch(stderr, /\n\s+at /, "a stack trace")
}

describe("overlay config check", () => {
  it.live("says what is understood of a stellar-core's file, and what is not ours", () =>
    Effect.gen(function*() {
      const [text, document] = yield* Effect.all([call("check", core), call("check", core, "--json")], {
        concurrency: 2
      })
      assert.deepStrictEqual([text.code, document.code, document.stderr], [0, 0, ""])
      const { file, notOurs, problems, usable, used } = JSON.parse(document.stdout)
      assert.deepStrictEqual([file, usable, problems], [core, true, []])
      assert.includeMembers(used, ["NETWORK_PASSPHRASE", "NODE_SEED", "VALIDATORS"])
      assert.includeMembers(notOurs, ["DATABASE", "HISTORY"])
      for (const name of [...used, ...notOurs]) assert.include(text.stdout, `\n    ${name}\n`)
      assert.notInclude(text.stdout + document.stdout, "password")
    }))

  it.live("says all that is wrong, and ends with 1", () =>
    Effect.gen(function*() {
      const path = yield* fileWith(`PEER_PROT = 1\nPEER_PORT = 0\nKNOWN_PEERS = ["${SEED}"]\n`)
      const [text, document, missing] = yield* Effect.all([
        call("check", path),
        call("check", path, "--json"),
        call("check", `${path}.none`)
      ], { concurrency: 2 })
      assertRefused(
        text,
        `${path} cannot be used`,
        "line 1: PEER_PROT",
        "line 2: PEER_PORT is 0",
        "line 3: KNOWN_PEERS[0]"
      )
      assertRefused(missing, "overlay config init")
      assert.strictEqual(document.code, 1)
      const { problems, usable } = JSON.parse(document.stdout)
      assert.isFalse(usable)
      assert.deepStrictEqual(problems.map(({ line }: { line: number }) => line), [1, 2, 3])
      assert.notInclude(text.stderr + document.stderr + document.stdout, SEED.slice(1, 20))
    }))

  it.live("wants a passphrase in the file, or a network beside it", () =>
    Effect.gen(function*() {
      const path = yield* fileWith("PEER_PORT = 11626\n")
      const [alone, beside, usage] = yield* Effect.all([
        call("check", path),
        call("check", path, "--network", "testnet"),
        call("check")
      ], { concurrency: 2 })
      assertRefused(alone, "NETWORK_PASSPHRASE is missing", "--network")
      assert.strictEqual(beside.code, 0, beside.stderr)
      assert.strictEqual(usage.code, 2)
    }))
})

describe("overlay config init", () => {
  it.live("writes a file that check accepts, for its owner alone, and never writes over one", () =>
    Effect.gen(function*() {
      const path = join(yield* temporaryFolder, "node.cfg")
      const made = yield* call("init", path, "--network", "pubnet")
      assert.deepStrictEqual(made, { code: 0, stdout: `${path}\n`, stderr: "" })
      assert.strictEqual(statSync(path).mode & 0o777, 0o600)
      const text = readFileSync(path, "utf8")
      const [checked, again, shown] = yield* Effect.all([
        call("check", path),
        call("init", path),
        call("init", "--network", "pubnet")
      ], { concurrency: 2 })
      assert.strictEqual(checked.code, 0, checked.stderr)
      assertRefused(again, path, "not written over")
      assert.strictEqual(readFileSync(path, "utf8"), text)
      assert.strictEqual(shown.stdout, text)
    }))
})

describe("overlay config show", () => {
  it.live("shows each value with its unit and where it comes from, but no seed", () =>
    Effect.gen(function*() {
      const args = ["config", "show", "--config", core, "--max-inbound", "7", "--json"]
      const running = startOverlay(args, { OVERLAY_PEER_TIMEOUT: "40" })
      const line = yield* Effect.promise(running.line)
      assert.isDefined(line)
      const { listen, network, notOurs, options } = JSON.parse(line ?? "")
      assert.deepStrictEqual([network, listen], ["pubnet", "0.0.0.0:11625"])
      const of = (name: string) => options.find((option: { name: string }) => option.name === name)
      const used = true
      assert.deepStrictEqual(of("NODE_SEED"), {
        name: "NODE_SEED",
        value: "<redacted>",
        unit: "",
        source: "file",
        used
      })
      assert.deepInclude(of("PEER_TIMEOUT"), { value: 40, unit: "s", source: "environment" })
      assert.deepInclude(of("MAX_ADDITIONAL_PEER_CONNECTIONS"), { value: 7, unit: "peers", source: "flag" })
      assert.deepInclude(of("TARGET_PEER_CONNECTIONS"), { value: 16, source: "file" })
      assert.deepInclude(of("PEER_STRAGGLER_TIMEOUT"), { value: 120, source: "default" })
      assert.deepInclude(of("MAX_BATCH_WRITE_COUNT"), { used: false })
      assert.include(notOurs, "DATABASE")
      assert.notInclude(line, SEED.slice(1, 20))

      const text = yield* call("show", "--config", core)
      assert.strictEqual(text.code, 0)
      assert.match(text.stdout, /^NODE_SEED +file +"<redacted>"$/m)
      assert.match(text.stdout, /^PEER_TIMEOUT +default +30 s$/m)
      assert.match(text.stdout, /^DATABASE +file +\(not ours\)$/m)
      assert.notInclude(text.stdout + text.stderr, SEED.slice(1, 20))
    }))

  it.live("refuses what contradicts itself", () =>
    Effect.gen(function*() {
      const path = yield* fileWith("PEER_READING_CAPACITY = 5\n")
      assertRefused(yield* call("show", "--config", path), "line 1: PEER_READING_CAPACITY is 5", path)
    }))
})

describe("overlay run --config", () => {
  it.live("runs the node of the file, with flags before it", () =>
    Effect.gen(function*() {
      const path = yield* fileWith([
        "NETWORK_PASSPHRASE = \"a test\"",
        `NODE_SEED = "${SEED} self"`,
        "PEER_PORT = 1",
        "PEER_READING_CAPACITY = 150",
        "PEER_FLOOD_READING_CAPACITY = 100",
        "DATABASE = \"sqlite3://:memory:\""
      ].join("\n"))
      const running = yield* Effect.acquireRelease(
        Effect.sync(() => startOverlay(["run", "--json", "--config", path, "--listen", "127.0.0.1:0"])),
        (running) => Effect.sync(running.kill)
      )
      const next = (name: string) => Effect.promise(() => running.next(isEvent(name)))
      const address = String((yield* next("listening"))["address"])
      const { passphrase } = yield* next("started")
      assert.strictEqual(passphrase, "a test")

      const probed = yield* Effect.promise(() => overlay("probe", address, "--network", "a test", "--json"))
      const { grant, peer } = JSON.parse(probed.stdout)
      assert.strictEqual(peer.id, publicKeyOf(SEED))
      assert.deepStrictEqual(grant, { messages: 100, bytes: 300_000 })
      assert.strictEqual(yield* Effect.promise(() => running.stop("SIGTERM")), 0)
    }))

  it.live("does not start with a file that is wrong, or without a network", () =>
    Effect.gen(function*() {
      const path = yield* fileWith("PEER_PORT = 0\n")
      const right = yield* fileWith("PEER_PORT = 1\n")
      const [wrong, nameless] = yield* Effect.promise(() =>
        Promise.all([overlay("run", "--config", path), overlay("run", "--config", right)])
      )
      assertRefused(wrong, path, "line 1: PEER_PORT is 0")
      assert.strictEqual(nameless.code, 2)
      assert.include(nameless.stderr, "--network")
    }))
})
