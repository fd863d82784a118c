/**
 * The fetcher of one node: a tracker for each item that is looked for, and one alarm for all of them.
 *
 * What it says to a peer is an argument, so it fetches whatever a network names by a kind and a hash.
 */
import type { Scope } from "effect"
import { Effect, Layer, Random } from "effect"
import { type Aged, AgedMap } from "../../core/AgedMap.ts"
import type { ItemHash } from "../../core/ItemHash.ts"
import { type Company, ItemTracker, type Waiting } from "../../core/ItemTracker.ts"
import * as KeptBytes from "../../core/KeptBytes.ts"
import { FETCH_REPLY_MILLIS } from "../../core/limits.ts"
import { type FetchCounters, type FetchPeer, ItemFetcher, type ItemName } from "../../services/ItemFetcher.ts"
import type { Peer } from "../../services/Peers.ts"
import * as Alarm from "./Alarm.ts"
import * as SteadyClock from "./SteadyClock.ts"

/** What the fetcher says and asks, and its bounds. */
export interface ItemFetcherOptions {
  /** Asks the peer, in the network's own message, for this item. `false`: the peer is leaving. */
  readonly ask: (peer: Peer, kind: number, hash: ItemHash) => boolean
  /** Whether the peer is known to have the message with this hash. */
  readonly knows: (message: ItemHash, peer: Peer) => boolean
  /** Told of each message that is let go because too much waits. */
  readonly shed: (message: Waiting) => void
  /** Items that are looked for at once. */
  readonly items: number
  /** Messages that wait. */
  readonly messages: number
  /** Bytes of those. */
  readonly bytes: number
}

/** One item that is looked for. */
interface Search extends ItemName {
  readonly tracker: ItemTracker<FetchPeer>
  /** When the next peer is asked. */
  due: number
}

/** A message, and what it waits for: nothing while it is being judged again. */
interface Held {
  readonly message: Waiting
  readonly searches: Set<Search>
}

