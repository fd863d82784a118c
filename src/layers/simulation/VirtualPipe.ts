/**
 * One direction of a virtual link: what its sender has handed over, on the wire and then unread at the other end.
 *
 * A chunk costs one copy, one object and one task of the World, and chunks that arrive in one instant share the task.
 */
import { Effect } from "effect"
import { Chain } from "../../core/Chain.ts"
import { retransmitAtMicros } from "../../core/LinkWeather.ts"
import type { PeerAddress } from "../../core/PeerAddress.ts"
import { LinkError } from "../../services/Transport.ts"
import type { LinkReader } from "../runtime/LinkReader.ts"
import type { NetworkTrace } from "./NetworkTrace.ts"
import { Parcel, type ParcelPool } from "./ParcelPool.ts"
import type { Host } from "./VirtualHost.ts"
import type { VirtualPath } from "./VirtualPath.ts"
import type { Timer, World } from "./World.ts"

/** What all links of a network share. */
export interface Fabric {
  readonly world: Pick<World, "after" | "nowMicros" | "soon">
  readonly trace: NetworkTrace
  readonly parcels: ParcelPool
  /** A link from which nothing gets through for so long has failed. */
  readonly timeoutMicros: number
}

/** What a pipe has to do with each of the two ends that it joins. */
export interface PipeEnd {
  readonly host: Host
  readonly address: PeerAddress
  readonly reader: LinkReader
  /** The pipe that leads away from this end. */
  readonly outgoing: Pipe
  /** Whether what arrives here can be used. */
  readonly isOpen: () => boolean
  /** The link has come to this end. Tells whether anybody wants it. */
  readonly open: () => boolean
  /** The other side, or something between, has reset the link. */
  readonly hearReset: () => void
  /** Nothing has got through for too long. */
  readonly timeOut: () => void
  /** The outgoing pipe has become empty. */
  readonly emptied: () => void
}

/** So many bytes were read, and when the sender knows of it. */
interface Receipt {
  knownMicros: number
  bytes: number
  next: Receipt | undefined
}

/** Of every link the same: making an error costs more than a chunk, and where this one was made tells nobody anything. */
const ENDED = new LinkError({ reason: "ended", message: "the other side has ended" })

/** One direction of a link. What is in it is bounded by the weather's `bufferBytes` and one chunk: then the sender waits. */
export class Pipe {
  // What each chunk needs stands first and together: of ten thousand pipes none is in the caches of the machine.
  private readonly fabric: Fabric
  /** The way that it leads. */
  readonly path: VirtualPath
  /** Which way of which link it is, for those who watch. */
  private readonly way: number
  private receiver: PipeEnd
  private readonly sender: PipeEnd

  // On the wire, in the order in which it arrives: who is late holds up all behind him.
  private readonly wire = new Chain<Parcel>()
  private arrival: Timer | undefined
  /** When the last one left, and when it arrives. */
  private sentMicros = -1
  private arrivalMicros = 0
  /** Since when what is on the wire does not get through, and waits to be sent again. */
  private lostMicros: number | undefined

  // At the reader's end.
  private readonly unread = new Chain<Parcel>()
  private unreadBytes = 0
  private flowing = false
  private last: LinkError | undefined

  // What the sender knows.
  /** The way on which the sender hears of what was read. */
  private readonly back: VirtualPath
  /** What was read, and the sender does not know yet. Merged by instant, and no more of them than chunks were in the pipe. */
  private readonly receipts = new Chain<Receipt>()
  private receiptBytes = 0
  /** Bytes handed over that were not read yet, as far as the sender knows. */
  private heldBytes = 0
  private full = false
  private finished = false
  private resetSent = false
  private notify: (() => void) | undefined
  private readonly waitingForRoom = new Set<() => void>()
  /** What was read while the sender could not hear of it. */
  private untoldBytes = 0
  private room: Timer | undefined

  // When nothing gets through.
  private retransmission: Timer | undefined
  /** Whether the sender waits for an answer that cannot come to it. */
  private unheard = false
  private deadline: Timer | undefined

