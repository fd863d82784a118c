/**
 * The properties of demands, of answers and of breaches notice what they are there for, and let pass what is right.
 */
import { assert, describe, it } from "@effect/vitest"
import { CREDIT_MESSAGES, MAX_TX_SET_OPERATIONS } from "../../src/core/stellar/limits.ts"
import { MessageType } from "../../src/core/stellar/messages.ts"
import { readUint32 } from "../../src/core/Xdr.ts"
import { breachesEndSessions } from "../../src/testing/stellar/properties/breaches.ts"
import { demandRules, demandsHaveTheirTime } from "../../src/testing/stellar/properties/demands.ts"
import { answersHaveALimit } from "../../src/testing/stellar/properties/queries.ts"
import { demandsAreRetried } from "../../src/testing/stellar/properties/retries.ts"
import { onlyWellFormed } from "../../src/testing/stellar/properties/wellFormed.ts"
import { frame, hashOf, HOSTILE, news, SECOND, watching, wayOf } from "./watching.ts"

const MILLI = 1000

describe("properties of demands", () => {
  it("see a demand of what was not advertised, and one that is made twice", () => {
    const { breaches, clock, hooks } = watching(demandRules)
    const way = wayOf(0, 1)
    const demand = () => hooks.sent?.(frame(way, "FLOOD_DEMAND", { hashes: [hashOf(1)] }))
    hooks.arrived?.(frame(way.back, "FLOOD_ADVERT", { hashes: [hashOf(1)] }))
    demand()
    clock.nowMicros = 61 * SECOND
    demand()
    assert.deepStrictEqual(breaches, [])
    demand()
    assert.deepStrictEqual(breaches, [0])
    hooks.sent?.(frame(way, "FLOOD_DEMAND", { hashes: [hashOf(2)] }))
    assert.deepStrictEqual(breaches, [0, 0])
  })

  it("see a sixteenth peer asked", () => {
    const { breaches, hooks } = watching(demandRules)
    for (let peer = 10; peer < 26; peer++) {
      assert.deepStrictEqual(breaches, [])
      const way = wayOf(0, peer)
      hooks.arrived?.(frame(way.back, "FLOOD_ADVERT", { hashes: [hashOf(1)] }))
      hooks.sent?.(frame(way, "FLOOD_DEMAND", { hashes: [hashOf(1)] }))
    }
    assert.deepStrictEqual(breaches, [0])
  })

  /** Both ways between nodes 0 and 1, on which frames have crossed in the calm; in one second from now it is known that they do. */
  const proven = (hooks: ReturnType<typeof watching>["hooks"], other = 1) => {
    const way = wayOf(0, other)
    for (const each of [way, way.back]) {
      hooks.sent?.(frame(each, "DONT_HAVE"))
      hooks.arrived?.(frame(each, "DONT_HAVE"))
      hooks.arrived?.(frame(each, "FLOOD_ADVERT", { hashes: [hashOf(1)] }))
    }
    return way
  }

  it("see a demand before the back-off of the one before is over", () => {
    const { breaches, clock, hooks } = watching(demandsHaveTheirTime)
    const [one, other, third] = [proven(hooks), proven(hooks), proven(hooks)]
    const demandAt = (millis: number, way: typeof one) => {
      clock.nowMicros = SECOND + millis * MILLI
      hooks.sent?.(frame(way, "FLOOD_DEMAND", { hashes: [hashOf(1)] }))
    }
    demandAt(0, one)
    demandAt(499.5, other)
    demandAt(1500, third)
    assert.deepStrictEqual(breaches, [], "half a second behind the first, a second behind the second")
    demandAt(2900, one)
    assert.deepStrictEqual(breaches, [0], "a second and a half behind the third")
  })

  it("judge no demand that may have waited for credit or for its link, was made before the calm, or of a hostile peer", () => {
    const { breaches, clock, hooks } = watching(demandsHaveTheirTime, { calmFromMicros: SECOND })
    const early = proven(hooks)
    clock.nowMicros = SECOND
    const [way, granted, hostile] = [proven(hooks), proven(hooks), proven(hooks, HOSTILE)]
    const demand = (over: typeof way) => hooks.sent?.(frame(over, "FLOOD_DEMAND", { hashes: [hashOf(1)] }))
    demand(way)
    clock.nowMicros = 2 * SECOND
    demand(early)
    demand(hostile)
    hooks.arrived?.(frame(granted.back, "SEND_MORE_EXTENDED", { grant: { messages: 1, bytes: 100 } }))
    demand(granted)
    demand(way)
    assert.deepStrictEqual(breaches, [])
  })

  it("see a demand of what is there", () => {
    const { breaches, clock, hooks } = watching(demandsHaveTheirTime)
    const way = proven(hooks)
    const demand = (byte: number) => hooks.sent?.(frame(way, "FLOOD_DEMAND", { hashes: [hashOf(byte)] }))
    clock.nowMicros = SECOND
    hooks.processed?.(0, news(1, hashOf(1), "TRANSACTION"), true)
    hooks.processed?.(0, news(1, hashOf(2), "TRANSACTION"), false)
    demand(1)
    clock.nowMicros = 2 * SECOND
    demand(2)
    assert.deepStrictEqual(breaches, [], "it came in the same instant, or was not accepted")
    hooks.said?.(0, news(0, hashOf(3), "TRANSACTION"))
    clock.nowMicros = 3 * SECOND
    demand(3)
    assert.deepStrictEqual(breaches, [0])
    clock.nowMicros = 13 * SECOND
    demand(3)
    assert.deepStrictEqual(breaches, [0], "it may have been let go of")
  })

  it("see that the next peer is not asked for what does not come", () => {
    const { breaches, clock, hooks } = watching(demandsAreRetried, { over: () => ({ isHostile: false }) })
    const [one, other] = [wayOf(0, 1), wayOf(0, 2)]
    const advertise = (way: typeof one) => hooks.sent?.(frame(way, "FLOOD_ADVERT", { hashes: [hashOf(9)] }))
    for (const way of [one, other]) {
      for (const byte of [1, 2, 3]) hooks.arrived?.(frame(way.back, "FLOOD_ADVERT", { hashes: [hashOf(byte)] }))
    }
    hooks.sent?.(frame(one, "FLOOD_DEMAND", { hashes: [hashOf(1), hashOf(2), hashOf(3)] }))
    hooks.arrived?.(frame(one.back, "TRANSACTION", { hash: hashOf(2) }))
    clock.nowMicros = 4 * SECOND
    advertise(other)
    assert.deepStrictEqual(breaches, [], "both who have it have 2 s, and a round")
    hooks.sent?.(frame(other, "FLOOD_DEMAND", { hashes: [hashOf(3)] }))
    clock.nowMicros = 5 * SECOND
    advertise(one)
    assert.deepStrictEqual(breaches, [], "it was asked for all of them")
    advertise(other)
    assert.deepStrictEqual(breaches, [0], "one is there, one was asked for again")
  })

  it("want nothing asked of a peer that has advertised so much since that it was shed", () => {
    for (const since of [MAX_TX_SET_OPERATIONS - 1, MAX_TX_SET_OPERATIONS]) {
      const { breaches, clock, hooks } = watching(demandsAreRetried)
      const way = wayOf(0, 1)
      const advertise = (hashes: ReadonlyArray<ReturnType<typeof hashOf>>) =>
        hooks.arrived?.(frame(way.back, "FLOOD_ADVERT", { hashes }))
      advertise([hashOf(1)])
      hooks.said?.(0, news(0, hashOf(2), "TRANSACTION"))
      advertise(Array.from({ length: since }, () => hashOf(2)))
      clock.nowMicros = 60 * SECOND
      hooks.sent?.(frame(way, "FLOOD_ADVERT", { hashes: [hashOf(9)] }))
      assert.deepStrictEqual(breaches, since < MAX_TX_SET_OPERATIONS ? [0] : [])
    }
  })

  it("want nothing asked again of a peer that comes back", () => {
    const { breaches, clock, hooks } = watching(demandsAreRetried)
    const [before, now] = [wayOf(0, 1), wayOf(0, 1)]
    hooks.arrived?.(frame(before.back, "FLOOD_ADVERT", { hashes: [hashOf(1)] }))
    hooks.sent?.(frame(before, "FLOOD_DEMAND", { hashes: [hashOf(1)] }))
    hooks.arrived?.(frame(now.back, "FLOOD_ADVERT", { hashes: [hashOf(1)] }))
    clock.nowMicros = 30 * SECOND
    hooks.sent?.(frame(now, "FLOOD_ADVERT", { hashes: [hashOf(9)] }))
    assert.deepStrictEqual(breaches, [])
  })

  it("want nothing asked again of a hostile peer, nor what a node has said or forgotten", () => {
    const { breaches, clock, hooks } = watching(demandsAreRetried)
    const [way, hostile] = [wayOf(0, 1), wayOf(0, HOSTILE)]
    hooks.arrived?.(frame(hostile.back, "FLOOD_ADVERT", { hashes: [hashOf(1)] }))
    hooks.arrived?.(frame(way.back, "FLOOD_ADVERT", { hashes: [hashOf(2)] }))
    hooks.said?.(0, news(0, hashOf(2), "TRANSACTION"))
    clock.nowMicros = 60 * SECOND
    for (const each of [way, hostile]) hooks.sent?.(frame(each, "FLOOD_ADVERT", { hashes: [hashOf(9)] }))
    assert.deepStrictEqual(breaches, [])
  })
})

