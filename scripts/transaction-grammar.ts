/**
 * Makes `src/core/stellar/transactionGrammar.generated.ts`, the table by which transactions are walked, from the
 * schemas of `@stellar/stellar-sdk`: `node scripts/transaction-grammar.ts` writes it, `--check` exits 1 if it is stale.
 */
import type { AnySchema, UnionSchema, XdrType } from "@stellar/js-xdr"
import { GeneralizedTransactionSet, TransactionEnvelope, TransactionSet } from "@stellar/stellar-sdk/xdr"
import { readFileSync, writeFileSync } from "node:fs"

const FILE = new URL("../src/core/stellar/transactionGrammar.generated.ts", import.meta.url)

/** The types that are walked from their first byte, by the name of the constant that holds the address. */
const ROOTS: ReadonlyArray<readonly [string, XdrType<unknown>]> = [
  ["TRANSACTION_ENVELOPE", TransactionEnvelope.schema],
  ["TRANSACTION_SET", TransactionSet.schema],
  ["GENERALIZED_TRANSACTION_SET", GeneralizedTransactionSet.schema]
]

/** A count beyond this is written as this: no message is so long, and the table holds signed words. */
const MAX_COUNT = 0x7fffffff
/** A union whose discriminants are all below this gets an arm a value, any other a list of values with their arms. */
const MAX_DENSE_DISCRIMINANT = 64

const KINDS: ReadonlySet<string> = new Set<AnySchema["kind"]>([
  "array",
  "bool",
  "double",
  "enum",
  "fixedArray",
  "float",
  "int32",
  "int64",
  "lazy",
  "opaque",
  "option",
  "string",
  "struct",
  "uint32",
  "uint64",
  "union",
  "varOpaque",
  "void"
])

const isBuiltIn = (schema: XdrType<unknown>): schema is AnySchema => KINDS.has(schema.kind)

/** The schema itself, behind any number of forward references. Throws for a kind that js-xdr did not define. */
export const resolve = (schema: XdrType<unknown>): Exclude<AnySchema, { readonly kind: "lazy" }> => {
  if (!isBuiltIn(schema)) throw new Error(`not a schema of js-xdr: ${schema.name ?? schema.kind}`)
  return schema.kind === "lazy" ? resolve(schema.getSchema()) : schema
}

/** The arms of a union: what is its discriminant, and what follows it. Throws for what no transaction has. */
export const armsOf = (union: UnionSchema<unknown>): ReadonlyArray<readonly [number, XdrType<unknown>]> => {
  if (union.defaultArm !== undefined) throw new Error(`a default arm: ${union.name}`)
  return union.cases.map(({ arm, discriminant }) => {
    if (typeof discriminant !== "number") throw new Error(`a discriminant that is not a number: ${union.name}`)
    return [discriminant, "schema" in arm ? arm.schema : arm]
  })
}

/** How many bytes every value of the schema has, if they may be any bytes and nothing in them is a level. */
const plainBytes = (schema: XdrType<unknown>): number | undefined => {
  const type = resolve(schema)
  switch (type.kind) {
    case "void":
      return 0
    case "int32":
    case "uint32":
      return 4
    case "int64":
    case "uint64":
      return 8
    case "opaque":
      if (type.length % 4 !== 0) throw new Error(`an opaque of ${type.length} bytes, which has padding`)
      return type.length
    default:
      return undefined
  }
}

/** The least bytes that a value has, whatever later protocols do: any union may get an arm of nothing. */
const leastBytes = (schema: XdrType<unknown>): number => {
  const type = resolve(schema)
  return type.kind === "struct"
    ? type.entries.reduce((sum, [, field]) => sum + leastBytes(field), 0)
    : plainBytes(type) ?? 4
}

/** A program while it is made: its name in the comment above it, an instruction a line, and the levels that it opens. */
interface Program {
  readonly name: string
  readonly lines: Array<Array<Word>>
  peak: number
}

/** A word of the table: the name of a constant, a number, or the program whose address it will be. */
type Word = string | number | Program

