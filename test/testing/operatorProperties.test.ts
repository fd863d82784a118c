/**
 * The properties of preferences, of bans with an expiry, and of what a program is given, notice the breach that they are there for; and
 * a run in which a plan has operators do these things holds them.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as ItemHash from "../../src/core/ItemHash.ts"
import { FETCH_WAITING_MESSAGES } from "../../src/core/limits.ts"
import { stream } from "../../src/core/Prng.ts"
import { type FaultPlan, noFaults } from "../../src/core/simulation/FaultPlan.ts"
import { LOADS } from "../../src/core/simulation/Load.ts"
import { drawPreferences, type Preference } from "../../src/core/simulation/Preference.ts"
import { random } from "../../src/core/simulation/Topology.ts"
import { Drop } from "../../src/core/stellar/DropReason.ts"
import { CREDIT_MESSAGES } from "../../src/core/stellar/limits.ts"
import { type Fetched, fetching } from "../../src/services/stellar/Application.ts"
import { privateNetwork } from "../../src/services/stellar/StellarConfig.ts"
import { configuredAreConnected } from "../../src/testing/stellar/properties/connections.ts"
import {
  itemsAreAskedForAgain,
  nothingWhileLost,
  onlyAwaitedItems
} from "../../src/testing/stellar/properties/items.ts"
import { preferredComeFirst } from "../../src/testing/stellar/properties/preferences.ts"
import { onlyWhatWasSent } from "../../src/testing/stellar/properties/processing.ts"
import type { WatchedNode } from "../../src/testing/stellar/properties/Property.ts"
import { demandsAreRetried } from "../../src/testing/stellar/properties/retries.ts"
import { bansHold } from "../../src/testing/stellar/properties/sessions.ts"
import { surveysTellTheTruth } from "../../src/testing/stellar/properties/surveys.ts"
import { creditIsConserved, notToldBack } from "../../src/testing/stellar/properties/wire.ts"
import { make, type SimulationOptions } from "../../src/testing/stellar/Simulation.ts"
import {
  addressOf,
  faceOf,
  failed,
  frame,
  hashOf,
  HOSTILE,
  idOf,
  joined,
  left,
  news,
  SECOND,
  type TestWay,
  watching,
  wayOf
} from "./watching.ts"

const hashOfNumber = (number: number): ItemHash.ItemHash => {
  const bytes = new Uint8Array(32)
  new DataView(bytes.buffer).setUint32(0, number)
  return ItemHash.fromBytes(bytes)
}

/** Node 0 bans node 1 from 10 s to 20 s. */
const BAN: FaultPlan = {
  ...noFaults(3, 60_000),
  faults: [{ kind: "ban", source: 0, target: 1, fromMillis: 10_000, toMillis: 20_000 }]
}

describe("the property of preferred peers", () => {
  const watched = (more: { readonly only?: boolean } = {}) =>
    watching(preferredComeFirst, {
      over: (index): Partial<WatchedNode> => ({
        preferred: new Set(index === 0 ? [1] : []),
        config: privateNetwork("p", { maxInbound: 1, maxOutbound: 1, preferredPeersOnly: more.only ?? false })
      })
    })

  it("sees one that is left for another, or because the network is lost, and none that leaves for another reason", () => {
    const { breaches, hooks } = watched()
    hooks.event?.(0, joined(1))
    hooks.event?.(0, left(1, Drop.Straggling))
    hooks.event?.(0, left(HOSTILE, Drop.PreferredPeerSelected))
    hooks.event?.(1, left(0, Drop.OutOfSync))
    assert.deepStrictEqual(breaches, [])
    hooks.event?.(0, left(1, Drop.PreferredPeerSelected))
    hooks.event?.(0, left(1, Drop.OutOfSync))
    assert.deepStrictEqual(breaches, [0, 0])
  })

  it("sees one that is refused while others have slots, and not while preferred ones have them all", () => {
    const { breaches, hooks } = watched()
    hooks.event?.(0, failed(HOSTILE, Drop.PeerRejected))
    hooks.event?.(0, failed(1, Drop.UnexpectedMac))
    hooks.event?.(0, joined(1))
    hooks.event?.(0, failed(1, Drop.PeerRejected))
    assert.deepStrictEqual(breaches, [])
    hooks.ended?.(0)
    hooks.event?.(0, joined(HOSTILE))
    hooks.event?.(0, failed(1, Drop.PeerRejected))
    hooks.event?.(0, failed(1, Drop.InboundOverShare))
    assert.deepStrictEqual(breaches, [0, 0])
  })

  it("sees another one where only preferred ones are wanted", () => {
    const { breaches, hooks } = watched({ only: true })
    hooks.event?.(0, joined(1))
    // By the address that is preferred, whoever sits there.
    hooks.event?.(0, joined(9, { address: addressOf(1) }))
    assert.deepStrictEqual(breaches, [])
    hooks.event?.(0, joined(HOSTILE))
    assert.deepStrictEqual(breaches, [0])
  })

  it("has a preferred one called although all slots are taken", () => {
    const seen = (preferred: ReadonlyArray<number>) => {
      const { breaches, clock, hooks } = watching(configuredAreConnected, {
        over: (index) => ({
          overlay: () => faceOf({}),
          calls: index === 0 ? [1] : [],
          preferred: new Set(preferred),
          committed: {
            peers: { rows: [{ address: addressOf(1), kind: "preferred", failures: 0, nextAttemptMillis: 0 }] },
            bans: new Map()
          }
        })
      })
      clock.nowMicros = SECOND
      hooks.second?.()
      hooks.event?.(0, joined(HOSTILE, { direction: "outbound" }))
      clock.nowMicros = 60 * SECOND
      hooks.end?.()
      return breaches
    }
    assert.deepStrictEqual(seen([]), [])
    assert.deepStrictEqual(seen([1]), [0])
  })
})

