/**
 * One authenticated peer: its channel, its credit, its outbox, and the way of each of its messages.
 *
 * Plain and synchronous. `receive` is the whole path of a chunk: frames, sequence and MAC, credit, structure, digest, the flood
 * gate, the one owner of that kind of message, the application, and the credit back. Effect stands around it: one fiber is
 * parked in `link.read` for as long as the session lives, and ends with the reason that was found here.
 *
 * What a session may not do is wait: what has to wait (an application that answers later, a subscriber that asked to be waited
 * for) goes into `inbox`, with its credit, and is taken up by a fiber that lives only as long as there is something in it.
 */
import { Cause, Duration, Effect, Result } from "effect"
import type { Clock } from "effect/Clock"
import type { SchedulerDispatcher } from "effect/Scheduler"
import type { Channel } from "../../core/Channel.ts"
import type { Grant, ReceiveLedger, SendLedger } from "../../core/CreditLedger.ts"
import type { CryptoShape } from "../../core/Crypto.ts"
import { type DropReason, idleTimeout } from "../../core/DropReason.ts"
import type { FrameDecoder } from "../../core/FrameDecoder.ts"
import * as ItemHash from "../../core/ItemHash.ts"
import { Outbox, type OutboxLimits } from "../../core/Outbox.ts"
import type { PeerAddress } from "../../core/PeerAddress.ts"
import { tcpAddress } from "../../core/PeerAddress.ts"
import type { PeerId } from "../../core/PeerId.ts"
import type { Priority } from "../../core/Priority.ts"
import { Drop } from "../../core/stellar/DropReason.ts"
import { FloodPriority } from "../../core/stellar/FloodPriority.ts"
import { frameRefusal } from "../../core/stellar/FrameRefusal.ts"
import * as limits from "../../core/stellar/limits.ts"
import type { StellarMessage } from "../../core/stellar/messages.ts"
import { decodeMessage, MessageType } from "../../core/stellar/messages.ts"
import {
  grantedBytes,
  grantedMessages,
  hashCount,
  HASHES_AT,
  scpOffsets,
  walkHashes,
  walkScpMessage,
  walkSendMoreExtended
} from "../../core/stellar/MessageWalk.ts"
import { QueryWindow } from "../../core/stellar/QueryWindow.ts"
import { walkEnvelope, walkGeneralizedTransactionSet, walkTransactionSet } from "../../core/stellar/TransactionWalk.ts"
import { TokenBucket } from "../../core/TokenBucket.ts"
import type { FloodGate } from "../../services/FloodGate.ts"
import type { CreditLedgers } from "../../services/FlowControl.ts"
import type { Established } from "../../services/Handshake.ts"
import type { PeerInfo, Received } from "../../services/Overlay.ts"
import type { Direction, Peer } from "../../services/Peers.ts"
import type { PullFlood } from "../../services/PullFlood.ts"
import type { Application, Flooded, Verdict } from "../../services/stellar/Application.ts"
import type { Stellar } from "../../services/stellar/Overlay.ts"
import type { StellarConfig } from "../../services/stellar/StellarConfig.ts"
import type { Link } from "../../services/Transport.ts"
import type { SealBuffer } from "../runtime/SealBuffer.ts"
import { bugOf, lostLink } from "../runtime/Supervision.ts"
import type { MessageTap } from "../runtime/Tap.ts"
import { Wake } from "../runtime/Wake.ts"
import { encoded } from "./encoded.ts"
import type { StellarCounters } from "./StellarCounters.ts"
import { readLastWords } from "./StellarHandshake.ts"

/** What the sessions of one node share. */
export interface SessionSurroundings {
  readonly config: StellarConfig
  readonly clock: Clock
  readonly crypto: CryptoShape
  readonly dispatcher: SchedulerDispatcher
  readonly sealBuffer: SealBuffer
  readonly counters: StellarCounters
  readonly application: Application["Service"]
  readonly floodGate: FloodGate["Service"]
  readonly pullFlood: PullFlood["Service"]
  readonly tap: MessageTap<Received<Stellar>>
  /** Takes the addresses that a peer told. */
  readonly learn: (addresses: ReadonlyArray<PeerAddress>, from: PeerAddress) => void
  readonly outboxLimits: () => OutboxLimits
}

