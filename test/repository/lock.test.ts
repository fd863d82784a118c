/**
 * The lock is that of `package.json`. An installation cannot tell: npm adds lines for other platforms' builds to it, or does not, by what
 * the registry that it asks happens to have.
 */
import { assert, describe, it } from "@effect/vitest"
import { readFile } from "node:fs/promises"
import { join } from "node:path"

const root = join(import.meta.dirname, "../..")
const kinds = ["dependencies", "devDependencies", "peerDependencies", "peerDependenciesMeta", "engines", "bin"] as const

interface Manifest extends Partial<Record<typeof kinds[number], Readonly<Record<string, unknown>>>> {
  readonly version: string
}

const read = async <A>(name: string): Promise<A> => JSON.parse(await readFile(join(root, name), "utf8"))

describe("the lock", () => {
  it("names what package.json names", async () => {
    const manifest = await read<Manifest>("package.json")
    const lock = await read<{ readonly packages: Readonly<Record<string, Manifest>> }>("package-lock.json")
    const locked = lock.packages[""]!
    assert.strictEqual(locked.version, manifest.version)
    const withoutDots = (of: Manifest) =>
      kinds.map((kind) => JSON.parse(JSON.stringify(of[kind] ?? {}).replaceAll("\"./", "\"")))
    assert.deepStrictEqual(withoutDots(locked), withoutDots(manifest))
  })

  it("has the very version of each direct dependency that is pinned", async () => {
    const { dependencies = {}, devDependencies = {} } = await read<Manifest>("package.json")
    const { packages } = await read<{ readonly packages: Readonly<Record<string, Manifest>> }>("package-lock.json")
    for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
      assert.strictEqual(packages[`node_modules/${name}`]?.version, version, name)
    }
  })
})
