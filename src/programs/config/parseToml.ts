/**
 * The one place where the TOML parser is called: it throws, and we want values.
 */
import { Result } from "effect"
import { parse, TomlError } from "smol-toml"

/** A text that is TOML. Whole numbers are `bigint`, others `number`, so that `1` and `1.0` stay apart. */
export interface TomlDocument {
  readonly table: Readonly<Record<string, unknown>>
  /** The line, from 1, where a key of the top level is given its value; `undefined` if it is written in an unusual way. */
  readonly lineOfKey: (key: string) => number | undefined
  /** The line, from 1, of the n-th header `[[key]]`, from 0. */
  readonly lineOfTable: (key: string, index: number) => number | undefined
}

/** Where and why a text is not TOML. `why` holds nothing of the text: a seed may stand there. */
export interface TomlRefusal {
  readonly line: number
  readonly column: number
  readonly why: string
}

/** How deep lists and tables may be nested in one value: what is configured here has two levels. */
const MAX_DEPTH = 64
/** What the parser puts before each of its reasons; behind the first line it quotes the text. */
const PREFIX = "Invalid TOML document: "

/** Reads TOML 1.0. Nothing is thrown. */
export const parseToml = (text: string): Result.Result<TomlDocument, TomlRefusal> => {
  try {
    const table = parse(text, { integersAsBigInt: true, maxDepth: MAX_DEPTH })
    return Result.succeed({ table, ...linesOf(text) })
  } catch (error) {
    return Result.fail(
      error instanceof TomlError
        ? { line: error.line, column: error.column, why: (error.message.split("\n")[0] ?? "").replace(PREFIX, "") }
        // A defect of the parser shall not be one of the program.
        : { line: 1, column: 1, why: "the parser cannot read it" }
    )
  }
}

const HEADER = /^\s*(\[{1,2})\s*([A-Za-z0-9_-]+)/
const KEY = /^\s*(?:"([^"\\]*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*=/

/**
 * Finds lines again, which the parser does not tell: the first one that looks like it. Within a text of several lines it may
 * be wrong, and then it only points beside the mark.
 */
const linesOf = (text: string): Omit<TomlDocument, "table"> => {
  const keys = new Map<string, number>()
  const tables = new Map<string, Array<number>>()
  let isTop = true
  let line = 0
  for (const content of text.split("\n")) {
    line++
    const [, brackets, name = ""] = HEADER.exec(content) ?? []
    const [, quoted, literal, bare] = KEY.exec(content) ?? []
    const key = quoted ?? literal ?? bare
    if (key !== undefined) {
      if (isTop && !keys.has(key)) keys.set(key, line)
    } else if (brackets !== undefined && name !== "") {
      isTop = false
      if (!keys.has(name)) keys.set(name, line)
      if (brackets.length === 2) tables.set(name, [...tables.get(name) ?? [], line])
    }
  }
  return {
    lineOfKey: (key) => keys.get(key),
    lineOfTable: (key, index) => tables.get(key)?.[index] ?? keys.get(key)
  }
}