/** Compiles the types of `ROOTS` and everything they hold. */
const compile = (): { readonly programs: ReadonlyArray<Program>; readonly roots: ReadonlyArray<Program> } => {
  const programs: Array<Program> = []
  const known = new Map<XdrType<unknown>, Program>()

  const programOf = (schema: XdrType<unknown>, path: string): Program => {
    const type = resolve(schema)
    const found = known.get(type)
    if (found !== undefined) return found
    const program: Program = { name: type.name ?? path, lines: [], peak: 0 }
    known.set(type, program)
    programs.push(program)
    if (type === resolve(TransactionEnvelope.schema)) program.lines.push(["ENVELOPE"])
    emit(type, 0, program, program.name)
    program.lines.push(["END"])
    return program
  }

  const target = (schema: XdrType<unknown>, path: string): Word => {
    const bytes = plainBytes(schema)
    return bytes === undefined ? programOf(schema, path) : bytes === 0 ? 0 : -bytes
  }

  const emit = (schema: XdrType<unknown>, level: number, into: Program, path: string): void => {
    const type = resolve(schema)
    const bytes = plainBytes(type)
    const last = into.lines.at(-1)
    const inner = level + 1
    if (bytes !== undefined) {
      if (last?.[0] === "SKIP" && typeof last[1] === "number") last[1] += bytes
      else if (bytes > 0) into.lines.push(["SKIP", bytes])
      return
    }
    switch (type.kind) {
      case "struct":
        into.peak = Math.max(into.peak, inner)
        for (const [name, field] of type.entries) emit(field, inner, into, `${path}.${name}`)
        return
      case "union": {
        into.peak = Math.max(into.peak, inner)
        const switchOn = resolve(type.switchOn).kind
        if (switchOn !== "enum" && switchOn !== "int32") throw new Error(`a union over ${switchOn}: ${type.name}`)
        const arms = armsOf(type).map(([value, arm]) => [value, target(arm, `${path}[${value}]`)] as const)
        const highest = Math.max(...arms.map(([value]) => value))
        if (arms.every(([value]) => value >= 0) && highest < MAX_DENSE_DISCRIMINANT) {
          const byValue: Array<Word> = new Array<Word>(highest + 1).fill("UNLISTED")
          for (const [value, arm] of arms) byValue[value] = arm
          into.lines.push(["SWITCH", inner, byValue.length, ...byValue])
        } else {
          into.lines.push(["CHOOSE", inner, arms.length, ...arms.flat()])
        }
        return
      }
      case "option":
        into.peak = Math.max(into.peak, inner)
        into.lines.push(["OPTION", inner, target(type.element, `${path}?`)])
        return
      case "array":
        into.peak = Math.max(into.peak, inner)
        into.lines.push([
          "VECTOR",
          inner,
          Math.min(type.maxLength, MAX_COUNT),
          leastBytes(type.element),
          target(type.element, `${path}<>`)
        ])
        return
      case "enum": {
        const values = [...type.nameByValue.keys()].sort((a, b) => a - b)
        if (values.some((value, index) => value !== index)) throw new Error(`an enum with gaps: ${type.name}`)
        into.lines.push(["ENUM", values.length])
        return
      }
      case "bool":
        into.lines.push(["BOOL"])
        return
      case "string":
      case "varOpaque":
        into.lines.push(["BYTES", Math.min(type.maxLength, MAX_COUNT)])
        return
      default:
        throw new Error(`no instruction for ${type.kind} at ${path}`)
    }
  }

  const roots = ROOTS.map(([name, schema]) => programOf(schema, name))
  return { programs, roots }
}

const HEADER = `/**
 * The grammar of TransactionEnvelope, TransactionSet and GeneralizedTransactionSet as one table of words, which
 * \`TransactionWalk.ts\` runs. Generated by scripts/transaction-grammar.ts from the schemas of @stellar/stellar-sdk.
 *
 * The table is a row of programs. The first word of a program is its peak: how many levels (structs, unions, options
 * and vectors inside each other) it opens by itself. Instructions follow, up to END; a struct is the instructions of
 * its fields, one after the other. The words of an instruction:
 *
 *   END                                the value is complete
 *   SKIP    bytes                      that many bytes, which may be any
 *   BYTES   max                        a length up to max, as many bytes, zeros up to a multiple of 4
 *   BOOL                               a word, 0 or 1
 *   ENUM    count                      a word, 0 to count - 1; any other is not listed
 *   SWITCH  level count target...      a union: a word, and the target at its place (from 0) follows
 *   CHOOSE  level count (value target)...   the same, with the words that it may be and their targets
 *   OPTION  level target               a word: 0, or 1 and the target follows
 *   VECTOR  level max least target     a count up to max, and as many targets of at least that many bytes each
 *   ENVELOPE                           here begins a transaction envelope, and levels count from here
 *
 * A target is the address of a program, or, not above zero, minus a number of bytes which may be any (0: nothing
 * follows), or UNLISTED. A level tells how many levels are open in the program behind this instruction's word.
 */
`

const OPERATIONS = [
  "END",
  "SKIP",
  "BYTES",
  "BOOL",
  "ENUM",
  "SWITCH",
  "CHOOSE",
  "OPTION",
  "VECTOR",
  "ENVELOPE"
]

/** The text of the generated file. */
export const generate = (): string => {
  const { programs, roots } = compile()
  const addresses = new Map<Program, number>()
  let words = 0
  for (const program of programs) {
    // Address 0 would be a target of no bytes; the first program starts at 1, behind a word that nobody reads.
    addresses.set(program, words + 1)
    words += 1 + program.lines.reduce((sum, line) => sum + line.length, 0)
  }
  const text = (word: Word): string => `${typeof word === "object" ? addresses.get(word) : word}`
  const rows = programs.map((program) =>
    [
      `  // ${addresses.get(program)}: ${program.name}`,
      `  ${program.peak},`,
      ...program.lines.map((line) => `  ${line.map(text).join(", ")},`)
    ].join("\n")
  )
  return [
    HEADER,
    ...OPERATIONS.map((name, index) => `export const ${name} = ${index}`),
    "/** A target: the discriminant has no arm. No number of bytes, since those are multiples of 4. */",
    "export const UNLISTED = -1",
    "",
    ...ROOTS.flatMap(([name], index) => [
      `/** The address of the program of ${roots[index]?.name}. */`,
      `export const ${name} = ${text(roots[index] ?? 0)}`
    ]),
    "",
    "/** The programs. */",
    "// dprint-ignore",
    "export const GRAMMAR: Int32Array = Int32Array.of(",
    "  0,",
    rows.join("\n").replace(/,$/, ""),
    ")",
    ""
  ].join("\n")
}

/** Whether the committed table is what `generate` makes now. */
export const isFresh = (): boolean => readFileSync(FILE, "utf8") === generate()

if (import.meta.main) {
  if (!process.argv.includes("--check")) {
    writeFileSync(FILE, generate())
  } else if (!isFresh()) {
    process.stderr.write("transactionGrammar.generated.ts is stale: run `node scripts/transaction-grammar.ts`\n")
    process.exitCode = 1
  }
}
