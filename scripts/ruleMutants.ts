/**
 * The mutants of `mutants.ts`: one-line changes of the protocol's rules, each with the tag of the tests that must notice it.
 *
 * The first line of such a patch is `# What it breaks. Killed by: [ref 5.3 batch in messages]`: the section of the protocol and
 * the rule. A test that holds the rule has that tag in its title.
 */
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { hunksOf, misfit, type Patch, readPatches, ROOT } from "./patchedCopy.ts"

/** Where the patches are. */
export const MUTANTS = join(ROOT, "test/mutants/rules")

/** One change of one rule. */
export interface Mutant {
  readonly patch: Patch
  /** What it breaks, as a sentence. */
  readonly breaks: string
  /** The tag in the titles of the tests that must notice it, brackets and all. */
  readonly tag: string
  /** The section of the protocol. */
  readonly section: string
  /** What the rule is called. */
  readonly rule: string
}

/** What became of a mutant. Only a test that says so kills it: a file that does not load says nothing of the rule. */
export type Verdict =
  | { readonly _tag: "killed"; readonly by: string }
  | { readonly _tag: "survived"; readonly tests: number }
  | { readonly _tag: "broken"; readonly why: string }

/** What the JSON reporter of vitest tells of a file, as far as it is read here. */
export interface FileReport {
  readonly name: string
  readonly status: string
  readonly message: string
  readonly assertionResults: ReadonlyArray<{
    readonly fullName: string
    readonly status: string
    readonly failureMessages: ReadonlyArray<string>
  }>
}

const HEADING = /^(?<breaks>.+\.) Killed by: (?<tag>\[ref (?<section>\d+(?:\.\d+)?) (?<rule>[^\]]+)\])$/

/** The mutant of a patch, or what is wrong with it. */
export const mutantOf = (patch: Patch): Mutant | string => {
  const { breaks, rule, section, tag } = HEADING.exec(patch.heading)?.groups ?? {}
  if (breaks === undefined || rule === undefined || section === undefined || tag === undefined) {
    return "its first line does not end with `. Killed by: [ref SECTION RULE]`"
  }
  const hunks = hunksOf(patch)
  const [hunk] = hunks
  if (hunk === undefined || hunks.length > 1 || hunk.removed.length > 1 || hunk.added.length > 1) {
    return "it does not change one line"
  }
  return misfit(patch) ?? { patch, breaks, tag, section, rule }
}

/** All mutants that are good, and what is wrong with the others, by name. */
export const readMutants = (patches: ReadonlyArray<Patch> = readPatches(MUTANTS)) => {
  const mutants: Array<Mutant> = []
  const problems: Array<{ readonly patch: Patch; readonly problem: string }> = []
  for (const patch of patches) {
    const mutant = mutantOf(patch)
    if (typeof mutant === "string") problems.push({ patch, problem: mutant })
    else mutants.push(mutant)
  }
  return { mutants, problems }
}

/** The test files with their text, by path from the root on. */
export const readTests = (): ReadonlyMap<string, string> =>
  new Map(
    globSync("test/**/*.test.ts", { cwd: ROOT }).sort().map((path) => [path, readFileSync(join(ROOT, path), "utf8")])
  )

/** The files in which a title has this tag. */
export const filesWith = (tag: string, tests: ReadonlyMap<string, string>): ReadonlyArray<string> =>
  Array.from(tests).flatMap(([path, text]) => text.includes(tag) ? [path] : [])

/** For `-t`: any title with one of these tags. */
export const titlePattern = (tags: Iterable<string>): string =>
  Array.from(tags, (tag) => tag.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&")).join("|")

/** What no test says of itself: a name or a shape that is wrong in the source, or a time-out, after which nobody knows. */
const isAccident = (message: string): boolean => /\b(?:Syntax|Reference|Type)Error\b|\bTest timed out\b/.test(message)

const firstLineOf = (text: string): string => text.split("\n", 1)[0] ?? ""

/** What the tests that were run say of a mutant. */
export const verdictOf = (files: ReadonlyArray<FileReport>): Verdict => {
  const tests = files.flatMap((file) =>
    file.assertionResults.filter(({ status }) => status === "passed" || status === "failed")
  )
  const failed = tests.filter(({ status }) => status === "failed")
  const unloaded = files.find((file) =>
    file.status === "failed" && !file.assertionResults.some(({ status }) => status === "failed")
  )
  if (unloaded !== undefined) return { _tag: "broken", why: `${unloaded.name}: ${firstLineOf(unloaded.message)}` }
  if (tests.length === 0) return { _tag: "broken", why: "no test has run" }
  const killer = failed.find(({ failureMessages }) => failureMessages.some((message) => !isAccident(message)))
  if (killer !== undefined) return { _tag: "killed", by: killer.fullName }
  const [other] = failed
  if (other === undefined) return { _tag: "survived", tests: tests.length }
  return { _tag: "broken", why: `${other.fullName}: ${firstLineOf(other.failureMessages[0] ?? "")}` }
}
