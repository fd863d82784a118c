/** What a node makes of the survey messages of others: what holds is passed on, all else is ignored, and forgeries are told. */
import { assert, describe, it } from "@effect/vitest"
import { stream } from "../../../../src/core/Prng.ts"
import { SurveyIntake, type SurveyVerdict } from "../../../../src/core/stellar/survey/SurveyIntake.ts"
import {
  bytes,
  crypto,
  damaged,
  golden,
  node,
  request,
  response,
  start,
  stop,
  surveyMessage,
  vectors
} from "./surveys.ts"

const MINUTE = 60_000
const me = node(1)
const surveyor = node(2)
const other = node(3)
const stranger = node(4)
const dated = { nonce: 77, ledger: 100 }

const make = (surveyors: ReadonlyArray<string> = [surveyor.id, other.id], own = me.id) => {
  let verified = 0
  const intake = new SurveyIntake({
    own,
    surveyors: new Set(surveyors),
    verify: (...of) => {
      verified += 1
      return crypto.verify(...of)
    }
  })
  return {
    intake,
    receive: (whole: Uint8Array, ledger = 100, now = 0): SurveyVerdict =>
      intake.receive(surveyMessage(whole), whole, ledger, now),
    /** How many signatures were looked at since the last time. */
    verified: () => {
      const count = verified
      verified = 0
      return count
    }
  }
}

/** A node whose survey is being reported. */
const reporting = (surveyors?: ReadonlyArray<string>) => {
  const made = make(surveyors)
  made.receive(start(surveyor, dated))
  made.receive(stop(surveyor, dated))
  made.verified()
  return made
}

describe("a START", () => {
  it("is passed on once, and begins the collecting", () => {
    const { intake, receive } = make()
    assert.strictEqual(receive(start(surveyor, dated), 100, 5), "relay")
    assert.deepStrictEqual(intake.phase.current, {
      _tag: "Collecting",
      survey: { surveyor: surveyor.id, nonce: 77 },
      sinceMillis: 5
    })
    assert.strictEqual(receive(start(surveyor, dated)), "ignore")
  })

  it("is ignored without a look at its signature: not permitted, not timely, or while a survey goes on", () => {
    const { receive, verified } = make()
    assert.strictEqual(receive(damaged(start(stranger, dated))), "ignore")
    assert.strictEqual(receive(start(surveyor, dated), 107), "ignore")
    assert.strictEqual(receive(start(surveyor, dated), 93), "ignore")
    assert.strictEqual(verified(), 0)
    assert.strictEqual(receive(start(surveyor, dated), 94), "relay")
    assert.strictEqual(verified(), 1)
    assert.strictEqual(receive(damaged(start(other, { nonce: 78, ledger: 100 }))), "ignore")
    assert.strictEqual(verified(), 0)
  })

  it("with a wrong signature is told as forged, and begins nothing [ref 11 signature]", () => {
    const { intake, receive } = make()
    assert.strictEqual(receive(damaged(start(surveyor, dated))), "forged")
    assert.strictEqual(intake.phase.current._tag, "Inactive")
    assert.strictEqual(receive(start(surveyor, dated)), "relay")
  })
})

describe("permission to survey", () => {
  it("is nobody's when nobody is named, but the node's own [ref 11 permission]", () => {
    for (const surveyors of [[], ["$self"], ["not a key"]]) {
      const { intake, receive } = make(surveyors)
      assert.strictEqual(receive(start(surveyor, dated)), "ignore")
      assert.strictEqual(receive(start(me, dated)), "relay")
      assert.isTrue(intake.permits(me.id))
    }
  })

  it("is looked at for STOP and for requests, too [ref 11 permission]", () => {
    const { intake, receive, verified } = reporting()
    const withdrawn = new SurveyIntake({ own: me.id, surveyors: new Set(), verify: crypto.verify })
    withdrawn.phase.start({ surveyor: surveyor.id, nonce: 77 }, 0)
    const stopping = stop(surveyor, dated)
    assert.strictEqual(withdrawn.receive(surveyMessage(stopping), stopping, 100, 0), "ignore")
    assert.strictEqual(withdrawn.phase.current._tag, "Collecting")
    assert.strictEqual(receive(request(stranger, other, dated)), "ignore")
    assert.strictEqual(verified(), 0)
    assert.strictEqual(intake.limiter.size, 0)
  })
})

