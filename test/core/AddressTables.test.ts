import { assert, describe, it } from "@effect/vitest"
import { AddressPlaces } from "../../src/core/AddressPlaces.ts"
import {
  AddressTables,
  bucketOf,
  type Change,
  ConfiguredAddresses,
  decide,
  type Decision,
  drawDials,
  drawFeeler,
  groupOf,
  type Holder,
  type Place,
  type Question,
  tableSizes
} from "../../src/core/AddressTables.ts"
import { HASH_KEY_BYTES } from "../../src/core/HalfSipHash.ts"
import {
  CONFIGURED_ADDRESSES,
  NEW_BUCKET_PLACES,
  NEW_BUCKETS,
  NEW_BUCKETS_PER_SOURCE,
  NEW_PLACES_PER_GROUP,
  TRIED_PLACES_PER_GROUP
} from "../../src/core/limits.ts"
import { format, type PeerAddress, tcpAddress } from "../../src/core/PeerAddress.ts"
import type { PeerRecord } from "../../src/core/PeerBook.ts"
import * as Prng from "../../src/core/Prng.ts"
import { honest, hostile, isHonest, live, madeUp, tellTales, Victim } from "../support/addressAttack.ts"

const prng = (name: string) => Prng.stream(1, name)
const tablesOf = (seed: number) => new AddressTables(Prng.stream(seed, "key").bytes(HASH_KEY_BYTES))
const tables = tablesOf(1)
const at = (number: number): PeerAddress => tcpAddress(`8.8.${number >> 8}.${number & 255}`, 11_625)
const source = "9.9.9.9"

/** Addresses of one /16, or of as many as there are. */
const inGroup = (group: number, count: number) =>
  Array.from({ length: count }, (_, number) => tcpAddress(`${20 + group}.5.${number >> 8}.${number & 255}`, 11_625))

describe("A group", () => {
  it("is a /16 of the open internet, and each address of a local network", () => {
    assert.strictEqual(groupOf("8.9.10.11"), 0x08090000)
    assert.strictEqual(groupOf("203.0.255.1"), groupOf("203.0.0.0"))
    assert.notStrictEqual(groupOf("8.9.0.0"), groupOf("8.8.0.0"))
    for (const local of ["10.0.0.", "127.0.0.", "192.168.1.", "100.64.0.", "169.254.1."]) {
      assert.notStrictEqual(groupOf(`${local}1`), groupOf(`${local}2`))
    }
    assert.strictEqual(groupOf("host.example"), 0)
  })
})

describe("The places of addresses", () => {
  const numbers = (places: ReadonlyArray<Place>) => new Set(places.map((place) => place.at))

  it("are in the tables, the same for the same key, and others for another", () => {
    const other = tablesOf(2)
    let moved = 0
    for (const address of honest) {
      const places = [tables.newPlace(address, source), tables.triedPlace(address)]
      for (const place of places) assert.isTrue(place.at >= 0 && place.at < tableSizes[place.table])
      assert.deepStrictEqual([tablesOf(1).newPlace(address, source), tablesOf(1).triedPlace(address)], places)
      if (other.newPlace(address, source).at !== places[0]?.at && other.triedPlace(address).at !== places[1]?.at) {
        moved++
      }
    }
    assert.isAbove(moved, 180)
  })

  it("of what one group tells are in 4 buckets of 64, and of each group told of in 1 of these", () => {
    for (let seed = 0; seed < 5; seed++) {
      const tables = tablesOf(seed)
      const told = numbers([...honest, ...madeUp].map((address) => tables.newPlace(address, "9.9.1.1")))
      const buckets = new Set([...told].map(bucketOf))
      assert.isAtMost(buckets.size, NEW_BUCKETS_PER_SOURCE)
      assert.isAtMost(told.size, NEW_BUCKETS_PER_SOURCE * NEW_BUCKET_PLACES)
      // Not far below, either: a source may tell a whole network.
      assert.isAbove(told.size, NEW_BUCKET_PLACES)
      const ofGroup = numbers(inGroup(3, 5000).map((address) => tables.newPlace(address, "9.9.1.1")))
      assert.strictEqual(new Set([...ofGroup].map(bucketOf)).size, 1)
      assert.isAtMost(ofGroup.size, NEW_PLACES_PER_GROUP)
    }
  })

  it("of one group are in 4 columns of 64 whoever tells of it, and in 8 places of the tried", () => {
    for (let seed = 0; seed < 5; seed++) {
      const tables = tablesOf(seed)
      const addresses = inGroup(3, 100)
      const told = honest.slice(0, 100).flatMap(({ ip }) => addresses.map((address) => tables.newPlace(address, ip)))
      assert.isAtMost(new Set(told.map((place) => place.at % NEW_BUCKET_PLACES)).size, NEW_PLACES_PER_GROUP)
      assert.isAtMost(numbers(told).size, NEW_PLACES_PER_GROUP * NEW_BUCKETS)
      const tried = numbers(addresses.map((address) => tables.triedPlace(address)))
      assert.isAtMost(tried.size, TRIED_PLACES_PER_GROUP)
      assert.isAbove(tried.size, TRIED_PLACES_PER_GROUP / 2)
    }
  })
})