describe("the properties of bans that end", () => {
  it("see a banned peer come before the end, and a ban forgotten before it, and nothing behind it", () => {
    const { breaches, clock, hooks } = watching(bansHold, {
      plan: BAN,
      overlay: faceOf({ banned: Effect.succeed([]) })
    })
    const comesBack = (seconds: number) => {
      clock.nowMicros = seconds * SECOND
      hooks.event?.(0, joined(1))
      hooks.ended?.(0)
      hooks.second?.()
      return breaches.splice(0)
    }
    clock.nowMicros = 10 * SECOND
    hooks.event?.(0, { _tag: "Banned", id: idOf(1) })
    assert.deepStrictEqual(comesBack(19), [0, 0])
    assert.deepStrictEqual(comesBack(20), [])
  })

  it("have who was banned called again", () => {
    const { breaches, clock, hooks } = watching(configuredAreConnected, {
      plan: BAN,
      over: (index) => ({
        overlay: () => faceOf({}),
        calls: index === 0 ? [1] : [],
        committed: {
          peers: { rows: [{ address: addressOf(1), kind: "outbound", failures: 0, nextAttemptMillis: 0 }] },
          bans: new Map()
        }
      })
    })
    clock.nowMicros = SECOND
    hooks.second?.()
    hooks.event?.(0, { _tag: "Banned", id: idOf(1) })
    clock.nowMicros = 26 * SECOND
    hooks.end?.()
    assert.deepStrictEqual(breaches, [], "two rounds are 7 s")
    clock.nowMicros = 27 * SECOND
    hooks.end?.()
    assert.deepStrictEqual(breaches, [0])
  })
})

