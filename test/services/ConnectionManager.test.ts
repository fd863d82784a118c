/**
 * The keeper of connections: whom it dials, when, and what it believes and tells.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Random, Scope } from "effect"
import { groupOf } from "../../src/core/AddressTables.ts"
import { ANCHOR_PEERS } from "../../src/core/limits.ts"
import { format, type PeerAddress, tcpAddress } from "../../src/core/PeerAddress.ts"
import type { PeerStore } from "../../src/services/PeerStore.ts"

import {
  at,
  build,
  dialed,
  emptyTable,
  far,
  ip,
  ips,
  OWN_PORT,
  range,
  type Settings,
  source,
  times,
  wait,
  type World
} from "./keeperWorld.ts"

describe("The number of dials", () => {
  it.effect("is three in the first round, at once, while nobody has called us; and none when those are peers [ref 8.6 target of three without inbound]", () =>
    Effect.gen(function*() {
      const world = yield* build({ knownPeers: ips(0, 20) })
      assert.deepStrictEqual(times(world.dials), [0, 0, 0])
      yield* wait(60)
      assert.strictEqual(world.dials.length, 3)
      assert.strictEqual(world.peers.counts().outbound, 3)
      assert.strictEqual(world.manager.status().target, 3)
    }))

  it.effect("rises to eight with the first inbound peer, and falls to three with the last", () =>
    Effect.gen(function*() {
      const world = yield* build({ knownPeers: ips(0, 20) })
      world.join("inbound", at(100))
      yield* wait(2.999)
      assert.strictEqual(world.dials.length, 3)
      yield* wait(0.001)
      assert.deepStrictEqual(times(world.dials).slice(3), [3, 3, 3, 3, 3])
      assert.strictEqual(world.manager.status().target, 8)
      world.lose(format(at(100)))
      for (const key of new Set(dialed(world))) world.lose(key)
      yield* wait(3)
      assert.strictEqual(world.dials.length, 8 + 3)
    }))

  it.effect("is bounded for each round, and for connections that are not authenticated [ref 8.6 pending outbound]", () =>
    Effect.gen(function*() {
      const world = yield* build({
        knownPeers: ips(0, 20),
        targetOutboundWithoutInbound: 20,
        maxOutbound: 20,
        dialsPerTick: 4,
        maxPendingOutbound: 10,
        answer: () => "hangs"
      })
      yield* wait(60)
      // The last but one is kept for an address that only called us.
      assert.deepStrictEqual(times(world.dials), [0, 0, 0, 0, 3, 3, 3, 3, 6, 9])
    }))

  it.effect("counts connections that others have opened, and calls that have not become one yet", () =>
    Effect.gen(function*() {
      const world = yield* build({ knownPeers: ips(0, 20), firstTickDelay: "2 seconds", answer: () => "silent" })
      world.join("outbound", at(100))
      yield* wait(2)
      assert.deepStrictEqual(times(world.dials), [2, 2])
      yield* wait(60)
      assert.strictEqual(world.dials.length, 2)
      assert.strictEqual(world.manager.status().dialing, 2)
    }))

  it.effect("goes on until the target is met when peers refuse", () =>
    Effect.gen(function*() {
      const good = new Set([1, 5, 9].map((host) => format(at(host))))
      const world = yield* build({ knownPeers: ips(0, 12), answer: (key) => good.has(key) ? "joins" : "refuses" })
      yield* wait(120)
      assert.strictEqual(world.peers.counts().outbound, 3)
      const { dials, failedDials } = world.manager.status()
      assert.strictEqual(dials, world.dials.length)
      assert.strictEqual(failedDials, dials - 3)
      assert.deepStrictEqual(world.logged, [])
    }))
})

describe("The choice of whom to dial", () => {
  it.effect("is preferred peers first, then known ones, then those we were told of [ref 8.6 preferred first]", () =>
    Effect.gen(function*() {
      const world = yield* build({
        preferredPeers: [ip(1)],
        knownPeers: [ip(2)],
        before: (store) => store.learn([at(3), at(4)], at(200))
      })
      assert.deepStrictEqual(dialed(world).slice(0, 2), [format(at(1)), format(at(2))])
      assert.include([format(at(3)), format(at(4))], dialed(world)[2])
      assert.strictEqual(world.dials.length, 3)
    }))

  it.effect("goes beyond the target for preferred peers, up to the most that there may be", () =>
    Effect.gen(function*() {
      const world = yield* build({ preferredPeers: ips(0, 7), knownPeers: ips(10, 20), maxOutbound: 5 })
      yield* wait(60)
      assert.strictEqual(world.dials.length, 5)
      for (const key of dialed(world)) assert.include(ips(0, 7).map((one) => `${one}:11625`), key)
    }))

  it.effect("does not fall on who is here, in whatever direction", () =>
    Effect.gen(function*() {
      const world = yield* build({ knownPeers: ips(0, 3), firstTickDelay: "1 second" })
      world.join("inbound", at(0))
      world.join("outbound", at(1))
      yield* wait(60)
      assert.deepStrictEqual(dialed(world), [format(at(2))])
    }))

  it.effect("does not fall on an address that is being dialled", () =>
    Effect.gen(function*() {
      const world = yield* build({ knownPeers: [ip(1)], answer: () => "silent" })
      yield* wait(3600)
      assert.strictEqual(world.dials.length, 1)
    }))

  it.effect("does not fall on addresses that nobody should be sent to, and puts them off", () =>
    Effect.gen(function*() {
      const bad = ["10.0.0.1", "127.0.0.1", "192.168.1.1", "169.254.0.1", "0.0.0.1", "224.0.0.1"]
      const world = yield* build({
        before: (store) => store.learn(bad.map((one) => tcpAddress(one, 11_625)), source(0)),
        listening: () => tcpAddress("0.0.0.0", OWN_PORT)
      })
      yield* wait(600)
      assert.deepStrictEqual(world.dials, [])
      for (const one of bad) {
        const record = yield* world.store.get(tcpAddress(one, 11_625))
        assert.isAbove(record?.failures ?? 0, 3, one)
      }
    }))

  it.effect("falls on local addresses where they are allowed, but not on those that are nobody's or our own", () =>
    Effect.gen(function*() {
      const [local, own, all] = [tcpAddress("10.0.0.1", 9), tcpAddress("127.0.0.1", OWN_PORT), tcpAddress("0.0.0.1", 9)]
      const world = yield* build({
        allowLocalAddresses: true,
        before: (store) => store.learn([local, own, all], source(0)),
        listening: () => tcpAddress("0.0.0.0", OWN_PORT)
      })
      yield* wait(600)
      assert.deepStrictEqual([...new Set(dialed(world))], [format(local)])
    }))

  it.effect("follows the operator to local addresses, though not to ourselves", () =>
    Effect.gen(function*() {
      const world = yield* build({
        knownPeers: ["127.0.0.1", "10.0.0.1:7"],
        preferredPeers: ["127.0.0.1:11626"],
        listening: () => tcpAddress("127.0.0.1", OWN_PORT)
      })
      yield* wait(60)
      assert.deepStrictEqual([...dialed(world)].sort(), ["10.0.0.1:7", "127.0.0.1:11626"])
    }))

  it.effect("takes a node on this machine for another one when we do not listen", () =>
    Effect.gen(function*() {
      const world = yield* build({ knownPeers: ["127.0.0.1"] })
      assert.deepStrictEqual(dialed(world), ["127.0.0.1:11625"])
    }))

  it.effect("falls no more, after the one purge at the start, on what has failed too often", () =>
    Effect.gen(function*() {
      const world = yield* build({
        before: (store) =>
          store.learn([far(1), far(2)], source(0)).pipe(
            Effect.andThen(Effect.replicateEffect(store.attempt(far(1)), 120))
          )
      })
      assert.strictEqual(yield* world.store.size, 1)
      assert.deepStrictEqual(dialed(world), [format(far(2))])
      yield* Effect.replicateEffect(world.store.attempt(at(3)), 120)
      yield* wait(60)
      assert.strictEqual(yield* world.store.size, 2)
    }))
})

describe("What is drawn from the tables", () => {
  /** Six groups of four addresses, each told by four. */
  const groups = (store: PeerStore["Service"]) =>
    Effect.forEach(
      range(0, 16),
      (teller) => store.learn(range(0, 6).map((group) => far(group, teller >> 2)), source(teller))
    )
  const groupsOf = (world: World): ReadonlyArray<number> =>
    world.peers.all().flatMap(({ address, direction }) => direction === "outbound" ? [groupOf(address.ip)] : [])

  it.effect("never makes two outbound peers of one /16 while others are there", () =>
    Effect.gen(function*() {
      const world = yield* build({ before: groups, targetOutboundWithoutInbound: 6, dialsPerTick: 1 })
      for (const present of range(1, 7)) {
        assert.strictEqual(new Set(groupsOf(world)).size, present)
        yield* wait(3)
      }
      for (const lost of [2, 0, 5]) {
        const peer = world.peers.all()[lost]
        world.lose(peer === undefined ? "" : format(peer.address))
        yield* wait(30)
        assert.strictEqual(new Set(groupsOf(world)).size, 6)
        assert.strictEqual(groupsOf(world).length, 6)
      }
    }).pipe(Random.withSeed("groups")))

  it.effect("is not of the /16 of a dial under way either, but that of who called us does not matter", () =>
    Effect.gen(function*() {
      const world = yield* build({
        before: groups,
        answer: () => "silent",
        targetOutbound: 6,
        dialsPerTick: 1,
        firstTickDelay: "1 second"
      })
      world.join("inbound", far(3, 100))
      yield* wait(60)
      assert.strictEqual(new Set(world.dials.map(([_, key]) => groupOf(key.replace(/:.*/, "")))).size, 6)
      assert.strictEqual(world.dials.length, 6)
    }).pipe(Random.withSeed("dials")))

  it.effect("may be of one /16 when nobody else is there", () =>
    Effect.gen(function*() {
      const world = yield* build({
        before: (store) => Effect.forEach(range(0, 20), (teller) => store.learn([far(1, teller)], source(teller)))
      })
      yield* wait(12)
      assert.strictEqual(groupsOf(world).length, 3)
      assert.strictEqual(new Set(groupsOf(world)).size, 1)
    }).pipe(Random.withSeed("one group")))

  it.effect("waits for the next round rather than be of one /16 because others that were drawn may not be dialled", () =>
    Effect.gen(function*() {
      for (const _ of range(0, 8)) {
        const world = yield* build({ targetOutboundWithoutInbound: 2, firstTickDelay: "1 second" })
        world.join("outbound", far(1))
        yield* world.store.learn(range(0, 30).map((host) => tcpAddress(`10.0.0.${host}`, 9)), source(0))
        for (const teller of range(0, 20)) yield* world.store.learn([far(1, 2 + teller)], source(teller))
        yield* world.store.learn([far(2)], source(0))
        yield* wait(120)
        assert.deepStrictEqual(dialed(world), [format(far(2))])
      }
    }).pipe(Random.withSeed("undialable")))

  it.effect("may be many of one /16 where the configuration names them", () =>
    Effect.gen(function*() {
      const world = yield* build({ before: groups, knownPeers: [far(0, 50), far(0, 51)].map(format) })
      assert.includeMembers([...dialed(world)], [far(0, 50), far(0, 51)].map(format))
      assert.strictEqual(world.dials.length, 3)
    }))

  it.effect("is nobody who has a row and no place, however good the row", () =>
    Effect.gen(function*() {
      const world = yield* build({
        before: (store) =>
          Effect.andThen(
            store.ensure([far(1)]),
            store.observe(far(2), { kind: "outbound", preferredIsKnown: true })
          )
      })
      yield* wait(60)
      assert.strictEqual(yield* world.store.size, 2)
      assert.deepStrictEqual(world.dials, [])
    }))
})

