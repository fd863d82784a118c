/** docs/parity.md is made from the tags of our tests: what is read from them, and what is refused. */
import { assert, describe, it } from "@effect/vitest"
import { CORE_CASES } from "../../scripts/parity/coreCases.ts"
import { parityPage } from "../../scripts/parity/page.ts"
import { tagsOf } from "../../scripts/parity/testTags.ts"

const FILE = "test/layers/Peer.test.ts"
/** A tag that stands here in pieces: this file's own tests hold no case of stellar-core's. */
const tagOf = (name: string, kind = "core") => `[${kind}: ${name}]`
const pageOf = (source: string) => parityPage(new Map([[FILE, source]]))

describe("the tags of a file", () => {
  it("are read from plain titles, several from one, whatever the quotes", () => {
    const source = `it("leaves \\"at once\\" ${tagOf("failed auth")} ${
      tagOf("shutdown that hangs", "elsewhere")
    }", () => {})
it.effect.each([1])(\`stays \${here} ${tagOf("reject banned peers")}\`, () => {})`
    assert.deepStrictEqual(tagsOf(FILE, source), [
      { kind: "core", name: "failed auth", file: FILE, title: "leaves \"at once\"" },
      { kind: "elsewhere", name: "shutdown that hangs", file: FILE, title: "leaves \"at once\"" },
      { kind: "core", name: "reject banned peers", file: FILE, title: "stays ${here}" }
    ])
  })

  it("are read from a table, with the title of the tests that are made from it", () => {
    const source = `const rows = [{ tag: "${tagOf("failed auth")}" }]
for (const { tag } of rows) it(\`leaves \${tag}\`, () => {})`
    assert.deepStrictEqual(tagsOf(FILE, source), [{ kind: "core", name: "failed auth", file: FILE, title: "leaves" }])
  })

  it("are read from a table whose rows make several tests, by the names of their properties", () => {
    const source = `const rows = [{ slowTag: "${tagOf("failed auth")}", quickTag: "${tagOf("reject banned peers")}" }]
for (const { quickTag, slowTag } of rows) {
  it(\`goes \${quickTag}\`, () => {})
  it(\`comes \${slowTag}\`, () => {})
}`
    assert.deepStrictEqual(tagsOf(FILE, source).map(({ name, title }) => [name, title]), [
      ["failed auth", "comes"],
      ["reject banned peers", "goes"]
    ])
  })

  it("have the titles of the groups around the test in front of its own", () => {
    const source = `describe("before", () => {
  it("is another", () => {})
})
describe("a peer", () => {
  for (const way of ["in", "out"]) {
    describe(\`that comes \${way}\`, () => {
      it.effect("is heard", () => {})
      it.effect(
        "is seen ${tagOf("failed auth")}", () => {})
    })
  }
  it("goes ${tagOf("reject banned peers")}", () => {})
})`
    assert.deepStrictEqual(tagsOf(FILE, source).map(({ title }) => title), [
      "a peer that comes ${way} is seen",
      "a peer goes"
    ])
  })

  it("are not read from comments", () => {
    const source = `// it's "${tagOf("failed auth")}"\n/* "${tagOf("failed auth")}" */`
    assert.deepStrictEqual(tagsOf(FILE, source), [])
  })
})

describe("the page of parity", () => {
  const heldCase = `it("leaves ${tagOf("failed auth")}", () => {})`

  it("has each case with the tests that hold it, and says what is missing", () => {
    const { faults, missing, text } = pageOf(heldCase)
    assert.deepStrictEqual(faults, [])
    assert.include(text, `| failed auth | [Peer](../${FILE}): leaves |`)
    assert.include(text, "| reject banned peers | **missing** |")
    assert.include(missing, `OverlayTests: ${tagOf("reject banned peers")}`)
    assert.notInclude(missing, `OverlayTests: ${tagOf("failed auth")}`)
  })

  it("has what is left out with its reason, and does not miss it", () => {
    const { missing, text } = pageOf(heldCase)
    const [first] = CORE_CASES.filter(({ leftOut }) => leftOut !== undefined)
    assert.include(text, `| ${first!.name} | ${first!.file} | ${first!.leftOut} |`)
    assert.isFalse(missing.some((line) => line.includes(first!.name)))
  })

  const refused = [
    { why: "names no case, with the case that is meant", name: "failed authh", words: "[failed auth]" },
    {
      why: "names a section without its test",
      name: "checkpoint too old",
      words: "[outbound queue filtering / SCP messages, checkpoint too old]"
    },
    { why: "names what is like nothing", name: "xyzzy", words: "no case has a name like it" },
    { why: "is put together", name: "drop peers who straggle / ${seconds} seconds", words: "/ 60 seconds]" },
    { why: "holds what is left out", name: "populateSignatureCache tests", words: "is left out" }
  ]
  for (const { name, why, words } of refused) {
    it(`refuses a tag that ${why}`, () => {
      const { faults } = pageOf(`it(\`leaves ${tagOf(name)}\`, () => {})`)
      assert.strictEqual(faults.length, 1)
      assert.include(faults[0], FILE)
      assert.include(faults[0], words)
    })
  }

  it("refuses a table's tag that no test has in its title", () => {
    assert.strictEqual(pageOf(`const rows = ["${tagOf("failed auth")}"]`).faults.length, 1)
  })

  it("has no two cases of one name", () => {
    const names = CORE_CASES.map(({ name }) => name)
    assert.deepStrictEqual(names, [...new Set(names)])
  })
})
