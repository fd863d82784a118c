/**
 * A network with an attacker in it, and the tables of a victim: what is told, dialled and tested, without a machine and a clock.
 */
import { AddressPlaces } from "../../src/core/AddressPlaces.ts"
import { AddressTables, decide, type Decision, drawDials, drawFeeler } from "../../src/core/AddressTables.ts"
import { HASH_KEY_BYTES } from "../../src/core/HalfSipHash.ts"
import { ANCHOR_PEERS } from "../../src/core/limits.ts"
import { format, type PeerAddress, tcpAddress } from "../../src/core/PeerAddress.ts"
import type { Prng } from "../../src/core/Prng.ts"

/** 200 nodes in 100 networks /16, two in each. */
export const honest: ReadonlyArray<PeerAddress> = Array.from(
  { length: 200 },
  (_, node) => tcpAddress(`${20 + (node % 100)}.7.${node >= 100 ? 1 : 0}.9`, 11_625)
)

/** 256 addresses in two networks /16. */
export const hostile: ReadonlyArray<PeerAddress> = Array.from(
  { length: 256 },
  (_, node) => tcpAddress(`${150 + (node % 2)}.66.0.${node >> 1}`, 11_625)
)

/** 10,000 addresses of nobody, in as many networks /16. */
export const madeUp: ReadonlyArray<PeerAddress> = Array.from(
  { length: 10_000 },
  (_, number) => tcpAddress(`${152 + Math.floor(number / 256)}.${number % 256}.1.1`, 11_625)
)

const nobodys = new Set(madeUp.map(format))
const honestNames = new Set(honest.map(format))

/** Whether an address is of the honest network. */
export const isHonest = (address: PeerAddress): boolean => honestNames.has(format(address))

const some = (among: ReadonlyArray<PeerAddress>, count: number, prng: Prng): ReadonlyArray<PeerAddress> =>
  Array.from({ length: count }, () => among[prng.below(among.length)]).filter((one) => one !== undefined)

/** The tables of a victim as they are on a disk, and what it does. */
export class Victim {
  readonly places = new AddressPlaces()
  readonly tables: AddressTables
  anchors: ReadonlyArray<PeerAddress> = []
  /** Only what failed is here. */
  private readonly failures = new Map<string, number>()
  private readonly prng: Prng

  constructor(prng: Prng) {
    this.prng = prng
    this.tables = new AddressTables(prng.bytes(HASH_KEY_BYTES))
  }

  private readonly draw = (): number => this.prng.nextU32() / 2 ** 32

  private take(decision: Decision): void {
    const changes = decide(decision, (question) => {
      const address = question._tag === "Of" ? question.address : this.places.at(question.place)
      return address && {
        address,
        failures: this.failures.get(format(address)) ?? 0,
        places: this.places.of(address)
      }
    })
    for (const change of changes) {
      if (change._tag === "Put") this.places.put(change.place, change.address)
      else if (change._tag === "Clear") this.places.clear(change.place)
      else this.failures.delete(format(change.address))
    }
  }

  hear(addresses: ReadonlyArray<PeerAddress>, source: PeerAddress): void {
    for (const address of addresses) this.take(this.tables.told(address, source.ip))
  }

  answered(address: PeerAddress): void {
    this.failures.delete(format(address))
    this.take(this.tables.answered(address))
  }

  failed(address: PeerAddress): void {
    this.failures.set(format(address), (this.failures.get(format(address)) ?? 0) + 1)
  }

  draws(limit: number): ReadonlyArray<PeerAddress> {
    const tried = this.places.residents("tried").map(([, address]) => address)
    return drawDials(tried, this.places.residents("new"), limit, this.draw)
  }

  /** One feeler: who is up answers. */
  feel(isUp: (address: PeerAddress) => boolean): void {
    const tests = this.places.residents("waiting").flatMap(([at]) => this.places.at({ table: "tried", at }) ?? [])
    const address = drawFeeler(tests, this.places.residents("new"), this.draw)
    if (address === undefined) return
    if (isUp(address)) return this.answered(address)
    this.failed(address)
    this.take(this.tables.silent(address))
  }
}

/** What each side tells a caller: the honest ones of all who answer, hostile or not; the attacker of itself and of nobody. */
export const tellTales = (victim: Victim, source: PeerAddress, prng: Prng): void =>
  isHonest(source)
    ? victim.hear(some([...honest, ...hostile], 50, prng), source)
    : victim.hear([...some(hostile, 50, prng), ...some(madeUp, 50, prng)], source)

/** How one life of a victim went. */
export interface Life {
  readonly outbound: ReadonlyArray<PeerAddress>
  readonly dials: number
}

/**
 * One life of a victim: some call it, it dials anchors and draws until it has eight peers, hears what they tell, and sends
 * 15 feelers. Of the honest ones some are away; who is hostile always answers. That a drawing has no two addresses of one /16 is all that
 * keeps its peers apart.
 */
export const live = (victim: Victim, awayPercent: number, prng: Prng): Life => {
  const away = new Set(honest.filter(() => prng.chance(awayPercent, 100)).map(format))
  const isUp = (address: PeerAddress): boolean => !away.has(format(address)) && !nobodys.has(format(address))
  for (const address of [...some(hostile, 32, prng), ...some(honest, 8, prng)]) victim.hear([address], address)
  const outbound = new Map<string, PeerAddress>()
  const dialled = new Set<string>()
  const dial = (address: PeerAddress): void => {
    if (outbound.size === 8 || dialled.has(format(address))) return
    dialled.add(format(address))
    if (!isUp(address)) return victim.failed(address)
    outbound.set(format(address), address)
    victim.answered(address)
    tellTales(victim, address, prng)
  }
  victim.anchors.forEach(dial)
  // What was dialled in this life already is drawn again, and passed over.
  for (let round = 0; round < 100 && outbound.size < 8; round++) victim.draws(10 + dialled.size).forEach(dial)
  for (let feeler = 0; feeler < 15; feeler++) victim.feel(isUp)
  const peers = [...outbound.values()]
  victim.anchors = peers.slice(0, ANCHOR_PEERS)
  return { outbound: peers, dials: dialled.size }
}