/** Everything a session is made of. */
export interface SessionParts {
  readonly established: Established
  readonly link: Link
  readonly slot: number
  readonly ledgers: CreditLedgers
  /** 32 bytes that nobody can guess: the first ping; the next ones count on. */
  readonly pingSeed: Uint8Array
  /** Runs the fiber that takes up the inbox, and gives what ends it. */
  readonly fork: (effect: Effect.Effect<void>) => () => void
}

const EMPTY = new Uint8Array(0)
const KIND_BYTES = 4
const scp = scpOffsets()

const isFloodKind = (kind: number): boolean =>
  kind === MessageType.SCP_MESSAGE || kind === MessageType.TRANSACTION || kind === MessageType.FLOOD_ADVERT
  || kind === MessageType.FLOOD_DEMAND

const u32At = (bytes: Uint8Array, at: number): number =>
  ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0

const writeU32 = (into: Uint8Array, at: number, value: number): void => {
  into[at] = value >>> 24
  into[at + 1] = value >>> 16
  into[at + 2] = value >>> 8
  into[at + 3] = value
}

/** A FLOOD_ADVERT or FLOOD_DEMAND: kind (4), count (4), 32 bytes a hash. */
const hashesMessage = (kind: number, hashes: ReadonlyArray<ItemHash.ItemHash>): Uint8Array => {
  const message = new Uint8Array(HASHES_AT + hashes.length * ItemHash.ITEM_HASH_BYTES)
  writeU32(message, 0, kind)
  writeU32(message, KIND_BYTES, hashes.length)
  hashes.forEach((hash, i) => ItemHash.writeTo(hash, message, HASHES_AT + i * ItemHash.ITEM_HASH_BYTES))
  return message
}

/** A SEND_MORE_EXTENDED: kind (4), messages (4), bytes (4). */
const grantMessage = (grant: Grant): Uint8Array => {
  const message = new Uint8Array(3 * KIND_BYTES)
  writeU32(message, 0, MessageType.SEND_MORE_EXTENDED)
  writeU32(message, KIND_BYTES, grant.messages)
  writeU32(message, 2 * KIND_BYTES, grant.bytes)
  return message
}

const dontHave = (type: number, reqHash: Uint8Array): Uint8Array =>
  encoded({ _tag: "DONT_HAVE", dontHave: { type, reqHash } })

/** What a subscriber gets. Well-formed bytes decode; if they do not, that is a defect of ours. */
const receivedOf = (item: Flooded): Received<Stellar> => ({
  _tag: "Received",
  from: item.from,
  kind: item.kind,
  hash: item.hash,
  bytes: item.bytes,
  value: () => Result.getOrThrow(decodeMessage(item.bytes))
})

/** One authenticated peer. */
export class StellarSession implements Peer {
  readonly id: PeerId
  readonly address: PeerAddress
  readonly direction: Direction
  readonly slot: number
  /** Why the session ends, once that is decided. The first reason wins. */
  failure: DropReason | undefined
  /** Ends the fiber of this session; set by it. */
  interrupt: () => void = () => {}

  private readonly around: SessionSurroundings
  private readonly link: Link
  private readonly channel: Channel
  private readonly decoder: FrameDecoder
  private readonly received: ReceiveLedger
  private readonly credit: SendLedger
  private readonly initialGrant: Grant
  private readonly outbox: Outbox
  private readonly wake: Wake
  private readonly established: Established
  private readonly fork: SessionParts["fork"]
  private readonly sinceMillis: number
  private readonly floodRate: TokenBucket | undefined
  private readonly scpStateQueries: QueryWindow
  private readonly transactionSetQueries: QueryWindow
  private readonly quorumSetQueries: QueryWindow

  /** The chunk that is being taken in, and the copy of it that outlives it, once something in it is to be kept. */
  private chunk: Uint8Array = EMPTY
  private copy: Uint8Array | undefined
  private batch: Array<Flooded> = []
  /** Whether a chunk is being taken in: what ends the session then, ends it when that is through. */
  private isReceiving = false
  /** Whether the last frame was one too many in process: what stands behind it waits in the decoder. */
  private isFull = false
  private readonly inbox: Array<ReadonlyArray<Flooded>> = []
  private isEmptyingInbox = false
  private hasLeft = false
  private leaveInbox: () => void = () => {}
  private room: (() => void) | undefined
  private hasSentPeers = false
  private largestTransactionBytes: number

