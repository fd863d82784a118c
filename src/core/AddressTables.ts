/**
 * Where an address may stand in the tables that dials are drawn from, and who gives way: rules against a poisoned book.
 *
 * After Heilman, Kendler, Zohar and Goldberg, "Eclipse Attacks on Bitcoin's Peer-to-Peer Network" (USENIX Security 2015): deterministic
 * places, random selection, test before evict, feelers, anchors.
 */
import { halfSipHash } from "./HalfSipHash.ts"
import {
  CONFIGURED_ADDRESSES,
  NEW_BUCKET_PLACES,
  NEW_BUCKETS,
  NEW_BUCKETS_PER_SOURCE,
  NEW_PLACES_PER_GROUP,
  TRIED_PLACES,
  TRIED_PLACES_PER_GROUP
} from "./limits.ts"
import { format, type PeerAddress } from "./PeerAddress.ts"
import type { PeerRecord } from "./PeerBook.ts"
import { isRoutable } from "./RoutableAddress.ts"
import { ipNumber } from "./Subnet.ts"

/**
 * The tables.
 *
 * - `new`: somebody told us. An address stands there once for each of the buckets that its tellers lead to.
 * - `tried`: it has answered a dial. Such an address stands nowhere else.
 * - `waiting`: it has answered, and its place in `tried` has a resident, which is tested first. As many places as `tried`.
 */
export type TableName = "new" | "tried" | "waiting"

/** A place; `at` counts from 0, in `new` bucket by bucket. */
export interface Place {
  readonly table: TableName
  readonly at: number
}

/** How many places each table has. */
export const tableSizes: Readonly<Record<TableName, number>> = {
  new: NEW_BUCKETS * NEW_BUCKET_PLACES,
  tried: TRIED_PLACES,
  waiting: TRIED_PLACES
}

/** The bucket of a place of `new`. */
export const bucketOf = (at: number): number => Math.floor(at / NEW_BUCKET_PLACES)

/**
 * The group of an address, as the lowest number in it: its /16, where addresses are cheap to whoever has one.
 *
 * An address of a local network is its own group: its neighbours cost nothing to anybody who is in there, and no /16 tells who that
 * is. What is no dotted quad is of the group 0.
 */
export const groupOf = (ip: string): number => {
  const number = ipNumber(ip) ?? 0
  return isRoutable(ip, { allowLocal: false }) ? (number & 0xffff0000) >>> 0 : number
}

/** What is known of an address that stands in the book: what it failed, and where it stands. */
export interface Holder {
  readonly address: PeerAddress
  /** Attempts since the last success. */
  readonly failures: number
  readonly places: ReadonlyArray<Place>
}

/** What a decision asks: who stands at a place, or what is known of an address. The answer is `undefined` if there is nothing. */
export type Question =
  | { readonly _tag: "Of"; readonly address: PeerAddress }
  | { readonly _tag: "At"; readonly place: Place }

/**
 * What a decision changes, in this order.
 *
 * - `Put`: the address takes the place, from whoever has it.
 * - `Clear`: the place is empty.
 * - `Forget`: the address stood there last, and does not answer: its row goes too, unless the operator named it.
 */
export type Change =
  | { readonly _tag: "Put"; readonly place: Place; readonly address: PeerAddress }
  | { readonly _tag: "Clear"; readonly place: Place }
  | { readonly _tag: "Forget"; readonly address: PeerAddress }

/** A decision: it asks some questions, one after the other, and gives what changes. The same on every store. */
export type Decision = Generator<Question, ReadonlyArray<Change>, Holder | undefined>

/** Takes a decision where answers are at hand. */
export const decide = (
  decision: Decision,
  answer: (question: Question) => Holder | undefined
): ReadonlyArray<Change> => {
  let step = decision.next()
  while (step.done !== true) step = decision.next(answer(step.value))
  return step.value
}

const samePlace = (a: Place, b: Place): boolean => a.table === b.table && a.at === b.at

const put = (place: Place, address: PeerAddress): Change => ({ _tag: "Put", place, address })
const clear = (place: Place): Change => ({ _tag: "Clear", place })

/** Keeps hashes for different ends apart. */
const BUCKET = 1
const SHARE_OF_SOURCE = 2
const COLUMN = 3
const SHARE_OF_GROUP = 4
const TRIED = 5
const SHARE_OF_TRIED = 6

