/**
 * What waits for one peer: the order in which it goes, what credit holds back, what is shed.
 */
import { assert, describe, it } from "@effect/vitest"
import { SendLedger } from "../../src/core/CreditLedger.ts"
import { Outbox, type OutboxLimits, type QueueRule, type RingLimits } from "../../src/core/Outbox.ts"
import type { Priority } from "../../src/core/Priority.ts"

const wide: RingLimits = { units: 1000, bytes: 100_000 }

const limitsWith = (limits: Partial<Record<Priority | "control", RingLimits>>): OutboxLimits => ({
  control: limits.control ?? wide,
  rings: [limits[0] ?? wide, limits[1] ?? wide, limits[2] ?? wide, limits[3] ?? wide]
})

/** A message of this many bytes that can be told from others by its first. */
const message = (name: number, bytes = 10): Uint8Array => {
  const made = new Uint8Array(bytes)
  made[0] = name
  return made
}

interface Options {
  readonly credit?: readonly [number, number]
  readonly limits?: OutboxLimits
  readonly rule?: QueueRule
}

const outboxWith = (options: Options = {}) => {
  const ledger = new SendLedger()
  ledger.grant(...(options.credit ?? [1000, 1_000_000] as const))
  const outbox = new Outbox(options.limits ?? limitsWith({}), ledger, options.rule)
  /** The names of what goes now; stops behind `most`. */
  const sent = (most = Number.POSITIVE_INFINITY): ReadonlyArray<number> => {
    const names: Array<number> = []
    outbox.drain({
      take: (bytes) => {
        if (names.length >= most) return false
        names.push(bytes[0]!)
        return true
      }
    })
    return names
  }
  return { ledger, outbox, sent }
}

describe("an outbox", () => {
  it("gives control messages first, then the rings by priority, each first in first out [ref 5.6 priorities]", () => {
    const { outbox, sent } = outboxWith()
    outbox.offer(3, message(31), 1, 0)
    outbox.offer(1, message(11), 1, 0)
    outbox.offer(0, message(1), 1, 0)
    outbox.offer(2, message(21), 1, 0)
    outbox.offer(1, message(12), 1, 0)
    assert.isTrue(outbox.offerControl(message(91), 0))
    outbox.offer(0, message(2), 1, 0)
    assert.isTrue(outbox.offerControl(message(92), 0))
    assert.deepStrictEqual(sent(), [91, 92, 1, 2, 11, 12, 21, 31])
    assert.isTrue(outbox.isEmpty())
    assert.deepStrictEqual(sent(), [])
  })

  it("keeps its order over many turns of its rings", () => {
    const { outbox, sent } = outboxWith()
    const gone: Array<number> = []
    let next = 0
    for (let turn = 0; turn < 50; turn++) {
      for (let i = 0; i < 5; i++) outbox.offer(0, message(next++ % 256), 1, 0)
      gone.push(...sent(turn % 9))
    }
    gone.push(...sent())
    assert.deepStrictEqual(gone, Array.from({ length: 250 }, (_, i) => i))
  })

  it("lets a lower ring go on where the head of a higher one has no credit [ref 5.6 small ones overtake]", () => {
    const { ledger, outbox, sent } = outboxWith({ credit: [10, 100] })
    outbox.offer(1, message(11, 150), 1, 0)
    outbox.offer(1, message(12, 10), 1, 0)
    outbox.offer(3, message(31, 60), 1, 0)
    assert.deepStrictEqual(sent(), [31], "12 waits behind 11: a ring keeps its order")
    assert.isTrue(outbox.isBlocked())
    assert.isFalse(outbox.isEmpty())
    ledger.grant(0, 120)
    assert.deepStrictEqual(sent(), [11, 12])
    assert.isFalse(outbox.isBlocked())
  })

  it("spends credit for what was taken, and none for control messages", () => {
    const { ledger, outbox, sent } = outboxWith({ credit: [5, 100] })
    outbox.offerControl(message(91, 1000), 0)
    outbox.offer(0, message(1, 30), 1, 0)
    outbox.offer(2, message(21, 20), 40, 0)
    assert.deepStrictEqual(sent(), [91, 1, 21])
    assert.deepStrictEqual(ledger.left(), { messages: 3, bytes: 50 })
  })

  it("sends control messages without any credit", () => {
    const { outbox, sent } = outboxWith({ credit: [0, 0] })
    outbox.offer(0, message(1), 1, 0)
    outbox.offerControl(message(91), 0)
    assert.deepStrictEqual(sent(), [91])
    assert.isTrue(outbox.isBlocked())
  })

  it("keeps first what was not taken, and spends nothing for it", () => {
    const { ledger, outbox, sent } = outboxWith({ credit: [10, 100] })
    outbox.offerControl(message(91), 0)
    outbox.offer(0, message(1), 1, 0)
    outbox.offer(0, message(2), 1, 0)
    assert.deepStrictEqual(sent(0), [])
    assert.deepStrictEqual(sent(2), [91, 1])
    assert.deepStrictEqual(ledger.left(), { messages: 9, bytes: 90 })
    outbox.offerControl(message(92), 0)
    assert.deepStrictEqual(sent(), [92, 2])
  })

  it("tells when the last taken message had been offered", () => {
    const { outbox } = outboxWith({ credit: [1, 100] })
    assert.isUndefined(outbox.drain({ take: () => true }))
    outbox.offer(0, message(1), 1, 500)
    outbox.offer(0, message(2), 1, 600)
    outbox.offerControl(message(91), 700)
    assert.strictEqual(outbox.drain({ take: () => true }), 500)
    assert.isUndefined(outbox.drain({ take: () => true }), "what has no credit is not taken")
    outbox.offerControl(message(92), 800)
    assert.isUndefined(outbox.drain({ take: () => false }))
    assert.strictEqual(outbox.drain({ take: () => true }), 800)
  })

  it("takes one message without credit for a blockage, not several", () => {
    const { outbox } = outboxWith({ credit: [1, 5] })
    assert.isFalse(outbox.isBlocked())
    outbox.offer(2, message(21, 6), 1, 0)
    assert.isTrue(outbox.isBlocked())
  })
})