describe("After a restart", () => {
  /** A book with twenty addresses after a life with three peers, the first two of which are given. */
  const lived = Effect.fnUntraced(function*(settings: Settings = {}) {
    const table = emptyTable()
    const scope = yield* Scope.make()
    const before = (store: PeerStore["Service"]) => store.learn(range(0, 20).map((group) => far(group)), source(0))
    const world = yield* build({ ...settings, table, before }).pipe(Scope.provide(scope))
    yield* wait(3)
    const oldest = world.peers.all().slice(0, ANCHOR_PEERS).map(({ address }) => format(address))
    yield* Scope.close(scope, Exit.void)
    return { table, world, oldest }
  })

  it.effect("the two oldest outbound peers are dialled again first, though they are not due, behind preferred ones", () =>
    Effect.gen(function*() {
      const { oldest, table } = yield* lived()
      assert.strictEqual(oldest.length, 2)
      const again = yield* build({
        table,
        before: (store) =>
          Effect.forEach(range(0, 20), (group) => Effect.replicateEffect(store.attempt(far(group)), 12)),
        preferredPeers: [ip(1)],
        knownPeers: [ip(2)],
        targetOutboundWithoutInbound: 4
      })
      assert.deepStrictEqual(dialed(again), [format(at(1)), ...oldest, format(at(2))])
      yield* wait(60)
      assert.strictEqual(again.dials.length, 4)
    }))

  it.effect("nobody is dialled as an anchor whom this configuration does not allow to be", () =>
    Effect.gen(function*() {
      const world = yield* build({
        before: (store) => store.setAnchors([tcpAddress("10.0.0.1", 9), far(1)])
      })
      assert.deepStrictEqual(dialed(world), [format(far(1))])
      assert.isUndefined(yield* world.store.get(tcpAddress("10.0.0.1", 9)))
    }))

  it.effect("the anchors are still known if all peers were lost before it", () =>
    Effect.gen(function*() {
      const world = yield* build({ knownPeers: ips(0, 3) })
      yield* wait(3)
      const anchors = (yield* world.store.anchors).map(format)
      assert.strictEqual(anchors.length, 2)
      world.answer = () => "refuses"
      for (const key of dialed(world)) world.lose(key)
      yield* wait(60)
      assert.strictEqual(world.peers.counts().outbound, 0)
      assert.deepStrictEqual((yield* world.store.anchors).map(format), anchors)
    }))

  it.effect("an anchor that left before it was one no more: the next oldest takes its place", () =>
    Effect.gen(function*() {
      const world = yield* build({ knownPeers: ips(0, 3) })
      yield* wait(3)
      const [first = "", second, third] = world.peers.all().map(({ address }) => format(address))
      assert.deepStrictEqual((yield* world.store.anchors).map(format), [first, second])
      world.answer = () => "refuses"
      world.lose(first)
      yield* wait(3)
      assert.deepStrictEqual((yield* world.store.anchors).map(format), [second, third])
    }))
})