  constructor(fabric: Fabric, way: number, path: VirtualPath, back: VirtualPath, sender: PipeEnd) {
    this.fabric = fabric
    this.path = path
    this.way = way
    this.back = back
    this.sender = sender
    this.receiver = sender
  }

  /** For the link, while it is made: says which end it leads to. */
  leadTo(receiver: PipeEnd): void {
    this.receiver = receiver
  }

  // The sender's half

  /** What `Link.send` promises. */
  send(bytes: Uint8Array): boolean {
    if (this.finished || bytes.length === 0) return true
    const { bufferBytes } = this.path.weather
    this.heldBytes += bytes.length
    // While there is room for all, it makes no difference what of it was read.
    if (this.heldBytes > bufferBytes) this.takeReceipts()
    this.sender.host.bytesSent += bytes.length
    const { trace } = this.fabric
    if (trace.areBytesWatched) {
      trace.tellBytes("Sent", this.way, this.sender.address, this.receiver.address, bytes.length, bytes)
    }
    const at = this.path.splitAt(bytes.length)
    if (at > 0) this.carry(bytes.subarray(0, at))
    this.carry(at > 0 ? bytes.subarray(at) : bytes)
    if (!this.full && this.heldBytes <= bufferBytes) return true
    this.full = true
    this.expectRoom()
    return false
  }

  /** Puts a copy on the wire. */
  private carry(bytes: Uint8Array): void {
    this.push(this.fabric.parcels.take(bytes))
  }

  onWritable(notify: (() => void) | undefined): void {
    this.notify = notify
  }

  isWritable(): boolean {
    return !this.full
  }

  /** What `Link.end` promises: half-closes, and waits until the buffer has room again. */
  readonly ended: Effect.Effect<void> = Effect.callback((resume) => {
    this.end()
    if (!this.full) return resume(Effect.void)
    const done = () => resume(Effect.void)
    this.waitingForRoom.add(done)
    return Effect.sync(() => this.waitingForRoom.delete(done))
  })

  /** Says to the other end that the link is there. */
  open(): void {
    this.push(new Parcel("open"))
  }

  /** Takes nothing more; behind what was taken, the reader hears of the end. */
  end(): void {
    if (this.finished) return
    this.finished = true
    this.push(new Parcel("end"))
  }

  /** Takes nothing more; behind what was taken, the other end hears that the link is reset. */
  reset(): void {
    this.finished = true
    if (this.resetSent) return
    this.resetSent = true
    this.push(new Parcel("reset"))
  }

  /** Forgets all that has not arrived, and takes nothing more. */
  drop(): void {
    for (const timer of [this.arrival, this.retransmission, this.deadline, this.room]) timer?.cancel()
    this.arrival =
      this.retransmission =
      this.deadline =
      this.room =
        undefined
    this.lostMicros = undefined
    this.unheard = false
    this.wire.clear()
    this.receipts.clear()
    this.heldBytes = this.receiptBytes = this.untoldBytes = 0
    this.finished = true
    this.resetSent = false
    this.letGo()
  }

  /** Whoever waits to write waits no longer: from now on the bytes go nowhere. */
  letGo(): void {
    if (!this.full) return
    this.full = false
    this.fabric.world.soon(this.wakeSender)
  }

  /** Whether nothing is on the wire. */
  isEmpty(): boolean {
    return this.wire.first === undefined
  }

  /** The sender learns what was read up to now. */
  private takeReceipts(): void {
    const now = this.fabric.world.nowMicros()
    while (this.takeReceipt(now) !== undefined) { /* all that is known */ }
  }

  /** Takes the oldest receipt, if the sender knows of it by now. */
  private takeReceipt(nowMicros: number): Receipt | undefined {
    const receipt = this.receipts.first
    if (receipt === undefined || receipt.knownMicros > nowMicros) return undefined
    this.receipts.shift()
    this.receiptBytes -= receipt.bytes
    this.heldBytes -= receipt.bytes
    return receipt
  }

  /** A full buffer has room again when half of it is known to be read: less would wake the sender for each chunk. */
  private lowWaterBytes(): number {
    return Math.floor(this.path.weather.bufferBytes / 2)
  }

