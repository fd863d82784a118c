/**
 * Who is here: limits, claims, slots, and what subscribers hear.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Random, Stream } from "effect"
import { idleTimeout, linkLost } from "../../src/core/DropReason.ts"
import { format, type PeerAddress, tcpAddress } from "../../src/core/PeerAddress.ts"
import { PeerId } from "../../src/core/PeerId.ts"
import { isLoopback } from "../../src/core/RoutableAddress.ts"
import * as RuntimePeers from "../../src/layers/runtime/RuntimePeers.ts"
import { type Direction, type Peer, type PeerChange, Peers, type Pending } from "../../src/services/Peers.ts"

const defaults: RuntimePeers.PeersOptions = {
  maxInbound: 4,
  maxOutbound: 2,
  maxPendingInbound: 5,
  pendingInboundExtra: 2,
  maxPendingOutbound: 3,
  maxPendingPerIp: 2,
  maxPendingPerSubnet: 100,
  maxInboundPerIp: 100,
  maxInboundPerSubnet: 100,
  isExempt: (address) => isLoopback(address.ip),
  changesBuffer: 16
}

const peers = (options: Partial<RuntimePeers.PeersOptions> = {}) => RuntimePeers.layer({ ...defaults, ...options })

const at = (host: number, port = 11_625): PeerAddress => tcpAddress(`192.0.2.${host}`, port)
const reason = linkLost("ended", "")
const [ann, bob] = [PeerId("ANN"), PeerId("BOB")]

const peerOf = (id: PeerId, direction: Direction, address: PeerAddress, slot: number): Peer => ({
  id,
  address,
  direction,
  slot,
  offer: () => true,
  offerControl: () => true,
  advertise: () => true,
  demand: () => true,
  drop: () => {}
})

const isPending = (entered: Pending | string): entered is Pending => typeof entered !== "string"

const enter = (service: Peers["Service"], direction: Direction, address: PeerAddress): Pending => {
  const entered = service.enter(direction, address)
  if (!isPending(entered)) throw new Error(`refused: ${entered}`)
  return entered
}

/** Claims an identity, as a node with a greater id than that, or with a lesser one. */
const claim = (service: Peers["Service"], pending: Pending, id: PeerId, weDecide = false) =>
  service.claim(pending, id, weDecide, () => {})

/** From the door to a peer. */
const join = (service: Peers["Service"], id: PeerId, direction: Direction, address: PeerAddress) => {
  const pending = enter(service, direction, address)
  assert.strictEqual(claim(service, pending, id), "goes-on")
  assert.isTrue(service.hasSlot(direction))
  const peer = peerOf(
    id,
    direction,
    direction === "outbound" ? address : tcpAddress(address.ip, 11_625),
    service.takeSlotNumber()
  )
  service.promote(pending, peer)
  return { pending, peer }
}

const test = (name: string, body: (service: Peers["Service"]) => void, options?: Partial<RuntimePeers.PeersOptions>) =>
  it.effect(name, () => Effect.provide(Effect.map(Peers, body), peers(options)))

