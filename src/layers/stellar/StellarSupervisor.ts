/**
 * The sessions of one Stellar node, from a link to the reason for which it ends: who is let in, what is said on the way, what
 * is cleared away.
 *
 * Read `runSession` first. It is the life of one connection; `accept`, and `dial` in `StellarDialing`, are the two ways into it,
 * and one clockwork fiber walks over all sessions that are up.
 */
import { Clock, Deferred, Duration, Effect, Exit, Fiber, FiberSet, Layer, Random } from "effect"
import * as SecureRandom from "effect/crypto/SecureRandom"
import type { DropReason } from "../../core/DropReason.ts"
import { NO_SENDER } from "../../core/Outbox.ts"
import type { PeerAddress } from "../../core/PeerAddress.ts"
import type { PeerId } from "../../core/PeerId.ts"
import {
  asStellarDrop,
  Drop,
  isAborted,
  saysAlreadyConnected,
  simultaneousDial,
  type StellarDropReason
} from "../../core/stellar/DropReason.ts"
import { outboxLimits } from "../../core/stellar/FloodLimits.ts"
import { FloodPriority, priorityOf } from "../../core/stellar/FloodPriority.ts"
import * as limits from "../../core/stellar/limits.ts"
import { MessageType } from "../../core/stellar/messages.ts"
import { lowestRemembered } from "../../core/stellar/ScpState.ts"
import { StatementQueue } from "../../core/stellar/StatementQueue.ts"
import { SyncRecovery } from "../../core/stellar/SyncRecovery.ts"
import { WORD_BYTES } from "../../core/Xdr.ts"
import { BanList } from "../../services/BanList.ts"
import { ConnectionManager } from "../../services/ConnectionManager.ts"
import { Crypto } from "../../services/Crypto.ts"
import { FloodGate } from "../../services/FloodGate.ts"
import { FlowControl } from "../../services/FlowControl.ts"
import { type Admission, type Established, Handshake, type Role } from "../../services/Handshake.ts"
import { ItemFetcher } from "../../services/ItemFetcher.ts"
import { NodeIdentity } from "../../services/NodeIdentity.ts"
import type { OverlayEvent, Received } from "../../services/Overlay.ts"
import { OwnAddress } from "../../services/OwnAddress.ts"
import { type Claimed, type Direction, type Peer, Peers, type Pending } from "../../services/Peers.ts"
import { type Observed, PeerStore } from "../../services/PeerStore.ts"
import { PullFlood } from "../../services/PullFlood.ts"
import { Application, isLost } from "../../services/stellar/Application.ts"
import type { Stellar } from "../../services/stellar/Overlay.ts"
import { PeerSupervisor } from "../../services/stellar/PeerSupervisor.ts"
import type { StellarConfig } from "../../services/stellar/StellarConfig.ts"
import { Survey } from "../../services/stellar/Survey.ts"
import { type Link, Transport } from "../../services/Transport.ts"
import { SharedSealBuffer } from "../runtime/SealBuffer.ts"
import * as SteadyClock from "../runtime/SteadyClock.ts"
import { bugOf, supervise } from "../runtime/Supervision.ts"
import * as Tap from "../runtime/Tap.ts"
import { untilDecided } from "../runtime/untilDecided.ts"
import { nodeDispatcher } from "../runtime/Wake.ts"
import { encoded } from "./encoded.ts"
import { FloodIntake } from "./FloodIntake.ts"
import * as ScpStateAnswers from "./ScpStateAnswers.ts"
import { countBroadcast, makeCounters, makeMessageTallies, type StellarCounters } from "./StellarCounters.ts"
import * as StellarDialing from "./StellarDialing.ts"
import * as StellarDoor from "./StellarDoor.ts"
import { StellarFetching } from "./StellarFetching.ts"
import { type SessionSurroundings, StellarSession } from "./StellarSession.ts"
import * as StellarSlots from "./StellarSlots.ts"

