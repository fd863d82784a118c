/**
 * One round of dialling: the order in which addresses are called, and how many of each sort (protocol §8.6).
 */
import { Clock, Effect, Random } from "effect"
import { groupOf } from "../../../core/AddressTables.ts"
import { ANCHOR_PEERS, MAX_FAILURES } from "../../../core/limits.ts"
import type { PeerAddress } from "../../../core/PeerAddress.ts"
import { format } from "../../../core/PeerAddress.ts"
import { isRoutable } from "../../../core/RoutableAddress.ts"
import type { Peers } from "../../../services/Peers.ts"
import type { PeerStore, PeerStoreError } from "../../../services/PeerStore.ts"
import type { ConfiguredPeers } from "./ConfiguredPeers.ts"
import type { Dials } from "./Dials.ts"
import type { LearnedAddresses } from "./LearnedAddresses.ts"

/** How many are called. */
export interface DialRoundOptions {
  /** Outbound peers that are aimed at now. */
  readonly target: () => number
  /** Outbound peers at most: preferred ones are dialled beyond the target, up to this, and in place of others. */
  readonly maxOutbound: number
  /** Outbound connections that are not authenticated yet. */
  readonly maxPendingOutbound: number
  /** Dials in one round. */
  readonly dialsPerTick: number
  /** Whether others than preferred peers are called: where they are turned away, only as long as they may be preferred by their key. */
  readonly seeksOthers: boolean
}

/** Whom a round asks. */
export interface DialRoundSurroundings {
  readonly store: PeerStore["Service"]
  readonly peers: Peers["Service"]
  readonly configured: ConfiguredPeers
  readonly learned: LearnedAddresses
  readonly dials: Dials
  /** Leaves a peer for another one, if it is time: see `Exchange`. */
  readonly exchange: (isFull: boolean) => Effect.Effect<void, PeerStoreError>
  /** Sees whether somebody who called us can be called: see `Promotion`. */
  readonly promote: Effect.Effect<void, PeerStoreError>
  readonly mayBeDialed: (address: PeerAddress) => boolean
}

