/**
 * The walker against the decoder of the Stellar SDK, on random values of its schemas and on damaged ones.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { XdrError, type XdrType } from "@stellar/js-xdr"
import { GeneralizedTransactionSet, TransactionEnvelope, TransactionSet } from "@stellar/stellar-sdk/xdr"
import {
  type Verdict,
  walkEnvelope,
  walkGeneralizedTransactionSet,
  walkTransactionSet
} from "../../../src/core/stellar/TransactionWalk.ts"
import { damage, Dice, everyArm, RandomXdr } from "./randomEnvelope.ts"

type Walk = (bytes: Uint8Array, start: number, end: number) => Verdict

/** What the SDK says, and whether it stumbled over a discriminant. */
const decode = (schema: XdrType<unknown>, bytes: Uint8Array): "accepts" | "discriminant" | "refuses" => {
  try {
    schema.decode(bytes)
    return "accepts"
  } catch (error) {
    if (!(error instanceof XdrError)) throw error
    return /: (unknown enum value|no case for union discriminator) /.test(error.message) ? "discriminant" : "refuses"
  }
}

const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

/** Walks a copy that stands somewhere inside other bytes, none of which may matter. */
const surroundings = new Uint8Array(1 << 20)
const walkInside = (walk: Walk, bytes: Uint8Array, start: number): Verdict => {
  surroundings.fill(0xff, 0, start)
  surroundings.set(bytes, start)
  surroundings.fill(0xff, start + bytes.length, start + bytes.length + 8)
  return walk(surroundings, start, start + bytes.length)
}

/**
 * Fails unless walker and SDK agree about `bytes`.
 *
 * The SDK reads a vector up to the element that it does not know even if the rest of the bytes could never hold what
 * the vector promised; the walker refuses the promise. Given room for the promise, it has to find the same discriminant.
 */
const compare = (walk: Walk, schema: XdrType<unknown>, bytes: Uint8Array, start: number): Verdict => {
  const verdict = walkInside(walk, bytes, start)
  const sdk = decode(schema, bytes)
  const agreed = sdk === "accepts"
    ? verdict === "well-formed"
    : sdk === "refuses"
    ? verdict === "malformed"
    : verdict === "unknown" || verdict === "malformed" && walkWithRoom(walk, bytes) === "unknown"
  if (!agreed) assert.fail(`walker: ${verdict}, SDK: ${sdk}: ${toHex(bytes)}`)
  return verdict
}

const walkWithRoom = (walk: Walk, bytes: Uint8Array): Verdict => {
  const roomy = new Uint8Array(4 * Math.ceil(bytes.length / 4) + 64 * bytes.length)
  roomy.set(bytes)
  return walk(roomy, 0, roomy.length)
}

// What the SDK throws a hundred thousand times needs no stack trace.
const stackTraceLimit = Error.stackTraceLimit
beforeAll(() => {
  Error.stackTraceLimit = 0
})
afterAll(() => {
  Error.stackTraceLimit = stackTraceLimit
})

const kinds: ReadonlyArray<{
  readonly name: string
  readonly schema: XdrType<unknown>
  readonly walk: Walk
  readonly count: number
}> = [
  { name: "transaction envelopes", schema: TransactionEnvelope.schema, walk: walkEnvelope, count: 100_000 },
  { name: "legacy sets", schema: TransactionSet.schema, walk: walkTransactionSet, count: 5000 },
  {
    name: "generalized sets",
    schema: GeneralizedTransactionSet.schema,
    walk: walkGeneralizedTransactionSet,
    count: 10_000
  }
]

describe.each(kinds)("$count random $name", ({ count, schema, walk }) => {
  it("are accepted by walker and SDK, and have every arm of every union", () => {
    const random = new RandomXdr(new Dice(20_260_801))
    for (let i = 0; i < count; i++) {
      const verdict = compare(walk, schema, random.make(schema), i % 8)
      if (verdict !== "well-formed") assert.fail(`${verdict}: what was generated is a value`)
    }
    assert.deepStrictEqual([...random.usedArms].sort(), [...everyArm([schema])].sort())
  })

  it("get the SDK's verdict when they are damaged", () => {
    const dice = new Dice(20_260_802)
    const random = new RandomXdr(dice)
    const verdicts = { "well-formed": 0, malformed: 0, unknown: 0 }
    let other = random.make(schema)
    for (let i = 0; i < count; i++) {
      const whole = random.make(schema)
      const once = damage(whole, other, dice)
      verdicts[compare(walk, schema, dice.roll(4) === 0 ? damage(once, other, dice) : once, i % 8)]++
      other = whole
    }
    // Each verdict has to be among them in earnest, or the comparison says nothing about it.
    for (const [verdict, seen] of Object.entries(verdicts)) {
      assert.isAbove(seen, count / 50, verdict)
    }
  })
})