  private readonly ping: Uint8Array
  private pingSentAtMillis: number | undefined
  private latencyMillis: number | undefined
  private lastReadMillis: number
  private lastWrittenMillis: number
  private lastIssuedMillis: number
  private blockedSinceMillis: number | undefined
  private messagesRead = 0
  private messagesWritten = 0
  private bytesRead = 0
  private bytesWritten = 0

  constructor(around: SessionSurroundings, parts: SessionParts) {
    const { claim, role } = parts.established
    const now = around.clock.currentTimeMillisUnsafe()
    this.around = around
    this.established = parts.established
    this.id = claim.id
    this.address = claim.address
    this.direction = role === "caller" ? "outbound" : "inbound"
    this.slot = parts.slot
    this.link = parts.link
    this.channel = parts.established.channel
    this.decoder = parts.established.decoder
    this.received = parts.ledgers.receive
    this.credit = parts.ledgers.send
    this.initialGrant = parts.ledgers.initial
    this.outbox = new Outbox(around.outboxLimits(), this.credit)
    this.wake = new Wake(around.dispatcher)
    this.fork = parts.fork
    this.ping = parts.pingSeed
    this.sinceMillis = now
    this.lastReadMillis = now
    this.lastWrittenMillis = now
    this.lastIssuedMillis = now
    // What came behind the handshake in the same chunk is this session's.
    this.bytesRead = this.decoder.heldBytes()
    around.counters.bytesRead += this.bytesRead
    // Every peer must grant something within a minute of connecting, wanted or not (protocol, sender accounting).
    this.blockedSinceMillis = now
    this.largestTransactionBytes = around.application.limits().maxTxBytes
    const { floodRate } = around.config
    this.floodRate = floodRate === 0 ? undefined : new TokenBucket({ perSecond: floodRate, burst: floodRate })
    const window = limits.QUERY_WINDOW_SECONDS * 1000
    this.scpStateQueries = new QueryWindow(window, limits.SCP_STATE_QUERIES_PER_WINDOW)
    this.transactionSetQueries = new QueryWindow(window, limits.QUERIES_PER_SECOND * limits.QUERY_WINDOW_SECONDS)
    this.quorumSetQueries = new QueryWindow(window, limits.QUERIES_PER_SECOND * limits.QUERY_WINDOW_SECONDS)
  }

  // What the fiber of the session does

  /**
   * Grants the first credit, asks for the SCP state, and reads until the session ends: fails with the reason for it.
   */
  readonly run: Effect.Effect<never, DropReason> = Effect.acquireUseRelease(
    Effect.sync(() => {
      this.link.onWritable(() => this.wake.notify())
      this.wake.handle(() => this.flush(), (defect) => this.drop(bugOf(defect)))
      this.offerControl(grantMessage(this.initialGrant))
      this.requestScpState(this.firstLedgerToAskFor())
    }),
    () => this.readOn,
    () =>
      Effect.sync(() => {
        this.link.onWritable(undefined)
        this.wake.handle(undefined)
        this.hasLeft = true
        this.leaveInbox()
        this.forgetUnjudged()
      })
  )

  private readonly readOn: Effect.Effect<never, DropReason> = Effect.suspend(() => {
    // What came behind the handshake, or was left when reading paused, comes first.
    if (!this.receive(EMPTY)) return this.stopped
    return Effect.matchEffect(this.link.read(this.receive), {
      onFailure: (error) => Effect.fail<DropReason>(this.failure ?? lostLink(error)),
      onSuccess: () => this.stopped
    })
  })

  private readonly stopped: Effect.Effect<never, DropReason> = Effect.suspend(() =>
    this.failure !== undefined ? Effect.fail(this.failure) : Effect.andThen(this.whenThereIsRoom, this.readOn)
  )

  private readonly whenThereIsRoom: Effect.Effect<void> = Effect.callback((resume) => {
    this.around.counters.readingPaused += 1
    if (this.received.canRead()) return resume(Effect.void)
    this.room = () => resume(Effect.void)
    return Effect.sync(() => {
      this.room = undefined
    })
  })