describe("a full outbox", () => {
  it("sheds the oldest of the ring beyond its units, and counts them", () => {
    const { outbox, sent } = outboxWith({ limits: limitsWith({ 3: { units: 100, bytes: 100_000 } }) })
    outbox.offer(3, message(31), 40, 0)
    outbox.offer(3, message(32), 40, 0)
    outbox.offer(3, message(33), 30, 0)
    assert.deepStrictEqual(outbox.shedUnits, [0, 0, 0, 40])
    assert.strictEqual(outbox.waitingUnits(3), 70)
    outbox.offer(3, message(34), 100, 0)
    assert.deepStrictEqual(outbox.shedUnits, [0, 0, 0, 110])
    assert.deepStrictEqual(sent(), [34])
  })

  it("sheds the oldest of the ring beyond its bytes", () => {
    const { outbox, sent } = outboxWith({ limits: limitsWith({ 1: { units: 1000, bytes: 100 } }) })
    outbox.offer(1, message(11, 50), 1, 0)
    outbox.offer(1, message(12, 50), 1, 0)
    assert.deepStrictEqual(outbox.shedUnits, [0, 0, 0, 0])
    outbox.offer(1, message(13, 60), 1, 0)
    assert.deepStrictEqual(outbox.shedUnits, [0, 2, 0, 0])
    assert.deepStrictEqual(sent(), [13])
  })

  it("leaves the other rings alone", () => {
    const { outbox, sent } = outboxWith({ limits: limitsWith({ 0: { units: 1, bytes: 1000 } }) })
    outbox.offer(1, message(11), 1, 0)
    outbox.offer(0, message(1), 1, 0)
    outbox.offer(0, message(2), 1, 0)
    assert.deepStrictEqual(sent(), [2, 11])
  })

  it("sheds a message that could never fit itself, and not those that do", () => {
    const { outbox, sent } = outboxWith({ limits: limitsWith({ 1: { units: 10, bytes: 100 } }) })
    outbox.offer(1, message(11), 1, 0)
    outbox.offer(1, message(12, 101), 1, 0)
    outbox.offer(1, message(13), 11, 0)
    assert.deepStrictEqual(outbox.shedUnits, [0, 12, 0, 0])
    assert.deepStrictEqual(sent(), [11])
  })

  it("refuses a control message beyond its count", () => {
    const { outbox, sent } = outboxWith({ limits: limitsWith({ control: { units: 2, bytes: 1000 } }) })
    assert.isTrue(outbox.offerControl(message(91), 0))
    assert.isTrue(outbox.offerControl(message(92), 0))
    assert.isFalse(outbox.offerControl(message(93), 0))
    assert.deepStrictEqual(sent(), [91, 92])
    assert.isTrue(outbox.offerControl(message(94), 0))
  })

  it("refuses a control message beyond its bytes, but lets a single large one through", () => {
    const { outbox } = outboxWith({ limits: limitsWith({ control: { units: 10, bytes: 100 } }) })
    assert.isTrue(outbox.offerControl(message(91, 500), 0))
    assert.isFalse(outbox.offerControl(message(92, 1), 0))
    outbox.drain({ take: () => true })
    assert.isTrue(outbox.offerControl(message(93, 60), 0))
    assert.isTrue(outbox.offerControl(message(94, 40), 0))
    assert.isFalse(outbox.offerControl(message(95, 1), 0))
  })

  it("keeps what is in when its limits become narrower, and sheds at the next offer", () => {
    const { outbox, sent } = outboxWith()
    for (let name = 11; name <= 15; name++) outbox.offer(1, message(name), 1, 0)
    outbox.setLimits(limitsWith({ 1: { units: 2, bytes: 1000 } }))
    assert.strictEqual(outbox.waitingUnits(1), 5)
    outbox.offer(1, message(16), 1, 0)
    assert.strictEqual(outbox.shedUnits[1], 4)
    assert.deepStrictEqual(sent(), [15, 16])
  })
})