describe("the property of breaches", () => {
  it("sees who goes on behind a frame out of its sequence, but for its last words", () => {
    const { breaches, clock, hooks } = watching(breachesEndSessions)
    const way = wayOf(HOSTILE, 0)
    hooks.arrived?.(frame(way, "GET_SCP_STATE", { isNext: false }))
    hooks.sent?.(frame(way.back, "SCP_MESSAGE"))
    clock.nowMicros = 1
    hooks.sent?.(frame(way.back, "ERROR_MSG"))
    hooks.sent?.(frame(wayOf(0, HOSTILE), "SCP_MESSAGE"))
    assert.deepStrictEqual(breaches, [], "what goes in the same instant was on its way out")
    hooks.sent?.(frame(way.back, "DONT_HAVE"))
    assert.deepStrictEqual(breaches, [0])
  })

  it("sees who goes on behind more messages in one chunk than all credit", () => {
    const goesOnBehind = (messages: number, aChunk: number): ReadonlyArray<number | undefined> => {
      const { breaches, clock, hooks } = watching(breachesEndSessions)
      const way = wayOf(HOSTILE, 0)
      for (let i = 0; i < messages; i++) {
        if (i % aChunk === 0) way.chunks += 1
        hooks.arrived?.(frame(way, i % 2 === 0 ? "SCP_MESSAGE" : "FLOOD_ADVERT"))
        hooks.arrived?.(frame(way, "GET_SCP_STATE"))
      }
      clock.nowMicros += 1
      hooks.sent?.(frame(way.back, "SCP_MESSAGE"))
      return breaches
    }
    assert.deepStrictEqual(goesOnBehind(CREDIT_MESSAGES, CREDIT_MESSAGES), [])
    assert.deepStrictEqual(goesOnBehind(CREDIT_MESSAGES + 1, CREDIT_MESSAGES + 1), [0])
    assert.deepStrictEqual(
      goesOnBehind(CREDIT_MESSAGES + 1, CREDIT_MESSAGES),
      [],
      "some of it may have been given back meanwhile"
    )
  })
})

