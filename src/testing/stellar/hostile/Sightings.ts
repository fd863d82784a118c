/**
 * What a hostile peer did and saw: what it sent, what it heard, and how each of its connections ended.
 */
import type { DialError, LinkError, ListenError } from "../../../services/Transport.ts"

/** Endings that are written down. A thousand show any pattern; beyond it they are only counted. */
const MAX_ENDINGS = 1000

/** How one connection ended, as the hostile peer saw it. */
export type Ending =
  /** The other side said why: code and text of its ERROR_MSG. */
  | { readonly _tag: "LastWords"; readonly code: number; readonly text: string }
  /** The other side closed without a word. */
  | { readonly _tag: "Silence"; readonly reason: LinkError["reason"] }
  /** No link came about. */
  | { readonly _tag: "NoLink"; readonly reason: DialError["reason"] | ListenError["reason"] }
  /** The hostile peer left by itself, or was interrupted: the other side bore it as long as it was there. */
  | { readonly _tag: "Left" }

/** What a hostile peer reports. */
export interface Outcome {
  /** Which one it is, by its name in `hostilePeers`. */
  readonly actor: string
  /** Connections that stood. */
  readonly links: number
  /** Those of them that were authenticated and let in. */
  readonly sessions: number
  /** How connections ended, in the order in which they did; at most the first thousand. */
  readonly endings: ReadonlyArray<Ending>
  /** Connections that ended, of whatever number. */
  readonly ended: number
  /** What was sent, by the name of the message; what is none has a name of its own. The handshake is not counted. */
  readonly sent: Readonly<Record<string, number>>
  /** Messages that were read, by name. */
  readonly heard: Readonly<Record<string, number>>
}

/** Where a hostile peer writes down what it does and sees, while it does. */
export class Sightings {
  private links = 0
  private sessions = 0
  private ended = 0
  private readonly endings: Array<Ending> = []
  private readonly sentByName = new Map<string, number>()
  private readonly heardByName = new Map<string, number>()

  onLink(): void {
    this.links += 1
  }

  onSession(): void {
    this.sessions += 1
  }

  onEnd(ending: Ending): void {
    this.ended += 1
    if (this.endings.length < MAX_ENDINGS) this.endings.push(ending)
  }

  /** The names are those of messages and a few of ours: a closed set. */
  onSent(name: string, count = 1): void {
    this.sentByName.set(name, (this.sentByName.get(name) ?? 0) + count)
  }

  onHeard(name: string): void {
    this.heardByName.set(name, (this.heardByName.get(name) ?? 0) + 1)
  }

  /** What there is so far. */
  outcome(actor: string): Outcome {
    return {
      actor,
      links: this.links,
      sessions: this.sessions,
      endings: [...this.endings],
      ended: this.ended,
      sent: Object.fromEntries(this.sentByName),
      heard: Object.fromEntries(this.heardByName)
    }
  }
}