describe("a full outbox that several senders fill", () => {
  const full = (units: number) => outboxWith({ limits: limitsWith({ 1: { units, bytes: 100_000 } }) })

  it("sheds the oldest of the one who has most in it, and keeps the order of the others", () => {
    const { outbox, sent } = full(5)
    outbox.offer(1, message(1), 1, 0, 7)
    for (const name of [11, 12, 13]) outbox.offer(1, message(name), 1, 0, 3)
    outbox.offer(1, message(2), 1, 0, 7)
    outbox.offer(1, message(21), 1, 0, 0)
    assert.deepStrictEqual(outbox.shedUnits, [0, 1, 0, 0])
    outbox.offer(1, message(14), 1, 0, 3)
    outbox.offer(1, message(15), 1, 0, 3)
    assert.deepStrictEqual(sent(), [1, 2, 21, 14, 15])
  })

  it("costs a sender nothing however much another one sends", () => {
    const { outbox, sent } = full(100)
    for (let name = 0; name < 20; name++) outbox.offer(1, message(name), 1, 0, 1)
    for (let i = 0; i < 1000; i++) outbox.offer(1, message(255), 1, 0, 2)
    assert.deepStrictEqual(sent().filter((name) => name < 255), Array.from({ length: 20 }, (_, i) => i))
    assert.deepStrictEqual(outbox.shedUnits, [0, 920, 0, 0])
    assert.deepStrictEqual(outbox.shedOverShare, [0, 920, 0, 0])
  })

  it("weighs senders in bytes where those are too many", () => {
    const { outbox, sent } = outboxWith({ limits: limitsWith({ 1: { units: 100, bytes: 100 } }) })
    outbox.offer(1, message(11, 60), 1, 0, 1)
    for (const name of [21, 22, 23]) outbox.offer(1, message(name, 10), 1, 0, 2)
    outbox.offer(1, message(24, 20), 1, 0, 2)
    assert.deepStrictEqual(sent(), [21, 22, 23, 24])
  })

  it("counts none as above its share where all have as much, or there is but one", () => {
    const { outbox } = full(4)
    for (let i = 0; i < 8; i++) outbox.offer(1, message(i), 1, 0, 5)
    outbox.drain({ take: () => true })
    for (let i = 0; i < 4; i++) outbox.offer(1, message(i), 1, 0, i % 2)
    outbox.setLimits(limitsWith({ 1: { units: 5, bytes: 1000 } }))
    outbox.offer(1, message(9), 2, 0, 2)
    assert.deepStrictEqual(outbox.shedUnits, [0, 5, 0, 0])
    assert.deepStrictEqual(outbox.shedOverShare, [0, 0, 0, 0])
  })

  it("begins anew when it was empty", () => {
    const { outbox, sent } = full(2)
    for (let i = 0; i < 5; i++) outbox.offer(1, message(i), 1, 0, 1)
    sent()
    outbox.offer(1, message(11), 1, 0, 1)
    outbox.offer(1, message(21), 1, 0, 2)
    outbox.offer(1, message(22), 1, 0, 2)
    assert.deepStrictEqual(sent(), [11, 22])
  })

  it("counts what it holds exactly, whatever comes and goes", () => {
    const { outbox } = outboxWith({
      credit: [1_000_000, 1_000_000_000],
      limits: limitsWith({ 1: { units: 50, bytes: 100_000 } })
    })
    let random = 1
    const next = (below: number): number => (random = random * 48_271 % 2_147_483_647) % below
    const taken: Array<number> = []
    let offered = 0
    for (let turn = 0; turn < 2000; turn++) {
      const units = 1 + next(4)
      outbox.offer(1, message(units), units, 0, next(5))
      offered += units
      assert.isAtMost(outbox.waitingUnits(1), 50)
      if (next(10) === 0) {
        let most = next(30)
        outbox.drain({ take: (bytes) => most-- > 0 && taken.push(bytes[0]!) > 0 })
      }
      const gone = outbox.shedUnits[1] + taken.reduce((sum, each) => sum + each, 0)
      assert.strictEqual(gone + outbox.waitingUnits(1), offered)
    }
    outbox.drain({ take: () => true })
    assert.isTrue(outbox.isEmpty())
    assert.strictEqual(outbox.waitingUnits(1), 0)
  })
})

