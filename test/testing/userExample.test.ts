/**
 * The lines of docs/testing.md and docs/application.md run as they stand there, and their property is one that can fail.
 */
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"

const root = join(import.meta.dirname, "../..")

/** Modules that the package has under another name than the sources. */
const doors: Readonly<Record<string, string>> = { testing: "testing/stellar/index" }

/** Lets the lines import the sources: what is published is the package test's affair. */
const ofSources = (code: string): string =>
  code.replaceAll(
    /"effect-overlay\/([^"]+)"/g,
    (_, module: string) => JSON.stringify(join(root, "src", `${doors[module] ?? module}.ts`))
  )

/** The block of code behind this marker of a page. */
const block = async (marker: string, name = "testing"): Promise<string> => {
  const page = await readFile(join(root, `docs/${name}.md`), "utf8")
  const [, code] = new RegExp(`<!-- ${marker} -->\\s*\`\`\`ts\\n(.*?)\\n\`\`\``, "s").exec(page) ?? []
  assert.isDefined(code, `docs/${name}.md has a block of code behind <!-- ${marker} -->`)
  return code!
}

interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A file of an example, as if it stood elsewhere. */
const example = async (name: string): Promise<string> => {
  const text = await readFile(join(root, `examples/${name}.ts`), "utf8")
  return text.replaceAll(/"\.\.\/(src\/[^"]+)"/g, (_, path: string) => JSON.stringify(join(root, path))).trimEnd()
}

describe("the lines of", { timeout: 60_000 }, () => {
  let folder = ""

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "overlay-example-"))
    await symlink(join(root, "node_modules"), join(folder, "node_modules"))
    await writeFile(join(folder, "package.json"), JSON.stringify({ type: "module" }))
    return () => rm(folder, { recursive: true, force: true })
  })

  const run = async (code: string): Promise<Outcome> => {
    const file = join(folder, "program.ts")
    await writeFile(file, ofSources(code))
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [file], { cwd: folder, timeout: 60_000, killSignal: "SIGKILL" })
      let stdout = ""
      let stderr = ""
      child.stdout.on("data", (chunk: Buffer) => stdout += chunk.toString())
      child.stderr.on("data", (chunk: Buffer) => stderr += chunk.toString())
      child.on("error", reject)
      child.on("close", (code) => resolve({ code, stdout, stderr }))
    })
  }

  describe("docs/testing.md", () => {
    it("are ten, and run an application on a simulated network", async () => {
      const code = await block("ten lines")
      assert.isAtMost(code.split("\n").length, 10)
      const { code: exit, stderr, stdout } = await run(code)
      assert.strictEqual(exit, 0, stderr)
      assert.match(stdout, /^[1-9]\d{3,} deliveries, 0 violations, trace [0-9a-f]{16}\n$/)
    })

    it("run the example, which is the one in examples/", async () => {
      const code = await block("example")
      assert.strictEqual(ofSources(code), await example("simulated-application"))
      const { code: exit, stderr, stdout } = await run(code)
      assert.strictEqual(exit, 0, stderr)
      assert.match(stdout, /^[1-9]\d{3,} deliveries, 0 violations, trace [0-9a-f]{16}\n$/)
    })

    it("have a property that finds an application which passes nothing on", async () => {
      const code = await block("example")
      const alone = code.replace("[...allProperties, samePools]", "[samePools]")
      const broken = alone.replace("return \"accepted\"", "return \"kept\"")
      assert.notStrictEqual(alone, code)
      assert.notStrictEqual(broken, alone)
      const { code: exit, stderr } = await run(broken)
      assert.strictEqual(exit, 1)
      assert.match(stderr, /^all pools hold the same transactions: node \d+ lacks what was said at \d+ us/m)
    })
  })

  describe("docs/application.md", () => {
    it("run the example, which is the one in examples/ and gives each verdict that it can", async () => {
      const code = await block("example", "application")
      assert.strictEqual(ofSources(code), await example("judging-application"))
      const { code: exit, stderr, stdout } = await run(code)
      assert.strictEqual(exit, 0, stderr)
      assert.strictEqual(stdout, "accepted duplicate rejected rejected rejected\n")
    })
  })
})
