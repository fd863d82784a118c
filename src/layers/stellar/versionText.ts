/**
 * What HELLO says of this software.
 */

/** This package's version. A test holds it against package.json. */
export const VERSION = "0.1.0"

/** The text in HELLO, at most 100 bytes. */
export const versionText = `effect-overlay/${VERSION}`
