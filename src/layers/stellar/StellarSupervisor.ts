/**
 * The sessions of one Stellar node, from a link to the reason for which it ends.
 *
 * Read `runSession` first. It is the life of one connection; `accept`, and `dial` in `StellarDialing`, are the two ways into it.
 * Who is let in is decided at three places: `StellarDoor`, before anything was read; `StellarAdmission`, within the handshake;
 * `StellarSlots`, behind it. `StellarBeat` walks over all sessions that are up.
 */
import { Deferred, Duration, Effect, Exit, Fiber, FiberSet, Layer } from "effect"
import * as SecureRandom from "effect/crypto/SecureRandom"
import type { DropReason } from "../../core/DropReason.ts"
import type { PeerAddress } from "../../core/PeerAddress.ts"
import type { PeerId } from "../../core/PeerId.ts"
import { asStellarDrop, Drop, isAborted, type StellarDropReason } from "../../core/stellar/DropReason.ts"
import { FloodPriority, priorityOf } from "../../core/stellar/FloodPriority.ts"
import * as limits from "../../core/stellar/limits.ts"
import { MessageType } from "../../core/stellar/messages.ts"
import { WORD_BYTES } from "../../core/Xdr.ts"
import { BanList } from "../../services/BanList.ts"
import { ConnectionManager } from "../../services/ConnectionManager.ts"
import { FlowControl } from "../../services/FlowControl.ts"
import { type Established, Handshake, type Role } from "../../services/Handshake.ts"
import { ItemFetcher } from "../../services/ItemFetcher.ts"
import { NodeIdentity } from "../../services/NodeIdentity.ts"
import type { OverlayEvent } from "../../services/Overlay.ts"
import { OwnAddress } from "../../services/OwnAddress.ts"
import { type Direction, type Peer, Peers, type Pending } from "../../services/Peers.ts"
import { PeerStore } from "../../services/PeerStore.ts"
import type { Stellar } from "../../services/stellar/Overlay.ts"
import { PeerSupervisor } from "../../services/stellar/PeerSupervisor.ts"
import type { StellarConfig } from "../../services/stellar/StellarConfig.ts"
import { type Link, Transport } from "../../services/Transport.ts"
import * as SteadyClock from "../runtime/SteadyClock.ts"
import { supervise } from "../runtime/Supervision.ts"
import * as Tap from "../runtime/Tap.ts"
import * as SessionSurroundings from "./SessionSurroundings.ts"
import * as StellarAdmission from "./StellarAdmission.ts"
import { ofStore } from "./StellarAdmission.ts"
import * as StellarBeat from "./StellarBeat.ts"
import { addShed, countBroadcast } from "./StellarCounters.ts"
import * as StellarDialing from "./StellarDialing.ts"
import * as StellarDoor from "./StellarDoor.ts"
import { StellarSession } from "./StellarSession.ts"
import * as StellarSlots from "./StellarSlots.ts"

const accepted: StellarDialing.Attempt = {
  onAuthenticated: () => {},
  interruptedFor: () => Drop.Shutdown,
  onEnded: () => {}
}

const isSession = (peer: Peer): peer is StellarSession => peer instanceof StellarSession

const PING_BYTES = 32

/** Makes the supervisor of one node; closing the Scope ends all sessions with "shutdown". */
export const make = Effect.fnUntraced(function*(config: StellarConfig) {
  const transport = yield* Transport
  const handshake = yield* Handshake
  const flowControl = yield* FlowControl
  const peers = yield* Peers
  const peerStore = yield* PeerStore
  const banList = yield* BanList
  const connections = yield* ConnectionManager
  const itemFetcher = yield* ItemFetcher
  const identity = yield* NodeIdentity
  const ownAddress = yield* OwnAddress
  const random = yield* SecureRandom.SecureRandom

  const around = yield* SessionSurroundings.make(config)
  const { application, counters, crypto, floodGate, pullFlood, survey, tallies, tap: messages } = around
  /** Connections whose end is an event already. */
  const told = new WeakSet<Pending>()
  /** How many connections ended for each reason, by its tag: those are a closed set. */
  const ended: Record<`ended${string}`, number> = {}
  const events = Tap.make<OverlayEvent<Stellar>>(limits.EVENTS_PER_SUBSCRIBER)
  const door = StellarDoor.make({ config, connections, peers, nowMillis: yield* SteadyClock.make })
  const slots = StellarSlots.make({ peers, connections, preferredOnly: config.preferredPeersOnly })
  const fibers = yield* FiberSet.make<void>()
  const shuttingDown = yield* Deferred.make<void>()
  let isShuttingDown = false

  const closeDeadline = Effect.raceFirst(
    Effect.sleep(Duration.millis(limits.CLOSE_TIMEOUT_MILLIS)),
    Effect.andThen(Deferred.await(shuttingDown), Effect.sleep(Duration.millis(limits.SHUTDOWN_CLOSE_TIMEOUT_MILLIS)))
  )

  const admission = StellarAdmission.make({
    ownId: identity.peerId,
    announcedPort: ownAddress.announcedPort,
    peers,
    peerStore,
    banList,
    connections,
    counters,
    tallies
  })

  /** Whoever has failed too often is forgotten when a connection with its IP is over (protocol §8.2). */
  const tidyUp = (ip: string) => Effect.ignore(ofStore(peerStore.purge(ip)))

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
          handshake.open(link, role, admission.of(pending, end)),
          admission.toldOfRival(pending)
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
      pingSeed
    })
    peers.promote(pending, session)
    counters[pending.direction === "inbound" ? "inboundEstablished" : "outboundEstablished"] += 1
    pullFlood.join(session)
    survey.join(session)
    itemFetcher.join(session)
    events.publish({ _tag: "PeerJoined", peer: session.info() })
    admission.promoted(pending, session.id)
    return session
  }

  const interruptible = (session: StellarSession): Effect.Effect<never, DropReason> =>
    Effect.withFiber((fiber) => {
      session.interrupt = () => fiber.interruptUnsafe()
      return session.run
    })

  /** Takes the connection out of every list; the second time there is nothing of it. */
  const leave = (pending: Pending, reason: StellarDropReason): void => {
    admission.leave(pending)
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
    admission.ban(id)
  }

  const sessions = (): ReadonlyArray<StellarSession> => peers.all().filter(isSession)

  const shutdown = Effect.suspend(() => {
    isShuttingDown = true
    Deferred.doneUnsafe(shuttingDown, Exit.void)
    return FiberSet.clear(fibers)
  })
  yield* Effect.addFinalizer(() => shutdown)
  yield* Effect.forkScoped(StellarBeat.make(around, sessions))

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
