/**
 * `npm run check` holds the rules of the house: what breaks one fails the check, with a message that names the file.
 *
 * Each test runs the real scripts and configurations on a copy of the smallest tree that passes, with one fault planted.
 */
import { assert, describe, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { CORE_CASES } from "../../scripts/parity/coreCases.ts"
import { FAILURES_ELSEWHERE } from "../../scripts/parity/failuresElsewhere.ts"
import { parityPage } from "../../scripts/parity/page.ts"

const root = join(import.meta.dirname, "../..")

/** What the check reads of the project beside the sources: its configuration, its scripts, and what they check. */
const copied = [
  "package.json",
  "tsconfig.json",
  ".oxlintrc.json",
  "dprint.json",
  "scripts/clean.ts",
  "scripts/house-rules.ts",
  "scripts/limits-page.ts",
  "scripts/parity",
  "scripts/parity-page.ts",
  "scripts/quantile-tables.ts",
  "scripts/transaction-grammar.ts",
  "src/core/stellar/transactionGrammar.generated.ts",
  "src/core/quantiles.generated.ts",
  "docs/limits.md",
  "src/core/limits.ts",
  "src/core/nearestName.ts",
  "src/core/stellar/limits.ts"
]

const testNaming = (kind: string, name: string) => `it("holds [${kind}: ${name}]", () => assert.ok(1))\n`

/** A file of tests that hold every case, so that docs/parity.md may stand. */
const CASES_FILE = "test/cases.test.ts"
const caseTests = [
  "import { assert, it } from \"@effect/vitest\"\n\n",
  ...CORE_CASES.filter(({ leftOut }) => leftOut === undefined).map(({ name }) => testNaming("core", name)),
  ...FAILURES_ELSEWHERE.map((name) => testNaming("elsewhere", name))
].join("")

/** A module of every room, so that a planted import has something to point at. Comments may name a network. */
const sound: Files = {
  "src/services/Answer.ts": "/** Any network's answer, in Stellar the ledger. */\nexport const answer = 42\n",
  "src/layers/memory/MemoryAnswer.ts": "export { answer } from \"../../services/Answer.ts\"\n",
  "src/layers/node/NodeAnswer.ts": "export { hostname } from \"node:os\"\n",
  "src/programs/main.ts": "export { answer } from \"../layers/memory/MemoryAnswer.ts\"\n",
  [CASES_FILE]: caseTests,
  "docs/parity.md": parityPage(new Map([[CASES_FILE, caseTests]])).text
}

type Files = Readonly<Record<string, string>>

interface Outcome {
  readonly code: number | null
  readonly output: string
}

/** Runs an npm script on a copy of the tree in which `planted` stands as well. */
const runScript = async (script: ReadonlyArray<string>, planted: Files): Promise<Outcome> => {
  const tree = await mkdtemp(join(tmpdir(), "overlay-check-"))
  try {
    await Promise.all(copied.map((path) => cp(join(root, path), join(tree, path), { recursive: true })))
    await symlink(join(root, "node_modules"), join(tree, "node_modules"))
    for (const [path, text] of Object.entries({ ...sound, ...planted })) {
      await mkdir(dirname(join(tree, path)), { recursive: true })
      await writeFile(join(tree, path), text)
    }
    return await new Promise<Outcome>((resolve, reject) => {
      const child = spawn("npm", ["run", ...script], { cwd: tree, env: { ...process.env, NO_COLOR: "1" } })
      let output = ""
      child.stdout.on("data", (chunk: Buffer) => output += chunk.toString())
      child.stderr.on("data", (chunk: Buffer) => output += chunk.toString())
      child.on("error", reject)
      child.on("close", (code) => resolve({ code, output }))
    })
  } finally {
    await rm(tree, { recursive: true, force: true })
  }
}

describe.concurrent("npm run check", { timeout: 120_000 }, () => {
  it("passes a tree that keeps the rules", async () => {
    const { code, output } = await runScript(["check"], {})
    assert.strictEqual(code, 0, output)
  })

  const faults: ReadonlyArray<readonly [name: string, file: string, text: string, rule: string]> = [
    [
      "a floating Effect",
      "src/services/Floating.ts",
      "import { Effect } from \"effect\"\n\nexport const greet = (): void => {\n  Effect.log(\"hello\")\n}\n",
      "floatingEffect"
    ],
    [
      "an import from core to layers",
      "src/core/Upward.ts",
      "export { answer } from \"../layers/memory/MemoryAnswer.ts\"\n",
      "no-restricted-imports"
    ],
    [
      "an import of node: in core",
      "src/core/Machine.ts",
      "export { hostname } from \"node:os\"\n",
      "no-restricted-imports"
    ],
    [
      "a network's name in a service of all networks",
      "src/services/Named.ts",
      "export const stellarAnswer = 42\n",
      "network-names"
    ]
  ]
  for (const [name, file, text, rule] of faults) {
    it(`fails for ${name}, and names the file`, async () => {
      const { code, output } = await runScript(["check"], { [file]: text })
      assert.notStrictEqual(code, 0)
      assert.include(output, file)
      assert.include(output, rule)
    })
  }
})

describe.concurrent("npm run check:generated", { timeout: 120_000 }, () => {
  it("fails when docs/parity.md is stale", async () => {
    const { code, output } = await runScript(["check:generated"], { "docs/parity.md": "# Parity\n" })
    assert.notStrictEqual(code, 0)
    assert.include(output, "docs/parity.md is stale")
  })

  it("fails for a case that no test holds", async () => {
    const { code, output } = await runScript(["check:generated"], {
      [CASES_FILE]: caseTests.replace("failed auth", "reject banned peers")
    })
    assert.notStrictEqual(code, 0)
    assert.include(output, "no test holds OverlayTests: [core: failed auth]")
  })

  it("fails for a test that names no case, and names its file", async () => {
    const unnamed = testNaming("core", "failed authh")
    const { code, output } = await runScript(["check:generated"], { "test/Peer.test.ts": unnamed })
    assert.notStrictEqual(code, 0)
    assert.include(output, "test/Peer.test.ts")
    assert.include(output, "did you mean [failed auth]?")
  })
})

describe("npm run check:lint", { timeout: 120_000 }, () => {
  const imports = "import { assert, it } from \"@effect/vitest\"\nassert.ok(1)\n"

  /** Each line breaks exactly one rule, in a room where the rule holds. */
  const broken: ReadonlyArray<readonly [file: string, text: string, rule: string]> = [
    ["src/core/Runtime.ts", "export { Effect } from \"effect\"", "no-restricted-imports"],
    ["src/core/Schema.ts", "export * from \"effect/Schema\"", "no-restricted-imports"],
    ["src/core/Service.ts", "export { answer } from \"../services/Answer.ts\"", "no-restricted-imports"],
    ["src/core/stellar/Up.ts", "export { answer } from \"../../services/Answer.ts\"", "no-restricted-imports"],
    ["src/services/Layer.ts", "export { answer } from \"../layers/memory/MemoryAnswer.ts\"", "no-restricted-imports"],
    ["src/services/Late.ts", "export const late = () => import(\"node:os\")", "no-restricted-imports"],
    ["src/layers/runtime/Node.ts", "export { hostname } from \"../node/NodeAnswer.ts\"", "no-restricted-imports"],
    ["src/layers/runtime/Test.ts", "export * from \"../../testing/Anything.ts\"", "no-restricted-imports"],
    ["src/layers/stellar/Os.ts", "export { hostname } from \"node:os\"", "no-restricted-imports"],
    ["src/layers/node/Main.ts", "export { answer } from \"../../programs/main.ts\"", "no-restricted-imports"],
    ["src/testing/Main.ts", "export { answer } from \"../programs/main.ts\"", "no-restricted-imports"],
    ["src/testing/Self.ts", "export { answer } from \"effect-overlay/services/Answer\"", "no-restricted-imports"],
    ["src/services/Import.ts", "export * from \"../core/stellar/limits.ts\"", "network-names"],
    ["src/services/Text.ts", "export const greeting = `a ${\"b\"} Stellar`", "network-names"],
    ["src/layers/runtime/StellarPeers.ts", "export const peers = []", "network-names"],
    ["src/layers/stellar/Sdk.ts", "export { hash } from \"@stellar/stellar-sdk\"", "optional-packages"],
    ["src/programs/Sdk.ts", "export const sdk = () => import(\"@stellar/stellar-sdk/xdr\")", "optional-packages"],
    ["src/testing/stellar/Sdk.ts", "export * from \"../../layers/stellar/SdkTransactions.ts\"", "optional-packages"],
    ["src/core/Now.ts", "export const now = () => Date.now()", "no-restricted-globals"],
    ["src/services/Today.ts", "export const today = () => new Date()", "no-restricted-globals"],
    ["src/layers/memory/Elapsed.ts", "export const elapsed = () => performance.now()", "no-restricted-globals"],
    ["src/layers/stellar/Env.ts", "export const home = process.env", "no-restricted-globals"],
    ["src/layers/runtime/Later.ts", "setTimeout(() => {}, 1)", "no-restricted-globals"],
    ["src/layers/runtime/Often.ts", "setInterval(() => {}, 1)", "no-restricted-globals"],
    ["src/layers/runtime/Soon.ts", "setImmediate(() => {})", "no-restricted-globals"],
    ["src/layers/runtime/Next.ts", "globalThis.queueMicrotask(() => {})", "no-restricted-globals"],
    ["src/layers/simulation/Day.ts", "export const day = () => Date.now()", "no-restricted-globals"],
    ["src/layers/noble/Dice.ts", "export const dice = () => Math.random()", "no-restricted-properties"],
    [
      "src/layers/node/Endless.ts",
      "import { Queue } from \"effect\"\nexport const queue = Queue.unbounded()",
      "no-restricted-properties"
    ],
    ["src/layers/node/Any.ts", "export const one = 1 as any", "no-explicit-any"],
    ["test/Hollow.test.ts", `${imports}it("does nothing", () => {})`, "expect-expect"],
    ["test/Focused.test.ts", `${imports}it.only("is alone", () => assert.ok(1))`, "no-focused-tests"],
    ["test/Skipped.test.ts", `${imports}it.skip("is asleep", () => assert.ok(1))`, "no-disabled-tests"],
    ["src/layers/node/Ignore.ts", "// @ts-ignore\nexport const one: string = 1", "ban-ts-comment"]
  ]

  it("finds every broken rule in its file, and finds nothing else", async () => {
    const planted = Object.fromEntries(broken.map(([file, text]) => [file, text + "\n"]))
    const { code, output } = await runScript(["check:lint", "--", "--format", "unix"], planted)
    assert.notStrictEqual(code, 0)
    const found = output.split("\n").flatMap((line) => {
      const problem = /^(?<file>[^:]+):\d+:\d+: .*\((?<rule>[\w-]+)\)\]$/.exec(line)?.groups
      return problem === undefined ? [] : [`${problem["file"]} ${problem["rule"]}`]
    })
    assert.deepStrictEqual(found.sort(), broken.map(([file, , rule]) => `${file} ${rule}`).sort())
  })
})
