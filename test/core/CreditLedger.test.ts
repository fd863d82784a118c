/**
 * Credit in both directions: what may come, when it goes back, when reading pauses, what may be sent.
 *
 * The sizes are those of stellar-core, so that its rules can be told with their numbers.
 */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { type Grant, ReceiveLedger, SendLedger } from "../../src/core/CreditLedger.ts"

const credit = {
  messages: 200,
  bytes: 300_000,
  batchMessages: 40,
  batchBytes: 100_000,
  readingMessages: 201,
  readingBytes: 1_048_576
}

/** The longest record, mark included: what must fit beside everything that is in process. */
const FLOOR = 16 * 1_048_576 + 4

const flood = true

const receiveLedger = () => new ReceiveLedger(credit, FLOOR)

const times = (count: number, action: () => void): void => {
  for (let i = 0; i < count; i++) action()
}

describe("what a peer may send us", () => {
  it("is 200 flood messages, and not one more [ref 5.3 credit in messages]", () => {
    const ledger = receiveLedger()
    times(200, () => assert.isTrue(ledger.take(10, flood)))
    assert.isFalse(ledger.take(10, flood))
    assert.strictEqual(ledger.messages, 0)
  })

  it("is 300,000 flood bytes, and not one more [ref 5.3 credit in bytes]", () => {
    const ledger = receiveLedger()
    assert.isTrue(ledger.take(200_000, flood))
    assert.isFalse(ledger.take(100_001, flood))
    assert.isTrue(ledger.take(100_000, flood))
    assert.isFalse(ledger.take(1, flood))
    assert.strictEqual(ledger.bytes, 0)
  })

  it("is not touched by a message that is refused", () => {
    const ledger = receiveLedger()
    assert.isTrue(ledger.take(299_999, flood))
    assert.isFalse(ledger.take(2, flood))
    assert.strictEqual(ledger.messages, 199)
    assert.strictEqual(ledger.bytes, 1)
    assert.strictEqual(ledger.inProcess(), 1)
  })

  it("is not used up by messages of other kinds, which need no credit", () => {
    const ledger = receiveLedger()
    times(3, () => assert.isTrue(ledger.take(300_000, !flood)))
    assert.strictEqual(ledger.messages, 200)
    assert.strictEqual(ledger.bytes, 300_000)
  })

  it("leaves room for a message of another kind when all flood credit is in process", () => {
    const ledger = receiveLedger()
    times(200, () => ledger.take(10, flood))
    assert.isTrue(ledger.canRead())
    assert.isTrue(ledger.take(12, !flood))
  })

  it("is 201 messages in process at once, whatever their kind [ref 5.2 201 messages in process]", () => {
    const ledger = receiveLedger()
    times(201, () => assert.isTrue(ledger.take(10, !flood)))
    assert.isFalse(ledger.take(10, !flood))
    assert.isFalse(ledger.take(10, flood))
  })

  it("is 1 MiB and one longest record in process at once", () => {
    const ledger = receiveLedger()
    assert.isTrue(ledger.take(credit.readingBytes - 1, !flood))
    assert.isTrue(ledger.canRead())
    assert.isTrue(ledger.take(FLOOR, !flood))
    assert.isFalse(ledger.take(2, !flood))
    assert.isTrue(ledger.take(1, !flood))
  })
})