  // In

  /** Takes a chunk. `false` says stop: the session ends, or too much is in process. */
  readonly receive = (chunk: Uint8Array): boolean => {
    if (chunk.length > 0) {
      this.lastReadMillis = this.around.clock.currentTimeMillisUnsafe()
      this.bytesRead += chunk.length
      this.around.counters.bytesRead += chunk.length
    }
    this.isReceiving = true
    this.takeIn(chunk)
    // A verdict that was given at once made room for what it had to wait for.
    while (this.isFull && this.failure === undefined && this.received.canRead()) this.takeIn(EMPTY)
    this.isReceiving = false
    if (this.failure !== undefined) return false
    // What this peer's own messages caused goes out in the same turn: a grant that waits costs the peer a round trip.
    this.flush()
    return this.failure === undefined && this.received.canRead()
  }

  private takeIn(chunk: Uint8Array): void {
    this.isFull = false
    this.chunk = chunk
    const refusal = this.decoder.push(chunk, this.onFrame)
    this.chunk = EMPTY
    this.copy = undefined
    if (refusal !== undefined) this.failure ??= Drop.BadRecordLength
    this.judgeBatch()
  }

  private readonly onFrame = (bytes: Uint8Array, start: number, end: number): boolean => {
    const opened = this.channel.open(bytes, start, end)
    const from = start + this.channel.headBytes
    const to = end - this.channel.tailBytes
    if (opened !== "message") {
      this.failure ??= opened === "last-words"
        ? readLastWords(bytes.subarray(from, to))
        : frameRefusal(opened, bytes, start, end)
      return false
    }
    this.messagesRead += 1
    this.around.counters.framesRead += 1
    const kind = u32At(bytes, from)
    const size = to - from
    const isFlood = isFloodKind(kind)
    if (!this.received.take(size, isFlood)) {
      this.failure ??= Drop.OverCapacity
      return false
    }
    const done = isFlood ? this.onFlood(kind, bytes, from, to) : this.onControl(kind, bytes, from, to)
    if (done) this.consume(size, isFlood)
    this.isFull = !this.received.canRead()
    return this.failure === undefined && !this.isFull
  }

  /** Whether the message is done with; `false` when the application has to see it first. */
  private onFlood(kind: number, bytes: Uint8Array, from: number, to: number): boolean {
    switch (kind) {
      case MessageType.SCP_MESSAGE:
        if (!walkScpMessage(bytes, from, to, scp)) return this.end(Drop.CorruptXdr)
        return this.onNews("SCP_MESSAGE", kind, bytes, from, to)
      case MessageType.TRANSACTION: {
        const verdict = walkEnvelope(bytes, from + KIND_BYTES, to)
        if (verdict === "malformed") return this.end(Drop.CorruptXdr)
        if (verdict === "unknown") return this.count("floodUnknown")
        if (!this.around.application.position().synced) return this.count("ignoredWhileNotSynced")
        return this.onNews("TRANSACTION", kind, bytes, from, to)
      }
      default: {
        if (!walkHashes(bytes, from, to)) return this.end(Drop.CorruptXdr)
        if (!this.around.application.position().synced) return this.count("ignoredWhileNotSynced")
        const { pullFlood } = this.around
        if (kind === MessageType.FLOOD_ADVERT) pullFlood.onAdvert(this, bytes, from + HASHES_AT, hashCount(bytes, from))
        else pullFlood.onDemand(this, bytes, from + HASHES_AT, hashCount(bytes, from))
        return true
      }
    }
  }

  private onNews(name: Flooded["kind"], kind: number, bytes: Uint8Array, from: number, to: number): boolean {
    const { counters, crypto, floodGate, pullFlood } = this.around
    const hash = crypto.sha256(bytes.subarray(from + KIND_BYTES, to))
    if (!floodGate.receive(kind, hash, this)) return this.count("floodDuplicate")
    if (kind === MessageType.TRANSACTION) pullFlood.received(hash)
    if (this.floodRate !== undefined && !this.floodRate.take(this.lastReadMillis)) {
      floodGate.forget(kind, hash)
      return this.count("floodOverRate")
    }
    counters.floodNew += 1
    this.batch.push({ from: this.id, kind: name, hash, bytes: this.keep(bytes, from, to) })
    return false
  }