describe("an outbox with a rule", () => {
  /** The first byte is the subject, the second how new it is; a third of 1 says that nobody needs it. */
  const rule: QueueRule = {
    priority: 0,
    subject: (bytes) => bytes[0]!,
    replaces: (bytes, queued) => bytes[1]! > queued[1]!,
    isOutdated: (bytes) => bytes[2] === 1
  }
  const word = (subject: number, version: number, outdated = 0, bytes = 10): Uint8Array => {
    const made = new Uint8Array(bytes)
    made.set([subject, version, outdated])
    return made
  }
  const ruled = (limits?: OutboxLimits) => {
    const { outbox } = outboxWith({ rule, ...limits === undefined ? {} : { limits } })
    const sent = (): ReadonlyArray<ReadonlyArray<number>> => {
      const words: Array<ReadonlyArray<number>> = []
      outbox.drain({ take: (bytes) => words.push([bytes[0]!, bytes[1]!]) > 0 })
      return words
    }
    return { outbox, sent }
  }

  it("puts a later message in the place of the one that it replaces", () => {
    const { outbox, sent } = ruled()
    for (const each of [word(1, 1), word(2, 1), word(3, 1), word(2, 5)]) outbox.offer(0, each, 1, 0)
    assert.strictEqual(outbox.waitingUnits(0), 3)
    assert.strictEqual(outbox.replaced, 1)
    assert.deepStrictEqual(sent(), [[1, 1], [2, 5], [3, 1]])
    assert.isTrue(outbox.isEmpty())
    assert.deepStrictEqual(outbox.shedUnits, [0, 0, 0, 0])
  })

  it("lets an earlier one stand behind the later one", () => {
    const { outbox, sent } = ruled()
    for (const each of [word(2, 5), word(2, 1)]) outbox.offer(0, each, 1, 0)
    assert.strictEqual(outbox.replaced, 0)
    assert.deepStrictEqual(sent(), [[2, 5], [2, 1]])
  })

  it("replaces only what still waits", () => {
    const { outbox, sent } = ruled()
    outbox.offer(0, word(2, 1), 1, 0)
    assert.deepStrictEqual(sent(), [[2, 1]])
    outbox.offer(0, word(2, 2), 1, 0)
    assert.deepStrictEqual(sent(), [[2, 2]])
    assert.strictEqual(outbox.replaced, 0)
  })

  it("leaves other rings as they are", () => {
    const { outbox, sent } = ruled()
    for (const version of [1, 2]) outbox.offer(1, word(2, version, 1), 1, 0)
    outbox.dropOutdated()
    assert.deepStrictEqual(sent(), [[2, 1], [2, 2]])
    assert.strictEqual(outbox.outdated, 0)
  })

  it("takes a replacement's own length and time for those of the place", () => {
    const { outbox } = ruled(limitsWith({ 0: { units: 10, bytes: 100 } }))
    outbox.offer(0, word(1, 1), 1, 100)
    outbox.offer(0, word(2, 1), 1, 200)
    outbox.offer(0, word(2, 2, 0, 95), 1, 300)
    assert.deepStrictEqual(outbox.shedUnits, [1, 0, 0, 0], "95 and 10 bytes are more than 100: the oldest goes")
    assert.strictEqual(outbox.drain({ take: () => true }), 300)
  })

  it("takes out what nobody needs, and keeps the order of the rest", () => {
    const { outbox, sent } = ruled()
    for (let i = 1; i <= 20; i++) outbox.offer(0, word(i, 1, i % 3 === 0 ? 1 : 0), 1, 0)
    outbox.dropOutdated()
    assert.strictEqual(outbox.outdated, 6)
    assert.strictEqual(outbox.waitingUnits(0), 14)
    assert.deepStrictEqual(
      sent().map(([subject]) => subject),
      [1, 2, 4, 5, 7, 8, 10, 11, 13, 14, 16, 17, 19, 20]
    )
    assert.isTrue(outbox.isEmpty())
  })
})

describe("an outbox while the node stood still", () => {
  it("takes that time out of the age of what waits, and makes nothing younger than it can be", () => {
    const { outbox } = outboxWith()
    outbox.offer(0, message(1), 1, 1000)
    outbox.offerControl(message(91), 1000)
    outbox.offer(1, message(11), 1, 9000)
    outbox.postpone(5000, 10_000)
    const ages: Array<number | undefined> = []
    for (let i = 0; i < 3; i++) {
      let most = 1
      ages.push(outbox.drain({ take: () => most-- > 0 }))
    }
    assert.deepStrictEqual(ages, [6000, 6000, 10_000])
  })
})