describe("A feeler", () => {
  const told = (store: PeerStore["Service"]) => store.learn([far(1), far(2)], source(0))
  const oneTarget = { targetOutboundWithoutInbound: 1 }

  it.effect("goes to a new address every two minutes; who answers is moved to the tried, and is no peer", () =>
    Effect.gen(function*() {
      const world = yield* build({ ...oneTarget, before: told })
      const [peer] = dialed(world)
      const other = [far(1), far(2)].map(format).filter((key) => key !== peer)
      yield* wait(119.999)
      assert.deepStrictEqual(world.feelers, [])
      yield* wait(0.001)
      assert.deepStrictEqual(world.feelers.map(([_, key]) => key), other)
      assert.deepStrictEqual(yield* world.store.residents("new"), [])
      assert.strictEqual((yield* world.store.residents("tried")).length, 2)
      assert.deepStrictEqual([world.peers.counts().outbound, world.manager.status().dialing], [1, 0])
      yield* wait(1000)
      assert.strictEqual(world.feelers.length, 1)
      assert.deepStrictEqual(world.logged, [])
    }))

  it.effect("forgets a new address where nobody answers, with one attempt and no more", () =>
    Effect.gen(function*() {
      const world = yield* build({ ...oneTarget, before: told, feel: () => false })
      yield* wait(120)
      assert.strictEqual(world.feelers.length, 1)
      assert.strictEqual(yield* world.store.size, 1)
    }))

  it.effect("that is ended from here leaves the address as it was", () =>
    Effect.gen(function*() {
      const world = yield* build({ ...oneTarget, before: told, feel: () => undefined })
      yield* wait(119)
      const other = [far(1), far(2)].find((one) => format(one) !== dialed(world)[0]) ?? far(0)
      const record = yield* world.store.get(other)
      assert.strictEqual(record?.failures, 0)
      yield* wait(241)
      assert.strictEqual(world.feelers.length, 3)
      assert.deepStrictEqual(yield* world.store.get(other), record)
      assert.deepStrictEqual((yield* world.store.residents("new")).map(format), [format(other)])
    }))

  it.effect("is not sent as long as there is no outbound peer", () =>
    Effect.gen(function*() {
      const world = yield* build({ ...oneTarget, before: told, firstTickDelay: "1 hour" })
      world.join("inbound", far(50))
      yield* wait(600)
      assert.deepStrictEqual(world.feelers, [])
    }))

  it.effect("is spared where the resident is our outbound peer: it is there, and who waited waits no more", () =>
    Effect.gen(function*() {
      // Neighbours until one of them waits for the place of another.
      const world = yield* build({ firstTickDelay: "1 second" })
      const neighbours = range(0, 30).map((host) => far(1, host))
      for (const one of neighbours) yield* world.store.succeed(one)
      const waiting = yield* world.store.residents("waiting")
      assert.isAbove(waiting.length, 0)
      for (const one of yield* world.store.residents("tried")) world.join("outbound", one)
      yield* wait(120 * 50)
      assert.deepStrictEqual(yield* world.store.residents("waiting"), [])
      assert.deepStrictEqual([world.feelers, world.dials], [[], []])
    }))

  it.effect("is not sent to who called us and can be called, nor to who is being called", () =>
    Effect.gen(function*() {
      const world = yield* build({ before: told, firstTickDelay: "1 second", answer: () => "silent" })
      yield* world.store.observe(far(1), { kind: "outbound", preferredIsKnown: true })
      world.join("outbound", far(60))
      world.join("inbound", far(1))
      yield* wait(1)
      assert.deepStrictEqual(dialed(world), [format(far(2))])
      yield* wait(1200)
      assert.deepStrictEqual(world.feelers, [])
      assert.strictEqual((yield* world.store.residents("new")).length, 2)
    }))

  it.effect("is not sent to an address that nobody should be sent to, and that is forgotten", () =>
    Effect.gen(function*() {
      const local = tcpAddress("10.0.0.1", 9)
      const world = yield* build({
        ...oneTarget,
        knownPeers: [ip(1)],
        before: (store) => store.learn([local], source(0))
      })
      yield* wait(120)
      assert.deepStrictEqual(world.feelers, [])
      assert.isUndefined(yield* world.store.get(local))
    }))

  it.effect("takes no slot of a peer, and the slot of a connection that is not authenticated", () =>
    Effect.gen(function*() {
      for (const [maxPendingOutbound, dials] of [[2, 1], [1, 0]] as const) {
        const world = yield* build({
          targetOutboundWithoutInbound: 2,
          maxOutbound: 2,
          maxPendingOutbound,
          firstTickDelay: "1 second",
          feel: () => "hangs"
        })
        world.join("outbound", far(60))
        yield* world.store.learn([far(1)], source(0))
        // With both slots taken no round dials it, and so the feeler finds it.
        world.join("outbound", far(61))
        yield* wait(120)
        assert.deepStrictEqual(world.feelers.map(([_, key]) => key), [format(far(1))])
        yield* world.store.learn([far(2)], source(0))
        world.lose(format(far(61)))
        yield* wait(60)
        assert.deepStrictEqual(dialed(world), range(0, dials).map(() => format(far(2))))
        assert.strictEqual(world.feelers.length, 1)
      }
    }))

  it.effect("is not sent while there is no slot for a connection that is not authenticated", () =>
    Effect.gen(function*() {
      const world = yield* build({ before: told, knownPeers: [ip(1)], maxPendingOutbound: 1, answer: () => "hangs" })
      world.join("outbound", far(60))
      assert.deepStrictEqual(dialed(world), [format(at(1))])
      yield* wait(600)
      assert.deepStrictEqual(world.feelers, [])
    }))

  it.effect("that the book fails is told of in the log, and the next one comes in its time", () =>
    Effect.gen(function*() {
      const world = yield* build({ ...oneTarget, before: told })
      yield* wait(119.5)
      world.isStoreBroken = true
      yield* wait(0.5)
      assert.match(world.logged.join(), /a feeler failed.*disk is full/s)
      world.isStoreBroken = false
      yield* wait(120)
      assert.strictEqual(world.feelers.length, 1)
    }))

  it.effect("ends with the keeper, and reports nothing then", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const world = yield* build({ ...oneTarget, before: told, feel: () => "hangs" }).pipe(Scope.provide(scope))
      yield* wait(120)
      assert.strictEqual(world.feelers.length, 1)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(world.interrupted, world.feelers.map(([_, key]) => key))
      assert.strictEqual((yield* world.store.residents("new")).length, 1)
      assert.strictEqual(world.fibers(), 0)
      assert.deepStrictEqual(world.logged, [])
    }))
})

