/**
 * Our messages against those of `@stellar/stellar-sdk`, which is made from the protocol's own XDR files.
 *
 * Three ways: the two descriptions are compared field by field and bound by bound; random values cross in both directions;
 * and damaged messages get the same verdict. Every difference is a named exception, and each exception must occur.
 */
import { assert, describe, it } from "@effect/vitest"
import type { AnySchema, UnionSchema, XdrType } from "@stellar/js-xdr"
import * as sdk from "@stellar/stellar-sdk/xdr"
import { Result } from "effect"
import { readFileSync } from "node:fs"
import {
  decodeMessage,
  type MessageName,
  messageName,
  MessageType,
  StellarMessage
} from "../../../src/core/stellar/messages.ts"
import { NodeID } from "../../../src/core/stellar/messages/base.ts"
import { AuthenticatedMessage, ErrorCode } from "../../../src/core/stellar/messages/handshake.ts"
import { SCPQuorumSet, StellarValue } from "../../../src/core/stellar/messages/scp.ts"
import { SurveyResponseBody, TIME_SLICED_SURVEY_TOPOLOGY } from "../../../src/core/stellar/messages/survey.ts"
import { decodeXdr, encodeXdr, Recursion, Rest } from "../../../src/core/stellar/XdrCodec.ts"
import { Random, randomArm, randomValue } from "./randomXdr.ts"

const VALUES_A_TYPE = 1000
const SEED = 0x57e11a2

const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

const union = (schema: XdrType<unknown>): UnionSchema<unknown> => {
  const any = schema as AnySchema
  if (any.kind !== "union") throw new Error(`expected a union, got ${any.kind}`)
  return any
}

/** The kinds whose content the walk of transactions judges; here they are bytes. */
const UNDECODED: ReadonlyArray<number> = [
  MessageType.TX_SET,
  MessageType.TRANSACTION,
  MessageType.GENERALIZED_TX_SET
]

const theirMessage = union(sdk.StellarMessage.schema)
const ourMessage = union(StellarMessage)

describe("the description of the messages", () => {
  /** A type as lines: the path of each leaf, and what stands there. Equal lines are equal bytes for equal values. */
  const lines = (schema: XdrType<unknown>, path: string, open: ReadonlyArray<XdrType<unknown>>): Array<string> => {
    if (open.includes(schema)) return [`${path}: the same again`]
    if (schema instanceof Recursion) return lines(schema.getSchema(), path, open)
    if (schema instanceof Rest) return [`${path}: rest`]
    if (schema === NodeID) return [`${path}.0: opaque[32]`]
    const any = schema as AnySchema
    const inside = [...open, schema]
    switch (any.kind) {
      case "opaque":
        return [`${path}: opaque[${any.length}]`]
      case "varOpaque":
      case "string":
        return [`${path}: opaque<${any.maxLength}>`]
      case "array":
        return lines(any.element, `${path}<${any.maxLength}>`, inside)
      case "option":
        return lines(any.element, `${path}*`, inside)
      case "lazy":
        return lines(any.getSchema(), path, open)
      case "enum":
        return [`${path}: enum ${[...any.nameByValue.keys()].toSorted((a, b) => a - b).join(" ")}`]
      case "struct": {
        // A struct around one field is its field: that is how keys and MACs stand in our values.
        const [first, ...others] = any.entries
        if (first !== undefined && others.length === 0) return lines(first[1], path, inside)
        return any.entries.flatMap(([name, field]) => lines(field, `${path}.${name.toLowerCase()}`, inside))
      }
      case "union": {
        const switchOn = any.switchOn as AnySchema
        const numbers = new Map<unknown, number>()
        if (switchOn.kind === "enum") { for (const [number, name] of switchOn.nameByValue) numbers.set(name, number) }
        return any.cases
          .map(({ discriminant, arm }) => ({ number: numbers.get(discriminant) ?? Number(discriminant), arm }))
          .toSorted((a, b) => a.number - b.number)
          .flatMap(({ number, arm }) => lines("schema" in arm ? arm.schema : arm, `${path}.${number}`, inside))
      }
      default:
        return [`${path}: ${any.kind}`]
    }
  }

  const liberal = "plain enum fields are any int32, as core reads them"
  const exceptions: ReadonlyArray<readonly [why: string, ours: string, theirs: RegExp]> = [
    [liberal, "message.0.code: int32", /^message\.0\.code: enum 0 1 2 3 4$/],
    [liberal, "message.3.type: int32", /^message\.3\.type: enum 0 2 3 5 .* 24$/],
    [liberal, "message.21.request.request.commandtype: int32", /^message\.21\.request\.request\.commandtype: enum 1$/],
    [
      liberal,
      "message.22.response.response.commandtype: int32",
      /^message\.22\.response\.response\.commandtype: enum 1$/
    ],
    ...UNDECODED.map((type) =>
      [
        "transactions and sets of them are judged by a walk of their own",
        `message.${type}: rest`,
        new RegExp(`^message\\.${type}\\.`)
      ] as const
    )
  ]

  it("is the protocol's own in every field, order, bound and discriminant", () => {
    const expected = new Set(exceptions.map(([, ours]) => ours))
    const ours = [
      ...lines(StellarMessage, "message", []),
      ...lines(SurveyResponseBody, "body", []),
      ...lines(StellarValue, "value", [])
    ]
    const theirs = [
      ...lines(sdk.StellarMessage.schema, "message", []),
      ...lines(sdk.SurveyResponseBody.schema, "body", []),
      ...lines(sdk.StellarValue.schema, "value", [])
    ]
    assert.deepStrictEqual(
      ours.filter((line) => !expected.has(line)),
      theirs.filter((line) => !exceptions.some(([, , pattern]) => pattern.test(line)))
    )
    for (const [why, our, their] of exceptions) {
      assert.include(ours, our, why)
      assert.isTrue(theirs.some((line) => their.test(line)), why)
    }
  })

  it("names the kinds as the protocol does", () => {
    const spelled = (name: string) => name.replaceAll("_", "").toLowerCase()
    for (const { name, discriminant } of theirMessage.cases) {
      assert.strictEqual(spelled(messageName(Number(discriminant)) ?? "none"), name.toLowerCase())
    }
    assert.strictEqual(theirMessage.cases.length, ourMessage.cases.length)
  })
})