/** Makes the round of one node, to be run again and again: it remembers what is done once. */
export const make = (
  options: DialRoundOptions,
  { configured, dials, exchange, learned, mayBeDialed, peers, promote, store }: DialRoundSurroundings
): Effect.Effect<void, PeerStoreError> => {
  let isPurged = false
  let areAnchorsCalled = false
  /** What the book was told last. */
  let anchorsKept: string | undefined

  const dialPreferred = Effect.fnUntraced(function*(wanted: number): Effect.fn.Return<number, PeerStoreError> {
    if (wanted <= 0) return 0
    const drawn = yield* store.candidates("preferred", wanted + dials.connections())
    return yield* dials.dialThose(drawn.map(({ address }) => address), wanted)
  })

  /** Dials what the configuration names as known and is due, whatever places it has in the tables. */
  const dialKnown = Effect.fnUntraced(function*(wanted: number): Effect.fn.Return<number, PeerStoreError> {
    if (wanted <= 0) return 0
    const now = yield* Clock.currentTimeMillis
    const due = new Map<string, PeerAddress>()
    for (const address of configured.addressesOf("known")) {
      if (dials.isHereOrCalled(address)) continue
      const record = yield* store.get(address)
      const isDue = record !== undefined && record.nextAttemptMillis <= now && record.failures <= MAX_FAILURES
      if (isDue) due.set(format(address), address)
    }
    // So that not all the nodes with the same list call the same ones.
    return yield* dials.dialThose(yield* Random.shuffle(due.values()), wanted)
  })

  /** The groups of outbound peers, and of dials under way. */
  const groupsInUse = (): Set<number> => {
    const groups = new Set<number>()
    for (const { address, direction } of peers.all()) {
      if (direction === "outbound") groups.add(groupOf(address.ip))
    }
    for (const { ip } of dials.addresses()) groups.add(groupOf(ip))
    return groups
  }

  // Whom the operator names is wanted, and of a local network no /16 tells whose its addresses are.
  const isOfAnyGroup = (address: PeerAddress): boolean =>
    configured.kindOf(address) !== undefined || !isRoutable(address.ip, { allowLocal: false })

  /** Those of the addresses whose group is not in use, nor that of one before; and all for whom the group does not matter. */
  const apart = (addresses: ReadonlyArray<PeerAddress>): ReadonlyArray<PeerAddress> => {
    const groups = groupsInUse()
    return addresses.filter((address) => {
      if (isOfAnyGroup(address)) return true
      const group = groupOf(address.ip)
      const isNew = !groups.has(group)
      groups.add(group)
      return isNew
    })
  }

  /** Calls again, due or not, who was an outbound peer when the node ended. */
  const dialAnchors = Effect.fnUntraced(function*(wanted: number): Effect.fn.Return<number, PeerStoreError> {
    if (areAnchorsCalled) return 0
    const anchors = yield* store.anchors
    const started = yield* dials.dialThose(apart(anchors.filter(mayBeDialed)), wanted)
    areAnchorsCalled = true
    return started
  })

  /** Dials what the tables give, each of a group of its own as long as there are others. */
  const dialDrawn = Effect.fnUntraced(function*(wanted: number): Effect.fn.Return<number, PeerStoreError> {
    if (wanted <= 0) return 0
    const limit = wanted + dials.connections()
    const drawn = (yield* store.toDial(limit)).map(({ address }) => address)
    const first = apart(drawn)
    const started = yield* dials.dialThose(first, wanted)
    // A full drawing, which has no two of one group, says that there are others: what it lacks the next round finds.
    if (drawn.length === limit) return started
    return started + (yield* dials.dialThose(drawn.filter((address) => !first.includes(address)), wanted - started))
  })

  /** Writes down who is to be called first after the next start. Having lost all peers is no reason to forget them. */
  const keepAnchors = Effect.gen(function*() {
    const outbound = peers.all().filter(({ direction }) => direction === "outbound")
    const anchors = outbound.slice(0, ANCHOR_PEERS).map(({ address }) => address)
    const text = anchors.map(format).join()
    if (anchors.length === 0 || text === anchorsKept) return
    yield* store.setAnchors(anchors)
    anchorsKept = text
  })

  /** Outbound peers, and calls that may become some. */
  const outbound = (): number => peers.counts().outbound + dials.pending() - dials.feelers()

  /** Outbound peers that would have to go for preferred ones. */
  const leavable = (): number =>
    peers.all().filter((peer) => peer.direction === "outbound" && !configured.isPreferred(peer.address, peer.id)).length

  /** Calls on as many connections that are not authenticated as there may be further ones. */
  const fill = Effect.fnUntraced(function*(slots: number) {
    const preferredWanted = options.maxOutbound - outbound() + leavable()
    const preferred = yield* dialPreferred(Math.min(options.dialsPerTick, slots, preferredWanted))
    yield* exchange(options.target() <= peers.counts().outbound && slots > preferred)

    const left = slots - preferred
    // One is kept for a promotion, unless it is the last.
    const others = Math.min(options.dialsPerTick - preferred, left > 1 ? left - 1 : left, options.target() - outbound())
    let started = 0
    for (const dialMore of options.seeksOthers ? [dialAnchors, dialKnown, dialDrawn] : []) {
      started += yield* dialMore(others - started)
    }
    if (left > started) yield* promote
  })

  return Effect.gen(function*() {
    if (!isPurged) {
      yield* store.purge()
      isPurged = true
    }
    yield* configured.enter
    yield* learned.enter

    const slots = options.maxPendingOutbound - dials.pending()
    // Without a place for a connection that is not authenticated nothing can be tried, and so nobody is left either.
    if (slots > 0) yield* fill(slots)
    yield* keepAnchors
  })
}