describe("An address that failed", () => {
  it.effect("is left alone until its back-off is over, and fails once more with each dial [ref 8.2 failure before the attempt]", () =>
    Effect.gen(function*() {
      const world = yield* build({ knownPeers: [ip(1)], answer: () => "refuses" })
      const key = format(at(1))
      for (let round = 0; round < 400; round++) {
        const before = world.dials.length
        const record = yield* world.store.get(at(1))
        yield* wait(3)
        const now = yield* Clock.currentTimeMillis
        const isDue = record !== undefined && record.nextAttemptMillis <= now
        assert.deepStrictEqual(world.dials.slice(before), isDue ? [[now / 1000, key]] : [])
      }
      assert.isAbove(world.dials.length, 4)
      assert.strictEqual((yield* world.store.get(at(1)))?.failures, world.dials.length)
    }))

  it.effect("for what is here, and not there, is left alone as well, and has failed no more often than before", () =>
    Effect.gen(function*() {
      const world = yield* build({ knownPeers: [ip(1)], answer: () => "refuses", isAborted: () => true })
      const record = yield* world.store.get(at(1))
      assert.isAbove(record?.nextAttemptMillis ?? 0, yield* Clock.currentTimeMillis)
      yield* wait(60)
      assert.isAbove(world.dials.length, 4)
      assert.strictEqual((yield* world.store.get(at(1)))?.failures, 0)
      assert.strictEqual(world.manager.status().failedDials, 0)
    }))

  it.effect("is dialled again after a start, though its back-off was not over, if it is configured", () =>
    Effect.gen(function*() {
      const failing = (store: PeerStore["Service"]) =>
        Effect.forEach([at(1), at(2), at(3)], (one) => Effect.replicateEffect(store.attempt(one), 12))
      const world = yield* build({ knownPeers: [ip(1)], preferredPeers: [ip(2)], before: failing })
      assert.deepStrictEqual(dialed(world), [format(at(2)), format(at(1))])
    }))

  it.effect("keeps its failures when its name is looked up again", () =>
    Effect.gen(function*() {
      const world = yield* build({
        knownPeers: ["a.example.org"],
        names: [["a.example.org", ip(1)]],
        answer: () => "refuses"
      })
      yield* wait(599)
      const before = (yield* world.store.get(at(1)))?.failures ?? 0
      assert.isAbove(before, 1)
      yield* wait(4)
      assert.strictEqual(world.lookups.length, 2)
      assert.isAtLeast((yield* world.store.get(at(1)))?.failures ?? 0, before)
    }))
})