describe("the properties of what a program is given", () => {
  const lostSince = (micros: number) => (): Partial<WatchedNode> => ({ lastLostMicros: () => micros })

  it("see an item that nobody waits for", () => {
    const { breaches, hooks } = watching(onlyAwaitedItems)
    const item: Fetched = { kind: "TX_SET", hash: hashOf(1), ledger: 1, bytes: new Uint8Array(0) }
    hooks.fetched?.(0, item, true)
    assert.deepStrictEqual(breaches, [])
    hooks.fetched?.(0, item, false)
    assert.deepStrictEqual(breaches, [0])
  })

  it("see a set that is asked for once and not again, by who has somebody to ask", () => {
    const item: Fetched = { kind: "TX_SET", hash: hashOf(9), ledger: 1, bytes: new Uint8Array(0) }
    const question = new Uint8Array(36).fill(9, 4)
    const seenAt = (
      seconds: number,
      happens: (watched: ReturnType<typeof watching>) => void = () => {},
      { isAlone = false } = {}
    ) => {
      const watched = watching(itemsAreAskedForAgain)
      const { breaches, clock, hooks } = watched
      if (!isAlone) hooks.event?.(0, joined(1))
      hooks.waits?.(0, news(1, hashOf(1)), fetching(1, { transactionSets: [hashOf(9)] }))
      clock.nowMicros = 10 * SECOND
      happens(watched)
      clock.nowMicros = seconds * SECOND
      hooks.second?.()
      return breaches
    }
    const asks = ({ hooks }: ReturnType<typeof watching>) =>
      hooks.content?.(frame(wayOf(0, 1), "GET_TX_SET"), question, 0, question.length)
    assert.deepStrictEqual(seenAt(20), [])
    assert.deepStrictEqual(seenAt(21), [0])
    assert.deepStrictEqual(seenAt(30, asks), [])
    assert.deepStrictEqual(seenAt(31, asks), [0])
    assert.deepStrictEqual(seenAt(60, ({ hooks }) => hooks.fetched?.(0, item, true)), [])
    assert.deepStrictEqual(seenAt(60, ({ hooks }) => hooks.ended?.(0)), [])
    assert.deepStrictEqual(seenAt(60, ({ hooks }) => hooks.event?.(0, left(1))), [])
    assert.deepStrictEqual(seenAt(60, undefined, { isAlone: true }), [])
    const floods = ({ hooks }: ReturnType<typeof watching>) => {
      for (let i = 0; i < FETCH_WAITING_MESSAGES; i++) {
        hooks.waits?.(0, news(1, hashOfNumber(i)), fetching(1, { quorumSets: [hashOf(9)] }))
      }
    }
    assert.deepStrictEqual(seenAt(60, floods), [], "the oldest may have been let go")
  })

  it("see a transaction that comes while the network is lost", () => {
    const found = watching(nothingWhileLost, { over: lostSince(5 * SECOND) })
    found.hooks.processed?.(0, news(1, hashOf(1), "TRANSACTION"), true)
    assert.deepStrictEqual(found.breaches, [])
    const lost = watching(nothingWhileLost, { over: lostSince(Infinity) })
    lost.hooks.processed?.(0, news(1, hashOf(1)), true)
    assert.deepStrictEqual(lost.breaches, [])
    lost.hooks.processed?.(0, news(1, hashOf(1), "TRANSACTION"), true)
    assert.deepStrictEqual(lost.breaches, [0])
  })

  it("blame nobody who waits for a set: the statement has had its turn, once", () => {
    const { breaches, hooks } = watching(onlyWhatWasSent)
    const way = wayOf(1, 0)
    for (const byte of [1, 2]) hooks.arrived?.(frame(way, "SCP_MESSAGE", { hash: hashOf(byte), index: byte }))
    const verdict = fetching(1, { transactionSets: [hashOf(9)] })
    hooks.waits?.(0, news(1, hashOf(1)), verdict)
    hooks.waits?.(0, news(1, hashOf(1)), verdict)
    hooks.processed?.(0, news(1, hashOf(2)), true)
    hooks.processed?.(0, news(1, hashOf(1)), true)
    assert.deepStrictEqual(breaches, [])
    hooks.processed?.(0, news(1, hashOf(1)), true)
    hooks.waits?.(0, news(1, hashOf(3)), verdict)
    assert.deepStrictEqual(breaches, [0, 0])
  })

  it("blame nobody who was lost when something was on offer", () => {
    for (const [lostMicros, breach] of [[-Infinity, [0]], [2 * SECOND, []]] satisfies Array<[number, Array<number>]>) {
      const over = lostSince(lostMicros)
      const way = wayOf(1, 0)
      const back = watching(notToldBack, { over })
      back.clock.nowMicros = SECOND
      back.hooks.arrived?.(frame(way, "FLOOD_ADVERT", { hashes: [hashOf(1)] }))
      back.clock.nowMicros = 3 * SECOND
      back.hooks.processed?.(0, news(HOSTILE, hashOf(1), "TRANSACTION"), true)
      back.hooks.sent?.(frame(way.back, "FLOOD_ADVERT", { hashes: [hashOf(1)] }))
      assert.deepStrictEqual(back.breaches, breach)
      const retried = watching(demandsAreRetried, { over })
      retried.clock.nowMicros = SECOND
      retried.hooks.arrived?.(frame(way, "FLOOD_ADVERT", { hashes: [hashOf(1)] }))
      retried.clock.nowMicros = 30 * SECOND
      retried.hooks.sent?.(frame(way.back, "FLOOD_ADVERT", { hashes: [hashOf(2)] }))
      assert.deepStrictEqual(retried.breaches, breach)
    }
  })
})

