/**
 * Copies of this project with a fault planted in each: what `planted-bugs.ts` and `mutants.ts` have in common.
 *
 * A fault is a patch in a folder below `test/mutants`. Its first line says what it breaks, behind a `#`; below that stands
 * what `git diff -U1` says of the change.
 */
import { type ChildProcess, execFileSync, spawn, type SpawnOptions } from "node:child_process"
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join, resolve } from "node:path"

/** The root of this project. */
export const ROOT = resolve(import.meta.dirname, "..")

/** How many copies are worked on at a time: two cores are what there is. */
const AT_ONCE = 2
/** What a shell tells of a process that Ctrl-C has ended. */
const INTERRUPTED = 130

/** A fault to be planted. */
export interface Patch {
  readonly name: string
  /** The first line of the patch, without its `#`. */
  readonly heading: string
  /** Where the patch is. */
  readonly path: string
  /** All of it. */
  readonly text: string
}

/** One change of a patch. */
export interface Hunk {
  /** The file that it changes, from the root on. */
  readonly file: string
  /** The lines that must be there, and those that are there afterwards. */
  readonly before: ReadonlyArray<string>
  readonly after: ReadonlyArray<string>
  /** Those of them that go and those that come. */
  readonly removed: ReadonlyArray<string>
  readonly added: ReadonlyArray<string>
}

/** The patches of a folder, by name. */
export const readPatches = (folder: string): ReadonlyArray<Patch> =>
  readdirSync(folder).filter((file) => file.endsWith(".patch")).sort().map((file) => {
    const path = join(folder, file)
    const text = readFileSync(path, "utf8")
    const [firstLine = ""] = text.split("\n", 1)
    return { name: basename(file, ".patch"), heading: firstLine.replace(/^# */, ""), path, text }
  })

/** The patch of this name, all of them without one; of a wrong name it is said which there are, with exit code 2. */
export const chosenPatches = (all: ReadonlyArray<Patch>, name: string | undefined): ReadonlyArray<Patch> => {
  const chosen = name === undefined ? all : all.filter((patch) => patch.name === name)
  if (chosen.length > 0) return chosen
  console.error(`There is no patch ${JSON.stringify(name)}. There are: ${all.map((patch) => patch.name).join(", ")}.`)
  process.exit(2)
}

/** The changes that a patch makes. */
export const hunksOf = ({ text }: Patch): ReadonlyArray<Hunk> =>
  text.split(/^--- a\//m).slice(1).flatMap((ofFile) => {
    const file = ofFile.slice(0, ofFile.indexOf("\n"))
    return ofFile.split(/^@@.*$\n/m).slice(1).map((hunk) => {
      const lines = hunk.split("\n").filter((line) => line !== "")
      const having = (...marks: ReadonlyArray<string>): ReadonlyArray<string> =>
        lines.filter((line) => marks.includes(line[0]!)).map((line) => line.slice(1))
      return { file, before: having(" ", "-"), after: having(" ", "+"), removed: having("-"), added: having("+") }
    })
  })

/** How many lines the heads of its changes announce, before and after. */
const announced = ({ text }: Patch): ReadonlyArray<string> =>
  Array.from(
    text.matchAll(/^@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@/gm),
    ([, before = "1", after = "1"]) => `${before} and ${after}`
  )

/**
 * Why a patch does not fit the project below `root`, if it does not: each of its places must be there once, else `git apply`
 * refuses it, or takes the nearest place for the meant one.
 */
export const misfit = (patch: Patch, root: string = ROOT): string | undefined => {
  const hunks = hunksOf(patch)
  if (hunks.length === 0) return "it changes nothing"
  const heads = announced(patch)
  for (const [i, { after, before, file }] of hunks.entries()) {
    const lines = `${before.length} and ${after.length}`
    if (lines !== heads[i]) return `its head @@ announces ${heads[i]} lines in ${file}, and there are ${lines}`
    const found = countLines(readFileSync(join(root, file), "utf8"), before)
    if (found !== 1) return `its place is ${found === 0 ? "not" : `${found} times`} in ${file}:\n${before.join("\n")}`
  }
  return undefined
}

/** How to make a patch fit again, for whoever changed the source. */
export const renewal = (patch: Patch): string =>
  `Renew it: make the change by hand, put what \`git diff -U1\` says of it below the first line of ${patch.path}, and undo it.`

const countLines = (text: string, lines: ReadonlyArray<string>): number =>
  `\n${text}`.split(`\n${lines.join("\n")}\n`).length - 1

/** Folders that are to be removed, and processes to be ended with all that they started, whatever ends this one. */
const folders = new Set<string>()
const children = new Set<ChildProcess>()

const end = (child: ChildProcess): void => {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, "SIGKILL")
  } catch {
    // Gone already.
  }
}

const remove = (folder: string): void => {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  folders.delete(folder)
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    for (const child of children) end(child)
    for (const folder of folders) remove(folder)
    process.exit(INTERRUPTED)
  })
}

/** Gives `use` a copy of these paths, with the fault planted if there is one, and removes it when that is done. */
export const withCopy = async <A>(
  paths: ReadonlyArray<string>,
  patch: Patch | undefined,
  use: (folder: string) => Promise<A>
): Promise<A> => {
  const folder = mkdtempSync(join(tmpdir(), "overlay-patched-"))
  folders.add(folder)
  try {
    for (const path of paths) cpSync(join(ROOT, path), join(folder, path), { recursive: true })
    symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"))
    // Where the temporary folder lies in a repository, git would apply nothing, and say nothing of it.
    const env = { ...process.env, GIT_CEILING_DIRECTORIES: tmpdir() }
    if (patch !== undefined) execFileSync("git", ["apply", patch.path], { cwd: folder, env })
    return await use(folder)
  } finally {
    remove(folder)
  }
}

/** A node process of its own group, which ends with all that it starts, and with this process. */
export const startNode = (args: ReadonlyArray<string>, options: SpawnOptions) => {
  const child = spawn(process.execPath, args, { ...options, detached: true })
  children.add(child)
  child.on("close", () => children.delete(child))
  return { child, end: () => end(child) }
}

/** Does the work for each of the items, some at a time; the answers are in their order. */
export const forEachAtOnce = async <A, B>(
  items: ReadonlyArray<A>,
  work: (item: A) => Promise<B>
): Promise<Array<B>> => {
  const answers: Array<B> = []
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const at = next++
      answers[at] = await work(items[at]!)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return answers
}