describe("A name and an address that are the same peer", () => {
  it.effect("are dialled once [elsewhere: host name and IP of the same peer dialled twice]", () =>
    Effect.gen(function*() {
      const world = yield* build({
        knownPeers: ["a.example.org", ip(1), `${ip(1)}:11625`, "b.example.org:11625"],
        preferredPeers: ["a.example.org"],
        names: [["a.example.org", ip(1)], ["b.example.org", ip(1)]],
        answer: () => "silent"
      })
      yield* wait(30)
      assert.deepStrictEqual(dialed(world), [format(at(1))])
    }))

  it.effect("are dialled once also where one of them is a peer that called us", () =>
    Effect.gen(function*() {
      const world = yield* build({
        firstTickDelay: 1,
        knownPeers: ["a.example.org", ip(1)],
        names: [["a.example.org", ip(1)]]
      })
      world.join("inbound", at(1))
      yield* wait(30)
      assert.deepStrictEqual(dialed(world), [])
    }))
})

describe("A peer that is lost", () => {
  it.effect("is dialled again once its back-off is over", () =>
    Effect.gen(function*() {
      const world = yield* build({ knownPeers: [ip(1)] })
      world.lose(format(at(1)))
      // The back-off of no failures is ten seconds at most, a round comes every three.
      yield* wait(13)
      assert.deepStrictEqual(dialed(world), [format(at(1)), format(at(1))])
      assert.strictEqual(world.peers.counts().outbound, 1)
    }))
})

