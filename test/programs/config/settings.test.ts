/** Each option of stellar-core's file that concerns an overlay: its default, its bounds, and what it does to a node. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Redacted, Result } from "effect"
import { overridesOf } from "../../../src/programs/config/overridesOf.ts"
import { readFileSettings } from "../../../src/programs/config/readSettings.ts"
import { resolveSettings } from "../../../src/programs/config/resolveSettings.ts"
import { aboutOf, settingNames } from "../../../src/programs/config/settings.ts"
import { plainValue } from "../../../src/programs/config/shownSettings.ts"
import { pubnet } from "../../../src/services/stellar/StellarConfig.ts"

const PUBNET = "Public Global Stellar Network ; September 2015"
const KEY = "GCGB2S2KGYARPVIA37HYZXVRM2YZUEXA6S33ZU5BUDC6THSB62LZSTYH"
const SEED = "SBI3CZU7XZEWVXU7OZLW5MMUQAP334JFOPXSLTPOH43IRTEQ2QYXU5RG"
const ADDRESSES_OF_PUBNET = ["a", "b", "c"].map((name) => `core-live-${name}.stellar.org:11625`)
/** What some options are nothing without. Tables stand behind all options. */
const VALIDATOR = `
[[VALIDATORS]]
NAME = "somebody"
HOME_DOMAIN = "example.org"
PUBLIC_KEY = "${KEY}"
ADDRESS = "core.example.org"
`

interface Row {
  /** What a node of the public network has if nothing is said. */
  readonly fallback: unknown
  /** Another value, in TOML, and what is read. */
  readonly good: readonly [toml: string, value: unknown]
  /** Values that are refused, in TOML. */
  readonly bad: ReadonlyArray<string>
  /** What must stand beside the good value. */
  readonly beside?: string
}

const whole = (fallback: number, good: number, minimum: number, maximum = 2_147_483_647, beside = ""): Row => ({
  fallback,
  good: [String(good), good],
  bad: [String(minimum - 1), String(maximum + 1), "99999999999999999999", `${good}.0`, `"${good}"`, "true", "[]"],
  beside
})
const positive = (fallback: number, good: number, beside = "") => whole(fallback, good, 1, undefined, beside)
const uint16 = (fallback: number, good: number, minimum: number) => whole(fallback, good, minimum, 65_535)
const factor = (fallback: number, bad: ReadonlyArray<string> = []): Row => ({
  fallback,
  good: ["0.25", 0.25],
  bad: ["0", "0.0", "-1.0", "inf", "nan", "\"1\"", ...bad]
})
const flag = (fallback: boolean): Row => ({
  fallback,
  good: [String(!fallback), !fallback],
  bad: ["1", "\"true\"", "[]"]
})
const addresses = (fallback: ReadonlyArray<string>): Row => ({
  fallback,
  good: ["[\"10.0.0.1\", \"core.example.org:1\"]", ["10.0.0.1", "core.example.org:1"]],
  bad: [
    "\"10.0.0.1\"",
    "[1]",
    "[\"\"]",
    "[\"10.0.0.256\"]",
    "[\"10.0.0.1:0\"]",
    "[\"10.0.0.1:65536\"]",
    "[\"[::1]:11625\"]",
    "[\"http://core.example.org\"]",
    `["${SEED}"]`
  ]
})
const keys: Row = {
  fallback: [],
  good: [`["${KEY} one", "$one", "$somebody"]`, [`${KEY} one`, "$one", "$somebody"]],
  bad: [`"${KEY}"`, `["${KEY.slice(0, -1)}A"]`, `["${SEED}"]`, "[\"one\"]", "[\"$\"]"],
  beside: VALIDATOR
}