/** Makes the fetcher of one node. Its Scope ends its timer: nobody is asked again then. */
export const make = Effect.fnUntraced(
  function*(options: ItemFetcherOptions): Effect.fn.Return<ItemFetcher["Service"], never, Scope.Scope> {
    const random = yield* Random.Random
    const now = yield* SteadyClock.make
    const members = new Set<FetchPeer>()
    const searches = new Map<number, Map<ItemHash, Search>>()
    /** The messages, in the order in which they last began to wait. */
    const held = new AgedMap<Held>()
    let bytesHeld = 0
    const counters: { -readonly [Name in keyof FetchCounters]: number } = {
      fetchAsked: 0,
      fetchNextPeer: 0,
      fetchRounds: 0,
      fetchReceived: 0,
      fetchShed: 0,
      fetching: 0,
      fetchWaiting: 0
    }
    const company: Company<FetchPeer> = {
      peers: members,
      knows: options.knows,
      latencyMillis: (peer) => peer.latencyMillis(),
      below: (bound) => Math.floor(random.nextDoubleUnsafe() * bound)
    }

    const find = ({ hash, kind }: ItemName): Search | undefined => searches.get(kind)?.get(hash)

    const begin = ({ hash, kind }: ItemName): Search => {
      const search: Search = { kind, hash, tracker: new ItemTracker(), due: Infinity }
      let ofKind = searches.get(kind)
      if (ofKind === undefined) searches.set(kind, ofKind = new Map())
      ofKind.set(hash, search)
      counters.fetching += 1
      return search
    }

    const end = (search: Search): void => {
      if (searches.get(search.kind)?.delete(search.hash) === true) counters.fetching -= 1
    }

    const endIfIdle = (search: Search): void => {
      if (search.tracker.size === 0) end(search)
    }

    const all = function*(): Iterable<Search> {
      for (const ofKind of searches.values()) yield* ofKind.values()
    }

    /** Asks the next peer that takes the question, or waits for the next round. */
    const ask = (search: Search): void => {
      // Before anything can throw: whatever comes of it, this search has its turn again.
      search.due = now() + FETCH_REPLY_MILLIS
      try {
        let step = search.tracker.next(company)
        while (step.ask !== undefined && !options.ask(step.ask, search.kind, search.hash)) {
          step = search.tracker.next(company)
        }
        search.due = now() + step.waitMillis
        counters[step.ask === undefined ? "fetchRounds" : "fetchAsked"] += 1
      } finally {
        alarm.set(search.due)
      }
    }

    const askFurther = (search: Search): void => {
      if (search.tracker.lastAsked !== undefined) counters.fetchNextPeer += 1
      ask(search)
    }

    const alarm = yield* Alarm.make(now, () => {
      const time = now()
      try {
        for (const search of all()) {
          if (search.due <= time) askFurther(search)
        }
      } finally {
        let earliest = Infinity
        for (const { due } of all()) earliest = Math.min(earliest, due)
        alarm.set(earliest)
      }
    })

    const remove = (one: Aged<Held>): void => {
      const { message, searches } = one.value
      for (const search of searches) {
        search.tracker.discard(message.hash)
        endIfIdle(search)
      }
      held.remove(one)
      bytesHeld -= KeptBytes.size(message.bytes)
    }

    const stop = (message: ItemHash): void => {
      const one = held.get(message)
      if (one !== undefined) remove(one)
    }

    /** Lets the oldest go until there is room. The youngest by itself is never too much. */
    const makeRoom = (): void => {
      for (let oldest = held.oldest; oldest !== undefined; oldest = held.oldest) {
        const isOver = counters.fetching > options.items || held.size > options.messages || bytesHeld > options.bytes
        if (!isOver) return
        remove(oldest)
        counters.fetchShed += 1
        options.shed(oldest.value.message)
      }
    }

    return ItemFetcher.of({
      join: (peer) => {
        members.add(peer)
      },
      leave: (peer) => {
        if (!members.delete(peer)) return
        for (const search of all()) {
          if (!search.tracker.leave(peer)) continue
          counters.fetchNextPeer += 1
          ask(search)
        }
      },
      fetch: (message, items) => {
        const known = held.get(message.hash)
        const kept = known?.value.message ?? { ...message, bytes: KeptBytes.keep(message.bytes) }
        const size = KeptBytes.size(kept.bytes)
        if (items.length === 0 || items.length > options.items || size > options.bytes) {
          if (items.length > 0) counters.fetchShed += 1
          stop(message.hash)
          return false
        }
        const wanted = new Set<Search>()
        const begun: Array<Search> = []
        for (const item of items) {
          let search = find(item)
          if (search === undefined) begun.push(search = begin(item))
          search.tracker.listen(kept)
          wanted.add(search)
        }
        for (const search of known?.value.searches ?? []) {
          if (wanted.has(search)) continue
          search.tracker.discard(message.hash)
          endIfIdle(search)
        }
        if (known === undefined) bytesHeld += size
        else held.remove(known)
        held.add(message.hash, { message: kept, searches: wanted }, now())
        makeRoom()
        for (const search of begun) ask(search)
        return true
      },
      stop,
      isFetching: (kind) => (searches.get(kind)?.size ?? 0) > 0,
      lacks: (peer, kind, hash) => {
        const search = find({ kind, hash })
        if (search === undefined) return false
        if (search.tracker.lastAsked === peer) askFurther(search)
        return true
      },
      received: (kind, hash) => {
        const search = find({ kind, hash })
        if (search === undefined) return undefined
        end(search)
        counters.fetchReceived += 1
        const messages = search.tracker.takeAll()
        for (const { hash } of messages) held.get(hash)?.value.searches.delete(search)
        return { epoch: search.tracker.lastSeenEpoch, messages }
      },
      forgetOutside: (range) => {
        for (const search of all()) {
          for (const message of search.tracker.keepWithin(range)) {
            const one = held.get(message.hash)
            one?.value.searches.delete(search)
            if (one?.value.searches.size === 0) remove(one)
          }
          endIfIdle(search)
        }
      },
      counters: () => ({ ...counters, fetchWaiting: held.size })
    })
  }
)

/** The fetcher of one node. */
export const layer = (options: ItemFetcherOptions): Layer.Layer<ItemFetcher> => Layer.effect(ItemFetcher, make(options))