describe("the property of answers", () => {
  const answering = (question: "GET_TX_SET" | "GET_SCP_QUORUMSET" | "GET_SCP_STATE", questions: number) => {
    const { breaches, clock, hooks } = watching(answersHaveALimit)
    const way = wayOf(0, HOSTILE)
    for (let i = 0; i < questions; i++) hooks.arrived?.(frame(way.back, question))
    return {
      breaches,
      clock,
      answer: (count: number, kind: keyof typeof MessageType, over = {}) => {
        for (let i = 0; i < count; i++) hooks.sent?.(frame(way, kind, over))
      }
    }
  }

  it("sees more answers about sets than a window allows, and counts anew in the next one", () => {
    for (const kind of ["TX_SET", "QUORUMSET"] as const) {
      const [question, set, missing] = kind === "TX_SET"
        ? ["GET_TX_SET", "GENERALIZED_TX_SET", MessageType.GENERALIZED_TX_SET] as const
        : ["GET_SCP_QUORUMSET", "SCP_QUORUMSET", MessageType.SCP_QUORUMSET] as const
      const { answer, breaches, clock } = answering(question, 1)
      answer(299, "DONT_HAVE", { missing })
      answer(1, set)
      clock.nowMicros = 60 * SECOND
      answer(300, "DONT_HAVE", { missing })
      assert.deepStrictEqual(breaches, [], kind)
      answer(1, set)
      assert.deepStrictEqual(breaches, [0], kind)
    }
  })

  it("sees an answer to no question", () => {
    const { answer, breaches } = answering("GET_TX_SET", 1)
    answer(1, "DONT_HAVE", { missing: MessageType.SCP_QUORUMSET })
    assert.deepStrictEqual(breaches, [0])
  })

  it("sees a statement given more often than a window allows, but for the once that it is flooded", () => {
    const { answer, breaches } = answering("GET_SCP_STATE", 1000)
    answer(11, "SCP_MESSAGE", { hash: hashOf(1) })
    answer(11, "SCP_MESSAGE", { hash: hashOf(2) })
    assert.deepStrictEqual(breaches, [])
    answer(1, "SCP_MESSAGE", { hash: hashOf(2) })
    assert.deepStrictEqual(breaches, [0])
  })
})