/** Where we take what the SDK refuses. */
const leniencies: ReadonlyArray<readonly [why: string, covers: (message: StellarMessage) => boolean]> = [
  [
    "Error.code is a plain enum field: any int32",
    (message) => message._tag === "ERROR_MSG" && !Object.values<number>(ErrorCode).includes(message.error.code)
  ],
  [
    "DontHave.type is a plain enum field: any int32",
    (message) => message._tag === "DONT_HAVE" && messageName(message.dontHave.type) === undefined
  ],
  [
    "commandType of a survey's request is a plain enum field: any int32",
    (message) =>
      message._tag === "TIME_SLICED_SURVEY_REQUEST" &&
      message.surveyRequest.request.request.commandType !== TIME_SLICED_SURVEY_TOPOLOGY
  ],
  [
    "commandType of a survey's response is a plain enum field: any int32",
    (message) =>
      message._tag === "TIME_SLICED_SURVEY_RESPONSE" &&
      message.surveyResponse.response.response.commandType !== TIME_SLICED_SURVEY_TOPOLOGY
  ],
  [
    "transactions and sets of them are judged by a walk of their own",
    (message) => UNDECODED.includes(MessageType[message._tag])
  ]
]

const leniency = (message: StellarMessage): string | undefined => leniencies.find(([, covers]) => covers(message))?.[0]

describe("random values", () => {
  /** What the SDK encodes we decode, and encode to the same bytes. */
  const assertTheirsAreOurs = (
    theirs: XdrType<unknown>,
    ours: XdrType<unknown>,
    seed: number,
    make = (random: Random) => randomValue(theirs, random)
  ): void => {
    const random = new Random(seed)
    for (let i = 0; i < VALUES_A_TYPE; i++) {
      const bytes = theirs.encode(make(random))
      const value = decodeXdr(ours, bytes)
      const label = `seed ${seed}, value ${i}: ${toHex(bytes.subarray(0, 200))}`
      assert.isTrue(Result.isSuccess(value), label)
      const again = Result.getOrThrow(encodeXdr(ours, Result.getOrThrow(value)))
      assert.isTrue(Buffer.from(bytes).equals(again), label)
    }
  }

  theirMessage.cases.forEach((kind, index) => {
    if (UNDECODED.includes(Number(kind.discriminant))) return
    it(`of the SDK's ${kind.name} are ours to the byte`, () => {
      assertTheirsAreOurs(theirMessage, StellarMessage, SEED + index, (random) => randomArm(theirMessage, kind, random))
    })
  })

  it("of the SDK's SurveyResponseBody and StellarValue are ours to the byte", () => {
    assertTheirsAreOurs(sdk.SurveyResponseBody.schema, SurveyResponseBody, SEED + 100)
    assertTheirsAreOurs(sdk.StellarValue.schema, StellarValue, SEED + 101)
    assertTheirsAreOurs(sdk.ScpQuorumSet.schema, SCPQuorumSet, SEED + 102)
  })

  it("of the SDK's AuthenticatedMessage are ours to the byte, with any kind of message inside", () => {
    assertTheirsAreOurs(sdk.AuthenticatedMessage.schema, AuthenticatedMessage, SEED + 103)
  })

  it("of ours are the SDK's to the byte, but for the named leniencies", () => {
    const seen = new Set<string>()
    ourMessage.cases.forEach((kind, index) => {
      if (UNDECODED.includes(MessageType[kind.discriminant as MessageName])) return
      const random = new Random(SEED + 200 + index)
      for (let i = 0; i < VALUES_A_TYPE; i++) {
        const bytes = Result.getOrThrow(encodeXdr(ourMessage, randomArm(ourMessage, kind, random)))
        const label = `seed ${SEED + 200 + index}, value ${i}: ${toHex(bytes.subarray(0, 200))}`
        const lenient = leniency(Result.getOrThrow(decodeMessage(bytes)))
        if (lenient !== undefined) seen.add(lenient)
        assert.strictEqual(theirMessage.validateXdr(bytes), lenient === undefined, label)
        if (lenient === undefined) {
          assert.isTrue(Buffer.from(theirMessage.encode(theirMessage.decode(bytes))).equals(bytes), label)
        }
      }
    })
    assert.strictEqual(seen.size, leniencies.length - 1)
  })

  it("are never made for a kind of schema without a generator", () => {
    const unknown = Object.assign(Object.create(sdk.Hash.schema), { kind: "quadruple" })
    assert.throws(() => randomValue(unknown, new Random(1)), "no generator for the XDR kind quadruple")
  })
})

