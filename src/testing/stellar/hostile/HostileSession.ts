/**
 * One connection of a hostile peer: correct in everything, so that its attack stands alone.
 *
 * It authenticates, grants credit without end, answers pings and counts its own credit. What it does wrong is what its actor
 * makes of it.
 */
import { Effect } from "effect"
import { SendLedger } from "../../../core/CreditLedger.ts"
import { MessageType, type StellarMessage } from "../../../core/stellar/messages.ts"
import type { LinkError } from "../../../services/Transport.ts"
import { type Doctored, encode, type HandDrivenPeer, unsealed } from "../HandDrivenPeer.ts"
import type { Ending, Sightings } from "./Sightings.ts"

/** More than any node sends to one peer: a session that grants this once never has to grant again. */
const GENEROUS_GRANT = { numMessages: 0x7fffffff, numBytes: 0xffffffff }

/** What nodes flood to everybody all the time, and no actor reads. */
const UNREAD: ReadonlyMap<number, string> = new Map([
  [MessageType.SCP_MESSAGE, "SCP_MESSAGE"],
  [MessageType.TRANSACTION, "TRANSACTION"]
])

/** How a session enters. */
export interface Entering {
  readonly doctored?: Doctored
  /** Whether it grants credit. */
  readonly grants?: boolean
}

/** One connection of a hostile peer. */
export class HostileSession {
  readonly peer: HandDrivenPeer
  /** Whether pings are answered. */
  isPolite = true
  /** Told of each message that is read: any but statements and transactions. Runs inside the reading: it may say something, and may not wait. */
  onHeard: (message: StellarMessage) => void = () => {}
  private readonly sightings: Sightings
  private readonly credit = new SendLedger()
  private lastWords: Ending | undefined
  private closed: LinkError["reason"] | undefined
  private onGrant: () => void = () => {}

  constructor(peer: HandDrivenPeer, sightings: Sightings) {
    this.peer = peer
    this.sightings = sightings
    peer.onHeard((message) => this.hear(message))
    peer.passOver(UNREAD, (name) => sightings.onHeard(name))
    sightings.onLink()
  }

  /** How the connection ended: `Left` as long as it did not. */
  ending(): Ending {
    return this.lastWords
      ?? (this.closed === undefined ? { _tag: "Left" } : { _tag: "Silence", reason: this.closed })
  }

  /** The record of its HELLO. */
  helloRecord(): Uint8Array {
    return unsealed(this.peer.hello())
  }

  /** Authenticates and grants credit; tells whether it was let in. */
  enter({ doctored, grants = true }: Entering = {}): Effect.Effect<boolean> {
    return Effect.map(this.peer.authenticate(this.trueBut(doctored)), (isIn) => {
      if (!isIn) return false
      this.sightings.onSession()
      if (grants) this.peer.say({ _tag: "SEND_MORE_EXTENDED", sendMoreExtended: GENEROUS_GRANT })
      return true
    })
  }

  /** Enters, and does this while it reads; ends with what it does, or with the link. */
  inside(attack: Effect.Effect<void>): Effect.Effect<void> {
    return Effect.flatMap(this.enter(), (isIn) => isIn ? Effect.raceFirst(this.readOn, attack) : this.readOn)
  }

  /** Reads to the end of the link. */
  readonly readOn: Effect.Effect<void> = Effect.suspend(() =>
    Effect.map(this.peer.read(() => true), (end) => {
      this.closed = end?._tag === "LINK_ENDED" ? end.reason : "failed"
    })
  )

  /** Reads messages of this kind, too, though nodes flood it to everybody. */
  hears(kind: number): void {
    const unread = new Map([...UNREAD].filter(([each]) => each !== kind))
    this.peer.passOver(unread, (name) => this.sightings.onHeard(name))
  }

  /** Says something that costs no credit, in bytes, at once if the link can take it. */
  sayIfWritable(name: string, message: Uint8Array): void {
    if (!this.peer.link.isWritable()) return
    this.peer.sayBytes(message)
    this.sightings.onSent(name)
  }

  /** Says something when the link can take it. */
  say(message: StellarMessage): Effect.Effect<void> {
    return this.sayBytes(message._tag, encode(message))
  }

  /** The same for a message in bytes, right or wrong. */
  sayBytes(name: string, message: Uint8Array): Effect.Effect<void> {
    return Effect.map(this.peer.writable, () => {
      this.peer.sayBytes(message)
      this.sightings.onSent(name)
    })
  }

  /** Sends bytes as they are when the link can take them; they count as so many of this name. */
  send(name: string, bytes: Uint8Array, count = 1): Effect.Effect<void> {
    return Effect.map(this.peer.writable, () => {
      this.peer.send(bytes)
      this.sightings.onSent(name, count)
    })
  }

  /** Says something flooded, in bytes, at once if the link and the credit allow it; tells whether they did. */
  sayIfCredit(name: string, message: Uint8Array): boolean {
    if (!this.peer.link.isWritable() || !this.credit.covers(message.length)) return false
    this.credit.spend(message.length)
    this.peer.sayBytes(message)
    this.sightings.onSent(name)
    return true
  }

  /** Says something flooded as soon as the link and the credit allow it. Needs somebody who reads: by that grants come. */
  sayInCredit(message: StellarMessage): Effect.Effect<void> {
    return this.sayBytesInCredit(message._tag, encode(message))
  }

  /** The same for a message in bytes. */
  sayBytesInCredit(name: string, message: Uint8Array): Effect.Effect<void> {
    return Effect.suspend(() =>
      this.sayIfCredit(name, message)
        ? Effect.void
        : Effect.flatMap(
          Effect.andThen(this.granted(message.length), this.peer.writable),
          () => this.sayBytesInCredit(name, message)
        )
    )
  }

  /** Who was called names the port at which it was. */
  private trueBut(doctored: Doctored = {}): Doctored {
    const { link, role } = this.peer
    if (role === "caller") return doctored
    return { ...doctored, hello: { listeningPort: link.localAddress.port, ...doctored.hello } }
  }

  private granted(size: number): Effect.Effect<void> {
    const waiting = Effect.callback<void>((resume) => {
      if (this.credit.covers(size)) return resume(Effect.void)
      this.onGrant = () => {
        if (!this.credit.covers(size)) return
        this.onGrant = () => {}
        resume(Effect.void)
      }
      return Effect.sync(() => {
        this.onGrant = () => {}
      })
    })
    // A grant is heard in the middle of reading: who waited for it goes on in a turn of its own.
    return Effect.andThen(waiting, Effect.yieldNow)
  }

  private hear(message: StellarMessage): void {
    this.sightings.onHeard(message._tag)
    switch (message._tag) {
      case "ERROR_MSG":
        this.lastWords = {
          _tag: "LastWords",
          code: message.error.code,
          text: String.fromCharCode(...message.error.msg)
        }
        break
      case "SEND_MORE_EXTENDED":
        this.credit.grant(message.sendMoreExtended.numMessages, message.sendMoreExtended.numBytes)
        this.onGrant()
        break
      case "GET_SCP_QUORUMSET":
        if (this.isPolite && this.peer.link.isWritable()) {
          this.peer.say({
            _tag: "DONT_HAVE",
            dontHave: { type: MessageType.SCP_QUORUMSET, reqHash: message.qSetHash }
          })
        }
        break
    }
    this.onHeard(message)
  }
}