describe("A decision", () => {
  /** Gives the answers that are written down; whatever else is asked is not there. */
  const deciding = (decision: Decision, known: ReadonlyArray<Holder>): ReadonlyArray<Change> =>
    decide(decision, (question: Question) =>
      known.find(({ address, places }) =>
        question._tag === "Of"
          ? format(address) === format(question.address)
          : places.some(({ at, table }) => at === question.place.at && table === question.place.table)
      ))
  const holder = (address: PeerAddress, failures: number, ...places: ReadonlyArray<Place>): Holder => ({
    address,
    failures,
    places
  })
  const told = (known: ReadonlyArray<Holder>) => deciding(tables.told(at(1), source), known)
  const place = tables.newPlace(at(1), source)
  const elsewhere: Place = { table: "new", at: (place.at + 1) % tableSizes.new }
  const tried = tables.triedPlace(at(1))
  const waiting: Place = { table: "waiting", at: tried.at }
  const enters: Change = { _tag: "Put", place, address: at(1) }

  it("on a told address gives it a free place, once for each place", () => {
    assert.deepStrictEqual(told([]), [enters])
    assert.deepStrictEqual(told([holder(at(1), 5, elsewhere)]), [enters])
    assert.deepStrictEqual(told([holder(at(1), 0, place)]), [])
    assert.deepStrictEqual(told([holder(at(1), 0, tried)]), [])
  })

  it("on a told address keeps the resident that is as good", () => {
    assert.deepStrictEqual(told([holder(at(2), 0, place)]), [])
    assert.deepStrictEqual(told([holder(at(2), 3, place), holder(at(1), 3)]), [])
    assert.deepStrictEqual(told([holder(at(2), 0, place, elsewhere), holder(at(1), 0, tried)]), [])
  })

  it("on a told address removes a resident that has failed more often, and forgets it with its last place", () => {
    assert.deepStrictEqual(told([holder(at(2), 1, place)]), [enters, { _tag: "Forget", address: at(2) }])
    assert.deepStrictEqual(told([holder(at(2), 1, place, elsewhere)]), [enters])
  })

  it("on a told address that stands nowhere takes the place of one that stands elsewhere too", () => {
    assert.deepStrictEqual(told([holder(at(2), 0, place, elsewhere)]), [enters])
    assert.deepStrictEqual(told([holder(at(2), 0, place, elsewhere), holder(at(1), 1)]), [])
  })

  it("on an address that answered moves it to the tried, out of every place of the new", () => {
    const changes = deciding(tables.answered(at(1)), [holder(at(1), 0, place, elsewhere)])
    assert.deepStrictEqual(changes, [
      { _tag: "Put", place: tried, address: at(1) },
      { _tag: "Clear", place },
      { _tag: "Clear", place: elsewhere }
    ])
  })

  it("on an address that answered lets it wait for a resident, the first one to come", () => {
    const known = [holder(at(2), 9, tried), holder(at(1), 0, place)]
    assert.deepStrictEqual(deciding(tables.answered(at(1)), known), [{ _tag: "Put", place: waiting, address: at(1) }])
    assert.deepStrictEqual(deciding(tables.answered(at(1)), [...known, holder(at(3), 0, waiting)]), [])
  })

  it("on a resident that answered its test sends away who waited", () => {
    const known = [holder(at(1), 0, tried), holder(at(2), 0, waiting)]
    assert.deepStrictEqual(deciding(tables.answered(at(1)), known), [{ _tag: "Clear", place: waiting }])
  })

  it("on a resident that was silent gives its place to who waited, and to nobody else", () => {
    const resident = holder(at(1), 1, tried)
    assert.deepStrictEqual(deciding(tables.silent(at(1)), [resident]), [])
    assert.deepStrictEqual(deciding(tables.silent(at(1)), [resident, holder(at(2), 0, waiting, elsewhere)]), [
      { _tag: "Put", place: tried, address: at(2) },
      { _tag: "Clear", place: waiting },
      { _tag: "Clear", place: elsewhere },
      { _tag: "Forget", address: at(1) }
    ])
  })

  it("on any other address that was silent forgets it", () => {
    assert.deepStrictEqual(deciding(tables.silent(at(1)), [holder(at(1), 1, place, elsewhere)]), [
      { _tag: "Clear", place },
      { _tag: "Clear", place: elsewhere },
      { _tag: "Forget", address: at(1) }
    ])
    assert.deepStrictEqual(deciding(tables.silent(at(1)), []), [])
    assert.deepStrictEqual(deciding(tables.silent(at(1)), [holder(at(1), 1)]), [])
  })
})

