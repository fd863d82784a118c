/**
 * XDR values by js-xdr schemas, without its exceptions: the one place that catches what js-xdr throws.
 *
 * Also the schemas that js-xdr has no builder for: named discriminants, recursion as stellar-core counts it, the rest of
 * the input.
 */
import { array, BaseType, type Reader, type Writer, XdrError, type XdrType } from "@stellar/js-xdr"
import { Result } from "effect"
import { WORD_BYTES } from "../Xdr.ts"
import { MAX_XDR_DEPTH } from "./limits.ts"
import { XdrWriter } from "./XdrWriter.ts"

/** The bytes are not the XDR of the wanted type. */
export interface MalformedXdr {
  readonly _tag: "MalformedXdr"
  /** What was wrong, and at which field; for logs. At most `MAX_REASON_LENGTH` characters. */
  readonly reason: string
}

/** The value is outside of its type: a list or text above its bound, a hash of another length, a number out of range. */
export interface UnencodableXdr {
  readonly _tag: "UnencodableXdr"
  /** What was wrong, and at which field; for logs. At most `MAX_REASON_LENGTH` characters. */
  readonly reason: string
}

/** Longest reason: the path to a field in deeply nested input would otherwise be as long as its sender likes. */
export const MAX_REASON_LENGTH = 200

// Anything else than an XdrError is a bug of ours and stays a defect.
const reasonOf = (error: unknown): string => {
  if (error instanceof XdrError) return error.message.slice(0, MAX_REASON_LENGTH)
  throw error
}

/**
 * Decodes `bytes` by `schema`: the whole of them, with zero padding, known discriminants, lengths within their bounds and
 * structures nested at most `MAX_XDR_DEPTH` deep (structs, unions, lists and optionals count one each, as in core).
 *
 * Nothing is allocated for a length that the input does not fill. Byte fields of the value are copies.
 */
export const decodeXdr = <A>(schema: XdrType<A>, bytes: Uint8Array): Result.Result<A, MalformedXdr> => {
  try {
    return Result.succeed(schema.decode(bytes, { maxDepth: MAX_XDR_DEPTH }))
  } catch (error) {
    return Result.fail({ _tag: "MalformedXdr", reason: reasonOf(error) })
  }
}

/** For one value at a time: no schema of ours writes another value in the midst of its own. */
const writer = new XdrWriter(MAX_XDR_DEPTH)

/** Encodes `value` by `schema`, under the same bounds as `decodeXdr`. */
export const encodeXdr = <A>(schema: XdrType<A>, value: A): Result.Result<Uint8Array, UnencodableXdr> => {
  try {
    writer.begin()
    schema._write(value, writer, schema.name ?? schema.kind)
    return Result.succeed(writer.toUint8Array())
  } catch (error) {
    return Result.fail({ _tag: "UnencodableXdr", reason: reasonOf(error) })
  }
}

/** An `array` whose values are read-only lists. */
export const list = <A>(element: XdrType<A>, maxLength: number): XdrType<ReadonlyArray<A>> => array(element, maxLength)

/** The discriminant of a union, as the name that the XDR enum gives to it. An unknown one is malformed. */
export class Discriminant<Name extends string> extends BaseType<Name> {
  readonly kind = "enum"
  /** The names by their number on the wire. */
  readonly nameByValue: ReadonlyMap<number, Name>
  readonly #values: Readonly<Record<Name, number>>

  constructor(name: string, values: Readonly<Record<Name, number>>) {
    super(name)
    this.#values = values
    const nameByValue = new Map<number, Name>()
    for (const member in values) nameByValue.set(values[member], member)
    this.nameByValue = nameByValue
  }

  _read(reader: Reader, path: string): Name {
    const value = reader.readInt32(path)
    const member = this.nameByValue.get(value)
    if (member === undefined) throw new XdrError(`${path}: unknown ${this.name} ${value}`)
    return member
  }

  _write(member: Name, writer: Writer, path: string): void {
    if (!Object.hasOwn(this.#values, member)) throw new XdrError(`${path}: unknown ${this.name} ${member}`)
    writer.writeInt32(this.#values[member])
  }
}

/**
 * A type that names itself. Unlike js-xdr's `lazy` it is no level of its own: core counts structs and lists only, and a
 * bound that counts more would refuse what core still reads.
 */
export class Recursion<A> extends BaseType<A> {
  readonly kind = "recursion"
  readonly getSchema: () => XdrType<A>

  constructor(getSchema: () => XdrType<A>) {
    super()
    this.getSchema = getSchema
  }

  _read(reader: Reader, path: string): A {
    return this.getSchema()._read(reader, path)
  }

  _write(value: A, writer: Writer, path: string): void {
    this.getSchema()._write(value, writer, path)
  }
}

/** What is left of the input but for its last `keep` bytes, as it is: a multiple of four bytes, judged elsewhere. */
export class Rest extends BaseType<Uint8Array> {
  readonly kind = "rest"
  readonly keep: number

  constructor(keep: number) {
    super()
    this.keep = keep
  }

  _read(reader: Reader, path: string): Uint8Array {
    const length = reader.remaining - this.keep
    if (length < 0 || length % WORD_BYTES !== 0) throw new XdrError(`${path}: ${length} byte(s) cannot be XDR`)
    return reader.readBytes(length, path)
  }

  _write(value: Uint8Array, writer: Writer, path: string): void {
    if (!(value instanceof Uint8Array) || value.length % WORD_BYTES !== 0) {
      throw new XdrError(`${path}: expected the bytes of an XDR value`)
    }
    writer.writeBytes(value)
  }
}
