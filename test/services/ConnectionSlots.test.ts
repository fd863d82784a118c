/**
 * What the keeper of connections does about slots: who is called in place of whom, who is seen to be callable, who is left.
 *
 * A name ends in the case of stellar-core's own tests that asks for the same.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { format } from "../../src/core/PeerAddress.ts"
import { PeerId } from "../../src/core/PeerId.ts"
import { at, build, dialed, far, ip, ips, range, times, wait } from "./keeperWorld.ts"

describe("A preferred address", () => {
  it.effect("is called in place of peers that are not preferred, though no slot is free", () =>
    Effect.gen(function*() {
      const world = yield* build({ preferredPeers: ips(0, 3), maxOutbound: 2, firstTickDelay: "1 second" })
      world.join("outbound", far(1))
      world.join("outbound", far(2))
      yield* wait(1)
      // As many as there are peers that could go.
      assert.strictEqual(world.dials.length, 2)
      for (const key of dialed(world)) assert.include(ips(0, 3).map((one) => `${one}:11625`), key)
    }))

  it.effect("is not called in place of other preferred peers, by address or by key", () =>
    Effect.gen(function*() {
      const byKey = far(1)
      const world = yield* build({
        preferredPeers: ips(0, 3),
        preferredIds: new Set([PeerId(format(byKey))]),
        maxOutbound: 2,
        firstTickDelay: "1 second"
      })
      world.join("outbound", at(0))
      world.join("outbound", byKey)
      yield* wait(60)
      assert.deepStrictEqual(world.dials, [])
    }))

  it.effect("is all that is called where nobody else is let in, unless somebody is preferred by key", () =>
    Effect.gen(function*() {
      const settings = { preferredPeers: [ip(1)], knownPeers: [ip(2)], preferredOnly: true }
      const world = yield* build(settings)
      yield* wait(60)
      assert.deepStrictEqual(dialed(world), [format(at(1))])
      const byKey = yield* build({ ...settings, preferredIds: new Set([PeerId("somebody")]) })
      assert.deepStrictEqual(dialed(byKey), [format(at(1)), format(at(2))])
    }))

  it.effect("is that of a peer whose IP is the same when it comes in, as far as can be said", () =>
    Effect.gen(function*() {
      const { manager } = yield* build({ preferredPeers: [`${ip(1)}:7`], knownPeers: [ip(2)] })
      assert.deepStrictEqual([1, 2, 3].map((host) => manager.mayBePreferred(ip(host))), [true, false, false])
      assert.isFalse(manager.isPreferred(at(1), PeerId("somebody")))
    }))
})

describe("A configured address", () => {
  it.effect("is in the book by its kind, without the failures of earlier times [core: storeConfigPeers() adds]", () =>
    Effect.gen(function*() {
      const world = yield* build({
        preferredPeers: ips(0, 4),
        knownPeers: ips(10, 13),
        answer: () => "silent",
        targetOutbound: 0,
        targetOutboundWithoutInbound: 0,
        maxOutbound: 0,
        before: (store) => Effect.replicateEffect(store.attempt(at(1)), 5)
      })
      const entries = yield* Effect.forEach(
        [...ips(0, 4), ...ips(10, 13)],
        (_, index) =>
          Effect.map(
            world.store.get(at(index < 4 ? index : index + 6)),
            (row) => `${row?.kind}, ${row?.failures} failures`
          )
      )
      assert.deepStrictEqual(entries, [
        ...range(0, 4).map(() => "preferred, 0 failures"),
        ...range(0, 3).map(() => "outbound, 0 failures")
      ])
      assert.strictEqual(yield* world.store.size, 7)
    }))

  it.effect("is in the book with the round behind its look-up [core: triggerPeerResolution() async]", () =>
    Effect.gen(function*() {
      const world = yield* build({
        preferredPeers: ["p.example.org"],
        knownPeers: ["k.example.org"],
        maxOutbound: 0,
        targetOutboundWithoutInbound: 0
      })
      assert.strictEqual(yield* world.store.size, 0)
      world.names.set("p.example.org", ip(1))
      world.names.set("k.example.org", ip(2))
      // Ten seconds to the next look-up, three at most to the next round.
      yield* wait(13)
      assert.deepStrictEqual(
        yield* Effect.forEach([1, 2], (host) => Effect.map(world.store.get(at(host)), (row) => row?.kind)),
        ["preferred", "outbound"]
      )
    }))

  it.effect("changes its kind in the book with the configuration [core: storeConfigPeers() update type]", () =>
    Effect.gen(function*() {
      const world = yield* build({
        preferredPeers: [ip(1)],
        knownPeers: [ip(2), ip(3)],
        maxOutbound: 0,
        targetOutboundWithoutInbound: 0,
        before: (store) =>
          Effect.all([
            store.ensure([at(1), at(2)]),
            store.observe(at(3), { kind: "preferred" })
          ])
      })
      assert.deepStrictEqual(
        yield* Effect.forEach([1, 2, 3], (host) => Effect.map(world.store.get(at(host)), (row) => row?.kind)),
        // Whether the third is preferred no more, only a connection with it shows.
        ["preferred", "outbound", "preferred"]
      )
    }))
})

describe("A peer that called us", () => {
  const quiet = { targetOutbound: 0, targetOutboundWithoutInbound: 0, firstTickDelay: "1 second" } as const

  it.effect("is called once to see whether it can be, and is an outbound address and tried then", () =>
    Effect.gen(function*() {
      const world = yield* build(quiet)
      yield* world.store.observe(far(1), { kind: "inbound" })
      world.join("inbound", far(1))
      yield* wait(600)
      assert.deepStrictEqual(world.feelers, [[1, format(far(1))]])
      assert.deepStrictEqual(world.dials, [])
      const row = yield* world.store.get(far(1))
      assert.deepStrictEqual([row?.kind, row?.failures], ["outbound", 0])
      assert.deepStrictEqual((yield* world.store.residents("tried")).map(format), [format(far(1))])
    }))

  it.effect("and that does not answer is called again, later and later", () =>
    Effect.gen(function*() {
      const world = yield* build({ ...quiet, feel: () => false })
      yield* world.store.observe(far(1), { kind: "inbound" })
      world.join("inbound", far(1))
      yield* wait(3600)
      const row = yield* world.store.get(far(1))
      assert.deepStrictEqual([row?.kind, row?.failures], ["inbound", world.feelers.length])
      assert.isAtLeast(world.feelers.length, 3)
      assert.isAtMost(world.feelers.length, 20)
    }))

  it.effect("has no failure by a call that was ended from here", () =>
    Effect.gen(function*() {
      const world = yield* build({ ...quiet, feel: () => undefined })
      yield* world.store.observe(far(1), { kind: "inbound" })
      world.join("inbound", far(1))
      yield* wait(60)
      assert.isAtLeast(world.feelers.length, 4)
      assert.strictEqual((yield* world.store.get(far(1)))?.failures, 0)
    }))

  it.effect("is called one a round, and not while no connection may be unauthenticated", () =>
    Effect.gen(function*() {
      const callers = range(1, 4).map((group) => far(group))
      const world = yield* build(quiet)
      for (const one of callers) {
        yield* world.store.observe(one, { kind: "inbound" })
        world.join("inbound", one)
      }
      yield* wait(30)
      assert.deepStrictEqual(times(world.feelers), [1, 4, 7])

      const full = yield* build({ ...quiet, maxPendingOutbound: 0 })
      yield* full.store.observe(far(1), { kind: "inbound" })
      full.join("inbound", far(1))
      yield* wait(60)
      assert.deepStrictEqual(full.feelers, [])
    }))

  it.effect("is called in the place that other calls have left for it [ref 8.6 one slot for a promotion]", () =>
    Effect.gen(function*() {
      const world = yield* build({
        knownPeers: ips(0, 9),
        maxPendingOutbound: 3,
        firstTickDelay: "1 second",
        answer: () => "hangs"
      })
      yield* world.store.observe(far(1), { kind: "inbound" })
      world.join("inbound", far(1))
      yield* wait(1)
      assert.strictEqual(world.dials.length, 2)
      assert.deepStrictEqual(world.feelers, [[1, format(far(1))]])
    }))
})

describe("An attempt that was ended from here", () => {
  it.effect("by the end of the keeper is no failure of the peer", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const world = yield* Effect.provideService(
        build({ knownPeers: [ip(1)], answer: () => "hangs" }),
        Scope.Scope,
        scope
      )
      assert.strictEqual((yield* world.store.get(at(1)))?.failures, 1)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(world.interrupted, [format(at(1))])
      assert.strictEqual((yield* world.store.get(at(1)))?.failures, 0)
    }))
})

describe("A node that has lost its network", () => {
  const called = ips(0, 3)
  /** With as many peers as it wants, one of them preferred, of a network that it follows until this second. */
  const lost = (until: number, preferredPeers: ReadonlyArray<string> = [ip(0)]) =>
    Effect.gen(function*() {
      let isFollowing = true
      const world = yield* build({
        preferredPeers,
        knownPeers: called,
        targetOutbound: 3,
        isFollowing: () => isFollowing
      })
      assert.strictEqual(world.peers.counts().outbound, 3)
      yield* wait(until)
      isFollowing = false
      return world
    })

  it.effect("leaves one outbound peer that is not preferred after a minute, and one each minute from then on", () =>
    Effect.gen(function*() {
      const world = yield* lost(120)
      world.join("inbound", far(1))
      // Noticed with the next round; more than a minute later is the 21st from there.
      yield* wait(3 + 60)
      assert.deepStrictEqual(world.dropped, [])
      yield* wait(3)
      assert.strictEqual(world.dropped.length, 1)
      yield* wait(60)
      assert.strictEqual(world.dropped.length, 1)
      yield* wait(600)
      assert.isAtLeast(world.dropped.length, 5)
      for (const [key, why] of world.dropped) {
        assert.strictEqual(why, "IdleTimeout")
        assert.include([format(at(1)), format(at(2))], key)
      }
      // At random: both of them.
      assert.strictEqual(new Set(world.dropped.map(([key]) => key)).size, 2)
    }))

  it.effect("leaves nobody while a slot is free", () =>
    Effect.gen(function*() {
      const world = yield* lost(120)
      const [key] = dialed(world).filter((one) => one !== format(at(0)))
      world.answer = () => "hangs"
      world.lose(key ?? "")
      yield* wait(600)
      assert.deepStrictEqual(world.dropped, [])
    }))

  it.effect("leaves no preferred peer [ref 8.6 random drop of others than preferred]", () =>
    Effect.gen(function*() {
      const world = yield* lost(120, called)
      yield* wait(600)
      assert.deepStrictEqual(world.dropped, [])
    }))
})