describe("the property of surveys", () => {
  const seenOf = (shown: ReadonlyArray<number>, { asked = 1, isRunning = false } = {}) => {
    const peers = new Map(shown.map((index) => [idOf(index), peerData]))
    const nodes = new Map([[idOf(asked), { data: nodeData, inbound: peers, outbound: new Map() }]])
    const results = Effect.succeed({ isRunning, backlog: [], badResponseNodes: [], nodes })
    const overlay = faceOf({})
    const { breaches, hooks } = watching(surveysTellTheTruth, {
      plan: { ...noFaults(3, 60_000), faults: [{ kind: "survey", node: 0, fromMillis: 0, toMillis: 9000 }] },
      overlay: { ...overlay, survey: { ...overlay.survey, results } }
    })
    hooks.event?.(0, joined(1))
    hooks.event?.(1, joined(0))
    hooks.event?.(1, joined(HOSTILE))
    hooks.event?.(1, left(HOSTILE))
    hooks.end?.()
    return breaches
  }
  const nodeData = {
    addedAuthenticatedPeers: 0,
    droppedAuthenticatedPeers: 0,
    totalInboundPeerCount: 0,
    totalOutboundPeerCount: 0,
    p75SCPFirstToSelfLatencyMs: 0,
    p75SCPSelfToOtherLatencyMs: 0,
    lostSyncCount: 0,
    isValidator: false,
    maxInboundPeerCount: 0,
    maxOutboundPeerCount: 0
  }
  const peerData = {
    peerStats: {
      id: new Uint8Array(32),
      versionStr: new Uint8Array(0),
      messagesRead: 0n,
      messagesWritten: 0n,
      bytesRead: 0n,
      bytesWritten: 0n,
      secondsConnected: 0n,
      uniqueFloodBytesRecv: 0n,
      duplicateFloodBytesRecv: 0n,
      uniqueFetchBytesRecv: 0n,
      duplicateFetchBytesRecv: 0n,
      uniqueFloodMessageRecv: 0n,
      duplicateFloodMessageRecv: 0n,
      uniqueFetchMessageRecv: 0n,
      duplicateFetchMessageRecv: 0n
    },
    averageLatencyMs: 0
  }

  it("sees a peer that never was one, a node that was not to be asked, and a survey without an end", () => {
    assert.deepStrictEqual(seenOf([0, HOSTILE]), [])
    assert.deepStrictEqual(seenOf([0, 9]), [1])
    assert.deepStrictEqual(seenOf([], { asked: HOSTILE }), [0])
    assert.deepStrictEqual(seenOf([], { isRunning: true }), [0])
  })
})

describe("the property of credit", () => {
  it("lets the bytes pass by which transactions have become longer, and sees more than those, or before", () => {
    const { breaches, clock, hooks } = watching(creditIsConserved, {
      plan: { ...noFaults(3, 60_000), faults: [{ kind: "upgrade", moreBytes: 4096, atMillis: 5000 }] }
    })
    const grants = (way: TestWay, messages: number, bytes: number) =>
      hooks.sent?.(frame(way, "SEND_MORE_EXTENDED", { grant: { messages, bytes } }))
    const way = wayOf(0, 1)
    grants(way, CREDIT_MESSAGES, 300_000)
    clock.nowMicros = 5 * SECOND
    grants(way, 0, 4096)
    assert.deepStrictEqual(breaches, [])
    grants(way, 0, 1)
    clock.nowMicros = 4 * SECOND
    const other = wayOf(0, 1)
    grants(other, CREDIT_MESSAGES, 300_000)
    grants(other, 0, 4096)
    assert.deepStrictEqual(breaches, [0, 0])
  })
})

describe("preferences", () => {
  it("are drawn for some nodes of every other seed, of their neighbours, and each fits its slots", () => {
    let seeds = 0
    let only = 0
    for (let seed = 0; seed < 200; seed++) {
      const topology = random(20, 4, stream(seed, "topology"))
      const preferences = drawPreferences(stream(seed, "preferences"), topology)
      if (preferences.length > 0) seeds += 1
      assert.isBelow(preferences.length, 20)
      for (const preference of preferences) {
        const { byAddress, byKey, maxInbound, maxOutbound, node } = preference
        for (const called of byAddress) assert.deepInclude(topology.dials, { caller: node, called })
        for (const caller of byKey) assert.deepInclude(topology.dials, { caller, called: node })
        assert.isAtMost(byAddress.length, maxOutbound)
        assert.isAtMost(byKey.length, maxInbound)
        if (preference.only) only += 1
      }
    }
    assert.closeTo(seeds, 100, 36)
    assert.isAbove(only, 10)
  })
})

