/**
 * Messages as values: the golden vectors, the bounds, and what is refused.
 *
 * The vectors say which bytes are a message and which are not. Where we differ from their strict reading on purpose, the
 * reason stands in `deviations`.
 */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { readFileSync } from "node:fs"
import {
  decodeMessage,
  encodeMessage,
  messageName,
  MessageType,
  type StellarMessage
} from "../../../src/core/stellar/messages.ts"
import { AuthenticatedMessage } from "../../../src/core/stellar/messages/handshake.ts"
import { SCPEnvelope, SCPQuorumSet, SCPStatement, StellarValue } from "../../../src/core/stellar/messages/scp.ts"
import {
  SignedTimeSlicedSurveyStartCollectingMessage,
  SurveyResponseBody,
  TimeSlicedSurveyStartCollectingMessage
} from "../../../src/core/stellar/messages/survey.ts"
import { decodeXdr, encodeXdr, MAX_REASON_LENGTH } from "../../../src/core/stellar/XdrCodec.ts"

/** The golden file of this name, of which the test reads what `A` says. */
const fixture = <A>(name: string): A =>
  JSON.parse(readFileSync(new URL(`../../fixtures/stellar-vectors/${name}.json`, import.meta.url), "utf8"))

type Some<Field extends string> = ReadonlyArray<Readonly<Record<Field, string>>>

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"))

const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

interface Vector {
  readonly id: string
  readonly type: "StellarMessage" | "SurveyResponseBody" | "StellarValue"
  readonly xdr: string
  readonly messageType?: number
  readonly name?: string
}

const vectors = fixture<Readonly<Record<"accept" | "reject", ReadonlyArray<Vector>>>>("messages")

/** Decodes and encodes again: the bytes that come out, or why none do. */
const roundTrip = (type: Vector["type"], bytes: Uint8Array): Result.Result<Uint8Array, unknown> => {
  switch (type) {
    case "StellarMessage":
      return Result.flatMap(decodeMessage(bytes), encodeMessage)
    case "SurveyResponseBody":
      return Result.flatMap(decodeXdr(SurveyResponseBody, bytes), (value) => encodeXdr(SurveyResponseBody, value))
    case "StellarValue":
      return Result.flatMap(decodeXdr(StellarValue, bytes), (value) => encodeXdr(StellarValue, value))
  }
}

const undecodedKinds: ReadonlyArray<number | undefined> = [
  MessageType.TX_SET,
  MessageType.TRANSACTION,
  MessageType.GENERALIZED_TX_SET
]

/** Vectors that a strict reading refuses and we let through. */
const deviations: ReadonlyArray<{ readonly why: string; readonly covers: (vector: Vector) => boolean }> = [
  {
    why: "Error.code is a plain enum field, which core does not check",
    covers: ({ id }) => id.startsWith("error-code-")
  },
  {
    why: "DontHave.type is a plain enum field, which core does not check",
    covers: ({ id }) => id.startsWith("dont-have-type-")
  },
  {
    why: "commandType of surveys is a plain enum field, which core does not check",
    covers: ({ id }) => id.startsWith("survey-request-command-") || id.startsWith("survey-response-command-")
  },
  {
    why: "transactions and sets of them are not decoded here but judged by the walk of transactions",
    covers: ({ type, xdr }) =>
      type === "StellarMessage" && xdr.length % 8 === 0 && undecodedKinds.includes(Number.parseInt(xdr.slice(0, 8), 16))
  }
]

