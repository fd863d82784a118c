/**
 * The page that says which of our tests holds which case, and what is wrong with it. Pure: the sources are an argument.
 */
import { nearestName } from "../../src/core/nearestName.ts"
import { CORE_CASES, CORE_FILES } from "./coreCases.ts"
import { FAILURES_ELSEWHERE } from "./failuresElsewhere.ts"
import { tagsOf, type TestTag } from "./testTags.ts"

/** The page, and what must be put right before it may stand. */
export interface ParityPage {
  readonly text: string
  /** Tags that name no case, or one that is left out. */
  readonly faults: ReadonlyArray<string>
  /** Cases that no test names. */
  readonly missing: ReadonlyArray<string>
}

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("<", "&lt;")

const testCell = ({ file, title }: TestTag): string => {
  const name = file.slice(file.lastIndexOf("/") + 1).replace(/\.test\.ts$/, "")
  return `[${name}](../${file}): ${cell(title)}`
}

const testsCell = (tests: ReadonlyArray<TestTag>): string =>
  tests.length === 0 ? "**missing**" : tests.map(testCell).join("<br>")

/** The name that was meant: near in its letters, or the same in its last part. */
const meant = (name: string, names: ReadonlyArray<string>): string => {
  const lastPart = name.slice(name.lastIndexOf("/") + 1).trim()
  const near = nearestName(name, names) ?? names.find((each) => each.endsWith(lastPart))
  return near === undefined ? "no case has a name like it" : `did you mean [${near}]?`
}

/** Makes the page of the test files' texts, by their paths. */
export const parityPage = (sources: ReadonlyMap<string, string>): ParityPage => {
  const tags = [...sources].flatMap(([file, source]) => tagsOf(file, source))
  const held = Map.groupBy(tags, ({ kind, name }) => `${kind}: ${name}`)
  const known = {
    core: CORE_CASES.map(({ name }) => name),
    elsewhere: FAILURES_ELSEWHERE
  }
  const leftOut = new Set(CORE_CASES.flatMap((each) => each.leftOut === undefined ? [] : [each.name]))
  const faults = tags.flatMap(({ file, kind, name, title }) => {
    if (title === "") return [`${file}: [${kind}: ${name}] has no title: end the test's title with \${tag}`]
    if (!known[kind].includes(name)) return [`${file}: [${kind}: ${name}] names no case: ${meant(name, known[kind])}`]
    if (kind === "core" && leftOut.has(name)) {
      return [`${file}: [core: ${name}] is left out in scripts/parity/coreCases.ts`]
    }
    return []
  })
  const core = (name: string) => held.get(`core: ${name}`) ?? []
  const elsewhere = (name: string) => held.get(`elsewhere: ${name}`) ?? []

  const sections = CORE_FILES.map(({ file }) => {
    const cases = CORE_CASES.filter((each) => each.file === file && each.leftOut === undefined)
    const rows = cases.map(({ name, over }) =>
      `| ${cell(name)}${over === undefined ? "" : ` (over ${over})`} | ${testsCell(core(name))} |`
    )
    return `### ${file}\n\n| case | held by |\n|---|---|\n${rows.join("\n")}\n`
  })
  const out = CORE_CASES.flatMap((each) =>
    each.leftOut === undefined ? [] : [`| ${cell(each.name)} | ${each.file} | ${cell(each.leftOut)} |`]
  )
  const failures = FAILURES_ELSEWHERE.map((name) => `| ${cell(name)} | ${testsCell(elsewhere(name))} |`)
  const text = `# Parity

Which of our tests holds which case of stellar-core's own test suite, and which failure that other implementations had. Written by
\`node scripts/parity-page.ts\` from the tags in the titles of the tests: \`[core: failed auth]\`, \`[elsewhere: shutdown that hangs]\`.
The cases are listed in \`scripts/parity\`. Where we decide otherwise than stellar-core, [decisions.md](decisions.md) says so and why.

## stellar-core's cases

${sections.join("\n")}
## Left out

| case | of | why |
|---|---|---|
${out.join("\n")}

## Failures of other implementations

| failure | held by |
|---|---|
${failures.join("\n")}
`
  const missing = [
    ...CORE_CASES.filter((each) => each.leftOut === undefined && core(each.name).length === 0)
      .map(({ file, name }) => `${file}: [core: ${name}]`),
    ...FAILURES_ELSEWHERE.filter((name) => elsewhere(name).length === 0).map((name) => `[elsewhere: ${name}]`)
  ]
  return { text, faults, missing }
}