/**
 * The rules under one secret key.
 *
 * `new` is a grid. Its rows, the buckets, belong to who tells: what one group tells reaches `NEW_BUCKETS_PER_SOURCE` of them. Its columns
 * belong to who is told of: the addresses of one group reach `NEW_PLACES_PER_GROUP` of them. In `tried` the addresses of one group
 * reach `TRIED_PLACES_PER_GROUP` places. Which ones, only the key tells.
 *
 * So whatever an attacker with addresses in g groups tells, lets others tell, or answers, for however long:
 *
 * - of `new` it has at most g x 4 rows of 64 by telling, and g x 4 columns of 64 by being told of: g/16 + g/16, a quarter for two groups;
 * - of `tried` it has at most g x 8 places of 1,024: 1/64 for two groups, and at most an eighth of what stands there as soon as 112
 *   others do.
 */
export class AddressTables {
  private readonly hash: (...words: ReadonlyArray<number>) => number

  /** Takes a secret key of `HASH_KEY_BYTES` bytes. A node keeps its key: under another one every address belongs elsewhere. */
  constructor(key: Uint8Array) {
    this.hash = halfSipHash(key)
  }

  /** Where an address stands in `new` when somebody at the IP `source` tells of it. */
  newPlace(address: PeerAddress, source: string): Place {
    const { hash } = this
    const group = groupOf(address.ip)
    const sourceGroup = groupOf(source)
    // One bucket for all that a source group tells of a group: so many cheap addresses share few places, whoever tells of them.
    const share = hash(SHARE_OF_SOURCE, group, sourceGroup) % NEW_BUCKETS_PER_SOURCE
    const bucket = hash(BUCKET, sourceGroup, share) % NEW_BUCKETS
    const column = hash(COLUMN, group, this.shareOf(SHARE_OF_GROUP, address, NEW_PLACES_PER_GROUP)) % NEW_BUCKET_PLACES
    return { table: "new", at: bucket * NEW_BUCKET_PLACES + column }
  }

  /** Where an address stands in `tried`. */
  triedPlace(address: PeerAddress): Place {
    const share = this.shareOf(SHARE_OF_TRIED, address, TRIED_PLACES_PER_GROUP)
    return { table: "tried", at: this.hash(TRIED, groupOf(address.ip), share) % TRIED_PLACES }
  }

  /**
   * Somebody at `source` told of an address, or it called us (then it is its own source).
   *
   * It takes its place in `new` if that is free. Otherwise it takes it from a resident that has failed more often, or, where both are
   * as good, from one that stands elsewhere too, if it stands nowhere itself. An address that is in `tried` stays as it is.
   */
  *told(address: PeerAddress, source: string): Decision {
    const known = yield { _tag: "Of", address }
    const places = known?.places ?? []
    const place = this.newPlace(address, source)
    if (places.some((one) => one.table === "tried" || samePlace(one, place))) return []
    const resident = yield { _tag: "At", place }
    if (resident === undefined) return [put(place, address)]
    const failures = known?.failures ?? 0
    const givesWay = resident.failures > failures ||
      (resident.failures === failures && places.length === 0 && resident.places.length > 1)
    if (!givesWay) return []
    return resident.places.length > 1
      ? [put(place, address)]
      : [put(place, address), { _tag: "Forget", address: resident.address }]
  }

  /**
   * An address answered our dial, or a feeler.
   *
   * It moves to its place in `tried` if that is free. A resident there is not driven out: the address waits until the resident has been
   * tested, the first one to come. A resident that answers keeps its place, and who waited for it waits no more.
   */
  *answered(address: PeerAddress): Decision {
    const place = this.triedPlace(address)
    const waiting: Place = { table: "waiting", at: place.at }
    const resident = yield { _tag: "At", place }
    if (resident === undefined) {
      const known = yield { _tag: "Of", address }
      return [put(place, address), ...(known?.places ?? []).map(clear)]
    }
    if (format(resident.address) === format(address)) return [clear(waiting)]
    return (yield { _tag: "At", place: waiting }) === undefined ? [put(waiting, address)] : []
  }