describe("A drawing", () => {
  /** Each of these is a group. */
  const local = (number: number) => tcpAddress(`10.0.${number >> 8}.${number & 255}`, 11_625)
  const locals = (from: number, to: number) => Array.from({ length: to - from }, (_, number) => local(from + number))
  const drawOf = (name: string) => {
    const stream = prng(name)
    return () => stream.nextU32() / 2 ** 32
  }

  it("takes from both tables with a fair coin, however much the other one holds", () => {
    const draw = drawOf("coin")
    const many = locals(100, 1100).map((address, number) => [number, address] as const)
    const few = locals(0, 1)
    let fromFew = 0
    for (let round = 0; round < 1000; round++) {
      if (drawDials(few, many, 1, draw)[0] === few[0]) fromFew++
      if (drawDials(many.map(([, address]) => address), [[0, at(0)]], 1, draw)[0]?.ip === at(0).ip) {
        fromFew++
      }
    }
    // 1,000 of 2,000 on average, with a deviation of 22.
    assert.isTrue(Math.abs(fromFew - 1000) < 110, `${fromFew}`)
  })

  it("weighs the buckets of the new alike, not their residents", () => {
    const draw = drawOf("buckets")
    const told = [
      ...locals(0, 60).map((address, number) => [number, address] as const),
      [NEW_BUCKET_PLACES, at(99)] as const
    ]
    let alone = 0
    for (let round = 0; round < 1000; round++) if (drawDials([], told, 1, draw)[0]?.ip === at(99).ip) alone++
    assert.isTrue(Math.abs(alone - 500) < 80, `${alone}`)
  })

  it("gives each address once, all of them if so many are wanted, and in the end each comes up first", () => {
    const draw = drawOf("all")
    const tried = locals(0, 10)
    const told = locals(10, 30).flatMap((address, number) => [[number, address], [number + 200, address]] as const)
    const firsts = new Set<string>()
    for (let round = 0; round < 500; round++) {
      const drawn = drawDials(tried, told, 100, draw).map(format)
      assert.strictEqual(new Set(drawn).size, 30)
      assert.strictEqual(drawn.length, 30)
      firsts.add(drawn[0] ?? "")
    }
    assert.strictEqual(firsts.size, 30)
    assert.strictEqual(drawDials(tried, told, 7, draw).length, 7)
    assert.deepStrictEqual(drawDials([], [], 7, draw), [])
  })

  it("never takes two of one group, and all groups if so many are wanted", () => {
    const draw = drawOf("groups")
    const addresses = [...inGroup(1, 50), ...inGroup(2, 50), ...inGroup(3, 1)]
    const told = addresses.map((address, number) => [number * 7, address] as const)
    for (let round = 0; round < 100; round++) {
      const groups = drawDials(addresses.slice(0, 50), told, 10, draw).map(({ ip }) => groupOf(ip))
      assert.deepStrictEqual(groups.sort(), [1, 2, 3].map((group) => groupOf(`${20 + group}.5.0.0`)))
    }
  })

  it("of a feeler's address takes a test or a new address with a fair coin, or what there is", () => {
    const draw = drawOf("feelers")
    const tests = [at(1), at(2)]
    const told = locals(10, 30).map((address, number) => [number, address] as const)
    const drawn = Array.from({ length: 1000 }, () => drawFeeler(tests, told, draw))
    const isTest = drawn.filter((address) => address === tests[0] || address === tests[1]).length
    assert.isTrue(Math.abs(isTest - 500) < 80, `${isTest}`)
    assert.isTrue(drawn.includes(tests[0]) && drawn.includes(tests[1]))
    assert.include(tests, drawFeeler(tests, [], draw))
    assert.strictEqual(drawFeeler([], told.slice(0, 1), draw), told[0]?.[1])
    assert.isUndefined(drawFeeler([], [], draw))
  })
})

describe("Addresses of the configuration", () => {
  it("are never forgotten, as preferred ones, and are not marked without an end", () => {
    const configured = new ConfiguredAddresses()
    const record = (number: number, kind: PeerRecord["kind"]): PeerRecord => ({
      address: at(number),
      kind,
      failures: 0,
      nextAttemptMillis: 0
    })
    configured.add(at(1))
    assert.isFalse(configured.mayForget(record(1, "outbound")))
    assert.isTrue(configured.mayForget(record(2, "outbound")))
    assert.isFalse(configured.mayForget(record(2, "preferred")))
    for (let number = 2; number < CONFIGURED_ADDRESSES + 2; number++) configured.add(at(number))
    assert.isTrue(configured.mayForget(record(1, "outbound")))
    assert.isFalse(configured.mayForget(record(2, "outbound")))
  })
})

