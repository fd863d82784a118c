/**
 * Text of strangers, made harmless for terminals and logs.
 */

const UNPRINTABLE = /[^\x20-\x5b\x5d-\x7e]/g
const HEXADECIMAL = 16

/**
 * Shows a text whose characters stand for bytes (0 to 255), as a stranger sent it: what is not printable ASCII becomes `\xNN`,
 * and so does the backslash, so that nothing can pretend to be an escape. A character above 255 becomes `\u{NNNN}`.
 */
export const escaped = (text: string): string =>
  text.replace(UNPRINTABLE, (character) => {
    const code = character.charCodeAt(0)
    const digits = code.toString(HEXADECIMAL).padStart(2, "0")
    return code > 0xff ? `\\u{${digits}}` : `\\x${digits}`
  })
