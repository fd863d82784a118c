/**
 * What the walker says of golden vectors, of unknown discriminants, of depth and of promises. The vectors of the
 * Stellar overlay are `test/fixtures/stellar-vectors`; a StellarMessage is its type (4 bytes) and the arm that is walked.
 */
import { assert, describe, it } from "@effect/vitest"
import { Reader, type XdrType } from "@stellar/js-xdr"
import { TransactionEnvelope } from "@stellar/stellar-sdk/xdr"
import { readFileSync } from "node:fs"
import { isFresh } from "../../../scripts/transaction-grammar.ts"
import { MAX_MESSAGE_BYTES, MAX_TRANSACTION_DEPTH } from "../../../src/core/stellar/limits.ts"
import {
  type Verdict,
  walkEnvelope,
  walkGeneralizedTransactionSet,
  walkTransactionSet
} from "../../../src/core/stellar/TransactionWalk.ts"

interface Vector {
  readonly id: string
  readonly xdr: string
  readonly messageType?: number
}

const fixture = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../fixtures/stellar-vectors/${name}`, import.meta.url), "utf8"))

const messages: { readonly accept: ReadonlyArray<Vector>; readonly reject: ReadonlyArray<Vector> } = fixture(
  "messages.json"
)
const hashes: {
  readonly transactions: { readonly vectors: ReadonlyArray<{ readonly id: string; readonly envelopeXdr: string }> }
  readonly legacyTxSets: { readonly vectors: ReadonlyArray<Vector> }
  readonly generalizedTxSets: { readonly vectors: ReadonlyArray<Vector> }
} = fixture("hashes.json")

const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"))

const walkWhole = (walk: typeof walkEnvelope, bytes: Uint8Array): Verdict => walk(bytes, 0, bytes.length)

const WALK_OF_MESSAGE_TYPE = new Map([
  [7, walkTransactionSet],
  [8, walkEnvelope],
  [17, walkGeneralizedTransactionSet]
])

/** The verdict over the arm of a message of type 7, 8 or 17; nothing for other types. */
const walkMessage = (hex: string): Verdict | undefined => {
  const bytes = bytesOf(hex)
  if (bytes.length < 4) return undefined
  return WALK_OF_MESSAGE_TYPE.get(new DataView(bytes.buffer).getInt32(0))?.(bytes, 4, bytes.length)
}

/** Vectors to reject of which nothing is wrong but a discriminant, or what comes behind it, and why that may be. */
const UNKNOWN: ReadonlyMap<string, string> = new Map([
  ["tx-envelope-type-1", "an envelope type that is no arm today"],
  ["tx-envelope-type-3", "an envelope type that is no arm today"],
  ["tx-envelope-type-6", "an envelope type that is no arm today"],
  ["tx-envelope-type-99", "a new envelope type"],
  ["tx-memo-type-5", "a new kind of memo"],
  ["tx-cond-type-3", "a new kind of preconditions"],
  ["tx-ext-2", "an extension of the transaction"],
  ["tx-op-type-99", "a new operation"],
  ["tx-account-key-type-1", "a key type that is no account today"],
  ["tx-fee-bump-inner-v0", "an envelope type that no fee bump holds today"],
  ["gtxset-v-0", "another version of the set"],
  ["gtxset-v-2", "another version of the set"],
  ["gtxset-v-ffffffff", "another version of the set, absurd as it is"],
  ["gtxset-phase-v-2", "another kind of phase"],
  ["gtxset-phase-v-ffffffff", "another kind of phase, absurd as it is"],
  ["gtxset-component-1", "another kind of component"]
])

describe("golden vectors", () => {
  it("are well-formed if they are transactions or sets with a known hash", () => {
    for (const { envelopeXdr, id } of hashes.transactions.vectors) {
      assert.strictEqual(walkWhole(walkEnvelope, bytesOf(envelopeXdr)), "well-formed", id)
    }
    for (const { id, xdr } of hashes.legacyTxSets.vectors) {
      assert.strictEqual(walkWhole(walkTransactionSet, bytesOf(xdr)), "well-formed", id)
    }
    for (const { id, xdr } of hashes.generalizedTxSets.vectors) {
      assert.strictEqual(walkWhole(walkGeneralizedTransactionSet, bytesOf(xdr)), "well-formed", id)
    }
  })

  it("are well-formed if their message is to be accepted", () => {
    const verdicts = messages.accept.map(({ id, xdr }) => [id, walkMessage(xdr)] as const)
    const walked = verdicts.filter(([, verdict]) => verdict !== undefined)
    assert.deepStrictEqual(walked.filter(([, verdict]) => verdict !== "well-formed"), [])
    assert.strictEqual(
      walked.length,
      messages.accept.filter(({ messageType = -1 }) => WALK_OF_MESSAGE_TYPE.has(messageType)).length
    )
    assert.isAbove(walked.length, 20)
  })

  it("are malformed if their message is to be rejected, or unknown if only a discriminant speaks against it", () => {
    let walked = 0
    const unknown: Array<string> = []
    for (const { id, xdr } of messages.reject) {
      const verdict = walkMessage(xdr)
      if (verdict === undefined) continue
      walked++
      if (verdict === "unknown") unknown.push(id)
      else assert.strictEqual(verdict, "malformed", id)
    }
    assert.deepStrictEqual(unknown.sort(), [...UNKNOWN.keys()].sort())
    assert.isAbove(walked, 60)
  })

  it("are malformed when they are cut off anywhere", () => {
    for (const { envelopeXdr, id } of hashes.transactions.vectors) {
      const bytes = bytesOf(envelopeXdr)
      for (let end = 0; end < bytes.length; end++) assert.strictEqual(walkEnvelope(bytes, 0, end), "malformed", id)
    }
  })

  it("are malformed when some of the bytes are not there, even if zeros in their place would do", () => {
    const set = bytesOf(hashes.legacyTxSets.vectors.find(({ id }) => id === "empty")!.xdr)
    assert.strictEqual(walkTransactionSet(set, 0, set.length), "well-formed")
    assert.strictEqual(walkTransactionSet(set.subarray(0, set.length - 4), 0, set.length), "malformed")
    const envelope = bytesOf(hashes.transactions.vectors.find(({ id }) => id === "v0-payment")!.envelopeXdr)
    assert.strictEqual(walkEnvelope(envelope, 0, envelope.length), "well-formed")
    assert.strictEqual(walkEnvelope(envelope.subarray(4), -4, envelope.length - 4), "malformed")
  })
})

/** Bytes of an XDR value: a number is a word, an array is a run of them, and so on inside. */
type Piece = number | Uint8Array | ReadonlyArray<Piece>

const concat = (...pieces: ReadonlyArray<Piece>): Uint8Array =>
  new Uint8Array(Buffer.concat(pieces.map((piece) => {
    if (typeof piece === "number") return Uint8Array.of(piece >> 24, piece >> 16, piece >> 8, piece)
    return piece instanceof Uint8Array ? piece : concat(...piece)
  })))

const repeat = (piece: Piece, count: number): Uint8Array => {
  const one = concat(piece)
  const all = new Uint8Array(one.length * count)
  if (count > 0) all.set(one)
  for (let filled = one.length; filled < all.length; filled *= 2) all.copyWithin(filled, 0, filled)
  return all
}

const zeros = (count: number) => new Uint8Array(count)
const KEY = zeros(32)
const ACCOUNT = [0, KEY]
const CONTRACT = [1, KEY]
const NO_NAME = 0
const VOID_VALUE = 1

/** A V1 envelope with one operation, no signatures. `body` is the operation's type and what follows. */
const envelopeOf = (...body: ReadonlyArray<Piece>): Uint8Array =>
  concat(2, ACCOUNT, zeros(4 + 8), 0, 0, 1, 0, body, 0, 0)

const claimable = (predicate: Piece): Uint8Array => envelopeOf(14, 0, zeros(8), 1, 0, ACCOUNT, predicate)
const call = (argument: Piece): Uint8Array => envelopeOf(24, 0, CONTRACT, NO_NAME, 1, argument, 0)
const upload = (...entry: ReadonlyArray<Piece>): Uint8Array => envelopeOf(24, 2, 0, 1, entry)
const restoreOf = (key: Piece): Uint8Array =>
  concat(2, ACCOUNT, zeros(4 + 8), 0, 0, 1, 0, [26, 0], [1, 0, [1, key, 0], zeros(12), zeros(8)], 0)

describe("a discriminant that is not listed", () => {
  const payment = (overrides: { readonly envelope?: number; readonly operation?: number; readonly asset?: number }) => {
    const { asset = 0, envelope = 2, operation = 1 } = overrides
    return concat(envelope, ACCOUNT, zeros(12), 0, 0, 1, 0, operation, ACCOUNT, asset, zeros(8), 0, 0)
  }

  it.each([27, 1000, 0x7fffffff, -1, -0x80000000])("is unknown, however odd the value (%i)", (value) => {
    assert.strictEqual(walkWhole(walkEnvelope, payment({})), "well-formed")
    assert.strictEqual(walkWhole(walkEnvelope, payment({ envelope: value })), "unknown")
    assert.strictEqual(walkWhole(walkEnvelope, payment({ operation: value })), "unknown")
    assert.strictEqual(walkWhole(walkEnvelope, payment({ asset: value })), "unknown")
    // A contract data key ends with its durability, which is an enum and no union.
    assert.strictEqual(walkWhole(walkEnvelope, restoreOf([6, CONTRACT, VOID_VALUE, 1])), "well-formed")
    assert.strictEqual(walkWhole(walkEnvelope, restoreOf([6, CONTRACT, VOID_VALUE, value])), "unknown")
  })

  it("is unknown whatever stands behind it, and malformed if something before it is", () => {
    const bytes = payment({ operation: 99 })
    assert.strictEqual(walkWhole(walkEnvelope, concat(bytes, 5, 6, 7)), "unknown")
    assert.strictEqual(walkWhole(walkEnvelope, bytes.subarray(0, bytes.length - 28)), "unknown")
    // The word of the optional source account, right before the operation's type.
    const flag = 4 + 36 + 12 + 4 + 4 + 4
    bytes[flag + 3] = 2
    assert.strictEqual(walkWhole(walkEnvelope, bytes), "malformed")
  })

  it("does not save bytes whose length is no multiple of 4, which no XDR has", () => {
    const bytes = payment({ operation: 99 })
    assert.strictEqual(walkWhole(walkEnvelope, bytes.subarray(0, bytes.length - 1)), "malformed")
  })

  it("may stand for nothing: a vector of bare discriminants can fit where no known element would", () => {
    // Two envelopes are promised and eight bytes are left, too few for any envelope of today.
    assert.strictEqual(walkWhole(walkTransactionSet, concat(KEY, 2, 77, 77)), "unknown")
    assert.strictEqual(walkWhole(walkTransactionSet, concat(KEY, 3, 77, 77)), "malformed")
  })

  it("is not what the words of a boolean and of an optional value are: there only 0 and 1 can be meant", () => {
    for (const value of [0, 1]) assert.strictEqual(walkWhole(walkEnvelope, call([0, value])), "well-formed")
    for (const value of [2, 256, -1]) {
      assert.strictEqual(walkWhole(walkEnvelope, call([0, value])), "malformed")
      assert.strictEqual(walkWhole(walkEnvelope, call([16, value, 0])), "malformed")
    }
  })
})

/** Counts levels while the SDK reads: each is entered once, but a forward reference enters at the path of its target. */
class LevelReader extends Reader {
  deepest = 0
  readonly #open: Array<string> = []
  #references = 0

  override enter(path: string): void {
    super.enter(path)
    if (this.#open.at(-1) === path) this.#references++
    this.#open.push(path)
    this.deepest = Math.max(this.deepest, this.#open.length - this.#references)
  }

  override exit(): void {
    super.exit()
    const path = this.#open.pop()
    if (path !== undefined && this.#open.at(-1) === path) this.#references--
  }
}

const levelsOf = (schema: XdrType<unknown>, bytes: Uint8Array): number => {
  const reader = new LevelReader(bytes, 2 * MAX_TRANSACTION_DEPTH + 100)
  schema._read(reader, "")
  reader.done("")
  return reader.deepest
}

/** A type that holds itself: `of(rungs, leaf)` is an envelope with that many of it inside each other. */
interface Ladder {
  readonly name: string
  readonly leaves: ReadonlyArray<Piece>
  readonly of: (rungs: number, leaf: Piece) => Uint8Array
}

const invocation = (count: number) => [0, CONTRACT, NO_NAME, 0, count]
const delegate = (count: number) => [CONTRACT, VOID_VALUE, count]
const credentials = [CONTRACT, zeros(8), zeros(4), VOID_VALUE]
const predicates = [0, [1, 0], [3, 0], [1, 1, 0]]
const values = [VOID_VALUE, [16, 0], [16, 1, 0], [12, zeros(32)], [19, 1, 1, 0], [17, 1, 1, VOID_VALUE, [0, 1]]]

const ladders: ReadonlyArray<Ladder> = [
  { name: "negated predicates", leaves: predicates, of: (n, leaf) => claimable([repeat([3, 1], n), leaf]) },
  { name: "joined predicates", leaves: predicates, of: (n, leaf) => claimable([repeat([2, 1], n), leaf]) },
  { name: "vectors of values", leaves: values, of: (n, leaf) => call([repeat([16, 1, 1], n), leaf]) },
  { name: "maps of values", leaves: values, of: (n, leaf) => call([repeat([17, 1, 1, VOID_VALUE], n), leaf]) },
  {
    name: "contract instances",
    leaves: values,
    of: (n, leaf) => call([repeat([19, 1, 1, 1, VOID_VALUE], n), leaf])
  },
  {
    name: "authorized invocations",
    leaves: [invocation(0), [0, CONTRACT, NO_NAME, [1, VOID_VALUE], 0]],
    of: (n, leaf) => upload(0, repeat(invocation(1), n), leaf)
  },
  {
    name: "delegated signatures",
    leaves: [delegate(0), [CONTRACT, [16, 0], 0]],
    of: (n, leaf) => upload(3, credentials, 1, repeat(delegate(1), n), leaf, invocation(0))
  }
]

/** Envelopes of a ladder that are nested about as deep as is allowed, with their depth by the SDK's reading. */
const nearTheLimit = ({ leaves, of }: Ladder) =>
  leaves.flatMap((leaf) => {
    const flat = levelsOf(TransactionEnvelope.schema, of(8, leaf))
    const step = levelsOf(TransactionEnvelope.schema, of(9, leaf)) - flat
    const middle = 8 + Math.floor((MAX_TRANSACTION_DEPTH - flat) / step)
    return [middle - 1, middle, middle + 1, middle + 2].map((rungs) => {
      const bytes = of(rungs, leaf)
      return { bytes, levels: levelsOf(TransactionEnvelope.schema, bytes) }
    })
  })

const inLegacySet = (...envelopes: ReadonlyArray<Uint8Array>) => concat(KEY, envelopes.length, envelopes)
const inParallelPhase = (...envelopes: ReadonlyArray<Uint8Array>) =>
  concat(1, KEY, 1, 1, 0, 1, 1, envelopes.length, envelopes)

describe("depth", () => {
  it.each(ladders)("of $name is 500 levels at most, as the SDK counts them", (ladder) => {
    const seen = new Set<number>()
    for (const { bytes, levels } of nearTheLimit(ladder)) {
      seen.add(levels)
      const verdict = levels <= MAX_TRANSACTION_DEPTH ? "well-formed" : "malformed"
      assert.strictEqual(walkWhole(walkEnvelope, bytes), verdict, `${levels} levels`)
    }
    assert.includeMembers([...seen], [MAX_TRANSACTION_DEPTH - 1, MAX_TRANSACTION_DEPTH, MAX_TRANSACTION_DEPTH + 1])
  })

  it.each(ladders)("of $name is counted in each envelope of a set by itself", (ladder) => {
    const near = nearTheLimit(ladder)
    const deepest = near.find(({ levels }) => levels === MAX_TRANSACTION_DEPTH)!.bytes
    const tooDeep = near.find(({ levels }) => levels === MAX_TRANSACTION_DEPTH + 1)!.bytes
    assert.strictEqual(walkWhole(walkTransactionSet, inLegacySet(deepest, deepest)), "well-formed")
    assert.strictEqual(walkWhole(walkTransactionSet, inLegacySet(deepest, tooDeep)), "malformed")
    assert.strictEqual(walkWhole(walkGeneralizedTransactionSet, inParallelPhase(deepest, deepest)), "well-formed")
    assert.strictEqual(walkWhole(walkGeneralizedTransactionSet, inParallelPhase(deepest, tooDeep)), "malformed")
  })

  it.each(ladders)("of $name is refused at 100,000 rungs as well", ({ leaves, of }) => {
    assert.strictEqual(walkWhole(walkEnvelope, of(100_000, leaves[0]!)), "malformed")
  })
})

describe("a vector", () => {
  const U32 = [3, 7]

  it("is malformed when it promises more than could be there", () => {
    // The last two counts are 2^31 and 2^32 - 1.
    for (const count of [1, 2, 0x7fffffff, -0x80000000, -1]) {
      assert.strictEqual(walkWhole(walkTransactionSet, concat(KEY, count)), "malformed")
    }
    // Stages and clusters, which could be empty.
    assert.strictEqual(walkWhole(walkGeneralizedTransactionSet, concat(1, KEY, 1, 1, 0, 2, 0, 0)), "well-formed")
    assert.strictEqual(walkWhole(walkGeneralizedTransactionSet, concat(1, KEY, 1, 1, 0, 3, 0, 0)), "malformed")
    // A promise that fits its type and the bytes, but not its element: 2 values of 8 bytes each in 8 bytes.
    assert.strictEqual(walkWhole(walkEnvelope, call([16, 1, 2, U32, U32])), "well-formed")
    assert.strictEqual(walkWhole(walkEnvelope, call([16, 1, 2, U32])), "malformed")
  })

  it("is walked to its end when it fills the longest message", () => {
    const words = MAX_MESSAGE_BYTES / 4
    const phases = words - 16
    const emptyPhases = concat(1, KEY, phases / 2, zeros(4 * phases))
    assert.strictEqual(walkWhole(walkGeneralizedTransactionSet, emptyPhases), "well-formed")
    const clusters = concat(1, KEY, 1, 1, 0, 1, words - 32, zeros(4 * (words - 32)))
    assert.strictEqual(walkWhole(walkGeneralizedTransactionSet, clusters), "well-formed")
    const count = (words - 64) / 2
    assert.strictEqual(walkWhole(walkEnvelope, call([16, 1, count, repeat(U32, count)])), "well-formed")
  })

  it("of 2^24 bytes of rungs, each a promise kept by the next, is refused at its 501st level", () => {
    assert.strictEqual(walkWhole(walkEnvelope, claimable(repeat([1, 2], MAX_MESSAGE_BYTES / 8))), "malformed")
  })
})

describe("the committed grammar", () => {
  it("is what the generator makes of the SDK's schemas", () => {
    assert.isTrue(isFresh(), "run `node scripts/transaction-grammar.ts`")
  })
})