describe("a STOP", () => {
  it("of the same survey is passed on once, and ends the collecting", () => {
    const { intake, receive } = make()
    receive(start(surveyor, dated))
    assert.strictEqual(receive(stop(other, dated)), "ignore")
    assert.strictEqual(receive(stop(surveyor, { ...dated, nonce: 78 })), "ignore")
    assert.strictEqual(receive(stop(surveyor, dated), 107), "ignore")
    assert.strictEqual(intake.phase.current._tag, "Collecting")
    assert.strictEqual(receive(stop(surveyor, { nonce: 77, ledger: 104 }), 103, 9), "relay")
    assert.deepStrictEqual(intake.phase.current, {
      _tag: "Reporting",
      survey: { surveyor: surveyor.id, nonce: 77 },
      sinceMillis: 9
    })
    assert.strictEqual(receive(stop(surveyor, { nonce: 77, ledger: 104 })), "ignore")
  })

  it("with a wrong signature is told as forged in every phase", () => {
    const { receive } = make()
    for (const before of [start(surveyor, dated), stop(surveyor, dated)]) {
      assert.strictEqual(receive(damaged(stop(surveyor, dated))), "forged")
      receive(before)
    }
    assert.strictEqual(receive(damaged(stop(surveyor, dated))), "forged")
  })

  it("may bear the signature of its START, but ends no other survey with it", () => {
    const { intake, receive } = make([vectors.surveyor.publicKey])
    const stolen = bytes(vectors.startSignatureReusedAsStop.messageXdr)
    assert.strictEqual(receive(stolen, 1000), "ignore")
    assert.strictEqual(receive(golden("start-collecting"), 1000), "relay")
    assert.strictEqual(receive(stolen, 1000), "relay")
    assert.strictEqual(intake.phase.current._tag, "Reporting")
  })
})

describe("a request", () => {
  it("to another node is passed on once, one to this node is answered once", () => {
    const { receive } = reporting()
    assert.strictEqual(receive(request(surveyor, other, dated)), "relay")
    assert.strictEqual(receive(request(surveyor, other, dated)), "ignore")
    assert.strictEqual(receive(request(surveyor, other, dated, { inbound: 25, outbound: 0 })), "ignore")
    assert.strictEqual(receive(request(surveyor, me, dated)), "answer")
    assert.strictEqual(receive(request(surveyor, me, dated, { inbound: 25, outbound: 0 })), "ignore")
    const next = { nonce: 77, ledger: 101 }
    assert.strictEqual(receive(request(surveyor, me, next, { inbound: 25, outbound: 0 })), "answer")
  })

  it("is ignored without a look at its signature when it is not timely, beyond the limits, or of no survey here [core: survey message limiter / ledger window] [ref 11 nonce of a request] [ref 11 kind of the request]", () => {
    const { receive, verified } = reporting()
    assert.strictEqual(receive(request(surveyor, other, { ...dated, nonce: 78 })), "ignore")
    assert.strictEqual(receive(request(surveyor, other, { nonce: 77, ledger: 93 })), "ignore")
    assert.strictEqual(receive(request(surveyor, other, { nonce: 77, ledger: 107 })), "ignore")
    const unknownCommand = request(surveyor, other, dated)
    // The last word of the request in it, before the number and the two indices.
    unknownCommand[unknownCommand.length - 13] = 2
    assert.strictEqual(receive(unknownCommand), "ignore")
    assert.strictEqual(verified(), 0)
    for (let asked = 10; asked < 20; asked++) {
      assert.strictEqual(receive(request(surveyor, node(asked), dated)), "relay")
    }
    verified()
    assert.strictEqual(receive(request(surveyor, node(20), dated)), "ignore")
    assert.strictEqual(verified(), 0)
  })

  it("is not passed on before the stop, nor after the report's time", () => {
    const { intake, receive } = make()
    assert.strictEqual(receive(request(surveyor, other, dated)), "ignore")
    receive(start(surveyor, dated))
    assert.strictEqual(receive(request(surveyor, other, dated)), "ignore")
    intake.phase.expire(30 * MINUTE)
    assert.strictEqual(receive(request(surveyor, other, dated)), "relay")
    intake.phase.expire(30 * MINUTE + 180 * MINUTE)
    assert.strictEqual(receive(request(surveyor, node(10), dated)), "ignore")
  })

  it("of a surveyor that did not start the survey is not answered, though passed on [ref 11 answer to who started]", () => {
    const { receive } = reporting()
    assert.strictEqual(receive(request(other, me, dated)), "ignore")
    assert.strictEqual(receive(request(other, surveyor, dated)), "relay")
  })

  it("with a wrong signature is told as forged, and does not count", () => {
    const { intake, receive } = reporting()
    assert.strictEqual(receive(damaged(request(surveyor, other, dated))), "forged")
    assert.strictEqual(intake.limiter.size, 0)
    assert.strictEqual(receive(request(surveyor, other, dated)), "relay")
  })
})