const accepted: StellarDialing.Attempt = {
  onAuthenticated: () => {},
  interruptedFor: () => Drop.Shutdown,
  onEnded: () => {}
}

/** A handshake behind its HELLO. */
interface Claimant {
  readonly id: PeerId
  readonly listensAt: PeerAddress | undefined
  readonly end: (reason: DropReason) => void
}

const isSession = (peer: Peer): peer is StellarSession => peer instanceof StellarSession

/** Adds what a session shed from its outbox, which it counts itself as long as it is here. */
const addShed = (counters: StellarCounters, session: StellarSession): StellarCounters => {
  counters.outboxShedScp += session.shedUnits(FloodPriority.SCP_MESSAGE)
  counters.outboxShedTransactions += session.shedUnits(FloodPriority.TRANSACTION)
  counters.outboxShedDemands += session.shedUnits(FloodPriority.FLOOD_DEMAND)
  counters.outboxShedAdverts += session.shedUnits(FloodPriority.FLOOD_ADVERT)
  const { outdated, replaced, shedOverShare } = session.queueing()
  for (const units of shedOverShare) counters.outboxShedOverShare += units
  counters.outboxReplacedScp += replaced
  counters.outboxOutdatedScp += outdated
  return counters
}

const PING_BYTES = 32
/** One PEERS with these addresses, or nothing if there are none. */
const peersMessages = (addresses: ReadonlyArray<PeerAddress>): ReadonlyArray<Uint8Array> =>
  addresses.length === 0 ? [] : [encoded({
    _tag: "PEERS",
    peers: addresses.slice(0, limits.PEERS_TO_SEND).map(({ ip, port }) => ({
      ip: { _tag: "IPv4", ipv4: Uint8Array.from(ip.split("."), Number) },
      port,
      numFailures: 0
    }))
  })]

