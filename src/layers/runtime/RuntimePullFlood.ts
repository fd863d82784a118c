/**
 * The pull flood of one node: what is said and asked is collected, and goes out when its time has come.
 *
 * Two beats, with an alarm each: an advert leaves a little after its first hash, or when it is full; demands are made in
 * rounds at fixed times. Neither alarm is set while no peer has anything for it, and only peers that have are looked at.
 */
import type { Scope } from "effect"
import { Duration, Effect, Layer, Random } from "effect"
import { SecureRandom } from "effect/crypto"
import { AdvertQueue } from "../../core/AdvertQueue.ts"
import { DemandBook } from "../../core/DemandBook.ts"
import type { Offering } from "../../core/DemandRound.ts"
import { demandRound } from "../../core/DemandRound.ts"
import { HashHistory } from "../../core/HashHistory.ts"
import { HashKeys, SALT_BYTES } from "../../core/HashKeys.ts"
import * as ItemHash from "../../core/ItemHash.ts"
import type { Priority } from "../../core/Priority.ts"
import type { Peer } from "../../services/Peers.ts"
import type { PullCounters, PullQuestions } from "../../services/PullFlood.ts"
import { PullFlood } from "../../services/PullFlood.ts"
import * as Alarm from "./Alarm.ts"
import * as SteadyClock from "./SteadyClock.ts"

/** The numbers of the pull flood, and whom it asks. */
export interface PullFloodOptions {
  readonly questions: PullQuestions
  /** The rank of an item that answers a demand. */
  readonly priority: Priority
  /** Hashes that one advert or demand may hold in this network, whatever the questions say. */
  readonly hashesPerMessage: number
  /** How long adverts to one peer are collected. */
  readonly advertPeriod: Duration.Input
  /** Time between two rounds of demands. */
  readonly demandPeriod: Duration.Input
  /** The next peer is asked for a hash after this times the number of peers asked. */
  readonly demandBackoff: Duration.Input
  /** The longest such wait. */
  readonly demandBackoffMax: Duration.Input
  /** How many peers are asked for one hash. */
  readonly demandPeers: number
  /** How long a demanded hash is remembered. */
  readonly demandMemory: Duration.Input
  /** Demanded hashes remembered, over all peers. */
  readonly demandEntries: number
  /** Advertised hashes remembered, of each peer. */
  readonly historyEntries: number
  /** A peer gets one answer for a hash in this time. */
  readonly answerMemory: Duration.Input
  /** Answered hashes remembered, of each peer. */
  readonly answerEntries: number
}

/** What is kept for a peer. */
interface Member extends Offering {
  readonly peer: Peer
  /** What it advertised: it needs no advert of ours. */
  readonly history: HashHistory
  /** What it was given, by time. */
  readonly answered: HashHistory
  /** The advert that is being collected for it. */
  outgoing: Array<ItemHash.ItemHash>
  /** When that advert leaves. */
  outgoingDue: number
}