describe("A configured name", () => {
  const known = { knownPeers: ["a.example.org", ip(9)] }

  it.effect("is looked up at the start and then every ten minutes", () =>
    Effect.gen(function*() {
      const world = yield* build({ ...known, names: [["a.example.org", ip(1)]] })
      yield* wait(1900)
      assert.deepStrictEqual(times(world.lookups), [0, 600, 1200, 1800])
      assert.deepStrictEqual([...dialed(world)].sort(), [format(at(1)), format(at(9))])
    }))

  it.effect("is looked up after ten seconds more each time, until all names were found once [ref 8.5 retries ten seconds further apart] [ref 8.5 once error-free]", () =>
    Effect.gen(function*() {
      const world = yield* build({ ...known, knownPeers: ["a.example.org", "b.example.org"] })
      world.names.set("b.example.org", ip(2))
      yield* wait(59)
      assert.deepStrictEqual(times(world.lookups), [0, 0, 10, 10, 30, 30])
      assert.deepStrictEqual(world.manager.status().unresolved, ["a.example.org"])
      world.names.set("a.example.org", ip(1))
      yield* wait(1)
      assert.deepStrictEqual(world.manager.status().unresolved, [])
      world.names.delete("b.example.org")
      yield* wait(1200)
      assert.deepStrictEqual(times(world.lookups).slice(6), [60, 60, 660, 660, 1260, 1260])
    }))

  it.effect("is looked up every ten minutes at last, though it is never found [ref 8.5 every ten minutes at last]", () =>
    Effect.gen(function*() {
      const world = yield* build(known)
      yield* wait(20_000)
      const looked = times(world.lookups)
      const gaps = looked.slice(1).map((time, i) => time - (looked[i] ?? 0))
      assert.deepStrictEqual(gaps, range(1, gaps.length + 1).map((n) => Math.min(10 * n, 600)))
      assert.isAbove(gaps.length, 61)
    }))

  it.effect("is told of in the log when it is not found and when it is found, once each", () =>
    Effect.gen(function*() {
      const world = yield* build(known)
      yield* wait(2000)
      assert.strictEqual(world.logged.length, 1)
      assert.match(world.logged[0] ?? "", /^Warn .*a\.example\.org/)
      world.names.set("a.example.org", ip(1))
      yield* wait(600)
      world.names.delete("a.example.org")
      yield* wait(1800)
      assert.strictEqual(world.logged.length, 2)
    }))

  it.effect("does not keep the others waiting when it is not found, or cannot be one", () =>
    Effect.gen(function*() {
      const world = yield* build({ knownPeers: ["a.example.org", "not an address", ip(9)] })
      assert.deepStrictEqual(world.dials, [[0, format(at(9))]])
      assert.strictEqual(world.logged.length, 2)
    }))

  it.effect("that can never be one does not hasten the look-ups of the others", () =>
    Effect.gen(function*() {
      const world = yield* build({ knownPeers: ["1.2.3", "a.example.org"], names: [["a.example.org", ip(1)]] })
      yield* wait(700)
      assert.deepStrictEqual(times(world.lookups), [0, 600])
      assert.strictEqual(world.logged.length, 1)
    }))

  it.effect("keeps the first round waiting no longer than for a second one when no answer comes", () =>
    Effect.gen(function*() {
      const world = yield* build({ ...known, names: [["a.example.org", "hangs"]] })
      yield* wait(2.999)
      assert.deepStrictEqual(world.dials, [])
      yield* wait(0.001)
      assert.deepStrictEqual(world.dials, [[3, format(at(9))]])
    }))

  it.effect("whose look-up dies is told of in the log, and looked up again", () =>
    Effect.gen(function*() {
      const world = yield* build({ ...known, names: [["a.example.org", "dies"]] })
      assert.match(world.logged[0] ?? "", /^Error .*a defect in the resolver/)
      world.names.set("a.example.org", ip(1))
      yield* wait(12)
      assert.deepStrictEqual([...dialed(world)].sort(), [format(at(1)), format(at(9))])
    }))

  it.effect("may move: the new address is dialled", () =>
    Effect.gen(function*() {
      const world = yield* build({ preferredPeers: ["a.example.org"], names: [["a.example.org", ip(1)]] })
      assert.strictEqual(world.manager.configured(at(1)), "preferred")
      world.names.set("a.example.org", ip(2))
      yield* wait(603)
      assert.deepStrictEqual(dialed(world), [format(at(1)), format(at(2))])
      assert.isUndefined(world.manager.configured(at(1)))
      assert.strictEqual((yield* world.store.get(at(2)))?.kind, "preferred")
    }))

  it.effect("that is known and preferred is preferred", () =>
    Effect.gen(function*() {
      const world = yield* build({ knownPeers: [ip(1), ip(2)], preferredPeers: [`${ip(1)}:11625`] })
      assert.strictEqual((yield* world.store.get(at(1)))?.kind, "preferred")
      assert.strictEqual((yield* world.store.get(at(2)))?.kind, "outbound")
      assert.deepStrictEqual([1, 2, 3].map((host) => world.manager.configured(at(host))), [
        "preferred",
        "known",
        undefined
      ])
    }))
})

