/**
 * Each property notices the breach that it is there for, and lets pass what is right; and a run is checked for all of them.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { tcpAddress } from "../../src/core/PeerAddress.ts"
import { stream } from "../../src/core/Prng.ts"
import { type FaultPlan, noFaults } from "../../src/core/simulation/FaultPlan.ts"
import { draw } from "../../src/core/simulation/FaultPlanDraw.ts"
import { random } from "../../src/core/simulation/Topology.ts"
import { Drop } from "../../src/core/stellar/DropReason.ts"
import { FrameChannel, sealUnauthenticated } from "../../src/core/stellar/FrameChannel.ts"
import { CREDIT_MESSAGES, DEFAULT_PORT } from "../../src/core/stellar/limits.ts"
import { MessageType } from "../../src/core/stellar/messages.ts"
import { ScpSignature } from "../../src/core/stellar/ScpSignature.ts"
import * as StubCrypto from "../../src/layers/simulation/StubCrypto.ts"
import * as World from "../../src/layers/simulation/World.ts"
import { encoded } from "../../src/layers/stellar/encoded.ts"
import type { OverlayEvent } from "../../src/services/Overlay.ts"
import type { Overlay, Stellar } from "../../src/services/stellar/Overlay.ts"
import { privateNetwork } from "../../src/services/stellar/StellarConfig.ts"
import { FloodLedger } from "../../src/testing/stellar/FloodLedger.ts"
import { hostilePeers } from "../../src/testing/stellar/hostile/hostilePeers.ts"
import { memoryIsBounded, nothingIsLeft } from "../../src/testing/stellar/properties/bounds.ts"
import { DELIVERY_BOUND_MICROS, everythingArrives } from "../../src/testing/stellar/properties/delivery.ts"
import {
  badFramesEndTheSession,
  onlyWhatWasSaid,
  onlyWhatWasSent,
  processedOnce
} from "../../src/testing/stellar/properties/processing.ts"
import { allProperties, cheapProperties } from "../../src/testing/stellar/properties/properties.ts"
import type { Hooks, Property } from "../../src/testing/stellar/properties/Property.ts"
import {
  bansHold,
  booksHold,
  honestPeersAreNotBlamed,
  noDefects,
  noForbiddenDials,
  oneSessionAPair,
  onlyRealPeers,
  peersAreSessions,
  slotLimits
} from "../../src/testing/stellar/properties/sessions.ts"
import { sharesHold } from "../../src/testing/stellar/properties/shares.ts"
import {
  creditIsConserved,
  crossesOnce,
  notToldBack,
  peersFromTheCalled,
  scpGoesFirst,
  sequencesRise
} from "../../src/testing/stellar/properties/wire.ts"
import { signedStatement } from "../../src/testing/stellar/SignedStatement.ts"
import { ipOf, make, run, type SimulationOptions } from "../../src/testing/stellar/Simulation.ts"
import * as Wiretap from "../../src/testing/stellar/Wiretap.ts"
import {
  addressOf,
  faceOf,
  frame,
  hashOf,
  HOSTILE,
  idOf,
  info,
  joined,
  left,
  news,
  on,
  SECOND,
  watching,
  wayOf
} from "./watching.ts"

describe("properties of sessions", () => {
  it("know an honest identity only at its own machine, and a strange one only at a hostile machine", () => {
    const { breaches, hooks } = watching(onlyRealPeers)
    hooks.event?.(0, joined(1))
    hooks.event?.(0, joined(7, { address: addressOf(HOSTILE) }))
    assert.deepStrictEqual(breaches, [])
    hooks.event?.(0, joined(1, { address: addressOf(HOSTILE) }))
    hooks.event?.(1, joined(7, { address: addressOf(0) }))
    hooks.event?.(1, joined(1))
    assert.deepStrictEqual(breaches, [0, 1, 1])
  })

  it("see a second session of a pair, and none after the first has ended", () => {
    const { breaches, hooks } = watching(oneSessionAPair)
    hooks.event?.(0, joined(1))
    hooks.event?.(0, left(1))
    hooks.event?.(0, joined(1))
    hooks.ended?.(0)
    hooks.event?.(0, joined(1))
    assert.deepStrictEqual(breaches, [])
    hooks.event?.(0, joined(1))
    assert.deepStrictEqual(breaches, [0])
  })

  it("see one peer more than there are slots", () => {
    const { breaches, hooks } = watching(slotLimits)
    hooks.event?.(0, joined(1, { direction: "outbound" }))
    hooks.event?.(0, joined(2))
    hooks.event?.(0, joined(3))
    hooks.event?.(0, left(3))
    hooks.event?.(0, joined(4))
    assert.deepStrictEqual(breaches, [])
    hooks.event?.(0, joined(5))
    assert.deepStrictEqual(breaches, [0])
  })

  it("see one peer more of an IP, and of a /24, than their shares", () => {
    // Two of 32 for an IP, four for a /24.
    const config = privateNetwork("p", { maxInbound: 32, allowLocalAddresses: false })
    const { breaches, hooks } = watching(sharesHold, { over: () => ({ config }) })
    let callers = 10
    const comes = (ip: string, direction: "inbound" | "outbound" = "inbound"): number => {
      callers += 1
      hooks.event?.(0, joined(callers, { address: tcpAddress(ip, 11_625), direction }))
      return callers
    }
    const first = comes("30.0.0.1")
    comes("30.0.0.1")
    comes("30.0.0.1", "outbound")
    for (let i = 0; i < 5; i++) comes("127.0.0.1")
    hooks.event?.(0, left(first, Drop.Shutdown))
    comes("30.0.0.1")
    comes("30.0.0.2")
    comes("30.0.0.3")
    comes("30.0.1.1")
    assert.deepStrictEqual(breaches, [])
    comes("30.0.1.1")
    comes("30.0.1.1")
    assert.deepStrictEqual(breaches, [0])
    comes("30.0.0.4")
    assert.deepStrictEqual(breaches, [0, 0])
    hooks.ended?.(0)
    comes("30.0.0.4")
    assert.deepStrictEqual(breaches, [0, 0])
  })

  it("see an honest peer blamed, and not a hostile one, nor one that was only lost", () => {
    const { breaches, hooks } = watching(honestPeersAreNotBlamed)
    hooks.event?.(0, left(HOSTILE, Drop.UnexpectedMac))
    hooks.event?.(0, left(1, Drop.Straggling))
    assert.deepStrictEqual(breaches, [])
    hooks.event?.(0, left(1, Drop.OverCapacity))
    assert.deepStrictEqual(breaches, [0])
  })

  it("see a defect", () => {
    const { breaches, hooks } = watching(noDefects)
    hooks.event?.(0, left(1))
    assert.deepStrictEqual(breaches, [])
    hooks.event?.(0, left(1, { _tag: "Bug", endedBy: "us", text: "", advice: "" }))
    assert.deepStrictEqual(breaches, [0])
  })

  it("see a banned peer join, and a ban that is forgotten in a crash", () => {
    const forgetful = faceOf({ banned: Effect.succeed([]) })
    const { breaches, hooks } = watching(bansHold, { overlay: forgetful })
    hooks.event?.(0, { _tag: "Banned", id: idOf(1) })
    hooks.second?.()
    assert.deepStrictEqual(breaches, [])
    hooks.event?.(0, joined(1))
    assert.deepStrictEqual(breaches, [0])
    hooks.ended?.(0)
    hooks.second?.()
    assert.deepStrictEqual(breaches, [0, 0])
  })

  it("see an address of a session that is not in the book", () => {
    const { breaches, hooks } = watching(booksHold)
    hooks.event?.(0, joined(1))
    hooks.ended?.(0)
    assert.deepStrictEqual(breaches, [])
    hooks.event?.(0, joined(1, { direction: "outbound" }))
    hooks.ended?.(0)
    assert.deepStrictEqual(breaches, [0])
  })

  it("see a peer that is not listed, or after it has left, or with the other direction", () => {
    const world = World.make({ seed: 1 })
    let peers = [info(1)]
    const overlay = faceOf({ peers: Effect.sync(() => peers) })
    const { breaches, hooks } = watching(peersAreSessions, {
      overlay,
      fork: (effect) => void world.fork(effect),
      nowMicros: world.nowMicros
    })
    const look = (...events: ReadonlyArray<OverlayEvent<Stellar>>): ReadonlyArray<number | undefined> => {
      for (const event of events) hooks.event?.(0, event)
      hooks.second?.()
      world.advanceTo(world.nowMicros() + SECOND)
      return breaches.splice(0)
    }
    assert.deepStrictEqual(look(joined(1)), [])
    assert.deepStrictEqual(look(joined(7)), [0], "it has joined and is not in the list")
    assert.deepStrictEqual(look(left(7)), [])
    assert.deepStrictEqual(look(left(1)), [0], "it has left and is in the list")
    assert.deepStrictEqual(look(), [], "nobody has come or gone")
    peers = [info(1, { direction: "outbound" })]
    assert.deepStrictEqual(look(joined(1)), [0], "it has joined the other way")

    // What differs only in the instant of the question has changed in that instant.
    hooks.event?.(0, left(1))
    hooks.second?.()
    world.after(1, () => {
      peers = []
    })
    world.advanceTo(world.nowMicros() + SECOND)
    assert.deepStrictEqual(breaches, [])
  })

  it("see a dial to a forbidden address, if it is an honest node's", () => {
    const { breaches, hooks } = watching(noForbiddenDials)
    const inside = tcpAddress("10.0.0.1", DEFAULT_PORT)
    hooks.links?.(on("Dialled", tcpAddress(ipOf(0), 50_000), addressOf(1)))
    hooks.links?.(on("Dialled", tcpAddress(ipOf(HOSTILE), 50_000), inside))
    assert.deepStrictEqual(breaches, [])
    hooks.links?.(on("Dialled", tcpAddress(ipOf(0), 50_000), inside))
    hooks.links?.(on("Dialled", tcpAddress(ipOf(0), 50_000), addressOf(0)))
    assert.deepStrictEqual(breaches, [0, 0])
  })
})

describe("properties of what is processed", () => {
  it("want a frame of that peer for each message, in order, and each frame once", () => {
    const { breaches, hooks } = watching(onlyWhatWasSent)
    const way = wayOf(1, 0)
    hooks.arrived?.(frame(way, "SCP_MESSAGE", { hash: hashOf(1), index: 2 }))
    hooks.arrived?.(frame(way, "SCP_MESSAGE", { hash: hashOf(2), index: 3 }))
    hooks.arrived?.(frame(way, "SCP_MESSAGE", { hash: hashOf(3), index: 4 }))
    hooks.processed?.(0, news(1, hashOf(2)), true)
    assert.deepStrictEqual(breaches, [])
    hooks.processed?.(0, news(1, hashOf(1)), true)
    assert.deepStrictEqual(breaches, [0], "it stood before what was processed")
    hooks.processed?.(0, news(1, hashOf(2)), true)
    assert.deepStrictEqual(breaches, [0, 0], "its frame was processed before")
    hooks.processed?.(0, news(HOSTILE, hashOf(3)), true)
    assert.deepStrictEqual(breaches, [0, 0, 0], "another has sent it")
  })

  it("want the frame to have the right sequence, and to come from the machine of its sender", () => {
    const { breaches, hooks } = watching(onlyWhatWasSent)
    hooks.arrived?.(frame(wayOf(1, 0), "SCP_MESSAGE", { hash: hashOf(1), isNext: false }))
    hooks.processed?.(0, news(1, hashOf(1)), true)
    assert.deepStrictEqual(breaches, [0])
    hooks.arrived?.(frame(wayOf(HOSTILE, 0, idOf(1)), "SCP_MESSAGE", { hash: hashOf(2) }))
    hooks.processed?.(0, news(1, hashOf(2)), true)
    assert.deepStrictEqual(breaches, [0, 0])
  })

  it("see a message come to the application again in one life, and not in the next", () => {
    const { breaches, hooks } = watching(processedOnce)
    hooks.processed?.(0, news(1, hashOf(1)), true)
    hooks.processed?.(0, news(1, hashOf(2)), false)
    hooks.processed?.(0, news(1, hashOf(2)), true)
    hooks.ended?.(0)
    hooks.processed?.(0, news(1, hashOf(1)), true)
    assert.deepStrictEqual(breaches, [])
    hooks.processed?.(0, news(1, hashOf(1)), true)
    assert.deepStrictEqual(breaches, [0])
  })

  it("see a statement that nobody has said, where all are honest", () => {
    const ledger = new FloodLedger()
    ledger.originated("SCP_MESSAGE", 1, hashOf(1), 0)
    const all = watching(onlyWhatWasSaid).nodes
    const { breaches, hooks } = watching(onlyWhatWasSaid, { ledger, nodes: all.slice(0, HOSTILE) })
    hooks.processed?.(0, news(1, hashOf(1)), true)
    assert.deepStrictEqual(breaches, [])
    hooks.processed?.(0, news(1, hashOf(2)), true)
    assert.deepStrictEqual(breaches, [0])
  })

  it("see a forged question answered", () => {
    const plan: FaultPlan = {
      ...noFaults(3, 60_000),
      faults: [{ kind: "hostile", node: HOSTILE, actor: "mac-forger", fromMillis: 0, toMillis: 1, options: {} }]
    }
    const { breaches, hooks } = watching(badFramesEndTheSession, { plan })
    hooks.sent?.(frame(wayOf(0, HOSTILE), "DONT_HAVE", { missing: MessageType.SCP_QUORUMSET }))
    hooks.sent?.(frame(wayOf(0, 1), "DONT_HAVE", { missing: MessageType.GENERALIZED_TX_SET }))
    assert.deepStrictEqual(breaches, [])
    hooks.sent?.(frame(wayOf(0, HOSTILE), "DONT_HAVE", { missing: MessageType.GENERALIZED_TX_SET }))
    assert.deepStrictEqual(breaches, [0])
  })

  it("see a session go on after a repeated frame", () => {
    const { breaches, clock, hooks } = watching(badFramesEndTheSession)
    const way = wayOf(HOSTILE, 0)
    hooks.arrived?.(frame(way, "GET_SCP_STATE", { isNext: false }))
    clock.nowMicros = 5 * SECOND
    hooks.sent?.(frame(way.back, "SCP_MESSAGE"))
    clock.nowMicros = 20 * SECOND
    hooks.sent?.(frame(way.back, "ERROR_MSG"))
    hooks.sent?.(frame(wayOf(0, HOSTILE), "SCP_MESSAGE"))
    assert.deepStrictEqual(breaches, [])
    hooks.sent?.(frame(way.back, "SCP_MESSAGE"))
    assert.deepStrictEqual(breaches, [0])
  })
})

describe("properties of the wire", () => {
  it("see a sequence with a gap", () => {
    const { breaches, hooks } = watching(sequencesRise)
    hooks.sent?.(frame(wayOf(HOSTILE, 0), "AUTH", { isNext: false }))
    assert.deepStrictEqual(breaches, [])
    hooks.sent?.(frame(wayOf(0, 1), "AUTH", { isNext: false }))
    assert.deepStrictEqual(breaches, [0])
  })

  it("see one message or one byte more than was granted", () => {
    const { breaches, hooks } = watching(creditIsConserved)
    const way = wayOf(0, 1)
    hooks.arrived?.(frame(way.back, "SEND_MORE_EXTENDED", { grant: { messages: 3, bytes: 210 } }))
    hooks.sent?.(frame(way, "SCP_MESSAGE", { bytes: 100 }))
    hooks.sent?.(frame(way, "FLOOD_ADVERT", { bytes: 100 }))
    hooks.sent?.(frame(way, "DONT_HAVE", { bytes: 100 }))
    assert.deepStrictEqual(breaches, [])
    hooks.sent?.(frame(way, "TRANSACTION", { bytes: 11 }))
    assert.deepStrictEqual(breaches, [0])
    hooks.arrived?.(frame(way.back, "SEND_MORE_EXTENDED", { grant: { messages: 0, bytes: 1000 } }))
    hooks.sent?.(frame(way, "TRANSACTION", { bytes: 1 }))
    assert.deepStrictEqual(breaches, [0, 0])
  })

  it("see credit given back that was not spent, and a first credit of the wrong size", () => {
    const { breaches, hooks } = watching(creditIsConserved)
    const way = wayOf(0, 1)
    const grants = (messages: number, bytes: number) =>
      hooks.sent?.(frame(way, "SEND_MORE_EXTENDED", { grant: { messages, bytes } }))
    grants(CREDIT_MESSAGES, 300_000)
    hooks.arrived?.(frame(way.back, "SCP_MESSAGE", { bytes: 100 }))
    grants(1, 100)
    assert.deepStrictEqual(breaches, [])
    grants(1, 0)
    assert.deepStrictEqual(breaches, [0])
    hooks.sent?.(frame(wayOf(0, 1), "SEND_MORE_EXTENDED", { grant: { messages: CREDIT_MESSAGES + 1, bytes: 1 } }))
    assert.deepStrictEqual(breaches, [0, 0])
  })

  it("see at the end of a run that a batch was not given back", () => {
    const owing = (messages: number): ReadonlyArray<number | undefined> => {
      const { breaches, hooks } = watching(creditIsConserved)
      const way = wayOf(0, 1)
      hooks.event?.(0, joined(1))
      hooks.event?.(1, joined(0))
      hooks.sent?.(frame(way.back, "SEND_MORE_EXTENDED", { grant: { messages: CREDIT_MESSAGES, bytes: 300_000 } }))
      hooks.arrived?.(frame(way.back, "SEND_MORE_EXTENDED", { grant: { messages: CREDIT_MESSAGES, bytes: 300_000 } }))
      for (let i = 0; i < messages; i++) {
        hooks.sent?.(frame(way, "SCP_MESSAGE"))
        hooks.arrived?.(frame(way, "SCP_MESSAGE"))
      }
      hooks.end?.()
      return breaches
    }
    assert.deepStrictEqual(owing(39), [])
    assert.deepStrictEqual(owing(40), [1])
  })

  it("see a statement cross twice, unless it was asked for", () => {
    const { breaches, clock, hooks } = watching(crossesOnce)
    const way = wayOf(0, 1)
    hooks.sent?.(frame(way, "SCP_MESSAGE", { hash: hashOf(1) }))
    hooks.arrived?.(frame(way.back, "GET_SCP_STATE"))
    hooks.sent?.(frame(way, "SCP_MESSAGE", { hash: hashOf(1) }))
    clock.nowMicros = 10
    hooks.said?.(0, news(0, hashOf(2)))
    hooks.sent?.(frame(way, "SCP_MESSAGE", { hash: hashOf(2) }))
    assert.deepStrictEqual(breaches, [])
    hooks.sent?.(frame(way, "SCP_MESSAGE", { hash: hashOf(2) }))
    assert.deepStrictEqual(breaches, [0], "the question was before it")
    breaches.pop()
    hooks.sent?.(frame(way, "SCP_MESSAGE", { hash: hashOf(1) }))
    assert.deepStrictEqual(breaches, [0])
  })

  it("see a transaction that was not demanded, or comes twice, and an advert that comes twice", () => {
    const { breaches, hooks } = watching(crossesOnce)
    const way = wayOf(0, 1)
    hooks.sent?.(frame(way, "FLOOD_ADVERT", { hashes: [hashOf(1)] }))
    hooks.arrived?.(frame(way.back, "FLOOD_DEMAND", { hashes: [hashOf(1)] }))
    hooks.sent?.(frame(way, "TRANSACTION", { hash: hashOf(1) }))
    assert.deepStrictEqual(breaches, [])
    hooks.sent?.(frame(way, "TRANSACTION", { hash: hashOf(1) }))
    hooks.sent?.(frame(way, "TRANSACTION", { hash: hashOf(2) }))
    hooks.sent?.(frame(way, "FLOOD_ADVERT", { hashes: [hashOf(1)] }))
    assert.deepStrictEqual(breaches, [0, 0, 0])
  })

  it("see a statement wait behind bulk", () => {
    const { breaches, clock, hooks } = watching(scpGoesFirst)
    const way = wayOf(0, 1)
    hooks.sent?.(frame(way, "FLOOD_ADVERT"))
    clock.nowMicros = 10
    hooks.processed?.(0, news(HOSTILE, hashOf(1)), true)
    hooks.sent?.(frame(way, "FLOOD_ADVERT"))
    hooks.sent?.(frame(way, "SCP_MESSAGE", { hash: hashOf(1) }))
    assert.deepStrictEqual(breaches, [], "what goes in the instant of the verdict was before it")
    hooks.processed?.(0, news(HOSTILE, hashOf(2)), true)
    clock.nowMicros = 20
    hooks.sent?.(frame(way, "TRANSACTION"))
    clock.nowMicros = 30
    hooks.sent?.(frame(way, "SCP_MESSAGE", { hash: hashOf(2) }))
    assert.deepStrictEqual(breaches, [0])
    hooks.arrived?.(frame(way.back, "GET_SCP_STATE"))
    hooks.sent?.(frame(way, "SCP_MESSAGE", { hash: hashOf(2) }))
    assert.deepStrictEqual(breaches, [0], "what is asked for is as new as the question")
  })

  it("see a statement go back to who sent it", () => {
    const { breaches, clock, hooks } = watching(notToldBack)
    const way = wayOf(0, 1)
    hooks.processed?.(0, news(HOSTILE, hashOf(1)), true)
    clock.nowMicros = 10
    hooks.arrived?.(frame(way.back, "SCP_MESSAGE", { hash: hashOf(1) }))
    hooks.arrived?.(frame(way.back, "SCP_MESSAGE", { hash: hashOf(2) }))
    hooks.sent?.(frame(way, "SCP_MESSAGE", { hash: hashOf(1) }))
    assert.deepStrictEqual(breaches, [], "the two have met on the way")
    hooks.processed?.(0, news(1, hashOf(2)), true)
    hooks.arrived?.(frame(way.back, "GET_SCP_STATE"))
    hooks.sent?.(frame(way, "SCP_MESSAGE", { hash: hashOf(2) }))
    assert.deepStrictEqual(breaches, [], "it was asked for")
    hooks.sent?.(frame(way, "SCP_MESSAGE", { hash: hashOf(2) }))
    assert.deepStrictEqual(breaches, [0])
  })

  it("see a hash go back to who has advertised it", () => {
    const { breaches, clock, hooks } = watching(notToldBack)
    const way = wayOf(0, 1)
    hooks.arrived?.(frame(way.back, "FLOOD_ADVERT", { hashes: [hashOf(1)] }))
    clock.nowMicros = 10
    hooks.processed?.(0, news(HOSTILE, hashOf(1), "TRANSACTION"), true)
    hooks.processed?.(0, news(HOSTILE, hashOf(2), "TRANSACTION"), true)
    clock.nowMicros = 20
    hooks.arrived?.(frame(way.back, "FLOOD_ADVERT", { hashes: [hashOf(2)] }))
    hooks.sent?.(frame(way, "FLOOD_ADVERT", { hashes: [hashOf(2)] }))
    assert.deepStrictEqual(breaches, [], "the two have met on the way")
    hooks.sent?.(frame(way, "FLOOD_ADVERT", { hashes: [hashOf(1)] }))
    assert.deepStrictEqual(breaches, [0])
  })

  it("see addresses told by the caller, and told twice", () => {
    const { breaches, hooks } = watching(peersFromTheCalled)
    const way = wayOf(0, 1)
    hooks.sent?.(frame(way.back, "PEERS"))
    assert.deepStrictEqual(breaches, [])
    hooks.sent?.(frame(way.back, "PEERS"))
    hooks.sent?.(frame(way, "PEERS"))
    assert.deepStrictEqual(breaches, [1, 0])
  })
})

describe("properties of what is held", () => {
  const breachesOf = (parts: Partial<Overlay["Service"]>): ReadonlyArray<number | undefined> => {
    const { breaches, hooks } = watching(memoryIsBounded, { overlay: faceOf(parts) })
    hooks.second?.()
    return breaches
  }

  it("see one record more than the flood gate may hold", () => {
    assert.deepStrictEqual(breachesOf({ counters: Effect.succeed({ entries: 10 }) }), [])
    assert.deepStrictEqual(breachesOf({ counters: Effect.succeed({ entries: 11 }) }), [0])
  })

  it("see more credit than there is, and debt", () => {
    const credit = (messages: number) =>
      breachesOf({ peers: Effect.succeed([info(1, { receiveCredit: { messages, bytes: 0 } })]) })
    assert.deepStrictEqual(credit(CREDIT_MESSAGES), [])
    assert.deepStrictEqual(credit(CREDIT_MESSAGES + 1), [0])
    assert.deepStrictEqual(credit(-1), [0])
  })

  it("see links, fibers and tasks that are left", () => {
    const { breaches, hooks } = watching(nothingIsLeft)
    hooks.over?.({ links: [], fibers: [], tasks: 0 })
    assert.deepStrictEqual(breaches, [])
    hooks.over?.({ links: ["a - b"], fibers: ["1 of node/1"], tasks: 1 })
    assert.strictEqual(breaches.length, 3)
  })
})

describe("the property of delivery", () => {
  /** Node 0 says something at 20 s; what of it node 1 must have is the question. */
  const saying = (prepare: (hooks: Hooks, clock: { nowMicros: number }) => void, reachedMicros?: number) => {
    const ledger = new FloodLedger()
    // Only where something goes wrong it is looked whether a link is behind.
    const plan: FaultPlan = {
      ...noFaults(3, 60_000),
      faults: [{ kind: "cut", source: 0, target: 1, fromMillis: 0, toMillis: 10_000 }]
    }
    const { breaches, clock, hooks } = watching(everythingArrives, { ledger, plan, calmFromMicros: 10 * SECOND })
    prepare(hooks, clock)
    ledger.originated("SCP_MESSAGE", 0, hashOf(1), 20 * SECOND)
    if (reachedMicros !== undefined) ledger.delivered(1, hashOf(1), reachedMicros)
    hooks.end?.()
    return breaches
  }
  const meet = (hooks: Hooks): void => {
    hooks.event?.(0, joined(1))
    hooks.event?.(1, joined(0))
  }

  it("sees what has not come over a session that lasts, or too late", () => {
    assert.deepStrictEqual(saying(meet), [1])
    assert.deepStrictEqual(saying(meet, 20 * SECOND + DELIVERY_BOUND_MICROS), [])
    assert.deepStrictEqual(saying(meet, 21 * SECOND + DELIVERY_BOUND_MICROS), [1])
  })

  it("asks nothing of nodes without a session of both ends, or whose session ends meanwhile", () => {
    assert.deepStrictEqual(saying((hooks) => hooks.event?.(0, joined(1))), [])
    assert.deepStrictEqual(
      saying((hooks, clock) => {
        meet(hooks)
        clock.nowMicros = 25 * SECOND
        hooks.event?.(1, left(0))
      }),
      []
    )
    assert.deepStrictEqual(
      saying((hooks, clock) => {
        meet(hooks)
        clock.nowMicros = 25 * SECOND
        hooks.ended?.(1)
      }),
      []
    )
  })

  it("asks nothing of a link that is still behind with what was sent before the calm", () => {
    const [caller, called] = [tcpAddress(ipOf(0), 50_000), addressOf(1)]
    const behind = (untilMicros: number) =>
      saying((hooks, clock) => {
        hooks.network?.(on("Dialled", caller, called))
        meet(hooks)
        hooks.network?.(on("Sent", caller, called, new Uint8Array(8)))
        clock.nowMicros = 10 * SECOND
        hooks.calm?.()
        clock.nowMicros = untilMicros
        hooks.network?.(on("Delivered", caller, called, new Uint8Array(8)))
      })
    assert.deepStrictEqual(behind(21 * SECOND), [])
    assert.deepStrictEqual(behind(19 * SECOND), [1])
  })

  it("takes a newer statement of the same conversation for an older one, and nothing else", () => {
    const crypto = StubCrypto.make()
    const signature = new ScpSignature(crypto, new Uint8Array(32))
    const signer = crypto.signer(new Uint8Array(32))
    /** What node 1 misses of two statements, given by their numbers, of which the second has come. */
    const missing = (first: number, second: number) => {
      const ledger = new FloodLedger()
      const { breaches, clock, hooks } = watching(everythingArrives, { ledger, calmFromMicros: 10 * SECOND })
      meet(hooks)
      for (const [i, count] of [first, second].entries()) {
        clock.nowMicros = (20 + i) * SECOND
        ledger.originated("SCP_MESSAGE", 0, hashOf(count), clock.nowMicros)
        const bytes = encoded(signedStatement(signature, signer, new Uint8Array(32), count))
        hooks.said?.(0, { ...news(0, hashOf(count)), bytes })
      }
      ledger.delivered(1, hashOf(second), 22 * SECOND)
      hooks.end?.()
      return breaches.length
    }
    const [nomination, prepare, confirm, otherNomination] = [0, 1, 2, 4]
    assert.strictEqual(missing(prepare, confirm), 0)
    assert.strictEqual(missing(confirm, prepare), 1)
    assert.strictEqual(missing(nomination, prepare), 1)
    assert.strictEqual(missing(nomination, otherNomination), 1)
  })
})

