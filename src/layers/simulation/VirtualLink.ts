/**
 * A link between two machines of a virtual network: a pipe in each direction, and an end at either machine.
 *
 * It does what a TCP connection does: bytes arrive in order, late rather than never, and what is not read pushes back.
 * Where the other end is gone, a reset is the answer.
 */
import { Effect } from "effect"
import type { PeerAddress } from "../../core/PeerAddress.ts"
import { format } from "../../core/PeerAddress.ts"
import type { ChunkSink, Link } from "../../services/Transport.ts"
import { LinkError } from "../../services/Transport.ts"
import { type Flow, LinkReader } from "../runtime/LinkReader.ts"
import { wayBack } from "./NetworkTrace.ts"
import type { Host } from "./VirtualHost.ts"
import type { PathUser, VirtualPath } from "./VirtualPath.ts"
import type { Fabric, PipeEnd } from "./VirtualPipe.ts"
import { Pipe } from "./VirtualPipe.ts"

/** One side of a link that is to be made. */
export interface Side {
  readonly host: Host
  readonly address: PeerAddress
  /** The address of this side as the other one sees it. */
  readonly seenAs: PeerAddress
  /** The way from here to the other side. */
  readonly path: VirtualPath
}

/** What becomes of the ends. */
export interface Owners {
  /** Takes the acceptor's end in, when word of the link has come there; or tells that nobody wants it. */
  readonly accept: (end: End) => boolean
  /** The dialler's end is closed: its port is free. */
  readonly leave: () => void
}

/** A link. It is open at the dialler's end when it is made, and at the other one when word of that has come there. */
export class VirtualLink implements PathUser {
  readonly dialler: End
  readonly acceptor: End
  private readonly fabric: Fabric
  private readonly way: number

  /** `way` is that of the dialler, for those who watch. */
  constructor(fabric: Fabric, way: number, dialler: Side, acceptor: Side, owners: Owners) {
    this.fabric = fabric
    this.way = way
    const forget = () => this.forgetIfOver()
    this.dialler = new End(fabric, way, dialler, acceptor, { enter: () => true, leave: owners.leave, forget })
    this.acceptor = new End(fabric, wayBack(way), acceptor, dialler, { enter: owners.accept, leave: () => {}, forget })
    this.dialler.join(this.acceptor)
    this.acceptor.join(this.dialler)
    dialler.path.users.add(this)
    acceptor.path.users.add(this)
    this.dialler.open()
    this.dialler.outgoing.open()
  }

  pathChanged(path: VirtualPath): void {
    this.dialler.outgoing.pathChanged(path)
    this.acceptor.outgoing.pathChanged(path)
  }

  /** Something between the two machines resets the link: both ends hear of it, behind what has come over. */
  reset(): void {
    const { acceptor, dialler, fabric: { trace }, way } = this
    if (dialler.isOpen()) trace.tell("Reset", wayBack(way), acceptor.address, dialler.address)
    dialler.hearReset()
    if (acceptor.isOpen()) trace.tell("Reset", way, dialler.address, acceptor.address)
    acceptor.hearReset()
  }

  private forgetIfOver(): void {
    if (!this.dialler.isOver() || !this.acceptor.isOver()) return
    this.dialler.outgoing.path.users.delete(this)
    this.acceptor.outgoing.path.users.delete(this)
  }
}

/** Who wants to know of an end. */
interface Keepers {
  /** Takes the end in, or tells that nobody wants it. */
  readonly enter: (end: End) => boolean
  /** Nobody has the end any more. Is called once. */
  readonly leave: () => void
  /** The end may be over. */
  readonly forget: () => void
}