const rows: Readonly<Record<string, Row>> = {
  NETWORK_PASSPHRASE: { fallback: PUBNET, good: ["\"another\"", "another"], bad: ["\"\"", "1", "[]"] },
  NODE_SEED: {
    fallback: null,
    good: [`"${SEED} self"`, "<redacted>"],
    bad: [`"${SEED.slice(0, -1)}A"`, `"${KEY}"`, "\"\"", "\"$FILE:\"", "1", "[]"]
  },
  NODE_IS_VALIDATOR: flag(false),
  NODE_HOME_DOMAIN: { fallback: "", good: ["\"example.org\"", "example.org"], bad: ["1", "[]"], beside: VALIDATOR },
  NODE_NAMES: {
    fallback: [],
    good: [`["${KEY} one"]`, [`${KEY} one`]],
    bad: ["[\"one\"]", `"${KEY} one"`],
    beside: "SURVEYOR_KEYS = [\"$one\"]"
  },
  RUN_STANDALONE: flag(false),
  PEER_PORT: uint16(11_625, 11_626, 1),
  KNOWN_PEERS: addresses(ADDRESSES_OF_PUBNET),
  PREFERRED_PEERS: addresses([]),
  PREFERRED_PEER_KEYS: keys,
  PREFERRED_PEERS_ONLY: flag(false),
  TARGET_PEER_CONNECTIONS: uint16(8, 12, 1),
  MAX_ADDITIONAL_PEER_CONNECTIONS: uint16(64, 100, -1),
  MAX_PENDING_CONNECTIONS: uint16(500, 100, 1),
  PEER_AUTHENTICATION_TIMEOUT: uint16(2, 10, 1),
  PEER_TIMEOUT: uint16(30, 40, 1),
  PEER_STRAGGLER_TIMEOUT: uint16(120, 60, 1),
  MAX_BATCH_WRITE_COUNT: positive(1024, 10),
  MAX_BATCH_WRITE_BYTES: positive(1_048_576, 10),
  BACKGROUND_OVERLAY_PROCESSING: flag(true),
  BACKGROUND_TX_SIG_VERIFICATION: flag(true),
  PEER_READING_CAPACITY: positive(201, 300),
  PEER_FLOOD_READING_CAPACITY: positive(200, 100),
  FLOW_CONTROL_SEND_MORE_BATCH_SIZE: positive(40, 200),
  PEER_FLOOD_READING_CAPACITY_BYTES: whole(0, 400_000, 0),
  FLOW_CONTROL_SEND_MORE_BATCH_SIZE_BYTES: whole(0, 2000, 0, undefined, "PEER_FLOOD_READING_CAPACITY_BYTES = 136_096"),
  PEER_TOTAL_READING_CAPACITY_BYTES: positive(1_048_576, 10),
  OUTBOUND_TX_QUEUE_BYTE_LIMIT: positive(3_145_728, 10),
  FLOOD_ADVERT_PERIOD_MS: positive(100, 10),
  FLOOD_DEMAND_PERIOD_MS: positive(200, 10),
  FLOOD_DEMAND_BACKOFF_DELAY_MS: positive(500, 10),
  FLOOD_OP_RATE_PER_LEDGER: factor(1),
  FLOOD_TX_PERIOD_MS: positive(200, 10),
  FLOOD_SOROBAN_RATE_PER_LEDGER: factor(1),
  FLOOD_SOROBAN_TX_PERIOD_MS: positive(200, 10),
  FLOOD_ARB_TX_BASE_ALLOWANCE: whole(5, 10, -1),
  FLOOD_ARB_TX_DAMPING_FACTOR: factor(0.8, ["1.1", "2"]),
  EXPERIMENTAL_PARALLEL_TX_SET_DOWNLOAD: flag(false),
  TX_SET_DOWNLOAD_TIMEOUT: positive(5000, 10),
  SURVEYOR_KEYS: keys,
  MAX_SLOTS_TO_REMEMBER: whole(12, 10, 0),
  MAXIMUM_LEDGER_CLOSETIME_DRIFT: whole(70, 10, 0),
  ALLOW_LOCALHOST_FOR_TESTING: flag(false),
  ALLOW_PRIVATE_ADDRESSES_FOR_TESTING: flag(false),
  IGNORE_MESSAGE_LIMITS_FOR_TESTING: flag(false),
  EXPERIMENTAL_TX_BATCH_MAX_SIZE: whole(0, 10, 0),
  ARTIFICIALLY_SET_SURVEY_PHASE_DURATION_FOR_TESTING: whole(0, 10, 0),
  ARTIFICIALLY_SKIP_CONNECTION_ADJUSTMENT_FOR_TESTING: flag(false)
}