describe("damaged messages", () => {
  const vectors: ReadonlyArray<{ readonly id: string; readonly xdr: string }> = JSON.parse(
    readFileSync(new URL("../../fixtures/stellar-vectors/messages.json", import.meta.url), "utf8")
  ).accept

  /** Messages of each kind by the names of their vectors: small, and with every optional part somewhere. */
  const messages: Record<Exclude<MessageName, "TX_SET" | "TRANSACTION" | "GENERALIZED_TX_SET">, ReadonlyArray<string>> =
    {
      ERROR_MSG: ["error-typical", "error-pad-1", "error-pad-2", "error-pad-3"],
      AUTH: ["auth-200"],
      DONT_HAVE: ["dont-have-tx_set"],
      PEERS: ["peers-mixed"],
      GET_TX_SET: ["get-tx-set"],
      GET_SCP_QUORUMSET: ["get-scp-quorumset"],
      SCP_QUORUMSET: ["qset-nested"],
      SCP_MESSAGE: [
        "scp-prepare",
        "scp-prepare-min",
        "scp-confirm",
        "scp-externalize",
        "scp-nominate",
        "scp-nominate-odd-values"
      ],
      GET_SCP_STATE: ["get-scp-state-1000"],
      HELLO: ["hello"],
      SEND_MORE: ["send-more-40"],
      FLOOD_ADVERT: ["flood_advert-2"],
      FLOOD_DEMAND: ["flood_demand-2"],
      SEND_MORE_EXTENDED: ["send-more-extended-200-300000"],
      TIME_SLICED_SURVEY_REQUEST: ["survey-request"],
      TIME_SLICED_SURVEY_RESPONSE: ["survey-response-body-3"],
      TIME_SLICED_SURVEY_START_COLLECTING: ["survey-start"],
      TIME_SLICED_SURVEY_STOP_COLLECTING: ["survey-stop"]
    }

  const seen = new Set<string>()

  const assertSameVerdict = (bytes: Uint8Array, label: string): void => {
    const ours = decodeMessage(bytes)
    const theirs = theirMessage.validateXdr(bytes)
    if (Result.isSuccess(ours) === theirs) return
    const lenient = Result.isSuccess(ours) ? leniency(ours.success) : undefined
    assert.isDefined(lenient, `${label}: ours ${Result.isSuccess(ours)}, theirs ${theirs}`)
    seen.add(lenient)
  }

  for (const [name, ids] of Object.entries(messages)) {
    it(`of the kind ${name}, cut anywhere or with any bit flipped, get the SDK's verdict`, () => {
      for (const id of ids) {
        const xdr = vectors.find((vector) => vector.id === id)?.xdr
        assert.isDefined(xdr, id)
        const bytes = Uint8Array.from(Buffer.from(xdr, "hex"))
        assert.strictEqual(Result.getOrThrow(decodeMessage(bytes))._tag, name)
        for (let length = 0; length < bytes.length; length++) {
          assertSameVerdict(bytes.subarray(0, length), `${id}, first ${length}`)
        }
        for (let bit = 0; bit < bytes.length * 8; bit++) {
          const flipped = bytes.slice()
          flipped[bit >> 3]! ^= 1 << (bit & 7)
          assertSameVerdict(flipped, `${id}, bit ${bit}`)
        }
      }
    })
  }

  it("need each of the leniencies", () => {
    assert.deepStrictEqual(seen, new Set(leniencies.map(([why]) => why)))
  })
})