describe("What a peer tells", () => {
  const teller = at(200)

  it.effect.each(
    [
      ["of the open internet", "8.8.4.4", 1, true, true],
      ["with the highest port", "8.8.4.4", 65_535, true, true],
      ["without a port", "8.8.4.4", 0, false, false],
      ["with a port above the highest", "8.8.4.4", 65_536, false, false],
      ["with a negative port", "8.8.4.4", -1, false, false],
      ["of the teller with our own port", teller.ip, OWN_PORT, false, false],
      ["of the teller with another port", teller.ip, OWN_PORT + 1, true, true],
      ["where we listen", "8.8.9.9", 12_000, false, false],
      ["of a private network", "10.1.2.3", 9, false, true],
      ["of another private network", "172.16.0.1", 9, false, true],
      ["of loopback", "127.0.0.1", 9, false, true],
      ["of one cable", "169.254.1.1", 9, false, true],
      ["behind a provider's translation", "100.64.0.1", 9, false, true],
      ["that is nobody's", "0.1.2.3", 9, false, false],
      ["of multicast", "224.0.0.1", 9, false, false],
      ["that is none", "8.8.8", 9, false, false]
    ] as const
  )(
    "is judged: an address %s [ref 8.4 crude self check]",
    ([_, host, port, isTaken, isTakenLocally]) =>
      Effect.gen(function*() {
        for (const allowLocalAddresses of [false, true]) {
          const { manager, store } = yield* build({
            allowLocalAddresses,
            listening: () => tcpAddress("8.8.9.9", 12_000)
          })
          const expected = (allowLocalAddresses ? isTakenLocally : isTaken) ? 1 : 0
          assert.strictEqual(manager.learn([tcpAddress(host, port)], teller), expected)
          const { learnedRefused, learnedShed, learnedWaiting } = manager.status()
          assert.deepStrictEqual([learnedWaiting, learnedRefused, learnedShed], [expected, 1 - expected, 0])
          yield* wait(3)
          assert.strictEqual(yield* store.size, expected)
        }
      })
  )

  it.effect("is in the book as far as there are places for its teller, and dialled, with the next round", () =>
    Effect.gen(function*() {
      const world = yield* build()
      assert.strictEqual(world.manager.learn(range(0, 100).map((group) => far(group)), teller), 100)
      assert.strictEqual(world.manager.status().learnedWaiting, 100)
      yield* wait(3)
      const size = yield* world.store.size
      assert.isTrue(size > 50 && size < 100, `${size}`)
      assert.strictEqual(world.dials.length, 3)
      assert.strictEqual(world.manager.status().learnedWaiting, 0)
    }))

  it.effect("waits in a queue with a bound: what was there stays, what comes is dropped and counted", () =>
    Effect.gen(function*() {
      const world = yield* build({ learnedAddresses: 5 })
      const addresses = (from: number, to: number) => range(from, to).map((group) => far(group))
      assert.strictEqual(world.manager.learn(addresses(0, 4), teller), 4)
      assert.strictEqual(world.manager.learn(addresses(2, 8), teller), 1)
      const { learnedShed, learnedWaiting } = world.manager.status()
      assert.deepStrictEqual([learnedWaiting, learnedShed], [5, 3])
      yield* wait(3)
      for (const host of range(0, 8)) {
        const record = yield* world.store.get(far(host))
        assert.strictEqual(record !== undefined, host < 5, `${host}`)
      }
      assert.strictEqual(world.manager.learn(addresses(7, 8), teller), 1)
    }))

  it.effect("waits and is entered once for each teller, with a place for each of them", () =>
    Effect.gen(function*() {
      const world = yield* build({ answer: () => "silent" })
      for (const group of range(0, 3)) assert.strictEqual(world.manager.learn([far(1)], source(group)), 1)
      assert.strictEqual(world.manager.learn([far(1)], source(0)), 0)
      assert.strictEqual(world.manager.status().learnedWaiting, 3)
      yield* wait(3)
      assert.deepStrictEqual((yield* world.store.residents("new")).map(format), Array(3).fill(format(far(1))))
    }))

  it.effect("if an attacker tells it, takes no more of the next dials than his share, however much it is", () =>
    Effect.gen(function*() {
      const honest = range(0, 100).map((group) => far(group))
      const nobodys = new Set(range(1000, 2000).map((group) => format(far(group))))
      const world = yield* build({
        targetOutboundWithoutInbound: 40,
        maxOutbound: 40,
        dialsPerTick: 40,
        firstTickDelay: "1 second",
        // Twenty who tell of thirty each.
        before: (store) =>
          Effect.forEach(
            range(0, 20),
            (group) => store.learn(range(0, 30).flatMap((i) => honest[(group * 5 + i) % 100] ?? []), source(group))
          )
      })
      assert.strictEqual(world.manager.learn(range(1000, 2000).map((group) => far(group)), source(99)), 1000)
      yield* wait(1)
      const hostile = dialed(world).filter((key) => nobodys.has(key)).length
      assert.strictEqual(world.dials.length, 40)
      assert.isAbove((yield* world.store.residents("new")).filter((one) => nobodys.has(format(one))).length, 100)
      assert.isAtMost(hostile, 8)
    }).pipe(Random.withSeed("attacker")))
})