/** What a file comes to. */
const resolved = (toml: string) => {
  const text = toml.includes("NETWORK_PASSPHRASE") ? toml : `NETWORK_PASSPHRASE = "${PUBNET}"\n${toml}`
  const file = Result.getOrThrowWith(readFileSettings(text), (problems) => new Error(JSON.stringify(problems)))
  return Result.getOrThrowWith(resolveSettings({ file }), (problems) => new Error(JSON.stringify(problems)))
}

/** The node that comes of it, as something that can be compared. */
const nodeOf = (toml: string) => {
  const settings = resolved(toml)
  const seed = settings.settings.NODE_SEED
  assert.isDefined(settings.network)
  const config = settings.network.config(overridesOf(settings, seed))
  return JSON.stringify({ ...config, seed: seed === undefined ? undefined : Redacted.value(seed) })
}

describe("the options of the configuration file", () => {
  it("are all in this table", () => {
    assert.deepStrictEqual([...settingNames].sort(), Object.keys(rows).sort())
  })

  for (const name of settingNames) {
    const row = rows[name]
    it(`${name} has its default, takes a value within its bounds and refuses others`, () => {
      assert.isDefined(row)
      assert.deepStrictEqual(plainValue(resolved("").settings, name), row.fallback)
      assert.strictEqual(resolved("").sourceOf(name), name === "NETWORK_PASSPHRASE" ? "file" : "default")

      const [toml, value] = row.good
      const chosen = resolved(`${name} = ${toml}\n${row.beside ?? ""}`)
      assert.deepStrictEqual(plainValue(chosen.settings, name), value)
      assert.strictEqual(chosen.sourceOf(name), "file")

      for (const bad of row.bad) {
        const refused = readFileSettings(`# a comment\n${name} = ${bad}`)
        assert.isTrue(Result.isFailure(refused), `${name} = ${bad}`)
        if (Result.isSuccess(refused)) continue
        const [problem, ...more] = refused.failure
        assert.deepStrictEqual(more, [], `one mistake: ${bad}`)
        assert.deepInclude(problem, { reason: "value", source: "file", line: 2 })
        assert.match(problem?.key ?? "", new RegExp(`^${name}(\\[0\\])?$`))
        assert.notInclude(JSON.stringify(problem), SEED.slice(0, 20))
      }
    })

    it(`${name} changes the node exactly if it is said to`, () => {
      const beside = row?.beside ?? ""
      // What stands beside it may need it, and then there is nothing to compare with.
      const without = name === "NODE_NAMES" ? "" : beside
      const isChanged = nodeOf(`${name} = ${row?.good[0]}\n${beside}`) !== nodeOf(without)
      assert.strictEqual(isChanged, aboutOf(name).sets !== undefined)
    })
  }

  it("of a file that says nothing are those of a node of the network", () => {
    const plain = pubnet({ listen: { host: "0.0.0.0", port: 11_625 } })
    assert.strictEqual(nodeOf(""), JSON.stringify(pubnet(overridesOf(resolved(""), undefined))))
    const { settings: _settings } = resolved("")
    const made = pubnet(overridesOf(resolved(""), undefined))
    assert.deepStrictEqual({ ...made }, { ...plain })
    assert.strictEqual(Duration.toMillis(made.connectionTick), 3000)
  })
})