  /** Wakes the sender when it hears of enough, once that is under way. */
  private expectRoom(): void {
    if (!this.full || this.room !== undefined) return
    if (this.heldBytes - this.receiptBytes > this.lowWaterBytes()) return
    const { world } = this.fabric
    const now = world.nowMicros()
    this.room = world.after(Math.max(0, (this.receipts.last?.knownMicros ?? now) - now), this.makeRoom)
  }

  private readonly makeRoom = (): void => {
    this.room = undefined
    if (!this.full) return
    this.takeReceipts()
    // Somebody who did not wait has sent meanwhile.
    if (this.heldBytes > this.lowWaterBytes()) return this.expectRoom()
    this.full = false
    this.wakeSender()
  }

  private readonly wakeSender = (): void => {
    const waiting = [...this.waitingForRoom]
    this.waitingForRoom.clear()
    for (const resume of waiting) resume()
    try {
      this.notify?.()
    } catch (defect) {
      this.sender.reader.die(defect)
    }
  }

  // The wire

  private push(parcel: Parcel): void {
    this.wire.push(parcel)
    if (this.lostMicros === undefined && this.path.isOpen) {
      this.leave(parcel)
      if (this.arrival === undefined) this.awaitArrival()
    } else {
      this.lose()
    }
  }

  /** Decides when a parcel arrives, unless one before it holds it up. */
  private leave(parcel: Parcel): void {
    const now = this.fabric.world.nowMicros()
    // What leaves in one instant goes together, unless the line has to take one after the other.
    if (now !== this.sentMicros || this.path.weather.bytesPerSecond !== undefined) {
      this.sentMicros = now
      this.arrivalMicros = this.path.arrivalMicros(now, parcel.bytes.length)
    }
    parcel.arrivalMicros = this.arrivalMicros
  }

  private awaitArrival(): void {
    const next = this.wire.first
    if (next === undefined) return
    const { world } = this.fabric
    this.arrival = world.after(next.arrivalMicros - world.nowMicros(), this.arrive)
  }

  private readonly arrive = (): void => {
    this.arrival = undefined
    const now = this.fabric.world.nowMicros()
    for (let parcel = this.wire.first; parcel !== undefined && parcel.arrivalMicros <= now; parcel = this.wire.first) {
      this.wire.shift()
      this.land(parcel)
    }
    if (this.wire.first === undefined) this.sender.emptied()
    else this.awaitArrival()
    this.flow()
  }

  private land(parcel: Parcel): void {
    const { receiver } = this
    if (parcel.kind === "reset") {
      this.tell("Reset")
      receiver.hearReset()
      return
    }
    if (!this.back.isOpen) this.missAnswer()
    if (parcel.kind === "open") {
      if (receiver.open()) this.tell("Accepted")
      else receiver.outgoing.reset()
    } else if (!receiver.isOpen()) {
      // Nobody is there to read on. Who has only ended need not be told.
      if (parcel.kind === "bytes") receiver.outgoing.reset()
    } else if (parcel.kind === "end") {
      this.tell("Ended")
      this.last ??= ENDED
    } else {
      receiver.host.bytesReceived += parcel.bytes.length
      const { trace } = this.fabric
      if (trace.areBytesWatched) {
        trace.tellBytes("Delivered", this.way, this.sender.address, receiver.address, parcel.bytes.length, undefined)
      }
      this.unreadBytes += parcel.bytes.length
      this.unread.push(parcel)
    }
  }

  /** One of the two ways has opened or closed, if it is one of these. */
  pathChanged(path: VirtualPath): void {
    if (path === this.path && !this.isEmpty()) {
      if (path.isOpen) this.expectRetransmission()
      else if (this.lostMicros === undefined) this.lose()
    }
    if (path === this.back && path.isOpen) {
      this.unheard = false
      const untold = this.untoldBytes
      this.untoldBytes = 0
      this.acknowledge(untold)
      this.unwatch()
    }
  }

  /** What is on the wire does not arrive; it waits until the way is open and the next attempt to send it is due. */
  private lose(): void {
    this.arrival?.cancel()
    this.arrival = undefined
    this.lostMicros ??= this.fabric.world.nowMicros()
    this.watch()
  }