  /** A copy that outlives the chunk: all of a chunk is copied at once, because that costs less than its messages one by one. */
  private keep(bytes: Uint8Array, from: number, to: number): Uint8Array {
    // A frame that came in pieces lies in the decoder, which writes there again before the chunk is through.
    if (bytes !== this.chunk) return bytes.slice(from, to)
    this.copy ??= bytes.slice()
    return this.copy.subarray(from, to)
  }

  private judgeBatch(): void {
    if (this.batch.length === 0) return
    const items = this.batch
    this.batch = []
    const { judge } = this.around.application
    if (judge.answers === "later" || this.isEmptyingInbox) {
      this.inbox.push(items)
      this.emptyInbox()
      return
    }
    const waiting = this.answered(items, () => judge.receive(items))
    if (waiting === undefined) this.consumeAll(items)
    // Waits for subscribers before the credit goes back, and only then takes up what came behind.
    else this.emptyInbox(Effect.andThen(waiting, Effect.sync(() => this.consumeAll(items))))
  }

  /** Asks the application and does what it says. What is thrown meanwhile is a defect, and ends this peer alone. */
  private answered(
    items: ReadonlyArray<Flooded>,
    ask: () => ReadonlyArray<Verdict>
  ): Effect.Effect<void> | undefined {
    try {
      return this.settle(items, ask())
    } catch (defect) {
      this.onDefect(items, defect)
      return undefined
    }
  }

  /** The messages stay known: another peer's copy of them shall not end that peer as well. */
  private onDefect(items: ReadonlyArray<Flooded>, defect: unknown): void {
    this.around.counters.floodUnjudged += items.length
    this.drop(bugOf(defect))
  }

  /** Does what the verdicts say; the Effect, if there is one, is what has to be waited for before the credit goes back. */
  private settle(items: ReadonlyArray<Flooded>, verdicts: ReadonlyArray<Verdict>): Effect.Effect<void> | undefined {
    if (verdicts.length !== items.length) {
      throw new Error(`the application gave ${verdicts.length} verdicts on ${items.length} messages`)
    }
    const accepted: Array<Received<Stellar>> | undefined = this.around.tap.hasSubscribers() ? [] : undefined
    for (let i = 0; i < items.length; i++) {
      const item = items[i]!
      const kind = MessageType[item.kind]
      switch (verdicts[i]) {
        case "relay":
          this.around.counters.floodRelayed += 1
          this.relay(item)
          break
        case "keep":
          break
        case "malformed":
          this.around.floodGate.forget(kind, item.hash)
          this.drop(Drop.MalformedByApplication)
          continue
        default:
          this.around.counters.floodForgotten += 1
          this.around.floodGate.forget(kind, item.hash)
          continue
      }
      accepted?.push(receivedOf(item))
    }
    return accepted === undefined || accepted.length === 0 ? undefined : this.around.tap.publish(accepted)
  }

  private relay(item: Flooded): void {
    const { floodGate, pullFlood } = this.around
    floodGate.broadcast(
      MessageType[item.kind],
      item.hash,
      item.kind === "TRANSACTION"
        ? (peer) => pullFlood.advertise(peer, item.hash)
        : (peer) => peer.offer(FloodPriority.SCP_MESSAGE, item.bytes)
    )
  }

  /** Takes up what waits, one batch after the other, in a fiber that lives as long as there is something. */
  private emptyInbox(before: Effect.Effect<void> = Effect.void): void {
    if (this.isEmptyingInbox) return
    this.isEmptyingInbox = true
    const leave = this.fork(
      Effect.catchDefect(
        Effect.gen({ self: this }, function*() {
          yield* before
          for (let items = this.inbox[0]; items !== undefined; items = this.inbox[0]) {
            const waiting = yield* this.judgeLater(items)
            if (waiting !== undefined) yield* waiting
            this.consumeAll(items)
          }
          this.isEmptyingInbox = false
        }),
        (defect) => Effect.sync(() => this.drop(bugOf(defect)))
      )
    )
    if (this.isEmptyingInbox) this.leaveInbox = leave
  }

