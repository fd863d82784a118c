/**
 * Which of two statements is the later one.
 */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { decodeMessage } from "../../../src/core/stellar/messages.ts"
import type { SCPBallot, SCPPledges } from "../../../src/core/stellar/messages/scp.ts"
import { isNewerStatement } from "../../../src/core/stellar/StatementOrder.ts"
import { ballot, confirm, externalize, nominate, prepare, statement } from "../../support/statements.ts"
import { mutate, Random } from "./randomXdr.ts"

const SEED = 0x0bde
const PAIRS = 20_000
const node = new Uint8Array(32).fill(1)

/** Each says more than the one before. */
const ballots = {
  "a ballot to prepare": prepare(1),
  "with a higher nH": prepare(1, { nH: 1 }),
  "with something prepared": prepare(1, { prepared: ballot(1) }),
  "with a higher ballot prepared": prepare(1, { prepared: ballot(2) }),
  "with something else prepared too": prepare(1, { prepared: ballot(2), preparedPrime: ballot(1) }),
  "for a greater value": prepare(1, { value: "valuf" }),
  "for a longer value": prepare(1, { value: "valuff" }),
  "for a higher counter": prepare(2, { value: "a" }),
  "for a counter above 2^31": prepare(0xffffffff),
  "confirmed": confirm(1),
  "confirmed with a higher nH": confirm(1, { nH: 2 }),
  "confirmed with more prepared": confirm(1, { nPrepared: 2 }),
  "confirmed with a higher counter": confirm(2),
  "externalized": externalize()
}

const nominations = {
  "a vote": nominate(["a"]),
  "a vote that is accepted": nominate(["a"], ["a"]),
  "two votes, one accepted": nominate(["a", "b"], ["a"])
}

describe.each([["ballots", ballots], ["nominations", nominations]] as const)("Of two %s", (_, ladder) => {
  const said = Object.entries(ladder).map(([name, pledges]) => ({ name, message: statement(node, 5, pledges) }))

  it("the one that says more is newer, and never the other way round", () => {
    for (const [i, one] of said.entries()) {
      for (const [j, other] of said.entries()) {
        assert.strictEqual(isNewerStatement(one.message, other.message), i > j, `${one.name} against ${other.name}`)
      }
    }
  })
})

describe("What is no statement", () => {
  it("is not newer, nor is anything newer than it", () => {
    const message = statement(node, 5, externalize())
    assert.isFalse(isNewerStatement(message.subarray(1), message))
    assert.isFalse(isNewerStatement(message, message.subarray(1)))
  })
})

// The same order by the values that the schema decodes.

const PHASES = { SCP_ST_NOMINATE: 0, SCP_ST_PREPARE: 1, SCP_ST_CONFIRM: 2, SCP_ST_EXTERNALIZE: 3 } as const

const isNewerByValue = (candidate: Uint8Array, held: Uint8Array): boolean => {
  const [later, earlier] = [pledgesOf(candidate), pledgesOf(held)]
  return later !== undefined && earlier !== undefined && comparePledges(later, earlier) > 0
}

const pledgesOf = (bytes: Uint8Array): SCPPledges | undefined => {
  const message = Result.getOrUndefined(decodeMessage(bytes))
  return message?._tag === "SCP_MESSAGE" ? message.envelope.statement.pledges : undefined
}

const comparePledges = (one: SCPPledges, other: SCPPledges): number => {
  if (one._tag === "SCP_ST_NOMINATE" && other._tag === "SCP_ST_NOMINATE") {
    return one.nominate.votes.length + one.nominate.accepted.length
      - other.nominate.votes.length - other.nominate.accepted.length
  }
  if (one._tag === "SCP_ST_PREPARE" && other._tag === "SCP_ST_PREPARE") {
    return compareBallots(one.prepare.ballot, other.prepare.ballot)
      || compareBallots(one.prepare.prepared, other.prepare.prepared)
      || compareBallots(one.prepare.preparedPrime, other.prepare.preparedPrime)
      || one.prepare.nH - other.prepare.nH
  }
  if (one._tag === "SCP_ST_CONFIRM" && other._tag === "SCP_ST_CONFIRM") {
    return compareBallots(one.confirm.ballot, other.confirm.ballot)
      || one.confirm.nPrepared - other.confirm.nPrepared
      || one.confirm.nH - other.confirm.nH
  }
  return PHASES[one._tag] - PHASES[other._tag]
}