describe("reading", () => {
  it("pauses at 201 messages in process, and goes on as soon as one is done with", () => {
    const ledger = receiveLedger()
    times(200, () => ledger.take(10, !flood))
    assert.isTrue(ledger.canRead())
    ledger.take(10, !flood)
    assert.isFalse(ledger.canRead())
    ledger.consume(10, !flood)
    assert.isTrue(ledger.canRead())
  })

  it("pauses at 1 MiB in process, and goes on below it [ref 5.4 reading pauses]", () => {
    const ledger = receiveLedger()
    ledger.take(credit.readingBytes - 1, !flood)
    assert.isTrue(ledger.canRead())
    ledger.take(1, !flood)
    assert.isFalse(ledger.canRead())
    ledger.consume(1, !flood)
    assert.isTrue(ledger.canRead())
  })

  it("does not pause for want of flood credit: to send without it ends the peer", () => {
    const ledger = receiveLedger()
    ledger.take(300_000, flood)
    assert.isTrue(ledger.canRead())
  })

  it.prop(
    "pauses exactly where stellar-core's own sums do",
    {
      sizes: Schema.Array(Schema.Tuple([
        Schema.Int.check(Schema.isBetween({ minimum: 4, maximum: 300_000 })),
        Schema.Boolean
      ])).check(Schema.isMinLength(50), Schema.isMaxLength(300))
    },
    ({ sizes }) => {
      // Core counts what is left and keeps a floor under it; here what is in process is counted.
      const ledger = receiveLedger()
      const core = { messages: 201, bytes: FLOOR + credit.readingBytes, floodMessages: 200, floodBytes: 300_000 }
      for (const [size, isFlood] of sizes) {
        const refused = (isFlood && (core.floodBytes < size || core.floodMessages < 1))
          || core.bytes < size || core.messages < 1
        assert.strictEqual(ledger.take(size, isFlood), !refused)
        if (refused) continue
        core.messages -= 1
        core.bytes -= size
        if (isFlood) core.floodMessages -= 1
        if (isFlood) core.floodBytes -= size
        assert.strictEqual(ledger.canRead(), core.messages > 0 && core.bytes > FLOOR)
      }
    }
  )
})

describe("credit goes back", () => {
  const consumed = (ledger: ReceiveLedger, size: number): Grant | undefined => {
    assert.isTrue(ledger.take(size, flood))
    return ledger.consume(size, flood)
  }

  it("after 40 messages, with their bytes", () => {
    const ledger = receiveLedger()
    times(39, () => assert.isUndefined(consumed(ledger, 100)))
    assert.deepStrictEqual(consumed(ledger, 100), { messages: 40, bytes: 4000 })
    assert.isUndefined(consumed(ledger, 100))
  })

  it("after 100,000 bytes, with their messages [ref 5.3 batch of 100,000 bytes]", () => {
    const ledger = receiveLedger()
    assert.isUndefined(consumed(ledger, 99_999))
    assert.deepStrictEqual(consumed(ledger, 150_000), { messages: 2, bytes: 249_999 })
    assert.deepStrictEqual(consumed(ledger, 100_000), { messages: 1, bytes: 100_000 })
  })

  it("not for messages that needed none", () => {
    const ledger = receiveLedger()
    times(100, () => {
      ledger.take(3000, !flood)
      assert.isUndefined(ledger.consume(3000, !flood))
    })
  })

  it("only for what was consumed, not for what was received", () => {
    const ledger = receiveLedger()
    times(200, () => ledger.take(10, flood))
    assert.strictEqual(ledger.messages, 0)
    times(39, () => assert.isUndefined(ledger.consume(10, flood)))
    assert.deepStrictEqual(ledger.consume(10, flood), { messages: 40, bytes: 400 })
    assert.strictEqual(ledger.messages, 40)
    assert.strictEqual(ledger.inProcess(), 160)
  })

  it("in bytes alone when the limit is raised, without any message [ref 5.5 grant of an upgrade]", () => {
    const ledger = receiveLedger()
    assert.deepStrictEqual(ledger.raise(50_000), { messages: 0, bytes: 50_000 })
    assert.isTrue(ledger.take(350_000, flood))
    assert.isFalse(ledger.take(1, flood))
  })

  it.prop(
    "exactly as it was consumed: the sum of both sides never changes",
    {
      steps: Schema.Array(Schema.Tuple([
        Schema.Int.check(Schema.isBetween({ minimum: 4, maximum: 120_000 })),
        Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 3 }))
      ])).check(Schema.isMinLength(100), Schema.isMaxLength(300))
    },
    ({ steps }) => {
      const receiver = receiveLedger()
      const sender = new SendLedger()
      assert.isTrue(sender.grant(credit.messages, credit.bytes))
      const inFlight: Array<readonly [number, boolean]> = []
      // What was consumed and is not granted yet, as the sender and the receiver see it.
      const owed = { messages: 0, bytes: 0 }
      for (const [size, kind] of steps) {
        const isFlood = kind > 0
        if (kind < 3 && receiver.canRead() && (!isFlood || sender.covers(size))) {
          if (isFlood) sender.spend(size)
          assert.isTrue(receiver.take(size, isFlood), "who keeps to its credit is never refused")
          inFlight.push([size, isFlood])
        } else {
          const oldest = inFlight.shift()
          if (oldest === undefined) continue
          const grant = receiver.consume(...oldest)
          if (oldest[1]) {
            owed.messages += 1
            owed.bytes += oldest[0]
          }
          if (grant !== undefined) {
            assert.deepStrictEqual(grant, owed)
            assert.isAtMost(grant.messages, credit.batchMessages)
            assert.isTrue(sender.grant(grant.messages, grant.bytes))
            owed.messages = 0
            owed.bytes = 0
          }
        }
        const waiting = inFlight.filter(([, counts]) => counts)
        const waitingBytes = waiting.reduce((sum, [bytes]) => sum + bytes, 0)
        assert.strictEqual(receiver.messages + waiting.length, credit.messages)
        assert.strictEqual(receiver.bytes + waitingBytes, credit.bytes)
        assert.deepStrictEqual(sender.left(), {
          messages: receiver.messages - owed.messages,
          bytes: receiver.bytes - owed.bytes
        })
        assert.isBelow(owed.messages, credit.batchMessages)
        assert.isBelow(owed.bytes, credit.batchBytes)
      }
    }
  )
})

