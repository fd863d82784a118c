/**
 * The patches of `test/mutants` fit the source as it is, and those that break a rule of the protocol name a test that holds it.
 *
 * Whether a test really notices is what `npm run mutants` shows, and `npm run planted-bugs` for the properties of the simulation.
 */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { misfit, type Patch, readPatches, renewal, ROOT } from "../../scripts/patchedCopy.ts"
import {
  type FileReport,
  filesWith,
  mutantOf,
  MUTANTS,
  readMutants,
  readTests,
  titlePattern,
  verdictOf
} from "../../scripts/ruleMutants.ts"

/** What is wrong with these patches, and what to do. */
const complaints = (patches: ReadonlyArray<Patch>, problemOf: (patch: Patch) => string | undefined) =>
  patches.flatMap((patch) => {
    const problem = problemOf(patch)
    return problem === undefined ? [] : [`${patch.name}: ${problem}\n${renewal(patch)}`]
  })

describe("the planted faults", () => {
  const rules = readPatches(MUTANTS)

  it("of the simulation fit the source", () => {
    const patches = readPatches(join(ROOT, "test/mutants/simulation"))
    assert.isAtLeast(patches.length, 30)
    assert.strictEqual(complaints(patches, misfit).join("\n\n"), "")
  })

  it("of the protocol's rules fit the source, change one line and name a tag", () => {
    const problemOf = (patch: Patch): string | undefined => {
      const mutant = mutantOf(patch)
      return typeof mutant === "string" ? mutant : undefined
    }
    assert.strictEqual(complaints(rules, problemOf).join("\n\n"), "")
  })

  it("of the protocol's rules are in every section that has rules, and each has a test with its tag", () => {
    const tests = readTests()
    const { mutants } = readMutants(rules)
    const unheld = mutants.filter(({ tag }) => filesWith(tag, tests).length === 0).map(({ tag }) => tag)
    assert.deepStrictEqual(unheld, [])
    assert.isAtLeast(mutants.length, 100)
    const sections = new Set(mutants.map(({ section }) => section.split(".")[0]))
    assert.sameMembers([...sections], ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"])
  })

  it("stand in docs/mutants.md, which `npm run mutants -- --write` renews", () => {
    const page = readFileSync(join(ROOT, "docs/mutants.md"), "utf8")
    const { mutants } = readMutants(rules)
    const rows = mutants.map(({ breaks, patch: { name }, rule, section }) =>
      `| ${section} | ${rule} | \`${name}\` | ${breaks} | `
    )
    assert.deepStrictEqual(rows.filter((row) => !page.includes(`\n${row}`)), [])
    assert.strictEqual(
      page.split("\n| ").length - 1,
      mutants.length + page.slice(0, page.indexOf("\n| section")).split("\n| ").length
    )
  })

  it("have no tag in a title that no patch has", () => {
    const tags = new Set(readMutants(rules).mutants.map(({ tag }) => tag))
    const used = Array.from(readTests()).flatMap(([path, text]) =>
      path === "test/repository/mutants.test.ts"
        ? []
        : Array.from(text.matchAll(/\[ref \d[^\]]*\]/g), ([tag]) => `${path}: ${tag}`)
    )
    assert.deepStrictEqual(used.filter((one) => !tags.has(one.slice(one.indexOf("[")))), [])
  })
})

describe("a patch", () => {
  const heading = "Says no. Killed by: [ref 5.3 batch in messages]"
  const patchOf = (...lines: ReadonlyArray<string>): Patch => {
    const without = (mark: string): number => lines.filter((line) => !line.startsWith(mark)).length
    const head = `@@ -1,${without("+")} +1,${without("-")} @@`
    return {
      name: "example",
      heading,
      path: "example.patch",
      text: [`# ${heading}`, "--- a/src/core/Role.ts", "+++ b/src/core/Role.ts", head, ...lines, ""].join("\n")
    }
  }
  const line = "export type Role = \"caller\" | \"acceptor\""

  it("fits where its lines are, once", () => {
    assert.isUndefined(misfit(patchOf(`-${line}`, "+export type Role = never")))
    assert.include(misfit(patchOf("-export type Role = never", "+")), "not in src/core/Role.ts")
    assert.strictEqual(misfit({ ...patchOf(), text: `# ${heading}\n` }), "it changes nothing")
    const fitting = patchOf(`-${line}`, "+export type Role = never")
    assert.include(misfit({ ...fitting, text: fitting.text.replace("-1,1", "-1,2") }), "announces 2 and 1 lines")
    const often = patchOf("-", "+// nothing")
    assert.include(
      misfit({ ...often, text: often.text.replaceAll("core/Role.ts", "core/limits.ts") }),
      "times in src/core/limits.ts"
    )
  })

  it("is a mutant if it changes one line and names the rule", () => {
    const mutant = mutantOf(patchOf(`-${line}`, "+export type Role = never"))
    assert.deepInclude(mutant, {
      breaks: "Says no.",
      tag: "[ref 5.3 batch in messages]",
      section: "5.3",
      rule: "batch in messages"
    })
    assert.include(mutantOf(patchOf(`-${line}`, "+one", "+two")), "one line")
    assert.include(mutantOf({ ...patchOf(`-${line}`, "+one"), heading: "Says no." }), "does not end with")
  })
})

describe("what the tests say of a mutant", () => {
  const fileOf = (...tests: ReadonlyArray<readonly [status: string, message?: string]>): FileReport => ({
    name: "some.test.ts",
    status: tests.some(([status]) => status === "failed") ? "failed" : "passed",
    message: "",
    assertionResults: tests.map(([status, message], i) => ({
      fullName: `test ${i}`,
      status,
      failureMessages: message === undefined ? [] : [message]
    }))
  })

  it("is that it is killed when one of them fails by what it expects", () => {
    const files = [fileOf(["skipped"], ["passed"]), fileOf(["failed", "AssertionError: expected 1 to equal 2"])]
    assert.deepStrictEqual(verdictOf(files), { _tag: "killed", by: "test 0" })
    assert.deepStrictEqual(verdictOf([fileOf(["failed", "Error: the link ended"])]), { _tag: "killed", by: "test 0" })
  })

  it("is that it survives when all pass", () => {
    assert.deepStrictEqual(verdictOf([fileOf(["passed"], ["skipped"], ["passed"])]), { _tag: "survived", tests: 2 })
  })

  it("is nothing when none was run, or none can be, or only names, types and time failed", () => {
    const unloaded = {
      name: "some.test.ts",
      status: "failed",
      message: "SyntaxError: Unexpected token",
      assertionResults: []
    }
    for (
      const files of [
        [],
        [fileOf(["skipped"])],
        [fileOf(["passed"]), unloaded],
        [fileOf(["failed", "ReferenceError: tag is not defined"])],
        [fileOf(["failed", "TypeError: peer.drop is not a function"])],
        [fileOf(["failed", "Error: Test timed out in 30000ms."])]
      ]
    ) {
      assert.strictEqual(verdictOf(files)._tag, "broken", JSON.stringify(files))
    }
  })

  it("is asked of the titles with its tag", () => {
    const pattern = new RegExp(titlePattern(["[ref 6.3 back-off of 2 s (at most)]", "[ref 2 a.b]"]))
    assert.match("a peer waits [ref 6.3 back-off of 2 s (at most)]", pattern)
    assert.match("a.b [ref 2 a.b]", pattern)
    assert.notMatch("a peer waits [ref 2 acb]", pattern)
  })
})