describe("The list of who is here", () => {
  test("takes no more pending connections of a direction than allowed [ref 8.6 pending of each direction]", (service) => {
    const inbound = [1, 2, 3, 4, 5].map((host) => enter(service, "inbound", at(host)))
    assert.strictEqual(service.enter("inbound", at(6)), "pending-full")
    assert.isTrue(isPending(service.enter("outbound", at(6))))
    service.leave(inbound[2]!, reason)
    assert.isTrue(isPending(service.enter("inbound", at(6))))
  })

  test("takes no more pending connections of one IP than allowed, whatever their direction and port", (service) => {
    const first = enter(service, "inbound", at(1, 50_001))
    enter(service, "outbound", at(1))
    assert.strictEqual(service.enter("inbound", at(1, 50_002)), "pending-of-ip-full")
    assert.strictEqual(service.enter("outbound", at(1, 11_626)), "pending-of-ip-full")
    assert.isTrue(isPending(service.enter("inbound", at(2))))
    service.leave(first, reason)
    assert.isTrue(isPending(service.enter("inbound", at(1, 50_002))))
  })

  test("keeps further pending places for those who come from where a preferred peer is [ref 8.6 two more for preferred ones]", (service) => {
    for (const host of [1, 2, 3, 4, 5]) enter(service, "inbound", at(host))
    assert.strictEqual(service.enter("inbound", at(6)), "pending-full")
    for (const host of [6, 7]) assert.isTrue(isPending(service.enter("inbound", at(host), { mayBePreferred: true })))
    assert.strictEqual(service.enter("inbound", at(8), { mayBePreferred: true }), "pending-full")
    for (const host of [1, 2, 3]) enter(service, "outbound", at(20 + host))
    assert.strictEqual(service.enter("outbound", at(24), { mayBePreferred: true }), "pending-full")
  })

  test("takes no more pending connections from one /24 than allowed, and calls of ours all the same", (service) => {
    const first = enter(service, "inbound", at(1))
    enter(service, "inbound", at(2))
    assert.strictEqual(service.enter("inbound", at(3)), "pending-of-subnet-full")
    assert.isTrue(isPending(service.enter("inbound", at(3), { isConfigured: true })))
    assert.isTrue(isPending(service.enter("inbound", at(3), { mayBePreferred: true })))
    assert.isTrue(isPending(service.enter("outbound", at(3))))
    assert.isTrue(isPending(service.enter("inbound", tcpAddress("192.0.3.1", 1))))
    service.leave(first, reason)
    assert.isTrue(isPending(service.enter("inbound", at(4))))
  }, { maxPendingPerSubnet: 2, maxPendingInbound: 10 })

  test("knows whether an inbound peer is within the share of its IP and of its /24", (service) => {
    const shareOf = (address: PeerAddress, direction: Direction = "inbound"): boolean => {
      const pending = enter(service, direction, address)
      const hasShare = service.hasShare(pending)
      service.leave(pending, reason)
      return hasShare
    }
    const { pending: first } = join(service, PeerId("A"), "inbound", at(1))
    assert.deepStrictEqual([shareOf(at(1)), shareOf(at(2)), shareOf(at(1), "outbound")], [false, true, true])
    join(service, PeerId("B"), "inbound", at(2))
    assert.deepStrictEqual([at(1), at(3), tcpAddress("192.0.3.1", 1)].map((one) => shareOf(one)), [false, false, true])
    assert.isTrue(service.hasShare(enter(service, "inbound", tcpAddress("127.0.0.1", 1))))
    assert.isTrue(isPending(service.enter("inbound", at(3), { isConfigured: true })))
    service.leave(first, reason)
    assert.deepStrictEqual([shareOf(at(1)), shareOf(at(2)), shareOf(at(3))], [true, false, true])
    // Who is let in beyond its share counts, and no share is left behind it.
    const { pending: beyond } = join(service, PeerId("C"), "inbound", at(2))
    assert.deepStrictEqual([shareOf(at(1)), shareOf(at(3))], [false, false])
    service.leave(beyond, reason)
    assert.isTrue(shareOf(at(3)))
  }, { maxInboundPerIp: 1, maxInboundPerSubnet: 2, maxPendingInbound: 10 })

  test("counts a connection of an IP no longer once it is a peer", (service) => {
    join(service, ann, "inbound", at(1, 50_001))
    enter(service, "inbound", at(1, 50_002))
    assert.isTrue(isPending(service.enter("inbound", at(1, 50_003))))
  })

  test("does not count the connections of an exempt IP", (service) => {
    for (let port = 1; port <= 5; port++) enter(service, "inbound", tcpAddress("127.0.0.1", port))
    assert.strictEqual(service.enter("inbound", tcpAddress("127.0.0.1", 6)), "pending-full")
  })

  test(
    "lets one connection of those that call us claim an identity, until it has left [elsewhere: one identity holding many pending slots]",
    (service) => {
      const [first, second] = [enter(service, "inbound", at(1)), enter(service, "inbound", at(2))]
      assert.strictEqual(claim(service, first, ann), "goes-on")
      assert.strictEqual(claim(service, first, ann), "goes-on")
      assert.strictEqual(claim(service, second, ann), "here")
      assert.strictEqual(claim(service, second, bob), "goes-on")
      service.leave(first, reason)
      assert.strictEqual(claim(service, first, ann), "here")
      const third = enter(service, "inbound", at(3))
      assert.strictEqual(claim(service, third, ann), "goes-on")
    }
  )

  test("lets a call of ours and one of theirs claim the same identity, and both prove it where they decide", (service) => {
    const [theirs, ours] = [enter(service, "inbound", at(1)), enter(service, "outbound", at(2))]
    assert.strictEqual(claim(service, theirs, ann), "goes-on")
    assert.strictEqual(claim(service, ours, ann), "goes-on")
    assert.deepStrictEqual(service.rivals(ours), [theirs])
    assert.strictEqual(service.prove(theirs, () => {}), "goes-on")
    let asked = 0
    assert.strictEqual(service.prove(ours, () => asked++), "undecided")
    service.promote(theirs, peerOf(ann, "inbound", at(1), service.takeSlotNumber()))
    assert.strictEqual(asked, 1)
    assert.strictEqual(service.prove(ours, () => {}), "tied")
    assert.deepStrictEqual([service.rivals(theirs), service.rivals(ours)], [[ours], []])
  })

  test("has a proven call of theirs wait for an unproven one of ours about which we decide", (service) => {
    const [theirs, ours] = [enter(service, "inbound", at(1)), enter(service, "outbound", at(2))]
    claim(service, ours, ann, true)
    claim(service, theirs, ann, true)
    const asked: Array<string> = []
    assert.strictEqual(service.prove(theirs, () => asked.push(service.prove(theirs, () => {}))), "undecided")
    service.leave(ours, reason)
    assert.deepStrictEqual(asked, ["goes-on"])
  })

  test("has a second call of ours to the same identity wait for the first", (service) => {
    const [first, second] = [enter(service, "outbound", at(1)), enter(service, "outbound", at(2))]
    claim(service, first, ann)
    const asked: Array<string> = []
    assert.strictEqual(service.claim(second, ann, true, () => asked.push(claim(service, second, ann))), "undecided")
    service.leave(first, reason)
    assert.deepStrictEqual(asked, ["goes-on"])
    const third = enter(service, "outbound", at(3))
    assert.strictEqual(service.claim(third, ann, true, () => asked.push(claim(service, third, ann))), "undecided")
    service.promote(second, peerOf(ann, "outbound", at(2), service.takeSlotNumber()))
    assert.deepStrictEqual(asked, ["goes-on", "tied"])
    service.leave(third, reason)
    const fourth = enter(service, "outbound", at(4))
    assert.strictEqual(claim(service, fourth, ann), "here")
  })

  test("says of an identity whether it is here, or on its way, or neither", (service) => {
    let asked = 0
    assert.strictEqual(service.outcome(ann, () => asked++), "gone")
    const pending = enter(service, "inbound", at(1))
    claim(service, pending, ann)
    assert.strictEqual(service.outcome(ann, () => asked++), "undecided")
    service.promote(pending, peerOf(ann, "inbound", at(1), service.takeSlotNumber()))
    assert.strictEqual(asked, 1)
    assert.strictEqual(service.outcome(ann, () => asked++), "here")
    service.leave(pending, reason)
    assert.strictEqual(service.outcome(ann, () => asked++), "gone")
    assert.strictEqual(asked, 1)
  })

  test("refuses the identity of an authenticated peer, in either direction", (service) => {
    const { pending } = join(service, ann, "inbound", at(1))
    const second = enter(service, "outbound", at(2))
    assert.strictEqual(claim(service, second, ann), "here")
    service.leave(pending, reason)
    assert.strictEqual(claim(service, second, ann), "goes-on")
  })

  test("keeps the slots of the two directions apart", (service) => {
    join(service, ann, "outbound", at(1))
    const { pending } = join(service, bob, "outbound", at(2))
    assert.isFalse(service.hasSlot("outbound"))
    assert.isTrue(service.hasSlot("inbound"))
    service.leave(pending, reason)
    assert.isTrue(service.hasSlot("outbound"))
  })

  test("gives the lowest slot number that is free", (service) => {
    const joined = ["A", "B", "C"].map((id, i) => join(service, PeerId(id), "inbound", at(i)))
    assert.deepStrictEqual(joined.map(({ peer }) => peer.slot), [0, 1, 2])
    service.leave(joined[1]!.pending, reason)
    service.leave(joined[0]!.pending, reason)
    assert.deepStrictEqual([service.takeSlotNumber(), service.takeSlotNumber(), service.takeSlotNumber()], [0, 1, 3])
  })

  test("lists peers in the order in which they came, in the same array until somebody comes or goes", (service) => {
    const first = join(service, ann, "inbound", at(1))
    const second = join(service, bob, "outbound", at(2))
    const listed = service.all()
    assert.deepStrictEqual(listed, [first.peer, second.peer])
    enter(service, "inbound", at(3))
    assert.strictEqual(service.all(), listed)
    service.leave(first.pending, reason)
    const again = join(service, ann, "inbound", at(1))
    assert.deepStrictEqual(service.all(), [second.peer, again.peer])
    assert.deepStrictEqual(listed, [first.peer, second.peer])
  })

  test("finds a peer by its identity only once it is authenticated", (service) => {
    const pending = enter(service, "inbound", at(1))
    claim(service, pending, ann)
    assert.isUndefined(service.byId(ann))
    const peer = peerOf(ann, "inbound", at(1), service.takeSlotNumber())
    service.promote(pending, peer)
    assert.strictEqual(service.byId(ann), peer)
    service.leave(pending, reason)
    assert.isUndefined(service.byId(ann))
  })

  test("knows a called address from the call on, and a caller's once it has said where it listens", (service) => {
    const called = enter(service, "outbound", at(1))
    assert.isTrue(service.isConnected(at(1)))
    enter(service, "inbound", at(2, 50_000))
    assert.isFalse(service.isConnected(at(2, 50_000)))
    const caller = join(service, ann, "inbound", at(3, 50_000))
    assert.isTrue(service.isConnected(at(3)))
    assert.isFalse(service.isConnected(at(3, 50_000)))
    service.leave(called, reason)
    service.leave(caller.pending, reason)
    assert.isFalse(service.isConnected(at(1)))
    assert.isFalse(service.isConnected(at(3)))
  })

  test("knows the called address also of a peer that says it listens elsewhere", (service) => {
    const pending = enter(service, "outbound", at(1))
    claim(service, pending, ann)
    service.promote(pending, peerOf(ann, "outbound", at(1, 9), service.takeSlotNumber()))
    assert.isTrue(service.isConnected(at(1)))
    assert.isTrue(service.isConnected(at(1, 9)))
  })

  test("knows an address as long as one of its two connections is here", (service) => {
    const { pending } = join(service, ann, "inbound", at(1, 50_000))
    const called = enter(service, "outbound", at(1))
    service.leave(pending, reason)
    assert.isTrue(service.isConnected(at(1)))
    service.leave(called, reason)
    assert.isFalse(service.isConnected(at(1)))
  })

  test("lets a connection leave once, however often that is said", (service) => {
    const pending = enter(service, "inbound", at(1))
    enter(service, "inbound", at(2))
    const { pending: peer } = join(service, ann, "inbound", at(3))
    for (let i = 0; i < 2; i++) {
      service.leave(pending, reason)
      service.leave(peer, reason)
    }
    assert.deepStrictEqual(service.counts(), { inbound: 0, outbound: 0, pendingInbound: 1, pendingOutbound: 0 })
  })

  test("refuses to promote a second connection of a peer", (service) => {
    join(service, ann, "inbound", at(1))
    const second = enter(service, "inbound", at(2))
    claim(service, second, ann)
    assert.throws(() => service.promote(second, peerOf(ann, "inbound", at(2), service.takeSlotNumber())), /not claimed/)
    const [theirs, ours] = [enter(service, "inbound", at(3)), enter(service, "outbound", at(4))]
    claim(service, theirs, bob)
    claim(service, ours, bob)
    service.promote(theirs, peerOf(bob, "inbound", at(3), service.takeSlotNumber()))
    assert.throws(() => service.promote(ours, peerOf(bob, "outbound", at(4), service.takeSlotNumber())), /here already/)
  })

  test("refuses to promote what would break its limits without a sign", (service) => {
    const promote = (pending: Pending, peer: Peer) => () => service.promote(pending, peer)
    const gone = enter(service, "inbound", at(1))
    service.leave(gone, reason)
    assert.throws(promote(gone, peerOf(ann, "inbound", at(1), service.takeSlotNumber())), /not pending/)
    const unclaimed = enter(service, "inbound", at(1))
    assert.throws(promote(unclaimed, peerOf(ann, "inbound", at(1), 0)), /not claimed/)
    claim(service, unclaimed, ann)
    assert.throws(() => claim(service, unclaimed, bob), /as well/)
    assert.throws(promote(unclaimed, peerOf(ann, "inbound", at(1), 7)), /not taken/)
    service.promote(unclaimed, peerOf(ann, "inbound", at(1), 0))
    assert.throws(promote(unclaimed, peerOf(ann, "inbound", at(1), 0)), /not pending/)
    const full = enter(service, "outbound", at(2))
    claim(service, full, bob)
    assert.throws(promote(full, peerOf(bob, "outbound", at(2), service.takeSlotNumber())), /no slot/)
  }, { maxOutbound: 0 })

  it.effect("tells each subscriber who comes and goes, and of pending connections nothing", () =>
    Effect.gen(function*() {
      const service = yield* Peers
      const heard = yield* Effect.forEach(
        [1, 2],
        () => Effect.forkChild(Stream.runCollect(Stream.take(service.changes, 3)), { startImmediately: true })
      )
      service.leave(enter(service, "inbound", at(9)), reason)
      const first = join(service, ann, "inbound", at(1))
      service.leave(first.pending, idleTimeout)
      const second = join(service, bob, "outbound", at(2))
      const changes: ReadonlyArray<PeerChange> = [
        { _tag: "PeerJoined", peer: first.peer },
        { _tag: "PeerLeft", peer: first.peer, reason: idleTimeout },
        { _tag: "PeerJoined", peer: second.peer }
      ]
      for (const fiber of heard) assert.deepStrictEqual(yield* Fiber.join(fiber), changes)
    }).pipe(Effect.provide(peers())))

  it.effect("drops the oldest news of a subscriber that is busy", () =>
    Effect.gen(function*() {
      const service = yield* Peers
      const heard: Array<string> = []
      const fiber = yield* Effect.forkChild(
        Stream.runForEach(Stream.take(service.changes, 3), (change) => {
          heard.push(change._tag)
          // Busy with the first while four more come.
          return heard.length === 1
            ? Effect.sync(() => {
              service.leave(join(service, ann, "inbound", at(1)).pending, reason)
              service.leave(join(service, bob, "inbound", at(2)).pending, reason)
              join(service, ann, "inbound", at(1))
            })
            : Effect.void
        }),
        { startImmediately: true }
      )
      join(service, PeerId("CYD"), "outbound", at(3))
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(heard, ["PeerJoined", "PeerLeft", "PeerJoined"])
    }).pipe(Effect.provide(peers({ changesBuffer: 2 }))))
})