describe("what we may send to a peer", () => {
  it("is nothing before its first grant", () => {
    const ledger = new SendLedger()
    assert.isFalse(ledger.covers(0))
    assert.deepStrictEqual(ledger.left(), { messages: 0, bytes: 0 })
  })

  it("is what it granted, in messages and in bytes [ref 5.5 credit for messages and bytes]", () => {
    const ledger = new SendLedger()
    assert.isTrue(ledger.grant(2, 100))
    assert.isTrue(ledger.covers(100))
    assert.isFalse(ledger.covers(101))
    ledger.spend(60)
    assert.isTrue(ledger.covers(40))
    assert.isFalse(ledger.covers(41))
    ledger.spend(10)
    assert.isFalse(ledger.covers(1), "30 bytes are left, and no message")
    assert.deepStrictEqual(ledger.left(), { messages: 0, bytes: 30 })
  })

  it("grows by bytes alone after a grant of no messages", () => {
    const ledger = new SendLedger()
    assert.isTrue(ledger.grant(1, 10))
    assert.isTrue(ledger.grant(0, 90))
    assert.isTrue(ledger.covers(100))
    ledger.spend(100)
    assert.isFalse(ledger.covers(0))
  })

  it("adds up over many grants", () => {
    const ledger = new SendLedger()
    times(1000, () => assert.isTrue(ledger.grant(0xffffffff, 0xffffffff)))
    assert.deepStrictEqual(ledger.left(), { messages: 1000 * 0xffffffff, bytes: 1000 * 0xffffffff })
  })

  /** Grants up to `2^64 - 1 - missing` in steps that a number holds exactly. */
  const nearlyFull = (missing: number, add: (amount: number) => boolean): void => {
    times(4095, () => assert.isTrue(add(2 ** 52)))
    assert.isTrue(add(2 ** 52 - 1 - missing))
  }

  it("can be 2^64 - 1 messages, and one more overflows [ref 5.5 overflow]", () => {
    const ledger = new SendLedger()
    nearlyFull(5, (amount) => ledger.grant(amount, 0))
    assert.isTrue(ledger.grant(5, 1))
    assert.isFalse(ledger.grant(1, 1))
  })

  it("can be 2^64 - 1 bytes, and one more overflows [ref 5.5 overflow]", () => {
    const ledger = new SendLedger()
    nearlyFull(5, (amount) => ledger.grant(0, amount))
    assert.isFalse(ledger.grant(1, 6))
  })

  it("is counted exactly where numbers are not exact any more", () => {
    const ledger = new SendLedger()
    nearlyFull(0, (amount) => ledger.grant(0, amount))
    assert.isTrue(ledger.grant(2, 0))
    ledger.spend(1)
    assert.isTrue(ledger.grant(0, 1))
    assert.isFalse(ledger.grant(0, 1))
    // A spend that borrows from the high part.
    const other = new SendLedger()
    assert.isTrue(other.grant(1, 2 ** 52))
    other.spend(1)
    assert.strictEqual(other.left().bytes, 2 ** 52 - 1)
  })
})