  /** The verdicts on the first batch of the inbox, which leaves it with them. */
  private judgeLater(items: ReadonlyArray<Flooded>): Effect.Effect<Effect.Effect<void> | undefined> {
    const { judge } = this.around.application
    const verdicts = judge.answers === "later" ? judge.receive(items) : Effect.sync(() => judge.receive(items))
    return Effect.matchCauseEffect(verdicts, {
      onSuccess: (given) =>
        Effect.sync(() => {
          this.inbox.shift()
          return this.answered(items, () => given)
        }),
      onFailure: (cause) => {
        if (this.hasLeft) return Effect.failCause(cause)
        return Effect.sync(() => {
          this.inbox.shift()
          this.onDefect(items, Cause.squash(cause))
          return undefined
        })
      }
    })
  }

  /** What waits when the session ends was never judged: nobody has it, and a later copy of it is new. */
  private forgetUnjudged(): void {
    for (const items of this.inbox) {
      this.around.counters.floodUnjudged += items.length
      for (const { hash, kind } of items) this.around.floodGate.forget(MessageType[kind], hash)
    }
    this.inbox.length = 0
  }

  private consumeAll(items: ReadonlyArray<Flooded>): void {
    for (const item of items) this.consume(item.bytes.length, true)
    const { room } = this
    if (room !== undefined && this.received.canRead()) {
      this.room = undefined
      room()
    }
  }

  private consume(size: number, isFlood: boolean): void {
    const grant = this.received.consume(size, isFlood)
    if (grant !== undefined) this.offerControl(grantMessage(grant))
  }

  private onControl(kind: number, bytes: Uint8Array, from: number, to: number): boolean {
    if (kind === MessageType.SEND_MORE_EXTENDED) {
      if (!walkSendMoreExtended(bytes, from, to)) return this.end(Drop.CorruptXdr)
      return this.onGrant(grantedMessages(bytes, from), grantedBytes(bytes, from))
    }
    const decoded = decodeMessage(bytes.subarray(from, to))
    if (Result.isFailure(decoded)) return this.end(Drop.CorruptXdr)
    return this.onMessage(decoded.success, bytes, from, to)
  }

  private onGrant(messages: number, bytes: number): boolean {
    if (bytes === 0) return this.end(Drop.InvalidSendMore)
    if (!this.credit.grant(messages, bytes)) return this.end(Drop.CapacityOverflow)
    this.blockedSinceMillis = undefined
    this.wake.notify()
    return true
  }

  /** What is not flooded (protocol, what is accepted in which state). */
  private onMessage(message: StellarMessage, bytes: Uint8Array, from: number, to: number): boolean {
    switch (message._tag) {
      case "HELLO":
        return this.end(Drop.UnexpectedHello)
      case "AUTH":
        return this.end(Drop.OutOfOrderAuth)
      case "SEND_MORE":
        return this.end(Drop.UnexpectedSendMore)
      case "PEERS":
        return this.onPeers(message.peers)
      case "GET_SCP_QUORUMSET":
        return this.answer(
          this.quorumSetQueries,
          () =>
            this.around.application.quorumSet(ItemHash.fromBytes(message.qSetHash))
              ?? dontHave(MessageType.SCP_QUORUMSET, message.qSetHash)
        )
      case "GET_TX_SET":
        return this.answer(
          this.transactionSetQueries,
          () =>
            this.around.application.transactionSet(ItemHash.fromBytes(message.txSetHash))
              ?? dontHave(MessageType.GENERALIZED_TX_SET, message.txSetHash)
        )
      case "GET_SCP_STATE":
        return this.onScpStateAsked(message.ledgerSeq)
      case "DONT_HAVE":
        return this.onPong(message.dontHave.reqHash) || this.count("ignoredWithoutOwner")
      case "SCP_QUORUMSET":
        return this.onPong(this.digestOfArm(bytes, from, to)) || this.count("ignoredWithoutOwner")
      case "TX_SET":
        return walkTransactionSet(bytes, from + KIND_BYTES, to) === "malformed"
          ? this.end(Drop.CorruptXdr)
          : this.count("ignoredWithoutOwner")
      case "GENERALIZED_TX_SET":
        return walkGeneralizedTransactionSet(bytes, from + KIND_BYTES, to) === "malformed"
          ? this.end(Drop.CorruptXdr)
          : this.count("ignoredWithoutOwner")
      default:
        // Surveys: their owner is not built yet.
        return this.count("ignoredWithoutOwner")
    }
  }