/** Makes the pull flood of one node. Its Scope ends its timer; what was collected is not sent then. */
export const make = Effect.fnUntraced(
  function*(
    options: PullFloodOptions
  ): Effect.fn.Return<PullFlood["Service"], never, SecureRandom.SecureRandom | Scope.Scope> {
    const { questions } = options
    const advertMillis = Duration.toMillis(options.advertPeriod)
    const demandMillis = Duration.toMillis(options.demandPeriod)
    const answerMillis = Duration.toMillis(options.answerMemory)
    const random = yield* Random.Random
    const salt = yield* (yield* SecureRandom.SecureRandom).randomBytes(SALT_BYTES)
    const keys = new HashKeys(salt)
    const now = yield* SteadyClock.make
    const book = new DemandBook({
      entries: options.demandEntries,
      peers: options.demandPeers,
      backoffMillis: Duration.toMillis(options.demandBackoff),
      backoffMaxMillis: Duration.toMillis(options.demandBackoffMax),
      memoryMillis: Duration.toMillis(options.demandMemory)
    })
    const members = new Map<Peer, Member>()
    /** Those with an advert that is being collected. All collect equally long, so this also is the order in which they leave. */
    const collecting = new Set<Member>()
    /** Those that offer something. */
    const offering = new Set<Member>()
    const counters: { -readonly [Name in keyof PullCounters]: number } = {
      advertised: 0,
      demanded: 0,
      demandTimeouts: 0,
      abandoned: 0,
      fulfilled: 0,
      unfulfilled: 0,
      repeated: 0,
      shed: 0
    }
    const hashesWithin = (limit: number): number => Math.max(1, Math.min(limit, options.hashesPerMessage))

    /** No more offers wait than are remembered, whatever the program allows. */
    const waitingWithin = (limit: number): number => Math.max(1, Math.min(limit, options.historyEntries))

    /** Rounds stand on a fixed beat, as if the timer never slept. */
    const nextRound = (time: number): number => (Math.floor(time / demandMillis) + 1) * demandMillis

    const flush = (member: Member): void => {
      const hashes = member.outgoing
      member.outgoing = []
      collecting.delete(member)
      member.peer.advertise(hashes)
    }

    const purge = (time: number): void => {
      counters.abandoned += book.purge(time)
    }

    const demand = (time: number): void => {
      const limits = questions.limits()
      const round = demandRound(offering, {
        book,
        now: time,
        has: questions.has,
        demandLimit: hashesWithin(limits.demand),
        queueLimit: waitingWithin(limits.queue),
        below: (bound) => Math.floor(random.nextDoubleUnsafe() * bound)
      })
      counters.demandTimeouts += round.repeated
      counters.abandoned += round.abandoned
      counters.shed += round.shed
      for (const { hashes, peer } of round.demands) {
        if (peer.peer.demand(hashes)) counters.demanded += hashes.length
      }
    }

    const adverts = yield* Alarm.make(now, () => {
      const time = now()
      try {
        for (const member of collecting) {
          if (member.outgoingDue > time) break
          flush(member)
        }
      } finally {
        for (const { outgoingDue } of collecting) {
          adverts.set(outgoingDue)
          break
        }
      }
    })

    const rounds = yield* Alarm.make(now, () => {
      const time = now()
      purge(time)
      try {
        if (offering.size > 0) demand(time)
      } finally {
        for (const member of offering) {
          if (member.adverts.length === 0) offering.delete(member)
        }
        if (offering.size > 0) rounds.set(nextRound(time))
      }
    })

    return PullFlood.of({
      join: (peer) => {
        members.set(peer, {
          id: peer.id,
          peer,
          adverts: new AdvertQueue(),
          history: new HashHistory(keys, options.historyEntries),
          answered: new HashHistory(keys, options.answerEntries),
          outgoing: [],
          outgoingDue: 0
        })
      },
      leave: (peer) => {
        const member = members.get(peer)
        if (member === undefined) return
        members.delete(peer)
        collecting.delete(member)
        offering.delete(member)
      },
      advertise: (peer, hash) => {
        const member = members.get(peer)
        if (member === undefined || member.history.has(hash)) return false
        counters.advertised++
        if (member.outgoing.push(hash) >= hashesWithin(questions.limits().advert)) {
          flush(member)
        } else if (member.outgoing.length === 1) {
          member.outgoingDue = now() + advertMillis
          collecting.add(member)
          adverts.set(member.outgoingDue)
        }
        return true
      },
      onAdvert: (peer, bytes, offset, count) => {
        const member = members.get(peer)
        if (member === undefined) return
        const epoch = questions.epoch()
        const limit = waitingWithin(questions.limits().queue)
        for (let i = 0; i < count; i++) {
          const hash = ItemHash.fromBytes(bytes, offset + i * ItemHash.ITEM_HASH_BYTES)
          member.history.note(hash, epoch)
          counters.shed += member.adverts.push(hash, limit)
        }
        if (member.adverts.length === 0) return
        if (offering.size === 0) rounds.set(nextRound(now()))
        offering.add(member)
      },
      onDemand: (peer, bytes, offset, count) => {
        const member = members.get(peer)
        if (member === undefined) return
        const time = now()
        member.answered.dropBelow(time - answerMillis)
        for (let i = 0; i < count; i++) {
          const hash = ItemHash.fromBytes(bytes, offset + i * ItemHash.ITEM_HASH_BYTES)
          if (member.answered.has(hash)) {
            counters.repeated++
            continue
          }
          const message = questions.answer(hash)
          if (message === undefined || !peer.offer(options.priority, message, questions.bringer(hash))) {
            counters.unfulfilled++
            continue
          }
          member.answered.note(hash, time)
          counters.fulfilled++
        }
      },
      received: (hash) => book.received(hash, now()),
      forgetBelow: (epoch) => {
        // Here as well as before each round: there is none while nobody offers anything.
        purge(now())
        for (const member of members.values()) member.history.dropBelow(epoch)
      },
      counters: () => {
        purge(now())
        return { ...counters }
      }
    })
  }
)

/** The pull flood of one node. */
export const layer = (
  options: PullFloodOptions
): Layer.Layer<PullFlood, never, SecureRandom.SecureRandom> => Layer.effect(PullFlood, make(options))
