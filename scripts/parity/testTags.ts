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
  /** The test's title without its tags. */
  readonly title: string
}

/** A comment, which may have a quote in it that begins no string; or a string, with the property that it is the value of. */
const STRING_OR_COMMENT = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|(?:\b(\w+):\s*)?(?:"((?:\\.|[^"\\\n])*)"|`((?:\\.|[^`\\])*)`)/g
const TAG = /\s*\[(core|elsewhere): ([^\]]*)\]/g
/** What ends the title of tests that are made from a table: the name of the property that has their tags. */
const TABLE_TITLE = /\s*\$\{(?:\w+\.)?(tag|\w+Tag)\}$/
const ESCAPE = /\\(.)/g

interface Text {
  readonly property: string | undefined
  readonly text: string
}

/** What all strings of a test's file name, in its order. The title is empty where no test has the table's tags in its own. */
export const tagsOf = (file: string, source: string): ReadonlyArray<TestTag> => {
  const strings = [...source.matchAll(STRING_OR_COMMENT)].flatMap(
    ([, property, quoted, template]): ReadonlyArray<Text> => {
      const text = quoted ?? template
      return text === undefined ? [] : [{ property, text: text.replace(ESCAPE, "$1") }]
    }
  )
  return strings.flatMap(({ property, text }, index) => {
    const tags = [...text.matchAll(TAG)]
    const own = text.replace(TAG, "").trim()
    const title = own === ""
      ? strings.slice(index + 1).find((later) => TABLE_TITLE.exec(later.text)?.[1] === property)?.text ?? ""
      : own
    return tags.map(([, kind, name]) => ({
      kind: kind === "core" ? "core" : "elsewhere",
      name: name!,
      file,
      title: title.replace(TABLE_TITLE, "")
    }))
  })
}
