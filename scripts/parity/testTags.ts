/**
 * Reads which cases the titles of tests name: `[core: failed auth]`, `[elsewhere: shutdown that hangs]`.
 *
 * A tag is written out in a string of the test's file, never put together: what is not in the file cannot be searched for. Tests that
 * are made from a table have it in the table, as a property `tag` that has tags alone, and end their title with `${tag}`. Where a row
 * makes several tests, each has a property of its own whose name ends in `Tag`.
 */

/** A case that a test names. */
export interface TestTag {
  readonly kind: "core" | "elsewhere"
  readonly name: string
  /** The test's file. */
  readonly file: string
  /** The test's title without its tags, behind those of the groups that it stands in. */
  readonly title: string
}

/** A comment, which may have a quote in it that begins no string; or a string, with the property that it is the value of. */
const STRING_OR_COMMENT = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|(?:\b(\w+):\s*)?(?:"((?:\\.|[^"\\\n])*)"|`((?:\\.|[^`\\])*)`)/g
const TAG = /\s*\[(core|elsewhere): ([^\]]*)\]/g
/** Names a rule for `npm run mutants`, and no case. */
const RULE = /\s*\[ref [^\]]*\]/g
/** What ends the title of tests that are made from a table: the name of the property that has their tags. */
const TABLE_TITLE = /\s*\$\{(?:\w+\.)?(tag|\w+Tag)\}$/
const ESCAPE = /\\(.)/g
/** Where a group or a test begins: the formatter has each on a line of its own, deeper than the group around it. */
const BEGINNING = /^( *)(describe|it|test)\b[^\n(]*(?:\(\s*(?:"((?:\\.|[^"\\\n])*)"|`((?:\\.|[^`\\])*)`))?/gm

interface Text {
  readonly property: string | undefined
  readonly text: string
  readonly at: number
}

interface Beginning {
  readonly indent: number
  readonly isGroup: boolean
  readonly title: string
  readonly at: number
}

/** The titles of the groups around the test, or the group, that begins last in front of this place. */
const groupsAround = (beginnings: ReadonlyArray<Beginning>, at: number): ReadonlyArray<string> => {
  const [own, ...before] = beginnings.filter((one) => one.at <= at).reverse()
  let indent = own?.indent ?? 0
  const titles: Array<string> = []
  for (const one of before) {
    if (!one.isGroup || one.indent >= indent) continue
    titles.unshift(one.title)
    indent = one.indent
  }
  return titles
}

/** What all strings of a test's file name, in its order. The title is empty where no test has the table's tags in its own. */
export const tagsOf = (file: string, source: string): ReadonlyArray<TestTag> => {
  const plain = (text: string): string =>
    text.replace(ESCAPE, "$1").replace(TAG, "").replace(RULE, "").replace(TABLE_TITLE, "").trim()
  const beginnings = [...source.matchAll(BEGINNING)].map(
    ({ 1: indent, 2: kind, 3: quoted, 4: template, index: at }): Beginning => ({
      indent: indent!.length,
      isGroup: kind === "describe",
      title: plain(quoted ?? template ?? ""),
      at
    })
  )
  const strings = [...source.matchAll(STRING_OR_COMMENT)].flatMap(
    ({ 1: property, 2: quoted, 3: template, index: at }): ReadonlyArray<Text> => {
      const text = quoted ?? template
      return text === undefined ? [] : [{ property, text: text.replace(ESCAPE, "$1"), at }]
    }
  )
  return strings.flatMap((tagged, index) => {
    const tags = [...tagged.text.matchAll(TAG)]
    const isOfTable = tagged.text.replace(TAG, "").replace(RULE, "").trim() === ""
    const titled = isOfTable
      ? strings.slice(index + 1).find(({ text }) => TABLE_TITLE.exec(text)?.[1] === tagged.property)
      : tagged
    const title = titled === undefined ? "" : [...groupsAround(beginnings, titled.at), plain(titled.text)].join(" ")
    return tags.map(([, kind, name]) => ({
      kind: kind === "core" ? "core" : "elsewhere",
      name: name!,
      file,
      title
    }))
  })
}
