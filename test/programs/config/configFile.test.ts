/** Whole files: what is understood of them, what is wrong with them, and what follows from several options together. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Result, Schema } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { type ConfigProblem, textOf } from "../../../src/programs/config/ConfigProblem.ts"
import { overridesOf } from "../../../src/programs/config/overridesOf.ts"
import { readFileSettings } from "../../../src/programs/config/readSettings.ts"
import { resolveSettings, type Sources } from "../../../src/programs/config/resolveSettings.ts"
import { settingNames } from "../../../src/programs/config/settings.ts"
import { plainValue, templateOf } from "../../../src/programs/config/shownSettings.ts"

const core = readFileSync(join(import.meta.dirname, "../../fixtures/config/stellar-core.cfg"), "utf8")
const SEED = "SBI3CZU7XZEWVXU7OZLW5MMUQAP334JFOPXSLTPOH43IRTEQ2QYXU5RG"
const SDF_1 = "GCGB2S2KGYARPVIA37HYZXVRM2YZUEXA6S33ZU5BUDC6THSB62LZSTYH"
const SDF_2 = "GCM6QMP3DLRPTAZW2UZPCPX2LF3SXWXKPMP3GKFZBDSF3QZGV2G5QSTK"
const AUDITOR = "GABMKJM6I25XI4K7U6XWMULOUQIQ27BCTMLS6BYYSOWKTBUXVRJSXHYQ"

const read = (text: string) =>
  Result.getOrThrowWith(readFileSettings(text), (problems) => new Error(problems.map(textOf).join("\n")))

const resolve = (text: string, others: Omit<Sources, "file"> = {}) =>
  Result.getOrThrowWith(
    resolveSettings({ file: read(text), ...others }),
    (problems) => new Error(problems.map(textOf).join("\n"))
  )

const problemsIn = (text: string): ReadonlyArray<ConfigProblem> => {
  const file = readFileSettings(text)
  if (Result.isFailure(file)) return file.failure
  const resolved = resolveSettings({ file: file.success })
  return Result.isFailure(resolved) ? resolved.failure : []
}
const textsIn = (text: string) => problemsIn(text).map(textOf)

describe("a validator's file", () => {
  it("is understood as stellar-core understands it, as far as it concerns the overlay", () => {
    const resolved = resolve(core)
    assert.strictEqual(resolved.network?.name, "pubnet")
    assert.deepStrictEqual(resolved.listen, { host: "0.0.0.0", port: 11_625 })
    assert.deepStrictEqual(resolved.warnings, [])
    const { settings } = resolved
    assert.deepStrictEqual(settings.PREFERRED_PEERS, ["10.0.0.7", "core2.example.org:11625"])
    // Each once, though the file names one of them twice.
    assert.deepStrictEqual(
      settings.KNOWN_PEERS,
      ["core-live-a.stellar.org:11625", "core-live-b.stellar.org", "core-live-c.stellar.org"]
    )
    const node = overridesOf(resolved, undefined)
    assert.deepInclude(node, { maxOutbound: 16, targetOutbound: 16, maxInbound: 100, isValidator: true })
    assert.deepInclude(node, { maxPendingOutbound: 42, maxPendingInbound: 258 })
    assert.deepStrictEqual(node.surveyorKeys, [SDF_2, AUDITOR])
    assert.deepStrictEqual([node.preferredPeerKeys, node.preferredPeersOnly], [[SDF_1], false])
    assert.deepStrictEqual(
      [node.handshakeSilenceTimeout, node.connectionTick, node.demandPeriod],
      [Duration.seconds(3), Duration.seconds(4), Duration.millis(250)]
    )
  })

  it("is listed by what is not ours, with nothing hidden", () => {
    const { foreign, settings, validators } = read(core)
    const keys = [...core.matchAll(/^(\w+) = /gm)].map(([, key]) => key)
    const top = [...keys.slice(0, keys.indexOf("HOME_DOMAIN")), "HOME_DOMAINS", "HISTORY"]
    assert.deepStrictEqual(top.sort(), [...Object.keys(settings), ...foreign].sort())
    assert.include(foreign, "DATABASE")
    assert.deepStrictEqual(validators.map(({ publicKey }) => publicKey).slice(1, 3), [SDF_1, SDF_2])
  })

  it("has its validators among the known peers if the node belongs to no organization", () => {
    const { settings } = resolve(core, { environment: { NODE_HOME_DOMAIN: "other.org" } })
    assert.deepStrictEqual(settings.PREFERRED_PEERS, ["10.0.0.7"])
    assert.include(settings.KNOWN_PEERS, "core2.example.org:11625")
  })
})

describe("mistakes in a file", () => {
  it("are told all at once, each with its line, what was found and what is expected", () => {
    const text = [
      "PEER_PORT = 70000",
      "PEER_PROT = 1",
      "KNOWN_PEERS = [\"core.example.org\", \"10.0.0.300\"]",
      "",
      "COLOUR = 1",
      "[[VALIDATORS]]",
      "NAME = \"one\"",
      "HOME_DOMAIN = \"example.org\"",
      `PUBLIC_KEY = "${SDF_1}"`,
      "[[VALIDATORS]]",
      "NAME = 2",
      "ADRESS = \"10.0.0.1\"",
      "ADDRESS = \"10.0.0.1:0\"",
      "PUBLIC_KEY = \"G\""
    ].join("\n")
    assert.deepStrictEqual(problemsIn(text).map(({ key, line, reason }) => [line, reason, key]), [
      [1, "value", "PEER_PORT"],
      [2, "unknown", "PEER_PROT"],
      [3, "value", "KNOWN_PEERS[1]"],
      [5, "unknown", "COLOUR"],
      [10, "unknown", "VALIDATORS[1].ADRESS"],
      [10, "value", "VALIDATORS[1].NAME"],
      [10, "missing", "VALIDATORS[1].HOME_DOMAIN"],
      [10, "value", "VALIDATORS[1].PUBLIC_KEY"],
      [10, "value", "VALIDATORS[1].ADDRESS"]
    ])
    const texts = textsIn(text)
    assert.strictEqual(texts[0], "line 1: PEER_PORT is 70000; expected: a whole number from 1 to 65535")
    assert.strictEqual(texts[1], "line 2: PEER_PROT is no option; perhaps PEER_PORT is meant")
    assert.strictEqual(texts[3], "line 5: COLOUR is no option")
    assert.include(texts[4], "perhaps ADDRESS is meant")
  })

  it("of the syntax are told with their place", () => {
    const [problem] = problemsIn("PEER_PORT = 1\nKNOWN_PEERS = [1 2]\n")
    assert.deepInclude(problem, { reason: "syntax", line: 2 })
    assert.match(textsIn("a = 1\na = 2")[0] ?? "", /^line 2: this is not TOML: .+ \(column 1\)$/)
  })

  it("never show a seed, wherever it was put", () => {
    const texts = [
      `NODE_SEED = "${SEED.slice(0, -1)}A"`,
      `NODE_SEED = "${SEED}`,
      `NODE_SEED = ["${SEED}"]`,
      `${SEED} = 1`,
      `KNOWN_PEERS = ["${SEED}"]`,
      `KNOWN_PEERS = ["x ${SEED}"]`,
      `SURVEYOR_KEYS = ["$${SEED}"]`,
      `VALIDATORS = "${SEED}"`,
      `[[VALIDATORS]]\n${SEED} = 1\nNAME = "a"\nHOME_DOMAIN = "b"\nPUBLIC_KEY = "${SEED}"`
    ]
    for (const text of texts) {
      const problems = problemsIn(text)
      assert.isNotEmpty(problems, text)
      assert.notInclude(JSON.stringify(problems), SEED.slice(1, 20), text)
    }
  })

  it("are the same for names that every object has", () => {
    for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
      assert.deepStrictEqual(problemsIn(`${name} = 1`).map(({ key, reason }) => [key, reason]), [[name, "unknown"]])
    }
  })
})

describe("options that depend on each other", () => {
  const refused: ReadonlyArray<readonly [text: string, key: string]> = [
    ["FLOW_CONTROL_SEND_MORE_BATCH_SIZE = 201", "FLOW_CONTROL_SEND_MORE_BATCH_SIZE"],
    ["PEER_FLOOD_READING_CAPACITY = 201", "PEER_READING_CAPACITY"],
    ["PEER_READING_CAPACITY = 200", "PEER_READING_CAPACITY"],
    ["FLOW_CONTROL_SEND_MORE_BATCH_SIZE_BYTES = 1", "FLOW_CONTROL_SEND_MORE_BATCH_SIZE_BYTES"],
    ["PEER_FLOOD_READING_CAPACITY_BYTES = 134095", "PEER_FLOOD_READING_CAPACITY_BYTES"],
    [
      "PEER_FLOOD_READING_CAPACITY_BYTES = 234095\nFLOW_CONTROL_SEND_MORE_BATCH_SIZE_BYTES = 100000",
      "PEER_FLOOD_READING_CAPACITY_BYTES"
    ]
  ]
  it.each(refused)("contradict each other in %j", (text, key) => {
    const problems = problemsIn(text)
    assert.deepStrictEqual(problems.map(({ key, reason }) => [key, reason]), [[key, "conflict"]])
    // The other of the two is named.
    const [, other] = /with (\w+) = \d+/.exec(problems[0]?.found ?? "") ?? []
    assert.include(settingNames, other)
  })

  const taken = [
    "FLOW_CONTROL_SEND_MORE_BATCH_SIZE = 200",
    "PEER_FLOOD_READING_CAPACITY = 201\nPEER_READING_CAPACITY = 202",
    "PEER_FLOOD_READING_CAPACITY_BYTES = 134096",
    "PEER_FLOOD_READING_CAPACITY_BYTES = 234096\nFLOW_CONTROL_SEND_MORE_BATCH_SIZE_BYTES = 100000"
  ]
  it.each(taken)("go together in %j", (text) => {
    assert.deepStrictEqual(problemsIn(text), [])
  })

  it("leave the credit in bytes to the node if both are 0, and are taken as they are if not", () => {
    const sizes = (text: string) => {
      const { credit } = overridesOf(resolve(text), undefined)
      return [credit?.bytes, credit?.batchBytes]
    }
    assert.deepStrictEqual(sizes(""), [undefined, undefined])
    assert.deepStrictEqual(sizes("PEER_FLOOD_READING_CAPACITY_BYTES = 400000"), [400_000, 1])
  })

  it("are all told, and with their lines", () => {
    const text = "\nFLOW_CONTROL_SEND_MORE_BATCH_SIZE = 300\nPEER_READING_CAPACITY = 5\nSURVEYOR_KEYS = [\"$nobody\"]"
    assert.deepStrictEqual(problemsIn(text).map(({ key, line }) => [key, line]), [
      ["FLOW_CONTROL_SEND_MORE_BATCH_SIZE", 2],
      ["PEER_READING_CAPACITY", 3],
      ["SURVEYOR_KEYS[0]", 4]
    ])
  })

  it("reduce the peers that are called to a third of those that may call, and 3, and say so", () => {
    const reduced = resolve("TARGET_PEER_CONNECTIONS = 50\nMAX_ADDITIONAL_PEER_CONNECTIONS = 10")
    assert.strictEqual(reduced.settings.TARGET_PEER_CONNECTIONS, 6)
    assert.deepStrictEqual(reduced.warnings.map((text) => /^TARGET_PEER_CONNECTIONS is 50 .* 6:/.test(text)), [true])
    const kept = resolve("TARGET_PEER_CONNECTIONS = 6\nMAX_ADDITIONAL_PEER_CONNECTIONS = 10")
    assert.deepStrictEqual([kept.settings.TARGET_PEER_CONNECTIONS, kept.warnings], [6, []])
  })

  it("take flags for what they say: one number does not change the other", () => {
    const { settings, warnings } = resolve("", {
      flags: { settings: { TARGET_PEER_CONNECTIONS: 0 } }
    })
    assert.deepStrictEqual([settings.TARGET_PEER_CONNECTIONS, settings.MAX_ADDITIONAL_PEER_CONNECTIONS], [0, 64])
    assert.deepStrictEqual(warnings, [])
  })

  const shares: ReadonlyArray<readonly [text: string, outbound: number, inbound: number]> = [
    ["", 56, 444],
    // Eight times as many would be more than there are ports.
    ["TARGET_PEER_CONNECTIONS = 10000", 67, 433],
    ["MAX_PENDING_CONNECTIONS = 1", 1, 1],
    ["MAX_ADDITIONAL_PEER_CONNECTIONS = 0", 500, 1],
    ["TARGET_PEER_CONNECTIONS = 1\nMAX_ADDITIONAL_PEER_CONNECTIONS = 65535", 1, 499]
  ]
  it.each(shares)("share pending links out between both directions in %j", (text, outbound, inbound) => {
    assert.deepStrictEqual(resolve(text).pending, { outbound, inbound })
  })

  it("make a standalone node one that neither listens nor calls", () => {
    const resolved = resolve("RUN_STANDALONE = true\nKNOWN_PEERS = [\"10.0.0.1\"]")
    assert.isUndefined(resolved.listen)
    const node = overridesOf(resolved, undefined)
    assert.deepInclude(node, { maxOutbound: 0, targetOutbound: 0, targetOutboundWithoutInbound: 0 })
    assert.notProperty(node, "listen")
  })

  it("believe local addresses on a private network, unless they say otherwise", () => {
    const isLocal = (text: string) => overridesOf(resolve(text), undefined).allowLocalAddresses
    assert.isTrue(isLocal("NETWORK_PASSPHRASE = \"mine\""))
    assert.isFalse(isLocal("NETWORK_PASSPHRASE = \"mine\"\nALLOW_LOCALHOST_FOR_TESTING = false"))
    assert.isFalse(isLocal("NETWORK_PASSPHRASE = \"Test SDF Network ; September 2015\""))
  })

  it("take the short name of a network for a passphrase, as stellar-core does, but say so", () => {
    const { network, warnings } = resolve("NETWORK_PASSPHRASE = \"testnet\"")
    assert.strictEqual(network?.name, "private")
    assert.include(warnings[0], "--network testnet")
  })
})

describe("the first of flags, environment and file that has a value", () => {
  const all: Sources = {
    flags: { settings: { PEER_PORT: 1 } },
    environment: { PEER_PORT: 2, PEER_TIMEOUT: 2 },
    file: read("PEER_PORT = 3\nPEER_TIMEOUT = 3\nPEER_STRAGGLER_TIMEOUT = 3")
  }

  it("wins, and is named", () => {
    const { settings, sourceOf } = Result.getOrThrow(resolveSettings(all))
    assert.deepStrictEqual(
      (["PEER_PORT", "PEER_TIMEOUT", "PEER_STRAGGLER_TIMEOUT", "MAX_PENDING_CONNECTIONS"] as const).map(
        (name) => [settings[name], sourceOf(name)]
      ),
      [[1, "flag"], [2, "environment"], [3, "file"], [500, "default"]]
    )
  })

  it("wins for a whole list, and not for each of its elements", () => {
    const { settings } = resolve("KNOWN_PEERS = [\"10.0.0.1\"]", { environment: { KNOWN_PEERS: ["10.0.0.2"] } })
    assert.deepStrictEqual(settings.KNOWN_PEERS, ["10.0.0.2"])
  })

  it("says where a node listens, too", () => {
    const file = read("PEER_PORT = 3")
    const listen = (flags: NonNullable<Sources["flags"]>) => Result.getOrThrow(resolveSettings({ flags, file })).listen
    assert.deepStrictEqual(listen({ settings: {} }), { host: "0.0.0.0", port: 3 })
    assert.isUndefined(listen({ settings: {}, listen: "off" }))
    assert.deepStrictEqual(listen({ settings: {}, listen: { host: "127.0.0.1", port: 0 } }), {
      host: "127.0.0.1",
      port: 0
    })
  })
})

describe("the file to begin with", () => {
  const template = templateOf("Public Global Stellar Network ; September 2015", ["core.example.org:11625"])

  it("can be used as it is, and says nothing but the network", () => {
    assert.deepStrictEqual(Object.keys(read(template).settings), ["NETWORK_PASSPHRASE"])
  })

  it("names every option with its default, which can be used as well", () => {
    const uncommented = template.replace(/^# (?=[A-Z_]+ = |\[\[)/gm, "")
    const { settings } = read(uncommented)
    assert.deepStrictEqual(Object.keys(settings).sort(), [...settingNames].sort())
    const given = resolve(uncommented).settings
    const defaults = resolve(template).settings
    for (const name of settingNames) {
      if (["NODE_SEED", "KNOWN_PEERS"].includes(name)) continue
      assert.deepStrictEqual(plainValue(given, name), plainValue(defaults, name), name)
    }
    assert.deepStrictEqual(given.KNOWN_PEERS, ["core.example.org:11625"])
  })

  it("holds any passphrase", () => {
    for (const passphrase of ["a \"quoted\" \\ one", "ünï ☃ \u{1f600}", "tab\tand\nline \u007f"]) {
      assert.strictEqual(read(templateOf(passphrase, [])).settings.NETWORK_PASSPHRASE, passphrase)
    }
  })
})

describe("reading", () => {
  const fragments: ReadonlyArray<string> = (
    "[ ] [[ ]] { } = , . # \" ' \"\"\" ''' \\ \\u \u0000 _ 1 -1 1.5 1e400 0x inf nan true 1979-05-27 07:32:00 " +
    `1979-05-27T07:32:00Z VALIDATORS NODE_SEED PEER_PORT KNOWN_PEERS HISTORY __proto__ constructor ${SEED}`
  ).split(" ").concat(" ", "\n", "\r\n")
  const Fragment = Schema.Literals(fragments)

  it.prop("never throws, whatever the text", [Schema.String], ([text]) => {
    assert.isTrue(Result.isResult(readFileSettings(text)))
  })

  it.prop(
    "never throws for what is nearly TOML, and what it takes can be resolved",
    [Schema.Array(Fragment).check(Schema.isMaxLength(40))],
    ([fragments]) => {
      assert.isArray(problemsIn(fragments.join("")))
    },
    { arbitrary: { runs: 2000 } }
  )

  it.prop(
    "never throws for a file that was cut and mixed up, and shows no seed of it",
    [Schema.Tuple([Schema.Int, Schema.Int, Schema.Int]), Fragment],
    ([[from, to, at], fragment]) => {
      const place = (n: number) => Math.abs(n) % core.length
      const text = core.slice(0, place(at)) + fragment + core.slice(Math.min(place(from), place(to)))
      const problems = JSON.stringify(problemsIn(text))
      // A piece of a seed that a cut left over is none.
      if (fragment !== SEED) assert.notInclude(problems, SEED)
    },
    { arbitrary: { runs: 500 } }
  )

  it("bears a value that is nested far too deeply", () => {
    assert.deepInclude(problemsIn(`a = ${"[".repeat(100_000)}`)[0], { reason: "syntax" })
  })
})