describe("golden messages", () => {
  it("decodes every accepted vector and encodes it to the same bytes", () => {
    assert.strictEqual(vectors.accept.length, 149)
    for (const { id, type, xdr } of vectors.accept) {
      const again = roundTrip(type, hex(xdr))
      assert.isTrue(Result.isSuccess(again), id)
      assert.strictEqual(toHex(Result.getOrThrow(again)), xdr, id)
    }
  })

  it("names the kind of every accepted message as the vectors do", () => {
    for (const { id, type, xdr, messageType, name } of vectors.accept) {
      if (type !== "StellarMessage" || messageType === undefined) continue
      assert.strictEqual(messageName(messageType), name, id)
      assert.strictEqual(Result.getOrThrow(decodeMessage(hex(xdr)))._tag, name, id)
    }
  })

  it("refuses every rejected vector but for the deviations", () => {
    assert.strictEqual(vectors.reject.length, 346)
    for (const vector of vectors.reject) {
      const again = roundTrip(vector.type, hex(vector.xdr))
      const deviation = deviations.find(({ covers }) => covers(vector))
      assert.strictEqual(Result.isSuccess(again), deviation !== undefined, `${vector.id}: ${deviation?.why}`)
      if (Result.isSuccess(again)) assert.strictEqual(toHex(again.success), vector.xdr, vector.id)
    }
  })

  it("has no deviation that no vector needs", () => {
    for (const { why, covers } of deviations) assert.isTrue(vectors.reject.some(covers), why)
  })

  it("takes every frame of the recorded sessions apart and puts it together again", () => {
    const { sessions } = fixture<{
      readonly sessions: ReadonlyArray<{
        readonly id: string
        readonly frames: Some<"n" | "tcp" | "name" | "sequence" | "mac">
      }>
    }>("frames")
    let frames = 0
    for (const { id, frames: sent } of sessions) {
      for (const { n, tcp, name, sequence, mac } of sent) {
        const body = hex(tcp.slice(8))
        const record = Result.getOrThrow(decodeXdr(AuthenticatedMessage, body))
        assert.strictEqual(record.sequence, BigInt(sequence), `${id} ${n}`)
        assert.strictEqual(toHex(record.mac), mac, `${id} ${n}`)
        const message = Result.getOrThrow(decodeMessage(record.message))
        assert.strictEqual(message._tag, name, `${id} ${n}`)
        assert.deepStrictEqual(Result.getOrThrow(encodeMessage(message)), record.message, `${id} ${n}`)
        assert.deepStrictEqual(Result.getOrThrow(encodeXdr(AuthenticatedMessage, record)), body, `${id} ${n}`)
        frames++
      }
    }
    assert.strictEqual(frames, 159)
  })

  it("finds corrupt XDR in exactly the single frames where the vectors do", () => {
    const { receive } = fixture<{ readonly receive: { readonly vectors: Some<"id" | "tcp" | "outcome"> } }>("frames")
    for (const { id, tcp, outcome } of receive.vectors) {
      // Refused at its record mark, before there is anything to decode.
      if (id === "length-0") continue
      const read = Result.flatMap(
        decodeXdr(AuthenticatedMessage, hex(tcp.slice(8))),
        ({ message }) => decodeMessage(message)
      )
      assert.strictEqual(Result.isFailure(read), outcome.includes("corrupt XDR"), id)
    }
  })

  it("reads each HELLO of the handshake vectors, whatever the handshake then says", () => {
    const { hello } = fixture<{ readonly hello: { readonly vectors: Some<"id" | "tcp"> } }>("frames")
    for (const { id, tcp } of hello.vectors) {
      const record = Result.getOrThrow(decodeXdr(AuthenticatedMessage, hex(tcp.slice(8))))
      assert.strictEqual(Result.getOrThrow(decodeMessage(record.message))._tag, "HELLO", id)
    }
  })

  it("gives back the envelope of each transaction as it was", () => {
    const { transactions, legacyTxSets, generalizedTxSets } = fixture<{
      readonly transactions: { readonly vectors: Some<"messageXdr" | "envelopeXdr"> }
      readonly legacyTxSets: { readonly vectors: Some<"xdr"> }
      readonly generalizedTxSets: { readonly vectors: Some<"messageXdr" | "xdr"> }
    }>("hashes")
    for (const { messageXdr, envelopeXdr } of transactions.vectors) {
      const message = Result.getOrThrow(decodeMessage(hex(messageXdr)))
      assert.strictEqual(message._tag === "TRANSACTION" && toHex(message.transaction), envelopeXdr)
    }
    for (const { messageXdr, xdr } of generalizedTxSets.vectors) {
      const message = Result.getOrThrow(decodeMessage(hex(messageXdr)))
      assert.strictEqual(message._tag === "GENERALIZED_TX_SET" && toHex(message.generalizedTxSet), xdr)
    }
    for (const { xdr } of legacyTxSets.vectors) {
      const bytes = Result.getOrThrow(encodeMessage({ _tag: "TX_SET", txSet: hex(xdr) }))
      assert.strictEqual(toHex(bytes), `00000007${xdr}`)
    }
  })

  it("encodes statements, quorum sets and survey requests to the bytes that are signed or hashed", () => {
    const { valid, stellarValues } = fixture<{
      readonly valid: Some<"messageXdr" | "statementXdr" | "signature" | "slotIndex">
      readonly stellarValues: Some<"xdr">
    }>("scp")
    for (const { messageXdr, statementXdr, signature, slotIndex } of valid) {
      const message = Result.getOrThrow(decodeMessage(hex(messageXdr)))
      assert.isTrue(message._tag === "SCP_MESSAGE")
      if (message._tag !== "SCP_MESSAGE") continue
      const { statement } = message.envelope
      assert.strictEqual(toHex(Result.getOrThrow(encodeXdr(SCPStatement, statement))), statementXdr)
      assert.strictEqual(toHex(message.envelope.signature), signature)
      assert.strictEqual(statement.slotIndex, BigInt(slotIndex))
      assert.strictEqual(toHex(Result.getOrThrow(encodeXdr(SCPEnvelope, message.envelope))), messageXdr.slice(8))
    }
    for (const { xdr } of stellarValues) {
      const value = Result.getOrThrow(decodeXdr(StellarValue, hex(xdr)))
      assert.strictEqual(toHex(Result.getOrThrow(encodeXdr(StellarValue, value))), xdr)
    }
    const { quorumSets } = fixture<{ readonly quorumSets: { readonly vectors: Some<"xdr"> } }>("hashes")
    for (const { xdr } of quorumSets.vectors) {
      const set = Result.getOrThrow(decodeXdr(SCPQuorumSet, hex(xdr)))
      assert.strictEqual(toHex(Result.getOrThrow(encodeXdr(SCPQuorumSet, set))), xdr)
    }
    const { steps: [start], responseBody } = fixture<{
      readonly steps: readonly [Readonly<Record<"messageXdr" | "bytesSigned", string>>]
      readonly responseBody: { readonly plaintextXdr: string }
    }>("survey")
    const signed = Result.getOrThrow(
      decodeXdr(SignedTimeSlicedSurveyStartCollectingMessage, hex(start.messageXdr.slice(8)))
    )
    const inner = Result.getOrThrow(encodeXdr(TimeSlicedSurveyStartCollectingMessage, signed.startCollecting))
    assert.strictEqual(toHex(inner), start.bytesSigned)
    const opened = Result.getOrThrow(decodeXdr(SurveyResponseBody, hex(responseBody.plaintextXdr)))
    assert.strictEqual(opened.topologyResponseBodyV2.inboundPeers.length, 2)
    assert.strictEqual(toHex(Result.getOrThrow(encodeXdr(SurveyResponseBody, opened))), responseBody.plaintextXdr)
  })
})