describe("Places in memory", () => {
  it("tell for each address what the tables tell for each place", () => {
    const stream = prng("places")
    const places = new AddressPlaces()
    const names = ["new", "tried", "waiting"] as const
    for (let step = 0; step < 3000; step++) {
      const place: Place = { table: names[stream.below(3)] ?? "new", at: stream.below(20) }
      const address = at(stream.below(15))
      if (stream.chance(1, 10)) places.remove(address)
      else if (stream.chance(1, 3)) places.clear(place)
      else places.put(place, address)
    }
    const byPlace = names.flatMap((table) =>
      places.residents(table).map(([number, address]) => `${format(address)} ${table} ${number}`)
    )
    const byAddress = Array.from(
      { length: 15 },
      (_, number) => places.of(at(number)).map((place) => `${format(at(number))} ${place.table} ${place.at}`)
    ).flat()
    assert.isAbove(byPlace.length, 20)
    assert.deepStrictEqual(byAddress.sort(), byPlace.sort())
  })
})

describe("An attacker with 256 addresses in two networks, who tells of 10,000 others,", () => {
  const share = (victim: Victim, table: "new" | "tried", among: "places" | "residents") => {
    const residents = victim.places.residents(table)
    const held = residents.filter(([, address]) => !isHonest(address)).length
    return held / (among === "places" ? tableSizes[table] : residents.length)
  }

  it("holds a quarter of the new and an eighth of the tried at most, in any round", () => {
    let [mostNew, mostTried] = [0, 0]
    for (let seed = 0; seed < 5; seed++) {
      const prng = Prng.stream(seed, "rounds")
      const victim = new Victim(prng.fork("victim"))
      const hostiles = new Set(hostile.map(format))
      const isUp = (address: PeerAddress) => isHonest(address) ? prng.chance(9, 10) : hostiles.has(format(address))
      for (const address of hostile.slice(0, 2)) victim.hear(madeUp, address)
      for (let round = 0; round < 20; round++) {
        for (const address of hostile) {
          victim.hear([address], address)
          victim.answered(address)
        }
        for (let meeting = 0; meeting < 20; meeting++) {
          const peer = honest[prng.below(honest.length)] ?? at(0)
          victim.answered(peer)
          tellTales(victim, peer, prng)
          tellTales(victim, hostile[prng.below(hostile.length)] ?? at(0), prng)
          victim.feel(isUp)
        }
        mostNew = Math.max(mostNew, share(victim, "new", "places"))
        mostTried = Math.max(mostTried, share(victim, "tried", "places"))
        assert.isAtMost(mostNew, 1 / 4)
        assert.isAtMost(mostTried, 2 * TRIED_PLACES_PER_GROUP / tableSizes.tried)
        // Of what stands there, too, once the victim has met most of the others.
        if (round >= 10) assert.isAtMost(share(victim, "tried", "residents"), 1 / 8)
      }
      // Nearly everybody honest is still to be found.
      const found = new Set(
        (["new", "tried"] as const).flatMap((table) =>
          victim.places.residents(table).map(([, address]) => format(address))
        )
      )
      assert.isAbove(honest.filter((address) => found.has(format(address))).length, 190)
    }
    // The bounds are near: the attacker does what he can.
    assert.isAbove(mostNew, 1 / 8)
    assert.isAbove(mostTried, 1 / 128)
  }, 30_000)

  it("never has all outbound peers of a victim that starts 1,000 times, with a fifth of the honest away", () => {
    let peers = 0
    let honestPeers = 0
    let fewest = 8
    for (let seed = 0; seed < 20; seed++) {
      const prng = Prng.stream(seed, "restarts")
      const victim = new Victim(prng.fork("victim"))
      for (const address of hostile.slice(0, 2)) victim.hear(madeUp, address)
      for (const source of honest.slice(0, 3)) tellTales(victim, source, prng)
      for (let start = 0; start < 50; start++) {
        const { outbound } = live(victim, 20, prng)
        const count = outbound.filter(isHonest).length
        assert.strictEqual(outbound.length, 8)
        assert.isAbove(count, 0, `seed ${seed}, start ${start}`)
        peers += outbound.length
        honestPeers += count
        fewest = Math.min(fewest, count)
      }
    }
    // Of all who answer, 256 of 416 are hostile. Of those who are chosen two thirds are honest, and at least three of eight.
    assert.isAbove(honestPeers / peers, 0.6)
    assert.isAtLeast(fewest, 3)
  }, 60_000)
})
