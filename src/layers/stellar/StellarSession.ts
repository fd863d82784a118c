/**
 * One authenticated peer: its channel, its credit, and the way of each of its messages.
 *
 * Plain and synchronous. `receive` is the whole path of a chunk: frames, sequence and MAC, credit, structure, digest, the flood
 * gate, the one owner of that kind of message, and the credit back. Effect stands around it: one fiber is parked in `link.read`
 * for as long as the session lives, and ends with the reason that was found here.
 *
 * Its parts: `FloodIntake` has new floods judged, `Conversation` answers what is not flooded, `PeerWriter` is the way out.
 */
import { Duration, Effect, Result } from "effect"
import type { Channel } from "../../core/Channel.ts"
import type { Grant, ReceiveLedger, SendLedger } from "../../core/CreditLedger.ts"
import { type DropReason, idleTimeout } from "../../core/DropReason.ts"
import type { FrameDecoder } from "../../core/FrameDecoder.ts"
import type { ItemHash } from "../../core/ItemHash.ts"
import { NO_SENDER, Outbox } from "../../core/Outbox.ts"
import type { PeerAddress } from "../../core/PeerAddress.ts"
import type { PeerId } from "../../core/PeerId.ts"
import type { Priority } from "../../core/Priority.ts"
import { Drop } from "../../core/stellar/DropReason.ts"
import { FloodPriority } from "../../core/stellar/FloodPriority.ts"
import { FrameDeadline } from "../../core/stellar/FrameDeadline.ts"
import { frameRefusal } from "../../core/stellar/FrameRefusal.ts"
import { grantMessage, hashesMessage } from "../../core/stellar/HotMessages.ts"
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
import { firstLedgerToAsk } from "../../core/stellar/ScpState.ts"
import { publicKeyFromPeerId } from "../../core/stellar/StrKey.ts"
import { isSurveyMessage, type SurveyMessage } from "../../core/stellar/survey/SurveyMessages.ts"
import type { PeerTally } from "../../core/stellar/survey/SurveySlice.ts"
import { walkEnvelope } from "../../core/stellar/TransactionWalk.ts"
import { TokenBucket } from "../../core/TokenBucket.ts"
import { readUint32, WORD_BYTES } from "../../core/Xdr.ts"
import type { CreditLedgers } from "../../services/FlowControl.ts"
import type { Established } from "../../services/Handshake.ts"
import type { FetchPeer } from "../../services/ItemFetcher.ts"
import type { PeerInfo } from "../../services/Overlay.ts"
import type { Direction } from "../../services/Peers.ts"
import type { Flooded } from "../../services/stellar/Application.ts"
import type { Stellar } from "../../services/stellar/Overlay.ts"
import type { SurveyPeer } from "../../services/stellar/Survey.ts"
import type { Link } from "../../services/Transport.ts"
import { PeerWriter } from "../runtime/PeerWriter.ts"
import { bugOf, lostLink } from "../runtime/Supervision.ts"
import { type Sleeper, Wake } from "../runtime/Wake.ts"
import { Conversation } from "./Conversation.ts"
import { encoded } from "./encoded.ts"
import { FloodIntake } from "./FloodIntake.ts"
import { countFlood, countItem, noReception, receptionInfo } from "./Reception.ts"
import type { SessionSurroundings } from "./SessionSurroundings.ts"
import type { StellarCounters } from "./StellarCounters.ts"
import { readLastWords } from "./StellarHandshake.ts"

/** Everything a session is made of. */
export interface SessionParts {
  readonly established: Established
  readonly link: Link
  readonly slot: number
  readonly ledgers: CreditLedgers
  /** 32 bytes that nobody can guess: the first ping; the next ones count on. */
  readonly pingSeed: Uint8Array
}

const EMPTY = new Uint8Array(0)
const scp = scpOffsets()