  private expectRetransmission(): void {
    if (this.lostMicros === undefined || this.retransmission !== undefined) return
    const { world } = this.fabric
    const now = world.nowMicros()
    const at = retransmitAtMicros(this.path.weather, this.lostMicros, now)
    this.retransmission = world.after(at - now, this.retransmit)
  }

  private readonly retransmit = (): void => {
    this.retransmission = undefined
    if (!this.path.isOpen) return
    this.lostMicros = undefined
    this.sentMicros = -1
    for (let parcel = this.wire.first; parcel !== undefined; parcel = parcel.next) this.leave(parcel)
    this.awaitArrival()
    this.unwatch()
  }

  /** The other end has something to answer, and the way back is closed. */
  private missAnswer(): void {
    this.unheard = true
    this.watch()
  }

  /** From now on the link has its time to get something through. */
  private watch(): void {
    const { timeoutMicros, world } = this.fabric
    this.deadline ??= world.after(timeoutMicros, () => {
      this.tell("TimedOut")
      this.sender.timeOut()
    })
  }

  private unwatch(): void {
    if (this.unheard || this.lostMicros !== undefined) return
    this.deadline?.cancel()
    this.deadline = undefined
  }

  // The reader's half

  /** Hands over what is unread, in a task of its own: who begins to read is not called back on the spot. */
  flowSoon(): void {
    if (this.flowing || (this.unread.first === undefined && this.last === undefined)) return
    this.flowing = true
    this.fabric.world.soon(this.flow)
  }

  /** Nothing more is to come; the reader hears this behind what is unread. Only the first end counts. */
  finish(error: LinkError): void {
    this.last ??= error
    this.flowSoon()
  }

  /** The reader is gone. Tells whether it left bytes behind. */
  abandon(error: LinkError): boolean {
    const leftBytes = this.unreadBytes > 0
    this.unread.clear()
    this.unreadBytes = 0
    this.last = error
    this.flowSoon()
    return leftBytes
  }

  private readonly flow = (): void => {
    const { reader } = this.receiver
    // A sink that stops may have its fiber read again at once; the loop goes on with it.
    this.flowing = true
    for (let parcel = this.unread.first; parcel !== undefined && reader.isReading(); parcel = this.unread.first) {
      const { bytes } = parcel
      this.unread.shift()
      this.unreadBytes -= bytes.length
      this.acknowledge(bytes.length)
      reader.deliver(bytes)
      // Lent means lent: who kept the chunk without copying shall not find it whole.
      bytes.fill(0)
      this.fabric.parcels.give(parcel)
    }
    this.flowing = false
    if (this.unread.first === undefined && this.last !== undefined) reader.finish(this.last)
  }

  /** Lets the sender know, after the way back, that so much was read. */
  private acknowledge(bytes: number): void {
    // A pipe that was dropped holds nothing.
    if (bytes === 0 || this.heldBytes === 0) return
    if (!this.back.isOpen) {
      this.untoldBytes += bytes
      // Who waits for room asks for it, again and again, and has no answer.
      if (this.full) this.missAnswer()
      return
    }
    const { receipts } = this
    const now = this.fabric.world.nowMicros()
    const knownMicros = Math.max(receipts.last?.knownMicros ?? 0, now + this.back.latencyMicros)
    if (receipts.last?.knownMicros === knownMicros) {
      receipts.last.bytes += bytes
    } else {
      // What has become known meanwhile makes room: a link that is never full keeps no more receipts than are under way.
      const known = this.takeReceipt(now)
      this.takeReceipts()
      const receipt = known ?? { knownMicros, bytes, next: undefined }
      receipt.knownMicros = knownMicros
      receipt.bytes = bytes
      receipts.push(receipt)
    }
    this.receiptBytes += bytes
    this.expectRoom()
  }

  private tell(tag: "Accepted" | "Ended" | "Reset" | "TimedOut"): void {
    this.fabric.trace.tell(tag, this.way, this.sender.address, this.receiver.address)
  }
}
