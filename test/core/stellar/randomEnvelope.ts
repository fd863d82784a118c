/**
 * Random values of XDR types as bytes, made from the schemas of the Stellar SDK, and random damage to bytes.
 * Everything follows from a seed.
 */
import type { XdrType } from "@stellar/js-xdr"
import { armsOf, resolve } from "../../../scripts/transaction-grammar.ts"

/** Levels below which unions take their flattest arm, and vectors and options are empty. */
const MAX_LEVELS = 28
/** Bytes of a value after which its vectors and options are empty. */
const MANY_BYTES = 600
const MAX_ELEMENTS = 4
const MAX_UNBOUNDED_BYTES = 13

/** A seeded source of numbers (xorshift, 32 bits). */
export class Dice {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 1
  }

  /** A whole number from 0 to `sides` - 1. */
  roll(sides: number): number {
    this.#state ^= this.#state << 13
    this.#state ^= this.#state >>> 17
    this.#state ^= this.#state << 5
    return (this.#state >>> 0) % sides
  }
}

/** Makes values, and remembers which arms of which unions it has used. */
export class RandomXdr {
  /** `union:discriminant` of every arm that stands in a value made so far. */
  readonly usedArms = new Set<string>()
  readonly #dice: Dice
  readonly #bytes = new Uint8Array(1 << 18)
  readonly #view = new DataView(this.#bytes.buffer)
  readonly #heights = new Map<XdrType<unknown>, number>()
  #length = 0

  constructor(dice: Dice) {
    this.#dice = dice
  }

  /** A random value of the type, as bytes of its own. */
  make(schema: XdrType<unknown>): Uint8Array {
    this.#length = 0
    this.#write(schema, 0)
    return this.#bytes.slice(0, this.#length)
  }

  #write(schema: XdrType<unknown>, level: number): void {
    const type = resolve(schema)
    const full = level >= MAX_LEVELS || this.#length > MANY_BYTES
    switch (type.kind) {
      case "void":
        return
      case "int32":
      case "uint32":
        return this.#fill(4)
      case "int64":
      case "uint64":
        return this.#fill(8)
      case "opaque":
        this.#fill(type.length)
        return this.#pad()
      case "bool":
        return this.#word(this.#dice.roll(2))
      case "enum": {
        const values = [...type.nameByValue.keys()]
        return this.#word(values[this.#dice.roll(values.length)]!)
      }
      case "string":
      case "varOpaque": {
        const atBound = type.maxLength <= 64 && this.#dice.roll(4) === 0
        const length = atBound ? type.maxLength : this.#dice.roll(Math.min(type.maxLength, MAX_UNBOUNDED_BYTES) + 1)
        this.#word(length)
        this.#fill(length)
        return this.#pad()
      }
      case "struct":
        for (const [, field] of type.entries) this.#write(field, level + 1)
        return
      case "option": {
        const present = full ? 0 : this.#dice.roll(2)
        this.#word(present)
        if (present === 1) this.#write(type.element, level + 1)
        return
      }
      case "array": {
        const atBound = type.maxLength <= 20 && this.#dice.roll(32) === 0
        const count = full ? 0 : atBound ? type.maxLength : this.#dice.roll(Math.min(type.maxLength, MAX_ELEMENTS) + 1)
        this.#word(count)
        for (let i = 0; i < count; i++) this.#write(type.element, level + 1)
        return
      }
      case "union": {
        const arms = armsOf(type)
        const flattest = full ? Math.min(...arms.map(([, arm]) => this.#height(arm))) : Infinity
        const allowed = full ? arms.filter(([, arm]) => this.#height(arm) === flattest) : arms
        const [discriminant, arm] = allowed[this.#dice.roll(allowed.length)]!
        this.usedArms.add(`${type.name}:${discriminant}`)
        this.#word(discriminant)
        return this.#write(arm, level + 1)
      }
      default:
        throw new Error(`no random value of ${type.kind}`)
    }
  }

  /** The levels of the flattest value. */
  #height(schema: XdrType<unknown>): number {
    const type = resolve(schema)
    const known = this.#heights.get(type)
    if (known !== undefined) return known
    const height = type.kind === "struct"
      ? 1 + Math.max(0, ...type.entries.map(([, field]) => this.#height(field)))
      : type.kind === "union"
      ? 1 + Math.min(...armsOf(type).map(([, arm]) => this.#height(arm)))
      : type.kind === "option" || type.kind === "array"
      ? 1
      : 0
    this.#heights.set(type, height)
    return height
  }

  #word(value: number): void {
    this.#view.setInt32(this.#length, value)
    this.#length += 4
  }

  #fill(count: number): void {
    const end = this.#length + count
    while (this.#length < end) this.#bytes[this.#length++] = this.#dice.roll(256)
  }

  #pad(): void {
    while (this.#length % 4 !== 0) this.#bytes[this.#length++] = 0
  }
}

/** `union:discriminant` of every arm that a value of one of the types can have. */
export const everyArm = (schemas: ReadonlyArray<XdrType<unknown>>): ReadonlySet<string> => {
  const arms = new Set<string>()
  const seen = new Set<XdrType<unknown>>()
  const visit = (schema: XdrType<unknown>): void => {
    const type = resolve(schema)
    if (seen.has(type)) return
    seen.add(type)
    if (type.kind === "struct") { for (const [, field] of type.entries) visit(field) }
    if (type.kind === "option" || type.kind === "array") visit(type.element)
    if (type.kind === "union") {
      for (const [discriminant, arm] of armsOf(type)) {
        arms.add(`${type.name}:${discriminant}`)
        visit(arm)
      }
    }
  }
  for (const schema of schemas) visit(schema)
  return arms
}

const TELLING_WORDS = [0, 1, 2, 0xffffffff]

/** A damaged copy: bits flipped, cut off, a word replaced, or a piece of `other` put in, over, or something taken out. */
export const damage = (bytes: Uint8Array, other: Uint8Array, dice: Dice): Uint8Array => {
  const wordIn = (length: number): number => 4 * dice.roll(Math.floor(length / 4) + 1)
  const copy = bytes.slice()
  switch (dice.roll(8)) {
    case 0:
    case 1:
      for (let i = 0, count = 1 + dice.roll(3); i < count && copy.length > 0; i++) {
        const at = dice.roll(copy.length)
        copy[at] = copy[at]! ^ (1 << dice.roll(8))
      }
      return copy
    case 2:
      return copy.subarray(0, dice.roll(4) === 0 ? dice.roll(copy.length + 1) : wordIn(copy.length))
    case 3:
    case 4:
    case 5: {
      const at = wordIn(copy.length - 4)
      if (at + 4 <= copy.length) new DataView(copy.buffer).setUint32(at, TELLING_WORDS[dice.roll(4)]!)
      return copy
    }
    default: {
      const from = wordIn(other.length)
      const piece = other.subarray(from, from + 4 * dice.roll(16))
      const at = wordIn(copy.length)
      const taken = dice.roll(2) === 0 ? 0 : dice.roll(2) === 0 ? piece.length : 4 * dice.roll(8)
      return Uint8Array.from([...copy.subarray(0, at), ...piece, ...copy.subarray(at + taken)])
    }
  }
}