const isFloodKind = (kind: number): boolean =>
  kind === MessageType.SCP_MESSAGE || kind === MessageType.TRANSACTION || kind === MessageType.FLOOD_ADVERT
  || kind === MessageType.FLOOD_DEMAND

/** One authenticated peer. */
export class StellarSession implements SurveyPeer, FetchPeer, Sleeper {
  /** Why the session ends, once that is decided. The first reason wins. */
  failure: DropReason | undefined

  // What each message needs stands first and together: of a thousand sessions none is in the caches of the machine.
  private readonly around: SessionSurroundings
  private readonly channel: Channel
  private readonly decoder: FrameDecoder
  private readonly received: ReceiveLedger
  private readonly outbox: Outbox
  private readonly writer: PeerWriter
  private readonly wake: Wake
  private readonly intake: FloodIntake
  /** The chunk that is being taken in, and the copy of it that outlives it, once something in it is to be kept. */
  private chunk: Uint8Array = EMPTY
  private copy: Uint8Array | undefined
  /** Whether a chunk is being taken in: what ends the session then, ends it when that is through. */
  private isReceiving = false
  /** Whether the last frame was one too many in process: what stands behind it waits in the decoder. */
  private isFull = false
  private lastReadMillis: number
  private messagesRead = 0
  private bytesRead: number
  private chunksRead = 0
  private readonly floodRate: TokenBucket | undefined
  private readonly reception = noReception()
  /** Wakes the fiber that waits for room. */
  private room: (() => void) | undefined

  readonly slot: number
  readonly id: PeerId
  readonly address: PeerAddress
  readonly direction: Direction
  /** Ends the fiber of this session; set by it. */
  interrupt: () => void = () => {}
  private readonly link: Link
  private readonly credit: SendLedger
  private readonly initialGrant: Grant
  private readonly conversation: Conversation
  private readonly established: Established
  /** Unix milliseconds at which the peer was authenticated. */
  readonly sinceMillis: number
  private readonly frameDeadline = new FrameDeadline()
  private largestTransactionBytes: number

  constructor(around: SessionSurroundings, parts: SessionParts) {
    const { claim, role } = parts.established
    const { counters } = around
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
    this.outbox = new Outbox(around.outboxLimits(), this.credit, around.statementQueue)
    this.writer = new PeerWriter({
      link: this.link,
      channel: this.channel,
      outbox: this.outbox,
      sealBuffer: around.sealBuffer,
      clock: around.clock,
      counters
    })
    this.wake = new Wake(around.dispatcher)
    this.intake = new FloodIntake(around, {
      slot: this.slot,
      drop: (reason) => this.drop(reason),
      consumed: (items) => this.consumeAll(items)
    })
    this.conversation = new Conversation(around, {
      address: this.address,
      direction: this.direction,
      offer: (priority, message) => this.offer(priority, message),
      offerControl: (message) => this.offerControl(message),
      lastReadMillis: () => this.lastReadMillis,
      roundTrip: (millis) => around.survey.roundTrip(this, millis),
      lacks: (type, hash) => around.fetching.lacks(this, type, hash),
      gave: (isWanted, bytes) => countItem(this.reception, counters, isWanted, bytes)
    }, parts.pingSeed)
    this.sinceMillis = now
    this.lastReadMillis = now
    // What came behind the handshake in the same chunk is this session's.
    this.bytesRead = this.decoder.heldBytes()
    counters.bytesRead += this.bytesRead
    this.largestTransactionBytes = around.application.limits().maxTxBytes
    const { floodRate } = around.config
    this.floodRate = floodRate === 0 ? undefined : new TokenBucket({ perSecond: floodRate, burst: floodRate })
  }

  // What the fiber of the session does