  /**
   * A feeler that went to an address heard nothing.
   *
   * A resident of `tried` goes if another one waits for its place, which that one takes; otherwise it stays. Any other address goes.
   */
  *silent(address: PeerAddress): Decision {
    const known = yield { _tag: "Of", address }
    if (known === undefined || known.places.length === 0) return []
    const tried = known.places.find(({ table }) => table === "tried")
    if (tried === undefined) return [...known.places.map(clear), { _tag: "Forget", address }]
    const next = yield { _tag: "At", place: { table: "waiting", at: tried.at } }
    if (next === undefined) return []
    return [put(tried, next.address), ...next.places.map(clear), { _tag: "Forget", address }]
  }

  private shareOf(purpose: number, { ip, port }: PeerAddress, shares: number): number {
    return this.hash(purpose, ipNumber(ip) ?? 0, port) % shares
  }
}

/** Takes any one of a list out of it. */
const takeAny = <A>(list: Array<A>, draw: () => number): A | undefined => {
  const at = Math.floor(draw() * list.length)
  const taken = list[at]
  const last = list.pop()
  if (at < list.length && last !== undefined) list[at] = last
  return taken
}

/** An address of `new` that may be drawn, and the number of its place. */
export type Told = readonly [at: number, address: PeerAddress]

/**
 * Draws up to `limit` addresses to dial, no two of one group: a fair coin says for each of them from which table, as long as both have one.
 *
 * Who answers from few groups is so a small part of each drawing, even if nobody else is left in a table. In `tried` each address is as likely. In `new` a bucket is drawn first and then an address in it, so that a source weighs by what it
 * may reach and not by how much it told. Thus no table can starve the other, and few sources cannot starve many.
 */
export const drawDials = (
  tried: ReadonlyArray<PeerAddress>,
  told: ReadonlyArray<Told>,
  limit: number,
  draw: () => number
): ReadonlyArray<PeerAddress> => {
  const answered = [...tried]
  const byBucket = new Map<number, Array<PeerAddress>>()
  for (const [at, address] of told) {
    const bucket = byBucket.get(bucketOf(at))
    if (bucket === undefined) byBucket.set(bucketOf(at), [address])
    else bucket.push(address)
  }
  const buckets = [...byBucket.values()]
  const takeTold = (): PeerAddress | undefined => {
    const at = Math.floor(draw() * buckets.length)
    const bucket = buckets[at]
    if (bucket === undefined) return undefined
    const taken = takeAny(bucket, draw)
    if (bucket.length === 0) buckets.splice(at, 1)
    return taken
  }
  const drawn = new Map<number, PeerAddress>()
  while (drawn.size < limit && (answered.length > 0 || buckets.length > 0)) {
    const fromTried = buckets.length === 0 || (answered.length > 0 && draw() < 0.5)
    const address = fromTried ? takeAny(answered, draw) : takeTold()
    if (address === undefined) continue
    const group = groupOf(address.ip)
    if (!drawn.has(group)) drawn.set(group, address)
  }
  return [...drawn.values()]
}

/**
 * Draws the address that a feeler goes to: a resident of `tried` for whose place somebody waits, or an address of `new`; where there are
 * both, a fair coin decides, so that neither tests nor new addresses can be held up.
 */
export const drawFeeler = (
  tests: ReadonlyArray<PeerAddress>,
  told: ReadonlyArray<Told>,
  draw: () => number
): PeerAddress | undefined => {
  const isTest = told.length === 0 || (tests.length > 0 && draw() < 0.5)
  return isTest ? tests[Math.floor(draw() * tests.length)] : drawDials([], told, 1, draw)[0]
}

/** The addresses that the configuration named while the process runs: their rows are kept, whatever becomes of their places. */
export class ConfiguredAddresses {
  private readonly keys = new Set<string>()

  /** Marks an address. At `CONFIGURED_ADDRESSES` the oldest mark goes. */
  add(address: PeerAddress): void {
    this.keys.add(format(address))
    if (this.keys.size <= CONFIGURED_ADDRESSES) return
    for (const oldest of this.keys) {
      this.keys.delete(oldest)
      break
    }
  }

  /** Whether the row of an address goes with its last place: not if it is preferred, or named by the configuration. */
  mayForget({ address, kind }: PeerRecord): boolean {
    return kind !== "preferred" && !this.keys.has(format(address))
  }
}
