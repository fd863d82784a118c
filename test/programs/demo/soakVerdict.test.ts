/** When a soak holds, and when it does not. */
import { assert, describe, it } from "@effect/vitest"
import { deliveriesHold, handlesVerdict, heapVerdict, type Muster } from "../../../src/programs/demo/soakVerdict.ts"

const MINUTE_MILLIS = 60_000
const SOAK_MILLIS = 30 * MINUTE_MILLIS

const muster = (minute: number, changed: Partial<Muster> = {}): Muster => ({
  atMillis: minute * MINUTE_MILLIS,
  missingLinks: 0,
  heapBytes: 50_000_000,
  codeBytes: 5_000_000,
  externalBytes: 10_000_000,
  residentBytes: 200_000_000,
  descriptors: 94,
  resources: { TCPServerWrap: 10, TCPSocketWrap: 30 },
  ...changed
})

/** A muster a minute whose figures depend on the minute. */
const musters = (of: (minute: number) => Partial<Muster>): ReadonlyArray<Muster> =>
  Array.from({ length: 30 }, (_, i) => muster(i + 1, of(i + 1)))

describe("the rule about memory", () => {
  it("holds while the last five minutes are within 5 % of the minutes five to ten", () => {
    assert.isTrue(heapVerdict(musters(() => ({})), SOAK_MILLIS).holds)
    assert.isTrue(
      heapVerdict(
        musters((minute) => ({ heapBytes: minute <= 5 ? 1 : minute > 25 ? 52_000_000 : 50_000_000 })),
        SOAK_MILLIS
      )
        .holds,
      "what is small before the fifth minute does not count"
    )
  })

  it("breaks when the heap has grown by more, and when it has shrunk by more", () => {
    for (const heapBytes of [52_600_000, 47_400_000]) {
      assert.isFalse(heapVerdict(musters((minute) => minute > 25 ? { heapBytes } : {}), SOAK_MILLIS).holds)
    }
  })

  it("breaks when only what is outside of the heap has grown", () => {
    assert.isFalse(
      heapVerdict(musters((minute) => minute > 25 ? { externalBytes: 14_000_000 } : {}), SOAK_MILLIS).holds
    )
  })

  it("goes by the median: one muster at a bad moment changes nothing", () => {
    assert.isTrue(
      heapVerdict(musters((minute) => minute === 27 ? { heapBytes: 90_000_000 } : {}), SOAK_MILLIS).holds
    )
  })

  it("is not judged in a soak whose last five minutes are not behind the tenth", () => {
    const verdict = heapVerdict(musters(() => ({})), 14 * MINUTE_MILLIS)
    assert.isNull(verdict.holds)
    assert.include("why" in verdict ? verdict.why : "", "at least 15 minutes")
  })
})

describe("the rule about handles", () => {
  it("holds when as much is open at the end as in the beginning", () => {
    assert.isTrue(handlesVerdict([muster(0), muster(1), muster(2)]).holds)
  })

  it("breaks on one descriptor more, one socket more, another kind, or a link that is missing", () => {
    const broken: ReadonlyArray<Partial<Muster>> = [
      { descriptors: 95 },
      { resources: { TCPServerWrap: 10, TCPSocketWrap: 31 } },
      { resources: { TCPServerWrap: 10, TCPSocketWrap: 30, Timeout: 1 } },
      { missingLinks: 1 }
    ]
    for (const changed of broken) assert.isFalse(handlesVerdict([muster(0), muster(1, changed)]).holds)
  })

  it("counts the musters between that differ", () => {
    const verdict = handlesVerdict([muster(0), muster(1, { descriptors: 96 }), muster(2)])
    assert.isTrue(verdict.holds)
    assert.strictEqual(verdict.differing, 1)
  })
})

describe("the rule about deliveries", () => {
  it("breaks on a single loss, and when nothing was expected at all", () => {
    assert.isTrue(deliveriesHold({ expected: 10, delivered: 10, lost: 0 }))
    assert.isFalse(deliveriesHold({ expected: 10, delivered: 9, lost: 1 }))
    assert.isFalse(deliveriesHold({ expected: 0, delivered: 0, lost: 0 }))
  })
})