  /**
   * Grants the first credit, asks for the SCP state, and reads until the session ends: fails with the reason for it.
   */
  readonly run: Effect.Effect<never, DropReason> = Effect.acquireUseRelease(
    Effect.sync(() => {
      this.link.onWritable(() => this.wake.notify())
      this.wake.handle(this)
      this.offerControl(grantMessage(this.initialGrant))
      this.askForScpState()
    }),
    () => this.readOn,
    () =>
      Effect.sync(() => {
        this.link.onWritable(undefined)
        this.wake.handle(undefined)
        this.intake.leave()
        this.conversation.leave()
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
      this.around.counters.chunksRead += 1
      this.chunksRead += 1
    }
    this.isReceiving = true
    this.takeIn(chunk)
    // A verdict that was given at once made room for what it had to wait for.
    while (this.isFull && this.failure === undefined && this.received.canRead()) this.takeIn(EMPTY)
    this.isReceiving = false
    if (this.failure !== undefined) return false
    // What this peer's own messages caused goes out in the same turn: a grant that waits costs the peer a round trip.
    this.writer.flush()
    return this.failure === undefined && this.received.canRead()
  }

  private takeIn(chunk: Uint8Array): void {
    this.isFull = false
    this.chunk = chunk
    const refusal = this.decoder.push(chunk, this.onFrame)
    this.chunk = EMPTY
    this.copy = undefined
    if (refusal !== undefined) this.end(Drop.BadRecordLength)
    this.intake.judge()
  }

  private readonly onFrame = (bytes: Uint8Array, start: number, end: number): boolean => {
    const opened = this.channel.open(bytes, start, end)
    const from = start + this.channel.headBytes
    const to = end - this.channel.tailBytes
    if (opened !== "message") {
      this.end(
        opened === "last-words" ? readLastWords(bytes.subarray(from, to)) : frameRefusal(opened, bytes, start, end)
      )
      return false
    }
    this.messagesRead += 1
    this.around.counters.framesRead += 1
    const kind = readUint32(bytes, from)
    this.around.tallies.received[kind]! += 1
    const size = to - from
    const isFlood = isFloodKind(kind)
    if (!this.received.take(size, isFlood)) {
      this.end(Drop.OverCapacity)
      return false
    }
    const isDone = isFlood ? this.onFlood(kind, bytes, from, to) : this.onControl(kind, bytes, from, to)
    if (isDone) this.consume(size, isFlood)
    this.isFull = !this.received.canRead()
    return this.failure === undefined && !this.isFull
  }

  /** Whether the message is done with; `false` when the application has to see it first. */
  private onFlood(kind: number, bytes: Uint8Array, from: number, to: number): boolean {
    switch (kind) {
      case MessageType.SCP_MESSAGE:
        if (!walkScpMessage(bytes, from, to, scp)) return this.end(Drop.CorruptXdr)
        this.around.tallies.statements[scp.kind]! += 1
        return this.onNews("SCP_MESSAGE", kind, bytes, from, to)
      case MessageType.TRANSACTION: {
        const verdict = walkEnvelope(bytes, from + WORD_BYTES, to)
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
    const hash = crypto.sha256(bytes, from + WORD_BYTES, to)
    const isNew = floodGate.receive(kind, hash, this)
    countFlood(this.reception, counters, isNew, to - from)
    if (!isNew) return this.count("floodDuplicate")
    if (kind === MessageType.TRANSACTION) this.countPulled(pullFlood.received(hash))
    if (this.floodRate !== undefined && !this.floodRate.take(this.lastReadMillis)) {
      floodGate.forget(kind, hash)
      return this.count("floodOverRate")
    }
    counters.floodNew += 1
    this.intake.add({ from: this.id, kind: name, hash, bytes: this.keep(bytes, from, to) })
    return false
  }

  /** Counts a transaction that we had asked for, so many milliseconds before. */
  private countPulled(millis: number | undefined): void {
    if (millis === undefined) return
    this.around.counters.pulled += 1
    this.around.counters.pulledMillis += millis
  }

  /** A copy that outlives the chunk: all of a chunk is copied at once, because that costs less than its messages one by one. */
  private keep(bytes: Uint8Array, from: number, to: number): Uint8Array {
    // A frame that came in pieces lies in the decoder, which writes there again before the chunk is through.
    if (bytes !== this.chunk) return bytes.slice(from, to)
    this.copy ??= bytes.slice()
    return this.copy.subarray(from, to)
  }

  private onControl(kind: number, bytes: Uint8Array, from: number, to: number): true {
    if (kind === MessageType.SEND_MORE_EXTENDED) {
      if (!walkSendMoreExtended(bytes, from, to)) return this.end(Drop.CorruptXdr)
      return this.onGrant(grantedMessages(bytes, from), grantedBytes(bytes, from))
    }
    if (this.conversation.onPing(bytes, from, to)) return true
    const decoded = decodeMessage(bytes.subarray(from, to))
    if (Result.isFailure(decoded)) return this.end(Drop.CorruptXdr)
    const message = decoded.success
    const reason = isSurveyMessage(message)
      ? this.onSurvey(message, bytes.subarray(from, to))
      : this.conversation.onMessage(message, bytes, from, to)
    return reason === undefined || this.end(reason)
  }

  private onSurvey(message: SurveyMessage, bytes: Uint8Array): DropReason | undefined {
    const verdict = this.around.survey.receive(this, message, bytes)
    countFlood(this.reception, this.around.counters, verdict !== "duplicate", bytes.length)
    return verdict === "forged" ? Drop.SurveySignature : undefined
  }

  private onGrant(messages: number, bytes: number): true {
    if (bytes === 0) return this.end(Drop.InvalidSendMore)
    if (!this.credit.grant(messages, bytes)) return this.end(Drop.CapacityOverflow)
    this.writer.granted()
    this.wake.notify()
    return true
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

  offer(priority: Priority, message: Uint8Array, from: number = NO_SENDER): boolean {
    return this.offerUnits(priority, message, 1, from)
  }

  private offerUnits(priority: Priority, message: Uint8Array, units: number, from: number): boolean {
    if (this.failure !== undefined) return false
    if (priority === FloodPriority.TRANSACTION && message.length > this.around.application.limits().maxTxBytes) {
      this.count("transactionsTooLong")
      return false
    }
    this.around.tallies.sent[readUint32(message, 0)]! += 1
    this.outbox.offer(priority, message, units, this.around.clock.currentTimeMillisUnsafe(), from)
    this.wake.notify()
    return true
  }

  offerControl(message: Uint8Array): boolean {
    if (this.failure !== undefined) return false
    if (!this.outbox.offerControl(message, this.around.clock.currentTimeMillisUnsafe())) {
      this.drop(Drop.OutboxFull)
      return false
    }
    this.around.tallies.sent[readUint32(message, 0)]! += 1
    this.wake.notify()
    return true
  }

  advertise(hashes: ReadonlyArray<ItemHash>): boolean {
    return this.offerUnits(FloodPriority.FLOOD_ADVERT, hashesMessage("FLOOD_ADVERT", hashes), hashes.length, NO_SENDER)
  }

  demand(hashes: ReadonlyArray<ItemHash>): boolean {
    return this.offerUnits(FloodPriority.FLOOD_DEMAND, hashesMessage("FLOOD_DEMAND", hashes), hashes.length, NO_SENDER)
  }

  /** Asks the peer for the SCP messages that this node may lack. */
  askForScpState(): void {
    const { closed, ledger } = this.around.application.position()
    this.requestScpState(firstLedgerToAsk(closed, ledger))
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

  /**
   * Writes, in front of last words, what was accepted to be sent and may go: as much as the link takes at once. Core does so, too (its
   * test "TCPPeer can communicate", protocol §15.2).
   */
  sayRest(): void {
    this.writer.flush()
  }

  /** For the wake: something waits to be written, or there is credit or room again. */
  woken(): void {
    if (this.failure === undefined) this.writer.flush()
  }

  /** For the wake: writing threw. */
  wokenBadly(defect: unknown): void {
    this.drop(bugOf(defect))
  }

  // Time

  /** Called each beat of the node's one clockwork: pings, looks at the limits of the network, and ends who is past them. */
  beat(nowMillis: number): void {
    if (this.failure !== undefined) return
    const { config } = this.around
    const { blockedSinceMillis, lastIssuedMillis, lastWrittenMillis } = this.writer
    this.followLimits()
    this.conversation.ping(nowMillis)
    const idle = Duration.toMillis(config.idleTimeout)
    if (nowMillis - this.lastReadMillis >= idle && nowMillis - lastWrittenMillis >= idle) this.drop(idleTimeout)
    if (
      blockedSinceMillis !== undefined && nowMillis - blockedSinceMillis >= Duration.toMillis(config.noCreditTimeout)
    ) {
      this.drop(Drop.NoCredit)
    }
    if (nowMillis - lastIssuedMillis >= Duration.toMillis(config.stragglerTimeout)) this.drop(Drop.Straggling)
    if (this.frameDeadline.isOver(this.decoder, this.received.canRead(), this.messagesRead, nowMillis)) {
      this.drop(Drop.FrameTimeout)
    }
  }

  /** Moves all deadlines of the peer on: for so long this node stood still, and could neither read nor write. */
  postpone(byMillis: number, nowMillis: number): void {
    const later = (millis: number): number => Math.min(nowMillis, millis + byMillis)
    const { writer } = this
    this.lastReadMillis = later(this.lastReadMillis)
    writer.lastWrittenMillis = later(writer.lastWrittenMillis)
    writer.lastIssuedMillis = later(writer.lastIssuedMillis)
    if (writer.blockedSinceMillis !== undefined) writer.blockedSinceMillis = later(writer.blockedSinceMillis)
    this.frameDeadline.postpone(byMillis, nowMillis)
    this.outbox.postpone(byMillis, nowMillis)
  }

  /** Takes statements out of the outbox that nobody needs any more. */
  dropOutdated(): void {
    this.outbox.dropOutdated()
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

  // For people to look at

  /** Units shed from the outbox in this rank, because it was full. */
  shedUnits(priority: Priority): number {
    return this.outbox.shedUnits[priority]
  }

  /** What the outbox did to have room for what is needed more. */
  queueing(): Pick<Outbox, "shedOverShare" | "replaced" | "outdated"> {
    return this.outbox
  }

  /** The 32 bytes of the peer's key. */
  get publicKey(): Uint8Array {
    return Result.getOrThrow(publicKeyFromPeerId(this.id))
  }

  /** What the peer says of its software, as it came. */
  get versionBytes(): Uint8Array {
    return Uint8Array.from(this.established.claim.versionText, (letter) => letter.charCodeAt(0))
  }

  /** Of the last ping that was answered. */
  latencyMillis(): number | undefined {
    return this.conversation.latencyMillis
  }

  /** What surveys want to know. */
  tally(): PeerTally {
    return {
      ...this.reception,
      messagesRead: this.messagesRead,
      messagesWritten: this.writer.messagesWritten,
      bytesRead: this.bytesRead,
      bytesWritten: this.writer.bytesWritten
    }
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
      isCertificateLong: claim.isCertificateLong,
      latencyMillis: this.conversation.latencyMillis,
      receiveCredit: { messages: this.received.messages, bytes: this.received.bytes },
      sendCredit: this.credit.left(),
      messagesRead: this.messagesRead,
      messagesWritten: this.writer.messagesWritten,
      bytesRead: this.bytesRead,
      bytesWritten: this.writer.bytesWritten,
      chunksRead: this.chunksRead,
      writes: this.writer.writes,
      ...receptionInfo(this.reception),
      shed: this.outbox.shedUnits.reduce((sum, units) => sum + units, 0)
    }
  }
}