describe("kinds of message", () => {
  it("names the 21 kinds and no other number", () => {
    const named = Array.from({ length: 300 }, (_, type) => messageName(type)).filter((name) => name !== undefined)
    assert.deepStrictEqual(new Set<string>(named), new Set(Object.keys(MessageType)))
    assert.strictEqual(named.length, 21)
    for (const type of [-1, 1, 4, 14, 15, 25, 26, 27, 1.5, Number.NaN]) assert.isUndefined(messageName(type))
  })

  it("carries a transaction that arrived in a larger buffer as a copy of its own", () => {
    const buffer = new Uint8Array(64)
    buffer.set([0, 0, 0, 8, 1, 2, 3, 4], 20)
    const message = Result.getOrThrow(decodeMessage(buffer.subarray(20, 28)))
    buffer.fill(0xff)
    assert.deepStrictEqual(message, { _tag: "TRANSACTION", transaction: Uint8Array.of(1, 2, 3, 4) })
  })
})

/** The bytes of a SCP_QUORUMSET nested `levels` deep: each set holds nothing but the next, the innermost one key. */
const nestedQuorumSet = (levels: number): Uint8Array => {
  const words: Array<number> = [MessageType.SCP_QUORUMSET]
  for (let level = 0; level < levels; level++) words.push(1, 0, 1)
  words.push(1, 1, 0, ...new Array<number>(8).fill(0x5a5a5a5a), 0)
  const bytes = new Uint8Array(words.length * 4)
  const view = new DataView(bytes.buffer)
  words.forEach((word, i) => view.setUint32(i * 4, word))
  return bytes
}

