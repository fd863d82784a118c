/**
 * What is published works for who installs it: the packed tarball goes into an empty folder, where the lines of the
 * README run, every public module loads, and the `overlay` command answers, or says which Node it needs.
 */
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import { access, glob, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { delimiter, dirname, join } from "node:path"

const root = join(import.meta.dirname, "../..")

/** The Node that runs this test comes first, so that `npx` in the installed folder finds a new one. */
const path = dirname(process.execPath) + delimiter + process.env["PATH"]

/** How long a program may take that ends by itself. */
const programMillis = 60_000

interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end; one that does not end in time is killed and has no exit code. */
const run = (command: string, args: ReadonlyArray<string>, cwd: string, millis = programMillis): Promise<Outcome> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      timeout: millis,
      killSignal: "SIGKILL",
      env: { ...process.env, PATH: path, NO_COLOR: "1", npm_config_update_notifier: "false" }
    })
    let stdout = ""
    let stderr = ""
    child.stdout.on("data", (chunk: Buffer) => stdout += chunk.toString())
    child.stderr.on("data", (chunk: Buffer) => stderr += chunk.toString())
    child.on("error", reject)
    child.on("close", (code) => resolve({ code, stdout, stderr }))
  })

const assertSucceeds = async (
  command: string,
  args: ReadonlyArray<string>,
  cwd: string,
  millis?: number
): Promise<string> => {
  const { code, stdout, stderr } = await run(command, args, cwd, millis)
  assert.strictEqual(code, 0, `${[command, ...args].join(" ")}\n${stdout}${stderr}`)
  return stdout
}

/** The block of code that follows `<!-- embed -->` in the README: its language, and its text. */
const embedded = async (): Promise<readonly [language: string, text: string]> => {
  const readme = await readFile(join(root, "README.md"), "utf8")
  const [, language, text] = /<!-- embed -->\s*```(\w+)\n(.*?)\n```/s.exec(readme) ?? []
  assert.isDefined(language, "README.md has a block of code behind <!-- embed -->")
  assert.isDefined(text)
  return [language!, text!]
}

/** A Node on the PATH that is too old for us, if this machine has one. */
const findOldNode = async (): Promise<string | undefined> => {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    const node = join(folder, "node")
    if (await access(node).then(() => false, () => true)) continue
    const { stdout } = await run(node, ["--print", "process.versions.node"], root)
    if (Number.parseInt(stdout, 10) < 24) return node
  }
  return undefined
}

describe("the package", { timeout: 2 * programMillis }, () => {
  let app = ""

  beforeAll(async () => {
    app = await mkdtemp(join(tmpdir(), "overlay-package-"))
    const packed = await assertSucceeds("npm", ["pack", "--silent", "--pack-destination", app], root, 2 * programMillis)
    const tarball = join(app, packed.trim().split("\n").at(-1) ?? "")
    await writeFile(join(app, "package.json"), JSON.stringify({ private: true, type: "module" }))
    const install = ["install", "--no-audit", "--no-fund", "--prefer-offline", tarball]
    await assertSucceeds("npm", install, app, 3 * programMillis)
    return () => rm(app, { recursive: true, force: true })
  }, 5 * programMillis)

  it("is described so that every resolver finds its modules and their types", async () => {
    await assertSucceeds(join(root, "node_modules/.bin/publint"), ["--strict"], root)
  })

  it("loads every public module with no more than its own dependencies, but for the one that is about an optional one", async () => {
    const dist = join(app, "node_modules/effect-overlay/dist")
    const modules: Array<string> = []
    for await (const file of glob("{core,services,layers,testing}/**/*.js", { cwd: dist })) {
      modules.push(`effect-overlay/${file.replace(/\.js$/, "")}`)
    }
    assert.isAbove(modules.length, 0)
    const optional = modules.splice(modules.indexOf("effect-overlay/layers/stellar/SdkTransactions"), 1)
    assert.deepStrictEqual(optional, ["effect-overlay/layers/stellar/SdkTransactions"])
    const { code, stderr } = await run("node", ["--eval", `import("${optional[0]}")`], app)
    assert.notStrictEqual(code, 0, "the optional package is not there")
    assert.match(stderr, /Cannot find package '@stellar\/stellar-sdk'/)
    await writeFile(join(app, "modules.mjs"), modules.map((name) => `import "${name}"\n`).join(""))
    await assertSucceeds("node", ["modules.mjs"], app)
  })

  it("keeps its programs to itself", async () => {
    const { code, stderr } = await run("node", ["--eval", "import('effect-overlay/programs/main')"], app)
    assert.notStrictEqual(code, 0)
    assert.include(stderr, "ERR_PACKAGE_PATH_NOT_EXPORTED")
  })

  it("runs the lines of the README, which end by themselves", async () => {
    const [language, text] = await embedded()
    const file = language === "ts" ? "embed.ts" : "embed.mjs"
    await writeFile(join(app, file), text + "\n")
    await assertSucceeds("node", [file], app)
  })

  it("types the lines of the README", async () => {
    const [, text] = await embedded()
    await writeFile(join(app, "typed.ts"), text + "\n")
    const options = ["--noEmit", "--strict", "--skipLibCheck", "--target", "es2024", "--module", "nodenext"]
    await assertSucceeds(join(root, "node_modules/.bin/tsc"), [...options, "--types", "", "typed.ts"], app)
  })

  it("brings the overlay command, whose help names its verbs", async () => {
    const help = await assertSucceeds("npx", ["--no", "overlay", "--", "--help"], app)
    for (const verb of ["run", "probe", "demo", "keygen"]) assert.match(help, new RegExp(`\\b${verb}\\b`))
  })

  describe("under a Node that is too old", () => {
    const assertOneLine = ({ code, stderr, stdout }: Outcome, version: string): void => {
      assert.strictEqual(code, 1)
      assert.strictEqual(stdout, "")
      assert.match(stderr, /^overlay needs Node 24 or newer; this is Node \S+\. [^\n]+\n$/)
      assert.include(stderr, `this is Node ${version}.`)
    }

    it("says in one line what it needs", async (context) => {
      const old = await findOldNode()
      if (old === undefined) return context.skip("there is no Node older than 24 on the PATH")
      const version = (await assertSucceeds(old, ["--print", "process.versions.node"], app)).trim()
      assertOneLine(await run(old, [join(app, "node_modules/.bin/overlay"), "--help"], app), version)
    })

    it("goes by the version alone, before it imports anything", async () => {
      const pretend = "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '23.11.1' } })"
      const args = ["--import", `data:text/javascript,${encodeURIComponent(pretend)}`, "bin/overlay.js", "--help"]
      assertOneLine(await run("node", args, join(app, "node_modules/effect-overlay")), "23.11.1")
    })
  })
})