/** The same list, kept the plainest way: one array, and each answer found by looking through it. */
interface Row {
  readonly pending: Pending
  id: PeerId | undefined
  peer: Peer | undefined
  /** The place in the order of those that became peers. */
  since: number
}

const pick = <A>(random: (below: number) => number, items: ReadonlyArray<A>): A | undefined =>
  items[random(items.length)]

describe("The list of who is here, under 10,000 random operations", () => {
  it.effect.each([1, 2, 3])(
    "answers as a plain array does, never beyond a limit, and leaks no slot (seed %i)",
    (seed) =>
      Effect.gen(function*() {
        const service = yield* Peers
        const source = yield* Random.Random
        const random = (below: number) => Math.floor(source.nextDoubleUnsafe() * below)
        const ids = Array.from({ length: 12 }, (_, i) => PeerId(`P${i}`))
        const everywhere = [1, 2, 3, 4].flatMap((host) => [at(host, 1), at(host, 2), tcpAddress("127.0.0.1", host)])
        const directions: ReadonlyArray<Direction> = ["inbound", "outbound"]
        let rows: ReadonlyArray<Row> = []
        let joined = 0
        const happened = { refused: 0, refusedForIp: 0, claimed: 0, notClaimed: 0, promoted: 0, noSlot: 0, left: 0 }

        const those = (direction: Direction, isPeer: boolean) =>
          rows.filter((row) => row.pending.direction === direction && (row.peer !== undefined) === isPeer)

        const step = () => {
          const row = pick(random, rows)
          switch (random(5)) {
            case 0:
            case 1: {
              const direction = pick(random, directions) ?? "inbound"
              const address = pick(random, everywhere) ?? at(1)
              const isFull = those(direction, false).length
                === (direction === "inbound" ? defaults.maxPendingInbound : defaults.maxPendingOutbound)
              const ofIp = rows.filter((one) => one.peer === undefined && one.pending.address.ip === address.ip).length
              const entered = service.enter(direction, address)
              if (isFull) {
                happened.refused++
                return assert.strictEqual(entered, "pending-full")
              }
              if (!isLoopback(address.ip) && ofIp >= defaults.maxPendingPerIp) {
                happened.refusedForIp++
                return assert.strictEqual(entered, "pending-of-ip-full")
              }
              if (!isPending(entered)) return assert.fail(`refused: ${entered}`)
              rows = [...rows, { pending: entered, id: undefined, peer: undefined, since: 0 }]
              return
            }
            case 2: {
              if (row === undefined || row.id !== undefined) return
              const id = pick(random, ids) ?? ann
              const { direction } = row.pending
              const others = rows.filter((one) => one.id === id)
              const isHere = others.some(({ peer, pending }) =>
                peer !== undefined || (direction === "inbound" && pending.direction === "inbound")
              )
              const waits = !isHere
                && others.some(({ pending }) => direction === "outbound" && pending.direction === "outbound")
              const answer = claim(service, row.pending, id)
              if (isHere) assert.include(["here", "tied"], answer)
              else assert.strictEqual(answer, waits ? "undecided" : "goes-on")
              happened[isHere || waits ? "notClaimed" : "claimed"]++
              if (answer === "goes-on") row.id = id
              return
            }
            case 3: {
              const isAlone = ({ id }: Row) => !rows.some((one) => one.id === id && one.peer !== undefined)
              const ready = pick(
                random,
                rows.filter((one) => one.id !== undefined && one.peer === undefined && isAlone(one))
              )
              if (ready === undefined || ready.id === undefined) return
              const { address, direction } = ready.pending
              const most = direction === "inbound" ? defaults.maxInbound : defaults.maxOutbound
              const hasSlot = those(direction, true).length < most
              assert.strictEqual(service.hasSlot(direction), hasSlot)
              happened[hasSlot ? "promoted" : "noSlot"]++
              if (!hasSlot) return
              const slot = service.takeSlotNumber()
              const taken = new Set(rows.map((one) => one.peer?.slot))
              assert.isFalse(taken.has(slot))
              for (let lower = 0; lower < slot; lower++) assert.isTrue(taken.has(lower))
              ready.peer = peerOf(ready.id, direction, address, slot)
              ready.since = ++joined
              service.promote(ready.pending, ready.peer)
              return
            }
            default:
              if (row === undefined) return
              happened.left++
              service.leave(row.pending, reason)
              rows = rows.filter((one) => one !== row)
          }
        }

        /** One assertion for many answers: of a million of them, each would cost more than what it looks at. */
        const isSame = (answers: ReadonlyArray<unknown>, expected: ReadonlyArray<unknown>): boolean =>
          answers.length === expected.length && answers.every((answer, i) => answer === expected[i])

        const compare = () => {
          const here = [...rows].sort((a, b) => a.since - b.since).flatMap(({ peer }) => peer ?? [])
          assert.isTrue(isSame(service.all(), here))
          assert.deepStrictEqual(service.counts(), {
            inbound: those("inbound", true).length,
            outbound: those("outbound", true).length,
            pendingInbound: those("inbound", false).length,
            pendingOutbound: those("outbound", false).length
          })
          assert.isTrue(isSame(ids.map(service.byId), ids.map((id) => here.find((peer) => peer.id === id))))
          const called = new Set(
            rows.flatMap(({ peer, pending }) =>
              peer !== undefined || pending.direction === "outbound" ? [format(pending.address)] : []
            )
          )
          const isCalled = everywhere.map((address) => called.has(format(address)))
          assert.isTrue(isSame(everywhere.map(service.isConnected), isCalled), `${called}`)
        }

        for (let operation = 0; operation < 10_000; operation++) {
          step()
          compare()
        }
        for (const [what, times] of Object.entries(happened)) assert.isAbove(times, 50, what)
        for (const row of rows) service.leave(row.pending, reason)
        rows = []
        compare()
        assert.strictEqual(service.takeSlotNumber(), 0)
      }).pipe(Random.withSeed(seed), Effect.provide(peers()))
  )
})