describe("What a peer is told", () => {
  const told = (settings: Settings, receiver: PeerAddress) =>
    Effect.flatMap(
      build({ answer: () => "silent", ...settings }),
      (world) => Effect.map(world.manager.addressesFor(receiver), (addresses) => addresses.map(format))
    )

  it.effect("is of the book, without its own address [ref 8.4 without its own address]", () =>
    Effect.gen(function*() {
      const before = (store: PeerStore["Service"]) => store.ensure([at(1), at(2), at(3)])
      assert.deepStrictEqual([...yield* told({ before }, at(2))].sort(), [format(at(1)), format(at(3))])
      const samePlace = tcpAddress(ip(2), 1)
      assert.strictEqual((yield* told({ before }, samePlace)).length, 3)
    }))

  it.effect("is as many addresses as it should get, also when its own is among those drawn", () =>
    Effect.gen(function*() {
      const before = (store: PeerStore["Service"]) => store.ensure(range(0, 51).map(at))
      const addresses = yield* told({ before }, at(0))
      assert.strictEqual(new Set(addresses).size, 50)
      const many = (store: PeerStore["Service"]) => store.ensure(range(0, 300).map(at))
      assert.strictEqual((yield* told({ before: many }, at(999))).length, 50)
    }))

  it.effect("leaves out private addresses unless local ones are allowed, and always those that are nobody's [ref 8.4 no private addresses]", () =>
    Effect.gen(function*() {
      const addresses = ["10.0.0.1", "172.16.0.1", "192.168.0.1", "0.0.0.1", "224.0.0.1", "8.8.4.4"]
      const before = (store: PeerStore["Service"]) => store.ensure(addresses.map((one) => tcpAddress(one, 9)))
      assert.deepStrictEqual(yield* told({ before }, at(2)), ["8.8.4.4:9"])
      assert.deepStrictEqual(
        [...yield* told({ before, allowLocalAddresses: true }, at(2))].sort(),
        ["10.0.0.1:9", "172.16.0.1:9", "192.168.0.1:9", "8.8.4.4:9"]
      )
    }))
})

describe("When something goes wrong", () => {
  it.effect("a round that the book fails is told of in the log, dials nobody, and the next one does its work", () =>
    Effect.gen(function*() {
      const world = yield* build({ knownPeers: [ip(1)], firstTickDelay: "1 second" })
      world.isStoreBroken = true
      world.manager.learn([at(2)], at(200))
      yield* wait(7)
      assert.deepStrictEqual(world.dials, [])
      assert.strictEqual(world.logged.length, 3)
      for (const line of world.logged) assert.match(line, /^Error .*disk is full/s)
      world.isStoreBroken = false
      yield* wait(3)
      assert.deepStrictEqual(dialed(world), [format(at(1)), format(at(2))])
      assert.strictEqual(world.logged.length, 3)
    }))

  it.effect("a dial that dies is told of in the log, and its address is dialled again when its time has come", () =>
    Effect.gen(function*() {
      const world = yield* build({ knownPeers: [ip(1)], answer: () => "dies" })
      assert.match(world.logged[0] ?? "", /^Error .*8\.8\.0\.1/)
      assert.strictEqual(world.manager.status().dialing, 0)
      world.answer = () => "joins"
      yield* wait(13)
      assert.deepStrictEqual(dialed(world), [format(at(1)), format(at(1))])
    }))
})

describe("When its Scope is closed", () => {
  it.effect("the keeper interrupts the dials under way, waits for them, and leaves no fiber", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const world = yield* build({
        knownPeers: [...ips(0, 2), "a.example.org"],
        names: [["a.example.org", "hangs"]],
        answer: () => "hangs"
      }).pipe(Scope.provide(scope))
      yield* wait(3)
      assert.strictEqual(world.dials.length, 2)
      assert.isAbove(world.fibers(), 3)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(world.fibers(), 0)
      assert.deepStrictEqual([...world.interrupted].sort(), ips(0, 2).map((one) => `${one}:11625`))
      yield* wait(3600)
      assert.strictEqual(world.dials.length, 2)
      assert.strictEqual(world.lookups.length, 1)
      assert.deepStrictEqual(world.logged, [])
    }))
})
