/**
 * Random values of an XDR type, made from the schema that describes the type, and the pseudo-random numbers for it.
 *
 * Lengths favour the edges: nothing, one, and the bound itself. A kind of schema without a generator is an error.
 */
import type { AnySchema, UnionSchema, XdrType } from "@stellar/js-xdr"
import { NodeID } from "../../../src/core/stellar/messages/base.ts"
import { Recursion } from "../../../src/core/stellar/XdrCodec.ts"

/** A small seeded generator (a 32-bit Weyl sequence, mixed): the same seed gives the same numbers on every machine. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** Any 32-bit number. */
  word(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return (mixed ^ (mixed >>> 15)) >>> 0
  }

  /** 0 to `count - 1`. */
  below(count: number): number {
    return this.word() % count
  }

  pick<A>(choices: ReadonlyArray<A>): A {
    return choices[this.below(choices.length)]!
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    for (let i = 0; i < length; i++) bytes[i] = this.word()
    return bytes
  }
}

const MANY_BYTES = 200
const MANY_ELEMENTS = 4
const MAX_NESTING = 5
const EDGE_WORDS = [0, 1, 0x7fffffff, 0x80000000, 0xffffffff]

const word = (random: Random): number => random.below(3) === 0 ? random.pick(EDGE_WORDS) : random.word()

const doubleWord = (random: Random): bigint => (BigInt(word(random)) << 32n) | BigInt(word(random))

/** Mostly short, sometimes empty, rarely as long as allowed; the bound of 2^32 - 1 is out of reach. */
const length = (random: Random, maxLength: number, many: number, atBoundOneIn: number): number => {
  if (maxLength <= 0xffff && random.below(atBoundOneIn) === 0) return maxLength
  return random.below(Math.min(maxLength, many) + 1)
}

const shortLength = (random: Random, maxLength: number): number =>
  length(random, maxLength, MANY_BYTES, maxLength > MANY_BYTES ? 200 : 8)

/** A random value of the type that `schema` describes. */
export const randomValue = (schema: XdrType<unknown>, random: Random, nesting = 0): unknown => {
  if (schema instanceof Recursion) return randomValue(schema.getSchema(), random, nesting + 1)
  if (schema === NodeID) return random.bytes(32)
  const any = schema as AnySchema
  switch (any.kind) {
    case "int32":
      return word(random) | 0
    case "uint32":
      return word(random)
    case "int64":
      return BigInt.asIntN(64, doubleWord(random))
    case "uint64":
      return doubleWord(random)
    case "bool":
      return random.below(2) === 1
    case "void":
      return undefined
    case "enum":
      return random.pick([...any.nameByValue.keys()])
    case "opaque":
      return random.bytes(any.length)
    case "varOpaque":
    case "string":
      return random.bytes(shortLength(random, any.maxLength))
    case "option":
      return random.below(2) === 0 ? null : randomValue(any.element, random, nesting)
    case "array": {
      const count = nesting > MAX_NESTING
        ? 0
        : length(random, any.maxLength, MANY_ELEMENTS, any.maxLength > 10 ? 100 : 10)
      return Array.from({ length: count }, () => randomValue(any.element, random, nesting))
    }
    case "lazy":
      return randomValue(any.getSchema(), random, nesting + 1)
    case "struct":
      return Object.fromEntries(any.entries.map(([name, field]) => [name, randomValue(field, random, nesting)]))
    case "union":
      return randomArm(any, random.pick(any.cases), random, nesting)
    default:
      throw new Error(`no generator for the XDR kind ${any.kind}`)
  }
}

/** A random value of the union `schema` that takes this arm. */
export const randomArm = (
  schema: UnionSchema<unknown>,
  { arm, discriminant }: UnionSchema<unknown>["cases"][number],
  random: Random,
  nesting = 0
): unknown => {
  const tag = { [schema.switchKey]: discriminant }
  return "schema" in arm ? { ...tag, [arm.name]: randomValue(arm.schema, random, nesting) } : tag
}

/** A copy of `bytes` with one to three random changes: bits, words at an edge, and pieces cut, doubled or put in. */
export const mutate = (bytes: Uint8Array, random: Random): Uint8Array => {
  let mutated = bytes.slice()
  for (let changes = 1 + random.below(3); changes > 0; changes--) {
    const at = random.below(mutated.length + 1)
    const aligned = at & ~3
    switch (random.below(6)) {
      case 0:
        if (at < mutated.length) mutated[at]! ^= 1 << random.below(8)
        break
      case 1:
        if (aligned + 4 <= mutated.length) {
          new DataView(mutated.buffer).setUint32(aligned, random.pick([...EDGE_WORDS, 2, 3, 4, 64, 65, 1000, 1001]))
        }
        break
      case 2:
        mutated = mutated.slice(0, random.below(2) === 0 ? at : aligned)
        break
      case 3:
        mutated = Uint8Array.from([...mutated.subarray(0, aligned), ...mutated.subarray(aligned + 4)])
        break
      case 4:
        mutated = Uint8Array.from([...mutated.subarray(0, aligned), ...random.bytes(4), ...mutated.subarray(aligned)])
        break
      default:
        mutated = Uint8Array.from([...mutated, ...new Uint8Array(random.below(2) === 0 ? 4 : 1)])
    }
  }
  return mutated
}