  private digestOfArm(bytes: Uint8Array, from: number, to: number): Uint8Array {
    return ItemHash.toBytes(this.around.crypto.sha256(bytes.subarray(from + KIND_BYTES, to)))
  }

  private onPeers(told: Extract<StellarMessage, { _tag: "PEERS" }>["peers"]): boolean {
    if (this.direction === "inbound") return this.end(Drop.UnexpectedPeers)
    if (this.hasSentPeers) return this.end(Drop.TooManyPeers)
    this.hasSentPeers = true
    const addresses = told.flatMap(({ ip, port }) => ip._tag === "IPv4" ? [tcpAddress(ip.ipv4.join("."), port)] : [])
    this.around.learn(addresses, this.address)
    return true
  }

  private answer(window: QueryWindow, message: () => Uint8Array): boolean {
    if (!window.allows(this.lastReadMillis)) return this.count("queriesOverLimit")
    this.offerControl(message())
    return this.count("queriesAnswered")
  }

  private onScpStateAsked(ledger: number): boolean {
    if (!this.scpStateQueries.allows(this.lastReadMillis)) return this.count("queriesOverLimit")
    // Direct answers: the flood gate is neither asked nor told.
    for (const message of this.around.application.scpState(ledger)) this.offer(FloodPriority.SCP_MESSAGE, message)
    return this.count("queriesAnswered")
  }

  private onPong(hash: Uint8Array): boolean {
    if (this.pingSentAtMillis === undefined || !hash.every((byte, i) => byte === this.ping[i])) return false
    this.latencyMillis = this.lastReadMillis - this.pingSentAtMillis
    this.pingSentAtMillis = undefined
    return true
  }

  private count(counter: keyof StellarCounters): true {
    this.around.counters[counter] += 1
    return true
  }

  /** Ends the session from inside its own receive path. */
  private end(reason: DropReason): true {
    this.failure ??= reason
    return true
  }

  // Out

  offer(priority: Priority, message: Uint8Array): boolean {
    return this.offerUnits(priority, message, 1)
  }

  private offerUnits(priority: Priority, message: Uint8Array, units: number): boolean {
    if (this.failure !== undefined) return false
    if (priority === FloodPriority.TRANSACTION && message.length > this.around.application.limits().maxTxBytes) {
      this.around.counters.transactionsTooLong += 1
      return false
    }
    this.outbox.offer(priority, message, units, this.around.clock.currentTimeMillisUnsafe())
    this.wake.notify()
    return true
  }

  offerControl(message: Uint8Array): boolean {
    if (this.failure !== undefined) return false
    if (!this.outbox.offerControl(message, this.around.clock.currentTimeMillisUnsafe())) {
      this.drop(Drop.OutboxFull)
      return false
    }
    this.wake.notify()
    return true
  }

  advertise(hashes: ReadonlyArray<ItemHash.ItemHash>): boolean {
    return this.offerUnits(FloodPriority.FLOOD_ADVERT, hashesMessage(MessageType.FLOOD_ADVERT, hashes), hashes.length)
  }

  demand(hashes: ReadonlyArray<ItemHash.ItemHash>): boolean {
    return this.offerUnits(FloodPriority.FLOOD_DEMAND, hashesMessage(MessageType.FLOOD_DEMAND, hashes), hashes.length)
  }

  /** Asks the peer for its SCP messages from this ledger on. */
  requestScpState(ledger: number): boolean {
    return this.offerControl(encoded({ _tag: "GET_SCP_STATE", ledgerSeq: ledger }))
  }

  drop(reason: DropReason): void {
    if (this.failure !== undefined) return
    this.failure = reason
    // From inside its own way of a message the fiber ends by itself, once the chunk is through.
    if (!this.isReceiving) this.interrupt()
  }

