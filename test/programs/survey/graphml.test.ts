/** A survey as a graph: each link once, from the caller to the called, and nothing that a stranger wrote is markup. */
import { assert, describe, it } from "@effect/vitest"
import { SurveyResults } from "../../../src/core/stellar/survey/SurveyResults.ts"
import { SurveySlice } from "../../../src/core/stellar/survey/SurveySlice.ts"
import { graphml } from "../../../src/programs/survey/graphml.ts"
import { countedPeer, node } from "../../core/stellar/survey/surveys.ts"

const facts = { isValidator: true, maxInbound: 9, maxOutbound: 8, scpFirstToSelfMillis: 0, scpSelfToOtherMillis: 0 }
const [one, two, three] = [1, 2, 3].map((number) => node(number).id)

const found = () => {
  const results = new SurveyResults()
  assert(one !== undefined && two !== undefined && three !== undefined)
  const evil = {
    ...countedPeer(3, "outbound").peer,
    versionBytes: new TextEncoder().encode("</data><node id=\"x\">&\u0000\u001b[2J")
  }
  results.own(one, new SurveySlice([countedPeer(2, "outbound").peer, evil], true).report(facts, 0))
  results.own(two, new SurveySlice([countedPeer(1, "inbound").peer], true).report(facts, 0))
  results.asked(three)
  return graphml({ isRunning: false, backlog: [], badResponseNodes: [], nodes: results.all() })
}

const count = (text: string, part: string): number => text.split(part).length - 1

describe("the graph of a survey", () => {
  it("has each node and each link once, with who told of it", () => {
    const text = found()
    for (const id of [one, two, three]) assert.strictEqual(count(text, `<node id="${id}">`), 1)
    assert.strictEqual(count(text, "<edge "), 2)
    assert.include(text, `<edge source="${one}" target="${two}">\n      <data key="edge.toldBy">both</data>`)
    assert.include(text, `<edge source="${one}" target="${three}">\n      <data key="edge.toldBy">caller</data>`)
    assert.include(text, `<node id="${three}">\n      <data key="node.answered">false</data>`)
    assert.include(text, "<data key=\"node.version\">version 2</data>")
  })

  it("declares each attribute that it uses", () => {
    const text = found()
    const used = new Set([...text.matchAll(/<data key="([^"]+)"/g)].map(([, key]) => key))
    const declared = new Set([...text.matchAll(/<key id="([^"]+)"/g)].map(([, key]) => key))
    assert.isAbove(used.size, 10)
    for (const key of used) assert.isTrue(declared.has(key), key)
  })

  it("takes nothing of what strangers wrote for markup", () => {
    const text = found()
    assert.notInclude(text, "<node id=\"x\">")
    assert.include(text, "&#60;/data&#62;&#60;node id=&#34;x&#34;&#62;&#38;\\x00\\x1b[2J")
    // eslint-disable-next-line no-control-regex -- that there is none is the point
    assert.notMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f-\uffff]/)
  })
})
