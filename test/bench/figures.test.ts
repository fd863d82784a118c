/**
 * The figures of the simulation measure what they say, and the same for the same seed. The networks are small here.
 */
import { assert, describe, it } from "@effect/vitest"
import { type FigureName, FIGURES, figures } from "../../bench/figures/all.ts"
import { acquaint, advance, setUp, speak, staggered } from "../../bench/figures/Stage.ts"
import { WireBytes } from "../../bench/figures/WireBytes.ts"
import { MessageType } from "../../src/core/stellar/messages.ts"
import type { TransactionFlood } from "../../src/services/stellar/StellarConfig.ts"

/** A partition is healed after some 21 s; the others measure something from the first second on. */
const secondsOf = (name: FigureName): number => name === "partition" ? 25 : 3

describe("a figure", () => {
  it.each(FIGURES)("of %s is the same for the same seed, and another for another seed", (name) => {
    const variant = figures[name].variants.at(-1)!
    const run = (seed: number) => variant.run({ seed, nodes: 12, seconds: secondsOf(name) })
    const one = run(1)
    assert.hasAllKeys(one, Object.keys(figures[name].measures))
    assert.deepStrictEqual(run(1), one)
    assert.notDeepEqual(run(2), one)
  })
})

/** What all nodes send in 20 s, with or without transactions; and the frames of it that are counted as theirs. */
const sent = (transactionFlood: TransactionFlood, isSaying: boolean) => {
  const { startMillis, topology } = staggered({ nodes: 12, seed: 1 })
  const stage = setUp({ seed: 1, topology, startMillis, seconds: 30, config: { transactionFlood } })
  const nodes = stage.nodes.map(({ index }) => index)
  const total = () => stage.nodes.reduce((sum, { address: { ip } }) => sum + stage.network.traffic(ip).bytesSent, 0)
  acquaint(stage, topology, nodes, 10)
  const before = total()
  const wire = new WireBytes()
  stage.network.observe(wire.observe)
  if (isSaying) {
    const of = () => ({ kind: "TRANSACTION" as const, speakers: nodes })
    speak(stage, { fromMillis: 10_000, toMillis: 20_000, perSecond: 20, of })
  }
  advance(stage, 30)
  const { FLOOD_ADVERT, FLOOD_DEMAND, SEND_MORE_EXTENDED, TRANSACTION } = MessageType
  const counted = [TRANSACTION, FLOOD_ADVERT, FLOOD_DEMAND, SEND_MORE_EXTENDED].map((kind) => wire.of(kind))
  return { bytes: total() - before, counted: counted.reduce((sum, bytes) => sum + bytes, 0) }
}

describe("the bytes that are counted as those of transactions", () => {
  it.each(["pull", "push"] as const)("are what a network sends more than a silent one, to the byte (%s)", (mode) => {
    const speaking = sent(mode, true)
    const silent = sent(mode, false)
    assert.isAbove(speaking.counted, 0)
    assert.strictEqual(silent.counted, 0)
    assert.strictEqual(speaking.counted, speaking.bytes - silent.bytes)
  })
})