describe("the wiretap", () => {
  const crypto = StubCrypto.make()
  const key = crypto.macKey(new Uint8Array(32))
  const [caller, called] = [tcpAddress(ipOf(0), 50_000), addressOf(1)]

  const listen = () => {
    const sent: Array<Wiretap.WireFrame> = []
    const arrived: Array<Wiretap.WireFrame> = []
    const tap = Wiretap.make(crypto.sha256, (ip) => [0, 1].find((index) => ipOf(index) === ip), {
      sent: (one) => sent.push(one),
      arrived: (one) => arrived.push(one)
    })
    tap.observe(on("Dialled", caller, called))
    return { tap, sent, arrived }
  }
  const sealed = (...messages: ReadonlyArray<Uint8Array>): Uint8Array => {
    const channel = new FrameChannel({ send: key, receive: key, receiveIsZero: false })
    const into = new Uint8Array(1000)
    return into.slice(0, messages.reduce((at, message) => channel.seal(message, into, at), 0))
  }
  const demand = Uint8Array.from([0, 0, 0, MessageType.FLOOD_DEMAND, 0, 0, 0, 1, ...new Uint8Array(32).fill(7)])
  const grant = Uint8Array.from([0, 0, 0, MessageType.SEND_MORE_EXTENDED, 0, 0, 0, 5, 0, 0, 1, 0])
  const transaction = Uint8Array.from([0, 0, 0, MessageType.TRANSACTION, 1, 2, 3, 4])

  it("reads frames however they are cut, and tells when their last byte has arrived", () => {
    const { arrived, sent, tap } = listen()
    const bytes = sealed(demand, grant, transaction)
    for (const byte of bytes) tap.observe(on("Sent", caller, called, Uint8Array.of(byte)))
    assert.deepStrictEqual(sent.map(({ bytes, index, isNext }) => [bytes, index, isNext]), [
      [40, 0, true],
      [12, 1, true],
      [8, 2, true]
    ])
    assert.deepStrictEqual(sent[0]?.hashes, [hashOf(7)])
    assert.deepStrictEqual(sent[1]?.grant, { messages: 5, bytes: 256 })
    assert.strictEqual(sent[2]?.hash, crypto.sha256(Uint8Array.of(1, 2, 3, 4)))
    assert.strictEqual(sent[0]?.way.fromNode, 0)
    assert.strictEqual(sent[0]?.way.back.toNode, 0)
    tap.observe(on("Delivered", caller, called, bytes.subarray(1)))
    assert.strictEqual(arrived.length, 2)
    tap.observe(on("Delivered", caller, called, bytes.subarray(0, 1)))
    assert.strictEqual(arrived.length, 3)
  })

  it("sees a frame that comes twice by its sequence, and counts on from the right one", () => {
    const { sent, tap } = listen()
    const [both, first] = [sealed(demand, grant), sealed(demand)]
    for (const bytes of [first, first, both.subarray(first.length)]) tap.observe(on("Sent", caller, called, bytes))
    assert.deepStrictEqual(sent.map(({ isNext }) => isNext), [true, false, true])
  })

  it("reads no further where bytes are no frames, and begins anew with the next link", () => {
    const { sent, tap } = listen()
    const into = new Uint8Array(100)
    const malformed = into.slice(0, sealUnauthenticated(Uint8Array.of(1, 2, 3), into, 0))
    tap.observe(on("Sent", caller, called, malformed))
    tap.observe(on("Sent", caller, called, sealed(grant)))
    assert.strictEqual(sent.length, 0)
    tap.observe(on("Dialled", caller, called, undefined, 2))
    tap.observe(on("Sent", caller, called, sealed(grant), 2))
    assert.strictEqual(sent.length, 1)
  })
})

