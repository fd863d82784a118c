/** What is read from the environment and from files of this machine. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Option, Redacted, Result } from "effect"
import { chmodSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { textOf } from "../../../src/programs/config/ConfigProblem.ts"
import { loadFile, loadSettings, seedOf } from "../../../src/programs/config/loadSettings.ts"
import { readEnvironment } from "../../../src/programs/config/readSettings.ts"
import { type SettingName, Settings } from "../../../src/programs/config/settings.ts"
import { temporaryFolder } from "../../layers/temporaryFolder.ts"

const SEED = "SBI3CZU7XZEWVXU7OZLW5MMUQAP334JFOPXSLTPOH43IRTEQ2QYXU5RG"

const inEnvironment = (environment: Readonly<Record<string, string>>) =>
  Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnvRecord({ PATH: "/bin", ...environment }))

const environment = (variables: Readonly<Record<string, string>>) => inEnvironment(variables)(readEnvironment)

describe("the environment", () => {
  const values: ReadonlyArray<readonly [name: SettingName, text: string, value: unknown]> = [
    ["PEER_PORT", "11626", 11_626],
    ["PEER_PORT", "+11626", 11_626],
    ["MAX_ADDITIONAL_PEER_CONNECTIONS", "-1", -1],
    ["FLOOD_OP_RATE_PER_LEDGER", "0.5", 0.5],
    ["FLOOD_OP_RATE_PER_LEDGER", "2", 2],
    ["RUN_STANDALONE", "true", true],
    ["BACKGROUND_OVERLAY_PROCESSING", "false", false],
    ["NETWORK_PASSPHRASE", "a, b = c", "a, b = c"],
    ["KNOWN_PEERS", "10.0.0.1", ["10.0.0.1"]],
    ["KNOWN_PEERS", "10.0.0.1, core.example.org:1", ["10.0.0.1", "core.example.org:1"]]
  ]
  it.effect.each(values)("says %s with %j", ([name, text, value]) =>
    Effect.gen(function*() {
      const { settings } = Result.getOrThrow(yield* environment({ [`OVERLAY_${name}`]: text }))
      assert.deepStrictEqual(settings, { [name]: value })
    }))

  it.effect("is asked for options whose names begin alike, each by itself", () =>
    Effect.gen(function*() {
      const { settings } = Result.getOrThrow(
        yield* environment({
          OVERLAY_PEER_FLOOD_READING_CAPACITY: "100",
          OVERLAY_PEER_FLOOD_READING_CAPACITY_BYTES: "400000",
          OVERLAY_KNOWN_PEERS: ""
        })
      )
      assert.deepStrictEqual(settings, {
        PEER_FLOOD_READING_CAPACITY: 100,
        PEER_FLOOD_READING_CAPACITY_BYTES: 400_000
      })
    }))

  it.effect("is refused with all its mistakes, and shows no seed", () =>
    Effect.gen(function*() {
      const read = yield* environment({
        OVERLAY_PEER_PORT: "eleven",
        OVERLAY_RUN_STANDALONE: "yes",
        OVERLAY_PEER_TIMEOUT: "1.0",
        OVERLAY_KNOWN_PEERS: "10.0.0.1,,10.0.0.2",
        OVERLAY_NODE_SEED: SEED.slice(1)
      })
      assert.isTrue(Result.isFailure(read))
      if (Result.isSuccess(read)) return
      assert.deepStrictEqual(read.failure.map(textOf).sort(), [
        "OVERLAY_KNOWN_PEERS[1] is \"\"; expected: an IPv4 address or a name, with or without a port, as \"host:11625\"",
        "OVERLAY_NODE_SEED is <redacted>; expected: a seed (S...), with or without a name behind it, or \"$FILE:PATH\"",
        "OVERLAY_PEER_PORT is \"eleven\"; expected: a whole number from 1 to 65535",
        "OVERLAY_PEER_TIMEOUT is 1.0; expected: a whole number from 1 to 65535",
        "OVERLAY_RUN_STANDALONE is \"yes\"; expected: true or false"
      ])
    }))

  it.effect("may hold what others put there, and only what is nearly an option is told", () =>
    Effect.gen(function*() {
      const { settings, warnings } = Result.getOrThrow(
        yield* environment({
          OVERLAY: "1",
          OVERLAY_SERVICE_HOST: "10.0.0.1",
          OVERLAY_PORT_11625_TCP: "tcp://10.0.0.1:11625",
          OVERLAY_PEER_PROT: "1"
        })
      )
      assert.deepStrictEqual(settings, {})
      assert.deepStrictEqual(warnings, [
        "OVERLAY_PEER_PROT in the environment is no option; perhaps OVERLAY_PEER_PORT is meant"
      ])
    }))
})

describe("a file and the environment together", () => {
  it.effect("are told with the mistakes of both", () =>
    Effect.gen(function*() {
      const path = join(yield* temporaryFolder, "node.cfg")
      writeFileSync(path, "PEER_PROT = 1")
      const refused = yield* Effect.flip(
        inEnvironment({ OVERLAY_PEER_PORT: "0" })(loadSettings({ settings: {} }, Option.some(path)))
      )
      assert.strictEqual(
        refused.message,
        "line 1: PEER_PROT is no option; perhaps PEER_PORT is meant\n" +
          "OVERLAY_PEER_PORT is 0; expected: a whole number from 1 to 65535"
      )
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("contradict each other in what comes of both", () =>
    Effect.gen(function*() {
      const path = join(yield* temporaryFolder, "node.cfg")
      writeFileSync(path, "PEER_FLOOD_READING_CAPACITY = 300\nPEER_READING_CAPACITY = 301")
      const load = (variables: Readonly<Record<string, string>>) =>
        inEnvironment(variables)(loadSettings({ settings: {} }, Option.some(path)))
      assert.strictEqual((yield* load({})).settings.PEER_READING_CAPACITY, 301)
      const refused = yield* Effect.flip(load({ OVERLAY_PEER_READING_CAPACITY: "300" }))
      assert.match(refused.message, /^OVERLAY_PEER_READING_CAPACITY is 300 with PEER_FLOOD_READING_CAPACITY = 300;/)
    }).pipe(Effect.provide(NodeServices.layer)))
})

describe("a file of this machine", () => {
  it.effect("that is not there, no file or far too long is not read", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const long = join(folder, "long.cfg")
      writeFileSync(long, "#".repeat(1_048_577))
      const say = (path: string) => Effect.map(Effect.flip(loadFile(path)), ({ message }) => message)
      assert.match(yield* say(join(folder, "none.cfg")), /There is no file .*none\.cfg\. `overlay config init /)
      assert.match(yield* say(folder), /no plain file/)
      assert.match(yield* say(long), /longer than 1048576 bytes/)
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("that holds a seed should be its owner's alone", () =>
    Effect.gen(function*() {
      const path = join(yield* temporaryFolder, "node.cfg")
      writeFileSync(path, `NODE_SEED = "${SEED}"`)
      chmodSync(path, 0o640)
      assert.match((yield* loadFile(path)).warnings[0] ?? "", /chmod 600 .*node\.cfg$/)
      chmodSync(path, 0o600)
      assert.deepStrictEqual((yield* loadFile(path)).warnings, [])
      writeFileSync(path, "NODE_SEED = \"$FILE:node.seed\"")
      chmodSync(path, 0o644)
      assert.deepStrictEqual((yield* loadFile(path)).warnings, [])
    }).pipe(Effect.provide(NodeServices.layer)))
})

describe("the seed", () => {
  const seed = (text: string) =>
    Effect.map(
      seedOf({ ...Settings.make({}), NODE_SEED: Redacted.make(text) }),
      (seed) => seed === undefined ? undefined : Redacted.value(seed)
    )

  it.effect("is what the option says, or what the file holds that it names, without a name behind it", () =>
    Effect.gen(function*() {
      const path = join(yield* temporaryFolder, "node.seed")
      writeFileSync(path, `${SEED} self\n`, { mode: 0o600 })
      assert.strictEqual(yield* seed(`${SEED} self`), SEED)
      assert.strictEqual(yield* seed(`$FILE:${path}`), SEED)
      assert.isUndefined(yield* seedOf(Settings.make({})))
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("is not taken from a file that is open to others, or that holds none", () =>
    Effect.gen(function*() {
      const path = join(yield* temporaryFolder, "node.seed")
      writeFileSync(path, SEED.slice(1), { mode: 0o600 })
      assert.include((yield* Effect.flip(seed(`$FILE:${path}`))).message, "This is not a seed (S...)")
      chmodSync(path, 0o644)
      assert.include((yield* Effect.flip(seed(`$FILE:${path}`))).message, "chmod 600")
    }).pipe(Effect.provide(NodeServices.layer)))
})
