/**
 * Links of bytes between two machines: dial one, listen for others. Nobody is known here.
 *
 * A link lives as long as its Scope; nothing else closes it. Not reading is backpressure.
 */
import type { Duration, Effect, Scope } from "effect"
import { Context, Schema } from "effect"
import type { PeerAddress } from "../core/PeerAddress.ts"

/**
 * Says how a link ended.
 *
 * - `ended`: the other side half-closed after its last byte (a clean end).
 * - `reset`: the other side, or something between, cut the link.
 * - `failed`: anything else that the machine reports; `message` has its text.
 */
export class LinkError extends Schema.TaggedError<LinkError>()("LinkError", {
  reason: Schema.Literals(["ended", "reset", "failed"]),
  message: Schema.String
}) {}

/** Says why a dial gave no link. */
export class DialError extends Schema.TaggedError<DialError>()("DialError", {
  reason: Schema.Literals(["refused", "timeout", "unreachable", "failed"]),
  address: Schema.String,
  message: Schema.String
}) {}

/** Says why an address cannot be listened on. */
export class ListenError extends Schema.TaggedError<ListenError>()("ListenError", {
  reason: Schema.Literals(["addressInUse", "notPermitted", "addressNotAvailable", "failed"]),
  address: Schema.String,
  message: Schema.String
}) {}

/** Takes a chunk that is lent for the call: what is kept must be copied. `false` says stop. */
export type ChunkSink = (chunk: Uint8Array) => boolean

/** A stream of bytes in each direction. */
export interface Link {
  readonly localAddress: PeerAddress
  readonly remoteAddress: PeerAddress
  /**
   * Hands each chunk to `sink` until it returns `false` (then completes) or the link ends (then fails).
   *
   * Reading happens only while this runs: to stop pulling is to push back. One reader at a time. What `sink` throws is
   * the reader's defect.
   */
  readonly read: (sink: ChunkSink) => Effect.Effect<void, LinkError>
  /**
   * Hands bytes over to be sent, in order.
   *
   * `true`: taken, the buffer is the caller's again. `false`: taken, but the buffer belongs to the link from now on, and
   * the caller waits for `onWritable` before it sends more. On a link that has ended the bytes go nowhere and the answer
   * is `true`: the reader hears of the end.
   */
  readonly send: (bytes: Uint8Array) => boolean
  /** Sets (or, with `undefined`, clears) what is called when the link can take bytes again after a `false` of `send`. */
  readonly onWritable: (notify: (() => void) | undefined) => void
  /** Whether `send` may be called: `false` from a `false` of `send` until the link can take bytes again. */
  readonly isWritable: () => boolean
  /** Half-closes behind what was sent, and completes when all of it has left (or the link is gone). */
  readonly end: Effect.Effect<void>
}

/** An open door. */
export interface Listener {
  /** The address really bound (the port is never 0). */
  readonly address: PeerAddress
}

/** Dials and listens. */
export class Transport extends Context.Service<Transport, {
  /** Opens a link; closing the Scope destroys it, whatever state it is in. `timeout` bounds the time to connect. */
  readonly dial: (
    address: PeerAddress,
    options: { readonly timeout: Duration.Duration }
  ) => Effect.Effect<Link, DialError, Scope.Scope>
  /**
   * Listens, and runs `onLink` in a fiber of its own for each link that comes in; the link is destroyed when that fiber
   * ends. Closing the Scope stops listening and interrupts those fibers, and completes when they are gone.
   */
  readonly listen: (
    address: PeerAddress,
    onLink: (link: Link) => Effect.Effect<void, never, Scope.Scope>
  ) => Effect.Effect<Listener, ListenError, Scope.Scope>
}>()("effect-overlay/services/Transport") {}