/** Makes the supervisor of one node; closing the Scope ends all sessions with "shutdown". */
export const make = Effect.fnUntraced(function*(config: StellarConfig) {
  const transport = yield* Transport
  const handshake = yield* Handshake
  const flowControl = yield* FlowControl
  const peers = yield* Peers
  const peerStore = yield* PeerStore
  const banList = yield* BanList
  const connections = yield* ConnectionManager
  const floodGate = yield* FloodGate
  const pullFlood = yield* PullFlood
  const survey = yield* Survey
  const itemFetcher = yield* ItemFetcher
  const application = yield* Application
  const identity = yield* NodeIdentity
  const ownAddress = yield* OwnAddress
  const crypto = yield* Crypto
  const random = yield* SecureRandom.SecureRandom
  const runFork = Effect.runForkWith(yield* Effect.context<never>())
  const forkAlone = (effect: Effect.Effect<void>): () => void => {
    const fiber = runFork(effect)
    return () => fiber.interruptUnsafe()
  }

  const counters = makeCounters()
  const tallies = makeMessageTallies()
  /** Handshakes that have asked whether this node is banned: whose each is, where that listens, and how it is ended from outside. */
  const claimants = new Map<Pending, Claimant>()
  /** Connections whose end is an event already. */
  const told = new WeakSet<Pending>()
  /** How many connections ended for each reason, by its tag: those are a closed set. */
  const ended: Record<`ended${string}`, number> = {}
  const events = Tap.make<OverlayEvent<Stellar>>(limits.EVENTS_PER_SUBSCRIBER)
  const messages = Tap.makeMessageTap<Received<Stellar>>()
  // One object for all sessions, which is looked at for each message, until the application changes what a ledger takes.
  let operationsKnown = application.limits().maxTxSetOperations
  let limitsOfOutboxes = outboxLimits(application.limits(), config.outboundTransactionBytes)
  const statementQueue = new StatementQueue()
  const around: SessionSurroundings = {
    config,
    clock: yield* Clock.Clock,
    crypto,
    dispatcher: yield* nodeDispatcher,
    sealBuffer: yield* SharedSealBuffer,
    counters,
    tallies,
    application,
    floodGate,
    pullFlood,
    survey,
    fetching: new StellarFetching({
      fetcher: itemFetcher,
      application,
      crypto,
      counters,
      judgeAgain: (items) => {
        for (const item of items) judgedAgain.add(item)
        judgedAgain.judge()
      }
    }),
    scpStateAnswers: yield* ScpStateAnswers.make(application),
    tap: messages,
    learn: connections.learn,
    outboxLimits: () => {
      const capacity = application.limits()
      if (capacity.maxTxSetOperations !== operationsKnown) {
        operationsKnown = capacity.maxTxSetOperations
        limitsOfOutboxes = outboxLimits(capacity, config.outboundTransactionBytes)
      }
      return limitsOfOutboxes
    },
    statementQueue
  }
  /** Has statements judged that waited for items. They are nobody's any more: their credit went back when they began to wait. */
  const judgedAgain: FloodIntake = new FloodIntake(around, {
    slot: NO_SENDER,
    drop: (reason) => {
      runFork(Effect.logError("statements that had waited for items were not accepted", reason))
    },
    consumed: () => {},
    fork: forkAlone
  })
  yield* Effect.addFinalizer(() => Effect.sync(() => judgedAgain.leave()))
  const door = StellarDoor.make({ config, connections, peers, nowMillis: yield* SteadyClock.make })
  const slots = StellarSlots.make({ peers, connections, preferredOnly: config.preferredPeersOnly })
  const fibers = yield* FiberSet.make<void>()
  const shuttingDown = yield* Deferred.make<void>()
  let isShuttingDown = false

  const closeDeadline = Effect.raceFirst(
    Effect.sleep(Duration.millis(limits.CLOSE_TIMEOUT_MILLIS)),
    Effect.andThen(Deferred.await(shuttingDown), Effect.sleep(Duration.millis(limits.SHUTDOWN_CLOSE_TIMEOUT_MILLIS)))
  )

  const ofStore = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, DropReason> =>
    Effect.tapError(effect, (error) => Effect.logError("the store failed", error)).pipe(
      Effect.mapError((): DropReason => Drop.StoreFailed)
    )

  const admissionOf = (pending: Pending, end: (reason: DropReason) => void): Admission => ({
    listeningPort: ownAddress.announcedPort(),
    // Entered before the list is asked: a ban that comes behind the answer finds who is to go.
    isBanned: (id) =>
      Effect.suspend(() => {
        claimants.set(pending, { id, end, listensAt: undefined })
        return ofStore(banList.isBanned(id))
      }),
    // Marked in the turn in which it is asked, behind the book: two who come at once cannot both be told yes.
    admit: ({ address, id, isCertificateLong }) => {
      if (isCertificateLong) counters.longCertificates += 1
      claimants.set(pending, { id, end, listensAt: address })
      return Effect.flatMap(
        ofStore(peerStore.observe(address, observedOf(address, pending.direction))),
        () => allowed(id, untilDecided((again) => peers.claim(pending, id, identity.peerId > id, again)))
      )
    },
    proven: (claim) => Effect.asVoid(allowed(claim.id, untilDecided((again) => peers.prove(pending, again)))),
    greetings: (claim) =>
      Effect.map(ofStore(connections.addressesFor(claim.address)), (addresses) => {
        const messages = peersMessages(addresses)
        tallies.sent[MessageType.PEERS]! += messages.length
        return messages
      }),
    onStep: (step) => {
      const messages = step.endsWith("sent") ? tallies.sent : tallies.received
      messages[step.startsWith("hello") ? MessageType.HELLO : MessageType.AUTH]! += 1
    }
  })

  const allowed = (
    id: PeerId,
    claimed: Effect.Effect<Exclude<Claimed, "undecided">>
  ): Effect.Effect<boolean, DropReason> =>
    Effect.flatMap(
      claimed,
      (answer) => answer === "tied" ? Effect.fail(simultaneousDial(id, "us")) : Effect.succeed(answer === "goes-on")
    )

  /** A peer that refuses this connection for the sake of the other one may say so before we have taken the other one in. */
  const toldOfRival = (pending: Pending) => (reason: DropReason): DropReason => {
    const known = asStellarDrop(reason)
    const claimant = claimants.get(pending)
    if (known._tag !== "RemoteError" || claimant === undefined || !saysAlreadyConnected(known)) return reason
    const { id, listensAt } = claimant
    // A call of ours to where it listens may not have been answered yet, and still be the one that the peer means.
    const isCalled = pending.direction === "inbound" && listensAt !== undefined && peers.isConnected(listensAt)
    const hasRival = isCalled || peers.byId(id) !== undefined || peers.rivals(pending).length > 0
    return hasRival ? simultaneousDial(id, "them") : reason
  }

  /** Whoever has failed too often is forgotten when a connection with its IP is over (protocol §8.2). */
  const tidyUp = (ip: string) => Effect.ignore(ofStore(peerStore.purge(ip)))

  const observedOf = (address: PeerAddress, direction: Direction): Observed => {
    if (connections.configured(address) === "preferred") return { kind: "preferred" }
    return direction === "outbound" ? { kind: "outbound", preferredIsKnown: true } : { kind: "inbound" }
  }

  /**
   * The life of one connection: the handshake, the slot, the session, and one reason at the end.
   */
  const runSession = Effect.fnUntraced(
    function*(
      link: Link,
      role: Role,
      pending: Pending,
      { interruptedFor, onAuthenticated, onEnded }: StellarDialing.Attempt = accepted
    ) {
      let session: StellarSession | undefined
      let endedFor: DropReason | undefined
      let ending: DropReason | undefined
      const body = Effect.gen(function*() {
        const fiber = yield* Effect.fiber
        const end = (reason: DropReason): void => {
          endedFor ??= reason
          fiber.interruptUnsafe()
        }
        const established = yield* Effect.mapError(
          handshake.open(link, role, admissionOf(pending, end)),
          toldOfRival(pending)
        )
        if (role === "caller") yield* ofStore(peerStore.succeed(established.claim.address))
        const pingSeed = yield* random.randomBytes(PING_BYTES)
        // The slot is there in the turn in which there is no obstacle, and is taken in the same one.
        while (true) {
          const obstacle = slots.obstacle(pending, established.claim)
          if (obstacle === undefined) break
          yield* obstacle
        }
        session = welcome(established, link, pending, pingSeed)
        onAuthenticated(session.id)
        return yield* interruptible(session)
      })
      return yield* supervise({
        link,
        body,
        interruptedFor: () => session?.failure ?? endedFor ?? interruptedFor(),
        ended: (reason) => {
          ending = reason
          onEnded(reason)
          farewell(session, pending, link.remoteAddress, asStellarDrop(reason))
        },
        // An attempt that says nothing of the address is about to be taken back.
        tidyUp: Effect.suspend(() =>
          session === undefined && role === "caller" && ending !== undefined && isAborted(ending)
            ? Effect.void
            : tidyUp(link.remoteAddress.ip)
        ),
        lastWords,
        closeDeadline
      })
    }
  )

  const lastWords = (reason: DropReason): Uint8Array | undefined => {
    const words = handshake.lastWords(reason)
    if (words !== undefined) tallies.sent[MessageType.ERROR_MSG]! += 1
    return words
  }

  const welcome = (established: Established, link: Link, pending: Pending, pingSeed: Uint8Array): StellarSession => {
    const session: StellarSession = new StellarSession(around, {
      established,
      link,
      slot: peers.takeSlotNumber(),
      ledgers: flowControl.ledgers(),
      pingSeed,
      fork: forkAlone
    })
    peers.promote(pending, session)
    claimants.delete(pending)
    counters[pending.direction === "inbound" ? "inboundEstablished" : "outboundEstablished"] += 1
    pullFlood.join(session)
    survey.join(session)
    itemFetcher.join(session)
    events.publish({ _tag: "PeerJoined", peer: session.info() })
    for (const rival of peers.rivals(pending)) claimants.get(rival)?.end(simultaneousDial(session.id, "us"))
    return session
  }

  const interruptible = (session: StellarSession): Effect.Effect<never, DropReason> =>
    Effect.withFiber((fiber) => {
      session.interrupt = () => fiber.interruptUnsafe()
      return session.run
    })

  /** Takes the connection out of every list; the second time there is nothing of it. */
  const leave = (pending: Pending, reason: StellarDropReason): void => {
    claimants.delete(pending)
    peers.leave(pending, reason)
  }

  const farewell = (
    session: StellarSession | undefined,
    pending: Pending,
    address: PeerAddress,
    reason: StellarDropReason
  ): void => {
    leave(pending, reason)
    told.add(pending)
    const { direction } = pending
    counters[direction === "inbound" ? "inboundDropped" : "outboundDropped"] += 1
    if (reason.endedBy === "them") tallies.received[MessageType.ERROR_MSG]! += 1
    if (session === undefined) return refuse(address, direction, reason)
    slots.left(session)
    session.failure ??= reason
    pullFlood.leave(session)
    survey.leave(session)
    itemFetcher.leave(session)
    floodGate.release(session.slot)
    addShed(counters, session)
    countEnd(reason)
    events.publish({ _tag: "PeerLeft", id: session.id, address: session.address, direction, reason })
    if (reason.lastWords !== undefined) session.sayRest()
  }

  const countEnd = ({ _tag }: StellarDropReason): void => {
    ended[`ended${_tag}`] = (ended[`ended${_tag}`] ?? 0) + 1
  }

  const refuse = (address: PeerAddress, direction: Direction, reason: StellarDropReason): void => {
    countEnd(reason)
    events.publish({ _tag: "ConnectionFailed", address, direction, reason })
  }

  const accept = (link: Link): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (isShuttingDown) return Effect.void
      counters.inboundAttempted += 1
      const { remoteAddress } = link
      const pending = door.enter(remoteAddress)
      if ("_tag" in pending) {
        counters.inboundRejected += 1
        refuse(remoteAddress, "inbound", pending)
        return Effect.void
      }
      // In a fiber of ours and not of the listener's: a shutdown ends all sessions at once, wherever they came from.
      return Effect.flatMap(
        FiberSet.run(fibers, Effect.asVoid(runSession(link, "acceptor", pending))),
        (fiber) => Effect.ensuring(Fiber.await(fiber), Effect.sync(door.closed))
      )
    })

  const { dial, feel } = StellarDialing.make({
    connectTimeout: config.connectTimeout,
    transport,
    handshake,
    peers,
    counters,
    events,
    fibers,
    runSession: (link, pending, attempt) => runSession(link, "caller", pending, attempt),
    isShuttingDown: () => isShuttingDown,
    isConfigured: connections.isConfigured,
    announcedPort: ownAddress.announcedPort,
    isBanned: (id) => ofStore(banList.isBanned(id)),
    // Of a connection that never had a link nobody has heard yet.
    failed: (pending, reason) => {
      leave(pending, reason)
      if (told.has(pending)) return
      counters.outboundDropped += 1
      refuse(pending.address, "outbound", reason)
    },
    tidyUp,
    closeDeadline
  })

  const drop = (id: PeerId, reason: StellarDropReason): boolean => {
    const peer = peers.byId(id)
    peer?.drop(reason)
    return peer !== undefined
  }

  const evict = (id: PeerId): void => {
    drop(id, Drop.DroppedByUser)
    for (const claimant of claimants.values()) if (claimant.id === id) claimant.end(Drop.Banned)
  }

  const sessions = (): ReadonlyArray<StellarSession> => peers.all().filter(isSession)

  const shutdown = Effect.suspend(() => {
    isShuttingDown = true
    Deferred.doneUnsafe(shuttingDown, Exit.void)
    return FiberSet.clear(fibers)
  })
  yield* Effect.addFinalizer(() => shutdown)

  const beatOf = (session: StellarSession, now: number): void => {
    try {
      session.beat(now)
    } catch (defect) {
      session.drop(asStellarDrop(bugOf(defect)))
    }
  }

  /** A late beat shows that nothing ran meanwhile: a suspended machine, a long collection. What peers did was not seen then. */
  const stallOf = (now: number): number => now - beatDueMillis > limits.STALL_MILLIS ? now - beatDueMillis : 0

  const beat = Effect.flatMap(Clock.currentTimeMillis, (now) =>
    Effect.sync(() => {
      const stalledMillis = stallOf(now)
      if (stalledMillis > 0) { for (const session of sessions()) session.postpone(stalledMillis, now) }
      for (const session of sessions()) beatOf(session, now)
      const { ledger } = application.position()
      if (ledger !== undefined) {
        const oldest = lowestRemembered(ledger)
        floodGate.advance(ledger, oldest)
        pullFlood.forgetBelow(oldest)
        around.fetching.follow(ledger)
        statementQueue.follow(ledger)
        for (const session of sessions()) session.dropOutdated()
      }
      survey.beat(now)
      return recovery.isDue(!isLost(application.position()), now)
    })).pipe(
      Effect.flatMap((isLost) => isLost ? recoverSync : Effect.void),
      Effect.catchDefect((defect) => Effect.logError("the beat of the sessions failed", defect))
    )
  const recovery = new SyncRecovery()
  const recoverSync = Effect.map(Effect.suspend(() => Random.shuffle(sessions())), (drawn) => {
    for (const session of drawn.slice(0, limits.SYNC_RECOVERY_PEERS)) session.askForScpState()
  })
  let beatDueMillis = Infinity
  const pause = Effect.flatMap(Clock.currentTimeMillis, (now) => {
    beatDueMillis = now + Duration.toMillis(config.peerBeat)
    return Effect.sleep(config.peerBeat)
  })
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(pause, beat)))

  return PeerSupervisor.of({
    accept,
    dial,
    feel,
    drop,
    evict,
    tallies,
    infos: () => sessions().map((session) => session.info()),
    shutdown,
    send: (id, kind, message) => {
      const peer = peers.byId(id)
      if (peer === undefined) return false
      const priority = priorityOf(kind)
      return priority === undefined ? peer.offerControl(message) : peer.offer(priority, message)
    },
    requestScpState: (ledger) => sessions().filter((session) => session.requestScpState(ledger)).length,
    broadcast: (name, message) => {
      const kind = MessageType[name]
      const hash = crypto.sha256(message.subarray(WORD_BYTES))
      application.originate({ from: identity.peerId, kind: name, hash, bytes: message })
      const reached = floodGate.broadcast(
        kind,
        hash,
        name === "TRANSACTION"
          ? (peer) => pullFlood.advertise(peer, hash)
          : (peer) => peer.offer(FloodPriority.SCP_MESSAGE, message)
      )
      countBroadcast(around, name, reached)
      return reached
    },
    publish: events.publish,
    events: events.stream,
    messages: messages.stream,
    counters: () => {
      const { learnedRefused, learnedShed } = connections.status()
      return {
        ...sessions().reduce(addShed, { ...counters }),
        ...ended,
        ...floodGate.size(),
        ...pullFlood.counters(),
        ...survey.counters(),
        ...itemFetcher.counters(),
        addressesRefused: learnedRefused,
        addressesShed: learnedShed,
        messagesMissed: messages.missed()
      }
    }
  })
})

/** The supervisor of one node: see `make`. */
export const layer = (config: StellarConfig) => Layer.effect(PeerSupervisor, make(config))