  private flush(): void {
    if (this.failure !== undefined || !this.link.isWritable() || this.outbox.isEmpty()) return
    const { sealBuffer } = this.around
    let at = 0
    let buffer = sealBuffer.take()
    let written = 0
    const write = (bytes: Uint8Array): boolean => {
      written += bytes.length
      if (this.link.send(bytes)) return true
      sealBuffer.gaveAway()
      return false
    }
    const issued = this.outbox.drain((message) => {
      // A message too long for the buffer may have filled the link.
      if (!this.link.isWritable()) return false
      const size = message.length + this.channel.overheadBytes
      if (size > buffer.length - at) {
        if (at > 0 && !write(buffer.subarray(0, at))) {
          at = 0
          return false
        }
        at = 0
        if (size > buffer.length) {
          const large = new Uint8Array(size)
          this.channel.seal(message, large, 0)
          this.countWritten()
          written += size
          this.link.send(large)
          return true
        }
        buffer = sealBuffer.take()
      }
      at = this.channel.seal(message, buffer, at)
      this.countWritten()
      return true
    })
    if (at > 0) write(buffer.subarray(0, at))
    const now = this.around.clock.currentTimeMillisUnsafe()
    if (written > 0) {
      this.lastWrittenMillis = now
      this.bytesWritten += written
      this.around.counters.bytesWritten += written
    }
    if (issued !== undefined) this.lastIssuedMillis = issued
    if (this.blockedSinceMillis === undefined && this.outbox.isBlocked()) this.blockedSinceMillis = now
  }

  private countWritten(): void {
    this.messagesWritten += 1
    this.around.counters.framesWritten += 1
  }

  // Time

  /** Called each beat of the node's one clockwork: pings, looks at the limits of the network, and ends who is past them. */
  beat(nowMillis: number): void {
    if (this.failure !== undefined) return
    const { config } = this.around
    this.followLimits()
    if (this.pingSentAtMillis === undefined) this.sendPing(nowMillis)
    const idle = Duration.toMillis(config.idleTimeout)
    if (nowMillis - this.lastReadMillis >= idle && nowMillis - this.lastWrittenMillis >= idle) this.drop(idleTimeout)
    if (
      this.blockedSinceMillis !== undefined
      && nowMillis - this.blockedSinceMillis >= Duration.toMillis(config.noCreditTimeout)
    ) this.drop(Drop.NoCredit)
    if (nowMillis - this.lastIssuedMillis >= Duration.toMillis(config.stragglerTimeout)) this.drop(Drop.Straggling)
  }

  private sendPing(nowMillis: number): void {
    const at = this.ping.length - KIND_BYTES
    writeU32(this.ping, at, u32At(this.ping, at) + 1)
    this.pingSentAtMillis = nowMillis
    this.offerControl(encoded({ _tag: "GET_SCP_QUORUMSET", qSetHash: this.ping }))
  }

  /** When the network allows longer transactions than before, the peer gets leave to send them. */
  private followLimits(): void {
    const { maxTxBytes } = this.around.application.limits()
    this.outbox.setLimits(this.around.outboxLimits())
    if (maxTxBytes <= this.largestTransactionBytes) return
    const grant = this.received.raise(maxTxBytes - this.largestTransactionBytes)
    this.largestTransactionBytes = maxTxBytes
    this.offerControl(grantMessage(grant))
  }

  /** The ledger that a new peer is asked from: three before the current one, or what it knows if none is known. */
  private firstLedgerToAskFor(): number {
    const { ledger } = this.around.application.position()
    return ledger === undefined ? 0 : Math.max(1, ledger + 1 - limits.SCP_LOOKBACK_LEDGERS)
  }

  /** Units shed from the outbox in this rank, because it was full. */
  shedUnits(priority: Priority): number {
    return this.outbox.shedUnits[priority]
  }

  /** What people may look at. */
  info(): PeerInfo<Stellar> {
    const { claim } = this.established
    return {
      id: this.id,
      address: this.address,
      direction: this.direction,
      sinceMillis: this.sinceMillis,
      versionText: claim.versionText,
      versions: claim.versions,
      latencyMillis: this.latencyMillis,
      receiveCredit: { messages: this.received.messages, bytes: this.received.bytes },
      sendCredit: this.credit.left(),
      messagesRead: this.messagesRead,
      messagesWritten: this.messagesWritten,
      bytesRead: this.bytesRead,
      bytesWritten: this.bytesWritten,
      shed: this.outbox.shedUnits.reduce((sum, units) => sum + units, 0)
    }
  }
}