describe("the property of form", () => {
  /** An ENVELOPE_TYPE_TX without operations and signatures; of its last word nothing may be missing. */
  const transaction = (() => {
    const message = new Uint8Array(4 * (3 + 8 + 8))
    const view = new DataView(message.buffer)
    view.setUint32(0, MessageType.TRANSACTION)
    view.setUint32(4, 2)
    view.setUint32(4 * 11, 100)
    view.setUint32(4 * 13, 1)
    return message
  })()
  const unknown = (() => {
    const message = transaction.slice()
    new DataView(message.buffer).setUint32(4, 1000)
    return message
  })()
  const advert = Uint8Array.from([0, 0, 0, MessageType.FLOOD_ADVERT, 0, 0, 0, 1, ...new Uint8Array(32)])

  const breachesBy = (sender: number, ...messages: ReadonlyArray<Uint8Array>): ReadonlyArray<number | undefined> => {
    const { breaches, hooks } = watching(onlyWellFormed)
    const way = wayOf(sender, 1)
    for (const message of messages) {
      // Among others, as it lies in a chunk.
      const bytes = Uint8Array.from([1, 2, 3, 4, ...message, 5, 6, 7, 8])
      hooks.content?.({ ...frame(way, "HELLO"), kind: readUint32(message, 0) }, bytes, 4, bytes.length - 4)
    }
    return breaches
  }

  it("sees a transaction that is cut off, too long, or holds what nobody knows, and an advert with a hash too few", () => {
    assert.deepStrictEqual(breachesBy(0, transaction, advert), [])
    assert.deepStrictEqual(breachesBy(0, transaction, transaction.subarray(0, -4)), [0])
    assert.deepStrictEqual(breachesBy(0, Uint8Array.from([...transaction, 0, 0, 0, 0]), transaction), [0])
    assert.deepStrictEqual(breachesBy(0, unknown), [0])
    assert.deepStrictEqual(breachesBy(0, advert.subarray(0, -4)), [0])
    assert.deepStrictEqual(breachesBy(0, Uint8Array.from([0, 0, 0, MessageType.SCP_MESSAGE, 1, 2, 3, 4])), [0])
  })

  it("asks nothing of what a hostile node sends", () => {
    assert.deepStrictEqual(breachesBy(HOSTILE, transaction.subarray(0, -4)), [])
  })
})