const nestedValue = (levels: number): SCPQuorumSet => {
  let set: SCPQuorumSet = { threshold: 1, validators: [new Uint8Array(32).fill(0x5a)], innerSets: [] }
  for (let level = 0; level < levels; level++) set = { threshold: 1, validators: [], innerSets: [set] }
  return set
}

describe("bounds", () => {
  // 1500 levels: the message, then a struct and a list for each of 749 sets, then a key.
  const deepest = 748

  it("reads and writes quorum sets as deep as core does", () => {
    const bytes = nestedQuorumSet(deepest)
    const message = Result.getOrThrow(decodeMessage(bytes))
    assert.deepStrictEqual(Result.getOrThrow(encodeMessage(message)), bytes)
    const written = encodeMessage({ _tag: "SCP_QUORUMSET", qSet: nestedValue(deepest) })
    assert.deepStrictEqual(Result.getOrThrow(written), bytes)
  })

  it("does not take many keys side by side for depth", () => {
    const message: StellarMessage = {
      _tag: "SCP_QUORUMSET",
      qSet: { threshold: 1, validators: Array.from({ length: 2000 }, () => new Uint8Array(32)), innerSets: [] }
    }
    assert.deepStrictEqual(Result.getOrThrow(Result.flatMap(encodeMessage(message), decodeMessage)), message)
  })

  it("refuses deeper ones, however deep, without exhausting the stack", () => {
    for (const levels of [deepest + 1, 2001, 10_000, 300_000]) {
      const read = decodeMessage(nestedQuorumSet(levels))
      assert.isTrue(Result.isFailure(read), String(levels))
      if (Result.isFailure(read)) assert.isAtMost(read.failure.reason.length, MAX_REASON_LENGTH)
      const written = encodeMessage({ _tag: "SCP_QUORUMSET", qSet: nestedValue(levels) })
      assert.isTrue(Result.isFailure(written) && written.failure._tag === "UnencodableXdr", String(levels))
    }
  })

  it("writes the same behind a long message, and behind one that was refused half-way", () => {
    const short: StellarMessage = { _tag: "SCP_QUORUMSET", qSet: nestedValue(1) }
    const bytes = nestedQuorumSet(1)
    const long = encodeMessage({ _tag: "TX_SET", txSet: new Uint8Array(200_000) })
    assert.isTrue(Result.isSuccess(long))
    assert.deepStrictEqual(Result.getOrThrow(encodeMessage(short)), bytes)
    assert.isTrue(Result.isFailure(encodeMessage({ _tag: "SCP_QUORUMSET", qSet: nestedValue(deepest + 1) })))
    assert.deepStrictEqual(Result.getOrThrow(encodeMessage(short)), bytes)
  })

  it("allocates nothing for a length that the input does not fill", () => {
    const huge = [
      "0000000000000000ffffffff", // ERROR_MSG: text
      "00000005ffffffff", // PEERS
      "0000000a00000001ffffffff", // SCP_QUORUMSET: validators
      "0000000a0000000100000000ffffffff", // SCP_QUORUMSET: inner sets
      `0000000b00000000${"00".repeat(40)}00000003${"00".repeat(32)}ffffffff`, // SCP_MESSAGE: votes
      `0000000b00000000${"00".repeat(40)}0000000100000001fffffffc`, // SCP_MESSAGE: value
      "00000012ffffffff", // FLOOD_ADVERT
      "00000015ffffffff" // survey request: signature
    ]
    const before = process.memoryUsage()
    for (const xdr of huge) {
      const read = decodeMessage(hex(xdr))
      assert.isTrue(Result.isFailure(read) && read.failure._tag === "MalformedXdr", xdr)
    }
    const after = process.memoryUsage()
    assert.isBelow(after.arrayBuffers + after.heapUsed - before.arrayBuffers - before.heapUsed, 16 * 1024 * 1024)
  })

  it("refuses to encode what breaks a bound, and says at which field", () => {
    const hash = new Uint8Array(32)
    const hashes = (count: number) => Array.from({ length: count }, () => hash)
    const address = { ip: { _tag: "IPv4", ipv4: new Uint8Array(4) }, port: 11_625, numFailures: 0 } as const
    const text = (length: number) => new Uint8Array(length)
    const cases: ReadonlyArray<readonly [field: string, bad: StellarMessage, good: StellarMessage]> = [
      [
        "txHashes",
        { _tag: "FLOOD_ADVERT", floodAdvert: { txHashes: hashes(1001) } },
        { _tag: "FLOOD_ADVERT", floodAdvert: { txHashes: hashes(1000) } }
      ],
      [
        "peers",
        { _tag: "PEERS", peers: Array.from({ length: 101 }, () => address) },
        { _tag: "PEERS", peers: Array.from({ length: 100 }, () => address) }
      ],
      [
        "msg",
        { _tag: "ERROR_MSG", error: { code: 0, msg: text(101) } },
        { _tag: "ERROR_MSG", error: { code: 0, msg: text(100) } }
      ],
      [
        "qSetHash",
        { _tag: "GET_SCP_QUORUMSET", qSetHash: text(31) },
        { _tag: "GET_SCP_QUORUMSET", qSetHash: text(32) }
      ],
      [
        "numBytes",
        { _tag: "SEND_MORE_EXTENDED", sendMoreExtended: { numMessages: 1, numBytes: 2 ** 32 } },
        { _tag: "SEND_MORE_EXTENDED", sendMoreExtended: { numMessages: 1, numBytes: 2 ** 32 - 1 } }
      ],
      ["ledgerSeq", { _tag: "GET_SCP_STATE", ledgerSeq: -1 }, { _tag: "GET_SCP_STATE", ledgerSeq: 0 }],
      ["flags", { _tag: "AUTH", auth: { flags: 1.5 } }, { _tag: "AUTH", auth: { flags: 200 } }],
      [
        "transaction",
        { _tag: "TRANSACTION", transaction: text(7) },
        { _tag: "TRANSACTION", transaction: text(8) }
      ]
    ]
    for (const [name, bad, good] of cases) {
      const refused = encodeMessage(bad)
      assert.isTrue(Result.isFailure(refused), name)
      if (Result.isFailure(refused)) {
        assert.strictEqual(refused.failure._tag, "UnencodableXdr")
        assert.include(refused.failure.reason, name)
      }
      assert.isTrue(Result.isSuccess(encodeMessage(good)), name)
    }
  })

  it("encodes unknown values of plain enum fields too, as it decodes them", () => {
    const bytes = Result.getOrThrow(
      encodeMessage({ _tag: "DONT_HAVE", dontHave: { type: -7, reqHash: new Uint8Array(32) } })
    )
    assert.deepStrictEqual(Result.getOrThrow(decodeMessage(bytes)), {
      _tag: "DONT_HAVE",
      dontHave: { type: -7, reqHash: new Uint8Array(32) }
    })
  })
})
