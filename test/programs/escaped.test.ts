/** Text of strangers. */
import { assert, describe, it } from "@effect/vitest"
import { escaped } from "../../src/programs/escaped.ts"

describe("escaped", () => {
  it("leaves printable ASCII as it is", () => {
    assert.strictEqual(escaped("stellar-core 25.0.0 (v25~rc.1)"), "stellar-core 25.0.0 (v25~rc.1)")
  })

  it("shows every other byte as its number, and the backslash too", () => {
    assert.strictEqual(escaped("\u0000\n\u001b[2J\u007f\u009b\u00ff\\x41"), "\\x00\\x0a\\x1b[2J\\x7f\\x9b\\xff\\x5cx41")
    const everyByte = escaped(String.fromCharCode(...Array.from({ length: 256 }, (_, byte) => byte)))
    assert.match(everyByte, /^[\x20-\x7e]+$/)
  })

  it("shows what is no byte as what it is", () => {
    assert.strictEqual(escaped("\u202eevil"), "\\u{202e}evil")
  })
})