/** One end of a link, and the link as its owner has it. */
export class End implements PipeEnd, Link, Flow {
  readonly reader = new LinkReader(this)
  readonly outgoing: Pipe
  readonly host: Host
  readonly address: PeerAddress
  readonly remoteAddress: PeerAddress
  private incoming: Pipe
  private readonly keepers: Keepers
  /**
   * - `coming`: word of the link has not come here yet.
   * - `open`: somebody has it.
   * - `dead`: somebody has it, but it was reset or timed out.
   * - `closed`: nobody has it any more.
   */
  private state: "coming" | "open" | "dead" | "closed" = "coming"

  constructor(fabric: Fabric, way: number, here: Side, there: Side, keepers: Keepers) {
    this.host = here.host
    this.address = here.address
    this.remoteAddress = there.seenAs
    this.keepers = keepers
    const outgoing = new Pipe(fabric, way, here.path, there.path, this)
    this.outgoing = outgoing
    this.incoming = outgoing
  }

  get localAddress(): PeerAddress {
    return this.address
  }

  read(sink: ChunkSink): Effect.Effect<void, LinkError> {
    return this.reader.read(sink)
  }

  /** For the reader: bytes may come. */
  start(): void {
    this.incoming.flowSoon()
  }

  /** For the reader: they stay where they are from now on, because nobody reads. */
  stop(): void {}

  send(bytes: Uint8Array): boolean {
    return this.outgoing.send(bytes)
  }

  onWritable(notify: (() => void) | undefined): void {
    this.outgoing.onWritable(notify)
  }

  isWritable(): boolean {
    return this.outgoing.isWritable()
  }

  get end(): Effect.Effect<void> {
    return this.outgoing.ended
  }

  /** For the link, while it is made: says which end the other one is. */
  join(other: End): void {
    this.incoming = other.outgoing
    other.outgoing.leadTo(this)
  }

  /** Closes this end for its owner: what was sent still arrives. The other side is reset if bytes of its own are unread. */
  readonly close: Effect.Effect<void> = Effect.sync(() => {
    if (this.state === "closed") return
    const wasOpen = this.state === "open"
    this.becomeClosed()
    const leftBytes = this.incoming.abandon(CLOSED_HERE)
    if (wasOpen && leftBytes) this.outgoing.reset()
    else this.outgoing.end()
    this.outgoing.letGo()
    this.keepers.forget()
  })

  /** The machine loses its power: nobody is told, and what was here is no more. */
  crash(): void {
    this.becomeClosed()
    this.incoming.abandon(CLOSED_HERE)
    this.outgoing.drop()
    this.keepers.forget()
  }

  open(): boolean {
    this.state = "open"
    this.host.ends.add(this)
    if (this.keepers.enter(this)) return true
    this.becomeClosed()
    return false
  }

  isOpen(): boolean {
    return this.state === "open"
  }

  /** Whether nothing more comes from this end by itself. */
  isOver(): boolean {
    return (this.state === "closed" || this.state === "dead") && this.outgoing.isEmpty()
  }

  hearReset(): void {
    this.outgoing.drop()
    if (this.state === "coming") this.becomeClosed()
    else this.die(RESET)
    this.keepers.forget()
  }

  timeOut(): void {
    this.outgoing.drop()
    this.die(TIMED_OUT)
    this.keepers.forget()
  }

  emptied(): void {
    this.keepers.forget()
  }

  /** For reports: `10.0.0.1:49152 - 10.0.0.2:11625`, this side first. */
  describe(): string {
    return `${format(this.address)} - ${format(this.remoteAddress)}`
  }

  private die(error: LinkError): void {
    if (this.state !== "open") return
    this.state = "dead"
    this.incoming.finish(error)
  }

  private becomeClosed(): void {
    this.state = "closed"
    this.host.ends.delete(this)
    this.keepers.leave()
  }
}

// Of every link the same: making an error costs more than a chunk, and where these were made tells nobody anything.
const CLOSED_HERE = new LinkError({ reason: "failed", message: "closed on this side" })
const RESET = new LinkError({ reason: "reset", message: "the other side has reset the link" })
const TIMED_OUT = new LinkError({ reason: "failed", message: "the link timed out" })