describe("a run", () => {
  const topology = random(8, 4, stream(1, "topology"))
  const optionsOf = (faults: FaultPlan["faults"], more: Partial<SimulationOptions> = {}): SimulationOptions => ({
    seed: 1,
    seconds: 40,
    topology,
    plan: { ...noFaults(8, 40_000), faults },
    ...more
  })
  const [{ called, caller }] = topology.dials as [(typeof topology.dials)[number]]

  it("has statements wait for sets that only their node has, and all come to everybody", () => {
    const waiting = new Set<number>()
    const { violations } = make(optionsOf([], {
      load: { ...LOADS.light, slotsPerSets: 1 },
      onTrace: ({ node, what }) => {
        if (what === "waits" && node !== undefined) waiting.add(node)
      }
    })).finish()
    assert.deepStrictEqual(violations, [])
    assert.strictEqual(waiting.size, 8)
  })

  it("has a ban end when the plan says so, and who was banned come back", () => {
    const simulation = make(optionsOf([
      { kind: "ban", source: called, target: caller, fromMillis: 8000, toMillis: 12_000 }
    ], {
      // Meanwhile its slot may be taken: by whom it has heard of.
      preferences: [{ node: caller, byAddress: [called], byKey: [], only: false, maxInbound: 4, maxOutbound: 4 }]
    }))
    const isPeer = (seconds: number): boolean => {
      simulation.advanceTo(seconds)
      let found = false
      simulation.world.fork(Effect.map(simulation.nodes[called]!.overlay()!.peers, (peers) => {
        found = peers.some(({ id }) => id === simulation.nodes[caller]!.id)
      }))
      simulation.advanceTo(seconds)
      simulation.world.advanceTo(simulation.world.nowMicros())
      return found
    }
    assert.deepStrictEqual([7, 9, 11].map(isPeer), [true, false, false])
    assert.isTrue(isPeer(39))
    assert.deepStrictEqual(simulation.finish().violations, [])
  })

  it("has a node that has lost the network take no transaction until it has found it", () => {
    const heard: Array<number> = []
    const payments = new Set<string>()
    const { violations } = make(optionsOf([{ kind: "lost", node: 0, fromMillis: 10_000, toMillis: 20_000 }], {
      load: { ...LOADS.none, transactionsPerSecond: 2 },
      onTrace: ({ atMicros, detail, node, what }) => {
        if (what === "says") payments.add(detail)
        if (what === "hears" && node === 0 && payments.has(detail)) heard.push(atMicros / SECOND)
      }
    })).finish()
    assert.deepStrictEqual(violations, [])
    assert.isEmpty(heard.filter((seconds) => seconds > 10 && seconds < 20))
    assert.isAbove(heard.filter((seconds) => seconds < 10).length, 3)
    assert.isAbove(heard.filter((seconds) => seconds > 20).length, 20)
  })

  it("has a preferred peer come in where all slots are taken, and another one go", () => {
    const callers = topology.dials.filter((dial) => dial.called === called).map((dial) => dial.caller)
    const last = callers.at(-1)!
    const preference: Preference = {
      node: called,
      byAddress: [],
      byKey: [last],
      only: false,
      maxInbound: 1,
      maxOutbound: 4
    }
    const left: Array<string> = []
    const simulation = make(optionsOf([], {
      preferences: [preference],
      startMillis: (node) => node === last ? 5000 : 0,
      onTrace: ({ detail, node, what }) => {
        if (node === called && what === "left") left.push(detail)
      }
    }))
    assert.isAbove(callers.length, 1)
    assert.deepStrictEqual(simulation.finish().violations, [])
    assert.lengthOf(left.filter((detail) => detail.endsWith("PreferredPeerSelected")), 1)
  })

  it("has peers get leave to send longer transactions", () => {
    const { violations } = make(optionsOf([{ kind: "upgrade", moreBytes: 30_000, atMillis: 10_000 }])).finish()
    assert.deepStrictEqual(violations, [])
    // Which grants they are, the property of credit knows by the plan alone.
    const simulation = make(optionsOf([{ kind: "upgrade", moreBytes: 30_000, atMillis: 10_000 }]))
    const credit = (seconds: number): number => {
      let bytes = 0
      simulation.advanceTo(seconds)
      simulation.world.fork(Effect.map(simulation.nodes[0]!.overlay()!.peers, (peers) => {
        bytes = Math.min(...peers.map(({ receiveCredit }) => receiveCredit.bytes))
      }))
      simulation.world.advanceTo(simulation.world.nowMicros())
      return bytes
    }
    const [before, after] = [9, 16].map(credit)
    assert.isAtLeast(after! - before!, 20_000)
  })

  it("has a node survey its peers, and those answer", () => {
    const simulation = make(optionsOf([{ kind: "survey", node: 0, fromMillis: 5000, toMillis: 36_000 }]))
    simulation.advanceTo(39)
    const told: Array<string> = []
    simulation.world.fork(Effect.map(simulation.nodes[0]!.overlay()!.survey.results, ({ nodes }) => {
      told.push(...nodes.keys())
    }))
    const { violations } = simulation.finish()
    assert.deepStrictEqual(violations, [])
    assert.isAbove(told.length, 2)
  })
})