describe("a run", () => {
  const heavy = (seed: number): SimulationOptions => {
    const topology = random(10, 4, stream(seed, "topology"))
    const plan = draw(stream(seed, "plan"), {
      topology,
      durationMillis: 60_000,
      faults: "heavy",
      hostilePercent: 20,
      actors: Object.keys(hostilePeers)
    })
    return { seed, seconds: 60, topology, plan }
  }

  it("is the same whatever it is checked for", () => {
    const traces = [allProperties, cheapProperties, []].map((properties) => run({ ...heavy(1), properties }).traceHash)
    assert.strictEqual(new Set(traces).size, 1)
  })

  it("is checked for a property of one's own, by its own name", () => {
    const lonely: Property = {
      name: "nobody ever joins",
      doc: "A property that every network breaks.",
      watch: (_run, violated) => ({
        event: (node, event) => {
          if (event._tag === "PeerJoined") violated(node, event.peer.id)
        }
      })
    }
    const { violations } = run({ ...heavy(2), seconds: 5, properties: [lonely] })
    assert.isAbove(violations.length, 0)
    assert.strictEqual(violations[0]?.property, lonely.name)
  })

  it("keeps a ban over a crash of who has banned", () => {
    const topology = random(4, 3, stream(3, "topology"))
    const plan: FaultPlan = {
      ...noFaults(4, 30_000),
      faults: [{ kind: "crash", node: 0, fromMillis: 10_000, toMillis: 12_000 }]
    }
    const simulation = make({ seed: 3, seconds: 30, topology, plan })
    simulation.advanceTo(9)
    const [banning, banned] = [simulation.nodes[0]?.overlay(), simulation.nodes[1]]
    assert.isDefined(banning)
    assert.isDefined(banned)
    simulation.world.fork(Effect.orDie(banning.ban(banned.id)))
    simulation.advanceTo(30)
    const peers: Array<string> = []
    const after = simulation.nodes[0]?.overlay()
    assert.isDefined(after)
    assert.notStrictEqual(after, banning)
    simulation.world.fork(Effect.map(after.peers, (all) => peers.push(...all.map(({ id }) => id))))
    const { violations } = simulation.finish()
    assert.deepStrictEqual(violations, [])
    assert.isAbove(peers.length, 0)
    assert.notInclude(peers, banned.id)
  })

  it("sees a link that is cut without being planned as one over which nothing comes", () => {
    const topology = random(6, 3, stream(4, "topology"))
    const simulation = make({ seed: 4, seconds: 40, topology })
    simulation.advanceTo(15)
    for (const { address } of simulation.nodes.slice(1)) {
      simulation.network.cut(ipOf(0), address.ip)
      simulation.network.cut(address.ip, ipOf(0))
    }
    const broken = new Set(simulation.finish().violations.map(({ property }) => property))
    assert.deepStrictEqual([...broken], [everythingArrives.name])
  })
})