describe("an answer", () => {
  it("is passed on once, when its request came by [ref 11 answer to what was asked] [ref 11 nonce of an answer]", () => {
    const { receive, verified } = reporting()
    assert.strictEqual(receive(response(other, surveyor, dated)), "ignore")
    receive(request(surveyor, other, dated))
    verified()
    assert.strictEqual(receive(response(other, surveyor, { nonce: 77, ledger: 101 })), "ignore")
    assert.strictEqual(receive(response(other, surveyor, { nonce: 78, ledger: 100 })), "ignore")
    assert.strictEqual(receive(response(stranger, surveyor, dated)), "ignore")
    assert.strictEqual(receive(response(other, surveyor, dated), 107), "ignore")
    assert.strictEqual(verified(), 0)
  })

  it("is passed on once", () => {
    const { receive } = reporting()
    receive(request(surveyor, other, dated))
    assert.strictEqual(receive(response(other, surveyor, dated)), "relay")
    assert.strictEqual(receive(response(other, surveyor, dated)), "ignore")
    assert.strictEqual(receive(response(other, surveyor, dated, new Uint8Array(100))), "ignore")
  })

  it("with a wrong signature is told as forged, and the true one still awaited", () => {
    const { receive } = reporting()
    receive(request(surveyor, other, dated))
    assert.strictEqual(receive(damaged(response(other, surveyor, dated))), "forged")
    assert.strictEqual(receive(response(other, surveyor, dated)), "relay")
  })

  it("to this node is kept", () => {
    const { intake, receive } = make([])
    intake.phase.start({ surveyor: me.id, nonce: 77 }, 0)
    intake.phase.stop({ surveyor: me.id, nonce: 77 }, 0)
    intake.limiter.enter({ ledger: 100, surveyor: me.id, surveyed: other.id })
    assert.strictEqual(receive(response(other, me, dated)), "store")
    assert.strictEqual(receive(response(other, me, dated)), "ignore")
  })
})

describe("any messages in any order", () => {
  it("never have one passed on twice, nor what is forged or not permitted", () => {
    const prng = stream(15, "intakes")
    const nodes = [me, surveyor, other, stranger]
    const verdicts = new Map<string, number>()
    for (let run = 0; run < 25; run++) {
      const { intake, receive } = make()
      const passed = new Set<string>()
      let now = 0
      for (let event = 0; event < 150; event++) {
        now += prng.below(2 * MINUTE)
        intake.phase.expire(now)
        const from = nodes[prng.below(4)]!
        const to = nodes[prng.below(4)]!
        const about = { nonce: 77 + prng.below(2), ledger: 99 + prng.below(2) }
        const whole = [
          () => start(from, about),
          () => stop(from, about),
          () => request(from, to, about),
          () => response(to, from, about)
        ][prng.below(4)]!()
        const isForged = prng.below(4) === 0
        const said = isForged ? damaged(whole, prng.below(64)) : whole
        const verdict = receive(said, 100, now)
        verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1)
        if (verdict === "ignore") continue
        assert.strictEqual(verdict === "forged", isForged)
        assert.notStrictEqual(from, stranger)
        if (verdict === "forged") continue
        const name = Buffer.from(said).toString("hex")
        // A survey may be started again once it is over.
        if (said[3] === 21 || said[3] === 22) assert.isFalse(passed.has(name))
        passed.add(name)
      }
    }
    assert.sameMembers(Array.from(verdicts.keys()), ["relay", "answer", "ignore", "forged", "store"])
  })
})