const compareBallots = (one: SCPBallot | null, other: SCPBallot | null): number => {
  if (one === null || other === null) return Number(one !== null) - Number(other !== null)
  return one.counter - other.counter || Buffer.compare(one.value, other.value)
}

/** Pledges of few words, so that two of them often begin alike. */
const randomPledges = (random: Random): SCPPledges => {
  const word = () => random.pick([0, 1, 1, 1, 0xffffffff])
  const value = () => new TextEncoder().encode(random.pick(["", "a", "a", "a", "b", "a\0", "abcd", "abcde"]))
  const oneBallot = () => ({ counter: word(), value: value() })
  const values = () => Array.from({ length: random.below(4) }, value)
  const hash = random.pick([new Uint8Array(32), new Uint8Array(32).fill(0xff)])
  switch (random.below(6)) {
    case 0:
      return { _tag: "SCP_ST_NOMINATE", nominate: { quorumSetHash: hash, votes: values(), accepted: values() } }
    case 1:
      return {
        _tag: "SCP_ST_CONFIRM",
        confirm: { ballot: oneBallot(), nPrepared: word(), nCommit: word(), nH: word(), quorumSetHash: hash }
      }
    case 2:
      return {
        _tag: "SCP_ST_EXTERNALIZE",
        externalize: { commit: oneBallot(), nH: word(), commitQuorumSetHash: hash }
      }
    default: {
      const [prepared, preparedPrime] = [random.pick([null, oneBallot()]), random.pick([null, oneBallot()])]
      return {
        _tag: "SCP_ST_PREPARE",
        prepare: { quorumSetHash: hash, ballot: oneBallot(), prepared, preparedPrime, nC: word(), nH: word() }
      }
    }
  }
}

/** The same pledges, but for what is counted. */
const withOtherCounts = (pledges: SCPPledges, random: Random): SCPPledges => {
  const word = () => random.below(4)
  switch (pledges._tag) {
    case "SCP_ST_PREPARE":
      return { ...pledges, prepare: { ...pledges.prepare, nC: word(), nH: word() } }
    case "SCP_ST_CONFIRM":
      return { ...pledges, confirm: { ...pledges.confirm, nPrepared: word(), nCommit: word(), nH: word() } }
    default:
      return pledges
  }
}

describe("The order of bytes", () => {
  it("is that of the values that the schema decodes, of whole and of damaged statements", () => {
    const random = new Random(SEED)
    let newer = 0
    let damaged = 0
    for (let i = 0; i < PAIRS; i++) {
      const pledges = randomPledges(random)
      const other = random.below(2) === 0 ? randomPledges(random) : withOtherCounts(pledges, random)
      const whole = statement(node, 5, pledges, random.bytes(random.below(65)))
      const isDamaged = random.below(8) === 0
      const one = isDamaged ? mutate(whole, random) : whole
      const two = statement(node, 5, other)
      const label = `seed ${SEED}, pair ${i}`
      assert.strictEqual(isNewerStatement(one, two), isNewerByValue(one, two), label)
      assert.strictEqual(isNewerStatement(two, one), isNewerByValue(two, one), label)
      newer += Number(isNewerStatement(one, two)) + Number(isNewerStatement(two, one))
      damaged += Number(isDamaged && pledgesOf(one) === undefined)
    }
    // Or the comparison shows little.
    assert.isAbove(newer, PAIRS / 2)
    assert.isAbove(damaged, PAIRS / 50)
  })
})
