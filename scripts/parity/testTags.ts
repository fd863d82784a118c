/**
 * Reads which cases the titles of tests name: `[core: failed auth]`, `[elsewhere: shutdown that hangs]`.
 *
 * A tag is written out in a string of the test's file, never put together: what is not in the file cannot be searched for. Tests that
 * are made from a table have it in the table, as a string of tags alone, and end their title with `${tag}`.
 */

/** A case that a test names. */
export interface TestTag {
  readonly kind: "core" | "elsewhere"
  readonly name: string
  /** The test's file. */
  readonly file: string
  /** The test's title without its tags. */
  readonly title: string
}

/** A string on one line, a comment (which may have a quote in it that begins no string), or a regular expression's quote. */
const STRING_OR_COMMENT = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"((?:\\.|[^"\\\n])*)"|`((?:\\.|[^`\\\n])*)`/g
const TAG = /\s*\[(core|elsewhere): ([^\]]*)\]/g
/** What ends the title of tests that are made from a table. */
const TABLE_TITLE = /\s*\$\{(?:\w+\.)?tag\}/g
const ESCAPE = /\\(.)/g

/** What all strings of a test's file name, in its order. */
export const tagsOf = (file: string, source: string): ReadonlyArray<TestTag> => {
  const strings = [...source.matchAll(STRING_OR_COMMENT)].flatMap(([, quoted, template]) => {
    const text = quoted ?? template
    return text === undefined ? [] : [text.replace(ESCAPE, "$1")]
  })
  return strings.flatMap((text, index) => {
    const tags = [...text.matchAll(TAG)]
    if (tags.length === 0) return []
    const own = text.replace(TAG, "").trim()
    const title = own === "" ? strings.slice(index + 1).find((later) => later.search(TABLE_TITLE) >= 0) ?? "" : own
    return tags.map(([, kind, name]) => ({
      kind: kind === "core" ? "core" : "elsewhere",
      name: name!,
      file,
      title: title.replace(TABLE_TITLE, "")
    }))
  })
}
